;;! summary = "a trap is no exit, and what was written before it has been written"
;;! clauses = ["program.trap-is-no-exit", "program.trap-keeps-effects", "stdio.output-in-order"]
;;! trap = "unreachable"
;;! expect_stdout = "kept"
;;! after = { "kept" = "kept" }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "kept")
  (data (i32.const 0) "\10\00\00\00\04\00\00\00") ;; its iovec

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; The fd of the preopen "/root", or -1.
  (func $root (result i32) (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (block $other
        (br_if $other (call $prestat (local.get $fd) (i32.const 512)))
        (br_if $other (i32.ne (i32.load (i32.const 516)) (i32.const 5)))
        (br_if $other (call $dir_name (local.get $fd) (i32.const 520) (i32.const 5)))
        (br_if $other (i32.ne (i32.load (i32.const 521)) (i32.const 0x746f6f72))) ;; "root"
        (return (local.get $fd)))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 64))))
    (i32.const -1))

  (func (export "_start")
    (call $check (i32.const 1) (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40))))
    (call $check (i32.const 2) (i32.eqz (call $open (call $root) (i32.const 0) (i32.const 16) (i32.const 4)
      (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32)))) ;; creat; fd_write
    (call $check (i32.const 3) (i32.eqz (call $write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 44))))
    (unreachable)))

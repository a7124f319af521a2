;;! summary = "a return from _start is exit code 0, also with files left open"
;;! clauses = ["program.start", "program.return-is-success"]
;;! after = { "kept" = "kept" }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "kept")
  (data (i32.const 0) "\10\00\00\00\04\00\00\00") ;; its iovec

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

  ;; not run unless somebody calls it
  (func (export "main") (result i32) (unreachable))

  (func (export "_start")
    ;; creat, excl; fd_write
    (if (call $open (call $root) (i32.const 0) (i32.const 16) (i32.const 4)
      (i32.const 5) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32)) (then (unreachable)))
    (if (call $write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 36)) (then (unreachable)))))

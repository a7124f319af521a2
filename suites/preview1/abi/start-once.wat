;;! summary = "_start is called once, and no other export is"
;;! clauses = ["program.start-once", "program.start"]
;;! expect_stdout = "ok"
;;! after = { "first" = {}, "second" = false }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 32) "first")
  (data (i32.const 40) "second")
  (global $started (mut i32) (i32.const 0))

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $code)))))

  ;; The fd of the preopen "/root", or -1.
  (func $root (result i32) (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (block $other
        (br_if $other (call $fd_prestat_get (local.get $fd) (i32.const 512)))
        (br_if $other (i32.ne (i32.load (i32.const 516)) (i32.const 5)))
        (br_if $other (call $fd_prestat_dir_name (local.get $fd) (i32.const 520) (i32.const 5)))
        (br_if $other (i32.ne (i32.load (i32.const 521)) (i32.const 0x746f6f72))) ;; "root"
        (return (local.get $fd)))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 64))))
    (i32.const -1))

  (func (export "main")
    (call $proc_exit (i32.const 10)))

  (func (export "_start")
    (global.set $started (i32.add (global.get $started) (i32.const 1)))
    (if (i32.eq (global.get $started) (i32.const 1))
      (then (call $check (i32.const 1) (i32.eqz (call $path_create_directory (call $root) (i32.const 32) (i32.const 5)))))
      (else (drop (call $path_create_directory (call $root) (i32.const 40) (i32.const 6)))))
    (call $check (i32.const 2) (i32.eq (global.get $started) (i32.const 1)))
    (call $check (i32.const 3) (i32.eqz (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

;;! summary = "_initialize of a reactor is called once, before the exports that the host calls"
;;! clauses = ["program.initialize-first"]
;;! calls = ["step", "step"]
;;! expect_stdout = "first step step "
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "first ")
  (data (i32.const 8) "step ")
  (data (i32.const 16) "\00\00\00\00\06\00\00\00") ;; the iovec of "first "
  (data (i32.const 24) "\08\00\00\00\05\00\00\00") ;; the iovec of "step "
  (global $initialized (mut i32) (i32.const 0))

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $code)))))

  (func $print (param $iovec i32)
    (call $check (i32.const 1) (i32.eqz (call $fd_write (i32.const 1) (local.get $iovec) (i32.const 1) (i32.const 32)))))

  (func (export "_initialize")
    (global.set $initialized (i32.add (global.get $initialized) (i32.const 1)))
    (call $print (i32.const 16)))

  (func (export "step")
    (call $check (i32.const 2) (i32.eq (global.get $initialized) (i32.const 1)))
    (call $print (i32.const 24))))

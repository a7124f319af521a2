;;! summary = "the start function of the module has run when _start begins"
;;! clauses = ["program.start-function", "program.start"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (global $prepared (mut i32) (i32.const 0))

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $code)))))

  ;; It calls nothing: whether it could is open.
  (func $prepare
    (global.set $prepared (i32.add (global.get $prepared) (i32.const 1)))
    (i32.store (i32.const 32) (i32.const 0x2a)))
  (start $prepare)

  (func (export "_start")
    (call $check (i32.const 1) (i32.eq (global.get $prepared) (i32.const 1)))
    (call $check (i32.const 2) (i32.eq (i32.load (i32.const 32)) (i32.const 0x2a)))
    (call $check (i32.const 3) (i32.eqz (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

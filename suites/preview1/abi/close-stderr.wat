;;! summary = "a program that closes standard error goes on without it"
;;! clauses = ["stdio.closed-by-guest", "fd_close.frees", "fd_close.others-stay"]
;;! expect_stdout = "still here"
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "still here")
  (data (i32.const 0) "\10\00\00\00\0a\00\00\00") ;; its iovec

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start")
    (call $check (i32.const 1) (i32.eqz (call $close (i32.const 2))))
    (call $check (i32.const 2) (i32.eq (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 8))) ;; badf
    (call $check (i32.const 3) (i32.eq (call $close (i32.const 2)) (i32.const 8)))
    (call $check (i32.const 4) (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))))

;;! summary = "a reactor may do without _initialize, and may end the program"
;;! clauses = ["program.initialize-first", "proc_exit.code-reaches-host"]
;;! calls = ["step", "stop", "never"]
;;! exit = 7
;;! expect_stdout = "step"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "step")
  (data (i32.const 8) "\00\00\00\00\04\00\00\00") ;; the iovec of "step"
  (func (export "step")
    (if (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)) (then (call $proc_exit (i32.const 1)))))
  (func (export "stop") (call $proc_exit (i32.const 7)))
  (func (export "never") (unreachable)))

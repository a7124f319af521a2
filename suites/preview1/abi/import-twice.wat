;;! summary = "a function that is imported twice is the same function both times"
;;! clauses = ["program.start", "stdio.output-in-order"]
;;! expect_stdout = "once, twice"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $once (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $twice (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 32) "once, twice")
  (data (i32.const 0) "\20\00\00\00\06\00\00\00") ;; "once, "
  (data (i32.const 8) "\26\00\00\00\05\00\00\00") ;; "twice"

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start")
    (call $check (i32.const 1) (i32.eqz (call $once (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
    (call $check (i32.const 2) (i32.eqz (call $twice (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 20))))
    (call $check (i32.const 3) (i32.eq (i32.add (i32.load (i32.const 16)) (i32.load (i32.const 20))) (i32.const 11)))))

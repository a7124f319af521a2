;;! summary = "address 0 is as good as any other, for arrays, data and results"
;;! clauses = ["memory.address-zero", "program.memory-export", "memory.nothing-else-written"]
;;! stdin = { file = "zero" }
;;! expect_stdout = "zero!!"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\00\00\00\00\04\00\00\00") ;; an iovec of four bytes at 0
  (data (i32.const 24) "!")
  (data (i32.const 32) "\18\00\00\00\01\00\00\00") ;; an iovec of "!"

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start")
    ;; data goes to 0 and comes from there
    (call $check (i32.const 1) (i32.eqz (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 40))))
    (call $check (i32.const 2) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 44))))
    ;; then the array stands there, and a result goes behind it
    (i64.store (i32.const 0) (i64.load (i32.const 32)))
    (call $check (i32.const 3) (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (call $check (i32.const 4) (i32.eq (i32.load (i32.const 8)) (i32.const 1)))
    ;; then a result alone
    (call $check (i32.const 5) (i32.eqz (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 0))))
    (call $check (i32.const 6) (i64.eq (i64.load (i32.const 0)) (i64.const 0x100000001)))))

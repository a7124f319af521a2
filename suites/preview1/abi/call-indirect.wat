;;! summary = "imported functions work when they are called through a table"
;;! clauses = ["fd_write.moves-offset", "sched_yield.succeeds", "program.start"]
;;! expect_stdout = "direct, indirect"
(module
  (type $write (func (param i32 i32 i32 i32) (result i32)))
  (type $yield (func (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (table 4 funcref)
  (elem (i32.const 1) $yield $write $start)
  (data (i32.const 32) "direct, indirect")
  (data (i32.const 0) "\20\00\00\00\08\00\00\00") ;; the first eight bytes
  (data (i32.const 8) "\28\00\00\00\08\00\00\00") ;; and the others

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func $start (export "_start")
    (call $check (i32.const 1) (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))))
    (call $check (i32.const 2) (i32.eqz (call_indirect (type $yield) (i32.const 1))))
    (call $check (i32.const 3) (i32.eqz
      (call_indirect (type $write) (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 68) (i32.const 2))))
    (call $check (i32.const 4) (i32.eq (i32.load (i32.const 68)) (i32.const 8)))))

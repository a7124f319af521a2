;;! summary = "with nonblock, a read from an empty pipe that is still open is again; a runtime that cannot set the flag is not asked to read"
;;! clauses = ["fd_read.would-block", "fd_fdstat_set_flags.pipe", "sched_yield.succeeds"]
;;! stdin = { open = "" }
(module
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  ;; one buffer of 16 bytes at 64
  (data (i32.const 16) "\40\00\00\00\10\00\00\00")
  (func (export "_start")
    ;; what every runtime can do, so that one which can do nothing is told from one without the flag
    (if (call $yield) (then (call $exit (i32.const 2))))
    ;; nonblock is bit 2
    (if (i32.eqz (call $set_flags (i32.const 0) (i32.const 4)))
      (then
        ;; again is 6
        (if (i32.ne (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 8)) (i32.const 6))
          (then (call $exit (i32.const 1))))))))

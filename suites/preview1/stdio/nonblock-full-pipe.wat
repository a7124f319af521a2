;;! summary = "with nonblock, a write to a full pipe is again, and nothing of what was accepted is lost; a runtime that cannot set the flag is not asked to fill it"
;;! clauses = ["fd_write.would-block", "fd_fdstat_set_flags.pipe", "sched_yield.succeeds"]
;;! stdout = "stuck"
(module
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  ;; one buffer of 4096 bytes at 4096
  (data (i32.const 16) "\00\10\00\00\00\10\00\00")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start") (local $errno i32) (local $left i32)
    ;; what every runtime can do, so that one which can do nothing is told from one without the flag
    (call $check (i32.const 2) (i32.eqz (call $yield)))
    ;; nonblock is bit 2
    (if (i32.eqz (call $set_flags (i32.const 1) (i32.const 4)))
      (then
        (memory.fill (i32.const 4096) (i32.const 0x2e) (i32.const 4096))
        ;; an empty pipe has room
        (call $check (i32.const 3) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8))))
        ;; 1000 times is more than any pipe holds
        (local.set $left (i32.const 1000))
        (loop $next
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (local.set $errno (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
          (br_if $next (i32.and (i32.eqz (local.get $errno)) (i32.ne (local.get $left) (i32.const 0)))))
        ;; again is 6
        (call $check (i32.const 4) (i32.eq (local.get $errno) (i32.const 6)))
        (call $check (i32.const 5)
          (i32.eq (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)) (i32.const 6)))))))

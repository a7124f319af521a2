;;! summary = "a wait for an absolute time of the realtime clock ends when the clock shows it"
;;! clauses = ["poll_oneoff.absolute-clock", "clock_time_get.realtime-epoch"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  ;; a subscription at 64: tag clock, id realtime; the timeout at 88 comes later; the flag abstime
  (data (i32.const 104) "\01\00")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func $now (result i64)
    (call $check (i32.const 1) (i32.eqz (call $time (i32.const 0) (i64.const 0) (i32.const 32))))
    (i64.load (i32.const 32)))

  (func (export "_start") (local $time i64)
    (local.set $time (i64.add (call $now) (i64.const 5000000)))
    (i64.store (i32.const 88) (local.get $time))
    (call $check (i32.const 2) (i32.eqz (call $poll (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 48))))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 48)) (i32.const 1)))
    (call $check (i32.const 4) (i32.eqz (i32.load16_u (i32.const 264)))) ;; error
    (call $check (i32.const 5) (i64.ge_u (call $now) (local.get $time)))
    (call $check (i32.const 6) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 40))))))

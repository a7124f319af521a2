;;! summary = "over a wait the monotonic clock goes as far as the realtime clock does, and no less than was waited for"
;;! clauses = ["clock_time_get.monotonic-measures", "poll_oneoff.relative-clock", "poll_oneoff.no-error"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 80) "\01\00\00\00\00\00\00\00" "\80\f0\fa\02\00\00\00\00") ;; of a subscription at 64: monotonic, 50 ms

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $code)))))

  (func $now (param $clock i32) (result i64)
    (call $check (i32.const 1) (i32.eqz (call $clock_time_get (local.get $clock) (i64.const 1) (i32.const 32))))
    (i64.load (i32.const 32)))

  (func (export "_start")
    (local $before i64) (local $real i64) (local $inside i64) (local $last i64) (local $later i64) (local $behind i64)
    (local.set $before (call $now (i32.const 1)))
    (local.set $real (call $now (i32.const 0)))
    (local.set $inside (call $now (i32.const 1)))
    (call $check (i32.const 2) (i32.eqz (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 48))))
    (call $check (i32.const 3) (i32.eqz (i32.load16_u (i32.const 264)))) ;; error
    (local.set $last (call $now (i32.const 1)))
    (local.set $later (call $now (i32.const 0)))
    (local.set $behind (call $now (i32.const 1)))
    (call $check (i32.const 4) (i64.ge_u (i64.sub (local.get $last) (local.get $inside)) (i64.const 50000000)))
    ;; however busy the host is, the realtime clock was read between two readings of the monotonic one, each time;
    ;; 5 ms are left for clocks with coarse steps and for a host that adjusts the one and not the other
    (call $check (i32.const 5) (i64.ge_s
      (i64.add (i64.sub (local.get $later) (local.get $real)) (i64.const 5000000))
      (i64.sub (local.get $last) (local.get $inside))))
    (call $check (i32.const 6) (i64.le_s
      (i64.sub (i64.sub (local.get $later) (local.get $real)) (i64.const 5000000))
      (i64.sub (local.get $behind) (local.get $before))))
    (call $check (i32.const 7) (i32.eqz (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

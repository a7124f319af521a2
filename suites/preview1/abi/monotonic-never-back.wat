;;! summary = "the monotonic clock never goes backwards, and it goes on"
;;! clauses = ["clock_time_get.monotonic", "clock_time_get.any-precision", "poll_oneoff.relative-clock"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 80) "\01\00\00\00\00\00\00\00" "\40\42\0f\00\00\00\00\00") ;; of a subscription at 64: monotonic, 1 ms

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; Reads the clock, with this precision, into 32.
  (func $now (param $precision i64) (result i64)
    (call $check (i32.const 1) (i32.eqz (call $time (i32.const 1) (local.get $precision) (i32.const 32))))
    (i64.load (i32.const 32)))

  (func (export "_start") (local $left i32) (local $last i64) (local $now i64)
    (local.set $last (call $now (i64.const 1)))
    (local.set $left (i32.const 1000))
    (loop $more
      (local.set $now (call $now (i64.extend_i32_u (local.get $left))))
      (call $check (i32.const 2) (i64.ge_u (local.get $now) (local.get $last)))
      (local.set $last (local.get $now))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    ;; at least 1 ms passes while the program waits for 1 ms
    (call $check (i32.const 3) (i32.eqz (call $poll (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 48))))
    (call $check (i32.const 4) (i64.ge_u (i64.sub (call $now (i64.const 0)) (local.get $last)) (i64.const 1000000)))
    (call $check (i32.const 5) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 40))))))

;;! summary = "a CPU-time clock that is supported does not go backwards"
;;! clauses = ["clock_time_get.cputime-advances"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; Reads one clock a hundred times, with some work in between.
  (func $try (param $clock i32) (local $last i64) (local $left i32) (local $work i32)
    (if (call $time (local.get $clock) (i64.const 0) (i32.const 32)) (then (return))) ;; it is not supported
    (local.set $left (i32.const 100))
    (loop $more
      (local.set $work (i32.const 10000))
      (loop $busy
        (br_if $busy (local.tee $work (i32.sub (local.get $work) (i32.const 1)))))
      (call $check (i32.const 1) (i32.eqz (call $time (local.get $clock) (i64.const 0) (i32.const 32))))
      (call $check (i32.const 2) (i64.ge_u (i64.load (i32.const 32)) (local.get $last)))
      (local.set $last (i64.load (i32.const 32)))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    ;; a million rounds take some time
    (call $check (i32.const 3) (i64.ne (local.get $last) (i64.const 0))))

  (func (export "_start")
    (call $try (i32.const 2)) ;; process_cputime_id
    (call $try (i32.const 3)) ;; thread_cputime_id
    (call $check (i32.const 4) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 40))))))

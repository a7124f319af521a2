;;! summary = "a clock subscription has 48 bytes and an event 32, whatever stands in the padding"
;;! clauses = ["poll_oneoff.userdata", "poll_oneoff.type", "poll_oneoff.relative-clock", "clock_time_get.monotonic", "memory.nothing-else-written"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 64)
    "\01\00\00\00\00\00\00\80" "\00\ff\ff\ff\ff\ff\ff\ff" ;; userdata; tag: clock
    "\01\00\00\00\ff\ff\ff\ff" "\00\ca\9a\3b\00\00\00\00" ;; id: monotonic; timeout: 1 s
    "\00\00\00\00\00\00\00\00" "\00\00\ff\ff\ff\ff\ff\ff" ;; precision; flags
    "\02\00\00\00\00\00\00\80" "\00\ff\ff\ff\ff\ff\ff\ff"
    "\01\00\00\00\ff\ff\ff\ff" "\c0\c6\2d\00\00\00\00\00" ;; timeout: 3 ms
    "\00\00\00\00\00\00\00\00" "\00\00\ff\ff\ff\ff\ff\ff")
  (data (i32.const 248) "########") ;; the events go to 256..320
  (data (i32.const 320) "########")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start") (local $event i32)
    (call $check (i32.const 1) (i32.eqz (call $time (i32.const 1) (i64.const 0) (i32.const 32))))
    (call $check (i32.const 2) (i32.eqz (call $poll (i32.const 64) (i32.const 256) (i32.const 2) (i32.const 48))))
    (call $check (i32.const 3) (i32.eqz (call $time (i32.const 1) (i64.const 0) (i32.const 40))))
    (call $check (i32.const 4) (i32.lt_u (i32.sub (i32.load (i32.const 48)) (i32.const 1)) (i32.const 2)))
    ;; the event of the second subscription, if there are two
    (local.set $event (i32.const 256))
    (if (i64.eq (i64.load (i32.const 256)) (i64.const 0x8000000000000001)) (then (local.set $event (i32.const 288))))
    (call $check (i32.const 5) (i64.eq (i64.load (local.get $event)) (i64.const 0x8000000000000002))) ;; userdata
    (call $check (i32.const 6) (i32.eqz (i32.load16_u offset=8 (local.get $event)))) ;; error
    (call $check (i32.const 7) (i32.eqz (i32.load8_u offset=10 (local.get $event)))) ;; type: clock
    (call $check (i32.const 8) (i64.eq (i64.load (i32.const 248)) (i64.const 0x2323232323232323)))
    (call $check (i32.const 9) (i64.eq (i64.load (i32.const 320)) (i64.const 0x2323232323232323)))
    ;; no earlier than the timeout
    (call $check (i32.const 10)
      (i64.ge_u (i64.sub (i64.load (i32.const 40)) (i64.load (i32.const 32))) (i64.const 3000000)))
    (call $check (i32.const 11) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

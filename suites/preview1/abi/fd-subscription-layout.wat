;;! summary = "subscriptions to descriptors come back as events of 32 bytes that have their userdata and type"
;;! clauses = ["poll_oneoff.userdata", "poll_oneoff.type", "poll_oneoff.one-event-each", "poll_oneoff.regular-file-ready"]
;;! stdin = { file = "input" }
;;! stdout = "file"
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  ;; two subscriptions of 48 bytes: userdata, tag and fd; all else is padding or belongs to clocks
  (data (i32.const 64) "\0b\00\00\00\00\00\00\00" "\01\00\00\00\00\00\00\00" "\00\00\00\00") ;; 11: fd_read of stdin
  (data (i32.const 112) "\16\00\00\00\00\00\00\00" "\02\00\00\00\00\00\00\00" "\01\00\00\00") ;; 22: fd_write of stdout

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; Checks an event and gives its type, 1 or 2.
  (func $type (param $event i32) (result i32) (local $type i32)
    (local.set $type (i32.load8_u offset=10 (local.get $event)))
    (call $check (i32.const 1) (i32.eqz (i32.load16_u offset=8 (local.get $event)))) ;; error
    (call $check (i32.const 2) (i32.lt_u (i32.sub (local.get $type) (i32.const 1)) (i32.const 2)))
    (call $check (i32.const 3)
      (i64.eq (i64.load (local.get $event)) (i64.extend_i32_u (i32.mul (local.get $type) (i32.const 11)))))
    (local.get $type))

  (func (export "_start") (local $count i32) (local $first i32)
    (call $check (i32.const 4) (i32.eqz (call $poll (i32.const 64) (i32.const 256) (i32.const 2) (i32.const 48))))
    ;; both are ready; a runtime may leave the second one to the next call
    (local.set $count (i32.load (i32.const 48)))
    (call $check (i32.const 5) (i32.lt_u (i32.sub (local.get $count) (i32.const 1)) (i32.const 2)))
    (local.set $first (call $type (i32.const 256)))
    (if (i32.eq (local.get $count) (i32.const 2)) (then
      (call $check (i32.const 6) (i32.ne (call $type (i32.const 288)) (local.get $first)))))
    (call $check (i32.const 7) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

;;! summary = "1024 overlapping buffers of 4 MiB, which are 4 GiB together, are refused or filled with the few bytes that there are"
;;! clauses = ["memory.length-sum-overflow"]
;;! stdin = { file = "ab" }
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 64)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $code)))))

  (func (export "_start") (local $at i32) (local $errno i32)
    ;; each of them is the whole memory
    (local.set $at (i32.const 0x1000))
    (loop $more
      (i32.store offset=4 (local.get $at) (i32.const 0x400000))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 0x3000))))
    (local.set $errno (call $fd_read (i32.const 0) (i32.const 0x1000) (i32.const 1024) (i32.const 0x8000)))
    (if (i32.eqz (local.get $errno))
      (then (call $check (i32.const 1) (i32.lt_u (i32.sub (i32.load (i32.const 0x8000)) (i32.const 1)) (i32.const 2))))
      (else (call $check (i32.const 2) (i32.or
        (i32.eq (local.get $errno) (i32.const 28)) ;; inval
        (i32.eq (local.get $errno) (i32.const 61)))))) ;; overflow
    (call $check (i32.const 3) (i32.eqz (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

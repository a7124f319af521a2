;;! summary = "proc_exit ends the program from inside of other calls, with a code that it has read"
;;! clauses = ["proc_exit.never-returns", "proc_exit.code-reaches-host", "stdio.zero-one-two"]
;;! stdin = "7"
;;! exit = 7
;;! expect_stdout = "down"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "down" "up")
  (data (i32.const 32) "\10\00\00\00\04\00\00\00") ;; the iovec of "down"
  (data (i32.const 40) "\14\00\00\00\02\00\00\00") ;; the iovec of "up"
  (data (i32.const 48) "\00\00\00\00\01\00\00\00") ;; an iovec of one byte at 0

  ;; Goes down so many calls, exits with the digit that stdin holds, and would write on each way up.
  (func $down (param $depth i32)
    (if (local.get $depth)
      (then (call $down (i32.sub (local.get $depth) (i32.const 1))))
      (else
        (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 8)))
        (drop (call $read (i32.const 0) (i32.const 48) (i32.const 1) (i32.const 12)))
        (call $exit (i32.sub (i32.load8_u (i32.const 0)) (i32.const 0x30)))))
    (drop (call $write (i32.const 1) (i32.const 40) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (call $down (i32.const 50))))

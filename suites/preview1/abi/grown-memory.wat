;;! summary = "pointers may lead into memory that the program added after its start"
;;! clauses = ["memory.grown", "program.memory-export", "fd_read.fills-in-order"]
;;! stdin = { file = "input" }
;;! expect_stdout = "input"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start")
    (call $check (i32.const 1) (i32.eq (memory.grow (i32.const 2)) (i32.const 1)))
    ;; an iovec in the second page, its buffer across the border to the third, the count in the last bytes
    (i32.store (i32.const 0x10000) (i32.const 0x1fffd))
    (i32.store (i32.const 0x10004) (i32.const 5))
    (call $check (i32.const 2) (i32.eqz (call $read (i32.const 0) (i32.const 0x10000) (i32.const 1) (i32.const 0x2fffc))))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 0x2fffc)) (i32.const 5)))
    ;; the memory moves or not: it grows once more between the calls
    (call $check (i32.const 4) (i32.eq (memory.grow (i32.const 32)) (i32.const 3)))
    (call $check (i32.const 5) (i32.eqz (call $write (i32.const 1) (i32.const 0x10000) (i32.const 1) (i32.const 0x22fffc))))
    (call $check (i32.const 6) (i32.eq (i32.load (i32.const 0x22fffc)) (i32.const 5)))))

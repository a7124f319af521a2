;;! summary = "a read fills the buffers in their order, passes over the empty ones and leaves alone what lies between them"
;;! clauses = ["fd_read.fills-in-order", "fd_read.empty-buffer", "fd_read.short", "memory.nothing-else-written"]
;;! stdin = { file = "abcdef" }
;;! expect_stdout = "#ab#cde#f#"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 32) "##########")
  (data (i32.const 48) "\20\00\00\00\0a\00\00\00") ;; an iovec of all that
  ;; five buffers, from 64 to 104: two bytes at 33, none, three at 36, none, one at 40
  (data (i32.const 64) "\21\00\00\00\02\00\00\00" "\20\00\00\00\00\00\00\00" "\24\00\00\00\03\00\00\00"
    "\00\00\00\00\00\00\00\00" "\28\00\00\00\01\00\00\00")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; Takes this many bytes off the front of the buffers.
  (func $advance (param $count i32) (local $buffer i32) (local $part i32)
    (local.set $buffer (i32.const 64))
    (loop $more
      (local.set $part (i32.load offset=4 (local.get $buffer)))
      (if (i32.lt_u (local.get $count) (local.get $part)) (then (local.set $part (local.get $count))))
      (i32.store (local.get $buffer) (i32.add (i32.load (local.get $buffer)) (local.get $part)))
      (i32.store offset=4 (local.get $buffer) (i32.sub (i32.load offset=4 (local.get $buffer)) (local.get $part)))
      (local.set $count (i32.sub (local.get $count) (local.get $part)))
      (br_if $more (i32.lt_u (local.tee $buffer (i32.add (local.get $buffer) (i32.const 8))) (i32.const 104)))))

  (func (export "_start") (local $left i32) (local $count i32)
    (local.set $left (i32.const 6))
    ;; fewer bytes than asked for may be read, but none means the end
    (loop $more
      (call $check (i32.const 1) (i32.eqz (call $read (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 56))))
      (local.set $count (i32.load (i32.const 56)))
      (call $check (i32.const 2) (i32.lt_u (i32.sub (local.get $count) (i32.const 1)) (local.get $left)))
      (call $advance (local.get $count))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (local.get $count)))))
    (call $check (i32.const 3) (i32.eqz (call $write (i32.const 1) (i32.const 48) (i32.const 1) (i32.const 60))))))

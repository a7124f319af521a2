;;! summary = "args_get fills exactly what was announced, and its pointers lead to the arguments inside of the buffer"
;;! clauses = ["args_get.pointers-into-buffer", "args_get.fits-the-sizes", "args_get.zero-terminated", "args_get.in-order", "memory.nothing-else-written"]
;;! args = ["prog", "one", "", "last"]
;;! expect_stdout = "prog|one||last|"
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 12) "|")
  ;; the pointers go to 36..52 and the texts to 60..75; everything around them stays as it is
  (data (i32.const 32) "################################################")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func $print (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (call $check (i32.const 1) (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))

  ;; The number of bytes before the next zero byte.
  (func $length (param $at i32) (result i32) (local $end i32)
    (local.set $end (local.get $at))
    (loop $more
      (if (i32.load8_u (local.get $end)) (then
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $more))))
    (i32.sub (local.get $end) (local.get $at)))

  (func $untouched (param $at i32) (result i32)
    (i32.eq (i32.load (local.get $at)) (i32.const 0x23232323)))

  (func (export "_start") (local $slot i32) (local $text i32)
    (call $check (i32.const 2) (i32.eqz (call $args_sizes_get (i32.const 16) (i32.const 20))))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 16)) (i32.const 4)))
    (call $check (i32.const 4) (i32.eq (i32.load (i32.const 20)) (i32.const 15)))
    (call $check (i32.const 5) (i32.eqz (call $args_get (i32.const 36) (i32.const 60))))
    (call $check (i32.const 6) (i32.and (call $untouched (i32.const 32)) (call $untouched (i32.const 52))))
    (call $check (i32.const 7) (i32.and (call $untouched (i32.const 56)) (call $untouched (i32.const 75))))
    (local.set $slot (i32.const 36))
    (loop $more
      (local.set $text (i32.load (local.get $slot)))
      (call $check (i32.const 8) (i32.lt_u (i32.sub (local.get $text) (i32.const 60)) (i32.const 15)))
      (if (i32.load8_u (local.get $text)) (then (call $print (local.get $text) (call $length (local.get $text)))))
      (call $print (i32.const 12) (i32.const 1))
      (local.set $slot (i32.add (local.get $slot) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $slot) (i32.const 52))))))

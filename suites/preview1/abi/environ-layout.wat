;;! summary = "environ_get fills exactly what was announced, and its pointers lead to the variables inside of the buffer"
;;! clauses = ["environ_get.pointers-into-buffer", "environ_get.fits-the-sizes", "environ_get.zero-terminated", "environ_get.order", "memory.nothing-else-written"]
;;! env = { A = "1", LONG_NAME = "=x=" }
;;! expect_stdout = "A=1|LONG_NAME==x=|"
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 12) "|")
  ;; the pointers go to 36..44 and the texts to 52..70; everything around them stays as it is
  (data (i32.const 32) "################################################")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func $print (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (call $check (i32.const 1) (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))

  (func $untouched (param $at i32) (result i32)
    (i32.eq (i32.load (local.get $at)) (i32.const 0x23232323)))

  ;; Prints the variable that begins with this letter: in which order they come is open.
  (func $print_variable (param $letter i32) (param $len i32) (local $text i32)
    (local.set $text (i32.load (i32.const 36)))
    (if (i32.ne (i32.load8_u (local.get $text)) (local.get $letter)) (then
      (local.set $text (i32.load (i32.const 40)))))
    (call $check (i32.const 8) (i32.lt_u (i32.sub (local.get $text) (i32.const 52)) (i32.const 18)))
    (call $check (i32.const 9) (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $len)))))
    (call $print (local.get $text) (local.get $len))
    (call $print (i32.const 12) (i32.const 1)))

  (func (export "_start")
    (call $check (i32.const 2) (i32.eqz (call $environ_sizes_get (i32.const 16) (i32.const 20))))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 16)) (i32.const 2)))
    (call $check (i32.const 4) (i32.eq (i32.load (i32.const 20)) (i32.const 18)))
    (call $check (i32.const 5) (i32.eqz (call $environ_get (i32.const 36) (i32.const 52))))
    (call $check (i32.const 6) (i32.and (call $untouched (i32.const 32)) (call $untouched (i32.const 44))))
    (call $check (i32.const 7) (i32.and (call $untouched (i32.const 48)) (call $untouched (i32.const 70))))
    (call $print_variable (i32.const 0x41) (i32.const 3)) ;; A
    (call $print_variable (i32.const 0x4c) (i32.const 13)))) ;; L

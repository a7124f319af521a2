;;! summary = "random_get fills all of its buffer, never twice alike, and nothing around it"
;;! clauses = ["random_get.fills-the-buffer", "random_get.differs", "random_get.no-more-than-asked", "random_get.large-buffer"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; Asks for so many bytes and checks the eight before and the eight behind them.
  (func $fill (param $at i32) (param $len i32)
    (i64.store (i32.sub (local.get $at) (i32.const 8)) (i64.const 0x2323232323232323))
    (i64.store (i32.add (local.get $at) (local.get $len)) (i64.const 0x2323232323232323))
    (call $check (i32.const 1) (i32.eqz (call $random (local.get $at) (local.get $len))))
    (call $check (i32.const 2) (i64.eq (i64.load (i32.sub (local.get $at) (i32.const 8))) (i64.const 0x2323232323232323)))
    (call $check (i32.const 3) (i64.eq (i64.load (i32.add (local.get $at) (local.get $len))) (i64.const 0x2323232323232323))))

  ;; Whether all of the 32 bytes at one address are those at the other.
  (func $same (param $a i32) (param $b i32) (result i32)
    (i32.and
      (i32.and
        (i64.eq (i64.load (local.get $a)) (i64.load (local.get $b)))
        (i64.eq (i64.load offset=8 (local.get $a)) (i64.load offset=8 (local.get $b))))
      (i32.and
        (i64.eq (i64.load offset=16 (local.get $a)) (i64.load offset=16 (local.get $b)))
        (i64.eq (i64.load offset=24 (local.get $a)) (i64.load offset=24 (local.get $b))))))

  (func (export "_start")
    (call $fill (i32.const 0x100) (i32.const 64))
    (call $fill (i32.const 0x200) (i32.const 64))
    (call $fill (i32.const 0x1003) (i32.const 70001)) ;; at an odd address, of an odd length
    ;; both halves of the first fill against zeros at 0x300, against each other and against the second fill
    (call $check (i32.const 4) (i32.eqz (call $same (i32.const 0x100) (i32.const 0x300))))
    (call $check (i32.const 5) (i32.eqz (call $same (i32.const 0x120) (i32.const 0x300))))
    (call $check (i32.const 6) (i32.eqz (call $same (i32.const 0x100) (i32.const 0x120))))
    (call $check (i32.const 7) (i32.eqz (call $same (i32.const 0x100) (i32.const 0x200))))
    ;; the last bytes of the long one
    (call $check (i32.const 8) (i32.eqz (call $same (i32.const 74068) (i32.const 0x300))))
    (call $check (i32.const 9) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

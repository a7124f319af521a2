;;! summary = "each standard stream has attributes, of the type that its descriptor shows, where the streams are files"
;;! clauses = ["fd_filestat_get.stdio"]
;;! stdin = { file = "input" }
;;! stdout = "file"
;;! expect_stdout = "output"
(module
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $filestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "output")
  (data (i32.const 8) "\00\00\00\00\06\00\00\00")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  (func (export "_start") (local $fd i32)
    (loop $next
      ;; types that there are not, so that something must be written
      (i32.store8 (i32.const 64) (i32.const 0xee))
      (i32.store8 (i32.const 144) (i32.const 0xff))
      (call $check (i32.const 1) (i32.eqz (call $fdstat (local.get $fd) (i32.const 64))))
      (call $check (i32.const 2) (i32.eqz (call $filestat (local.get $fd) (i32.const 128))))
      (call $check (i32.const 3) (i32.eq (i32.load8_u (i32.const 64)) (i32.load8_u (i32.const 144))))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 3))))
    (call $check (i32.const 4) (i32.eqz (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))))

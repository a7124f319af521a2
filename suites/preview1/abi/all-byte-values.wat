;;! summary = "each of the 256 byte values is written as it is"
;;! clauses = ["fd_write.moves-offset", "path_open.creat"]
;;! after = { "bytes" = { hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff" } }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "bytes")
  (data (i32.const 0) "\00\01\00\00\00\01\00\00") ;; an iovec of the 256 bytes at 256

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; The fd of the preopen "/root", or -1.
  (func $root (result i32) (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (block $other
        (br_if $other (call $prestat (local.get $fd) (i32.const 512)))
        (br_if $other (i32.ne (i32.load (i32.const 516)) (i32.const 5)))
        (br_if $other (call $dir_name (local.get $fd) (i32.const 520) (i32.const 5)))
        (br_if $other (i32.ne (i32.load (i32.const 521)) (i32.const 0x746f6f72))) ;; "root"
        (return (local.get $fd)))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 64))))
    (i32.const -1))

  (func (export "_start") (local $byte i32)
    (call $check (i32.const 1) (i32.eqz (call $open (call $root) (i32.const 0) (i32.const 16) (i32.const 5)
      (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32)))) ;; creat; fd_write
    (loop $more
      (i32.store8 offset=256 (local.get $byte) (local.get $byte))
      (br_if $more (i32.lt_u (local.tee $byte (i32.add (local.get $byte) (i32.const 1))) (i32.const 256))))
    (call $check (i32.const 2) (i32.eqz (call $write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 36))))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 36)) (i32.const 256)))))

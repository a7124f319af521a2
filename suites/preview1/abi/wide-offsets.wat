;;! summary = "offsets are passed and returned with all 64 bits"
;;! clauses = ["fd_seek.whence", "fd_seek.past-end", "fd_tell.reports-offset", "fd_pread.past-end"]
;;! tree = { "file" = "abcdefgh" }
;;! expect_stdout = "de"
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file")
  (data (i32.const 16) "\80\00\00\00\02\00\00\00") ;; an iovec of two bytes at 128

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

  (func (export "_start") (local $file i32)
    (call $check (i32.const 1) (i32.eqz (call $open (call $root) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 0) (i64.const 0x26) (i64.const 0) (i32.const 0) (i32.const 32)))) ;; fd_read, fd_seek, fd_tell
    (local.set $file (i32.load (i32.const 32)))
    ;; 4 GiB and 3 from the start
    (call $check (i32.const 2) (i32.eqz (call $seek (local.get $file) (i64.const 0x100000003) (i32.const 0) (i32.const 40))))
    (call $check (i32.const 3) (i64.eq (i64.load (i32.const 40)) (i64.const 0x100000003)))
    (call $check (i32.const 4) (i32.eqz (call $tell (local.get $file) (i32.const 48))))
    (call $check (i32.const 5) (i64.eq (i64.load (i32.const 48)) (i64.const 0x100000003)))
    ;; nothing can be read there
    (call $check (i32.const 6)
      (i32.eqz (call $pread (local.get $file) (i32.const 16) (i32.const 1) (i64.const 0x100000003) (i32.const 56))))
    (call $check (i32.const 7) (i32.eqz (i32.load (i32.const 56))))
    ;; and 4 GiB back
    (call $check (i32.const 8) (i32.eqz (call $seek (local.get $file) (i64.const -0x100000000) (i32.const 1) (i32.const 64))))
    (call $check (i32.const 9) (i64.eq (i64.load (i32.const 64)) (i64.const 3)))
    (call $check (i32.const 10) (i32.eqz (call $read (local.get $file) (i32.const 16) (i32.const 1) (i32.const 72))))
    (call $check (i32.const 11) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 76))))))

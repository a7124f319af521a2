;;! summary = "1030 buffers are written and read as far as the count says, or refused with inval"
;;! clauses = ["fd_write.many-buffers", "fd_read.many-buffers", "fd_pwrite.many-buffers", "fd_pread.many-buffers", "memory.many-buffers"]
;;! tree = { "file" = { fill = "ab", times = 515 } }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file")

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

  ;; Nothing was transferred and the error is inval, or the count is at least 1 and at most 1030.
  (func $fits (param $code i32) (param $errno i32)
    (if (local.get $errno)
      (then
        (call $check (local.get $code) (i32.eq (local.get $errno) (i32.const 28)))
        (i32.store (i32.const 48) (i32.const 0)))
      (else
        (call $check (local.get $code) (i32.lt_u (i32.sub (i32.load (i32.const 48)) (i32.const 1)) (i32.const 1030))))))

  ;; The bytes from 30000 on are "abab…" as far as the count says, and zeros behind that.
  (func $holds (param $code i32) (local $at i32)
    (loop $next
      (call $check (local.get $code)
        (i32.eq (i32.load8_u offset=30000 (local.get $at))
          (select (i32.add (i32.const 97) (i32.and (local.get $at) (i32.const 1))) (i32.const 0)
            (i32.lt_u (local.get $at) (i32.load (i32.const 48))))))
      (i32.store8 offset=30000 (local.get $at) (i32.const 0))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1030)))))

  (func (export "_start") (local $file i32) (local $at i32)
    ;; 1030 buffers of one byte each, from 1024: one behind the other from 30000
    (loop $next
      (i32.store offset=1024 (i32.shl (local.get $at) (i32.const 3)) (i32.add (i32.const 30000) (local.get $at)))
      (i32.store offset=1028 (i32.shl (local.get $at) (i32.const 3)) (i32.const 1))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1030))))
    ;; fd_read, fd_seek, fd_write
    (call $check (i32.const 1) (i32.eqz (call $open (call $root) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 0) (i64.const 0x46) (i64.const 0) (i32.const 0) (i32.const 40))))
    (local.set $file (i32.load (i32.const 40)))
    (call $fits (i32.const 10) (call $read (local.get $file) (i32.const 1024) (i32.const 1030) (i32.const 48)))
    (call $holds (i32.const 11))
    (call $fits (i32.const 20)
      (call $pread (local.get $file) (i32.const 1024) (i32.const 1030) (i64.const 0) (i32.const 48)))
    (call $holds (i32.const 21))
    ;; what is written are zeros now
    (call $fits (i32.const 30)
      (call $pwrite (local.get $file) (i32.const 1024) (i32.const 1030) (i64.const 0) (i32.const 48)))
    (call $fits (i32.const 40) (call $write (local.get $file) (i32.const 1024) (i32.const 1030) (i32.const 48)))))

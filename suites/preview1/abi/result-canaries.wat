;;! summary = "results of four and of eight bytes leave the bytes around them as they were"
;;! clauses = ["memory.nothing-else-written", "fd_tell.reports-offset", "clock_res_get.not-zero"]
;;! tree = { "file" = "12345" }
;;! args = ["prog"]
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file....ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 24) "\80\00\00\00\03\00\00\00") ;; an iovec to read into

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

  ;; Makes a result ready to be written at 72; gives its address.
  (func $canaries (result i32)
    (i64.store (i32.const 64) (i64.const 0x2323232323232323))
    (i64.store (i32.const 72) (i64.const 0x2323232323232323))
    (i64.store (i32.const 80) (i64.const 0x2323232323232323))
    (i32.const 72))

  ;; Checks an errno, and the bytes around a result of this many bytes.
  (func $untouched (param $code i32) (param $errno i32) (param $bytes i32)
    (call $check (local.get $code) (i32.eqz (local.get $errno)))
    (call $check (local.get $code) (i64.eq (i64.load (i32.const 64)) (i64.const 0x2323232323232323)))
    (call $check (local.get $code) (i64.eq (i64.load offset=72 (local.get $bytes)) (i64.const 0x2323232323232323))))

  (func (export "_start") (local $file i32)
    (call $untouched (i32.const 1) (call $open (call $root) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 0) (i64.const 0x26) (i64.const 0) (i32.const 0) (call $canaries)) (i32.const 4)) ;; fd_read, fd_seek, fd_tell
    (local.set $file (i32.load (i32.const 72)))
    (call $untouched (i32.const 2) (call $read (local.get $file) (i32.const 24) (i32.const 1) (call $canaries)) (i32.const 4))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 72)) (i32.const 3)))
    (call $untouched (i32.const 4) (call $tell (local.get $file) (call $canaries)) (i32.const 8))
    (call $check (i32.const 5) (i64.eq (i64.load (i32.const 72)) (i64.const 3)))
    (call $untouched (i32.const 6) (call $args_sizes (call $canaries) (i32.const 32)) (i32.const 4))
    (call $untouched (i32.const 7) (call $args_sizes (i32.const 32) (call $canaries)) (i32.const 4))
    (call $check (i32.const 8) (i32.eq (i32.load (i32.const 72)) (i32.const 5)))
    (call $untouched (i32.const 9) (call $resolution (i32.const 0) (call $canaries)) (i32.const 8))
    (call $untouched (i32.const 10) (call $write (i32.const 1) (i32.const 16) (i32.const 1) (call $canaries)) (i32.const 4))))

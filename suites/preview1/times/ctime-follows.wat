;;! summary = "ctim follows every change of a file: of its data, its size, its times and its names"
;;! clauses = ["fd_filestat_get.ctim", "fd_filestat_set_size.marks-mtim", "fd_filestat_set_times.marks-ctim"]
;;! tree = { "file" = "hello" }
;;! after = { "file" = { text = "Jel", mtime = 4000000000 }, "twin" = false }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times" (func $set_times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file")
  (data (i32.const 8) "twin")
  (data (i32.const 16) "J")
  (data (i32.const 24) "\10\00\00\00\01\00\00\00") ;; an iovec of the "J"
  ;; a subscription from 128: the monotonic clock, 50 ms from now
  (data (i32.const 144) "\01")
  (data (i32.const 152) "\80\f0\fa\02")

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

  ;; Lets 50 ms pass, so that what the file shows is older than the next change, and keeps the time.
  (func $pass (param $code i32)
    (call $check (local.get $code) (i32.eqz (call $poll (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 224))))
    (call $check (local.get $code) (i32.eqz (call $time (i32.const 0) (i64.const 1) (i32.const 232)))))

  ;; The change that came next shows in ctim. A host may stamp it with its last clock tick: 20 ms.
  (func $followed (param $code i32) (param $fd i32)
    (call $check (local.get $code) (i32.eqz (call $stat (local.get $fd) (i32.const 256))))
    (call $check (i32.add (local.get $code) (i32.const 1))
      (i64.ge_u (i64.add (i64.load (i32.const 312)) (i64.const 20000000)) (i64.load (i32.const 232)))))

  (func (export "_start") (local $root i32) (local $file i32)
    (local.set $root (call $root))
    ;; fd_write, fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times
    (call $check (i32.const 1) (i32.eqz (call $open (local.get $root) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 0) (i64.const 0xe00040) (i64.const 0) (i32.const 0) (i32.const 240))))
    (local.set $file (i32.load (i32.const 240)))
    (call $pass (i32.const 10))
    (call $check (i32.const 11) (i32.eqz (call $write (local.get $file) (i32.const 24) (i32.const 1) (i32.const 244))))
    (call $followed (i32.const 12) (local.get $file))
    (call $pass (i32.const 20))
    (call $check (i32.const 21) (i32.eqz (call $set_size (local.get $file) (i64.const 3))))
    (call $followed (i32.const 22) (local.get $file))
    (call $pass (i32.const 30))
    ;; atim and mtim
    (call $check (i32.const 31)
      (i32.eqz (call $set_times (local.get $file) (i64.const 3000000000) (i64.const 4000000000) (i32.const 5))))
    (call $followed (i32.const 32) (local.get $file))
    (call $pass (i32.const 40))
    (call $check (i32.const 41) (i32.eqz (call $link (local.get $root) (i32.const 0) (i32.const 0) (i32.const 4)
      (local.get $root) (i32.const 8) (i32.const 4))))
    (call $followed (i32.const 42) (local.get $file))
    (call $pass (i32.const 50))
    (call $check (i32.const 51) (i32.eqz (call $unlink (local.get $root) (i32.const 8) (i32.const 4))))
    (call $followed (i32.const 52) (local.get $file))))

;;! summary = "paths, data, arrays of buffers and subscriptions are the same after the calls that read them"
;;! clauses = ["memory.inputs-unchanged", "memory.nothing-else-written"]
;;! tree = { "dir/file" = "text" }
;;! expect_stdout = "data"
;;! after = { "made" = {}, "moved" = {}, "dir/file" = false }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; from 1024 to 1280 stands what the calls are given; a copy of it is made at 2048
  (data (i32.const 1024) "./dir/../dir//file")
  (data (i32.const 1048) "made")
  (data (i32.const 1056) "dir//file")
  (data (i32.const 1080) "made/")
  (data (i32.const 1088) "moved")
  (data (i32.const 1096) "data")
  (data (i32.const 1104) "\48\04\00\00\04\00\00\00") ;; the iovec of "data"
  (data (i32.const 1136) ;; two subscriptions: a clock, relative, 1 ms; standard output
    "\01\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00" "\01\00\00\00\00\00\00\00"
    "\40\42\0f\00\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00"
    "\02\00\00\00\00\00\00\00" "\02\00\00\00\00\00\00\00" "\01\00\00\00\00\00\00\00")

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $code)))))

  ;; The fd of the preopen "/root", or -1.
  (func $root (result i32) (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (block $other
        (br_if $other (call $fd_prestat_get (local.get $fd) (i32.const 512)))
        (br_if $other (i32.ne (i32.load (i32.const 516)) (i32.const 5)))
        (br_if $other (call $fd_prestat_dir_name (local.get $fd) (i32.const 520) (i32.const 5)))
        (br_if $other (i32.ne (i32.load (i32.const 521)) (i32.const 0x746f6f72))) ;; "root"
        (return (local.get $fd)))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 64))))
    (i32.const -1))

  ;; Copies what the calls are given.
  (func $remember (local $at i32)
    (loop $more
      (i64.store offset=2048 (local.get $at) (i64.load offset=1024 (local.get $at)))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 256)))))

  (func $compare (param $code i32) (local $at i32)
    (loop $more
      (call $check (local.get $code) (i64.eq (i64.load offset=2048 (local.get $at)) (i64.load offset=1024 (local.get $at))))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 256)))))

  (func (export "_start") (local $root i32)
    (local.set $root (call $root))
    (call $remember)
    (call $check (i32.const 1) (i32.eqz (call $path_filestat_get (local.get $root) (i32.const 0) (i32.const 1024) (i32.const 18) (i32.const 256))))
    (call $compare (i32.const 2))
    (call $check (i32.const 3) (i32.eqz (call $path_create_directory (local.get $root) (i32.const 1048) (i32.const 4))))
    (call $check (i32.const 4) (i32.eqz (call $path_unlink_file (local.get $root) (i32.const 1056) (i32.const 9))))
    (call $compare (i32.const 5))
    (call $check (i32.const 6) (i32.eqz (call $path_rename (local.get $root) (i32.const 1048) (i32.const 4) (local.get $root) (i32.const 1088) (i32.const 5))))
    (call $check (i32.const 7) (i32.eqz (call $path_create_directory (local.get $root) (i32.const 1048) (i32.const 4))))
    (call $compare (i32.const 8))
    (call $check (i32.const 9) (i32.eqz (call $poll_oneoff (i32.const 1136) (i32.const 256) (i32.const 2) (i32.const 400))))
    (call $compare (i32.const 10))
    (call $check (i32.const 11) (i32.eqz (call $fd_write (i32.const 1) (i32.const 1104) (i32.const 1) (i32.const 400))))
    (call $compare (i32.const 12))
    ;; a failure changes nothing either
    (call $check (i32.const 13) (i32.ne (call $path_create_directory (local.get $root) (i32.const 1080) (i32.const 5)) (i32.const 0)))
    (call $compare (i32.const 14))))

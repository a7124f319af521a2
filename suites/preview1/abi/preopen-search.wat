;;! summary = "a search through the descriptors finds a preopen by its whole name, and each prestat has 8 bytes"
;;! clauses = ["preopen.found-by-prestat", "preopen.prefix-names", "fd_prestat_get.is-dir", "fd_prestat_get.name-length", "fd_prestat_dir_name.writes-name", "memory.nothing-else-written"]
;;! preopens = { r = {}, root = {}, rooted = {} }
;;! expect_stdout = "1"
;;! after = { "r:found" = false, "root:found" = {}, "rooted:found" = false }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "found")
  (data (i32.const 8) "0") ;; how many were found, as a digit
  (data (i32.const 16) "\08\00\00\00\01\00\00\00") ;; its iovec

  ;; Ends the program with this code unless the condition holds.
  (func $check (param $code i32) (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then (call $exit (local.get $code)))))

  ;; Makes the directory "found" if this fd is the preopen "/root".
  (func $look_at (param $fd i32) (local $len i32)
    (i64.store (i32.const 64) (i64.const 0x2323232323232323))
    (i64.store (i32.const 72) (i64.const 0x2323232323232323))
    (if (call $prestat (local.get $fd) (i32.const 64)) (then (return)))
    (call $check (i32.const 1) (i64.eq (i64.load (i32.const 72)) (i64.const 0x2323232323232323)))
    (call $check (i32.const 2) (i32.eqz (i32.load8_u (i32.const 64)))) ;; the tag: dir
    (local.set $len (i32.load (i32.const 68)))
    (i64.store offset=96 (local.get $len) (i64.const 0x2323232323232323))
    (call $check (i32.const 3) (i32.eqz (call $dir_name (local.get $fd) (i32.const 96) (local.get $len))))
    (call $check (i32.const 4) (i64.eq (i64.load offset=96 (local.get $len)) (i64.const 0x2323232323232323)))
    (if (i32.ne (local.get $len) (i32.const 5)) (then (return)))
    (if (i32.ne (i32.load8_u (i32.const 96)) (i32.const 0x2f)) (then (return))) ;; "/"
    (if (i32.ne (i32.load (i32.const 97)) (i32.const 0x746f6f72)) (then (return))) ;; "root"
    (call $check (i32.const 5) (i32.eqz (call $mkdir (local.get $fd) (i32.const 0) (i32.const 5))))
    (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1))))

  (func (export "_start") (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (call $look_at (local.get $fd))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 64))))
    (call $check (i32.const 6) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

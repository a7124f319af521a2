;;! summary = "the fields of a filestat stand where the types put them, in 64 bytes and no more"
;;! clauses = ["path_filestat_get.attributes", "fd_filestat_get.identity", "memory.nothing-else-written"]
;;! tree = { "file" = { text = "12345", mtime = 5000000000 }, "else" = "" }
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "fileelse....ok") ;; the names; "ok" is at 12
  (data (i32.const 16) "\0c\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 56) "########") ;; the filestat goes to 64..128
  (data (i32.const 128) "########")

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

  (func (export "_start") (local $root i32)
    (local.set $root (call $root))
    (call $check (i32.const 1) (i32.eqz (call $stat (local.get $root) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 64))))
    (call $check (i32.const 2) (i64.eq (i64.load (i32.const 56)) (i64.const 0x2323232323232323)))
    (call $check (i32.const 3) (i64.eq (i64.load (i32.const 128)) (i64.const 0x2323232323232323)))
    (call $check (i32.const 4) (i32.eq (i32.load8_u (i32.const 80)) (i32.const 4))) ;; filetype
    (call $check (i32.const 5) (i64.eq (i64.load (i32.const 88)) (i64.const 1))) ;; nlink
    (call $check (i32.const 6) (i64.eq (i64.load (i32.const 96)) (i64.const 5))) ;; size
    (call $check (i32.const 7) (i64.eq (i64.load (i32.const 112)) (i64.const 5000000000))) ;; mtim
    ;; another file of the same device
    (call $check (i32.const 8) (i32.eqz (call $stat (local.get $root) (i32.const 0) (i32.const 4) (i32.const 4) (i32.const 192))))
    (call $check (i32.const 9) (i64.eq (i64.load (i32.const 192)) (i64.load (i32.const 64)))) ;; dev
    (call $check (i32.const 10) (i64.ne (i64.load (i32.const 200)) (i64.load (i32.const 72)))) ;; ino
    (call $check (i32.const 11) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

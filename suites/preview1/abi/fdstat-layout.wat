;;! summary = "the fields of an fdstat stand where the types put them, in 24 bytes and no more"
;;! clauses = ["preopen.is-a-directory", "fd_fdstat_get.filetype", "fd_fdstat_get.open-flags", "fd_write.append", "memory.nothing-else-written"]
;;! tree = { "file" = "12345" }
;;! after = { "file" = "12345ok" }
(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file....ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 56) "########") ;; the fdstat goes to 64..88
  (data (i32.const 88) "########")

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

  (func (export "_start") (local $root i32) (local $file i32)
    (local.set $root (call $root))
    ;; with the right fd_write and the flag append
    (call $check (i32.const 1) (i32.eqz (call $open (local.get $root) (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.const 0) (i64.const 0x40) (i64.const 0) (i32.const 1) (i32.const 32))))
    (local.set $file (i32.load (i32.const 32)))
    (call $check (i32.const 2) (i32.eqz (call $fdstat (local.get $file) (i32.const 64))))
    (call $check (i32.const 3) (i64.eq (i64.load (i32.const 56)) (i64.const 0x2323232323232323)))
    (call $check (i32.const 4) (i64.eq (i64.load (i32.const 88)) (i64.const 0x2323232323232323)))
    (call $check (i32.const 5) (i32.eq (i32.load8_u (i32.const 64)) (i32.const 4))) ;; fs_filetype: a regular file
    (call $check (i32.const 6) (i32.eq (i32.load16_u (i32.const 66)) (i32.const 1))) ;; fs_flags: append
    (call $check (i32.const 7) (i32.wrap_i64 (i64.and (i64.load (i32.const 72)) (i64.const 0x40)))) ;; fs_rights_base: fd_write
    (call $check (i32.const 8) (i32.eqz (call $fdstat (local.get $root) (i32.const 128))))
    (call $check (i32.const 9) (i32.eq (i32.load8_u (i32.const 128)) (i32.const 3))) ;; a directory
    (call $check (i32.const 10) (i32.eqz (call $write (local.get $file) (i32.const 16) (i32.const 1) (i32.const 36))))))

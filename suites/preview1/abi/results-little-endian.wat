;;! summary = "results go to their pointers, each with its own size and its lowest byte first, in whatever order the pointers stand"
;;! clauses = ["program.results-through-pointers", "memory.nothing-else-written"]
;;! args = ["prog", "one", "two"]
;;! tree = { "file" = { fill = "x", times = 600 } }
;;! expect_stdout = "ok"
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"
  (data (i32.const 32) "file")
  (data (i32.const 40) "\00\10\00\00\58\02\00\00") ;; an iovec of 600 bytes at 4096
  (data (i32.const 128) "########################")

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

  (func $byte (param $at i32) (param $value i32) (result i32)
    (i32.eq (i32.load8_u (local.get $at)) (local.get $value)))

  (func (export "_start") (local $file i32)
    ;; the second result below the first one: 3 arguments to 136, their 13 bytes to 132
    (call $check (i32.const 1) (i32.eqz (call $args_sizes_get (i32.const 136) (i32.const 132))))
    (call $check (i32.const 2) (i64.eq (i64.load (i32.const 132)) (i64.const 0x00000003_0000000d)))
    (call $check (i32.const 3) (i32.eq (i32.load (i32.const 128)) (i32.const 0x23232323)))
    (call $check (i32.const 4) (i32.eq (i32.load (i32.const 140)) (i32.const 0x23232323)))
    ;; a descriptor
    (call $check (i32.const 5) (i32.eqz (call $path_open (call $root) (i32.const 0) (i32.const 32) (i32.const 4)
      (i32.const 0) (i64.const 0x26) (i64.const 0) (i32.const 0) (i32.const 48)))) ;; fd_read, fd_seek, fd_tell
    (local.set $file (i32.load (i32.const 48)))
    ;; a count of 600, which is 0x258
    (call $check (i32.const 6) (i32.eqz (call $fd_read (local.get $file) (i32.const 40) (i32.const 1) (i32.const 132))))
    (call $check (i32.const 7) (i32.and (call $byte (i32.const 132) (i32.const 0x58)) (call $byte (i32.const 133) (i32.const 0x02))))
    (call $check (i32.const 8) (i32.and (call $byte (i32.const 134) (i32.const 0)) (call $byte (i32.const 135) (i32.const 0))))
    ;; an offset, which has eight bytes
    (call $check (i32.const 9) (i32.eqz (call $fd_seek (local.get $file) (i64.const 0x0102030405060708) (i32.const 0) (i32.const 136))))
    (call $check (i32.const 10) (i32.and (call $byte (i32.const 136) (i32.const 0x08)) (call $byte (i32.const 143) (i32.const 0x01))))
    (call $check (i32.const 11) (i64.eq (i64.load (i32.const 136)) (i64.const 0x0102030405060708)))
    (call $check (i32.const 12) (i32.eq (i32.load (i32.const 144)) (i32.const 0x23232323)))
    (call $check (i32.const 13) (i32.eqz (call $fd_tell (local.get $file) (i32.const 136))))
    (call $check (i32.const 14) (i64.eq (i64.load (i32.const 136)) (i64.const 0x0102030405060708)))
    (call $check (i32.const 15) (i32.eqz (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

;;! summary = "what a call returns is the errno and nothing else, in all 32 bits"
;;! clauses = ["program.errno-in-enum", "fd_close.bad-fd", "fd_tell.bad-fd", "path_unlink_file.missing", "path_unlink_file.removes"]
;;! tree = { "file" = "text" }
;;! expect_stdout = "ok"
;;! after = { "file" = false }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "file....ok")
  (data (i32.const 16) "\08\00\00\00\02\00\00\00") ;; the iovec of "ok"

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
    (call $check (i32.const 1) (i32.eq (call $close (i32.const 0x7fffffff)) (i32.const 8))) ;; badf
    (call $check (i32.const 2) (i32.eq (call $tell (i32.const 0x7fffffff) (i32.const 32)) (i32.const 8)))
    (call $check (i32.const 3) (i32.eq (call $unlink (local.get $root) (i32.const 0) (i32.const 4)) (i32.const 0)))
    (call $check (i32.const 4) (i32.eq (call $unlink (local.get $root) (i32.const 0) (i32.const 4)) (i32.const 44))) ;; noent
    (call $check (i32.const 5) (i32.eq (call $yield) (i32.const 0)))
    (call $check (i32.const 6) (i32.eq (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 40)) (i32.const 0)))))

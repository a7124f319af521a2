;;! summary = "a buffer of any length is filled with the first bytes of the entries, heads and names cut off where it ends"
;;! clauses = ["fd_readdir.smaller-than-dirent", "fd_readdir.fills-buffer", "fd_readdir.namlen-of-cut-name", "fd_readdir.cookie-zero", "memory.nothing-else-written"]
;;! tree = { "a-name-of-some-length" = "", "sub/" = {} }
;;! expect_stdout = "done"
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "done")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00") ;; the iovec of "done"

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

  ;; Whether so many bytes at 2048 are those at 1024, but for the three bytes behind d_type of each entry: what padding holds is open.
  (func $same (param $len i32) (result i32) (local $at i32) (local $entry i32) (local $in i32)
    (block $end
      (loop $more
        (br_if $end (i32.ge_u (local.get $at) (local.get $len)))
        (local.set $in (i32.sub (local.get $at) (local.get $entry)))
        ;; behind the head and the name begins the next entry
        (if (i32.eq (local.get $in) (i32.add (i32.const 24) (i32.load offset=1040 (local.get $entry))))
          (then (local.set $entry (local.get $at)) (local.set $in (i32.const 0))))
        (if (i32.and
              (i32.ne (i32.load8_u offset=2048 (local.get $at)) (i32.load8_u offset=1024 (local.get $at)))
              (i32.or (i32.lt_u (local.get $in) (i32.const 21)) (i32.gt_u (local.get $in) (i32.const 23))))
          (then (return (i32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $more)))
    (i32.const 1))

  ;; Fills 2048..3072 with one byte.
  (func $clear (local $at i32)
    (loop $more
      (i64.store offset=2048 (local.get $at) (i64.const 0x2323232323232323))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1024)))))

  (func (export "_start") (local $root i32) (local $all i32) (local $len i32)
    (local.set $root (call $root))
    ;; all entries go to 1024
    (call $check (i32.const 1) (i32.eqz (call $readdir (local.get $root) (i32.const 1024) (i32.const 1000) (i64.const 0) (i32.const 32))))
    (local.set $all (i32.load (i32.const 32)))
    ;; 45 and 27 bytes, and 51 for "." and ".."
    (call $check (i32.const 2) (i32.or (i32.eq (local.get $all) (i32.const 72)) (i32.eq (local.get $all) (i32.const 123))))
    ;; and then their beginnings to 2048
    (local.set $len (i32.const 1))
    (loop $next
      (call $clear)
      (call $check (i32.const 3) (i32.eqz (call $readdir (local.get $root) (i32.const 2048) (local.get $len) (i64.const 0) (i32.const 32))))
      (call $check (i32.const 4) (i32.eq (i32.load (i32.const 32)) (local.get $len)))
      (call $check (i32.const 5) (call $same (local.get $len)))
      (call $check (i32.const 6) (i64.eq (i64.load offset=2048 (local.get $len)) (i64.const 0x2323232323232323)))
      (br_if $next (i32.le_u (local.tee $len (i32.add (local.get $len) (i32.const 1))) (local.get $all))))
    (call $check (i32.const 7) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 36))))))

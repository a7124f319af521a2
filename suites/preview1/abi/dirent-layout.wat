;;! summary = "directory entries follow each other without padding, each a dirent of 24 bytes and its name"
;;! clauses = ["fd_readdir.layout", "fd_readdir.type", "fd_readdir.cookie-resumes", "fd_readdir.dot-entries", "memory.nothing-else-written", "fd_readdir.end"]
;;! tree = { "a" = "", "bb/" = {}, "ccc" = { symlink = "a" } }
;;! expect_stdout = "abc"
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "....\04\03\07") ;; room for three letters; the type of the entry whose name has 1, 2, 3 letters
  (data (i32.const 16) "\00\00\00\00\03\00\00\00") ;; the iovec of the letters
  (data (i32.const 1536) "########") ;; the entries go to 1024..1536

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

  ;; Notes the first letter of an entry under the length of its name, unless it is a dot, and checks its type, which may be unknown.
  (func $note (param $entry i32) (local $len i32) (local $type i32)
    (local.set $len (i32.load offset=16 (local.get $entry)))
    (local.set $type (i32.load8_u offset=20 (local.get $entry)))
    (if (i32.ne (i32.load8_u offset=24 (local.get $entry)) (i32.const 0x2e)) (then
      (call $check (i32.const 1) (i32.and (i32.ge_u (local.get $len) (i32.const 1)) (i32.le_u (local.get $len) (i32.const 3))))
      (call $check (i32.const 2) (i32.or (i32.eqz (local.get $type)) (i32.eq (local.get $type) (i32.load8_u offset=3 (local.get $len)))))
      (i32.store8 (i32.sub (local.get $len) (i32.const 1)) (i32.load8_u offset=24 (local.get $entry))))))

  (func (export "_start") (local $root i32) (local $entry i32) (local $end i32) (local $next i64)
    (local.set $root (call $root))
    (call $check (i32.const 3) (i32.eqz (call $readdir (local.get $root) (i32.const 1024) (i32.const 512) (i64.const 0) (i32.const 32))))
    (local.set $end (i32.add (i32.const 1024) (i32.load (i32.const 32))))
    (local.set $entry (i32.const 1024))
    (loop $more
      (call $note (local.get $entry))
      (local.set $next (i64.load (local.get $entry))) ;; d_next
      (local.set $entry (i32.add (local.get $entry) (i32.add (i32.const 24) (i32.load offset=16 (local.get $entry)))))
      (br_if $more (i32.lt_u (local.get $entry) (local.get $end))))
    (call $check (i32.const 4) (i32.eq (local.get $entry) (local.get $end)))
    (call $check (i32.const 5) (i64.eq (i64.load (i32.const 1536)) (i64.const 0x2323232323232323)))
    ;; behind the last entry there is nothing
    (call $check (i32.const 6) (i32.eqz (call $readdir (local.get $root) (i32.const 1024) (i32.const 512) (local.get $next) (i32.const 36))))
    (call $check (i32.const 7) (i32.eqz (i32.load (i32.const 36))))
    (call $check (i32.const 8) (i32.eqz (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))))

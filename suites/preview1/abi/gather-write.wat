;;! summary = "a write takes its bytes from the buffers in their order and passes over the empty ones"
;;! clauses = ["fd_write.gathers-in-order", "fd_write.short", "fd_write.moves-offset"]
;;! after = { "file" = "abcdef" }
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "file")
  (data (i32.const 32) "f--cde--ab")
  ;; five buffers, from 64 to 104: "ab", nothing, "cde", nothing, "f"
  (data (i32.const 64) "\28\00\00\00\02\00\00\00" "\20\00\00\00\00\00\00\00" "\23\00\00\00\03\00\00\00"
    "\00\00\00\00\00\00\00\00" "\20\00\00\00\01\00\00\00")

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

  ;; Takes this many bytes off the front of the buffers.
  (func $advance (param $count i32) (local $buffer i32) (local $part i32)
    (local.set $buffer (i32.const 64))
    (loop $more
      (local.set $part (i32.load offset=4 (local.get $buffer)))
      (if (i32.lt_u (local.get $count) (local.get $part)) (then (local.set $part (local.get $count))))
      (i32.store (local.get $buffer) (i32.add (i32.load (local.get $buffer)) (local.get $part)))
      (i32.store offset=4 (local.get $buffer) (i32.sub (i32.load offset=4 (local.get $buffer)) (local.get $part)))
      (local.set $count (i32.sub (local.get $count) (local.get $part)))
      (br_if $more (i32.lt_u (local.tee $buffer (i32.add (local.get $buffer) (i32.const 8))) (i32.const 104)))))

  (func (export "_start") (local $left i32) (local $count i32)
    (call $check (i32.const 1) (i32.eqz (call $open (call $root) (i32.const 0) (i32.const 16) (i32.const 4)
      (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 48)))) ;; creat; fd_write
    (local.set $left (i32.const 6))
    ;; fewer bytes than given may be written, but never none
    (loop $more
      (call $check (i32.const 2) (i32.eqz (call $write (i32.load (i32.const 48)) (i32.const 64) (i32.const 5) (i32.const 52))))
      (local.set $count (i32.load (i32.const 52)))
      (call $check (i32.const 3) (i32.lt_u (i32.sub (local.get $count) (i32.const 1)) (local.get $left)))
      (call $advance (local.get $count))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (local.get $count)))))))

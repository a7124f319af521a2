//! The guests of the contract, in WAT: one frame with helpers, and bodies of a line or two.

use std::hash::{DefaultHasher, Hash, Hasher};

use touchstone_model::trace::Keeper;
use touchstone_runtimes::Module;

/// A module to run.
pub(crate) struct Guest {
    pub(crate) module: Module,
}

impl Guest {
    /// A run of it in which nothing is called, filled or read besides.
    pub(crate) fn called(&self) -> touchstone_runtimes::Guest {
        touchstone_runtimes::Guest { module: self.module.clone(), image: None, memories: Vec::new(), calls: Vec::new() }
    }

    /// A module that need not be one.
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        // Any hash will do that tells the modules of this test apart.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&hasher.finish().to_le_bytes());
        Guest { module: Module { hash, bytes: bytes.into() } }
    }

    /// A whole module as text; it is not validated here.
    pub(crate) fn wat(text: &str) -> Self {
        Guest::bytes(&wat::parse_str(text).unwrap())
    }
}

/// The frame with this as the body of `_start`.
///
/// An errno that a helper did not expect ends the run as the exit code. The memory of the calls is exported first, since
/// wasmer takes the first exported memory for it.
pub(crate) fn guest(body: &str) -> Guest {
    frame("", "", body)
}

/// The same, with a `$record` that writes to the trace: a copy of "hello", and a byte behind it.
pub(crate) fn recording_guest(keeper: Keeper, body: &str) -> Guest {
    match keeper {
        Keeper::Module => frame("", IN_SECOND_MEMORY, body),
        Keeper::Host => frame(HOST_IMPORTS, WITH_HOST, body),
    }
}

fn frame(imports: &str, record: &str, body: &str) -> Guest {
    Guest::wat(&FRAME.replace("IMPORTS", imports).replace("RECORD", record).replace("BODY", body))
}

/// The first four bytes say how much of the log is in use: so much is given back.
const IN_SECOND_MEMORY: &str = r#"
  (memory $trace (export "touchstone:trace") 1)
  (func $record
    (i32.store $trace (i32.const 0) (i32.const 16))
    (memory.copy $trace 0 (i32.const 8) (i32.const 110) (i32.const 5))
    (i32.store8 $trace (i32.const 13) (i32.const 42)))
"#;

const HOST_IMPORTS: &str = r#"
  (import "touchstone:trace" "load32" (func $load32 (param i32) (result i32)))
  (import "touchstone:trace" "store8" (func $store8 (param i32 i32)))
  (import "touchstone:trace" "store32" (func $store32 (param i32 i32)))
  (import "touchstone:trace" "store64" (func $store64 (param i32 i64)))
"#;

const WITH_HOST: &str = r#"
  (func $record
    (call $store32 (i32.const 0) (i32.const 16))
    (call $store64 (i32.const 8) (i64.load (i32.const 110)))
    (if (i32.ne (call $load32 (i32.const 8)) (i32.load (i32.const 110))) (then (unreachable)))
    (call $store8 (i32.const 13) (i32.const 42)))
"#;

const FRAME: &str = r#"
(module
  (type $nothing (func))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  IMPORTS

  (memory (export "memory") 2)
  RECORD
  (data (i32.const 100) "/root")
  (data (i32.const 110) "hello")
  (data (i32.const 120) "file")
  (global $zero (mut i32) (i32.const 0))
  (table 2 funcref)
  (elem (i32.const 1) $ok)

  ;; Ends the run with the errno of a call that failed.
  (func $ok (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))

  ;; Fills the one iovec, at 0.
  (func $iovec (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len)))

  ;; Writes all of a buffer, in as many calls as it takes.
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (loop $more
      (if (local.get $len) (then
        (call $iovec (local.get $at) (local.get $len))
        (call $ok (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
        (local.set $len (i32.sub (local.get $len) (i32.load (i32.const 8))))
        (br $more)))))

  ;; Writes all that can be read from an fd to stdout.
  (func $copy (param $fd i32)
    (loop $more
      (call $iovec (i32.const 8192) (i32.const 10000))
      (call $ok (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 8)))
        (br $more)))))
  (func $copy_stdin (call $copy (i32.const 0)))

  (func $print_to (param $fd i32) (call $write (local.get $fd) (i32.const 110) (i32.const 5)))

  ;; Writes this many times 64 KiB to stdout.
  (func $flood (param $times i32)
    (loop $more
      (call $write (i32.const 1) (i32.const 65536) (i32.const 65536))
      (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  (func $print_args
    (call $ok (call $args_sizes_get (i32.const 16) (i32.const 20)))
    (call $ok (call $args_get (i32.const 4096) (i32.const 8192)))
    (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20))))

  (func $print_env
    (call $ok (call $environ_sizes_get (i32.const 16) (i32.const 20)))
    (call $ok (call $environ_get (i32.const 4096) (i32.const 8192)))
    (call $write (i32.const 1) (i32.const 8192) (i32.load (i32.const 20))))

  ;; The fd of the preopen with the five-letter name at $name; without one the run ends with 90.
  (func $preopen (param $name i32) (result i32) (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (if (i32.eqz (call $fd_prestat_get (local.get $fd) (i32.const 16))) (then
        (if (i32.eq (i32.load (i32.const 20)) (i32.const 5)) (then
          (call $ok (call $fd_prestat_dir_name (local.get $fd) (i32.const 24) (i32.const 5)))
          (if (i64.eq (call $five (i32.const 24)) (call $five (local.get $name))) (then (return (local.get $fd))))))))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $fd) (i32.const 64))))
    (call $proc_exit (i32.const 90))
    (unreachable))

  ;; Five bytes as a number.
  (func $five (param $at i32) (result i64)
    (i64.or (i64.load32_u (local.get $at)) (i64.shl (i64.load8_u offset=4 (local.get $at)) (i64.const 32))))

  ;; Creates "file" in a directory, or truncates it, and writes "hello" to it.
  (func $write_file (param $dir i32)
    (call $ok (call $path_open (local.get $dir) (i32.const 0) (i32.const 120) (i32.const 4)
      (i32.const 9) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 28)))
    (call $print_to (i32.load (i32.const 28)))
    (call $ok (call $fd_close (i32.load (i32.const 28)))))

  (func $print_file (param $dir i32)
    (call $ok (call $path_open (local.get $dir) (i32.const 0) (i32.const 120) (i32.const 4)
      (i32.const 0) (i64.const 0x02) (i64.const 0) (i32.const 0) (i32.const 28)))
    (call $copy (i32.load (i32.const 28)))
    (call $ok (call $fd_close (i32.load (i32.const 28)))))

  ;; Waits for stdin, but no longer than 20 ms, and ends the run with 10 if the clock or with 20 if stdin comes first.
  (func $wait_for_stdin
    (i64.store (i32.const 200) (i64.const 10))
    (i32.store (i32.const 216) (i32.const 1))
    (i64.store (i32.const 224) (i64.const 20000000))
    (i64.store (i32.const 248) (i64.const 20))
    (i32.store8 (i32.const 256) (i32.const 1))
    (call $ok (call $poll_oneoff (i32.const 200) (i32.const 304) (i32.const 2) (i32.const 8)))
    (call $proc_exit (i32.load (i32.const 304))))

  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))

  (func (export "_start") BODY))
"#;

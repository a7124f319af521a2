//! `check`: a program of the user's own on every runtime.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{PROGRAM, file, scratch_folders_of, touchstone};

const COPY: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "in") (data (i32.const 8) "out")
  (data (i32.const 16) "\40\00\00\00\20\00\00\00")
  (func (export "_start") (local $dir i32)
    ;; the preopen whose name has five letters: a runtime may have a root of its own as well
    (local.set $dir (i32.const 2))
    (loop $next
      (local.set $dir (i32.add (local.get $dir) (i32.const 1)))
      (drop (call $prestat (local.get $dir) (i32.const 200)))
      (br_if $next (i32.ne (i32.load (i32.const 204)) (i32.const 5))))
    (drop (call $open (local.get $dir) (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 100)))
    (drop (call $read (i32.load (i32.const 100)) (i32.const 16) (i32.const 1) (i32.const 104)))
    (i32.store (i32.const 20) (i32.load (i32.const 104)))
    (drop (call $open (local.get $dir) (i32.const 0) (i32.const 8) (i32.const 3) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 100)))
    (drop (call $write (i32.load (i32.const 100)) (i32.const 16) (i32.const 1) (i32.const 108)))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 108)))))
"#;

#[test]
fn every_runtime_works_on_its_own_copy_and_the_folder_stays() {
    let folder = tempfile::tempdir().expect("make a folder");
    let program = file(folder.path(), "copy.wasm", &wat::parse_str(COPY).expect("assemble")).display().to_string();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("make a folder");
    file(&data, "in", b"bytes");
    let dir = format!("{}::/data", data.display());
    let ran = touchstone(&["check", &program, "--dir", &dir]).expect(0);
    for text in ["wasmtime 48", "wasmi 2", "wasmer 7", "stdout \"bytes\"", "No departure"] {
        assert!(ran.out.contains(text), "{text} is not in\n{}", ran.out);
    }
    assert!(!data.join("out").exists(), "the host's folder was written");
}

#[test]
fn a_folder_inside_of_another_one_is_the_same_by_both_ways() {
    let folder = tempfile::tempdir().expect("make a folder");
    // makes "dir" below the one preopen and looks for it below the other: by the outer name, "data/dir"
    let program = r#"(module
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_create_directory" (func $make (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "data/dir")
      ;; the preopen whose name has so many letters: a runtime may have a root of its own as well
      (func $find (param $letters i32) (result i32) (local $dir i32)
        (local.set $dir (i32.const 2))
        (loop $next
          (local.set $dir (i32.add (local.get $dir) (i32.const 1)))
          (drop (call $prestat (local.get $dir) (i32.const 200)))
          (br_if $next (i32.ne (i32.load (i32.const 204)) (local.get $letters))))
        (local.get $dir))
      (func (export "_start")
        (if (call $make (call $find (i32.const 6)) (i32.const 5) (i32.const 3)) (then (call $exit (i32.const 1))))
        (call $exit (call $stat (call $find (i32.const 4)) (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 64)))))"#;
    let path = file(folder.path(), "prog.wat", program.as_bytes()).display().to_string();
    let data = folder.path().join("outer/data");
    std::fs::create_dir_all(&data).expect("make folders");
    let dirs = [format!("{}::/inner", data.display()), format!("{}::/out", folder.path().join("outer").display())];
    let ran = touchstone(&["check", &path, "--dir", &dirs[0], "--dir", &dirs[1], "--runtime", "wasmi"]).expect(0);
    assert_eq!(ran.out.matches(" exit 0, ").count(), 2, "{}", ran.out);
}

#[test]
fn a_departure_is_told_with_its_call_its_clause_and_what_was_permitted() {
    // a read into a buffer of no length is what wasmtime answers intr to
    let program = r#"(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (call $exit (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 8)))))"#;
    let folder = tempfile::tempdir().expect("make a folder");
    let path = file(folder.path(), "prog.wat", program.as_bytes()).display().to_string();
    let ran = touchstone(&["check", &path, "--runtime", "wasmtime", "--runtime", "wasmi"]).expect(1);
    for text in ["wasmtime departs from the specification", "fd_read(fd: stdin, iovs: [0])", "permitted ok", "saw       intr"] {
        assert!(ran.out.contains(text), "{text} is not in\n{}", ran.out);
    }
    assert!(!ran.out.contains("wasmi departs"), "{}", ran.out);
}

#[test]
fn what_is_permitted_and_different_is_told_with_the_clauses_that_permit_it() {
    // which rights a standard stream shows is up to the runtime
    let program = r#"(module
      (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $stat (i32.const 1) (i32.const 8)))))"#;
    let folder = tempfile::tempdir().expect("make a folder");
    let path = file(folder.path(), "prog.wat", program.as_bytes()).display().to_string();
    let ran = touchstone(&["check", &path, "--runtime", "wasmi"]).expect(0);
    for text in ["wasmi does what it may", "fd_fdstat_get(fd: stdout)", "permitted by fd_fdstat_get.", "No departure"] {
        assert!(ran.out.contains(text), "{text} is not in\n{}", ran.out);
    }
}

#[test]
fn arguments_environment_and_stdin_reach_the_program() {
    let folder = tempfile::tempdir().expect("make a folder");
    let program = r#"(module
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 32) "\80\00\00\00\40\00\00\00")
      (func (export "_start")
        (drop (call $args (i32.const 0) (i32.const 4)))
        (drop (call $environ (i32.const 8) (i32.const 12)))
        (drop (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 16)))
        ;; 3 arguments, 1 variable, 5 bytes: 3 + 10 * 1 + 20 * 5 = 113
        (call $exit (i32.add (i32.load (i32.const 0)) (i32.add
          (i32.mul (i32.const 10) (i32.load (i32.const 8))) (i32.mul (i32.const 20) (i32.load (i32.const 16))))))))"#;
    let path = file(folder.path(), "prog.wat", program.as_bytes()).display().to_string();
    let stdin = file(folder.path(), "stdin", b"typed").display().to_string();
    let ran = touchstone(&["check", &path, "--env", "A=B", "--stdin", &stdin, "--", "one", "--two"]).expect(0);
    // Node is there or not
    let runtimes = ran.out.matches(" WASI calls, ").count();
    assert!(runtimes >= 4, "{}", ran.out);
    assert_eq!(ran.out.matches("exit 113").count(), runtimes, "{}", ran.out);
}

#[test]
fn ctrl_c_stops_the_program_and_keeps_what_has_run() {
    // a wait of an hour, which the reference does not wait for
    let program = r#"(module
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;
    let folder = tempfile::tempdir().expect("make a folder");
    let path = file(folder.path(), "prog.wat", program.as_bytes());
    let mut command = Command::new(PROGRAM);
    command.arg("check").arg(&path).args(["--runtime", "wasmi", "--timeout", "600"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("start touchstone");
    let mut out = BufReader::new(child.stdout.take().expect("its stdout"));
    let mut text = String::new();
    out.read_line(&mut text).expect("the line of the reference");
    // until the other one waits; if it does not yet, it is stopped all the same
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill -INT");
    let status = child.wait().expect("wait");
    assert!(start.elapsed() < Duration::from_secs(60), "it was not stopped but waited for");
    out.read_to_string(&mut text).expect("the rest");
    assert_eq!(status.code(), Some(3), "{text}");
    for part in ["oracle ", "exit 0, 1 WASI calls", "Stopped before the end: 1 of 2 runtimes ran the program."] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("No departure"), "{text}");
    assert!(scratch_folders_of(child.id()).is_empty(), "its workers are gone, and so is their folder");
}

#[test]
fn wrong_flags_are_refused_before_anything_runs() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = file(folder.path(), "prog.wat", b"(module (func (export \"_start\")))").display().to_string();
    // a FIFO would block whoever copies it
    let fifo = folder.path().join("fifo");
    Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    let dir = format!("{}::/data", folder.path().display());
    assert!(touchstone(&["check", &path, "--dir", &dir]).expect(2).err.contains("is neither file, folder nor symbolic link"));
    for (flags, text) in [
        (["--dir", "/no/such/folder::/data"], "there is no folder /no/such/folder to preopen"),
        (["--dir", "/tmp"], "does not say where the program finds it"),
        (["--env", "novalue"], "write `--env NAME=VALUE`"),
        (["--stdin", "/no/such/file"], "cannot be read"),
        (["--runtime", "nothing"], "there is no runtime `nothing`"),
    ] {
        let ran = touchstone(&[&["check", path.as_str()][..], &flags[..]].concat()).expect(2);
        assert!(ran.err.contains(text), "{text} is not in\n{}", ran.err);
    }
}

#[test]
fn a_program_that_no_runtime_starts_is_no_program_for_them() {
    let folder = tempfile::tempdir().expect("make a folder");
    let program = file(folder.path(), "none.wat", b"(module (memory (export \"memory\") 1))").display().to_string();
    let ran = touchstone(&["check", &program]).expect(2);
    assert!(ran.err.contains("no runtime starts") && ran.err.contains("exports `_start`"), "{}", ran.err);
    assert!(!ran.out.contains("No departure"), "{}", ran.out);
}

#[test]
fn a_program_without_an_end_is_nobodys_fault() {
    let folder = tempfile::tempdir().expect("make a folder");
    let body = b"(module (memory (export \"memory\") 1) (func (export \"_start\") (loop $for (br $for))))";
    let program = file(folder.path(), "loop.wat", body).display().to_string();
    let ran = touchstone(&["check", &program, "--runtime", "wasmi", "--timeout", "1"]).expect(2);
    assert!(ran.err.contains("did not come to its end within 1 s on any runtime") && !ran.out.contains("departs"), "{}", ran.err);
}

#[test]
fn a_folder_with_names_that_are_no_paths_of_wasi_is_refused() {
    let folder = tempfile::tempdir().expect("make a folder");
    let program =
        file(folder.path(), "prog.wat", b"(module (memory (export \"memory\") 1) (func (export \"_start\")))").display().to_string();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("make a folder");
    std::fs::write(data.join(OsStr::from_bytes(b"a\xffb")), "").expect("make a file");
    let ran = touchstone(&["check", &program, "--dir", &format!("{}::/data", data.display())]).expect(2);
    assert!(ran.err.contains("is not UTF-8"), "{}", ran.err);
}

#[test]
fn what_stdout_does_not_take_is_an_error() {
    let full = std::fs::File::create("/dev/full").expect("a device that is always full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    let ran = command.args(["explain", "fd_read.bad-fd", "--runtime", "oracle"]).stdout(full).output().expect("start touchstone");
    assert_eq!(ran.status.code(), Some(3), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("write to standard output"));
}

//! Scripts as modules and as WAT: both are valid, and the WAT is short enough for a bug report.

use touchstone_guest::script::{encode, program, shell, wat};
use touchstone_guest::{assemble, record};
use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_model::trace::Keeper;

const KEEPERS: [Keeper; 2] = [Keeper::Module, Keeper::Host];

const GIVEN: &str = "#! sockets = { door = { listener = [{}] }, peer = { stream = {} } }";

fn case(body: &str) -> Case {
    let text =
        format!("#! summary = \"s\"\n#! clauses = [\"fd_seek.negative-result\"]\n#! tree = {{ \"file\" = \"hello\" }}\n{GIVEN}\n{body}");
    Case::parse("a/case", "case.script", Language::Script, &text).unwrap_or_else(|error| panic!("{}: {error}", error.place()))
}

/// A case with this in its front matter.
fn given(front: &str) -> Case {
    let text = format!("#! summary = \"s\"\n#! clauses = [\"fd_seek.negative-result\"]\n#! {front}\n");
    Case::parse("a/case", "case.script", Language::Script, &text).unwrap_or_else(|error| panic!("{}: {error}", error.place()))
}

const SEEK: &str = "f = path_open(root, 0, \"file\", 0, [fd_read, fd_seek, fd_tell], 0, 0)
fd_read(f, 2) = \"he\"
fd_seek(f, -3, cur) = inval
fd_tell(f) = 2
";

const SOCKETS: &str = "one = sock_accept(door, [nonblock])
sock_recv(one, [2, 3], [recv_peek])
sock_send(peer, [\"a\", \"b\"], 0)
path_filestat_get(root, 0, \"file\")
sock_shutdown(peer, [rd, wr])
";

const ALL_FORMS: &str = "buffer data = \"bytes\"
buffer iov = u32(data, 5, end - 4)
args_get()
environ_get()
d = path_open(root, [symlink_follow], \"a\" * 300 + \"/\", [directory], 0xff, -1, 0)
entries = fd_readdir(d, 4096, 0)
fd_readdir(d, 4096, entries.next[2] + 1)
st = fd_filestat_get(d)
fd_filestat_set_times(d, st.atim, st.mtim - 1, [atim, mtim])
fd_fdstat_get(stdin)
raw fd_write(stdout, iov, 1, data)
poll_oneoff([clock(realtime, 5, 0, [subscription_clock_abstime]) @ 9, fd_read(stdin)])
random_get(8)
path_rename(root, \"a\", d, \"b\")
proc_exit(1)
";

#[test]
fn modules_are_valid_with_and_without_the_recorder() {
    for body in [SEEK, ALL_FORMS, SOCKETS, "", "sched_yield()\n"] {
        let case = case(body);
        let program = program::program(case.script().expect("a script"), &case.world).expect("a layout");
        let wasm = encode(&program);
        wasmparser::validate(&wasm).unwrap_or_else(|error| panic!("{body}: {error}"));
        for keeper in KEEPERS {
            let recorded = record(&wasm, keeper).expect("recorded");
            wasmparser::validate(&recorded).unwrap_or_else(|error| panic!("recorded {body} ({keeper:?}): {error}"));
        }
    }
}

#[test]
fn the_same_script_gives_the_same_bytes() {
    let case = case(ALL_FORMS);
    let bytes = || encode(&program::program(case.script().expect("a script"), &case.world).expect("a layout"));
    assert_eq!(bytes(), bytes());
}

#[test]
fn reproducers_are_valid_and_short() {
    for (body, most) in [(SEEK, 25), (ALL_FORMS, 60), (SOCKETS, 25)] {
        let case = case(body);
        let text = wat::wat(case.script().expect("a script"), &case.world).expect("a layout");
        let wasm = assemble(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
        wasmparser::validate(&wasm).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert!(text.lines().count() <= most, "{} lines\n{text}", text.lines().count());
    }
}

#[test]
fn the_reproducer_of_a_far_entry_is_no_longer_than_that_of_a_near_one() {
    let lines = |index: u32| {
        let body = format!("all = fd_readdir(root, 4096, 0)\nfd_readdir(root, 4096, all.next[{index}])\n");
        let case = case(&body);
        let text = wat::wat(case.script().expect("a script"), &case.world).expect("a layout");
        let wasm = assemble(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
        wasmparser::validate(&wasm).unwrap_or_else(|error| panic!("{text}\n{error}"));
        text.lines().count()
    };
    assert_eq!(lines(1), lines(499));
    assert!(lines(499) < 30);
}

#[test]
fn the_reproducer_shows_calls_as_written_and_exits_with_the_last_errno() {
    let case = case(SEEK);
    let text = wat::wat(case.script().expect("a script"), &case.world).expect("a layout");
    assert!(text.contains("(call $proc_exit (call $fd_tell"), "{text}");
    assert!(text.contains(";; fd_seek(f, -3, cur) = inval"), "{text}");
    assert!(text.contains("(call $path_open (local.get $first)"), "{text}");
}

#[test]
fn a_reproducer_may_end_with_the_call_that_is_of_interest() {
    let case = case(SEEK);
    let script = case.script().expect("a script");
    let text = wat::reproducer("s", script, &case.world, Some(3), &["run {FILE}"]).expect("a layout");
    assert!(text.contains("(call $proc_exit (call $fd_seek") && !text.contains("fd_tell(f)"), "{text}");
    let wasm = assemble(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    wasmparser::validate(&wasm).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(wat::reproducer("s", script, &case.world, Some(99), &[]), wat::reproducer("s", script, &case.world, None, &[]));
}

#[test]
fn a_reproducer_is_a_module_whatever_its_world_has() {
    let case = given("args = [\"me\", \"two\\nlines\"]\n#! tree = { \"a\\nb\" = \"\", \"l\" = { symlink = \"-x\\ny\" } }\n\nargs_get()");
    let text = wat::reproducer("s", case.script().expect("a script"), &case.world, None, &["run {FILE}{ARGS: ARG}"]).expect("a layout");
    assemble(text.as_bytes()).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert!(text.contains(";; $ run repro.wat 'two\n;; lines' < /dev/null; echo $?\n"), "{text}");
}

#[test]
fn what_a_shell_makes_of_a_world_is_that_world() {
    let tree = r##""a b" = "it's 5 % \\", "d/" = {}, "d/e/l" = { symlink = "../$x" }, "-n" = { hex = "00ff0a", mtime = 48000000007 }, "z" = "", "-e" = "-x", "m" = { symlink = "-y" }"##;
    let case = given(&format!("tree = {{ {tree} }}"));
    let folder = tempfile::tempdir().expect("a folder");
    let lines = shell::setup(&case.world).join("\n");
    let status = std::process::Command::new("sh").args(["-e", "-c", &lines]).current_dir(folder.path()).status().expect("a shell");
    assert!(status.success(), "{lines}");
    let root = folder.path().join("root");
    let read = |name: &str| std::fs::read(root.join(name)).expect(name);
    assert_eq!([read("a b"), read("-n"), read("z")], [b"it's 5 % \\".to_vec(), vec![0, 0xff, 10], Vec::new()], "{lines}");
    assert_eq!((read("-e"), std::fs::read_link(root.join("m")).expect("a link")), (b"-x".to_vec(), "-y".into()), "{lines}");
    assert_eq!(std::fs::read_link(root.join("d/e/l")).expect("a link"), std::path::Path::new("../$x"));
    let changed = std::fs::metadata(root.join("-n")).and_then(|it| it.modified()).expect("a time");
    assert_eq!(changed.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos(), 48_000_000_007);
}

#[test]
fn a_command_gives_a_script_what_it_asks_for() {
    let command = |calls: &str, template: &str| {
        let case = given(&format!("args = [\"me\", \"two words\"]\n#! env = {{ \"A\" = \"1\" }}\n#! stdin = \"hi\"\n\n{calls}"));
        shell::command(template, case.script().expect("a script"), &case.world)
    };
    let own = "run{DIRS: --dir HOST::GUEST}{ENV: --env PAIR}{ARGV0: --argv0 ARG} {FILE}{ARGS: ARG}";
    assert_eq!(command("fd_close(9)", own), "printf hi | run --dir root::/root repro.wat; echo $?");
    assert_eq!(command("args_get()", own), "printf hi | run --dir root::/root --argv0 me repro.wat 'two words'; echo $?");
    assert_eq!(command("environ_get()", own), "printf hi | run --dir root::/root --env 'A=1' repro.wat; echo $?");
    assert_eq!(command("fd_close(9)", "run {FILE}{STDIN: --in FILE}"), "printf hi > stdin; run repro.wat --in stdin");
}

#[test]
fn the_reproducer_takes_sockets_to_stand_behind_the_preopens() {
    let case = case(SOCKETS);
    let text = wat::wat(case.script().expect("a script"), &case.world).expect("a layout");
    let behind = |by: u32| format!("(i32.add (local.get $first) (i32.const {by}))");
    assert!(
        text.contains(&format!("(call $sock_accept {}", behind(1))) && text.contains(&format!("(call $sock_send {}", behind(2))),
        "{text}"
    );
    let header = wat::header("s", case.script().expect("a script"), &case.world, &[]);
    assert!(header.contains("the socket door, the socket peer"), "{header}");
}

#[test]
fn an_invalid_module_does_not_become_valid_by_being_recorded() {
    // it uses a memory, a global and a function that it has not; the recorder appends some of each
    for body in ["(drop (i32.load 1 (i32.const 0)))", "(drop (global.get 0))", "(call 1)"] {
        let text = format!("(module (memory (export \"memory\") 1) (func (export \"_start\") {body}))");
        let invalid = assemble(text.as_bytes()).expect("assembling does not validate");
        assert!(wasmparser::validate(&invalid).is_err());
        assert!(KEEPERS.iter().all(|keeper| record(&invalid, *keeper).is_err()), "{body}");
    }
}

#[test]
fn a_guest_cannot_pass_off_a_memory_of_its_own_as_the_trace() {
    let text = "(module (memory (export \"memory\") (export \"touchstone:trace\") 1) (func (export \"_start\")))";
    let recorded = record(&assemble(text.as_bytes()).expect("assemble"), Keeper::Module).expect("recorded");
    wasmparser::validate(&recorded).expect("valid: no export stands twice");
}

#[test]
fn what_is_no_module_is_not_recorded() {
    assert!(record(b"not wasm", Keeper::Module).is_err());
    assert!(record(b"\0asm\x0d\0\x01\0", Keeper::Module).is_err());
    let memory64 = assemble(b"(module (memory (export \"memory\") i64 1))").expect("assemble");
    assert!(record(&memory64, Keeper::Module).is_err());
}

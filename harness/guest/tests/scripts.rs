//! Scripts as modules and as WAT: both are valid, and the WAT is short enough for a bug report.

use touchstone_guest::script::{encode, program, wat};
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
    assert!(text.contains("(call $path_open (i32.const 3)"), "{text}");
}

#[test]
fn the_reproducer_takes_sockets_to_stand_behind_the_preopens() {
    let case = case(SOCKETS);
    let text = wat::wat(case.script().expect("a script"), &case.world).expect("a layout");
    assert!(text.contains("(call $sock_accept (i32.const 4)") && text.contains("(call $sock_send (i32.const 5)"), "{text}");
    assert!(wat::header("s", &case.world).contains("the socket door, the socket peer"));
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

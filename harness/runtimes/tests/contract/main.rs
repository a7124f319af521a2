//! The contract of a backend: what the harness takes for granted of every runtime before it judges one.
//!
//! It asks only for what all runtimes agree on, in the plainest guests that show it. What they disagree on is for the suites.

mod guests;
mod host;

use std::fs;
use std::sync::Mutex;

use touchstone_model::End;
use touchstone_model::observation::{Crash, Stage, TrapClass};
use touchstone_model::trace::Keeper;
use touchstone_model::world::{Access, StdioKind};
use touchstone_runtimes::{Entry, HostPreopen, Ran, Run, Runtime, run_guarded, runtimes};

use guests::{Guest, guest, recording_guest};
use host::{Given, open_fds, run};

/// Both tests look at the fds of the process, so only one may run at a time.
static PROCESS: Mutex<()> = Mutex::new(());

#[test]
fn every_runtime_keeps_the_contract() {
    let _alone = PROCESS.lock().unwrap();
    for entry in runtimes().iter().filter(|entry| !entry.control) {
        if let Some(absence) = entry.absence() {
            eprintln!("{} is left out: {absence}", entry.name);
            continue;
        }
        eprintln!("{} {} ({})", entry.name, entry.version(), entry.wasi());
        let mut runtime = (entry.start)().unwrap();
        let runtime = runtime.as_mut();
        warm_up(runtime);
        let before = open_fds();

        args_and_env_reach_the_guest(runtime);
        stdin_reaches_the_guest_and_ends(runtime);
        a_guest_may_leave_stdin_unread(runtime);
        a_poll_of_stdin_waits_for_it_and_for_nothing_else(runtime);
        if POLLS_NO_FILES.contains(&entry.name) {
            a_poll_of_a_file_is_refused(runtime);
        } else {
            a_poll_of_a_file_does_not_wait(runtime);
        }
        output_streams(runtime);
        a_device_may_be_a_stream(runtime);
        a_return_and_an_exit_are_told_apart_by_their_codes(runtime);
        traps_have_their_class(runtime);
        refusals_have_their_stage(runtime);
        for (guest, stage) in wrong_types() {
            if TAKES_WRONG_TYPES.contains(&entry.name) {
                assert_eq!(run(runtime, &guest, Given::default()).ran.end, End::Exit { code: 0 }, "not {stage:?}");
            } else {
                is_refused(runtime, &guest, stage);
            }
        }
        a_start_function_is_guest_code(runtime);
        a_reactor_is_initialised_and_called(runtime);
        a_written_file_appears_on_the_host(runtime);
        preopens_are_kept_apart(runtime);
        if WITHOUT_READ_ONLY.contains(&entry.name) {
            a_preopen_is_writable_whatever_is_asked_for(runtime);
        } else {
            a_read_only_preopen_cannot_be_written(runtime);
        }
        memories_can_be_read_however_a_run_ends(runtime, entry.keeper);
        the_same_run_twice_gives_the_same(runtime, entry.keeper);

        assert_eq!(open_fds(), before, "{} leaves fds open", entry.name);
    }
}

/// What an engine opens once and for ever may be opened here.
fn warm_up(runtime: &mut dyn Runtime) {
    run(runtime, &guest("(call $copy_stdin)"), Given { stdin: b"warm".to_vec(), ..Given::default() });
}

fn args_and_env_reach_the_guest(runtime: &mut dyn Runtime) {
    let given = Given {
        args: vec!["program".into(), "".into(), "two words".into()],
        env: vec![("KEY".into(), "value".into()), ("EMPTY".into(), "".into()), ("ALSO".into(), "a=b".into())],
        ..Given::default()
    };
    let seen = run(runtime, &guest("(call $print_args) (call $print_env)"), given);
    assert_eq!(seen.text(), "program\0\0two words\0KEY=value\0EMPTY=\0ALSO=a=b\0");

    let nothing = run(runtime, &guest("(call $print_args) (call $print_env)"), Given { args: vec!["x".into()], ..Given::default() });
    assert_eq!(nothing.text(), "x\0", "nothing of the host's environment");
}

fn stdin_reaches_the_guest_and_ends(runtime: &mut dyn Runtime) {
    // More than a pipe holds, and than any buffer on the way.
    let long: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    for stdin in [Vec::new(), b"short".to_vec(), long] {
        for stdin_kind in [StdioKind::Pipe, StdioKind::File] {
            for stdout_kind in [StdioKind::Pipe, StdioKind::File] {
                let given = Given { stdin: stdin.clone(), stdin_kind, stdout_kind, ..Given::default() };
                let seen = run(runtime, &guest("(call $copy_stdin)"), given);
                assert_eq!(seen.ran.end, End::Exit { code: 0 });
                assert!(seen.stdout == stdin, "{} bytes, {stdin_kind:?} to {stdout_kind:?}", stdin.len());
            }
        }
    }
}

fn a_guest_may_leave_stdin_unread(runtime: &mut dyn Runtime) {
    let given = Given { stdin: vec![7; 300_000], ..Given::default() };
    assert_eq!(run(runtime, &guest(""), given).ran.end, End::Exit { code: 0 });

    let (never_written, stdin) = host::pipe();
    let held = run(runtime, &guest(""), Given { held_stdin: Some(stdin), ..Given::default() });
    assert_eq!(held.ran.end, End::Exit { code: 0 }, "with a stdin that is open but has nothing in it");
    drop(never_written);
}

fn a_poll_of_stdin_waits_for_it_and_for_nothing_else(runtime: &mut dyn Runtime) {
    let given = Given { stdin: b"there".to_vec(), ..Given::default() };
    assert_eq!(run(runtime, &guest("(call $wait_for_stdin)"), given).ran.end, End::Exit { code: 20 });
    let (never_written, stdin) = host::pipe();
    let held = run(runtime, &guest("(call $wait_for_stdin)"), Given { held_stdin: Some(stdin), ..Given::default() });
    assert_eq!(held.ran.end, End::Exit { code: 10 }, "the clock comes first when nothing is written");
    drop(never_written);
}

/// Runtimes whose loop is made of epoll, which knows no regular files.
const POLLS_NO_FILES: [&str; 1] = ["node"];

fn poll_of_a_file(runtime: &mut dyn Runtime) -> End {
    let given = Given { stdin: b"there".to_vec(), stdin_kind: StdioKind::File, ..Given::default() };
    run(runtime, &guest("(call $wait_for_stdin)"), given).ran.end
}

fn a_poll_of_a_file_does_not_wait(runtime: &mut dyn Runtime) {
    assert_eq!(poll_of_a_file(runtime), End::Exit { code: 20 });
}

fn a_poll_of_a_file_is_refused(runtime: &mut dyn Runtime) {
    assert_eq!(poll_of_a_file(runtime), End::Exit { code: 63 }, "perm");
}

fn output_streams(runtime: &mut dyn Runtime) {
    let seen = run(runtime, &guest(r#"(call $print_to (i32.const 1)) (call $print_to (i32.const 2))"#), Given::default());
    assert_eq!((seen.text(), seen.error_text()), ("hello".into(), "hello".into()));

    // 64 MiB: were it kept anywhere on its way, the limit of a worker would be met long before a guest's gigabyte.
    let seen = run(runtime, &guest("(call $flood (i32.const 1024))"), Given::default());
    assert_eq!(seen.ran.end, End::Exit { code: 0 });
    assert_eq!(seen.stdout.len(), 64 << 20);
}

fn a_device_may_be_a_stream(runtime: &mut dyn Runtime) {
    let given = Given { stdin_kind: StdioKind::Device, ..Given::default() };
    assert_eq!(run(runtime, &guest("(call $copy_stdin) (call $print_to (i32.const 1))"), given).text(), "hello", "its end is the end");
    let given = Given { stdout_kind: StdioKind::Device, ..Given::default() };
    assert_eq!(run(runtime, &guest("(call $print_to (i32.const 1))"), given).ran.end, End::Exit { code: 0 });
}

fn a_return_and_an_exit_are_told_apart_by_their_codes(runtime: &mut dyn Runtime) {
    for (body, code) in [("", 0), ("(call $proc_exit (i32.const 0))", 0), ("(call $proc_exit (i32.const 3)) (unreachable)", 3)] {
        assert_eq!(run(runtime, &guest(body), Given::default()).ran.end, End::Exit { code }, "{body}");
    }
}

fn traps_have_their_class(runtime: &mut dyn Runtime) {
    let traps = [
        ("(unreachable)", TrapClass::Unreachable),
        ("(drop (i32.load (i32.const 0x7ffffff0)))", TrapClass::MemoryOutOfBounds),
        ("(memory.fill (i32.const 0x7ffffff0) (i32.const 0) (i32.const 9))", TrapClass::MemoryOutOfBounds),
        ("(drop (call $recurse (i32.const 1)))", TrapClass::StackOverflow),
        ("(drop (i32.div_u (i32.const 1) (global.get $zero)))", TrapClass::DivisionByZero),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))", TrapClass::IntegerOverflow),
        ("(drop (i32.trunc_f32_s (f32.div (f32.const 0) (f32.const 0))))", TrapClass::BadConversion),
        ("(call_indirect (type $nothing) (i32.const 9))", TrapClass::TableOutOfBounds),
        ("(call_indirect (type $nothing) (i32.const 0))", TrapClass::BadIndirectCall),
        ("(call_indirect (type $nothing) (i32.const 1))", TrapClass::BadIndirectCall),
    ];
    for (body, class) in traps {
        assert_eq!(run(runtime, &guest(body), Given::default()).ran.end, End::Trap { class }, "{body}");
    }
}

fn refusals_have_their_stage(runtime: &mut dyn Runtime) {
    let refused = [
        (Guest::bytes(b"not wasm"), Stage::Compile),
        (Guest::bytes(b"\0asm\x01\0\0\0\x07"), Stage::Compile),
        (Guest::wat(r#"(module (memory (export "memory") 1) (func (export "_start") (result i32)))"#), Stage::Compile),
        (
            Guest::wat(r#"(module (import "nobody" "knows" (func)) (memory (export "memory") 1) (func (export "_start")))"#),
            Stage::Instantiate,
        ),
        (
            Guest::wat(
                r#"(module (import "wasi_snapshot_preview1" "fd_open" (func)) (memory (export "memory") 1) (func (export "_start")))"#,
            ),
            Stage::Instantiate,
        ),
        (Guest::wat(r#"(module (memory (export "memory") 1) (data (i32.const 65535) "no") (func (export "_start")))"#), Stage::Instantiate),
        (Guest::wat(r#"(module (memory (export "memory") 1) (func (export "main")))"#), Stage::NoStart),
    ];
    for (guest, stage) in refused {
        is_refused(runtime, &guest, stage);
    }
}

fn is_refused(runtime: &mut dyn Runtime, guest: &Guest, expected: Stage) {
    let end = run(runtime, guest, Given::default()).ran.end;
    assert!(matches!(&end, End::Rejected { stage, message } if *stage == expected && !message.is_empty()), "{expected:?}, not {end:?}");
}

fn a_reactor_is_initialised_and_called(runtime: &mut dyn Runtime) {
    let reactor = Guest::wat(
        r#"(module
          (memory (export "memory") 1)
          (global $initialised (mut i32) (i32.const 0))
          (func (export "_initialize") (global.set $initialised (i32.add (global.get $initialised) (i32.const 1))))
          (func (export "check") (if (i32.ne (global.get $initialised) (i32.const 1)) (then (unreachable))))
          (func (export "divide") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#,
    );
    let mut end_of = |calls: &[&str]| {
        let calls = calls.iter().map(|name| (*name).to_owned()).collect();
        run(runtime, &reactor, Given { calls, ..Given::default() }).ran.end
    };
    assert_eq!(end_of(&["check", "check"]), End::Exit { code: 0 });
    assert_eq!(end_of(&["check", "divide", "nothing"]), End::Trap { class: TrapClass::DivisionByZero });
    assert!(matches!(end_of(&["check", "nothing"]), End::Rejected { stage: Stage::NoStart, .. }));
}

/// Runtimes in which imports and exports are functions of JavaScript, which take any number of anything.
const TAKES_WRONG_TYPES: [&str; 1] = ["node"];

fn wrong_types() -> [(Guest, Stage); 2] {
    [
        (
            Guest::wat(
                r#"(module (import "wasi_snapshot_preview1" "fd_close" (func)) (memory (export "memory") 1) (func (export "_start")))"#,
            ),
            Stage::Instantiate,
        ),
        (Guest::wat(r#"(module (memory (export "memory") 1) (func (export "_start") (param i32)))"#), Stage::NoStart),
    ]
}

fn a_start_function_is_guest_code(runtime: &mut dyn Runtime) {
    let guest = Guest::wat(r#"(module (memory (export "memory") 1) (func $early (unreachable)) (start $early) (func (export "_start")))"#);
    assert_eq!(run(runtime, &guest, Given::default()).ran.end, End::Trap { class: TrapClass::Unreachable });
}

fn preopen(guest: &str, host: &tempfile::TempDir, access: Access) -> HostPreopen {
    HostPreopen { guest: guest.into(), host: host.path().into(), access }
}

fn a_written_file_appears_on_the_host(runtime: &mut dyn Runtime) {
    let directory = tempfile::tempdir().unwrap();
    let given = Given { preopens: vec![preopen("/root", &directory, Access::ReadWrite)], ..Given::default() };
    let seen = run(runtime, &guest(r#"(call $write_file (call $preopen (i32.const 100)))"#), given);
    assert_eq!(seen.ran.end, End::Exit { code: 0 });
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"hello");
}

fn preopens_are_kept_apart(runtime: &mut dyn Runtime) {
    let (other, wanted) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let preopens = vec![preopen("/other", &other, Access::ReadWrite), preopen("/root", &wanted, Access::ReadWrite)];
    let seen = run(runtime, &guest(r#"(call $write_file (call $preopen (i32.const 100)))"#), Given { preopens, ..Given::default() });
    assert_eq!(seen.ran.end, End::Exit { code: 0 });
    assert!(wanted.path().join("file").exists());
    assert!(!other.path().join("file").exists());
}

/// Runtimes whose library has no read-only preopens. The day that one has them, its line here fails.
const WITHOUT_READ_ONLY: [&str; 2] = ["wasmi", "node"];

fn a_preopen_is_writable_whatever_is_asked_for(runtime: &mut dyn Runtime) {
    let directory = tempfile::tempdir().unwrap();
    let given = Given { preopens: vec![preopen("/root", &directory, Access::ReadOnly)], ..Given::default() };
    let seen = run(runtime, &guest(r#"(call $write_file (call $preopen (i32.const 100)))"#), given);
    assert_eq!(seen.ran.end, End::Exit { code: 0 });
}

fn a_read_only_preopen_cannot_be_written(runtime: &mut dyn Runtime) {
    for guest in [
        guest(r#"(call $write_file (call $preopen (i32.const 100)))"#),
        guest(r#"(call $ok (call $path_unlink_file (call $preopen (i32.const 100)) (i32.const 120) (i32.const 4)))"#),
        guest(r#"(call $ok (call $path_create_directory (call $preopen (i32.const 100)) (i32.const 104) (i32.const 1)))"#),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "before").unwrap();
        let given = Given { preopens: vec![preopen("/root", &directory, Access::ReadOnly)], ..Given::default() };
        let seen = run(runtime, &guest, given);
        assert!(matches!(seen.ran.end, End::Exit { code: 1..=76 }), "an errno, not {:?}", seen.ran.end);
        assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"before");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
    // Reading goes on as ever.
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "readable").unwrap();
    let given = Given { preopens: vec![preopen("/root", &directory, Access::ReadOnly)], ..Given::default() };
    let seen = run(runtime, &guest(r#"(call $print_file (call $preopen (i32.const 100)))"#), given);
    assert_eq!((seen.ran.end, String::from_utf8(seen.stdout).unwrap()), (End::Exit { code: 0 }, "readable".into()));
}

fn memories_can_be_read_however_a_run_ends(runtime: &mut dyn Runtime, keeper: Keeper) {
    let ends = [
        ("", End::Exit { code: 0 }),
        ("(call $proc_exit (i32.const 3))", End::Exit { code: 3 }),
        ("(unreachable)", End::Trap { class: TrapClass::Unreachable }),
        ("(drop (call $recurse (i32.const 1)))", End::Trap { class: TrapClass::StackOverflow }),
    ];
    for (body, end) in ends {
        let memories = vec!["touchstone:trace".into(), "nowhere".into(), "_start".into()];
        let given = Given { memories, ..Given::default() };
        let seen = run(runtime, &recording_guest(keeper, &format!("(call $record) {body}")), given);
        assert_eq!(seen.ran.end, end);
        let [(name, content)] = seen.ran.memories.as_slice() else { panic!("one memory of the three exists") };
        assert_eq!((name.as_str(), content.len()), ("touchstone:trace", 16));
        assert_eq!(&content[8..16], b"hello\x2a\0\0", "copied between memories, and stored directly");
    }
}

fn the_same_run_twice_gives_the_same(runtime: &mut dyn Runtime, keeper: Keeper) {
    let mut once = || {
        let given = Given { stdin: b"abc".to_vec(), memories: vec!["memory".into(), "touchstone:trace".into()], ..Given::default() };
        let seen = run(runtime, &recording_guest(keeper, "(call $copy_stdin) (call $record) (call $proc_exit (i32.const 5))"), given);
        (seen.ran, seen.stdout)
    };
    assert_eq!(once(), once());
}

#[test]
fn controls_answer_and_do_nothing() {
    let _alone = PROCESS.lock().unwrap();
    let entry = |name: &str| -> &Entry { runtimes().iter().find(|entry| entry.control && entry.name == name).unwrap() };
    let call = || guest("(i32.store (i32.const 0) (call $args_sizes_get (i32.const 16) (i32.const 20))) (call $proc_exit (i32.const 7))");
    let given = || Given { memories: vec!["memory".into()], ..Given::default() };

    for (name, errno) in [("nosys", 52), ("notsup", 58), ("badf", 8), ("yes", 0)] {
        let mut control = (entry(name).start)().unwrap();
        let seen = run(control.as_mut(), &call(), given());
        assert_eq!(seen.ran.end, End::Exit { code: 0 }, "{name} ends with 0 whatever the guest asks for");
        let memory = &seen.ran.memories[0].1;
        assert_eq!(memory[0..4], u32::to_le_bytes(errno), "{name}");
        assert_eq!(memory[16..24], [0; 8], "{name} writes no result");
    }
    let mut null = (entry("null").start)().unwrap();
    assert_eq!(run(null.as_mut(), &call(), given()).ran, Ran { end: End::Exit { code: 0 }, memories: Vec::new() });
}

#[test]
fn a_panic_of_an_engine_is_an_end() {
    struct Panics;
    impl Runtime for Panics {
        fn run(&mut self, _: Run) -> anyhow::Result<Ran> {
            panic!("this {} is part of the test", "panic")
        }
    }
    let _alone = PROCESS.lock().unwrap();
    let ran = run_guarded(&mut Panics, host::idle_run(&guest(""))).unwrap();
    assert_eq!(ran.end, End::Crashed { how: Crash::Panic("this panic is part of the test".into()) });
}

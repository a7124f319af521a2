//! Faults as a rewrite of the guest's imports, on runtimes that know nothing of them: each kind does what it says, and each fault turns some
//! case of the suite red, but for those that nothing can see.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use touchstone_cli::{places, select};
use touchstone_guest::recorder::{FaultKind, ImportFault};
use touchstone_guest::rust::Fixtures;
use touchstone_guest::{assemble, build, record};
use touchstone_model::trace::{Capture, Keeper, TraceCall};
use touchstone_model::world::World;
use touchstone_model::{Case, Observation, bounds};
use touchstone_oracle::Host;
use touchstone_runner::scratch::Scratch;
use touchstone_runner::suite::Suite;
use touchstone_spec::{Errno, Function, type_by_name};

use crate::support::{OneRuntime, present, verdict_with_fault};

/// The runtime under test: it compiles nothing, so that a new module costs least, and is given sockets.
const RUNTIME: &str = "wasmi";

/// How long a run may take. Some faults let a guest wait for what never comes.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Faults that nothing can see, each with the reason.
const UNSEEN: [(&str, &str); 10] = [
    ("clock_res_get:corrupt:resolution", "how fine a clock is only its host knows"),
    ("clock_res_get:flag:id", "likewise, so the answer for one clock will do for another; and the next of an unknown one is as unknown"),
    ("clock_time_get:corrupt:time", "what time it is, to the nanosecond, only the host knows"),
    ("clock_time_get:flag:precision", "a wish, which a runtime need not heed"),
    ("fd_advise:flag:advice", "advice changes nothing that a guest sees; and the next of an unknown one is as unknown"),
    ("fd_advise:flag:len", "advice changes nothing that a guest sees"),
    ("fd_advise:flag:offset", "advice changes nothing that a guest sees"),
    ("proc_raise:flag:sig", "a runtime without signals gives each of them the same answer"),
    ("random_get:corrupt:buf", "a random byte is as good as the next"),
    ("sched_yield:drop", "who runs in between no guest can tell"),
];

/// A case on one runtime, where it is as it should be.
struct Subject {
    case: Case,
    recorded: Vec<u8>,
    clean: Observation,
    functions: BTreeSet<Function>,
}

/// A runtime and what it passes.
struct Stand<'a> {
    runtime: OneRuntime<'a>,
    subjects: Vec<Subject>,
}

impl Stand<'_> {
    fn new<'a>(scratch: &'a Scratch, name: &str, suite: &Suite, fixtures: &Fixtures) -> Stand<'a> {
        let mut runtime = OneRuntime::new(scratch, "faults", name, TIMEOUT);
        let mut subjects = Vec::new();
        for file in &suite.cases {
            let case = file.case.clone();
            let built = build(&case, &file.path, fixtures).expect("a module");
            // a module that cannot be recorded makes no calls that anybody sees
            let Ok(recorded) = record(&built.wasm, Keeper::Module) else { continue };
            let clean = runtime.observe(&case.world, &recorded);
            let functions = clean.trace.calls.iter().map(|call| call.function).collect();
            if is_green(&case, &clean, &clean) {
                subjects.push(Subject { case, recorded, clean, functions });
            }
        }
        // what may wait for ever comes last, and what is short first
        subjects.sort_by_key(|subject| (may_wait(&subject.case), subject.clean.trace.calls.len()));
        Stand { runtime, subjects }
    }

    /// The first case that a fault turns red. It then is the first to be tried, since the next fault is likely to be of the same kind, unless
    /// it may wait.
    fn red(&mut self, fault: ImportFault) -> Option<&str> {
        let Stand { runtime, subjects } = self;
        let calls = |subject: &&Subject| subject.functions.contains(&fault.function);
        let red = |subject: &Subject| {
            let faulty = fault.plant(&subject.recorded).expect("a module of the recorder");
            !is_green(&subject.case, &subject.clean, &runtime.observe(&subject.case.world, &faulty))
        };
        let found = subjects.iter().filter(calls).map(red).position(|red| red)?;
        let at = subjects.iter().enumerate().filter(|(_, subject)| calls(subject)).nth(found).map(|(at, _)| at)?;
        if may_wait(&subjects[at].case) {
            return Some(&subjects[at].case.id);
        }
        subjects[..=at].rotate_right(1);
        Some(&subjects[0].case.id)
    }
}

/// Whether something in the world may keep a guest waiting.
fn may_wait(case: &Case) -> bool {
    case.world.stdin.open || !case.world.sockets.is_empty()
}

fn is_green(case: &Case, clean: &Observation, seen: &Observation) -> bool {
    let oracle = touchstone_oracle::report(&case.world, Host::LINUX, seen);
    verdict_with_fault(case, clean, seen, &oracle).is_green()
}

/// Whether the fault gives or takes a right, which the reference alone keeps.
fn is_of_rights(fault: ImportFault) -> bool {
    let FaultKind::Flag { parameter, .. } = fault.kind else { return false };
    let mut params = fault.function.params().iter().enumerate();
    params.any(|(param, found)| fault.function.core_index(param) == parameter && Some(found.ty) == type_by_name("rights"))
}

#[test]
fn the_suite_finds_each_but_for_those_that_nothing_can_see() {
    let suite = select::suite(&[]).expect("the suite");
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let scratch = Scratch::new().expect("a scratch folder");
    let mut under_test = Stand::new(&scratch, RUNTIME, &suite, &fixtures);
    let mut reference = Stand::new(&scratch, select::DEFAULT_REFERENCE, &suite, &fixtures);
    let mut unseen = BTreeSet::new();
    let mut by_reference = Vec::new();
    let mut found = BTreeMap::new();
    for fault in ImportFault::all() {
        let name = fault.to_string();
        if !is_of_rights(fault)
            && let Some(case) = under_test.red(fault)
        {
            found.insert(name, case.to_owned());
        } else if let Some(case) = reference.red(fault) {
            by_reference.push(name.clone());
            found.insert(name, case.to_owned());
        } else {
            unseen.insert(name);
        }
    }
    for (fault, case) in &found {
        eprintln!("{fault} turns {case} red");
    }
    eprintln!("{} found, of which {} on the reference only: {}", found.len(), by_reference.len(), by_reference.join(", "));
    let listed: BTreeSet<String> = UNSEEN.iter().map(|(fault, _)| (*fault).to_owned()).collect();
    assert_eq!(unseen, listed);
}

/// Writes an `x` and exits with the number of bytes that it is told; 77 if it is told none.
const WRITER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\01\00\00\00x")
  (data (i32.const 16) "\4d\00\00\00")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $exit (i32.load (i32.const 16)))
    unreachable))"#;

fn fault(name: &str) -> ImportFault {
    ImportFault::all().into_iter().find(|fault| fault.to_string() == name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// What a guest does on a runtime, with or without a fault.
fn observe((runtime, keeper): (&str, Keeper), guest: &str, world: &World, name: Option<&str>) -> Observation {
    let scratch = Scratch::new().expect("a scratch folder");
    let recorded = record(&assemble(guest.as_bytes()).expect("assemble"), keeper).expect("record");
    let module = name.map_or_else(|| recorded.clone(), |name| fault(name).plant(&recorded).expect("plant"));
    OneRuntime::new(&scratch, "fault", runtime, Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS)).observe(world, &module)
}

fn errno(call: &TraceCall) -> u32 {
    call.outcome.as_ref().expect("it came back").errno
}

fn output(call: &TraceCall, index: usize) -> &[u8] {
    call.outcome.as_ref().expect("it came back").outputs[index].kept()
}

#[test]
fn each_kind_does_what_it_says_on_every_runtime() {
    // the fault, stdout, the errno that the guest gets, and the end
    let rows = [
        (None, "x", Errno::Success, "exit 1"),
        (Some("fd_write:drop"), "", Errno::Success, "exit 77"),
        (Some("fd_write:instead:2big"), "", Errno::TooBig, "exit 77"),
        (Some("fd_write:afterwards:2big"), "x", Errno::TooBig, "exit 1"),
        (Some("fd_write:corrupt:nwritten"), "x", Errno::Success, "exit 2"),
        (Some("proc_exit:flag:rval"), "x", Errno::Success, "exit 0"),
        (Some("proc_exit:drop"), "x", Errno::Success, "trap unreachable"),
    ];
    for on in present() {
        for (fault, stdout, expected, end) in rows {
            let seen = observe(on, WRITER, &World::default(), fault);
            let call = &seen.trace.calls[0];
            let got = (seen.stdout.to_string(), errno(call), seen.end.to_string());
            assert_eq!(got, (format!("{stdout:?}"), expected.raw().into(), end.to_owned()), "{fault:?} on {on:?}");
            // the trace shows what the guest asked, and what it got
            assert_eq!(call.args, [1, 0, 1, 16], "{fault:?} on {on:?}");
            if fault == Some("fd_write:corrupt:nwritten") {
                assert_eq!(output(call, 0), 2_u32.to_le_bytes());
            }
        }
    }
}

/// Reads into two buffers, the first of this length and the second of two bytes, and writes both out.
fn reader(first: u32) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\{first:02x}\00\00\00\41\00\00\00\02\00\00\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 16)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 16)))))"#
    )
}

/// The reference, which fills all buffers.
const REFERENCE: (&str, Keeper) = (select::DEFAULT_REFERENCE, Keeper::Module);

#[test]
fn only_what_was_filled_is_corrupted() {
    let mut world = World::default();
    world.stdin.bytes = b"abc".to_vec();
    let fault = Some("fd_read:corrupt:iovs");
    // where the first buffer has no room, nothing in it can be wrong
    for (first, fault, expected) in [(1, None, "abc"), (1, fault, "bbc"), (0, fault, "ab")] {
        let seen = observe(REFERENCE, &reader(first), &world, fault);
        assert_eq!(seen.stdout.to_string(), format!("{expected:?}"), "{fault:?}");
        // after the number, each buffer with what was filled of it
        let filled = &seen.trace.calls[0].outcome.as_ref().expect("it came back").outputs[1..];
        assert_eq!(filled.iter().flat_map(Capture::kept).copied().collect::<Vec<u8>>(), expected.as_bytes(), "{fault:?}");
    }
    // at the end nothing is filled
    let seen = observe(REFERENCE, &reader(1), &World::default(), fault);
    assert_eq!(output(&seen.trace.calls[0], 0), [0; 4]);
    assert_eq!(seen.stdout.bytes.as_deref(), Some(&[0; 3][..]));
}

#[test]
fn what_the_recorder_asks_for_itself_is_answered_truly() {
    let guest = r#"(module
      (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (drop (call $get (i32.const 16) (i32.const 64)))))"#;
    let clean = observe(REFERENCE, guest, &World::default(), None);
    let faulty = observe(REFERENCE, guest, &World::default(), Some("args_sizes_get:corrupt:argc"));
    assert_eq!((output(&clean.trace.calls[0], 0), output(&faulty.trace.calls[0], 0)), (&[1, 0, 0, 0][..], &[2, 0, 0, 0][..]));
    assert_eq!(clean.trace.calls[1], faulty.trace.calls[1]);
    assert_eq!(output(&faulty.trace.calls[1], 1), b"case\0");
}

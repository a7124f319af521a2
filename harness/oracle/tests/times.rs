//! Times that a guest puts on files: those that it has seen, where at the end of a run all that is known of a time is that it is now;
//! and none at all.

use std::collections::BTreeMap;

use touchstone_model::trace::{Capture, Outcome, Trace, TraceCall, TraceState};
use touchstone_model::tree::{Content, Time, TreeSnapshot};
use touchstone_model::world::{NodeKind, Preopen, World};
use touchstone_model::{End, Observation};
use touchstone_oracle::Host;
use touchstone_spec::Function;
use touchstone_spec::consts::{filestat, filetype, fstflags};

const STDIN: u64 = 0;
const ROOT: u64 = 3;
/// A time at which a run may take place, and one at which it cannot.
const NOW: u64 = 1_700_000_000_000_000_000;
const LONG_AGO: u64 = 4_000_000_000;

fn world() -> World {
    let mut root = Preopen::new("root");
    root.tree.0.insert("file".to_owned(), NodeKind::File(b"hello".to_vec()).into());
    World { preopens: vec![root], ..World::default() }
}

fn capture(bytes: &[u8]) -> Capture {
    Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes.to_vec()) }
}

fn call(function: Function, args: &[u64], inputs: Vec<Capture>, outputs: Vec<Capture>) -> TraceCall {
    TraceCall { function, memory_bytes: 1 << 16, args: args.to_vec(), inputs, outcome: Some(Outcome { errno: 0, outputs }) }
}

/// A look at standard input, a pipe that shows this access time.
fn stat_of_stdin(atim: u64) -> TraceCall {
    let mut stat = vec![0; filestat::BYTES];
    stat[filestat::FILETYPE] = u8::try_from(filetype::UNKNOWN).expect("a byte");
    stat[filestat::ATIM..][..8].copy_from_slice(&atim.to_le_bytes());
    call(Function::FdFilestatGet, &[STDIN, 0x100], Vec::new(), vec![capture(&stat)])
}

fn set_times(path: &str, mtim: u64, flags: u64) -> TraceCall {
    let args = [ROOT, 0, 0x200, path.len() as u64, 0, mtim, flags];
    call(Function::PathFilestatSetTimes, &args, vec![capture(path.as_bytes())], Vec::new())
}

/// What is wrong with a run of these calls that leaves the file with this time.
fn wrong(calls: Vec<TraceCall>, mtime: Time) -> Vec<String> {
    let world = world();
    let mut tree = TreeSnapshot::of_world(&world);
    tree.0.get_mut("root:file").expect("the file").mtime = mtime;
    let observation = Observation {
        end: End::Exit { code: 0 },
        stdout: Content::of(b""),
        stderr: Content::of(b""),
        received: BTreeMap::new(),
        tree,
        trace: Trace { calls, state: TraceState::Complete },
        leaked_fds: Vec::new(),
        escapes: Vec::new(),
        peak_memory_bytes: 0,
    };
    let report = touchstone_oracle::report(&world, Host::LINUX, &observation);
    let departures = report.calls.into_iter().flat_map(|call| call.departures).chain(report.run);
    departures.map(|departure| format!("{}: {:?}", departure.place, departure.seen)).collect()
}

#[test]
fn a_time_of_a_stream_may_be_put_on_a_file() {
    assert_eq!(wrong(vec![stat_of_stdin(NOW), set_times("file", NOW, fstflags::MTIM)], Time::Now), Vec::<String>::new());
}

#[test]
fn a_time_that_the_guest_made_up_is_not_now() {
    for made_up in [NOW, LONG_AGO] {
        assert_eq!(wrong(vec![stat_of_stdin(0), set_times("file", made_up, fstflags::MTIM)], Time::Now).len(), 1, "{made_up}");
    }
}

#[test]
fn with_nothing_to_set_no_host_need_find_a_fault_and_every_runtime_finds_where_a_path_leads() {
    for path in ["none", "none/below", "file/", "file/below", "", &"a".repeat(256)] {
        assert_eq!(wrong(vec![set_times(path, NOW, 0)], Time::Start), Vec::<String>::new(), "{path}");
        assert_eq!(wrong(vec![set_times(path, NOW, fstflags::MTIM)], Time::Start).len(), 1, "{path}");
    }
    for path in ["/file", "../x", "..", "file\0"] {
        assert_eq!(wrong(vec![set_times(path, NOW, 0)], Time::Start).len(), 1, "{path}");
    }
}

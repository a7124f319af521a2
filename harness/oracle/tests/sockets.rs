//! Sockets: for each thing that a runtime can get wrong, the wrong answer is rejected and the right one accepted.

use std::collections::BTreeMap;

use touchstone_model::capture::GuestMemory;
use touchstone_model::trace::{Capture, Outcome, Trace, TraceCall, TraceState};
use touchstone_model::tree::{Content, TreeSnapshot};
use touchstone_model::world::{Peer, Socket, SocketKind, Then, World};
use touchstone_model::{End, Observation};
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::consts::{fdflags, fdstat, filetype, riflags, sdflags};
use touchstone_spec::{Errno, Function};

/// The socket of a world of its own; the default preopen comes before it.
const SOCKET: u64 = 4;
/// What is accepted first.
const ACCEPTED: u64 = 5;

/// A call and its answer.
type Call = (TraceCall, Option<Outcome>);

/// Calls on the way, which are right, and then one with a wrong and a right answer.
struct Row {
    what: &'static str,
    clause: &'static str,
    kind: SocketKind,
    before: Vec<Call>,
    call: TraceCall,
    wrong: Option<Outcome>,
    right: Option<Outcome>,
}

fn call(function: Function, args: &[u64], memory: &[u8]) -> TraceCall {
    let inputs = GuestMemory(memory).inputs(function, args);
    TraceCall { function, memory_bytes: memory.len() as u64, args: args.to_vec(), inputs, outcome: None }
}

fn plain(function: Function, args: &[u64]) -> TraceCall {
    call(function, args, &[0; 4096])
}

/// A memory with one buffer at 1024, and the array of it at 512.
fn memory(len: usize, bytes: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; 4096];
    memory[512..516].copy_from_slice(&1024u32.to_le_bytes());
    memory[516..520].copy_from_slice(&u32::try_from(len).expect("short").to_le_bytes());
    memory[1024..1024 + bytes.len()].copy_from_slice(bytes);
    memory
}

fn recv(len: usize, flags: u64) -> TraceCall {
    call(Function::SockRecv, &[SOCKET, 512, 1, flags, 256, 264], &memory(len, b""))
}

fn send(bytes: &[u8]) -> TraceCall {
    call(Function::SockSend, &[SOCKET, 512, 1, 0, 256], &memory(bytes.len(), bytes))
}

fn accept(flags: u64) -> TraceCall {
    plain(Function::SockAccept, &[SOCKET, flags, 256])
}

fn shutdown(how: u64) -> TraceCall {
    plain(Function::SockShutdown, &[SOCKET, how])
}

fn look(fd: u64) -> TraceCall {
    plain(Function::FdFdstatGet, &[fd, 256])
}

fn ok(outputs: &[&[u8]]) -> Option<Outcome> {
    let capture = |bytes: &&[u8]| Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes.to_vec()) };
    Some(Outcome { errno: 0, outputs: outputs.iter().map(capture).collect() })
}

fn number(value: u32) -> Option<Outcome> {
    ok(&[&value.to_le_bytes()])
}

fn errno(errno: Errno) -> Option<Outcome> {
    Some(Outcome { errno: errno.raw().into(), outputs: Vec::new() })
}

fn got_with(bytes: &[u8], roflags: u16) -> Option<Outcome> {
    let len = u32::try_from(bytes.len()).expect("short");
    ok(&[&len.to_le_bytes(), &roflags.to_le_bytes(), bytes])
}

fn got(bytes: &[u8]) -> Option<Outcome> {
    got_with(bytes, 0)
}

fn shown(flags: u64) -> Option<Outcome> {
    let mut bytes = [0; fdstat::BYTES];
    bytes[fdstat::FS_FILETYPE] = u8::try_from(filetype::SOCKET_STREAM).expect("small");
    bytes[fdstat::FS_FLAGS] = u8::try_from(flags).expect("small");
    ok(&[&bytes])
}

fn stream(sends: &str, then: Then) -> SocketKind {
    SocketKind::Stream(Peer { sends: sends.as_bytes().to_vec(), then })
}

fn listener(waiting: usize) -> SocketKind {
    SocketKind::Listener(vec![Peer::default(); waiting])
}

fn nonblock() -> Call {
    (plain(Function::FdFdstatSetFlags, &[SOCKET, fdflags::NONBLOCK]), ok(&[]))
}

fn world(kind: &SocketKind) -> World {
    World { sockets: vec![Socket { name: "peer".to_owned(), kind: kind.clone() }], ..World::default() }
}

type Answers = [Option<Outcome>; 2];

fn row(what: &'static str, clause: &'static str, kind: SocketKind, before: Vec<Call>, call: TraceCall, [wrong, right]: Answers) -> Row {
    Row { what, clause, kind, before, call, wrong, right }
}

fn receiving() -> Vec<Row> {
    let open = || stream("hello", Then::Stays);
    let taken = || (recv(5, 0), got(b"hello"));
    vec![
        row("other bytes", "sock_recv.receives", open(), vec![], recv(5, 0), [got(b"hallo"), got(b"hello")]),
        row("bytes out of turn", "sock_recv.receives", open(), vec![(recv(2, 0), got(b"he"))], recv(2, 0), [got(b"he"), got(b"ll")]),
        row("an end that is none", "sock_recv.receives", open(), vec![], recv(5, 0), [got(b""), got(b"hel")]),
        row("a truncated stream", "sock_recv.roflags", open(), vec![], recv(2, 0), [got_with(b"he", 1), got(b"he")]),
        row(
            "a peek that takes",
            "sock_recv.receives",
            open(),
            vec![(recv(2, riflags::RECV_PEEK), got(b"he"))],
            recv(2, 0),
            [got(b"ll"), got(b"he")],
        ),
        row("a wait that does not", "rights.sock-recv-send", open(), vec![], recv(5, 0), [errno(Errno::Again), got(b"hello")]),
        row(
            "an end of what is open",
            "sock_recv.would-block",
            open(),
            vec![nonblock(), taken()],
            recv(5, 0),
            [got(b""), errno(Errno::Again)],
        ),
        row("more after the end", "sock_recv.closed-peer", stream("hello", Then::Closes), vec![taken()], recv(5, 0), [got(b"x"), got(b"")]),
        row(
            "an error at the end",
            "sock_recv.closed-peer",
            stream("", Then::Ends),
            vec![],
            recv(5, 0),
            [errno(Errno::Connreset), got(b"")],
        ),
        row("a reset that is an end", "sock_recv.reset", stream("", Then::Resets), vec![], recv(5, 0), [got(b""), errno(Errno::Connreset)]),
        row(
            "bytes from nowhere",
            "sock_recv.not-connected",
            SocketKind::Unconnected,
            vec![],
            recv(5, 0),
            [got(b""), errno(Errno::Notconn)],
        ),
        row("bytes from a listener", "sock_recv.listening", listener(1), vec![], recv(5, 0), [errno(Errno::Badf), errno(Errno::Notconn)]),
        row(
            "bytes after a shutdown",
            "sock_recv.after-shutdown",
            open(),
            vec![taken(), (shutdown(sdflags::RD), ok(&[]))],
            recv(5, 0),
            [got(b"hello"), got(b"")],
        ),
    ]
}

fn sending() -> Vec<Row> {
    let open = || stream("", Then::Stays);
    let closed = || stream("", Then::Closes);
    vec![
        row("more than was given", "sock_send.sends", open(), vec![], send(b"abc"), [number(4), number(3)]),
        row("nothing of what was given", "sock_send.sends", open(), vec![], send(b"abc"), [number(0), number(1)]),
        row(
            "no room where there is some",
            "rights.sock-recv-send",
            open(),
            vec![nonblock()],
            send(b"abc"),
            [errno(Errno::Again), number(3)],
        ),
        row("to nobody", "sock_send.not-connected", SocketKind::Unconnected, vec![], send(b"abc"), [number(3), errno(Errno::Pipe)]),
        row(
            "to one who is gone",
            "sock_send.closed-peer",
            closed(),
            vec![(send(b"first"), number(5))],
            send(b"abc"),
            [number(3), errno(Errno::Pipe)],
        ),
        row(
            "after a shutdown",
            "sock_send.after-shutdown",
            open(),
            vec![(shutdown(sdflags::WR), ok(&[]))],
            send(b"abc"),
            [number(3), errno(Errno::Pipe)],
        ),
        row(
            "after a shutdown of the other direction",
            "rights.sock-recv-send",
            open(),
            vec![(shutdown(sdflags::RD), ok(&[]))],
            send(b"abc"),
            [errno(Errno::Pipe), number(3)],
        ),
    ]
}

fn accepting() -> Vec<Row> {
    let accepted = |flags: u64| (accept(flags), number(u32::try_from(ACCEPTED).expect("small")));
    vec![
        row("a number in use", "sock_accept.new-descriptor", listener(1), vec![], accept(0), [number(3), number(5)]),
        row("the same number twice", "sock_accept.new-descriptor", listener(2), vec![accepted(0)], accept(0), [number(5), number(6)]),
        row(
            "a listener that is gone",
            "sock_accept.listener-stays",
            listener(2),
            vec![accepted(0)],
            accept(0),
            [errno(Errno::Inval), number(6)],
        ),
        row(
            "flags that are lost",
            "sock_accept.flags",
            listener(1),
            vec![accepted(fdflags::NONBLOCK)],
            look(ACCEPTED),
            [shown(0), shown(fdflags::NONBLOCK)],
        ),
        row(
            "flags from nowhere",
            "sock_accept.flags",
            listener(1),
            vec![accepted(0)],
            look(ACCEPTED),
            [shown(fdflags::NONBLOCK), shown(0)],
        ),
        row(
            "a connection with nobody",
            "sock_accept.would-block",
            listener(0),
            vec![nonblock()],
            accept(0),
            [number(5), errno(Errno::Again)],
        ),
        row(
            "from what does not listen",
            "sock_accept.not-listening",
            stream("", Then::Stays),
            vec![],
            accept(0),
            [number(5), errno(Errno::Inval)],
        ),
    ]
}

fn shutting_down() -> Vec<Row> {
    let open = || stream("", Then::Stays);
    vec![
        row("no direction", "sock_shutdown.no-direction", open(), vec![], shutdown(0), [ok(&[]), errno(Errno::Inval)]),
        row("unknown directions", "sock_shutdown.unknown-flags", open(), vec![], shutdown(4), [ok(&[]), None]),
        row(
            "what is not connected",
            "sock_shutdown.not-connected",
            SocketKind::Unconnected,
            vec![],
            shutdown(sdflags::RD),
            [ok(&[]), errno(Errno::Notconn)],
        ),
        row(
            "a shutdown that closes",
            "fd_fdstat_get.filetype",
            open(),
            vec![(shutdown(sdflags::RD | sdflags::WR), ok(&[]))],
            look(SOCKET),
            [errno(Errno::Badf), shown(0)],
        ),
        row(
            "flags that are not set",
            "fd_fdstat_set_flags.socket",
            open(),
            vec![nonblock()],
            look(SOCKET),
            [shown(0), shown(fdflags::NONBLOCK)],
        ),
    ]
}

/// What is wrong with how the oracle judges a row.
fn faults(row: &Row) -> Vec<String> {
    let mut out = Vec::new();
    let judge = |answer: &Option<Outcome>| {
        let mut checker = Checker::new(&world(&row.kind), Host::LINUX);
        for (call, outcome) in &row.before {
            let said = checker.call(&TraceCall { outcome: outcome.clone(), ..call.clone() }).expect("few states");
            assert_eq!(said, Said::Accepted, "{}: {} on the way: {:?}", row.what, call.function.name(), checker.findings());
        }
        let said = checker.call(&TraceCall { outcome: answer.clone(), ..row.call.clone() }).expect("few states");
        let findings = checker.findings();
        let mismatched = findings.mismatches.iter().map(|mismatch| mismatch.clause);
        (said, findings.clauses.iter().copied().chain(mismatched).map(|clause| clause.id().to_owned()).collect::<Vec<String>>())
    };
    let ((wrong, _), (right, clauses)) = (judge(&row.wrong), judge(&row.right));
    out.extend((wrong != Said::Rejected).then(|| format!("{}: the wrong answer is {wrong:?}", row.what)));
    out.extend((right != Said::Accepted).then(|| format!("{}: the right answer is {right:?}", row.what)));
    out.extend((!clauses.iter().any(|id| id == row.clause)).then(|| format!("{}: {} is not among {clauses:?}", row.what, row.clause)));
    out
}

#[test]
fn what_is_wrong_is_rejected_and_what_is_right_accepted() {
    let rows = [receiving(), sending(), accepting(), shutting_down()];
    let broken: Vec<String> = rows.iter().flatten().flat_map(faults).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What the oracle says of the places of a run in which the guest sends `abc` and the other side receives `received`.
fn departures(received: &[u8]) -> Vec<String> {
    let world = world(&stream("", Then::Stays));
    let observation = Observation {
        end: End::Exit { code: 0 },
        stdout: Content::of(b""),
        stderr: Content::of(b""),
        received: BTreeMap::from([("peer".to_owned(), Content::of(received))]),
        tree: TreeSnapshot::of_world(&world),
        trace: Trace { calls: vec![TraceCall { outcome: number(3), ..send(b"abc") }], state: TraceState::Complete },
        leaked_fds: Vec::new(),
        escapes: Vec::new(),
        peak_memory_bytes: 0,
    };
    let report = touchstone_oracle::report(&world, Host::LINUX, &observation);
    report.run.into_iter().map(|departure| departure.place).collect()
}

#[test]
fn what_was_counted_must_reach_the_other_side() {
    assert!(departures(b"abc").is_empty());
    assert_eq!(departures(b"ab"), ["received peer"]);
}

#[test]
fn sockets_may_stand_before_the_preopens_or_after_them() {
    let world = World {
        sockets: ["first", "second"].map(|name| Socket { name: name.to_owned(), kind: stream(name, Then::Stays) }).into(),
        ..World::default()
    };
    for (first, second) in [(3, 4), (4, 5), (7, 9)] {
        let mut checker = Checker::new(&world, Host::LINUX);
        let mut accepts = |call: TraceCall, outcome: Option<Outcome>| {
            let said = checker.call(&TraceCall { outcome, ..call }).expect("few states");
            assert_eq!(said, Said::Accepted, "at {first} and {second}: {:?}", checker.findings());
        };
        accepts(look(first), shown(0));
        accepts(look(second), shown(0));
        let receive = |fd: u64| call(Function::SockRecv, &[fd, 512, 1, 0, 256, 264], &memory(9, b""));
        accepts(receive(second), got(b"second"));
        accepts(receive(first), got(b"first"));
    }
}

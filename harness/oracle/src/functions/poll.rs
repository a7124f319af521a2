//! `poll_oneoff`.

use touchstone_model::trace::{Capture, TraceCall};
use touchstone_model::world::{StdioKind, Stdout};
use touchstone_spec::consts::{
    event, event_fd_readwrite, eventrwflags, rights, subclockflags, subscription, subscription_clock, subscription_fd_readwrite,
    subscription_u,
};
use touchstone_spec::{Errno, clause};

use super::clocks::Clock;
use crate::state::{Link, Offset, Output, Rights, SocketId, Stream, What};
use crate::step::{Flow, Mode, Step, Stop, number_at, put_at};

/// The flag of `eventrwflags`.
const HANGUP: u64 = eventrwflags::FD_READWRITE_HANGUP;

/// One subscription.
#[derive(Debug, Clone, Copy)]
struct Subscription {
    userdata: u64,
    tag: u64,
    kind: Subscribed,
}

#[derive(Debug, Clone, Copy)]
enum Subscribed {
    Clock { clock: Clock, timeout: u64, absolute: bool },
    Read(u32),
    Write(u32),
    Unknown,
}

/// What a subscription may come to.
#[derive(Debug, Clone, Copy, Default)]
struct Prospect {
    /// It is ready when the call is made.
    ready: bool,
    /// It never is.
    never: bool,
    /// Errors that its event may have, besides none.
    errors: &'static [Errno],
    /// It may say as well that a right is missing.
    denied: bool,
    /// Its event must have one of the errors.
    must_fail: bool,
    /// Bytes that can be read.
    nbytes: Option<u64>,
    /// There is another side, which has not gone, or data of a file.
    stays: bool,
}

/// How an event says that a right is missing.
const DENIED: &[Errno] = &[Errno::Notcapable, Errno::Badf];

impl Prospect {
    /// All errors that the event may have.
    fn all_errors(&self) -> impl Iterator<Item = Errno> {
        let denied = if self.denied { DENIED } else { &[] };
        denied.iter().chain(self.errors).copied()
    }
}

impl Subscription {
    fn read(bytes: &[u8]) -> Subscription {
        let tag = number_at(bytes, subscription::U, 1);
        let at = subscription::U + subscription_u::PAYLOAD;
        let fd = || u32::try_from(number_at(bytes, at + subscription_fd_readwrite::FILE_DESCRIPTOR, 4)).unwrap_or_default();
        let kind = match tag {
            subscription_u::CLOCK => Subscribed::Clock {
                clock: Clock::of(number_at(bytes, at + subscription_clock::ID, 4)),
                timeout: number_at(bytes, at + subscription_clock::TIMEOUT, 8),
                absolute: number_at(bytes, at + subscription_clock::FLAGS, 2) & subclockflags::SUBSCRIPTION_CLOCK_ABSTIME != 0,
            },
            subscription_u::FD_READ => Subscribed::Read(fd()),
            subscription_u::FD_WRITE => Subscribed::Write(fd()),
            _ => Subscribed::Unknown,
        };
        Subscription { userdata: number_at(bytes, subscription::USERDATA, 8), tag, kind }
    }

    /// How many nanoseconds a clock is ahead.
    fn wait(&self, realtime: u64, monotonic: u64) -> Option<u64> {
        match self.kind {
            Subscribed::Clock { clock, timeout, absolute: true } => {
                Some(timeout.saturating_sub(if clock == Clock::Realtime { realtime } else { monotonic }))
            }
            Subscribed::Clock { timeout, absolute: false, .. } => Some(timeout),
            Subscribed::Read(_) | Subscribed::Write(_) | Subscribed::Unknown => None,
        }
    }

    fn fd(&self) -> Option<u32> {
        match self.kind {
            Subscribed::Read(fd) | Subscribed::Write(fd) => Some(fd),
            Subscribed::Clock { .. } | Subscribed::Unknown => None,
        }
    }
}

fn subscriptions(call: &TraceCall) -> impl Iterator<Item = Subscription> {
    call.inputs.first().map(Capture::kept).unwrap_or_default().chunks_exact(subscription::BYTES).map(Subscription::read)
}

/// How many nanoseconds each clock of a call is ahead.
pub(crate) fn waits(call: &TraceCall, realtime: u64, monotonic: u64) -> Vec<u64> {
    subscriptions(call).filter_map(|subscription| subscription.wait(realtime, monotonic)).collect()
}

/// The descriptors that a call waits to read from.
pub(crate) fn read_from(call: &TraceCall) -> Vec<u32> {
    let reads = subscriptions(call).filter_map(|subscription| match subscription.kind {
        Subscribed::Read(fd) => Some(fd),
        Subscribed::Write(_) | Subscribed::Clock { .. } | Subscribed::Unknown => None,
    });
    reads.collect()
}

pub(crate) fn poll_oneoff(step: &mut Step<'_>) -> Flow {
    let count = step.arg(2);
    if count == 0 {
        step.applies(clause!("poll_oneoff.no-subscriptions"));
    }
    if count.saturating_mul(subscription::BYTES as u64) > step.call.memory_bytes {
        step.applies(clause!("poll_oneoff.too-many-subscriptions"));
    }
    let inside = step.arg(0).saturating_add(subscription::BYTES as u64) <= step.call.memory_bytes;
    if inside && step.call.inputs.first().is_some_and(|capture| capture.bytes.is_none()) {
        // what stands in the part of the array that lies inside is not told, and may be wrong as well
        step.permits(clause!("poll_oneoff.bad-fd"));
        step.permits(clause!("poll_oneoff.unknown-type"));
        step.permits(clause!("poll_oneoff.unknown-clock"));
    }
    let bytes = step.input(0)?;
    let subscriptions: Vec<Subscription> = bytes.chunks_exact(subscription::BYTES).map(Subscription::read).collect();
    let known =
        bytes.chunks_exact(subscription::BYTES).zip(&subscriptions).any(|(bytes, subscription)| has_unknown_flags(bytes, subscription));
    if known {
        step.applies(clause!("poll_oneoff.unknown-subclockflags"));
    }
    if subscriptions.iter().filter_map(Subscription::fd).any(|fd| step.what(fd) == What::Foreign && step.entry(fd).is_some()) {
        return Err(Stop::Unjudged);
    }
    let prospects: Vec<Prospect> = subscriptions.iter().map(|subscription| prospect(step, subscription)).collect();
    step.succeeds()?;
    if let Mode::Prefer(_) = step.mode {
        make(step, &subscriptions, &prospects);
        return Ok(());
    }
    let Some(events) = step.seen(1) else { return Ok(()) };
    let Some(said) = step.seen(0).map(|capture| number_at(capture.kept(), 0, 4)) else { return Ok(()) };
    let events: Vec<Vec<u8>> = events.kept().chunks_exact(event::BYTES).map(<[u8]>::to_vec).collect();
    check(step, &subscriptions, &prospects, &events, said);
    Ok(())
}

fn has_unknown_flags(bytes: &[u8], subscription: &Subscription) -> bool {
    let at = subscription::U + subscription_u::PAYLOAD + subscription_clock::FLAGS;
    matches!(subscription.kind, Subscribed::Clock { .. }) && number_at(bytes, at, 2) & !subclockflags::SUBSCRIPTION_CLOCK_ABSTIME != 0
}

/// What a subscription may come to; clauses that let the whole call fail are said to apply.
fn prospect(step: &mut Step<'_>, subscription: &Subscription) -> Prospect {
    match subscription.kind {
        Subscribed::Unknown => {
            step.applies(clause!("poll_oneoff.unknown-type"));
            Prospect { ready: true, errors: &[Errno::Inval, Errno::Nosys], must_fail: true, ..Prospect::default() }
        }
        Subscribed::Clock { clock, timeout, absolute } => clock_prospect(step, clock, timeout, absolute),
        Subscribed::Read(fd) | Subscribed::Write(fd) => {
            let write = matches!(subscription.kind, Subscribed::Write(_));
            let prospect = fd_prospect(step, fd, write);
            denied(step, fd, write, prospect)
        }
    }
}

fn clock_prospect(step: &mut Step<'_>, clock: Clock, timeout: u64, absolute: bool) -> Prospect {
    match clock {
        Clock::Unknown => {
            step.applies(clause!("poll_oneoff.unknown-clock"));
            return Prospect { ready: true, errors: &[Errno::Inval, Errno::Notsup], must_fail: true, ..Prospect::default() };
        }
        Clock::Cpu(_) => {
            step.applies(clause!("poll_oneoff.cputime-clock"));
            return Prospect { errors: &[Errno::Inval, Errno::Notsup], ..Prospect::default() };
        }
        Clock::Realtime | Clock::Monotonic => {}
    }
    let shown = if clock == Clock::Realtime { step.state.clocks.realtime } else { step.state.clocks.monotonic };
    step.cite(if absolute { clause!("poll_oneoff.absolute-clock") } else { clause!("poll_oneoff.relative-clock") });
    if absolute && clock == Clock::Monotonic {
        step.cite(clause!("poll_oneoff.clocks-apart"));
    }
    if !absolute && timeout == 0 {
        step.cite(clause!("poll_oneoff.zero-timeout"));
    }
    step.cite(clause!("poll_oneoff.precision"));
    // what a clock shows at least that was not read
    let least = if clock == Clock::Realtime { touchstone_model::world::START_TIME_NANOSECONDS } else { 1 };
    let ready = if absolute { shown.unwrap_or(least) >= timeout } else { timeout == 0 };
    // nobody waits for years in a run that ends; what a clock shows that was not read is not known better than by decades
    let unread = if clock == Clock::Realtime { YEAR_2090_NANOSECONDS } else { 30 * YEAR_NANOSECONDS };
    let never = match (absolute, shown) {
        (false, _) => timeout > YEAR_NANOSECONDS,
        (true, Some(shown)) => timeout.saturating_sub(shown) > YEAR_NANOSECONDS,
        (true, None) => timeout > unread,
    };
    Prospect { ready, never, ..Prospect::default() }
}

const YEAR_NANOSECONDS: u64 = 31_536_000_000_000_000;

/// 2090-01-01T00:00:00Z
const YEAR_2090_NANOSECONDS: u64 = 3_786_912_000_000_000_000;

/// A descriptor without the rights: the event says so, or the whole call, where rights are kept.
fn denied(step: &mut Step<'_>, fd: u32, write: bool, prospect: Prospect) -> Prospect {
    let needed = rights::POLL_FD_READWRITE | if write { rights::FD_WRITE } else { rights::FD_READ };
    let clause = clause!("rights.poll-needs-both");
    step.cite(clause);
    if step.state.choices.rights == Some(Rights::Dropped) || step.entry(fd).is_none_or(|entry| entry.base & needed == needed) {
        return prospect;
    }
    step.permits(clause);
    let kept = step.state.choices.rights == Some(Rights::Kept);
    Prospect { ready: kept || prospect.ready, must_fail: kept, denied: true, ..prospect }
}

fn fd_prospect(step: &mut Step<'_>, fd: u32, write: bool) -> Prospect {
    let Some(entry) = step.entry(fd).cloned() else {
        step.applies(clause!("poll_oneoff.bad-fd"));
        return Prospect { ready: true, errors: &[Errno::Badf], must_fail: true, ..Prospect::default() };
    };
    let badf: &'static [Errno] = &[Errno::Badf];
    match entry.what {
        What::Directory(_) => {
            step.applies(clause!("poll_oneoff.directory"));
            Prospect { ready: true, errors: badf, ..Prospect::default() }
        }
        What::File(inode) => {
            step.cite(clause!("poll_oneoff.regular-file-ready"));
            let fits = if write { entry.access.writes() } else { entry.access.reads() };
            if !fits {
                step.applies(if write { clause!("poll_oneoff.not-writable") } else { clause!("poll_oneoff.not-readable") });
                return Prospect { errors: badf, ..Prospect::default() };
            }
            let len = step.state.inodes.file(inode).map_or(0, |file| file.len());
            let left = match entry.offset {
                Offset::At(at) if !write => Some(len.saturating_sub(at)),
                Offset::At(_) | Offset::Unknown => None,
            };
            Prospect { ready: true, nbytes: left, stays: left > Some(0), ..Prospect::default() }
        }
        What::Stream(stream) => stream_prospect(step, stream, write),
        What::Socket(socket) => socket_prospect(step, socket, write),
        What::Foreign => Prospect { errors: badf, ..Prospect::default() },
    }
}

fn stream_prospect(step: &mut Step<'_>, stream: Stream, write: bool) -> Prospect {
    let input = stream == Stream::Input;
    if input == write {
        step.applies(if write { clause!("poll_oneoff.not-writable") } else { clause!("poll_oneoff.not-readable") });
        return Prospect { errors: &[Errno::Badf], ..Prospect::default() };
    }
    if write {
        step.cite(clause!("poll_oneoff.pipe-writable"));
        let ready = !step.state.output(stream).is_some_and(Output::may_be_full);
        let broken = step.state.output(stream).is_some_and(|output| output.behind == Stdout::Broken);
        if broken {
            step.cite(clause!("poll_oneoff.broken-pipe"));
        }
        return Prospect { ready, errors: if broken { &[Errno::Io, Errno::Pipe] } else { &[] }, ..Prospect::default() };
    }
    step.cite(clause!("poll_oneoff.consumes-nothing"));
    let left = step.state.input.read.map(|read| (step.state.input.bytes.len() - read) as u64);
    if left == Some(0) && !step.state.input.ended {
        step.cite(clause!("poll_oneoff.pipe-waits"));
        return Prospect::default();
    }
    if left == Some(0) && step.state.input.kind == StdioKind::Pipe {
        step.cite(clause!("poll_oneoff.end-of-stream"));
        step.cite(clause!("poll_oneoff.hangup"));
        // whether the end of the pipe is something that occurs is what the clause leaves open
        return Prospect { nbytes: left, ..Prospect::default() };
    }
    step.cite(clause!("poll_oneoff.pipe-readable"));
    let stays = if step.state.input.kind == StdioKind::File { left > Some(0) } else { !step.state.input.ended };
    Prospect { ready: left.is_some(), nbytes: left, stays, ..Prospect::default() }
}

fn socket_prospect(step: &mut Step<'_>, socket: SocketId, write: bool) -> Prospect {
    let connection = match &step.state.sockets.get(socket).link {
        Link::Connected(connection) => connection.clone(),
        Link::Listening(waiting) if !write => {
            let ready = !waiting.is_empty();
            step.cite(if ready { clause!("poll_oneoff.listener-readable") } else { clause!("poll_oneoff.pipe-waits") });
            return Prospect { ready, ..Prospect::default() };
        }
        // POSIX leaves open what becomes of a poll of these
        Link::Listening(_) | Link::Unconnected => return Prospect { errors: NOT_CONNECTED, ..Prospect::default() },
    };
    if write {
        step.cite(clause!("poll_oneoff.pipe-writable"));
        let open = !connection.sends_nothing() && !connection.is_closed();
        // how much room there is only a host knows
        let ready = open && connection.sent_bytes == 0;
        return Prospect { ready, errors: if open { &[] } else { NOT_CONNECTED }, ..Prospect::default() };
    }
    step.cite(clause!("poll_oneoff.consumes-nothing"));
    let nbytes = connection.left().len() as u64;
    if connection.is_reset() {
        return Prospect { ready: true, errors: NOT_CONNECTED, ..Prospect::default() };
    }
    if nbytes == 0 && connection.is_open() {
        step.cite(clause!("poll_oneoff.pipe-waits"));
        return Prospect::default();
    }
    if nbytes == 0 {
        step.cite(clause!("poll_oneoff.end-of-stream"));
        // the other side may still receive, and then it is not gone
        let gone = connection.is_closed();
        if gone {
            step.cite(clause!("poll_oneoff.hangup"));
        }
        return Prospect { ready: !gone, nbytes: Some(0), ..Prospect::default() };
    }
    step.cite(clause!("poll_oneoff.pipe-readable"));
    Prospect { ready: true, nbytes: Some(nbytes), stays: connection.is_open(), ..Prospect::default() }
}

/// Errors that the event of a socket without a connection may have.
const NOT_CONNECTED: &[Errno] = &[Errno::Notconn, Errno::Connreset, Errno::Pipe, Errno::Io, Errno::Badf];

fn check(step: &mut Step<'_>, subscriptions: &[Subscription], prospects: &[Prospect], events: &[Vec<u8>], said: u64) {
    step.cite(clause!("poll_oneoff.count"));
    step.cite(clause!("poll_oneoff.out-behind-events"));
    step.cite(clause!("poll_oneoff.at-least-one"));
    if said == 0 {
        step.mismatch(clause!("poll_oneoff.at-least-one"), "at least one event".to_owned(), "nevents 0".to_owned());
        return;
    }
    step.cite(clause!("poll_oneoff.one-event-each"));
    if said > subscriptions.len() as u64 {
        let expected = format!("at most {} events", subscriptions.len());
        step.mismatch(clause!("poll_oneoff.one-event-each"), expected, format!("nevents {said}"));
        return;
    }
    let mut taken = vec![false; subscriptions.len()];
    let at_call = step.state.clocks.monotonic;
    for event in events {
        one_event(step, subscriptions, prospects, event, &mut taken);
    }
    passed(step, subscriptions, &taken, at_call);
    step.cite(clause!("poll_oneoff.order"));
    step.cite(clause!("poll_oneoff.only-what-occurred"));
    let at_end = |prospect: &Prospect| prospect.nbytes == Some(0) && !prospect.ready;
    if taken.iter().zip(prospects).any(|(taken, prospect)| !taken && at_end(prospect)) {
        step.miss(clause!("poll_oneoff.end-of-stream"));
    }
    let fds: Vec<u32> = subscriptions.iter().filter_map(Subscription::fd).collect();
    if fds.iter().enumerate().any(|(index, fd)| fds[..index].contains(fd)) {
        step.cite(clause!("poll_oneoff.same-descriptor"));
    }
    let overlooked = taken.iter().zip(prospects).any(|(taken, prospect)| !taken && prospect.ready && !prospect.must_fail);
    step.cite(clause!("poll_oneoff.ready-together"));
    if overlooked {
        step.miss(clause!("poll_oneoff.ready-together"));
        waited_too_long(step, subscriptions, prospects, &taken, at_call);
    }
}

/// Nanoseconds within which a time may come while a call that does not wait looks at one thing after the other.
const SURELY_WAITED_NANOSECONDS: u64 = 500_000_000;

/// A call that reports nothing but what it had to wait for, although something was ready before.
fn waited_too_long(step: &mut Step<'_>, subscriptions: &[Subscription], prospects: &[Prospect], taken: &[bool], monotonic: Option<u64>) {
    // a clock that was not read may show any time
    let (realtime, monotonic) = (step.state.clocks.realtime.unwrap_or(u64::MAX), monotonic.unwrap_or(u64::MAX));
    let may_have_come = |subscription: &Subscription| match subscription.wait(realtime, monotonic) {
        Some(wait) => wait < SURELY_WAITED_NANOSECONDS,
        // nobody waits for a file, whatever it was opened for
        None => !subscription.fd().is_some_and(|fd| is_stream(step, fd)),
    };
    let reported_ready = (0..taken.len()).any(|index| taken[index] && (prospects[index].ready || may_have_come(&subscriptions[index])));
    let overlooked = (0..taken.len()).find(|index| !taken[*index] && prospects[*index].ready && !prospects[*index].must_fail);
    let Some(overlooked) = overlooked.filter(|_| !reported_ready) else { return };
    let clause = match subscriptions[overlooked].kind {
        Subscribed::Clock { absolute: true, .. } => clause!("poll_oneoff.absolute-clock"),
        Subscribed::Clock { absolute: false, .. } => clause!("poll_oneoff.zero-timeout"),
        Subscribed::Read(fd) if is_stream(step, fd) => clause!("poll_oneoff.pipe-readable"),
        Subscribed::Write(fd) if is_stream(step, fd) => clause!("poll_oneoff.pipe-writable"),
        Subscribed::Read(_) | Subscribed::Write(_) | Subscribed::Unknown => clause!("poll_oneoff.regular-file-ready"),
    };
    let expected = format!("the event of what was ready, with userdata {}", subscriptions[overlooked].userdata);
    step.mismatch(clause, expected, "other events only".to_owned());
}

fn is_stream(step: &Step<'_>, fd: u32) -> bool {
    matches!(step.what(fd), What::Stream(_) | What::Socket(_))
}

fn one_event(step: &mut Step<'_>, subscriptions: &[Subscription], prospects: &[Prospect], seen: &[u8], taken: &mut [bool]) {
    let (userdata, tag) = (number_at(seen, event::USERDATA, 8), number_at(seen, event::TYPE, 1));
    step.cite(clause!("poll_oneoff.userdata"));
    step.cite(clause!("poll_oneoff.type"));
    let of = |index: &usize| subscriptions[*index].userdata == userdata;
    let candidates: Vec<usize> = (0..subscriptions.len()).filter(of).collect();
    if candidates.is_empty() {
        let clause = clause!("poll_oneoff.userdata");
        step.mismatch(clause, "the userdata of a subscription".to_owned(), format!("userdata {userdata}"));
        return;
    }
    if candidates.len() > 1 {
        step.cite(clause!("poll_oneoff.equal-userdata"));
    }
    // an unknown type has no type to carry
    let fits = |index: &&usize| subscriptions[**index].tag == tag || matches!(subscriptions[**index].kind, Subscribed::Unknown);
    if !candidates.iter().any(|index| fits(&index)) {
        let expected = format!("type {}", subscriptions[candidates[0]].tag);
        step.mismatch(clause!("poll_oneoff.type"), expected, format!("type {tag}"));
        return;
    }
    let error = Errno::from_raw(u32::try_from(number_at(seen, event::ERROR, 2)).unwrap_or_default());
    // of several with the same userdata, the one that the event is most likely to be about
    let unlikely = |index: &usize| {
        let prospect = &prospects[*index];
        let has_error = error.is_some_and(|error| {
            if error == Errno::Success { !prospect.must_fail } else { prospect.all_errors().any(|errno| errno == error) }
        });
        let timeout = if let Subscribed::Clock { timeout, .. } = subscriptions[*index].kind { timeout } else { 0 };
        (!has_error, !prospect.ready, prospect.never, timeout)
    };
    let left = candidates.iter().filter(|index| fits(index) && !taken[**index]);
    let Some(index) = left.copied().min_by_key(unlikely) else {
        let clause = clause!("poll_oneoff.one-event-each");
        step.mismatch(clause, "one event for each subscription".to_owned(), format!("a further one with userdata {userdata}"));
        return;
    };
    taken[index] = true;
    content(step, &subscriptions[index], prospects[index], seen);
}

/// Error, number of bytes and flags of an event.
fn content(step: &mut Step<'_>, subscription: &Subscription, prospect: Prospect, seen: &[u8]) {
    let error = u32::try_from(number_at(seen, event::ERROR, 2)).unwrap_or_default();
    let known = Errno::from_raw(error);
    step.cite(clause!("poll_oneoff.no-error"));
    let permitted = known.is_some_and(|error| prospect.all_errors().any(|errno| errno == error)) || (error == 0 && !prospect.must_fail);
    if !permitted {
        let names: Vec<&str> = prospect.all_errors().map(Errno::name).collect();
        let expected = if prospect.must_fail {
            format!("an event with the error {}", names.join(" or "))
        } else {
            "an event without error".to_owned()
        };
        let clause = match subscription.kind {
            _ if !prospect.must_fail => clause!("poll_oneoff.no-error"),
            Subscribed::Clock { .. } => clause!("poll_oneoff.unknown-clock"),
            Subscribed::Unknown => clause!("poll_oneoff.unknown-type"),
            Subscribed::Read(_) | Subscribed::Write(_) => clause!("poll_oneoff.bad-fd"),
        };
        step.mismatch(clause, expected, format!("the error {}", touchstone_model::value::errno_text(error)));
        return;
    }
    if error != 0 {
        return;
    }
    match subscription.kind {
        Subscribed::Clock { timeout, .. } => occurred(step, timeout, prospect),
        Subscribed::Read(_) => {
            step.cite(clause!("poll_oneoff.nbytes"));
            if let Some(nbytes) = prospect.nbytes {
                let seen = number_at(seen, event::FD_READWRITE + event_fd_readwrite::NBYTES, 8);
                step.compare(clause!("poll_oneoff.nbytes"), "nbytes", nbytes, seen);
            }
            hung_up(step, prospect, number_at(seen, event::FD_READWRITE + event_fd_readwrite::FLAGS, 2));
        }
        Subscribed::Write(_) => step.cite(clause!("poll_oneoff.nbytes-write")),
        Subscribed::Unknown => {}
    }
}

/// The flags of an event that something can be read.
fn hung_up(step: &mut Step<'_>, prospect: Prospect, flags: u64) {
    let clause = clause!("poll_oneoff.no-hangup");
    step.cite(clause);
    let possible = if prospect.stays { 0 } else { HANGUP };
    if flags & !possible != 0 {
        step.mismatch(clause, "an event without such flags".to_owned(), format!("flags {flags:#x}"));
    }
    if prospect.nbytes == Some(0) && !prospect.ready && flags & HANGUP == 0 {
        step.miss(clause!("poll_oneoff.hangup"));
    }
}

/// After clock events the monotonic clock shows at least their times. Realtime may be set back by the host.
fn passed(step: &mut Step<'_>, subscriptions: &[Subscription], taken: &[bool], at_call: Option<u64>) {
    let time_of = |subscription: &Subscription| match subscription.kind {
        Subscribed::Clock { clock: Clock::Monotonic, timeout, absolute: true } => Some(timeout),
        Subscribed::Clock { clock: Clock::Monotonic, timeout, absolute: false } => Some(at_call?.saturating_add(timeout)),
        Subscribed::Clock { .. } | Subscribed::Read(_) | Subscribed::Write(_) | Subscribed::Unknown => None,
    };
    let of =
        |wanted: bool| subscriptions.iter().zip(taken).filter(move |(_, taken)| **taken == wanted).map(|(subscription, _)| subscription);
    // an event may as well be about another subscription that looks the same from outside: then all that is known is the lesser time
    let least = |subscription: &Subscription| {
        let is_twin = |other: &&Subscription| (other.userdata, other.tag) == (subscription.userdata, subscription.tag);
        let twins = of(false).filter(is_twin).map(|twin| time_of(twin).unwrap_or_default());
        time_of(subscription).map(|time| twins.fold(time, u64::min))
    };
    let times = of(true).filter_map(least);
    step.state.clocks.monotonic = step.state.clocks.monotonic.map(|shown| times.fold(shown, u64::max));
}

/// A clock event, which must not be of a time years ahead.
fn occurred(step: &mut Step<'_>, timeout: u64, prospect: Prospect) {
    step.cite(clause!("poll_oneoff.clock-ignores-readwrite"));
    step.cite(clause!("poll_oneoff.far-timeout"));
    if prospect.never {
        let clause = clause!("poll_oneoff.far-timeout");
        step.mismatch(clause, "no event for a time years ahead".to_owned(), format!("the event of timeout {timeout}"));
    }
}

/// What we would report: all that is ready, or else the clock that comes first, whose time then has passed.
fn make(step: &mut Step<'_>, subscriptions: &[Subscription], prospects: &[Prospect]) {
    let Mode::Prefer(making) = &step.mode else { return };
    let (realtime, monotonic) = (making.realtime, making.monotonic);
    let wait = |subscription: &Subscription| subscription.wait(realtime, monotonic);
    let at_end = |index: usize| prospects[index].nbytes == Some(0) && !prospects[index].must_fail;
    let is_ready = |index: &usize| prospects[*index].ready || at_end(*index) || wait(&subscriptions[*index]) == Some(0);
    let mut ready: Vec<usize> = (0..subscriptions.len()).filter(is_ready).collect();
    if ready.is_empty() {
        let waits = (0..subscriptions.len()).filter_map(|index| Some((wait(&subscriptions[index])?, index)));
        let first = waits.min();
        ready.extend(first.map(|(_, index)| index));
        if let (Some((wait, _)), Mode::Prefer(making)) = (first, &mut step.mode) {
            making.waited = wait;
        }
    }
    let mut bytes = Vec::new();
    for index in &ready {
        let mut record = vec![0; event::BYTES];
        put_at(&mut record, event::USERDATA, 8, subscriptions[*index].userdata);
        put_at(&mut record, event::TYPE, 1, subscriptions[*index].tag);
        let error = prospects[*index].all_errors().next().filter(|_| prospects[*index].must_fail);
        put_at(&mut record, event::ERROR, 2, error.map_or(0, |errno| errno.raw().into()));
        put_at(&mut record, event::FD_READWRITE + event_fd_readwrite::NBYTES, 8, prospects[*index].nbytes.unwrap_or(0));
        let hangup = at_end(*index) && !prospects[*index].ready;
        put_at(&mut record, event::FD_READWRITE + event_fd_readwrite::FLAGS, 2, if hangup { HANGUP } else { 0 });
        bytes.extend(record);
    }
    step.number(0, 4, ready.len() as u64, clause!("poll_oneoff.count"), "nevents");
    step.make(bytes);
}

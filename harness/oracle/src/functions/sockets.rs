//! `sock_accept`, `sock_recv`, `sock_send`, `sock_shutdown`, and what reads and writes of sockets have in common with them.

use touchstone_model::bounds;
use touchstone_model::world::Then;
use touchstone_spec::consts::{fdflags, riflags, rights, sdflags};
use touchstone_spec::{Errno, clause};

use super::buffers::{count, joined, lengths, make_buffers, make_count, room, taken, text};
use super::descriptors::FDFLAGS;
use crate::state::{Connection, Fd, Link, SocketId, What};
use crate::step::{Flow, Mode, Seen, Step, Stop};

/// Bytes that every connection takes although nobody receives them.
const ROOM: u64 = bounds::SOCKET_BYTES as u64;

pub(crate) fn sock_accept(step: &mut Step<'_>) -> Flow {
    step.unknown_bits(1, FDFLAGS, clause!("sock_accept.unknown-flags"));
    let flags = step.arg(1);
    if flags & FDFLAGS & !fdflags::NONBLOCK != 0 {
        step.applies(clause!("sock_accept.other-flags"));
    }
    let fd = step.fd(0, clause!("sock_accept.bad-fd"))?;
    step.right(fd, rights::SOCK_ACCEPT);
    let What::Socket(socket) = step.what(fd) else { return not_a_socket(step, clause!("sock_accept.not-a-socket")) };
    let waiting = match &step.state.sockets.get(socket).link {
        Link::Listening(waiting) => waiting.front().copied(),
        Link::Connected(_) | Link::Unconnected => {
            step.applies(clause!("sock_accept.not-listening"));
            step.wrong_type();
            step.succeeds()?;
            return Err(Stop::Unjudged);
        }
    };
    accept_would_block(step, fd, waiting.is_some());
    step.succeeds()?;
    step.cite(clause!("sock_accept.flags"));
    step.cite(clause!("sock_accept.listener-stays"));
    let Some(connection) = waiting else { return step.waits_for_ever(clause!("sock_accept.would-block")) };
    let number = step.new_fd(0, clause!("sock_accept.new-descriptor"));
    let rights = step.entry(fd).map_or(0, |entry| entry.inheriting);
    let known = flags & !fdflags::NONBLOCK == 0;
    let accepted = Fd { base: rights, inheriting: rights, flags: known.then_some(flags), ..Fd::new(number, What::Socket(connection)) };
    step.state.fds.insert(accepted);
    if let Link::Listening(waiting) = &mut step.state.sockets.get_mut(socket).link {
        waiting.pop_front();
    }
    Ok(())
}

/// Whether an accept does not wait: as the listening socket says, or, on some runtimes, the call.
fn accept_would_block(step: &mut Step<'_>, fd: u32, somebody: bool) {
    let of_socket = step.has_flag(fd, fdflags::NONBLOCK);
    let of_call = step.arg(1) & fdflags::NONBLOCK != 0;
    if of_socket && !somebody {
        step.applies(clause!("sock_accept.would-block"));
    } else if of_socket || (of_call && !somebody) {
        // who has connected may not have arrived yet
        step.permits(clause!("sock_accept.would-block"));
    }
}

fn not_a_socket(step: &mut Step<'_>, clause: touchstone_spec::ClauseId) -> Flow {
    step.applies(clause);
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}

/// How a call receives.
pub(super) struct Receiving {
    /// Bits of `riflags`.
    flags: u64,
    /// The place of the first buffer among the outputs.
    first: usize,
}

impl Receiving {
    /// As `fd_read` does.
    pub(super) const BY_READ: Receiving = Receiving { flags: 0, first: 1 };

    fn peeks(&self) -> bool {
        self.flags & riflags::RECV_PEEK != 0
    }

    fn waits_for_all(&self) -> bool {
        self.flags & riflags::RECV_WAITALL != 0
    }
}

pub(crate) fn sock_recv(step: &mut Step<'_>) -> Flow {
    step.unknown_bits(3, riflags::RECV_PEEK | riflags::RECV_WAITALL, clause!("sock_recv.unknown-flags"));
    let fd = step.fd(0, clause!("sock_recv.bad-fd"))?;
    step.rights(fd, rights::FD_READ, clause!("rights.sock-recv-send"));
    let What::Socket(socket) = step.what(fd) else { return not_a_socket(step, clause!("sock_recv.not-a-socket")) };
    receive(step, fd, socket, &Receiving { flags: step.arg(3), first: 2 })
}

/// Receives from a socket, by whichever call.
pub(super) fn receive(step: &mut Step<'_>, fd: u32, socket: SocketId, how: &Receiving) -> Flow {
    if how.peeks() {
        step.applies(clause!("sock_recv.peek"));
    }
    if how.waits_for_all() {
        step.applies(clause!("sock_recv.waitall"));
    }
    let Some(before) = step.state.sockets.connection(socket).cloned() else {
        let listens = matches!(step.state.sockets.get(socket).link, Link::Listening(_));
        step.applies(if listens { clause!("sock_recv.listening") } else { clause!("sock_recv.not-connected") });
        step.wrong_type();
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    let room = room(step);
    let left = before.left().len() as u64;
    receive_would_block(step, fd, &before, room);
    reset(step, socket, &before, room);
    step.succeeds()?;
    if before.is_open() && room > left && (left == 0 || waits_for_rest(step, fd, how)) {
        return step.waits_for_ever(clause!("sock_recv.receives"));
    }
    let received = received(step, &before, room, how);
    if let Some(connection) = step.state.sockets.connection_mut(socket)
        && !how.peeks()
    {
        connection.read = (connection.read + usize::try_from(received).unwrap_or_default()).min(connection.bytes.len());
    }
    Ok(())
}

/// Whether we would wait until the buffers are full. A runtime that does not is discouraged only.
fn waits_for_rest(step: &Step<'_>, fd: u32, how: &Receiving) -> bool {
    how.waits_for_all() && !how.peeks() && !step.has_flag(fd, fdflags::NONBLOCK) && matches!(step.mode, Mode::Prefer(_))
}

/// What a successful receive gives. Returns how many bytes it says it received.
fn received(step: &mut Step<'_>, before: &Connection, room: u64, how: &Receiving) -> u64 {
    let left = before.left();
    let most = room.min(left.len() as u64);
    let received = count(step, most);
    step.cite(clause!("sock_recv.receives"));
    if lengths(step).len() > 1 {
        step.cite(clause!("sock_recv.buffers-in-order"));
    }
    if left.is_empty() && room > 0 {
        step.cite(if before.receives_nothing() { clause!("sock_recv.after-shutdown") } else { clause!("sock_recv.closed-peer") });
    }
    check_received(step, before, received, most, how);
    if let Some(bytes) = joined(step, how.first) {
        let expected = &left[..bytes.len().min(left.len())];
        if received <= most && bytes != expected {
            step.mismatch(clause!("sock_recv.receives"), text(expected), text(&bytes));
        }
    }
    make_count(step, received);
    if how.first > 1 {
        step.number(1, 2, 0, clause!("sock_recv.roflags"), "ro_flags");
    }
    make_buffers(step, |_| left[..usize::try_from(most).unwrap_or_default()].to_vec());
    received
}

/// Whether a count is between what must come and what can.
fn check_received(step: &mut Step<'_>, before: &Connection, received: u64, most: u64, how: &Receiving) {
    if received > most {
        let clause = match (most, before.receives_nothing()) {
            (0, true) => clause!("sock_recv.after-shutdown"),
            (0, false) if before.is_ended() => clause!("sock_recv.closed-peer"),
            (_, _) => clause!("sock_recv.receives"),
        };
        step.mismatch(clause, format!("at most {most} bytes"), format!("{received} bytes"));
    } else if received == 0 && most > 0 && !before.receives_nothing() {
        step.mismatch(clause!("sock_recv.receives"), format!("1 to {most} bytes"), "0 bytes, which means the end".to_owned());
    } else if received < most && how.waits_for_all() && !how.peeks() {
        step.miss(clause!("sock_recv.waitall"));
    }
}

/// Whether a receive that does not wait has nothing to receive.
fn receive_would_block(step: &mut Step<'_>, fd: u32, before: &Connection, room: u64) {
    if !step.has_flag(fd, fdflags::NONBLOCK) {
        return;
    }
    if before.left().is_empty() && room > 0 && before.is_open() {
        step.applies(clause!("sock_recv.would-block"));
    } else {
        // what the other side did may not have arrived yet
        step.permits(clause!("sock_recv.would-block"));
    }
}

/// The other side has reset the connection: what arrived before may come first, and the guest is told once.
fn reset(step: &mut Step<'_>, socket: SocketId, before: &Connection, room: u64) {
    if before.then != Then::Resets {
        return;
    }
    if before.is_reset() && before.left().is_empty() && room > 0 {
        step.applies(clause!("sock_recv.reset"));
    } else {
        step.permits(clause!("sock_recv.reset"));
    }
    let told = match step.mode {
        Mode::Prefer(_) | Mode::Effect => before.left().is_empty(),
        Mode::Check(Seen::Errno(raw)) => raw == u32::from(Errno::Connreset.raw()),
        Mode::Check(Seen::Success(_) | Seen::NoReturn) => false,
    };
    if let Some(connection) = step.state.sockets.connection_mut(socket) {
        connection.reset_told |= told;
    }
}

pub(crate) fn sock_send(step: &mut Step<'_>) -> Flow {
    if step.arg(3) > u64::from(u16::MAX) {
        step.applies(clause!("memory.argument-too-wide"));
    }
    if step.arg(3) != 0 {
        step.applies(clause!("sock_send.flags"));
    }
    let fd = step.fd(0, clause!("sock_send.bad-fd"))?;
    step.rights(fd, rights::FD_WRITE, clause!("rights.sock-recv-send"));
    let What::Socket(socket) = step.what(fd) else { return not_a_socket(step, clause!("sock_send.not-a-socket")) };
    send(step, fd, socket)
}

/// Sends through a socket, by whichever call.
pub(super) fn send(step: &mut Step<'_>, fd: u32, socket: SocketId) -> Flow {
    let Some(before) = step.state.sockets.connection(socket).cloned() else {
        step.applies(clause!("sock_send.not-connected"));
        step.wrong_type();
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    let total = room(step);
    if before.sends_nothing() {
        let clause = clause!("sock_send.after-shutdown");
        if total > 0 { step.applies(clause) } else { step.permits(clause) }
    }
    closed_peer(step, socket, &before, total);
    let most = total.min(ROOM.saturating_sub(before.sent_bytes));
    send_would_block(step, fd, most, total);
    step.succeeds()?;
    step.cite(clause!("sock_send.sends"));
    if most < total && matches!(step.mode, Mode::Prefer(_)) && !step.has_flag(fd, fdflags::NONBLOCK) {
        return step.waits_for_ever(clause!("sock_send.sends"));
    }
    if lengths(step).len() > 1 {
        step.cite(clause!("sock_send.buffers-in-order"));
    }
    let sent = count(step, most);
    make_count(step, most);
    if sent > total || (sent == 0 && total > 0) {
        let expected = if total == 0 { "0 bytes sent".to_owned() } else { format!("1 to {total} bytes sent") };
        step.mismatch(clause!("sock_send.sends"), expected, format!("{sent} bytes sent"));
    }
    let (bytes, known) = taken(step, sent.min(total));
    if let Some(connection) = step.state.sockets.connection_mut(socket) {
        connection.sent.extend_from_slice(&bytes);
        connection.known &= known;
        connection.sent_bytes += sent.min(total);
    }
    Ok(())
}

/// The other side does not receive any more. A host may learn of it by what it sends first; ours knows it.
fn closed_peer(step: &mut Step<'_>, socket: SocketId, before: &Connection, total: u64) {
    if !before.is_closed() {
        return;
    }
    let knows = before.closed_told || matches!(step.mode, Mode::Prefer(_));
    if knows && total > 0 {
        step.applies(clause!("sock_send.closed-peer"));
    } else {
        step.permits(clause!("sock_send.closed-peer"));
    }
    if let Some(connection) = step.state.sockets.connection_mut(socket) {
        connection.closed_told |= total > 0;
    }
}

/// Whether a send that does not wait finds no room. How much there is beyond what there is at least only a host knows; ours has none.
fn send_would_block(step: &mut Step<'_>, fd: u32, room: u64, total: u64) {
    if step.has_flag(fd, fdflags::NONBLOCK) && room == 0 && total > 0 {
        let clause = clause!("sock_send.would-block");
        if let Mode::Prefer(_) = step.mode { step.applies(clause) } else { step.permits(clause) }
    }
}

pub(crate) fn sock_shutdown(step: &mut Step<'_>) -> Flow {
    let how = step.arg(1);
    if how == 0 {
        step.applies(clause!("sock_shutdown.no-direction"));
    }
    step.unknown_bits(1, sdflags::RD | sdflags::WR, clause!("sock_shutdown.unknown-flags"));
    let fd = step.fd(0, clause!("sock_shutdown.bad-fd"))?;
    step.right(fd, rights::SOCK_SHUTDOWN);
    let What::Socket(socket) = step.what(fd) else { return not_a_socket(step, clause!("sock_shutdown.not-a-socket")) };
    let listens = matches!(step.state.sockets.get(socket).link, Link::Listening(_));
    match step.state.sockets.connection(socket) {
        Some(connection) if connection.is_closed() => step.permits(clause!("sock_shutdown.not-connected")),
        Some(_) => {}
        None if listens => step.applies(clause!("sock_shutdown.listening")),
        None => step.applies(clause!("sock_shutdown.not-connected")),
    }
    step.succeeds()?;
    step.cite(clause!("sock_shutdown.directions"));
    step.cite(clause!("sock_shutdown.keeps-descriptor"));
    if let Some(connection) = step.state.sockets.connection_mut(socket) {
        connection.shut |= how;
    }
    if listens && let Some(entry) = step.state.fds.get_mut(fd) {
        // what is left of a listening socket nobody knows
        entry.what = What::Foreign;
    }
    Ok(())
}

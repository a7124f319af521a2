//! What lies in the host's sockets when a guest starts. The other sides have done by then all that they do.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_acceptconn;
use rustix::net::{RecvFlags, SocketFlags, accept_with, getpeername, recv};
use touchstone_model::world::{Peer, Socket, SocketKind, Then};

/// The sockets as a world has them, and the host's, first those and then the connections that wait at listening ones.
pub(super) fn read(fds: Vec<OwnedFd>) -> anyhow::Result<(Vec<Socket>, Vec<File>)> {
    let mut sockets = Vec::new();
    let mut waiting = Vec::new();
    for (index, fd) in fds.iter().enumerate() {
        let kind = if socket_acceptconn(fd).context("cannot look at a socket")? {
            let connections = accept_all(fd).context("cannot accept the connections of a socket")?;
            let peers = connections.iter().map(peer).collect::<Result<_, _>>().context("cannot read a socket")?;
            waiting.extend(connections);
            SocketKind::Listener(peers)
        } else if getpeername(fd) == Err(Errno::NOTCONN) {
            SocketKind::Unconnected
        } else {
            SocketKind::Stream(peer(fd).context("cannot read a socket")?)
        };
        sockets.push(Socket { name: index.to_string(), kind });
    }
    Ok((sockets, fds.into_iter().chain(waiting).map(File::from).collect()))
}

/// All connections that wait.
fn accept_all(fd: &OwnedFd) -> Result<Vec<OwnedFd>, Errno> {
    let mut connections = Vec::new();
    while is_ready(fd, PollFlags::IN)? {
        connections.push(accept_with(fd, SocketFlags::CLOEXEC)?);
    }
    Ok(connections)
}

/// What the other side of a connection has done.
fn peer(fd: &OwnedFd) -> Result<Peer, Errno> {
    let mut sends = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let then = match recv(fd, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                if is_ready(fd, PollFlags::HUP)? {
                    Then::Closes
                } else {
                    Then::Ends
                }
            }
            Ok((count, _)) => {
                sends.extend_from_slice(&buffer[..count]);
                continue;
            }
            Err(Errno::AGAIN) => Then::Stays,
            Err(Errno::CONNRESET) => Then::Resets,
            Err(error) => return Err(error),
        };
        return Ok(Peer { sends, then });
    }
}

fn is_ready(fd: &OwnedFd, wanted: PollFlags) -> Result<bool, Errno> {
    let fd = fd.as_fd();
    let mut fds = [PollFd::new(&fd, wanted)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(fds[0].revents().intersects(wanted))
}

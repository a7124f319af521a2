//! The sockets of a world: the ends that a guest is given, and the other sides.
//!
//! They are sockets of the Unix domain, on which what one side does the other side sees at once: nothing depends on who is faster.
//! One that was never connected is a TCP socket, as Linux answers for those as POSIX has it, and needs no network.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use touchstone_model::bounds;
use touchstone_model::tree::Content;
use touchstone_model::world::{Peer, SocketKind, Then, World};

use crate::HarnessError;
use crate::pool::Sink;

/// The sockets of a run.
#[derive(Debug)]
pub struct Sockets {
    /// The guest's, in the order of the world.
    pub theirs: Vec<OwnedFd>,
    ours: Others,
}

/// The other sides of all connections, by the names that reports use.
#[derive(Debug)]
pub struct Others(Vec<(String, UnixStream)>);

impl Sockets {
    /// Makes the sockets of a world; the other sides do all that they do.
    pub fn new(world: &World) -> Result<Sockets, HarnessError> {
        Sockets::make(world).map_err(HarnessError::system("make a socket for the guest"))
    }

    fn make(world: &World) -> io::Result<Sockets> {
        let mut theirs = Vec::new();
        let mut ours = Vec::new();
        for socket in &world.sockets {
            let mut others = Vec::new();
            theirs.push(match &socket.kind {
                SocketKind::Stream(peer) => {
                    let (guest, other) = UnixStream::pair()?;
                    others.push(play(other, peer, Some(&guest))?);
                    OwnedFd::from(guest)
                }
                SocketKind::Listener(peers) => {
                    let address = address()?;
                    let listener = UnixListener::bind_addr(&address)?;
                    for peer in peers {
                        others.push(play(UnixStream::connect_addr(&address)?, peer, None)?);
                    }
                    OwnedFd::from(listener)
                }
                SocketKind::Unconnected => socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?,
            });
            let names = socket.connections().into_iter().map(|(name, _)| name);
            ours.extend(names.zip(others).filter_map(|(name, other)| Some((name, other?))));
        }
        Ok(Sockets { theirs, ours: Others(ours) })
    }

    /// Closes the guest's ends in this process.
    pub fn into_others(self) -> Others {
        self.ours
    }
}

impl Others {
    /// What each has received. The guest's ends are closed by now.
    pub fn finish(self) -> io::Result<BTreeMap<String, Content>> {
        let received = self.0.into_iter().map(|(name, other)| {
            other.set_nonblocking(true)?;
            Ok((name, Sink::of(File::from(OwnedFd::from(other)), bounds::RECEIVED_KEPT_BYTES).finish()?))
        });
        received.collect()
    }
}

/// An address that no file stands for and that nobody else has.
fn address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("touchstone-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    SocketAddr::from_abstract_name(name)
}

/// Does what the other side does before the guest starts; gives it back where it is there for longer.
fn play(mut other: UnixStream, peer: &Peer, guest: Option<&UnixStream>) -> io::Result<Option<UnixStream>> {
    // a case's front matter has no more than fits without a reader
    other.write_all(&peer.sends)?;
    match peer.then {
        Then::Stays => Ok(Some(other)),
        Then::Ends => other.shutdown(Shutdown::Write).map(|()| Some(other)),
        Then::Closes => Ok(None),
        Then::Resets => {
            // who closes without having read what there is resets the connection
            guest.map_or(Ok(()), |mut guest| guest.write_all(b"unread"))?;
            Ok(None)
        }
    }
}

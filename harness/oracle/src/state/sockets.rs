//! Sockets, and what is on its way in their connections.

use std::collections::VecDeque;
use std::rc::Rc;

use touchstone_model::world::{self, Peer, SocketKind, Then, World};
use touchstone_spec::consts::sdflags;

/// The place of a socket among all of a state: first those of the world, in their order, then the connections that wait at its
/// listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(usize);

/// All sockets of a state. None is ever taken out: what was sent through one stays sent.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    all: Vec<Socket>,
    /// How many of them the guest has from the start.
    given: usize,
}

/// A stream socket.
#[derive(Debug, Clone)]
pub struct Socket {
    /// The name that reports use.
    pub name: String,
    pub link: Link,
    /// The guest got it by accepting it.
    pub accepted: bool,
}

/// What a socket is connected with.
#[derive(Debug, Clone)]
pub enum Link {
    /// It listens, and these wait, the first one first.
    Listening(VecDeque<SocketId>),
    Unconnected,
    Connected(Connection),
}

/// One side of a connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// All that the other side sends.
    pub bytes: Rc<Vec<u8>>,
    /// How many of them have been received.
    pub read: usize,
    /// What the other side did after that.
    pub then: Then,
    /// The guest was told that the other side has reset the connection, which it is told once.
    pub reset_told: bool,
    /// The guest was told that the other side has closed, or has sent something all the same.
    pub closed_told: bool,
    /// Bits of `sdflags`: the directions that the guest has shut down.
    pub shut: u64,
    /// What the guest has sent, as far as it is known and nobody took it over.
    pub sent: Vec<u8>,
    /// Whether `sent` is all, in order: no send was too long for the trace.
    pub known: bool,
    /// How many bytes the guest has sent.
    pub sent_bytes: u64,
}

impl SocketId {
    /// The socket that a world gives at this place.
    pub fn of_world(index: usize) -> SocketId {
        SocketId(index)
    }
}

impl Sockets {
    /// The sockets of a world.
    pub fn of(world: &World) -> Sockets {
        let mut waiting = Vec::new();
        let mut next = world.sockets.len();
        let mut all: Vec<Socket> = Vec::new();
        for socket in &world.sockets {
            let (link, connections) = link(socket, next);
            next += connections.len();
            waiting.extend(connections);
            all.push(Socket { name: socket.name.clone(), link, accepted: false });
        }
        all.extend(waiting);
        Sockets { all, given: world.sockets.len() }
    }

    /// How many the guest has from the start.
    pub fn given(&self) -> usize {
        self.given
    }

    /// The socket.
    pub fn get(&self, id: SocketId) -> &Socket {
        &self.all[id.0]
    }

    /// The socket, to change it.
    pub fn get_mut(&mut self, id: SocketId) -> &mut Socket {
        &mut self.all[id.0]
    }

    /// The connection, if the socket is one side of one.
    pub fn connection(&self, id: SocketId) -> Option<&Connection> {
        match &self.get(id).link {
            Link::Connected(connection) => Some(connection),
            Link::Listening(_) | Link::Unconnected => None,
        }
    }

    /// The connection, to change it.
    pub fn connection_mut(&mut self, id: SocketId) -> Option<&mut Connection> {
        match &mut self.get_mut(id).link {
            Link::Connected(connection) => Some(connection),
            Link::Listening(_) | Link::Unconnected => None,
        }
    }

    /// All sockets, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.all.iter()
    }

    /// All sockets, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.all.iter_mut()
    }
}

/// What a socket of the world is connected with, and the connections that wait at it, of which the first gets the place `next`.
fn link(socket: &world::Socket, next: usize) -> (Link, Vec<Socket>) {
    let connected = |peer: &Peer| Link::Connected(Connection::with(peer));
    match &socket.kind {
        SocketKind::Stream(peer) => (connected(peer), Vec::new()),
        SocketKind::Unconnected => (Link::Unconnected, Vec::new()),
        SocketKind::Listener(peers) => {
            let waiting = (next..next + peers.len()).map(SocketId).collect();
            let sockets = socket.connections().into_iter();
            (Link::Listening(waiting), sockets.map(|(name, peer)| Socket { name, link: connected(peer), accepted: true }).collect())
        }
    }
}

impl Connection {
    fn with(peer: &Peer) -> Connection {
        Connection {
            bytes: Rc::new(peer.sends.clone()),
            read: 0,
            then: peer.then,
            reset_told: false,
            closed_told: false,
            shut: 0,
            sent: Vec::new(),
            known: true,
            sent_bytes: 0,
        }
    }

    /// Bytes that have arrived and were not received.
    pub fn left(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// The guest has shut down its receiving side.
    pub fn receives_nothing(&self) -> bool {
        self.shut & sdflags::RD != 0
    }

    /// The guest has shut down its sending side.
    pub fn sends_nothing(&self) -> bool {
        self.shut & sdflags::WR != 0
    }

    /// The other side has reset the connection, and the guest does not know it yet.
    pub fn is_reset(&self) -> bool {
        self.then == Then::Resets && !self.reset_told
    }

    /// Nothing comes after what has arrived.
    pub fn is_ended(&self) -> bool {
        self.receives_nothing() || (self.then != Then::Stays && !self.is_reset())
    }

    /// More could come than what has arrived.
    pub fn is_open(&self) -> bool {
        !self.is_ended() && !self.is_reset()
    }

    /// The other side does not receive any more.
    pub fn is_closed(&self) -> bool {
        !self.then.receives()
    }
}

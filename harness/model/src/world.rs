//! What a case starts from: arguments, environment, stdio, preopens and the tree below each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All that a guest can see when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// The program's arguments; the first is its name.
    pub args: Vec<String>,
    /// Environment variables in the order in which they are given.
    pub env: Vec<(String, String)>,
    /// What the guest can read from fd 0.
    pub stdin: Stdin,
    /// What stands behind fd 1. Behind fd 2 stands [what is beside it](Stdout::beside).
    pub stdout: Stdout,
    /// The directories that the guest may use.
    pub preopens: Vec<Preopen>,
    /// What the host calls of a reactor once it is initialised, in turn. Without any the module is a command.
    pub calls: Vec<String>,
    /// The sockets that the guest is given, in the order in which it finds them.
    pub sockets: Vec<Socket>,
    /// Nobody knows the times of the trees: they are copies of somebody's folders.
    pub times_unknown: bool,
}

impl Default for World {
    /// The world of a case that says nothing: one argument, no environment, empty pipes and one writable, empty preopen `root`.
    fn default() -> Self {
        World {
            args: vec!["case".to_owned()],
            env: Vec::new(),
            stdin: Stdin::default(),
            stdout: Stdout::Pipe,
            preopens: vec![Preopen::new("root")],
            calls: Vec::new(),
            sockets: Vec::new(),
            times_unknown: false,
        }
    }
}

/// What stands behind a stdio fd on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StdioKind {
    /// One end of a pipe.
    Pipe,
    /// A regular file.
    File,
    /// A character device that is no terminal.
    Device,
}

/// What stands behind standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdout {
    /// A pipe that is read.
    Pipe,
    /// An empty regular file.
    File,
    /// A regular file that holds these bytes and was opened for appending, as a shell does for `>>`.
    Appended(Vec<u8>),
    /// A pipe whose other end is closed.
    Broken,
    /// A pipe of [`PIPE_BYTES`](crate::bounds::PIPE_BYTES) that nobody empties until the run is over.
    Stuck,
    /// A device that has no room for anything.
    Full,
    /// A device that takes everything and keeps nothing.
    Null,
}

impl Stdout {
    /// What it is on the host.
    pub fn kind(&self) -> StdioKind {
        match self {
            Stdout::Pipe | Stdout::Broken | Stdout::Stuck => StdioKind::Pipe,
            Stdout::File | Stdout::Appended(_) => StdioKind::File,
            Stdout::Full | Stdout::Null => StdioKind::Device,
        }
    }

    /// What stands behind standard error meanwhile: only one of the two is out of the ordinary.
    pub fn beside(&self) -> Stdout {
        match self.kind() {
            StdioKind::File => Stdout::File,
            StdioKind::Pipe | StdioKind::Device => Stdout::Pipe,
        }
    }
}

/// The kind of fd 0 and all that can be read from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stdin {
    pub kind: StdioKind,
    pub bytes: Vec<u8>,
    /// The other end of the pipe stays open until the run is over, so that a read of what is not there waits.
    pub open: bool,
}

impl Default for Stdin {
    /// An empty pipe that is at its end.
    fn default() -> Self {
        Stdin { kind: StdioKind::Pipe, bytes: Vec::new(), open: false }
    }
}

/// A directory that the guest is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preopen {
    /// The name that scripts use, and the name of the directory in the scratch tree.
    pub name: String,
    /// The path under which the guest finds it.
    pub guest: String,
    pub access: Access,
    pub tree: Tree,
    /// It is a directory of another preopen, and has no tree of its own.
    pub within: Option<Within>,
}

/// A directory of a preopen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// The name of the preopen, which has a tree of its own.
    pub preopen: String,
    /// The path below it; empty for the preopen itself.
    pub path: String,
}

impl Within {
    /// How a snapshot names what lies below the directory at this path.
    pub fn key(&self, path: &str) -> String {
        let Within { preopen, path: folder } = self;
        if folder.is_empty() { format!("{preopen}:{path}") } else { format!("{preopen}:{folder}/{path}") }
    }
}

impl Preopen {
    /// A writable, empty preopen that the guest finds at `/name`.
    pub fn new(name: &str) -> Self {
        Preopen { name: name.to_owned(), guest: format!("/{name}"), access: Access::ReadWrite, tree: Tree::default(), within: None }
    }
}

/// Whether the host lets the guest change what is below a preopen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    #[serde(rename = "read-write")]
    ReadWrite,
    #[serde(rename = "read-only")]
    ReadOnly,
}

/// A stream socket that the guest is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// The name that scripts use.
    pub name: String,
    pub kind: SocketKind,
}

/// What a socket can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketKind {
    /// It is one side of a connection.
    Stream(Peer),
    /// It listens, and these have connected, the first one first.
    Listener(Vec<Peer>),
    /// It was never connected.
    Unconnected,
}

/// The other side of a connection. All that it does it has done before the guest starts, so that no run depends on who is faster;
/// what the guest sends it takes when the run is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub sends: Vec<u8>,
    /// What it does when it has sent that.
    pub then: Then,
}

/// How far the other side of a connection goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// The connection stays as it is.
    #[default]
    Stays,
    /// It sends nothing more, and still receives.
    Ends,
    /// It closes the connection.
    Closes,
    /// It breaks the connection off.
    Resets,
}

impl Then {
    /// Whether the other side still receives.
    pub fn receives(self) -> bool {
        matches!(self, Then::Stays | Then::Ends)
    }
}

impl Socket {
    /// The connections that go with the socket, each under the name that reports use: the socket's own, or `name[0]` for those that
    /// wait at a listener.
    pub fn connections(&self) -> Vec<(String, &Peer)> {
        match &self.kind {
            SocketKind::Stream(peer) => vec![(self.name.clone(), peer)],
            SocketKind::Listener(peers) => {
                peers.iter().enumerate().map(|(index, peer)| (format!("{}[{index}]", self.name), peer)).collect()
            }
            SocketKind::Unconnected => Vec::new(),
        }
    }
}

/// What lies below a preopen before the run: paths relative to it, with `/` between names, to nodes.
/// Parents that are not named are directories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree(pub BTreeMap<String, Node>);

/// One entry of an initial tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub kind: NodeKind,
    /// Permission bits on the host; without it 0644 for files and 0755 for directories.
    pub mode: Option<u32>,
    /// Modification time in nanoseconds since 1970; without it [`START_TIME_NANOSECONDS`].
    pub mtime: Option<u64>,
}

/// The kinds of entry that a case can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    File(Vec<u8>),
    Directory,
    /// A symbolic link with this target, which is not looked at.
    Symlink(String),
    /// A further name of the file at this path, which is relative to the same preopen.
    HardLink(String),
    /// A directory with this many empty files `0000`, `0001`, … in it.
    Filled(u32),
}

impl From<NodeKind> for Node {
    fn from(kind: NodeKind) -> Self {
        Node { kind, mode: None, mtime: None }
    }
}

/// Access and modification time of everything in an initial tree, unless the case says otherwise: 2001-09-09T01:46:40Z,
/// far from any time at which a run can take place, so that a snapshot can tell "unchanged" from "now".
pub const START_TIME_NANOSECONDS: u64 = 1_000_000_000_000_000_000;

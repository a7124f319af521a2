//! What the generator remembers of a run: which names exist where and which descriptors are open.
//!
//! It is light and approximate: each valid call is taken to have succeeded. A call that was thought valid and is not does no harm.

use touchstone_spec::consts::rights;

use crate::dice::nearest;

/// The names that entries have. They are few, so that calls meet.
pub(crate) const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Directories lie at most so deep when something is made in them.
const DEEPEST: usize = 5;

/// The preopens of a world, as scripts call them.
pub(crate) const PREOPENS: [&str; 2] = ["root", "other"];

/// The variables that hold descriptors.
const SLOTS: [&str; 8] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"];

/// The variables that hold the entries of a directory, by the place of its descriptor: preopens, then slots.
const LISTS: [&str; 10] = ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9"];

const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

/// All rights that mean something for files and directories.
pub(crate) const ALL_RIGHTS: u64 = rights::SOCK_SHUTDOWN - 1;

/// Rights without which a file cannot be changed.
const CHANGES: u64 = rights::FD_DATASYNC | rights::FD_WRITE | rights::FD_ALLOCATE | rights::FD_FILESTAT_SET_SIZE;

/// What a file is opened with if nothing is held back.
pub(crate) const FILE_RIGHTS: u64 = CHANGES
    | rights::FD_READ
    | rights::FD_SEEK
    | rights::FD_FDSTAT_SET_FLAGS
    | rights::FD_SYNC
    | rights::FD_TELL
    | rights::FD_ADVISE
    | rights::FD_FILESTAT_GET
    | rights::FD_FILESTAT_SET_TIMES
    | rights::POLL_FD_READWRITE;

/// What a file is opened with if it cannot be changed.
pub(crate) const READING_RIGHTS: u64 = FILE_RIGHTS & !CHANGES;

/// What a directory is opened with if nothing is held back.
pub(crate) const DIRECTORY_RIGHTS: u64 = ALL_RIGHTS & !CHANGES & !rights::FD_READ;

/// The place of an entry in [`Scope`].
pub(crate) type NodeId = usize;

/// An entry of a tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) parent: Option<NodeId>,
    /// Its place in [`NAMES`].
    pub(crate) name: usize,
    pub(crate) kind: Kind,
    pub(crate) alive: bool,
    pub(crate) read_only: bool,
    /// Where it stands on the ring that entries are drawn from: its path decides it.
    key: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A directory with entries that are not remembered.
    Filled,
    /// A symbolic link, and what it leads to.
    Link(Option<NodeId>),
}

/// How a script names a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handle {
    Stream(usize),
    Preopen(usize),
    Slot(usize),
}

/// A descriptor that is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) handle: Handle,
    pub(crate) what: What,
    pub(crate) base: u64,
    pub(crate) inheriting: u64,
    /// Its entries have been listed, and the variable for them is bound.
    pub(crate) listed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    File(NodeId),
    Directory(NodeId),
    Stream,
}

/// A name in a directory, taken or free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) directory: NodeId,
    pub(crate) name: usize,
}

/// What the generator remembers of a run.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// Whether the variable for the last answer of each kind is bound.
    kept: [bool; 2],
}

/// An answer that a later call can be given: the variable `position` or `stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Position,
    Stat,
}

impl Answer {
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Answer::Position => "position",
            Answer::Stat => "stat",
        }
    }
}

impl Handle {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Handle::Stream(index) => STREAMS[index],
            Handle::Preopen(index) => PREOPENS[index],
            Handle::Slot(index) => SLOTS[index],
        }
    }

    /// The variable that holds its entries, if it is a directory.
    pub(crate) fn list(self) -> Option<&'static str> {
        match self {
            Handle::Stream(_) => None,
            Handle::Preopen(index) => Some(LISTS[index]),
            Handle::Slot(index) => Some(LISTS[PREOPENS.len() + index]),
        }
    }

    /// Where it stands on the ring that descriptors are drawn from.
    pub(crate) fn key(self) -> u8 {
        const KEYS: [u8; 13] = [112, 64, 176, 0, 144, 16, 208, 96, 240, 48, 160, 80, 224];
        match self {
            Handle::Preopen(index) => KEYS[3 + index],
            Handle::Slot(index) => KEYS[5 + index],
            Handle::Stream(index) => KEYS[index],
        }
    }
}

impl Scope {
    /// Adds a preopen with an empty tree.
    pub(crate) fn preopen(&mut self, index: usize, read_only: bool) -> NodeId {
        let key = PREOPENS[index].as_bytes()[0];
        self.nodes.push(Node { parent: None, name: 0, kind: Kind::Directory, alive: true, read_only, key });
        let root = self.nodes.len() - 1;
        let (base, inheriting) = (ALL_RIGHTS, ALL_RIGHTS);
        self.open.push(Open { handle: Handle::Preopen(index), what: What::Directory(root), base, inheriting, listed: false });
        root
    }

    /// Opens the standard streams.
    pub(crate) fn streams(&mut self) {
        let stream = |index| Open { handle: Handle::Stream(index), what: What::Stream, base: ALL_RIGHTS, inheriting: 0, listed: false };
        self.open.extend((0..STREAMS.len()).map(stream));
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&Open> {
        self.open.iter().find(|open| open.handle == handle)
    }

    /// A variable for a new descriptor: one that is free, if any is.
    pub(crate) fn free_slot(&self, at: u8) -> Handle {
        let slots = (0..SLOTS.len()).map(Handle::Slot);
        let free = nearest(at, slots.filter(|slot| self.get(*slot).is_none()).map(|slot| (slot.key(), slot)));
        free.unwrap_or(Handle::Slot(usize::from(at) % SLOTS.len()))
    }

    // ---- choosing ----

    /// An entry of which something is true, below any preopen.
    pub(crate) fn entry(&self, at: u8, test: impl Fn(NodeId, &Node) -> bool) -> Option<NodeId> {
        let nodes = self.nodes.iter().enumerate();
        let fit = nodes.filter(|(id, node)| node.parent.is_some() && node.alive && test(*id, node));
        nearest(at, fit.map(|(id, node)| (node.key, id)))
    }

    /// A free name in a directory that can be changed.
    pub(crate) fn free_spot(&self, at: u8, name_at: u8) -> Option<Spot> {
        let nodes = self.nodes.iter().enumerate();
        let fit = nodes.filter(|(id, node)| node.kind == Kind::Directory && node.alive && !node.read_only && self.depth(*id) < DEEPEST);
        let directory = nearest(at, fit.map(|(id, node)| (node.key, id)))?;
        let name = self.free_name(directory, name_at)?;
        Some(Spot { directory, name })
    }

    /// A name that no entry of a directory has.
    pub(crate) fn free_name(&self, directory: NodeId, at: u8) -> Option<usize> {
        let taken = self.children(directory).fold(0u32, |bits, (_, node)| bits | 1 << node.name);
        let free = (0..NAMES.len()).filter(|name| taken & (1 << name) == 0);
        nearest(at, free.map(|name| ((name * 256 / NAMES.len()) as u8, name)))
    }

    /// The descriptor of a directory from which a path can lead to something in another one.
    pub(crate) fn base(&self, at: u8, directory: NodeId, right: u64) -> Option<Open> {
        let fit = self.open.iter().filter(|open| match open.what {
            What::Directory(node) => open.base & right == right && self.is_below(directory, node),
            What::File(_) | What::Stream => false,
        });
        nearest(at, fit.map(|open| (open.handle.key(), *open)))
    }

    /// The descriptor that comes first from a place on and of which something is true.
    pub(crate) fn descriptor(&self, at: u8, test: impl Fn(&Open) -> bool) -> Option<Open> {
        nearest(at, self.open.iter().filter(|open| test(open)).map(|open| (open.handle.key(), *open)))
    }

    // ---- the tree ----

    pub(crate) fn children(&self, directory: NodeId) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.parent == Some(directory) && node.alive)
    }

    pub(crate) fn is_empty(&self, directory: NodeId) -> bool {
        self.children(directory).next().is_none()
    }

    /// Whether a directory is another one, or lies somewhere in it.
    pub(crate) fn is_below(&self, directory: NodeId, other: NodeId) -> bool {
        self.ancestors(directory).any(|id| id == other)
    }

    fn depth(&self, directory: NodeId) -> usize {
        self.ancestors(directory).count()
    }

    /// A directory, the one that it lies in, and so on.
    fn ancestors(&self, directory: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(directory), |id| self.nodes[*id].parent)
    }

    /// The directories from the one below `base` to `directory`.
    pub(crate) fn way(&self, base: NodeId, directory: NodeId) -> Vec<NodeId> {
        let mut way: Vec<NodeId> = self.ancestors(directory).take_while(|id| *id != base).collect();
        way.reverse();
        way
    }

    /// A path from a directory to an entry below it.
    pub(crate) fn path(&self, base: NodeId, node: NodeId) -> Vec<u8> {
        let names: Vec<&str> = self.way(base, node).into_iter().map(|id| NAMES[self.nodes[id].name]).collect();
        names.join("/").into_bytes()
    }

    fn key(&self, spot: Spot) -> u8 {
        self.nodes[spot.directory].key.wrapping_mul(31).wrapping_add(spot.name as u8).wrapping_mul(97).wrapping_add(41)
    }

    pub(crate) fn has(&self, answer: Answer) -> bool {
        self.kept[answer as usize]
    }

    // ---- what calls do ----

    pub(crate) fn keep(&mut self, answer: Answer) {
        self.kept[answer as usize] = true;
    }

    /// Makes an entry; what had its name is gone.
    pub(crate) fn make(&mut self, spot: Spot, kind: Kind) -> NodeId {
        self.remove_at(spot);
        let read_only = self.nodes[spot.directory].read_only;
        let node = Node { parent: Some(spot.directory), name: spot.name, kind, alive: true, read_only, key: self.key(spot) };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn remove_at(&mut self, spot: Spot) {
        let taken = self.children(spot.directory).find(|(_, node)| node.name == spot.name).map(|(id, _)| id);
        if let Some(id) = taken {
            self.remove(id);
        }
    }

    pub(crate) fn remove(&mut self, id: NodeId) {
        self.nodes[id].alive = false;
    }

    /// Gives an entry another place.
    pub(crate) fn rename(&mut self, id: NodeId, spot: Spot) {
        if self.nodes[id].parent == Some(spot.directory) && self.nodes[id].name == spot.name {
            return;
        }
        self.remove_at(spot);
        let key = self.key(spot);
        let node = &mut self.nodes[id];
        (node.parent, node.name, node.key) = (Some(spot.directory), spot.name, key);
    }

    /// Opens a descriptor; what its handle stood for cannot be named any more.
    pub(crate) fn open(&mut self, open: Open) {
        self.close(open.handle);
        self.open.push(open);
    }

    pub(crate) fn close(&mut self, handle: Handle) {
        self.open.retain(|open| open.handle != handle);
    }

    /// Moves a descriptor to the number of another one.
    pub(crate) fn renumber(&mut self, from: Handle, to: Handle) {
        if let (Some(open), true) = (self.get(from).copied(), from != to) {
            self.close(from);
            self.open(Open { handle: to, listed: false, ..open });
        }
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.handle == handle)
    }
}

//! Files, directories and symbolic links, and the names that lead to them.

use std::collections::BTreeMap;

use touchstone_model::world::{Node, NodeKind, Preopen, START_TIME_NANOSECONDS};

use super::content::Content;
use super::time::Time;

/// The place of a file among all of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(u32);

/// A name in a directory.
pub type Name = Box<[u8]>;

/// All files of a state. None is ever taken out, so that descriptors for unlinked ones stay good.
#[derive(Debug, Clone, Default)]
pub struct Inodes(Vec<Inode>);

/// A file, directory or symbolic link.
#[derive(Debug, Clone)]
pub struct Inode {
    pub kind: Kind,
    /// Names that it has.
    pub nlink: u64,
    pub atime: Time,
    pub mtime: Time,
    /// When anything about it was last changed.
    pub ctime: Time,
    /// Device and inode number, once they were seen.
    pub identity: Option<(u64, u64)>,
}

/// What an inode is.
#[derive(Debug, Clone)]
pub enum Kind {
    File(Content),
    Directory(Directory),
    Symlink(Box<[u8]>),
}

/// A directory.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    pub entries: BTreeMap<Name, InodeId>,
    /// It has no name any more: nothing can be made in it.
    pub removed: bool,
    /// A runtime did something here that it should not have, so nobody knows what it holds.
    pub unsure: bool,
    /// Names that were added or removed, in order.
    pub changes: Vec<Name>,
}

impl Directory {
    /// Adds or replaces an entry.
    pub fn insert(&mut self, name: &[u8], inode: InodeId) {
        self.entries.insert(name.into(), inode);
        self.changes.push(name.into());
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &[u8]) {
        self.entries.remove(name);
        self.changes.push(name.into());
    }
}

impl Inode {
    /// A new inode without a name, made at `time`.
    pub fn new(kind: Kind, time: Time) -> Inode {
        Inode { kind, nlink: 0, atime: time, mtime: time, ctime: Time::Any, identity: None }
    }
}

impl InodeId {
    /// Its number among all inodes.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Inodes {
    /// Adds an inode.
    pub fn add(&mut self, inode: Inode) -> InodeId {
        let id = InodeId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(inode);
        id
    }

    /// The inode.
    pub fn get(&self, id: InodeId) -> &Inode {
        &self.0[id.0 as usize]
    }

    /// The inode, to change it.
    pub fn get_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.0[id.0 as usize]
    }

    /// The directory, if it is one.
    pub fn directory(&self, id: InodeId) -> Option<&Directory> {
        match &self.get(id).kind {
            Kind::Directory(directory) => Some(directory),
            Kind::File(_) | Kind::Symlink(_) => None,
        }
    }

    /// The directory, if it is one, to change it.
    pub fn directory_mut(&mut self, id: InodeId) -> Option<&mut Directory> {
        match &mut self.get_mut(id).kind {
            Kind::Directory(directory) => Some(directory),
            Kind::File(_) | Kind::Symlink(_) => None,
        }
    }

    /// The file's content, if it is one.
    pub fn file(&self, id: InodeId) -> Option<&Content> {
        match &self.get(id).kind {
            Kind::File(content) => Some(content),
            Kind::Directory(_) | Kind::Symlink(_) => None,
        }
    }

    /// The file's content, if it is one, to change it.
    pub fn file_mut(&mut self, id: InodeId) -> Option<&mut Content> {
        match &mut self.get_mut(id).kind {
            Kind::File(content) => Some(content),
            Kind::Directory(_) | Kind::Symlink(_) => None,
        }
    }

    /// All inodes with their places.
    pub fn iter(&self) -> impl Iterator<Item = (InodeId, &Inode)> {
        (0..).map(InodeId).zip(&self.0)
    }

    /// Forgets the times of everything.
    pub fn forget_times(&mut self) {
        for inode in &mut self.0 {
            (inode.atime, inode.mtime, inode.ctime) = (Time::Any, Time::Any, Time::Any);
        }
    }

    /// Builds the tree of a preopen and gives its root.
    pub fn plant(&mut self, preopen: &Preopen) -> InodeId {
        self.0.reserve(preopen.tree.0.len() + 1);
        let start = Time::Set(START_TIME_NANOSECONDS);
        let root = self.add(Inode { atime: Time::Any, ..Inode::new(Kind::Directory(Directory::default()), start) });
        // entries come in the order of their paths, so that most lie in the same directory as the one before
        let mut last = ("", root);
        for (path, node) in &preopen.tree.0 {
            if !matches!(node.kind, NodeKind::HardLink(_)) {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                if parent != last.0 {
                    last = (parent, self.folder(root, parent));
                }
                self.plant_node(last.1, name, node);
            }
        }
        for (path, node) in &preopen.tree.0 {
            if let NodeKind::HardLink(target) = &node.kind
                && let Some(inode) = self.at(root, target)
            {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                let parent = self.folder(root, parent);
                self.name(parent, name, inode);
            }
        }
        root
    }

    fn plant_node(&mut self, parent: InodeId, name: &str, node: &Node) {
        let time = Time::Set(node.mtime.unwrap_or(START_TIME_NANOSECONDS));
        let kind = match &node.kind {
            NodeKind::File(bytes) => Kind::File(Content::of(bytes)),
            NodeKind::Directory | NodeKind::Filled(_) => Kind::Directory(Directory::default()),
            NodeKind::Symlink(target) => Kind::Symlink(target.as_bytes().into()),
            NodeKind::HardLink(_) => return,
        };
        // a directory may stand there already, as the parent of an entry before it
        if let (NodeKind::Directory | NodeKind::Filled(_), Some(existing)) = (&node.kind, self.entry(parent, name)) {
            self.get_mut(existing).mtime = time;
        } else {
            // to look into a directory or to follow a link moves its access time or not, as the host likes
            let atime = if matches!(kind, Kind::File(_)) { Time::Set(START_TIME_NANOSECONDS) } else { Time::Any };
            let id = self.add(Inode { mtime: time, ..Inode::new(kind, atime) });
            self.name(parent, name, id);
        }
        if let (NodeKind::Filled(count), Some(directory)) = (&node.kind, self.entry(parent, name)) {
            for index in 0..*count {
                let file = self.add(Inode::new(Kind::File(Content::default()), Time::Set(START_TIME_NANOSECONDS)));
                self.name(directory, &format!("{index:04}"), file);
            }
        }
    }

    /// The inode at a path of plain names below a directory.
    pub fn at(&self, root: InodeId, path: &str) -> Option<InodeId> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(root, |inode, part| self.entry(inode, part))
    }

    /// The inode of a name in a directory.
    fn entry(&self, directory: InodeId, name: &str) -> Option<InodeId> {
        self.directory(directory)?.entries.get(name.as_bytes()).copied()
    }

    /// The directory at a path of plain names; those that are missing are made.
    fn folder(&mut self, root: InodeId, path: &str) -> InodeId {
        let mut directory = root;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            directory = self.entry(directory, part).unwrap_or_else(|| {
                let made = Inode::new(Kind::Directory(Directory::default()), Time::Set(START_TIME_NANOSECONDS));
                let made = self.add(Inode { atime: Time::Any, ..made });
                self.name(directory, part, made);
                made
            });
        }
        directory
    }

    /// Gives an inode a name.
    fn name(&mut self, directory: InodeId, name: &str, inode: InodeId) {
        if let Some(found) = self.directory_mut(directory) {
            found.entries.insert(name.as_bytes().into(), inode);
        }
        self.get_mut(inode).nlink += 1;
    }
}

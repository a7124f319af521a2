//! What a world wants to stand in a sealed folder.

use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, Stat, Timestamps};
use rustix::io::Errno;
use touchstone_model::tree::Content;
use touchstone_model::world::{Node, NodeKind, START_TIME_NANOSECONDS, World};

use super::read_back::{COMPARED_BYTES, Kind, Standing};
use crate::scratch::times;

/// Entries by path from the sealed folder. As bytes, which are quicker to compare than paths; what is in a folder comes behind it all the same.
pub(super) type ByPath<T> = BTreeMap<OsString, T>;

/// A path with one more name.
pub(super) fn join(path: &OsStr, name: &[u8]) -> OsString {
    OsString::from_vec([path.as_bytes(), b"/", name].concat())
}

/// The folder that something is in; of a preopen, the sealed folder, which is called nothing.
pub(super) fn parent(path: &OsStr) -> &OsStr {
    let bytes = path.as_bytes();
    OsStr::from_bytes(&bytes[..bytes.iter().rposition(|byte| *byte == b'/').unwrap_or_default()])
}

/// The modes of what is made, under the umask of runs.
pub(super) const FILE_MODE: u32 = 0o644;
pub(super) const DIRECTORY_MODE: u32 = 0o755;

/// The times that an entry has from the start. `mtime` is nanoseconds since 1970.
pub(super) fn start_times(mtime: u64) -> Timestamps {
    times(START_TIME_NANOSECONDS, mtime)
}

/// Where an entry is wanted.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) wanted: Wanted,
    /// What was made for it.
    pub(super) made: Cell<Option<Made>>,
    pub(super) held: RefCell<Option<Held>>,
}

/// A file or folder that stood where it is wanted, held open: a look at it needs no path. As long as it is open its number is nobody else's.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) entry: File,
    pub(super) inode: u64,
}

impl Place {
    /// What is held there, if it has this number.
    pub(super) fn held(&self, inode: u64) -> Option<Ref<'_, Held>> {
        Ref::filter_map(self.held.borrow(), Option::as_ref).ok().filter(|held| held.inode == inode)
    }

    /// Whether what stands there need only be filled with what is wanted.
    pub(super) fn is_fillable(&self, found: &Standing) -> bool {
        let are_files = matches!((&self.wanted, &found.kind), (Wanted::File { .. }, Kind::File { .. }));
        are_files && found.mode == FILE_MODE && self.held(found.found.inode).is_some()
    }

    /// Fills an empty file with what is wanted there, with its times, and remembers it.
    pub(super) fn fill(&self, file: &File) -> Result<Made, Errno> {
        if let Wanted::File { bytes, mtime, .. } = &self.wanted {
            file.write_all_at(bytes, 0).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            rustix::fs::futimens(file, &start_times(*mtime))?;
        }
        let made = Made::of(&rustix::fs::fstat(file)?);
        self.made.set(Some(made));
        Ok(made)
    }

    /// Knows nothing any more of what stands there.
    pub(super) fn forget(&self) {
        self.made.take();
        self.held.take();
    }

    pub(super) fn hold(&self, entry: File, inode: u64) {
        self.held.replace(Some(Held { entry, inode }));
    }
}

/// By which an entry that was made is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) inode: u64,
    /// In bytes; there are hosts on which a file can grow and keep its mtime. A folder's says nothing that its mtime does not.
    pub(super) size: i64,
    /// When anything about it changed last, which nobody can set: seconds since 1970, and nanoseconds.
    ctime: [i64; 2],
}

impl Made {
    pub(super) fn of(stat: &Stat) -> Made {
        let size = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory { 0 } else { stat.st_size };
        Made { inode: stat.st_ino, size, ctime: [stat.st_ctime, stat.st_ctime_nsec as i64] }
    }
}

/// An entry as a world wants it. Times are nanoseconds since 1970; `shown` is what a snapshot shows of the bytes.
#[derive(Debug)]
pub(super) enum Wanted {
    File { bytes: Vec<u8>, shown: Content, mtime: u64 },
    Directory { mtime: u64 },
    Symlink { target: String, mtime: u64 },
    HardLink { file: OsString },
}

impl Wanted {
    /// A further name has the times of its file.
    pub(super) fn mtime(&self) -> Option<u64> {
        match self {
            Wanted::File { mtime, .. } | Wanted::Directory { mtime } | Wanted::Symlink { mtime, .. } => Some(*mtime),
            Wanted::HardLink { .. } => None,
        }
    }

    /// What this is a further name of.
    pub(super) fn file_named(&self) -> Option<&OsStr> {
        if let Wanted::HardLink { file } = self { Some(file) } else { None }
    }

    fn file(bytes: &[u8], mtime: u64) -> Wanted {
        Wanted::File { bytes: bytes.to_owned(), shown: Content::kept(bytes, COMPARED_BYTES), mtime }
    }

    /// Whether an entry is this one, but for its times; of a further name, that it is still one of what it was.
    pub(super) fn is(&self, found: &Standing) -> bool {
        match (self, &found.kind) {
            (Wanted::File { .. }, Kind::File { holds_wanted }) => found.mode == FILE_MODE && *holds_wanted,
            (Wanted::Directory { .. }, Kind::Directory) => found.mode == DIRECTORY_MODE,
            (Wanted::Symlink { target, .. }, Kind::Symlink(found_target)) => found.is_as_made || found_target == target.as_bytes(),
            (Wanted::HardLink { .. }, _) => found.is_as_made,
            _ => false,
        }
    }
}

/// All entries that a world wants, its preopens themselves included.
pub(super) fn wanted(world: &World) -> ByPath<Place> {
    let mut out = BTreeMap::new();
    for preopen in &world.preopens {
        let root = OsString::from(&preopen.name);
        out.insert(root.clone(), Wanted::Directory { mtime: START_TIME_NANOSECONDS });
        for (path, node) in &preopen.tree.0 {
            let path = join(&root, path.as_bytes());
            let mut folder = parent(&path);
            while folder != root {
                out.entry(folder.to_owned()).or_insert(Wanted::Directory { mtime: START_TIME_NANOSECONDS });
                folder = parent(folder);
            }
            want(&mut out, &root, path, node);
        }
    }
    out.into_iter().map(|(path, wanted)| (path, Place { wanted, made: Cell::new(None), held: RefCell::new(None) })).collect()
}

fn want(out: &mut ByPath<Wanted>, root: &OsStr, path: OsString, node: &Node) {
    let mtime = node.mtime.unwrap_or(START_TIME_NANOSECONDS);
    let wanted = match &node.kind {
        NodeKind::File(bytes) => Wanted::file(bytes, mtime),
        NodeKind::Directory => Wanted::Directory { mtime },
        NodeKind::Symlink(target) => Wanted::Symlink { target: target.clone(), mtime },
        NodeKind::HardLink(file) => Wanted::HardLink { file: join(root, file.as_bytes()) },
        NodeKind::Filled(count) => {
            let files = (0..*count).map(|index| join(&path, format!("{index:04}").as_bytes()));
            out.extend(files.map(|file| (file, Wanted::file(&[], START_TIME_NANOSECONDS))));
            Wanted::Directory { mtime }
        }
    };
    out.insert(path, wanted);
}

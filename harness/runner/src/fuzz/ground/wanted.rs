//! What a world wants to stand in a sealed folder.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use touchstone_model::world::{Node, NodeKind, START_TIME_NANOSECONDS, World};

use super::read_back::{Kind, Standing};

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

/// Where an entry is wanted.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) wanted: Wanted,
    /// The inode that was made for it, by which it is known again wherever it is.
    pub(super) inode: Cell<Option<u64>>,
}

/// An entry as a world wants it. Times are nanoseconds since 1970.
#[derive(Debug)]
pub(super) enum Wanted {
    File { bytes: Vec<u8>, mtime: u64 },
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

    /// Whether an entry is this one, but for its times.
    pub(super) fn is(&self, found: &Standing) -> bool {
        match (self, &found.kind) {
            (Wanted::File { bytes, .. }, Kind::File(Some(found_bytes))) => found.mode == 0o644 && bytes == found_bytes,
            (Wanted::Directory { .. }, Kind::Directory) => found.mode == 0o755,
            (Wanted::Symlink { target, .. }, Kind::Symlink(found_target)) => found_target == target.as_bytes(),
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
    out.into_iter().map(|(path, wanted)| (path, Place { wanted, inode: Cell::new(None) })).collect()
}

fn want(out: &mut ByPath<Wanted>, root: &OsStr, path: OsString, node: &Node) {
    let mtime = node.mtime.unwrap_or(START_TIME_NANOSECONDS);
    let wanted = match &node.kind {
        NodeKind::File(bytes) => Wanted::File { bytes: bytes.clone(), mtime },
        NodeKind::Directory => Wanted::Directory { mtime },
        NodeKind::Symlink(target) => Wanted::Symlink { target: target.clone(), mtime },
        NodeKind::HardLink(file) => Wanted::HardLink { file: join(root, file.as_bytes()) },
        NodeKind::Filled(count) => {
            let files = (0..*count).map(|index| join(&path, format!("{index:04}").as_bytes()));
            out.extend(files.map(|file| (file, Wanted::File { bytes: Vec::new(), mtime: START_TIME_NANOSECONDS })));
            Wanted::Directory { mtime }
        }
    };
    out.insert(path, wanted);
}

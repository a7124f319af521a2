//! What a world wants to stand in a sealed folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use touchstone_model::world::{Node, NodeKind, START_TIME_NANOSECONDS, World};

use super::read_back::{Kind, Standing};

/// An entry as a world wants it. Times are nanoseconds since 1970.
#[derive(Debug)]
pub(super) enum Wanted {
    File { bytes: Vec<u8>, mtime: u64 },
    Directory { mtime: u64 },
    Symlink { target: String, mtime: u64 },
    HardLink { file: PathBuf },
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

/// All entries that a world wants, its preopens themselves included, by path from the sealed folder.
pub(super) fn wanted(world: &World) -> BTreeMap<PathBuf, Wanted> {
    let mut out = BTreeMap::new();
    for preopen in &world.preopens {
        let root = PathBuf::from(&preopen.name);
        out.insert(root.clone(), Wanted::Directory { mtime: START_TIME_NANOSECONDS });
        for (path, node) in &preopen.tree.0 {
            let path = root.join(path);
            for parent in path.ancestors().skip(1).filter(|parent| parent.starts_with(&root)) {
                out.entry(parent.to_owned()).or_insert(Wanted::Directory { mtime: START_TIME_NANOSECONDS });
            }
            want(&mut out, &root, path, node);
        }
    }
    out
}

fn want(out: &mut BTreeMap<PathBuf, Wanted>, root: &Path, path: PathBuf, node: &Node) {
    let mtime = node.mtime.unwrap_or(START_TIME_NANOSECONDS);
    let wanted = match &node.kind {
        NodeKind::File(bytes) => Wanted::File { bytes: bytes.clone(), mtime },
        NodeKind::Directory => Wanted::Directory { mtime },
        NodeKind::Symlink(target) => Wanted::Symlink { target: target.clone(), mtime },
        NodeKind::HardLink(file) => Wanted::HardLink { file: root.join(file) },
        NodeKind::Filled(count) => {
            let files = (0..*count).map(|index| path.join(format!("{index:04}")));
            out.extend(files.map(|file| (file, Wanted::File { bytes: Vec::new(), mtime: START_TIME_NANOSECONDS })));
            Wanted::Directory { mtime }
        }
    };
    out.insert(path, wanted);
}

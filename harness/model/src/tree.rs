//! What lies below the preopens after a run, and how it differs from what lay there before.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bounds;
use crate::script::print::quoted;
use crate::world::{NodeKind, START_TIME_NANOSECONDS, World};

/// All entries below all preopens: `preopen:path` to entry. The preopens themselves are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeSnapshot(pub BTreeMap<String, Entry>);

/// One file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: EntryKind,
    /// Access time, where it is one that somebody set; reading moves it or not as the host likes.
    pub atime: Option<u64>,
    pub mtime: Time,
    /// The first other name (in the order of the alphabet) of the same file, where there is one before this.
    pub same_as: Option<String>,
}

/// What an entry is and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    File(Content),
    Directory,
    Symlink(String),
    /// A FIFO, socket or device: no WASI call can make one.
    Other,
}

/// Bytes, or as much of them as is worth keeping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub len: u64,
    /// All bytes, if they are few.
    pub bytes: Option<Vec<u8>>,
    /// SHA-256 in hexadecimal, if there are more bytes than are kept but not too many to hash.
    pub sha256: Option<String>,
}

impl Content {
    /// The content with these bytes, kept as a file's are.
    pub fn of(bytes: &[u8]) -> Content {
        Content::kept(bytes, bounds::FILE_KEPT_BYTES)
    }

    /// The content with these bytes: as they are up to a bound, beyond it as a hash.
    pub fn kept(bytes: &[u8], bound: usize) -> Content {
        let small = bytes.len() <= bound;
        Content { len: bytes.len() as u64, bytes: small.then(|| bytes.to_vec()), sha256: (!small).then(|| hex(&Sha256::digest(bytes))) }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A modification time, as far as runs can be compared by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Time {
    /// [`START_TIME_NANOSECONDS`]
    Start,
    /// During the run.
    Now,
    /// This many nanoseconds since 1970: somebody set it.
    At(u64),
}

impl TreeSnapshot {
    /// What lies below the preopens when a run starts.
    pub fn of_world(world: &World) -> TreeSnapshot {
        let mut out = BTreeMap::new();
        for preopen in &world.preopens {
            for (path, node) in &preopen.tree.0 {
                let mtime = node.mtime.map_or(Time::Start, Time::at);
                let key = |path: &str| format!("{}:{path}", preopen.name);
                parents(path).for_each(|parent| {
                    out.entry(key(parent)).or_insert_with(|| Entry::new(EntryKind::Directory, Time::Start));
                });
                let kind = match &node.kind {
                    NodeKind::File(bytes) => EntryKind::File(Content::of(bytes)),
                    NodeKind::Directory => EntryKind::Directory,
                    NodeKind::Symlink(target) => EntryKind::Symlink(target.clone()),
                    NodeKind::HardLink(_) => continue,
                    NodeKind::Filled(count) => {
                        let names = (0..*count).map(|index| key(&format!("{path}/{index:04}")));
                        out.extend(names.map(|name| (name, Entry::new(EntryKind::File(Content::of(b"")), Time::Start))));
                        EntryKind::Directory
                    }
                };
                out.insert(key(path), Entry::new(kind, mtime));
            }
            hard_links(preopen, &mut out);
        }
        TreeSnapshot(out)
    }
}

/// Adds the hard links of a preopen: the first name in the alphabet carries the file, the others point at it.
fn hard_links(preopen: &crate::world::Preopen, out: &mut BTreeMap<String, Entry>) {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, node) in &preopen.tree.0 {
        if let NodeKind::HardLink(target) = &node.kind {
            groups.entry(target).or_insert_with(|| vec![target]).push(path);
        }
    }
    for (target, mut names) in groups {
        let Some(file) = out.get(&format!("{}:{target}", preopen.name)).cloned() else { continue };
        names.sort_unstable();
        for (index, name) in names.iter().enumerate() {
            let same_as = (index > 0).then(|| format!("{}:{}", preopen.name, names[0]));
            out.insert(format!("{}:{name}", preopen.name), Entry { same_as, ..file.clone() });
        }
    }
}

/// The directories above a path, the path itself not among them.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(index, _)| &path[..index])
}

impl Entry {
    /// An entry with one name and no access time that somebody set.
    pub fn new(kind: EntryKind, mtime: Time) -> Entry {
        Entry { kind, atime: None, mtime, same_as: None }
    }
}

impl Time {
    /// A time that somebody set.
    pub fn at(nanoseconds: u64) -> Time {
        if nanoseconds == START_TIME_NANOSECONDS { Time::Start } else { Time::At(nanoseconds) }
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EntryKind::File(content) => write!(f, "file {content}")?,
            EntryKind::Directory => f.write_str("directory")?,
            EntryKind::Symlink(target) => write!(f, "symlink to {}", quoted(target.as_bytes()))?,
            EntryKind::Other => f.write_str("something that is neither file, directory nor symlink")?,
        }
        match (self.mtime, &self.kind) {
            (Time::At(time), _) => write!(f, ", mtime {time}")?,
            // that a write moves the time of a file is the host's and POSIX's; a directory's moves with each entry
            (Time::Now, EntryKind::File(_)) => f.write_str(", mtime now")?,
            (Time::Now, EntryKind::Directory | EntryKind::Symlink(_) | EntryKind::Other) | (Time::Start, _) => {}
        }
        if let Some(time) = self.atime {
            write!(f, ", atime {time}")?;
        }
        match &self.same_as {
            Some(name) => write!(f, ", same file as {name}"),
            None => Ok(()),
        }
    }
}

impl Display for Content {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.bytes, &self.sha256) {
            // an output, or a file of a random script, may be kept that is too long to be read
            (Some(bytes), _) if bytes.len() > bounds::FILE_KEPT_BYTES => write!(f, "{}", Content::of(bytes)),
            (Some(bytes), _) => f.write_str(&quoted(bytes)),
            (None, Some(sha256)) => write!(f, "of {} bytes, sha256 {}", self.len, &sha256[..16]),
            (None, None) => write!(f, "of {} bytes", self.len),
        }
    }
}

/// The entries that differ: path, text before, text after; `None` where there is none.
pub fn differences(before: &TreeSnapshot, after: &TreeSnapshot) -> Vec<(String, Option<String>, Option<String>)> {
    let mut paths: Vec<&String> = before.0.keys().chain(after.0.keys()).collect();
    paths.sort();
    paths.dedup();
    let text = |tree: &TreeSnapshot, path: &String| tree.0.get(path).map(Entry::to_string);
    let rows = paths.into_iter().map(|path| (path.clone(), text(before, path), text(after, path)));
    rows.filter(|(_, before, after)| before != after).collect()
}

//! What stands below the preopens after a run.
//!
//! Looking is most of the work, so what cannot have changed is not looked at twice. Whoever writes to a file, or makes, removes or renames an
//! entry of a folder, moves the mtime of that file or folder to the present. So where nobody was asked to set times, a file or a folder whose
//! mtime is that of its world is what it was. It has to be the same one, which its folder vouches for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use touchstone_model::bounds;
use touchstone_model::tree::{Content, EntryKind, TreeSnapshot};

use super::wanted::Wanted;
use crate::scratch::{Facts, SnapshotReader, content_of, printable};

/// Bytes up to which the content of a file is compared; a longer one is made anew.
const COMPARED_BYTES: u64 = 64 << 10;

/// An entry as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Access and modification, in nanoseconds since 1970; `None` where looking has moved them.
    pub(super) times: Option<[u64; 2]>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file with one name, and its bytes if they are few.
    File(Option<Vec<u8>>),
    Directory,
    /// A link with one name, and its target.
    Symlink(Vec<u8>),
    /// Anything else, what has several names among them: never what is wanted.
    Other,
}

pub(super) struct Reader<'a> {
    folder: &'a OwnedFd,
    wanted: &'a BTreeMap<PathBuf, Wanted>,
    times_are_honest: bool,
    snapshot: SnapshotReader,
    standing: BTreeMap<PathBuf, Standing>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(folder: &'a OwnedFd, wanted: &'a BTreeMap<PathBuf, Wanted>, start: SystemTime, times_are_honest: bool) -> Reader<'a> {
        Reader { folder, wanted, times_are_honest, snapshot: SnapshotReader::new(start), standing: BTreeMap::new() }
    }

    pub(super) fn finish(self) -> (TreeSnapshot, BTreeMap<PathBuf, Standing>) {
        (self.snapshot.finish(), self.standing)
    }

    /// Reads a preopen with all that is below it. No guest can rename or remove it.
    pub(super) fn preopen(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, PathBuf::from(name), true)
    }

    /// Reads an entry. `in_place`: it is the one that was made there.
    fn entry(&mut self, preopen: &str, path: PathBuf, in_place: bool) -> io::Result<()> {
        let Ok(stat) = rustix::fs::statat(self.folder, &path, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(()) };
        let facts = Facts::of(&stat);
        let made = self.wanted.get(&path).filter(|_| in_place);
        let unchanged = made.filter(|made| self.times_are_honest && self.mtime(made) == Some(facts.mtime));
        let mut times = Some([facts.atime, facts.mtime]);
        let (seen, kind) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let (content, bytes) = self.file(&path, &stat, unchanged)?;
                (EntryKind::File(content), if facts.has_more_names { Kind::Other } else { Kind::File(bytes) })
            }
            FileType::Directory => (EntryKind::Directory, Kind::Directory),
            FileType::Symlink => {
                let target = match made {
                    // a link never changes
                    Some(Wanted::Symlink { target, .. }) => target.clone().into_bytes(),
                    _ => {
                        times = None;
                        rustix::fs::readlinkat(self.folder, &path, Vec::new())?.into_bytes()
                    }
                };
                let shown = EntryKind::Symlink(printable(Path::new(std::ffi::OsStr::from_bytes(&target))));
                (shown, if facts.has_more_names { Kind::Other } else { Kind::Symlink(target) })
            }
            _ => (EntryKind::Other, Kind::Other),
        };
        let is_directory = kind == Kind::Directory;
        if let Ok(inside) = path.strip_prefix(preopen)
            && !inside.as_os_str().is_empty()
        {
            self.snapshot.add(format!("{preopen}:{}", printable(inside)), seen, &facts);
        }
        self.standing.insert(path.clone(), Standing { kind, mode: stat.st_mode & 0o7777, times });
        if is_directory {
            let unchanged = unchanged.is_some();
            let children = if unchanged { self.made_children(&path) } else { self.listed(&path) };
            children.into_iter().try_for_each(|child| self.entry(preopen, path.join(child), unchanged))?;
        }
        Ok(())
    }

    /// When an entry was last modified, as it was made.
    fn mtime(&self, made: &Wanted) -> Option<u64> {
        match made {
            Wanted::HardLink { file } => self.wanted.get(file).and_then(Wanted::mtime),
            other => other.mtime(),
        }
    }

    /// The content of a file as it is shown, and its bytes if they are few.
    fn file(&self, path: &Path, stat: &Stat, unchanged: Option<&Wanted>) -> io::Result<(Content, Option<Vec<u8>>)> {
        let made = match unchanged {
            Some(Wanted::HardLink { file }) => self.wanted.get(file),
            other => other,
        };
        if let Some(Wanted::File { bytes, .. }) = made {
            return Ok((Content::of(bytes), Some(bytes.clone())));
        }
        let len = u64::try_from(stat.st_size).unwrap_or_default();
        // it has not been read as far as anybody can tell
        let flags = OFlags::RDONLY | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = match rustix::fs::openat(self.folder, path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            // the guest took away its own right to read it
            Err(rustix::io::Errno::ACCESS) => return Ok((Content { len, bytes: None, sha256: None }, None)),
            Err(error) => return Err(error.into()),
        };
        if len > COMPARED_BYTES {
            return Ok((content_of(file, len, bounds::FILE_KEPT_BYTES)?, None));
        }
        let mut bytes = vec![0; len as usize];
        file.read_exact(&mut bytes)?;
        Ok((Content::of(&bytes), Some(bytes)))
    }

    /// The names in a folder that is as it was made.
    fn made_children(&self, path: &Path) -> Vec<OsString> {
        let below = self.wanted.range::<Path, _>((Bound::Excluded(path), Bound::Unbounded));
        let below = below.map(|(below, _)| below).take_while(|below| below.starts_with(path));
        below.filter(|below| below.parent() == Some(path)).filter_map(|child| child.file_name().map(OsString::from)).collect()
    }

    /// The names in a folder, in order. One that the guest took away its own right to shows none, and is made anew.
    fn listed(&self, path: &Path) -> Vec<OsString> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self.folder, path, flags, Mode::empty()).and_then(Dir::new);
        let entries = opened.into_iter().flatten().map_while(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_bytes().to_owned()).filter(|name| name != b"." && name != b"..");
        let mut names: Vec<OsString> = names.map(OsString::from_vec).collect();
        names.sort_unstable();
        names
    }
}

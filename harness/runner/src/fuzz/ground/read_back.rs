//! What stands below the preopens after a run.
//!
//! Looking is most of the work, so what cannot have changed is not looked at twice. Whoever writes to a file, or makes, removes or renames an
//! entry of a folder, moves the mtime of that file or folder to the present, and whatever is made has that mtime too. So where no call asked for
//! times to be set, an entry whose mtime is that of its world is what it was. It has to be the same one, which its inode vouches for:
//! a host may give the number of what was removed to what is made, but not its mtime.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use touchstone_model::bounds;
use touchstone_model::tree::{Content, EntryKind, TreeSnapshot};

use super::wanted::{ByPath, Place, Wanted, join};
use crate::scratch::{Facts, SnapshotReader, content_of, printable};

/// Bytes up to which the content of a file is compared; a longer one is made anew.
const COMPARED_BYTES: u64 = 64 << 10;

/// An entry as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) inode: u64,
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
    wanted: &'a ByPath<Place>,
    times_are_honest: bool,
    snapshot: SnapshotReader,
    standing: ByPath<Standing>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(folder: &'a OwnedFd, wanted: &'a ByPath<Place>, start: SystemTime, times_are_honest: bool) -> Reader<'a> {
        Reader { folder, wanted, times_are_honest, snapshot: SnapshotReader::new(start), standing: ByPath::new() }
    }

    pub(super) fn finish(self) -> (TreeSnapshot, ByPath<Standing>) {
        (self.snapshot.finish(), self.standing)
    }

    /// Reads a preopen with all that is below it.
    pub(super) fn preopen(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, OsString::from(name))
    }

    fn entry(&mut self, preopen: &str, path: OsString) -> io::Result<()> {
        let Ok(stat) = rustix::fs::statat(self.folder, &path, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(()) };
        let facts = Facts::of(&stat);
        let wanted = self.wanted;
        let made = wanted.get(&path).filter(|made| made.inode.get() == Some(stat.st_ino)).map(|made| named_first(wanted, &made.wanted));
        let unchanged = made.filter(|made| self.times_are_honest && made.mtime() == Some(facts.mtime));
        let mut times = Some([facts.atime, facts.mtime]);
        let (seen, kind) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let (content, bytes) = self.file(&path, &stat, unchanged)?;
                (EntryKind::File(content), if facts.has_more_names { Kind::Other } else { Kind::File(bytes) })
            }
            FileType::Directory => (EntryKind::Directory, Kind::Directory),
            FileType::Symlink => {
                let target = match unchanged {
                    Some(Wanted::Symlink { target, .. }) => target.clone().into_bytes(),
                    _ => {
                        times = None;
                        rustix::fs::readlinkat(self.folder, &path, Vec::new())?.into_bytes()
                    }
                };
                let shown = EntryKind::Symlink(printable(Path::new(OsStr::from_bytes(&target))));
                (shown, if facts.has_more_names { Kind::Other } else { Kind::Symlink(target) })
            }
            _ => (EntryKind::Other, Kind::Other),
        };
        let is_directory = kind == Kind::Directory;
        if let Some(inside) = path.as_bytes().get(preopen.len() + 1..) {
            self.snapshot.add(format!("{preopen}:{}", printable(Path::new(OsStr::from_bytes(inside)))), seen, &facts);
        }
        let children = match (is_directory, unchanged) {
            (false, _) => Vec::new(),
            (true, Some(_)) => self.made_children(&path),
            (true, None) => self.listed(&path),
        };
        self.standing.insert(path, Standing { inode: stat.st_ino, kind, mode: stat.st_mode & 0o7777, times });
        children.into_iter().try_for_each(|child| self.entry(preopen, child))
    }

    /// The content of a file as it is shown, and its bytes if they are few.
    fn file(&self, path: &OsStr, stat: &Stat, unchanged: Option<&Wanted>) -> io::Result<(Content, Option<Vec<u8>>)> {
        if let Some(Wanted::File { bytes, .. }) = unchanged {
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

    /// What is in a folder that is as it was made, in order.
    fn made_children(&self, path: &OsStr) -> Vec<OsString> {
        let first = join(path, b"");
        let below = self.wanted.range(first.clone()..).map(|(below, _)| below);
        let below = below.take_while(|below| below.as_bytes().starts_with(first.as_bytes()));
        below.filter(|below| !below.as_bytes()[first.len()..].contains(&b'/')).cloned().collect()
    }

    /// What is in a folder, in order. One that the guest took away its own right to shows nothing, and is made anew.
    fn listed(&self, path: &OsStr) -> Vec<OsString> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(self.folder, path, flags, Mode::empty()).and_then(Dir::new);
        let entries = opened.into_iter().flatten().map_while(Result::ok);
        let is_child = |name: &[u8]| name != b"." && name != b"..";
        let mut children: Vec<OsString> =
            entries.filter(|entry| is_child(entry.file_name().to_bytes())).map(|entry| join(path, entry.file_name().to_bytes())).collect();
        children.sort_unstable();
        children
    }
}

/// What stands behind a further name.
fn named_first<'w>(wanted: &'w ByPath<Place>, made: &'w Wanted) -> &'w Wanted {
    match made {
        Wanted::HardLink { file } => wanted.get(file).map_or(made, |place| &place.wanted),
        other => other,
    }
}

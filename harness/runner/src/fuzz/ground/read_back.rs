//! What stands below the preopens after a run.
//!
//! Looking is most of the work, so what cannot have changed is not looked at twice. Whoever writes to a file, or makes, removes or renames an
//! entry of a folder, moves the mtime of that file or folder to the present, and whatever is made has that mtime too. So where no call asked for
//! times to be set, an entry whose mtime is that of its world is what it was. It has to be the same one, which its inode vouches for:
//! a host may give the number of what was removed to what is made, but not its mtime.
//!
//! Where calls asked for times, the ctime vouches for a file, which nobody can set. Only some file systems move it with every change. A folder's
//! says nothing: tmpfs gives it that of what was removed from it, which may be what it had.

use std::cell::Ref;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Stat};
use rustix::io::Errno;
use touchstone_model::tree::{Content, EntryKind, TreeSnapshot};

use super::habits::Habits;
use super::wanted::{ByPath, DIRECTORY_MODE, FILE_MODE, Held, Made, Place, Wanted, join};
use crate::scratch::{Facts, SnapshotReader, content_of, printable};

/// Bytes up to which the content of a file is kept and compared as it is: to hash it takes longer. (A snapshot by a worker hashes more, and so
/// says nothing of a file of which only parts are known.) A longer one is filled or made anew, unless it is known to be as it was made.
pub(super) const COMPARED_BYTES: usize = 256 << 10;

/// Bytes of a folder's entries that are asked for at a time; one entry takes at most 280.
const LISTED_BYTES: usize = 2048;

/// An entry as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) found: Made,
    /// It is what was made there, as it was made but for its access time, its mode and further names.
    pub(super) is_as_made: bool,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Access and modification, in nanoseconds since 1970; `None` where looking has moved them.
    pub(super) times: Option<[u64; 2]>,
}

impl Kind {
    /// A file that does not hold what is wanted there.
    pub(super) const OTHER_FILE: Kind = Kind::File { holds_wanted: false };
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file, and whether its bytes are those that are wanted there.
    File {
        holds_wanted: bool,
    },
    Directory,
    /// A link and its target.
    Symlink(Vec<u8>),
    /// Anything else, what has several names and is not as it was made among them: never what is wanted.
    Other,
}

pub(super) struct Reader<'a> {
    folder: &'a OwnedFd,
    wanted: &'a ByPath<Place>,
    habits: Habits,
    /// No call of the run can have set an mtime, so that one that is as it was tells that an entry is, too.
    mtimes_tell: bool,
    snapshot: SnapshotReader,
    standing: Vec<(OsString, Standing)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(folder: &'a OwnedFd, wanted: &'a ByPath<Place>, start: SystemTime, habits: Habits, mtimes_tell: bool) -> Reader<'a> {
        Reader { folder, wanted, habits, mtimes_tell, snapshot: SnapshotReader::new(start), standing: Vec::new() }
    }

    /// What was seen, and what stands there by path.
    pub(super) fn finish(mut self) -> (TreeSnapshot, Vec<(OsString, Standing)>) {
        self.standing.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        (self.snapshot.finish(), self.standing)
    }

    /// Reads a preopen with all that is below it. `is_there`: nothing has changed in the folder that it is in.
    pub(super) fn preopen(&mut self, name: &str, is_there: bool) -> io::Result<()> {
        let made = self.wanted.get(OsStr::new(name)).filter(|_| is_there).and_then(|place| place.made.get());
        self.entry(name, Child { path: OsString::from(name), inode: made.map(|made| made.inode) })
    }

    fn entry(&mut self, preopen: &str, child: Child) -> io::Result<()> {
        let Ok(stat) = self.look(&child) else { return Ok(()) };
        let path = child.path;
        let facts = Facts::of(&stat);
        let found = Made::of(&stat);
        let unchanged = self.unchanged(&path, found, facts.mtime);
        let mut times = Some([facts.atime, facts.mtime]);
        let (seen, kind) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let content = self.content(&path, &stat, unchanged)?;
                let holds_wanted = unchanged.is_some() || self.is_wanted(&path, &content);
                (EntryKind::File(content), Kind::File { holds_wanted })
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
                (EntryKind::Symlink(printable(Path::new(OsStr::from_bytes(&target)))), Kind::Symlink(target))
            }
            _ => (EntryKind::Other, Kind::Other),
        };
        let is_as_made = unchanged.is_some();
        let is_directory = kind == Kind::Directory;
        let kind = if facts.has_more_names && !is_as_made && !is_directory { Kind::Other } else { kind };
        if let Some(inside) = path.as_bytes().get(preopen.len() + 1..) {
            self.snapshot.add(format!("{preopen}:{}", printable(Path::new(OsStr::from_bytes(inside)))), seen, &facts);
        }
        let mut children = match (is_directory, unchanged) {
            (false, _) => Vec::new(),
            (true, Some(_)) => self.made_children(&path),
            (true, None) => self.listed(&path, &stat),
        };
        // without its rights the guest sees what is in a folder by no path, and so it is not looked at in another way
        if stat.st_mode & 0o7777 != DIRECTORY_MODE {
            children.iter_mut().for_each(|child| child.inode = None);
        }
        self.standing.push((path, Standing { found, is_as_made, kind, mode: stat.st_mode & 0o7777, times }));
        children.into_iter().try_for_each(|child| self.entry(preopen, child))
    }

    /// Looks at an entry: at what is held there, where its folder says that this is what it has by that name.
    fn look(&self, Child { path, inode }: &Child) -> Result<Stat, Errno> {
        let held = inode.and_then(|inode| self.wanted.get(path)?.held(inode));
        match held {
            Some(held) => rustix::fs::fstat(&held.entry),
            None => rustix::fs::statat(self.folder, path, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    /// What is wanted at a path, if that is what is found there.
    fn unchanged(&self, path: &OsStr, found: Made, mtime: u64) -> Option<&'a Wanted> {
        let place = self.wanted.get(path)?;
        let made = place.made.get()?;
        let wanted = named_first(self.wanted, &place.wanted);
        let ctime_tells = self.habits.ctimes_tell && matches!(wanted, Wanted::File { .. }) && made == found;
        let is_same = made.inode == found.inode && made.size == found.size && wanted.mtime() == Some(mtime);
        Some(wanted).filter(|_| is_same && (self.mtimes_tell || ctime_tells))
    }

    /// Whether a file with this content is wanted at a path.
    fn is_wanted(&self, path: &OsStr, content: &Content) -> bool {
        matches!(self.wanted.get(path), Some(Place { wanted: Wanted::File { bytes, .. }, .. }) if content.bytes.as_ref() == Some(bytes))
    }

    fn content(&self, path: &OsStr, stat: &Stat, unchanged: Option<&Wanted>) -> io::Result<Content> {
        if let Some(Wanted::File { shown, .. }) = unchanged {
            return Ok(shown.clone());
        }
        let len = u64::try_from(stat.st_size).unwrap_or_default();
        if len == 0 {
            return Ok(Content::of(&[]));
        }
        if let Some(held) = self.held(path, stat, FILE_MODE) {
            rustix::fs::seek(&held.entry, SeekFrom::Start(0))?;
            return content_of(&held.entry, len, COMPARED_BYTES);
        }
        // it has not been read as far as anybody can tell
        let flags = OFlags::RDONLY | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(self.folder, path, flags, Mode::empty()) {
            Ok(file) => content_of(File::from(file), len, COMPARED_BYTES),
            // the guest took away its own right to read it
            Err(Errno::ACCESS) => Ok(Content { len, bytes: None, sha256: None }),
            Err(error) => Err(error.into()),
        }
    }

    /// What is held at a path, if that is what was found there and has this mode: through what is open more could be seen than the guest's rights
    /// allow.
    fn held(&self, path: &OsStr, stat: &Stat, mode: u32) -> Option<Ref<'_, Held>> {
        self.wanted.get(path)?.held(stat.st_ino).filter(|_| stat.st_mode & 0o7777 == mode)
    }

    /// What is in a folder that is as it was made, in order.
    fn made_children(&self, path: &OsStr) -> Vec<Child> {
        let first = join(path, b"");
        let below = self.wanted.range(first.clone()..).take_while(|(below, _)| below.as_bytes().starts_with(first.as_bytes()));
        let inside = below.filter(|(below, _)| !below.as_bytes()[first.len()..].contains(&b'/'));
        inside.map(|(path, place)| Child { path: path.clone(), inode: place.made.get().map(|made| made.inode) }).collect()
    }

    /// What is in a folder, in order. One that the guest took away its own right to shows nothing, and is made anew.
    fn listed(&self, path: &OsStr, stat: &Stat) -> Vec<Child> {
        if self.habits.entries(stat) == Some(0) {
            return Vec::new();
        }
        if let Some(held) = self.held(path, stat, DIRECTORY_MODE)
            && rustix::fs::seek(&held.entry, SeekFrom::Start(0)).is_ok()
        {
            return self.children(path, &held.entry, stat);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(folder) = rustix::fs::openat(self.folder, path, flags, Mode::empty()).map(File::from) else { return Vec::new() };
        let children = self.children(path, &folder, stat);
        // where one is wanted it stays open for the next look
        if let Some(place @ Place { wanted: Wanted::Directory { .. }, .. }) = self.wanted.get(path) {
            place.hold(folder, stat.st_ino);
        }
        children
    }

    /// What is in an open folder, in order.
    fn children(&self, path: &OsStr, folder: &File, stat: &Stat) -> Vec<Child> {
        let count = self.habits.entries(stat);
        let (mut children, mut buffer) = (Vec::new(), [MaybeUninit::uninit(); LISTED_BYTES]);
        let mut entries = RawDir::new(folder, &mut buffer);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                children.push(Child { path: join(path, name), inode: Some(entry.ino()) });
            }
            // the host need not be asked whether there are more
            if entries.is_buffer_empty() && count == Some(children.len()) {
                break;
            }
        }
        children.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        children
    }
}

/// What its folder says of an entry.
struct Child {
    path: OsString,
    /// None where nobody has asked the folder.
    inode: Option<u64>,
}

/// What stands behind a further name.
fn named_first<'w>(wanted: &'w ByPath<Place>, made: &'w Wanted) -> &'w Wanted {
    made.file_named().and_then(|file| wanted.get(file)).map_or(made, |place| &place.wanted)
}

//! The trees of a rig. For the runtimes that take their turns at one world they are brought from what a run left to what the world wants
//! by what differs, which is far less work than to make them anew: most of a tree is as it was after most runs.
//!
//! Canaries stand for as long as they are what they were. Whether anything outside the preopens has changed shows in the
//! times of the canaries and of the folders that hold them, which nobody but a guest would move.
//!
//! [`wanted`] is what a world wants, [`read_back`] what stands there, [`habits`] what the file system lets be known without a look.

mod habits;
mod read_back;
mod wanted;

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat};
use rustix::io::Errno;
use touchstone_model::trace::{Trace, TraceCall, TraceState};
use touchstone_model::tree::TreeSnapshot;
use touchstone_model::world::{Preopen, START_TIME_NANOSECONDS, World};
use touchstone_spec::Function;

use crate::HarnessError;
use crate::scratch::{Sealed, remove_all};
use habits::Habits;
use read_back::{Kind, Reader, Standing};
use wanted::{ByPath, Made, Place, Wanted, parent, start_times, wanted};

/// The trees, and what is known of them.
#[derive(Debug)]
pub(super) struct Ground {
    sealed: Sealed,
    folder: OwnedFd,
    /// Those of the file system that it is on.
    habits: Habits,
    /// The world whose trees were made last, and all that is to stand there.
    world: Option<World>,
    wanted: ByPath<Place>,
    /// What stands there after a run by path, the preopens themselves included. Nothing is known while one goes on.
    standing: Option<Vec<(OsString, Standing)>>,
    /// What stands outside of the preopens, as it was made: the sealed folder first. It is held open, which spares the way there.
    outside: Vec<(OwnedFd, Stamp)>,
    /// Whether the last run, when it was read back, had left it as it was made.
    is_intact: bool,
}

/// What moves when a file or a folder is changed.
type Stamp = (u64, [i64; 4], i64);

fn stamp_of(held: &OwnedFd) -> Result<Stamp, Errno> {
    let stat = rustix::fs::fstat(held)?;
    Ok((stat.st_ino, [stat.st_mtime, stat.st_mtime_nsec as i64, stat.st_ctime, stat.st_ctime_nsec as i64], stat.st_size))
}

impl Ground {
    pub(super) fn new(folder: &Path) -> Result<Ground, HarnessError> {
        let sealed = Sealed::standing(folder.to_owned());
        let opened = rustix::fs::openat(CWD, folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let opened = opened.map_err(|error| HarnessError::file("open", folder)(error.into()))?;
        let habits =
            Habits::of(&opened).map_err(|error| HarnessError::file("try out what the file system does in", folder)(error.into()))?;
        Ok(Ground {
            sealed,
            folder: opened,
            habits,
            world: None,
            wanted: ByPath::new(),
            standing: None,
            outside: Vec::new(),
            is_intact: false,
        })
    }

    pub(super) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Makes the world of a run.
    pub(super) fn prepare(&mut self, world: &World) -> Result<(), HarnessError> {
        // nothing is older than its world, or a runtime that shows when a file was made would show what runs came before
        let keep = self.world.as_ref() == Some(world);
        let is_plain = |preopen: &Preopen| preopen.within.is_none() && preopen.tree.0.values().all(|node| node.mode.is_none());
        let is_plain = world.preopens.iter().all(is_plain);
        if !keep {
            self.wanted = if is_plain { wanted(world) } else { ByPath::new() };
            self.world = Some(world.clone());
        }
        let Some(standing) = self.standing.take().filter(|_| is_plain) else { return self.make_anew(world) };
        let mut rows = rows(&self.wanted, &standing);
        let removed = self.remove(&mut rows, keep)?;
        self.create(&mut rows, &removed)?;
        // whatever was made or removed has moved the times of its folder
        let made = rows.iter().filter(|row| row.fate == Fate::Made).map(|row| row.path);
        let mut touched: Vec<&OsStr> = removed.iter().copied().chain(made).map(parent).collect();
        touched.dedup();
        self.settle_times(&rows, &touched)?;
        if touched.iter().any(|folder| folder.is_empty()) {
            self.outside[0].1 = self.settle().and_then(|()| stamp_of(&self.folder)).map_err(self.failed("settle", OsStr::new(".")))?;
        }
        Ok(())
    }

    /// Everything from nothing.
    fn make_anew(&mut self, world: &World) -> Result<(), HarnessError> {
        self.sealed.populate(world)?;
        // what is known of what stood there is not true of what stands there now
        self.wanted.values().for_each(Place::forget);
        self.settle().map_err(self.failed("settle", OsStr::new(".")))?;
        let hold = |path: &str| {
            let held = rustix::fs::openat(&self.folder, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            let stamped = held.and_then(|held| stamp_of(&held).map(|stamp| (held, stamp)));
            stamped.map_err(self.failed("look at", OsStr::new(path)))
        };
        self.outside = [".", "outside", "canary", "outside/secret"].into_iter().map(hold).collect::<Result<_, HarnessError>>()?;
        Ok(())
    }

    /// Gives the sealed folder an old mtime, as all else outside the preopens has: whatever is done there moves it, however soon.
    fn settle(&self) -> Result<(), Errno> {
        rustix::fs::futimens(&self.folder, &start_times(START_TIME_NANOSECONDS))
    }

    fn stat(&self, path: &OsStr) -> Result<Stat, HarnessError> {
        rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW).map_err(self.failed("look at", path))
    }

    fn failed<'a>(&'a self, what: &'static str, path: &'a OsStr) -> impl FnOnce(Errno) -> HarnessError + 'a {
        move |error| HarnessError::file(what, self.sealed.folder().join(path))(error.into())
    }

    /// Removes what is not wanted, even with another content, or everything if nothing is to be kept.
    fn remove<'a>(&self, rows: &mut [Row<'a>], keep: bool) -> Result<Vec<&'a OsStr>, HarnessError> {
        let mut removed = Vec::new();
        // what is in a folder comes behind it, so from the back a folder is empty when it is reached
        for at in (0..rows.len()).rev() {
            let Row { path, found: Some(found), .. } = rows[at] else { continue };
            if keep && may_stay(rows, &rows[at]) {
                rows[at].fate = Fate::Stays;
                continue;
            }
            let is_directory = found.kind == Kind::Directory;
            let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            match rustix::fs::unlinkat(&self.folder, path, flags) {
                Ok(()) => {}
                // a folder that the guest took its own rights to
                Err(_) if is_directory => remove_all(&self.sealed.folder().join(path)),
                Err(error) => return Err(self.failed("remove", path)(error)),
            }
            removed.push(path);
        }
        Ok(removed)
    }

    /// Makes what is missing, and gives files that stay the content that is wanted there.
    fn create(&self, rows: &mut [Row<'_>], removed: &[&OsStr]) -> Result<(), HarnessError> {
        // what stood in a removed folder is gone with it
        let is_gone = |path: &OsStr| removed.iter().any(|gone| is_within(path, gone));
        // a file comes before its further names
        for makes_links in [false, true] {
            for Row { path, place, found, fate } in rows.iter_mut() {
                let Some(place) = place.filter(|place| place.wanted.file_named().is_some() == makes_links) else { continue };
                if *fate == Fate::Gone || is_gone(path) {
                    self.make(path, place).map_err(self.failed("create", path))?;
                    *fate = Fate::Made;
                } else if let Some(held) =
                    found.filter(|found| found.kind == Kind::OTHER_FILE).and_then(|found| place.held(found.found.inode))
                {
                    let emptied = rustix::fs::ftruncate(&held.entry, 0);
                    emptied.and_then(|()| place.fill(&held.entry)).map_err(self.failed("fill", path))?;
                    *fate = Fate::Filled;
                }
            }
        }
        Ok(())
    }

    fn make(&self, path: &OsStr, place: &Place) -> Result<(), Errno> {
        place.held.take();
        match &place.wanted {
            Wanted::File { .. } => {
                // it stays open for later looks
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOATIME | OFlags::CLOEXEC;
                let file = File::from(rustix::fs::openat(&self.folder, path, flags, Mode::from_raw_mode(0o666))?);
                let made = place.fill(&file)?;
                place.hold(file, made.inode);
                Ok(())
            }
            Wanted::Directory { .. } => rustix::fs::mkdirat(&self.folder, path, Mode::from_raw_mode(0o777)),
            Wanted::Symlink { target, .. } => rustix::fs::symlinkat(target, &self.folder, path),
            Wanted::HardLink { file } => rustix::fs::linkat(&self.folder, file, &self.folder, path, AtFlags::empty()),
        }
    }

    /// Sets the times that are not what they are to be, and remembers what stands where: what was looked at after its last change need not be
    /// looked at again. Nothing changes afterwards but the times of what comes later.
    fn settle_times(&self, rows: &[Row<'_>], touched: &[&OsStr]) -> Result<(), HarnessError> {
        for Row { path, place, found, fate } in rows {
            let Some(place) = place else { continue };
            let kept = found.filter(|_| *fate == Fate::Stays);
            let is_file = matches!(place.wanted, Wanted::File { .. });
            let is_right = |mtime| match kept {
                Some(kept) => !touched.contains(path) && kept.times == Some([START_TIME_NANOSECONDS, mtime]),
                // filling it has set them
                None => is_file,
            };
            let wrong = place.wanted.mtime().filter(|mtime| !is_right(*mtime));
            if let Some(mtime) = wrong {
                let times = start_times(mtime);
                let done = match kept.and_then(|kept| place.held(kept.found.inode)) {
                    Some(held) => rustix::fs::futimens(&held.entry, &times),
                    None => rustix::fs::utimensat(&self.folder, *path, &times, AtFlags::SYMLINK_NOFOLLOW),
                };
                done.map_err(self.failed("set the times of", path))?;
            }
            match kept {
                // only a file's ctime matters, which its times move
                Some(kept) if !is_file || wrong.is_none() => place.made.set(Some(kept.found)),
                None if is_file => {}
                _ => place.made.set(Some(Made::of(&self.stat(path)?))),
            }
        }
        Ok(())
    }

    /// Reads back what lies below the preopens after the calls of a run, and remembers it.
    pub(super) fn read_back(&mut self, world: &World, start: SystemTime, trace: &Trace) -> Result<TreeSnapshot, HarnessError> {
        self.is_intact = self.outside.iter().all(|(held, stamp)| stamp_of(held).is_ok_and(|now| now == *stamp));
        let mut reader = Reader::new(&self.folder, &self.wanted, start, self.habits, times_are_honest(trace));
        for preopen in world.preopens.iter().filter(|preopen| preopen.within.is_none()) {
            reader
                .preopen(&preopen.name, self.is_intact)
                .map_err(|error| HarnessError::file("read back", self.sealed.folder().join(&preopen.name))(error))?;
        }
        let (snapshot, standing) = reader.finish();
        self.standing = Some(standing);
        Ok(snapshot)
    }

    /// What the run that was read back has changed outside the preopens. Afterwards it is made anew.
    pub(super) fn changes(&mut self, world: &World) -> Vec<String> {
        if self.is_intact {
            return Vec::new();
        }
        self.standing = None;
        self.sealed.changes(world)
    }
}

/// Whether an mtime that is what it was says that nothing was changed: no call asked for any time to be set. A runtime that is asked to set one
/// of a file's times may set the other to what it remembers of it.
fn times_are_honest(trace: &Trace) -> bool {
    let sets_times = |call: &TraceCall| matches!(call.function, Function::FdFilestatSetTimes | Function::PathFilestatSetTimes);
    trace.state == TraceState::Complete && !trace.calls.iter().any(sets_times)
}

/// An entry that is wanted, or stands there, or both.
struct Row<'a> {
    path: &'a OsStr,
    place: Option<&'a Place>,
    found: Option<&'a Standing>,
    fate: Fate,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It never stood there, or stands there no more, or nothing has been decided.
    Gone,
    Stays,
    /// It stays, and was given its content.
    Filled,
    Made,
}

/// What is wanted and what stands there, by path.
fn rows<'a>(wanted: &'a ByPath<Place>, standing: &'a [(OsString, Standing)]) -> Vec<Row<'a>> {
    let mut rows = Vec::with_capacity(wanted.len().max(standing.len()) + 4);
    let (mut wanted, mut standing) = (wanted.iter().peekable(), standing.iter().peekable());
    loop {
        let order = match (wanted.peek(), standing.peek()) {
            (Some((path, _)), Some((found, _))) => path.as_os_str().cmp(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return rows,
        };
        let (place, found) = (wanted.next_if(|_| order.is_le()), standing.next_if(|_| order.is_ge()));
        let path = place.map(|(path, _)| path).or(found.map(|(path, _)| path));
        let (place, found) = (place.map(|(_, place)| place), found.map(|(_, found)| found));
        rows.extend(path.map(|path| Row { path, place, found, fate: Fate::Gone }));
    }
}

/// Whether something is what is wanted there, but perhaps for what is in it. A further name is, if the file it is one of stays where it is wanted.
fn may_stay(rows: &[Row<'_>], row: &Row<'_>) -> bool {
    let Row { place: Some(place), found: Some(found), .. } = row else { return false };
    let row_of = |path: &OsStr| rows.binary_search_by(|row| row.path.cmp(path)).ok().map(|at| &rows[at]);
    let stays = |path: &OsStr| row_of(path).is_some_and(|row| may_stay(rows, row));
    let is_first = |file: &OsStr| row_of(file).and_then(|row| row.found).is_some_and(|first| first.found.inode == found.found.inode);
    let is_wanted = place.wanted.is(found) || place.is_fillable(found);
    is_wanted && place.wanted.file_named().is_none_or(|file| is_first(file) && folders(file).all(stays))
}

/// Whether a path is this one or lies below it.
fn is_within(path: &OsStr, above: &OsStr) -> bool {
    let below = path.as_bytes().strip_prefix(above.as_bytes());
    below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
}

/// A path and all folders that it lies in, up to its preopen.
fn folders(path: &OsStr) -> impl Iterator<Item = &OsStr> {
    std::iter::successors(Some(path), |path| Some(parent(path)).filter(|parent| !parent.is_empty()))
}

/// A tree as far as a look at everything shows it: that has times of its own, since of links it moves them, and keeps less of a file.
#[cfg(test)]
pub(super) fn as_looked_at(mut tree: TreeSnapshot) -> TreeSnapshot {
    use touchstone_model::tree::{Content, EntryKind};
    for entry in tree.0.values_mut() {
        entry.atime = None;
        if let EntryKind::File(Content { bytes: Some(bytes), .. }) = &entry.kind {
            entry.kind = EntryKind::File(Content::of(bytes));
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use touchstone_model::trace::{Trace, TraceCall, TraceState};
    use touchstone_model::tree::TreeSnapshot;
    use touchstone_model::world::{Node, NodeKind, Preopen, START_TIME_NANOSECONDS, Tree, World};
    use touchstone_spec::Function;

    use super::{Ground, as_looked_at};
    use crate::scratch::Scratch;

    /// A world with an entry of each kind.
    fn world(names: &[&str]) -> World {
        let entries = [
            ("dir/inner", NodeKind::File(b"inner".to_vec())),
            ("empty", NodeKind::Directory),
            ("file", NodeKind::File(b"text".to_vec())),
            ("full", NodeKind::Filled(3)),
            ("plain", NodeKind::File(b"plain text".to_vec())),
            ("link", NodeKind::Symlink("file".to_owned())),
            ("pair", NodeKind::Symlink("file".to_owned())),
            ("inside", NodeKind::HardLink("dir/inner".to_owned())),
            ("twin", NodeKind::HardLink("file".to_owned())),
        ];
        let tree: BTreeMap<String, Node> = entries.map(|(path, kind)| (path.to_owned(), Node::from(kind))).into();
        let preopen = |name: &&str| Preopen { tree: Tree(tree.clone()), ..Preopen::new(name) };
        World { preopens: names.iter().map(preopen).collect(), ..World::default() }
    }

    /// What guests do to a tree.
    const DONE: [fn(&Path); 26] = [
        |_| {},
        |root| fs::write(root.join("file"), "other").unwrap(),
        |root| fs::rename(root.join("dir"), root.join("empty/dir")).unwrap(),
        |root| fs::remove_dir_all(root.join("full")).unwrap(),
        |root| fs::write(root.join("new"), "").unwrap(),
        |root| {
            fs::remove_file(root.join("link")).unwrap();
            symlink("dir", root.join("link")).unwrap();
        },
        |root| fs::hard_link(root.join("dir/inner"), root.join("more")).unwrap(),
        // the same again, but nothing that "twin" is a name of
        |root| {
            fs::remove_file(root.join("file")).unwrap();
            fs::write(root.join("file"), "text").unwrap();
        },
        |root| {
            fs::remove_file(root.join("pair")).unwrap();
            fs::hard_link(root.join("link"), root.join("pair")).unwrap();
        },
        |root| fs::set_permissions(root.join("dir"), fs::Permissions::from_mode(0o700)).unwrap(),
        // in a folder that is listed, and then in another one in its place
        |root| fs::write(root.join("empty/new"), "").unwrap(),
        |root| {
            fs::remove_dir(root.join("empty")).unwrap();
            fs::create_dir(root.join("empty")).unwrap();
            fs::write(root.join("empty/other"), "").unwrap();
        },
        // in a file that is filled again
        |root| fs::write(root.join("plain"), "short").unwrap(),
        |root| fs::write(root.join("plain"), "a longer one than it was").unwrap(),
        |root| fs::write(root.join("plain"), "plain text").unwrap(),
        |root| fs::File::options().write(true).open(root.join("plain")).unwrap().set_len(1 << 20).unwrap(),
        |root| fs::write(root.join("full/0001"), "x").unwrap(),
        |root| {
            fs::write(root.join("plain"), "other").unwrap();
            fs::hard_link(root.join("plain"), root.join("more")).unwrap();
        },
        |root| {
            fs::write(root.join("plain"), "other").unwrap();
            fs::rename(root.join("plain"), root.join("moved")).unwrap();
        },
        |root| fs::rename(root.join("full/0000"), root.join("plain")).unwrap(),
        |root| {
            fs::rename(root.join("plain"), root.join("between")).unwrap();
            fs::rename(root.join("full/0000"), root.join("plain")).unwrap();
            fs::rename(root.join("between"), root.join("full/0000")).unwrap();
        },
        |root| {
            fs::remove_dir(root.join("empty")).unwrap();
            fs::rename(root.join("full"), root.join("empty")).unwrap();
        },
        // the first name of two, and then the other in its place
        |root| {
            fs::remove_file(root.join("file")).unwrap();
            fs::rename(root.join("twin"), root.join("file")).unwrap();
        },
        // more than is listed at a time, with names as long as they get
        |root| (0..30).for_each(|index| fs::write(root.join(format!("empty/{index:0255}")), "").unwrap()),
        |root| (0..100).for_each(|index| fs::create_dir(root.join(format!("empty/{index}"))).unwrap()),
        |root| {
            (0..3).for_each(|index| fs::remove_file(root.join(format!("full/{index:04}"))).unwrap());
            symlink("plain", root.join("full/0000")).unwrap();
        },
    ];

    #[test]
    fn a_world_is_the_same_whatever_was_done_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        is_the_same_whatever_was_done(folder.path());
        // and on tmpfs, where runs are
        let scratch = Scratch::new().unwrap();
        is_the_same_whatever_was_done(scratch.sealed("ground").unwrap().folder());
    }

    fn is_the_same_whatever_was_done(folder: &Path) {
        let mut ground = Ground::new(folder).unwrap();
        for names in [&["root"][..], &["root"], &["root", "other"], &["root"]] {
            let world = world(names);
            for done in DONE {
                ground.prepare(&world).unwrap();
                let start = SystemTime::now();
                assert_eq!(ground.sealed().snapshot(&world, start).unwrap(), TreeSnapshot::of_world(&world));
                assert_eq!(fs::symlink_metadata(folder.join("root/pair")).unwrap().nlink(), 1, "two links are not one");
                done(&folder.join("root"));
                let seen = ground.read_back(&world, start, &Trace::default()).unwrap();
                assert_eq!(as_looked_at(seen), as_looked_at(ground.sealed().snapshot(&world, start).unwrap()));
                assert_eq!(ground.changes(&world), Vec::<String>::new());
            }
        }
    }

    /// A call that asks for the access time alone to be set.
    fn sets_time() -> Trace {
        let function = Function::FdFilestatSetTimes;
        let call = TraceCall { function, memory_bytes: 65536, args: vec![4, 0, 0, 1], inputs: Vec::new(), outcome: None };
        Trace { calls: vec![call], state: TraceState::Complete }
    }

    #[test]
    fn what_a_run_left_alone_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ground, world) = (Ground::new(folder.path()).unwrap(), world(&["root"]));
        let root = folder.path().join("root");
        let inodes = |names: &[&str]| names.iter().map(|name| fs::symlink_metadata(root.join(name)).unwrap().ino()).collect::<Vec<u64>>();
        ground.prepare(&world).unwrap();
        ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        // from here on it is known what was made
        ground.prepare(&world).unwrap();
        let all = ["dir", "dir/inner", "empty", "file", "full", "full/0000", "link", "pair", "plain", "twin"];
        let made = inodes(&all);
        fs::hard_link(root.join("file"), root.join("more")).unwrap();
        ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        ground.prepare(&world).unwrap();
        assert_eq!(inodes(&all), made);
        assert_eq!(fs::symlink_metadata(root.join("file")).unwrap().nlink(), 2);
        // its other name has moved its ctime, which is known after one more turn
        ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        for ctimes_tell in [ground.habits.ctimes_tell, false] {
            ground.habits.ctimes_tell = ctimes_tell;
            ground.prepare(&world).unwrap();
            // while it is open nothing else is given its number
            let (before, _open) = (inodes(&["file"]), fs::File::open(root.join("file")).unwrap());
            ground.read_back(&world, SystemTime::now(), &sets_time()).unwrap();
            ground.prepare(&world).unwrap();
            // where nothing vouches for a file with several names it is made anew
            assert_eq!(inodes(&["file"]) == before, ctimes_tell);
            ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        }
    }

    #[test]
    fn a_file_that_was_written_to_is_filled_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ground, world) = (Ground::new(folder.path()).unwrap(), world(&["root"]));
        let file = folder.path().join("root/plain");
        // the first that was made is not held
        ground.prepare(&world).unwrap();
        fs::remove_file(&file).unwrap();
        ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        ground.prepare(&world).unwrap();
        let made = fs::metadata(&file).unwrap().ino();
        for trace in [Trace::default(), sets_time()] {
            fs::write(&file, "other text").unwrap();
            let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(START_TIME_NANOSECONDS);
            fs::File::open(&file).unwrap().set_modified(if trace == Trace::default() { SystemTime::now() } else { start }).unwrap();
            let seen = ground.read_back(&world, SystemTime::now(), &trace).unwrap();
            assert_eq!(as_looked_at(seen), as_looked_at(ground.sealed().snapshot(&world, SystemTime::now()).unwrap()));
            ground.prepare(&world).unwrap();
            assert_eq!(ground.sealed().snapshot(&world, SystemTime::now()).unwrap(), TreeSnapshot::of_world(&world));
            assert_eq!(fs::metadata(&file).unwrap().ino(), made);
        }
    }

    #[test]
    fn a_time_that_a_call_set_vouches_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ground, world) = (Ground::new(folder.path()).unwrap(), world(&["root"]));
        ground.prepare(&world).unwrap();
        ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        for trace in [sets_time(), Trace { state: TraceState::Truncated, ..Trace::default() }] {
            ground.prepare(&world).unwrap();
            let file = folder.path().join("root/file");
            fs::write(&file, "tixt").unwrap();
            fs::File::open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(START_TIME_NANOSECONDS)).unwrap();
            let seen = ground.read_back(&world, SystemTime::now(), &trace).unwrap();
            assert_eq!(seen, ground.sealed().snapshot(&world, SystemTime::now()).unwrap());
            assert_ne!(seen, TreeSnapshot::of_world(&world));
        }
    }

    #[test]
    fn a_time_that_a_call_set_vouches_for_no_folder() {
        // on tmpfs, where runs are
        let scratch = Scratch::new().unwrap();
        let folder = scratch.sealed("ground").unwrap().folder().to_owned();
        let (mut ground, world) = (Ground::new(&folder).unwrap(), world(&["root"]));
        let root = folder.join("root");
        for _ in 0..ROUNDS {
            // a turn after which nothing but the folder itself has to be touched
            ground.prepare(&world).unwrap();
            fs::write(root.join("new"), "").unwrap();
            ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
            ground.prepare(&world).unwrap();
            fs::remove_dir(root.join("empty")).unwrap();
            fs::create_dir(root.join("extra")).unwrap();
            fs::File::open(&root).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(START_TIME_NANOSECONDS)).unwrap();
            let seen = ground.read_back(&world, SystemTime::now(), &sets_time()).unwrap();
            assert_eq!(seen, ground.sealed().snapshot(&world, SystemTime::now()).unwrap());
        }
    }

    const ROUNDS: usize = 100;

    #[test]
    fn what_changes_outside_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ground, world) = (Ground::new(folder.path()).unwrap(), world(&["root"]));
        type Done = (fn(&Path), &'static [&'static str]);
        let done: [Done; 4] = [
            (|folder| fs::write(folder.join("canary"), "").unwrap(), &["canary was changed"]),
            (|folder| fs::write(folder.join("outside/more"), "").unwrap(), &["more was created outside the preopens"]),
            (|folder| fs::rename(folder.join("root/file"), folder.join("canary")).unwrap(), &["canary was changed"]),
            (
                |folder| fs::rename(folder.join("canary"), folder.join("moved")).unwrap(),
                &["moved was created outside the preopens", "canary was changed"],
            ),
        ];
        for (done, seen) in done {
            ground.prepare(&world).unwrap();
            done(folder.path());
            ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
            assert_eq!(ground.changes(&world), seen);
            // afterwards all is made anew, and seen as it is
            ground.prepare(&world).unwrap();
            let start = SystemTime::now();
            fs::write(folder.path().join("root/new"), "").unwrap();
            let tree = ground.read_back(&world, start, &Trace::default()).unwrap();
            assert_eq!(as_looked_at(tree), as_looked_at(ground.sealed().snapshot(&world, start).unwrap()));
            assert_eq!(ground.changes(&world), Vec::<String>::new());
        }
        ground.prepare(&world).unwrap();
        ground.read_back(&world, SystemTime::now(), &Trace::default()).unwrap();
        assert_eq!(ground.changes(&world), Vec::<String>::new());
    }
}

//! The trees of a rig. For the runtimes that take their turns at one world they are brought from what a run left to what the world wants
//! by what differs, which is far less work than to make them anew: most of a tree is as it was after most runs.
//!
//! Canaries stand for as long as they are what they were. Whether anything outside the preopens has changed shows in the
//! times of the canaries and of the folders that hold them, which nobody but a guest would move.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use touchstone_model::tree::TreeSnapshot;
use touchstone_model::world::{Node, NodeKind, Preopen, START_TIME_NANOSECONDS, World};
use walkdir::WalkDir;

use crate::HarnessError;
use crate::scratch::{Sealed, SnapshotReader, remove_all, set_mtime};

/// Bytes up to which the content of a file is compared; a longer one is made anew.
const COMPARED_BYTES: u64 = 64 << 10;

/// The trees, and what is known of them.
#[derive(Debug)]
pub(super) struct Ground {
    sealed: Sealed,
    /// The world of which it is known what stands there.
    known: Option<World>,
    /// The preopens and what lies below them, by path from the sealed folder.
    found: BTreeMap<PathBuf, Found>,
    /// What stands outside of them, as it was made: the sealed folder first.
    outside: Vec<(PathBuf, Stamp)>,
}

/// An entry as it was read back.
#[derive(Debug)]
struct Found {
    kind: Kind,
    mode: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A file with one name, and its bytes if they are few.
    File(Option<Vec<u8>>),
    Directory,
    Symlink(OsString),
    /// Anything else, a file with several names among them: never what is wanted.
    Other,
}

/// What moves when a file or a folder is changed.
type Stamp = (u64, i128, i128, u64);

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.ino(), mtime(metadata), time(metadata.ctime(), metadata.ctime_nsec()), metadata.size())
}

fn stamped(path: PathBuf) -> Result<(PathBuf, Stamp), HarnessError> {
    let metadata = fs::symlink_metadata(&path).map_err(HarnessError::file("look at", &path))?;
    Ok((path, stamp(&metadata)))
}

fn time(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

fn mtime(metadata: &Metadata) -> i128 {
    time(metadata.mtime(), metadata.mtime_nsec())
}

impl Ground {
    pub(super) fn new(folder: &Path) -> Ground {
        Ground { sealed: Sealed::standing(folder.to_owned()), known: None, found: BTreeMap::new(), outside: Vec::new() }
    }

    pub(super) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Makes the world of a run.
    pub(super) fn prepare(&mut self, world: &World) -> Result<(), HarnessError> {
        let plain = |preopen: &Preopen| preopen.within.is_none() && preopen.tree.0.values().all(|node| node.mode.is_none());
        // until it has been read back, nothing is known of it
        let known = self.known.take();
        if known.is_none() || !world.preopens.iter().all(plain) {
            return self.make_anew(world);
        }
        let wanted = wanted(world);
        // nothing is older than its world, or a runtime that shows when a file was made would show what runs came before
        let keep = known.as_ref() == Some(world);
        let is_sealed_changed = self.remove(&wanted, keep)? | self.create(&wanted)?;
        self.set_times(&wanted)?;
        if is_sealed_changed {
            self.outside[0] = stamped(self.sealed.folder().to_owned())?;
        }
        Ok(())
    }

    /// Everything from nothing.
    fn make_anew(&mut self, world: &World) -> Result<(), HarnessError> {
        self.sealed.populate(world)?;
        let folder = self.sealed.folder();
        let outside = [folder.to_owned(), folder.join("outside"), folder.join("canary"), folder.join("outside/secret")];
        self.outside = outside.into_iter().map(stamped).collect::<Result<_, HarnessError>>()?;
        Ok(())
    }

    /// Removes what is not wanted as it is, or everything if nothing is to be kept; says whether preopens are among it.
    fn remove(&mut self, wanted: &BTreeMap<PathBuf, Wanted<'_>>, keep: bool) -> Result<bool, HarnessError> {
        let mut removed = BTreeSet::new();
        // what is in a folder comes behind it, so from the back a folder is empty when it is reached
        for (path, found) in self.found.iter().rev() {
            if !(keep && wanted.get(path).is_some_and(|wanted| wanted.is(found))) {
                let full = self.sealed.folder().join(path);
                let done = if found.kind == Kind::Directory { fs::remove_dir(&full) } else { fs::remove_file(&full) };
                match done {
                    Ok(()) => {}
                    // a folder that the guest took its own rights to
                    Err(_) if found.kind == Kind::Directory => remove_all(&full),
                    Err(error) => return Err(HarnessError::file("remove", full)(error)),
                }
                removed.insert(path.clone());
            }
        }
        self.found.retain(|path, _| !path.ancestors().any(|path| removed.contains(path)));
        Ok(removed.iter().any(|path| is_preopen(path)))
    }

    /// Makes what is missing; says whether preopens are among it.
    fn create(&self, wanted: &BTreeMap<PathBuf, Wanted<'_>>) -> Result<bool, HarnessError> {
        let mut has_preopens = false;
        let is_link = |wanted: &Wanted<'_>| matches!(wanted, Wanted::HardLink { .. });
        let missing = || wanted.iter().filter(|(path, _)| !self.found.contains_key(*path));
        for (path, wanted) in missing().filter(|(_, it)| !is_link(it)).chain(missing().filter(|(_, it)| is_link(it))) {
            let full = self.sealed.folder().join(path);
            let made = match wanted {
                Wanted::File { bytes, .. } => fs::write(&full, bytes),
                Wanted::Directory { .. } => fs::create_dir(&full),
                Wanted::Symlink { target, .. } => std::os::unix::fs::symlink(target, &full),
                Wanted::HardLink { file } => fs::hard_link(self.sealed.folder().join(file), &full),
            };
            made.map_err(HarnessError::file("create", full))?;
            has_preopens |= is_preopen(path);
        }
        Ok(has_preopens)
    }

    /// Sets the times of everything: reading back has moved some of them, and the time of the last change is to be that of this run.
    fn set_times(&self, wanted: &BTreeMap<PathBuf, Wanted<'_>>) -> Result<(), HarnessError> {
        // a further name has the times of its file
        let with_times = wanted.iter().filter_map(|(path, wanted)| Some((path, wanted.mtime()?)));
        with_times.into_iter().try_for_each(|(path, mtime)| set_mtime(&self.sealed.folder().join(path), mtime))
    }

    /// Reads back what lies below the preopens, and remembers it.
    pub(super) fn read_back(&mut self, world: &World, start: SystemTime) -> Result<TreeSnapshot, HarnessError> {
        let mut reader = SnapshotReader::new(start);
        self.found.clear();
        let folder = self.sealed.folder().to_owned();
        for Preopen { name, .. } in &world.preopens {
            let below = folder.join(name);
            for entry in WalkDir::new(&below).sort_by_file_name() {
                // a folder that the guest took away its own right to is made anew
                let Ok(entry) = entry else { continue };
                let path = entry.path();
                let Ok(metadata) = fs::symlink_metadata(path) else { continue };
                let failed = |error| HarnessError::file("read back", path)(error);
                let bytes = short_content(path, &metadata).map_err(failed)?;
                if entry.depth() > 0 {
                    let inside = path.strip_prefix(&below).unwrap_or(path);
                    reader.take(name, inside, path, &metadata, bytes.as_deref()).map_err(failed)?;
                }
                let found = Found { kind: kind(path, &metadata, bytes).map_err(failed)?, mode: metadata.mode() & 0o7777 };
                self.found.insert(path.strip_prefix(&folder).unwrap_or(path).to_owned(), found);
            }
        }
        self.known = Some(world.clone());
        Ok(reader.finish())
    }

    /// What changed outside the preopens. Afterwards it is made anew.
    pub(super) fn changes(&mut self, world: &World) -> Vec<String> {
        let is_so = |(path, stamp): &(PathBuf, Stamp)| fs::symlink_metadata(path).is_ok_and(|metadata| self::stamp(&metadata) == *stamp);
        if self.outside.iter().all(is_so) {
            return Vec::new();
        }
        self.known = None;
        self.sealed.changes(world)
    }
}

/// Whether a path from the sealed folder is that of a preopen.
fn is_preopen(path: &Path) -> bool {
    path.parent() == Some(Path::new(""))
}

/// The bytes of a file that has few.
fn short_content(path: &Path, metadata: &Metadata) -> std::io::Result<Option<Vec<u8>>> {
    if !metadata.is_file() || metadata.len() > COMPARED_BYTES {
        return Ok(None);
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; metadata.len() as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn kind(path: &Path, metadata: &Metadata, bytes: Option<Vec<u8>>) -> std::io::Result<Kind> {
    Ok(if metadata.is_dir() {
        Kind::Directory
    } else if metadata.is_symlink() {
        Kind::Symlink(fs::read_link(path)?.into())
    } else if metadata.is_file() && metadata.nlink() == 1 {
        Kind::File(bytes)
    } else {
        Kind::Other
    })
}

/// An entry as a world wants it. Times are nanoseconds since 1970.
enum Wanted<'a> {
    File { bytes: &'a [u8], mtime: u64 },
    Directory { mtime: u64 },
    Symlink { target: &'a str, mtime: u64 },
    HardLink { file: PathBuf },
}

impl Wanted<'_> {
    fn mtime(&self) -> Option<u64> {
        match self {
            Wanted::File { mtime, .. } | Wanted::Directory { mtime } | Wanted::Symlink { mtime, .. } => Some(*mtime),
            Wanted::HardLink { .. } => None,
        }
    }

    /// Whether an entry is this one, but for its times.
    fn is(&self, found: &Found) -> bool {
        match (self, &found.kind) {
            (Wanted::File { bytes, .. }, Kind::File(Some(found_bytes))) => found.mode == 0o644 && bytes == found_bytes,
            (Wanted::Directory { .. }, Kind::Directory) => found.mode == 0o755,
            (Wanted::Symlink { target, .. }, Kind::Symlink(found_target)) => found_target.as_bytes() == target.as_bytes(),
            _ => false,
        }
    }
}

/// All entries that a world wants, its preopens themselves included, by path from the sealed folder.
fn wanted(world: &World) -> BTreeMap<PathBuf, Wanted<'_>> {
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

fn want<'a>(out: &mut BTreeMap<PathBuf, Wanted<'a>>, root: &Path, path: PathBuf, node: &'a Node) {
    let mtime = node.mtime.unwrap_or(START_TIME_NANOSECONDS);
    let wanted = match &node.kind {
        NodeKind::File(bytes) => Wanted::File { bytes, mtime },
        NodeKind::Directory => Wanted::Directory { mtime },
        NodeKind::Symlink(target) => Wanted::Symlink { target, mtime },
        NodeKind::HardLink(file) => Wanted::HardLink { file: root.join(file) },
        NodeKind::Filled(count) => {
            let files = (0..*count).map(|index| path.join(format!("{index:04}")));
            out.extend(files.map(|file| (file, Wanted::File { bytes: b"", mtime: START_TIME_NANOSECONDS })));
            Wanted::Directory { mtime }
        }
    };
    out.insert(path, wanted);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::time::SystemTime;

    use touchstone_model::tree::TreeSnapshot;
    use touchstone_model::world::{Node, NodeKind, Preopen, Tree, World};

    use super::Ground;

    /// A world with an entry of each kind.
    fn world(names: &[&str]) -> World {
        let entries = [
            ("dir/inner", NodeKind::File(b"inner".to_vec())),
            ("empty", NodeKind::Directory),
            ("file", NodeKind::File(b"text".to_vec())),
            ("full", NodeKind::Filled(3)),
            ("link", NodeKind::Symlink("file".to_owned())),
            ("twin", NodeKind::HardLink("file".to_owned())),
        ];
        let tree: BTreeMap<String, Node> = entries.map(|(path, kind)| (path.to_owned(), Node::from(kind))).into();
        let preopen = |name: &&str| Preopen { tree: Tree(tree.clone()), ..Preopen::new(name) };
        World { preopens: names.iter().map(preopen).collect(), ..World::default() }
    }

    /// What guests do to a tree.
    const DONE: [fn(&Path); 8] = [
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
        |root| fs::set_permissions(root.join("dir"), fs::Permissions::from_mode(0o700)).unwrap(),
    ];

    #[test]
    fn a_world_is_the_same_whatever_was_done_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut ground = Ground::new(folder.path());
        for names in [&["root"][..], &["root"], &["root", "other"], &["root"]] {
            let world = world(names);
            for done in DONE {
                ground.prepare(&world).unwrap();
                let start = SystemTime::now();
                assert_eq!(ground.sealed().snapshot(&world, start).unwrap(), TreeSnapshot::of_world(&world));
                done(&folder.path().join("root"));
                ground.read_back(&world, start).unwrap();
                assert_eq!(ground.changes(&world), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn what_changes_outside_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ground, world) = (Ground::new(folder.path()), world(&["root"]));
        for (place, seen) in [("canary", "canary was changed"), ("outside/more", "more was created outside the preopens")] {
            ground.prepare(&world).unwrap();
            fs::write(folder.path().join(place), "").unwrap();
            ground.read_back(&world, SystemTime::now()).unwrap();
            assert_eq!(ground.changes(&world), [seen]);
        }
        ground.prepare(&world).unwrap();
        ground.read_back(&world, SystemTime::now()).unwrap();
        assert_eq!(ground.changes(&world), Vec::<String>::new());
    }
}

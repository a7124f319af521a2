//! The world of a run on the host: a sealed folder with canaries, a fresh tree in it, and what is left of it afterwards.
//!
//! ```text
//! <tmpfs>/touchstone-<pid>-…/      root-owned, 0711; `lock` tells whether its run is still alive
//!     <worker>/                    sealed: 0700, the worker's user; also its working directory
//!         canary                   must never be read or changed
//!         outside/secret           likewise; a symlink `../outside/secret` in a preopen points at it
//!         <preopen>/…              the trees
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, FlockOperation, Stat, Timespec, Timestamps};
use sha2::{Digest, Sha256};
use touchstone_model::bounds;
use touchstone_model::tree::{Content, Entry, EntryKind, Time, TreeSnapshot, hex};
use touchstone_model::world::{Node, NodeKind, Preopen, START_TIME_NANOSECONDS, World};
use touchstone_runtimes::UNPRIVILEGED_ID;
use walkdir::WalkDir;

use crate::HarnessError;
use crate::profile::is_privileged;

/// How every scratch folder's name starts.
const PREFIX: &str = "touchstone-";

/// What stands in the canaries. An observation that contains it has seen what it must not see.
pub const CANARY: &str = "CANARY-6f1d9a40c2b7-outside-every-preopen";

/// Where the part of it ends that nobody writes by chance.
pub(crate) const CANARY_NUMBER_END: usize = 20;

/// The scratch folder of one run of the harness. Deleted when dropped; what a killed run leaves, the next one deletes.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes a scratch folder, on a tmpfs where there is one, and clears those whose runs are gone.
    pub fn new() -> Result<Scratch, HarnessError> {
        let base = base();
        clear_stale(&base);
        let folder = tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir_in(&base);
        let folder = folder.map_err(HarnessError::file("create a scratch folder in", &base))?.keep();
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(HarnessError::file("create", &lock_path))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(HarnessError::system("lock the scratch folder"))?;
        // others may pass through, but not look
        fs::set_permissions(&folder, Permissions::from_mode(0o711)).map_err(HarnessError::file("set the mode of", &folder))?;
        Ok(Scratch { folder, _lock: lock })
    }

    /// The sealed folder of one worker.
    pub fn sealed(&self, worker: &str) -> Result<Sealed, HarnessError> {
        let sealed = Sealed { folder: self.folder.join(worker) };
        sealed.clear()?;
        Ok(sealed)
    }

    /// An empty file that no path leads to, for a stdio that is a regular file.
    pub fn nameless_file(&self) -> Result<File, HarnessError> {
        tempfile::tempfile_in(&self.folder).map_err(HarnessError::file("create a file in", &self.folder))
    }

    /// A file with this content that everybody may read.
    pub fn written(&self, name: &str, content: &[u8]) -> Result<PathBuf, HarnessError> {
        let path = self.folder.join(name);
        fs::write(&path, content).map_err(HarnessError::file("write", &path))?;
        Ok(path)
    }

    /// Where workers write what their engines say on stderr.
    pub fn log(&self, worker: &str) -> PathBuf {
        self.folder.join(format!("{worker}.log"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_all(&self.folder);
    }
}

/// `/dev/shm` where it can be used, else the folder for temporary files.
fn base() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    let usable = rustix::fs::access(&shm, rustix::fs::Access::WRITE_OK).is_ok();
    if usable { shm } else { std::env::temp_dir() }
}

/// Deletes the scratch folders that nobody holds a lock on. Folders of others, which cannot be locked, stay.
fn clear_stale(base: &Path) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let metadata = entry.metadata().ok().filter(|metadata| metadata.is_dir() && metadata.uid() == own);
        let Some(metadata) = metadata.filter(|_| entry.file_name().to_string_lossy().starts_with(PREFIX)) else { continue };
        let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
        // a folder without a lock may have been made this very moment
        let settled = age.is_some_and(|age| age > Duration::from_secs(bounds::STALE_SECONDS));
        let free = match File::open(entry.path().join("lock")) {
            Ok(lock) => rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if settled && free {
            remove_all(&entry.path());
        }
    }
}

/// Deletes a folder and everything in it, whatever modes a guest or a case gave. What cannot be deleted is left for the next run.
pub(crate) fn remove_all(folder: &Path) {
    if fs::remove_dir_all(folder).is_ok() {
        return;
    }
    for entry in WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
        let _ = fs::set_permissions(entry.path(), Permissions::from_mode(0o700));
    }
    let _ = fs::remove_dir_all(folder);
}

/// The folder of one worker, in which each run gets a fresh world.
#[derive(Debug)]
pub struct Sealed {
    folder: PathBuf,
}

impl Sealed {
    /// A folder that somebody else has made and sealed.
    pub fn standing(folder: PathBuf) -> Sealed {
        Sealed { folder }
    }

    /// The folder: the worker's working directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a preopen's tree lies.
    pub fn preopen(&self, preopen: &Preopen) -> PathBuf {
        match &preopen.within {
            // without the slash that an empty path leaves at the end
            Some(within) => self.folder.join(&within.preopen).join(&within.path).components().collect(),
            None => self.folder.join(&preopen.name),
        }
    }

    fn clear(&self) -> Result<(), HarnessError> {
        if self.folder.exists() {
            // the folder itself stays: it is the worker's working directory
            for entry in fs::read_dir(&self.folder).map_err(HarnessError::file("list", &self.folder))?.flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    remove_all(&path)
                } else {
                    let _ = fs::remove_file(&path);
                }
            }
        } else {
            fs::DirBuilder::new().mode(0o700).create(&self.folder).map_err(HarnessError::file("create", &self.folder))?;
            own(&self.folder)?;
        }
        Ok(())
    }

    /// Makes the world of a run: canaries, and the tree of each preopen.
    pub fn populate(&self, world: &World) -> Result<(), HarnessError> {
        self.clear()?;
        let outside = self.folder.join("outside");
        fs::create_dir(&outside).map_err(HarnessError::file("create", &outside))?;
        let canaries = self.canaries();
        for path in &canaries {
            fs::write(path, CANARY).map_err(HarnessError::file("write", path))?;
            own(path)?;
        }
        for preopen in with_trees(world) {
            populate(&self.preopen(preopen), preopen)?;
        }
        for path in canaries.iter().chain([&outside]) {
            own(path)?;
            set_mtime(path, START_TIME_NANOSECONDS)?;
        }
        Ok(())
    }

    fn canaries(&self) -> [PathBuf; 2] {
        [self.folder.join("canary"), self.folder.join("outside/secret")]
    }

    /// What changed outside the preopens. Paths are relative to the sealed folder.
    pub fn changes(&self, world: &World) -> Vec<String> {
        let mut out = Vec::new();
        let mut names: Vec<String> = with_trees(world).map(|preopen| preopen.name.clone()).collect();
        names.extend(["canary".to_owned(), "outside".to_owned()]);
        for (folder, known) in [(self.folder.clone(), names), (self.folder.join("outside"), vec!["secret".to_owned()])] {
            let found = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            let mut added: Vec<String> = found.filter(|name| !known.contains(name)).collect();
            added.sort();
            out.extend(added.iter().map(|name| format!("{name} was created outside the preopens")));
        }
        for path in self.canaries() {
            let name = path.strip_prefix(&self.folder).unwrap_or(&path).display().to_string();
            let unchanged = fs::read(&path).is_ok_and(|bytes| bytes == CANARY.as_bytes())
                && fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file() && nanoseconds(&metadata) == START_TIME_NANOSECONDS);
            if !unchanged {
                out.push(format!("{name} was changed"));
            }
        }
        out
    }

    /// Reads back what lies below the preopens. `start` is when the run started: times since then are "now".
    pub fn snapshot(&self, world: &World, start: SystemTime) -> Result<TreeSnapshot, HarnessError> {
        let mut reader = SnapshotReader::new(start);
        for preopen in with_trees(world) {
            reader.read(&preopen.name, &self.preopen(preopen))?;
        }
        Ok(reader.finish())
    }
}

/// The preopens that are no directories of others.
fn with_trees(world: &World) -> impl Iterator<Item = &Preopen> {
    world.preopens.iter().filter(|preopen| preopen.within.is_none())
}

/// Gives a path to the worker's user.
fn own(path: &Path) -> Result<(), HarnessError> {
    if !is_privileged() {
        return Ok(());
    }
    std::os::unix::fs::lchown(path, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID)).map_err(HarnessError::file("give away", path))
}

pub(crate) fn set_mtime(path: &Path, nanoseconds: u64) -> Result<(), HarnessError> {
    rustix::fs::utimensat(CWD, path, &times(START_TIME_NANOSECONDS, nanoseconds), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| HarnessError::file("set the times of", path)(error.into()))
}

/// Times in nanoseconds since 1970, as system calls take them.
pub(crate) fn times(access: u64, modification: u64) -> Timestamps {
    let spec = |nanoseconds: u64| Timespec {
        tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanoseconds % 1_000_000_000).unwrap_or_default(),
    };
    Timestamps { last_access: spec(access), last_modification: spec(modification) }
}

/// Makes the tree of one preopen. Times come last and from the leaves up, since making an entry moves its parent's.
fn populate(folder: &Path, preopen: &Preopen) -> Result<(), HarnessError> {
    fs::create_dir(folder).map_err(HarnessError::file("create", folder))?;
    let is_link = |node: &&(&String, &Node)| matches!(node.1.kind, NodeKind::HardLink(_));
    let nodes: Vec<(&String, &Node)> = preopen.tree.0.iter().collect();
    for (path, node) in nodes.iter().filter(|node| !is_link(node)).chain(nodes.iter().filter(is_link)) {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(HarnessError::file("create", parent))?;
        make(folder, &path, node)?;
    }
    let mut all: Vec<PathBuf> = WalkDir::new(folder).contents_first(true).into_iter().flatten().map(|entry| entry.into_path()).collect();
    all.iter().try_for_each(|path| own(path))?;
    // modes first where they take away the way to a file, so: times, then modes
    for path in &all {
        let node = path.strip_prefix(folder).ok().and_then(|path| preopen.tree.0.get(&*path.to_string_lossy()));
        // a further name has the times of its file
        if node.is_some_and(|node| matches!(node.kind, NodeKind::HardLink(_))) {
            continue;
        }
        set_mtime(path, node.and_then(|node| node.mtime).unwrap_or(START_TIME_NANOSECONDS))?;
    }
    all.retain(|path| !path.is_symlink());
    for path in &all {
        let node = path.strip_prefix(folder).ok().and_then(|path| preopen.tree.0.get(&*path.to_string_lossy()));
        if let Some(mode) = node.and_then(|node| node.mode) {
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(HarnessError::file("set the mode of", path))?;
        }
    }
    Ok(())
}

fn make(folder: &Path, path: &Path, node: &Node) -> Result<(), HarnessError> {
    let made = match &node.kind {
        NodeKind::File(bytes) => fs::write(path, bytes),
        NodeKind::Directory => fs::create_dir_all(path),
        NodeKind::Symlink(target) => symlink(target, path),
        NodeKind::HardLink(target) => fs::hard_link(folder.join(target), path),
        NodeKind::Filled(count) => {
            fs::create_dir_all(path).and_then(|()| (0..*count).try_for_each(|index| fs::write(path.join(format!("{index:04}")), "")))
        }
    };
    made.map_err(HarnessError::file("create", path))
}

fn nanoseconds(metadata: &fs::Metadata) -> u64 {
    since_1970(metadata.mtime(), metadata.mtime_nsec())
}

/// Seconds and nanoseconds as nanoseconds, held within what fits: a guest can set times far outside of it.
fn since_1970(seconds: i64, nanoseconds: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(nanoseconds).unwrap_or_default())
}

/// What the host says of an entry. Times are nanoseconds since 1970.
pub(crate) struct Facts {
    /// Device and inode.
    file: (u64, u64),
    pub(crate) has_more_names: bool,
    pub(crate) atime: u64,
    pub(crate) mtime: u64,
}

impl From<&fs::Metadata> for Facts {
    fn from(metadata: &fs::Metadata) -> Facts {
        Facts {
            file: (metadata.dev(), metadata.ino()),
            has_more_names: metadata.nlink() > 1,
            atime: since_1970(metadata.atime(), metadata.atime_nsec()),
            mtime: nanoseconds(metadata),
        }
    }
}

impl Facts {
    pub(crate) fn of(stat: &Stat) -> Facts {
        Facts {
            file: (stat.st_dev, stat.st_ino),
            has_more_names: stat.st_nlink > 1,
            atime: since_1970(stat.st_atime, stat.st_atime_nsec as i64),
            mtime: since_1970(stat.st_mtime, stat.st_mtime_nsec as i64),
        }
    }
}

/// Reads trees back, entry by entry.
pub(crate) struct SnapshotReader {
    out: BTreeMap<String, Entry>,
    /// Device and inode of each file with several names, to the first of them.
    first_names: BTreeMap<(u64, u64), String>,
    start: SystemTime,
}

impl SnapshotReader {
    pub(crate) fn new(start: SystemTime) -> SnapshotReader {
        SnapshotReader { out: BTreeMap::new(), first_names: BTreeMap::new(), start }
    }

    pub(crate) fn finish(self) -> TreeSnapshot {
        TreeSnapshot(self.out)
    }

    fn read(&mut self, name: &str, folder: &Path) -> Result<(), HarnessError> {
        for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
            // a folder that the guest may not read is one that the harness need not read either
            let Ok(entry) = entry else { continue };
            if self.out.len() >= bounds::TREE_ENTRIES {
                // what lies beyond is not looked at; that there is so much shows
                self.out.insert(format!("{name}:… and more"), Entry::new(EntryKind::Other, Time::Start));
                return Ok(());
            }
            let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
            let inside = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            self.take(name, inside, entry.path(), &metadata).map_err(HarnessError::file("read back", entry.path()))?;
        }
        Ok(())
    }

    fn take(&mut self, preopen: &str, inside: &Path, path: &Path, metadata: &fs::Metadata) -> std::io::Result<()> {
        let kind = metadata.file_type();
        let kind = if kind.is_file() {
            EntryKind::File(content(path, metadata.len())?)
        } else if kind.is_dir() {
            EntryKind::Directory
        } else if kind.is_symlink() {
            EntryKind::Symlink(printable(&fs::read_link(path)?))
        } else {
            EntryKind::Other
        };
        self.add(format!("{preopen}:{}", printable(inside)), kind, &Facts::from(metadata));
        Ok(())
    }

    /// Takes an entry, called `preopen:path`.
    pub(crate) fn add(&mut self, key: String, kind: EntryKind, facts: &Facts) {
        let is_file = matches!(kind, EntryKind::File(_));
        let mut entry = Entry::new(kind, self.time(facts.mtime));
        entry.atime = match self.time(facts.atime) {
            Time::At(time) => Some(time),
            Time::Start | Time::Now => None,
        };
        if is_file && facts.has_more_names {
            let first = self.first_names.entry(facts.file).or_insert_with(|| key.clone());
            entry.same_as = (*first != key).then(|| first.clone());
        }
        self.out.insert(key, entry);
    }

    fn time(&self, nanoseconds: u64) -> Time {
        // file systems stamp with a clock that lags behind by a tick
        let time = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let tick = Duration::from_secs(1);
        // most often the first is enough
        let is_now = time + tick >= self.start && time <= SystemTime::now() + tick;
        if is_now { Time::Now } else { Time::at(nanoseconds) }
    }
}

/// A path as text; bytes that are no UTF-8 are escaped.
pub(crate) fn printable(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut out = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    out
}

fn content(path: &Path, len: u64) -> std::io::Result<Content> {
    match File::open(path) {
        Ok(file) => content_of(file, len, bounds::FILE_KEPT_BYTES),
        // an unprivileged harness may not read what a guest took away its own right to read
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(Content { len, bytes: None, sha256: None }),
        Err(error) => Err(error),
    }
}

/// The content of a file of this length, from where it is: its bytes if they are no more than `kept`, else their hash; of one that is very
/// long, the length only.
pub(crate) fn content_of(mut file: impl Read, len: u64, kept: usize) -> std::io::Result<Content> {
    if len > bounds::FILE_HASHED_BYTES {
        return Ok(Content { len, bytes: None, sha256: None });
    }
    if len <= kept as u64 {
        let mut bytes = Vec::with_capacity(len as usize);
        if len > 0 {
            file.take(len).read_to_end(&mut bytes)?;
        }
        return Ok(Content { len: bytes.len() as u64, bytes: Some(bytes), sha256: None });
    }
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash)?;
    Ok(Content { len, bytes: None, sha256: Some(hex(&hash.finalize())) })
}

/// Copies a folder of the user's into a preopen, for `check`: files, folders and links, with their times. Gives it to the
/// worker's user.
pub fn copy_into(from: &Path, to: &Path) -> Result<(), HarnessError> {
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(from).to_owned();
            HarnessError::File { what: "read", path, error: error.into() }
        })?;
        let path = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        let kind = entry.file_type();
        let made = if kind.is_dir() {
            fs::create_dir_all(&path)
        } else if kind.is_symlink() {
            fs::read_link(entry.path()).and_then(|target| symlink(target, &path))
        } else {
            fs::copy(entry.path(), &path).map(|_| ())
        };
        made.map_err(HarnessError::file("copy", entry.path()))?;
        if is_privileged() {
            if kind.is_symlink() {
                own(&path)?
            } else {
                chown(&path, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID)).map_err(HarnessError::file("give away", &path))?
            }
        }
    }
    for entry in WalkDir::new(from).contents_first(true).into_iter().flatten() {
        let path = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        let metadata = fs::symlink_metadata(entry.path()).map_err(HarnessError::file("read", entry.path()))?;
        set_mtime(&path, nanoseconds(&metadata))?;
    }
    Ok(())
}

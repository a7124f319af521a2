//! Between a folder of the host and the tree in memory.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use touchstone_model::world::{Node, NodeKind, Tree, World};
use touchstone_oracle::State;
use touchstone_oracle::state::{InodeId, Kind, Time};

use crate::HostPreopen;

/// Reads what lies below a folder.
pub fn read(folder: &Path) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    let mut names: BTreeMap<(u64, u64), String> = BTreeMap::new();
    read_folder(folder, "", &mut tree, &mut names)?;
    Ok(tree)
}

fn read_folder(folder: &Path, prefix: &str, tree: &mut Tree, names: &mut BTreeMap<(u64, u64), String>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read the folder {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        // a name that is no UTF-8 cannot be written in a world
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let metadata = entry.metadata().with_context(|| format!("look at {}", entry.path().display()))?;
        let kind = if metadata.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), tree, names)?;
            NodeKind::Directory
        } else if metadata.is_symlink() {
            NodeKind::Symlink(fs::read_link(entry.path())?.to_string_lossy().into_owned())
        } else if let Some(first) = names.get(&(metadata.dev(), metadata.ino())) {
            NodeKind::HardLink(first.clone())
        } else {
            names.insert((metadata.dev(), metadata.ino()), path.clone());
            NodeKind::File(fs::read(entry.path()).with_context(|| format!("read {}", entry.path().display()))?)
        };
        let mtime = u64::try_from(i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())).ok();
        tree.0.insert(path, Node { kind, mode: None, mtime });
    }
    Ok(())
}

/// Of which other of these folders one is a part, as its place and the path below it: of the outermost that there is. Of equal
/// folders all but the first are parts. A path that is no UTF-8 cannot be written in a world.
pub fn part_of(folders: &[&Path], index: usize) -> Option<(usize, String)> {
    let folder = folders[index];
    let is_outer = |(other, outer): &(usize, &&Path)| folder.starts_with(outer) && (folder != **outer || *other < index);
    let (outer, outer_path) = folders.iter().enumerate().filter(is_outer).min_by_key(|(_, outer)| outer.components().count())?;
    Some((outer, folder.strip_prefix(outer_path).ok()?.to_str()?.to_owned()))
}

/// Writes the trees back, if the guest changed any of them.
pub(super) fn write_back(world: &World, state: &State, preopens: &[HostPreopen]) -> anyhow::Result<()> {
    if !state.is_changed(world) {
        return Ok(());
    }
    for (host, facts) in preopens.iter().zip(&state.world.preopens) {
        if facts.read_only || facts.nested {
            continue;
        }
        for entry in fs::read_dir(&host.host)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
    }
    let mut written: BTreeMap<InodeId, PathBuf> = BTreeMap::new();
    for (host, facts) in preopens.iter().zip(&state.world.preopens) {
        if !facts.read_only && !facts.nested {
            write_folder(state, facts.root, &host.host, &mut written)?;
        }
    }
    Ok(())
}

fn write_folder(state: &State, folder: InodeId, path: &Path, written: &mut BTreeMap<InodeId, PathBuf>) -> anyhow::Result<()> {
    let Some(directory) = state.inodes.directory(folder) else { return Ok(()) };
    for (name, inode) in &directory.entries {
        let path = path.join(std::ffi::OsStr::from_bytes(name));
        if let Some(first) = written.get(inode) {
            fs::hard_link(first, &path).with_context(|| format!("link {}", path.display()))?;
            continue;
        }
        match &state.inodes.get(*inode).kind {
            Kind::Directory(_) => {
                fs::create_dir(&path).with_context(|| format!("make the folder {}", path.display()))?;
                write_folder(state, *inode, &path, written)?;
            }
            Kind::Symlink(target) => std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), &path)?,
            Kind::File(content) => {
                let mut file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
                for (at, bytes) in content.known(0, content.len()) {
                    file.seek(SeekFrom::Start(at))?;
                    file.write_all(bytes)?;
                }
                // a size that the host has no room for shows in what is read back
                let _ = file.set_len(content.len());
            }
        }
        set_times(state, *inode, &path)?;
        written.insert(*inode, path);
    }
    Ok(())
}

/// Sets the times that are known; the others are those of the write just made.
fn set_times(state: &State, inode: InodeId, path: &Path) -> anyhow::Result<()> {
    let file = state.inodes.get(inode);
    let known = |time: Time| match time {
        Time::Set(time) | Time::Seen(time) => Some(time),
        Time::Now { .. } | Time::Any => None,
    };
    if let (Kind::File(_), Some(mtime)) = (&file.kind, known(file.mtime)) {
        let mut times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_nanos(mtime));
        if let Some(atime) = known(file.atime) {
            times = times.set_accessed(UNIX_EPOCH + Duration::from_nanos(atime));
        }
        return File::options().write(true).open(path)?.set_times(times).with_context(|| format!("set the times of {}", path.display()));
    }
    let spec = |time: Time| match known(time) {
        Some(time) => Timespec {
            tv_sec: (time / 1_000_000_000).cast_signed(),
            tv_nsec: rustix::fs::Nsecs::try_from(time % 1_000_000_000).unwrap_or_default(),
        },
        None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
    };
    let times = Timestamps { last_access: spec(file.atime), last_modification: spec(file.mtime) };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).with_context(|| format!("set the times of {}", path.display()))
}

//! What can be relied on to tell what stands in a folder with fewer looks, which not every file system does.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::wanted::Made;

/// What only some file systems do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Every change of a file moves its ctime.
    pub(super) ctimes_tell: bool,
    /// The size of a folder tells how many entries it has, as on tmpfs: that of an empty one, and by how much one entry makes it larger.
    pub(super) folder_bytes: Option<(i64, i64)>,
}

impl Habits {
    /// Tries out what the file system of a folder does, in that folder.
    pub(super) fn of(folder: &OwnedFd) -> Result<Habits, Errno> {
        Ok(Habits { ctimes_tell: ctimes_tell(folder)?, folder_bytes: folder_bytes(folder)? })
    }

    /// How many entries a folder has, if that can be told from here.
    pub(super) fn entries(&self, folder: &Stat) -> Option<usize> {
        let (empty, step) = self.folder_bytes?;
        let filled = folder.st_size - empty;
        usize::try_from(filled / step).ok().filter(|_| filled % step == 0)
    }
}

/// The size of an empty folder, and by how much each entry makes it larger, if that is the same for all, however long their names are.
fn folder_bytes(folder: &OwnedFd) -> Result<Option<(i64, i64)>, Errno> {
    let size = || Ok(rustix::fs::statat(folder, "sizes", AtFlags::empty())?.st_size);
    rustix::fs::mkdirat(folder, "sizes", Mode::from_raw_mode(0o700))?;
    let mut sizes = vec![size()?];
    let names: Vec<String> =
        (0..TRIED_ENTRIES).map(|index| format!("sizes/{}", "n".repeat(1 + index * LONGEST_NAME / TRIED_ENTRIES))).collect();
    for name in &names {
        rustix::fs::symlinkat(name, folder, name)?;
        sizes.push(size()?);
    }
    for name in names.iter().rev() {
        rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
        sizes.push(size()?);
    }
    rustix::fs::unlinkat(folder, "sizes", AtFlags::REMOVEDIR)?;
    let (empty, step) = (sizes[0], sizes[1] - sizes[0]);
    let counts = (0..=TRIED_ENTRIES).chain((0..TRIED_ENTRIES).rev());
    let tells = step > 0 && counts.zip(&sizes).all(|(count, size)| *size == empty + step * count as i64);
    Ok(tells.then_some((empty, step)))
}

/// So many entries are tried, with names of up to so many bytes. The file systems of disks count blocks, of which a few hundred do not fit into one.
const TRIED_ENTRIES: usize = 128;
const LONGEST_NAME: usize = 250;

/// Whether every change of a file moves its ctime, if somebody has looked at that, as it does from Linux 6.13 on where a file system has multigrain timestamps.
/// Elsewhere it comes from a clock that stands still for some milliseconds.
fn ctimes_tell(folder: &OwnedFd) -> Result<bool, Errno> {
    const CHANGES: usize = 16;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, "times", flags, Mode::from_raw_mode(0o600))?;
    let mut seen = Vec::with_capacity(CHANGES);
    for _ in 0..CHANGES {
        rustix::io::write(&file, b"x")?;
        seen.push(Made::of(&rustix::fs::fstat(&file)?));
    }
    rustix::fs::unlinkat(folder, "times", AtFlags::empty())?;
    Ok(seen.windows(2).all(|pair| pair[0] != pair[1]))
}

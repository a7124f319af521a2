//! Calls about a descriptor.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::num::NonZeroU64;

use rustix::fs::{Advice, FallocateFlags, FileType, RawDir, SeekFrom, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;
use touchstone_model::trace::{Capture, TraceCall, buffers};
use touchstone_spec::consts::{advice, dirent, fdstat, filestat, filetype, fstflags, whence};

use super::{Answer, Linux, arg, arg32, fd_flags, filled, number, open_flags};

impl Linux {
    pub(super) fn fd_advise(&self, call: &TraceCall) -> Option<Answer> {
        let advice = match arg(call, 3) {
            advice::NORMAL => Advice::Normal,
            advice::SEQUENTIAL => Advice::Sequential,
            advice::RANDOM => Advice::Random,
            advice::WILLNEED => Advice::WillNeed,
            advice::DONTNEED => Advice::DontNeed,
            advice::NOREUSE => Advice::NoReuse,
            _ => return None,
        };
        let fadvise = |fd| rustix::fs::fadvise(fd, arg(call, 1), NonZeroU64::new(arg(call, 2)), advice);
        Some(fadvise(self.fd(call, 0)).map(|()| Vec::new()))
    }

    pub(super) fn fd_allocate(&self, call: &TraceCall) -> Answer {
        rustix::fs::fallocate(self.fd(call, 0), FallocateFlags::empty(), arg(call, 1), arg(call, 2))?;
        Ok(Vec::new())
    }

    pub(super) fn fd_close(&mut self, call: &TraceCall) -> Answer {
        self.fds.remove(&arg32(call, 0)).map(|_| Vec::new()).ok_or(Errno::BADF)
    }

    pub(super) fn fd_datasync(&self, call: &TraceCall) -> Answer {
        rustix::fs::fdatasync(self.fd(call, 0))?;
        Ok(Vec::new())
    }

    pub(super) fn fd_sync(&self, call: &TraceCall) -> Answer {
        rustix::fs::fsync(self.fd(call, 0))?;
        Ok(Vec::new())
    }

    /// Type and flags; the kernel has no rights, so there are none.
    pub(super) fn fd_fdstat_get(&self, call: &TraceCall) -> Answer {
        let fd = self.fd(call, 0);
        let mut out = vec![0; fdstat::BYTES];
        put(&mut out, fdstat::FS_FILETYPE, 1, file_type(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode)));
        put(&mut out, fdstat::FS_FLAGS, 2, fd_flags(rustix::fs::fcntl_getfl(fd)?));
        Ok(vec![filled(out)])
    }

    pub(super) fn fd_fdstat_set_flags(&self, call: &TraceCall) -> Answer {
        rustix::fs::fcntl_setfl(self.fd(call, 0), open_flags(arg(call, 1)))?;
        Ok(Vec::new())
    }

    pub(super) fn fd_filestat_get(&self, call: &TraceCall) -> Answer {
        let stat = rustix::fs::fstat(self.fd(call, 0))?;
        Ok(vec![file_stat(&stat)])
    }

    pub(super) fn fd_filestat_set_size(&self, call: &TraceCall) -> Answer {
        rustix::fs::ftruncate(self.fd(call, 0), arg(call, 1))?;
        Ok(Vec::new())
    }

    pub(super) fn fd_filestat_set_times(&self, call: &TraceCall) -> Answer {
        rustix::fs::futimens(self.fd(call, 0), &times(arg(call, 1), arg(call, 2), arg(call, 3)))?;
        Ok(Vec::new())
    }

    pub(super) fn fd_read(&self, call: &TraceCall) -> Answer {
        let fd = self.fd(call, 0);
        scatter(call, |slices| rustix::io::readv(fd, slices))
    }

    pub(super) fn fd_pread(&self, call: &TraceCall) -> Answer {
        let fd = self.fd(call, 0);
        scatter(call, |slices| rustix::io::preadv(fd, slices, arg(call, 3)))
    }

    pub(super) fn fd_write(&self, call: &TraceCall) -> Answer {
        let written = rustix::io::writev(self.fd(call, 0), &gather(call))?;
        Ok(vec![number(written as u64, 4)])
    }

    pub(super) fn fd_pwrite(&self, call: &TraceCall) -> Answer {
        let written = rustix::io::pwritev(self.fd(call, 0), &gather(call), arg(call, 3))?;
        Ok(vec![number(written as u64, 4)])
    }

    pub(super) fn fd_seek(&self, call: &TraceCall) -> Option<Answer> {
        let offset = arg(call, 1);
        let to = match arg(call, 2) {
            whence::SET => SeekFrom::Start(offset),
            whence::CUR => SeekFrom::Current(offset.cast_signed()),
            whence::END => SeekFrom::End(offset.cast_signed()),
            _ => return None,
        };
        let at = rustix::fs::seek(self.fd(call, 0), to);
        Some(at.map(|at| vec![number(at, 8)]))
    }

    pub(super) fn fd_tell(&self, call: &TraceCall) -> Answer {
        Ok(vec![number(rustix::fs::tell(self.fd(call, 0))?, 8)])
    }

    pub(super) fn fd_readdir(&self, call: &TraceCall) -> Answer {
        let fd = self.fd(call, 0);
        // what is no directory must not have its offset moved
        if FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
        let room = arg32(call, 2) as usize;
        rustix::fs::seek(fd, SeekFrom::Start(arg(call, 3)))?;
        let mut out = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(fd, &mut buffer);
        // the kernel is asked whatever the room
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if out.len() >= room {
                break;
            }
            let name = entry.file_name().to_bytes();
            let mut head = vec![0; dirent::BYTES];
            put(&mut head, dirent::D_NEXT, 8, entry.next_entry_cookie());
            put(&mut head, dirent::D_INO, 8, entry.ino());
            put(&mut head, dirent::D_NAMLEN, 4, name.len() as u64);
            put(&mut head, dirent::D_TYPE, 1, file_type(entry.file_type()));
            out.extend(head);
            out.extend_from_slice(name);
        }
        out.truncate(room);
        Ok(vec![number(out.len() as u64, 4), filled(out)])
    }
}

/// Reads into buffers as long as the call's, and gives what the call fills: the count, and each buffer as far as it was filled.
fn scatter(call: &TraceCall, read: impl FnOnce(&mut [IoSliceMut<'_>]) -> rustix::io::Result<usize>) -> Answer {
    let array = call.inputs.first();
    let mut memory: Vec<Vec<u8>> = array.into_iter().flat_map(buffers).map(|(_, len)| vec![0; len as usize]).collect();
    let mut slices: Vec<IoSliceMut<'_>> = memory.iter_mut().map(|bytes| IoSliceMut::new(bytes)).collect();
    let count = read(&mut slices)?;
    let mut left = count;
    let mut outputs = vec![number(count as u64, 4)];
    for mut bytes in memory {
        bytes.truncate(left);
        left -= bytes.len();
        outputs.push(filled(bytes));
    }
    Ok(outputs)
}

/// The buffers that the call writes.
fn gather(call: &TraceCall) -> Vec<IoSlice<'_>> {
    call.inputs.iter().skip(1).map(|capture| IoSlice::new(capture.kept())).collect()
}

/// `atim` and `mtim` as `fstflags` has them.
pub(super) fn times(atim: u64, mtim: u64, flags: u64) -> Timestamps {
    let of = |time: u64, set: u64, now: u64| {
        let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        if flags & now != 0 {
            special(UTIME_NOW)
        } else if flags & set != 0 {
            Timespec { tv_sec: (time / 1_000_000_000).cast_signed(), tv_nsec: (time % 1_000_000_000).cast_signed() }
        } else {
            special(UTIME_OMIT)
        }
    };
    Timestamps {
        last_access: of(atim, fstflags::ATIM, fstflags::ATIM_NOW),
        last_modification: of(mtim, fstflags::MTIM, fstflags::MTIM_NOW),
    }
}

/// The record that describes a file.
pub(super) fn file_stat(stat: &Stat) -> Capture {
    let nanoseconds = |seconds: i64, more: i64| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(more).unwrap_or_default())
    };
    let mut out = vec![0; filestat::BYTES];
    put(&mut out, filestat::DEV, 8, stat.st_dev);
    put(&mut out, filestat::INO, 8, stat.st_ino);
    put(&mut out, filestat::FILETYPE, 1, file_type(FileType::from_raw_mode(stat.st_mode)));
    put(&mut out, filestat::NLINK, 8, stat.st_nlink);
    put(&mut out, filestat::SIZE, 8, stat.st_size.cast_unsigned());
    put(&mut out, filestat::ATIM, 8, nanoseconds(stat.st_atime, stat.st_atime_nsec as i64));
    put(&mut out, filestat::MTIM, 8, nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64));
    put(&mut out, filestat::CTIM, 8, nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64));
    filled(out)
}

fn file_type(kind: FileType) -> u64 {
    match kind {
        FileType::RegularFile => filetype::REGULAR_FILE,
        FileType::Directory => filetype::DIRECTORY,
        FileType::Symlink => filetype::SYMBOLIC_LINK,
        FileType::BlockDevice => filetype::BLOCK_DEVICE,
        FileType::CharacterDevice => filetype::CHARACTER_DEVICE,
        FileType::Socket => filetype::SOCKET_STREAM,
        FileType::Fifo | FileType::Unknown => filetype::UNKNOWN,
    }
}

fn put(bytes: &mut [u8], at: usize, len: usize, value: impl Into<u64>) {
    bytes[at..at + len].copy_from_slice(&value.into().to_le_bytes()[..len]);
}

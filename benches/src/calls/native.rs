//! The floor: the same iterations by system calls, from native code, with nothing in between.
//!
//! Each function is the loop of one benchmark. What a call gives goes to where the guest's would go, so that it is checked like it. No path
//! is kept inside of anything here: what a sandbox costs is part of what is measured.

use std::ffi::{CStr, CString};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use rustix::event::Timespec;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, SeekFrom, Stat};
use rustix::io::Errno;
use rustix::time::ClockId;
use touchstone_runtimes::Live;
use touchstone_spec::consts::{event, filestat, rights};

use super::benchmark::{Benchmark, Body};
use super::layout::{BUFFER, BUFFER_BYTES, CALLS, FILL, NUMBER, OUT, OUT_BYTES, POINTERS, SUM, letters};
use super::{batch, guest};

/// What a benchmark works with, natively.
#[derive(Debug)]
pub struct Native {
    benchmark: &'static Benchmark,
    root: OwnedFd,
    /// What the set-up opened.
    fd: Option<OwnedFd>,
    /// Laid out as a guest's.
    memory: Vec<u8>,
    /// Paths as they are passed on, and where the number of the iteration stands in each.
    paths: [(Vec<u8>, Option<usize>); 2],
    sum: u64,
    calls: u64,
}

impl Native {
    /// Opens the folder that is the preopen of others.
    pub fn new(benchmark: &'static Benchmark, folder: &Path) -> anyhow::Result<Native> {
        let root = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("open {}", folder.display()))?;
        let path = |path: &str| Ok::<_, anyhow::Error>((CString::new(path)?.into_bytes_with_nul(), path.find(NUMBER)));
        let paths = [path(benchmark.paths[0])?, path(benchmark.paths[1])?];
        let memory = vec![0; (BUFFER + BUFFER_BYTES) as usize];
        Ok(Native { benchmark, root, fd: None, memory, paths, sum: 0, calls: 0 })
    }

    /// Opens what the set-up wants.
    fn open(&mut self) -> anyhow::Result<()> {
        let Some(open) = self.benchmark.open else { return Ok(()) };
        let access = if open.rights & rights::FD_WRITE == 0 { OFlags::RDONLY } else { OFlags::WRONLY };
        self.fd = Some(rustix::fs::openat(&self.root, open.path, access | OFlags::CLOEXEC, Mode::empty())?);
        Ok(())
    }

    /// Uses what a path leads to, as the guest does behind its last iteration.
    fn after(&mut self) -> anyhow::Result<()> {
        if !self.benchmark.after.is_empty() {
            let fd = rustix::fs::openat(&self.root, self.benchmark.paths[0], OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            let bytes = self.benchmark.buffers.bytes as usize;
            rustix::io::read(fd, &mut self.memory[BUFFER as usize..][..bytes])?;
        }
        Ok(())
    }

    /// Repeats one iteration, and counts `calls` for each.
    fn repeat(
        &mut self,
        (first, count): (u32, u32),
        calls: u64,
        mut iteration: impl FnMut(&mut Native, u32) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        for index in first..first + count {
            iteration(self, index)?;
        }
        self.calls = calls * u64::from(count);
        Ok(())
    }

    /// What was opened. A benchmark without it is a mistake in the table.
    fn fd(&self) -> Result<impl AsFd + '_, Errno> {
        self.fd.as_ref().ok_or(Errno::BADF)
    }

    /// Puts the number of this iteration into a path.
    fn number(&mut self, which: usize, index: u32) {
        let (path, number) = &mut self.paths[which];
        if let Some(at) = *number {
            path[at..at + 4].copy_from_slice(&letters(index));
        }
    }

    /// A path as it stands.
    fn path(&self, which: usize) -> Result<&CStr, Errno> {
        CStr::from_bytes_with_nul(&self.paths[which].0).map_err(|_| Errno::INVAL)
    }

    fn put(&mut self, address: u32, bytes: &[u8]) {
        self.memory[address as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// The buffer of the benchmark, and how it is divided.
    fn buffer(&mut self) -> &mut [u8] {
        &mut self.memory[BUFFER as usize..][..self.benchmark.buffers.bytes as usize]
    }
}

impl Live for Native {
    fn call(&mut self, export: &str, [first, count]: [u32; 2]) -> anyhow::Result<u32> {
        match export {
            "open" => self.open()?,
            "reset" => {
                self.memory[OUT as usize..][..OUT_BYTES as usize].fill(FILL);
                self.memory[BUFFER as usize..].fill(FILL);
            }
            "run" => {
                (self.sum, self.calls) = (0, 0);
                (self.benchmark.native)(self, first, count).context("the system call failed")?;
                self.put(SUM, &self.sum.to_le_bytes());
                self.put(CALLS, &self.calls.to_le_bytes());
            }
            "after" => self.after()?,
            other => bail!("there is no export {other}"),
        }
        Ok(0)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> anyhow::Result<()> {
        bytes.copy_from_slice(&self.memory[address as usize..][..bytes.len()]);
        Ok(())
    }
}

/// A number of the kernel's, whose size depends on the architecture.
fn wide(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

/// For what is not there.
pub fn nothing(_: &mut Native, _: u32, _: u32) -> Result<(), Errno> {
    Ok(())
}

/// The kernel takes all buffers at once, from a file system in memory: a short count is an error here.
fn whole(count: usize, wanted: u32) -> Result<(), Errno> {
    if count == wanted as usize { Ok(()) } else { Err(Errno::IO) }
}

pub fn write(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    let buffers = native.benchmark.buffers;
    native.repeat((first, count), 1, |native, _| {
        let memory = &native.memory[BUFFER as usize..][..buffers.bytes as usize];
        let written = if buffers.count == 1 {
            rustix::io::write(native.fd()?, memory)?
        } else {
            let mut slices = [IoSlice::new(&[]); 16];
            let mut rest = memory;
            for (slice, len) in slices.iter_mut().zip(buffers.lengths()) {
                let (head, tail) = rest.split_at(len as usize);
                (*slice, rest) = (IoSlice::new(head), tail);
            }
            rustix::io::writev(native.fd()?, &slices)?
        };
        native.sum += written as u64;
        whole(written, buffers.bytes)
    })
}

pub fn read(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    let buffers = native.benchmark.buffers;
    native.repeat((first, count), 1, |native, _| {
        let Native { fd, memory, .. } = native;
        let fd = fd.as_ref().ok_or(Errno::BADF)?;
        let memory = &mut memory[BUFFER as usize..][..buffers.bytes as usize];
        let read = if buffers.count == 1 {
            rustix::io::read(fd, memory)?
        } else {
            let mut slices: [IoSliceMut<'_>; 16] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
            let mut rest = memory;
            for (slice, len) in slices.iter_mut().zip(buffers.lengths()) {
                let (head, tail) = rest.split_at_mut(len as usize);
                (*slice, rest) = (IoSliceMut::new(head), tail);
            }
            rustix::io::readv(fd, &mut slices)?
        };
        native.sum += read as u64;
        whole(read, buffers.bytes)
    })
}

pub fn pwrite(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    let bytes = native.benchmark.buffers.bytes;
    native.repeat((first, count), 1, |native, index| {
        let written =
            rustix::io::pwrite(native.fd()?, &native.memory[BUFFER as usize..][..bytes as usize], u64::from(index) * u64::from(bytes))?;
        native.sum += written as u64;
        Ok(())
    })
}

pub fn pread(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    let bytes = native.benchmark.buffers.bytes;
    native.repeat((first, count), 1, |native, index| {
        let Native { fd, memory, .. } = native;
        let fd = fd.as_ref().ok_or(Errno::BADF)?;
        let read = rustix::io::pread(fd, &mut memory[BUFFER as usize..][..bytes as usize], u64::from(index) * u64::from(bytes))?;
        native.sum += read as u64;
        Ok(())
    })
}

pub fn seek(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        let offset = rustix::fs::seek(native.fd()?, SeekFrom::Current(1))?;
        native.sum += offset;
        Ok(())
    })
}

pub fn tell(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        let offset = rustix::fs::tell(native.fd()?)?;
        native.sum += offset;
        Ok(())
    })
}

pub fn fd_filestat(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        let stat = rustix::fs::fstat(native.fd()?)?;
        native.keep(&stat);
        Ok(())
    })
}

pub fn path_filestat(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        let stat = rustix::fs::statat(&native.root, native.path(0)?, AtFlags::empty())?;
        native.keep(&stat);
        Ok(())
    })
}

pub fn open(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    native.repeat((first, count), 2, |native, _| {
        let fd = rustix::fs::openat(&native.root, native.path(0)?, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let number = fd.as_raw_fd().to_le_bytes();
        native.put(OUT, &number);
        Ok(())
    })
}

pub fn create(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    native.repeat((first, count), 2, |native, index| {
        native.number(0, index);
        rustix::fs::openat(&native.root, native.path(0)?, flags, Mode::from_raw_mode(0o666)).map(drop)
    })
}

pub fn rename(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, index| {
        native.number(0, index);
        native.number(1, index);
        rustix::fs::renameat(&native.root, native.path(0)?, &native.root, native.path(1)?)
    })
}

pub fn unlink(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, index| {
        native.number(0, index);
        rustix::fs::unlinkat(&native.root, native.path(0)?, AtFlags::empty())
    })
}

pub fn listing(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    let Body::Listing { buffer } = native.benchmark.body else { return Err(Errno::INVAL) };
    let mut space = vec![MaybeUninit::uninit(); buffer as usize];
    native.repeat((first, count), 1, |native, _| {
        let fd = native.fd.as_ref().ok_or(Errno::BADF)?;
        rustix::fs::seek(fd, SeekFrom::Start(0))?;
        let mut entries = RawDir::new(fd, &mut space);
        while let Some(entry) = entries.next() {
            native.sum += u64::from(!entry?.file_name().is_empty());
        }
        Ok(())
    })
}

pub fn clock(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        let now = rustix::time::clock_gettime(ClockId::Realtime);
        native.put(OUT, &(now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()).to_le_bytes());
        Ok(())
    })
}

pub fn random(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        let buffer = native.buffer();
        let wanted = buffer.len();
        // SAFETY: the kernel writes at most as many bytes as the buffer has.
        let got = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), wanted, 0) };
        let start = buffer.first_chunk().copied().map_or(0, u64::from_le_bytes);
        native.sum = native.sum.wrapping_add(start);
        if usize::try_from(got) == Ok(wanted) { Ok(()) } else { Err(Errno::IO) }
    })
}

pub fn args(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.strings((first, count), &batch::arguments())
}

pub fn environ(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.strings((first, count), &batch::environment())
}

pub fn poll(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |native, _| {
        rustix::event::poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        let mut answer = [0; event::BYTES];
        answer[..8].copy_from_slice(&guest::USERDATA.to_le_bytes());
        native.put(OUT + 64, &answer);
        native.sum += 1;
        Ok(())
    })
}

pub fn sched_yield(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |_, _| {
        rustix::thread::sched_yield();
        Ok(())
    })
}

/// A process that starts and exits.
pub fn process(native: &mut Native, first: u32, count: u32) -> Result<(), Errno> {
    native.repeat((first, count), 1, |_, _| {
        let ended = Command::new("true").status().map_err(|error| error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error))?;
        if ended.success() { Ok(()) } else { Err(Errno::IO) }
    })
}

impl Native {
    /// Puts what a guest is told of a file into memory.
    fn keep(&mut self, stat: &Stat) {
        let mut out = [0; filestat::BYTES];
        let nanoseconds = |seconds: i64, rest: u64| seconds.cast_unsigned() * 1_000_000_000 + rest;
        let fields = [
            (filestat::DEV, stat.st_dev),
            (filestat::INO, stat.st_ino),
            (filestat::NLINK, wide(stat.st_nlink)),
            (filestat::SIZE, stat.st_size.cast_unsigned()),
            (filestat::ATIM, nanoseconds(stat.st_atime, wide(stat.st_atime_nsec))),
            (filestat::MTIM, nanoseconds(stat.st_mtime, wide(stat.st_mtime_nsec))),
            (filestat::CTIM, nanoseconds(stat.st_ctime, wide(stat.st_ctime_nsec))),
        ];
        for (at, value) in fields {
            out[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        self.put(OUT, &out);
        self.sum += stat.st_size.cast_unsigned();
    }

    /// Copies strings one behind the other, each with its zero, and the addresses where they start.
    fn strings(&mut self, span: (u32, u32), strings: &[String]) -> Result<(), Errno> {
        self.repeat(span, 1, |native, _| {
            let mut at = BUFFER;
            for (index, text) in (0..).zip(strings) {
                native.put(POINTERS + 4 * index, &at.to_le_bytes());
                native.put(at, text.as_bytes());
                at += text.len() as u32;
                native.put(at, &[0]);
                at += 1;
            }
            Ok(())
        })
    }
}

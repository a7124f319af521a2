//! The host kernel as a witness: WASI calls performed as the system calls that they are named after, with no wasm engine and no
//! sandbox. What of WASI has no counterpart there (rights, preopens, arguments, polls, sockets) it does not answer.
//!
//! **No path is checked here.** Whoever asks has to know that a path stays inside, and to stand in a root of its own
//! besides; `touchstone_runner::witness` does both.

mod errno;
mod files;
mod paths;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_spec::Function;
use touchstone_spec::consts::fdflags;

/// The descriptors of a guest whose calls the kernel answers.
#[derive(Debug, Default)]
pub struct Linux {
    fds: BTreeMap<u32, OwnedFd>,
}

/// What a system call gave: the guest's memory that it fills.
type Answer = Result<Vec<Capture>, Errno>;

impl Linux {
    /// A guest without descriptors.
    pub fn new() -> Linux {
        Linux::default()
    }

    /// Gives the guest a descriptor under a number, instead of what stood there.
    pub fn give(&mut self, number: u32, fd: OwnedFd) {
        self.fds.insert(number, fd);
    }

    /// Gives a descriptor another number, as `fd_renumber` does. What stood there is closed.
    pub fn renumber(&mut self, from: u32, to: u32) {
        if let Some(fd) = self.fds.remove(&from) {
            self.fds.insert(to, fd);
        }
    }

    /// Performs a call. `None`: the kernel has nothing to say about it.
    pub fn perform(&mut self, call: &TraceCall) -> Option<Outcome> {
        let answer = self.answer(call)?;
        Some(match answer {
            Ok(outputs) => Outcome { errno: 0, outputs },
            Err(error) => Outcome { errno: errno::of(error)?.raw().into(), outputs: Vec::new() },
        })
    }

    fn answer(&mut self, call: &TraceCall) -> Option<Answer> {
        Some(match call.function {
            Function::FdAdvise => self.fd_advise(call)?,
            Function::FdAllocate => self.fd_allocate(call),
            Function::FdClose => self.fd_close(call),
            Function::FdDatasync => self.fd_datasync(call),
            Function::FdFdstatGet => self.fd_fdstat_get(call),
            Function::FdFdstatSetFlags => self.fd_fdstat_set_flags(call),
            Function::FdFilestatGet => self.fd_filestat_get(call),
            Function::FdFilestatSetSize => self.fd_filestat_set_size(call),
            Function::FdFilestatSetTimes => self.fd_filestat_set_times(call),
            Function::FdPread => self.fd_pread(call),
            Function::FdPwrite => self.fd_pwrite(call),
            Function::FdRead => self.fd_read(call),
            Function::FdReaddir => self.fd_readdir(call),
            Function::FdSeek => self.fd_seek(call)?,
            Function::FdSync => self.fd_sync(call),
            Function::FdTell => self.fd_tell(call),
            Function::FdWrite => self.fd_write(call),
            Function::PathCreateDirectory => self.path_create_directory(call),
            Function::PathFilestatGet => self.path_filestat_get(call),
            Function::PathFilestatSetTimes => self.path_filestat_set_times(call),
            Function::PathLink => self.path_link(call),
            Function::PathOpen => self.path_open(call),
            Function::PathReadlink => self.path_readlink(call),
            Function::PathRemoveDirectory => self.path_remove_directory(call),
            Function::PathRename => self.path_rename(call),
            Function::PathSymlink => self.path_symlink(call),
            Function::PathUnlinkFile => self.path_unlink_file(call),
            _ => return None,
        })
    }

    /// The descriptor that a parameter names.
    ///
    /// One that the guest does not have is the kernel's to find out, after whatever it looks at before.
    fn fd(&self, call: &TraceCall, index: usize) -> BorrowedFd<'_> {
        // SAFETY: no descriptor of this process has a number beyond RLIMIT_NOFILE, so nobody else's is borrowed.
        let none = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
        self.fds.get(&arg32(call, index)).map_or(none, AsFd::as_fd)
    }
}

/// A parameter.
fn arg(call: &TraceCall, index: usize) -> u64 {
    call.args.get(index).copied().unwrap_or_default()
}

/// A parameter of 32 bits.
fn arg32(call: &TraceCall, index: usize) -> u32 {
    u32::try_from(arg(call, index)).unwrap_or(u32::MAX)
}

/// Bytes that the call was given.
fn input(call: &TraceCall, index: usize) -> &[u8] {
    call.inputs.get(index).map_or(&[], Capture::kept)
}

/// A result.
fn number(value: u64, bytes: usize) -> Capture {
    filled(value.to_le_bytes()[..bytes].to_vec())
}

/// Memory that the call filled.
fn filled(bytes: Vec<u8>) -> Capture {
    Capture { len: u32::try_from(bytes.len()).unwrap_or(u32::MAX), bytes: Some(bytes) }
}

/// The kernel's flags for `fdflags`. Linux has no `O_RSYNC` of its own: it is `O_SYNC`.
fn open_flags(flags: u64) -> OFlags {
    let table = [
        (fdflags::APPEND, OFlags::APPEND),
        (fdflags::DSYNC, OFlags::DSYNC),
        (fdflags::NONBLOCK, OFlags::NONBLOCK),
        (fdflags::RSYNC, OFlags::RSYNC),
        (fdflags::SYNC, OFlags::SYNC),
    ];
    table.into_iter().filter(|(bit, _)| flags & bit != 0).fold(OFlags::empty(), |all, (_, flag)| all | flag)
}

/// The `fdflags` that the kernel's flags stand for.
fn fd_flags(flags: OFlags) -> u64 {
    let table = [
        (fdflags::APPEND, OFlags::APPEND),
        (fdflags::DSYNC, OFlags::DSYNC),
        (fdflags::NONBLOCK, OFlags::NONBLOCK),
        (fdflags::SYNC, OFlags::SYNC),
    ];
    table.into_iter().filter(|(_, flag)| flags.contains(*flag)).fold(0, |all, (bit, _)| all | bit)
}

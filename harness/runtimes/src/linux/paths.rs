//! Calls about a path: the `*at` calls, with the path as it was given.

use rustix::fs::{AtFlags, Mode, OFlags};
use touchstone_model::trace::TraceCall;
use touchstone_spec::consts::{lookupflags, oflags, rights};

use super::files::{file_stat, times};
use super::{Answer, Linux, arg, arg32, filled, input, number, open_flags};

/// What a host without a mask of its own gives to a new file and to a new directory.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

impl Linux {
    pub(super) fn path_create_directory(&self, call: &TraceCall) -> Answer {
        rustix::fs::mkdirat(self.fd(call, 0), input(call, 0), DIRECTORY_MODE)?;
        Ok(Vec::new())
    }

    pub(super) fn path_filestat_get(&self, call: &TraceCall) -> Answer {
        let stat = rustix::fs::statat(self.fd(call, 0), input(call, 0), nofollow(call))?;
        Ok(vec![file_stat(&stat)])
    }

    pub(super) fn path_filestat_set_times(&self, call: &TraceCall) -> Answer {
        let times = times(arg(call, 4), arg(call, 5), arg(call, 6));
        rustix::fs::utimensat(self.fd(call, 0), input(call, 0), &times, nofollow(call))?;
        Ok(Vec::new())
    }

    pub(super) fn path_link(&self, call: &TraceCall) -> Answer {
        let follow = if follows(call) { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
        rustix::fs::linkat(self.fd(call, 0), input(call, 0), self.fd(call, 4), input(call, 1), follow)?;
        Ok(Vec::new())
    }

    pub(super) fn path_open(&mut self, call: &TraceCall) -> Answer {
        let opened = rustix::fs::openat(self.fd(call, 0), input(call, 0), asked(call), FILE_MODE)?;
        let free = (0..).find(|number| !self.fds.contains_key(number)).unwrap_or(u32::MAX);
        self.fds.insert(free, opened);
        Ok(vec![number(free.into(), 4)])
    }

    pub(super) fn path_readlink(&self, call: &TraceCall) -> Answer {
        let mut target = vec![0; arg32(call, 4) as usize];
        let len = rustix::fs::readlinkat_raw(self.fd(call, 0), input(call, 0), target.as_mut_slice())?;
        target.truncate(len);
        Ok(vec![number(len as u64, 4), filled(target)])
    }

    pub(super) fn path_remove_directory(&self, call: &TraceCall) -> Answer {
        rustix::fs::unlinkat(self.fd(call, 0), input(call, 0), AtFlags::REMOVEDIR)?;
        Ok(Vec::new())
    }

    pub(super) fn path_rename(&self, call: &TraceCall) -> Answer {
        rustix::fs::renameat(self.fd(call, 0), input(call, 0), self.fd(call, 3), input(call, 1))?;
        Ok(Vec::new())
    }

    pub(super) fn path_symlink(&self, call: &TraceCall) -> Answer {
        rustix::fs::symlinkat(input(call, 0), self.fd(call, 2), input(call, 1))?;
        Ok(Vec::new())
    }

    pub(super) fn path_unlink_file(&self, call: &TraceCall) -> Answer {
        rustix::fs::unlinkat(self.fd(call, 0), input(call, 0), AtFlags::empty())?;
        Ok(Vec::new())
    }
}

/// Whether a link at the end of the path is followed.
fn follows(call: &TraceCall) -> bool {
    arg(call, 1) & lookupflags::SYMLINK_FOLLOW != 0
}

fn nofollow(call: &TraceCall) -> AtFlags {
    if follows(call) { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW }
}

/// The flags of `open` that a call asks for.
fn asked(call: &TraceCall) -> OFlags {
    let table = [
        (oflags::CREAT, OFlags::CREATE),
        (oflags::DIRECTORY, OFlags::DIRECTORY),
        (oflags::EXCL, OFlags::EXCL),
        (oflags::TRUNC, OFlags::TRUNC),
    ];
    let base = arg(call, 5);
    let access = match (base & rights::FD_READ != 0, base & rights::FD_WRITE != 0) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    let mut flags = access | OFlags::CLOEXEC | open_flags(arg(call, 7));
    flags |= if follows(call) { OFlags::empty() } else { OFlags::NOFOLLOW };
    table.into_iter().filter(|(bit, _)| arg(call, 4) & bit != 0).fold(flags, |all, (_, flag)| all | flag)
}

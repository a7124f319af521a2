//! Copies of a hunter that has all its engines ready: to start one anew takes several times as long as to make another copy of it.

use std::io;

use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, set_parent_process_death_signal, waitpid};

/// Who goes on, where a process has become two.
#[derive(Debug)]
pub(super) enum Side {
    /// The copy; or the process itself, if it made none.
    Copy,
    /// The process itself, when the copy has come to its end.
    Original(Ended),
}

#[derive(Debug)]
pub(super) enum Ended {
    Exit(i32),
    Signal(i32),
}

/// Makes a copy of this process, which dies with it, and waits for its end. A process with several threads makes none: a copy would have one
/// of them.
pub(super) fn copy() -> io::Result<Side> {
    let original = getpid();
    if std::fs::read_dir("/proc/self/task")?.count() > 1 {
        return Ok(Side::Copy);
    }
    // SAFETY: there is no other thread, so nothing is half done in the copy.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // the original may be gone by now
            if getppid() == Some(original) { Ok(Side::Copy) } else { std::process::exit(0) }
        }
        copy => Ok(Side::Original(end_of(Pid::from_raw(copy))?)),
    }
}

fn end_of(copy: Option<Pid>) -> io::Result<Ended> {
    loop {
        match waitpid(copy, WaitOptions::empty()) {
            Ok(Some((_, status))) if status.terminating_signal().is_some() => {
                return Ok(Ended::Signal(status.terminating_signal().unwrap_or_default()));
            }
            Ok(Some((_, status))) if status.exit_status().is_some() => return Ok(Ended::Exit(status.exit_status().unwrap_or_default())),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

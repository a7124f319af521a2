//! Copies of a hunter that has all its engines ready: to start one anew takes several times as long as to make another copy of it.

use std::io;
use std::time::Duration;

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

const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// Makes a copy of this process, which dies with it, and waits for its end. Where that cannot be, the process goes on by itself: where it has
/// several threads, of which a copy would have one, and where the host has no room.
pub(super) fn copy() -> io::Result<Side> {
    let original = getpid();
    // threads that have been joined are seen for a moment longer
    let mut looks = (0..LOOKS).map(|look| {
        std::thread::sleep(if look == 0 { Duration::ZERO } else { BETWEEN_LOOKS });
        std::fs::read_dir("/proc/self/task").map(|threads| threads.count() == 1)
    });
    if !looks.any(|alone| alone.unwrap_or_default()) {
        return Ok(Side::Copy);
    }
    // SAFETY: there is no other thread, so nothing is half done in the copy.
    match unsafe { libc::fork() } {
        -1 => Ok(Side::Copy),
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
        let status = match waitpid(copy, WaitOptions::empty()) {
            Ok(ended) => ended.map(|(_, status)| status),
            Err(rustix::io::Errno::INTR) => None,
            Err(error) => return Err(error.into()),
        };
        let by_signal = status.and_then(|status| status.terminating_signal()).map(Ended::Signal);
        let by_itself = status.and_then(|status| status.exit_status()).map(Ended::Exit);
        if let Some(ended) = by_signal.or(by_itself) {
            return Ok(ended);
        }
    }
}

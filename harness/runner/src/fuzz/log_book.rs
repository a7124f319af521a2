//! The log book of a hunter: what it is at, for whoever started it, who finds there what it was doing when it hung or died.
//!
//! It is a file of numbers that the hunter has in its memory, for it writes some before every run: that takes no system call, and the file has
//! them whatever becomes of the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap};
use touchstone_model::trace::Trace;

/// What a hunter is at, as numbers of 8 bytes each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogBook {
    /// Counted from 1; 0 before the first.
    pub run: u64,
    pub case: u64,
    /// Of the runtime whose turn it is.
    pub seat: u64,
    /// Scripts that are done on all runtimes.
    pub cases: u64,
    pub seats: [Ran; SEATS],
}

/// What a runtime has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ran {
    /// Scripts that came to an end on it.
    pub runs: u64,
    /// Calls that were judged, and how many of them succeeded.
    pub calls: u64,
    pub succeeded: u64,
}

/// Runtimes that a hunter has at most.
const SEATS: usize = 16;

const NUMBERS: usize = 4 + 3 * SEATS;

const BYTES: usize = NUMBERS * 8;

impl Ran {
    pub(super) fn count(&mut self, trace: &Trace) {
        let succeeded = trace.calls.iter().filter(|call| call.outcome.as_ref().is_some_and(|outcome| outcome.errno == 0));
        *self =
            Ran { runs: self.runs + 1, calls: self.calls + trace.calls.len() as u64, succeeded: self.succeeded + succeeded.count() as u64 };
    }

    /// What was done since then.
    pub(super) fn since(self, before: Ran) -> Ran {
        let Ran { runs, calls, succeeded } = self;
        Ran { runs: runs - before.runs, calls: calls - before.calls, succeeded: succeeded - before.succeeded }
    }

    /// Both together.
    pub(super) fn and(self, other: Ran) -> Ran {
        let Ran { runs, calls, succeeded } = self;
        Ran { runs: runs + other.runs, calls: calls + other.calls, succeeded: succeeded + other.succeeded }
    }
}

impl LogBook {
    pub(super) fn read(file: &File) -> io::Result<LogBook> {
        let mut bytes = [0; BYTES];
        // one that has not been written yet is all zeros
        let count = file.read_at(&mut bytes, 0)?;
        bytes[count..].fill(0);
        let numbers = bytes.chunks_exact(8).map(|bytes| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        Ok(LogBook::of(numbers))
    }

    fn of(mut numbers: impl Iterator<Item = u64>) -> LogBook {
        let mut next = || numbers.next().unwrap_or_default();
        let (run, case, seat, cases) = (next(), next(), next(), next());
        let seats = std::array::from_fn(|_| Ran { runs: next(), calls: next(), succeeded: next() });
        LogBook { run, case, seat, cases, seats }
    }
}

/// The log book as its hunter holds it.
#[derive(Debug)]
pub(super) struct Holder(&'static [AtomicU64; NUMBERS]);

impl Holder {
    /// Takes it over, for as long as this process lives.
    pub(super) fn new(file: &File) -> io::Result<Holder> {
        file.set_len(BYTES as u64)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the host chooses where; nothing of ours is there.
        let start = unsafe { mmap(null_mut(), BYTES, access, MapFlags::SHARED, file, 0)? };
        // SAFETY: so many bytes are there, at the beginning of a page, and stay: nobody unmaps them or makes the file shorter.
        Ok(Holder(unsafe { &*start.cast() }))
    }

    pub(super) fn read(&self) -> LogBook {
        LogBook::of(self.0.iter().map(|number| u64::from_le(number.load(Ordering::Relaxed))))
    }

    pub(super) fn write(&self, book: &LogBook) {
        let LogBook { run, case, seat, cases, seats } = *book;
        let seats = seats.iter().flat_map(|Ran { runs, calls, succeeded }| [*runs, *calls, *succeeded]);
        for (place, number) in self.0.iter().zip([run, case, seat, cases].into_iter().chain(seats)) {
            place.store(number.to_le(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Holder, LogBook, Ran};

    #[test]
    fn what_is_written_is_what_is_read() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(LogBook::read(&file).unwrap(), LogBook::default());
        let holder = Holder::new(&file).unwrap();
        let mut book = LogBook { run: 1, case: 2, seat: 3, cases: u64::MAX, ..LogBook::default() };
        book.seats[1] = Ran { runs: 4, calls: 5, succeeded: 6 };
        holder.write(&book);
        assert_eq!((LogBook::read(&file).unwrap(), holder.read()), (book, book));
    }
}

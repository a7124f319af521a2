//! The process that takes script after script and plays each on all runtimes of its rig.
//!
//! It says on stdout what departs from what is permitted, a line of JSON each, as soon as it is seen. What it is at stands in its log book
//! ([`LogBook`]), a file that it is given as stdin: whoever started it finds there what it was doing when it hung or died.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use touchstone_generate::{Mix, Sample, sample};
use touchstone_guest::script::program;
use touchstone_model::divergence::Avoid;
use touchstone_oracle::Host;
use touchstone_runtimes::Entry;

use super::departed::{Departed, first};
use super::rig::Rig;
use crate::HarnessError;
use crate::profile;

/// What a hunter is to do.
#[derive(Debug)]
pub struct Assignment {
    /// A sealed folder.
    pub folder: PathBuf,
    pub runtimes: Vec<&'static Entry>,
    /// The one that it keeps to.
    pub core: usize,
    pub seed: u64,
    /// The first script, and how many runtimes are left out of it: those that have had their turn.
    pub first: u64,
    pub seat: usize,
    /// What the scripts are not to show.
    pub avoid: Option<Avoid>,
    /// From one script to the next.
    pub step: u64,
    /// No script with this number or a higher one.
    pub end: u64,
}

/// Something that a hunter says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    Departed {
        case: u64,
        what: Departed,
    },
    /// A run got out of the sandbox.
    Escaped {
        runtime: String,
    },
}

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
    /// Calls that were judged.
    pub calls: u64,
}

const NUMBERS: usize = 5;

impl LogBook {
    pub(super) fn read(file: &File) -> io::Result<LogBook> {
        let mut bytes = [0; NUMBERS * 8];
        // one that has not been written yet is all zeros
        let count = file.read_at(&mut bytes, 0)?;
        bytes[count..].fill(0);
        let mut numbers = bytes.chunks_exact(8).map(|bytes| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        let mut next = || numbers.next().unwrap_or_default();
        Ok(LogBook { run: next(), case: next(), seat: next(), cases: next(), calls: next() })
    }

    fn write(&self, file: &File) -> io::Result<()> {
        let LogBook { run, case, seat, cases, calls } = *self;
        let bytes: Vec<u8> = [run, case, seat, cases, calls].iter().flat_map(|number| number.to_le_bytes()).collect();
        file.write_all_at(&bytes, 0)
    }
}

/// Of so many scripts one may wait for a clock. The others only ask for times that have come: a millisecond of waiting is several scripts.
const WAITING: u64 = 16;

/// The script with this number. It may be about everything but what a runtime cannot be given: only those with the feature have read-only
/// preopens.
pub(super) fn script(seed: u64, case: u64, avoid: Option<Avoid>) -> Sample {
    let everything = Mix { read_only: false, ..Mix::default() };
    let waits = match avoid {
        Some(Avoid::ZeroTimeouts) => (1, everything.longest_wait_nanoseconds),
        None if case.is_multiple_of(WAITING) => (0, everything.longest_wait_nanoseconds),
        None => (0, 0),
    };
    sample(seed, case, &Mix { shortest_wait_nanoseconds: waits.0, longest_wait_nanoseconds: waits.1, ..everything })
}

/// Plays all scripts of an assignment. `book` is the log book, `say` takes the words.
pub fn hunt(assignment: &Assignment, book: &File, say: &mut impl Write) -> Result<(), HarnessError> {
    profile::keep_to_core(assignment.core)?;
    let mut rig = Rig::enter(&assignment.folder, assignment.runtimes.iter().copied())?;
    let mut at = LogBook::default();
    let step = usize::try_from(assignment.step).unwrap_or(usize::MAX);
    for case in (assignment.first..assignment.end).step_by(step) {
        let Sample { world, script } = script(assignment.seed, case, assignment.avoid);
        let program = program::program(&script, &world).map_err(|mistake| HarnessError::Worker {
            runtime: "the generator".to_owned(),
            message: format!("script {case} cannot be laid out: {}", mistake.message),
        })?;
        let left_out = if case == assignment.first { assignment.seat } else { 0 };
        for (seat, entry) in assignment.runtimes.iter().enumerate().skip(left_out) {
            at = LogBook { run: at.run + 1, case, seat: seat as u64, ..at };
            at.write(book).map_err(HarnessError::system("write the log book"))?;
            let observation = rig.run(seat, &world, &program)?;
            at.calls += observation.trace.calls.len() as u64;
            let word = if observation.escapes.is_empty() {
                let report = touchstone_oracle::report(&world, Host::LINUX, &observation);
                first(entry, &observation, &report).map(|what| Word::Departed { case, what })
            } else {
                Some(Word::Escaped { runtime: entry.name.to_owned() })
            };
            if let Some(word) = word {
                let line = serde_json::to_string(&word).map_err(|error| HarnessError::system("say what was found")(error))?;
                writeln!(say, "{line}").and_then(|()| say.flush()).map_err(HarnessError::system("say what was found"))?;
            }
        }
        at.cases += 1;
    }
    at.run += 1;
    at.write(book).map_err(HarnessError::system("write the log book"))
}

//! The process that takes batch after batch and plays each on one runtime of its rig after the other.
//!
//! It says on stdout what departs from what is permitted, a line of JSON each, as soon as it is seen: at length what it has not said before,
//! and of all else that it is there again, for most of what scripts show is known and they show it over and over. What it is at stands in its
//! log book ([`LogBook`]), a file that it is given as stdin: whoever started it finds there what it was doing when it hung or died.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use touchstone_generate::{Mix, Sample, sample_of_batch};
use touchstone_guest::script::{Program, program};
use touchstone_model::divergence::{Avoid, Sign};
use touchstone_model::judge::searches;
use touchstone_model::oracle::OracleReport;
use touchstone_model::world::World;
use touchstone_model::{Observation, bounds};
use touchstone_oracle::Host;
use touchstone_oracle::state::State;
use touchstone_runtimes::Entry;

use super::copy::{Ended, Side, copy};
use super::departed::{Departed, Signature, escape, first as first_departure, known_escape};
use super::log_book::{Holder, LogBook};
use super::look::{self, Compared, Look, compare};
use super::order::{BATCH, Order, Place};
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
    /// The first script, and the seat of the runtime that it is played on first: those before have had their turn.
    pub first: u64,
    pub seat: usize,
    /// What the scripts are not to show.
    pub avoid: Option<Avoid>,
    /// By which it knows what is known.
    pub signs: Vec<Sign>,
    /// Of so many batches one is to be played.
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
        /// The divergence that it belongs to.
        known: Option<String>,
    },
    /// What this hunter has said before, counted from 0, has departed in the same way again.
    Again(usize),
    /// A run got out of the sandbox.
    Escaped {
        runtime: String,
        case: u64,
        /// In words, without what is another in each script.
        how: String,
        /// The divergence that it belongs to.
        known: Option<String>,
    },
    /// Features that no script before has shown.
    Reached(Vec<usize>),
    /// What two runtimes, by their seats, made of the same script.
    Compared { seats: (usize, usize), how: Compared },
    /// A runtime took a hunter along by this signal. Another goes on behind it, and begins to say things at length again.
    Died { at: Place, signal: i32 },
}

/// Of so many scripts one may wait for a clock. The others only ask for times that have come, or come at once: a millisecond of waiting is
/// several scripts. (With one of 16 a processor with one job was idle for a fiftieth of the time.)
const WAITING: u64 = 64;

/// The script with this number. It may be about everything but what a runtime cannot be given: only those with the feature have read-only
/// preopens.
pub(super) fn script(seed: u64, case: u64, avoid: Option<Avoid>) -> Sample {
    let everything = Mix { read_only: false, ..Mix::default() };
    let shortest = match avoid {
        Some(Avoid::ZeroTimeouts) => 1,
        None => 0,
    };
    let longest = if case.is_multiple_of(WAITING) { everything.longest_wait_nanoseconds } else { shortest };
    sample_of_batch(seed, case, case / BATCH, &Mix { shortest_wait_nanoseconds: shortest, longest_wait_nanoseconds: longest, ..everything })
}

/// Reads the signs that whoever starts hunters has written.
pub fn read_signs(path: &Path) -> Result<Vec<Sign>, HarnessError> {
    let bytes = std::fs::read(path).map_err(HarnessError::file("read", path))?;
    serde_json::from_slice(&bytes).map_err(HarnessError::system("understand the signs of divergences"))
}

/// Plays the scripts of an assignment: all, or as many as a process can take. `book` is the log book, `say` takes the words.
///
/// What plays is a copy of this process. Where a runtime takes it along, the next one goes on.
pub fn hunt(assignment: &Assignment, book: &File, say: &mut impl Write) -> Result<(), HarnessError> {
    profile::keep_to_core(assignment.core)?;
    // where a runtime panics while it unwinds, std would look up the names of all that was called, which takes as long as hundreds of scripts
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let mut rig = Rig::enter(&assignment.folder, assignment.runtimes.iter().copied())?;
    rig.prepare()?;
    let book = Holder::new(book).map_err(HarnessError::system("open the log book"))?;
    let (from, at) = (Place { case: assignment.first, seat: assignment.seat as u64 }, LogBook::default());
    let mut hunt = Hunt { assignment, from, rig, at, book, say, told: HashMap::new(), look: Look::default() };
    while hunt.from.case < assignment.end {
        match copy().map_err(HarnessError::system("make a copy of a hunter"))? {
            Side::Copy => return hunt.play(),
            Side::Original(Ended::Signal(signal)) => hunt.goes_on_after(signal)?,
            Side::Original(Ended::Exit(0)) => return Ok(()),
            // it has said why
            Side::Original(Ended::Exit(code)) => std::process::exit(code),
        }
    }
    Ok(())
}

/// After so many batches a hunter looks at itself.
const LOOKED_AT_ITSELF: u64 = 32;

/// Whether this process holds more than it should.
fn is_swollen() -> bool {
    let resident = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = resident.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok()).unwrap_or_default();
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    pages * rustix::param::page_size() as u64 > bounds::HUNTER_RESIDENT_BYTES || open > bounds::HUNTER_OPEN_FILES
}

struct Hunt<'a, S> {
    assignment: &'a Assignment,
    from: Place,
    rig: Rig,
    at: LogBook,
    book: Holder,
    say: &'a mut S,
    /// What has departed, each with its number.
    told: HashMap<(Signature, Option<String>), usize>,
    look: Look,
}

/// Scripts in a row that have the same world.
struct Batch {
    cases: Range<u64>,
    world: World,
    /// The state in which each run of them starts.
    start: State,
    programs: Vec<Program>,
}

/// What was made of a script that is looked at closely.
struct LookedAt {
    case: u64,
    seat: usize,
    seen: (Observation, OracleReport),
}

impl Assignment {
    fn order(&self) -> Order {
        Order { runtimes: self.runtimes.len() as u64, step: self.step, end: self.end }
    }

    /// The batch that a script belongs to.
    fn batch_of(&self, case: u64) -> Result<Batch, HarnessError> {
        let cases = self.order().batch_of(case);
        let (mut programs, mut shared) = (Vec::new(), None);
        for case in cases.clone() {
            let Sample { world, script } = script(self.seed, case, self.avoid);
            programs.push(program::program(&script, &world).map_err(|mistake| HarnessError::Worker {
                runtime: "the generator".to_owned(),
                message: format!("script {case} cannot be laid out: {}", mistake.message),
            })?);
            shared.get_or_insert(world);
        }
        let world = shared.unwrap_or_default();
        Ok(Batch { cases, start: State::new(&world, Host::LINUX), world, programs })
    }
}

impl<S: Write> Hunt<'_, S> {
    /// Plays one batch after the other.
    fn play(&mut self) -> Result<(), HarnessError> {
        let mut next = self.from;
        for count in 0_u64.. {
            if next.case >= self.assignment.end || count > 0 && count.is_multiple_of(LOOKED_AT_ITSELF) && is_swollen() {
                break;
            }
            next = self.batch(next)?;
        }
        self.at.run += 1;
        self.book.write(&self.at);
        Ok(())
    }

    /// Has the next copy go on behind what took the last one along.
    fn goes_on_after(&mut self, signal: i32) -> Result<(), HarnessError> {
        let now = self.book.read();
        if now.run == self.at.run {
            let message = format!("it died by signal {signal} before its first run");
            return Err(HarnessError::Worker { runtime: "a hunter".to_owned(), message });
        }
        let at = Place { case: now.case, seat: now.seat };
        // the last line may have been cut off
        self.say.write_all(b"\n").map_err(HarnessError::system("say what was found"))?;
        self.tell(&Word::Died { at, signal })?;
        (self.at, self.from) = (now, self.assignment.order().after(at));
        Ok(())
    }

    /// Plays what is left of a batch; gives what comes behind it.
    fn batch(&mut self, from: Place) -> Result<Place, HarnessError> {
        let (batch, mut place) = (self.assignment.batch_of(from.case)?, from);
        let mut looked_at: Vec<LookedAt> = Vec::new();
        while batch.cases.contains(&place.case) {
            if let Some(now) = self.run(&batch, place)? {
                for before in looked_at.iter().filter(|before| before.case == now.case) {
                    self.tell(&Word::Compared { seats: (before.seat, now.seat), how: compare(&before.seen, &now.seen) })?;
                }
                looked_at.push(now);
            }
            place = self.assignment.order().after(place);
        }
        Ok(place)
    }

    /// Plays a script on a runtime, and judges it.
    fn run(&mut self, batch: &Batch, Place { case, seat }: Place) -> Result<Option<LookedAt>, HarnessError> {
        self.at = LogBook { run: self.at.run + 1, case, seat, ..self.at };
        self.book.write(&self.at);
        let (seat, program) = (seat as usize, &batch.programs[(case - batch.cases.start) as usize]);
        let entry = self.assignment.runtimes[seat];
        let observation = self.rig.run(seat, &batch.world, program)?;
        self.at.seats[seat].count(&observation.trace);
        self.at.cases += u64::from(self.assignment.order().is_last(self.at.seat));
        if !observation.escapes.is_empty() {
            let how = escape(&observation);
            let known = known_escape(&self.assignment.signs, entry.name, &observation).map(str::to_owned);
            self.tell(&Word::Escaped { runtime: entry.name.to_owned(), case, how, known })?;
            return Ok(None);
        }
        let is_looked_at = case.is_multiple_of(look::EVERY);
        let report = if is_looked_at {
            let (report, fresh) = self.look.judge(&batch.world, &observation);
            if !fresh.is_empty() {
                self.tell(&Word::Reached(fresh))?;
            }
            report
        } else {
            touchstone_oracle::report::departures(&batch.start, &observation)
        };
        if let Some(what) = first_departure(entry, searches(&batch.world, &observation.trace), &observation, &report) {
            let known = what.known(&self.assignment.signs, &observation.trace.calls).map(str::to_owned);
            let what = if known.is_none() { what.told_apart(&batch.world, &observation) } else { what };
            self.tell_departure(case, what, known)?;
        }
        Ok(is_looked_at.then_some(LookedAt { case, seat, seen: (observation, report) }))
    }

    fn tell_departure(&mut self, case: u64, what: Departed, known: Option<String>) -> Result<(), HarnessError> {
        let (next, key) = (self.told.len(), (what.signature.clone(), known));
        if let Some(number) = self.told.get(&key) {
            return self.tell(&Word::Again(*number));
        }
        self.tell(&Word::Departed { case, what, known: key.1.clone() })?;
        self.told.insert(key, next);
        Ok(())
    }

    fn tell(&mut self, word: &Word) -> Result<(), HarnessError> {
        let what = "say what was found";
        let line = serde_json::to_string(word).map_err(|error| HarnessError::system(what)(error))?;
        writeln!(self.say, "{line}").and_then(|()| self.say.flush()).map_err(HarnessError::system(what))
    }
}

#[cfg(test)]
mod tests {
    use super::{Avoid, BATCH, script};

    #[test]
    fn scripts_of_a_batch_have_one_world_whether_they_may_wait_or_not() {
        for avoid in [None, Some(Avoid::ZeroTimeouts)] {
            for case in 0..40 * BATCH {
                assert_eq!(script(5, case, avoid).world, script(5, case / BATCH * BATCH, avoid).world, "script {case}");
            }
        }
    }
}

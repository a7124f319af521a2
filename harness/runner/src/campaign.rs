//! Random scripts on runtimes: each call of each run is judged by the oracle, what it refuses is gathered by signature, and each
//! signature is made as small as it gets.
//!
//! A script is compiled to a straight-line module of its own, so a run costs a compilation besides.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use touchstone_generate::{Mix, Sample, sample, shrink};
use touchstone_guest::script::{encode, program};
use touchstone_model::divergence::Divergence;
use touchstone_model::oracle::{OracleReport, Said};
use touchstone_model::trace::Keeper;
use touchstone_model::value::errno_text;
use touchstone_model::{End, Observation, bounds};
use touchstone_oracle::Host;
use touchstone_runtimes::Entry;
use touchstone_spec::ClauseId;

use crate::HarnessError;
use crate::observe::{Bench, Prepared};
use crate::pool::WorkerSpec;
use crate::profile::Profile;
use crate::scratch::Scratch;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The `touchstone` program, which is a worker when told so.
    pub program: PathBuf,
    pub runtimes: Vec<&'a Entry>,
    pub seed: u64,
    pub cases: u64,
    pub jobs: usize,
    pub timeout: Duration,
}

/// By what findings are told apart: who, which call, what was permitted, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    pub runtime: String,
    /// A function, or `end`, `stdout`, `stderr` or `tree`; or how the run was stopped.
    pub place: String,
    /// The permitted outcomes of a call; where its results are wrong, the clause that they depart from.
    pub permitted: String,
    /// An errno, `ok`, `other results` or `no return`.
    pub seen: String,
}

/// Something that the oracle refuses, or a run that was stopped.
#[derive(Debug, Clone)]
pub struct Finding {
    pub signature: Signature,
    pub times: u64,
    /// The lowest number of a script that shows it.
    pub case: u64,
    /// That script, or a smaller one that shows the same.
    pub sample: Sample,
    /// The clauses that the script departs from.
    pub clauses: Vec<String>,
    /// The divergence that it belongs to.
    pub known: Option<String>,
    /// What a smaller script shows: the call, what was permitted, what was seen.
    pub detail: String,
}

/// What came of a campaign.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Scripts that were run on all runtimes.
    pub cases: u64,
    pub calls: u64,
    pub findings: Vec<Finding>,
    /// Runs that got out of the sandbox, by runtime. They are told in numbers only.
    pub escapes: BTreeMap<String, u64>,
}

/// How far a campaign is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub cases: u64,
    pub findings: usize,
    pub new: usize,
}

struct Shared<'a> {
    plan: &'a Plan<'a>,
    divergences: &'a [Divergence],
    cases: AtomicU64,
    calls: AtomicU64,
    /// By signature and divergence: what is new does not hide behind what looks the same and is known.
    found: Mutex<BTreeMap<(Signature, Option<String>), Finding>>,
    escapes: Mutex<BTreeMap<String, u64>>,
}

/// Runs a campaign. Stopped early, it gives what there is.
pub fn run(
    plan: &Plan<'_>,
    divergences: &[Divergence],
    scratch: &Scratch,
    stop: &AtomicBool,
    mut seen: impl FnMut(Progress),
) -> Result<Outcome, HarnessError> {
    let shared = Shared {
        plan,
        divergences,
        cases: AtomicU64::new(0),
        calls: AtomicU64::new(0),
        found: Mutex::default(),
        escapes: Mutex::default(),
    };
    std::thread::scope(|scope| {
        let shared = &shared;
        let threads: Vec<_> = (0..plan.jobs).map(|job| scope.spawn(move || shared.hunt(scratch, job, stop))).collect();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(200));
            seen(shared.progress());
        }
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(HarnessError::Interrupted)))
    })?;
    let mut findings: Vec<Finding> = lock(&shared.found).values().cloned().collect();
    let mut bench = Bench::new(scratch, "shrink", plan.timeout);
    for finding in findings.iter_mut().filter(|finding| finding.known.is_none()) {
        if !stop.load(Ordering::Relaxed) {
            shared.minimise(&mut bench, finding);
        }
    }
    let escapes = lock(&shared.escapes).clone();
    Ok(Outcome { cases: shared.cases.into_inner(), calls: shared.calls.into_inner(), findings, escapes })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Shared<'_> {
    fn progress(&self) -> Progress {
        let found = lock(&self.found);
        let new = found.values().filter(|finding| finding.known.is_none()).count();
        Progress { cases: self.cases.load(Ordering::Relaxed), findings: found.len(), new }
    }

    fn hunt(&self, scratch: &Scratch, job: usize, stop: &AtomicBool) -> Result<(), HarnessError> {
        let mut bench = Bench::new(scratch, &format!("fuzz-{job}"), self.plan.timeout);
        for case in (job as u64..self.plan.cases).step_by(self.plan.jobs) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let sample = sample(self.plan.seed, case, &mix());
            for entry in &self.plan.runtimes {
                let Some((observation, report)) = self.observe(&mut bench, entry, &sample)? else { continue };
                self.calls.fetch_add(observation.trace.calls.len() as u64, Ordering::Relaxed);
                if !observation.escapes.is_empty() {
                    *lock(&self.escapes).entry(entry.name.to_owned()).or_default() += 1;
                    continue;
                }
                if let Some(departed) = first(entry, &observation, &report) {
                    self.note(departed, case, &sample);
                }
            }
            self.cases.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn observe(&self, bench: &mut Bench<'_>, entry: &Entry, sample: &Sample) -> Result<Option<(Observation, OracleReport)>, HarnessError> {
        let Ok(program) = program::program(&sample.script, &sample.world) else { return Ok(None) };
        let module = match entry.keeper {
            Keeper::Module => Prepared::on_trampoline(&program),
            Keeper::Host => Prepared::recorded(&encode(&program), Keeper::Host),
        };
        let spec =
            WorkerSpec { program: self.plan.program.clone(), runtime: entry.name.to_owned(), profile: Profile::Default, plant: None };
        let observation = bench.observe(&spec, &sample.world, &module)?;
        let report = touchstone_oracle::report(&sample.world, Host::LINUX, &observation);
        Ok(Some((observation, report)))
    }

    fn note(&self, departed: Departed, case: u64, sample: &Sample) {
        let known = self.known(&departed);
        let Departed { signature, clauses, detail } = departed;
        let mut found = lock(&self.found);
        let finding = found.entry((signature.clone(), known.clone())).or_insert_with(|| Finding {
            signature,
            times: 0,
            case,
            sample: sample.clone(),
            clauses,
            known,
            detail: detail.clone(),
        });
        finding.times += 1;
        if case < finding.case {
            (finding.case, finding.sample, finding.detail) = (case, sample.clone(), detail);
        }
    }

    /// The divergence that something belongs to.
    fn known(&self, departed: &Departed) -> Option<String> {
        let Departed { signature: Signature { runtime, place, seen, .. }, clauses, .. } = departed;
        let known = self.divergences.iter().find(|divergence| divergence.shows_at_random(runtime, place, clauses, seen));
        known.map(|divergence| divergence.id.clone())
    }

    /// Makes the script of a finding as small as it gets while it stays new.
    fn minimise(&self, bench: &mut Bench<'_>, finding: &mut Finding) {
        let Some(entry) = self.plan.runtimes.iter().find(|entry| entry.name == finding.signature.runtime) else { return };
        let (mut clauses, mut detail) = (finding.clauses.clone(), finding.detail.clone());
        let mut tries_left = if finding.signature.seen == End::TimedOut.to_string() { bounds::SHRINK_TRIES_OF_HANGS } else { usize::MAX };
        let mut shows = |sample: &Sample| {
            if tries_left == 0 {
                return false;
            }
            tries_left -= 1;
            let Ok(Some((observation, report))) = self.observe(bench, entry, sample) else { return false };
            match first(entry, &observation, &report) {
                Some(departed)
                    if departed.signature == finding.signature && self.known(&departed).is_none() && observation.escapes.is_empty() =>
                {
                    (clauses, detail) = (departed.clauses, departed.detail);
                    true
                }
                _ => false,
            }
        };
        // what depends on chance stays as it is
        if shows(&finding.sample) {
            let shrunk = shrink(finding.sample.clone(), &mut shows);
            finding.sample = shrunk.sample;
            shows(&finding.sample.clone());
            (finding.clauses, finding.detail) = (clauses, detail);
        }
    }
}

/// Everything but what a runtime cannot be given: only those with the feature have read-only preopens.
fn mix() -> Mix {
    Mix { read_only: false, ..Mix::default() }
}

/// How a run departs from what is permitted.
struct Departed {
    signature: Signature,
    clauses: Vec<String>,
    detail: String,
}

/// The first thing that is wrong with a run; what comes after may come of it.
fn first(entry: &Entry, observation: &Observation, report: &OracleReport) -> Option<Departed> {
    let departed = |place: &str, permitted: &str, seen: &str, clauses: &[ClauseId], detail: String| {
        let [runtime, place, permitted, seen] = [entry.name, place, permitted, seen].map(str::to_owned);
        let clauses = clauses.iter().map(|clause| clause.id().to_owned()).collect();
        Some(Departed { signature: Signature { runtime, place, permitted, seen }, clauses, detail })
    };
    for (number, (call, said)) in observation.trace.calls.iter().zip(&report.calls).enumerate() {
        let Some(departure) = said.departures.first().filter(|_| said.said == Said::Rejected) else { continue };
        let seen = match (&call.outcome, &departure.seen) {
            (None, _) => "no return".to_owned(),
            (Some(_), Some(_)) => "other results".to_owned(),
            (Some(outcome), None) if outcome.errno == 0 => "ok".to_owned(),
            (Some(outcome), None) => errno_text(outcome.errno),
        };
        let clause = departure.clauses.first().map_or("", |clause| clause.id());
        let permitted = if departure.seen.is_some() { clause } else { said.permitted.as_str() };
        let was = departure.seen.as_ref().unwrap_or(&seen);
        let detail = format!("call {} {}: permitted {}, saw {was}", number + 1, call.function.name(), departure.expected);
        return departed(call.function.name(), permitted, &seen, &departure.clauses, detail);
    }
    match &observation.end {
        End::Exit { .. } | End::Trap { .. } => {}
        stopped => return departed("end", "", how(&stopped.to_string()), &[], format!("the run ended with {stopped}")),
    }
    let departure = report.run.first()?;
    let place = departure.place.split(' ').next().unwrap_or_default();
    let clause = departure.clauses.first().map_or("", |clause| clause.id());
    let seen = departure.seen.clone().unwrap_or_default();
    let kind = if place == "tree" { tree_kind(&departure.expected, &seen) } else { "otherwise".to_owned() };
    departed(place, clause, &kind, &departure.clauses, format!("{}: expected {}, saw {seen}", departure.place, departure.expected))
}

/// How a run was stopped, without what a panic's message quotes: that is another in each script.
fn how(stopped: &str) -> &str {
    stopped.split('"').next().unwrap_or(stopped)
}

/// What is at a place of the tree instead of what. Content, time and names are told apart by what was expected.
fn tree_kind(expected: &str, seen: &str) -> String {
    let word = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    match (word(expected).as_str(), word(seen).as_str()) {
        ("mtime", _) => "another mtime".to_owned(),
        ("a" | "another", _) => "other names".to_owned(),
        ("file", "file") => "other content".to_owned(),
        ("symlink", "symlink") => "another target".to_owned(),
        (expected, seen) => format!("{seen} for {expected}"),
    }
}

//! What hunters bring, gathered by signature; what is new is run again in a process of its own, and made as small as it gets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use semver::Version;
use touchstone_generate::{Sample, shrink};
use touchstone_guest::script::program;
use touchstone_model::divergence::{Avoid, Divergence};
use touchstone_model::oracle::OracleReport;
use touchstone_model::{End, Observation, bounds};
use touchstone_oracle::Host;
use touchstone_runtimes::Entry;

use super::departed::{self, Departed, Signature, first};
use super::hunter::{Ran, Word, script};
use super::look::Compared;
use super::pack::{self, News};
use crate::HarnessError;
use crate::observe::{Bench, Prepared};
use crate::pool::WorkerSpec;
use crate::profile::Profile;
use crate::scratch::Scratch;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `touchstone` program, which is a worker when told so.
    pub program: PathBuf,
    pub runtimes: Vec<&'static Entry>,
    pub seed: u64,
    /// Scripts with the numbers from 0.
    pub cases: u64,
    /// Which part of them, counted from 1, of how many.
    pub shard: (u64, u64),
    pub jobs: usize,
    /// What the scripts are not to show.
    pub avoid: Option<Avoid>,
    /// Whether new findings are made smaller.
    pub shrink: bool,
    /// When no further script is begun.
    pub until: Option<Instant>,
    /// For one run in a process of its own.
    pub timeout: Duration,
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
    /// It is new, and in a process of its own its script does not show it: chance, a busy machine, or what another run left.
    pub unconfirmed: bool,
    /// What a smaller script shows: the call, what was permitted, what was seen.
    pub detail: String,
}

impl Finding {
    /// Whether nobody knew of it, and it is certain.
    pub fn is_new(&self) -> bool {
        self.known.is_none() && !self.unconfirmed
    }
}

/// What came of a campaign.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Scripts that were run on all runtimes.
    pub cases: u64,
    /// What each runtime has done, in the order of the plan.
    pub runtimes: Vec<Ran>,
    /// The features that scripts reached, of those that were looked at.
    pub features: BTreeSet<usize>,
    /// What pairs of runtimes, by their places in the plan, made of the same scripts, of those that were looked at.
    pub pairs: BTreeMap<(usize, usize), Pair>,
    pub findings: Vec<Finding>,
    /// Ways out of the sandbox.
    pub escapes: Vec<Escape>,
    /// Why a job did not come to its end. What the others found is here all the same.
    pub error: Option<HarnessError>,
}

/// A way out of the sandbox that a runtime has. What it is is nobody's business but the runtime's maintainers', before they have mended it.
#[derive(Debug, Clone)]
pub struct Escape {
    pub runtime: String,
    /// The first sign of it, in words.
    pub how: String,
    /// Runs that show it.
    pub times: u64,
    /// The lowest number of a script that shows it.
    pub case: u64,
    /// That script, or a smaller one that shows the same.
    pub sample: Sample,
}

/// What two runtimes made of the same scripts.
#[derive(Debug, Clone, Default)]
pub struct Pair {
    pub same: u64,
    /// They differ and both do what is permitted.
    pub permitted: u64,
    /// They differ and one of them does what is not.
    pub departed: u64,
    /// The clauses that leave open what is permitted, with how often.
    pub clauses: BTreeMap<String, u64>,
}

/// How far a campaign is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub cases: u64,
    pub ran: Ran,
    pub features: usize,
    pub known: usize,
    pub new: usize,
}

impl Outcome {
    /// What all runtimes together have done.
    pub fn ran(&self) -> Ran {
        self.runtimes.iter().fold(Ran::default(), |sum, ran| sum.and(*ran))
    }
}

impl Plan {
    /// The first script of this part.
    pub(super) fn first(&self) -> u64 {
        self.shard.0 - 1
    }

    /// From one script of this part to the next.
    pub(super) fn shards(&self) -> u64 {
        self.shard.1
    }

    /// Whether it is time to end.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// How many scripts this part has.
    pub fn part(&self) -> u64 {
        self.cases.saturating_sub(self.first()).div_ceil(self.shards())
    }
}

impl Pair {
    fn count(&mut self, how: Compared) {
        match how {
            Compared::Same => self.same += 1,
            Compared::Departed => self.departed += 1,
            Compared::Permitted(clauses) => {
                self.permitted += 1;
                clauses.into_iter().for_each(|clause| *self.clauses.entry(clause).or_default() += 1);
            }
        }
    }
}

/// How often a script is run to show again what it has shown.
const CONFIRMATIONS: usize = 4;

struct Campaign<'a> {
    plan: &'a Plan,
    divergences: &'a [Divergence],
    outcome: Outcome,
    /// By signature and divergence: what is new does not hide behind what looks the same and is known.
    found: BTreeMap<(Signature, Option<String>), Finding>,
}

/// Runs a campaign. Stopped early, it gives what there is.
pub fn run(
    plan: &Plan,
    divergences: &[Divergence],
    scratch: &Scratch,
    stop: &AtomicBool,
    mut seen: impl FnMut(Progress),
) -> Result<Outcome, HarnessError> {
    let divergences = &present(divergences, &plan.runtimes);
    let outcome = Outcome { runtimes: vec![Ran::default(); plan.runtimes.len()], ..Outcome::default() };
    let mut campaign = Campaign { plan, divergences, outcome, found: BTreeMap::new() };
    let (sender, receiver) = mpsc::channel();
    let ran = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.jobs as u64)
            .map(|job| {
                let sender = sender.clone();
                // one that fails need not bring the others down with it: what they find is found
                scope.spawn(move || pack::run(plan, job, scratch, stop, &sender))
            })
            .collect();
        drop(sender);
        for news in receiver {
            campaign.hear(news);
            seen(campaign.progress());
        }
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(HarnessError::Interrupted)))
    });
    let mut bench = Bench::new(scratch, "shrink", plan.timeout);
    let mut escapes = std::mem::take(&mut campaign.outcome.escapes);
    escapes.sort_by(|one, other| (&one.runtime, &one.how).cmp(&(&other.runtime, &other.how)));
    for escape in escapes.iter_mut().filter(|_| plan.shrink) {
        if !stop.load(Ordering::Relaxed) {
            campaign.make_smaller(&mut bench, escape);
        }
    }
    let mut findings: Vec<Finding> = campaign.found.values().cloned().collect();
    for finding in findings.iter_mut().filter(|finding| finding.known.is_none()) {
        if !stop.load(Ordering::Relaxed) {
            campaign.confirm(&mut bench, finding);
        }
    }
    Ok(Outcome { findings, escapes, error: ran.err(), ..campaign.outcome })
}

/// The divergences with what random scripts show of them on these versions of the runtimes: what was mended is new when it comes back.
fn present(divergences: &[Divergence], runtimes: &[&Entry]) -> Vec<Divergence> {
    let version = |name: &str| runtimes.iter().find(|entry| entry.name == name).and_then(|entry| Version::parse(entry.version()).ok());
    let mut present = divergences.to_vec();
    for (divergence, whole) in present.iter_mut().zip(divergences) {
        divergence.random.retain(|random| version(&random.runtime).is_some_and(|version| whole.is_of(&random.runtime, &version)));
    }
    present
}

impl Campaign<'_> {
    fn hear(&mut self, news: News) {
        let outcome = &mut self.outcome;
        match news {
            News::Done { cases, seats } => {
                outcome.cases += cases;
                outcome.runtimes.iter_mut().zip(seats).for_each(|(sum, ran)| *sum = sum.and(ran));
            }
            News::Word(Word::Escaped { runtime, case, how }) => self.escaped(runtime, how, case),
            News::Word(Word::Reached(features)) => outcome.features.extend(features),
            News::Word(Word::Compared { seats, how }) => outcome.pairs.entry(seats).or_default().count(how),
            News::Word(Word::Departed { case, what }) => self.note(what, case),
        }
    }

    fn escaped(&mut self, runtime: String, how: String, case: u64) {
        let script = || script(self.plan.seed, case, self.plan.avoid);
        match self.outcome.escapes.iter_mut().find(|escape| (&escape.runtime, &escape.how) == (&runtime, &how)) {
            Some(escape) => {
                escape.times += 1;
                if case < escape.case {
                    (escape.case, escape.sample) = (case, script());
                }
            }
            None => self.outcome.escapes.push(Escape { runtime, how, times: 1, case, sample: script() }),
        }
    }

    fn progress(&self) -> Progress {
        let known = self.found.values().filter(|finding| finding.known.is_some()).count();
        let Outcome { cases, features, .. } = &self.outcome;
        Progress { cases: *cases, ran: self.outcome.ran(), features: features.len(), known, new: self.found.len() - known }
    }

    fn note(&mut self, departed: Departed, case: u64) {
        let known = departed.known(self.divergences);
        let Departed { signature, clauses, detail, .. } = departed;
        let finding = self.found.entry((signature.clone(), known.clone())).or_insert_with(|| Finding {
            signature,
            times: 0,
            case,
            sample: script(self.plan.seed, case, self.plan.avoid),
            clauses: clauses.clone(),
            known,
            unconfirmed: false,
            detail: detail.clone(),
        });
        finding.times += 1;
        if case < finding.case {
            (finding.case, finding.sample, finding.clauses, finding.detail) =
                (case, script(self.plan.seed, case, self.plan.avoid), clauses, detail);
        }
    }

    /// Runs a script in a process of its own.
    fn observe(&self, bench: &mut Bench<'_>, entry: &Entry, sample: &Sample) -> Result<Option<(Observation, OracleReport)>, HarnessError> {
        let Ok(program) = program::program(&sample.script, &sample.world) else { return Ok(None) };
        let module = Prepared::played(&program, entry.keeper);
        let spec =
            WorkerSpec { program: self.plan.program.clone(), runtime: entry.name.to_owned(), profile: Profile::Default, plant: None };
        let observation = bench.observe(&spec, &sample.world, &module)?;
        let report = touchstone_oracle::report(&sample.world, Host::LINUX, &observation);
        Ok(Some((observation, report)))
    }

    /// Makes the script of an escape as small as it gets while it gets out in the same way.
    fn make_smaller(&self, bench: &mut Bench<'_>, escape: &mut Escape) {
        let Some(entry) = self.plan.runtimes.iter().find(|entry| entry.name == escape.runtime) else { return };
        let mut shows = |sample: &Sample| match self.observe(bench, entry, sample) {
            Ok(Some((observation, _))) => !observation.escapes.is_empty() && departed::escape(&observation) == escape.how,
            _ => false,
        };
        escape.sample = shrink(escape.sample.clone(), &mut shows).sample;
    }

    /// Runs the script of a new finding again, and makes it as small as it gets while it stays new.
    fn confirm(&self, bench: &mut Bench<'_>, finding: &mut Finding) {
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
                    if departed.signature == finding.signature
                        && departed.known(self.divergences).is_none()
                        && observation.escapes.is_empty() =>
                {
                    (clauses, detail) = (departed.clauses, departed.detail);
                    true
                }
                _ => false,
            }
        };
        finding.unconfirmed = !(0..CONFIRMATIONS).any(|_| shows(&finding.sample));
        if !finding.unconfirmed && self.plan.shrink {
            let shrunk = shrink(finding.sample.clone(), &mut shows);
            finding.sample = shrunk.sample;
            shows(&finding.sample.clone());
            (finding.clauses, finding.detail) = (clauses, detail);
        }
    }
}

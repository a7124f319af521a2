//! What hunters bring, gathered by signature; what is new is run again in a process of its own, and made as small as it gets.

use std::collections::BTreeMap;
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

use super::departed::{Departed, Signature, first};
use super::hunter::{Word, script};
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
    pub calls: u64,
    pub findings: Vec<Finding>,
    /// Runs that got out of the sandbox, by runtime. They are told in numbers only.
    pub escapes: BTreeMap<String, u64>,
    /// Why a job did not come to its end. What the others found is here all the same.
    pub error: Option<HarnessError>,
}

/// How far a campaign is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub cases: u64,
    pub findings: usize,
    pub new: usize,
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
    let mut campaign = Campaign { plan, divergences, outcome: Outcome::default(), found: BTreeMap::new() };
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
    let mut findings: Vec<Finding> = campaign.found.values().cloned().collect();
    for finding in findings.iter_mut().filter(|finding| finding.known.is_none()) {
        if !stop.load(Ordering::Relaxed) {
            campaign.confirm(&mut bench, finding);
        }
    }
    Ok(Outcome { findings, error: ran.err(), ..campaign.outcome })
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
        match news {
            News::Done { cases, calls } => {
                self.outcome.cases += cases;
                self.outcome.calls += calls;
            }
            News::Word(Word::Escaped { runtime }) => *self.outcome.escapes.entry(runtime).or_default() += 1,
            News::Word(Word::Departed { case, what }) => self.note(what, case),
        }
    }

    fn progress(&self) -> Progress {
        let new = self.found.values().filter(|finding| finding.known.is_none()).count();
        Progress { cases: self.outcome.cases, findings: self.found.len(), new }
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

//! What hunters bring, gathered by signature; what is new is run again, and told apart by what its smallest script shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use touchstone_generate::Sample;
use touchstone_model::bounds;
use touchstone_model::divergence::{Avoid, Divergence, Sign};
use touchstone_runtimes::{Entry, Origin};

use super::again::Again;
use super::departed::{Departed, Signature};
use super::hunter::script;
use super::log_book::Ran;
use super::look::Compared;
use super::order::{BATCH, Order};
use super::pack::{self, News, Told};
use crate::HarnessError;
use crate::plant::Plant;
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
    /// By which what is known is told from what is new.
    pub signs: Vec<Sign>,
    /// Whether new findings are made smaller.
    pub shrink: bool,
    /// When no further script is begun.
    pub until: Option<Instant>,
    /// For one run in a process of its own.
    pub timeout: Duration,
    /// A fault under the runtimes that a finding is only shown beside: for tests.
    pub plant: Option<Plant>,
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
    /// That call of the script, counted from 1; none where what the run left behind is wrong.
    pub call: Option<usize>,
    /// Its script may be shown: on no runtime it gets out of the sandbox by a way that nobody knows of.
    pub is_open: bool,
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
    /// Why a job did not come to its end, or what is new could not be run again. What was found is here all the same.
    pub error: Option<HarnessError>,
}

/// A way out of the sandbox that a runtime has. What it is is nobody's business but the runtime's maintainers', before they have mended it.
#[derive(Debug, Clone)]
pub struct Escape {
    pub runtime: String,
    /// The first sign of it, in words.
    pub how: String,
    /// The divergence that it belongs to: one with an advisory, so that its runtime's maintainers know of it.
    pub known: Option<String>,
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
    /// The scripts are done: which of so many new findings is run again, counted from 1.
    pub again: Option<(usize, usize)>,
}

impl Outcome {
    /// What all runtimes together have done.
    pub fn ran(&self) -> Ran {
        self.runtimes.iter().fold(Ran::default(), |sum, ran| sum.and(*ran))
    }
}

impl Plan {
    /// The first batch of this part.
    pub(super) fn first(&self) -> u64 {
        self.shard.0 - 1
    }

    /// From one batch of this part to the next.
    pub(super) fn shards(&self) -> u64 {
        self.shard.1
    }

    /// From one batch of a job to the next.
    pub(super) fn step(&self) -> u64 {
        self.jobs as u64 * self.shards()
    }

    /// The way of a job.
    pub(super) fn order(&self) -> Order {
        Order { runtimes: self.runtimes.len() as u64, step: self.step(), end: self.cases }
    }

    /// Whether it is time to end.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// How long a run among others may take.
    pub(super) fn patience(&self) -> Duration {
        let are_here = self.runtimes.iter().all(|entry| matches!(entry.origin, Origin::BuiltIn { .. }));
        // a program is started for each script
        if are_here { Duration::from_millis(bounds::RIG_TIMEOUT_MILLISECONDS) } else { self.timeout }
    }

    /// How many scripts this part has.
    pub fn part(&self) -> u64 {
        let (whole, rest) = (self.cases / BATCH, self.cases % BATCH);
        let has_rest = whole % self.shards() == self.first();
        whole.saturating_sub(self.first()).div_ceil(self.shards()) * BATCH + if has_rest { rest } else { 0 }
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

struct Campaign<'a> {
    plan: &'a Plan,
    outcome: Outcome,
    /// By signature and divergence: what is new does not hide behind what looks the same and is known.
    found: BTreeMap<Told, Finding>,
}

/// Runs a campaign. Stopped early, it gives what there is.
pub fn run(plan: &Plan, scratch: &Scratch, stop: &AtomicBool, mut seen: impl FnMut(Progress)) -> Result<Outcome, HarnessError> {
    let signs = scratch.written("signs.json", &serde_json::to_vec(&plan.signs).map_err(HarnessError::system("write signs"))?)?;
    let outcome = Outcome { runtimes: vec![Ran::default(); plan.runtimes.len()], ..Outcome::default() };
    let mut campaign = Campaign { plan, outcome, found: BTreeMap::new() };
    let (sender, receiver) = mpsc::channel();
    let ran = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.jobs as u64)
            .map(|job| {
                let (sender, signs) = (sender.clone(), &signs);
                // one that fails need not bring the others down with it: what they find is found
                scope.spawn(move || pack::run(plan, job, (scratch, signs), stop, &sender))
            })
            .collect();
        drop(sender);
        for news in receiver {
            news.into_iter().for_each(|news| campaign.hear(news));
            seen(campaign.progress());
        }
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(HarnessError::Interrupted)))
    });
    let mut escapes = std::mem::take(&mut campaign.outcome.escapes);
    escapes.sort_by(|one, other| (&one.runtime, &one.how).cmp(&(&other.runtime, &other.how)));
    let mut findings: Vec<Finding> = campaign.found.values().cloned().collect();
    let again = Again { plan, scratch, stop };
    let ran_again = campaign.run_again(&again, &mut escapes, &mut findings, seen);
    let findings = joined(findings);
    Ok(Outcome { findings, escapes, error: ran.err().or(ran_again.err()), ..campaign.outcome })
}

/// Findings that show the same once they are as small as they get are one.
fn joined(findings: Vec<Finding>) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    for finding in findings {
        let is_it = |one: &&mut Finding| one.is_new() && finding.is_new() && one.signature == finding.signature;
        match out.iter_mut().find(is_it) {
            Some(one) => {
                let (times, case) = (one.times + finding.times, one.case.min(finding.case));
                // the one that came first, so that the same scripts make the same finding
                *one = Finding { times, case, ..if finding.case < one.case { finding } else { one.clone() } };
            }
            None => out.push(finding),
        }
    }
    out
}

/// The signs of divergences on these versions of the runtimes: what was mended is new when it comes back.
pub fn signs(divergences: &[Divergence], runtimes: &[&Entry]) -> Vec<Sign> {
    let version = |name: &str| runtimes.iter().find(|entry| entry.name == name).map(|entry| entry.release());
    let is_there = |divergence: &Divergence, runtime: &str| version(runtime).is_some_and(|version| divergence.is_of(runtime, &version));
    let present =
        |divergence: &Divergence| -> Vec<Sign> { divergence.signs().filter(|sign| is_there(divergence, &sign.random.runtime)).collect() };
    divergences.iter().flat_map(present).collect()
}

impl Campaign<'_> {
    fn hear(&mut self, news: News) {
        let outcome = &mut self.outcome;
        match news {
            News::Done { cases, seats } => {
                outcome.cases += cases;
                outcome.runtimes.iter_mut().zip(seats).for_each(|(sum, ran)| *sum = sum.and(ran));
            }
            News::Escaped { runtime, case, how, known } => self.escaped(runtime, how, known, case),
            News::Reached(features) => outcome.features.extend(features),
            News::Compared { seats, how } => outcome.pairs.entry(seats).or_default().count(how),
            News::Departed { case, what, known } => self.note(what, known, case),
            News::Again(told) => {
                self.found.entry(told).and_modify(|finding| finding.times += 1);
            }
        }
    }

    /// Runs what is new again. Where the harness fails, the rest stays what it is: new.
    fn run_again(
        &self,
        again: &Again<'_>,
        escapes: &mut [Escape],
        findings: &mut [Finding],
        mut seen: impl FnMut(Progress),
    ) -> Result<(), HarnessError> {
        escapes.iter_mut().filter(|escape| escape.known.is_none()).try_for_each(|escape| again.make_smaller(escape))?;
        let new: Vec<&mut Finding> = findings.iter_mut().filter(|finding| finding.known.is_none()).collect();
        let count = new.len();
        for (number, finding) in (1..).zip(new) {
            seen(Progress { again: Some((number, count)), ..self.progress() });
            // what is not certain is not called new, whoever is in a hurry
            again.confirm(finding)?;
            finding.is_open = finding.is_new() && again.stays_inside(&finding.sample)?;
        }
        Ok(())
    }

    fn escaped(&mut self, runtime: String, how: String, known: Option<String>, case: u64) {
        let script = || script(self.plan.seed, case, self.plan.avoid);
        let is_it = |escape: &&mut Escape| (&escape.runtime, &escape.how, &escape.known) == (&runtime, &how, &known);
        match self.outcome.escapes.iter_mut().find(is_it) {
            Some(escape) => {
                escape.times += 1;
                if case < escape.case {
                    (escape.case, escape.sample) = (case, script());
                }
            }
            None => self.outcome.escapes.push(Escape { runtime, how, known, times: 1, case, sample: script() }),
        }
    }

    fn progress(&self) -> Progress {
        let known = self.found.values().filter(|finding| finding.known.is_some()).count();
        let Outcome { cases, features, .. } = &self.outcome;
        Progress { cases: *cases, ran: self.outcome.ran(), features: features.len(), known, new: self.found.len() - known, again: None }
    }

    fn note(&mut self, departed: Departed, known: Option<String>, case: u64) {
        let Departed { signature, clauses, detail, number, .. } = departed;
        let finding = self.found.entry((signature.clone(), known.clone())).or_insert_with(|| Finding {
            signature,
            times: 0,
            case,
            sample: script(self.plan.seed, case, self.plan.avoid),
            clauses: clauses.clone(),
            known,
            unconfirmed: false,
            detail: detail.clone(),
            call: number,
            is_open: false,
        });
        finding.times += 1;
        if case < finding.case {
            finding.sample = script(self.plan.seed, case, self.plan.avoid);
            (finding.case, finding.clauses, finding.detail, finding.call) = (case, clauses, detail, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Signature, joined, script};

    /// Something on a control that was seen twice.
    fn finding(place: &str, case: u64) -> Finding {
        let [runtime, place, about, permitted, seen] = ["badf", place, "", "ok", "badf"].map(str::to_owned);
        Finding {
            signature: Signature { runtime, place, about, permitted, seen },
            times: 2,
            case,
            sample: script(1, case, None),
            clauses: Vec::new(),
            known: None,
            unconfirmed: false,
            detail: format!("script {case}"),
            call: None,
            is_open: true,
        }
    }

    #[test]
    fn what_shows_the_same_is_one_by_the_script_that_came_first() {
        let known = Finding { known: Some("it".to_owned()), ..finding("fd_read", 4) };
        let unconfirmed = Finding { unconfirmed: true, ..finding("fd_read", 3) };
        let found = vec![finding("fd_read", 7), finding("fd_seek", 1), known.clone(), unconfirmed.clone(), finding("fd_read", 5), known];
        let told: Vec<_> = joined(found).into_iter().map(|it| (it.signature.place, it.times, it.case, it.detail)).collect();
        let [read, seek] = ["fd_read", "fd_seek"].map(str::to_owned);
        let of = |place: &String, times, case| (place.clone(), times, case, format!("script {case}"));
        assert_eq!(told, [of(&read, 4, 5), of(&seek, 2, 1), of(&read, 2, 4), of(&read, 2, 3), of(&read, 2, 4)]);
    }
}

//! Runs cases on runtimes under profiles, several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use touchstone_guest::rust::Fixtures;
use touchstone_guest::{BuildError, build};
use touchstone_model::coverage::{Axis, Rows, errnos};
use touchstone_model::divergence::Divergence;
use touchstone_model::judge::{Feature, judge_without, snapshot};
use touchstone_model::result::{CaseResult, ProfileResult, RuntimeResult, Tightness, chosen, trace_lines};
use touchstone_model::shown::Shown;
use touchstone_model::trace::Keeper;
use touchstone_model::{Evidence, Observation, Trace, Verdict, judge};
use touchstone_oracle::Host;
use touchstone_runtimes::Entry;
use touchstone_spec::{Function, Input};

use crate::HarnessError;
use crate::observe::{Bench, Prepared};
use crate::plant::Plant;
use crate::pool::WorkerSpec;
use crate::profile::Profile;
use crate::scratch::Scratch;
use crate::suite::CaseFile;

/// What is run, and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The program that workers are started from.
    pub program: PathBuf,
    pub cases: &'a [CaseFile],
    pub fixtures: &'a Fixtures,
    pub divergences: &'a [Divergence],
    pub runtimes: Vec<&'a Entry>,
    pub reference: &'a Entry,
    pub profiles: Profiles,
    pub jobs: usize,
    pub timeout: Duration,
    /// Stop at the first case that is not green.
    pub fail_fast: bool,
    /// Keep what every run showed, for a report that people open.
    pub keep_shown: bool,
    /// A fault under the runtimes (not under the reference), for tests of the tester.
    pub plant: Option<Plant>,
}

/// Under which profiles cases run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profiles {
    /// Under the default one; those that resolve a path under `no-openat2` as well.
    ByCase,
    /// All under this one.
    Only(Profile),
    /// All under all.
    All,
}

/// What happens during a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A case is done on all runtimes.
    Finished(&'a CaseResult),
    /// A case could not be run.
    Failed { case: &'a str, error: &'a CaseError },
}

/// Why a case could not be run. Never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Harness(#[from] HarnessError),
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of the cases' ids.
    pub results: Vec<CaseResult>,
    /// Cases that could not be run, and why.
    pub errors: Vec<(String, CaseError)>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Runs everything. Preflights come first: a runtime that fails its own ends the run before it starts. `stop` can be set at
/// any time; what is done by then is kept.
pub fn run(plan: &Plan<'_>, scratch: &Scratch, stop: &AtomicBool, mut on_event: impl FnMut(Event<'_>)) -> Result<Outcome, HarnessError> {
    let mut first = Bench::new(scratch, "w0", plan.timeout);
    let absent = plan.preflight(&mut first)?;
    let next = AtomicUsize::new(0);
    let halt = AtomicBool::new(false);
    let mut outcome = Outcome::default();
    let jobs = plan.jobs.clamp(1, plan.cases.len().max(1));
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let mut first = Some(first);
        for index in 0..jobs {
            let bench = first.take().unwrap_or_else(|| Bench::new(scratch, &format!("w{index}"), plan.timeout));
            let (sender, next, halt, absent) = (sender.clone(), &next, &halt, &absent);
            scope.spawn(move || work(plan, bench, absent, next, &[halt, stop], &sender));
        }
        drop(sender);
        for (index, result) in receiver {
            let id = &plan.cases[index].case.id;
            match result {
                Ok(result) => {
                    on_event(Event::Finished(&result));
                    let green = result.runtimes.values().filter_map(RuntimeResult::verdict).all(Verdict::is_green);
                    if plan.fail_fast && !green {
                        halt.store(true, Ordering::Relaxed);
                    }
                    outcome.results.push(result);
                }
                Err(error) => {
                    on_event(Event::Failed { case: id, error: &error });
                    outcome.errors.push((id.clone(), error));
                }
            }
        }
    });
    outcome.results.sort_by(|a, b| a.id.cmp(&b.id));
    outcome.errors.sort_by(|a, b| a.0.cmp(&b.0));
    outcome.interrupted = stop.load(Ordering::Relaxed);
    Ok(outcome)
}

/// Runtime to the features that it was proven not to have.
pub type Absent = BTreeMap<&'static str, Vec<Feature>>;

type Message = (usize, Result<CaseResult, CaseError>);

/// One thread: takes the next case until there is none.
fn work(plan: &Plan<'_>, mut bench: Bench<'_>, absent: &Absent, next: &AtomicUsize, halt: &[&AtomicBool], sender: &mpsc::Sender<Message>) {
    while !halt.iter().any(|halt| halt.load(Ordering::Relaxed)) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(case) = plan.cases.get(index) else { return };
        let result = plan.case(&mut bench, absent, case);
        if sender.send((index, result)).is_err() {
            return;
        }
    }
}

impl Profiles {
    fn possible(self) -> Vec<Profile> {
        match self {
            Profiles::ByCase | Profiles::All => Profile::ALL.to_vec(),
            Profiles::Only(profile) => vec![profile],
        }
    }

    /// Whether a case is run under a profile, given how it ran under the default one.
    fn wants(self, profile: Profile, before: Option<&Trace>) -> bool {
        match (self, profile) {
            (Profiles::ByCase, Profile::NoOpenat2) => before.is_none_or(resolves_paths),
            (Profiles::ByCase | Profiles::All | Profiles::Only(_), _) => true,
        }
    }
}

/// Whether a guest passed a path to any call.
fn resolves_paths(trace: &Trace) -> bool {
    let takes_path = |function: Function| function.inputs().iter().any(|input| matches!(input, Input::Bytes { .. }));
    trace.calls.iter().map(|call| call.function).any(takes_path)
}

impl<'a> Plan<'a> {
    /// The runtimes that are run: those under test, and the reference.
    fn all_runtimes(&self) -> Vec<&'a Entry> {
        let mut all = vec![self.reference];
        all.extend(self.runtimes.iter().filter(|entry| entry.name != self.reference.name));
        all
    }

    /// Sees to it that every runtime passes its preflight, and finds out which features it lacks.
    pub fn preflight(&self, bench: &mut Bench<'_>) -> Result<Absent, HarnessError> {
        let mut absent = Absent::new();
        for entry in self.all_runtimes() {
            let profiles = self.profiles.possible();
            profiles.iter().try_for_each(|profile| bench.ready(&self.spec(entry, *profile)))?;
            let first = profiles.first().copied().unwrap_or(Profile::Default);
            absent.insert(entry.name, bench.absent_features(&self.spec(entry, first))?);
        }
        Ok(absent)
    }

    fn spec(&self, entry: &Entry, profile: Profile) -> WorkerSpec {
        let plant = if entry.name == self.reference.name { None } else { self.plant };
        WorkerSpec { program: self.program.clone(), runtime: entry.name.to_owned(), profile, plant }
    }

    /// Runs one case on all runtimes under all its profiles. `absent` says which features they were proven not to have.
    pub fn case(&self, bench: &mut Bench<'_>, absent: &Absent, file: &CaseFile) -> Result<CaseResult, CaseError> {
        let case = &file.case;
        let built = build(case, &file.path, self.fixtures)?;
        let keepers: BTreeSet<Keeper> = self.all_runtimes().iter().map(|entry| entry.keeper).collect();
        let modules: BTreeMap<Keeper, Prepared> =
            keepers.into_iter().map(|keeper| (keeper, Prepared::recorded(&built.wasm, keeper))).collect();
        let mut runtimes: BTreeMap<String, RuntimeResult> = BTreeMap::new();
        let mut first: Option<Observation> = None;
        let mut text = None;
        let mut shown = Vec::new();
        for profile in self.profiles.possible() {
            if !self.profiles.wants(profile, first.as_ref().map(|observation| &observation.trace)) {
                continue;
            }
            let reference = bench.observe(&self.spec(self.reference, profile), &case.world, &modules[&self.reference.keeper])?;
            for entry in &self.runtimes {
                let is_reference = entry.name == self.reference.name;
                let missing = absent.get(entry.name).and_then(|absent| judge_without(case, absent));
                let result = match missing {
                    Some(judgement) => ProfileResult {
                        judgement,
                        end: "not run".to_owned(),
                        trace: Vec::new(),
                        chosen: BTreeMap::new(),
                        errnos: Rows::new(),
                        shown: None,
                    },
                    None if is_reference => self.judged(case, entry, profile, None, &reference, &mut shown),
                    None => {
                        let own = bench.observe(&self.spec(entry, profile), &case.world, &modules[&entry.keeper])?;
                        self.judged(case, entry, profile, Some(&own), &reference, &mut shown)
                    }
                };
                runtimes.entry(entry.name.to_owned()).or_default().profiles.insert(profile.name().to_owned(), result);
            }
            if first.is_none() {
                let judgement = self.judged(case, self.reference, profile, None, &reference, &mut shown).judgement;
                let may_be_kept = judgement.verdict.is_green() && profile == Profile::Default;
                text = may_be_kept.then(|| snapshot(case, &reference));
                first = Some(reference);
            }
        }
        let oracle = first.as_ref().map(|observation| touchstone_oracle::report(&case.world, Host::LINUX, observation)).unwrap_or_default();
        let trace = first.map(|observation| observation.trace).unwrap_or_default();
        let mut cells = touchstone_oracle::coverage::cells(&case.world, Host::LINUX, &trace);
        case.clauses.iter().for_each(|id| cells.add_clause(Axis::ClausesCited, id));
        Ok(CaseResult {
            id: case.id.clone(),
            summary: case.summary.clone(),
            clauses: case.clauses.clone(),
            runtimes,
            snapshot: text,
            tightness: Tightness {
                calls: oracle.calls.len(),
                single: oracle.calls.iter().filter(|call| call.permitted.alternatives() == 1).count(),
            },
            cells,
            shown,
        })
    }

    /// Judges a runtime; `own` is missing where it is the reference itself. What it showed is added where no other run showed it.
    fn judged(
        &self,
        case: &touchstone_model::Case,
        entry: &Entry,
        profile: Profile,
        own: Option<&Observation>,
        reference: &Observation,
        shown: &mut Vec<Shown>,
    ) -> ProfileResult {
        // versions of Cargo.lock and of programs that were asked for theirs
        let version = entry.release();
        let observation = own.unwrap_or(reference);
        let oracle = touchstone_oracle::report(&case.world, Host::LINUX, observation);
        let evidence = Evidence {
            case,
            oracle: &oracle,
            runtime: entry.name,
            version: &version,
            profile: profile.name(),
            observation,
            reference: own.map(|_| reference),
            divergences: self.divergences,
        };
        let judgement = judge(evidence);
        let trace = if judgement.verdict == Verdict::Pass { Vec::new() } else { trace_lines(&observation.trace) };
        let chosen = chosen(&observation.trace, &oracle);
        let place = self.keep_shown.then(|| place_of(Shown::new(case, observation, &oracle), shown));
        ProfileResult { judgement, end: observation.end.to_string(), trace, chosen, errnos: errnos(&observation.trace), shown: place }
    }
}

/// Where a list has an element; it is added if it is not there.
fn place_of<T: PartialEq>(element: T, list: &mut Vec<T>) -> usize {
    list.iter().position(|known| *known == element).unwrap_or_else(|| {
        list.push(element);
        list.len() - 1
    })
}

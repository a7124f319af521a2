//! Runs cases to see what they show; what is wrong with it is for `conformance` to say.

use std::time::Duration;

use touchstone_guest::rust::Fixtures;
use touchstone_model::bounds;
use touchstone_model::divergence::Divergence;
use touchstone_model::result::CaseResult;
use touchstone_runner::HarnessError;
use touchstone_runner::schedule::{self, Event, Plan, Profiles};
use touchstone_runner::scratch::Scratch;
use touchstone_runner::suite::CaseFile;
use touchstone_runtimes::Entry;

use crate::conformance::{stop_on_ctrl_c, this_program};
use crate::{Failure, human, places};

/// What is run.
#[derive(Debug)]
pub struct SuiteRun<'a> {
    pub cases: &'a [CaseFile],
    pub divergences: &'a [Divergence],
    pub runtimes: Vec<&'a Entry>,
    pub reference: &'a Entry,
    pub profiles: Profiles,
    pub timeout: Duration,
}

impl<'a> SuiteRun<'a> {
    /// These cases on these runtimes, as `conformance` runs them.
    pub fn new(cases: &'a [CaseFile], divergences: &'a [Divergence], runtimes: Vec<&'a Entry>, reference: &'a Entry) -> SuiteRun<'a> {
        let timeout = Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS);
        SuiteRun { cases, divergences, runtimes, reference, profiles: Profiles::ByCase, timeout }
    }

    /// Runs them all. What cannot be run to its end gives no results at all: they would not be those of these cases.
    pub fn results(self) -> Result<Vec<CaseResult>, Failure> {
        let stop = stop_on_ctrl_c()?;
        let fixtures = Fixtures::new(places::cache().join("fixtures"));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let plan = Plan {
            program: this_program()?,
            cases: self.cases,
            fixtures: &fixtures,
            divergences: self.divergences,
            runtimes: self.runtimes,
            reference: self.reference,
            profiles: self.profiles,
            jobs: cores,
            timeout: self.timeout,
            fail_fast: false,
            keep_shown: false,
            plant: None,
        };
        let scratch = Scratch::new()?;
        let mut progress = human::Progress::new(self.cases.len(), false);
        let outcome = schedule::run(&plan, &scratch, &stop, |event| match event {
            Event::Finished(result) => progress.finished(result),
            Event::Failed { .. } => {}
        });
        progress.end();
        let outcome = outcome?;
        if let Some((case, error)) = outcome.errors.first() {
            return Err(Failure::Other(format!("run {case}: {error}")));
        }
        if outcome.interrupted {
            return Err(HarnessError::Interrupted.into());
        }
        Ok(outcome.results)
    }
}

//! Runtimes and a judge in the process of a fuzzer that makes its inputs itself.

use std::path::Path;

use touchstone_generate::Sample;
use touchstone_guest::script::program;
use touchstone_model::Observation;
use touchstone_model::divergence::{Divergence, Sign};
use touchstone_model::judge::searches;
use touchstone_model::oracle::OracleReport;
use touchstone_model::world::World;
use touchstone_oracle::Host;
use touchstone_oracle::features::features;
use touchstone_oracle::report::report_watched;
use touchstone_runtimes::Entry;

use super::campaign::signs;
use super::departed::{first, known_escape};
use super::look::{Compared, compare};
use super::rig::Rig;
use crate::HarnessError;
use crate::observe::Prepared;

/// Runtimes that take their turns, and what is known of them.
#[derive(Debug)]
pub struct Court {
    rig: Rig,
    runtimes: Vec<&'static Entry>,
    signs: Vec<Sign>,
}

/// What came of an input.
#[derive(Debug, Default)]
pub struct Tried {
    /// What nobody knew of, in words.
    pub new: Vec<String>,
    /// The runtimes whose sandbox it got out of. How is not to be shown.
    pub escaped: Vec<&'static str>,
}

impl Court {
    /// A court with a folder for its trees.
    pub fn new(folder: &Path, runtimes: Vec<&'static Entry>, divergences: &[Divergence]) -> Result<Court, HarnessError> {
        Ok(Court { rig: Rig::join(folder, runtimes.iter().copied())?, signs: signs(divergences, &runtimes), runtimes })
    }

    /// Plays a sample on all runtimes; `reached` is told the features of each call.
    pub fn sample(&mut self, sample: &Sample, reached: &mut dyn FnMut(usize)) -> Result<Tried, HarnessError> {
        let Sample { world, script } = sample;
        let Ok(program) = program::program(script, world) else { return Ok(Tried::default()) };
        let mut tried = Tried::default();
        for (seat, entry) in self.runtimes.clone().into_iter().enumerate() {
            let observation = self.rig.run(seat, world, &program)?;
            let searches = searches(world, &observation.trace);
            self.judge(entry, world, (&observation, searches), reached, &mut tried);
            // nothing more is learned from what is told to nobody
            if !tried.escaped.is_empty() {
                break;
            }
        }
        Ok(tried)
    }

    /// Runs a module on all runtimes; what it does has to be the same on all of them, but for what is permitted.
    pub fn module(&mut self, world: &World, wasm: &[u8], reached: &mut dyn FnMut(usize)) -> Result<Tried, HarnessError> {
        let (mut tried, mut runs) = (Tried::default(), Vec::new());
        for (seat, entry) in self.runtimes.clone().into_iter().enumerate() {
            let observation = self.rig.run_module(seat, world, Prepared::recorded(wasm, entry.keeper))?;
            let report = self.judge(entry, world, (&observation, 0), reached, &mut tried);
            if !tried.escaped.is_empty() {
                return Ok(tried);
            }
            runs.push((entry, (observation, report)));
        }
        for pair in runs.windows(2) {
            let [(one, first), (other, second)] = pair else { continue };
            // the calls are the same and end, output or tree are not
            if compare(first, second) == Compared::Permitted(Vec::new()) {
                tried.new.push(format!(
                    "{} and {} make something else of the same calls: {} and {}",
                    one.name, other.name, first.0.end, second.0.end
                ));
            }
        }
        Ok(tried)
    }

    fn judge(
        &self,
        entry: &'static Entry,
        world: &World,
        (observation, searches): (&Observation, usize),
        reached: &mut dyn FnMut(usize),
        tried: &mut Tried,
    ) -> OracleReport {
        let report = report_watched(world, Host::LINUX, observation, |call, state| features(call, state).for_each(&mut *reached));
        if !observation.escapes.is_empty() {
            tried.escaped.extend(known_escape(&self.signs, entry.name, observation).is_none().then_some(entry.name));
        } else if let Some(departed) = first(entry, searches, observation, &report)
            && departed.known(&self.signs, &observation.trace.calls).is_none()
        {
            tried.new.push(format!("{}: {} ({})", entry.name, departed.detail, departed.clauses.join(", ")));
        }
        report
    }
}

//! Runtimes and a judge in the process of a fuzzer that makes its inputs itself.

use std::path::Path;

use touchstone_generate::Sample;
use touchstone_guest::script::program;
use touchstone_model::Observation;
use touchstone_model::divergence::Divergence;
use touchstone_model::oracle::OracleReport;
use touchstone_model::world::World;
use touchstone_oracle::Host;
use touchstone_oracle::features::features;
use touchstone_oracle::report::report_watched;
use touchstone_runtimes::Entry;

use super::departed::first;
use super::look::{Compared, compare};
use super::rig::Rig;
use crate::HarnessError;
use crate::observe::Prepared;

/// Runtimes that take their turns, and what is known of them.
#[derive(Debug)]
pub struct Court {
    rig: Rig,
    runtimes: Vec<&'static Entry>,
    divergences: Vec<Divergence>,
}

/// What is said of a run that got out of the sandbox, and nothing more.
const ESCAPED: &str = "it got out of the sandbox. Keep the input to yourself, and report it to the security contact of the runtime";

impl Court {
    /// A court with a folder for its trees.
    pub fn new(folder: &Path, runtimes: Vec<&'static Entry>, divergences: Vec<Divergence>) -> Result<Court, HarnessError> {
        Ok(Court { rig: Rig::join(folder, runtimes.iter().copied())?, runtimes, divergences })
    }

    /// Plays a sample on all runtimes; gives what nobody knew of, in words. `reached` is told the features of each call.
    pub fn sample(&mut self, sample: &Sample, reached: &mut dyn FnMut(usize)) -> Result<Vec<String>, HarnessError> {
        let Sample { world, script } = sample;
        let Ok(program) = program::program(script, world) else { return Ok(Vec::new()) };
        let mut new = Vec::new();
        for (seat, entry) in self.runtimes.clone().into_iter().enumerate() {
            let observation = self.rig.run(seat, world, &program)?;
            self.judge(entry, world, &observation, reached, &mut new);
        }
        Ok(new)
    }

    /// Runs a module on all runtimes; what it does has to be the same on all of them, but for what is permitted.
    pub fn module(&mut self, world: &World, wasm: &[u8], reached: &mut dyn FnMut(usize)) -> Result<Vec<String>, HarnessError> {
        let (mut new, mut runs) = (Vec::new(), Vec::new());
        for (seat, entry) in self.runtimes.clone().into_iter().enumerate() {
            let observation = self.rig.run_module(seat, world, Prepared::recorded(wasm, entry.keeper), false)?;
            let report = self.judge(entry, world, &observation, reached, &mut new);
            runs.push((entry, (observation, report)));
        }
        for pair in runs.windows(2) {
            let [(one, first), (other, second)] = pair else { continue };
            // the calls are the same and end, output or tree are not
            if compare(first, second) == Compared::Permitted(Vec::new()) {
                new.push(format!(
                    "{} and {} make something else of the same calls: {} and {}",
                    one.name, other.name, first.0.end, second.0.end
                ));
            }
        }
        Ok(new)
    }

    fn judge(
        &self,
        entry: &Entry,
        world: &World,
        observation: &Observation,
        reached: &mut dyn FnMut(usize),
        new: &mut Vec<String>,
    ) -> OracleReport {
        let report = report_watched(world, Host::LINUX, observation, |call, state| features(call, state).for_each(&mut *reached));
        if !observation.escapes.is_empty() {
            new.push(format!("{}: {ESCAPED}", entry.name));
        } else if let Some(departed) = first(entry, observation, &report).filter(|departed| departed.known(&self.divergences).is_none()) {
            new.push(format!("{}: {} ({})", entry.name, departed.detail, departed.clauses.join(", ")));
        }
        report
    }
}

//! A closer look at some scripts: what their calls were about, and where two runtimes differ from each other.
//!
//! No verdict comes of it. A runtime is judged by the oracle alone; that two runtimes differ where both do what is permitted shows how much the
//! specification leaves open, and by which clause.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use touchstone_model::normalise::normalised;
use touchstone_model::oracle::{OracleReport, Said};
use touchstone_model::tree::{Content, TreeSnapshot};
use touchstone_model::world::World;
use touchstone_model::{End, Observation};
use touchstone_oracle::Host;
use touchstone_oracle::features::features;

use super::order::BATCH;

/// Of so many scripts one is looked at: a look takes a tenth of a run. It shares no divisor with the length of a batch, whose first
/// script may be one that waits for a clock: each place in a batch is looked at as often as any other over all batches.
pub(super) const EVERY: u64 = BATCH - 1;

/// What one hunter has seen so far.
#[derive(Debug, Default)]
pub(super) struct Look {
    seen: BTreeSet<usize>,
}

/// What two runtimes made of the same script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Compared {
    Same,
    /// They differ, and both do what is permitted: the clauses that leave it open.
    Permitted(Vec<String>),
    /// They differ, and at least one of them does what is not permitted.
    Departed,
}

impl Look {
    /// Judges a run; gives the features that no run before has shown as well.
    pub(super) fn judge(&mut self, world: &World, observation: &Observation) -> (OracleReport, Vec<usize>) {
        let mut fresh = Vec::new();
        let report = touchstone_oracle::report::report_watched(world, Host::LINUX, observation, |call, state| {
            fresh.extend(features(call, state).filter(|feature| self.seen.insert(*feature)));
        });
        (report, fresh)
    }
}

/// Compares what two runtimes made of the same script, up to the first difference.
pub(super) fn compare(one: &(Observation, OracleReport), other: &(Observation, OracleReport)) -> Compared {
    let ([first, second], reports) = ([&one.0, &other.0], [&one.1, &other.1]);
    for (index, (call, theirs)) in normalised(&first.trace.calls).zip(normalised(&second.trace.calls)).enumerate() {
        if call == theirs {
            continue;
        }
        let at = reports.map(|report| report.calls.get(index));
        let is_rejected = at.iter().flatten().any(|call| call.said == Said::Rejected);
        let clauses = at.iter().flatten().flat_map(|call| call.open_clauses()).map(|clause| clause.id().to_owned());
        return if is_rejected { Compared::Departed } else { Compared::Permitted(unique(clauses)) };
    }
    let calls_as_often = first.trace.calls.len() == second.trace.calls.len();
    let leaves_the_same = left_behind(first) == left_behind(second);
    match (calls_as_often && leaves_the_same, reports.iter().all(|report| report.is_accepted())) {
        (true, _) => Compared::Same,
        // what a run leaves behind follows from calls, whose clauses have been met
        (false, true) => Compared::Permitted(Vec::new()),
        (false, false) => Compared::Departed,
    }
}

/// What is seen of a run besides its calls.
fn left_behind(run: &Observation) -> (&End, &Content, &Content, &TreeSnapshot) {
    (&run.end, &run.stdout, &run.stderr, &run.tree)
}

fn unique(clauses: impl Iterator<Item = String>) -> Vec<String> {
    clauses.collect::<BTreeSet<String>>().into_iter().collect()
}

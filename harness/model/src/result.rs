//! What the cases of a run came to: the data that every report is made from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use touchstone_spec::{Permit, Permitted};

use crate::coverage::{Cells, Rows};
use crate::judge::{Judgement, Verdict};
use crate::normalise::normalise;
use crate::oracle::{OracleReport, Said};
use crate::shown::Shown;
use crate::trace::Trace;
use crate::value::errno_text;

/// One case on all runtimes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    pub id: String,
    pub summary: String,
    pub clauses: Vec<String>,
    /// Runtime to what it came to.
    pub runtimes: BTreeMap<String, RuntimeResult>,
    /// The text that is snapshotted, where the default reference ran under the default profile and was as its author expects.
    pub snapshot: Option<String>,
    /// How many calls the guest made on the reference, and for how many of them exactly one answer was permitted.
    pub tightness: Tightness,
    /// What the case reaches on the reference, and the clauses that it cites.
    pub cells: Cells,
    /// What runs of it showed, each that differs from the others once. Kept where the plan asks for it.
    pub shown: Vec<Shown>,
}

/// How much an oracle leaves open: calls, and those of them to which exactly one answer was permitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tightness {
    pub calls: usize,
    pub single: usize,
}

/// One case on one runtime, under one or more profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeResult {
    /// Profile to what was seen under it.
    pub profiles: BTreeMap<String, ProfileResult>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileResult {
    pub judgement: Judgement,
    /// How the run ended, as text.
    pub end: String,
    /// What the guest asked and was answered, normalised; only kept where something is not as it should be.
    pub trace: Vec<String>,
    /// Clauses that leave a choice to the answers that were chosen: `badf`, `ok`, `no return`.
    pub chosen: BTreeMap<String, BTreeSet<String>>,
    /// The errors that functions answered.
    pub errnos: Rows,
    /// Where in [`CaseResult::shown`] stands what it showed. `None` if it was not run, or that is not kept.
    pub shown: Option<usize>,
}

impl RuntimeResult {
    /// The worst verdict of all profiles. `None` if it ran under none.
    pub fn verdict(&self) -> Option<Verdict> {
        self.profiles.values().map(|result| result.judgement.verdict).max()
    }
}

/// For each clause that leaves a choice, the answers that a run chose.
pub fn chosen(trace: &Trace, oracle: &OracleReport) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (call, report) in trace.calls.iter().zip(&oracle.calls).filter(|(_, report)| report.said == Said::Accepted) {
        let answer = match &call.outcome {
            None => "no return".to_owned(),
            Some(outcome) if outcome.errno == 0 => "ok".to_owned(),
            Some(outcome) => errno_text(outcome.errno),
        };
        let permits = |permit: &Permit| match &permit.outcome {
            Permitted::Errno(errno) => errno.name() == answer,
            Permitted::Success(_) => answer == "ok",
            Permitted::Trap(_) => answer == "no return",
        };
        let open = report.clauses.iter().map(|clause| clause.clause()).filter(|clause| clause.outcomes.len() > 1);
        for clause in open.filter(|clause| clause.outcomes.iter().any(permits)) {
            out.entry(clause.id.clone()).or_default().insert(answer.clone());
        }
    }
    out
}

/// A trace as lines of text: number, question, answer.
pub fn trace_lines(trace: &Trace) -> Vec<String> {
    normalise(&trace.calls)
        .into_iter()
        .enumerate()
        .map(|(index, call)| format!("{:>3} {} → {}", index + 1, call.question, call.answer))
        .collect()
}

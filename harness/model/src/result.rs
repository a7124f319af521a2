//! What the cases of a run came to: the data that every report is made from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::judge::{Judgement, Verdict};
use crate::normalise::normalise;
use crate::trace::Trace;

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
    /// Functions that the guest called on the reference.
    pub functions: Vec<String>,
    /// `(function, errno)` pairs seen on the reference.
    pub errno_pairs: Vec<(String, u32)>,
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
}

impl RuntimeResult {
    /// The worst verdict of all profiles. `None` if it ran under none.
    pub fn verdict(&self) -> Option<Verdict> {
        self.profiles.values().map(|result| result.judgement.verdict).max()
    }
}

/// A trace as lines of text: number, question, answer.
pub fn trace_lines(trace: &Trace) -> Vec<String> {
    normalise(trace).into_iter().enumerate().map(|(index, call)| format!("{:>3} {} → {}", index + 1, call.question, call.answer)).collect()
}

//! Where the specification leaves a choice, and what each runtime chose.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use touchstone_model::result::CaseResult;

use super::PageContext;
use crate::Report;

/// A clause that permits several outcomes.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    /// Its place among the clauses.
    clause: usize,
    /// It permits that a call succeeds and that it does not.
    both: bool,
    /// For each runtime of the report the answers that it chose.
    chosen: Vec<BTreeSet<String>>,
}

/// All choices; those between success and failure first.
pub(super) fn register(report: &Report, results: &[CaseResult], context: &PageContext<'_>) -> Vec<Choice> {
    let chosen = chosen(results);
    let mut out: Vec<Choice> = Vec::new();
    for (index, clause) in context.clauses.iter().enumerate().filter(|(_, clause)| clause.outcomes.len() > 1) {
        let successes = clause.outcomes.iter().filter(|outcome| outcome.answer == "ok").count();
        let answers = |name: &str| chosen.get(&(name, clause.id.as_str())).cloned().unwrap_or_default();
        out.push(Choice {
            clause: index,
            both: successes > 0 && successes < clause.outcomes.len(),
            chosen: report.runtimes.iter().map(|runtime| answers(&runtime.name)).collect(),
        });
    }
    out.sort_by_key(|choice| !choice.both);
    out
}

/// Runtime and clause to the answers that were chosen over all cases and profiles.
fn chosen(results: &[CaseResult]) -> BTreeMap<(&str, &str), BTreeSet<String>> {
    let mut out: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let runtimes = results.iter().flat_map(|result| &result.runtimes);
    for (name, runtime) in runtimes {
        for (clause, answers) in runtime.profiles.values().flat_map(|profile| &profile.chosen) {
            out.entry((name, clause)).or_default().extend(answers.iter().cloned());
        }
    }
    out
}

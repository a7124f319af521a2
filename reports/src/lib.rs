//! Reports of a run: JSON, JUnit, Markdown, badges and a page, all from one structure; and what is made of reports afterwards.
//!
//! In reading order: this file is the structure and makes it from results; `read` and `merge` take reports from files; the others
//! write. What comes of random scripts has a structure of its own, [`campaign`], and [`trend`] tells what becomes of it night after night.

mod badge;
pub mod campaign;
mod coverage;
pub mod diff;
mod junit;
mod merge;
pub mod page;
mod published;
mod read;
mod summary;
pub mod trend;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use touchstone_model::Verdict;
use touchstone_model::coverage::{Axis, Cells, Rows, Share};
use touchstone_model::result::CaseResult;

pub use badge::badge;
pub use coverage::{AxisDetails, CoverageDetails};
pub use junit::junit;
pub use merge::{MergeError, merge};
pub use published::{Published, Stale};
pub use read::ReadError;
pub use summary::summary;

/// The version of the JSON format, which `reports/schema/report.json` describes. Fields may be added within a version.
pub const SCHEMA: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    pub schema: u32,
    /// `false` while the run goes on, and for ever if it was stopped: what is missing was not run.
    pub complete: bool,
    pub suite: Suite,
    /// The runtime whose observations the others are compared with.
    pub reference: String,
    pub runtimes: Vec<Runtime>,
    pub coverage: Coverage,
    /// In the order of their ids.
    pub cases: Vec<Case>,
    /// Cases that could not be run: mistakes of the harness, no verdicts.
    pub errors: Vec<CaseError>,
    /// Runtime to the number of cases in which a guest got out of its sandbox on it. They may not be public yet, so these cases are not among
    /// the others: neither what they are nor what any runtime made of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withheld: BTreeMap<String, usize>,
    /// The only part that differs between two runs of the same versions.
    pub timing: Timing,
}

/// What there was to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suite {
    /// Cases that were selected; in a run that was stopped, more than there are results.
    pub cases: usize,
    /// Clauses that the cases with results cite.
    pub clauses: usize,
    /// Which part of the suite this is, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// One of several parts that together are the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    pub count: usize,
}

/// A runtime and how it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runtime {
    pub name: String,
    pub version: String,
    pub family: String,
    /// The WASI implementation in it, with its version.
    pub wasi: String,
    /// `ok`, or `skipped` for negative controls. A runtime that fails it is not in a report.
    pub preflight: String,
    /// Whether it is part of Touchstone, so that its version is that of `Cargo.lock`; else it is a program of the machine.
    #[serde(default)]
    pub built_in: bool,
    /// Verdict to number of cases.
    pub verdicts: BTreeMap<String, usize>,
}

/// What the cases reach.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    pub functions: usize,
    pub functions_called: usize,
    pub clauses_total: usize,
    pub clauses_covered: usize,
    /// Different pairs of a function and an error seen on the reference.
    pub errno_pairs: usize,
    /// Clauses that applied to a call of some case on the reference.
    pub clauses_reached: usize,
    /// Share of the calls on the reference to which exactly one answer was permitted.
    pub single_errno_calls: f64,
    /// What is counted, by what it is called in `cargo xtask coverage`.
    pub cells: BTreeMap<Axis, Share>,
    /// What all of the above is counted from.
    #[serde(default)]
    pub basis: Basis,
}

/// What coverage is counted from. That of several reports together is their sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// What was reached on the reference.
    pub reached: Cells,
    /// The errors that functions answered on any runtime.
    pub errnos: Rows,
    /// Calls on the reference.
    pub calls: usize,
    /// Of these, calls to which exactly one answer was permitted.
    pub single_errno: usize,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    pub id: String,
    /// Where it stands, from the root of the repository; its whole path where it is no case of it.
    #[serde(default)]
    pub file: String,
    pub summary: String,
    pub clauses: Vec<String>,
    pub results: BTreeMap<String, CaseRuntime>,
}

/// One case on one runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseRuntime {
    /// The worst of all profiles.
    pub verdict: Verdict,
    /// A divergence that shows at times only is on record here: another run may come to another green verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub varies: bool,
    pub profiles: BTreeMap<String, CaseProfile>,
}

/// One case on one runtime under one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseProfile {
    pub verdict: Verdict,
    pub end: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub divergences: Vec<String>,
    /// The feature that is missing, where the verdict is `unsupported`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// Each spelt as a divergence file would quote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Clauses that permit what differs from the reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permitted_by: Vec<String>,
    /// Clauses of level `should` that were missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discouraged: Vec<String>,
    /// The guest's calls, where something is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

impl CaseRuntime {
    /// What is wrong, each once, with the names of the profiles under which it is.
    pub fn complaints(&self) -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = Vec::new();
        for (profile, result) in &self.profiles {
            for text in result.complaints() {
                match out.iter_mut().find(|(_, known)| *known == text) {
                    Some((profiles, _)) => profiles.extend([", ", profile]),
                    None => out.push((profile.clone(), text)),
                }
            }
        }
        out
    }
}

impl CaseProfile {
    /// What is wrong, a text each: the differences, or the divergences that no longer hold.
    fn complaints(&self) -> Vec<String> {
        let stale = self.divergences.iter().filter(|_| self.verdict == Verdict::Stale);
        let stale = stale.map(|id| format!("the divergence {id} no longer holds here: narrow its versions or take the case out of it"));
        self.differences.iter().cloned().chain(stale).collect()
    }
}

/// A case that could not be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseError {
    pub case: String,
    pub message: String,
}

/// How long it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    pub wall_s: f64,
}

/// What a report is made from besides the results.
#[derive(Debug, Clone)]
pub struct Context {
    pub reference: String,
    /// In the order of the columns; their verdicts are counted from the results.
    pub runtimes: Vec<Runtime>,
    /// All cells that a suite could reach.
    pub universe: Cells,
    /// Cases that there are to run.
    pub cases: usize,
    /// Where each case stands, as reports name it.
    pub files: BTreeMap<String, String>,
    pub shard: Option<Shard>,
    /// Runtime and case where a divergence is on record that shows at times only.
    pub varies: BTreeSet<(String, String)>,
}

/// Whether a case may not be public yet: somebody got out of the sandbox in it.
pub fn is_withheld(result: &CaseResult) -> bool {
    result.runtimes.values().any(|runtime| runtime.verdict() == Some(Verdict::Escaped))
}

/// Adds the escapes of a case to what is withheld.
pub fn withhold(withheld: &mut BTreeMap<String, usize>, result: &CaseResult) {
    let escaped = result.runtimes.iter().filter(|(_, runtime)| runtime.verdict() == Some(Verdict::Escaped));
    escaped.for_each(|(name, _)| *withheld.entry(name.clone()).or_default() += 1);
}

/// The text in place of what is withheld.
pub const WITHHELD: &str =
    "withheld: this escape may not be public yet; report it to the runtime's security contact first (the details are in a local folder)";

impl Report {
    /// Makes a report from results in the order of their ids. What is withheld is counted, and not among them.
    pub fn new(
        context: &Context,
        results: &[CaseResult],
        withheld: &BTreeMap<String, usize>,
        errors: Vec<CaseError>,
        complete: bool,
        wall_s: f64,
    ) -> Report {
        let cases: Vec<Case> = results.iter().map(|result| Case::new(result, context)).collect();
        Report {
            schema: SCHEMA,
            complete,
            suite: Suite { cases: context.cases, clauses: cited(&cases), shard: context.shard },
            reference: context.reference.clone(),
            runtimes: context.runtimes.iter().map(|runtime| runtime.counted(&cases, withheld)).collect(),
            coverage: Coverage::new(&context.universe, Basis::new(results)),
            cases,
            errors,
            withheld: withheld.clone(),
            timing: Timing { wall_s },
        }
    }

    /// As JSON with a line break at its end.
    pub fn json(&self) -> String {
        // a structure of strings, numbers and maps with string keys always has a JSON form
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The JSON Schema of the format, with a line break at its end: what stands in `reports/schema/report.json`.
    pub fn json_schema() -> String {
        // a schema is JSON itself
        serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap_or_default() + "\n"
    }

    /// Whether nothing is unexplained.
    pub fn is_green(&self) -> bool {
        self.withheld.is_empty() && self.cases.iter().flat_map(|case| case.results.values()).all(|result| result.verdict.is_green())
    }
}

/// How many clauses cases cite.
fn cited(cases: &[Case]) -> usize {
    cases.iter().flat_map(|case| &case.clauses).collect::<BTreeSet<_>>().len()
}

/// The verdicts that a report has a column for. `discouraged` counts, of those that are `permitted`, those that miss a `should`.
pub const COLUMNS: [&str; 10] =
    ["pass", "permitted", "discouraged", "known", "failed", "stale", "unsupported", "crashed", "timed-out", "escaped"];

impl Coverage {
    /// Sets what was reached against all that there is.
    fn new(universe: &Cells, basis: Basis) -> Coverage {
        let reached = &basis.reached;
        let mut on_any = reached.clone();
        on_any.extend(Axis::Errnos, &basis.errnos);
        Coverage {
            functions: universe.count(Axis::Functions),
            functions_called: reached.count(Axis::Functions),
            clauses_total: universe.count(Axis::ClausesCited),
            clauses_covered: reached.count(Axis::ClausesCited),
            errno_pairs: reached.count(Axis::Errnos),
            clauses_reached: reached.count(Axis::ClausesReached),
            single_errno_calls: basis.share(),
            cells: Axis::ALL.into_iter().map(|axis| (axis, on_any.share(universe, axis))).collect(),
            basis,
        }
    }
}

impl Basis {
    fn new(results: &[CaseResult]) -> Basis {
        let mut errnos = with_every_runtime(Cells::default(), results);
        Basis {
            reached: reached(results),
            errnos: errnos.0.remove(&Axis::Errnos).unwrap_or_default(),
            calls: results.iter().map(|result| result.tightness.calls).sum(),
            single_errno: results.iter().map(|result| result.tightness.single).sum(),
        }
    }

    /// The share of calls to which exactly one answer was permitted, to four places; 1 where there is no call.
    fn share(&self) -> f64 {
        let [calls, single] = [self.calls, self.single_errno].map(|number| f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
        if self.calls == 0 { 1.0 } else { (single / calls * 10_000.0).round() / 10_000.0 }
    }
}

/// The cells that cases reach on the reference.
pub fn reached(results: &[CaseResult]) -> Cells {
    let mut cells = Cells::default();
    results.iter().for_each(|result| cells.merge(&result.cells));
    cells
}

/// Adds the errors that any other runtime answered.
pub fn with_every_runtime(mut cells: Cells, results: &[CaseResult]) -> Cells {
    let profiles = results.iter().flat_map(|result| result.runtimes.values()).flat_map(|runtime| runtime.profiles.values());
    profiles.for_each(|profile| cells.extend(Axis::Errnos, &profile.errnos));
    cells
}

impl Runtime {
    /// The same with the verdicts of these cases, and the escapes that are withheld.
    fn counted(&self, cases: &[Case], withheld: &BTreeMap<String, usize>) -> Runtime {
        let mut verdicts: BTreeMap<String, usize> = COLUMNS.iter().map(|name| ((*name).to_owned(), 0)).collect();
        for result in cases.iter().filter_map(|case| case.results.get(&self.name)) {
            let is_discouraged = || result.profiles.values().any(|profile| !profile.discouraged.is_empty());
            let discouraged = (result.verdict == Verdict::Permitted && is_discouraged()).then_some("discouraged");
            for column in discouraged.into_iter().chain([result.verdict.name()]) {
                *verdicts.entry(column.to_owned()).or_default() += 1;
            }
        }
        *verdicts.entry(Verdict::Escaped.name().to_owned()).or_default() += withheld.get(&self.name).copied().unwrap_or_default();
        Runtime { verdicts, ..self.clone() }
    }
}

impl Case {
    fn new(result: &CaseResult, context: &Context) -> Case {
        let results = result.runtimes.iter().filter_map(|(name, runtime)| {
            let profiles = runtime.profiles.iter().map(|(profile, result)| {
                let shown = CaseProfile {
                    verdict: result.judgement.verdict,
                    end: result.end.clone(),
                    divergences: result.judgement.divergences.clone(),
                    unsupported: result.judgement.unsupported.map(|feature| feature.name().to_owned()),
                    permitted_by: result.judgement.permitted_by.clone(),
                    discouraged: result.judgement.discouraged.clone(),
                    differences: result.judgement.differences.iter().map(ToString::to_string).collect(),
                    trace: result.trace.clone(),
                };
                (profile.clone(), shown)
            });
            let varies = context.varies.contains(&(name.clone(), result.id.clone()));
            Some((name.clone(), CaseRuntime { verdict: runtime.verdict()?, varies, profiles: profiles.collect() }))
        });
        Case {
            id: result.id.clone(),
            file: context.files.get(&result.id).cloned().unwrap_or_default(),
            summary: result.summary.clone(),
            clauses: result.clauses.clone(),
            results: results.collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of nothing.
    pub(crate) fn empty() -> Report {
        let context = Context {
            reference: "oracle".to_owned(),
            runtimes: Vec::new(),
            universe: Cells::default(),
            cases: 0,
            files: BTreeMap::new(),
            shard: None,
            varies: BTreeSet::new(),
        };
        Report::new(&context, &[], &BTreeMap::new(), Vec::new(), true, 0.0)
    }

    #[test]
    fn what_is_wrong_under_several_profiles_is_told_once() {
        let profile = |differences: &[&str], divergences: &[&str], verdict| CaseProfile {
            verdict,
            end: "exit 0".to_owned(),
            divergences: divergences.iter().map(|&id| id.to_owned()).collect(),
            unsupported: None,
            differences: differences.iter().map(|&text| text.to_owned()).collect(),
            permitted_by: Vec::new(),
            discouraged: Vec::new(),
            trace: Vec::new(),
        };
        let profiles = [
            ("default", profile(&["both", "one"], &["told"], Verdict::Failed)),
            ("no-openat2", profile(&["both"], &[], Verdict::Failed)),
            ("small", profile(&[], &["gone"], Verdict::Stale)),
        ];
        let profiles = profiles.map(|(name, profile)| (name.to_owned(), profile)).into();
        let complaints = CaseRuntime { verdict: Verdict::Failed, varies: false, profiles }.complaints();
        let told: Vec<(&str, &str)> = complaints.iter().map(|(profiles, text)| (profiles.as_str(), text.as_str())).collect();
        let gone = "the divergence gone no longer holds here: narrow its versions or take the case out of it";
        assert_eq!(told, [("default, no-openat2", "both"), ("default", "one"), ("small", gone)]);
    }
}

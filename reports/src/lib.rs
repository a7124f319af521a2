//! Reports of a run: JSON, JUnit, Markdown and a page, all from one structure.

mod coverage;
pub mod diff;
mod junit;
pub mod page;
mod summary;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use touchstone_model::Verdict;
use touchstone_model::coverage::{Axis, Cells, Share};
use touchstone_model::result::{CaseResult, RuntimeResult};

pub use coverage::{AxisDetails, CoverageDetails};
pub use junit::junit;
pub use summary::summary;

/// The version of the JSON format.
pub const SCHEMA: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The only part that differs between two runs of the same versions.
    pub timing: Timing,
}

/// What there was to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// Cases that were selected; in a run that was stopped, more than there are results.
    pub cases: usize,
    /// Clauses that the cases with results cite.
    pub clauses: usize,
}

/// A runtime and how it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    pub name: String,
    pub version: String,
    pub family: String,
    /// The WASI implementation in it, with its version.
    pub wasi: String,
    /// `ok`, or `skipped` for negative controls. A runtime that fails it is not in a report.
    pub preflight: String,
    /// Verdict to number of cases.
    pub verdicts: BTreeMap<String, usize>,
}

/// What the cases reach.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub id: String,
    pub summary: String,
    pub clauses: Vec<String>,
    pub results: BTreeMap<String, CaseRuntime>,
}

/// One case on one runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRuntime {
    /// The worst of all profiles.
    pub verdict: Verdict,
    pub profiles: BTreeMap<String, CaseProfile>,
}

/// One case on one runtime under one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A case that could not be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseError {
    pub case: String,
    pub message: String,
}

/// How long it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    pub wall_s: f64,
}

/// What a report is made from besides the results.
#[derive(Debug, Clone)]
pub struct Context {
    pub reference: String,
    /// Name, version, family, WASI implementation, preflight; in the order of the columns.
    pub runtimes: Vec<(String, String, String, String, String)>,
    /// All cells that a suite could reach.
    pub universe: Cells,
    /// Cases that there are to run.
    pub cases: usize,
    /// Show what was seen of escapes. Without it the report only counts them: they are reported to the runtime first.
    pub disclose: bool,
}

/// The text in place of what is withheld.
pub const WITHHELD: &str =
    "withheld: this escape may not be public yet; report it to the runtime's security contact first (the details are in a local folder)";

impl Report {
    /// Makes a report from results in the order of their ids.
    pub fn new(context: &Context, results: &[CaseResult], errors: Vec<CaseError>, complete: bool, wall_s: f64) -> Report {
        let cited: BTreeSet<&String> = results.iter().flat_map(|result| &result.clauses).collect();
        let coverage = Coverage::new(&context.universe, results);
        Report {
            schema: SCHEMA,
            complete,
            suite: Suite { cases: context.cases, clauses: cited.len() },
            reference: context.reference.clone(),
            runtimes: context.runtimes.iter().map(|runtime| Runtime::new(runtime, results)).collect(),
            coverage,
            cases: results.iter().map(|result| Case::new(result, context.disclose)).collect(),
            errors,
            timing: Timing { wall_s },
        }
    }

    /// As JSON with a line break at its end.
    pub fn json(&self) -> String {
        // a structure of strings, numbers and maps with string keys always has a JSON form
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a report.
    pub fn parse(text: &str) -> Result<Report, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Whether nothing is unexplained.
    pub fn is_green(&self) -> bool {
        self.cases.iter().flat_map(|case| case.results.values()).all(|result| result.verdict.is_green())
    }
}

/// The share of calls to which exactly one answer was permitted; 1 where there is no call.
fn share(results: &[CaseResult]) -> f64 {
    let sum = |of: fn(&CaseResult) -> usize| u32::try_from(results.iter().map(of).sum::<usize>()).unwrap_or(u32::MAX);
    let (calls, single) = (sum(|result| result.tightness.calls), sum(|result| result.tightness.single));
    if calls == 0 { 1.0 } else { (f64::from(single) / f64::from(calls) * 10_000.0).round() / 10_000.0 }
}

/// The verdicts that a report has a column for. `discouraged` counts, of those that are `permitted`, those that miss a `should`.
pub const COLUMNS: [&str; 10] =
    ["pass", "permitted", "discouraged", "known", "failed", "stale", "unsupported", "crashed", "timed-out", "escaped"];

impl Coverage {
    fn new(universe: &Cells, results: &[CaseResult]) -> Coverage {
        let reached = reached(results);
        let on_any = with_every_runtime(reached.clone(), results);
        Coverage {
            functions: universe.count(Axis::Functions),
            functions_called: reached.count(Axis::Functions),
            clauses_total: universe.count(Axis::ClausesCited),
            clauses_covered: reached.count(Axis::ClausesCited),
            errno_pairs: reached.count(Axis::Errnos),
            clauses_reached: reached.count(Axis::ClausesReached),
            single_errno_calls: share(results),
            cells: Axis::ALL.into_iter().map(|axis| (axis, on_any.share(universe, axis))).collect(),
        }
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
    fn new((name, version, family, wasi, preflight): &(String, String, String, String, String), results: &[CaseResult]) -> Runtime {
        let mut verdicts: BTreeMap<String, usize> = COLUMNS.iter().map(|name| ((*name).to_owned(), 0)).collect();
        for verdict in results.iter().filter_map(|result| result.runtimes.get(name)).filter_map(RuntimeResult::verdict) {
            *verdicts.entry(verdict.name().to_owned()).or_default() += 1;
        }
        let own = results.iter().filter_map(|result| result.runtimes.get(name));
        let is_discouraged = |result: &&RuntimeResult| {
            result.verdict() == Some(Verdict::Permitted)
                && result.profiles.values().any(|profile| !profile.judgement.discouraged.is_empty())
        };
        verdicts.insert("discouraged".to_owned(), own.filter(is_discouraged).count());
        let [name, version, family, wasi, preflight] = [name, version, family, wasi, preflight].map(String::clone);
        Runtime { name, version, family, wasi, preflight, verdicts }
    }
}

impl Case {
    fn new(result: &CaseResult, disclose: bool) -> Case {
        let results = result.runtimes.iter().filter_map(|(name, runtime)| {
            // an escape under one profile may show under another without being one there
            let withheld = runtime.verdict() == Some(Verdict::Escaped) && !disclose;
            let profiles = runtime.profiles.iter().map(|(profile, result)| {
                let differences = result.judgement.differences.iter().map(ToString::to_string).collect();
                let shown = CaseProfile {
                    verdict: result.judgement.verdict,
                    end: result.end.clone(),
                    divergences: result.judgement.divergences.clone(),
                    unsupported: result.judgement.unsupported.map(|feature| feature.name().to_owned()),
                    permitted_by: result.judgement.permitted_by.clone(),
                    discouraged: result.judgement.discouraged.clone(),
                    differences: if withheld { vec![WITHHELD.to_owned()] } else { differences },
                    trace: if withheld { Vec::new() } else { result.trace.clone() },
                };
                (profile.clone(), shown)
            });
            Some((name.clone(), CaseRuntime { verdict: runtime.verdict()?, profiles: profiles.collect() }))
        });
        Case { id: result.id.clone(), summary: result.summary.clone(), clauses: result.clauses.clone(), results: results.collect() }
    }
}

//! What the page knows from the start: enough for the matrix, the filters and the lists, and little enough to be read at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use touchstone_model::divergence::Divergence;
use touchstone_model::result::CaseResult;

use super::register::{Choice, register};
use super::strings::Strings;
use super::verdicts::{SIGNS, Sign, code};
use super::{CASES_PER_BLOCK, ClauseText, PageContext};
use crate::diff::Diff;
use crate::{AxisDetails, CaseError, CoverageDetails, Report};

/// The overview of a run.
#[derive(Debug, Serialize)]
pub(super) struct Overview<'a> {
    reference: &'a str,
    flags: &'a str,
    cases_per_block: usize,
    signs: &'static [Sign],
    runtimes: Vec<RuntimeRow<'a>>,
    clauses: &'a [ClauseText],
    cases: Vec<CaseRow<'a>>,
    /// The texts that [`CaseRow::differences`] means.
    differences: Vec<String>,
    divergences: Vec<DivergenceRow<'a>>,
    register: Vec<Choice>,
    coverage: Vec<CoverageRow>,
    changes: Option<Diff>,
    errors: &'a [CaseError],
}

#[derive(Debug, Serialize)]
struct RuntimeRow<'a> {
    name: &'a str,
    version: &'a str,
    family: &'a str,
    wasi: &'a str,
}

#[derive(Debug, Serialize)]
struct CaseRow<'a> {
    id: &'a str,
    summary: &'a str,
    /// Places among the clauses; an id that is not there is left out.
    clauses: Vec<usize>,
    /// A letter for each runtime.
    verdicts: String,
    /// Functions at which some runtime departs.
    departs: BTreeSet<&'a str>,
    divergences: BTreeSet<&'a str>,
    /// For the search.
    differences: BTreeSet<usize>,
}

#[derive(Debug, Serialize)]
struct DivergenceRow<'a> {
    id: &'a str,
    title: &'a str,
    cause: &'static str,
    link: Option<&'a str>,
    advisory: Option<&'a str>,
    note: &'a str,
    clauses: &'a [String],
    seen: Vec<SeenRow<'a>>,
}

#[derive(Debug, Serialize)]
struct SeenRow<'a> {
    runtime: &'a str,
    versions: String,
    profiles: &'a Option<Vec<String>>,
    sometimes: bool,
    cases: Vec<&'a String>,
}

#[derive(Debug, Serialize)]
struct CoverageRow {
    name: &'static str,
    meaning: &'static str,
    #[serde(flatten)]
    details: AxisDetails,
}

impl<'a> Overview<'a> {
    /// The overview of a report and the results that it was made from.
    pub(super) fn new(report: &'a Report, results: &'a [CaseResult], context: &PageContext<'a>) -> Overview<'a> {
        let numbers: BTreeMap<&str, usize> =
            context.clauses.iter().enumerate().map(|(index, clause)| (clause.id.as_str(), index)).collect();
        let mut texts = Strings::default();
        let runtimes = report.runtimes.iter();
        Overview {
            reference: &report.reference,
            flags: context.flags,
            cases_per_block: CASES_PER_BLOCK,
            signs: &SIGNS,
            runtimes: runtimes
                .map(|row| RuntimeRow { name: &row.name, version: &row.version, family: &row.family, wasi: &row.wasi })
                .collect(),
            clauses: context.clauses,
            cases: results.iter().map(|result| CaseRow::new(report, result, &numbers, &mut texts)).collect(),
            differences: texts.into_texts(),
            divergences: context.divergences.iter().map(DivergenceRow::new).collect(),
            register: register(report, results, context),
            coverage: coverage(report, results, context),
            changes: context.baseline.map(|baseline| Diff::new(baseline, report)),
            errors: &report.errors,
        }
    }
}

impl<'a> CaseRow<'a> {
    fn new(report: &Report, result: &'a CaseResult, numbers: &BTreeMap<&str, usize>, texts: &mut Strings) -> CaseRow<'a> {
        let mut row = CaseRow {
            id: &result.id,
            summary: &result.summary,
            clauses: result.clauses.iter().filter_map(|id| numbers.get(id.as_str()).copied()).collect(),
            verdicts: report.runtimes.iter().map(|runtime| code(result.runtimes.get(&runtime.name))).collect(),
            departs: BTreeSet::new(),
            divergences: BTreeSet::new(),
            differences: BTreeSet::new(),
        };
        for judgement in result.runtimes.values().flat_map(|runtime| runtime.profiles.values()).map(|profile| &profile.judgement) {
            row.divergences.extend(judgement.divergences.iter().map(String::as_str));
            for difference in &judgement.differences {
                // `call 3 fd_seek`; the tree and the end are no function's
                row.departs.extend(difference.place.rsplit_once(' ').map(|(_, name)| name).filter(|name| !name.contains(':')));
                row.differences.insert(texts.number(&difference.to_string()));
            }
        }
        row
    }
}

impl<'a> DivergenceRow<'a> {
    fn new(divergence: &'a Divergence) -> DivergenceRow<'a> {
        let seen = divergence.seen.iter().map(|seen| SeenRow {
            runtime: &seen.runtime,
            versions: seen.versions.to_string(),
            profiles: &seen.profiles,
            sometimes: seen.sometimes,
            cases: seen.cases.keys().collect(),
        });
        DivergenceRow {
            id: &divergence.id,
            title: &divergence.title,
            cause: divergence.cause.name(),
            link: divergence.link.as_deref(),
            advisory: divergence.advisory.as_deref(),
            note: divergence.note.trim(),
            clauses: &divergence.clauses,
            seen: seen.collect(),
        }
    }
}

fn coverage(report: &Report, results: &[CaseResult], context: &PageContext<'_>) -> Vec<CoverageRow> {
    let names: Vec<String> = report.runtimes.iter().map(|runtime| runtime.name.clone()).collect();
    let details = CoverageDetails::new(&report.reference, &names, context.universe, results);
    let rows = details.axes.into_iter();
    rows.map(|(axis, details)| CoverageRow { name: axis.name(), meaning: axis.meaning(), details }).collect()
}

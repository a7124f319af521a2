//! What the page of a run (`index.html`) shows besides the results: sources, clauses, divergences, an earlier run.

use touchstone_guest::script::wat;
use touchstone_model::coverage::Cells;
use touchstone_model::result::CaseResult;
use touchstone_reports::page::{ClauseText, OutcomeText, PageContext, Source};
use touchstone_reports::{Report, page};
use touchstone_runner::suite::{CaseFile, Suite};
use touchstone_spec::{Clause, Permit, Permitted, clauses};

use crate::{Failure, places};

/// What is the same for every page of a run.
#[derive(Debug)]
pub struct Page<'a> {
    pub suite: &'a Suite,
    /// The flags without which the results might not show again.
    pub flags: &'a str,
    pub universe: &'a Cells,
    pub baseline: Option<&'a Report>,
}

impl Page<'_> {
    /// The page of these results.
    pub fn text(&self, report: &Report, results: &[CaseResult]) -> Result<String, Failure> {
        let sources: Vec<Source<'_>> = self.suite.cases.iter().map(source).collect();
        let clauses: Vec<ClauseText> = clauses().iter().map(clause).collect();
        let context = PageContext {
            sources: &sources,
            clauses: &clauses,
            divergences: &self.suite.divergences,
            universe: self.universe,
            baseline: self.baseline,
            flags: self.flags,
        };
        page::page(report, results, &context).map_err(|error| Failure::Other(format!("make the page: {error}")))
    }
}

fn source(file: &CaseFile) -> Source<'_> {
    let CaseFile { case, path } = file;
    let root = places::root();
    Source {
        case,
        file: path.strip_prefix(&root).unwrap_or(path).display().to_string(),
        wat: case.script().and_then(|script| wat::reproducer(&case.summary, script, &case.world, None, &[]).ok()),
    }
}

fn clause(clause: &Clause) -> ClauseText {
    ClauseText {
        id: clause.id.clone(),
        title: clause.title.clone(),
        level: clause.level.name(),
        authority: clause.authority.name(),
        anchor: clause.anchor.clone(),
        note: clause.note.trim().to_owned(),
        unproven: clause.unproven.clone(),
        outcomes: clause.outcomes.iter().map(outcome).collect(),
    }
}

fn outcome(permit: &Permit) -> OutcomeText {
    let (answer, text) = match &permit.outcome {
        Permitted::Errno(errno) => (errno.name(), None),
        Permitted::Success(text) => ("ok", Some(text.clone())),
        Permitted::Trap(text) => ("no return", Some(text.clone())),
    };
    OutcomeText { answer, text, evidence: permit.evidence.clone(), discouraged: permit.discouraged, linux: permit.linux }
}

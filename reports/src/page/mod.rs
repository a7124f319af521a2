//! `index.html`: a whole run as one file that people open from disk.
//!
//! The frame is a template (`reports/templates/page.html`), checked when this crate is compiled. What is shown is data, in blocks of
//! JSON: one for the overview ([`overview`]), and one for every few cases ([`details`]), which the page reads when such a case is opened.

mod details;
mod overview;
mod register;
mod strings;
mod verdicts;

use askama::Template;
use serde::Serialize;
use touchstone_model::Case;
use touchstone_model::coverage::Cells;
use touchstone_model::divergence::Divergence;
use touchstone_model::result::CaseResult;

use crate::{COLUMNS, Report, Runtime};

/// What a page shows besides the report and its results.
#[derive(Debug, Clone, Copy)]
pub struct PageContext<'a> {
    /// Where each case comes from; one that is missing is shown without its source.
    pub sources: &'a [Source<'a>],
    /// All clauses, in the order of their ids.
    pub clauses: &'a [ClauseText],
    pub divergences: &'a [Divergence],
    /// All cells that a suite could reach.
    pub universe: &'a Cells,
    /// An earlier run, to say what changed since.
    pub baseline: Option<&'a Report>,
    /// The flags without which this run's results might not show again.
    pub flags: &'a str,
}

/// Where a case comes from.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    pub case: &'a Case,
    /// The path of its file, as a reader of the repository knows it.
    pub file: String,
    /// A script as a module in text form.
    pub wat: Option<String>,
}

/// A clause as text.
#[derive(Debug, Clone, Serialize)]
pub struct ClauseText {
    pub id: String,
    /// The statement.
    pub title: String,
    /// `must`, `should` or `may`.
    pub level: &'static str,
    /// `spec`, `posix`, `convention` or `open`.
    pub authority: &'static str,
    pub anchor: String,
    pub note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unproven: Option<String>,
    pub outcomes: Vec<OutcomeText>,
}

/// A permitted outcome of a clause as text.
#[derive(Debug, Clone, Serialize)]
pub struct OutcomeText {
    /// `ok`, an error such as `inval`, or `no return`.
    pub answer: &'static str,
    /// What holds where it succeeds, or why it does not come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub evidence: String,
    pub discouraged: bool,
    pub linux: bool,
}

/// Cases whose details stand in one block: few enough to be read in no time, and enough to share their strings.
const CASES_PER_BLOCK: usize = 24;

/// The scripts of the page, in the order in which they build on each other.
const SCRIPTS: [&str; 13] = [
    include_str!("../../templates/js/dom.js"),
    include_str!("../../templates/js/data.js"),
    include_str!("../../templates/js/address.js"),
    include_str!("../../templates/js/filter.js"),
    include_str!("../../templates/js/grid.js"),
    include_str!("../../templates/js/matrix.js"),
    include_str!("../../templates/js/code.js"),
    include_str!("../../templates/js/clause.js"),
    include_str!("../../templates/js/trace.js"),
    include_str!("../../templates/js/case.js"),
    include_str!("../../templates/js/lists.js"),
    include_str!("../../templates/js/filters.js"),
    include_str!("../../templates/js/main.js"),
];

/// The style of the page.
const STYLE: &str = include_str!("../../templates/page.css");

#[derive(Template)]
#[template(path = "page.html")]
struct Frame<'a> {
    report: &'a Report,
    columns: Vec<&'static str>,
    style: &'static str,
    overview: String,
    blocks: Vec<String>,
    scripts: Vec<&'static str>,
}

impl Frame<'_> {
    /// How many cases of a runtime have a verdict.
    fn count(&self, runtime: &Runtime, column: &str) -> usize {
        runtime.verdicts.get(column).copied().unwrap_or_default()
    }

    fn symbol(&self, column: &str) -> &'static str {
        verdicts::symbol(column)
    }
}

/// The page of a run: the report, and the results that it was made from.
///
/// # Errors
///
/// If the template cannot be filled in, or the data has no JSON form; neither depends on what a run showed.
pub fn page(report: &Report, results: &[CaseResult], context: &PageContext<'_>) -> Result<String, PageError> {
    let used = |column: &&str| *column == "pass" || report.runtimes.iter().any(|runtime| runtime.verdicts.get(*column) > Some(&0));
    let blocks = results.chunks(CASES_PER_BLOCK).map(|cases| in_script(&details::Block::new(report, cases, context)));
    let frame = Frame {
        report,
        columns: COLUMNS.into_iter().filter(used).collect(),
        style: STYLE,
        overview: in_script(&overview::Overview::new(report, results, context))?,
        blocks: blocks.collect::<Result<_, _>>()?,
        scripts: SCRIPTS.to_vec(),
    };
    Ok(frame.render()?)
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error(transparent)]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// JSON that may stand in a `<script>`: no text in it can end the element or begin a comment.
fn in_script(data: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(data)?.replace('<', "\\u003c"))
}

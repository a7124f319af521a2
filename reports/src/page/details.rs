//! What the page shows of a case that is opened. Several cases share a block, and with it their texts and calls: most runtimes
//! show the same, and what they show differently differs in few calls.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use touchstone_model::case::Fixture;
use touchstone_model::oracle::Said;
use touchstone_model::result::{CaseResult, ProfileResult};
use touchstone_model::shown::{Judged, Shown, ShownCall};
use touchstone_model::trace::TraceState;
use touchstone_model::tree::TreeSnapshot;

use super::strings::Strings;
use super::verdicts::letter;
use super::{PageContext, Source};
use crate::Report;

/// The details of some cases.
#[derive(Debug, Serialize)]
pub(super) struct Block {
    strings: Vec<String>,
    /// Calls that runs mean by their number.
    calls: Vec<CallRow>,
    cases: Vec<CaseDetails>,
}

/// A call. Every text is a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct CallRow {
    /// As differences count.
    n: usize,
    /// The question.
    q: usize,
    /// The answer.
    a: usize,
    /// What the oracle says: `a` accepted, `r` rejected, `u` not judged, `n` nothing.
    s: char,
    /// What is permitted.
    p: usize,
    /// Clauses that apply.
    c: Vec<usize>,
    /// What it must be, and the clauses that say so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    d: Vec<(usize, Vec<usize>)>,
    /// Clauses of level `should` that it misses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    m: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct CaseDetails {
    file: Option<String>,
    language: Option<&'static str>,
    source: Vec<usize>,
    wat: Vec<usize>,
    /// What lies below the preopens before a run: name and entry.
    before: Vec<(usize, usize)>,
    runs: Vec<RunRow>,
    /// For each runtime of the report, profile by profile.
    results: Vec<Vec<ProfileRow>>,
}

#[derive(Debug, Serialize)]
struct RunRow {
    calls: Vec<usize>,
    /// Why calls are missing, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    end: usize,
    stdout: usize,
    received: Vec<(usize, usize)>,
    changes: Vec<(usize, Option<usize>, Option<usize>)>,
}

#[derive(Debug, Serialize)]
struct ProfileRow {
    profile: usize,
    verdict: char,
    end: usize,
    /// Its place among the runs.
    run: Option<usize>,
    differences: Vec<DifferenceRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    divergences: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permitted_by: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    discouraged: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupported: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct DifferenceRow {
    place: usize,
    expected: usize,
    seen: usize,
    call: Option<usize>,
    clauses: Vec<usize>,
}

/// What the cases of a block share.
#[derive(Debug, Default)]
struct Shared {
    strings: Strings,
    numbers: HashMap<CallRow, usize>,
    calls: Vec<CallRow>,
}

impl Block {
    /// The details of these cases.
    pub(super) fn new(report: &Report, cases: &[CaseResult], context: &PageContext<'_>) -> Block {
        let sources: BTreeMap<&str, &Source<'_>> = context.sources.iter().map(|source| (source.case.id.as_str(), source)).collect();
        let mut shared = Shared::default();
        let details = cases.iter().map(|case| {
            let mut details = shared.results(report, case);
            details.runs = case.shown.iter().map(|shown| shared.run(shown)).collect();
            if let Some(source) = sources.get(case.id.as_str()) {
                shared.source(source, &mut details);
            }
            details
        });
        let cases = details.collect();
        Block { strings: shared.strings.into_texts(), calls: shared.calls, cases }
    }
}

impl Shared {
    fn text(&mut self, text: &str) -> usize {
        self.strings.number(text)
    }

    fn texts(&mut self, texts: &[String]) -> Vec<usize> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    fn source(&mut self, source: &Source<'_>, out: &mut CaseDetails) {
        out.file = Some(source.file.clone());
        out.language = Some(match source.case.fixture {
            Fixture::Script(_) => "script",
            Fixture::Wat => "wat",
            Fixture::Rust => "rust",
        });
        out.source = self.strings.lines(&source.case.source);
        out.wat = source.wat.as_deref().map(|wat| self.strings.lines(wat)).unwrap_or_default();
        let before = TreeSnapshot::of_world(&source.case.world);
        out.before = before.0.iter().map(|(name, entry)| (self.text(name), self.text(&entry.to_string()))).collect();
    }

    fn results(&mut self, report: &Report, case: &CaseResult) -> CaseDetails {
        let rows = report.runtimes.iter().map(|runtime| {
            let profiles = case.runtimes.get(&runtime.name).into_iter().flat_map(|result| &result.profiles);
            profiles.map(|(profile, result)| self.profile(profile, result)).collect()
        });
        CaseDetails {
            results: rows.collect(),
            file: None,
            language: None,
            source: Vec::new(),
            wat: Vec::new(),
            before: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn profile(&mut self, profile: &str, result: &ProfileResult) -> ProfileRow {
        let judgement = &result.judgement;
        let differences = judgement.differences.iter().map(|difference| DifferenceRow {
            place: self.text(&difference.place),
            expected: self.text(&difference.expected),
            seen: self.text(&difference.seen),
            call: difference.call.as_deref().map(|call| self.text(call)),
            clauses: self.texts(&difference.clauses),
        });
        ProfileRow {
            differences: differences.collect(),
            profile: self.text(profile),
            verdict: letter(judgement.verdict, !judgement.discouraged.is_empty()),
            end: self.text(&result.end),
            run: result.shown,
            divergences: self.texts(&judgement.divergences),
            permitted_by: self.texts(&judgement.permitted_by),
            discouraged: self.texts(&judgement.discouraged),
            unsupported: judgement.unsupported.map(|feature| feature.name()),
        }
    }

    fn run(&mut self, shown: &Shown) -> RunRow {
        let missing = match shown.state {
            TraceState::Complete => None,
            TraceState::Truncated => Some("The trace is too long: later calls were not recorded."),
            TraceState::Lost => Some("There is no trace: the process that held it is gone, or the module never ran."),
        };
        let mut optional = |text: &Option<String>| text.as_deref().map(|text| self.text(text));
        let changes = shown.changes.iter().map(|(path, before, after)| (path, optional(before), optional(after)));
        let changes: Vec<(&String, Option<usize>, Option<usize>)> = changes.collect();
        RunRow {
            calls: shown.calls.iter().map(|call| self.call(call)).collect(),
            missing,
            end: self.text(&shown.end),
            stdout: self.text(&shown.stdout),
            received: shown.received.iter().map(|(name, content)| (self.text(name), self.text(content))).collect(),
            changes: changes.into_iter().map(|(path, before, after)| (self.text(path), before, after)).collect(),
        }
    }

    fn call(&mut self, call: &ShownCall) -> usize {
        let judged = call.judged.as_ref();
        let mut row = CallRow {
            n: call.number,
            q: self.text(&call.question),
            a: self.text(&call.answer),
            s: judged.map_or('n', |judged| match judged.said {
                Said::Accepted => 'a',
                Said::Rejected => 'r',
                Said::Unjudged => 'u',
            }),
            p: self.text(judged.map_or("", |judged| &judged.permitted)),
            c: Vec::new(),
            d: Vec::new(),
            m: Vec::new(),
        };
        if let Some(Judged { clauses, departures, missed, .. }) = judged {
            row.c = self.texts(clauses);
            row.d = departures.iter().map(|(expected, clauses)| (self.text(expected), self.texts(clauses))).collect();
            row.m = self.texts(missed);
        }
        let next = self.calls.len();
        let number = *self.numbers.entry(row.clone()).or_insert(next);
        if number == next {
            self.calls.push(row);
        }
        number
    }
}

//! A case: what it tests, and each of its calls on each runtime, beside what is permitted.

use std::collections::BTreeMap;
use std::time::Duration;

use touchstone_guest::build;
use touchstone_guest::rust::Fixtures;
use touchstone_guest::script::wat;
use touchstone_model::case::Case;
use touchstone_model::judge::{Difference, Judgement, is_search, judge_without, search_calls};
use touchstone_model::normalise::{Normalised, normalise};
use touchstone_model::oracle::{CallReport, Departure, OracleReport, Said};
use touchstone_model::trace::TraceState;
use touchstone_model::{Evidence, Observation, Verdict, judge, tree};
use touchstone_oracle::Host;
use touchstone_reports::WITHHELD;
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;
use touchstone_runner::suite::{CaseFile, Suite};
use touchstone_runtimes::Entry;
use touchstone_spec::ClauseId;

use super::{departing, filter, head, indented, titles};
use crate::args::ExplainArgs;
use crate::conformance::this_program;
use crate::{Failure, human, places, select};

/// Of a run with more calls than this, those are left out that all runtimes answered alike and as they may.
const MOST_CALLS: usize = 60;

/// A case on a runtime.
struct Run {
    /// The runtime, with the profile where that is not the default one.
    name: String,
    observation: Observation,
    oracle: OracleReport,
    judgement: Judgement,
    /// The guest's calls without those that look for its preopens, each with its place in the trace.
    calls: Vec<(usize, Normalised)>,
    /// Calls before the first that differences count.
    first: usize,
}

impl Run {
    fn report(&self, index: usize) -> Option<&CallReport> {
        self.calls.get(index).and_then(|(place, _)| self.oracle.calls.get(*place))
    }

    fn departs(&self, index: usize) -> bool {
        self.report(index).is_some_and(|report| report.said == Said::Rejected)
    }

    /// Whether a run shows what another one does.
    fn is_like(&self, other: &Run) -> bool {
        let shown = |run: &Run| {
            let calls: Vec<(&String, &String)> = run.calls.iter().map(|(_, call)| (&call.question, &call.answer)).collect();
            let differences: Vec<String> = run.judgement.differences.iter().map(ToString::to_string).collect();
            format!("{calls:?} {} {} {differences:?}", run.observation.end, run.observation.stdout)
        };
        shown(self) == shown(other) && tree::differences(&self.observation.tree, &other.observation.tree).is_empty()
    }

    fn is_withheld(&self, disclose: bool) -> bool {
        !self.observation.escapes.is_empty() && !disclose
    }
}

/// Explains it.
pub(super) fn explain(file: &CaseFile, suite: &Suite, args: &ExplainArgs) -> Result<String, Failure> {
    let case = &file.case;
    let reference = select::reference(None)?;
    let mut runtimes = select::chosen(&args.runtime)?;
    runtimes.retain(|entry| entry.name != reference.name);
    runtimes.insert(0, reference);
    let mut out = said(file);
    out.push_str(&format!("\n{}\n", head("runs")));
    let (runs, absent) = runs(file, suite, &runtimes, args.timeout)?;
    absent.iter().for_each(|text| out.push_str(&format!("  {text}\n")));
    let withheld = runs.iter().filter(|run| run.is_withheld(args.disclose));
    withheld.for_each(|run| out.push_str(&format!("  {}: {}\n", run.name, departing(WITHHELD))));
    let runs: Vec<Run> = runs.into_iter().filter(|run| !run.is_withheld(args.disclose)).collect();
    out.push_str(&calls(&runs));
    out.push_str(&after(&runs, case));
    out.push_str(&verdicts(&runs));
    out.push_str(&format!("\n{}\n", head("run it again")));
    let filter = filter(std::iter::once(case.id.as_str()));
    out.push_str(&format!("  cargo xtask conformance{} --filter {filter}\n", human::suite_flags(&args.suite)));
    Ok(out)
}

/// What the file says.
fn said(file: &CaseFile) -> String {
    let case = &file.case;
    let root = places::root();
    let path = file.path.strip_prefix(&root).unwrap_or(&file.path);
    let mut out = format!("{} {}\n  {}\n  {}\n", head("case"), case.id, case.summary, path.display());
    out.push_str(&format!("\n{}\n{}", head("clauses"), titles(&case.clauses)));
    out.push_str(&format!("\n{}\n{}", head("source"), indented(case.source.trim_end(), 2)));
    if let Some(text) = case.script().and_then(|script| wat::reproducer(&case.summary, script, &case.world, None, &[]).ok()) {
        out.push_str(&format!("\n{}\n{}", head("as WAT"), indented(text.trim_end(), 2)));
    }
    out
}

/// Runs the case everywhere under every profile, of which those count that change something. Gives a text for each runtime that
/// lacks what the case needs as well.
fn runs(file: &CaseFile, suite: &Suite, runtimes: &[&'static Entry], timeout: u64) -> Result<(Vec<Run>, Vec<String>), Failure> {
    let case = &file.case;
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let built = build(case, &file.path, &fixtures).map_err(|error| Failure::Other(error.to_string()))?;
    let scratch = Scratch::new()?;
    let mut bench = Bench::new(&scratch, "explain", Duration::from_secs(timeout));
    let (mut runs, mut absent): (Vec<Run>, Vec<String>) = (Vec::new(), Vec::new());
    let mut references: BTreeMap<Profile, Observation> = BTreeMap::new();
    for (entry, profile) in runtimes.iter().flat_map(|entry| Profile::ALL.map(|profile| (*entry, profile))) {
        let spec = WorkerSpec { program: this_program()?, runtime: entry.name.to_owned(), profile, plant: None };
        let lacking = bench.absent_features(&spec)?;
        if let Some(feature) = judge_without(case, &lacking).and_then(|judgement| judgement.unsupported) {
            if profile == Profile::Default {
                absent.push(format!("{}: not run, it has no {}", entry.name, feature.name()));
            }
            continue;
        }
        let observation = bench.observe(&spec, &case.world, &Prepared::recorded(&built.wasm, entry.keeper))?;
        let run = judged(case, entry, profile, suite, observation, references.get(&profile));
        references.entry(profile).or_insert_with(|| run.observation.clone());
        if !runs.last().is_some_and(|last| profile != Profile::Default && run.is_like(last)) {
            runs.push(run);
        }
    }
    Ok((runs, absent))
}

fn judged(
    case: &Case,
    entry: &'static Entry,
    profile: Profile,
    suite: &Suite,
    observation: Observation,
    reference: Option<&Observation>,
) -> Run {
    let version = entry.release();
    let oracle = touchstone_oracle::report(&case.world, Host::LINUX, &observation);
    let judgement = judge(Evidence {
        case,
        runtime: entry.name,
        version: &version,
        profile: profile.name(),
        observation: &observation,
        reference,
        oracle: &oracle,
        divergences: &suite.divergences,
    });
    let first = search_calls(case, &observation.trace);
    let calls = normalise(&observation.trace.calls).into_iter().enumerate().skip(first);
    let calls = calls.filter(|(_, call)| !is_search(case, &call.function)).collect();
    let name = match profile {
        Profile::Default => entry.name.to_owned(),
        Profile::NoOpenat2 => format!("{} under {}", entry.name, profile.name()),
    };
    Run { name, observation, oracle, judgement, calls, first }
}

/// Names that share a line, in the order of their first.
fn grouped<'a, T: PartialEq>(rows: impl Iterator<Item = (&'a str, T)>) -> Vec<(String, T)> {
    let mut out: Vec<(String, T)> = Vec::new();
    for (name, value) in rows {
        match out.iter_mut().find(|(_, known)| *known == value) {
            Some((names, _)) => names.push_str(&format!(", {name}")),
            None => out.push((name.to_owned(), value)),
        }
    }
    out
}

/// All calls, one after the other.
fn calls(runs: &[Run]) -> String {
    let count = runs.iter().map(|run| run.calls.len()).max().unwrap_or_default();
    let mut out = String::new();
    let mut left_out = 0;
    let partings: Vec<usize> = runs.iter().map(|run| parting(run, runs)).collect();
    for index in 0..count {
        let together = runs.iter().zip(&partings).filter(|(_, parting)| index <= **parting).map(|(run, _)| run);
        let answers = grouped(together.map(|run| (run.name.as_str(), line(run, index))));
        if count > MOST_CALLS && answers.len() == 1 && !runs.iter().any(|run| run.departs(index)) {
            left_out += 1;
            continue;
        }
        out.push_str(&call(runs, index, &answers));
    }
    for (run, _) in runs.iter().zip(partings).filter(|(_, parting)| *parting < count) {
        out.push_str(&format!("  {}: after its last line above it goes its own way, which is not shown\n", run.name));
    }
    if left_out > 0 {
        out.push_str(&format!("  {left_out} of {count} calls are not shown: every runtime answered them alike, and as it may\n"));
    }
    out
}

/// The first call that is not of the same function as on the first of all runs: from there on the two do not belong together.
fn parting(run: &Run, runs: &[Run]) -> usize {
    let function = |run: &Run, index: usize| run.calls.get(index).map(|(_, call)| call.function.clone());
    let Some(first) = runs.first() else { return usize::MAX };
    let count = run.calls.len().max(first.calls.len());
    (0..count).find(|index| function(run, *index) != function(first, *index)).unwrap_or(usize::MAX)
}

/// What a runtime showed of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    question: Option<String>,
    answer: String,
    departures: Vec<String>,
    /// What is permitted in the state that its run is in.
    permitted: Option<String>,
}

fn line(run: &Run, index: usize) -> Line {
    let missing = match run.observation.trace.state {
        TraceState::Complete => "not called",
        TraceState::Truncated => "not recorded, the trace is too long",
        TraceState::Lost => "no trace",
    };
    let call = run.calls.get(index).map(|(_, call)| call);
    let report = run.report(index);
    let departures = report.into_iter().flat_map(|report| &report.departures);
    let departure = |departure: &Departure| format!("must be {}{}", departure.expected, in_brackets(&departure.clauses));
    Line {
        question: call.map(|call| call.question.clone()),
        answer: call.map_or(missing.to_owned(), |call| call.answer.clone()),
        departures: departures.map(departure).collect(),
        permitted: report.map(permitted),
    }
}

fn permitted(report: &CallReport) -> String {
    match report.said {
        Said::Accepted | Said::Rejected => report.permitted.to_string(),
        Said::Unjudged => "anything: nothing is known of what it is about".to_owned(),
    }
}

/// Who says so; nothing where no clause does.
fn in_brackets(clauses: &[ClauseId]) -> String {
    let ids: Vec<&str> = clauses.iter().map(|clause| clause.id()).collect();
    if ids.is_empty() { String::new() } else { format!("  ({})", ids.join(", ")) }
}

/// One call: the question, what is permitted, then a line for each answer.
fn call(runs: &[Run], index: usize, answers: &[(String, Line)]) -> String {
    let asked = answers.iter().map(|(_, line)| line).find(|line| line.question.is_some());
    let Some(asked) = asked else { return String::new() };
    // as differences count them
    let number = runs.iter().find_map(|run| run.calls.get(index).map(|(place, _)| place + 1 - run.first)).unwrap_or(index + 1);
    let mut out = format!("  {number:>3}  {}\n", asked.question.as_deref().unwrap_or_default());
    if let Some(report) = runs.iter().find_map(|run| run.report(index)) {
        out.push_str(&format!("       permitted  {}{}\n", permitted(report), in_brackets(&report.clauses)));
    }
    let width = answers.iter().map(|(names, _)| names.len()).max().unwrap_or_default();
    for (names, line) in answers {
        let departs = !line.departures.is_empty();
        let mark = if departs { "✗" } else { " " };
        let mut text = match &line.question {
            Some(question) if line.question != asked.question => format!("     {mark} {names:<width$}  asks {question} → {}", line.answer),
            Some(_) | None => format!("     {mark} {names:<width$}  {}", line.answer),
        };
        if line.permitted.is_some() && line.permitted != asked.permitted {
            text.push_str(&format!("  (permitted here: {})", line.permitted.as_deref().unwrap_or_default()));
        }
        out.push_str(&format!("{}\n", if departs { departing(&text) } else { text }));
        line.departures.iter().for_each(|departure| out.push_str(&format!("       {:width$}  {}\n", "", departing(departure))));
    }
    out
}

/// How runs ended, what they wrote and what they left, where that differs from the reference or from what it had to be.
fn after(runs: &[Run], case: &Case) -> String {
    let mut out = String::new();
    let rows = |what: &str, text: &dyn Fn(&Run) -> String| {
        let groups = grouped(runs.iter().map(|run| (run.name.as_str(), text(run))));
        let lines: Vec<String> = groups.into_iter().map(|(names, text)| format!("  {what}  {names}: {text}\n")).collect();
        lines.concat()
    };
    out.push_str(&rows("end   ", &|run| run.observation.end.to_string()));
    out.push_str(&rows("stdout", &|run| run.observation.stdout.to_string()));
    let start = tree::TreeSnapshot::of_world(&case.world);
    out.push_str(&rows("tree  ", &|run| {
        let changes = tree::differences(&start, &run.observation.tree).into_iter().map(|(path, before, after)| match (before, after) {
            (None, Some(after)) => format!("+ {path} {after}"),
            (Some(_), None) => format!("- {path}"),
            (_, after) => format!("~ {path} {}", after.unwrap_or_default()),
        });
        let changes: Vec<String> = changes.collect();
        if changes.is_empty() { "as before".to_owned() } else { changes.join("; ") }
    }));
    out
}

/// What came of each run, and what departs besides the calls.
fn verdicts(runs: &[Run]) -> String {
    let mut out = format!("\n{}\n", head("verdicts"));
    for Run { name, judgement, .. } in runs {
        let explained =
            if judgement.divergences.is_empty() { String::new() } else { format!(", see {}", judgement.divergences.join(", ")) };
        let permitted = if judgement.verdict != Verdict::Permitted {
            String::new()
        } else if judgement.discouraged.is_empty() {
            format!(" by {}", judgement.permitted_by.join(", "))
        } else {
            format!(", and discouraged by {}", judgement.discouraged.join(", "))
        };
        out.push_str(&format!("  {name}: {}{explained}{permitted}\n", judgement.verdict));
        let departs = judgement.differences.iter().map(|difference| departing(&with_clauses(difference)));
        departs.for_each(|text| out.push_str(&format!("    {text}\n")));
    }
    out
}

fn with_clauses(difference: &Difference) -> String {
    if difference.clauses.is_empty() { difference.to_string() } else { format!("{difference}  ({})", difference.clauses.join(", ")) }
}

//! The only place where a verdict is made.
//!
//! What is permitted the oracle says. The author of a case is a witness for the reference, and for programs (WAT, Rust), which look
//! at what no trace shows and say what they found by their exit code and output. Other runtimes answer to the oracle.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use touchstone_spec::{ClauseId, Function, clause};

use crate::case::{Case, Fixture};
use crate::divergence::Divergence;
use crate::expect;
use crate::normalise::{Normalised, normalise};
use crate::observation::{End, Observation};
use crate::oracle::{CallReport, OracleReport};
use crate::script::print::Bare;
use crate::trace::{Trace, TraceCall, TraceState};
use crate::tree::{self, Entry, TreeSnapshot};
use crate::world::{Access, World};

/// What one case on one runtime came to. In the order from best to worst, so that the worst of several profiles is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Permitted, and equal to the reference.
    Pass,
    /// Permitted, and different from the reference.
    Permitted,
    /// Different, exactly as divergence files say.
    Known,
    /// The case needs a feature that the runtime was proven not to have. It was not run.
    Unsupported,
    /// A divergence file says that something differs, but it does not.
    Stale,
    /// Different, and nothing on record says so.
    Failed,
    TimedOut,
    Crashed,
    /// The world outside the preopens was read or changed.
    Escaped,
}

impl Verdict {
    /// All verdicts, best first.
    pub const ALL: [Verdict; 9] = [
        Verdict::Pass,
        Verdict::Permitted,
        Verdict::Known,
        Verdict::Unsupported,
        Verdict::Stale,
        Verdict::Failed,
        Verdict::TimedOut,
        Verdict::Crashed,
        Verdict::Escaped,
    ];

    /// The word for it in every report.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Permitted => "permitted",
            Verdict::Known => "known",
            Verdict::Unsupported => "unsupported",
            Verdict::Stale => "stale",
            Verdict::Failed => "failed",
            Verdict::TimedOut => "timed-out",
            Verdict::Crashed => "crashed",
            Verdict::Escaped => "escaped",
        }
    }

    /// Whether a run with this verdict in it is a success: everything is as it should be or explained.
    pub fn is_green(self) -> bool {
        match self {
            Verdict::Pass | Verdict::Permitted | Verdict::Known | Verdict::Unsupported => true,
            Verdict::Stale | Verdict::Failed | Verdict::TimedOut | Verdict::Crashed | Verdict::Escaped => false,
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    /// Ids of the divergences that explain the differences, or that are stale.
    pub divergences: Vec<String>,
    pub differences: Vec<Difference>,
    /// The feature that is missing, where the verdict is `unsupported`.
    pub unsupported: Option<Feature>,
    /// Clauses that permit what differs from the reference.
    #[serde(default)]
    pub permitted_by: Vec<String>,
    /// Clauses of level `should` that were missed.
    #[serde(default)]
    pub discouraged: Vec<String>,
}

/// What a runtime may lack without being wrong, for which a probe of its own exists. The list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// The host can hand out a directory that the guest cannot change.
    ReadOnlyPreopens,
    /// The host can hand out a socket.
    Sockets,
}

impl Feature {
    /// All features.
    pub const ALL: [Feature; 2] = [Feature::ReadOnlyPreopens, Feature::Sockets];

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Feature::ReadOnlyPreopens => "read-only-preopens",
            Feature::Sockets => "sockets",
        }
    }

    /// Whether a case means nothing on a runtime without it.
    pub fn is_needed_by(self, case: &Case) -> bool {
        match self {
            Feature::ReadOnlyPreopens => case.world.preopens.iter().any(|preopen| preopen.access == Access::ReadOnly),
            Feature::Sockets => !case.world.sockets.is_empty(),
        }
    }
}

/// The judgement of a case that needs a feature which a probe has proven absent.
pub fn judge_without(case: &Case, absent: &[Feature]) -> Option<Judgement> {
    let missing = absent.iter().copied().find(|feature| feature.is_needed_by(case))?;
    Some(Judgement {
        verdict: Verdict::Unsupported,
        divergences: Vec::new(),
        differences: Vec::new(),
        unsupported: Some(missing),
        permitted_by: Vec::new(),
        discouraged: Vec::new(),
    })
}

/// One thing that is not as it should be. Its text is its identity: divergence files quote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where: `end`, `stdout`, `tree root:file`, `call 3 fd_seek`.
    pub place: String,
    pub expected: String,
    pub seen: String,
    /// The call as its author wrote it or as it was recorded, where it is about one.
    pub call: Option<String>,
    /// Who expected it.
    pub witness: Witness,
    /// The clauses that it departs from, where the oracle says so.
    #[serde(default)]
    pub clauses: Vec<String>,
}

/// Who says what should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// The executable specification.
    Oracle,
    /// The author of the case.
    Author,
    /// The guest itself, which asked the reference for something else after the same answers: the engine computed wrongly.
    Guest,
    /// The harness: nothing of the host may be left over or be reached.
    Host,
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, saw {}", self.place, self.expected, self.seen)
    }
}

/// What a verdict is made from.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub case: &'a Case,
    pub runtime: &'a str,
    pub version: &'a Version,
    /// The host profile of the run.
    pub profile: &'a str,
    pub observation: &'a Observation,
    /// The reference's observation of the same case under the same profile; `None` if this *is* the reference.
    pub reference: Option<&'a Observation>,
    /// What the oracle says of the run.
    pub oracle: &'a OracleReport,
    pub divergences: &'a [Divergence],
}

/// Makes the verdict.
pub fn judge(evidence: Evidence<'_>) -> Judgement {
    let differences = differences(&evidence);
    let texts: BTreeSet<String> = differences.iter().map(Difference::to_string).collect();
    let mut claimed = BTreeSet::new();
    let mut ids = Vec::new();
    for divergence in evidence.divergences {
        let before = claimed.len();
        let of = (evidence.runtime, evidence.version, evidence.profile, evidence.case.id.as_str());
        claimed.extend(divergence.certain_claims(of.0, of.1, of.2, of.3).cloned());
        claimed.extend(divergence.claims(of.0, of.1, of.2, of.3).filter(|text| texts.contains(*text)).cloned());
        if claimed.len() > before {
            ids.push(divergence.id.clone());
        }
    }
    // the advisory must stand in the file that explains the escape itself
    let escape_texts: Vec<&String> = texts.iter().filter(|text| text.starts_with("sandbox: ")).collect();
    let has_advisory = || {
        let with_advisory = evidence.divergences.iter().filter(|divergence| divergence.advisory.is_some());
        let explained: BTreeSet<&String> = with_advisory
            .flat_map(|divergence| divergence.claims(evidence.runtime, evidence.version, evidence.profile, &evidence.case.id))
            .collect();
        escape_texts.iter().all(|text| explained.contains(text))
    };
    let escaped = !evidence.observation.escapes.is_empty();
    let permitted_by = permitted_by(&evidence);
    let discouraged = discouraged(evidence.oracle);
    let verdict = match evidence.observation.end {
        // everything that is on record is seen and everything that is seen is on record
        _ if texts == claimed && !texts.is_empty() && (!escaped || has_advisory()) => Verdict::Known,
        _ if escaped => Verdict::Escaped,
        End::Crashed { .. } | End::MemoryLimit => Verdict::Crashed,
        End::TimedOut => Verdict::TimedOut,
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } if texts.is_empty() && claimed.is_empty() => {
            if permitted_by.is_empty() && discouraged.is_empty() { Verdict::Pass } else { Verdict::Permitted }
        }
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } if texts.is_subset(&claimed) => Verdict::Stale,
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } => Verdict::Failed,
    };
    if verdict == Verdict::Failed {
        ids.clear();
    }
    Judgement { verdict, divergences: ids, differences, unsupported: None, permitted_by, discouraged }
}

/// Everything that is not as it should be, in the order in which a reader wants it: the calls first.
fn differences(evidence: &Evidence<'_>) -> Vec<Difference> {
    let Evidence { case, observation, reference, oracle, .. } = evidence;
    let mut out = Vec::new();
    rejected_calls(case, observation, oracle, &mut out);
    unfinished(case, observation, &mut out);
    for departure in &oracle.run {
        let seen = departure.seen.clone().unwrap_or_default();
        out.push(Difference {
            place: departure.place.clone(),
            expected: departure.expected.clone(),
            seen,
            call: None,
            witness: Witness::Oracle,
            clauses: ids(&departure.clauses),
        });
    }
    if reference.is_none() || case.script().is_none() {
        let said: BTreeSet<String> = out.iter().map(|difference| difference.place.clone()).collect();
        out.extend(authored(case, observation).into_iter().filter(|difference| !said.contains(&difference.place)));
    }
    out.extend(reference.and_then(|reference| question(observation, reference)));
    host(observation, &mut out);
    out
}

fn ids(clauses: &[ClauseId]) -> Vec<String> {
    clauses.iter().map(|clause| clause.id().to_owned()).collect()
}

/// The calls that the oracle rejects.
fn rejected_calls(case: &Case, observation: &Observation, oracle: &OracleReport, out: &mut Vec<Difference>) {
    let search = search_calls(case, &observation.trace);
    let script: Vec<String> = case.script().map(|script| script.calls().map(|call| Bare(call).to_string()).collect()).unwrap_or_default();
    let normalised = normalise(&observation.trace.calls);
    for (index, report) in oracle.calls.iter().enumerate() {
        for departure in &report.departures {
            let Some(call) = normalised.get(index) else { continue };
            let place = match index.checked_sub(search) {
                Some(own) => format!("call {} {}", own + 1, call.function),
                None => format!("search {} {}", index + 1, call.function),
            };
            let written = index.checked_sub(search).and_then(|own| script.get(own)).cloned();
            out.push(Difference {
                place,
                expected: departure.expected.clone(),
                seen: departure.seen.clone().unwrap_or_else(|| call.answer.clone()),
                call: Some(written.unwrap_or_else(|| call.question.clone())),
                witness: Witness::Oracle,
                clauses: ids(&departure.clauses),
            });
        }
    }
}

/// What no call explains: the host died, hung or refused the module, or a script ended before its last call although each came back.
fn unfinished(case: &Case, observation: &Observation, out: &mut Vec<Difference>) {
    let mut add = |place: String, expected: String, seen: String| {
        out.push(Difference { place, expected, seen, call: None, witness: Witness::Oracle, clauses: Vec::new() });
    };
    match &observation.end {
        End::Crashed { .. } | End::MemoryLimit | End::TimedOut => {
            add("end".to_owned(), case.expect.end.to_string(), observation.end.to_string());
            return;
        }
        End::Rejected { .. } if case.script().is_some() => {
            let (expected, seen) = (case.expect.end.to_string(), observation.end.to_string());
            let clauses = ids(&REFUSED);
            out.push(Difference { place: "end".to_owned(), expected, seen, call: None, witness: Witness::Oracle, clauses });
            return;
        }
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } => {}
    }
    if observation.trace.state == TraceState::Lost && !matches!(observation.end, End::Rejected { .. }) {
        // the module ran, so its trace must be there: a runtime that ran nothing has passed nothing
        add("trace".to_owned(), "the calls of the guest".to_owned(), "none: the module did not run".to_owned());
        return;
    }
    let Some(script) = case.script() else { return };
    let calls = &observation.trace.calls[search_calls(case, &observation.trace)..];
    let came_back = calls.last().is_none_or(|call| call.outcome.is_some());
    if let Some(missing) = script.calls().nth(calls.len())
        && came_back
        && observation.trace.state == TraceState::Complete
    {
        add(format!("call {} {}", calls.len() + 1, missing.function.name()), "the call".to_owned(), "not called".to_owned());
    } else if came_back && matches!(observation.end, End::Trap { .. }) {
        add("end".to_owned(), case.expect.end.to_string(), observation.end.to_string());
    }
}

/// What is not as the author of a case expects.
pub fn authored(case: &Case, observation: &Observation) -> Vec<Difference> {
    let mut out = Vec::new();
    let stopped = script_calls(case, observation, &mut out);
    end(case, observation, stopped, &mut out);
    if !stopped {
        streams(case, observation, &mut out);
        received(case, observation, &mut out);
        trees(case, observation, &mut out);
    }
    out
}

/// `stopped`: a call did not come back, as its author permits. Then the run ends in a trap, whatever the front matter says, and
/// nothing can be said of what would have come after.
fn end(case: &Case, observation: &Observation, stopped: bool, out: &mut Vec<Difference>) {
    let is_trap = matches!(observation.end, End::Trap { .. });
    let (expected, seen) = (case.expect.end.to_string(), observation.end.to_string());
    if expected != seen && !(stopped && is_trap) {
        out.push(by_author("end".to_owned(), expected, seen, None));
    }
}

fn by_author(place: String, expected: String, seen: String, call: Option<String>) -> Difference {
    Difference { place, expected, seen, call, witness: Witness::Author, clauses: Vec::new() }
}

fn streams(case: &Case, observation: &Observation, out: &mut Vec<Difference>) {
    let Some(bytes) = &case.expect.stdout else { return };
    let (expected, seen) = (tree::Content::kept(bytes, crate::bounds::OUTPUT_KEPT_BYTES).to_string(), observation.stdout.to_string());
    if expected != seen {
        out.push(by_author("stdout".to_owned(), expected, seen, None));
    }
}

fn received(case: &Case, observation: &Observation, out: &mut Vec<Difference>) {
    for (name, bytes) in &case.expect.received {
        let expected = tree::Content::kept(bytes, crate::bounds::RECEIVED_KEPT_BYTES).to_string();
        let seen = observation.received.get(name).map_or("nothing".to_owned(), ToString::to_string);
        if expected != seen {
            out.push(by_author(format!("received {name}"), expected, seen, None));
        }
    }
}

fn trees(case: &Case, observation: &Observation, out: &mut Vec<Difference>) {
    for (path, expected) in &case.expect.after {
        let entry = observation.tree.0.get(path);
        if !expected.is_met(entry) {
            let seen = entry.map_or("nothing".to_owned(), Entry::to_string);
            out.push(by_author(format!("tree {path}"), expected.to_string(), seen, None));
        }
    }
}

/// The clauses that permit what differs from the reference.
fn permitted_by(evidence: &Evidence<'_>) -> Vec<String> {
    let Evidence { case, observation, reference: Some(reference), oracle, .. } = evidence else { return Vec::new() };
    let (skip, expected_skip) = (search_calls(case, &observation.trace), search_calls(case, &reference.trace));
    let (seen, expected) = (normalise(&observation.trace.calls), normalise(&reference.trace.calls));
    let mut out = BTreeSet::new();
    let own = seen.iter().enumerate().skip(skip).filter(|(_, call)| !is_search(case, &call.function));
    let theirs = expected.iter().skip(expected_skip).filter(|call| !is_search(case, &call.function));
    for ((index, call), other) in own.zip(theirs) {
        if call.question != other.question {
            break;
        }
        if call.answer != other.answer {
            let clauses = oracle.calls.get(index).map(CallReport::open_clauses).unwrap_or_default();
            out.extend(ids(&clauses));
        }
    }
    let shown = |observation: &Observation| {
        let entries: Vec<String> = observation.tree.0.iter().map(|(path, entry)| format!("{path} {entry}")).collect();
        (observation.end.to_string(), observation.stdout.to_string(), entries, observation.received.clone())
    };
    if out.is_empty() && shown(observation) != shown(reference) {
        // what a call left open showed later only
        out.extend(oracle.calls.iter().flat_map(|report| ids(&report.open_clauses())));
    }
    out.into_iter().collect()
}

fn discouraged(oracle: &OracleReport) -> Vec<String> {
    let missed: BTreeSet<ClauseId> = oracle.calls.iter().flat_map(|call| &call.missed).copied().collect();
    missed.into_iter().map(|clause| clause.id().to_owned()).collect()
}

fn host(observation: &Observation, out: &mut Vec<Difference>) {
    let mut add = |place: &str, expected: &str, seen: &str| {
        out.push(Difference {
            place: place.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
            call: None,
            witness: Witness::Host,
            clauses: Vec::new(),
        });
    };
    for what in &observation.leaked_fds {
        add("host fds", "none left open", what);
    }
    for what in &observation.escapes {
        add("sandbox", "nothing outside the preopens", what);
    }
}

/// How many calls of a script's trace come before its own: the search for the preopens and the sockets.
pub fn search_calls(case: &Case, trace: &Trace) -> usize {
    if case.script().is_some() { searches(&case.world, trace) } else { 0 }
}

/// The same for a script that is no case.
pub fn searches(world: &World, trace: &Trace) -> usize {
    // the search works on addresses below all that a script lays out, which tells it from the script's own calls
    let is_search = |call: &&TraceCall| {
        let searches = match call.function {
            Function::FdPrestatGet | Function::FdPrestatDirName => true,
            Function::FdFdstatGet => !world.sockets.is_empty(),
            _ => false,
        };
        searches && call.args.get(1).is_some_and(|address| *address < u64::from(crate::bounds::SEARCH_MEMORY_BYTES))
    };
    trace.calls.iter().take_while(is_search).count()
}

/// Whether a program looks for its preopens with a call of this function: where they stand is each runtime's own affair.
pub fn is_search(case: &Case, function: &str) -> bool {
    case.script().is_none() && (function == "fd_prestat_get" || function == "fd_prestat_dir_name")
}

/// The text for a call that a runtime did not come to.
fn missing(trace: &Trace) -> &'static str {
    match trace.state {
        TraceState::Complete => "not called",
        TraceState::Truncated => "not recorded, the trace is too long",
        TraceState::Lost => "no trace",
    }
}

/// Compares the calls of a script with what its author expects. Gives whether a call did not come back that its author says need not.
fn script_calls(case: &Case, observation: &Observation, out: &mut Vec<Difference>) -> bool {
    let Some(script) = case.script() else { return false };
    let skip = search_calls(case, &observation.trace);
    let (seen, texts) = (&observation.trace.calls[skip..], normalise(&observation.trace.calls));
    for (index, call) in script.calls().enumerate() {
        let recorded = seen.get(index);
        if !call.expect.is_empty() && !recorded.is_some_and(|recorded| expect::meets(&call.expect, recorded)) {
            let answer = texts.get(skip + index).map_or(missing(&observation.trace), |text| text.answer.as_str()).to_owned();
            let patterns: Vec<String> = call.expect.iter().map(ToString::to_string).collect();
            let place = format!("call {} {}", index + 1, call.function.name());
            out.push(by_author(place, patterns.join(" | "), answer, Some(Bare(call).to_string())));
        }
        if recorded.is_some_and(|recorded| expect::stops(&call.expect, recorded)) {
            return true;
        }
    }
    false
}

/// What a runtime departs from whose guest goes on otherwise after the same answers, if it is not the engine that computes wrongly:
/// it wrote where it must not, or ran the parts of the program in another order.
const GUEST_MEMORY: [ClauseId; 6] = [
    clause!("memory.nothing-else-written"),
    clause!("memory.inputs-unchanged"),
    clause!("random_get.no-more-than-asked"),
    clause!("program.start-once"),
    clause!("program.start-function"),
    clause!("program.initialize-first"),
];

/// What a runtime departs from that refuses a module.
const REFUSED: [ClauseId; 4] =
    [clause!("program.start"), clause!("program.all-functions"), clause!("program.memory-export"), clause!("program.no-table")];

/// The first question of a guest that is not the one it asked the reference, although all answers before were the same byte for byte:
/// then it must ask the same, else the engine computed wrongly. Answers are the oracle's to judge.
pub fn question(observation: &Observation, reference: &Observation) -> Option<Difference> {
    let is_whole = |trace: &Trace| trace.state == TraceState::Complete;
    if !is_whole(&observation.trace) || !is_whole(&reference.trace) {
        return None;
    }
    let (seen, expected) = (without_search(&observation.trace), without_search(&reference.trace));
    for index in 0..seen.len().max(expected.len()) {
        let question = |calls: &[Normalised]| calls.get(index).map(|call| call.question.clone());
        if question(&seen) != question(&expected) {
            let name = expected.get(index).or(seen.get(index)).map_or("", |call| call.function.as_str());
            let text = |question: Option<String>| {
                question.map_or("the guest asks nothing more".to_owned(), |text| format!("the guest asks {text}"))
            };
            return Some(Difference {
                place: format!("call {} {name}", index + 1),
                expected: text(question(&expected)),
                seen: text(question(&seen)),
                call: None,
                witness: Witness::Guest,
                clauses: ids(&GUEST_MEMORY),
            });
        }
        // random bytes, times and the order of entries are equal after normalisation, but a guest may act on them
        let answer = |calls: &[Normalised]| calls.get(index).map(|call| (call.answer.clone(), call.bytes.clone()));
        if answer(&seen) != answer(&expected) {
            return None;
        }
    }
    None
}

/// A trace without the calls that look for preopens: where those stand in the fd table is each runtime's own affair.
pub fn without_search(trace: &Trace) -> Vec<Normalised> {
    let all = normalise(&trace.calls).into_iter();
    all.filter(|call| call.function != "fd_prestat_get" && call.function != "fd_prestat_dir_name").collect()
}

/// What a run of the reference showed, as the text that is snapshotted: small, sorted, free of host, time and path.
pub fn snapshot(case: &Case, observation: &Observation) -> String {
    let mut out = format!("end: {}\n", observation.end);
    out.push_str(&format!("stdout: {}\n", observation.stdout));
    if observation.stderr.len > 0 && !matches!(case.fixture, Fixture::Rust) {
        out.push_str(&format!("stderr: {}\n", observation.stderr));
    }
    for (name, content) in &observation.received {
        out.push_str(&format!("received {name}: {content}\n"));
    }
    let calls = match &case.fixture {
        Fixture::Script(_) => normalise(&observation.trace.calls).split_off(search_calls(case, &observation.trace)),
        Fixture::Wat => without_search(&observation.trace),
        // which calls a standard library makes depends on its version
        Fixture::Rust => Vec::new(),
    };
    for (index, call) in calls.iter().enumerate() {
        out.push_str(&format!("{:>3} {} → {}\n", index + 1, call.question, call.answer));
    }
    for (path, before, after) in tree::differences(&TreeSnapshot::of_world(&case.world), &observation.tree) {
        out.push_str(&match (before, after) {
            (None, Some(after)) => format!("+ {path} {after}\n"),
            (Some(_), None) => format!("- {path}\n"),
            (_, after) => format!("~ {path} {}\n", after.unwrap_or_default()),
        });
    }
    out
}

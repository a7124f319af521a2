//! The only place where a verdict is made.
//!
//! Until there is an oracle, two witnesses judge: the author's expectation binds every runtime, and what no expectation
//! decides must equal the reference.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use semver::Version;
use serde::{Deserialize, Serialize};
use touchstone_spec::Function;

use crate::case::{Case, Expected, Fixture};
use crate::divergence::Divergence;
use crate::expect;
use crate::normalise::{Normalised, normalise};
use crate::observation::{End, Observation};
use crate::script::print::Bare;
use crate::trace::{Trace, TraceCall, TraceState};
use crate::tree::{self, Entry, TreeSnapshot};
use crate::world::Access;

/// What one case on one runtime came to. In the order from best to worst, so that the worst of several profiles is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the author expects, and otherwise equal to the reference.
    Pass,
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
    pub const ALL: [Verdict; 8] = [
        Verdict::Pass,
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
            Verdict::Pass | Verdict::Known | Verdict::Unsupported => true,
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
}

/// What a runtime may lack without being wrong, for which a probe of its own exists. The list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// The host can hand out a directory that the guest cannot change.
    ReadOnlyPreopens,
}

impl Feature {
    /// All features.
    pub const ALL: [Feature; 1] = [Feature::ReadOnlyPreopens];

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Feature::ReadOnlyPreopens => "read-only-preopens",
        }
    }

    /// Whether a case means nothing on a runtime without it.
    pub fn is_needed_by(self, case: &Case) -> bool {
        match self {
            Feature::ReadOnlyPreopens => case.world.preopens.iter().any(|preopen| preopen.access == Access::ReadOnly),
        }
    }
}

/// The judgement of a case that needs a feature which a probe has proven absent.
pub fn judge_without(case: &Case, absent: &[Feature]) -> Option<Judgement> {
    let missing = absent.iter().copied().find(|feature| feature.is_needed_by(case))?;
    Some(Judgement { verdict: Verdict::Unsupported, divergences: Vec::new(), differences: Vec::new(), unsupported: Some(missing) })
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
}

/// Who says what should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// The author of the case.
    Author,
    /// The reference runtime.
    Reference,
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
        claimed.extend(divergence.claims(evidence.runtime, evidence.version, evidence.profile, &evidence.case.id).cloned());
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
    let verdict = match evidence.observation.end {
        // everything that is on record is seen and everything that is seen is on record
        _ if texts == claimed && !texts.is_empty() && (!escaped || has_advisory()) => Verdict::Known,
        _ if escaped => Verdict::Escaped,
        End::Crashed { .. } | End::MemoryLimit => Verdict::Crashed,
        End::TimedOut => Verdict::TimedOut,
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } if texts.is_empty() && claimed.is_empty() => Verdict::Pass,
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } if texts.is_subset(&claimed) => Verdict::Stale,
        End::Exit { .. } | End::Trap { .. } | End::Rejected { .. } => Verdict::Failed,
    };
    if verdict == Verdict::Failed {
        ids.clear();
    }
    Judgement { verdict, divergences: ids, differences, unsupported: None }
}

/// Everything that is not as it should be, in the order in which a reader wants it: the calls first.
fn differences(evidence: &Evidence<'_>) -> Vec<Difference> {
    let Evidence { case, observation, .. } = evidence;
    let reference = &evidence.reference.filter(|reference| is_witness(case, reference));
    let mut out = Vec::new();
    let mut stopped = false;
    match &case.fixture {
        Fixture::Script(_) => stopped = script_calls(case, observation, *reference, &mut out),
        Fixture::Wat | Fixture::Rust => recorded_calls(observation, *reference, &mut out),
    }
    end(case, observation, stopped, &mut out);
    if !stopped {
        streams(case, observation, *reference, &mut out);
        trees(case, observation, *reference, &mut out);
    }
    host(observation, &mut out);
    out
}

/// Whether a reference can be asked about a case: one that does not do what the author expects is no witness there, since
/// whatever it did next may come from that.
fn is_witness(case: &Case, reference: &Observation) -> bool {
    let mut out = Vec::new();
    let stopped = script_calls(case, reference, None, &mut out);
    end(case, reference, stopped, &mut out);
    if !stopped {
        streams(case, reference, None, &mut out);
        trees(case, reference, None, &mut out);
    }
    out.is_empty()
}

/// `stopped`: a call did not come back, as its author permits. Then the run ends in a trap, whatever the front matter says, and
/// nothing can be said of what would have come after.
fn end(case: &Case, observation: &Observation, stopped: bool, out: &mut Vec<Difference>) {
    let is_trap = matches!(observation.end, End::Trap { .. });
    let (expected, seen) = (case.expect.end.to_string(), observation.end.to_string());
    if expected != seen && !(stopped && is_trap) {
        out.push(Difference { place: "end".to_owned(), expected, seen, call: None, witness: Witness::Author });
    }
}

fn streams(case: &Case, observation: &Observation, reference: Option<&Observation>, out: &mut Vec<Difference>) {
    let mut compare = |place: &str, expected: String, seen: String, witness| {
        if expected != seen {
            out.push(Difference { place: place.to_owned(), expected, seen, call: None, witness });
        }
    };
    let seen = observation.stdout.to_string();
    match (&case.expect.stdout, reference) {
        (Some(bytes), _) => {
            let expected = tree::Content::kept(bytes, crate::bounds::OUTPUT_KEPT_BYTES);
            compare("stdout", expected.to_string(), seen, Witness::Author);
        }
        (None, Some(reference)) => compare("stdout", reference.stdout.to_string(), seen, Witness::Reference),
        (None, None) => {}
    }
    // what a standard library says of a panic depends on its version
    let is_rust = matches!(case.fixture, Fixture::Rust);
    if let Some(reference) = reference.filter(|_| !is_rust) {
        compare("stderr", reference.stderr.to_string(), observation.stderr.to_string(), Witness::Reference);
    }
}

fn trees(case: &Case, observation: &Observation, reference: Option<&Observation>, out: &mut Vec<Difference>) {
    let text = |entry: Option<&Entry>| entry.map_or("nothing".to_owned(), Entry::to_string);
    for (path, expected) in &case.expect.after {
        let entry = observation.tree.0.get(path);
        if !expected.is_met(entry) {
            let place = format!("tree {path}");
            out.push(Difference { place, expected: expected.to_string(), seen: text(entry), call: None, witness: Witness::Author });
        }
    }
    let Some(reference) = reference else { return };
    for (path, expected, seen) in tree::differences(&reference.tree, &observation.tree) {
        let place = format!("tree {path}");
        let is_free = case.expect.after.get(&path) == Some(&Expected::Present);
        let is_known = out.iter().any(|difference| difference.place == place);
        if !is_free && !is_known {
            let [expected, seen] = [expected, seen].map(|text| text.unwrap_or("nothing".to_owned()));
            out.push(Difference { place, expected, seen, call: None, witness: Witness::Reference });
        }
    }
}

fn host(observation: &Observation, out: &mut Vec<Difference>) {
    let mut add = |place: &str, expected: &str, seen: &str| {
        out.push(Difference {
            place: place.to_owned(),
            expected: expected.to_owned(),
            seen: seen.to_owned(),
            call: None,
            witness: Witness::Host,
        });
    };
    for what in &observation.leaked_fds {
        add("host fds", "none left open", what);
    }
    for what in &observation.escapes {
        add("sandbox", "nothing outside the preopens", what);
    }
}

/// The calls of a script: those that stand in it, without the search for the preopens before them.
fn own_calls(trace: &Trace) -> (Vec<&TraceCall>, Vec<Normalised>) {
    // the search works on addresses below all that a script lays out, which tells it from the script's own calls
    let is_search = |call: &&TraceCall| match call.function {
        Function::FdPrestatGet | Function::FdPrestatDirName => {
            call.args.get(1).is_some_and(|address| *address < u64::from(crate::bounds::SEARCH_MEMORY_BYTES))
        }
        _ => false,
    };
    let skip = trace.calls.iter().take_while(is_search).count();
    (trace.calls.iter().skip(skip).collect(), normalise(trace).into_iter().skip(skip).collect())
}

/// The text for a call that a runtime did not come to.
fn missing(trace: &Trace) -> &'static str {
    match trace.state {
        TraceState::Complete => "not called",
        TraceState::Truncated => "not recorded, the trace is too long",
        TraceState::Lost => "no trace",
    }
}

/// Compares the calls of a script. Gives whether a call did not come back that its author says need not.
fn script_calls(case: &Case, observation: &Observation, reference: Option<&Observation>, out: &mut Vec<Difference>) -> bool {
    let (seen, seen_texts) = own_calls(&observation.trace);
    let expected_texts = reference.map(|reference| own_calls(&reference.trace).1);
    let Some(script) = case.script() else { return false };
    for (index, call) in script.calls().enumerate() {
        let place = format!("call {} {}", index + 1, call.function.name());
        let answer = seen_texts.get(index).map_or(missing(&observation.trace), |text| text.answer.as_str()).to_owned();
        let text = Some(Bare(call).to_string());
        // a reference that stopped earlier, as it may, says nothing about later calls
        let expected_answer = expected_texts.as_ref().and_then(|texts| texts.get(index)).map(|text| text.answer.clone());
        let recorded = seen.get(index);
        if !call.expect.is_empty() && !recorded.is_some_and(|recorded| expect::meets(&call.expect, recorded)) {
            let patterns: Vec<String> = call.expect.iter().map(ToString::to_string).collect();
            out.push(Difference { place, expected: patterns.join(" | "), seen: answer, call: text, witness: Witness::Author });
        } else if let Some(expected) = expected_answer
            && !recorded.is_some_and(|recorded| expect::decides(&call.expect, recorded))
            && expected != answer
        {
            out.push(Difference { place, expected, seen: answer, call: text, witness: Witness::Reference });
        }
        if recorded.is_some_and(|recorded| expect::stops(&call.expect, recorded)) {
            return true;
        }
    }
    false
}

/// The calls of a program, compared one by one up to the first that differs. What a program asks after the same answers must
/// be the same, else the engine computed wrongly. What it is answered is seen through what it makes of it: programs judge
/// their own results, and standard libraries ask many things that they do not depend on.
fn recorded_calls(observation: &Observation, reference: Option<&Observation>, out: &mut Vec<Difference>) {
    let Some(reference) = reference else { return };
    let is_whole = |trace: &Trace| trace.state == TraceState::Complete;
    if !is_whole(&observation.trace) || !is_whole(&reference.trace) {
        return;
    }
    let (seen, expected) = (without_search(&observation.trace), without_search(&reference.trace));
    for index in 0..seen.len().max(expected.len()) {
        let question = |calls: &[Normalised]| calls.get(index).map(|call| call.question.clone());
        if question(&seen) != question(&expected) {
            let name = expected.get(index).or(seen.get(index)).map_or("", |call| call.function.as_str());
            let text = |question: Option<String>| {
                question.map_or("the guest asks nothing more".to_owned(), |text| format!("the guest asks {text}"))
            };
            out.push(Difference {
                place: format!("call {} {name}", index + 1),
                expected: text(question(&expected)),
                seen: text(question(&seen)),
                call: None,
                witness: Witness::Reference,
            });
            return;
        }
        // random bytes, times and the order of entries are equal after normalisation, but a guest may act on them
        let answer = |calls: &[Normalised]| calls.get(index).map(|call| (call.answer.clone(), call.bytes.clone()));
        if answer(&seen) != answer(&expected) {
            return;
        }
    }
}

/// A trace without the calls that look for preopens: where those stand in the fd table is each runtime's own affair.
pub fn without_search(trace: &Trace) -> Vec<Normalised> {
    let all = normalise(trace).into_iter();
    all.filter(|call| call.function != "fd_prestat_get" && call.function != "fd_prestat_dir_name").collect()
}

/// What a run of the reference showed, as the text that is snapshotted: small, sorted, free of host, time and path.
pub fn snapshot(case: &Case, observation: &Observation) -> String {
    let mut out = format!("end: {}\n", observation.end);
    out.push_str(&format!("stdout: {}\n", observation.stdout));
    if observation.stderr.len > 0 && !matches!(case.fixture, Fixture::Rust) {
        out.push_str(&format!("stderr: {}\n", observation.stderr));
    }
    let calls = match &case.fixture {
        Fixture::Script(_) => own_calls(&observation.trace).1,
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

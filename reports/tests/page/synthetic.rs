//! Runs that nobody ran: small ones to look at closely, and ones of any size. The browser's tests use them as well.

use std::collections::{BTreeMap, BTreeSet};

use touchstone_model::Verdict;
use touchstone_model::coverage::Cells;
use touchstone_model::judge::{Difference, Judgement, Witness};
use touchstone_model::oracle::Said;
use touchstone_model::result::{CaseResult, ProfileResult, RuntimeResult, Tightness};
use touchstone_model::shown::{Judged, Shown, ShownCall};
use touchstone_model::trace::TraceState;
use touchstone_reports::page::{self, ClauseText, OutcomeText, PageContext};
use touchstone_reports::{Context, Report, Runtime};

/// Functions of which synthetic cases and clauses are.
const FUNCTIONS: [&str; 8] = ["fd_close", "fd_read", "fd_readdir", "fd_seek", "fd_write", "path_open", "path_rename", "path_unlink_file"];
/// Clauses of each function.
const CLAUSES_EACH: usize = 90;
/// Calls of each case.
const CALLS: usize = 12;

/// A run.
pub(crate) struct Run {
    pub(crate) results: Vec<CaseResult>,
    pub(crate) clauses: Vec<ClauseText>,
    pub(crate) runtimes: Vec<String>,
}

impl Run {
    /// So many cases on so many runtimes, of which every fifth departs somewhere.
    pub(crate) fn new(cases: usize, runtimes: usize) -> Run {
        let runtimes: Vec<String> =
            (0..runtimes).map(|index| if index == 0 { "oracle".to_owned() } else { format!("runtime-{index}") }).collect();
        let mut results: Vec<CaseResult> = (0..cases).map(|index| case(index, &runtimes)).collect();
        results.sort_by(|a, b| a.id.cmp(&b.id));
        let clauses = FUNCTIONS.iter().flat_map(|function| (0..CLAUSES_EACH).map(move |index| clause(function, index)));
        Run { results, clauses: clauses.collect(), runtimes }
    }

    pub(crate) fn report(&self) -> Report {
        let row = |name: &String| Runtime {
            name: name.clone(),
            version: "1.0.0".to_owned(),
            family: name.clone(),
            wasi: format!("wasi of {name}"),
            preflight: "ok".to_owned(),
            built_in: true,
            verdicts: BTreeMap::new(),
        };
        let context = Context {
            reference: "oracle".to_owned(),
            runtimes: self.runtimes.iter().map(row).collect(),
            universe: Cells::default(),
            cases: self.results.len(),
            files: BTreeMap::new(),
            shard: None,
            varies: BTreeSet::new(),
        };
        Report::new(&context, &self.results, &BTreeMap::new(), Vec::new(), true, 1.5)
    }

    pub(crate) fn page(&self) -> String {
        let context =
            PageContext { sources: &[], clauses: &self.clauses, divergences: &[], universe: &Cells::default(), baseline: None, flags: "" };
        page::page(&self.report(), &self.results, &context).expect("a page")
    }
}

fn clause_id(function: &str, index: usize) -> String {
    format!("{function}.property-{index:02}")
}

fn clause(function: &str, index: usize) -> ClauseText {
    let outcome = |answer| OutcomeText {
        answer,
        text: None,
        evidence: format!("POSIX {function}(), ERRORS [EINVAL]: the argument is not valid"),
        discouraged: false,
        linux: false,
    };
    ClauseText {
        id: clause_id(function, index),
        title: format!("what {function} does where its property {index} holds"),
        level: ["must", "should", "may"][index % 3],
        authority: ["spec", "posix", "convention", "open"][index % 4],
        anchor: format!("{function}; POSIX"),
        note: "A note in a few words, as there is one for each clause.".to_owned(),
        unproven: None,
        outcomes: if index.is_multiple_of(3) { vec![outcome("inval"), outcome("badf")] } else { vec![outcome("inval")] },
    }
}

fn case(index: usize, runtimes: &[String]) -> CaseResult {
    let function = FUNCTIONS[index % FUNCTIONS.len()];
    let clauses: Vec<String> = (0..3).map(|more| clause_id(function, (index / FUNCTIONS.len() + more * 7) % CLAUSES_EACH)).collect();
    let mut shown = vec![run(index, function, &clauses, None)];
    let results = runtimes.iter().enumerate().map(|(runtime, name)| {
        let verdict = verdict(index, runtime);
        let departs = matches!(verdict, Verdict::Known | Verdict::Failed | Verdict::Crashed);
        let place = if departs || verdict == Verdict::Permitted {
            shown.push(run(index, function, &clauses, Some((runtime, departs))));
            shown.len() - 1
        } else {
            0
        };
        let differences = if departs { vec![difference(function, runtime, &clauses)] } else { Vec::new() };
        (name.clone(), runtime_result(verdict, differences, place))
    });
    let runtimes = results.collect();
    CaseResult {
        id: format!("area-{:02}/case-{index:04}", index % 20),
        summary: format!("what {function} does in the synthetic case {index}, and that it says so"),
        clauses,
        runtimes,
        snapshot: None,
        tightness: Tightness { calls: CALLS, single: CALLS },
        cells: Cells::default(),
        shown,
    }
}

fn verdict(case: usize, runtime: usize) -> Verdict {
    match (case * 31 + runtime * 17) % 20 {
        _ if runtime == 0 => Verdict::Pass,
        0 => Verdict::Failed,
        1 | 2 => Verdict::Known,
        3..=6 => Verdict::Permitted,
        7 if case % 50 == 7 => Verdict::Crashed,
        _ => Verdict::Pass,
    }
}

/// A difference at the sixth call.
fn difference(function: &str, runtime: usize, clauses: &[String]) -> Difference {
    Difference {
        place: format!("call 6 {function}"),
        expected: "inval".to_owned(),
        seen: format!("io on runtime {runtime}"),
        call: Some(format!("{function}(4, 5)")),
        witness: Witness::Oracle,
        clauses: clauses[..1].to_vec(),
    }
}

pub(crate) fn runtime_result(verdict: Verdict, differences: Vec<Difference>, shown: usize) -> RuntimeResult {
    let judgement =
        Judgement { verdict, divergences: Vec::new(), differences, unsupported: None, permitted_by: Vec::new(), discouraged: Vec::new() };
    let profile = ProfileResult {
        judgement,
        end: "exit 0".to_owned(),
        trace: Vec::new(),
        chosen: BTreeMap::from([("fd_seek.property-00".to_owned(), BTreeSet::from(["inval".to_owned()]))]),
        errnos: BTreeMap::new(),
        shown: Some(shown),
    };
    RuntimeResult { profiles: BTreeMap::from([("default".to_owned(), profile)]) }
}

/// A run whose sixth call is answered in a way of its own, where a runtime is given, and whether that departs.
fn run(case: usize, function: &str, clauses: &[String], own: Option<(usize, bool)>) -> Shown {
    let calls = (1..=CALLS).map(|number| {
        let differs = own.filter(|_| number == 6);
        let departs = differs.is_some_and(|(_, departs)| departs);
        let said = if departs { Said::Rejected } else { Said::Accepted };
        let departures = if departs { vec![("inval".to_owned(), clauses[..1].to_vec())] } else { Vec::new() };
        ShownCall {
            number,
            question: format!("{function}(fd: #1, offset: {}, case: {case})", number * 100),
            answer: differs.map_or("inval".to_owned(), |(runtime, _)| format!("io on runtime {runtime}")),
            judged: Some(Judged { said, permitted: "inval".to_owned(), clauses: clauses.to_vec(), departures, missed: Vec::new() }),
        }
    });
    Shown {
        calls: calls.collect(),
        state: TraceState::Complete,
        end: "exit 0".to_owned(),
        stdout: "\"\"".to_owned(),
        received: Vec::new(),
        changes: vec![("root:new".to_owned(), None, Some("file \"x\"".to_owned()))],
    }
}

//! What a run showed as text, call by call beside what was permitted: what people compare side by side.

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::judge::{is_search, search_calls};
use crate::normalise::normalise;
use crate::observation::Observation;
use crate::oracle::{CallReport, OracleReport, Said};
use crate::trace::TraceState;
use crate::tree::{self, TreeSnapshot};

/// A run, normalised: two that show the same are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The guest's calls without those that look for its preopens, in order.
    pub calls: Vec<ShownCall>,
    /// Whether there are all of them.
    pub state: TraceState,
    pub end: String,
    pub stdout: String,
    /// What the other side of each connection received.
    pub received: Vec<(String, String)>,
    /// What is not as it was: `preopen:path`, entry before, entry after.
    pub changes: Vec<(String, Option<String>, Option<String>)>,
}

/// One call of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCall {
    /// As differences count calls, from 1.
    pub number: usize,
    pub question: String,
    pub answer: String,
    /// What the oracle says of it. `None` where it says nothing.
    pub judged: Option<Judged>,
}

/// What an oracle says of a call, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub said: Said,
    /// The answers that are permitted in the state that the run is in: `inval | overflow`.
    pub permitted: String,
    /// Ids of the clauses that apply.
    pub clauses: Vec<String>,
    /// What is wrong with it: what it must be, and the ids of the clauses that say so.
    pub departures: Vec<(String, Vec<String>)>,
    /// Ids of the clauses of level `should` that it misses.
    pub missed: Vec<String>,
}

impl Shown {
    /// What a run of a case showed, with what the oracle says of it.
    pub fn new(case: &Case, observation: &Observation, oracle: &OracleReport) -> Shown {
        let search = search_calls(case, &observation.trace);
        let calls = normalise(&observation.trace.calls).into_iter().enumerate().skip(search);
        let calls = calls.filter(|(_, call)| !is_search(case, &call.function)).map(|(index, call)| ShownCall {
            number: index + 1 - search,
            question: call.question,
            answer: call.answer,
            judged: oracle.calls.get(index).map(Judged::new),
        });
        Shown {
            calls: calls.collect(),
            state: observation.trace.state,
            end: observation.end.to_string(),
            stdout: observation.stdout.to_string(),
            received: observation.received.iter().map(|(name, content)| (name.clone(), content.to_string())).collect(),
            changes: tree::differences(&TreeSnapshot::of_world(&case.world), &observation.tree),
        }
    }
}

impl Judged {
    fn new(report: &CallReport) -> Judged {
        let ids = |clauses: &[touchstone_spec::ClauseId]| clauses.iter().map(|clause| clause.id().to_owned()).collect();
        Judged {
            said: report.said,
            permitted: match report.said {
                Said::Accepted | Said::Rejected => report.permitted.to_string(),
                Said::Unjudged => "anything: nothing is known of what it is about".to_owned(),
            },
            clauses: ids(&report.clauses),
            departures: report.departures.iter().map(|departure| (departure.expected.clone(), ids(&departure.clauses))).collect(),
            missed: ids(&report.missed),
        }
    }
}

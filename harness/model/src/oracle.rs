//! What an oracle says of a run. It is made by the crate above this one; the types stand here because judgement works on them.

use touchstone_spec::ClauseId;

/// What an oracle says of all that a run showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OracleReport {
    /// One for each call of the trace, in order.
    pub calls: Vec<CallReport>,
    /// What is wrong with the run besides its calls: its end, its output, the tree that it left.
    pub run: Vec<Departure>,
    /// What the runtime chose where a choice binds the whole run: name and value.
    pub choices: Vec<(&'static str, &'static str)>,
}

/// What an oracle says of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallReport {
    pub said: Said,
    /// Clauses that applied, each once.
    pub clauses: Vec<ClauseId>,
    /// What was permitted, in words: `inval | overflow`, `ok`.
    pub permitted: String,
    /// How many answers were permitted: error codes, success and not coming back each count as one.
    pub alternatives: u32,
    /// What is wrong with it, where it was rejected.
    pub departures: Vec<Departure>,
    /// Clauses of level `should` that it misses.
    pub missed: Vec<ClauseId>,
}

/// Whether a call is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Accepted,
    Rejected,
    /// It is about something of which nothing is known, such as a directory of the runtime's own making.
    Unjudged,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Where, if it is about no call: `end`, `stdout`, `tree root:file`.
    pub place: String,
    pub expected: String,
    /// What was seen; `None` where the answer of the call says it.
    pub seen: Option<String>,
    pub clauses: Vec<ClauseId>,
}

impl OracleReport {
    /// Whether nothing is wrong with the run.
    pub fn is_accepted(&self) -> bool {
        self.run.is_empty() && self.calls.iter().all(|call| call.said != Said::Rejected)
    }
}

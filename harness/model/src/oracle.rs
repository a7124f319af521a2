//! What an oracle says of a run. It is made by the crate above this one; the types stand here because judgement works on them.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};
use touchstone_spec::{ClauseId, Errno, Level};

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
    pub permitted: Permitted,
    /// What is wrong with it, where it was rejected.
    pub departures: Vec<Departure>,
    /// Clauses of level `should` that it misses.
    pub missed: Vec<ClauseId>,
}

/// The answers that a call may give. In words, success comes first, then errors in the order of their numbers: `ok | inval | overflow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permitted {
    pub success: bool,
    /// A bit for each error code.
    pub errnos: u128,
    /// It need not come back.
    pub no_return: bool,
}

impl Permitted {
    /// How many answers there are: each error code, success and not coming back count as one.
    pub fn alternatives(&self) -> u32 {
        self.errnos.count_ones() + u32::from(self.success) + u32::from(self.no_return)
    }
}

impl Display for Permitted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let errnos = Errno::ALL.into_iter().filter(|errno| self.errnos >> errno.raw() & 1 == 1).map(Errno::name);
        let words = self.success.then_some("ok").into_iter().chain(errnos).chain(self.no_return.then_some("no return"));
        for (index, word) in words.enumerate() {
            let separator = if index > 0 { " | " } else { "" };
            write!(f, "{separator}{word}")?;
        }
        Ok(())
    }
}

/// Whether a call is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

impl CallReport {
    /// The clauses that leave a choice, or if there is none, all.
    pub fn open_clauses(&self) -> Vec<ClauseId> {
        let several = |clause: &ClauseId| clause.clause().outcomes.len() > 1 || clause.clause().level != Level::Must;
        let open: Vec<ClauseId> = self.clauses.iter().copied().filter(several).collect();
        if open.is_empty() { self.clauses.clone() } else { open }
    }
}

impl OracleReport {
    /// Whether nothing is wrong with the run.
    pub fn is_accepted(&self) -> bool {
        self.run.is_empty() && self.calls.iter().all(|call| call.said != Said::Rejected)
    }
}

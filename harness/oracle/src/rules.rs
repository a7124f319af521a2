//! What each clause permits, in the form that the oracle works with.

use std::sync::LazyLock;

use touchstone_spec::{ClauseId, Errno, Level, Permitted};

/// A set of error codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErrnoSet(u128);

impl ErrnoSet {
    /// The set with one code more.
    pub fn with(self, errno: Errno) -> ErrnoSet {
        ErrnoSet(self.0 | 1 << errno.raw())
    }

    /// Whether the set has a code, by its number.
    pub fn has(self, raw: u32) -> bool {
        raw < 128 && self.0 >> raw & 1 == 1
    }

    /// All codes of two sets.
    pub fn union(self, other: ErrnoSet) -> ErrnoSet {
        ErrnoSet(self.0 | other.0)
    }

    /// The set as bits, by the codes' numbers.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// How many codes there are.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is no code.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a clause permits where it applies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) errnos: ErrnoSet,
    /// Codes that miss a `should`.
    pub(crate) discouraged: ErrnoSet,
    pub(crate) success: bool,
    /// Success misses a `should`.
    pub(crate) success_discouraged: bool,
    pub(crate) trap: bool,
    /// The first outcome, where that is no success.
    pub(crate) preferred: Option<Preferred>,
    /// The outcome that the Linux kernel chooses, where that is no success.
    pub(crate) on_linux: Option<Preferred>,
}

/// How a call ends that does not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preferred {
    Errno(Errno),
    Trap,
}

impl Rule {
    /// The rule of a clause.
    pub(crate) fn of(clause: ClauseId) -> &'static Rule {
        static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| ClauseId::all().map(Rule::read).collect());
        &RULES[clause.index()]
    }

    fn read(clause: ClauseId) -> Rule {
        let mut rule = Rule {
            errnos: ErrnoSet::default(),
            discouraged: ErrnoSet::default(),
            success: false,
            success_discouraged: false,
            trap: false,
            preferred: None,
            on_linux: None,
        };
        let clause = clause.clause();
        let chosen = clause.outcomes.iter().position(|permit| permit.linux).unwrap_or_default();
        for (index, permit) in clause.outcomes.iter().enumerate() {
            let discouraged = permit.discouraged && clause.level == Level::Should;
            match permit.outcome {
                Permitted::Errno(errno) => {
                    rule.errnos = rule.errnos.with(errno);
                    rule.discouraged = if discouraged { rule.discouraged.with(errno) } else { rule.discouraged };
                    rule.prefer(Preferred::Errno(errno), index, chosen);
                }
                Permitted::Success(_) => {
                    rule.success = true;
                    rule.success_discouraged = discouraged;
                }
                Permitted::Trap(_) => {
                    rule.trap = true;
                    rule.prefer(Preferred::Trap, index, chosen);
                }
            }
        }
        rule
    }

    fn prefer(&mut self, outcome: Preferred, index: usize, chosen: usize) {
        self.preferred = if index == 0 { Some(outcome) } else { self.preferred };
        self.on_linux = if index == chosen { Some(outcome) } else { self.on_linux };
    }
}

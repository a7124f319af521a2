//! What a suite reaches, counted in cells. A cell is a place in a table: an axis such as `fd-kinds`, a row in it such as `fd_read`,
//! and a column such as `directory`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::trace::Trace;
use crate::value::errno_text;

/// The rows of a table, each with its columns.
pub type Rows = BTreeMap<String, BTreeSet<String>>;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Clauses that applied to a call.
    ClausesReached,
    /// Clauses that a case cites.
    ClausesCited,
    /// Functions that were called.
    Functions,
    /// Error codes that functions answered.
    Errnos,
    /// Kinds of descriptor that functions were given.
    FdKinds,
    /// Classes of path that functions were given.
    Paths,
    /// For each type of flags: none of them, and each one alone.
    Flags,
    /// For each type of flags: every two of them together.
    FlagPairs,
    /// For each type of number: its ranges.
    Numbers,
}

impl Axis {
    /// All axes.
    pub const ALL: [Axis; 9] = [
        Axis::ClausesReached,
        Axis::ClausesCited,
        Axis::Functions,
        Axis::Errnos,
        Axis::FdKinds,
        Axis::Paths,
        Axis::Flags,
        Axis::FlagPairs,
        Axis::Numbers,
    ];

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Axis::ClausesReached => "clauses-reached",
            Axis::ClausesCited => "clauses-cited",
            Axis::Functions => "functions",
            Axis::Errnos => "errnos",
            Axis::FdKinds => "fd-kinds",
            Axis::Paths => "paths",
            Axis::Flags => "flags",
            Axis::FlagPairs => "flag-pairs",
            Axis::Numbers => "numbers",
        }
    }

    /// What is counted, in words.
    pub fn meaning(self) -> &'static str {
        match self {
            Axis::ClausesReached => "clauses that applied to a call on the reference, by subject",
            Axis::ClausesCited => "clauses that a case cites, by subject",
            Axis::Functions => "functions that a guest called",
            Axis::Errnos => "errors that the clauses of a function permit, seen on any runtime of this run",
            Axis::FdKinds => "kinds of descriptor that each function was given",
            Axis::Paths => "classes of path that each function was given",
            Axis::Flags => "flags, each alone, and none",
            Axis::FlagPairs => "flags, every two of a type together",
            Axis::Numbers => "ranges of each type of number; 2^64-1 is -1 where a type is signed",
        }
    }
}

/// Cells, in a stable order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cells(pub BTreeMap<Axis, Rows>);

/// How many cells of an axis there are, and how many of them were reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    pub covered: usize,
    pub total: usize,
}

impl Cells {
    /// Adds a cell.
    pub fn add(&mut self, axis: Axis, row: &str, column: &str) {
        let rows = self.0.entry(axis).or_default();
        if !rows.get(row).is_some_and(|columns| columns.contains(column)) {
            rows.entry(row.to_owned()).or_default().insert(column.to_owned());
        }
    }

    /// Adds the cell of a clause, whose row is its subject.
    pub fn add_clause(&mut self, axis: Axis, id: &str) {
        let (subject, property) = id.split_once('.').unwrap_or((id, ""));
        self.add(axis, subject, property);
    }

    /// Adds the cell of a function, whose row is the beginning of its name.
    pub fn add_function(&mut self, name: &str) {
        self.add(Axis::Functions, name.split('_').next().unwrap_or(name), name);
    }

    /// Adds the cells of an axis.
    pub fn extend(&mut self, axis: Axis, rows: &Rows) {
        for (row, columns) in rows {
            columns.iter().for_each(|column| self.add(axis, row, column));
        }
    }

    /// Adds all cells of another set.
    pub fn merge(&mut self, other: &Cells) {
        other.0.iter().for_each(|(axis, rows)| self.extend(*axis, rows));
    }

    /// The rows of an axis.
    pub fn rows(&self, axis: Axis) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
        self.0.get(&axis).into_iter().flatten()
    }

    /// How many cells an axis has here.
    pub fn count(&self, axis: Axis) -> usize {
        self.rows(axis).map(|(_, columns)| columns.len()).sum()
    }

    /// The cells of an axis that are in both sets, or with `!both` those that are in this one alone.
    fn compared(&self, other: &Cells, axis: Axis, both: bool) -> Rows {
        let theirs = other.0.get(&axis);
        let has = |row: &String, column: &String| theirs.and_then(|rows| rows.get(row)).is_some_and(|columns| columns.contains(column));
        let kept = self.rows(axis).map(|(row, columns)| {
            let columns: BTreeSet<String> = columns.iter().filter(|column| has(row, column) == both).cloned().collect();
            (row.clone(), columns)
        });
        kept.filter(|(_, columns)| !columns.is_empty()).collect()
    }

    /// The cells of an axis that are in both sets.
    pub fn shared(&self, other: &Cells, axis: Axis) -> Rows {
        self.compared(other, axis, true)
    }

    /// The cells of an axis that are here and not there.
    pub fn without(&self, other: &Cells, axis: Axis) -> Rows {
        self.compared(other, axis, false)
    }

    /// How much of all cells there are was reached.
    pub fn share(&self, all: &Cells, axis: Axis) -> Share {
        Share { covered: all.shared(self, axis).values().map(BTreeSet::len).sum(), total: all.count(axis) }
    }
}

/// The errors that each function answered in a run.
pub fn errnos(trace: &Trace) -> Rows {
    let mut out = Rows::new();
    for call in &trace.calls {
        if let Some(outcome) = call.outcome.as_ref().filter(|outcome| outcome.errno != 0) {
            out.entry(call.function.name().to_owned()).or_default().insert(errno_text(outcome.errno));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(list: &[(&str, &str)]) -> Cells {
        let mut out = Cells::default();
        list.iter().for_each(|(row, column)| out.add(Axis::Errnos, row, column));
        out
    }

    #[test]
    fn what_is_no_cell_of_the_axis_is_not_counted() {
        let all = cells(&[("fd_read", "badf"), ("fd_read", "inval"), ("fd_seek", "inval")]);
        let seen = cells(&[("fd_read", "badf"), ("fd_read", "io"), ("fd_tell", "badf")]);
        assert_eq!(seen.share(&all, Axis::Errnos), Share { covered: 1, total: 3 });
        assert_eq!(all.without(&seen, Axis::Errnos).len(), 2);
        assert_eq!(seen.without(&all, Axis::Errnos)["fd_read"], BTreeSet::from(["io".to_owned()]));
        assert_eq!(seen.share(&all, Axis::Numbers), Share::default());
    }
}

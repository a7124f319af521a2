//! What a suite reaches and what it does not, cell by cell.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use touchstone_model::coverage::{Axis, Cells, Rows, Share};
use touchstone_model::result::CaseResult;

use crate::{reached, with_every_runtime};

/// Columns of a row that are listed before the rest is only counted.
const MOST_COLUMNS: usize = 40;
/// Characters of a line.
const LINE: usize = 120;

/// What a suite reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoverageDetails {
    pub reference: String,
    /// All runtimes of the run.
    pub runtimes: Vec<String>,
    pub cases: usize,
    pub axes: BTreeMap<Axis, AxisDetails>,
    /// Of the errors that are covered, those that the reference never answered: runtime to function to errors.
    pub errnos_on_others_only: BTreeMap<String, Rows>,
    /// Errors that were seen although no clause of the function permits them: a topic's clause does, or none.
    pub errnos_beyond_own_clauses: Rows,
}

/// The cells of one axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AxisDetails {
    #[serde(flatten)]
    pub share: Share,
    pub not_covered: Rows,
    pub covered_cells: Rows,
}

impl CoverageDetails {
    /// Sets what cases reach against all that there is.
    pub fn new(reference: &str, runtimes: &[String], universe: &Cells, results: &[CaseResult]) -> CoverageDetails {
        let on_reference = reached(results);
        let all = with_every_runtime(on_reference.clone(), results);
        let axis = |axis: Axis| AxisDetails {
            share: all.share(universe, axis),
            not_covered: universe.without(&all, axis),
            covered_cells: universe.shared(&all, axis),
        };
        CoverageDetails {
            reference: reference.to_owned(),
            runtimes: runtimes.to_vec(),
            cases: results.len(),
            axes: Axis::ALL.into_iter().map(|name| (name, axis(name))).collect(),
            errnos_on_others_only: on_others_only(universe, &on_reference, results),
            errnos_beyond_own_clauses: all.without(universe, Axis::Errnos),
        }
    }

    /// As JSON with a line break at its end.
    pub fn json(&self) -> String {
        // a structure of strings, numbers and maps with string keys always has a JSON form
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// As text: how much of each axis, then cell by cell, what is not covered first.
    pub fn text(&self) -> String {
        let mut out = format!("{} cases on {}\n\n", self.cases, self.runtimes.join(", "));
        for (axis, AxisDetails { share, .. }) in &self.axes {
            out.push_str(&format!("{:<16} {:>5} of {:>5}  {}\n", axis.name(), share.covered, share.total, axis.meaning()));
        }
        for (axis, details) in &self.axes {
            let Share { covered, total } = details.share;
            out.push_str(&format!("\n{}: {} of {total} not covered\n", axis.name(), total - covered));
            out.push_str(&lines(&details.not_covered));
            out.push_str(&format!("{}: {covered} of {total} covered\n", axis.name()));
            out.push_str(&lines(&details.covered_cells));
            if *axis == Axis::Errnos {
                out.push_str(&self.errno_lines());
            }
        }
        out
    }

    fn errno_lines(&self) -> String {
        let mut out = String::new();
        for (runtime, rows) in &self.errnos_on_others_only {
            out.push_str(&format!("errnos: of these, seen on {runtime} and not on {}\n{}", self.reference, lines(rows)));
        }
        if !self.errnos_beyond_own_clauses.is_empty() {
            out.push_str("errnos: seen although no clause of the function itself permits them (a topic such as path-resolution may)\n");
            out.push_str(&lines(&self.errnos_beyond_own_clauses));
        }
        out
    }
}

fn on_others_only(universe: &Cells, on_reference: &Cells, results: &[CaseResult]) -> BTreeMap<String, Rows> {
    let mut seen: BTreeMap<String, Cells> = BTreeMap::new();
    for (name, runtime) in results.iter().flat_map(|result| &result.runtimes) {
        let cells = seen.entry(name.clone()).or_default();
        runtime.profiles.values().for_each(|profile| cells.extend(Axis::Errnos, &profile.errnos));
    }
    let new = seen.into_iter().map(|(name, cells)| {
        let mut permitted = Cells::default();
        permitted.extend(Axis::Errnos, &cells.shared(universe, Axis::Errnos));
        (name, permitted.without(on_reference, Axis::Errnos))
    });
    new.filter(|(_, rows)| !rows.is_empty()).collect()
}

/// A paragraph for each row.
fn lines(rows: &Rows) -> String {
    let width = rows.keys().map(String::len).max().unwrap_or_default();
    rows.iter().map(|(row, columns)| paragraph(row, width, columns)).collect()
}

fn paragraph(row: &str, width: usize, columns: &BTreeSet<String>) -> String {
    let mut words: Vec<String> = columns.iter().take(MOST_COLUMNS).cloned().collect();
    if columns.len() > MOST_COLUMNS {
        words.push(format!("and {} more, which `--format json` lists", columns.len() - MOST_COLUMNS));
    }
    let indent = width + 4;
    let mut out = String::new();
    let mut line = format!("  {row:<width$}  ");
    let count = words.len();
    for (index, mut word) in words.into_iter().enumerate() {
        if index + 1 < count {
            word.push(',');
        }
        if line.len() + word.len() > LINE && line.trim_end().len() > indent {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
        }
        line.push_str(&word);
        line.push(' ');
    }
    out.push_str(line.trim_end());
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_are_wrapped_and_very_long_ones_cut() {
        let columns: BTreeSet<String> = (0..100).map(|index| format!("column-{index:03}")).collect();
        let text = paragraph("row", 5, &columns);
        assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
        assert!(text.starts_with("  row    column-000, ") && text.ends_with("and 60 more, which `--format json` lists\n"), "{text}");
    }
}

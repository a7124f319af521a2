//! The table that people read.

use owo_colors::OwoColorize;
use touchstone_cli::human;

use crate::figures::short;
use crate::own::Figure;
use crate::report::{Line, NOTES, Report};

/// From this ratio on a cell is shown as slow, and as very slow.
const SLOW: f64 = 5.0;
const VERY_SLOW: f64 = 25.0;

/// The whole of it: calls by group, Touchstone's own figures, and what has to be known about both.
pub fn text(report: &Report, names: &[String]) -> String {
    let mut out = String::new();
    if !report.calls.is_empty() {
        out += &calls(&report.calls, names);
    }
    if !report.own.is_empty() {
        out += &format!("\n{}", own(&report.own));
    }
    out.push('\n');
    NOTES.iter().for_each(|note| out += &format!("- {note}\n"));
    out
}

/// A line for each benchmark. The last columns are ratios.
fn calls(lines: &[Line], names: &[String]) -> String {
    let widest = lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
    let mut out = format!("{:<widest$}  {:>11}", "ratio to linux", "linux ns");
    names.iter().for_each(|name| out += &format!("  {name:>9}"));
    out.push('\n');
    let mut group = "";
    for line in lines {
        if line.group != group {
            group = line.group;
            out += &format!("{group}\n");
        }
        let floor = line.linux_nanoseconds.map_or_else(|| "-".to_owned(), |spread| short(spread.median));
        out += &format!("{:<widest$}  {floor:>11}", line.name);
        names.iter().for_each(|name| out += &format!("  {}", cell(line, name)));
        out.push('\n');
    }
    out
}

fn cell(line: &Line, name: &str) -> String {
    let of = line.runtimes.get(name);
    let ratio = of.and_then(|of| of.ratio).map(|spread| spread.median);
    let text = match (ratio, of.and_then(|of| of.wrong.as_ref())) {
        (_, Some(_)) => "wrong".to_owned(),
        (Some(ratio), None) => short(ratio),
        (None, None) if of.is_some_and(|of| of.hangs.is_some()) => "hangs".to_owned(),
        (None, None) => "-".to_owned(),
    };
    let padded = format!("{text:>9}");
    match ratio {
        _ if !human::colours() => padded,
        Some(ratio) if ratio >= VERY_SLOW => padded.red().to_string(),
        Some(ratio) if ratio >= SLOW => padded.yellow().to_string(),
        Some(_) => padded.green().to_string(),
        None => padded,
    }
}

/// Touchstone's own figures.
fn own(figures: &[Figure]) -> String {
    let head = ["Touchstone itself", "figure", "", "ratio", ""].map(str::to_owned);
    let rows = figures.iter().map(|figure| {
        let ratio = figure.ratio.map_or_else(String::new, |ratio| format!("×{}", short(ratio)));
        [figure.name.clone(), short(figure.value), figure.unit.to_owned(), ratio, figure.than.clone()]
    });
    human::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

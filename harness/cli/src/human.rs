//! What people read on a terminal: tables, differences, progress.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;
use touchstone_model::Verdict;
use touchstone_model::judge::{Difference, Witness};
use touchstone_model::result::CaseResult;
use touchstone_reports::{COLUMNS, Report, WITHHELD};

use crate::Failure;

/// Why stdout did not take all that was written to it.
static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// Writes to stdout. A reader that has gone away (`| head`) ends the output, not the program; of anything else [`unwritten`] tells at the end.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // the first says enough
            let _ = UNWRITTEN.set(error);
        }
        _ => {}
    }
}

/// What could not be written, if anything.
pub fn unwritten() -> Option<Failure> {
    UNWRITTEN.get().map(|error| Failure::Other(format!("write to standard output: {error}")))
}

/// The flags by which another command takes the same suites.
pub fn suite_flags(folders: &[PathBuf]) -> String {
    let quoted = |path: &PathBuf| shlex::try_quote(&path.display().to_string()).map_or_else(|_| "?".to_owned(), Cow::into_owned);
    folders.iter().map(|path| format!(" --suite {}", quoted(path))).collect()
}

/// Whether stdout may have colours.
pub fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Rows with their columns aligned; the first row is a heading.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The final table: runtime by verdict. Columns without a case are left out.
pub fn verdicts(report: &Report) -> String {
    let count = |runtime: &touchstone_reports::Runtime, column: &str| runtime.verdicts.get(column).copied().unwrap_or_default();
    let used = |column: &&str| *column == "pass" || report.runtimes.iter().any(|runtime| count(runtime, column) > 0);
    let columns: Vec<&str> = COLUMNS.into_iter().filter(used).collect();
    let name_width = report.runtimes.iter().map(|runtime| runtime.name.len() + runtime.version.len() + 1).max().unwrap_or_default().max(7);
    let mut out = format!("{:<name_width$}", "runtime");
    columns.iter().for_each(|column| out.push_str(&format!("  {column:>9}")));
    out.push('\n');
    for runtime in &report.runtimes {
        out.push_str(&format!("{:<name_width$}", format!("{} {}", runtime.name, runtime.version)));
        for column in &columns {
            let cell = format!("{:>9}", count(runtime, column));
            out.push_str(&format!("  {}", paint(&cell, column, count(runtime, column))));
        }
        out.push('\n');
    }
    out
}

fn paint(cell: &str, column: &str, count: usize) -> String {
    match column {
        _ if !colours() || count == 0 => cell.to_owned(),
        "pass" | "permitted" => cell.green().to_string(),
        "known" | "discouraged" | "unsupported" => cell.yellow().to_string(),
        _ => cell.red().bold().to_string(),
    }
}

/// Everything about a case that is not green: the call, what was expected, what was seen, and how to see it again, for which
/// `flags` are those of this run that matter.
pub fn failures(result: &CaseResult, reference: &str, disclose: bool, flags: &str) -> String {
    let mut out = String::new();
    for (runtime, profiles) in &result.runtimes {
        let Some(verdict) = profiles.verdict().filter(|verdict| !verdict.is_green()) else { continue };
        let head = format!("{verdict}: {} on {runtime}", result.id);
        out.push_str(&format!("\n{}\n  {}\n", if colours() { head.red().bold().to_string() } else { head }, result.summary));
        let mut shown: Vec<(&Vec<Difference>, Vec<&str>)> = Vec::new();
        for (profile, result) in profiles.profiles.iter().filter(|(_, result)| !result.judgement.verdict.is_green()) {
            let differences = &result.judgement.differences;
            match shown.iter_mut().find(|(known, _)| *known == differences) {
                Some((_, names)) => names.push(profile),
                None => shown.push((differences, vec![profile])),
            }
            if result.judgement.verdict == Verdict::Stale {
                out.push_str(&format!(
                    "  {} no longer holds here: narrow its versions or take the case out of it\n",
                    result.judgement.divergences.join(", ")
                ));
            }
        }
        for (differences, names) in shown {
            out.push_str(&format!("  profile {}\n", names.join(", ")));
            if verdict == Verdict::Escaped && !disclose {
                out.push_str(&format!("    {WITHHELD}\n"));
                continue;
            }
            differences.iter().for_each(|difference| out.push_str(&difference_text(difference, reference)));
        }
        out.push_str(&format!("  again: cargo xtask conformance --runtime {runtime}{flags} --filter '^{}$'\n", result.id));
    }
    out
}

/// One difference over several lines.
pub fn difference_text(difference: &Difference, reference: &str) -> String {
    let by = match difference.witness {
        Witness::Oracle if difference.clauses.is_empty() => "the specification".to_owned(),
        Witness::Oracle => difference.clauses.join(", "),
        Witness::Author => "the case's author".to_owned(),
        Witness::Guest => format!("as on {reference}, after the same answers"),
        Witness::Host => "the harness".to_owned(),
    };
    // the call as written says its function once more
    let place = match (&difference.call, difference.place.rsplit_once(' ')) {
        (Some(call), Some((number, _))) => format!("{number}  {call}"),
        (_, _) => difference.place.clone(),
    };
    format!("    {place}\n      permitted {}  ({by})\n      saw       {}\n", difference.expected, difference.seen)
}

/// A bar over this many things.
fn bar(total: u64, things: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = format!("{{bar:30}} {{pos}}/{{len}} {things}  {{msg}}  {{elapsed}}");
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Progress of many small things on stderr: a bar on a terminal, a line every tenth of the way elsewhere.
#[derive(Debug)]
pub struct Bar {
    bar: Option<ProgressBar>,
    total: u64,
    things: &'static str,
    tenths: std::cell::Cell<u64>,
}

impl Bar {
    /// Progress over this many things.
    pub fn new(total: u64, things: &'static str) -> Bar {
        Bar { bar: std::io::stderr().is_terminal().then(|| bar(total, things)), total, things, tenths: std::cell::Cell::new(0) }
    }

    /// So many are done.
    pub fn at(&self, done: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
            bar.set_position(done);
            return;
        }
        let tenths = done * 10 / self.total.max(1);
        if tenths > self.tenths.replace(tenths) {
            eprintln!("{done}/{} {}  {message}", self.total, self.things);
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Progress on stderr: a bar on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
    counts: [usize; Verdict::ALL.len()],
    quiet: bool,
}

impl Progress {
    /// Progress over this many cases.
    pub fn new(total: usize, quiet: bool) -> Progress {
        let bar = (std::io::stderr().is_terminal() && !quiet).then(|| bar(total as u64, "cases"));
        Progress { bar, total, done: 0, counts: [0; Verdict::ALL.len()], quiet }
    }

    /// Counts a finished case.
    pub fn finished(&mut self, result: &CaseResult) {
        self.done += 1;
        for verdict in result.runtimes.values().filter_map(touchstone_model::result::RuntimeResult::verdict) {
            if let Some(index) = Verdict::ALL.iter().position(|known| *known == verdict) {
                self.counts[index] += 1;
            }
        }
        let counts = Verdict::ALL.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        let text: Vec<String> = counts.map(|(verdict, count)| format!("{count} {verdict}")).collect();
        match &self.bar {
            Some(bar) => {
                bar.set_message(text.join(", "));
                bar.set_position(self.done as u64);
            }
            None if !self.quiet && (self.done.is_multiple_of(50) || self.done == self.total) => {
                eprintln!("{}/{} cases  {}", self.done, self.total, text.join(", "));
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

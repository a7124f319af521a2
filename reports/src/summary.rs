//! A summary in Markdown, as CI services show it.

use std::fmt::Write;

use crate::{COLUMNS, Report, WITHHELD};

/// Writes a report as Markdown: the table, then whatever is not green.
pub fn summary(report: &Report) -> String {
    let mut out = String::new();
    let columns: Vec<&str> = COLUMNS.into_iter().filter(|column| *column == "pass" || count(report, column) > 0).collect();
    let mut line = |text: String| {
        // writing to a String cannot fail
        let _ = writeln!(out, "{text}");
    };
    line("# Touchstone\n".to_owned());
    line(format!(
        "{} cases, {} of {} functions called, {} of {} clauses cited, compared with `{}`.{}\n",
        report.suite.cases,
        report.coverage.functions_called,
        report.coverage.functions,
        report.coverage.clauses_covered,
        report.coverage.clauses_total,
        report.reference,
        if report.complete { "" } else { " **The run was stopped before its end.**" },
    ));
    line(format!("| runtime | {} |", columns.join(" | ")));
    line(format!("|---|{}", "---:|".repeat(columns.len())));
    for runtime in &report.runtimes {
        let counts: Vec<String> =
            columns.iter().map(|column| runtime.verdicts.get(*column).copied().unwrap_or_default().to_string()).collect();
        line(format!("| {} {} | {} |", runtime.name, runtime.version, counts.join(" | ")));
    }
    for (runtime, count) in &report.withheld {
        line(format!("\n**escaped on {runtime}: {count} cases** {WITHHELD}"));
    }
    for case in &report.cases {
        for (runtime, result) in case.results.iter().filter(|(_, result)| !result.verdict.is_green()) {
            line(format!("\n**{} on {runtime}: `{}`** {}\n", result.verdict, case.id, plain(&case.summary)));
            result.complaints().iter().for_each(|(profiles, text)| line(format!("- {profiles}: {}", code(text))));
        }
    }
    for error in &report.errors {
        line(format!("\n**harness error: `{}`** {}", error.case, code(&error.message)));
    }
    out
}

fn count(report: &Report, column: &str) -> usize {
    report.runtimes.iter().filter_map(|runtime| runtime.verdicts.get(column)).sum()
}

/// A text as a code span, in which nothing is markup: fenced by more backticks than it has in a row.
pub(crate) fn code(text: &str) -> String {
    let text = text.replace('\n', " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A sentence in which nothing is markup, on one line.
pub(crate) fn plain(text: &str) -> String {
    let is_mark = |c: char| "\\`*_{}[]<>()#+!|~@".contains(c);
    text.replace('\n', " ").chars().flat_map(|c| is_mark(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::{code, plain};

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(code("saw ctim <time>"), "`saw ctim <time>`");
        assert_eq!(code("a ``b"), "```a ``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(plain("a *b*\n<c>"), "a \\*b\\* \\<c\\>");
    }
}

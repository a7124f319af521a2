//! A summary in Markdown, as CI services show it.

use std::fmt::Write;

use crate::{COLUMNS, Report};

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
    for case in &report.cases {
        for (runtime, result) in case.results.iter().filter(|(_, result)| !result.verdict.is_green()) {
            line(format!("\n**{} on {runtime}: `{}`** {}\n", result.verdict, case.id, case.summary));
            for (profile, result) in &result.profiles {
                result.complaints().iter().for_each(|text| line(format!("- {profile}: {text}")));
            }
        }
    }
    for error in &report.errors {
        line(format!("\n**harness error: `{}`** {}", error.case, error.message));
    }
    out
}

fn count(report: &Report, column: &str) -> usize {
    report.runtimes.iter().filter_map(|runtime| runtime.verdicts.get(column)).sum()
}

//! What GitHub Actions shows: annotations, one line for each difference at the case's file, and the summary of a job.

use std::fs::OpenOptions;
use std::io::Write;

use touchstone_reports::{Report, WITHHELD};

use crate::Failure;

/// Writes the annotations.
pub fn annotations(report: &Report) -> String {
    let mut out = String::new();
    for case in &report.cases {
        for (runtime, result) in case.results.iter().filter(|(_, result)| !result.verdict.is_green()) {
            let lines: Vec<String> = result.complaints().into_iter().map(|(_, text)| text).collect();
            let title = format!("{} on {runtime}: {}", result.verdict, case.id);
            out.push_str(&format!("::error file={},title={}::{}\n", property(&case.file), property(&title), escape(&lines.join("\n"))));
        }
    }
    for (runtime, count) in &report.withheld {
        let title = format!("escaped on {runtime}: {count} cases");
        out.push_str(&format!("::error title={}::{}\n", property(&title), escape(WITHHELD)));
    }
    for error in &report.errors {
        out.push_str(&format!("::error title=harness error::{}\n", escape(&format!("{}: {}", error.case, error.message))));
    }
    out
}

/// Adds to the summary of the job that this is part of, if there is one.
pub fn add_to_job_summary(text: &str) -> Result<(), Failure> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let added = OpenOptions::new().append(true).create(true).open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    added.map_err(Failure::file("add to the job summary in", path))
}

/// A text as the value of a property, where commas and colons mean something.
fn property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

//! Annotations of GitHub Actions: one line for each difference, at the case's file.

use std::collections::BTreeMap;

use touchstone_reports::Report;

/// Writes the annotations. `files` tells where each case stands, relative to the repository.
pub fn annotations(report: &Report, files: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for case in &report.cases {
        let file = files.get(&case.id).map_or("", String::as_str);
        for (runtime, result) in case.results.iter().filter(|(_, result)| !result.verdict.is_green()) {
            let lines: Vec<String> = result.profiles.values().flat_map(|profile| profile.differences.clone()).collect();
            let title = format!("{} on {runtime}: {}", result.verdict, case.id);
            out.push_str(&format!("::error file={file},title={}::{}\n", escape(&title), escape(&lines.join("\n"))));
        }
    }
    for error in &report.errors {
        out.push_str(&format!("::error title=harness error::{}\n", escape(&format!("{}: {}", error.case, error.message))));
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

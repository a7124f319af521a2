//! JUnit XML: one test suite per runtime, one test case per case.

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use touchstone_model::Verdict;

use crate::{CaseRuntime, Report, WITHHELD};

/// Writes a report as JUnit XML.
pub fn junit(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut out = Junit::new("touchstone");
    for runtime in &report.runtimes {
        let mut suite = TestSuite::new(format!("{} {}", runtime.name, runtime.version));
        for case in &report.cases {
            if let Some(result) = case.results.get(&runtime.name) {
                let mut test = TestCase::new(case.id.clone(), status(result));
                test.set_classname(runtime.name.clone());
                suite.add_test_case(test);
            }
        }
        if let Some(count) = report.withheld.get(&runtime.name) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("escaped").set_message(format!("{count} cases escaped")).set_description(WITHHELD);
            suite.add_test_case(TestCase::new("escaped", status));
        }
        out.add_test_suite(suite);
    }
    if !report.errors.is_empty() {
        let mut suite = TestSuite::new("harness");
        for error in &report.errors {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(error.message.clone());
            suite.add_test_case(TestCase::new(error.case.clone(), status));
        }
        out.add_test_suite(suite);
    }
    out.to_string()
}

fn status(result: &CaseRuntime) -> TestCaseStatus {
    let mut status = match result.verdict {
        Verdict::Pass | Verdict::Permitted | Verdict::Known => return TestCaseStatus::success(),
        Verdict::Unsupported => TestCaseStatus::skipped(),
        Verdict::Failed | Verdict::Stale => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::TimedOut | Verdict::Crashed | Verdict::Escaped => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    let lines = result.complaints().into_iter().map(|(profiles, text)| format!("{profiles}: {text}"));
    status.set_type(result.verdict.name()).set_message(result.verdict.name()).set_description(lines.collect::<Vec<_>>().join("\n"));
    status
}

//! A report with every kind of verdict in it: what each format says of it, and that it is as its schema has it.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use touchstone_cli::places;
use touchstone_model::Verdict;
use touchstone_reports::Report;

use crate::support::{OwnSuite, touchstone};

/// Those of this build, and no program of the machine: the snapshots hold everywhere.
const BUILT_IN: [&str; 8] = ["--runtime", "oracle", "--runtime", "wasmtime", "--runtime", "wasmi", "--runtime", "wasmer"];

const PASS: &str = "#! summary = \"a word is written\"\n#! clauses = [\"fd_write.gathers-in-order\"]\nfd_write(stdout, \"word\") = 4\n";

const ESCAPE: &str = "#! summary = \"a file beside the preopen stays out of reach\"\n#! clauses = [\"path-resolution.dotdot-outside\"]\n\
                      f = path_open(root, 0, \"../outside/secret\", 0, [fd_read], 0, 0)\nfd_read(f, 60)\n";

const ENDLESS: &str = ";;! summary = \"never ends\"\n;;! clauses = [\"program.start\"]\n(module (memory (export \"memory\") 1) (func (export \"_start\") (loop (br 0))))\n";

const KNOWN: &str = r#"
title = "A new file is made without path_create_file"
cause = "runtime-bug"
clauses = ["rights.creat-needs-right"]
note = "For this test."
[[seen]]
runtime = "wasmer"
versions = "*"
[seen.cases]
"a/known" = ["call 3 path_open: expected notcapable, saw ok opened_fd: #2"]
"#;

const STALE: &str = r#"
title = "What was mended"
cause = "runtime-bug"
clauses = ["fd_write.gathers-in-order"]
note = "For this test."
[[seen]]
runtime = "wasmi"
versions = "*"
[seen.cases]
"a/stale" = ["call 1 fd_write: expected ok, saw io"]
"#;

/// The text of a case of the suite.
fn case(id: &str) -> String {
    let path = places::suite().join(id).with_extension("script");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder with the reports of a run without a fault, of one with a fault that lets guests out of their sandbox, and of both together.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("make a folder");
            make(folder.path());
            folder
        })
        .path()
}

fn make(folder: &Path) {
    let texts =
        ["rights/creat-after-refusal", "rights/dsync-needs-right", "paths/rename-onto-made-link", "paths/rename-away-and-back"].map(case);
    let unsupported = case("sandbox/read-only-creat-existing");
    let clean = OwnSuite::new(&[
        ("a/pass.script", PASS),
        ("a/known.script", &texts[0]),
        ("a/discouraged.script", &texts[1]),
        ("a/failed.script", &texts[2]),
        ("a/crashed.script", &texts[3]),
        ("a/unsupported.script", &unsupported),
        ("a/stale.script", PASS),
        ("a/timed-out.wat", ENDLESS),
        ("divergences/known.toml", KNOWN),
        ("divergences/stale.toml", STALE),
    ]);
    let leaky = OwnSuite::new(&[("b/escaped.script", ESCAPE)]);
    let run = |suite: &OwnSuite, name: &str, flags: &[&str]| {
        let (suite, report) = (suite.path().display().to_string(), folder.join(name).display().to_string());
        let args = ["conformance", "--suite", &suite, "--report", &report, "--profile", "default", "--timeout", "2"];
        touchstone(&[&args, &BUILT_IN[..], flags].concat()).expect(1);
    };
    run(&clean, "clean", &[]);
    run(&leaky, "leaky", &["--plant", "follows-dotdot"]);
    let [one, two, both] = ["clean", "leaky", "both"].map(|name| folder.join(name).display().to_string());
    touchstone(&["report", "--merge", &one, &two, "--report", &both]).expect(1);
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join("both").join(name)).expect(name)
}

/// A text without what differs from one run to the next.
fn stable(text: &str) -> String {
    let folders = regex::Regex::new(r#"[^ "]*/([ab])/"#).expect("a pattern");
    let text = folders.replace_all(text, "$1/").into_owned();
    let seconds = regex::Regex::new(r#""wall_s": [0-9.]+"#).expect("a pattern");
    seconds.replace_all(&text, r#""wall_s": 0.0"#).into_owned()
}

#[test]
fn every_verdict_is_in_the_report() {
    let report = Report::parse(&read("report.json")).expect("a report");
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Escaped) {
        let shows = report.cases.iter().flat_map(|case| case.results.values()).any(|result| result.verdict == verdict);
        assert!(shows, "no case is {verdict}");
    }
    assert!(report.runtimes.iter().any(|runtime| runtime.verdicts["discouraged"] > 0));
    assert_eq!(report.withheld["wasmi"], 1, "an escape is counted, and shown by nobody");
    assert!(report.runtimes.iter().any(|runtime| runtime.verdicts["escaped"] == 1));
}

#[test]
fn the_summary_is_as_reviewed() {
    insta::assert_snapshot!(stable(&read("summary.md")));
}

#[test]
fn junit_is_as_reviewed() {
    insta::assert_snapshot!(stable(&read("junit.xml")));
}

#[test]
fn the_json_report_is_as_reviewed() {
    insta::assert_snapshot!(stable(&read("report.json")));
}

#[test]
fn the_badges_are_as_reviewed() {
    let badges = ["oracle", "wasmtime", "wasmi", "wasmer"].map(|name| read(&format!("badges/{name}.svg")));
    insta::assert_snapshot!(badges.concat());
}

#[test]
fn of_escapes_that_are_not_public_there_is_a_number_and_nothing_else() {
    for name in ["report.json", "junit.xml", "summary.md"] {
        let text = read(name);
        for secret in ["b/escaped", "outside/secret", "a file beside the preopen"] {
            assert!(!text.contains(secret), "{name} tells {secret}");
        }
        assert!(text.contains("escaped"), "{name}");
    }
    let page = std::fs::read_to_string(folder().join("leaky/index.html")).expect("a page");
    assert!(page.contains("1 cases escaped on wasmi") && !page.contains("b/escaped") && !page.contains("outside/secret"));
}

#[test]
fn junit_follows_its_schema() {
    let schema = places::root().join("reports/schema/junit.xsd");
    let check = |file: &Path| Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).arg(&schema).arg(file).output();
    let checked = check(&folder().join("both/junit.xml")).expect("xmllint starts: apt-get install libxml2-utils");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // the check itself can fail
    let bad = folder().join("bad.xml");
    std::fs::write(&bad, read("junit.xml").replacen("<testcase ", "<testcase colour=\"red\" ", 1)).expect("write");
    assert!(!check(&bad).expect("xmllint").status.success());
}

#[test]
fn an_escape_is_no_annotation_of_github_in_detail_and_differences_are() {
    let path = folder().join("both").display().to_string();
    let job = folder().join("job.md");
    let program = env!("CARGO_BIN_EXE_touchstone");
    let ran = Command::new(program).args(["report", "--merge", &path, "--format", "github"]).env("GITHUB_STEP_SUMMARY", &job).output();
    let text = String::from_utf8_lossy(&ran.expect("start touchstone").stdout).into_owned();
    assert!(text.lines().all(|line| line.starts_with("::error ")), "{text}");
    assert!(
        text.contains("title=failed on wasmer%3A a/failed::") && text.contains("::error title=escaped on wasmi%3A 1 cases::withheld"),
        "{text}"
    );
    assert_eq!(std::fs::read_to_string(job).expect("a job summary"), read("summary.md"));
}

#[test]
fn the_json_report_follows_its_schema() {
    let schema = places::root().join("reports/schema/report.json");
    let text = std::fs::read_to_string(&schema).expect("the schema");
    assert_eq!(text, Report::json_schema(), "the schema is stale: cargo xtask report --schema > reports/schema/report.json");
    let check = |file: &Path| Command::new("python3").args(["-m", "jsonschema", "-i"]).arg(file).arg(&schema).output();
    let checked = check(&folder().join("both/report.json")).expect("python3 starts: apt-get install python3-jsonschema");
    assert!(checked.status.success(), "{} (is python3-jsonschema installed?)", String::from_utf8_lossy(&checked.stderr));
    // the check itself can fail
    let bad = folder().join("bad.json");
    std::fs::write(&bad, read("report.json").replacen("\"verdict\": \"failed\"", "\"verdict\": \"splendid\"", 1)).expect("write");
    assert!(!check(&bad).expect("python3").status.success());
}

//! Shards, jobs, references, formats, and what a killed run leaves.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{OwnSuite, PROGRAM, RUNTIMES, scratch_folders_of, touchstone};

const SOME: &str = "^(files|rust)/[a-m]";

fn ids(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn shards_partition_the_cases() {
    let all = ids(&touchstone(&["conformance", "--list"]).expect(0).out);
    let halves = ["1/2", "2/2"].map(|shard| ids(&touchstone(&["conformance", "--list", "--shard", shard]).expect(0).out));
    assert!(halves[0].is_disjoint(&halves[1]));
    assert_eq!(halves[0].union(&halves[1]).cloned().collect::<BTreeSet<_>>(), all);
    assert!(halves[0].len().abs_diff(halves[1].len()) <= 1);
}

#[test]
fn the_number_of_jobs_changes_nothing_but_the_timing() {
    let run = |jobs: &str| {
        let mut report = touchstone(&["conformance", "--filter", SOME, "--format", "json", "--jobs", jobs]).expect(0).json();
        assert!(report["timing"]["wall_s"].as_f64().is_some_and(|seconds| seconds > 0.0));
        report["timing"] = serde_json::Value::Null;
        report.to_string()
    };
    assert_eq!(run("1"), run("2"));
}

#[test]
fn every_runtime_can_be_the_reference() {
    let suite = OwnSuite::new(&[(
        "a/case.script",
        "#! summary = \"s\"\n#! clauses = [\"fd_write.gathers-in-order\"]\nfd_write(stdout, [\"a\"])\nfd_read(99, 1)\n",
    )]);
    for reference in RUNTIMES {
        let report = suite.run(&["--reference", reference]).expect(0).json();
        assert_eq!(report["reference"], reference);
        for runtime in RUNTIMES {
            assert_eq!(report["cases"][0]["results"][runtime]["verdict"], "pass", "{runtime} against {reference}");
        }
    }
}

#[test]
fn the_report_folder_has_all_formats_and_they_agree() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().display().to_string();
    touchstone(&["conformance", "--filter", "^files/", "--report", &path]).expect(0);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).expect("JSON");
    assert_eq!(report["schema"], 1);
    assert_eq!(report["complete"], true);
    for runtime in report["runtimes"].as_array().expect("runtimes") {
        // discouraged ones are counted among the permitted
        let verdicts = runtime["verdicts"].as_object().expect("verdicts").iter().filter(|(name, _)| *name != "discouraged");
        let total: u64 = verdicts.filter_map(|(_, count)| count.as_u64()).sum();
        assert_eq!(Some(total), report["suite"]["cases"].as_u64(), "{runtime}");
    }
    let cases = report["suite"]["cases"].as_u64().expect("a number");
    // Node is there or not
    let runtimes = report["runtimes"].as_array().expect("runtimes").len() as u64;
    assert!(runtimes >= 4, "{runtimes} runtimes");
    assert_eq!(read("junit.xml").matches("<testcase").count() as u64, cases * runtimes);
    assert!(read("summary.md").contains("| wasmtime 48"));
}

#[test]
fn failures_show_call_expectation_and_command_in_every_format() {
    let suite = OwnSuite::new(&[(
        "a/case.script",
        "#! summary = \"s\"\n#! clauses = [\"fd_read.bad-fd\"]\nfd_write(stdout, \"a\")\nfd_read(99, 1) = badf\n",
    )]);
    let folder = suite.path().display().to_string();
    let run = |format: &str| {
        touchstone(&["conformance", "--suite", &folder, "--format", format, "--runtime", "wasmi", "--plant", "wrong-errno"]).expect(1).out
    };
    let human = run("human");
    for text in [
        "failed: a/case on wasmi",
        "call 2  fd_read(99, 1)",
        "permitted badf  (fd_read.bad-fd)",
        "saw       io",
        "again: cargo xtask conformance --runtime wasmi --suite ",
    ] {
        assert!(human.contains(text), "{text} is not in\n{human}");
    }
    assert!(!human.contains('\u{1b}'), "colours are for terminals");
    let report = tempfile::tempdir().expect("make a folder");
    let path = report.path().display().to_string();
    touchstone(&["conformance", "--suite", &folder, "--report", &path, "--runtime", "wasmi", "--plant", "wrong-errno"]).expect(1);
    let wat = std::fs::read_to_string(report.path().join("reproducers/a__case.wasmi.wat")).expect("a reproducer");
    assert!(wat.contains(";; fd_read(99, 1) = badf") && wat::parse_str(&wat).is_ok(), "{wat}");
    assert!(wat.contains("\n;; $ mkdir -p root\n;; $ wasmi run --dir root repro.wat < /dev/null; echo $?\n"), "{wat}");
    assert!(run("github").contains("::error file="));
    assert!(run("junit").contains("<failure"));
}

#[test]
fn fail_fast_stops_at_the_first_difference() {
    let bad = "#! summary = \"s\"\n#! clauses = [\"fd_read.bad-fd\"]\nfd_read(99, 1) = badf\n";
    let files: Vec<(String, &str)> = (0..40).map(|index| (format!("a/case-{index:02}.script"), bad)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let report =
        OwnSuite::new(&files).run(&["--fail-fast", "--jobs", "1", "--runtime", "wasmi", "--plant", "wrong-errno"]).expect(1).json();
    assert_eq!(report["complete"], false);
    assert!(report["cases"].as_array().is_some_and(|cases| cases.len() < 40));
}

/// Starts a run that takes long and writes reports, and waits until some cases are done.
fn long_run(folder: &std::path::Path, suite: &OwnSuite) -> std::process::Child {
    let args = ["conformance", "--runtime", "wasmi", "--timeout", "1", "--jobs", "1", "--suite"];
    let mut command = Command::new(PROGRAM);
    command.args(args).arg(suite.path()).arg("--report").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("start touchstone");
    let start = Instant::now();
    let some_are_done = || std::fs::read_to_string(folder.join("report.json")).is_ok_and(|text| text.contains("\"a/case-00\""));
    while !some_are_done() {
        assert!(start.elapsed() < Duration::from_secs(60), "no report was written");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

fn long_suite() -> OwnSuite {
    let good = "#! summary = \"s\"\n#! clauses = [\"fd_read.bad-fd\"]\nfd_read(99, 1) = badf\n".to_owned();
    let endless = ";;! summary = \"s\"\n;;! clauses = [\"program.start\"]\n(module (func (export \"_start\") (loop (br 0))))".to_owned();
    let mut files = vec![("a/case-00.script".to_owned(), good)];
    files.extend((1..60).map(|index| (format!("b/endless-{index:02}.wat"), endless.clone())));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    OwnSuite::new(&files)
}

fn partial_report(folder: &std::path::Path) -> touchstone_reports::Report {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
    touchstone_reports::Report::parse(&text).expect("the report loads")
}

#[test]
fn a_killed_run_leaves_a_report_that_loads_and_nothing_that_stays() {
    let folder = tempfile::tempdir().expect("make a folder");
    let suite = long_suite();
    let mut child = long_run(folder.path(), &suite);
    child.kill().expect("kill");
    child.wait().expect("wait");
    let report = partial_report(folder.path());
    assert!(!report.complete);
    assert!(report.cases.iter().any(|case| case.id == "a/case-00"));
    assert!(!scratch_folders_of(child.id()).is_empty(), "a killed run cannot clear its folder");
    // a folder counts as left behind after two seconds: a run that is just starting has no lock yet
    std::thread::sleep(Duration::from_millis(2500));
    touchstone(&["conformance", "--filter", "^files/seek-negative$", "--runtime", "wasmi"]).expect(0);
    assert!(scratch_folders_of(child.id()).is_empty(), "the next run clears it");
}

#[test]
fn ctrl_c_keeps_the_results() {
    let folder = tempfile::tempdir().expect("make a folder");
    let suite = long_suite();
    let mut child = long_run(folder.path(), &suite);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill -INT");
    let status = child.wait().expect("wait");
    assert_eq!(status.code(), Some(1), "endless guests were timed out before the stop, or the run was stopped");
    let report = partial_report(folder.path());
    assert!(!report.complete);
    assert!(report.cases.len() < 60);
    assert!(scratch_folders_of(child.id()).is_empty());
}

/// A report of some cases, as a file in this folder.
fn report_of(folder: &std::path::Path, name: &str, flags: &[&str]) -> String {
    let path = folder.join(name).display().to_string();
    let args = ["conformance", "--filter", "^files/seek", "--runtime", "wasmi", "--report", &path];
    touchstone(&[&args, flags].concat()).expect(0);
    folder.join(name).join("report.json").display().to_string()
}

#[test]
fn parts_become_the_report_of_the_whole() {
    let folder = tempfile::tempdir().expect("make a folder");
    let whole = report_of(folder.path(), "whole", &[]);
    let parts = ["1/2", "2/2"].map(|shard| report_of(folder.path(), &shard.replace('/', "-"), &["--shard", shard]));
    let out = folder.path().join("out").display().to_string();
    touchstone(&["report", "--merge", &parts[1], &parts[0], "--report", &out]).expect(0);
    let read = |path: &str| {
        let text = std::fs::read_to_string(path).expect("a report");
        let mut report = touchstone_reports::Report::parse(&text).expect("the report loads");
        report.timing = Default::default();
        report
    };
    assert_eq!(read(&format!("{out}/report.json")), read(&whole));
    let alone = touchstone(&["report", "--merge", &parts[0]]).expect(2).err;
    assert!(alone.contains("parts 2 of 2 are missing") && alone.contains("cure: "), "{alone}");
    let mixed = touchstone(&["report", "--merge", &parts[0], &whole]).expect(2).err;
    assert!(mixed.contains("is one of 2 parts of a suite, and"), "{mixed}");
    let twice = touchstone(&["report", "--merge", &whole, &whole]).expect(2).err;
    assert!(twice.contains("both have the case files/seek"), "{twice}");
}

#[test]
fn what_is_no_report_is_refused_with_a_cure() {
    let folder = tempfile::tempdir().expect("make a folder");
    let whole = report_of(folder.path(), "whole", &[]);
    let text = std::fs::read_to_string(&whole).expect("a report");
    let other = text.replacen("\"schema\": 1", "\"schema\": 7", 1);
    let broken = [
        (&text[..text.len() / 2], "it ends too early, at line"),
        ("", "it ends too early, at line 1"),
        ("{}", "it has no `schema`"),
        ("\"text\"", "invalid type"),
        (&other, "it is of schema 7, and this version of Touchstone reads schema 1"),
        ("{\"schema\": 1}", "missing field"),
    ];
    let path = folder.path().join("broken.json").display().to_string();
    for (text, message) in broken {
        std::fs::write(&path, text).expect("write");
        let err = touchstone(&["report", "--merge", &path]).expect(2).err;
        assert!(err.contains(message) && err.contains("broken.json") && err.contains("cure: "), "{message} is not in\n{err}");
        assert_eq!(err.matches("error:").count(), 1, "{err}");
    }
    let err = touchstone(&["report", "--merge", "/nowhere/report.json"]).expect(2).err;
    assert!(err.contains("/nowhere/report.json cannot be read") && err.contains("cure: "), "{err}");
    let err = touchstone(&["report", "--publish", &whole, "--check"]).expect(2).err;
    assert!(err.contains("lacks the case"), "{err}");
}

#[test]
fn a_diff_says_what_changed_and_sets_the_exit_code() {
    let folder = tempfile::tempdir().expect("make a folder");
    let old = report_of(folder.path(), "old", &[]);
    assert!(touchstone(&["report", "--diff", &old, &old]).expect(0).out.contains("0 broken, 0 fixed, 0 changed, 0 new, 0 gone"));
    let text = std::fs::read_to_string(&old).expect("a report");
    let first = text.find("\"verdict\": \"pass\"").expect("a case that passes");
    let worse = format!("{}{}", &text[..first], text[first..].replacen("\"pass\"", "\"failed\"", 1));
    let new = folder.path().join("new.json").display().to_string();
    std::fs::write(&new, worse).expect("write");
    let out = touchstone(&["report", "--diff", &old, &new]).expect(1).out;
    assert!(out.contains("broken: files/seek") && out.contains(": pass, now failed") && out.contains("1 broken, 0 fixed"), "{out}");
    assert!(touchstone(&["report", "--diff", &new, &old]).expect(0).out.contains("0 broken, 1 fixed"));
    let json = touchstone(&["report", "--diff", &old, &new, "--format", "json"]).expect(1).json();
    assert_eq!(json["broken"][0]["after"], "failed");
    touchstone(&["report", "--diff", &old]).expect(2);
}

/// A report that looks like that of a whole run: each case of the suite came to what one of them did.
fn whole_run(folder: &std::path::Path) -> touchstone_reports::Report {
    let path = folder.join("one").display().to_string();
    let runtimes = ["oracle"].into_iter().chain(RUNTIMES).flat_map(|name| ["--runtime", name]);
    let args = ["conformance", "--filter", "^paths/append-writes$", "--report", &path];
    touchstone(&args.into_iter().chain(runtimes).collect::<Vec<_>>()).expect(0);
    let text = std::fs::read_to_string(folder.join("one/report.json")).expect("a report");
    let mut report = touchstone_reports::Report::parse(&text).expect("the report loads");
    let all = ids(&touchstone(&["conformance", "--list"]).expect(0).out);
    report.cases = all.into_iter().map(|id| touchstone_reports::Case { id, ..report.cases[0].clone() }).collect();
    report
}

#[test]
fn published_results_are_written_and_checked() {
    let folder = tempfile::tempdir().expect("make a folder");
    let whole = whole_run(folder.path());
    let [json, place] = ["whole.json", "published"].map(|name| folder.path().join(name).display().to_string());
    let publish = |report: &touchstone_reports::Report, flags: &[&str], code: i32| {
        std::fs::write(&json, report.json()).expect("write");
        let ran = touchstone(&[&["report", "--publish", &json, "--folder", &place], flags].concat()).expect(code);
        ran.out + &ran.err
    };
    assert!(publish(&whole, &["--check"], 1).contains("is stale in"), "nothing is published yet");
    publish(&whole, &[], 0);
    std::fs::write(folder.path().join("published/gone.txt"), "x .\n").expect("write");
    publish(&whole, &[], 0);
    assert!(!folder.path().join("published/gone.txt").exists(), "an area that is gone");
    assert!(publish(&whole, &["--check"], 0).contains("is as it should be"));
    let mut changed = whole.clone();
    changed.cases[0].results.get_mut("wasmi").expect("a result").verdict = touchstone_model::Verdict::Known;
    let said = publish(&changed, &["--check"], 1);
    assert!(said.contains(" on wasmi: published as `.`, now `k`") && said.contains("cure: cargo xtask report --publish"), "{said}");
    let mut fewer = whole.clone();
    fewer.runtimes.retain(|runtime| runtime.name != "wasmi");
    assert!(publish(&fewer, &["--check"], 2).contains("left wasmi out"));
    let mut stopped = whole.clone();
    stopped.complete = false;
    assert!(publish(&stopped, &[], 2).contains("a part of the suite"));
    let mut escaped = whole.clone();
    escaped.withheld.insert("wasmi".to_owned(), 1);
    assert!(publish(&escaped, &[], 2).contains("is not published before"));
    let mut newer = whole;
    newer.runtimes.iter_mut().find(|runtime| runtime.name == "wasmtime").expect("wasmtime").version = "99.0.0".to_owned();
    assert!(publish(&newer, &["--check"], 1).contains("wasmtime: published for "));
}

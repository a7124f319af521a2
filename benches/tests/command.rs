//! The command as people run it: what it prints and writes, and how it ends. No times are looked at.

use std::path::Path;
use std::process::{Command, Output};

use touchstone_benches::calls::table;

fn bench(report: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_touchstone-bench");
    Command::new(program).args(args).arg("--report").arg(report).output().expect("it starts")
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn a_run_prints_a_table_and_writes_a_report_and_charts() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = bench(folder.path(), &["--quick", "--rounds", "2", "--filter", "^(fd_seek|path_unlink_file|poll_oneoff)"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    let names: Vec<&str> = shown.lines().filter_map(|line| line.split("  ").next()).take(8).collect();
    let wanted = [
        "ratio to linux",
        "descriptors",
        "fd_seek",
        "paths",
        "path_unlink_file",
        "path_unlink_file (no openat2)",
        "system",
        "poll_oneoff, zero timeout",
    ];
    assert_eq!(names, wanted);
    let report = std::fs::read_to_string(folder.path().join("bench.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["schema"], &report["complete"], &report["rounds"]), (&1.into(), &true.into(), &2.into()));
    let seek = &report["calls"][0];
    assert_eq!((&seek["name"], &seek["group"], &seek["profile"]), (&"fd_seek".into(), &"descriptors".into(), &"default".into()));
    assert!(seek["linux_nanoseconds"]["median"].is_f64());
    for runtime in ["wasmtime", "wasmi", "wasmer"] {
        let of = &seek["runtimes"][runtime];
        assert!(of["ratio"]["median"].is_f64() && of["calls"] == 1.0 && of["rounds"] == 2, "{runtime}: {of}");
        assert!(report["versions"][runtime].is_string());
    }
    assert_eq!(report["calls"][3]["runtimes"]["wasmer"]["hangs"], "wasmer-poll-zero-timeout");
    for chart in ["descriptors.svg", "paths.svg", "system.svg"] {
        let svg = std::fs::read_to_string(folder.path().join(chart)).expect(chart);
        assert!(svg.contains("wasmtime") && svg.trim_end().ends_with("</svg>"), "{chart}");
    }
}

/// The control `yes` answers success and does nothing, so nothing that it is measured at happens.
#[test]
fn what_did_not_happen_is_an_error_with_both_names_and_no_ratio() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = bench(folder.path(), &["--runtime", "yes", "--rounds", "1", "--filter", "^(clock_time_get|instance, proc_exit)$"]);
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{shown}{said}");
    assert!(said.contains("wrong: clock_time_get on yes: ") && said.contains("wrong: instance, proc_exit on yes: "), "{said}");
    assert!(shown.lines().any(|line| line.starts_with("clock_time_get") && line.ends_with("wrong")), "{shown}");
}

#[test]
fn mistakes_of_the_command_line_have_a_cure() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, says) in [
        (["--filter", "("], "no regular expression"),
        (["--filter", "fd_sick"], "no benchmark is selected"),
        (["--runtime", "wasmtme"], "there is no runtime `wasmtme`"),
        (["--runtime", "oracle"], "oracle cannot be measured"),
    ] {
        let output = bench(folder.path(), &args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says) && said.contains("cure: "), "{said}");
    }
}

#[test]
fn the_list_has_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = text(&bench(folder.path(), &["--list"]).stdout);
    assert!(table::all().all(|benchmark| shown.contains(benchmark.name)), "{shown}");
    assert!(shown.contains("suite, 2 jobs"), "{shown}");
}

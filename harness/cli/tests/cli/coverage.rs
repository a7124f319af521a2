//! `coverage`: cells and totals.

use serde_json::Value;

use crate::support::{OwnSuite, touchstone};

const CASE: &str = "#! summary = \"s\"
#! clauses = [\"path_open.opens\"]
#! tree = { \"file\" = \"x\", \"link\" = { symlink = \"file\" } }
f = path_open(root, [symlink_follow], \"link\", 0, [fd_read, fd_tell], 0, 0) = ok
fd_tell(f) = 0
fd_tell(99) = badf
path_unlink_file(root, \"../x\")
fd_advise(f, 0, 9223372036854775807, normal)
";

const AXES: [&str; 9] = ["clauses-reached", "clauses-cited", "functions", "errnos", "fd-kinds", "paths", "flags", "flag-pairs", "numbers"];

fn run(flags: &[&str]) -> (Value, String) {
    let suite = OwnSuite::new(&[("a/case.script", CASE)]);
    let folder = suite.path().display().to_string();
    let with = |format: &str| {
        let mut args = vec!["coverage", "--suite", &folder, "--format", format];
        args.extend(flags);
        touchstone(&args).expect(0)
    };
    (with("json").json(), with("human").out)
}

fn cells(rows: &Value) -> u64 {
    rows.as_object().expect("rows").values().map(|columns| columns.as_array().expect("columns").len() as u64).sum()
}

#[test]
fn totals_are_those_of_the_specification_and_add_up() {
    let (report, text) = run(&[]);
    for axis in AXES {
        let details = &report["axes"][axis];
        let (covered, total) = (details["covered"].as_u64().expect("covered"), details["total"].as_u64().expect("total"));
        assert_eq!((cells(&details["covered_cells"]), cells(&details["not_covered"])), (covered, total - covered), "{axis}");
        assert!(covered > 0 && covered < total || axis == "flag-pairs", "{axis}: {covered} of {total}");
        let (missing, reached) = (
            text.find(&format!("{axis}: {} of {total} not covered", total - covered)),
            text.find(&format!("{axis}: {covered} of {total} covered")),
        );
        assert!(missing.is_some() && missing < reached, "{axis}: what is missing comes first\n{text}");
    }
    let total = |axis: &str| report["axes"][axis]["total"].as_u64().expect("total");
    let clauses = touchstone_spec::clauses().len() as u64;
    assert_eq!((total("functions"), total("clauses-reached"), total("clauses-cited")), (46, clauses, clauses));
    // every descriptor of every function may be of any of 16 kinds, every path of any of 15 classes
    assert_eq!((total("fd-kinds") % 16, total("paths")), (0, 12 * 15));
}

#[test]
fn cells_are_those_of_the_calls() {
    let (report, _) = run(&[]);
    let covered = |axis: &str, row: &str| report["axes"][axis]["covered_cells"][row].to_string();
    assert_eq!(covered("fd-kinds", "fd_tell"), r#"["closed","file read-only","opened through a symlink"]"#);
    assert_eq!(covered("paths", "path_open"), r#"["through a symlink"]"#);
    assert_eq!(covered("paths", "path_unlink_file"), r#"["`..`","leads outside"]"#);
    assert_eq!(covered("errnos", "fd_tell"), r#"["badf"]"#);
    assert_eq!(covered("flags", "rights"), r#"["none"]"#);
    assert_eq!(covered("flag-pairs", "rights"), r#"["fd_read + fd_tell"]"#);
    assert_eq!(covered("flags", "lookupflags"), r#"["symlink_follow"]"#);
    assert!(covered("numbers", "filesize").contains("\"2^63-1\""));
    assert!(covered("clauses-reached", "fd_tell").contains("bad-fd"));
    assert_eq!(covered("clauses-cited", "path_open"), r#"["opens"]"#);
}

#[test]
fn errors_of_other_runtimes_count_and_are_told_apart() {
    let (alone, _) = run(&[]);
    let (both, text) = run(&["--runtime", "badf"]);
    let errnos = |report: &Value| report["axes"]["errnos"]["covered"].as_u64();
    assert!(errnos(&both) > errnos(&alone));
    assert_eq!(both["errnos_on_others_only"]["badf"]["fd_advise"].to_string(), r#"["badf"]"#);
    assert_eq!(alone["errnos_on_others_only"].to_string(), "{}");
    assert!(text.contains("errnos: of these, seen on badf and not on oracle"), "{text}");
}

#[test]
fn a_report_has_the_shares() {
    let report = OwnSuite::new(&[("a/case.script", CASE)]).run(&["--runtime", "oracle"]).expect(0).json();
    let shares = report["coverage"]["cells"].as_object().expect("cells");
    assert_eq!(shares.len(), AXES.len());
    for axis in AXES {
        assert!(shares[axis]["covered"].as_u64() <= shares[axis]["total"].as_u64(), "{axis}");
    }
    assert_eq!(shares["functions"]["covered"], report["coverage"]["functions_called"]);
}

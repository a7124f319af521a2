//! `explain`: a clause, a case, a divergence, and an id that is none of them.

use crate::support::{OwnSuite, touchstone};

const CASE: &str = "#! summary = \"bytes reach stdout\"
#! clauses = [\"fd_write.gathers-in-order\", \"clock_res_get.cputime-clocks\"]
fd_write(stdout, [\"a\", \"b\"])
clock_res_get(process_cputime_id)
";

const DIVERGENCE: &str = "title = \"Everything is badf\"
cause = \"not-implemented\"
link = \"https://example.org/1\"
clauses = [\"fd_write.gathers-in-order\"]
note = \"It is a control.\"
[[seen]]
runtime = \"badf\"
versions = \">=0.1.0\"
profiles = [\"default\"]
[seen.cases]
\"a/case\" = [\"call 1 fd_write: expected ok, saw badf\"]
";

fn suite() -> OwnSuite {
    OwnSuite::new(&[("a/case.script", CASE), ("divergences/all-badf.toml", DIVERGENCE)])
}

/// What is printed about an id, with these texts in it in this order.
fn explained(suite: &OwnSuite, id: &str, texts: &[&str]) -> String {
    let folder = suite.path().display().to_string();
    let args = ["explain", id, "--suite", &folder, "--runtime", "oracle", "--runtime", "wasmi", "--runtime", "badf"];
    let out = touchstone(&args).expect(0).out.replace(&folder, "SUITE");
    let mut rest = out.as_str();
    for text in texts {
        rest = rest.split_once(text).unwrap_or_else(|| panic!("{text} is not there, or not in its place, in\n{out}")).1;
    }
    assert!(!out.contains('\u{1b}'), "colours are for terminals");
    assert_eq!(touchstone(&args).expect(0).out.replace(&folder, "SUITE"), out, "the same every time");
    out
}

#[test]
fn a_clause_with_what_it_permits_who_cites_it_and_who_departs() {
    let suite = suite();
    explained(
        &suite,
        "fd_write.gathers-in-order",
        &[
            "clause fd_write.gathers-in-order",
            "must, by",
            "permitted",
            "cases that cite it",
            "a/case  bytes reach stdout",
            "divergences that cite it",
            "all-badf  Everything is badf",
            "  oracle\n    nothing departs from it",
            "  wasmi\n    nothing departs from it",
            "  badf\n    nothing departs from it\n    departs from something else in a/case",
        ],
    );
    explained(
        &suite,
        "clock_res_get.cputime-clocks",
        &[
            "permitted, each of these",
            "  inval\n",
            "divergences that cite it\n  none",
            "  oracle\n    chose ok\n",
            "  badf\n    departs from it under default: a/case: call 2 clock_res_get: expected ok | inval, saw badf",
        ],
    );
}

#[test]
fn a_clause_that_no_case_cites_is_explained_without_a_run() {
    let out = explained(&suite(), "fd_seek.pipe", &["clause fd_seek.pipe", "cases that cite it\n  none, so nothing was run"]);
    assert!(!out.contains("what runtimes did"), "{out}");
}

#[test]
fn a_case_with_each_call_on_each_runtime() {
    explained(
        &suite(),
        "a/case",
        &[
            "case a/case\n  bytes reach stdout",
            "clauses\n  fd_write.gathers-in-order",
            "source\n  #! summary",
            "as WAT\n",
            "(import \"wasi_snapshot_preview1\" \"fd_write\"",
            "    1  fd_write(fd: stdout, iovs: [\"a\", \"b\"])\n       permitted  ok  (",
            "       oracle, wasmi  ok nwritten: 2\n",
            "     ✗ badf           badf\n",
            "must be ok\n",
            "must be ok | inval  (",
            "end     oracle, wasmi, badf: exit 0",
            "stdout  oracle, wasmi: \"ab\"\n",
            "stdout  badf: \"\"\n",
            "tree    oracle, wasmi, badf: as before",
            "  oracle: pass",
            "run it again\n  cargo xtask conformance --suite SUITE --filter '^a/case$'",
        ],
    );
}

#[test]
fn a_divergence_with_what_is_seen_where() {
    explained(
        &suite(),
        "all-badf",
        &[
            "divergence all-badf\n  Everything is badf\n  cause: not-implemented\n  tracked at: https://example.org/1",
            "note\n  It is a control.",
            "departs from\n  fd_write.gathers-in-order  ",
            "seen on badf >=0.1.0, under profile default",
            "  a/case  bytes reach stdout\n    call 1 fd_write: expected ok, saw badf",
            "see it again\n  cargo xtask conformance --runtime badf --suite SUITE --filter '^a/case$'",
        ],
    );
}

#[test]
fn an_unknown_id_is_a_usage_error_that_names_known_ones() {
    let folder = suite();
    let folder = folder.path().display().to_string();
    let says = |id: &str, text: &str| {
        let ran = touchstone(&["explain", id, "--suite", &folder]).expect(2);
        assert!(ran.err.contains(&format!("there is no clause, case or divergence `{id}`")) && ran.err.contains(text), "{}", ran.err);
    };
    says("fd_seek.negative-resutl", "cure: did you mean `fd_seek.negative-result`?");
    says("all-bdf", "did you mean `all-badf`");
    says("negative-result", "`fd_seek.negative-result`");
    says("zzzzzzzzzzzzzzzzzzz", "clauses stand in harness/spec/preview1/clauses");
    assert!(touchstone(&["explain"]).expect(2).err.contains("cargo xtask explain files/seek-negative"), "help that teaches");
}

#[test]
fn everything_that_the_repository_knows_can_be_explained() {
    let out = touchstone(&["explain", "files/seek-negative", "--runtime", "wasmi"]).expect(0).out;
    assert!(out.contains("fd_seek.negative-result") && out.contains("suites/preview1/files/seek-negative.script"), "{out}");
    let out = touchstone(&["explain", "fd_seek.negative-result", "--runtime", "wasmi"]).expect(0).out;
    assert!(out.contains("files/seek-negative") && out.contains("wasmi\n    nothing departs from it"), "{out}");
}

//! Guests and inputs that mean no good: each gets the verdict or the one clear error that it should, and the run goes on.

use crate::support::{OwnSuite, RUNTIMES, end, file, touchstone, verdict};

const HEAD: &str = ";;! summary = \"hostile\"\n;;! clauses = [\"program.start\"]\n";

/// A case that ends well, to see that the run goes on.
const GOOD: &str = "#! summary = \"good\"\n#! clauses = [\"program.start\"]\n#! expect_stdout = \"x\"\nfd_write(stdout, \"x\") = 1\n";

fn wat(body: &str) -> String {
    format!("{HEAD}(module (memory (export \"memory\") 1) {body})")
}

/// Runs one hostile module beside a good case on every runtime; all must end as said, and the good case must pass.
fn ends(body: &str, expected_end: &str, expected_verdict: &str, flags: &[&str], code: i32) {
    let suite = OwnSuite::new(&[("a/hostile.wat", &wat(body)), ("b/good.script", GOOD)]);
    let mut all = vec!["--jobs", "1"];
    all.extend(flags);
    let report = suite.run(&all).expect(code).json();
    for runtime in RUNTIMES {
        assert_eq!(end(&report, "a/hostile", runtime), expected_end, "{runtime}");
        assert_eq!(verdict(&report, "a/hostile", runtime), expected_verdict, "{runtime}");
        assert_eq!(verdict(&report, "b/good", runtime), "pass", "{runtime}");
    }
    assert_eq!(report["complete"], true);
}

#[test]
fn a_guest_that_loops_for_ever_is_timed_out() {
    ends("(func (export \"_start\") (loop (br 0)))", "timed out", "timed-out", &["--timeout", "1", "--profile", "default"], 1);
}

#[test]
fn a_guest_that_traps_is_no_success() {
    ends("(func (export \"_start\") unreachable)", "trap unreachable", "failed", &[], 1);
}

#[test]
fn a_guest_that_exits_with_3_is_no_success() {
    let body = "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))";
    let suite = OwnSuite::new(&[(
        "a/three.wat",
        &format!("{HEAD}(module {body} (memory (export \"memory\") 1) (func (export \"_start\") (call $exit (i32.const 3))))"),
    )]);
    let report = suite.run(&[]).expect(1).json();
    for runtime in RUNTIMES {
        assert_eq!(end(&report, "a/three", runtime), "exit 3");
        assert_eq!(verdict(&report, "a/three", runtime), "failed");
    }
}

#[test]
fn a_guest_that_recurses_without_end_overflows_its_stack_only() {
    ends("(func $f (export \"_start\") (call $f))", "trap stack-overflow", "failed", &[], 1);
}

#[test]
fn a_guest_without_start_is_rejected() {
    ends("(func (export \"main\"))", "rejected: no-start", "failed", &[], 1);
}

#[test]
fn a_gigabyte_on_stdout_is_drained_and_kept_as_length_and_hash() {
    let guest = format!(
        "{HEAD}(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export \"memory\") 20)
          (func (export \"_start\") (local $left i64)
            (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 0x100000))
            (local.set $left (i64.const 0x40000000))
            (loop $more
              (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
              (local.set $left (i64.sub (local.get $left) (i64.load32_u (i32.const 8))))
              (br_if $more (i64.gt_s (local.get $left) (i64.const 0))))))"
    );
    let suite = OwnSuite::new(&[("a/gigabyte.wat", &guest), ("b/good.script", GOOD)]);
    // it is the length that is under test, so the case expects no stdout and the difference shows it
    let guest = guest.replacen(";;! clauses", ";;! expect_stdout = \"\"\n;;! clauses", 1);
    std::fs::write(suite.path().join("a/gigabyte.wat"), guest).expect("write");
    let report = suite.run(&["--timeout", "60", "--jobs", "1"]).expect(1).json();
    for runtime in RUNTIMES {
        let text = report["cases"][0]["results"][runtime]["profiles"]["default"]["differences"].to_string();
        assert!(text.contains("of 1073741824 bytes, sha256"), "{runtime}: {text}");
        assert_eq!(verdict(&report, "b/good", runtime), "pass");
    }
}

#[test]
fn a_guest_that_writes_without_end_is_timed_out() {
    let body = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))";
    let endless = format!(
        "{HEAD}(module {body} (memory (export \"memory\") 17)
          (func (export \"_start\") (i32.store (i32.const 4) (i32.const 0x100000))
            (loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))))"
    );
    let suite = OwnSuite::new(&[("a/endless.wat", &endless), ("b/good.script", GOOD)]);
    let report = suite.run(&["--timeout", "1", "--profile", "default", "--runtime", "wasmi"]).expect(1).json();
    assert_eq!(verdict(&report, "a/endless", "wasmi"), "timed-out");
    assert_eq!(verdict(&report, "b/good", "wasmi"), "pass");
}

#[test]
fn a_file_beyond_the_limit_is_an_error_and_not_the_end_of_the_runtime() {
    let huge = "#! summary = \"huge\"\n#! clauses = [\"fd_filestat_set_size.too-large\"]\n
f = path_open(root, 0, \"f\", [creat], [fd_write, fd_filestat_set_size, fd_filestat_get], 0, 0) = _
fd_filestat_set_size(f, 0x10000000000) = fbig | inval
fd_filestat_get(f) = { size: 0, .. }
";
    let suite = OwnSuite::new(&[("a/huge.script", huge)]);
    // wasmer answers io, which its divergence file explains in the real suite
    let report = suite.run(&[]).expect(1).json();
    for (runtime, expected) in [("oracle", "pass"), ("wasmtime", "pass"), ("wasmi", "pass"), ("wasmer", "failed")] {
        assert_eq!(verdict(&report, "a/huge", runtime), expected, "{runtime}");
        assert_eq!(report["cases"][0]["results"][runtime]["profiles"]["default"]["end"], "exit 0", "{runtime}");
    }
}

#[test]
fn a_script_with_a_mistake_gets_file_line_caret_and_cure() {
    let suite = OwnSuite::new(&[(
        "a/bad.script",
        "#! summary = \"s\"\n#! clauses = [\"fd_read.at-end\"]\n\nf = path_open(root, 0, \"file\", 0, [fd_reed], 0, 0)\n",
    )]);
    let ran = suite.run(&[]).expect(2);
    assert!(ran.err.contains("bad.script:4"), "{}", ran.err);
    assert!(ran.err.contains("`rights` has no flag `fd_reed`"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `fd_read`?"), "{}", ran.err);
    assert!(ran.out.is_empty(), "nothing was run: {}", ran.out);
}

#[test]
fn wrong_front_matter_and_unknown_clauses_are_refused() {
    let suite = OwnSuite::new(&[
        ("a/key.script", "#! summary = \"s\"\n#! clauses = [\"fd_read.at-end\"]\n#! tre = {}\nsched_yield()\n"),
        ("a/clause.script", "#! summary = \"s\"\n#! clauses = [\"fd_read.at-the-end\"]\nsched_yield()\n"),
        ("a/none.script", "sched_yield()\n"),
    ]);
    let ran = suite.run(&[]).expect(2);
    for text in [
        "key.script:3",
        "unknown field `tre`",
        "clause.script:2",
        "there is no clause `fd_read.at-the-end`",
        "did you mean `fd_read.at-end`",
        "none.script:1",
        "no front matter",
    ] {
        assert!(ran.err.contains(text), "{text} is not in\n{}", ran.err);
    }
}

#[test]
fn wat_that_cannot_be_assembled_is_a_harness_error_and_the_run_goes_on() {
    let suite = OwnSuite::new(&[("a/bad.wat", &format!("{HEAD}(module (func (export")), ("b/good.script", GOOD)]);
    let report = suite.run(&[]).expect(3).json();
    assert_eq!(verdict(&report, "b/good", "wasmi"), "pass");
    assert!(report["errors"][0]["message"].as_str().is_some_and(|text| text.contains("bad.wat")), "{report}");
}

#[test]
fn usage_errors_have_exit_code_2_and_a_cure() {
    for (args, text) in [
        (vec!["conformance", "--no-such-flag"], "unexpected argument"),
        (vec!["conformance", "--runtime", "wasmtim"], "there is no runtime `wasmtim`"),
        (vec!["conformance", "--reference", "nothing"], "use one of: oracle, wasmtime, wasmi, wasmer"),
        (vec!["conformance", "--filter", "("], "no regular expression"),
        (vec!["conformance", "--filter", "^no such case$"], "no case is selected"),
        (vec!["conformance", "--shard", "3/2"], "write I/N"),
        (vec!["conformance", "--suite", "/no/such/folder"], "there is no suite folder"),
        (vec!["conformance", "--list", "--format", "json"], "cannot be used with"),
        (vec!["conformance", "--update", "--suite", "."], "cannot be used with"),
        (vec!["report", "--diff", "one", "other", "--report", "out"], "cannot be used with"),
        (vec!["fuzz", "--cases", "0"], "0 is not in 1.."),
        (vec!["check", "/no/such/file.wasm"], "cannot be read"),
        (vec!["frobnicate"], "unrecognized subcommand"),
    ] {
        let ran = touchstone(&args).expect(2);
        assert!(ran.err.contains(text), "{args:?}: {text} is not in\n{}", ran.err);
    }
}

#[test]
fn a_report_folder_that_cannot_be_written_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().expect("make a folder");
    let in_the_way = file(folder.path(), "file", b"");
    let report = in_the_way.join("report").display().to_string();
    let ran = touchstone(&["conformance", "--filter", "^files/seek-negative$", "--report", &report]).expect(2);
    assert!(ran.err.contains("reports cannot be written to"), "{}", ran.err);
    // root may write anywhere but in a file system that nobody can write to
    let ran = touchstone(&["conformance", "--filter", "^files/seek-negative$", "--report", "/proc/touchstone"]).expect(2);
    assert!(ran.err.contains("reports cannot be written to /proc/touchstone"), "{}", ran.err);
}

#[test]
fn a_file_that_is_not_wasm_is_one_clear_error() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = file(folder.path(), "prog.wasm", b"#!/bin/sh\n").display().to_string();
    let ran = touchstone(&["check", &path]).expect(2);
    assert!(ran.err.contains("is no WebAssembly"), "{}", ran.err);
    let path = file(folder.path(), "component.wasm", b"\0asm\x0d\0\x01\0").display().to_string();
    assert!(touchstone(&["check", &path]).expect(2).err.contains("is no core module"));
}

#[test]
fn an_engine_that_aborts_or_takes_all_memory_costs_one_verdict() {
    let suite = OwnSuite::new(&[("a/good.script", GOOD)]);
    let report = suite.run(&["--runtime", "wasmi", "--plant", "abort"]).expect(1).json();
    assert_eq!(verdict(&report, "a/good", "wasmi"), "crashed");
    assert_eq!(end(&report, "a/good", "wasmi"), "crashed by signal 6");
    let report = suite.run(&["--runtime", "wasmi", "--plant", "greedy"]).expect(1).json();
    assert_eq!(verdict(&report, "a/good", "wasmi"), "crashed");
    assert_eq!(end(&report, "a/good", "wasmi"), "crashed (memory-limit)");
}

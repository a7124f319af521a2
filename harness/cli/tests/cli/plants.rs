//! One fault planted under a backend turns exactly the right verdict red.

use crate::support::{OwnSuite, verdict};

const CASE: &str = "#! summary = \"a file is read, stdout is written, an error is seen\"
#! clauses = [\"program.start\"]
#! tree = { \"file\" = \"hello\" }
#! expect_stdout = \"done\"

f = path_open(root, 0, \"file\", 0, [fd_read], 0, 0) = ok
fd_read(f, 5) = \"hello\"
fd_write(stdout, \"done\") = 4
fd_close(f) = ok
fd_close(f) = badf
";

/// Plants a fault under wasmi while the reference stays as it is: only wasmi may turn red.
fn turns_red(plant: &str, expected: &str, place: &str) {
    let suite = OwnSuite::new(&[("a/case.script", CASE)]);
    let clean = suite.run(&["--runtime", "wasmi", "--runtime", "oracle"]).expect(0).json();
    assert_eq!(verdict(&clean, "a/case", "wasmi"), "pass");
    let report = suite.run(&["--runtime", "wasmi", "--runtime", "oracle", "--plant", plant, "--disclose"]).expect(1).json();
    assert_eq!(verdict(&report, "a/case", "wasmi"), expected, "{plant}");
    assert_eq!(verdict(&report, "a/case", "oracle"), "pass", "{plant}");
    let differences = &report["cases"][0]["results"]["wasmi"]["profiles"]["default"]["differences"];
    let first = differences[0].as_str().expect("a difference");
    assert!(first.starts_with(place), "{plant}: {differences}");
}

#[test]
fn a_wrong_errno() {
    turns_red("wrong-errno", "failed", "call 5 fd_close: expected badf, saw io");
}

#[test]
fn a_lost_byte() {
    turns_red("lost-byte", "failed", "stdout: expected \"done\", saw \"don\"");
}

#[test]
fn an_extra_file() {
    turns_red("extra-file", "failed", "tree root:extra: expected nothing, saw file \"\"");
}

#[test]
fn a_changed_canary() {
    turns_red("touched-canary", "escaped", "sandbox: expected nothing outside the preopens, saw outside/secret was changed");
}

#[test]
fn a_host_fd_left_open() {
    // the first run sets the baseline, so the same case runs twice
    let suite = OwnSuite::new(&[("a/case.script", CASE), ("b/case.script", CASE)]);
    let report = suite.run(&["--runtime", "wasmi", "--plant", "leaked-fd", "--jobs", "1"]).expect(1).json();
    assert_eq!(verdict(&report, "b/case", "wasmi"), "failed");
    let text = report["cases"][1]["results"]["wasmi"]["profiles"]["default"]["differences"].to_string();
    assert!(text.contains("host fds: expected none left open"), "{text}");
}

#[test]
fn what_was_seen_of_an_escape_is_withheld_unless_asked_for() {
    let suite = OwnSuite::new(&[("a/case.script", CASE)]);
    let ran = suite.run(&["--runtime", "wasmi", "--plant", "touched-canary"]).expect(1);
    assert!(ran.out.contains("withheld: this escape may not be public yet"), "{}", ran.out);
    assert!(!ran.out.contains("outside/secret"), "{}", ran.out);
}

#[test]
fn a_divergence_explains_exactly_what_it_says_and_nothing_else() {
    let divergence = |line: &str| {
        format!(
            "title = \"t\"\ncause = \"runtime-bug\"\nclauses = [\"fd_close.bad-fd\"]\nnote = \"n\"\n[[seen]]\nruntime = \"wasmi\"\nversions = \">=2.0.0, <3.0.0\"\n[seen.cases]\n\"a/case\" = [\"{line}\"]\n"
        )
    };
    let run = |line: &str, flags: &[&str]| {
        let suite = OwnSuite::new(&[("a/case.script", CASE), ("divergences/known.toml", &divergence(line))]);
        let mut all = vec!["--runtime", "wasmi"];
        all.extend(flags);
        suite.run(&all)
    };
    let exact = "call 5 fd_close: expected badf, saw io";
    assert_eq!(verdict(&run(exact, &["--plant", "wrong-errno"]).expect(0).json(), "a/case", "wasmi"), "known");
    assert_eq!(verdict(&run(exact, &["--plant", "lost-byte"]).expect(1).json(), "a/case", "wasmi"), "failed");
    assert_eq!(verdict(&run(exact, &[]).expect(1).json(), "a/case", "wasmi"), "stale");
    // an escape needs an advisory as well
    let escape = "sandbox: expected nothing outside the preopens, saw outside/secret was changed";
    assert_eq!(verdict(&run(escape, &["--plant", "touched-canary"]).expect(1).json(), "a/case", "wasmi"), "escaped");
}

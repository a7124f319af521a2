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

/// A case that opens a canary by this path, where the tree has a link to it, and reads and writes what it got. Where it is refused, as it
/// should be, `f` is 0, the standard input.
fn reaches_out(path: &str) -> String {
    format!(
        "#! summary = \"a path leads outside\"
#! clauses = [\"program.start\"]
#! tree = {{ \"link\" = {{ symlink = \"../outside/secret\" }} }}

f = path_open(root, [symlink_follow], \"{path}\", 0, [fd_read, fd_write], 0, 0) = perm | notcapable
fd_read(f, 64) = \"\"
fd_write(f, \"!\") = badf
"
    )
}

const OUTSIDE: [&str; 3] = ["../outside/secret", "/outside/secret", "link"];

/// What a report says of the world outside of a case on a runtime.
fn sandbox(report: &serde_json::Value, case: usize, runtime: &str) -> Vec<String> {
    let differences = &report["cases"][case]["results"][runtime]["profiles"]["default"]["differences"];
    let texts = differences.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    texts.filter(|text| text.starts_with("sandbox: ")).map(str::to_owned).collect()
}

/// Only the planted runtime escapes, only by paths of its class, and nothing else of it is seen outside.
fn follows(plant: &str, class: usize) {
    let cases = OUTSIDE.map(reaches_out);
    let names = ["a/dotdot.script", "b/absolute.script", "c/link.script"];
    let files: Vec<(&str, &str)> = names.into_iter().zip(cases.iter().map(String::as_str)).collect();
    let suite = OwnSuite::new(&files);
    let flags = ["--runtime", "wasmi", "--runtime", "oracle", "--profile", "default"];
    suite.run(&flags).expect(0);
    let planted: Vec<&str> = flags.into_iter().chain(["--plant", plant]).collect();
    let disclosed: Vec<&str> = planted.iter().copied().chain(["--disclose"]).collect();
    let report = suite.run(&disclosed).expect(1).json();
    for (index, name) in names.iter().enumerate() {
        let id = name.trim_end_matches(".script");
        let seen = sandbox(&report, index, "wasmi");
        if index == class {
            assert_eq!(verdict(&report, id, "wasmi"), "escaped", "{plant}");
            let expected = ["outside/secret was changed", "call 4 fd_read read a file outside the preopens"];
            assert_eq!(seen, expected.map(|what| format!("sandbox: expected nothing outside the preopens, saw {what}")), "{plant}");
        } else {
            assert_eq!((verdict(&report, id, "wasmi").as_str(), seen), ("pass", vec![]), "{plant}");
        }
        assert_eq!(verdict(&report, id, "oracle"), "pass", "{plant}");
    }
    let withheld = suite.run(&planted).expect(1);
    let report = withheld.json();
    assert_eq!((report["withheld"]["wasmi"].as_u64(), report["cases"].as_array().map(Vec::len)), (Some(1), Some(2)), "{plant}");
    for secret in ["sandbox: expected", "outside the preopens", "CANARY", names[class].trim_end_matches(".script")] {
        assert!(!withheld.out.contains(secret), "{secret} is in {}", withheld.out);
    }
}

#[test]
fn dotdot_followed_out_of_the_sandbox() {
    follows("follows-dotdot", 0);
}

#[test]
fn an_absolute_path_followed_out_of_the_sandbox() {
    follows("follows-absolute", 1);
}

#[test]
fn a_link_followed_out_of_the_sandbox() {
    follows("follows-link", 2);
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
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().display().to_string();
    let flags = ["--runtime", "wasmi", "--plant", "touched-canary", "--report", &path];
    let ran = suite.run(&flags).expect(1);
    assert_eq!(ran.json()["withheld"]["wasmi"], 1, "{}", ran.out);
    assert!(!ran.out.contains("outside/secret"), "{}", ran.out);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    for name in ["index.html", "report.json", "junit.xml", "summary.md"] {
        assert!(!read(name).contains("outside/secret"), "{name} tells what is withheld");
    }
    assert!(read("index.html").contains("1 cases escaped on wasmi") && !read("index.html").contains("a/case"));
    assert!(!folder.path().join("reproducers").exists());
    suite.run(&flags.into_iter().chain(["--disclose"]).collect::<Vec<_>>()).expect(1);
    assert!(read("index.html").contains("outside/secret"));
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
    assert_eq!(verdict(&run(escape, &["--plant", "touched-canary", "--disclose"]).expect(1).json(), "a/case", "wasmi"), "escaped");
}

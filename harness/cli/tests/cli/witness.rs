//! `witness`: the oracle beside the host kernel. The short form of what `cargo xtask witness --cases 1000000` does.

use std::fs;

use touchstone_cli::places;

use crate::support::{Ran, touchstone};

/// Enough that the common paths of every function are walked many times, in some seconds.
const CASES: &str = "6000";

fn witness(flags: &[&str]) -> Ran {
    touchstone(&[&["witness"], flags].concat())
}

/// The numbers of the summary line that stand before these words.
fn number(summary: &str, before: &str) -> f64 {
    let head = summary.lines().next().unwrap_or_default();
    let at = head.find(before).unwrap_or_else(|| panic!("`{before}` is not in {head}"));
    let text: String = head[..at].trim_end().chars().rev().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    text.chars().rev().collect::<String>().parse().unwrap_or_else(|_| panic!("no number before `{before}` in {head}"))
}

#[test]
fn the_suite_agrees_with_the_kernel() {
    let out = witness(&["--suite"]).expect(0).out;
    assert!(out.starts_with("the suite: ") && number(&out, " calls;") > 2000.0, "{out}");
}

#[test]
fn random_scripts_agree_with_the_kernel_whatever_the_number_of_jobs() {
    let one = witness(&["--cases", CASES, "--seed", "11", "--jobs", "1"]).expect(0).out;
    let two = witness(&["--cases", CASES, "--seed", "11", "--jobs", "2"]).expect(0).out;
    assert_eq!(one, two);
    assert!(number(&one, " %) and") >= 99.8, "agreement\n{one}");
    assert!(number(&one, " %); ") >= 40.0, "success\n{one}");
}

#[test]
fn what_is_on_no_file_fails_and_shows_the_script() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("none.toml");
    fs::write(&path, "").expect("write");
    let ran = witness(&["--suite", "--exceptions", &path.display().to_string()]).expect(1);
    assert!(ran.out.contains("differences that nothing explains") && ran.out.contains("path_unlink_file.symlink-slash"), "{}", ran.out);
    assert!(ran.out.contains("path_unlink_file(root, \"to_dir/\")"), "the script is shown\n{}", ran.out);
}

#[test]
fn an_exception_has_to_name_a_clause() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("wrong.toml");
    let text =
        "[[exception]]\nfunctions = [\"fd_read\"]\nclause = \"fd_read.nothing\"\npreferred = \"ok\"\nkernel = \"inval\"\nreason = \"r\"\n";
    fs::write(&path, text).expect("write");
    let ran = witness(&["--suite", "--exceptions", &path.display().to_string()]).expect(2);
    assert!(ran.err.contains("there is no clause `fd_read.nothing`") && ran.err.contains("cure: "), "{}", ran.err);
}

#[test]
fn every_exception_on_file_has_a_reason_of_its_own_words() {
    let text = fs::read_to_string(places::witness_exceptions()).expect("the file");
    let file: toml::Table = text.parse().expect("TOML");
    let exceptions = file["exception"].as_array().expect("exceptions");
    assert!(exceptions.len() > 10);
    for exception in exceptions {
        let reason = exception["reason"].as_str().expect("a reason");
        assert!(reason.split_whitespace().count() >= 8, "{exception}");
    }
}

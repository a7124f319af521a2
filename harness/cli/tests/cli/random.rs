//! `fuzz` and `mutants`: random scripts against runtimes, and against planted faults.

use std::process::Command;

use touchstone_cli::places;

use crate::support::{Ran, touchstone};

const MUTANTS: &str = env!("CARGO_BIN_EXE_touchstone-mutants");

fn mutants(flags: &[&str]) -> Ran {
    Ran::of(&Command::new(MUTANTS).args(flags).output().expect("start touchstone-mutants"))
}

#[test]
fn the_reference_departs_from_nothing() {
    let out = touchstone(&["fuzz", "--runtime", "oracle", "--cases", "150", "--seed", "5"]).expect(0).out;
    assert!(out.starts_with("seed 5: 150 scripts, ") && out.contains("; 0 findings are known, 0 are new"), "{out}");
}

#[test]
fn a_runtime_that_does_nothing_is_found_out_in_few_calls() {
    let ran = touchstone(&["fuzz", "--runtime", "nosys", "--cases", "10", "--seed", "5"]).expect(1);
    assert!(ran.out.contains("made smaller") && ran.out.contains("saw nosys"), "{}", ran.out);
    let smallest = ran.out.split("made smaller\n").nth(1).expect("a script");
    assert!(smallest.lines().take_while(|line| line.starts_with("    ")).count() <= 2, "one call is enough\n{smallest}");
}

#[test]
fn what_a_divergence_file_tells_is_only_counted() {
    let out = touchstone(&["fuzz", "--runtime", "wasmtime", "--cases", "40", "--seed", "1"]).expect(0).out;
    let (head, known) = out.split_once('\n').expect("a first line");
    assert!(known.lines().count() > 0, "a known difference turns up in 40 scripts\n{out}");
    assert!(head.ends_with(&format!("; {} findings are known, 0 are new", known.lines().count())), "{out}");
    for line in known.lines() {
        let id = line.rsplit(": ").next().unwrap_or_default();
        let file = places::root().join("suites/preview1/divergences").join(id).with_extension("toml");
        assert!(line.contains(" times wasmtime ") && file.exists(), "{line}");
    }
}

#[test]
fn survivors_are_the_same_whatever_the_number_of_jobs() {
    let flags = ["--random", "300", "--filter", "^fd_(seek|tell|close):", "--at-least", "50"];
    let one = mutants(&[&flags[..], &["--jobs", "1"]].concat()).expect(0).out;
    let two = mutants(&[&flags[..], &["--jobs", "2"]].concat()).expect(0).out;
    assert_eq!(one, two);
    assert!(one.contains("faults found (") && one.contains(" survive\n"), "{one}");
}

#[test]
fn too_few_found_is_a_failure_and_a_wrong_pattern_a_mistake() {
    mutants(&["--random", "1", "--filter", "^fd_seek:", "--at-least", "100"]).expect(1);
    let ran = mutants(&["--random", "1", "--filter", "("]).expect(2);
    assert!(ran.err.contains("cure: write a regular expression"), "{}", ran.err);
    mutants(&[]).expect(2);
}

//! `cargo xtask --profile` with a cargo that only says what it was asked for, and leaves a program that says the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("write a program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("make it a program");
}

/// Runs xtask where programs have been built by two profiles.
fn xtask(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("make a folder");
    program(&folder.path().join("cargo"), "echo \"cargo $@\"");
    for profile in ["debug", "campaign"] {
        for name in ["touchstone", "touchstone-bench"] {
            program(&folder.path().join(profile).join(name), &format!("echo \"{profile}/{name} $@\"; exit 1"));
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env("CARGO", folder.path().join("cargo")).env("CARGO_TARGET_DIR", folder.path());
    command.args(args).output().expect("start xtask")
}

fn said(args: &[&str]) -> (Option<i32>, String) {
    let ran = xtask(args);
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn a_program_is_built_and_run_by_the_profile_that_is_asked_for() {
    let (code, lines) = said(&["--profile", "campaign", "fuzz", "--cases", "1"]);
    let wanted = "cargo build --workspace --profile campaign --bin touchstone\ncampaign/touchstone fuzz --cases 1\n";
    assert_eq!((code, lines.as_str()), (Some(1), wanted));
    // it starts `touchstone`
    let (_, lines) = said(&["--profile", "campaign", "bench", "--quick"]);
    let wanted = "cargo build --workspace --profile campaign --bin touchstone --bin touchstone-bench\ncampaign/touchstone-bench --quick\n";
    assert_eq!(lines, wanted);
    let (_, lines) = said(&["--profile", "test", "fuzz"]);
    assert_eq!(lines, "cargo build --workspace --profile test --bin touchstone\ndebug/touchstone fuzz\n");
}

#[test]
fn without_one_everything_is_built_as_tests_are() {
    let (code, lines) = said(&["fuzz", "--profile", "campaign"]);
    // what stands behind the command is the program's to understand
    assert_eq!((code, lines.as_str()), (Some(1), "cargo build --workspace --quiet\ndebug/touchstone fuzz --profile campaign\n"));
}

#[test]
fn a_profile_that_is_not_said_or_not_used_is_an_error() {
    for args in [&["--profile"][..], &["--profile", "campaign", "tidy"], &["--profile", "campaign", "fuzz-targets"]] {
        let ran = xtask(args);
        assert_eq!((ran.status.code(), ran.stdout.is_empty()), (Some(2), true), "{args:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).starts_with("error: "), "{args:?}");
    }
}

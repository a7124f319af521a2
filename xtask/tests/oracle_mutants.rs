//! `cargo xtask oracle-mutants` with a cargo that only says what it was asked for, and leaves what a test wants it to have found.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A cargo that has cargo-mutants, or has it not, and what that finds.
struct Cargo {
    folder: TempDir,
}

impl Cargo {
    /// `found` is a piece of shell script, run in the folder `mutants.out`; the first word of it may be `exit`.
    fn new(installed: bool, found: &str) -> Cargo {
        let folder = tempfile::tempdir().expect("make a folder");
        let version = if installed { "exit 0" } else { "exit 101" };
        let script = format!(
            "#!/bin/sh\n[ \"$2\" = --version ] && {version}\necho \"$@ in $PWD for ${{CARGO_TARGET_DIR-itself}}\" >>'{0}/asked'\n\
             while [ \"$1\" != --output ]; do shift; done\nmkdir -p \"$2/mutants.out\" && cd \"$2/mutants.out\" || exit 9\n{found}\n",
            folder.path().display()
        );
        let path = folder.path().join("cargo");
        fs::write(&path, script).expect("write a cargo");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("make it a program");
        Cargo { folder }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.env("CARGO", self.folder.path().join("cargo")).env("CARGO_TARGET_DIR", self.folder.path().join("built"));
        command.arg("oracle-mutants").args(args).output().expect("start xtask")
    }

    /// What the tool was asked for.
    fn asked(&self) -> String {
        fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default()
    }

    fn survivors(&self, run: &str) -> PathBuf {
        self.folder.path().join("built/touchstone").join(run).join("survivors.txt")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn survivors_are_listed_in_the_order_of_the_files() {
    let found = "printf 'b.rs:9:1: x\\na.rs:10:5: x\\na.rs:9:40: y\\na.rs:9:5: z: z\\n' >missed.txt; echo c >caught.txt; exit 2";
    let cargo = Cargo::new(true, found);
    let ran = cargo.run(&[]);
    let list = "a.rs:9:5: z: z\na.rs:9:40: y\na.rs:10:5: x\nb.rs:9:1: x\n";
    let counts = "1 changes were noticed, 0 more by tests that did not end, 0 do not compile, 4 survive\n";
    assert_eq!((ran.status.code(), text(&ran.stdout)), (Some(1), format!("{list}{counts}")));
    assert_eq!(fs::read_to_string(cargo.survivors("oracle-mutants")).expect("the list"), list);
}

#[test]
fn a_change_that_makes_a_test_endless_is_noticed() {
    let ran = Cargo::new(true, "echo c >timeout.txt; : >missed.txt; echo u >unviable.txt; exit 3").run(&[]);
    let counts = "0 changes were noticed, 1 more by tests that did not end, 1 do not compile, 0 survive\n";
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(0), counts));
}

#[test]
fn the_copy_is_built_inside_of_itself_and_shares_count_from_one() {
    let cargo = Cargo::new(true, "echo c >caught.txt");
    let ran = cargo.run(&["--shard", "2/8", "--file=a.rs", "--file", "b.rs", "--jobs", "2"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let asked = cargo.asked();
    for part in [
        "mutants --package touchstone-oracle ",
        "--file a.rs --file b.rs --shard 1/8 --jobs 2 -- --package touchstone-guest --package touchstone-mutants --lib ",
        "for itself\n",
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
    assert!(cargo.survivors("oracle-mutants-2-of-8").exists());
}

#[test]
fn what_is_wrong_is_said_with_its_cure() {
    let usage = [&["--shard", "0/8"][..], &["--shard", "9/8"], &["--shard"], &["--jobs", "0"], &["--fast"]];
    for args in usage {
        let cargo = Cargo::new(true, "echo c >caught.txt");
        assert_eq!((cargo.run(args).status.code(), cargo.asked().as_str()), (Some(2), ""), "{args:?}");
    }
    let rows = [
        (Cargo::new(false, ""), 3, "cure: cargo install cargo-mutants --locked"),
        (Cargo::new(true, ""), 2, "cure: --file names files of harness/oracle/src"),
        (Cargo::new(true, "exit 4"), 3, "the tests fail without any change"),
        (Cargo::new(true, "exit 70"), 3, "cargo mutants ended with 70"),
    ];
    for (cargo, code, message) in rows {
        let ran = cargo.run(&[]);
        assert_eq!(ran.status.code(), Some(code), "{message}");
        assert!(text(&ran.stderr).contains(message), "{}", text(&ran.stderr));
    }
}

//! `register`: what it says, and that a stale file is found.

use crate::support::{OwnSuite, Ran, file, touchstone};

const CASE: &str =
    "#! summary = \"s\"\n#! clauses = [\"clock_res_get.cputime-clocks\"]\nclock_res_get(process_cputime_id)\nfd_read(99, 1)\n";

/// Runs the command on a suite of one case.
fn register(suite: &OwnSuite, flags: &[&str]) -> Ran {
    let folder = suite.path().display().to_string();
    let mut args = vec!["register", "--suite", &folder];
    args.extend(flags);
    touchstone(&args)
}

#[test]
fn choices_stand_with_their_reasons_and_who_chose_what() {
    let suite = OwnSuite::new(&[("a/case.script", CASE)]);
    let out = register(&suite, &["--runtime", "oracle"]).expect(0).out;
    let (alike, rest) = out.split_once("\n## Several ways").expect("two parts");
    let section = alike.split_once("### `clock_res_get.cputime-clocks`").expect("the clause").1.split("###").next().expect("its section");
    for text in ["(may, open)", "- `ok`: ", "- `inval` — witx", "*chosen:* oracle `ok`"] {
        assert!(section.contains(text), "{text} is not in\n{section}");
    }
    assert!(alike.contains("**discouraged**"), "outcomes that miss a `should` are marked");
    assert!(rest.contains("### `fd_seek.overflow`") && !out.contains("### `fd_read.bad-fd`"), "one outcome is no choice");
    assert!(!out.contains(&suite.path().display().to_string()), "no paths of this machine");
}

#[test]
fn a_stale_file_is_one_clear_error_with_its_cure() {
    let suite = OwnSuite::new(&[("a/case.script", CASE)]);
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("register.md");
    let name = path.display().to_string();
    let missing = register(&suite, &["--check", "--file", &name]).expect(1);
    assert!(missing.err.contains("is stale at line 1") && missing.err.contains("cure: cargo xtask register --update"), "{}", missing.err);
    register(&suite, &["--update", "--file", &name]).expect(0);
    register(&suite, &["--check", "--file", &name]).expect(0);
    let text = std::fs::read_to_string(&path).expect("the register");
    assert!(text.contains(" · wasmer ") && !text.contains("· node"), "the runtimes that are built in");
    file(folder.path(), "register.md", text.replace("*chosen:* oracle `ok`", "*chosen:* oracle `inval`").as_bytes());
    let stale = register(&suite, &["--check", "--file", &name]).expect(1);
    assert_eq!(stale.err.matches("error: ").count(), 1, "{}", stale.err);
    assert!(
        stale.err.contains("it says    *chosen:* oracle `inval`") && stale.err.contains("but it is  *chosen:* oracle `ok`"),
        "{}",
        stale.err
    );
}

#[test]
fn the_file_has_the_columns_of_built_in_runtimes_only() {
    let ran = touchstone(&["register", "--update", "--runtime", "node"]).expect(2);
    assert!(ran.err.contains("--update") && ran.err.contains("--runtime"), "{}", ran.err);
}

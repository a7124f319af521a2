//! Which random scripts a divergence file knows.

use touchstone_model::divergence::{Divergence, Lines, Shown, Sign};

const FILE: &str = r#"
title = "A file that is opened with append and nonblock is not appended to"
cause = "runtime-bug"
clauses = ["fd_write.append"]
note = "Somewhere."
seen = []

[[random]]
runtime = "some"
places = ["fd_tell", "tree"]
clauses = ["fd_tell.reports-offset"]
seen = ["other results", "otherwise"]
after = ["path_open(", "append, nonblock"]

[[random]]
runtime = "some"
places = ["path_open"]
call = ["append", "= isdir"]
"#;

fn knows(place: &str, clause: &str, seen: &str, calls: &[&str]) -> bool {
    let divergence = Divergence::parse("id", FILE).expect("a divergence file");
    let signs: Vec<Sign> = divergence.signs().collect();
    let clauses = [clause.to_owned()];
    let lines = Lines::new(|| calls.iter().map(|call| (*call).to_owned()).collect());
    Sign::of(&signs, &Shown { runtime: "some", place, clauses: &clauses, seen, lines }) == Some("id")
}

#[test]
fn words_of_an_earlier_call_are_looked_for_in_one_call_before() {
    let opened = "path_open(path: \"a\", fdflags: [append, nonblock]) = ok opened_fd: #1";
    let tell = |calls: &[&str]| knows("fd_tell", "fd_tell.reports-offset", "other results", calls);
    assert!(tell(&[opened, "fd_write(fd: #1)", "fd_tell(fd: #1)"]));
    assert!(!tell(&["path_open(path: \"a\")", "fd_fdstat_set_flags(flags: [append, nonblock])", "fd_tell(fd: #1)"]));
    assert!(!tell(&[opened]), "the call itself comes not before it");
    assert!(!tell(&[]));
    assert!(knows("tree", "fd_tell.reports-offset", "otherwise", &[opened, ""]));
}

#[test]
fn all_else_must_fit_as_well() {
    let calls = ["path_open(fdflags: [append, nonblock])", "fd_tell(fd: #1)"];
    assert!(!knows("fd_tell", "fd_tell.directory", "other results", &calls));
    assert!(!knows("fd_tell", "fd_tell.reports-offset", "badf", &calls));
    assert!(!knows("fd_seek", "fd_tell.reports-offset", "other results", &calls));
}

#[test]
fn words_of_the_call_are_all_needed() {
    let open = |call| knows("path_open", "path_open.opens", "isdir", &["path_open(fdflags: [append]) = isdir", call]);
    assert!(open("path_open(fdflags: [append]) = isdir"));
    assert!(!open("path_open(fdflags: []) = isdir"));
}

#[test]
fn a_name_that_means_nothing_is_a_mistake_and_told_with_its_line() {
    for (right, wrong, told) in [
        ("\"fd_write.append\"", "\"fd_write.apend\"", "there is no clause `fd_write.apend`; did you mean `fd_write.append`?"),
        ("\"fd_tell.reports-offset\"", "\"tells\"", "there is no clause `tells`\n"),
        ("\"path_open\"", "\"path_opne\"", "there is no place `path_opne`; did you mean `path_open`?"),
    ] {
        let text = FILE.replacen(right, wrong, 1);
        let line = text.lines().position(|line| line.contains(wrong)).expect("the name") + 1;
        let error = Divergence::parse("id", &text).expect_err(wrong).to_string();
        assert!(format!("{error}\n").contains(told) && error.contains(&format!("line {line}")), "{error}");
    }
}

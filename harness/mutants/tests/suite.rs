//! The suite and random scripts hunt the planted faults.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use touchstone_generate::{Mix, sample};
use touchstone_guest::script::Player;
use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_mutants::{Fault, Hunt, Trial, survey};
use touchstone_spec::{Clause, Level, clauses};
use walkdir::WalkDir;

/// The scripts of the suite. What a program in WAT or Rust does, no player of scripts can do.
fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites/preview1");
        let paths = WalkDir::new(&suite).sort_by_file_name().into_iter().map(|entry| entry.expect("an entry").into_path());
        let scripts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "script"));
        scripts.flat_map(|path| read(&suite, &path)).collect()
    })
}

fn read(suite: &Path, path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    let id = path.strip_prefix(suite).expect("below the suite").with_extension("").display().to_string();
    Case::parse_all(&id, &path.display().to_string(), Language::Script, &text).unwrap_or_else(|error| panic!("{}: {error}", error.place()))
}

/// All faults, which take a while to find.
fn faults() -> &'static [Fault] {
    static FAULTS: OnceLock<Vec<Fault>> = OnceLock::new();
    FAULTS.get_or_init(|| survey::all(cases(), |_| true))
}

fn hunt_of_the_suite() -> &'static Hunt {
    static HUNT: OnceLock<Hunt> = OnceLock::new();
    HUNT.get_or_init(|| {
        let hunt = Hunt::new(faults().to_vec());
        hunt.suite(cases(), &AtomicBool::new(false));
        hunt
    })
}

#[test]
fn there_are_a_thousand_faults_and_more() {
    assert!(faults().len() >= 1000, "{} faults", faults().len());
}

/// What a clause says of itself, and what the hunt says of it, if the two contradict each other.
fn contradiction(clause: &Clause, proven: bool) -> Option<String> {
    match (&clause.unproven, proven) {
        (None, false) => Some(format!("{}: no script that cites it finds a fault that breaks it", clause.id)),
        (Some(reason), true) => Some(format!("{}: a script that cites it finds a fault, although it says: {reason}", clause.id)),
        (Some(_), false) | (None, true) => None,
    }
}

#[test]
fn every_must_is_proven_by_a_fault_or_says_why_not() {
    let unproven = hunt_of_the_suite().unproven(cases());
    let must = clauses().iter().filter(|clause| clause.level == Level::Must);
    let mut broken: Vec<String> = must.filter_map(|clause| contradiction(clause, !unproven.contains(&clause.id.as_str()))).collect();
    let others = clauses().iter().filter(|clause| clause.level != Level::Must && clause.unproven.is_some());
    broken.extend(others.map(|clause| format!("{}: only a must needs a reason to be unproven", clause.id)));
    let cure = "cite the clause in a script that notices when it is broken, plant a fault that breaks it in harness/mutants/src/fault.rs, or say in \
                the clause's `unproven` what shows it instead; take `unproven` out where it is not true any more";
    assert!(broken.is_empty(), "{}\n  cure: {cure}", broken.join("\n"));
}

#[test]
fn faults_that_are_known_are_found_by_the_suite() {
    let known = [
        "fd_seek:fd_seek.negative-result:error:succeeds",
        "fd_seek:fd_seek.error-keeps-offset:error:error-then-effect",
        "fd_write:fd_write.grows:ok:no-effect",
        "args_get:args_get.pointers-into-buffer:ok:one-more-0-0",
        "clock_time_get:clock_time_get.monotonic:ok:backwards-0-0",
        "clock_time_get:clock_time_get.monotonic-measures:ok:stands-still-0-0",
        "random_get:random_get.no-more-than-asked:ok:writes-behind-0",
        "fd_write:memory.inputs-unchanged:ok:writes-data",
        "sock_accept:sock_accept.listener-stays:ok:also-closes",
        "path_rename:preopen.read-only:error:error-then-effect",
        "fd_write:program.trap-keeps-effects:error:undone",
        "fd_write:program.trap-is-no-exit:error:ends-well",
        "fd_close:program.errno-in-enum:error:no-errno",
    ];
    let hunt = hunt_of_the_suite();
    let survivors: Vec<String> = hunt.survivors().map(ToString::to_string).collect();
    for name in known {
        assert!(hunt.faults().iter().any(|fault| fault.to_string() == name), "there is no fault {name}");
        assert!(!survivors.iter().any(|survivor| survivor == name), "{name} survives");
    }
}

#[test]
fn the_reference_without_a_fault_is_never_refused() {
    let mut player = Player::default();
    for case in cases() {
        let sample = survey::of_case(case).unwrap_or_else(|| panic!("{} has no script", case.id));
        let trial = Trial::new(&sample, Some(case)).unwrap_or_else(|| panic!("{} cannot be laid out", case.id));
        let (_, wrong) = trial.survey(&mut player);
        assert_eq!(wrong, None, "{}", case.id);
    }
    for number in 0..1000 {
        let sample = sample(1, number, &Mix::default());
        let trial = Trial::new(&sample, None).unwrap_or_else(|| panic!("random script {number} cannot be laid out"));
        let (_, wrong) = trial.survey(&mut player);
        assert_eq!(wrong, None, "random script {number}: {}", sample.script);
    }
}

#[test]
fn random_scripts_alone_find_most_faults() {
    let hunt = Hunt::new(faults().to_vec());
    hunt.random(1, 0..2000, &AtomicBool::new(false));
    let (found, all) = (hunt.found(), hunt.faults().len());
    assert!(
        found * 100 >= all * 65,
        "2000 random scripts find {found} of {all} faults; cargo xtask mutants --random 2000 names the others"
    );
}

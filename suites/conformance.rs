//! The suite as tests: each case on each runtime, and the snapshot of each case on the reference.
//!
//! `cargo test --test conformance wasmi::files` runs one area on one runtime; `cargo insta review` goes through changed snapshots.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use touchstone_cli::{Failure, human, places, select, snapshots};
use touchstone_guest::rust::Fixtures;
use touchstone_model::Verdict;
use touchstone_model::bounds;
use touchstone_runner::observe::Bench;
use touchstone_runner::schedule::{Absent, Plan, Profiles};
use touchstone_runner::scratch::Scratch;
use touchstone_runner::suite::Suite;
use touchstone_runtimes::Entry;

fn main() -> ExitCode {
    match trials() {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit_code(),
        Err(failure) => {
            eprintln!("{}", failure.text());
            ExitCode::FAILURE
        }
    }
}

/// What all tests share.
struct Shared {
    suite: Suite,
    fixtures: Fixtures,
    scratch: Scratch,
    runtimes: Vec<&'static Entry>,
    reference: &'static Entry,
    /// Workers that no test is using now, with what their runtimes were proven to lack.
    idle: Mutex<Vec<(Bench<'static>, Absent)>>,
    made: Mutex<usize>,
}

fn trials() -> Result<Vec<Trial>, Failure> {
    let suite = select::suite(&[])?;
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let shared = Shared {
        suite,
        fixtures,
        scratch: Scratch::new()?,
        runtimes: select::chosen(&[])?,
        reference: select::reference(None)?,
        idle: Mutex::default(),
        made: Mutex::default(),
    };
    // workers refer to the scratch folder for as long as the process lives; the next run clears it
    let shared: &'static Shared = Box::leak(Box::new(shared));
    let mut trials = Vec::new();
    for (index, file) in shared.suite.cases.iter().enumerate() {
        for entry in &shared.runtimes {
            trials.push(Trial::test(format!("{}::{}", entry.name, file.case.id), move || shared.judge(entry, index)));
        }
        trials.push(Trial::test(format!("snapshot::{}", file.case.id), move || shared.snapshot(index)));
    }
    Ok(trials)
}

impl Shared {
    fn plan(&'static self, runtimes: Vec<&'static Entry>) -> Plan<'static> {
        Plan {
            program: PathBuf::from(env!("CARGO_BIN_EXE_touchstone")),
            cases: &self.suite.cases,
            fixtures: &self.fixtures,
            divergences: &self.suite.divergences,
            runtimes,
            reference: self.reference,
            profiles: Profiles::ByCase,
            jobs: 1,
            timeout: Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS),
            fail_fast: false,
            keep_shown: false,
            plant: None,
        }
    }

    /// Workers of an earlier test, or new ones.
    fn bench(&'static self) -> Result<(Bench<'static>, Absent), Failed> {
        if let Some(idle) = self.idle.lock().map_err(|error| error.to_string())?.pop() {
            return Ok(idle);
        }
        let mut made = self.made.lock().map_err(|error| error.to_string())?;
        *made += 1;
        let timeout = Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS);
        Ok((Bench::new(&self.scratch, &format!("t{made}"), timeout), Absent::new()))
    }

    fn run(&'static self, runtimes: Vec<&'static Entry>, index: usize) -> Result<touchstone_model::result::CaseResult, Failed> {
        let plan = self.plan(runtimes);
        let (mut bench, mut absent) = self.bench()?;
        if plan.runtimes.iter().any(|entry| !absent.contains_key(entry.name)) {
            absent.extend(plan.preflight(&mut bench).map_err(|error| error.to_string())?);
        }
        let result = plan.case(&mut bench, &absent, &self.suite.cases[index]).map_err(|error| error.to_string());
        self.idle.lock().map_err(|error| error.to_string())?.push((bench, absent));
        Ok(result?)
    }

    fn judge(&'static self, entry: &'static Entry, index: usize) -> Result<(), Failed> {
        let result = self.run(vec![entry], index)?;
        let verdict = result.runtimes.get(entry.name).and_then(|runtime| runtime.verdict());
        if verdict.is_some_and(Verdict::is_green) {
            return Ok(());
        }
        Err(Failed::from(human::failures(&result, self.reference.name, false, "")))
    }

    fn snapshot(&'static self, index: usize) -> Result<(), Failed> {
        let result = self.run(Vec::new(), index)?;
        let Some(text) = result.snapshot else {
            return Err(Failed::from("the reference is not as the case's author expects; no snapshot is taken"));
        };
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(places::snapshots());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_description(result.summary);
        settings.bind(|| insta::assert_snapshot!(snapshots::name(&result.id), text));
        Ok(())
    }
}

/// Workers hold on to the scratch folder; the compiler makes sure that they may move between the threads of tests.
const _: fn() = || {
    fn sendable<T: Send>() {}
    sendable::<Arc<Mutex<Vec<(Bench<'static>, Absent)>>>>();
};

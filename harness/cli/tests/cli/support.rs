//! Running the program, and suites of one case.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use semver::Version;
use tempfile::TempDir;
use touchstone_model::oracle::OracleReport;
use touchstone_model::trace::{Keeper, TRACE_EXPORT};
use touchstone_model::world::World;
use touchstone_model::{Case, Evidence, Observation, Verdict, judge};
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;
use touchstone_runtimes::runtimes;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_touchstone");

/// What a run printed and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The run of a command that has ended.
    pub(crate) fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Asserts the exit code; shows everything if it is another.
    pub(crate) fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The JSON report that was printed.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("stdout is no JSON ({error}):\n{}\n{}", self.out, self.err))
    }
}

/// Runs the program.
pub(crate) fn touchstone(args: &[&str]) -> Ran {
    Ran::of(&Command::new(PROGRAM).args(args).output().expect("start touchstone"))
}

/// A runtime in one worker, which runs modules of the recorder.
pub(crate) struct OneRuntime<'a> {
    bench: Bench<'a>,
    spec: WorkerSpec,
}

impl OneRuntime<'_> {
    pub(crate) fn new<'a>(scratch: &'a Scratch, name: &str, runtime: &str, timeout: Duration) -> OneRuntime<'a> {
        let bench = Bench::new(scratch, name, timeout);
        let spec = WorkerSpec { program: PathBuf::from(PROGRAM), runtime: runtime.to_owned(), profile: Profile::Default, plant: None };
        OneRuntime { bench, spec }
    }

    pub(crate) fn observe(&mut self, world: &World, recorded: &[u8]) -> Observation {
        self.bench.observe(&self.spec, world, &Prepared::plain(recorded, &[TRACE_EXPORT])).expect("a run")
    }
}

/// What a run with a fault comes to, where it should be like the clean one.
pub(crate) fn verdict_with_fault(case: &Case, clean: &Observation, faulty: &Observation, oracle: &OracleReport) -> Verdict {
    let version = Version::new(0, 0, 0);
    let evidence = Evidence {
        case,
        runtime: "faulty",
        version: &version,
        profile: Profile::Default.name(),
        observation: faulty,
        reference: Some(clean),
        oracle,
        divergences: &[],
    };
    judge(evidence).verdict
}

/// A suite in a folder of its own. Deleted when dropped.
pub(crate) struct OwnSuite {
    folder: TempDir,
}

impl OwnSuite {
    /// A suite of these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> OwnSuite {
        let folder = tempfile::tempdir().expect("make a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("make a folder");
            std::fs::write(path, text).expect("write a case");
        }
        OwnSuite { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the suite with further flags and gives the JSON report.
    pub(crate) fn run(&self, flags: &[&str]) -> Ran {
        let folder = self.path().display().to_string();
        let mut args = vec!["conformance", "--suite", &folder, "--format", "json"];
        args.extend(flags);
        touchstone(&args)
    }
}

/// A file in a folder that is kept for the test.
pub(crate) fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("write a file");
    path
}

/// The verdict of a case on a runtime in a report.
pub(crate) fn verdict(report: &serde_json::Value, case: &str, runtime: &str) -> String {
    let cases = report["cases"].as_array().expect("cases");
    let case = cases.iter().find(|found| found["id"] == case).unwrap_or_else(|| panic!("no case {case} in {report}"));
    case["results"][runtime]["verdict"].as_str().unwrap_or_else(|| panic!("no verdict on {runtime} in {case}")).to_owned()
}

/// How a case ended on a runtime under the default profile.
pub(crate) fn end(report: &serde_json::Value, case: &str, runtime: &str) -> String {
    let cases = report["cases"].as_array().expect("cases");
    let case = cases.iter().find(|found| found["id"] == case).expect("the case");
    case["results"][runtime]["profiles"]["default"]["end"].as_str().expect("an end").to_owned()
}

/// The runtimes that can be used here, with who keeps their trace: those below, and programs that are found on PATH.
pub(crate) fn present() -> Vec<(&'static str, Keeper)> {
    let (present, absent): (Vec<_>, Vec<_>) = runtimes().iter().filter(|entry| !entry.control).partition(|entry| entry.absence().is_none());
    absent.iter().filter_map(|entry| entry.absence()).for_each(|absence| eprintln!("not tested: {absence}"));
    present.iter().map(|entry| (entry.name, entry.keeper)).collect()
}

/// The runtimes that are built in and judged by default.
pub(crate) const RUNTIMES: [&str; 3] = ["wasmtime", "wasmi", "wasmer"];

/// The scratch folders of a run of the harness that are still there.
pub(crate) fn scratch_folders_of(pid: u32) -> Vec<PathBuf> {
    let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let entries = places.iter().flat_map(|place| std::fs::read_dir(place).into_iter().flatten().flatten());
    let prefix = format!("touchstone-{pid}-");
    entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .collect()
}

/// How often two programs are run until they show the same. A poll may see now one event and now another, on wasmer a write
/// comes late (`wasmer-write-comes-late`), and on Node a wait ends early (`node-timer-early`).
const RUNS: usize = 8;

/// How often they are run if each does what it did before, and not what the other does: on wasmer a write may come late to one of them nearly
/// always, since it takes a little longer from call to call.
const MOST_RUNS: usize = 64;

/// Whether two programs show the same; `None` where one does not even do what it did before. A raw call may be given memory that
/// holds times or random bytes, and some things are a matter of timing. An error says where they differ.
pub(crate) fn agree(mut one: impl FnMut() -> Vec<String>, mut other: impl FnMut() -> Vec<String>) -> Result<Option<()>, String> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    let varies = |shown: &[Vec<String>]| shown.iter().any(|it| *it != shown[0]);
    for run in 1..=MOST_RUNS {
        ones.push(one());
        others.push(other());
        if ones.iter().any(|one| others.contains(one)) {
            return Ok(Some(()));
        }
        if run >= RUNS && (varies(&ones) || varies(&others)) {
            return Ok(None);
        }
    }
    let lines = ones[0].len().max(others[0].len());
    let first = (0..lines).find(|line| ones[0].get(*line) != others[0].get(*line)).unwrap_or(lines);
    Err(format!("line {first}: {:?}\nand {:?}", ones[0].get(first), others[0].get(first)))
}

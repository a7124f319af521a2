//! The command: measures, shows the table, and writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use regex::Regex;
use touchstone_cli::conformance::{stop_on_ctrl_c, this_program};
use touchstone_cli::human::{self, Bar};
use touchstone_cli::{Exit, Failure, places, select};
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;
use touchstone_runtimes::{Entry, Origin, runtimes};

use crate::args::{Args, Inner, MemoryArgs, StandArgs};
use crate::calls::batch::FLOOR;
use crate::calls::benchmark::Benchmark;
use crate::calls::rounds::{self, Row};
use crate::calls::{stand, table};
use crate::report::{Host, Line, NOTES, Report, versions, wrong};
use crate::{charts, own, readme, show};

/// Rounds, and how long a batch should take.
const ROUNDS: (u32, Duration) = (31, Duration::from_millis(5));
const QUICK_ROUNDS: (u32, Duration) = (9, Duration::from_millis(2));

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.inner {
        Some(Inner::Stand(args)) => serve(args),
        Some(Inner::Memory(MemoryArgs { runtime, folder, scripts })) => {
            own::say_memory(runtime, folder, *scripts)?;
            Ok(Exit::Green)
        }
        None => measure(args),
    }
}

fn serve(args: &StandArgs) -> Result<Exit, Failure> {
    let profile = Profile::from_name(&args.profile)
        .ok_or_else(|| Failure::usage(format!("there is no profile `{}`", args.profile), "stands are started by `cargo xtask bench`"))?;
    stand::serve(&args.runtime, profile, &args.folder)?;
    Ok(Exit::Green)
}

/// What is to be measured, by name.
struct Wanted {
    filter: Regex,
    runtimes: Vec<String>,
    benchmarks: Vec<&'static Benchmark>,
    own: Vec<String>,
}

fn wanted(args: &Args) -> Result<Wanted, Failure> {
    let filter = Regex::new(args.filter.as_deref().unwrap_or_default())
        .map_err(|error| Failure::usage(format!("the filter is no regular expression: {error}"), "quote special characters with `\\`"))?;
    let runtimes = names(&args.runtime)?;
    let benchmarks: Vec<&Benchmark> = table::all().filter(|benchmark| filter.is_match(benchmark.name)).collect();
    let own = own::wanted(&runtimes, &filter);
    if benchmarks.is_empty() && own.is_empty() {
        return Err(Failure::usage("no benchmark is selected", "`--list` shows the names that `--filter` is matched against"));
    }
    Ok(Wanted { filter, runtimes, benchmarks, own })
}

/// The runtimes with these names; without any, all that live in this process and are under test.
fn names(given: &[String]) -> Result<Vec<String>, Failure> {
    let can = |entry: &Entry| matches!(entry.origin, Origin::BuiltIn { .. }) && entry.name != select::DEFAULT_REFERENCE;
    if given.is_empty() {
        let all = runtimes().iter().filter(|entry| can(entry) && entry.by_default);
        return Ok(all.map(|entry| entry.name.to_owned()).collect());
    }
    let mut out: Vec<String> = Vec::new();
    for name in given.iter().filter(|name| *name != FLOOR) {
        if !can(select::runtime(name)?) {
            return Err(Failure::usage(
                format!("{name} cannot be measured: nothing of it stays between two runs"),
                "use wasmtime, wasmi or wasmer; `linux` is always measured",
            ));
        }
        if !out.contains(name) {
            out.push(name.clone());
        }
    }
    Ok(out)
}

fn measure(args: &Args) -> Result<Exit, Failure> {
    let start = Instant::now();
    let wanted = wanted(args)?;
    if args.list {
        human::print(&list(&wanted));
        return Ok(Exit::Green);
    }
    let folder = args.report.clone().unwrap_or_else(|| places::cache().join("bench"));
    fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
    let stop = stop_on_ctrl_c()?;
    let scratch = Scratch::new()?;
    let (rounds, batch) = if args.quick { QUICK_ROUNDS } else { ROUNDS };
    let rounds = args.rounds.unwrap_or(rounds);
    let plan =
        rounds::Plan { program: this_program()?, runtimes: wanted.runtimes.clone(), benchmarks: wanted.benchmarks.clone(), rounds, batch };
    let rows = calls(&plan, &scratch, &stop)?;
    let (own, failure) = own_figures(args, &wanted, &scratch, &stop)?;
    // Ctrl-C is for all that this program has started as well: what fails then fails for that
    let stopped = stop.load(Ordering::Relaxed);
    let failure = failure.filter(|_| !stopped);
    let report = Report {
        schema: 1,
        quick: args.quick,
        complete: !stopped && failure.is_none(),
        rounds,
        host: Host::here(),
        versions: versions(&wanted.runtimes),
        calls: rows.iter().map(Line::new).collect(),
        own,
        wrong: wrong(&rows),
        notes: NOTES,
        seconds: start.elapsed().as_secs_f64(),
    };
    write(&report, &wanted.runtimes, &folder)?;
    human::print(&show::text(&report, &wanted.runtimes));
    eprintln!("{:.0} s; {}", report.seconds, folder.join("bench.json").display());
    end(args, &report, failure)
}

fn calls(plan: &rounds::Plan, scratch: &Scratch, stop: &AtomicBool) -> Result<Vec<Row>, Failure> {
    let bar = Bar::new(rounds::turns(plan), "batches");
    let rows = rounds::run(plan, scratch, stop, |done, name| bar.at(done, name));
    bar.end();
    Ok(rows?)
}

fn own_figures(args: &Args, wanted: &Wanted, scratch: &Scratch, stop: &AtomicBool) -> Result<(Vec<own::Figure>, Option<Failure>), Failure> {
    let program = this_program()?;
    let touchstone = beside(&program)?;
    let plan = own::Plan { quick: args.quick, program, touchstone, scratch, runtimes: wanted.runtimes.clone() };
    Ok(own::run(&plan, &wanted.filter, stop, |part| eprintln!("Touchstone itself: {part}")))
}

/// `touchstone`, which is built into the same folder.
fn beside(program: &Path) -> Result<PathBuf, Failure> {
    let path = program.with_file_name("touchstone");
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::usage(format!("there is no program {}", path.display()), "build it: `cargo build --workspace`"))
}

fn list(wanted: &Wanted) -> String {
    let calls = wanted.benchmarks.iter().map(|benchmark| [benchmark.name.to_owned(), benchmark.what.to_owned()]);
    let own = wanted.own.iter().map(|name| [name.clone(), "of Touchstone itself".to_owned()]);
    human::table(&calls.chain(own).collect::<Vec<_>>())
}

fn write(report: &Report, names: &[String], folder: &Path) -> Result<(), Failure> {
    let path = folder.join("bench.json");
    let mut text = serde_json::to_string_pretty(report).map_err(|error| Failure::file("write", &path)(error.into()))?;
    text.push('\n');
    fs::write(&path, text).map_err(Failure::file("write", &path))?;
    charts::write(&report.calls, names, folder)
        .map_err(|error| Failure::Other(format!("draw the charts in {}: {error}", folder.display())))?;
    Ok(())
}

/// What is to be said at the end, and the exit code.
fn end(args: &Args, report: &Report, failure: Option<Failure>) -> Result<Exit, Failure> {
    report.wrong.iter().for_each(|wrong| eprintln!("wrong: {wrong}"));
    if let Some(failure) = failure {
        return Err(failure);
    }
    if !report.wrong.is_empty() {
        eprintln!(
            "  cure: a ratio of what did not happen would be a lie, so there is none; `--filter` and `--rounds 1` show one benchmark again"
        );
        return Ok(Exit::Harness);
    }
    if !report.complete {
        eprintln!("the run was stopped; what was measured by then is in the report");
        return Ok(Exit::Harness);
    }
    if args.readme {
        let path = places::root().join("README.md");
        let text = fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
        let text = readme::renewed(&text, report).map_err(|error| Failure::usage(error, "then run the command again"))?;
        fs::write(&path, text).map_err(Failure::file("write", &path))?;
        eprintln!("{} is renewed", path.display());
    }
    Ok(Exit::Green)
}

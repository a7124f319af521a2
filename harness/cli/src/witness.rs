//! `witness`: the oracle beside the host kernel on random scripts. `stage` is the hidden command behind each of its processes.

use std::time::{Duration, Instant};

use touchstone_generate::{Mix, Sample};
use touchstone_runner::suite::CaseFile;
use touchstone_runner::witness::stage::Stage;
use touchstone_runner::witness::{Exceptions, Tally, troupe};

use crate::args::{StageArgs, WitnessArgs};
use crate::conformance::{stop_on_ctrl_c, this_program};
use crate::{Exit, Failure, human, places, select};

/// How often a stage says how far it is.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Runs the command.
pub fn run(args: &WitnessArgs) -> Result<Exit, Failure> {
    let exceptions = args.exceptions.clone().unwrap_or_else(places::witness_exceptions);
    Exceptions::read(&exceptions)
        .map_err(|error| Failure::usage(error.to_string(), "suites/witness.toml shows how an exception is written"))?;
    let stop = stop_on_ctrl_c()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let cases = if args.suite { suite_samples()?.len() as u64 } else { args.cases };
    let jobs = args.jobs.map_or(cores, u64::from).min(cases.max(1));
    let plan = troupe::Plan { program: this_program()?, exceptions, suite: args.suite, seed: args.seed, cases, jobs };
    let progress = human::Bar::new(cases, "scripts");
    let start = Instant::now();
    let tally = troupe::run(&plan, &stop, |tally| progress.at(tally.cases, &line(tally)))?;
    progress.end();
    human::print(&summary(&tally, args));
    eprintln!("{:.0} s", start.elapsed().as_secs_f64());
    let complete = tally.cases == cases;
    if !complete {
        eprintln!("stopped after {} of {cases} scripts", tally.cases);
    }
    Ok(if !tally.unlisted.is_empty() {
        Exit::Difference
    } else if complete {
        Exit::Green
    } else {
        Exit::Harness
    })
}

fn source(args: &WitnessArgs) -> String {
    if args.suite { "the suite".to_owned() } else { format!("seed {}", args.seed) }
}

/// What progress shows.
fn line(tally: &Tally) -> String {
    format!("{:.4} % agree, {} unlisted", 100.0 * tally.agreement(), tally.unlisted.len())
}

/// The result as text, the same for the same seed whatever the number of jobs.
fn summary(tally: &Tally, args: &WitnessArgs) -> String {
    let apart: u64 = tally.apart.values().sum();
    let mut out = format!(
        "{}: {} scripts, {} calls; the kernel decided {}, of which {} agree ({:.4} %) and {} succeed ({:.1} %); {apart} were not for it to decide\n",
        source(args),
        tally.cases,
        tally.calls,
        tally.decided,
        tally.agreed,
        100.0 * tally.agreement(),
        tally.succeeded,
        100.0 * tally.success(),
    );
    let list = |out: &mut String, title: &str, rows: &mut dyn Iterator<Item = (&String, &u64)>| {
        out.push_str(&format!("\n{title}\n"));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(name, times)| (std::cmp::Reverse(**times), (*name).clone()));
        rows.iter().for_each(|(name, times)| out.push_str(&format!("  {times:>9}  {name}\n")));
    };
    list(&mut out, "not for the kernel to decide", &mut tally.apart.iter());
    list(&mut out, "exceptions on file", &mut tally.exceptions.iter());
    if !tally.unlisted.is_empty() {
        out.push_str(&format!("\n{} differences that nothing explains\n", tally.unlisted.len()));
    }
    for unlisted in &tally.unlisted {
        let difference = &unlisted.difference;
        let (function, clauses) = (&difference.function, difference.clauses.join(", "));
        out.push_str(&format!(
            "\n{} times {function}: the oracle prefers {}, the kernel says {}, which is {}\n  {clauses}\n",
            unlisted.times,
            difference.preferred,
            difference.kernel,
            if difference.permitted { "permitted" } else { "refused" }
        ));
        out.push_str(&format!("  script {} of {}:\n", unlisted.case, source(args)));
        unlisted.script.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    out
}

/// Plays a share of the scripts and says what came of it, a line of JSON at a time.
pub fn stage(args: &StageArgs) -> Result<Exit, Failure> {
    let exceptions = Exceptions::read(&args.exceptions)?;
    let samples = samples(args)?;
    let mut stage = Stage::enter(&args.folder, exceptions)?;
    let mut tally = Tally::default();
    let mut reported = Instant::now();
    let step = usize::try_from(args.step.max(1)).unwrap_or(usize::MAX);
    for case in (args.first..args.cases).step_by(step) {
        stage.play(case, &samples(case), &mut tally)?;
        if reported.elapsed() > REPORT_EVERY {
            report(&std::mem::take(&mut tally))?;
            reported = Instant::now();
        }
    }
    report(&tally)?;
    Ok(Exit::Green)
}

/// Where scripts come from, by their numbers.
fn samples(args: &StageArgs) -> Result<Box<dyn Fn(u64) -> Sample>, Failure> {
    let seed = args.seed;
    if !args.suite {
        let mix = Mix::kernel();
        return Ok(Box::new(move |case| touchstone_generate::sample(seed, case, &mix)));
    }
    let suite = suite_samples()?;
    Ok(Box::new(move |case| usize::try_from(case).ok().and_then(|case| suite.get(case)).cloned().unwrap_or_default()))
}

/// The suite's own scripts.
fn suite_samples() -> Result<Vec<Sample>, Failure> {
    let suite = select::suite(&[])?;
    // sockets have a world of their own: the kernel is asked about files
    let cases = suite.cases.iter().filter(|file| file.case.world.sockets.is_empty());
    let sample = |file: &CaseFile| Some(Sample { world: file.case.world.clone(), script: file.case.script()?.clone() });
    Ok(cases.filter_map(sample).collect())
}

fn report(tally: &Tally) -> Result<(), Failure> {
    let line = serde_json::to_string(tally).map_err(|error| Failure::Other(format!("write a tally: {error}")))?;
    human::print(&(line + "\n"));
    Ok(())
}

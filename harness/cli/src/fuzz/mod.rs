//! `fuzz`: random scripts on runtimes, each call judged.

mod escapes;
mod findings;
mod summary;

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use touchstone_model::bounds;
use touchstone_model::divergence::Divergence;
use touchstone_runner::HarnessError;
use touchstone_runner::fuzz::campaign::{self, Finding, Outcome};
use touchstone_runner::fuzz::costs::{self, Costs};
use touchstone_runner::fuzz::hunter::{self, Assignment};
use touchstone_runner::scratch::Scratch;
use touchstone_runtimes::Entry;

use crate::args::{CostsArgs, FuzzArgs, HuntArgs};
use crate::conformance::{stop_on_ctrl_c, this_program};
use crate::{Exit, Failure, human, places, select};
pub(crate) use findings::Told;
use summary::Whole;

/// Runs the command.
pub fn run(args: &FuzzArgs) -> Result<Exit, Failure> {
    writable(args)?;
    let runtimes = select::built_in(&args.runtime)?;
    let suite = select::suite(&[])?;
    let mut divergences = suite.divergences;
    divergences.extend(args.known.iter().map(|path| known(path)).collect::<Result<Vec<_>, _>>()?);
    let stop = stop_on_ctrl_c()?;
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    // somebody who says neither wants to see something soon
    let time = args.time.or(args.cases.is_none().then_some(A_MINUTE));
    let start = Instant::now();
    let avoided = |entry: &&Entry| divergences.iter().find_map(|divergence| divergence.avoids(entry.name));
    let avoid = runtimes.iter().find_map(avoided);
    let signs = campaign::signs(&divergences, &runtimes);
    let plan = campaign::Plan {
        program: this_program()?,
        runtimes,
        seed: args.seed,
        cases: args.cases.unwrap_or(u64::MAX),
        shard: args.shard.map_or((1, 1), |shard| (shard.index as u64, shard.count as u64)),
        jobs,
        avoid,
        signs,
        shrink: !args.no_shrink,
        until: time.map(|time| start + time),
        timeout: Duration::from_secs(bounds::RANDOM_TIMEOUT_SECONDS),
        plant: args.plant,
    };
    let scratch = Scratch::new()?;
    let progress = match time {
        Some(time) => human::Bar::new(time.as_secs(), "seconds"),
        None => human::Bar::new(plan.part(), "scripts"),
    };
    let outcome = campaign::run(&plan, &scratch, &stop, |now| {
        let done = if time.is_some() { start.elapsed().as_secs() } else { now.cases };
        progress.at(done, &summary::status(&now, start.elapsed()));
    })?;
    progress.end();
    let whole = Whole { plan: &plan, outcome: &outcome, took: start.elapsed() };
    human::print(&summary::text(&whole));
    // one that cannot be written costs nothing of the others
    let kept = [escapes::keep(&outcome.escapes, args.seed), write_findings(&outcome, args), write_json(&whole, args)];
    eprintln!("{}", summary::speed(&whole));
    kept.into_iter().collect::<Result<(), _>>()?;
    if args.costs {
        eprint!("{}", summary::costs(&costs::costs(&plan, &scratch)?));
    }
    let is_red = outcome.findings.iter().any(Finding::is_new) || outcome.escapes.iter().any(|escape| escape.known.is_none());
    match outcome.error {
        Some(error) => Err(error.into()),
        None => Ok(if is_red { Exit::Difference } else { Exit::Green }),
    }
}

/// Looks whether what comes of hours can be written where it is asked for.
fn writable(args: &FuzzArgs) -> Result<(), Failure> {
    let cannot = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("nothing can be written to {}: {error}", path.display()), "name another place")
    };
    if let Some(folder) = &args.findings {
        std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder)).map_err(|error| cannot(folder, error))?;
    }
    if let Some(file) = &args.json {
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder)).map_err(|error| cannot(file, error))?;
    }
    Ok(())
}

/// Reads a divergence file that is no part of the suite.
fn known(path: &Path) -> Result<Divergence, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file("read", path))?;
    let id = path.file_stem().unwrap_or_default().to_string_lossy();
    Divergence::parse(&id, &text).map_err(|error| {
        Failure::usage(format!("{} is no divergence file: {error}", path.display()), "write it like those in suites/preview1/divergences")
    })
}

/// Plays a share of the scripts and says what it finds, a line of JSON at a time.
pub fn hunt(args: &HuntArgs) -> Result<Exit, Failure> {
    let runtimes = args.runtime.iter().map(|name| select::runtime(name)).collect::<Result<Vec<_>, _>>()?;
    let signs = hunter::read_signs(&args.signs)?;
    let HuntArgs { folder, core, seed, first, seat, avoid, step, end, .. } = args.clone();
    let book = std::io::stdin().as_fd().try_clone_to_owned().map_err(HarnessError::system("take over the log book"))?;
    let assignment = Assignment { folder, runtimes, core, seed, first, seat, avoid, signs, step, end };
    hunter::hunt(&assignment, &book.into(), &mut std::io::stdout().lock())?;
    Ok(Exit::Green)
}

/// Times scripts on a runtime, or on the kernel, and says what one costs, in a line of JSON.
pub fn costs(args: &CostsArgs) -> Result<Exit, Failure> {
    let CostsArgs { folder, name, seed, avoid } = args;
    // a number that cannot be written is none
    let say = |costs: &Costs| human::print(&(serde_json::to_string(costs).unwrap_or_default() + "\n"));
    match name.as_str() {
        costs::LINUX => say(&costs::of_linux(folder, *seed, *avoid)?),
        runtime => costs::of_runtime(folder, select::runtime(runtime)?, *seed, *avoid, say)?,
    }
    Ok(Exit::Green)
}

/// How long a campaign takes that was not told.
const A_MINUTE: Duration = Duration::from_secs(60);

/// Writes a folder for each new finding; the first error comes last.
fn write_findings(outcome: &Outcome, args: &FuzzArgs) -> Result<(), Failure> {
    let folder = args.findings.clone().unwrap_or_else(|| places::cache().join("findings"));
    let mut result = Ok(());
    for finding in outcome.findings.iter().filter(|finding| finding.is_new() && finding.is_open) {
        match findings::write(finding, args.seed, &folder) {
            Ok(written) => eprintln!("{}", written.display()),
            Err(error) => result = result.and(Err(error)),
        }
    }
    result
}

fn write_json(whole: &Whole<'_>, args: &FuzzArgs) -> Result<(), Failure> {
    args.json.as_ref().map_or(Ok(()), |path| summary::write(whole, path))
}

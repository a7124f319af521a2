//! `cargo xtask mutants`: faults planted in the reference, and what finds them. A program of its own, so that `touchstone` holds none.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use touchstone_cli::allocator::Allocator;
use touchstone_cli::conformance::stop_on_ctrl_c;
use touchstone_cli::{Exit, Failure, human, select};
use touchstone_model::Case;
use touchstone_mutants::{Fault, Hunt, survey};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Plants faults in the reference, one at a time, and says what finds them.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask mutants", version, max_term_width = 120)]
#[command(after_help = "Examples:
  cargo xtask mutants --suite                 does the suite find them, and each clause's own cases what breaks it?
  cargo xtask mutants --random 100000         do random scripts alone find them?
  cargo xtask mutants --random 2000 --filter '^fd_seek:'

A fault is FUNCTION:CLAUSE:ok|error:KIND. `permitted` is no kill. The same seed gives the same survivors, whatever the number of jobs.
Exit codes: 0 at least as many found as --at-least says, 1 fewer, 2 usage, 3 harness error or stopped")]
struct Args {
    /// Let the scripts of the suite hunt
    #[arg(long, conflicts_with = "random", required_unless_present = "random")]
    suite: bool,
    /// Let this many random scripts hunt
    #[arg(long, value_name = "N")]
    random: Option<u64>,
    /// Make the random scripts from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only faults whose id matches this regular expression
    #[arg(long, value_name = "REGEX")]
    filter: Option<String>,
    /// Hunt with this many threads; without it, one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Fail if less than this share is found
    #[arg(long, value_name = "PERCENT", default_value_t = 90.0)]
    at_least: f64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("{}", failure.text());
            failure.exit().into()
        }
    }
}

fn run(args: &Args) -> Result<Exit, Failure> {
    let filter = args.filter.as_deref().map(regex::Regex::new).transpose();
    let filter = filter.map_err(|error| Failure::usage(error.to_string(), "write a regular expression, for example '^fd_seek:'"))?;
    let cases: Vec<Case> = select::suite(&[])?.cases.into_iter().map(|file| file.case).collect();
    let stop = stop_on_ctrl_c()?;
    eprintln!("looking for branches");
    let wanted = |fault: &Fault| filter.as_ref().is_none_or(|filter| filter.is_match(&fault.to_string()));
    let faults = survey::all(&cases, wanted);
    let hunt = Hunt::new(faults);
    hunt_all(args, &hunt, &cases, &stop);
    human::print(&summary(args, &hunt, &cases));
    let share = percent(hunt.found(), hunt.faults().len());
    Ok(if stop.load(Ordering::Relaxed) {
        Exit::Harness
    } else if share < args.at_least {
        Exit::Difference
    } else {
        Exit::Green
    })
}

/// Hunts with all threads, and says now and then how far it is.
fn hunt_all(args: &Args, hunt: &Hunt, cases: &[Case], stop: &AtomicBool) {
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let scripts = args.random.unwrap_or(cases.len() as u64);
    let progress = human::Bar::new(scripts, "scripts");
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for job in 0..jobs {
            threads.push(scope.spawn(move || match args.random {
                Some(count) => hunt.random(args.seed, (job as u64..count).step_by(jobs), stop),
                None => hunt.suite(&cases[cases.len() * job / jobs..cases.len() * (job + 1) / jobs], stop),
            }));
        }
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(200));
            progress.at(hunt.done(), &format!("{} of {} faults found", hunt.found(), hunt.faults().len()));
        }
    });
    progress.end();
}

fn summary(args: &Args, hunt: &Hunt, cases: &[Case]) -> String {
    let (found, all) = (hunt.found(), hunt.faults().len());
    let hunter = args.random.map_or("the suite".to_owned(), |count| format!("{count} random scripts of seed {}", args.seed));
    let mut out = format!("{hunter}: {found} of {all} faults found ({:.2} %)\n", percent(found, all));
    if args.suite {
        hunt.ways().iter().for_each(|(way, count)| out.push_str(&format!("  {count:>6}  first by {way}\n")));
    }
    let survivors: Vec<String> = hunt.survivors().map(ToString::to_string).collect();
    out.push_str(&format!("\n{} survive\n", survivors.len()));
    survivors.iter().for_each(|fault| out.push_str(&format!("  {fault}\n")));
    if args.suite && args.filter.is_none() {
        let unproven = hunt.unproven(cases);
        out.push_str(&format!("\n{} clauses of level must of which no fault is found by a script that cites them\n", unproven.len()));
        unproven.iter().for_each(|id| out.push_str(&format!("  {id}\n")));
    }
    out
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

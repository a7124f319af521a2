//! `fuzz`: random scripts on runtimes, each call judged.

mod findings;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use touchstone_model::bounds;
use touchstone_runner::HarnessError;
use touchstone_runner::fuzz::campaign::{self, Finding, Outcome};
use touchstone_runner::fuzz::hunter::{self, Assignment};
use touchstone_runner::scratch::Scratch;
use touchstone_runtimes::Entry;

use crate::args::{FuzzArgs, HuntArgs};
use crate::conformance::{stop_on_ctrl_c, this_program};
use crate::{Exit, Failure, human, places, select};

/// Runs the command.
pub fn run(args: &FuzzArgs) -> Result<Exit, Failure> {
    let runtimes = select::chosen(&args.runtime)?;
    let suite = select::suite(&[])?;
    let stop = stop_on_ctrl_c()?;
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    // somebody who says neither wants to see something soon
    let time = args.time.or(args.cases.is_none().then_some(A_MINUTE));
    let start = Instant::now();
    let avoided = |entry: &&Entry| suite.divergences.iter().find_map(|divergence| divergence.avoids(entry.name));
    let avoid = runtimes.iter().find_map(avoided);
    let plan = campaign::Plan {
        program: this_program()?,
        runtimes,
        seed: args.seed,
        cases: args.cases.unwrap_or(u64::MAX),
        shard: args.shard.map_or((1, 1), |shard| (shard.index as u64, shard.count as u64)),
        jobs,
        avoid,
        shrink: !args.no_shrink,
        until: time.map(|time| start + time),
        timeout: Duration::from_secs(bounds::RANDOM_TIMEOUT_SECONDS),
    };
    let scratch = Scratch::new()?;
    let progress = match time {
        Some(time) => human::Bar::new(time.as_secs(), "seconds"),
        None => human::Bar::new(plan.part(), "scripts"),
    };
    let outcome = campaign::run(&plan, &suite.divergences, &scratch, &stop, |now| {
        let seconds = start.elapsed().as_secs_f64();
        let done = if time.is_some() { seconds as u64 } else { now.cases };
        progress.at(done, &format!("{:.0} scripts/s, {} findings, {} new", now.cases as f64 / seconds, now.findings, now.new));
    })?;
    progress.end();
    human::print(&summary(&outcome, args.seed));
    write_findings(&outcome, args)?;
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{:.0} s, {:.0} scripts/s", seconds, outcome.cases as f64 / seconds);
    if let Some(error) = outcome.error {
        return Err(error.into());
    }
    Ok(if outcome.findings.iter().any(Finding::is_new) || !outcome.escapes.is_empty() { Exit::Difference } else { Exit::Green })
}

/// Plays a share of the scripts and says what it finds, a line of JSON at a time.
pub fn hunt(args: &HuntArgs) -> Result<Exit, Failure> {
    let runtimes = args.runtime.iter().map(|name| select::runtime(name)).collect::<Result<Vec<_>, _>>()?;
    let HuntArgs { folder, core, seed, first, seat, avoid, step, end, .. } = args.clone();
    let book = std::io::stdin().as_fd().try_clone_to_owned().map_err(HarnessError::system("take over the log book"))?;
    let assignment = Assignment { folder, runtimes, core, seed, first, seat, avoid, step, end };
    hunter::hunt(&assignment, &book.into(), &mut std::io::stdout().lock())?;
    Ok(Exit::Green)
}

/// How long a campaign takes that was not told.
const A_MINUTE: Duration = Duration::from_secs(60);

/// Writes a folder for each new finding.
fn write_findings(outcome: &Outcome, args: &FuzzArgs) -> Result<(), Failure> {
    let folder = args.findings.clone().unwrap_or_else(|| places::cache().join("findings"));
    for finding in outcome.findings.iter().filter(|finding| finding.is_new()) {
        let written = findings::write(finding, args.seed, &folder)?;
        eprintln!("{}", written.display());
    }
    Ok(())
}

fn summary(outcome: &Outcome, seed: u64) -> String {
    let (known, new): (Vec<&Finding>, Vec<&Finding>) = outcome.findings.iter().partition(|finding| finding.known.is_some());
    let (unconfirmed, new): (Vec<&Finding>, Vec<&Finding>) = new.into_iter().partition(|finding| finding.unconfirmed);
    let mut out = format!(
        "seed {seed}: {} scripts, {} calls; {} findings are known, {} are new\n",
        outcome.cases,
        outcome.calls,
        known.len(),
        new.len()
    );
    for (runtime, times) in &outcome.escapes {
        out.push_str(&format!(
            "{runtime}: {times} runs got out of the sandbox; they are not shown here. Report them to its security contact\n"
        ));
    }
    for finding in known {
        let (signature, id) = (&finding.signature, finding.known.as_deref().unwrap_or_default());
        out.push_str(&format!("  {:>6} times {} {}: {id}\n", finding.times, signature.runtime, signature.place));
    }
    for finding in unconfirmed {
        let Finding { signature, times, case, detail, .. } = finding;
        out.push_str(&format!(
            "  {times:>6} times {} {}, {}: not shown again by script {case} in a process of its own; {detail}\n",
            signature.runtime, signature.place, signature.seen
        ));
    }
    for finding in new {
        let signature = &finding.signature;
        out.push_str(&format!(
            "\n{} times {} {}, {}: {}\n  {}\n  script {} of seed {seed}, made smaller\n",
            finding.times,
            signature.runtime,
            signature.place,
            signature.seen,
            finding.clauses.join(", "),
            finding.detail,
            finding.case
        ));
        let text = findings::case_text(finding);
        text.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    out
}

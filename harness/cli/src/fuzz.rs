//! `fuzz`: random scripts on runtimes, each call judged.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use touchstone_model::bounds;
use touchstone_model::world::World;
use touchstone_runner::campaign::{self, Finding, Outcome};
use touchstone_runner::scratch::Scratch;

use crate::args::FuzzArgs;
use crate::conformance::{stop_on_ctrl_c, this_program};
use crate::{Exit, Failure, human, select};

/// Runs the command.
pub fn run(args: &FuzzArgs) -> Result<Exit, Failure> {
    let runtimes = select::chosen(&args.runtime)?;
    let suite = select::suite(&[])?;
    let stop = stop_on_ctrl_c()?;
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let plan = campaign::Plan {
        program: this_program()?,
        runtimes,
        seed: args.seed,
        cases: args.cases,
        jobs,
        timeout: Duration::from_secs(bounds::RANDOM_TIMEOUT_SECONDS),
    };
    let scratch = Scratch::new()?;
    let progress = human::Bar::new(args.cases, "scripts");
    let start = Instant::now();
    let outcome = campaign::run(&plan, &suite.divergences, &scratch, &stop, |now| {
        progress.at(now.cases, &format!("{} findings, {} new", now.findings, now.new));
    })?;
    progress.end();
    human::print(&summary(&outcome, args.seed));
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{:.0} s, {:.0} scripts/s", seconds, outcome.cases as f64 / seconds);
    Ok(if outcome.findings.iter().any(|finding| finding.known.is_none()) || !outcome.escapes.is_empty() {
        Exit::Difference
    } else if stop.load(Ordering::Relaxed) {
        Exit::Harness
    } else {
        Exit::Green
    })
}

fn summary(outcome: &Outcome, seed: u64) -> String {
    let (known, new): (Vec<&Finding>, Vec<&Finding>) = outcome.findings.iter().partition(|finding| finding.known.is_some());
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
        let (world, plain) = (&finding.sample.world, World::default());
        if world.stdin != plain.stdin || world.stdout != plain.stdout {
            out.push_str(&format!("    # stdin {:?}, stdout {:?}\n", world.stdin, world.stdout));
        }
        for preopen in world.preopens.iter().filter(|preopen| !preopen.tree.0.is_empty()) {
            let entries: Vec<String> = preopen.tree.0.iter().map(|(path, node)| format!("{path}: {:?}", node.kind)).collect();
            out.push_str(&format!("    # {} {{ {} }}\n", preopen.name, entries.join(", ")));
        }
        finding.sample.script.to_string().lines().for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    out
}

//! Random scripts: what one costs by the trampoline and by a module of its own, and whether memory stays what it is.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use touchstone_cli::{Failure, human, select};
use touchstone_generate::{Mix, sample};
use touchstone_guest::script::program;
use touchstone_runner::HarnessError;
use touchstone_runner::fuzz::costs::Costs;
use touchstone_runner::fuzz::rig::Rig;

use super::{Figure, Plan};

/// The scripts are those of this seed.
const SEED: u64 = 1;

/// Has `touchstone` time scripts on each runtime, in a process of its own: scripts a second.
pub(super) fn costs(plan: &Plan<'_>) -> Result<Vec<Figure>, Failure> {
    let measured = plan.runtimes.iter().map(|runtime| costs_of(plan, runtime)).collect::<Result<Vec<Costs>, _>>()?;
    let module = |costs: &Costs| costs.module.unwrap_or(f64::NAN);
    let by_trampoline = measured.iter().map(|costs| Figure {
        name: format!("script, trampoline, {}", costs.name),
        value: 1e6 / costs.trampoline,
        unit: "scripts/s",
        ratio: Some(module(costs) / costs.trampoline),
        than: "times as fast as a module for each script",
    });
    let by_module = measured.iter().map(|costs| Figure {
        name: format!("script, module of its own, {}", costs.name),
        value: 1e6 / module(costs),
        unit: "scripts/s",
        ratio: None,
        than: "",
    });
    Ok(by_trampoline.chain(by_module).collect())
}

/// It says again and again what it knows so far; the last line counts.
fn costs_of(plan: &Plan<'_>, runtime: &str) -> Result<Costs, Failure> {
    let sealed = plan.scratch.sealed(&format!("costs-{runtime}"))?;
    let mut command = Command::new(&plan.touchstone);
    command.arg("costs").arg("--folder").arg(sealed.folder()).args(["--name", runtime, "--seed", &SEED.to_string()]);
    // a zero timeout makes wasmer wait for ever, which its divergence file says
    command.args(["--avoid", "zero-timeouts"]);
    let line = last_line(&mut command, &plan.touchstone)?;
    serde_json::from_str(&line).map_err(|error| Failure::Other(format!("what scripts cost on {runtime}: `{line}`: {error}")))
}

/// Runs a program and gives the last line of its output.
fn last_line(command: &mut Command, program: &Path) -> Result<String, Failure> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(Failure::file("start", program))?;
    let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    let last = lines.and_then(Iterator::last).unwrap_or_default();
    let status = child.wait().map_err(Failure::file("wait for", program))?;
    if status.success() { Ok(last) } else { Err(Failure::Other(format!("{} ended ({status}), after: {last}", program.display()))) }
}

/// Resident memory of a process, early and at the end.
#[derive(Debug, Serialize, Deserialize)]
struct Resident {
    early_bytes: u64,
    late_bytes: u64,
}

/// Scripts after which a process holds what it is going to hold: its caches are full.
const EARLY: u64 = 1_000;
/// And after which it should hold no more; fewer where there is little time.
const LATE: u64 = 10_000;
const LATE_IF_QUICK: u64 = 4_000;

/// Plays scripts in a process of their own: mebibytes that it holds behind the last one.
pub(super) fn memory(plan: &Plan<'_>) -> Result<Vec<Figure>, Failure> {
    let scripts = if plan.quick { LATE_IF_QUICK } else { LATE };
    let of_runtime = |runtime: &String| {
        let sealed = plan.scratch.sealed(&format!("memory-{runtime}"))?;
        let mut command = Command::new(&plan.program);
        command.arg("memory").arg("--folder").arg(sealed.folder()).args(["--runtime", runtime, "--scripts", &scripts.to_string()]);
        let line = last_line(&mut command, &plan.program)?;
        let resident: Resident =
            serde_json::from_str(&line).map_err(|error| Failure::Other(format!("what memory {runtime} takes: `{line}`: {error}")))?;
        Ok(Figure {
            name: format!("memory, {runtime}"),
            value: resident.late_bytes as f64 / f64::from(1 << 20),
            unit: "MiB",
            ratio: Some(resident.late_bytes as f64 / resident.early_bytes as f64),
            than: if plan.quick { "4,000 scripts to 1,000" } else { "10,000 scripts to 1,000" },
        })
    };
    plan.runtimes.iter().map(of_runtime).collect()
}

/// Plays so many scripts on a runtime in this process, and says what memory it took.
pub fn say_memory(runtime: &str, folder: &Path, scripts: u64) -> Result<(), Failure> {
    let mut rig = Rig::enter(folder, [select::runtime(runtime)?])?;
    // no poll may ask for a time that has come: on wasmer it would wait for ever
    let mix = Mix { read_only: false, shortest_wait_nanoseconds: 1, longest_wait_nanoseconds: 1, ..Mix::default() };
    let mut early_bytes = 0;
    for index in 0..scripts {
        let sample = sample(SEED, index, &mix);
        if let Ok(program) = program::program(&sample.script, &sample.world) {
            rig.run(0, &sample.world, &program)?;
        }
        if index + 1 == EARLY.min(scripts) {
            early_bytes = resident_bytes()?;
        }
    }
    let resident = Resident { early_bytes, late_bytes: resident_bytes()? };
    human::print(&(serde_json::to_string(&resident).unwrap_or_default() + "\n"));
    Ok(())
}

fn resident_bytes() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/statm").map_err(HarnessError::system("ask for this process's memory"))?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| Failure::Other(format!("the kernel says this of the process's memory: `{text}`")))?;
    Ok(pages * rustix::param::page_size() as u64)
}

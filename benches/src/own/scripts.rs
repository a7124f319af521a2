//! Random scripts: what one costs by the trampoline and by a module of its own, and whether memory stays what it is.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use touchstone_cli::{Failure, human, select};
use touchstone_generate::{Functions, Mix, sample};
use touchstone_guest::script::program;
use touchstone_runner::HarnessError;
use touchstone_runner::fuzz::costs::Costs;
use touchstone_runner::fuzz::rig::Rig;
use touchstone_spec::Function;

use super::{Figure, Plan};
use crate::figures::short;

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
        than: "times as fast as a module for each script".to_owned(),
    });
    let by_module = measured.iter().map(|costs| Figure {
        name: format!("script, module of its own, {}", costs.name),
        value: 1e6 / module(costs),
        unit: "scripts/s",
        ratio: None,
        than: String::new(),
    });
    Ok(by_trampoline.chain(by_module).collect())
}

fn costs_of(plan: &Plan<'_>, runtime: &str) -> Result<Costs, Failure> {
    let sealed = plan.scratch.sealed(&format!("costs-{runtime}"))?;
    let mut command = Command::new(&plan.touchstone);
    command.arg("costs").arg("--folder").arg(sealed.folder()).args(["--name", runtime, "--seed", &SEED.to_string()]);
    // a zero timeout makes wasmer wait for ever, which its divergence file says
    command.args(["--avoid", "zero-timeouts"]);
    last_line(&mut command, &plan.touchstone)
}

/// Runs a program that says again and again what it knows so far, and gives the last of it. A script may take it along.
fn last_line<T: DeserializeOwned>(command: &mut Command, program: &Path) -> Result<T, Failure> {
    command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(Failure::file("start", program))?;
    let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    let last = lines.and_then(Iterator::last).unwrap_or_default();
    let status = child.wait().map_err(Failure::file("wait for", program))?;
    serde_json::from_str(&last)
        .map_err(|error| Failure::Other(format!("{} ended ({status}) and said `{last}`: {error}", program.display())))
}

/// Resident memory of a process, early and so far.
#[derive(Debug, Serialize, Deserialize)]
struct Resident {
    scripts: u64,
    early_bytes: u64,
    late_bytes: u64,
}

/// Scripts after which a process holds what it is going to hold: its caches are full. So often it says what it holds.
const EARLY: u64 = 1_000;
/// And those after which it should hold no more; fewer where there is little time.
const LATE: u64 = 10_000;
const LATE_IF_QUICK: u64 = 4_000;

/// Plays scripts in a process of their own: mebibytes that it holds behind the last one.
pub(super) fn memory(plan: &Plan<'_>) -> Result<Vec<Figure>, Failure> {
    let scripts = if plan.quick { LATE_IF_QUICK } else { LATE };
    let of_runtime = |runtime: &String| {
        let sealed = plan.scratch.sealed(&format!("memory-{runtime}"))?;
        let mut command = Command::new(&plan.program);
        command.arg("memory").arg("--folder").arg(sealed.folder()).args(["--runtime", runtime, "--scripts", &scripts.to_string()]);
        let resident: Resident = last_line(&mut command, &plan.program)?;
        Ok(Figure {
            name: format!("memory, {runtime}"),
            value: resident.late_bytes as f64 / f64::from(1 << 20),
            unit: "MiB",
            ratio: Some(resident.late_bytes as f64 / resident.early_bytes as f64),
            than: format!("times as much after {} scripts as after {}", short(resident.scripts as f64), short(EARLY as f64)),
        })
    };
    plan.runtimes.iter().map(of_runtime).collect()
}

/// Plays so many scripts on a runtime in this process, and says again and again what memory it takes.
pub fn say_memory(runtime: &str, folder: &Path, scripts: u64) -> Result<(), Failure> {
    let mut rig = Rig::enter(folder, [select::runtime(runtime)?])?;
    // wasmer panics in a `path_rename` and, where it then cleans up, again, which ends the process; and a poll for a time that has come
    // never ends there
    let functions: Vec<Function> = Function::ALL.into_iter().filter(|function| *function != Function::PathRename).collect();
    let waits = Mix { shortest_wait_nanoseconds: 1, longest_wait_nanoseconds: 1, ..Mix::default() };
    let mix = Mix { read_only: false, functions: Functions::of(&functions), ..waits };
    let mut early_bytes = 0;
    for index in 0..scripts {
        let sample = sample(SEED, index, &mix);
        if let Ok(program) = program::program(&sample.script, &sample.world) {
            rig.run(0, &sample.world, &program)?;
        }
        let played = index + 1;
        if played.is_multiple_of(EARLY) {
            let late_bytes = resident_bytes()?;
            early_bytes = if played == EARLY { late_bytes } else { early_bytes };
            human::print(&(serde_json::to_string(&Resident { scripts: played, early_bytes, late_bytes }).unwrap_or_default() + "\n"));
        }
    }
    Ok(())
}

fn resident_bytes() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/statm").map_err(HarnessError::system("ask for this process's memory"))?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| Failure::Other(format!("the kernel says this of the process's memory: `{text}`")))?;
    Ok(pages * rustix::param::page_size() as u64)
}

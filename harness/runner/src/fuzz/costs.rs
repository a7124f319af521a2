//! What a script costs by the trampoline, beside a module of its own for each script and beside the host kernel, in one run.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use touchstone_guest::script::{encode, program};
use touchstone_model::divergence::Avoid;
use touchstone_runtimes::Entry;

use super::campaign::Plan;
use super::hunter::script;
use super::rig::Rig;
use crate::HarnessError;
use crate::observe::Prepared;
use crate::profile;
use crate::scratch::Scratch;
use crate::witness::stage::Stage;
use crate::witness::{Exceptions, Tally};

/// Scripts that are timed; of a module of its own, which takes longer to compile than to run, one of so many.
const SCRIPTS: u64 = 800;
const ONE_OF: u64 = 8;

/// Microseconds for a script, its world made and read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// The runtime, or `linux` for the kernel, which has one way only.
    pub name: String,
    pub trampoline: f64,
    pub module: Option<f64>,
}

/// What was measured, or the name of a runtime of which nothing was, and what it said.
pub type Measured = Result<Costs, (String, String)>;

/// Measures all runtimes of a plan and the kernel, each in a process of its own. One that does not come to its end, since a script takes its
/// runtime along, has measured what came before.
pub fn costs(plan: &Plan, scratch: &Scratch) -> Result<Vec<Measured>, HarnessError> {
    let mut out = Vec::new();
    for name in plan.runtimes.iter().map(|entry| entry.name).chain([LINUX]) {
        let sealed = scratch.sealed(&format!("costs-{name}"))?;
        let log = scratch.log(&format!("costs-{name}"));
        let stderr = File::create(&log).map_err(HarnessError::file("create", &log))?;
        let mut command = Command::new(&plan.program);
        command.arg("costs").arg("--folder").arg(sealed.folder()).args(["--name", name, "--seed", &plan.seed.to_string()]);
        if let Some(avoid) = plan.avoid {
            command.args(["--avoid", avoid.name()]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = child.map_err(HarnessError::file("start", &plan.program))?;
        let last = last_line(&mut child);
        // it may have ended by itself
        let _ = child.kill();
        let _ = child.wait();
        let said = || std::fs::read_to_string(&log).unwrap_or_default().trim().to_owned();
        out.push(last.and_then(|line| serde_json::from_str(&line).ok()).ok_or_else(|| (name.to_owned(), said())));
    }
    Ok(out)
}

/// The last thing that a process says, which has so long for all of it.
fn last_line(child: &mut Child) -> Option<String> {
    let (sender, lines) = mpsc::channel();
    let stdout = child.stdout.take()?;
    std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.map(|line| sender.send(line)).find(Result::is_err)
    });
    let end = Instant::now() + MOST_TIME;
    let next = || lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
    std::iter::from_fn(next).last()
}

/// For a runtime.
const MOST_TIME: Duration = Duration::from_secs(60);

/// What the kernel is called.
pub const LINUX: &str = "linux";

/// Measures a runtime in this process, and says again and again what one script costs so far.
pub fn of_runtime(
    folder: &Path,
    entry: &'static Entry,
    seed: u64,
    avoid: Option<Avoid>,
    mut say: impl FnMut(&Costs),
) -> Result<(), HarnessError> {
    profile::keep_to_core(std::process::id() as usize)?;
    let mut rig = Rig::enter(folder, [entry])?;
    let (mut by_trampoline, mut by_module) = (Mean::default(), Mean::default());
    for case in 0..SCRIPTS {
        let sample = script(seed, case, avoid);
        let Ok(program) = program::program(&sample.script, &sample.world) else { continue };
        by_trampoline.time(|| rig.run(0, &sample.world, &program).map(|_| ()))?;
        if case.is_multiple_of(ONE_OF) {
            by_module.time(|| {
                let module = Prepared::recorded(&encode(&program), entry.keeper);
                rig.run_module(0, &sample.world, module).map(|_| ())
            })?;
            say(&Costs { name: entry.name.to_owned(), trampoline: by_trampoline.microseconds(), module: Some(by_module.microseconds()) });
        }
    }
    Ok(())
}

/// Measures the kernel in this process. Each call is one of the oracle's too, which says what the kernel can be asked.
pub fn of_linux(folder: &Path, seed: u64, avoid: Option<Avoid>) -> Result<Costs, HarnessError> {
    let mut stage = Stage::enter(folder, Exceptions::default())?;
    let mut mean = Mean::default();
    for case in 0..SCRIPTS {
        let sample = script(seed, case, avoid);
        mean.time(|| stage.play(case, &sample, &mut Tally::default()))?;
    }
    Ok(Costs { name: LINUX.to_owned(), trampoline: mean.microseconds(), module: None })
}

/// The first run of each kind compiles or opens what the others find.
#[derive(Debug, Default)]
struct Mean {
    sum: Duration,
    runs: u32,
}

impl Mean {
    fn time(&mut self, run: impl FnOnce() -> Result<(), HarnessError>) -> Result<(), HarnessError> {
        let start = Instant::now();
        run()?;
        if self.runs > 0 {
            self.sum += start.elapsed();
        }
        self.runs += 1;
        Ok(())
    }

    fn microseconds(&self) -> f64 {
        self.sum.as_secs_f64() * 1e6 / f64::from(self.runs.saturating_sub(1).max(1))
    }
}

//! Several stages at once: each is a process that plays its share of the scripts and reports as it goes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use super::Tally;
use crate::HarnessError;
use crate::scratch::Scratch;

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `touchstone` program, which has the hidden command `stage`.
    pub program: PathBuf,
    /// The file of exceptions.
    pub exceptions: PathBuf,
    /// The scripts are the suite's, not random ones.
    pub suite: bool,
    pub seed: u64,
    /// Scripts with the numbers from 0.
    pub cases: u64,
    pub jobs: u64,
}

/// Plays all scripts; `seen` is told of every part as it comes in. Stopped early, it gives what there is.
pub fn run(plan: &Plan, stop: &AtomicBool, mut seen: impl FnMut(&Tally)) -> Result<Tally, HarnessError> {
    let scratch = Scratch::new()?;
    let (sender, receiver) = mpsc::channel();
    let mut players = Vec::new();
    for job in 0..plan.jobs {
        let (log, mut child) = start(plan, job, &scratch)?;
        let stdout = child.stdout.take();
        players.push((log, child));
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let mut whole = Tally::default();
    while let Ok(line) = receiver.recv() {
        let part: Tally = serde_json::from_str(&line).map_err(|error| failed(format!("a stage said `{line}`: {error}")))?;
        whole.add(part);
        seen(&whole);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let stopped = stop.load(Ordering::Relaxed);
    for (log, mut child) in players {
        if stopped {
            let _ = child.kill();
        }
        let status = child.wait().map_err(HarnessError::system("wait for a stage"))?;
        if !status.success() && !stopped {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(failed(format!("a stage ended ({status}): {}", said.trim())));
        }
    }
    Ok(whole)
}

fn start(plan: &Plan, job: u64, scratch: &Scratch) -> Result<(PathBuf, Child), HarnessError> {
    let sealed = scratch.sealed(&format!("stage-{job}"))?;
    let log = scratch.log(&format!("stage-{job}"));
    let stderr = File::create(&log).map_err(HarnessError::file("create", &log))?;
    let mut command = Command::new(&plan.program);
    command.arg("stage").arg("--folder").arg(sealed.folder()).arg("--exceptions").arg(absolute(&plan.exceptions)?);
    command.args(plan.suite.then_some("--suite"));
    for (flag, value) in [("--seed", plan.seed), ("--cases", plan.cases), ("--first", job), ("--step", plan.jobs)] {
        command.arg(flag).arg(value.to_string());
    }
    // a Ctrl-C at the terminal is for the parent, which then stops its stages itself
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.env_clear().envs([("TZ", "UTC"), ("LC_ALL", "C")]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    let child = command.spawn().map_err(HarnessError::file("start", &plan.program))?;
    Ok((log, child))
}

fn absolute(path: &Path) -> Result<PathBuf, HarnessError> {
    std::path::absolute(path).map_err(HarnessError::file("find", path))
}

fn failed(message: String) -> HarnessError {
    HarnessError::Worker { runtime: "linux".to_owned(), message }
}

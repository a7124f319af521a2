//! Faults that are planted under a backend, so that tests can see that each turns the right verdict red.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use sha2::{Digest, Sha256};
use touchstone_guest::recorder::lead_paths;
use touchstone_model::trace::{EXIT, RECORD_HEAD_BYTES, TRACE_EXPORT};
use touchstone_runtimes::{Module, Ran, Run, Runtime};

/// A fault of a runtime under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// The last call answers another errno than it did.
    WrongErrno,
    /// The last byte that the guest writes to stdout is lost.
    LostByte,
    /// A file that no call made lies in the first preopen.
    ExtraFile,
    /// A file outside all preopens is written to.
    TouchedCanary,
    /// `..` leads out of a preopen: the runtime opens a canary.
    FollowsDotdot,
    /// So does a path that begins with a slash.
    FollowsAbsolute,
    /// So does a symlink in the first preopen that points outside.
    FollowsLink,
    /// A host fd stays open after the run.
    LeakedFd,
    /// The host process aborts.
    Abort,
    /// The host process takes memory until it is stopped.
    Greedy,
}

impl Plant {
    /// All faults.
    pub const ALL: [Plant; 10] = [
        Plant::WrongErrno,
        Plant::LostByte,
        Plant::ExtraFile,
        Plant::TouchedCanary,
        Plant::FollowsDotdot,
        Plant::FollowsAbsolute,
        Plant::FollowsLink,
        Plant::LeakedFd,
        Plant::Abort,
        Plant::Greedy,
    ];

    /// The name by which a worker is told to plant it.
    pub fn name(self) -> &'static str {
        match self {
            Plant::WrongErrno => "wrong-errno",
            Plant::LostByte => "lost-byte",
            Plant::ExtraFile => "extra-file",
            Plant::TouchedCanary => "touched-canary",
            Plant::FollowsDotdot => "follows-dotdot",
            Plant::FollowsAbsolute => "follows-absolute",
            Plant::FollowsLink => "follows-link",
            Plant::LeakedFd => "leaked-fd",
            Plant::Abort => "abort",
            Plant::Greedy => "greedy",
        }
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Plant> {
        Plant::ALL.into_iter().find(|plant| plant.name() == name)
    }
}

/// A canary, seen from a preopen.
const SECRET: &str = "../outside/secret";

/// A further name of the canary in the first preopen, while a runtime runs that is to reach it.
const TUNNEL: u8 = b'~';

/// A runtime with a fault planted under it; without one, the runtime.
pub fn wrap(runtime: Box<dyn Runtime>, plant: Option<Plant>) -> Box<dyn Runtime> {
    match plant {
        Some(plant) => Box::new(Planted { runtime, plant }),
        None => runtime,
    }
}

struct Planted {
    runtime: Box<dyn Runtime>,
    plant: Plant,
}

impl Runtime for Planted {
    /// The preflight runs clean: its first argument says that it is one.
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        if run.given.args.first().is_some_and(|arg| arg == crate::preflight::PROGRAM) {
            return self.runtime.run(run);
        }
        let preopen = run.given.preopens.first().map(|preopen| preopen.host.clone()).unwrap_or_default();
        match self.plant {
            Plant::LostByte => self.lose_a_byte(run),
            Plant::WrongErrno => {
                let mut ran = self.runtime.run(run)?;
                ran.memories.iter_mut().filter(|(name, _)| name == TRACE_EXPORT).for_each(|(_, memory)| change_last_errno(memory));
                Ok(ran)
            }
            Plant::ExtraFile => {
                let ran = self.runtime.run(run)?;
                fs::write(preopen.join("extra"), "")?;
                Ok(ran)
            }
            Plant::TouchedCanary => {
                let ran = self.runtime.run(run)?;
                OpenOptions::new().append(true).open(preopen.join(SECRET))?.write_all(b"!")?;
                Ok(ran)
            }
            Plant::FollowsDotdot => self.lead_outside(run, &preopen, &[b"..".to_vec()]),
            Plant::FollowsAbsolute => self.lead_outside(run, &preopen, &[Vec::new()]),
            Plant::FollowsLink => {
                let links = links_outside(&preopen)?;
                self.lead_outside(run, &preopen, &links)
            }
            Plant::LeakedFd => {
                let ran = self.runtime.run(run)?;
                std::mem::forget(fs::File::open("/dev/null")?);
                Ok(ran)
            }
            Plant::Abort => std::process::abort(),
            Plant::Greedy => take_memory(),
        }
    }
}

impl Planted {
    /// Lets `path_open` follow the paths that begin so out of the first preopen, whatever the engine has against it: they all lead to the
    /// canary, which the engine finds inside. What the guest then does with the descriptor, it does to the canary.
    fn lead_outside(&mut self, mut run: Run, preopen: &Path, beginnings: &[Vec<u8>]) -> anyhow::Result<Ran> {
        run.guest.module = leading(&run.guest.module, beginnings)?;
        let tunnel = preopen.join(char::from(TUNNEL).to_string());
        fs::hard_link(preopen.join(SECRET), &tunnel)?;
        let ran = self.runtime.run(run);
        fs::remove_file(tunnel)?;
        ran
    }

    /// Lets the guest write into a pipe of ours and passes on all but the last byte.
    fn lose_a_byte(&mut self, mut run: Run) -> anyhow::Result<Ran> {
        let (reader, writer) = std::io::pipe()?;
        let mut to = fs::File::from(std::mem::replace(&mut run.given.stdout, OwnedFd::from(writer)));
        let copy = std::thread::spawn(move || -> std::io::Result<()> {
            let mut all = Vec::new();
            let mut reader = reader;
            reader.read_to_end(&mut all)?;
            all.pop();
            to.write_all(&all)
        });
        let ran = self.runtime.run(run)?;
        copy.join().map_err(|_| anyhow::anyhow!("the thread that loses a byte panicked"))??;
        Ok(ran)
    }
}

fn leading(module: &Module, beginnings: &[Vec<u8>]) -> anyhow::Result<Module> {
    let bytes = lead_paths(&module.bytes, beginnings, TUNNEL)?;
    Ok(Module { hash: Sha256::digest(&bytes).into(), bytes: bytes.into() })
}

/// The names of the symlinks in a folder that point outside of it.
fn links_outside(folder: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let target = fs::read_link(entry.path()).unwrap_or_default();
        if matches!(target.components().next(), Some(Component::ParentDir | Component::RootDir)) {
            names.push(entry.file_name().into_encoded_bytes());
        }
    }
    Ok(names)
}

/// Finds the last exit record of a trace that carries no outputs (an errno alone can be changed without them) and changes
/// the errno in it.
fn change_last_errno(memory: &mut [u8]) {
    let Ok(trace) = touchstone_model::Trace::read(memory) else { return };
    let Some(call) = trace.calls.iter().rev().find(|call| call.outcome.as_ref().is_some_and(|outcome| outcome.outputs.is_empty())) else {
        return;
    };
    let (function, Some(outcome)) = (call.function, &call.outcome) else { return };
    let mut record = vec![EXIT, function.index(), 0, 0];
    record.extend(outcome.errno.to_le_bytes());
    let found = memory.windows(record.len()).rposition(|window| window == record);
    if let Some(at) = found {
        // `io` says nothing about any call; an error that was seen becomes another one
        let errno: u32 = if outcome.errno == 29 { 28 } else { 29 };
        let at = at + RECORD_HEAD_BYTES as usize;
        memory[at..at + 4].copy_from_slice(&errno.to_le_bytes());
    }
}

fn take_memory() -> ! {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(vec![1; 16 << 20]);
    }
}

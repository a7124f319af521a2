//! Runtimes that are programs on `PATH`: how they are found, asked for their version, and started, once for each run.
//!
//! A program runs a small script of ours, which hosts the guest and reports how the run ended. Both sides share three files
//! in memory, whose fds are the script's last arguments: the module, the world as JSON, and the report. The guest's stdin,
//! stdout and stderr are the program's own, handed over as they are.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, geteuid, getppid, kill_process_group, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use touchstone_model::observation::Crash;
use touchstone_model::trace::TRACE_EXPORT;
use touchstone_model::{End, bounds};

use crate::{Ran, Run, Runtime};

/// The user and group that runtimes of a privileged harness run as: `nobody`, who owns nothing.
pub const UNPRIVILEGED_ID: u32 = 65534;

/// A runtime that is a program.
#[derive(Debug)]
pub struct Command {
    /// What it is called on `PATH`.
    pub(crate) program: &'static str,
    /// With these arguments it prints its version and, after a space, that of its WASI implementation.
    pub(crate) versions: &'static [&'static str],
    /// What its WASI implementation is called.
    pub(crate) wasi: &'static str,
    /// The first major version that will do.
    pub(crate) oldest: u64,
    /// The major version whose differences are on record: others are judged where they are named only.
    pub(crate) on_record: u64,
    /// What to do where it is absent.
    pub(crate) cure: &'static str,
    /// With these arguments, and three fds after them, it runs a guest.
    pub(crate) run: &'static [&'static str],
    pub(crate) found: OnceLock<Result<Found, Absence>>,
}

/// The program as it is on this machine.
#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    pub version: String,
    /// The WASI implementation and its version.
    pub wasi: String,
}

/// Why a runtime cannot be used on this machine, and what to do about that.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Absence {
    pub message: String,
    pub cure: &'static str,
}

impl Command {
    /// The program on this machine. It is looked for once.
    pub fn found(&self) -> Result<&Found, &Absence> {
        self.found.get_or_init(|| self.find()).as_ref()
    }

    /// The first program of this name on `PATH` that will do; where none does, what is wrong with the first.
    fn find(&self) -> Result<Found, Absence> {
        let path = env::var_os("PATH").unwrap_or_default();
        // workers have a folder of their own, from which a relative path would be another one
        let candidates = env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(self.program));
        let mut first = None;
        for candidate in candidates.filter(|candidate| candidate.is_file()) {
            match self.ask(candidate) {
                Ok(found) => {
                    if let Some(message) = first {
                        // somebody who tests a build of their own wants to know that it is not the one that is judged
                        eprintln!("{message}; {} is used instead", found.path.display());
                    }
                    return Ok(found);
                }
                Err(message) => first = first.or(Some(message)),
            }
        }
        let message = first.unwrap_or_else(|| format!("{} is not on PATH", self.program));
        Err(Absence { message, cure: self.cure })
    }

    /// Asks a program for its versions, as the user that will run it; says what is wrong if it is of no use.
    fn ask(&self, path: PathBuf) -> Result<Found, String> {
        let shown = path.display();
        let mut command = process::Command::new(&path);
        // as in a worker: nothing of the user's environment
        command.args(self.versions).env_clear().current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
        if geteuid().is_root() {
            command.uid(UNPRIVILEGED_ID).gid(UNPRIVILEGED_ID);
        }
        let (status, text) = answer(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => format!("{shown} cannot be executed by the user that runtimes run as ({})", user()),
            io::ErrorKind::TimedOut => format!("{shown} does not tell its versions ({error})"),
            _ => format!("{shown} cannot be started: {error}"),
        })?;
        let versions = text.trim().split_once(' ').filter(|_| status.success());
        let (version, wasi) = versions.ok_or_else(|| format!("{shown} does not tell its versions ({status})"))?;
        let major: u64 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
        if major < self.oldest {
            return Err(format!("{shown} is version {version}, and {} is the oldest that will do", self.oldest));
        }
        let (version, wasi) = (version.to_owned(), format!("{} {wasi}", self.wasi));
        Ok(Found { path, version, wasi })
    }

    /// Prepares the program to run guests.
    pub(crate) fn start(&'static self) -> anyhow::Result<Box<dyn Runtime>> {
        let found = self.found().map_err(Clone::clone)?;
        Ok(Box::new(Program { path: &found.path, arguments: self.run }))
    }
}

/// What a program prints that ends by itself, and soon. What it started ends with it.
fn answer(command: &mut process::Command) -> io::Result<(ExitStatus, String)> {
    // a file: somebody else may hold a pipe open for ever
    let mut printed = File::from(memfd_create("touchstone", MemfdFlags::CLOEXEC)?);
    let mut child = command.stdout(printed.try_clone()?).process_group(0).spawn()?;
    let end = Instant::now() + Duration::from_secs(bounds::VERSION_TIMEOUT_SECONDS);
    let mut status = child.try_wait()?;
    while status.is_none() && Instant::now() < end {
        thread::sleep(Duration::from_millis(bounds::WORKER_POLL_MILLISECONDS));
        status = child.try_wait()?;
    }
    // nobody may be left in it
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("it was stopped after {} seconds", bounds::VERSION_TIMEOUT_SECONDS));
    let Some(status) = status else {
        child.wait()?;
        return Err(late());
    };
    let mut text = Vec::new();
    printed.rewind()?;
    printed.read_to_end(&mut text)?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

fn user() -> String {
    let id = if geteuid().is_root() { UNPRIVILEGED_ID } else { geteuid().as_raw() };
    format!("uid {id}")
}

struct Program {
    path: &'static Path,
    arguments: &'static [&'static str],
}

/// What the script is told of a run.
#[derive(Serialize)]
struct World<'a> {
    args: &'a [String],
    env: &'a [(String, String)],
    /// Guest path and host path.
    preopens: Vec<(&'a str, &'a Path)>,
    memories: &'a [String],
    calls: &'a [String],
    /// The name under which a module imports what it needs to log to its host, and how long that log may get.
    trace: &'static str,
    trace_bytes: u32,
}

/// What the script says in the first line of its report. The content of the memories follows.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Report {
    /// How the run ended; name and length of each memory that was asked for and exists.
    Ended { end: End, memories: Vec<(String, usize)> },
    /// It could not be set up.
    Failed(String),
}

impl Runtime for Program {
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        let world = World {
            args: &run.given.args,
            env: &run.given.env,
            preopens: run.given.preopens.iter().map(|preopen| (preopen.guest.as_str(), preopen.host.as_path())).collect(),
            memories: &run.guest.memories,
            calls: &run.guest.calls,
            trace: TRACE_EXPORT,
            trace_bytes: bounds::TRACE_BYTES,
        };
        let mut report = shared(&[])?;
        let files = [&shared(&run.guest.module.bytes)?, &shared(&serde_json::to_vec(&world)?)?, &report];
        let mut command = process::Command::new(self.path);
        command.args(self.arguments).args(files.map(|file| file.as_raw_fd().to_string()));
        // the worker has found the program by its `PATH`; the program itself needs none
        command.env_remove("PATH").stdin(run.given.stdin).stdout(run.given.stdout).stderr(run.given.stderr);
        end_with_this_thread(&mut command);
        let status = command.status().with_context(|| format!("cannot start {}", self.path.display()))?;
        let mut bytes = Vec::new();
        report.rewind()?;
        report.read_to_end(&mut bytes)?;
        if status.success() { read(&bytes) } else { Ok(Ran::without_memories(End::Crashed { how: crash(status) })) }
    }
}

/// A file in memory with this content. Unlike all other fds of this process, the program inherits it.
fn shared(content: &[u8]) -> anyhow::Result<File> {
    let mut file = File::from(memfd_create("touchstone", MemfdFlags::empty()).context("cannot make a file in memory")?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// The program is killed when this process ends, however that happens: a guest in a loop would go on for ever. (The signal
/// comes when the thread ends that started it; that one waits for the program.)
fn end_with_this_thread(command: &mut process::Command) {
    let parent = rustix::process::getpid();
    let hook = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // it ended before the signal was asked for
        if getppid() != Some(parent) {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        }
        Ok(())
    };
    // SAFETY: between fork and exec the hook makes two system calls; it takes no lock and allocates nothing.
    unsafe { command.pre_exec(hook) };
}

fn crash(status: ExitStatus) -> Crash {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Crash::Signal(signal),
        (None, code) => Crash::Exit(code.unwrap_or(-1)),
    }
}

fn read(report: &[u8]) -> anyhow::Result<Ran> {
    let line = report.iter().position(|byte| *byte == b'\n').unwrap_or(report.len());
    let (head, rest) = report.split_at(line);
    let (end, lengths) = match serde_json::from_slice(head) {
        Ok(Report::Ended { end, memories }) => (end, memories),
        Ok(Report::Failed(message)) => bail!("the runtime could not be set up: {message}"),
        // it ended well without a word: something ended it that is not the script
        Err(_) if report.is_empty() => return Ok(Ran::without_memories(End::Crashed { how: Crash::Exit(0) })),
        Err(error) => bail!("the report cannot be read: {error}"),
    };
    let mut rest = rest.get(1..).unwrap_or_default();
    let mut memories = Vec::new();
    for (name, len) in lengths {
        let (content, behind) = rest.split_at_checked(len).context("the report ends in the middle of a memory")?;
        memories.push((name, content.to_vec()));
        rest = behind;
    }
    Ok(Ran { end, memories })
}

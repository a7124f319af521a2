//! A process in which one runtime is measured: it takes orders on stdin and answers each on stdout, a line of JSON either way.
//!
//! A runtime that crashes or hangs takes nothing along but its stand. And a process in which `openat2` is denied never gets it back.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use touchstone_runner::HarnessError;
use touchstone_runner::profile::{self, Profile};
use touchstone_runtimes::runtimes;

use super::batch::{Batch, Seat, measure};
use super::table;

/// How long one batch may take, its tree and its checks included.
const LONGEST_BATCH: Duration = Duration::from_secs(120);

/// What a stand is asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    benchmark: String,
    iterations: u32,
}

/// What it answers: the batch, or what went wrong.
type Answer = Result<Batch, String>;

/// Serves orders until nobody gives any more. `folder` is where trees are made.
pub fn serve(runtime: &str, profile: Profile, folder: &Path) -> Result<(), HarnessError> {
    profile::enter(profile)?;
    let entry = runtimes().iter().find(|entry| entry.name == runtime);
    let mut seat =
        Seat::start(entry).map_err(|error| HarnessError::WorkerStart { runtime: runtime.to_owned(), message: format!("{error:#}") })?;
    let stdin = std::io::stdin().lock();
    let mut stdout = std::io::stdout().lock();
    for line in stdin.lines() {
        let line = line.map_err(HarnessError::system("read an order"))?;
        let answer: Answer = perform(&line, &mut seat, &folder.join("tree"));
        let text = serde_json::to_string(&answer).unwrap_or_default();
        writeln!(stdout, "{text}").map_err(HarnessError::system("answer an order"))?;
    }
    Ok(())
}

fn perform(line: &str, seat: &mut Seat, folder: &Path) -> Answer {
    let order: Order = serde_json::from_str(line).map_err(|error| format!("this is no order: {error}"))?;
    let benchmark = table::named(&order.benchmark).ok_or_else(|| format!("there is no benchmark {}", order.benchmark))?;
    measure(benchmark, seat, folder, order.iterations).map_err(|error| format!("{error:#}"))
}

/// How a stand is started.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The program that has `stand` among its commands.
    pub program: PathBuf,
    pub runtime: String,
    pub profile: Profile,
    /// A folder of its own.
    pub folder: PathBuf,
    /// Where what it says on stderr goes.
    pub log: PathBuf,
}

/// A stand, from outside.
#[derive(Debug)]
pub struct Stand {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    log: PathBuf,
}

impl Stand {
    /// Starts the process.
    pub fn start(spec: &Spec) -> Result<Stand, HarnessError> {
        let log = File::create(&spec.log).map_err(HarnessError::file("create", &spec.log))?;
        let mut command = Command::new(&spec.program);
        command.args(["stand", "--runtime", &spec.runtime, "--profile", spec.profile.name(), "--folder"]).arg(&spec.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // the same everywhere; with RUST_BACKTRACE each error that a runtime makes on its way would cost a walk of the stack, and
        // wasi-common makes some in calls that succeed
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // Ctrl-C is for the one who gives the orders; the stand ends with its stdin
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(HarnessError::file("start", &spec.program))?;
        let (sender, answers) = channel();
        if let Some(stdout) = child.stdout.take() {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            std::thread::spawn(move || lines.map(|line| sender.send(line)).find(Result::is_err));
        }
        Ok(Stand { orders: child.stdin.take(), child, answers, log: spec.log.clone() })
    }

    /// Has a batch measured. After an error the stand may be gone.
    pub fn measure(&mut self, benchmark: &str, iterations: u32) -> Answer {
        let order = serde_json::to_string(&Order { benchmark: benchmark.to_owned(), iterations }).unwrap_or_default();
        let sent = self.orders.as_mut().map(|orders| writeln!(orders, "{order}"));
        if !matches!(sent, Some(Ok(()))) {
            return Err(self.departed());
        }
        match self.answers.recv_timeout(LONGEST_BATCH) {
            Ok(line) => serde_json::from_str(&line).unwrap_or_else(|error| Err(format!("the answer cannot be read: {error}"))),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {} seconds", LONGEST_BATCH.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err(self.departed()),
        }
    }

    /// Whether it can go on.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, with the last thing that it said.
    fn departed(&mut self) -> String {
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        format!("its process ended ({status}): {last}")
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // it has nothing that it would have to write
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

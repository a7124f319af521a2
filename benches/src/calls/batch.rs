//! One measurement: a benchmark on one runtime, its iterations timed together, and checked.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use touchstone_model::End;
use touchstone_model::world::Access;
use touchstone_runtimes::{Entry, Given, Guest, HostPreopen, Live, Module, Run, Runtime};

use super::benchmark::{Benchmark, Body};
use super::check::{Seen, open_descriptors};
use super::layout::CALLS;
use super::native::Native;
use super::{guest, tree};

/// The name of the floor among the runtimes.
pub const FLOOR: &str = "linux";

/// What can be measured.
pub enum Seat {
    /// System calls from native code.
    Floor,
    Runtime(Box<dyn Runtime>),
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Seat::Floor) { FLOOR } else { "a runtime" })
    }
}

impl Seat {
    /// Starts a runtime; without one, what all are compared with.
    pub fn start(entry: Option<&Entry>) -> anyhow::Result<Seat> {
        Ok(match entry {
            Some(entry) => Seat::Runtime((entry.start)()?),
            None => Seat::Floor,
        })
    }
}

/// What a batch took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Of all timed iterations.
    pub nanoseconds: u64,
    pub iterations: u32,
    /// Calls of WASI that they made.
    pub calls: u64,
}

impl Batch {
    /// Nanoseconds for an iteration.
    pub fn each(&self) -> f64 {
        self.nanoseconds as f64 / f64::from(self.iterations.max(1))
    }
}

/// The arguments of every guest.
pub fn arguments() -> Vec<String> {
    ["bench", "--one", "two", "--three=four", "five", "six", "seven", "eight"].map(str::to_owned).to_vec()
}

/// Its environment, as `environ_get` writes it.
pub fn environment() -> Vec<String> {
    variables().into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn variables() -> Vec<(String, String)> {
    let names = ["HOME", "LANG", "PATH", "PWD", "SHELL", "TERM", "TZ", "USER"];
    names.map(|name| (name.to_owned(), format!("the value of {name}"))).to_vec()
}

/// Measures so many iterations of a benchmark. `folder` is made anew for them.
pub fn measure(benchmark: &'static Benchmark, seat: &mut Seat, folder: &Path, iterations: u32) -> anyhow::Result<Batch> {
    match (seat, benchmark.body) {
        (Seat::Runtime(runtime), Body::Run { code, .. }) => runs(benchmark, runtime.as_mut(), code, folder, iterations),
        (Seat::Runtime(runtime), _) => {
            furnish(benchmark, folder, iterations)?;
            let mut live = runtime.keep(run_of(&module(benchmark)?, folder)?)?;
            set_up(live.as_mut())?;
            timed(benchmark, live.as_mut(), folder, iterations)
        }
        (Seat::Floor, _) => {
            furnish(benchmark, folder, iterations)?;
            let mut native = Native::new(benchmark, folder)?;
            set_up(&mut native)?;
            timed(benchmark, &mut native, folder, iterations)
        }
    }
}

/// The same on a runtime whose set-up is left out, for one that would not get through it: only what the calls themselves do is looked at.
pub fn not_set_up(benchmark: &Benchmark, runtime: &mut dyn Runtime, folder: &Path, iterations: u32) -> anyhow::Result<Batch> {
    furnish(benchmark, folder, iterations)?;
    let mut live = runtime.keep(run_of(&module(benchmark)?, folder)?)?;
    timed(benchmark, live.as_mut(), folder, iterations)
}

/// Makes the tree for so many iterations and those before them.
fn furnish(benchmark: &Benchmark, folder: &Path, iterations: u32) -> anyhow::Result<()> {
    tree::make(benchmark.tree, folder, warm_up(iterations) + iterations).with_context(|| format!("make the tree in {}", folder.display()))
}

fn set_up(live: &mut dyn Live) -> anyhow::Result<()> {
    succeeded("set-up", live.call("open", [0, 0])?)
}

/// Iterations before those that are timed.
fn warm_up(iterations: u32) -> u32 {
    iterations.clamp(1, 8)
}

/// Makes iterations on what was set up, times them and checks what they did.
fn timed(benchmark: &Benchmark, live: &mut dyn Live, folder: &Path, iterations: u32) -> anyhow::Result<Batch> {
    let warm = warm_up(iterations);
    live.call("reset", [0, 0])?;
    succeeded("first iterations", live.call("run", [0, warm])?)?;
    live.call("reset", [0, 0])?;
    let (open_before, before) = (open_descriptors(), now());
    let start = Instant::now();
    let errno = live.call("run", [warm, iterations])?;
    let took = start.elapsed();
    let between = [before, now()];
    succeeded("timed iterations", errno)?;
    succeeded("calls behind the last iteration", live.call("after", [0, 0])?)?;
    let mut seen = Seen { live, folder, first: warm, count: iterations, between, open_before };
    for check in benchmark.checks {
        seen.check(*check).map_err(|wrong| anyhow!("what was measured did not happen: {wrong}"))?;
    }
    let mut calls = [0; 8];
    live.read(CALLS, &mut calls)?;
    Ok(Batch { nanoseconds: nanoseconds(took), iterations, calls: u64::from_le_bytes(calls) })
}

/// Runs a module again and again, each time as another guest.
fn runs(benchmark: &Benchmark, runtime: &mut dyn Runtime, code: u32, folder: &Path, iterations: u32) -> anyhow::Result<Batch> {
    furnish(benchmark, folder, iterations)?;
    let module = module(benchmark)?;
    let mut took = Duration::ZERO;
    for index in 0..warm_up(iterations) + iterations {
        let run = run_of(&module, folder)?;
        let start = Instant::now();
        let ran = runtime.run(run)?;
        if index >= warm_up(iterations) {
            took += start.elapsed();
        }
        let wanted = End::Exit { code };
        if ran.end != wanted {
            bail!("what was measured did not happen: the guest ended with {:?} instead of {wanted:?}", ran.end);
        }
    }
    Ok(Batch { nanoseconds: nanoseconds(took), iterations, calls: iterations.into() })
}

fn module(benchmark: &Benchmark) -> anyhow::Result<Module> {
    let bytes = guest::module(benchmark).map_err(|error| anyhow!(error))?;
    Ok(Module { hash: Sha256::digest(&bytes).into(), bytes: bytes.into() })
}

/// The module with what it is given: the folder, and nothing to read or write besides.
fn run_of(module: &Module, folder: &Path) -> anyhow::Result<Run> {
    let null = || std::fs::File::options().read(true).write(true).open("/dev/null").map(Into::into);
    let guest = Guest { module: module.clone(), image: None, memories: Vec::new(), calls: Vec::new() };
    let preopens = vec![HostPreopen { guest: guest::PREOPEN.to_owned(), host: folder.to_owned(), access: Access::ReadWrite }];
    let (stdin, stdout, stderr) = (null()?, null()?, null()?);
    Ok(Run { guest, given: Given { args: arguments(), env: variables(), preopens, sockets: Vec::new(), stdin, stdout, stderr } })
}

fn succeeded(what: &str, errno: u32) -> anyhow::Result<()> {
    if errno == 0 {
        return Ok(());
    }
    // several errnos may have been or'ed; one is the rule
    let name = touchstone_spec::Errno::from_raw(errno).map_or("several", touchstone_spec::Errno::name);
    bail!("not all calls succeeded ({what}): errno {errno}, {name}")
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanoseconds)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

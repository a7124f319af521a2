//! Cases: the way of one to a worker and back, and all of them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use touchstone_cli::Failure;
use touchstone_model::world::World;
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;

use super::{Figure, Plan};
use crate::figures::{Spread, ratios};

/// Runs of the worker that are timed.
const RUNS: usize = 300;

/// How often the suite runs with one job and with two, in turn.
const ROUNDS: usize = 3;

/// The world is made, the job sent, the tree read back; `null` runs nothing in between.
pub(super) fn round_trip(plan: &Plan<'_>) -> Result<Vec<Figure>, Failure> {
    let spec = WorkerSpec { program: plan.touchstone.clone(), runtime: "null".to_owned(), profile: Profile::Default, plant: None };
    let module = wat::parse_str("(module (func (export \"_start\")))").map_err(|error| Failure::Other(error.to_string()))?;
    let (world, module) = (World::default(), Prepared::plain(&module, &[]));
    let mut bench = Bench::new(plan.scratch, "bench", Duration::from_secs(10));
    bench.observe(&spec, &world, &module)?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        bench.observe(&spec, &world, &module)?;
        times.push(start.elapsed().as_secs_f64());
    }
    let median = Spread::of(times).map_or(f64::NAN, |spread| spread.median);
    Ok(vec![Figure { name: "case, worker round trip".to_owned(), value: 1.0 / median, unit: "cases/s", ratio: None, than: String::new() }])
}

/// The suite on wasmtime: with nothing built yet, and then by one job and by two.
pub(super) fn whole(plan: &Plan<'_>) -> Result<Vec<Figure>, Failure> {
    // a folder for what is built, which is empty now
    let cache = plan.scratch.sealed("bench-cache")?;
    let seconds = |jobs: &str| {
        let mut command = Command::new(&plan.touchstone);
        command.args(["conformance", "--runtime", "wasmtime", "--jobs", jobs]).env("CARGO_TARGET_DIR", cache.folder());
        if plan.quick {
            command.args(["--shard", "1/4"]);
        }
        let start = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.map_err(Failure::file("start", &plan.touchstone))?;
        // a difference is none of a benchmark's business
        match status.code() {
            Some(0 | 1) => Ok(start.elapsed().as_secs_f64()),
            _ => Err(Failure::Other(format!("the suite ended ({status}); `cargo xtask conformance --runtime wasmtime` shows why"))),
        }
    };
    let cold = seconds("2")?;
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..if plan.quick { 1 } else { ROUNDS } {
        two.push(seconds("2")?);
        one.push(seconds("1")?);
    }
    let scaling = ratios(&one, &two).map(|spread| spread.median);
    let [one, two] = [one, two].map(|times| Spread::of(times).map_or(f64::NAN, |spread| spread.median));
    let figure = |name: &str, value, ratio, than: &str| Figure { name: name.to_owned(), value, unit: "s", ratio, than: than.to_owned() };
    Ok(vec![
        figure("suite, cold start", cold, Some(cold / two), "times as long as with its fixtures built"),
        figure("suite, 1 job", one, None, ""),
        figure("suite, 2 jobs", two, scaling, "times as fast as 1 job"),
    ])
}

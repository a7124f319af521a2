//! Runtimes take turns: in each round each of them measures a small batch of each benchmark.
//!
//! What else a machine does then slows all of them down alike, and the ratio of two that stood side by side holds where times do not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use touchstone_runner::HarnessError;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;

use super::batch::{Batch, FLOOR};
use super::benchmark::Benchmark;
use super::stand::{Spec, Stand};

/// What is to be measured.
#[derive(Debug)]
pub struct Plan {
    /// The program that has `stand` among its commands.
    pub program: PathBuf,
    /// Names, besides the floor.
    pub runtimes: Vec<String>,
    pub benchmarks: Vec<&'static Benchmark>,
    pub rounds: u32,
    /// How long the iterations of a batch should take together.
    pub batch: Duration,
}

/// A line of the result: a benchmark under a profile.
#[derive(Debug)]
pub struct Row {
    pub benchmark: &'static Benchmark,
    pub profile: Profile,
    /// By the name of the runtime; the first is the floor.
    pub cells: Vec<Cell>,
}

/// What a runtime did at a benchmark.
#[derive(Debug)]
pub struct Cell {
    pub runtime: String,
    /// Iterations of a batch, once that has been found out.
    iterations: Option<u32>,
    /// A batch for each round, in turn.
    pub batches: Vec<Batch>,
    /// Why there are no more: something did not happen.
    pub wrong: Option<String>,
    /// Why there are none: the divergence file by which it would never end.
    pub hangs: Option<&'static str>,
}

impl Row {
    fn new(benchmark: &'static Benchmark, profile: Profile, names: &[String]) -> Row {
        let cell = |name: &String| {
            let hangs = benchmark.hangs(name);
            Cell { runtime: name.clone(), iterations: None, batches: Vec::new(), wrong: None, hangs }
        };
        Row { benchmark, profile, cells: names.iter().map(cell).collect() }
    }

    /// The name in tables: that of the benchmark, and the profile where it is not the default.
    pub fn name(&self) -> String {
        match self.profile {
            Profile::Default => self.benchmark.name.to_owned(),
            Profile::NoOpenat2 => format!("{} (no openat2)", self.benchmark.name),
        }
    }
}

/// The lines for these benchmarks, in their order, and the profiles of each.
pub fn rows(benchmarks: &[&'static Benchmark], names: &[String]) -> Vec<Row> {
    let profiles = |benchmark: &Benchmark| if benchmark.resolves { &Profile::ALL[..] } else { &Profile::ALL[..1] };
    benchmarks.iter().flat_map(|benchmark| profiles(benchmark).iter().map(|profile| Row::new(benchmark, *profile, names))).collect()
}

/// Measures all of it. What stops it early leaves what was measured by then; `at` hears how many turns of how many are over, and at what.
pub fn run(plan: &Plan, scratch: &Scratch, stop: &AtomicBool, mut at: impl FnMut(u64, &str)) -> Result<Vec<Row>, HarnessError> {
    let names: Vec<String> = std::iter::once(FLOOR.to_owned()).chain(plan.runtimes.iter().cloned()).collect();
    let mut rows = rows(&plan.benchmarks, &names);
    let mut stands = Stands { plan, scratch, running: BTreeMap::new() };
    let mut done = 0;
    for round in 0..plan.rounds as usize {
        for row in &mut rows {
            at(done, &row.name());
            for turn in 0..names.len() {
                if stop.load(Ordering::Relaxed) {
                    return Ok(rows);
                }
                // nobody is always the first
                stands.turn(row, (turn + round) % names.len())?;
                done += 1;
            }
        }
    }
    Ok(rows)
}

/// How many turns a plan takes.
pub fn turns(plan: &Plan) -> u64 {
    rows(&plan.benchmarks, &[]).len() as u64 * (plan.runtimes.len() as u64 + 1) * u64::from(plan.rounds)
}

/// The processes of a run, each started when it is first needed.
struct Stands<'a> {
    plan: &'a Plan,
    scratch: &'a Scratch,
    running: BTreeMap<(String, Profile), Stand>,
}

impl Stands<'_> {
    /// One batch of a runtime, unless it has failed at this benchmark before, or would never come back from it.
    fn turn(&mut self, row: &mut Row, index: usize) -> Result<(), HarnessError> {
        let (benchmark, profile) = (row.benchmark, row.profile);
        let cell = &mut row.cells[index];
        if cell.wrong.is_some() || cell.hangs.is_some() {
            return Ok(());
        }
        let batch = self.plan.batch;
        let stand = self.stand(&cell.runtime, profile)?;
        let measured = match cell.iterations {
            Some(iterations) => stand.measure(benchmark.name, iterations),
            None => first(stand, benchmark, batch).and_then(|(measured, iterations)| {
                cell.iterations = Some(iterations);
                if iterations == measured.iterations { Ok(measured) } else { stand.measure(benchmark.name, iterations) }
            }),
        };
        match measured {
            Ok(batch) => cell.batches.push(batch),
            Err(wrong) => {
                cell.wrong = Some(wrong);
                // one that is gone, or hangs, is started anew for the next benchmark
                self.running.remove(&(cell.runtime.clone(), profile));
            }
        }
        Ok(())
    }

    fn stand(&mut self, runtime: &str, profile: Profile) -> Result<&mut Stand, HarnessError> {
        let key = (runtime.to_owned(), profile);
        if self.running.get_mut(&key).is_some_and(|stand| !stand.is_alive()) {
            self.running.remove(&key);
        }
        if !self.running.contains_key(&key) {
            let name = format!("bench-{runtime}-{}", profile.name());
            let spec = Spec {
                program: self.plan.program.clone(),
                runtime: runtime.to_owned(),
                profile,
                folder: self.scratch.sealed(&name)?.folder().to_owned(),
                log: self.scratch.log(&name),
            };
            self.running.insert(key.clone(), Stand::start(&spec)?);
        }
        let gone = || HarnessError::WorkerStart { runtime: runtime.to_owned(), message: "it is gone".to_owned() };
        self.running.get_mut(&key).ok_or_else(gone)
    }
}

/// Finds out how many iterations take as long as a batch should, from one upwards. Gives the last batch and that number.
fn first(stand: &mut Stand, benchmark: &Benchmark, batch: Duration) -> Result<(Batch, u32), String> {
    let mut iterations = 1;
    loop {
        let measured = stand.measure(benchmark.name, iterations)?;
        let wanted = enough(&measured, batch, benchmark.most);
        if wanted <= iterations {
            return Ok((measured, iterations));
        }
        if measured.nanoseconds >= batch.as_nanos() as u64 / 4 {
            return Ok((measured, wanted));
        }
        iterations = wanted.min(iterations.saturating_mul(32));
    }
}

/// Iterations that would take about so long, going by those of a batch.
fn enough(measured: &Batch, batch: Duration, most: u32) -> u32 {
    let wanted = batch.as_nanos() as f64 / measured.each().max(0.1);
    (wanted as u32).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::table;

    #[test]
    fn a_batch_has_as_many_iterations_as_fit_and_never_none() {
        let batch = |nanoseconds, iterations| Batch { nanoseconds, iterations, calls: 0 };
        let wanted = Duration::from_millis(2);
        assert_eq!(enough(&batch(1_000, 10), wanted, u32::MAX), 20_000);
        assert_eq!(enough(&batch(1_000, 10), wanted, 512), 512);
        assert_eq!(enough(&batch(1_000_000_000, 1), wanted, 512), 1);
        assert_eq!(enough(&batch(0, 1), wanted, 512), 512);
    }

    #[test]
    fn what_resolves_a_path_is_measured_with_openat2_and_without() {
        let benchmarks = [table::named("path_unlink_file").expect("it is there"), table::named("fd_tell").expect("it is there")];
        let names: Vec<String> = rows(&benchmarks, &[]).iter().map(Row::name).collect();
        assert_eq!(names, ["path_unlink_file", "path_unlink_file (no openat2)", "fd_tell"]);
    }
}

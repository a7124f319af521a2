//! Every benchmark works on every runtime, and finds out where nothing happened. No times are looked at.

use std::path::Path;

use touchstone_benches::calls::batch::{self, FLOOR, Seat, measure};
use touchstone_benches::calls::benchmark::{Benchmark, Body, Check};
use touchstone_benches::calls::table;
use touchstone_cli::places;
use touchstone_runner::scratch::Scratch;
use touchstone_runtimes::{Entry, runtimes};

/// So few that the test is short, and so many that one iteration is told from another.
const ITERATIONS: u32 = 2;

fn entry(name: &str) -> &'static Entry {
    runtimes().iter().find(|entry| entry.name == name).expect("it is built in")
}

/// What goes wrong at each benchmark on a runtime; without one, natively.
fn wrong(entry: Option<&Entry>) -> Vec<String> {
    let scratch = Scratch::new().expect("a scratch folder");
    let sealed = scratch.sealed("calls").expect("a folder in it");
    let mut seat = Seat::start(entry).expect("it starts");
    let name = entry.map_or(FLOOR, |entry| entry.name);
    let all = table::all().filter(|benchmark| benchmark.hangs(name).is_none());
    let measured = all.map(|benchmark| (benchmark.name, measure(benchmark, &mut seat, &sealed.folder().join("tree"), ITERATIONS)));
    measured.filter_map(|(name, result)| Some(format!("{name}: {:#}", result.err()?))).collect()
}

#[test]
fn every_benchmark_works_natively() {
    assert_eq!(wrong(None), [""; 0]);
}

#[test]
fn every_benchmark_works_on_wasmtime() {
    assert_eq!(wrong(Some(entry("wasmtime"))), [""; 0]);
}

#[test]
fn every_benchmark_works_on_wasmi() {
    assert_eq!(wrong(Some(entry("wasmi"))), [""; 0]);
}

#[test]
fn every_benchmark_works_on_wasmer() {
    assert_eq!(wrong(Some(entry("wasmer"))), [""; 0]);
}

#[test]
fn what_is_left_out_is_a_divergence_on_record() {
    let folder = places::suite().join("divergences");
    let left_out = table::all().flat_map(|benchmark| benchmark.hangs_on);
    let unknown: Vec<&str> = left_out.map(|(_, id)| *id).filter(|id| !folder.join(format!("{id}.toml")).is_file()).collect();
    assert_eq!(unknown, [""; 0]);
}

/// A runtime that answers success and does nothing is found out by the checks. (It does not even get through the set-up, so that is left
/// out.)
#[test]
fn a_runtime_that_does_nothing_is_found_out_by_every_check_there_is() {
    let scratch = Scratch::new().expect("a scratch folder");
    let sealed = scratch.sealed("calls").expect("a folder in it");
    let unseen: Vec<&str> =
        table::all().filter(|benchmark| is_taken_in(benchmark, &sealed.folder().join("tree"))).map(|benchmark| benchmark.name).collect();
    let nothing_to_see = |benchmark: &&Benchmark| matches!(benchmark.checks, [Check::Nothing(_)]);
    assert_eq!(unseen, table::all().filter(nothing_to_see).map(|benchmark| benchmark.name).collect::<Vec<_>>());
    assert_eq!(unseen, ["sched_yield"]);
}

/// Whether a benchmark takes doing nothing for doing what it should.
fn is_taken_in(benchmark: &'static Benchmark, folder: &Path) -> bool {
    let mut yes = (entry("yes").start)().expect("a control starts");
    let measured = match benchmark.body {
        Body::Run { .. } => measure(benchmark, &mut Seat::Runtime(yes), folder, ITERATIONS),
        _ => batch::not_set_up(benchmark, yes.as_mut(), folder, ITERATIONS),
    };
    let Err(error) = measured else { return true };
    let text = format!("{error:#}");
    assert!(text.contains("what was measured did not happen"), "{}: {text}", benchmark.name);
    false
}

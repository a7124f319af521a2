//! The benchmarks of `cargo xtask bench` as criterion sees them, one after the other: runtimes stand next to each other in a group, but
//! take no turns, so that ratios hold on a quiet machine only. There is one profile and one environment, that of this process: with
//! RUST_BACKTRACE the errors that wasi-common makes on its way cost more than its calls.

use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use touchstone_benches::calls::batch::{FLOOR, Seat, measure};
use touchstone_benches::calls::benchmark::Benchmark;
use touchstone_benches::calls::table;
use touchstone_benches::readme::RUNTIMES;
use touchstone_runtimes::runtimes;

fn syscalls(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for trees");
    let mut seats: Vec<(&str, Seat)> = vec![(FLOOR, Seat::start(None).expect("there is nothing to start"))];
    for entry in runtimes().iter().filter(|entry| RUNTIMES.contains(&entry.name)) {
        seats.push((entry.name, Seat::start(Some(entry)).expect("the runtime starts")));
    }
    for benchmark in table::all() {
        let mut group = criterion.benchmark_group(benchmark.name);
        group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
        for (name, seat) in seats.iter_mut().filter(|(name, _)| benchmark.hangs(name).is_none()) {
            group.bench_function(BenchmarkId::from_parameter(*name), |bencher| {
                bencher.iter_custom(|iterations| took(benchmark, seat, &folder.path().join("tree"), iterations));
            });
        }
        group.finish();
    }
}

/// What so many iterations took, in batches that are no longer than the benchmark allows.
fn took(benchmark: &'static Benchmark, seat: &mut Seat, folder: &Path, iterations: u64) -> Duration {
    let mut left = iterations;
    let mut nanoseconds = 0;
    while left > 0 {
        let part = u32::try_from(left).unwrap_or(u32::MAX).min(benchmark.most);
        let batch = measure(benchmark, seat, folder, part).unwrap_or_else(|error| panic!("{}: {error:#}", benchmark.name));
        nanoseconds += batch.nanoseconds;
        left -= u64::from(part);
    }
    Duration::from_nanos(nanoseconds)
}

criterion_group!(benches, syscalls);
criterion_main!(benches);

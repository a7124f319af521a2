//! The checker's speed in calls a second, the making of each script's state included.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use touchstone_benches::checker::{accepted, script, world};

fn checker(criterion: &mut Criterion) {
    let world = world();
    let script = script(&world);
    let mut group = criterion.benchmark_group("checker");
    group.throughput(Throughput::Elements(script.len() as u64));
    group.bench_function("scripts of 20 calls in a tree of 30 entries", |bencher| {
        bencher.iter(|| accepted(black_box(&world), black_box(&script)));
    });
    group.finish();
}

criterion_group!(benches, checker);
criterion_main!(benches);

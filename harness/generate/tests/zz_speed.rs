use touchstone_generate::{Mix, sample};
#[test]
fn speed() {
    for (n, mix) in [("default", Mix::default()), ("kernel", Mix::kernel())] {
        for _ in 0..2 {
            let t = std::time::Instant::now();
            let mut calls = 0;
            for i in 0..50_000 {
                calls += sample(1, i, &mix).script.calls().count();
            }
            let e = t.elapsed();
            eprintln!(
                "{n}: {} calls, {:.0} ns/call, {:.1} us/sample",
                calls,
                e.as_nanos() as f64 / calls as f64,
                e.as_nanos() as f64 / 50_000_000.0
            );
        }
    }
}

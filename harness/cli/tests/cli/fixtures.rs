//! Rust fixtures: the module that the repository carries does what its source does.

use std::path::PathBuf;
use std::time::Duration;

use touchstone_cli::{places, select};
use touchstone_guest::build;
use touchstone_guest::rust::Fixtures;
use touchstone_model::bounds;
use touchstone_model::case::Fixture;
use touchstone_model::trace::Keeper;
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;

use crate::support::PROGRAM;

#[test]
fn prebuilt_modules_behave_as_freshly_built_ones() {
    let cache = places::cache().join("fixtures");
    let prebuilt = Fixtures::prebuilt_only(cache.clone());
    // where no toolchain is to be had both are the prebuilt module, and there is nothing that could have gone stale in between
    let fresh = Fixtures::new(cache);
    let scratch = Scratch::new().expect("a scratch folder");
    let mut bench = Bench::new(&scratch, "fixtures", Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS));
    let spec = WorkerSpec { program: PathBuf::from(PROGRAM), runtime: "wasmtime".to_owned(), profile: Profile::Default, plant: None };
    let suite = select::suite(&[]).expect("the suite");
    let programs: Vec<_> = suite.cases.iter().filter(|file| matches!(file.case.fixture, Fixture::Rust)).collect();
    assert!(programs.len() >= 10, "only {} Rust programs", programs.len());
    for file in programs {
        let mut run = |fixtures: &Fixtures| {
            let built = build(&file.case, &file.path, fixtures).expect("a module");
            let seen = bench.observe(&spec, &file.case.world, &Prepared::recorded(&built.wasm, Keeper::Module)).expect("a run");
            let tree: Vec<String> = seen.tree.0.iter().map(|(path, entry)| format!("{path} {entry}")).collect();
            (seen.end, seen.stdout, tree)
        };
        assert_eq!(run(&prebuilt), run(&fresh), "{}", file.case.id);
    }
}

//! Samples that proptest draws and makes smaller.

use std::fmt::{self, Debug, Formatter};

use arbitrary::Unstructured;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use touchstone_generate::{CALL_BYTES, Mix, Sample, generate, header_bytes};

/// A sample whose debug text is what a person wants to see of it.
pub(crate) struct Drawn(pub(crate) Sample);

impl Debug for Drawn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n{}", self.0.world, self.0.script)
    }
}

/// Samples of a mix. What is made smaller are the bytes that a sample is made from, and calls go as a whole.
pub(crate) fn samples(mix: &Mix) -> impl Strategy<Value = Drawn> + use<> {
    let mix = mix.clone();
    let calls = vec(any::<[u8; CALL_BYTES]>(), 1..=mix.calls);
    (vec(any::<u8>(), header_bytes(&mix)), calls).prop_map(move |(header, calls)| {
        let bytes = [header, calls.concat()].concat();
        Drawn(generate(&mut Unstructured::new(&bytes), &mix))
    })
}

/// Looks whether a property holds of so many cases. They are always the same ones; for others, or more, there are the variables
/// `PROPTEST_RNG_SEED` and `PROPTEST_CASES`.
pub(crate) fn holds<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> Result<(), String>) {
    let given = Config::default();
    let rng_seed = if given.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { given.rng_seed };
    let config = Config { cases: given.cases.max(cases), rng_seed, failure_persistence: None, ..given };
    let tried = TestRunner::new(config).run(strategy, |case| property(case).map_err(TestCaseError::fail));
    tried.unwrap_or_else(|error| panic!("{error}"));
}

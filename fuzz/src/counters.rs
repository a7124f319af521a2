//! What libFuzzer is told besides the code that was reached: the features of calls.

use touchstone_oracle::features::FEATURES;

/// A counter for each feature. libFuzzer finds them by the name of their section, and sets them to zero before each input.
#[cfg_attr(all(fuzzing, target_os = "linux"), unsafe(link_section = "__libfuzzer_extra_counters"))]
static COUNTERS: [std::sync::atomic::AtomicU8; FEATURES] = [const { std::sync::atomic::AtomicU8::new(0) }; FEATURES];

/// Notes that a feature was reached.
pub(crate) fn reached(feature: usize) {
    COUNTERS[feature].store(1, std::sync::atomic::Ordering::Relaxed);
}

//! Scripts about paths: resolution, links, and ways out of the sandbox.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: touchstone_fuzz::start(), |input: &[u8]| touchstone_fuzz::paths(input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    touchstone_fuzz::replay(touchstone_fuzz::paths)
}

//! Modules by wasm-smith that import WASI: no crash, the same end, and the same calls but for what is permitted.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(init: touchstone_fuzz::start(), |input: &[u8]| touchstone_fuzz::module(input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    touchstone_fuzz::replay(touchstone_fuzz::module)
}

//! What the cargo-fuzz targets do with an input.
//!
//! An input is bytes that the generator makes a sample from, or the text of a case of a suite, which begins with `#!`. Whatever is neither known
//! nor permitted is a panic with its reason. The features of calls are counters that libFuzzer sees, so that an input is worth keeping which
//! makes a runtime answer something new, also where that is no new code of ours.
//!
//! In reading order: [`input`] makes samples and modules, [`court`] tries them in this process, [`stage`] on the host kernel in a process beside
//! it, [`counters`] is what libFuzzer is told, and [`escape`] what nobody is.

mod counters;
mod court;
mod escape;
mod input;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use touchstone_generate::Mix;

pub use input::Kind;
pub use touchstone_runner::fuzz::court::Tried;

/// Scripts of all functions.
pub fn calls(input: &[u8]) {
    sample(input, Kind::Calls);
}

/// Scripts about paths.
pub fn paths(input: &[u8]) {
    sample(input, Kind::Paths);
}

/// Scripts that abuse the interface.
pub fn abi(input: &[u8]) {
    sample(input, Kind::Abi);
}

fn sample(input: &[u8], kind: Kind) {
    refuse(input, &tried(&["wasmtime", "wasmi"], input, kind), || {
        input::sample(input, &kind.mix()).map_or(String::new(), |sample| format!("{}\n{}", input::world(&sample), sample.script))
    });
}

/// What comes of the sample of an input on these runtimes.
pub fn tried(runtimes: &'static [&'static str], input: &[u8], kind: Kind) -> Tried {
    let sample = input::sample(input, &kind.mix());
    sample.map_or(Tried::default(), |sample| court::with(runtimes, |court| court.sample(&sample, &mut counters::reached)))
}

/// Modules that import WASI.
pub fn module(input: &[u8]) {
    let Some(module) = input::module(input) else { return };
    let tried = court::with(&["wasmtime", "wasmi"], |court| court.module(&input::world_of_modules(), &module, &mut counters::reached));
    refuse(input, &tried, || format!("a module of {} bytes", module.len()));
}

/// The reference against the checker, and against the host kernel.
pub fn oracle(input: &[u8]) {
    let mix = Mix::kernel();
    let Some(sample) = input::sample(input, &mix) else { return };
    let mut tried = court::with(&["oracle"], |court| court.sample(&sample, &mut counters::reached));
    tried.new.extend(stage::differences(input));
    refuse(input, &tried, || format!("{}\n{}", input::world(&sample), sample.script));
}

/// Ends the program if there is something new.
fn refuse(input: &[u8], tried: &Tried, shown: impl FnOnce() -> String) {
    if !tried.escaped.is_empty() {
        escape::keep(input, &tried.escaped);
    }
    assert!(tried.new.is_empty(), "{}\n{}", tried.new.join("\n"), shown());
}

/// To be called before anything else: a process that was started as a stage is one, and never returns.
pub fn start() {
    stage::serve_if_asked();
}

/// What a target does with an input.
pub type Target = fn(&[u8]);

/// Replays inputs: the files that the command line names, and those in the folders that it names.
pub fn replay(target: Target) -> ExitCode {
    start();
    let named: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if named.is_empty() {
        eprintln!("name inputs, or folders of inputs, to replay; to fuzz, use `cargo fuzz run`");
        return ExitCode::from(2);
    }
    match named.iter().try_for_each(|path| replay_path(target, path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Replays an input, or all of a folder in the order of their names.
pub fn replay_path(target: Target, path: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("read {}: {error}", path.display());
    if !path.is_dir() {
        target(&std::fs::read(path).map_err(failed)?);
        return Ok(());
    }
    let mut inputs: Vec<PathBuf> = std::fs::read_dir(path).map_err(failed)?.flatten().map(|entry| entry.path()).collect();
    inputs.sort();
    inputs.iter().try_for_each(|input| replay_path(target, input))
}

//! `cargo xtask fuzz-targets`: builds the cargo-fuzz targets and runs each for a while, from the suite's scripts and the corpus of earlier runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{DEV, cargo_program, code, print, program, root, target};

const HELP: &str = "Runs the cargo-fuzz targets: coverage-guided fuzzing with libFuzzer

Usage: cargo xtask fuzz-targets [OPTIONS] [TARGET]...
       cargo xtask fuzz-targets --replay <TARGET> <INPUT>...

Arguments:
  [TARGET]...     calls, paths, abi, module, oracle; without any, all of them, one after the other

Options:
      --build            Build the targets and run nothing
      --time <SECONDS>   Run each for so long [default: 60]
      --minimise         Then keep only those inputs of the corpus that reach something others do not
      --replay           Give a target these inputs, or those in these folders; needs neither nightly nor cargo-fuzz
      --corpus <DIR>     Where the corpus of each target lies, instead of touchstone/corpus in the target folder
  -h, --help             Print help

It needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz --locked), and builds the engines once more with
libFuzzer's coverage, in fuzz-targets of the target folder (15 minutes on two cores). An input that shows something new
is kept in fuzz/artifacts; `cargo xtask fuzz` does without nightly.

Exit codes: 0 nothing new, 1 something new, 2 usage, 3 harness error
";

/// All targets.
const TARGETS: [&str; 5] = ["calls", "paths", "abi", "module", "oracle"];

/// Inputs of these begin with the scripts of the suite.
const TAKE_SCRIPTS: [&str; 4] = ["calls", "paths", "abi", "oracle"];

/// What libFuzzer calls a failure of its own, or of the target.
const FOUND: [u8; 2] = [1, 77];

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    build: bool,
    seconds: u64,
    minimise: bool,
    corpus: Option<PathBuf>,
    targets: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &[String]) -> Result<u8, String> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print(HELP)?;
        return Ok(0);
    }
    if let [flag, replayed @ ..] = args
        && flag == "--replay"
    {
        return replay(replayed);
    }
    let options = match parse(args) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("error: {mistake}\n  cure: cargo xtask fuzz-targets --help tells all flags");
            return Ok(2);
        }
    };
    if !Command::new(cargo_program()).args(["fuzz", "--version"]).output().is_ok_and(|output| output.status.success()) {
        return Err("cargo-fuzz was not found\n  cure: cargo install cargo-fuzz --locked".to_owned());
    }
    if fuzz(&["build"], &[])? != 0 {
        return Err("the targets do not build\n  cure: `rustup toolchain install nightly`, if there is none".to_owned());
    }
    if options.build {
        return Ok(0);
    }
    let corpora = options.corpus.clone().unwrap_or_else(|| target().join("touchstone/corpus"));
    let seeds = seeds()?;
    let mut found = false;
    for name in &options.targets {
        let corpus = corpora.join(name);
        fs::create_dir_all(&corpus).map_err(|error| format!("create {}: {error}", corpus.display()))?;
        eprintln!("── {name}, {} s", options.seconds);
        found |= run_target(name, &corpus, &seeds, options.seconds)?;
        if options.minimise && fuzz(&["cmin", name, &corpus.display().to_string()], &[])? != 0 {
            return Err(format!("the corpus of {name} cannot be made smaller"));
        }
    }
    Ok(u8::from(found))
}

/// Gives a target its inputs.
fn replay(args: &[String]) -> Result<u8, String> {
    let Some((target, inputs)) = args.split_first().filter(|(target, _)| TARGETS.contains(&target.as_str())) else {
        let name = args.first().map_or("nothing", String::as_str);
        eprintln!("error: there is no target `{name}` to replay\n  cure: name one of {} and its inputs", TARGETS.join(", "));
        return Ok(2);
    };
    // a target panics at what is new
    program(target, DEV, inputs).map(|code| if code == PANIC || FOUND.contains(&code) { 1 } else { code })
}

/// The exit code of a Rust program that panics.
const PANIC: u8 = 101;

/// Runs a target; says whether it found something.
fn run_target(name: &str, corpus: &Path, seeds: &Path, seconds: u64) -> Result<bool, String> {
    let (corpus, seeds) = (corpus.display().to_string(), seeds.display().to_string());
    let mut command = vec!["run", name, &corpus];
    if TAKE_SCRIPTS.contains(&name) {
        command.push(&seeds);
    }
    let time = format!("-max_total_time={seconds}");
    match fuzz(&command, &[&time, "-max_len=4096", "-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1"])? {
        0 => Ok(false),
        code if FOUND.contains(&code) => Ok(true),
        other => Err(format!("the target {name} ended with {other}")),
    }
}

/// Runs `cargo fuzz`. The engines are as users have them: without debug assertions. Their own code is not what is fuzzed, so no sanitizer slows
/// it down.
fn fuzz(command: &[&str], flags: &[&str]) -> Result<u8, String> {
    let (subcommand, rest) = command.split_first().ok_or("no command")?;
    let mut run = Command::new("cargo");
    run.args(["+nightly", "fuzz", subcommand, "--release", "--sanitizer", "none"]).args(rest).current_dir(root());
    // the toolchain that runs this program must not be the one that builds
    run.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("CARGO_TARGET_DIR", target().join("fuzz-targets"));
    if !flags.is_empty() {
        run.arg("--").args(flags);
    }
    run.status().map(code).map_err(|error| format!("run cargo fuzz: {error}"))
}

/// A folder with the scripts of the suite.
fn seeds() -> Result<PathBuf, String> {
    let folder = target().join("touchstone/fuzz-seeds");
    let failed = |error: std::io::Error| format!("gather the scripts of the suite: {error}");
    fs::create_dir_all(&folder).map_err(failed)?;
    for area in fs::read_dir(root().join("suites/preview1")).map_err(failed)?.flatten().filter(|entry| entry.path().is_dir()) {
        for case in fs::read_dir(area.path()).map_err(failed)?.flatten().filter(|case| case.path().extension() == Some("script".as_ref())) {
            let name = format!("{}-{}", area.file_name().to_string_lossy(), case.file_name().to_string_lossy());
            fs::copy(case.path(), folder.join(name)).map_err(failed)?;
        }
    }
    Ok(folder)
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options { build: false, seconds: 60, minimise: false, corpus: None, targets: Vec::new() };
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg {
            "--build" => options.build = true,
            "--minimise" => options.minimise = true,
            "--time" => {
                let text = value()?;
                options.seconds = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
            }
            "--corpus" => options.corpus = Some(value()?.into()),
            name if TARGETS.contains(&name) => options.targets.push(name.to_owned()),
            other => return Err(format!("there is no flag or target `{other}`")),
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.map(str::to_owned).to_vec();
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::{Options, TARGETS, parse};

    fn parsed(text: &str) -> Result<Options, String> {
        parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_read() {
        let options = parsed("--time 5 abi --minimise calls --corpus here").unwrap();
        let targets = vec!["abi".to_owned(), "calls".to_owned()];
        assert_eq!(options, Options { build: false, seconds: 5, minimise: true, corpus: Some("here".into()), targets });
        assert_eq!(parsed("").unwrap().targets, TARGETS);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [("--time soon", "`soon`"), ("--time", "needs a value"), ("nothing", "`nothing`")] {
            assert!(parsed(text).unwrap_err().contains(word), "{text}");
        }
    }

    #[test]
    fn a_target_that_is_none_is_not_replayed() {
        for text in ["--replay", "--replay cals X"] {
            assert_eq!(super::run(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()), Ok(2), "{text}");
        }
    }

    #[test]
    fn every_target_is_a_file() {
        for name in TARGETS {
            assert!(crate::root().join("fuzz/fuzz_targets").join(name).with_extension("rs").is_file(), "{name}");
        }
    }
}

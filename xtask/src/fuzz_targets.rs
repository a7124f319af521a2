//! `cargo xtask fuzz-targets`: builds the cargo-fuzz targets and runs each for a while, from the suite's scripts and the corpus of earlier runs.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
      --json <FILE>      Write how far each came as JSON, for `cargo xtask trend`
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
    json: Option<PathBuf>,
    targets: Vec<String>,
}

/// How far libFuzzer came with a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    runs: u64,
    /// Edges of the program that were reached (`cov`).
    edges: u64,
    /// All that it tells inputs apart by, ours among it (`ft`).
    features: u64,
    /// Inputs that are kept (`corp`).
    inputs: u64,
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
    if let Some(path) = &options.json
        && let Err(error) = writable(path)
    {
        // hours before there is something to write
        eprintln!("error: nothing can be written to {}: {error}\n  cure: name another place", path.display());
        return Ok(2);
    }
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
    let mut told = Vec::new();
    for name in &options.targets {
        let corpus = corpora.join(name);
        fs::create_dir_all(&corpus).map_err(|error| format!("create {}: {error}", corpus.display()))?;
        eprintln!("── {name}, {} s", options.seconds);
        told.push((name, run_target(name, &corpus, &seeds, options.seconds)?));
        if let Some(path) = &options.json {
            // after each, so that an error in a later one costs nothing of it
            fs::write(path, json(&told)).map_err(|error| format!("write {}: {error}", path.display()))?;
        }
        if options.minimise && fuzz(&["cmin", name, &corpus.display().to_string()], &[])? != 0 {
            return Err(format!("the corpus of {name} cannot be made smaller"));
        }
    }
    Ok(u8::from(told.iter().any(|(_, (found, _))| *found)))
}

/// Looks whether a file can be written, and leaves what is in it.
fn writable(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    OpenOptions::new().append(true).create(true).open(path).map(drop)
}

/// What `touchstone_reports::campaign` reads. Names of targets need no escapes.
fn json(told: &[(&String, (bool, Progress))]) -> String {
    let targets = told.iter().map(|(name, (found, Progress { runs, edges, features, inputs }))| {
        format!(r#"{{"name": "{name}", "runs": {runs}, "edges": {edges}, "features": {features}, "inputs": {inputs}, "found": {found}}}"#)
    });
    format!("{{\"schema\": 1, \"targets\": [{}]}}\n", targets.collect::<Vec<_>>().join(", "))
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

/// Runs a target; says whether it found something, and how far it came.
fn run_target(name: &str, corpus: &Path, seeds: &Path, seconds: u64) -> Result<(bool, Progress), String> {
    let (corpus, seeds) = (corpus.display().to_string(), seeds.display().to_string());
    let mut command = vec!["run", name, &corpus];
    if TAKE_SCRIPTS.contains(&name) {
        command.push(&seeds);
    }
    let time = format!("-max_total_time={seconds}");
    let flags = [&time, "-max_len=4096", "-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1"];
    let mut run = cargo_fuzz(&command, &flags)?;
    let failed = |error: io::Error| format!("run cargo fuzz: {error}");
    let mut child = run.stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut last = Progress::default();
    for line in child.stderr.take().into_iter().flat_map(|stderr| BufReader::new(stderr).split(b'\n')) {
        let line = line.map_err(failed)?;
        last = progress(&String::from_utf8_lossy(&line)).unwrap_or(last);
        // what nobody reads any more ends the output, not the campaign
        let _ = io::stderr().write_all(&[&line[..], b"\n"].concat());
    }
    match child.wait().map(code).map_err(failed)? {
        0 => Ok((false, last)),
        code if FOUND.contains(&code) => Ok((true, last)),
        other => Err(format!("the target {name} ended with {other}")),
    }
}

/// What a line of libFuzzer tells, such as `#57710 DONE cov: 22875 ft: 83266 corp: 4548/2681Kb`.
fn progress(line: &str) -> Option<Progress> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let behind = |name: &str| {
        let value = words.windows(2).find(|pair| pair[0] == name)?[1];
        value.split('/').next()?.parse().ok()
    };
    let runs = words.first()?.strip_prefix('#')?.parse().ok()?;
    Some(Progress { runs, edges: behind("cov:")?, features: behind("ft:")?, inputs: behind("corp:")? })
}

/// Runs `cargo fuzz`.
fn fuzz(command: &[&str], flags: &[&str]) -> Result<u8, String> {
    cargo_fuzz(command, flags)?.status().map(code).map_err(|error| format!("run cargo fuzz: {error}"))
}

/// `cargo fuzz` with a command. The engines are as users have them: without debug assertions. Their own code is not what is fuzzed, so no sanitizer slows
/// it down.
fn cargo_fuzz(command: &[&str], flags: &[&str]) -> Result<Command, String> {
    let (subcommand, rest) = command.split_first().ok_or("no command")?;
    let mut run = Command::new("cargo");
    run.args(["+nightly", "fuzz", subcommand, "--release", "--sanitizer", "none"]).args(rest).current_dir(root());
    // the toolchain that runs this program must not be the one that builds
    run.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("CARGO_TARGET_DIR", target().join("fuzz-targets"));
    if !flags.is_empty() {
        run.arg("--").args(flags);
    }
    Ok(run)
}

/// A folder with the scripts of the suite.
fn seeds() -> Result<PathBuf, String> {
    let folder = target().join("touchstone/fuzz-seeds");
    let failed = |error: io::Error| format!("gather the scripts of the suite: {error}");
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
    let mut options = Options { build: false, seconds: 60, minimise: false, corpus: None, json: None, targets: Vec::new() };
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
            "--json" => options.json = Some(value()?.into()),
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
    use super::{Options, Progress, TARGETS, json, parse, progress};

    fn parsed(text: &str) -> Result<Options, String> {
        parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_read() {
        let options = parsed("--time 5 abi --minimise calls --corpus here --json it").unwrap();
        let targets = vec!["abi".to_owned(), "calls".to_owned()];
        let wanted = Options { build: false, seconds: 5, minimise: true, corpus: Some("here".into()), json: Some("it".into()), targets };
        assert_eq!(options, wanted);
        assert_eq!(parsed("").unwrap().targets, TARGETS);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [("--time soon", "`soon`"), ("--time", "needs a value"), ("nothing", "`nothing`")] {
            assert!(parsed(text).unwrap_err().contains(word), "{text}");
        }
    }

    #[test]
    fn how_far_libfuzzer_came_is_read_and_told() {
        let line = "#57710\tDONE   cov: 22875 ft: 83266 corp: 4548/2681Kb lim: 1704 exec/s: 946 rss: 109Mb";
        let far = Progress { runs: 57_710, edges: 22_875, features: 83_266, inputs: 4548 };
        assert_eq!(progress(line), Some(far));
        for other in ["", "INFO: seed corpus: files: 3", "###### Recommended dictionary. ######", "#2\tINITED exec/s: 0 rss: 90Mb"] {
            assert_eq!(progress(other), None, "{other}");
        }
        assert_eq!(
            json(&[(&"abi".to_owned(), (true, far))]),
            "{\"schema\": 1, \"targets\": [{\"name\": \"abi\", \"runs\": 57710, \"edges\": 22875, \"features\": 83266, \"inputs\": 4548, \
             \"found\": true}]}\n"
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused_before_anything_is_built() {
        for text in ["--replay", "--replay cals X", "--json /proc/nowhere/targets.json"] {
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

//! `cargo xtask oracle-mutants`: small changes in the oracle's source, one at a time, and whether a test notices. cargo-mutants makes
//! them in a copy of the repository, where only the oracle and the crates that try it without engines are built.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{cargo_program, code, print, root, target};

const HELP: &str = "Changes the oracle's source in one place after the other, and says which changes no test notices

Usage: cargo xtask oracle-mutants [OPTIONS]

Options:
      --shard <I/N>   Only this share of the changes; all shares together are hours of work
      --file <GLOB>   Only changes in these files (repeat for several), for example harness/oracle/src/functions/seeking.rs
      --jobs <N>      Try so many at once, each in a copy of its own of about 1 GB
  -h, --help          Print help

The changes are made in a copy below TMPDIR, and no engine is built. What survives is printed, and written to
touchstone/oracle-mutants/survivors.txt in the target folder, in the order of the files, with the log of each change beside it.

Exit codes: 0 every change was noticed, 1 some were not, 2 usage, 3 harness error or stopped
";

/// The other crates whose tests try the oracle without engines.
const TRIED_BY: [&str; 2] = ["touchstone-guest", "touchstone-mutants"];

/// The tests that do: of the oracle itself, of what holds of every script, and of what the suite expects of the reference.
const TESTS: [&str; 8] = ["known_bugs", "outputs", "seeking", "sockets", "times", "generated", "properties", "suite"];

/// Takes long, and the hunt of the suite finds what it finds.
const SKIPPED: &str = "random_scripts_alone_find_most_faults";

/// A test that takes longer is taken for one without end, however short the tests were before on a machine that was less busy.
const LEAST_TIMEOUT_SECONDS: &str = "120";

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// From 1, and how many there are.
    shard: Option<(u32, u32)>,
    files: Vec<String>,
    jobs: Option<u32>,
}

/// Runs the command.
pub(crate) fn run(args: &[String]) -> Result<u8, String> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print(HELP)?;
        return Ok(0);
    }
    let options = match parse(args) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("error: {mistake}\n  cure: cargo xtask oracle-mutants --help tells all flags");
            return Ok(2);
        }
    };
    if !is_installed() {
        return Err("cargo-mutants was not found\n  cure: cargo install cargo-mutants --locked".to_owned());
    }
    let folder = target().join("touchstone").join(name(&options));
    fs::create_dir_all(&folder).map_err(|error| format!("create {}: {error}", folder.display()))?;
    let status = tool(&options, &folder).status().map_err(|error| format!("run cargo mutants: {error}"))?;
    match code(status) {
        // 2 is for survivors, 3 for tests that did not end: both are counted below
        0 | 2 | 3 => summary(&folder),
        4 => Err(format!("the tests fail without any change; {} tells why", folder.join("mutants.out/log").display())),
        other => Err(format!("cargo mutants ended with {other}; what it did so far is in {}", folder.display())),
    }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut args = args.iter().map(String::as_str);
    while let Some(flag) = args.next() {
        let (flag, value) = flag.split_once('=').map_or((flag, None), |(flag, value)| (flag, Some(value)));
        if !["--shard", "--file", "--jobs"].contains(&flag) {
            return Err(format!("there is no flag `{flag}`"));
        }
        let value = value.or_else(|| args.next()).ok_or_else(|| format!("`{flag}` needs a value"))?;
        match flag {
            "--shard" => options.shard = Some(shard(value).ok_or("write I/N with I from 1 to N, for example 1/8")?),
            "--file" => options.files.push(value.to_owned()),
            _ => options.jobs = Some(value.parse().ok().filter(|jobs| *jobs > 0).ok_or("write a number from 1 on")?),
        }
    }
    Ok(options)
}

fn shard(text: &str) -> Option<(u32, u32)> {
    let (index, count) = text.split_once('/')?;
    let shard = (index.parse().ok()?, count.parse().ok()?);
    (1..=shard.1).contains(&shard.0).then_some(shard)
}

/// The folder of a run. Shares have one each, so that none forgets what another found.
fn name(options: &Options) -> String {
    options.shard.map_or_else(|| "oracle-mutants".to_owned(), |(index, count)| format!("oracle-mutants-{index}-of-{count}"))
}

fn is_installed() -> bool {
    let version = Command::new(cargo_program()).args(["mutants", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// What is run. Its words are progress; standard output is for the survivors.
fn tool(options: &Options, folder: &Path) -> Command {
    let mut command = Command::new(cargo_program());
    command.args(["mutants", "--package", "touchstone-oracle"]);
    command.args(["--minimum-test-timeout", LEAST_TIMEOUT_SECONDS]);
    command.arg("--output").arg(folder);
    command.args(options.files.iter().flat_map(|file| ["--file", file]));
    if let Some((index, count)) = options.shard {
        // the tool counts from 0
        command.arg("--shard").arg(format!("{}/{count}", index - 1));
    }
    if let Some(jobs) = options.jobs {
        command.arg("--jobs").arg(jobs.to_string());
    }
    // not the tool's own `--test-package`, by which the tests without any change would be those of the oracle's crate alone
    command.arg("--").args(TRIED_BY.iter().flat_map(|package| ["--package", package]));
    command.arg("--lib").args(TESTS.iter().flat_map(|test| ["--test", test])).args(["--", "--skip", SKIPPED]);
    // the copy is built inside of itself, without what only debuggers need: its builds are for one change each
    command.current_dir(root()).env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "none");
    command.stdout(io::stderr());
    command
}

/// Says what came of a run and writes the survivors down.
fn summary(folder: &Path) -> Result<u8, String> {
    let found = |name: &str| lines(&folder.join("mutants.out").join(name));
    let [caught, mut survivors, endless, unviable] = ["caught.txt", "missed.txt", "timeout.txt", "unviable.txt"].map(found);
    if caught.len() + survivors.len() + endless.len() + unviable.len() == 0 {
        eprintln!("error: there is nothing to change\n  cure: --file names files of harness/oracle/src");
        return Ok(2);
    }
    survivors.sort_by_cached_key(|line| place(line));
    let list: String = survivors.iter().map(|line| format!("{line}\n")).collect();
    let path = folder.join("survivors.txt");
    fs::write(&path, &list).map_err(|error| format!("write {}: {error}", path.display()))?;
    print(&list)?;
    print(&format!(
        "{} changes were noticed, {} more by tests that did not end, {} do not compile, {} survive\n",
        caught.len(),
        endless.len(),
        unviable.len(),
        survivors.len()
    ))?;
    Ok(u8::from(!survivors.is_empty()))
}

fn lines(path: &PathBuf) -> Vec<String> {
    // where there is nothing of a kind there may be no file
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The file, line and column of `file:line:column: what`, and what it is.
fn place(line: &str) -> (String, u32, u32, String) {
    let mut parts = line.splitn(4, ':');
    let mut next = || parts.next().unwrap_or_default();
    let file = next().to_owned();
    let [line, column] = [next(), next()].map(|number| number.parse().unwrap_or_default());
    (file, line, column, next().to_owned())
}

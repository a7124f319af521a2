//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use touchstone_model::bounds;

/// Tells whether a WebAssembly runtime implements WASI preview 1 correctly, and shows the calls that prove it.
#[derive(Debug, Parser)]
#[command(name = "touchstone", bin_name = "cargo xtask", version, max_term_width = 120)]
#[command(after_help = "Exit codes: 0 no unexplained difference, 1 a difference, 2 usage, 3 harness error")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the suite on every runtime and judge it
    Conformance(ConformanceArgs),
    /// Run a program of your own on every runtime and compare what it did, call by call
    Check(CheckArgs),
    /// Say what a clause, a case or a divergence is about, and what each runtime does about it
    Explain(ExplainArgs),
    /// Count what the suite reaches: clauses, errors, kinds of descriptor and path, flags, numbers
    Coverage(CoverageArgs),
    /// List where the specification leaves a choice, and what each runtime chose
    Register(RegisterArgs),
    /// Run random scripts on runtimes, judge each call, and make what is refused as small as it gets
    Fuzz(FuzzArgs),
    /// Join reports of parts of a suite, compare two, and keep the published results true
    Report(ReportArgs),
    /// Tell how random scripts fared night after night: how far they came, what is new, seen more often, or no more
    Trend(TrendArgs),
    /// Make a case of a finding, and a draft of what explains it
    Promote(PromoteArgs),
    /// Put the oracle on trial: random scripts on the host kernel, call by call beside what the oracle prefers
    Witness(WitnessArgs),
    /// Show the runtimes of this build: version, family, preflight
    Runtimes,
    /// Rebuild the Rust fixtures that the repository carries
    Prebuilt,
    /// One engine in a process of its own; started by the other commands
    #[command(hide = true)]
    Worker(WorkerArgs),
    /// One process in which `witness` plays scripts
    #[command(hide = true)]
    Stage(StageArgs),
    /// Takes a share of random scripts; `fuzz` starts these
    #[command(hide = true)]
    Hunt(HuntArgs),
    /// Times scripts, for `fuzz --costs`
    #[command(hide = true)]
    Costs(CostsArgs),
}

/// Flags of `report`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask report --merge one/report.json two/report.json --report out   the report of the whole
  cargo xtask report --merge out/report.json --format github                annotations and a job summary of a run
  cargo xtask report --diff old/report.json new/report.json                 what is fixed, broken, new and gone
  cargo xtask report --publish out/report.json                              write reports/published
  cargo xtask report --publish out/report.json --check                      see that it is true

Nothing is run: reports are what `cargo xtask conformance --report DIR` wrote. Parts that were made with --shard I/N have
to be there all N. index.html is made by a run; merging into a folder removes one that is there. A diff is a difference where
something is broken, or is not explained that was, and a harness error where the newer run has one or did not come to its end.
Exit codes: 0 no unexplained difference, 1 a difference, 2 usage (a report that cannot be read among it), 3 harness error")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["merge", "diff", "publish", "schema"]))]
pub struct ReportArgs {
    /// Join these reports, and show what they come to
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub merge: Vec<PathBuf>,
    /// Say what is fixed, broken, new and gone from the first report to the second
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    pub diff: Vec<PathBuf>,
    /// Write the results of this report, of a whole run, to reports/published
    #[arg(long, value_name = "FILE")]
    pub publish: Option<PathBuf>,
    /// Write nothing: see that reports/published says what the report says
    #[arg(long, requires = "publish")]
    pub check: bool,
    /// Publish into this folder instead of reports/published
    #[arg(long, value_name = "DIR", hide = true, requires = "publish")]
    pub folder: Option<PathBuf>,
    /// Print the JSON Schema of report.json, which stands in reports/schema/report.json
    #[arg(long)]
    pub schema: bool,
    /// Write report.json, junit.xml, summary.md and badges of the joined reports into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["diff", "publish", "schema"])]
    pub report: Option<PathBuf>,
    /// What to print on stdout; of `--diff`, human or json
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// Flags of `conformance`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask conformance                                     everything, on all runtimes
  cargo xtask conformance --runtime wasmer --filter '^files/' one runtime, one area
  cargo xtask conformance --reference wasmi                   compare with another runtime
  cargo xtask conformance --shard 1/2 --report out            one half, with reports for CI

Exit codes: 0 no unexplained difference, 1 failed, stale, crashed, timed out or escaped, 2 usage, 3 harness error")]
pub struct ConformanceArgs {
    /// Judge this runtime (repeat for several); without it, all that are judged by default
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// Compare with this runtime; the snapshots belong to the default one
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,
    /// Take cases and divergences from this folder (repeat for several) instead of suites/preview1
    #[arg(long, value_name = "DIR")]
    pub suite: Vec<PathBuf>,
    /// Run only cases whose id matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<String>,
    /// Run this many cases at a time; without it, one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Run only this part of the cases: 1/2 and 2/2 together are all of them
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
    /// Stop a run after this many seconds
    #[arg(long, value_name = "SECS", default_value_t = bounds::RUN_TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Which host profile: with openat2 allowed, denied, or both; without it, both for cases that resolve a path
    #[arg(long, value_enum)]
    pub profile: Option<ProfileArg>,
    /// Write index.html, report.json, junit.xml, summary.md, badges and a WAT reproducer for each red script and runtime into this
    /// folder
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Say in index.html what changed since the run of this report.json
    #[arg(long, value_name = "FILE", requires = "report")]
    pub baseline: Option<PathBuf>,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// List the cases instead of running them
    #[arg(long, conflicts_with_all = ["format", "report", "update"])]
    pub list: bool,
    /// Write the snapshots of the reference; never one of a run that is red
    #[arg(long, conflicts_with = "suite")]
    pub update: bool,
    /// Stop at the first case that is not as it should be
    #[arg(long)]
    pub fail_fast: bool,
    /// Show escapes in the reports even if they are not public yet
    #[arg(long)]
    pub disclose: bool,
    /// Plant a fault under the runtimes, to see that it is found
    #[arg(long, value_name = "FAULT", hide = true, value_parser = parse_plant)]
    pub plant: Option<touchstone_runner::plant::Plant>,
}

/// Flags of `check`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask check prog.wasm -- --verbose input.txt
  cargo xtask check prog.wasm --dir ./data::/data --env LANG=C --stdin answers.txt

Every runtime gets a fresh copy of HOST; HOST itself is never written.
Exit codes: 0 all runtimes did the same, 1 one did something else, 2 usage, 3 harness error")]
pub struct CheckArgs {
    /// The program: a core wasm module (or its .wat text) that exports `_start` and imports wasi_snapshot_preview1
    #[arg(value_name = "PROG.wasm")]
    pub program: PathBuf,
    /// Give the program a copy of the folder HOST as GUEST (repeat for several)
    #[arg(long, value_name = "HOST::GUEST")]
    pub dir: Vec<String>,
    /// Set an environment variable (repeat for several)
    #[arg(long, value_name = "K=V")]
    pub env: Vec<String>,
    /// Give the program this file as stdin
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,
    /// Run it on this runtime (repeat for several)
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// Compare with this runtime
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,
    /// Stop it after this many seconds
    #[arg(long, value_name = "SECS", default_value_t = bounds::RUN_TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// The program's arguments
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

/// Flags of `explain`.
#[derive(Debug, Clone, Parser)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  cargo xtask explain fd_seek.negative-result   a clause: what is permitted, and who does it
  cargo xtask explain files/seek-negative       a case: each call on each runtime
  cargo xtask explain wasmer-seek-overflow      a divergence: what differs, where, and why

Ids stand in every report. Clauses are in harness/spec/preview1/clauses, cases and divergences
in suites/preview1. What runtimes do is found out by running them, whatever the verdicts are.
Exit codes: 0 explained, 2 usage (an unknown id among it), 3 harness error")]
pub struct ExplainArgs {
    /// A clause, a case or a divergence
    #[arg(value_name = "ID")]
    pub id: String,
    /// Run it on this runtime (repeat for several); without it, on all that are judged by default
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// Take cases and divergences from this folder (repeat for several) instead of suites/preview1
    #[arg(long, value_name = "DIR")]
    pub suite: Vec<PathBuf>,
    /// Stop a run after this many seconds
    #[arg(long, value_name = "SECS", default_value_t = bounds::RUN_TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Show escapes even if they are not public yet
    #[arg(long)]
    pub disclose: bool,
}

/// Flags of `coverage`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask coverage                    what the suite reaches, what is missing first
  cargo xtask coverage --runtime wasmer   count the errors that this one answers as well
  cargo xtask coverage --filter '^files/' what one area reaches
  cargo xtask coverage --format json      every cell

Of what kind a descriptor is and where a path leads, the oracle tells, which follows each run
on the reference.
Exit codes: 0 counted, 2 usage, 3 harness error")]
pub struct CoverageArgs {
    /// Run this runtime besides the reference, for the errors that it answers (repeat for several)
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// Take cases from this folder (repeat for several) instead of suites/preview1
    #[arg(long, value_name = "DIR")]
    pub suite: Vec<PathBuf>,
    /// Run only cases whose id matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<String>,
    /// What to print on stdout
    #[arg(long, value_enum, default_value_t = CoverageFormat::Human)]
    pub format: CoverageFormat,
}

/// How coverage is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CoverageFormat {
    /// Shares, then cells
    Human,
    /// Every cell
    Json,
}

/// Flags of `register`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask register                  print the register of the runtimes that are built in
  cargo xtask register --runtime node   print it for another runtime
  cargo xtask register --update         write suites/ambiguities.md, after any change of the suite
  cargo xtask register --check          fail if --update would change that file; CI does this

Exit codes: 0 printed, written or as it should be, 1 stale, 2 usage, 3 harness error")]
pub struct RegisterArgs {
    /// Show what this runtime chose (repeat for several); without it, those that are built in
    #[arg(long, value_name = "NAME", conflicts_with_all = ["update", "check"])]
    pub runtime: Vec<String>,
    /// Write the file
    #[arg(long)]
    pub update: bool,
    /// Check the file
    #[arg(long, conflicts_with = "update")]
    pub check: bool,
    /// The file, instead of suites/ambiguities.md
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Take cases from this folder (repeat for several) instead of suites/preview1
    #[arg(long, value_name = "DIR")]
    pub suite: Vec<PathBuf>,
}

/// Flags of `fuzz`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask fuzz --time 60s                            a minute on all runtimes of this program
  cargo xtask fuzz --runtime wasmtime --cases 200000     so many scripts on one
  cargo xtask fuzz --cases 1000000 --shard 1/4 --seed 7  a quarter of them, for one machine of four

What a divergence file lists under [[random]] is only counted. What is new is shown with the smallest script that does the same. The same \
seed makes the same scripts: with --cases the same findings, whatever the number of jobs, but for those that are known to be there by timing. \
Ctrl-C ends it as --time does, and keeps what was found. Ways out of a sandbox are only counted; each is kept in target/touchstone/escapes with \
the text of a private report, until a divergence file with an advisory tells of it.

Exit codes: 0 nothing new, 1 a new finding or a way out of a sandbox, 2 usage, 3 harness error")]
pub struct FuzzArgs {
    /// Run them on this runtime (repeat for several); without it, on all that are part of this program. One on PATH, such as node, is
    /// started for each script, and nothing is on file yet of what random scripts show on it
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// Run random scripts for so long, for example 90s, 10m or 8h; without it and --cases, for a minute
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,
    /// Run the scripts with the numbers from 0 up to this one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub cases: Option<u64>,
    /// Make the scripts from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write a folder for each new finding here, instead of target/touchstone/findings
    #[arg(long, value_name = "DIR")]
    pub findings: Option<PathBuf>,
    /// Write what came of it as JSON into this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Count as known what this divergence file tells as well (repeat for several), such as one that may not be public yet
    #[arg(long, value_name = "FILE")]
    pub known: Vec<PathBuf>,
    /// Show the scripts of new findings as they are
    #[arg(long)]
    pub no_shrink: bool,
    /// Say as well what a script costs on each runtime, as a module of its own, and on the host kernel
    #[arg(long)]
    pub costs: bool,
    /// Run one of N parts of the scripts, which are dealt out in batches of sixteen
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<Shard>,
    /// Run this many at a time; without it, one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Plant this fault under the runtimes that a new finding is only shown beside
    #[arg(long, value_name = "FAULT", hide = true, value_parser = parse_plant)]
    pub plant: Option<touchstone_runner::plant::Plant>,
}

/// Flags of `trend`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask fuzz --time 8h --seed 20261123 --json nights/2026-11-23/fuzz.json   leaves what came of a night
  cargo xtask fuzz-targets --json nights/2026-11-23/targets.json                  and what came of libFuzzer's
  cargo xtask trend nights                                                        tells it in Markdown

DIR has a folder for each night, in the order of their names; each has what these two wrote, one file for each part. Give each night a seed \
of its own: the same scripts again tell nothing. How often a divergence is counted is told where it is at least twice as often as the last \
time that its runtime was run, or at most half as often, and where chance alone would do that one time in two millions. A file that is of no \
use is told of, and passed over.

Exit codes: 0 told, 2 usage, 3 harness error")]
pub struct TrendArgs {
    /// The folder with the nights
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Tell of the last N nights; what changed is told beside earlier ones all the same
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    pub last: u16,
}

/// Flags of `promote`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Example:
  cargo xtask promote wasmer-fd-seek-ok-1a2b3c4d --case files/seek-there --slug wasmer-seeks-there

It writes the case, and a draft of a divergence file; it says what a clause would look like instead.
Exit codes: 0 written, 2 usage, 3 harness error")]
pub struct PromoteArgs {
    /// A folder that `cargo xtask fuzz` wrote, or its name in target/touchstone/findings
    #[arg(value_name = "FINDING")]
    pub finding: PathBuf,
    /// The id that the case gets; without it, found/ and the name of the finding
    #[arg(long, value_name = "AREA/NAME")]
    pub case: Option<String>,
    /// The name of the divergence file; without it, that of the case
    #[arg(long, value_name = "SLUG")]
    pub slug: Option<String>,
    /// Write into this suite instead of suites/preview1
    #[arg(long, value_name = "DIR")]
    pub suite: Option<PathBuf>,
}

/// Flags of `witness`.
#[derive(Debug, Clone, Parser)]
#[command(after_help = "Examples:
  cargo xtask witness --cases 20000              a minute's worth
  cargo xtask witness --cases 1000000 --seed 1   the long form

The kernel knows POSIX and nothing of WASI: calls that fail for a reason of the sandbox or of the ABI,
and those without a system call, are counted apart. What is known to differ, and why, stands in
suites/witness.toml. The same seed gives the same result, whatever the number of jobs.
Exit codes: 0 all agree or are on file, 1 a difference that is not, 2 usage, 3 harness error or stopped")]
pub struct WitnessArgs {
    /// Play the scripts of the suite instead
    #[arg(long)]
    pub suite: bool,
    /// Play this many random scripts
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub cases: u64,
    /// Make the scripts from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Play this many at a time; without it, one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// The file of known exceptions, instead of suites/witness.toml
    #[arg(long, value_name = "FILE")]
    pub exceptions: Option<PathBuf>,
}

/// Flags of the hidden `stage`.
#[derive(Debug, Clone, Parser)]
pub struct StageArgs {
    #[arg(long)]
    pub folder: PathBuf,
    #[arg(long)]
    pub exceptions: PathBuf,
    #[arg(long)]
    pub suite: bool,
    #[arg(long)]
    pub seed: u64,
    #[arg(long)]
    pub cases: u64,
    #[arg(long)]
    pub first: u64,
    #[arg(long)]
    pub step: u64,
}

/// Flags of the hidden `costs`.
#[derive(Debug, Clone, Parser)]
pub struct CostsArgs {
    #[arg(long)]
    pub folder: PathBuf,
    #[arg(long)]
    pub name: String,
    #[arg(long)]
    pub seed: u64,
    #[arg(long, value_parser = parse_avoid)]
    pub avoid: Option<touchstone_model::divergence::Avoid>,
}

/// Flags of the hidden `hunt`.
#[derive(Debug, Clone, Parser)]
pub struct HuntArgs {
    #[arg(long)]
    pub folder: PathBuf,
    #[arg(long)]
    pub signs: PathBuf,
    #[arg(long)]
    pub runtime: Vec<String>,
    #[arg(long)]
    pub core: usize,
    #[arg(long)]
    pub seed: u64,
    #[arg(long)]
    pub first: u64,
    #[arg(long)]
    pub seat: usize,
    #[arg(long, value_parser = parse_avoid)]
    pub avoid: Option<touchstone_model::divergence::Avoid>,
    #[arg(long)]
    pub step: u64,
    #[arg(long)]
    pub end: u64,
}

/// Flags of the hidden `worker`.
#[derive(Debug, Clone, Parser)]
pub struct WorkerArgs {
    #[arg(long)]
    pub runtime: String,
    #[arg(long)]
    pub profile: String,
    #[arg(long, value_parser = parse_plant)]
    pub plant: Option<touchstone_runner::plant::Plant>,
}

/// Host profiles on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    Default,
    NoOpenat2,
    All,
}

/// What is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table and every difference
    Human,
    /// report.json
    Json,
    /// junit.xml
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

/// One of several parts of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    pub count: usize,
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match parts {
        Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
        Some(_) | None => Err("write I/N with I from 1 to N, for example 1/2".to_owned()),
    }
}

fn parse_avoid(text: &str) -> Result<touchstone_model::divergence::Avoid, String> {
    touchstone_model::divergence::Avoid::from_name(text).ok_or_else(|| "nothing that scripts can leave out".to_owned())
}

fn parse_plant(text: &str) -> Result<touchstone_runner::plant::Plant, String> {
    touchstone_runner::plant::Plant::from_name(text).ok_or_else(|| "there is no such fault".to_owned())
}

//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures what WASI calls cost on each runtime, as ratios to the same calls made natively, and how fast Touchstone itself is.
///
/// Each benchmark is a small guest that makes one call again and again; every runtime runs the same one, and `linux` makes the system
/// calls from native code: what no host can do without. Runtimes take turns in rounds of some milliseconds, and a ratio is the median
/// over rounds of the ratio within a round, so that it holds on a busy machine. What was measured is checked: bytes in the file,
/// entries listed, every errno. Calls that resolve a path are measured with openat2 and, in processes of their own, without.
#[derive(Debug, Parser)]
#[command(name = "touchstone-bench", bin_name = "cargo xtask bench", version, max_term_width = 120)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  cargo xtask bench --quick                         all of it, in a few minutes
  cargo xtask bench --filter '^path_' --rounds 50   what paths cost, closely
  cargo xtask bench --runtime wasmi --list          what there is
  cargo xtask bench --readme                        all of it, and the table of README.md anew

A ratio of 2 is twice the time of the native call. Ratios below 1 are no mistake: some runtimes answer without the kernel.
Ctrl-C keeps what was measured so far, as a report that says so.
Exit codes: 0 measured and checked, 2 usage, 3 something that was measured did not happen, or the run was stopped")]
pub struct Args {
    #[command(subcommand)]
    pub inner: Option<Inner>,
    /// Measure few rounds and a quarter of the suite, which takes less than five minutes
    #[arg(long)]
    pub quick: bool,
    /// Measure this runtime (repeat for several); without it, all that live in this process
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// Measure only what has a name that matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<String>,
    /// Measure so many rounds; without it 31, or 9 with --quick
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: Option<u32>,
    /// Write bench.json and a chart for each group (SVG) into this folder; without it, target/touchstone/bench
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// List what would be measured instead
    #[arg(long)]
    pub list: bool,
    /// Write the table of README.md anew, which needs everything measured on every runtime
    #[arg(long, conflicts_with_all = ["filter", "runtime", "list", "quick", "rounds"])]
    pub readme: bool,
}

/// Processes that this program starts of itself.
#[derive(Debug, Subcommand)]
pub enum Inner {
    /// Measures one runtime, by orders on stdin
    #[command(hide = true)]
    Stand(StandArgs),
    /// Plays random scripts on one runtime, and says what memory it takes
    #[command(hide = true)]
    Memory(MemoryArgs),
}

/// Flags of `stand`.
#[derive(Debug, Parser)]
pub struct StandArgs {
    #[arg(long)]
    pub runtime: String,
    #[arg(long)]
    pub profile: String,
    #[arg(long)]
    pub folder: PathBuf,
}

/// Flags of `memory`.
#[derive(Debug, Parser)]
pub struct MemoryArgs {
    #[arg(long)]
    pub runtime: String,
    #[arg(long)]
    pub folder: PathBuf,
    #[arg(long)]
    pub scripts: u64,
}

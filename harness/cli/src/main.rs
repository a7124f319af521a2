//! The program. Everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use touchstone_cli::allocator::Allocator;
use touchstone_cli::args::{Args, Command};
use touchstone_cli::{
    Failure, check, conformance, coverage, explain, fuzz, human, list, prebuilt, promote, register, report, trend, witness, worker,
};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Conformance(args) => conformance::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Register(args) => register::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Trend(args) => trend::run(&args),
        Command::Promote(args) => promote::run(&args),
        Command::Witness(args) => witness::run(&args),
        Command::Runtimes => list::run(),
        Command::Prebuilt => prebuilt::run(),
        Command::Worker(args) => worker::run(&args),
        Command::Costs(args) => fuzz::costs(&args),
        Command::Hunt(args) => fuzz::hunt(&args),
        Command::Stage(args) => witness::stage(&args),
    };
    match done.and_then(|exit| human::unwritten().map_or(Ok(exit), Err)) {
        Ok(exit) => exit.into(),
        Err(failure) => tell(&failure),
    }
}

fn tell(failure: &Failure) -> ExitCode {
    eprintln!("{}", failure.text());
    failure.exit().into()
}

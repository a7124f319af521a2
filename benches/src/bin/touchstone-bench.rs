//! The program. Everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use touchstone_benches::args::Args;
use touchstone_benches::run;

fn main() -> ExitCode {
    match run::run(&Args::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("{}", failure.text());
            failure.exit().into()
        }
    }
}

//! Random scripts as straight-line modules: what is printed and read again does the same on every runtime, and what a script does
//! without wasm is what its module does on the reference.

use std::path::PathBuf;
use std::time::Duration;

use touchstone_cli::places;
use touchstone_generate::{Mix, Sample, sample};
use touchstone_guest::build;
use touchstone_guest::rust::Fixtures;
use touchstone_guest::script::program::program;
use touchstone_guest::script::{Player, Wasi};
use touchstone_model::case::Language;
use touchstone_model::judge::Feature;
use touchstone_model::normalise::{Normalised, normalise};
use touchstone_model::trace::{Keeper, Trace, TraceCall, TraceState};
use touchstone_model::world::{Stdin, World};
use touchstone_model::{Case, Observation, bounds};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Host, Reference};
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;

use crate::support::{PROGRAM, present};

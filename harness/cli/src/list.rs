//! `runtimes`: what is available here.

use std::time::Duration;

use touchstone_model::bounds;
use touchstone_runner::observe::Bench;
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;
use touchstone_runtimes::{Origin, runtimes};

use crate::conformance::this_program;
use crate::{Exit, Failure, human};

/// Prints a line for each runtime of this build, with the result of its preflight under each profile.
pub fn run() -> Result<Exit, Failure> {
    let scratch = Scratch::new()?;
    let mut bench = Bench::new(&scratch, "runtimes", Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS));
    let mut rows = vec![["runtime", "version", "WASI", "family", "found", "preflight"].map(str::to_owned)];
    let mut exit = Exit::Green;
    for entry in runtimes() {
        let found = match entry.origin {
            Origin::BuiltIn { .. } => "built in".to_owned(),
            Origin::Command(command) => command.found().map_or("absent".to_owned(), |found| found.path.display().to_string()),
        };
        if let Some(absence) = entry.absence() {
            let preflight = format!("{absence}; {}", absence.cure);
            rows.push([entry.name, entry.version(), entry.wasi(), entry.family, &found, &preflight].map(str::to_owned));
            continue;
        }
        let mut preflight = if entry.control { "skipped: a negative control".to_owned() } else { "ok".to_owned() };
        for profile in Profile::ALL.into_iter().filter(|_| !entry.control) {
            let spec = WorkerSpec { program: this_program()?, runtime: entry.name.to_owned(), profile, plant: None };
            if let Err(error) = bench.ready(&spec) {
                preflight = format!("{}: {error}", profile.name());
                exit = Exit::Harness;
            }
        }
        if preflight == "ok" {
            let spec = WorkerSpec { program: this_program()?, runtime: entry.name.to_owned(), profile: Profile::Default, plant: None };
            for feature in bench.absent_features(&spec)? {
                preflight.push_str(&format!(", without {}", feature.name()));
            }
        }
        rows.push([entry.name, entry.version(), entry.wasi(), entry.family, &found, &preflight].map(str::to_owned));
    }
    human::print(&human::table(&rows));
    Ok(exit)
}

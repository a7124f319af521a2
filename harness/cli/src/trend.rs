//! `trend`: how random scripts fared night after night. Nothing is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use touchstone_reports::ReadError;
use touchstone_reports::campaign::Part;
use touchstone_reports::trend::{Night, OnFile, trend};
use touchstone_runner::fuzz::campaign;

use crate::args::TrendArgs;
use crate::{Exit, Failure, human, select};

/// Runs the command.
pub fn run(args: &TrendArgs) -> Result<Exit, Failure> {
    let folders = entries(&args.folder)?.into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>();
    let left_out = folders.len().saturating_sub(args.last.into());
    let nights = folders[left_out..].iter().map(|folder| night(folder)).collect::<Result<Vec<_>, _>>()?;
    if nights.is_empty() {
        let cure = "name a folder that has one for each night, such as nights with nights/2026-11-23/fuzz.json";
        return Err(Failure::usage(format!("{} has no folders", args.folder.display()), cure));
    }
    human::print(&trend(&nights, &on_file()?));
    Ok(Exit::Green)
}

/// What is in a folder, in the order of the names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error| Failure::usage(format!("{} cannot be listed: {error}", folder.display()), "name a folder");
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let mut paths: Vec<PathBuf> = entries.map_err(cannot)?;
    paths.sort();
    Ok(paths)
}

/// Reads all that a night left.
fn night(folder: &Path) -> Result<Night, Failure> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut night = Night { name, ..Night::default() };
    for path in entries(folder)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        night.add(read(path)?);
    }
    Ok(night)
}

fn read(path: &Path) -> Result<Part, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file("read", path))?;
    Part::parse(&text).map_err(|error| {
        let cure = match error {
            ReadError::Schema { .. } => "read it with the version that wrote it, or take it away",
            _ => "take it away, or put there what `cargo xtask fuzz --json FILE` or `cargo xtask fuzz-targets --json FILE` wrote",
        };
        Failure::usage(format!("{} cannot be taken: {error}", path.display()), cure)
    })
}

/// What random scripts may show by what is on file: but for what they leave out, and ways out of a sandbox, which are only counted.
fn on_file() -> Result<BTreeSet<OnFile>, Failure> {
    let runtimes = select::built_in(&[])?;
    let signs = campaign::signs(&select::suite(&[])?.divergences, &runtimes).into_iter();
    Ok(signs.filter(|sign| sign.random.avoid.is_none()).map(|sign| (sign.random.runtime, sign.divergence)).collect())
}

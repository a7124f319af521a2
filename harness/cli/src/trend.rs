//! `trend`: how random scripts fared night after night. Nothing is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use touchstone_reports::campaign::Part;
use touchstone_reports::trend::{Night, OnFile, trend};
use touchstone_runner::fuzz::campaign;

use crate::args::TrendArgs;
use crate::{Exit, Failure, human, select};

/// Runs the command.
pub fn run(args: &TrendArgs) -> Result<Exit, Failure> {
    let is_night = |path: &PathBuf| path.is_dir() && !name(path).starts_with('.');
    let nights = entries(&args.folder)?.into_iter().filter(is_night).map(|folder| night(&folder)).collect::<Result<Vec<_>, _>>()?;
    if nights.is_empty() {
        let cure = "name a folder that has one for each night, such as nights with nights/2026-11-23/fuzz.json";
        return Err(Failure::usage(format!("{} has no folders", args.folder.display()), cure));
    }
    human::print(&trend(&nights, args.last.into(), &on_file()?));
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

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads all that a night left. A file that is of no use is told of and costs nothing of the others: nights cannot be had again.
fn night(folder: &Path) -> Result<Night, Failure> {
    let mut night = Night { name: name(folder), ..Night::default() };
    for path in entries(folder)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        match read(path) {
            Ok(part) => night.add(part),
            Err(error) => {
                eprintln!("{} was not taken: {error}", path.display());
                night.left_out.push(format!("{} of {}: {error}", name(path), night.name));
            }
        }
    }
    Ok(night)
}

fn read(path: &Path) -> Result<Part, String> {
    // to open a pipe would wait for its other end
    if !path.is_file() {
        return Err("it is no file".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Part::parse(&text).map_err(|error| error.to_string())
}

/// What random scripts may show by what is on file: but for what they leave out, and ways out of a sandbox, which are only counted.
fn on_file() -> Result<BTreeSet<OnFile>, Failure> {
    let runtimes = select::built_in(&[])?;
    let signs = campaign::signs(&select::suite(&[])?.divergences, &runtimes).into_iter();
    let shown = signs.filter(|sign| sign.random.avoid.is_none() && !sign.random.is_of_escapes());
    Ok(shown.map(|sign| (sign.random.runtime, sign.divergence)).collect())
}

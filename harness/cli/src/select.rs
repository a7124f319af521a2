//! Turns names on the command line into runtimes, profiles and cases.

use std::path::PathBuf;

use regex::Regex;
use touchstone_runner::profile::Profile;
use touchstone_runner::schedule::Profiles;
use touchstone_runner::suite::{self, CaseFile, Suite};
use touchstone_runtimes::{Entry, Origin, runtimes};

use crate::args::{ProfileArg, Shard};
use crate::{Failure, places};

/// The runtime that others are compared with, where no other is named.
pub const DEFAULT_REFERENCE: &str = "oracle";

/// The runtime of this name, if it can be used on this machine.
pub fn runtime(name: &str) -> Result<&'static Entry, Failure> {
    let entry = runtimes().iter().find(|entry| entry.name == name).ok_or_else(|| {
        let known: Vec<&str> = runtimes().iter().map(|entry| entry.name).collect();
        Failure::usage(format!("there is no runtime `{name}` in this build"), format!("use one of: {}", known.join(", ")))
    })?;
    match entry.absence() {
        Some(absence) => Err(Failure::usage(&absence.message, absence.cure)),
        None => Ok(entry),
    }
}

/// The runtimes with these names; without any, those that are judged by default and not absent.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Entry>, Failure> {
    if names.is_empty() {
        return Ok(runtimes().iter().filter(|entry| entry.by_default && is_present(entry)).collect());
    }
    named(names)
}

/// The runtimes with these names; without any, those that are judged by default and are part of this program, whatever
/// is on the machine.
pub fn built_in(names: &[String]) -> Result<Vec<&'static Entry>, Failure> {
    if names.is_empty() {
        return Ok(runtimes().iter().filter(|entry| entry.by_default && matches!(entry.origin, Origin::BuiltIn { .. })).collect());
    }
    named(names)
}

fn named(names: &[String]) -> Result<Vec<&'static Entry>, Failure> {
    let mut out: Vec<&Entry> = Vec::new();
    for name in names {
        let entry = runtime(name)?;
        if !out.iter().any(|known| known.name == entry.name) {
            out.push(entry);
        }
    }
    Ok(out)
}

/// Whether a runtime can be used on this machine; says so if not.
fn is_present(entry: &Entry) -> bool {
    if let Some(absence) = entry.absence() {
        eprintln!("{} is left out: {absence}", entry.name);
        return false;
    }
    if !entry.is_on_record() {
        let (name, version) = (entry.name, entry.version());
        eprintln!("{name} is left out: nobody has explained yet what {version} does differently; `--runtime {name}` judges it");
    }
    entry.is_on_record()
}

/// The reference: the named one, else the default one.
pub fn reference(name: Option<&str>) -> Result<&'static Entry, Failure> {
    runtime(name.unwrap_or(DEFAULT_REFERENCE))
}

/// Under which profiles cases run.
pub fn profiles(arg: Option<ProfileArg>) -> Profiles {
    match arg {
        None => Profiles::ByCase,
        Some(ProfileArg::Default) => Profiles::Only(Profile::Default),
        Some(ProfileArg::NoOpenat2) => Profiles::Only(Profile::NoOpenat2),
        Some(ProfileArg::All) => Profiles::All,
    }
}

/// Reads the suites in these folders, or the project's own. Any mistake in them is the user's to mend first.
pub fn suite(folders: &[PathBuf]) -> Result<Suite, Failure> {
    let folders = if folders.is_empty() { vec![places::suite()] } else { folders.to_vec() };
    for folder in &folders {
        if !folder.is_dir() {
            return Err(Failure::usage(
                format!("there is no suite folder {}", folder.display()),
                "name a folder with cases: `--suite suites/preview1`",
            ));
        }
    }
    let mut suite = suite::load(&folders)?;
    if !suite.mistakes.is_empty() {
        return Err(Failure::Suite(std::mem::take(&mut suite.mistakes)));
    }
    Ok(suite)
}

/// Keeps the cases that the filter and the shard want.
pub fn cases(suite: &mut Suite, filter: Option<&str>, shard: Option<Shard>) -> Result<(), Failure> {
    if let Some(filter) = filter {
        let regex = Regex::new(filter).map_err(|error| {
            Failure::usage(format!("the filter is no regular expression: {error}"), "quote special characters with `\\`")
        })?;
        suite.cases.retain(|file| regex.is_match(&file.case.id));
    }
    if suite.cases.is_empty() {
        return Err(Failure::usage("no case is selected", "`--list` shows the ids that `--filter` is matched against"));
    }
    if let Some(Shard { index, count }) = shard {
        let mut position = 0;
        suite.cases.retain(|_: &CaseFile| {
            position += 1;
            position % count == index % count
        });
    }
    Ok(())
}

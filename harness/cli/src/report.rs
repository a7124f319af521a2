//! `report`: what is made of reports that were written before. Nothing is run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use touchstone_reports::diff::{Change, Diff, Presence};
use touchstone_reports::{MergeError, Published, ReadError, Report, WITHHELD, merge};
use touchstone_runner::profile::Profile;

use crate::args::{Format, ReportArgs};
use crate::conformance::{Writer, footer, in_format, verdict_of};
use crate::{Exit, Failure, human, places, select};

/// Runs the command.
pub fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    if args.schema {
        human::print(&Report::json_schema());
        return Ok(Exit::Green);
    }
    if let [older, newer] = args.diff.as_slice() {
        return compare(args.format, &read(older)?, &read(newer)?);
    }
    match &args.publish {
        Some(path) if args.check => check(&read(path)?, &folder(args)),
        Some(path) => publish(&read(path)?, &folder(args)),
        None => joined(args),
    }
}

/// Where published results stand.
fn folder(args: &ReportArgs) -> PathBuf {
    args.folder.clone().unwrap_or_else(places::published)
}

/// Reads a report, or the one in a folder of reports.
pub(crate) fn read(path: &Path) -> Result<Report, Failure> {
    let path = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let text = fs::read_to_string(&path).map_err(|error| {
        let cure = "name a report.json that `cargo xtask conformance --report DIR` wrote, or its folder";
        Failure::usage(format!("{} cannot be read: {error}", path.display()), cure)
    })?;
    Report::parse(&text).map_err(|error| {
        let cure = match error {
            ReadError::CutOff { .. } => "run it again with `cargo xtask conformance --report DIR`, or copy the whole file",
            ReadError::Malformed(_) | ReadError::NoSchema | ReadError::Name(_) => {
                "name a report.json that `cargo xtask conformance --report DIR` wrote"
            }
            ReadError::Schema { .. } => "make it again with this version, or read it with the version that wrote it",
        };
        Failure::usage(format!("{} is no report: {error}", path.display()), cure)
    })
}

/// Joins reports, and shows and writes what they come to.
fn joined(args: &ReportArgs) -> Result<Exit, Failure> {
    let parts = args.merge.iter().map(|path| Ok((path.display().to_string(), read(path)?)));
    let parts = parts.collect::<Result<Vec<(String, Report)>, Failure>>()?;
    let report = merge(&parts, &touchstone_oracle::coverage::universe()).map_err(|error| {
        let cure = match error {
            MergeError::Nothing => "name them behind `--merge`",
            MergeError::Different { .. } => "merge reports of one suite on the same runtimes only; `--diff OLD NEW` compares others",
            MergeError::Twice { .. } => "name each report once, and parts that `--shard` or `--filter` keep apart",
            MergeError::NoShard { .. } | MergeError::Missing { .. } => {
                "name the reports of all parts, each made with `--shard I/N` of the same N"
            }
        };
        Failure::usage(error.to_string(), cure)
    })?;
    if let Some(folder) = &args.report {
        Writer::new(folder)?.write(&report)?;
    }
    match in_format(&report, args.format)? {
        Some(text) => human::print(&text),
        None => human::print(&format!("{}\n{}\n{}", red(&report), human::verdicts(&report), footer(&report))),
    }
    Ok(verdict_of(&report))
}

/// A line for each case that is not green somewhere.
fn red(report: &Report) -> String {
    let mut out = String::new();
    for case in &report.cases {
        for (runtime, result) in case.results.iter().filter(|(_, result)| !result.verdict.is_green()) {
            let first = result.complaints().into_iter().map(|(_, text)| text).next().unwrap_or_default();
            out.push_str(&format!("{}: {} on {runtime}: {first}\n", result.verdict, case.id));
        }
    }
    report.withheld.iter().for_each(|(runtime, count)| out.push_str(&format!("escaped: {count} cases on {runtime}: {WITHHELD}\n")));
    report.errors.iter().for_each(|error| out.push_str(&format!("harness error: {}: {}\n", error.case, error.message)));
    out
}

/// Says what changed from one run to another.
fn compare(format: Format, older: &Report, newer: &Report) -> Result<Exit, Failure> {
    let diff = Diff::new(older, newer);
    human::print(&match format {
        Format::Human => changes(&diff),
        // a structure of strings and lists always has a JSON form
        Format::Json => serde_json::to_string_pretty(&diff).unwrap_or_default() + "\n",
        Format::Junit | Format::Github => {
            return Err(Failure::usage("a diff has no such format", "use `--format human` or `--format json`"));
        }
    });
    Ok(match () {
        () if diff.errors > 0 || !newer.complete => Exit::Harness,
        () if diff.is_worse(newer) => Exit::Difference,
        () => Exit::Green,
    })
}

/// A diff as text: what has to be looked into first.
fn changes(diff: &Diff) -> String {
    let mut out = String::new();
    for (runtime, before, after) in &diff.versions {
        out.push_str(&format!("{runtime}: from {before} to {after}\n"));
    }
    for (runtime, before, after) in &diff.withheld {
        out.push_str(&format!("{runtime}: {after} cases escaped, {before} before; they are withheld\n"));
    }
    if diff.errors > 0 {
        out.push_str(&format!("{} cases could not be run in the newer run, by a mistake of the harness\n", diff.errors));
    }
    if diff.partial {
        out.push_str("one of the runs was stopped before its end: what is new or gone may only not have been run\n");
    }
    for (title, changes) in [("broken", &diff.broken), ("fixed", &diff.fixed), ("changed", &diff.changed)] {
        for Change { case, runtime, before, after } in changes {
            out.push_str(&format!("{title}: {case} on {runtime}: {before}, now {after}\n"));
        }
    }
    for (title, presences) in [("new", &diff.new), ("gone", &diff.gone)] {
        for Presence { case, runtimes } in presences {
            out.push_str(&format!("{title}: {case} on {}\n", runtimes.join(", ")));
        }
    }
    let counts = [("broken", diff.broken.len()), ("fixed", diff.fixed.len()), ("changed", diff.changed.len())];
    let [cases, gone] = [&diff.new, &diff.gone].map(Vec::len);
    let counts = counts.map(|(title, count)| format!("{count} {title}")).join(", ");
    out + &format!("{counts}, {cases} new, {gone} gone\n")
}

/// Writes the results of a whole run to where published ones stand.
fn publish(report: &Report, folder: &Path) -> Result<Exit, Failure> {
    let now = of_whole_run(report)?;
    fs::create_dir_all(folder).map_err(Failure::file("create", folder))?;
    if let Some(gone) = published(folder)?.runtimes().find(|name| !now.runtimes().any(|runtime| runtime == *name)) {
        let cure = format!("run it where {gone} is; to publish without it, delete {} first", folder.display());
        return Err(Failure::usage(format!("results of {gone} are published, and this report has none"), cure));
    }
    let files = now.files();
    for path in text_files(folder)?.values().filter(|path| !files.keys().any(|name| path.ends_with(name))) {
        fs::remove_file(path).map_err(Failure::file("remove", path))?;
    }
    for (name, text) in &files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Failure::file("write", path))?;
    }
    human::print(&format!("{} files in {} are written\n", files.len(), folder.display()));
    Ok(Exit::Green)
}

/// Compares the published results with those of a run.
fn check(report: &Report, folder: &Path) -> Result<Exit, Failure> {
    let now = of_whole_run(report)?;
    let (stale, left_out) = published(folder)?.stale(report, &now);
    left_out.iter().for_each(|name| human::print(&format!("{name} is here in another version or not at all, and was not compared\n")));
    if stale.is_empty() {
        human::print(&format!("{} is as it should be\n", folder.display()));
        return Ok(Exit::Green);
    }
    eprintln!("error: {} is stale in {} places", folder.display(), stale.len());
    stale.iter().take(SHOWN).for_each(|stale| eprintln!("  {stale}"));
    eprintln!("  cure: cargo xtask report --publish REPORT, then review the change");
    Ok(Exit::Difference)
}

/// The results that are published.
fn published(folder: &Path) -> Result<Published, Failure> {
    let mut texts = BTreeMap::new();
    for (name, path) in text_files(folder)? {
        texts.insert(name, fs::read_to_string(&path).map_err(Failure::file("read", path))?);
    }
    Ok(Published::parse(&texts))
}

/// Stale places that are shown.
const SHOWN: usize = 20;

/// What is published of a report: of nothing but a run of the whole suite, under every profile, on every runtime that each build has.
fn of_whole_run(report: &Report) -> Result<Published, Failure> {
    let part = |what: String| Err(Failure::usage(what, "take the report of `cargo xtask conformance --report DIR` without other flags"));
    if !report.complete || report.suite.shard.is_some() {
        return part("this is the report of a part of the suite; `--merge` joins parts".to_owned());
    }
    if !report.withheld.is_empty() {
        return part(
            "a guest got out of its sandbox in this run: that is not published before the runtime's security contact has it".to_owned(),
        );
    }
    if report.reference != select::DEFAULT_REFERENCE {
        return part(format!("this run compares with {}, not with {}", report.reference, select::DEFAULT_REFERENCE));
    }
    if let Some(what) = other_cases(report)? {
        return part(what);
    }
    let mut built_in = select::built_in(&[])?.into_iter();
    if let Some(entry) = built_in.find(|entry| !report.runtimes.iter().any(|runtime| runtime.name == entry.name)) {
        return part(format!("this run left {} out", entry.name));
    }
    let profiles: BTreeSet<&String> =
        report.cases.iter().flat_map(|case| case.results.values()).flat_map(|result| result.profiles.keys()).collect();
    if let Some(profile) = Profile::ALL.iter().find(|profile| !profiles.iter().any(|name| *name == profile.name())) {
        return part(format!("this run left the profile {} out", profile.name()));
    }
    Ok(Published::of(report))
}

/// How the cases of a report are not those of the suite.
fn other_cases(report: &Report) -> Result<Option<String>, Failure> {
    let suite = select::suite(&[])?;
    let wanted: BTreeSet<&String> = suite.cases.iter().map(|file| &file.case.id).collect();
    let found: BTreeSet<&String> = report.cases.iter().map(|case| &case.id).collect();
    let missing = wanted.difference(&found).next().map(|id| format!("this report lacks the case {id}"));
    Ok(missing.or_else(|| found.difference(&wanted).next().map(|id| format!("the suite has no case {id}"))))
}

/// The published files that are there: name to path.
fn text_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Failure::file("list", folder)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>();
    let paths = paths.map_err(Failure::file("list", folder))?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "txt"));
    Ok(paths.filter_map(|path| Some((path.file_name()?.to_string_lossy().into_owned(), path))).collect())
}

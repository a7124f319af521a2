//! `promote`: a finding becomes a case of the suite, and a draft of the divergence or the clause that explains it.
//!
//! What is written is a draft, because the tool does not know the cause: the name of the case, its summary, and the note of the divergence are for
//! whoever has looked at the runtime's source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Serialize;
use touchstone_model::Verdict;
use touchstone_model::case::print::toml_text;
use touchstone_model::result::CaseResult;
use touchstone_runtimes::Entry;
use touchstone_spec::Errno;

use crate::args::PromoteArgs;
use crate::fuzz::Told;
use crate::suite_run::SuiteRun;
use crate::{Exit, Failure, human, places, select};

/// Runs the command.
pub fn run(args: &PromoteArgs) -> Result<Exit, Failure> {
    let folder = folder(&args.finding)?;
    let told = Told::read(&folder)?;
    let (from, id) = script(&folder, args)?;
    let suite = args.suite.clone().unwrap_or_else(places::suite);
    if !suite.is_dir() {
        return Err(Failure::usage(format!("there is no suite folder {}", suite.display()), "make it first, or leave `--suite` out"));
    }
    named(&id, 2, "--case AREA/NAME")?;
    let to = suite.join(&id).with_extension("script");
    let slug = args.slug.clone().unwrap_or_else(|| id.replace('/', "-"));
    named(&slug, 1, "--slug SLUG")?;
    let divergence = suite.join("divergences").join(&slug).with_extension("toml");
    if let Some(path) = [&to, &divergence].into_iter().find(|path| path.exists()) {
        return Err(Failure::usage(
            format!("{} is there already", path.display()),
            "choose another name: `--case AREA/NAME`, `--slug SLUG`",
        ));
    }
    let draft = draft(&told, &id, &results(&folder, &told)?)?;
    save(&to, &fs::read_to_string(&from).map_err(Failure::file("read", &from))?)?;
    save(&divergence, &draft)?;
    human::print(&format!(
        "{}\n  give it a summary that says what it tests, and look at what it expects\n{}\n  a draft: find the cause in the source of {} and say it; if \
         others have it too, it is one file\n",
        to.display(),
        divergence.display(),
        told.runtime,
    ));
    if let Some(outcome) = outcome(&told) {
        human::print(&format!(
            "\nIf the specification leaves this open, it is no divergence but a clause. Then remove that file, and complete this one in \
             harness/spec/preview1/clauses:\n\n{}",
            clause(&told, &outcome)
        ));
    }
    Ok(Exit::Green)
}

/// Whether a name has so many parts, each of which can be a file's.
fn named(name: &str, parts: usize, flag: &str) -> Result<(), Failure> {
    let is_plain = |part: &str| !part.is_empty() && part.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-');
    if name.split('/').count() == parts && name.split('/').all(is_plain) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{name}` is no name for a file here"), format!("write `{flag}` with lower-case letters, digits and `-`")))
}

/// The folder of a finding, by its path or by its name among the findings.
fn folder(finding: &Path) -> Result<PathBuf, Failure> {
    let among = places::cache().join("findings").join(finding);
    let found = [finding.to_owned(), among].into_iter().find(|folder| folder.join(Told::FILE).is_file());
    let cure = "name a folder that `cargo xtask fuzz` wrote; an escape is reported first, and has none";
    found.ok_or_else(|| Failure::usage(format!("there is no finding {}", finding.display()), cure))
}

/// The script of a finding, and the id that it gets.
fn script(folder: &Path, args: &PromoteArgs) -> Result<(PathBuf, String), Failure> {
    let cases = folder.join("case");
    let entries = fs::read_dir(&cases).map_err(Failure::file("list", &cases))?;
    let mut scripts = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "script"));
    let script =
        scripts.next().ok_or_else(|| Failure::usage(format!("{} has no script", cases.display()), "run `cargo xtask fuzz` again"))?;
    let id = args.case.clone().unwrap_or_else(|| format!("found/{}", script.file_stem().unwrap_or_default().to_string_lossy()));
    Ok((script, id))
}

/// What comes of the case on its runtime.
fn results(folder: &Path, told: &Told) -> Result<Vec<CaseResult>, Failure> {
    let cases = select::suite(&[folder.join("case")])?;
    let runtime: &Entry = select::runtime(&told.runtime)?;
    SuiteRun::new(&cases.cases, &[], vec![runtime], select::reference(None)?).results()
}

/// A divergence file, as it is written.
#[derive(Serialize)]
struct Draft<'a> {
    title: &'a str,
    cause: &'static str,
    clauses: &'a [String],
    note: String,
    seen: [Seen<'a>; 1],
    random: [Random<'a>; 1],
}

#[derive(Serialize)]
struct Seen<'a> {
    runtime: &'a str,
    versions: String,
    cases: BTreeMap<&'a str, Vec<String>>,
}

#[derive(Serialize)]
struct Random<'a> {
    runtime: &'a str,
    places: [&'a str; 1],
    clauses: &'a [String],
    seen: [&'a str; 1],
}

fn draft(told: &Told, id: &str, results: &[CaseResult]) -> Result<String, Failure> {
    let mut differences: BTreeSet<String> = BTreeSet::new();
    for result in results.iter().flat_map(|result| result.runtimes.get(&told.runtime)) {
        if result.verdict() == Some(Verdict::Escaped) {
            let cure = "report it to its security contact; it becomes a case when they have published it";
            return Err(Failure::usage("this finding gets out of the sandbox", cure));
        }
        let of_profiles = result.profiles.values().flat_map(|profile| &profile.judgement.differences);
        differences.extend(of_profiles.map(ToString::to_string));
    }
    if differences.is_empty() {
        let cure = "it was mended, or depends on chance: run `cargo xtask fuzz` with its seed again";
        return Err(Failure::usage(format!("{} does not show it any more", told.runtime), cure));
    }
    let draft = Draft {
        title: &told.detail,
        cause: "runtime-bug",
        clauses: &told.clauses,
        note: format!("Draft: where in the source of {} {} this comes from, and why it is wrong.\n", told.runtime, told.version),
        seen: [Seen {
            runtime: &told.runtime,
            versions: versions(&told.version),
            cases: BTreeMap::from([(id, differences.into_iter().collect())]),
        }],
        random: [Random { runtime: &told.runtime, places: [&told.place], clauses: &told.clauses, seen: [&told.seen] }],
    };
    toml::to_string_pretty(&draft).map_err(|error| Failure::Other(format!("write the divergence: {error}")))
}

/// The versions that a version stands for until somebody has looked at the next: those of its major number, or where that moves slowly,
/// of its minor one.
fn versions(version: &str) -> String {
    match Version::parse(version) {
        Ok(Version { major, .. }) if major >= 10 => format!(">={major}.0.0, <{}.0.0", major + 1),
        Ok(Version { major, minor, .. }) => format!(">={major}.{minor}.0, <{major}.{}.0", minor + 1),
        Err(_) => "*".to_owned(),
    }
}

/// What was seen as an outcome of a clause. None where a call did not return, which no clause permits, or the run ended in another way, which
/// mostly is the same; a clause about ends is written by hand.
fn outcome(told: &Told) -> Option<String> {
    if Errno::from_name(&told.seen).is_some() {
        Some(format!("errno = {}", toml_text(&told.seen)))
    } else if told.seen == "no return" || told.place == "end" {
        None
    } else {
        let saw = told.detail.split_once(", saw ").map_or(told.seen.as_str(), |(_, saw)| saw);
        Some(format!("success = {}", toml_text(saw)))
    }
}

/// The draft of a clause that permits an outcome.
fn clause(told: &Told, outcome: &str) -> String {
    let evidence = format!("{} {}", told.runtime, told.version);
    format!(
        "[[clause]]\nid = \"{}.\"\ntitle = \"\"\nlevel = \"may\"\nauthority = \"open\"\nanchor = {}\nnote = \"\"\noutcomes = [\n    \
         {{ {outcome}, evidence = {} }},\n]\n",
        told.place,
        toml_text(&told.place),
        toml_text(&evidence)
    )
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(Failure::file("create", parent))?;
    fs::write(path, text).map_err(Failure::file("write", path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use touchstone_spec::ClauseIndex;

    use super::{clause, outcome};
    use crate::fuzz::Told;

    fn told(place: &str, seen: &str, detail: &str) -> Told {
        let told = json!({
            "runtime": "wasmi", "version": "2.0.0", "wasi": "", "place": place, "about": "", "permitted": "", "seen": seen, "clauses": [],
            "detail": detail, "seed": 1, "case": 2,
        });
        serde_json::from_value(told).expect("a finding")
    }

    #[test]
    fn a_clause_permits_what_was_seen_unless_there_was_no_end() {
        for (seen, detail, permits) in [
            ("badf", "fd_tell: permitted offset 2, saw badf", "errno = \"badf\""),
            ("ok", "fd_tell: permitted badf, saw ok", "success = \"ok\""),
            ("other results", "fd_tell: permitted offset 2, saw offset \"3\"", "success = \"offset \\\"3\\\"\""),
        ] {
            let told = told("fd_tell", seen, detail);
            let outcome = outcome(&told).expect(seen);
            assert_eq!(outcome, permits);
            let draft = clause(&told, &outcome).replacen("fd_tell.\"\ntitle = \"\"", "fd_tell.new\"\ntitle = \"t\"", 1);
            let read = ClauseIndex::parse(&[("draft.toml", &draft.replacen("note = \"\"", "note = \"n\"", 1))]);
            assert!(read.is_ok(), "{draft}\n{read:?}");
        }
        assert_eq!(outcome(&told("fd_tell", "no return", "fd_tell: permitted offset 2, saw no return")), None);
        assert_eq!(outcome(&told("end", "panicked", "the run ended with a panic")), None);
    }
}

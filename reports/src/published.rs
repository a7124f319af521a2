//! Results as small text files that stand in the repository, so that a diff shows what a new version of a runtime changed: a file
//! for each area with a line per case and a letter per runtime, and one with the versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use touchstone_model::Verdict;

use crate::{Report, Runtime};

/// The file with the versions.
const VERSIONS: &str = "versions.txt";
/// What heads a file of results.
const LEGEND: &str = "# . pass, p permitted, k known, u unsupported, S stale, F failed, T timed out, C crashed, E escaped, - not run;\n\
                      # ~ known at times: it depends on timing\n";

/// Case to runtime to letter.
type Letters = BTreeMap<String, BTreeMap<String, char>>;

/// Published results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Runtime and version with the WASI in it, in the order of the columns.
    versions: Vec<(String, String)>,
    letters: Letters,
}

/// How published results are not what a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// A runtime that is part of Touchstone has another version, or is new or gone.
    Version { runtime: String, published: String, now: String },
    /// A case has another verdict.
    Case { case: String, runtime: String, published: char, now: char },
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stale::Version { runtime, published, now } => write!(f, "{runtime}: published for {published}, now {now}"),
            Stale::Case { case, runtime, published, now } => write!(f, "{case} on {runtime}: published as `{published}`, now `{now}`"),
        }
    }
}

impl Published {
    /// What a report says.
    pub fn of(report: &Report) -> Published {
        let letters = report.cases.iter().map(|case| {
            let letter = |runtime: &Runtime| {
                let letter = case.results.get(&runtime.name).map_or('-', |result| match letter(result.verdict) {
                    '.' | 'p' | 'k' if result.varies => '~',
                    letter => letter,
                });
                (runtime.name.clone(), letter)
            };
            (case.id.clone(), report.runtimes.iter().map(letter).collect())
        });
        let version = |runtime: &Runtime| (runtime.name.clone(), format!("{} ({})", runtime.version, runtime.wasi));
        Published { versions: report.runtimes.iter().map(version).collect(), letters: letters.collect() }
    }

    /// As files: name to text.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let versions = self.versions.iter().map(|(runtime, version)| format!("{runtime} {version}\n"));
        out.insert(VERSIONS.to_owned(), versions.collect());
        let names: Vec<&str> = self.versions.iter().map(|(runtime, _)| runtime.as_str()).collect();
        let mut widths: BTreeMap<&str, usize> = BTreeMap::new();
        for (area, name) in self.letters.keys().map(|id| area_and_name(id)) {
            let width = widths.entry(area).or_default();
            *width = name.len().max(*width);
        }
        for (id, letters) in &self.letters {
            let (area, name) = area_and_name(id);
            let width = widths[area];
            let file = out.entry(format!("{area}.txt")).or_insert_with(|| format!("{LEGEND}# {}\n", names.join(" ")));
            let letters: String = names.iter().map(|runtime| letters.get(*runtime).copied().unwrap_or('-')).collect();
            file.push_str(&format!("{name:<width$} {letters}\n"));
        }
        out
    }

    /// Reads them back. What is no line of such a file is left out, so that it shows as missing.
    pub fn parse(files: &BTreeMap<String, String>) -> Published {
        let text = |name: &str| files.get(name).map_or("", String::as_str);
        let pair = |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()));
        let versions: Vec<(String, String)> = text(VERSIONS).lines().filter_map(pair).collect();
        let mut letters = Letters::new();
        for (file, text) in files.iter().filter(|(file, _)| *file != VERSIONS) {
            let area = file.trim_end_matches(".txt");
            for (name, row) in text.lines().filter(|line| !line.starts_with('#')).filter_map(pair) {
                letters.insert(format!("{area}/{name}"), versions.iter().map(|(runtime, _)| runtime.clone()).zip(row.chars()).collect());
            }
        }
        Published { versions, letters }
    }

    /// How these results differ from what a report says now, and the runtimes that could not be compared. That a program of this machine
    /// is absent or of another version says nothing about the published results.
    pub fn stale(&self, report: &Report, now: &Published) -> (Vec<Stale>, Vec<String>) {
        let (mut stale, mut left_out) = (Vec::new(), Vec::new());
        let names: BTreeSet<&String> = self.versions.iter().chain(&now.versions).map(|(runtime, _)| runtime).collect();
        let is_built_in = |name: &String| report.runtimes.iter().any(|runtime| runtime.name == *name && runtime.built_in);
        for name in names {
            let [published, found] = [self, now].map(|results| results.version(name));
            if published == found {
                stale.extend(self.differences(now, name));
            } else if is_built_in(name) {
                stale.push(Stale::Version { runtime: name.clone(), published: published.to_owned(), now: found.to_owned() });
            } else {
                left_out.push(name.clone());
            }
        }
        (stale, left_out)
    }

    /// The runtimes that have a column.
    pub fn runtimes(&self) -> impl Iterator<Item = &String> {
        self.versions.iter().map(|(runtime, _)| runtime)
    }

    fn version(&self, name: &str) -> &str {
        self.versions.iter().find(|(runtime, _)| runtime == name).map_or("nothing", |(_, version)| version)
    }

    fn differences<'a>(&'a self, now: &'a Published, runtime: &'a str) -> impl Iterator<Item = Stale> + 'a {
        let letter = move |results: &Published, case: &String| {
            results.letters.get(case).and_then(|letters| letters.get(runtime)).copied().unwrap_or('-')
        };
        let cases: BTreeSet<&String> = self.letters.keys().chain(now.letters.keys()).collect();
        cases.into_iter().filter_map(move |case| {
            let [published, found] = [self, now].map(|results| letter(results, case));
            let stale = || Stale::Case { case: case.clone(), runtime: runtime.to_owned(), published, now: found };
            (published != found).then(stale)
        })
    }
}

fn area_and_name(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or(("", id))
}

/// The letter of a verdict.
fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => '.',
        Verdict::Permitted => 'p',
        Verdict::Known => 'k',
        Verdict::Unsupported => 'u',
        Verdict::Stale => 'S',
        Verdict::Failed => 'F',
        Verdict::TimedOut => 'T',
        Verdict::Crashed => 'C',
        Verdict::Escaped => 'E',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(versions: &[(&str, &str)], letters: &[(&str, &str)]) -> Published {
        let versions: Vec<(String, String)> = versions.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let row = |letters: &str| versions.iter().map(|(name, _)| name.clone()).zip(letters.chars()).collect();
        Published { letters: letters.iter().map(|(case, letters)| ((*case).to_owned(), row(letters))).collect(), versions }
    }

    /// A report that has these runtimes; the last one is a program of the machine.
    fn report(names: &[&str]) -> Report {
        let runtime = |(index, name): (usize, &&str)| Runtime {
            name: (*name).to_owned(),
            version: String::new(),
            family: String::new(),
            wasi: String::new(),
            preflight: "ok".to_owned(),
            built_in: index + 1 < names.len(),
            verdicts: BTreeMap::new(),
        };
        let runtimes: Vec<Runtime> = names.iter().enumerate().map(runtime).collect();
        Report { runtimes, ..crate::tests::empty() }
    }

    #[test]
    fn files_are_read_back() {
        let results =
            published(&[("one", "1.0 (a 1)"), ("two", "2 (b)")], &[("files/x", ".k"), ("files/long-name", "p~"), ("paths/y", "-E")]);
        let files = results.files();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["files.txt", "paths.txt", "versions.txt"]);
        assert!(files["files.txt"].contains("\nlong-name p~\nx         .k\n"), "{files:?}");
        assert_eq!(Published::parse(&files), results);
    }

    #[test]
    fn a_changed_letter_version_or_case_is_stale_and_another_program_is_left_out() {
        let old = published(&[("one", "1"), ("program", "1")], &[("a/x", ".k"), ("a/y", "..")]);
        let names = ["one", "program"];
        assert_eq!(old.stale(&report(&names), &old), (Vec::new(), Vec::new()));
        let case = |case: &str, published, now| Stale::Case { case: case.to_owned(), runtime: "one".to_owned(), published, now };
        let now = published(&[("one", "1"), ("program", "2")], &[("a/x", "pF"), ("a/z", ".F")]);
        let (stale, left_out) = old.stale(&report(&names), &now);
        assert_eq!(stale, [case("a/x", '.', 'p'), case("a/y", '.', '-'), case("a/z", '-', '.')]);
        assert_eq!(left_out, ["program"]);
        let now = published(&[("one", "1.1")], &[("a/x", "."), ("a/y", ".")]);
        let (stale, left_out) = old.stale(&report(&["one", "other"]), &now);
        assert_eq!(stale, [Stale::Version { runtime: "one".to_owned(), published: "1".to_owned(), now: "1.1".to_owned() }]);
        assert_eq!(left_out, ["program"]);
    }
}

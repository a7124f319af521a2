//! `register`: where the specification leaves a choice, and what each runtime chose. A Markdown document, made from the clauses and
//! from a run of the suite.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use touchstone_model::result::CaseResult;
use touchstone_runtimes::{Entry, Origin};
use touchstone_spec::{Clause, Permit, Permitted, clauses};

use crate::args::RegisterArgs;
use crate::suite_run::SuiteRun;
use crate::{Exit, Failure, human, places, select};

/// Runtime to clause to the answers that it chose.
type Chosen = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Runs the command.
pub fn run(args: &RegisterArgs) -> Result<Exit, Failure> {
    let columns = select::built_in(&args.runtime)?;
    let suite = select::suite(&args.suite)?;
    let results = SuiteRun::new(&suite.cases, &suite.divergences, columns.clone(), select::reference(None)?).results()?;
    let text = document(&columns, &chosen(&results));
    let file = args.file.clone().unwrap_or_else(places::register);
    if args.update {
        fs::write(&file, &text).map_err(Failure::file("write", &file))?;
        human::print(&format!("{} is written\n", file.display()));
    } else if args.check {
        return check(&file, &text);
    } else {
        human::print(&text);
    }
    Ok(Exit::Green)
}

/// Compares the file with what it should be.
fn check(file: &Path, wanted: &str) -> Result<Exit, Failure> {
    let found = match fs::read_to_string(file) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::file("read", file)(error)),
    };
    let Some(line) = first_difference(&found, wanted) else {
        human::print(&format!("{} is as it should be\n", file.display()));
        return Ok(Exit::Green);
    };
    let text = |text: &str| text.lines().nth(line).unwrap_or("(its end)").to_owned();
    eprintln!(
        "error: {} is stale at line {}\n  it says    {}\n  but it is  {}\n  cure: cargo xtask register --update, then review the change",
        file.display(),
        line + 1,
        text(&found),
        text(wanted)
    );
    Ok(Exit::Difference)
}

/// The number of the first line that differs, counted from zero.
fn first_difference(found: &str, wanted: &str) -> Option<usize> {
    (0..found.lines().count().max(wanted.lines().count())).find(|line| found.lines().nth(*line) != wanted.lines().nth(*line))
}

/// What each runtime chose over all cases and profiles.
fn chosen(results: &[CaseResult]) -> Chosen {
    let mut out = Chosen::new();
    for (name, runtime) in results.iter().flat_map(|result| &result.runtimes) {
        let own = out.entry(name.clone()).or_default();
        for (clause, answers) in runtime.profiles.values().flat_map(|profile| &profile.chosen) {
            own.entry(clause.clone()).or_default().extend(answers.iter().cloned());
        }
    }
    out
}

/// Whether a clause permits that a call succeeds and that it does not.
fn is_open_about_success(clause: &Clause) -> bool {
    let succeeds = |permit: &&Permit| matches!(permit.outcome, Permitted::Success(_));
    let count = clause.outcomes.iter().filter(succeeds).count();
    count > 0 && count < clause.outcomes.len()
}

const HEAD: &str = "# Register of ambiguities

Every clause that permits more than one outcome: what it permits, on whose word, and what each runtime chose.
Made by `cargo xtask register --update` from the clauses in `harness/spec/preview1/clauses` and a run of the whole suite; not to be
edited. `cargo xtask explain CLAUSE` says more of a clause.

An outcome with **discouraged** behind it misses a `should`: it is permitted, and counted apart. Under *chosen* stands what was
answered where the clause applied and the answer was permitted, each answer that was seen: `ok`, an error, or `no return`. A
dash: no case shows it. Answers that depart from the specification are no choices and stand in no column. Where several clauses
apply to a call, each of them counts the answer that it permits.
";

/// The whole document.
fn document(columns: &[&Entry], chosen: &Chosen) -> String {
    let mut out = HEAD.to_owned();
    let names: Vec<String> = columns.iter().map(|entry| format!("{} {}", entry.name, entry.version())).collect();
    out.push_str(&format!("\nRuntimes: {}. ", names.join(", ")));
    if columns.iter().all(|entry| matches!(entry.origin, Origin::BuiltIn { .. })) {
        out.push_str("Programs on `PATH` (Node.js) are left out, since not every machine has\nthem: `cargo xtask register --runtime node` prints theirs.\n");
    } else {
        out.push('\n');
    }
    let several = || clauses().iter().filter(|clause| clause.outcomes.len() > 1);
    let (both, errors): (Vec<&Clause>, Vec<&Clause>) = several().partition(|clause| is_open_about_success(clause));
    out.push_str(&format!("\n{} of {} clauses leave a choice.\n", both.len() + errors.len(), clauses().len()));
    out.push_str(&format!("\n## Success and failure alike\n\n{} clauses permit that a call succeeds and that it does not. The reason stands behind each outcome.\n", both.len()));
    both.into_iter().for_each(|clause| out.push_str(&section(clause, columns, chosen)));
    out.push_str(&format!("\n## Several ways to fail, or to succeed\n\n{} clauses.\n", errors.len()));
    errors.into_iter().for_each(|clause| out.push_str(&section(clause, columns, chosen)));
    out
}

/// A clause.
fn section(clause: &Clause, columns: &[&Entry], chosen: &Chosen) -> String {
    let mut out = format!("\n### `{}`\n\n{} ({}, {})\n\n", clause.id, plain(&clause.title), clause.level.name(), clause.authority.name());
    for Permit { outcome, evidence, discouraged, linux } in &clause.outcomes {
        let mark = if *discouraged { " **discouraged**" } else { "" }.to_owned() + if *linux { " (the Linux kernel's choice)" } else { "" };
        let what = match outcome {
            Permitted::Errno(errno) => format!("`{}`", errno.name()),
            Permitted::Success(text) => format!("`ok`: {}", plain(text)),
            Permitted::Trap(text) => format!("`no return`: {}", plain(text)),
        };
        out.push_str(&format!("- {what}{mark} — {}\n", plain(evidence)));
    }
    let answers = |entry: &&Entry| {
        let answers = chosen.get(entry.name).and_then(|clauses| clauses.get(&clause.id));
        let text =
            answers.map_or("–".to_owned(), |answers| answers.iter().map(|answer| format!("`{answer}`")).collect::<Vec<_>>().join(" "));
        format!("{} {text}", entry.name)
    };
    let cells: Vec<String> = columns.iter().map(answers).collect();
    out + &format!("\n*chosen:* {}\n", cells.join(" · "))
}

/// A text in which Markdown finds nothing to format.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for character in part.chars() {
            if "*_<>[]\\".contains(character) {
                out.push('\\');
            }
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_at_the_end_as_well() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(1));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(1));
        assert_eq!(first_difference("a\nb\n", "a\n"), Some(1));
    }

    #[test]
    fn text_is_not_formatted() {
        assert_eq!(plain("a_b  *c*\n<d>"), "a\\_b \\*c\\* \\<d\\>");
    }

    #[test]
    fn every_choice_has_its_section_once() {
        let text = document(&select::built_in(&[]).unwrap(), &Chosen::new());
        for clause in clauses().iter() {
            let count = text.matches(&format!("\n### `{}`\n", clause.id)).count();
            assert_eq!(count, usize::from(clause.outcomes.len() > 1), "{}", clause.id);
        }
    }
}

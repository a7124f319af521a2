//! `explain`: what an id stands for, and what each runtime does about it.

mod case;
mod clause;
mod divergence;

use owo_colors::OwoColorize;
use touchstone_model::script::check::alike;
use touchstone_runner::suite::Suite;
use touchstone_spec::clauses;

use crate::args::ExplainArgs;
use crate::{Exit, Failure, human, select};

/// Known ids that are named where one is not known.
const MOST_ALIKE: usize = 5;

/// Runs the command.
pub fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    human::print(&text(args)?);
    Ok(Exit::Green)
}

/// What there is to say.
pub(crate) fn text(args: &ExplainArgs) -> Result<String, Failure> {
    let suite = select::suite(&args.suite)?;
    if let Some(clause) = clauses().get(&args.id) {
        clause::explain(clause, &suite, args)
    } else if let Some(file) = suite.cases.iter().find(|file| file.case.id == args.id) {
        case::explain(file, &suite, args)
    } else if let Some(found) = suite.divergences.iter().find(|divergence| divergence.id == args.id) {
        Ok(divergence::explain(found, &suite, args))
    } else {
        Err(unknown(&args.id, &suite))
    }
}

fn unknown(id: &str, suite: &Suite) -> Failure {
    let known = clauses()
        .iter()
        .map(|clause| clause.id.as_str())
        .chain(suite.cases.iter().map(|file| file.case.id.as_str()))
        .chain(suite.divergences.iter().map(|divergence| divergence.id.as_str()));
    let alike = alike(id, known, MOST_ALIKE);
    let cure = if alike.is_empty() {
        "clauses stand in harness/spec/preview1/clauses, divergences in suites/preview1/divergences; \
         `cargo xtask conformance --list` lists the cases"
            .to_owned()
    } else {
        format!("did you mean {}?", alike.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "))
    };
    Failure::usage(format!("there is no clause, case or divergence `{id}`"), cure)
}

/// A heading.
fn head(text: &str) -> String {
    if human::colours() { text.bold().to_string() } else { text.to_owned() }
}

/// What departs from the specification.
fn departing(text: &str) -> String {
    if human::colours() { text.red().to_string() } else { text.to_owned() }
}

/// Every line with some spaces before it; empty lines stay empty.
fn indented(text: &str, spaces: usize) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{:spaces$}{line}\n", "") };
    text.lines().map(line).collect()
}

/// Ids with what they stand for, in columns.
fn listed<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let rows: Vec<(&str, &str)> = rows.collect();
    let width = rows.iter().map(|(id, _)| id.len()).max().unwrap_or_default();
    rows.iter().map(|(id, text)| format!("  {id:<width$}  {text}\n")).collect()
}

/// The clauses of these ids with their titles.
fn titles(ids: &[String]) -> String {
    listed(ids.iter().map(|id| (id.as_str(), clauses().get(id).map_or("(no such clause)", |clause| clause.title.as_str()))))
}

/// A regular expression for `--filter` that takes these cases alone.
fn filter<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = ids.collect();
    match ids.as_slice() {
        [alone] => format!("'^{alone}$'"),
        several => format!("'^({})$'", several.join("|")),
    }
}

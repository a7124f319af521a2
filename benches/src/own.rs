//! How fast Touchstone itself is: the checker, the way of a random script, the way of a case, the suite, and what memory all that takes.
//!
//! In reading order: this file has the table, [`scripts`] is about random scripts, [`suite`] about cases.

mod scripts;
mod suite;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use regex::Regex;
use serde::Serialize;
use touchstone_cli::Failure;
use touchstone_runner::scratch::Scratch;

use crate::checker;
use crate::figures::Spread;

pub use scripts::say_memory;

/// A figure, and how it compares with another of this run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    pub ratio: Option<f64>,
    /// To what the ratio is.
    pub than: String,
}

/// What the figures are made with.
#[derive(Debug)]
pub struct Plan<'a> {
    pub quick: bool,
    /// This program, and `touchstone`, which stands beside it.
    pub program: PathBuf,
    pub touchstone: PathBuf,
    pub scratch: &'a Scratch,
    /// Names of runtimes.
    pub runtimes: Vec<String>,
}

/// Figures that are measured together.
struct Part {
    /// What the names of its figures start with.
    name: &'static str,
    /// Whether each runtime has figures of its own.
    by_runtime: bool,
    figures: &'static [&'static str],
    measure: fn(&Plan<'_>) -> Result<Vec<Figure>, Failure>,
}

const PARTS: [Part; 5] = [
    Part { name: "checker", by_runtime: false, figures: &["checker"], measure: checked },
    Part { name: "script", by_runtime: true, figures: &["script, trampoline", "script, module of its own"], measure: scripts::costs },
    Part { name: "memory", by_runtime: true, figures: &["memory"], measure: scripts::memory },
    Part { name: "case", by_runtime: false, figures: &["case, worker round trip"], measure: suite::round_trip },
    Part { name: "suite", by_runtime: false, figures: &["suite, cold start", "suite, 1 job", "suite, 2 jobs"], measure: suite::whole },
];

impl Part {
    fn names(&self, runtimes: &[String]) -> Vec<String> {
        let own = |figure: &&str| match self.by_runtime {
            true => runtimes.iter().map(|runtime| format!("{figure}, {runtime}")).collect(),
            false => vec![(*figure).to_owned()],
        };
        self.figures.iter().flat_map(own).collect()
    }
}

/// The names of all figures, in their order.
pub fn names() -> Vec<String> {
    let runtimes = crate::readme::RUNTIMES.map(str::to_owned);
    PARTS.iter().flat_map(|part| part.names(&runtimes)).collect()
}

/// Those of these runtimes whose names the filter wants.
pub fn wanted(runtimes: &[String], filter: &Regex) -> Vec<String> {
    PARTS.iter().flat_map(|part| part.names(runtimes)).filter(|name| filter.is_match(name)).collect()
}

/// Measures what the filter wants, until it is stopped. `at` hears what is going on.
pub fn run(plan: &Plan<'_>, filter: &Regex, stop: &AtomicBool, mut at: impl FnMut(&str)) -> (Vec<Figure>, Option<Failure>) {
    let mut figures = Vec::new();
    for part in &PARTS {
        let wanted: Vec<String> = part.names(&plan.runtimes).into_iter().filter(|name| filter.is_match(name)).collect();
        if wanted.is_empty() || stop.load(Ordering::Relaxed) {
            continue;
        }
        at(part.name);
        match (part.measure)(plan) {
            Ok(measured) => figures.extend(measured.into_iter().filter(|figure| wanted.contains(&figure.name))),
            Err(failure) => return (figures, Some(failure)),
        }
    }
    (figures, None)
}

/// Judges the same script again and again.
fn checked(_: &Plan<'_>) -> Result<Vec<Figure>, Failure> {
    const ROUNDS: usize = 7;
    const ROUND: Duration = Duration::from_millis(100);
    let world = checker::world();
    let script = checker::script(&world);
    let round = || {
        let (start, mut calls) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            calls += checker::accepted(&world, &script);
        }
        calls as f64 / start.elapsed().as_secs_f64()
    };
    let speed = Spread::of((0..ROUNDS).map(|_| round())).map_or(0.0, |spread| spread.median);
    Ok(vec![Figure { name: "checker".to_owned(), value: speed, unit: "calls/s", ratio: None, than: String::new() }])
}

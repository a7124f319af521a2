//! Reports of parts of a suite become the report of the whole.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use touchstone_model::coverage::{Axis, Cells};

use crate::{Basis, Coverage, Report, SCHEMA, Suite, Timing, cited};

/// Why reports do not belong together. Each is called by the name of its file.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    #[error("there is no report to merge")]
    Nothing,
    #[error("{first} and {second} were made with different {what}: {one} and {other}")]
    Different { what: &'static str, first: String, one: String, second: String, other: String },
    #[error("{first} and {second} both have the case {case}")]
    Twice { case: String, first: String, second: String },
    #[error("{name} is one of {count} parts of a suite, and {other} is not")]
    NoShard { name: String, count: usize, other: String },
    #[error("parts {} of {count} are missing", .missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Missing { missing: Vec<usize>, count: usize },
}

/// Joins reports, each with the name that errors call it by. `universe` is all cells that a suite could reach.
pub fn merge(parts: &[(String, Report)], universe: &Cells) -> Result<Report, MergeError> {
    let (name, first) = parts.first().ok_or(MergeError::Nothing)?;
    for (other_name, other) in &parts[1..] {
        same_makers((name, first), (other_name, other))?;
    }
    all_shards(parts)?;
    disjoint(parts)?;
    let all = || parts.iter().map(|(_, report)| report);
    let mut cases: Vec<_> = all().flat_map(|report| report.cases.clone()).collect();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let mut withheld = BTreeMap::new();
    for (runtime, count) in all().flat_map(|report| &report.withheld) {
        *withheld.entry(runtime.clone()).or_default() += count;
    }
    let mut errors: Vec<_> = all().flat_map(|report| report.errors.clone()).collect();
    errors.sort_by(|a, b| a.case.cmp(&b.case));
    Ok(Report {
        schema: SCHEMA,
        complete: all().all(|report| report.complete),
        suite: Suite { cases: all().map(|report| report.suite.cases).sum(), clauses: cited(&cases), shard: None },
        reference: first.reference.clone(),
        runtimes: first.runtimes.iter().map(|runtime| runtime.counted(&cases, &withheld)).collect(),
        coverage: Coverage::new(universe, all().fold(Basis::default(), |sum, report| sum.and(&report.coverage.basis))),
        cases,
        errors,
        withheld,
        timing: Timing { wall_s: all().map(|report| report.timing.wall_s).sum() },
    })
}

impl Basis {
    fn and(mut self, other: &Basis) -> Basis {
        self.reached.merge(&other.reached);
        let mut errnos = Cells([(Axis::Errnos, self.errnos)].into());
        errnos.extend(Axis::Errnos, &other.errnos);
        Basis {
            reached: self.reached,
            errnos: errnos.0.remove(&Axis::Errnos).unwrap_or_default(),
            calls: self.calls + other.calls,
            single_errno: self.single_errno + other.single_errno,
        }
    }
}

/// A report and its name.
type Named<'a> = (&'a String, &'a Report);

/// Two reports of one run compare the same runtimes with the same reference.
fn same_makers((first, one): Named<'_>, (second, other): Named<'_>) -> Result<(), MergeError> {
    let different = |what, one: String, other: String| {
        let (first, second) = (first.clone(), second.clone());
        Err(MergeError::Different { what, first, one, second, other })
    };
    if one.reference != other.reference {
        return different("references", one.reference.clone(), other.reference.clone());
    }
    let makers = |report: &Report| {
        let texts = report.runtimes.iter().map(|runtime| format!("{} {} ({})", runtime.name, runtime.version, runtime.wasi));
        texts.collect::<Vec<_>>().join(", ")
    };
    let [one, other] = [one, other].map(makers);
    if one == other { Ok(()) } else { different("runtimes", one, other) }
}

/// Where one report is a part, all are, and each part is there.
fn all_shards(parts: &[(String, Report)]) -> Result<(), MergeError> {
    let Some((name, shard)) = parts.iter().find_map(|(name, report)| Some((name, report.suite.shard?))) else { return Ok(()) };
    let mut there = BTreeSet::new();
    for (other, report) in parts {
        match report.suite.shard {
            Some(own) if own.count == shard.count => there.insert(own.index),
            _ => return Err(MergeError::NoShard { name: name.clone(), count: shard.count, other: other.clone() }),
        };
    }
    let missing: Vec<usize> = (1..=shard.count).filter(|index| !there.contains(index)).collect();
    if missing.is_empty() { Ok(()) } else { Err(MergeError::Missing { missing, count: shard.count }) }
}

/// No case has two results.
fn disjoint(parts: &[(String, Report)]) -> Result<(), MergeError> {
    let mut owners: BTreeMap<&String, &String> = BTreeMap::new();
    for (second, report) in parts {
        for case in &report.cases {
            if let Some(first) = owners.insert(&case.id, second) {
                return Err(MergeError::Twice { case: case.id.clone(), first: first.clone(), second: second.clone() });
            }
        }
    }
    Ok(())
}

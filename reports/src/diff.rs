//! What changed between two runs: pure comparison of two reports.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use touchstone_model::Verdict;

use crate::{Case, Report, Runtime};

/// What changed from an older run to a newer one. Each list is in the order of the cases' ids, then of the runtimes' names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Departed from the specification, and no longer does.
    pub fixed: Vec<Change>,
    /// Kept to the specification, and no longer does, explained or not.
    pub broken: Vec<Change>,
    /// Another verdict that is neither: `pass` became `permitted`, `known` became `failed`.
    pub changed: Vec<Change>,
    /// Case and runtimes that only the newer run has.
    pub new: Vec<Presence>,
    /// Case and runtimes that only the older run has.
    pub gone: Vec<Presence>,
    /// Runtimes of both runs whose versions, or those of their WASI, differ: name, older version, newer version.
    pub versions: Vec<(String, String, String)>,
    /// Runtimes on which another number of cases is withheld, since a guest got out of its sandbox in them: name, older number, newer number.
    pub withheld: Vec<(String, usize, usize)>,
    /// Cases that could not be run in the newer run, by a mistake of the harness.
    pub errors: usize,
    /// A run was stopped before its end, so that what is new or gone may only not have been run.
    pub partial: bool,
}

/// A case whose verdict on a runtime is another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub case: String,
    pub runtime: String,
    pub before: Verdict,
    pub after: Verdict,
}

/// A case with the runtimes on which it is new or gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    pub case: String,
    pub runtimes: Vec<String>,
}

/// What a verdict says of a runtime, whatever is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It does what it may. A `stale` divergence is one that the runtime no longer shows.
    Keeps,
    Departs,
    /// It was not asked.
    Unasked,
}

impl Standing {
    fn of(verdict: Verdict) -> Standing {
        match verdict {
            Verdict::Pass | Verdict::Permitted | Verdict::Stale => Standing::Keeps,
            Verdict::Known | Verdict::Failed | Verdict::TimedOut | Verdict::Crashed | Verdict::Escaped => Standing::Departs,
            Verdict::Unsupported => Standing::Unasked,
        }
    }
}

impl Diff {
    /// Compares two runs. What both have is compared by verdict; how a verdict came about is not looked at.
    pub fn new(older: &Report, newer: &Report) -> Diff {
        let (before, after) = (by_id(older), by_id(newer));
        let mut out = Diff {
            new: only_in(&after, &before),
            gone: only_in(&before, &after),
            versions: versions(older, newer),
            withheld: withheld(older, newer),
            errors: newer.errors.len(),
            partial: !older.complete || !newer.complete,
            ..Diff::default()
        };
        for (id, case) in &after {
            let Some(old) = before.get(id) else { continue };
            for (runtime, result) in &case.results {
                let Some(before) = old.results.get(runtime) else { continue };
                let at_times = before.varies || result.varies;
                if at_times && before.verdict.is_green() && result.verdict.is_green() {
                    continue;
                }
                out.add(Change { case: case.id.clone(), runtime: runtime.clone(), before: before.verdict, after: result.verdict });
            }
        }
        out
    }

    fn add(&mut self, change: Change) {
        if change.before == change.after {
            return;
        }
        match (Standing::of(change.before), Standing::of(change.after)) {
            (Standing::Departs, Standing::Keeps) => self.fixed.push(change),
            (Standing::Keeps, Standing::Departs) => self.broken.push(change),
            (_, _) => self.changed.push(change),
        }
    }

    /// Whether the newer run has anything to look into that the older one had not: what is broken, what is no longer explained, and what is
    /// new and unexplained.
    pub fn is_worse(&self, newer: &Report) -> bool {
        let is_red = |verdict: Verdict| !verdict.is_green();
        let of = |presence: &Presence| {
            let case = newer.cases.iter().find(|case| case.id == presence.case);
            case.into_iter().flat_map(|case| presence.runtimes.iter().filter_map(|runtime| case.results.get(runtime))).collect::<Vec<_>>()
        };
        !self.broken.is_empty()
            || self.withheld.iter().any(|(_, before, after)| after > before)
            || self.changed.iter().any(|change| change.after == Verdict::Escaped)
            || self.changed.iter().chain(&self.fixed).any(|change| is_red(change.after) && !is_red(change.before))
            || self.new.iter().flat_map(of).any(|result| is_red(result.verdict))
    }

    /// Whether both runs came to the same, with the same cases on the same versions.
    pub fn is_empty(&self) -> bool {
        *self == Diff { partial: self.partial, ..Diff::default() }
    }
}

fn by_id(report: &Report) -> BTreeMap<&str, &Case> {
    report.cases.iter().map(|case| (case.id.as_str(), case)).collect()
}

/// What one run has and the other has not.
fn only_in(one: &BTreeMap<&str, &Case>, other: &BTreeMap<&str, &Case>) -> Vec<Presence> {
    let rows = one.iter().map(|(id, case)| {
        let known: BTreeSet<&String> = other.get(id).into_iter().flat_map(|case| case.results.keys()).collect();
        let runtimes = case.results.keys().filter(|runtime| !known.contains(runtime)).cloned().collect();
        Presence { case: (*id).to_owned(), runtimes }
    });
    rows.filter(|row| !row.runtimes.is_empty()).collect()
}

fn versions(older: &Report, newer: &Report) -> Vec<(String, String, String)> {
    let pairs = newer.runtimes.iter().filter_map(|new| Some((older.runtimes.iter().find(|old| old.name == new.name)?, new)));
    let text = |runtime: &Runtime| format!("{} ({})", runtime.version, runtime.wasi);
    let others = pairs.filter(|(old, new)| (&old.version, &old.wasi) != (&new.version, &new.wasi));
    others.map(|(old, new)| (new.name.clone(), text(old), text(new))).collect()
}

fn withheld(older: &Report, newer: &Report) -> Vec<(String, usize, usize)> {
    let names: BTreeSet<&String> = older.withheld.keys().chain(newer.withheld.keys()).collect();
    let count = |report: &Report, name: &String| report.withheld.get(name).copied().unwrap_or_default();
    let rows = names.into_iter().map(|name| (name.clone(), count(older, name), count(newer, name)));
    rows.filter(|(_, before, after)| before != after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaseRuntime, Coverage, SCHEMA, Suite, Timing};

    /// A report in which each case came to these verdicts, by runtime.
    fn report(cases: &[(&str, &[(&str, Verdict)])]) -> Report {
        let names: BTreeSet<&str> = cases.iter().flat_map(|(_, results)| *results).map(|(name, _)| *name).collect();
        let runtime = |name: &str| Runtime {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            family: String::new(),
            wasi: String::new(),
            preflight: "ok".to_owned(),
            built_in: true,
            verdicts: BTreeMap::new(),
        };
        let case = |(id, results): &(&str, &[(&str, Verdict)])| Case {
            id: (*id).to_owned(),
            file: String::new(),
            summary: String::new(),
            clauses: Vec::new(),
            results: results
                .iter()
                .map(|(name, verdict)| ((*name).to_owned(), CaseRuntime { verdict: *verdict, varies: false, profiles: BTreeMap::new() }))
                .collect(),
        };
        Report {
            schema: SCHEMA,
            complete: true,
            suite: Suite { cases: cases.len(), clauses: 0, shard: None },
            reference: "oracle".to_owned(),
            runtimes: names.into_iter().map(runtime).collect(),
            coverage: Coverage::default(),
            cases: cases.iter().map(case).collect(),
            errors: Vec::new(),
            withheld: BTreeMap::new(),
            timing: Timing::default(),
        }
    }

    #[test]
    fn nothing_changed_between_a_run_and_itself() {
        let run = report(&[("a/one", &[("x", Verdict::Pass), ("y", Verdict::Known)])]);
        assert!(Diff::new(&run, &run).is_empty());
    }

    #[test]
    fn a_change_is_told_by_what_the_runtime_does_and_not_by_what_is_on_record() {
        let all = |verdict| report(&[("a/one", &[("x", verdict)])]);
        let kind = |before, after| {
            let diff = Diff::new(&all(before), &all(after));
            [("fixed", diff.fixed.len()), ("broken", diff.broken.len()), ("changed", diff.changed.len())]
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(kind(Verdict::Known, Verdict::Pass), ["fixed"]);
        assert_eq!(kind(Verdict::Known, Verdict::Stale), ["fixed"]);
        assert_eq!(kind(Verdict::Crashed, Verdict::Permitted), ["fixed"]);
        assert_eq!(kind(Verdict::Pass, Verdict::Known), ["broken"]);
        assert_eq!(kind(Verdict::Permitted, Verdict::Escaped), ["broken"]);
        assert_eq!(kind(Verdict::Known, Verdict::Failed), ["changed"]);
        assert_eq!(kind(Verdict::Pass, Verdict::Unsupported), ["changed"]);
        assert!(kind(Verdict::Failed, Verdict::Failed).is_empty());
    }

    #[test]
    fn cases_and_runtimes_come_and_go() {
        let older = report(&[("a/gone", &[("x", Verdict::Pass)]), ("a/one", &[("x", Verdict::Pass), ("y", Verdict::Pass)])]);
        let newer = report(&[("a/new", &[("x", Verdict::Pass)]), ("a/one", &[("x", Verdict::Pass), ("z", Verdict::Pass)])]);
        let diff = Diff::new(&older, &newer);
        let presence = |case: &str, runtime: &str| Presence { case: case.to_owned(), runtimes: vec![runtime.to_owned()] };
        assert_eq!(diff.new, [presence("a/new", "x"), presence("a/one", "z")]);
        assert_eq!(diff.gone, [presence("a/gone", "x"), presence("a/one", "y")]);
        assert!(!diff.is_empty() && !diff.partial);
    }

    #[test]
    fn what_is_worse_is_broken_unexplained_or_new_and_red() {
        let all = |verdict| report(&[("a/one", &[("x", verdict)])]);
        let is_worse = |before, after| Diff::new(&all(before), &all(after)).is_worse(&all(after));
        assert!(
            is_worse(Verdict::Pass, Verdict::Known)
                && is_worse(Verdict::Known, Verdict::Failed)
                && is_worse(Verdict::Known, Verdict::Stale)
        );
        assert!(!is_worse(Verdict::Failed, Verdict::Crashed) && !is_worse(Verdict::Failed, Verdict::Pass));
        assert!(!is_worse(Verdict::Pass, Verdict::Permitted) && !is_worse(Verdict::Pass, Verdict::Unsupported));
        let newer = report(&[("a/one", &[("x", Verdict::Pass), ("y", Verdict::Known)])]);
        assert!(!Diff::new(&all(Verdict::Pass), &newer).is_worse(&newer));
        let newer = report(&[("a/one", &[("x", Verdict::Pass), ("y", Verdict::Failed)])]);
        assert!(Diff::new(&all(Verdict::Pass), &newer).is_worse(&newer));
    }

    #[test]
    fn what_shows_at_times_only_is_no_change_and_an_escape_is_worse() {
        let mut older = report(&[("a/one", &[("x", Verdict::Pass)])]);
        let mut newer = report(&[("a/one", &[("x", Verdict::Known)])]);
        newer.cases[0].results.get_mut("x").expect("a result").varies = true;
        assert!(Diff::new(&older, &newer).is_empty() && Diff::new(&newer, &older).is_empty());
        newer.cases[0].results.get_mut("x").expect("a result").verdict = Verdict::Failed;
        assert!(Diff::new(&older, &newer).is_worse(&newer));
        older.withheld.insert("x".to_owned(), 1);
        newer = older.clone();
        assert!(!Diff::new(&older, &newer).is_worse(&newer));
        newer.withheld.insert("x".to_owned(), 2);
        let diff = Diff::new(&older, &newer);
        assert!(diff.is_worse(&newer) && diff.withheld == [("x".to_owned(), 1, 2)]);
    }

    #[test]
    fn another_version_and_a_stopped_run_are_said() {
        let older = report(&[("a/one", &[("x", Verdict::Pass)])]);
        let mut newer = older.clone();
        newer.runtimes[0].version = "2.0.0".to_owned();
        newer.complete = false;
        let diff = Diff::new(&older, &newer);
        assert_eq!(diff.versions, [("x".to_owned(), "1.0.0 ()".to_owned(), "2.0.0 ()".to_owned())]);
        assert!(diff.partial);
    }
}

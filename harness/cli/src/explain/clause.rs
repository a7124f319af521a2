//! A clause: what it says and permits, who tests it, and what each runtime does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use touchstone_model::Verdict;
use touchstone_model::result::{CaseResult, ProfileResult};
use touchstone_reports::WITHHELD;
use touchstone_runner::suite::{CaseFile, Suite};
use touchstone_spec::{Clause, Permit, Permitted};

use super::{departing, filter, head, indented, listed};
use crate::args::ExplainArgs;
use crate::suite_run::SuiteRun;
use crate::{Failure, human, select};

/// Explains it.
pub(super) fn explain(clause: &Clause, suite: &Suite, args: &ExplainArgs) -> Result<String, Failure> {
    let runtimes = select::chosen(&args.runtime)?;
    let mut out = said(clause);
    let cases: Vec<CaseFile> = suite.cases.iter().filter(|file| file.case.clauses.contains(&clause.id)).cloned().collect();
    out.push_str(&format!("\n{}\n", head("cases that cite it")));
    out.push_str(&listed(cases.iter().map(|file| (file.case.id.as_str(), file.case.summary.as_str()))));
    let cited = suite.divergences.iter().filter(|divergence| divergence.clauses.contains(&clause.id));
    let divergences = listed(cited.map(|divergence| (divergence.id.as_str(), divergence.title.as_str())));
    if cases.is_empty() {
        out.push_str("  none, so nothing was run\n");
    }
    out.push_str(&format!("\n{}\n{}", head("divergences that cite it"), if divergences.is_empty() { "  none\n" } else { &divergences }));
    if cases.is_empty() {
        return Ok(out);
    }
    let names: Vec<&str> = runtimes.iter().map(|entry| entry.name).collect();
    let run = SuiteRun::new(&cases, &suite.divergences, runtimes, select::reference(None)?);
    let results = SuiteRun { timeout: Duration::from_secs(args.timeout), ..run }.results()?;
    out.push_str(&format!("\n{}\n", head("what runtimes did in these cases")));
    names.iter().for_each(|name| out.push_str(&on_runtime(clause, name, &results, args.disclose)));
    let again = filter(cases.iter().map(|file| file.case.id.as_str()));
    out.push_str(&format!("\n{}\n  cargo xtask conformance{} --filter {again}\n", head("run them again"), human::suite_flags(&args.suite)));
    Ok(out)
}

/// What the index says.
fn said(clause: &Clause) -> String {
    let Clause { id, title, level, authority, anchor, note, unproven, outcomes } = clause;
    let mut out = format!("{} {id}\n  {title}\n  {}, by {}: {anchor}\n", head("clause"), level.name(), authority.name());
    out.push_str(&indented(note.trim(), 2));
    if let Some(reason) = unproven {
        out.push_str(&format!("\n{}\n  {reason}\n", head("no planted fault shows that a case would notice")));
    }
    out.push_str(&format!("\n{}\n", head(if outcomes.len() > 1 { "permitted, each of these" } else { "permitted" })));
    for Permit { outcome, evidence, discouraged, linux } in outcomes {
        let what = match outcome {
            Permitted::Errno(errno) => errno.name().to_owned(),
            Permitted::Success(text) => format!("ok: {text}"),
            Permitted::Trap(text) => format!("no return: {text}"),
        };
        let mark = if *discouraged { " (discouraged)" } else { "" };
        let kernel = if *linux { " (what the Linux kernel chooses)" } else { "" };
        out.push_str(&format!("  {what}{mark}{kernel}\n    {evidence}\n"));
    }
    out
}

/// What a runtime chose, and where it departs.
fn on_runtime(clause: &Clause, name: &str, results: &[CaseResult], disclose: bool) -> String {
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    let mut departures: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut not_run: BTreeSet<&str> = BTreeSet::new();
    let mut elsewhere: BTreeSet<&str> = BTreeSet::new();
    for result in results {
        for (profile, seen) in result.runtimes.get(name).into_iter().flat_map(|runtime| &runtime.profiles) {
            chosen.extend(seen.chosen.get(&clause.id).into_iter().flatten().map(String::as_str));
            not_run.extend((seen.judgement.verdict == Verdict::Unsupported).then_some(result.id.as_str()));
            let own = departures_of(clause, seen, disclose);
            elsewhere.extend((own.is_empty() && !seen.judgement.differences.is_empty()).then_some(result.id.as_str()));
            for text in own {
                departures.entry(format!("{}: {text}", result.id)).or_default().push(profile);
            }
        }
    }
    let mut out = format!("  {name}\n");
    if !chosen.is_empty() {
        out.push_str(&format!("    chose {}\n", chosen.into_iter().collect::<Vec<_>>().join(", ")));
    }
    for (text, profiles) in &departures {
        out.push_str(&format!("    {}\n", departing(&format!("departs from it under {}: {text}", profiles.join(", ")))));
    }
    not_run.iter().for_each(|id| out.push_str(&format!("    not run, for want of a feature: {id}\n")));
    if departures.is_empty() {
        out.push_str("    nothing departs from it\n");
    }
    elsewhere.iter().for_each(|id| out.push_str(&format!("    departs from something else in {id}: cargo xtask explain {id}\n")));
    out
}

/// The differences that depart from a clause, each with the files that explain it.
fn departures_of(clause: &Clause, seen: &ProfileResult, disclose: bool) -> Vec<String> {
    let judgement = &seen.judgement;
    let own: Vec<String> =
        judgement.differences.iter().filter(|difference| difference.clauses.contains(&clause.id)).map(ToString::to_string).collect();
    if judgement.verdict == Verdict::Escaped && !disclose && !own.is_empty() {
        return vec![WITHHELD.to_owned()];
    }
    let known = if judgement.divergences.is_empty() { String::new() } else { format!(" ({})", judgement.divergences.join(", ")) };
    own.into_iter().map(|text| text + &known).collect()
}

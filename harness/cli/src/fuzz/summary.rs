//! What came of a campaign: a line while it goes on, a text at its end, and the same for machines.

use std::path::Path;
use std::time::Duration;

use touchstone_model::divergence::Sign;
use touchstone_reports::campaign::{self, CAMPAIGN_SCHEMA, Campaign, CampaignRuntime};
use touchstone_runner::fuzz::Signature;
use touchstone_runner::fuzz::campaign::{Escape, Finding, Outcome, Plan, Progress};
use touchstone_runner::fuzz::costs::{Costs, LINUX, Measured};
use touchstone_runner::fuzz::log_book::Ran;

use super::findings;
use crate::{Failure, human};

/// A campaign that has come to its end.
pub(super) struct Whole<'a> {
    pub(super) plan: &'a Plan,
    pub(super) outcome: &'a Outcome,
    pub(super) took: Duration,
}

/// How far a campaign is, in a line.
pub(super) fn status(now: &Progress, elapsed: Duration) -> String {
    if let Some((number, count)) = now.again {
        return format!("new finding {number} of {count} is run again by itself, and made smaller");
    }
    let per_second = |count: u64| count as f64 / elapsed.as_secs_f64();
    format!(
        "{:.0} scripts/s, {:.0} calls/s, {} runs, {:.0} % succeed, {} features, {} known, {} new",
        per_second(now.cases),
        per_second(now.ran.calls),
        now.ran.runs,
        share(now.ran),
        now.features,
        now.known,
        now.new
    )
}

/// How many calls of a hundred succeeded.
fn share(ran: Ran) -> f64 {
    ran.succeeded as f64 * 100.0 / ran.calls.max(1) as f64
}

/// How fast it was: on stderr, since it is another each time.
pub(super) fn speed(whole: &Whole<'_>) -> String {
    let per_second = |count: u64| count as f64 / whole.took.as_secs_f64();
    let ran = whole.outcome.ran();
    format!("{:.0} s, {:.0} scripts/s, {:.0} calls/s", whole.took.as_secs_f64(), per_second(whole.outcome.cases), per_second(ran.calls))
}

/// What a script costs, in microseconds and beside the kernel.
pub(super) fn costs(costs: &[Measured]) -> String {
    let linux = costs.iter().flatten().find(|it| it.name == LINUX).map(|it| it.trampoline);
    let mut rows = vec![["a script takes", "µs", "of linux", "as a module", "times"].map(str::to_owned)];
    for Costs { name, trampoline, module } in costs.iter().flatten() {
        let module =
            module.map_or([String::new(), String::new()], |module| [format!("{module:.0}"), format!("{:.0}", module / trampoline)]);
        let [as_module, times] = module;
        let of_linux = linux.map_or(String::new(), |linux| format!("{:.2}", trampoline / linux));
        rows.push([name.clone(), format!("{trampoline:.0}"), of_linux, as_module, times]);
    }
    let failed = costs.iter().filter_map(|it| it.as_ref().err());
    human::table(&rows) + &failed.map(|(name, said)| format!("{name} was not measured: {said}\n")).collect::<String>()
}

/// What came of it, for people.
pub(super) fn text(whole: &Whole<'_>) -> String {
    let Whole { plan, outcome, .. } = whole;
    let (known, new): (Vec<&Finding>, Vec<&Finding>) = outcome.findings.iter().partition(|finding| finding.known.is_some());
    let (unconfirmed, new): (Vec<&Finding>, Vec<&Finding>) = new.into_iter().partition(|finding| finding.unconfirmed);
    let mut out = format!(
        "seed {}: {} scripts, {} calls; {} findings are known, {} are new\n",
        plan.seed,
        outcome.cases,
        outcome.ran().calls,
        known.len(),
        new.len()
    );
    for (entry, ran) in plan.runtimes.iter().zip(&outcome.runtimes) {
        out.push_str(&format!("  {} ran {}, {:.0} % of {} calls succeeded\n", entry.name, ran.runs, share(*ran), ran.calls));
    }
    for ((one, other), pair) in &outcome.pairs {
        let [one, other] = [one, other].map(|seat| plan.runtimes[*seat].name);
        let (same, permitted, departed) = (pair.same, pair.permitted, pair.departed);
        out.push_str(&format!("  {one} and {other}: {same} the same, {permitted} within what is permitted, {departed} not\n"));
    }
    out.push_str(&format!("  {} features: functions by answer, kind of descriptor and class of path\n", outcome.features.len()));
    for Escape { runtime, times, known, .. } in &outcome.escapes {
        out.push_str(&match known {
            Some(known) => format!("  {times:>6} times {runtime} got out of the sandbox: {known}\n"),
            None => {
                format!("{runtime}: {times} runs got out of the sandbox; they are not shown here. Report them to its security contact\n")
            }
        });
    }
    known.iter().for_each(|finding| out.push_str(&known_line(finding, is_sometimes(plan, finding))));
    unconfirmed.iter().for_each(|finding| out.push_str(&unconfirmed_line(finding)));
    new.iter().for_each(|finding| out.push_str(&new_finding(finding)));
    out
}

/// Whether it is known to depend on timing.
fn is_sometimes(plan: &Plan, finding: &Finding) -> bool {
    let Signature { runtime, place, seen, .. } = &finding.signature;
    finding.known.as_ref().is_some_and(|known| Sign::is_sometimes(&plan.signs, known, [runtime, place, seen]))
}

fn known_line(finding: &Finding, is_sometimes: bool) -> String {
    let (signature, id) = (&finding.signature, finding.known.as_deref().unwrap_or_default());
    let at_times = if is_sometimes { ", by timing" } else { "" };
    format!("  {:>6} times {} {}{at_times}: {id}\n", finding.times, signature.runtime, signature.place)
}

fn unconfirmed_line(finding: &Finding) -> String {
    let Finding { signature, times, case, detail, .. } = finding;
    format!(
        "  {times:>6} times {} {}, {}: not shown again by script {case} in a process of its own; {detail}\n",
        signature.runtime, signature.place, signature.seen
    )
}

fn new_finding(finding: &Finding) -> String {
    let Finding { signature, times, case, detail, clauses, .. } = finding;
    if !finding.is_open {
        return format!(
            "\n{times} times {} {}, {}, first in script {case}, which is not shown: it gets out of a sandbox, or nobody could see that it does not\n",
            signature.runtime, signature.place, signature.seen
        );
    }
    let mut out = format!(
        "\n{times} times {} {}, {}: {}\n  {detail}\n  script {case}, or a smaller one that shows the same\n",
        signature.runtime,
        signature.place,
        signature.seen,
        clauses.join(", ")
    );
    findings::case_text(finding).lines().for_each(|line| out.push_str(&format!("    {line}\n")));
    out
}

/// Writes it as JSON.
pub(super) fn write(whole: &Whole<'_>, path: &Path) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(&json(whole)).map_err(|error| Failure::file("write", path)(error.into()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(Failure::file("write", path))
}

/// What came of it, for machines.
fn json(whole: &Whole<'_>) -> Campaign {
    let Whole { plan, outcome, took } = whole;
    let runtimes = plan.runtimes.iter().zip(&outcome.runtimes).map(|(entry, ran)| CampaignRuntime {
        name: entry.name.to_owned(),
        version: entry.version().to_owned(),
        wasi: entry.wasi().to_owned(),
        runs: ran.runs,
        calls: ran.calls,
        succeeded: ran.succeeded,
        escaped: outcome.escapes.iter().filter(|escape| escape.runtime == entry.name).map(|escape| escape.times).sum(),
    });
    let pairs = outcome.pairs.iter().map(|((one, other), pair)| campaign::Pair {
        runtimes: [one, other].map(|seat| plan.runtimes[*seat].name.to_owned()),
        same: pair.same,
        permitted: pair.permitted,
        departed: pair.departed,
        clauses: pair.clauses.clone(),
    });
    Campaign {
        schema: CAMPAIGN_SCHEMA,
        seed: plan.seed,
        shard: plan.shard,
        cases: outcome.cases,
        seconds: took.as_secs_f64(),
        features: outcome.features.len(),
        runtimes: runtimes.collect(),
        pairs: pairs.collect(),
        findings: outcome.findings.iter().map(|finding| json_finding(finding, is_sometimes(plan, finding))).collect(),
    }
}

fn json_finding(finding: &Finding, sometimes: bool) -> campaign::Finding {
    let withheld = finding.is_new() && !finding.is_open;
    let Signature { runtime, place, about, permitted, seen } = finding.signature.clone();
    let (about, permitted, clauses) = if withheld { Default::default() } else { (about, permitted, finding.clauses.clone()) };
    campaign::Finding {
        runtime,
        place,
        about,
        permitted,
        seen,
        clauses,
        times: finding.times,
        case: finding.case,
        known: finding.known.clone(),
        sometimes,
        unconfirmed: finding.unconfirmed,
        withheld,
    }
}

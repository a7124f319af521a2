//! A divergence: what differs, where, and why.

use std::collections::BTreeMap;

use touchstone_model::divergence::{Divergence, Seen};
use touchstone_runner::suite::Suite;

use super::{filter, head, indented, titles};
use crate::args::ExplainArgs;
use crate::human;

/// Explains it.
pub(super) fn explain(divergence: &Divergence, suite: &Suite, args: &ExplainArgs) -> String {
    let Divergence { id, title, cause, clauses, link, advisory, note, seen, random } = divergence;
    let mut out = format!("{} {id}\n  {title}\n  cause: {}\n", head("divergence"), cause.name());
    out.push_str(&format!("  tracked at: {}\n", link.as_deref().unwrap_or("nowhere yet")));
    if let Some(advisory) = advisory {
        out.push_str(&format!("  advisory: {advisory}\n"));
    }
    out.push_str(&format!("\n{}\n{}", head("note"), indented(note.trim(), 2)));
    out.push_str(&format!("\n{}\n{}", head("departs from"), titles(clauses)));
    seen.iter().for_each(|seen| out.push_str(&seen_text(seen, suite)));
    for random in random {
        let seen = if random.seen.is_empty() { "anything else".to_owned() } else { random.seen.join(", ") };
        out.push_str(&format!(
            "\n{}\n  {} answers {seen}\n",
            head(&format!("in random scripts on {}", random.runtime)),
            random.places.join(", ")
        ));
    }
    out.push_str(&format!("\n{}\n", head("see it again")));
    // several entries for one runtime are seen in one run
    let mut cases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for seen in seen {
        cases.entry(&seen.runtime).or_default().extend(seen.cases.keys().map(String::as_str));
    }
    let suites = human::suite_flags(&args.suite);
    for (runtime, mut ids) in cases {
        ids.sort_unstable();
        ids.dedup();
        out.push_str(&format!("  cargo xtask conformance --runtime {runtime}{suites} --filter {}\n", filter(ids.iter().copied())));
        out.push_str(&ids.first().map_or(String::new(), |id| format!("  cargo xtask explain {id} --runtime {runtime}{suites}\n")));
    }
    out
}

fn seen_text(seen: &Seen, suite: &Suite) -> String {
    let profiles = seen.profiles.as_ref().map_or("every profile".to_owned(), |profiles| format!("profile {}", profiles.join(", ")));
    let sometimes = if seen.sometimes { ", not in every run" } else { "" };
    let mut out = format!("\n{}\n", head(&format!("seen on {} {}, under {profiles}{sometimes}", seen.runtime, seen.versions)));
    for (id, differences) in &seen.cases {
        let summary = suite.cases.iter().find(|file| file.case.id == *id).map_or("(no such case)", |file| file.case.summary.as_str());
        out.push_str(&format!("  {id}  {summary}\n"));
        differences.iter().for_each(|difference| out.push_str(&format!("    {difference}\n")));
    }
    out
}

//! What is told of nights that are made up.

use std::collections::BTreeSet;

use touchstone_reports::campaign::{CAMPAIGN_SCHEMA, Campaign, CampaignRuntime, Finding, Part, Target, TargetRun};
use touchstone_reports::trend::{Night, trend};

/// What was run on a runtime.
fn runtime(name: &str, version: &str, runs: u64, escaped: u64) -> CampaignRuntime {
    let wasi = format!("wasi-of-{name}");
    CampaignRuntime { name: name.to_owned(), version: version.to_owned(), wasi, runs, calls: runs * 20, succeeded: runs * 15, escaped }
}

/// A divergence that was seen.
fn known(runtime: &str, id: &str, times: u64) -> Finding {
    Finding { known: Some(id.to_owned()), ..new(runtime, "fd_read", times) }
}

fn new(runtime: &str, place: &str, times: u64) -> Finding {
    Finding {
        runtime: runtime.to_owned(),
        place: place.to_owned(),
        about: String::new(),
        permitted: "noent | notdir".to_owned(),
        seen: "isdir".to_owned(),
        clauses: vec!["path_open.creat-slash".to_owned()],
        times,
        case: 7,
        known: None,
        sometimes: false,
        unconfirmed: false,
    }
}

fn night(name: &str, runtimes: Vec<CampaignRuntime>, findings: Vec<Finding>) -> Night {
    let mut night = Night { name: name.to_owned(), ..Night::default() };
    let cases = runtimes.first().map_or(0, |runtime| runtime.runs);
    let (schema, shard, pairs) = (CAMPAIGN_SCHEMA, (1, 1), Vec::new());
    night.add(Part::Scripts(Campaign { schema, seed: 1, shard, cases, seconds: 400.0, features: 2000, runtimes, pairs, findings }));
    night
}

fn on_file(ids: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    ids.iter().map(|(runtime, id)| ((*runtime).to_owned(), (*id).to_owned())).collect()
}

/// The lines of a section.
fn section<'t>(text: &'t str, title: &str) -> Vec<&'t str> {
    let (_, rest) = text.split_once(&format!("\n## {title}\n\n")).unwrap_or_else(|| panic!("no {title} in\n{text}"));
    rest.lines().take_while(|line| !line.is_empty()).collect()
}

#[test]
fn a_night_is_told_beside_the_one_before() {
    let million = 1_000_000;
    let wasmer = |version| runtime("wasmer", version, million, 3);
    let seen = [("gone", 40), ("more", 50), ("same", 1000), ("rare", 9)].map(|(id, times)| known("wasmer", id, times));
    let before = night("2026-11-22", vec![runtime("node", "20.1.0", million, 0), wasmer("7.4.1")], seen.to_vec());
    let seen = [("come", 40), ("more", 200), ("same", 1100), ("rare", 1)].map(|(id, times)| known("wasmer", id, times));
    let mut now = night("2026-11-23", vec![wasmer("7.4.2"), runtime("wasmi", "2.0.0", million, 0)], seen.to_vec());
    now.campaigns[0].findings.extend([
        new("wasmi", "path_open", 4),
        Finding { unconfirmed: true, ..new("wasmi", "tree", 1) },
        Finding { sometimes: true, ..known("wasmer", "by-timing", 500) },
    ]);
    let target = |name: &str, found| Target { name: name.to_owned(), runs: 57_710, edges: 22_875, features: 83_266, inputs: 4548, found };
    now.add(Part::Targets(TargetRun { schema: CAMPAIGN_SCHEMA, targets: vec![target("abi", true)] }));
    let files = on_file(&[("wasmer", "same"), ("wasmer", "never"), ("wasmi", "not-once"), ("wazero", "not-run")]);
    insta::assert_snapshot!(trend(&[before, now], &files));
}

#[test]
fn what_chance_explains_is_not_told() {
    let of = |name: &str, runs, times| night(name, vec![runtime("wasmer", "1", runs, 0)], vec![known("wasmer", "it", times)]);
    let quiet = |one: (u64, u64), other: (u64, u64)| {
        let text = trend(&[of("a", one.0, one.1), of("b", other.0, other.1)], &BTreeSet::new());
        section(&text, "b beside a") == ["Nothing that chance would not explain."]
    };
    assert!(quiet((1000, 20), (1000, 20)), "the same");
    assert!(quiet((1000, 20), (100_000, 2000)), "as often, in more scripts");
    assert!(quiet((1000, 20), (1000, 0)), "too few to tell");
    assert!(quiet((1_000_000, 20_000), (1_000_000, 30_000)), "certain, and less than twice as often");
    assert!(!quiet((1000, 30), (1000, 0)), "gone");
    assert!(!quiet((1000, 0), (1000, 30)), "come");
    assert!(!quiet((1000, 100), (10_000, 100)), "as many, in more scripts");
    assert!(quiet((1000, 100), (0, 0)), "nothing was run");
}

#[test]
fn parts_of_a_night_are_one() {
    let part = |runs, times| night("", vec![runtime("wasmer", "1", runs, 1)], vec![known("wasmer", "it", times)]).campaigns.remove(0);
    let one = Night { name: "one".to_owned(), campaigns: vec![part(1000, 60), part(3000, 0)], ..Night::default() };
    let two = Night { name: "two".to_owned(), campaigns: vec![part(2000, 30), part(2000, 30)], ..Night::default() };
    let text = trend(&[one, two], &BTreeSet::new());
    assert_eq!(section(&text, "two beside one"), ["Nothing that chance would not explain."]);
    assert!(text.contains("| two   |            0.00 |        5 |"), "4,000 scripts in 800 seconds\n{text}");
}

#[test]
fn a_first_night_is_told_by_itself() {
    let text = trend(&[night("a|b", vec![runtime("wasmer", "1", 1, 0)], Vec::new())], &BTreeSet::new());
    assert!(text.contains("There is no night before it") && text.contains("| a\\|b  |"), "{text}");
}

//! What is told of nights that are made up.

use std::collections::BTreeSet;

use touchstone_reports::campaign::{CAMPAIGN_SCHEMA, Campaign, CampaignRuntime, Finding, Part, Target, TargetRun};
use touchstone_reports::trend::{Night, trend};

/// What was run on a runtime.
fn runtime(name: &str, version: &str, runs: u64, escaped: u64) -> CampaignRuntime {
    let wasi = format!("wasi-of-{name}");
    CampaignRuntime {
        name: name.to_owned(),
        version: version.to_owned(),
        wasi,
        runs,
        calls: runs.saturating_mul(20),
        succeeded: runs.saturating_mul(15),
        escaped,
    }
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
        withheld: false,
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

/// All nights, without what is on file.
fn told(nights: &[Night]) -> String {
    trend(nights, nights.len(), &BTreeSet::new())
}

/// The lines of a section.
fn section<'t>(text: &'t str, title: &str) -> Vec<&'t str> {
    let (_, rest) = text.split_once(&format!("\n## {title}\n\n")).unwrap_or_else(|| panic!("no {title} in\n{text}"));
    rest.lines().take_while(|line| !line.is_empty()).collect()
}

/// What changed up to the last night, `b`.
fn changed(nights: &[Night]) -> Vec<String> {
    section(&told(nights), "b beside the nights before").into_iter().map(str::to_owned).collect()
}

const NOTHING: [&str; 1] = ["- Nothing that chance would not explain."];

#[test]
fn a_night_is_told_beside_the_one_before() {
    let million = 1_000_000;
    let wasmer = |version| runtime("wasmer", version, million, 3);
    let seen = [("gone", 40), ("more", 50), ("same", 1000), ("rare", 9)].map(|(id, times)| known("wasmer", id, times));
    let before = night("2026-11-22", vec![runtime("node", "20.1.0", million, 0), wasmer("7.4.1")], seen.to_vec());
    let seen = [("come", 40), ("more", 200), ("same", 1100), ("rare", 1)].map(|(id, times)| known("wasmer", id, times));
    let mut now = night("2026-11-23", vec![wasmer("7.4.2"), runtime("wasmi", "2.0.0", million, 0)], seen.to_vec());
    now.campaigns[0].findings.extend([
        Finding { about: "preopen, through a symlink".to_owned(), ..new("wasmi", "path_open", 4) },
        Finding { withheld: true, permitted: String::new(), clauses: Vec::new(), ..new("wasmi", "path_link", 2) },
        Finding { unconfirmed: true, ..new("wasmi", "tree", 1) },
        Finding { sometimes: true, ..known("wasmer", "by-timing", 500) },
    ]);
    let target = |name: &str, found| Target { name: name.to_owned(), runs: 57_710, edges: 22_875, features: 83_266, inputs: 4548, found };
    now.add(Part::Targets(TargetRun { schema: CAMPAIGN_SCHEMA, targets: vec![target("abi", true)] }));
    now.left_out.push("fuzz-3.json of 2026-11-23: it ends too early".to_owned());
    let files = on_file(&[("wasmer", "same"), ("wasmer", "never"), ("wasmi", "not-once"), ("wazero", "not-run")]);
    insta::assert_snapshot!(trend(&[before, now], 30, &files));
}

#[test]
fn what_chance_explains_is_not_told() {
    let of = |name: &str, (runs, times)| night(name, vec![runtime("wasmer", "1", runs, 0)], vec![known("wasmer", "it", times)]);
    let is_quiet = |one, other| changed(&[of("a", one), of("b", other)]) == NOTHING;
    assert!(is_quiet((1000, 20), (1000, 20)), "the same");
    assert!(is_quiet((1000, 20), (100_000, 2000)), "as often, in more scripts");
    assert!(is_quiet((1000, 15), (1000, 0)), "too few to tell");
    assert!(is_quiet((1_000_000, 20_000), (1_000_000, 30_000)), "certain, and less than twice as often");
    assert!(is_quiet((1_000_000, 0), (20_000, 1)), "two times in a hundred");
    assert!(is_quiet((1_000_000, 9), (20_000, 1)) && is_quiet((1_000_000, 7), (20_000, 3)), "rare, and a short night");
    assert!(!is_quiet((1000, 30), (1000, 0)), "gone");
    assert!(!is_quiet((1000, 0), (1000, 30)), "come");
    assert!(!is_quiet((1000, 100), (10_000, 100)), "as many, in more scripts");
}

#[test]
fn a_runtime_stands_beside_the_last_night_in_which_it_was_run() {
    let of = |name: &str, runs, times| night(name, vec![runtime("wasmer", "1", runs, 0)], vec![known("wasmer", "it", times)]);
    let failed = Night { name: "failed".to_owned(), ..Night::default() };
    let nights = [of("a", 1000, 100), of("nothing was run", 0, 0), failed.clone(), of("b", 1000, 0)];
    assert_eq!(changed(&nights), ["- `it` on wasmer: not counted in 1000 runs; 100000.0 times in a million runs in a"]);
    assert_eq!(section(&told(&[of("a", 1000, 0), failed]), "failed beside the nights before"), ["- wasmer was not run"]);
    assert_eq!(changed(&[of("b", 0, 0)]), ["- Nothing was run."]);
    assert_eq!(changed(&[of("b", 7, 0)]), ["- wasmer `1 (wasi-of-wasmer)` was not run before"]);
}

#[test]
fn parts_of_a_night_are_one() {
    let part = |runs, times| {
        let findings = vec![known("wasmer", "it", times), new("wasmer", "path_open", times)];
        night("", vec![runtime("wasmer", "1", runs, 1)], findings).campaigns.remove(0)
    };
    let of = |name: &str, campaigns| Night { name: name.to_owned(), campaigns, ..Night::default() };
    let nights = [of("a", vec![part(1000, 60), part(3000, 0)]), of("b", vec![part(2000, 30), part(2000, 31)])];
    assert_eq!(changed(&nights), NOTHING);
    let text = told(&nights);
    assert!(text.contains("| b     |            0.00 |        5 |             75.0 % |     2000 |       1 |   1 |"), "800 seconds\n{text}");
    assert_eq!(section(&text, "New in b").len(), 1);
    assert!(text.contains("61 times, permitted"), "{text}");
}

#[test]
fn no_name_is_markup_and_no_number_too_large() {
    let odd = "a|b\n`<img>`";
    let mut night = night(odd, vec![runtime(odd, odd, u64::MAX, u64::MAX); 2], vec![known(odd, odd, u64::MAX), new(odd, odd, u64::MAX)]);
    night.campaigns[0].cases = u64::MAX;
    night.campaigns[0].seconds = 0.0;
    night.targets.push(Target { name: odd.to_owned(), runs: u64::MAX, edges: 0, features: 0, inputs: 0, found: false });
    let text = trend(&[night.clone(), night], 1, &on_file(&[(odd, odd), (odd, "other")]));
    // marks stand behind a backslash, or in a code span that is fenced by more
    assert!(text.contains("| a\\|b \\`\\<img\\>\\` |") && text.contains("`` a|b `<img>` ``"), "{text}");
    assert!(text.lines().filter(|line| line.starts_with('|')).count() == 6, "two tables of one night\n{text}");
}

//! Random scripts night after night: how far they came, and what is seen more often, less often or no more.

use std::collections::{BTreeMap, BTreeSet};

use crate::campaign::{Campaign, CampaignRuntime, Finding, Part, Target};
use crate::summary::{code, escaped};

/// What a night left.
#[derive(Debug, Clone, Default)]
pub struct Night {
    /// Nights are in the order of their names.
    pub name: String,
    /// The parts of the scripts, each from a machine of its own.
    pub campaigns: Vec<Campaign>,
    pub targets: Vec<Target>,
}

/// A divergence on a runtime: the runtime's name, the divergence's id.
pub type OnFile = (String, String);

/// Two counts are told apart where chance would have to be so many standard deviations away from what it is on average.
const DEVIATIONS: f64 = 5.0;

/// And where one is so many times the other: scripts of one kind come together, so that chance alone is not to be trusted.
const TIMES: f64 = 2.0;

impl Night {
    /// Adds what a file of it says.
    pub fn add(&mut self, part: Part) {
        match part {
            Part::Scripts(campaign) => self.campaigns.push(campaign),
            Part::Targets(run) => self.targets.extend(run.targets),
        }
    }

    fn scripts(&self) -> u64 {
        self.campaigns.iter().map(|campaign| campaign.cases).sum()
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.campaigns.iter().flat_map(|campaign| &campaign.findings)
    }

    /// What was run on each runtime, all parts together.
    fn runtimes(&self) -> BTreeMap<&str, CampaignRuntime> {
        let mut sums: BTreeMap<&str, CampaignRuntime> = BTreeMap::new();
        for runtime in self.campaigns.iter().flat_map(|campaign| &campaign.runtimes) {
            let add = |sum: &mut CampaignRuntime| {
                sum.runs += runtime.runs;
                sum.calls += runtime.calls;
                sum.succeeded += runtime.succeeded;
                sum.escaped += runtime.escaped;
            };
            sums.entry(&runtime.name).and_modify(add).or_insert_with(|| runtime.clone());
        }
        sums
    }

    /// How often each divergence was seen, but for those that depend on timing: how busy the machine was changes them.
    fn known(&self) -> BTreeMap<OnFile, u64> {
        let mut counts = BTreeMap::new();
        for finding in self.findings().filter(|finding| !finding.sometimes) {
            if let Some(id) = &finding.known {
                *counts.entry((finding.runtime.clone(), id.clone())).or_default() += finding.times;
            }
        }
        counts
    }
}

/// Tells it in Markdown, which is readable on a terminal as well. `on_file` is what scripts may show by what is on file today.
pub fn trend(nights: &[Night], on_file: &BTreeSet<OnFile>) -> String {
    let mut out = "# Random scripts, night after night\n\n".to_owned() + &scripts(nights);
    match nights {
        [.., before, now] => {
            out += &format!("\n## {} beside {}\n\n{}", escaped(&now.name), escaped(&before.name), list(&changes(before, now)));
        }
        [_] => out += "\nThere is no night before it, beside which it could stand.\n",
        [] => {}
    }
    if let Some(now) = nights.last() {
        out += &new(now);
    }
    out + &unseen(nights, on_file) + &targets(nights)
}

/// How far the scripts came, a night in a line.
fn scripts(nights: &[Night]) -> String {
    let heads = ["night", "million scripts", "a second", "calls that succeed", "features", "on file", "new", "not shown again", "escaped"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for night in nights {
        let runtimes = night.runtimes();
        let sum = |what: fn(&CampaignRuntime) -> u64| runtimes.values().map(what).sum::<u64>();
        let seconds: f64 = night.campaigns.iter().map(|campaign| campaign.seconds).sum();
        let count = |which: fn(&Finding) -> bool| night.findings().filter(|finding| which(finding)).count().to_string();
        rows.push(vec![
            escaped(&night.name),
            format!("{:.2}", night.scripts() as f64 / 1e6),
            format!("{:.0}", night.scripts() as f64 / seconds.max(f64::MIN_POSITIVE)),
            format!("{:.1} %", sum(|it| it.succeeded) as f64 * 100.0 / sum(|it| it.calls).max(1) as f64),
            night.campaigns.iter().map(|campaign| campaign.features).max().unwrap_or_default().to_string(),
            night.findings().filter_map(|it| it.known.as_ref()).collect::<BTreeSet<_>>().len().to_string(),
            count(Finding::is_new),
            count(|it| it.unconfirmed),
            sum(|it| it.escaped).to_string(),
        ]);
    }
    table(&rows)
        + "\n`a second` is for one machine, `features` the most of one, `on file` counts divergences, `escaped` runs, of which nothing else is told.\n"
}

/// What is another than the night before, and not by chance.
fn changes(before: &Night, now: &Night) -> Vec<String> {
    let [old, new] = [before, now].map(Night::runtimes);
    let mut out = Vec::new();
    for (name, runtime) in &new {
        match old.get(name) {
            None => out.push(format!("{name} {} was not run the night before", runtime.version)),
            Some(earlier) if (&earlier.version, &earlier.wasi) != (&runtime.version, &runtime.wasi) => {
                out.push(format!("{name} {} ({}) was {} ({})", runtime.version, runtime.wasi, earlier.version, earlier.wasi))
            }
            Some(_) => {}
        }
    }
    out.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{name} was not run")));
    let [were, are] = [before, now].map(Night::known);
    for on_file @ (runtime, id) in were.keys().chain(are.keys()).collect::<BTreeSet<_>>() {
        let (Some(earlier), Some(later)) = (old.get(runtime.as_str()), new.get(runtime.as_str())) else { continue };
        let rate = |counts: &BTreeMap<OnFile, u64>, runtime: &CampaignRuntime| Rate {
            times: counts.get(on_file).copied().unwrap_or_default(),
            runs: runtime.runs,
        };
        let (earlier, later) = (rate(&were, earlier), rate(&are, later));
        if later.differs(earlier) {
            out.push(format!("`{id}` on {runtime}: {}; {} the night before", later.text(), earlier.text()));
        }
    }
    out
}

/// How often something was seen.
#[derive(Debug, Clone, Copy)]
struct Rate {
    times: u64,
    runs: u64,
}

impl Rate {
    /// Whether both are certainly not the same. If they were, then each of all times would be one of these with the probability of the share
    /// of these runs in all runs: a binomial distribution.
    fn differs(self, other: Rate) -> bool {
        let [times, runs] = [self.times + other.times, self.runs + other.runs].map(|sum| sum as f64);
        let share = self.runs as f64 / runs;
        let deviation = (times * share * (1.0 - share)).sqrt();
        let [one, two] = [self, other].map(Rate::in_a_million);
        let is_far = (self.times as f64 - times * share).abs() > DEVIATIONS * deviation;
        self.runs > 0 && other.runs > 0 && is_far && one.max(two) >= TIMES * one.min(two)
    }

    fn in_a_million(self) -> f64 {
        self.times as f64 * 1e6 / self.runs.max(1) as f64
    }

    fn text(self) -> String {
        match self.times {
            0 => format!("not seen in {} runs", self.runs),
            _ => format!("{:.1} times in a million runs", self.in_a_million()),
        }
    }
}

/// What nobody knew of before the last night.
fn new(now: &Night) -> String {
    let lines = now.findings().filter(|finding| finding.is_new()).map(|finding| {
        let Finding { runtime, place, seen, permitted, times, clauses, .. } = finding;
        let clauses: Vec<String> = clauses.iter().map(|clause| code(clause)).collect();
        format!("{runtime} `{place}`: {}, permitted {}, {times} times ({})", code(seen), code(permitted), clauses.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { String::new() } else { format!("\n## New in {}\n\n{}", escaped(&now.name), list(&lines)) }
}

/// What is on file and no night saw: mended, or so rare that nobody can tell.
fn unseen(nights: &[Night], on_file: &BTreeSet<OnFile>) -> String {
    let runs = nights.iter().map(Night::runtimes).fold(BTreeMap::new(), |mut sums: BTreeMap<String, u64>, night| {
        night.values().for_each(|runtime| *sums.entry(runtime.name.clone()).or_default() += runtime.runs);
        sums
    });
    let seen: BTreeSet<OnFile> =
        nights.iter().flat_map(Night::findings).filter_map(|it| Some((it.runtime.clone(), it.known.clone()?))).collect();
    let lines: Vec<String> = on_file
        .difference(&seen)
        .filter_map(|(runtime, id)| Some(format!("`{id}` on {runtime}, in {} runs", runs.get(runtime)?)))
        .collect();
    if lines.is_empty() { String::new() } else { format!("\n## On file, and seen in none of these nights\n\n{}", list(&lines)) }
}

/// How far libFuzzer came, a night in a line.
fn targets(nights: &[Night]) -> String {
    let names: BTreeSet<&String> = nights.iter().flat_map(|night| &night.targets).map(|target| &target.name).collect();
    if names.is_empty() {
        return String::new();
    }
    let mut rows = vec![std::iter::once("night").chain(names.iter().map(|name| name.as_str())).map(str::to_owned).collect::<Vec<_>>()];
    for night in nights {
        let cell = |name: &String| {
            let target = night.targets.iter().find(|target| target.name == *name);
            target.map_or_else(String::new, |Target { runs, features, inputs, found, .. }| {
                format!("{runs} runs, {features} features, {inputs} inputs{}", if *found { ", **something new**" } else { "" })
            })
        };
        rows.push(std::iter::once(escaped(&night.name)).chain(names.iter().map(|name| cell(name))).collect());
    }
    format!("\n## libFuzzer\n\n{}", table(&rows))
}

fn list(lines: &[String]) -> String {
    match lines {
        [] => "Nothing that chance would not explain.\n".to_owned(),
        lines => lines.iter().map(|line| format!("- {line}\n")).collect(),
    }
}

/// A Markdown table with its columns aligned, the first to the left and the others to the right; the first row is a heading.
fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default().max(3);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!(" {cell:<width$} |"),
            _ => format!(" {cell:>width$} |"),
        });
        format!("|{}\n", cells.collect::<String>())
    };
    let rule = widths.iter().enumerate().map(|(column, width)| match column {
        0 => format!("{}|", "-".repeat(width + 2)),
        _ => format!("{}:|", "-".repeat(width + 1)),
    });
    let rule = format!("|{}\n", rule.collect::<String>());
    rows.iter().enumerate().map(|(index, row)| if index == 0 { line(row) + &rule } else { line(row) }).collect()
}

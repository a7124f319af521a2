//! Random scripts night after night: how far they came, and what is seen more often, less often or no more.

use std::collections::{BTreeMap, BTreeSet};

use crate::campaign::{Campaign, Finding, Part, Target};
use crate::summary::{code, plain};

/// What a night left.
#[derive(Debug, Clone, Default)]
pub struct Night {
    /// Nights are in the order of their names.
    pub name: String,
    /// The parts of the scripts, each from a machine of its own.
    pub campaigns: Vec<Campaign>,
    pub targets: Vec<Target>,
    /// Files that could not be taken, and why not.
    pub left_out: Vec<String>,
}

/// A divergence on a runtime: the runtime's name, the divergence's id.
pub type OnFile = (String, String);

/// What was run on a runtime, all parts together.
#[derive(Debug, Clone, Default)]
struct Ran {
    /// Its version and that of its WASI; parts on machines that differ may have several.
    versions: BTreeSet<String>,
    runs: u64,
    calls: u64,
    succeeded: u64,
    escaped: u64,
}

impl Night {
    /// Adds what a file of it says.
    pub fn add(&mut self, part: Part) {
        match part {
            Part::Scripts(campaign) => self.campaigns.push(campaign),
            Part::Targets(run) => self.targets.extend(run.targets),
        }
    }

    /// The runtimes that ran something.
    fn runtimes(&self) -> BTreeMap<&str, Ran> {
        let mut sums: BTreeMap<&str, Ran> = BTreeMap::new();
        for runtime in self.campaigns.iter().flat_map(|campaign| &campaign.runtimes).filter(|runtime| runtime.runs > 0) {
            let sum = sums.entry(&runtime.name).or_default();
            sum.versions.insert(format!("{} ({})", runtime.version, runtime.wasi));
            for (sum, add) in [
                (&mut sum.runs, runtime.runs),
                (&mut sum.calls, runtime.calls),
                (&mut sum.succeeded, runtime.succeeded),
                (&mut sum.escaped, runtime.escaped),
            ] {
                *sum = sum.saturating_add(add);
            }
        }
        sums
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.campaigns.iter().flat_map(|campaign| &campaign.findings)
    }

    /// The findings of a kind; those that parts have in common are one.
    fn joined(&self, which: impl Fn(&Finding) -> bool) -> Vec<Finding> {
        let mut all: BTreeMap<[&String; 5], Finding> = BTreeMap::new();
        for finding in self.findings().filter(|finding| which(finding)) {
            let Finding { runtime, place, about, permitted, seen, .. } = finding;
            let times = |sum: &mut Finding| sum.times = sum.times.saturating_add(finding.times);
            all.entry([runtime, place, about, permitted, seen]).and_modify(times).or_insert_with(|| finding.clone());
        }
        all.into_values().collect()
    }

    /// How often each divergence on a runtime was counted, but for those that depend on timing: how busy the machine was changes them.
    fn known(&self, runtime: &str) -> BTreeMap<&String, u64> {
        let mut counts: BTreeMap<&String, u64> = BTreeMap::new();
        for finding in self.findings().filter(|finding| finding.runtime == runtime && !finding.sometimes) {
            if let Some(id) = &finding.known {
                let count = counts.entry(id).or_default();
                *count = count.saturating_add(finding.times);
            }
        }
        counts
    }
}

/// Tells it in Markdown, which is readable on a terminal as well: of the last of these nights, and how it differs from those before it.
/// `on_file` is what scripts may show by what is on file today.
pub fn trend(nights: &[Night], last: usize, on_file: &BTreeSet<OnFile>) -> String {
    let told = &nights[nights.len().saturating_sub(last)..];
    let mut out = "# Random scripts, night after night\n\n".to_owned() + &scripts(told);
    if let Some((now, before)) = nights.split_last() {
        out += &format!("\n## {} beside the nights before\n\n{}", plain(&now.name), list(&changes(before, now)));
        out += &section(&format!("New in {}", plain(&now.name)), &unknown(now));
    }
    out += &section("On file, and seen in none of these nights", &unseen(told, on_file));
    out += &targets(told);
    let left_out = told.iter().flat_map(|night| &night.left_out).map(|what| plain(what));
    out + &section("Not taken", &left_out.collect::<Vec<_>>())
}

/// How far the scripts came, a night in a line.
fn scripts(nights: &[Night]) -> String {
    let heads = ["night", "million scripts", "a second", "calls that succeed", "features", "on file", "new", "not shown again", "escaped"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for night in nights {
        let runtimes = night.runtimes();
        let sum = |what: fn(&Ran) -> u64| runtimes.values().map(|ran| what(ran) as f64).sum::<f64>();
        let cases: f64 = night.campaigns.iter().map(|campaign| campaign.cases as f64).sum();
        let seconds: f64 = night.campaigns.iter().map(|campaign| campaign.seconds).sum();
        let count = |which: fn(&Finding) -> bool| night.joined(which).len().to_string();
        rows.push(vec![
            plain(&night.name),
            format!("{:.2}", cases / 1e6),
            if seconds > 0.0 { format!("{:.0}", cases / seconds) } else { String::new() },
            format!("{:.1} %", sum(|ran| ran.succeeded) * 100.0 / sum(|ran| ran.calls).max(1.0)),
            night.campaigns.iter().map(|campaign| campaign.features).max().unwrap_or_default().to_string(),
            night.findings().filter_map(|finding| finding.known.as_ref()).collect::<BTreeSet<_>>().len().to_string(),
            count(Finding::is_new),
            count(|finding| finding.unconfirmed),
            format!("{:.0}", sum(|ran| ran.escaped)),
        ]);
    }
    table(&rows)
        + "\n`a second` is for one machine, `features` the most of one, `on file` counts divergences, `escaped` runs, of which nothing else is told.\n"
}

/// What is another than it was, and not by chance: each runtime beside the last night before in which something was run on it.
fn changes(before: &[Night], now: &Night) -> Vec<String> {
    let runtimes = now.runtimes();
    let mut out = Vec::new();
    for (name, ran) in &runtimes {
        let last = before.iter().rev().find_map(|night| Some((night, night.runtimes().remove(name)?)));
        match last {
            Some((night, earlier)) => out.extend(since(name, (night, &earlier), (now, ran))),
            None => out.push(format!("{} {} was not run before", plain(name), versions(ran))),
        }
    }
    let gone: BTreeSet<&str> =
        before.last().iter().flat_map(|night| night.runtimes().into_keys()).filter(|name| !runtimes.contains_key(name)).collect();
    out.extend(gone.into_iter().map(|name| format!("{} was not run", plain(name))));
    match (out.is_empty(), runtimes.is_empty()) {
        (true, true) => vec!["Nothing was run.".to_owned()],
        (true, false) => vec!["Nothing that chance would not explain.".to_owned()],
        (false, _) => out,
    }
}

/// What is another on a runtime.
fn since(name: &str, (before, earlier): (&Night, &Ran), (now, ran): (&Night, &Ran)) -> Vec<String> {
    let mut out = Vec::new();
    if earlier.versions != ran.versions {
        out.push(format!("{} {} was {} in {}", plain(name), versions(ran), versions(earlier), plain(&before.name)));
    }
    let [were, are] = [before, now].map(|night| night.known(name));
    for id in were.keys().chain(are.keys()).collect::<BTreeSet<_>>() {
        let rate = |counts: &BTreeMap<&String, u64>, ran: &Ran| Rate {
            times: counts.get(id).copied().unwrap_or_default() as f64,
            runs: ran.runs as f64,
        };
        let (then, this) = (rate(&were, earlier), rate(&are, ran));
        if this.differs(then) {
            out.push(format!("{} on {}: {}; {} in {}", code(id), plain(name), this.text(), then.text(), plain(&before.name)));
        }
    }
    out
}

fn versions(ran: &Ran) -> String {
    code(&ran.versions.iter().cloned().collect::<Vec<_>>().join(" and "))
}

/// How often something was counted.
#[derive(Debug, Clone, Copy)]
struct Rate {
    times: f64,
    /// More than none.
    runs: f64,
}

/// Two counts are told apart where their deviance is beyond this, the square of five: as rare by chance as what is five standard deviations
/// away from the middle, one time in two millions.
const DEVIANCE: f64 = 25.0;

/// And where one is so many times the other: scripts that show the same come together, so that chance alone is not to be trusted.
const TIMES: f64 = 2.0;

impl Rate {
    /// Whether both are certainly not the same. If they were, each of all times would be one of these with the probability that the share of
    /// these runs in all runs is. What is told is the deviance of that (twice the logarithm of the ratio of likelihoods), since it can be
    /// trusted where one side has far fewer runs than the other too: <https://en.wikipedia.org/wiki/G-test>.
    fn differs(self, other: Rate) -> bool {
        let all = Rate { times: self.times + other.times, runs: self.runs + other.runs };
        let term = |rate: Rate| if rate.times > 0.0 { rate.times * (rate.times / (all.times * rate.runs / all.runs)).ln() } else { 0.0 };
        let [one, two] = [self, other].map(Rate::in_a_million);
        2.0 * (term(self) + term(other)) > DEVIANCE && one.max(two) >= TIMES * one.min(two)
    }

    fn in_a_million(self) -> f64 {
        self.times * 1e6 / self.runs
    }

    fn text(self) -> String {
        if self.times > 0.0 {
            format!("{:.1} times in a million runs", self.in_a_million())
        } else {
            format!("not counted in {} runs", self.runs)
        }
    }
}

/// What nobody knew of before this night.
fn unknown(now: &Night) -> Vec<String> {
    let line = |finding: Finding| {
        let Finding { runtime, place, about, seen, permitted, times, clauses, withheld, .. } = finding;
        let head = format!("{} {}: {}, {times} times", plain(&runtime), code(&place), code(&seen));
        if withheld {
            return format!("{head}, which is not shown: its script may get out of a sandbox");
        }
        let about = if about.is_empty() { String::new() } else { format!(" of {}", code(&about)) };
        format!(
            "{head}{about}, permitted {} ({})",
            code(&permitted),
            clauses.iter().map(|clause| code(clause)).collect::<Vec<_>>().join(", ")
        )
    };
    now.joined(Finding::is_new).into_iter().map(line).collect()
}

/// What is on file and no night saw: mended, or so rare that nobody can tell.
fn unseen(nights: &[Night], on_file: &BTreeSet<OnFile>) -> Vec<String> {
    let mut runs: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, ran) in nights.iter().flat_map(Night::runtimes) {
        let sum = runs.entry(name).or_default();
        *sum = sum.saturating_add(ran.runs);
    }
    let seen: BTreeSet<OnFile> =
        nights.iter().flat_map(Night::findings).filter_map(|it| Some((it.runtime.clone(), it.known.clone()?))).collect();
    let line = |(runtime, id): &OnFile| Some(format!("{} on {}, in {} runs", code(id), plain(runtime), runs.get(runtime.as_str())?));
    on_file.difference(&seen).filter_map(line).collect()
}

/// How far libFuzzer came, a night in a line.
fn targets(nights: &[Night]) -> String {
    let names: BTreeSet<&String> = nights.iter().flat_map(|night| &night.targets).map(|target| &target.name).collect();
    if names.is_empty() {
        return String::new();
    }
    let mut rows = vec![std::iter::once("night".to_owned()).chain(names.iter().map(|name| plain(name))).collect::<Vec<_>>()];
    for night in nights {
        let cell = |name: &String| {
            let target = |Target { runs, features, inputs, found, .. }: &Target| {
                format!("{runs} runs, {features} features, {inputs} inputs{}", if *found { ", **something new**" } else { "" })
            };
            night.targets.iter().filter(|target| target.name == *name).map(target).collect::<Vec<_>>().join("; ")
        };
        rows.push(std::iter::once(plain(&night.name)).chain(names.iter().map(|name| cell(name))).collect());
    }
    format!("\n## libFuzzer\n\n{}", table(&rows))
}

/// A heading with lines below it, if there are any.
fn section(title: &str, lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("\n## {title}\n\n{}", list(lines)) }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("- {line}\n")).collect()
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

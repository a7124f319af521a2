//! `conformance`: run the suite on every runtime and judge it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use touchstone_guest::rust::Fixtures;
use touchstone_guest::script::wat;
use touchstone_model::Verdict;
use touchstone_model::bounds;
use touchstone_model::judge::Difference;
use touchstone_model::result::{CaseResult, RuntimeResult};
use touchstone_reports::{CaseError, Context, Report, Runtime, badge, is_withheld, junit, summary, withhold};
use touchstone_runner::HarnessError;
use touchstone_runner::schedule::{self, Event, Plan};
use touchstone_runner::scratch::Scratch;
use touchstone_runner::suite::Suite;
use touchstone_runtimes::{Entry, Origin};

use crate::args::{ConformanceArgs, Format, Shard};
use crate::page::Page;
use crate::snapshots::{self, State};
use crate::{Exit, Failure, github, human, places, report, select};

/// What a folder of reports has besides `report.json` and its like: the report that people open, and folders.
const PAGE: &str = "index.html";
const REPRODUCERS: &str = "reproducers";
const BADGES: &str = "badges";

/// How often a report on disk is renewed while the run goes on, so that a killed run leaves one.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the command.
pub fn run(args: &ConformanceArgs) -> Result<Exit, Failure> {
    let start = Instant::now();
    let runtimes = select::chosen(&args.runtime)?;
    let reference = select::reference(args.reference.as_deref())?;
    let mut suite = select::suite(&args.suite)?;
    select::cases(&mut suite, args.filter.as_deref(), args.shard)?;
    if suite.cases.is_empty() {
        eprintln!("this shard has no case: there are fewer cases than shards");
    }
    if args.list {
        suite.cases.iter().for_each(|file| human::print(&format!("{}  {}\n", file.case.id, file.case.summary)));
        return Ok(Exit::Green);
    }
    let baseline = args.baseline.as_deref().map(report::read).transpose()?;
    let writer = args.report.as_deref().map(Writer::new).transpose()?;
    let stop = stop_on_ctrl_c()?;
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let plan = plan(args, &suite, &fixtures, runtimes.clone(), reference)?;
    let scratch = Scratch::new()?;
    let shard = args.shard.map(|Shard { index, count }| touchstone_reports::Shard { index, count });
    let varies = varies(&suite, &runtimes);
    let context = Context { cases: suite.cases.len(), files: files(&suite), shard, varies, ..context(&runtimes, reference) };
    let mut progress = human::Progress::new(suite.cases.len(), args.format != Format::Human);
    let mut partial = Partial {
        writer: writer.as_ref(),
        context: &context,
        disclose: args.disclose,
        results: Vec::new(),
        withheld: BTreeMap::new(),
        written: None,
        start,
    };
    partial.write()?;
    let mut trouble = None;
    let outcome = schedule::run(&plan, &scratch, &stop, |event| match event {
        Event::Finished(result) => {
            progress.finished(result);
            trouble = partial.add(result).err().or(trouble.take());
        }
        Event::Failed { .. } => {}
    });
    progress.end();
    let outcome = outcome?;
    if let Some(failure) = trouble {
        return Err(failure);
    }
    let errors = outcome.errors.iter().map(|(case, error)| CaseError { case: case.clone(), message: error.to_string() }).collect();
    let complete = !outcome.interrupted && outcome.results.len() + outcome.errors.len() == suite.cases.len();
    let (open, withheld) = open(&outcome.results, args.disclose);
    let report = Report::new(&context, &open, &withheld, errors, complete, start.elapsed().as_secs_f64());
    if let Some(writer) = &writer {
        writer.write(&report)?;
        let page = Page { suite: &suite, flags: &flags_again(args), universe: &context.universe, baseline: baseline.as_ref() };
        writer.file(PAGE, &page.text(&report, &open)?)?;
        writer.reproducers(&suite, &outcome.results)?;
    }
    keep_escapes(&outcome.results)?;
    let snapshots = snapshots_of(args, reference, &outcome.results)?;
    print(args, &report, &outcome.results, &snapshots)?;
    Ok(exit(&report, &snapshots))
}

fn exit(report: &Report, snapshots: &[String]) -> Exit {
    let exit = verdict_of(report);
    if exit == Exit::Green && !snapshots.is_empty() { Exit::Difference } else { exit }
}

/// The exit code that a report comes to.
pub(crate) fn verdict_of(report: &Report) -> Exit {
    if !report.errors.is_empty() {
        Exit::Harness
    } else if !report.is_green() {
        Exit::Difference
    } else if !report.complete {
        Exit::Harness
    } else {
        Exit::Green
    }
}

fn plan<'a>(
    args: &ConformanceArgs,
    suite: &'a Suite,
    fixtures: &'a Fixtures,
    runtimes: Vec<&'a Entry>,
    reference: &'a Entry,
) -> Result<Plan<'a>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Plan {
        program: this_program()?,
        cases: &suite.cases,
        fixtures,
        divergences: &suite.divergences,
        runtimes,
        reference,
        profiles: select::profiles(args.profile),
        jobs: args.jobs.map_or(cores, usize::from),
        timeout: Duration::from_secs(args.timeout),
        fail_fast: args.fail_fast,
        keep_shown: args.report.is_some(),
        plant: args.plant,
    })
}

/// The program that is running, from which workers are started.
pub fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(HarnessError::system("find this program")).map_err(Failure::from)
}

/// A flag that Ctrl-C and a polite kill set. What is done by then is kept; a second Ctrl-C ends at once.
pub fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Other(format!("watch for Ctrl-C: {error}")))?;
    Ok(stop)
}

/// What reports say besides the results.
pub fn context(runtimes: &[&Entry], reference: &Entry) -> Context {
    let row = |entry: &&Entry| {
        let preflight = if entry.control { "skipped" } else { "ok" };
        let [name, version, family, wasi, preflight] =
            [entry.name, entry.version(), entry.family, entry.wasi(), preflight].map(str::to_owned);
        let built_in = matches!(entry.origin, Origin::BuiltIn { .. });
        Runtime { name, version, family, wasi, preflight, built_in, verdicts: BTreeMap::new() }
    };
    Context {
        reference: reference.name.to_owned(),
        runtimes: runtimes.iter().map(row).collect(),
        universe: touchstone_oracle::coverage::universe(),
        cases: 0,
        files: BTreeMap::new(),
        shard: None,
        varies: BTreeSet::new(),
    }
}

/// Writes reports into a folder, each file whole or not at all.
pub(crate) struct Writer {
    folder: PathBuf,
}

impl Writer {
    /// Makes the folder and sees that it can be written, before anything is run for it.
    pub(crate) fn new(folder: &Path) -> Result<Writer, Failure> {
        let cure = "name a folder that you may write";
        let failed = |error: std::io::Error| Failure::usage(format!("reports cannot be written to {}: {error}", folder.display()), cure);
        fs::create_dir_all(folder).map_err(failed)?;
        tempfile::tempfile_in(folder).map_err(failed)?;
        // these are made when a run ends; until then, those of another would stand beside this one's report
        let gone = |removed: std::io::Result<()>| removed.or_else(|error| if error.kind() == NotFound { Ok(()) } else { Err(error) });
        gone(fs::remove_file(folder.join(PAGE))).map_err(failed)?;
        for name in [REPRODUCERS, BADGES] {
            gone(fs::remove_dir_all(folder.join(name))).map_err(failed)?;
        }
        Ok(Writer { folder: folder.to_owned() })
    }

    pub(crate) fn write(&self, report: &Report) -> Result<(), Failure> {
        let junit = junit(report).map_err(|error| Failure::Other(format!("write JUnit: {error}")))?;
        let mut files = [("report.json", report.json()), ("junit.xml", junit), ("summary.md", summary(report))]
            .map(|(name, text)| (name.to_owned(), text))
            .to_vec();
        files.extend(report.runtimes.iter().map(|runtime| (format!("{BADGES}/{}.svg", runtime.name), badge(report, runtime))));
        let badges = self.folder.join(BADGES);
        fs::create_dir_all(&badges).map_err(Failure::file("create", badges))?;
        for (name, text) in files {
            self.file(&name, &text)?;
        }
        Ok(())
    }

    fn file(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).map_err(Failure::file("write", path))
    }
}

impl Writer {
    /// A WAT file for each script and each runtime on which it is not green: what is pasted into a bug tracker.
    fn reproducers(&self, suite: &Suite, results: &[CaseResult]) -> Result<(), Failure> {
        let folder = self.folder.join(REPRODUCERS);
        // what an escape does stays on this machine
        let is_open = |result: &&CaseResult| result.runtimes.values().all(|runtime| runtime.verdict() != Some(Verdict::Escaped));
        for result in results.iter().filter(is_open) {
            let Some(case) = suite.cases.iter().map(|file| &file.case).find(|case| case.id == result.id) else { continue };
            for (name, runtime) in &result.runtimes {
                if runtime.verdict().is_none_or(Verdict::is_green) {
                    continue;
                }
                let command = select::runtime(name)?.command_line();
                let reproducer = |script| wat::reproducer(&case.summary, script, &case.world, first_red_call(runtime), &[&command]).ok();
                let Some(text) = case.script().and_then(reproducer) else { continue };
                fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
                let path = folder.join(format!("{}.{name}.wat", snapshots::name(&case.id)));
                fs::write(&path, text).map_err(Failure::file("write", path))?;
            }
        }
        Ok(())
    }
}

/// The first call of a script that is red, counted from 1; none where what the run left behind is.
fn first_red_call(runtime: &RuntimeResult) -> Option<usize> {
    let number = |difference: &Difference| difference.place.strip_prefix("call ")?.split(' ').next()?.parse().ok();
    runtime.profiles.values().flat_map(|profile| &profile.judgement.differences).filter_map(number).min()
}

/// The results that reports show, and how many are withheld on each runtime: escapes are reported to the runtime before they are public.
fn open(results: &[CaseResult], disclose: bool) -> (Cow<'_, [CaseResult]>, BTreeMap<String, usize>) {
    let mut withheld = BTreeMap::new();
    if disclose || !results.iter().any(is_withheld) {
        return (Cow::Borrowed(results), withheld);
    }
    results.iter().filter(|result| is_withheld(result)).for_each(|result| withhold(&mut withheld, result));
    (Cow::Owned(results.iter().filter(|result| !is_withheld(result)).cloned().collect()), withheld)
}

/// Runtime and case where a divergence is on record, for the version that is here, that shows at times only.
fn varies(suite: &Suite, runtimes: &[&Entry]) -> BTreeSet<(String, String)> {
    let version = |name: &str| runtimes.iter().find(|entry| entry.name == name).map(|entry| entry.release());
    let sometimes = suite.divergences.iter().flat_map(|divergence| &divergence.seen).filter(|seen| seen.sometimes);
    let here = sometimes.filter(|seen| version(&seen.runtime).is_some_and(|version| seen.versions.matches(&version)));
    here.flat_map(|seen| seen.cases.keys().map(|case| (seen.runtime.clone(), case.clone()))).collect()
}

/// The report of what is done so far.
struct Partial<'a> {
    writer: Option<&'a Writer>,
    context: &'a Context,
    disclose: bool,
    results: Vec<CaseResult>,
    withheld: BTreeMap<String, usize>,
    written: Option<Instant>,
    start: Instant,
}

impl Partial<'_> {
    fn add(&mut self, result: &CaseResult) -> Result<(), Failure> {
        if self.writer.is_none() {
            return Ok(());
        }
        // what a page needs is kept once, with the outcome
        if is_withheld(result) && !self.disclose {
            withhold(&mut self.withheld, result);
        } else {
            self.results.push(CaseResult { shown: Vec::new(), ..result.clone() });
        }
        if self.written.is_none_or(|written| written.elapsed() > REPORT_INTERVAL) { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let Some(writer) = self.writer else { return Ok(()) };
        self.results.sort_by(|a, b| a.id.cmp(&b.id));
        let seconds = self.start.elapsed().as_secs_f64();
        writer.write(&Report::new(self.context, &self.results, &self.withheld, Vec::new(), false, seconds))?;
        self.written = Some(Instant::now());
        Ok(())
    }
}

/// Escapes are written to a local folder only: reports merely count them, unless the user decides otherwise.
fn keep_escapes(results: &[CaseResult]) -> Result<(), Failure> {
    let folder = places::cache().join("escapes");
    for result in results {
        let escaped = result.runtimes.iter().filter(|(_, runtime)| runtime.verdict() == Some(Verdict::Escaped));
        for (name, runtime) in escaped {
            fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
            let path = folder.join(format!("{name}-{}.txt", snapshots::name(&result.id)));
            let mut text =
                format!("{} on {name}\nReport this to the security contact of {name} before anything is published.\n", result.id);
            for (profile, result) in &runtime.profiles {
                text.push_str(&format!("\nprofile {profile}\n"));
                result.judgement.differences.iter().for_each(|difference| text.push_str(&format!("{difference}\n")));
                result.trace.iter().for_each(|line| text.push_str(&format!("{line}\n")));
            }
            fs::write(&path, text).map_err(Failure::file("write", &path))?;
            eprintln!("an escape was kept in {}", path.display());
        }
    }
    Ok(())
}

/// Checks or writes the snapshots; gives a text for each that is not as reviewed. They bind the default reference and the
/// project's own suite only.
fn snapshots_of(args: &ConformanceArgs, reference: &Entry, results: &[CaseResult]) -> Result<Vec<String>, Failure> {
    let mut out = Vec::new();
    if reference.name != select::DEFAULT_REFERENCE || !args.suite.is_empty() {
        return Ok(out);
    }
    let folder = places::snapshots();
    for result in results {
        // where the reference is red there is no text, and nothing is written
        let Some(text) = &result.snapshot else { continue };
        match snapshots::compare(&folder, &result.id, text)? {
            State::Same => {}
            State::Missing | State::Different(_) if args.update => snapshots::write(&folder, result, text)?,
            State::Missing => out.push(format!("{} has no snapshot yet\n  cure: cargo xtask conformance --update, then review the new file\n", result.id)),
            State::Different(reviewed) => out.push(format!(
                "{} differs from its snapshot\n--- reviewed\n{reviewed}\n--- seen on {}\n{text}\n  cure: where the change is right, cargo xtask conformance --update\n",
                result.id, reference.name
            )),
        }
    }
    Ok(out)
}

fn print(args: &ConformanceArgs, report: &Report, results: &[CaseResult], snapshots: &[String]) -> Result<(), Failure> {
    match in_format(report, args.format)? {
        Some(text) => {
            human::print(&text);
            snapshots.iter().for_each(|text| eprintln!("snapshot: {text}"));
        }
        None => {
            results.iter().for_each(|result| human::print(&human::failures(result, &report.reference, args.disclose, &flags_again(args))));
            report.errors.iter().for_each(|error| human::print(&format!("\nharness error: {}: {}\n", error.case, error.message)));
            snapshots.iter().for_each(|text| human::print(&format!("\nsnapshot: {text}")));
            human::print(&format!("\n{}\n{}", human::verdicts(report), footer(report)));
        }
    }
    Ok(())
}

/// A report for machines; nothing for people, who see more than stands in it. GitHub's also gets its job summary.
pub(crate) fn in_format(report: &Report, format: Format) -> Result<Option<String>, Failure> {
    Ok(match format {
        Format::Human => None,
        Format::Json => Some(report.json()),
        Format::Junit => Some(junit(report).map_err(|error| Failure::Other(format!("write JUnit: {error}")))?),
        Format::Github => {
            github::add_to_job_summary(&summary(report))?;
            Some(github::annotations(report))
        }
    })
}

/// Where each case stands: from the repository, or as a whole path where it is none of its.
fn files(suite: &Suite) -> BTreeMap<String, String> {
    let root = places::root();
    let file = |path: &Path| path.strip_prefix(&root).unwrap_or(path).display().to_string();
    suite.cases.iter().map(|case| (case.case.id.clone(), file(&case.path))).collect()
}

/// The flags of this run without which a failure might not show again.
fn flags_again(args: &ConformanceArgs) -> String {
    let mut out = human::suite_flags(&args.suite);
    if let Some(reference) = &args.reference {
        out.push_str(&format!(" --reference {reference}"));
    }
    if let Some(name) = args.profile.and_then(|profile| profile.to_possible_value()) {
        out.push_str(&format!(" --profile {}", name.get_name()));
    }
    if args.timeout != bounds::RUN_TIMEOUT_SECONDS {
        out.push_str(&format!(" --timeout {}", args.timeout));
    }
    out
}

pub(crate) fn footer(report: &Report) -> String {
    let coverage = &report.coverage;
    format!(
        "{} cases, {} of {} functions called, {} of {} clauses cited; compared with {}; {:.1} s{}\n",
        report.suite.cases,
        coverage.functions_called,
        coverage.functions,
        coverage.clauses_covered,
        coverage.clauses_total,
        report.reference,
        report.timing.wall_s,
        if report.complete { "" } else { "; stopped before the end" },
    )
}

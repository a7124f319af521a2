//! `check`: a program of the user's own on every runtime, compared call by call.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use touchstone_model::bounds;
use touchstone_model::case::{Case, Expectations, Fixture};
use touchstone_model::judge::{Judgement, without_search};
use touchstone_model::normalise::Normalised;
use touchstone_model::world::{Preopen, Stdin, Within, World};
use touchstone_model::{End, Evidence, Observation, judge};
use touchstone_oracle::Host;
use touchstone_runner::HarnessError;
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::{Scratch, copy_into};
use touchstone_runtimes::{Entry, part_of};

use crate::args::CheckArgs;
use crate::conformance::{stop_on_ctrl_c, this_program};
use crate::{Exit, Failure, human, select};

/// Calls that are shown before the first one that differs.
const CONTEXT_CALLS: usize = 3;

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let reference = select::reference(args.reference.as_deref())?;
    let mut runtimes = select::chosen(&args.runtime)?;
    runtimes.retain(|entry| entry.name != reference.name);
    runtimes.insert(0, reference);
    let program = program(&args.program)?;
    let (world, hosts) = world(args)?;
    let stop = stop_on_ctrl_c()?;
    let scratch = Scratch::new()?;
    let mut bench = Bench::new(&scratch, "check", Duration::from_secs(args.timeout)).stopped_by(Arc::clone(&stop));
    let mut observations: Vec<(&Entry, Observation)> = Vec::new();
    for entry in &runtimes {
        let spec = WorkerSpec { program: this_program()?, runtime: entry.name.to_owned(), profile: Profile::Default, plant: None };
        let module = Prepared::recorded(&program, entry.keeper);
        let observed = bench.observe_with(&spec, &world, &module, |sealed| {
            with_trees(&hosts, &world).try_for_each(|(host, preopen)| copy_into(host, &sealed.preopen(preopen)))
        });
        let observation = match observed {
            Ok((observation, _)) => observation,
            Err(HarnessError::Interrupted) => break,
            Err(error) => return Err(error.into()),
        };
        human::print(&overview(entry, &observation));
        observations.push((entry, observation));
    }
    if !observations.is_empty() && observations.iter().all(|(_, seen)| matches!(seen.end, End::Rejected { .. })) {
        return Err(Failure::usage(
            format!("no runtime starts {}", args.program.display()),
            "a preview 1 program is a core module that exports `_start` and imports from wasi_snapshot_preview1 alone",
        ));
    }
    if !observations.is_empty() && observations.iter().all(|(_, seen)| seen.end == End::TimedOut) {
        return Err(Failure::usage(
            format!("{} did not come to its end within {} s on any runtime", args.program.display(), args.timeout),
            "give it more time: `--timeout SECS`",
        ));
    }
    let departs = judge_all(&world, &hosts, reference, &observations)?;
    if observations.len() < runtimes.len() {
        human::print(&format!("\nStopped before the end: {} of {} runtimes ran the program.\n", observations.len(), runtimes.len()));
        return Ok(if departs { Exit::Difference } else { Exit::Harness });
    }
    if !departs {
        human::print("\nNo departure: every runtime did what the specification permits.\n");
    }
    Ok(if departs { Exit::Difference } else { Exit::Green })
}

/// Judges each run, beside that of the reference, which is the first. Tells whether any departs from the specification.
fn judge_all(world: &World, hosts: &[PathBuf], reference: &Entry, observations: &[(&Entry, Observation)]) -> Result<bool, Failure> {
    let Some((_, expected)) = observations.first() else { return Ok(false) };
    let case = case(&judged_world(world, hosts)?);
    let mut departs = false;
    for (entry, observation) in observations {
        let judgement = judgement(&case, entry, observation, expected);
        departs |= !judgement.differences.is_empty();
        human::print(&verdict(entry, reference, observation, expected, &judgement));
    }
    Ok(departs)
}

/// The world with what lay in the folders before the run, which is what calls are judged by.
fn judged_world(world: &World, hosts: &[PathBuf]) -> Result<World, Failure> {
    let mut world = world.clone();
    for (preopen, host) in world.preopens.iter_mut().zip(hosts).filter(|(preopen, _)| preopen.within.is_none()) {
        preopen.tree = touchstone_runtimes::read_tree(host)
            .map_err(|error| Failure::usage(format!("{} cannot be read: {error:#}", host.display()), "give the program another folder"))?;
    }
    Ok(world)
}

/// The host's folder for each preopen that is no part of another one.
fn with_trees<'a>(hosts: &'a [PathBuf], world: &'a World) -> impl Iterator<Item = (&'a PathBuf, &'a Preopen)> {
    hosts.iter().zip(&world.preopens).filter(|(_, preopen)| preopen.within.is_none())
}

/// Reads the program; WAT text is assembled.
fn program(path: &Path) -> Result<Vec<u8>, Failure> {
    let cure = "name a core WebAssembly module: a .wasm file, or .wat text";
    let size = fs::metadata(path).map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display()), cure))?.len();
    if size > bounds::MODULE_BYTES {
        return Err(Failure::usage(
            format!("{} has {size} bytes", path.display()),
            format!("at most {} are accepted", bounds::MODULE_BYTES),
        ));
    }
    let bytes = fs::read(path).map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display()), cure))?;
    match bytes.get(..8) {
        Some(b"\0asm\x01\0\0\0") => Ok(bytes),
        Some([b'\0', b'a', b's', b'm', ..]) => Err(Failure::usage(
            format!("{} is no core module", path.display()),
            "preview 1 programs are core modules; components belong to WASI 0.2 and later",
        )),
        Some(_) | None if path.extension().is_some_and(|extension| extension == "wat") => touchstone_guest::assemble(&bytes)
            .map_err(|message| Failure::usage(format!("{} cannot be assembled: {message}", path.display()), cure)),
        Some(_) | None => Err(Failure::usage(format!("{} is no WebAssembly: it does not start with `\\0asm`", path.display()), cure)),
    }
}

/// The world that the flags describe, and the host folder behind each preopen.
fn world(args: &CheckArgs) -> Result<(World, Vec<PathBuf>), Failure> {
    let mut preopens = Vec::new();
    let mut hosts = Vec::new();
    for dir in &args.dir {
        let cure = "write `--dir HOST::GUEST` with a folder that exists, and the path under which the program finds it";
        let Some((host, guest)) = dir.split_once("::") else {
            return Err(Failure::usage(format!("`--dir {dir}` does not say where the program finds it"), cure));
        };
        if !Path::new(host).is_dir() {
            return Err(Failure::usage(format!("there is no folder {host} to preopen"), cure));
        }
        can_be_copied(Path::new(host))?;
        hosts.push(fs::canonicalize(host).map_err(|error| Failure::usage(format!("{host} cannot be found: {error}"), cure))?);
        let name = format!("dir{}", preopens.len() + 1);
        preopens.push(Preopen { guest: guest.to_owned(), ..Preopen::new(&name) });
    }
    nest(&mut preopens, &hosts);
    let env = args.env.iter().map(|pair| match pair.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err(Failure::usage(format!("`{pair}` sets no variable"), "write `--env NAME=VALUE`")),
    });
    let env = env.collect::<Result<Vec<_>, _>>()?;
    let stdin = match &args.stdin {
        Some(path) => fs::read(path)
            .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display()), "name a file for `--stdin`"))?,
        None => Vec::new(),
    };
    let name = args.program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let args = std::iter::once(name).chain(args.args.iter().cloned()).collect();
    let stdin = Stdin { bytes: stdin, ..Stdin::default() };
    Ok((World { args, env, stdin, preopens, times_unknown: true, ..World::default() }, hosts))
}

/// A folder that is given twice, or with one that it is part of, is one folder for the program as well.
fn nest(preopens: &mut [Preopen], hosts: &[PathBuf]) {
    let folders: Vec<&Path> = hosts.iter().map(PathBuf::as_path).collect();
    for index in 0..preopens.len() {
        let part = part_of(&folders, index);
        preopens[index].within = part.map(|(outer, path)| Within { preopen: preopens[outer].name.clone(), path });
    }
}

/// Every runtime works on a copy, so the folder must be one that can be copied: files, folders and links, not too many.
fn can_be_copied(host: &Path) -> Result<(), Failure> {
    let cure = "give the program a smaller folder, with files, folders and symbolic links only";
    let (mut entries, mut bytes) = (0, 0);
    for entry in walkdir::WalkDir::new(host) {
        let entry = entry.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", host.display()), cure))?;
        let kind = entry.file_type();
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            let message = format!("{} is neither file, folder nor symbolic link", entry.path().display());
            return Err(Failure::usage(message, cure));
        }
        // paths of WASI are UTF-8, so no program could name it
        if entry.file_name().to_str().is_none() {
            let message = format!("the name of {} is not UTF-8", entry.path().display());
            return Err(Failure::usage(message, "give the program a folder whose names are UTF-8"));
        }
        entries += 1;
        bytes += if kind.is_file() { entry.metadata().map_or(0, |metadata| metadata.len()) } else { 0 };
        if entries > bounds::TREE_ENTRIES || bytes > bounds::CHECK_COPY_BYTES {
            let message =
                format!("{} has more than {} entries or {} bytes", host.display(), bounds::TREE_ENTRIES, bounds::CHECK_COPY_BYTES);
            return Err(Failure::usage(message, cure));
        }
    }
    Ok(())
}

/// The program as a case without an author: nobody expects anything but what the specification says.
fn case(world: &World) -> Case {
    Case {
        id: "check".to_owned(),
        source: String::new(),
        summary: String::new(),
        clauses: Vec::new(),
        world: world.clone(),
        expect: Expectations { end: End::Exit { code: 0 }, stdout: None, received: BTreeMap::new(), after: BTreeMap::new() },
        fixture: Fixture::Rust,
    }
}

fn judgement(case: &Case, entry: &Entry, observation: &Observation, expected: &Observation) -> Judgement {
    let version = entry.release();
    let oracle = touchstone_oracle::report(&case.world, Host::LINUX, observation);
    // a program may end as it likes
    let case = Case { expect: Expectations { end: observation.end.clone(), ..case.expect.clone() }, ..case.clone() };
    judge(Evidence {
        case: &case,
        runtime: entry.name,
        version: &version,
        profile: Profile::Default.name(),
        observation,
        reference: Some(expected),
        oracle: &oracle,
        divergences: &[],
    })
}

fn overview(entry: &Entry, observation: &Observation) -> String {
    let calls = observation.trace.calls.len();
    let name = format!("{} {}", entry.name, entry.version());
    let mut out = format!("{name:<18} {}, {calls} WASI calls, stdout {}", observation.end, observation.stdout);
    if let End::Rejected { message, .. } = &observation.end {
        out.push_str(&format!("\n{:18} {}", "", message.lines().next().unwrap_or_default()));
    }
    out + "\n"
}

/// What a runtime did that it may not, in plain words; or else the first call that it answered as it may and the reference does not.
fn verdict(entry: &Entry, reference: &Entry, observation: &Observation, expected: &Observation, judgement: &Judgement) -> String {
    let mut out = String::new();
    if judgement.differences.is_empty() {
        if let Some(text) = first_call(entry.name, reference.name, observation, expected) {
            out.push_str(&format!("\n{} does what it may; {text}", entry.name));
            out.push_str(&format!("    permitted by {}\n", judgement.permitted_by.join(", ")));
        }
        return out;
    }
    out.push_str(&format!("\n{} departs from the specification:\n", entry.name));
    for difference in &judgement.differences {
        out.push_str(&human::difference_text(difference, reference.name));
        for clause in difference.clauses.iter().filter_map(|id| touchstone_spec::clauses().get(id)) {
            out.push_str(&format!("      {}: {} ({})\n", clause.id, clause.title, clause.anchor));
        }
    }
    out
}

/// The first call of which question or answer differs, with the calls before it.
fn first_call(name: &str, reference: &str, observation: &Observation, expected: &Observation) -> Option<String> {
    let (seen, wanted) = (without_search(&observation.trace), without_search(&expected.trace));
    let index = (0..seen.len().max(wanted.len())).find(|index| {
        let pair = |calls: &[Normalised]| calls.get(*index).map(|call| (call.question.clone(), call.answer.clone()));
        pair(&seen) != pair(&wanted)
    })?;
    let line = |calls: &[Normalised], index: usize| {
        calls.get(index).map_or("(no more calls)".to_owned(), |call| format!("{} → {}", call.question, call.answer))
    };
    let mut out = format!("the first call that differs is number {}\n", index + 1);
    for before in index.saturating_sub(CONTEXT_CALLS)..index {
        out.push_str(&format!("    {:>5}  {}\n", before + 1, line(&seen, before)));
    }
    out.push_str(&format!("    {:>5}  {reference}: {}\n", index + 1, line(&wanted, index)));
    out.push_str(&format!("    {:>5}  {name}: {}\n", "", line(&seen, index)));
    Some(out)
}

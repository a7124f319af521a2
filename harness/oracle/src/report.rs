//! All that the oracle says of a run: its calls, and then how it ended, what it wrote and what it left behind.

use std::collections::BTreeMap;

use touchstone_model::oracle::{CallReport, Departure, OracleReport, Permitted, Said};
use touchstone_model::trace::{TraceCall, TraceState};
use touchstone_model::tree::{Content, Entry, EntryKind, TreeSnapshot};
use touchstone_model::world::{Stdout, World};
use touchstone_model::{End, Observation, bounds};
use touchstone_spec::{ClauseId, Function, clause};

use crate::check::Checker;
use crate::rules::Rule;
use crate::state::{Host, InodeId, Kind, Link, Output, Rights, State};
use crate::step::{Findings, Mismatch};

/// Judges a run from its beginning to its end.
///
/// # Panics
///
/// If a run may be in more states than there is a bound for, which is a mistake of the oracle.
pub fn report(world: &World, host: Host, observation: &Observation) -> OracleReport {
    report_watched(world, host, observation, |_, _| {})
}

/// The same, with somebody who is shown each call and a state that it may have been made in.
///
/// # Panics
///
/// As [`report`] does.
pub fn report_watched(world: &World, host: Host, observation: &Observation, watch: impl FnMut(&TraceCall, &State)) -> OracleReport {
    follow(Checker::new(world, host), observation, watch, call_report)
}

/// The same for one of many runs that start in the same state. Of a call that is not rejected only what is permitted is told: the clauses that
/// applied and what it misses are left out.
///
/// # Panics
///
/// As [`report`] does.
pub fn departures(start: &State, observation: &Observation) -> OracleReport {
    follow(
        Checker::starting(start.clone()),
        observation,
        |_, _| {},
        |said, findings| match said {
            Said::Rejected => call_report(said, findings),
            Said::Accepted | Said::Unjudged => without_clauses(said, findings),
        },
    )
}

fn follow(
    mut checker: Checker,
    observation: &Observation,
    mut watch: impl FnMut(&TraceCall, &State),
    report_of: impl Fn(Said, &Findings) -> CallReport,
) -> OracleReport {
    let mut calls = Vec::with_capacity(observation.trace.calls.len());
    for call in &observation.trace.calls {
        if let Some(state) = checker.states().first() {
            watch(call, state);
        }
        let said = checker.call(call).expect("a run is in few states at once");
        calls.push(report_of(said, checker.findings()));
    }
    let mut report = OracleReport { calls, run: Vec::new(), choices: choices(&checker) };
    if observation.trace.state == TraceState::Complete {
        report.run = outcome(&checker, observation);
    }
    report
}

fn without_clauses(said: Said, findings: &Findings) -> CallReport {
    let permitted = Permitted { success: findings.success, errnos: findings.errnos.bits(), no_return: findings.trap };
    CallReport { said, clauses: Vec::new(), permitted, departures: Vec::new(), missed: Vec::new() }
}

fn call_report(said: Said, findings: &Findings) -> CallReport {
    let unique = |clauses: &[ClauseId]| {
        let mut clauses = clauses.to_vec();
        clauses.sort_unstable();
        clauses.dedup();
        clauses
    };
    let mut report = CallReport { clauses: unique(&findings.clauses), ..without_clauses(said, findings) };
    match report.said {
        Said::Accepted => report.missed = unique(&findings.missed),
        Said::Rejected => report.departures = departures_of(findings, report.permitted),
        Said::Unjudged => {}
    }
    report
}

fn departures_of(findings: &Findings, permitted: Permitted) -> Vec<Departure> {
    if findings.mismatches.is_empty() {
        let clauses = deciding(findings);
        return vec![Departure { place: String::new(), expected: permitted.to_string(), seen: None, clauses }];
    }
    let departure = |mismatch: &Mismatch| {
        let (expected, seen) = (mismatch.expected.clone(), Some(mismatch.seen.clone()));
        Departure { place: String::new(), expected, seen, clauses: vec![mismatch.clause] }
    };
    findings.mismatches.iter().map(departure).collect()
}

/// The clauses that decided that a call had to end otherwise: those that permit no success, or else all that permit an error.
fn deciding(findings: &Findings) -> Vec<ClauseId> {
    let errors = |clause: &&ClauseId| !Rule::of(**clause).errnos.is_empty() || Rule::of(**clause).trap;
    let mut clauses: Vec<ClauseId> = findings.clauses.iter().filter(errors).copied().collect();
    if clauses.is_empty() {
        clauses.clone_from(&findings.clauses);
    }
    clauses.sort_unstable();
    clauses.dedup();
    clauses
}

fn choices(checker: &Checker) -> Vec<(&'static str, &'static str)> {
    let Some(state) = checker.states().first() else { return Vec::new() };
    let rights = state.choices.rights.map(|rights| match rights {
        Rights::Kept => "kept",
        Rights::Dropped => "dropped",
    });
    let agree = checker.states().iter().all(|other| other.choices.pwrite_appends == state.choices.pwrite_appends);
    let appends = state.choices.pwrite_appends.filter(|_| agree).map(|appends| if appends { "at the end" } else { "at its offset" });
    [rights.map(|rights| ("rights", rights)), appends.map(|appends| ("pwrite with append", appends))].into_iter().flatten().collect()
}

/// What is wrong with a run besides its calls. Of several states that it may be in, the one counts that fits best.
pub fn outcome(checker: &Checker, observation: &Observation) -> Vec<Departure> {
    let mut best: Option<Vec<Departure>> = None;
    for state in checker.states() {
        let mut departures = Vec::new();
        end(observation, &mut departures);
        streams(state, observation, &mut departures);
        received(state, observation, &mut departures);
        tree(state, &observation.tree, &mut departures);
        if best.as_ref().is_none_or(|best| departures.len() < best.len()) {
            best = Some(departures);
        }
    }
    best.unwrap_or_default()
}

fn end(observation: &Observation, out: &mut Vec<Departure>) {
    let seen = &observation.end;
    let mut expect = |expected: String, clause: ClauseId| {
        out.push(Departure { place: "end".to_owned(), expected, seen: Some(seen.to_string()), clauses: vec![clause] });
    };
    let last = observation.trace.calls.last().filter(|call| call.outcome.is_none());
    match (last.map(|call| (call.function, exit_code(call))), seen) {
        (Some((Function::ProcExit, code)), End::Exit { code: seen }) if code < 126 && code != *seen => {
            let clause = if code == 0 { clause!("proc_exit.zero-is-success") } else { clause!("proc_exit.code-reaches-host") };
            expect(format!("exit {code}"), clause);
        }
        (Some((Function::ProcExit, code)), End::Trap { .. }) if code < 126 => {
            expect(format!("exit {code}"), clause!("proc_exit.code-reaches-host"))
        }
        // a program that was stopped in a call must not look like one that ended well
        (Some((function, _)), End::Exit { code: 0 }) if function != Function::ProcExit => {
            expect("a trap".to_owned(), clause!("program.trap-is-no-exit"));
        }
        (None, End::Exit { code }) if *code != 0 => expect("exit 0".to_owned(), clause!("program.return-is-success")),
        (Some(_) | None, _) => {}
    }
}

fn exit_code(call: &TraceCall) -> u32 {
    call.args.first().and_then(|code| u32::try_from(*code).ok()).unwrap_or_default()
}

fn streams(state: &State, observation: &Observation, out: &mut Vec<Departure>) {
    let streams = [("stdout", &state.output[0], &observation.stdout), ("stderr", &state.output[1], &observation.stderr)];
    for (place, Output { written, known, behind }, seen) in streams {
        let expected = Content::kept(written, bounds::OUTPUT_KEPT_BYTES);
        if *known && expected != *seen {
            let appends = matches!(behind, Stdout::Appended(_));
            let clauses = vec![if appends { clause!("stdio.file-appends") } else { clause!("stdio.output-in-order") }];
            out.push(Departure { place: place.to_owned(), expected: expected.to_string(), seen: Some(seen.to_string()), clauses });
        }
    }
}

/// What the other sides of connections received, those that are there until the end.
fn received(state: &State, observation: &Observation, out: &mut Vec<Departure>) {
    for socket in state.sockets.iter() {
        let (Link::Connected(connection), Some(seen)) = (&socket.link, observation.received.get(&socket.name)) else { continue };
        let expected = Content::kept(&connection.sent, bounds::RECEIVED_KEPT_BYTES);
        if connection.known && expected != *seen {
            let clauses = vec![clause!("sock_send.sends")];
            let place = format!("received {}", socket.name);
            out.push(Departure { place, expected: expected.to_string(), seen: Some(seen.to_string()), clauses });
        }
    }
}

/// Compares what the run left behind with what its calls came to.
fn tree(state: &State, seen: &TreeSnapshot, out: &mut Vec<Departure>) {
    let mut walk = Walk { state, seen, visited: Vec::new(), names: Vec::new(), first_names: BTreeMap::new(), out };
    for (index, preopen) in state.world.preopens.iter().enumerate().filter(|(_, preopen)| !preopen.nested) {
        walk.directory(preopen.root, &mut format!("{}:", state.world.names[index]));
    }
    let Walk { visited, names, out, .. } = walk;
    if visited.len() == seen.0.len() {
        return;
    }
    for (path, entry) in &seen.0 {
        let below_unsure = names.iter().any(|unsure| path.starts_with(unsure.as_str()));
        if !visited.contains(&path.as_str()) && !below_unsure {
            let expected = "nothing".to_owned();
            let clauses = tree_clauses(state, path);
            out.push(Departure { place: format!("tree {path}"), expected, seen: Some(entry.to_string()), clauses });
        }
    }
}

/// What a tree that is not as the calls left it departs from, whichever call it was.
fn tree_clauses(state: &State, path: &str) -> Vec<ClauseId> {
    let preopens = state.world.preopens.iter().zip(&state.world.names);
    let read_only = preopens.into_iter().any(|(preopen, name)| preopen.read_only && path.split(':').next() == Some(name));
    vec![if read_only { clause!("preopen.read-only") } else { clause!("program.trap-keeps-effects") }]
}

struct Walk<'a> {
    state: &'a State,
    seen: &'a TreeSnapshot,
    /// Paths that are both in the state and in the snapshot.
    visited: Vec<&'a str>,
    /// Beginnings of paths below which nobody knows what there is.
    names: Vec<String>,
    /// Each file to the first of its names.
    first_names: BTreeMap<InodeId, &'a str>,
    out: &'a mut Vec<Departure>,
}

impl Walk<'_> {
    /// What is in a directory, whose path with all that comes before a name in it is given, and is the same again afterwards.
    fn directory(&mut self, directory: InodeId, path: &mut String) {
        let Some(found) = self.state.inodes.directory(directory) else { return };
        if found.unsure {
            self.names.push(path.clone());
            return;
        }
        let above = path.len();
        for (name, inode) in &found.entries {
            path.push_str(&String::from_utf8_lossy(name));
            self.entry(*inode, path);
            path.push('/');
            self.directory(*inode, path);
            path.truncate(above);
        }
    }

    fn entry(&mut self, inode: InodeId, path: &str) {
        let file = self.state.inodes.get(inode);
        let Some((path, seen)) = self.seen.0.get_key_value(path) else {
            return self.differs(path, self.describe(inode), "nothing".to_owned());
        };
        self.visited.push(path);
        let same = match (&file.kind, &seen.kind) {
            (Kind::File(content), EntryKind::File(seen)) => holds(content, seen),
            (Kind::Directory(_), EntryKind::Directory) => true,
            (Kind::Symlink(target), EntryKind::Symlink(seen)) => **target == *seen.as_bytes(),
            (Kind::File(_) | Kind::Directory(_) | Kind::Symlink(_), _) => false,
        };
        if !same {
            return self.differs(path, self.describe(inode), kind_text(seen));
        }
        if let Kind::File(_) = file.kind {
            let first = *self.first_names.entry(inode).or_insert(path);
            let (expected, seen_first) = (Some(first).filter(|first| *first != path), seen.same_as.as_deref());
            if expected != seen_first {
                let text = |first: Option<&str>| first.map_or("a file of its own".to_owned(), |name| format!("another name of {name}"));
                let (expected, seen) = (text(expected), text(seen_first));
                return self.differs(path, expected, seen);
            }
        }
        // the times of directories and links are not part of a snapshot's text either
        if let Kind::File(_) = file.kind
            && !file.mtime.agrees(seen.mtime, &self.state.clocks)
        {
            let expected = format!("mtime {}", file.mtime);
            self.differs(path, expected, seen.to_string());
        }
    }

    fn differs(&mut self, path: &str, expected: String, seen: String) {
        let clauses = tree_clauses(self.state, path);
        self.out.push(Departure { place: format!("tree {path}"), expected, seen: Some(seen), clauses });
    }

    fn describe(&self, inode: InodeId) -> String {
        match &self.state.inodes.get(inode).kind {
            Kind::File(content) if content.len() <= bounds::FILE_KEPT_BYTES as u64 => {
                format!("file {}", Content::of(&content.read(0, content.len())))
            }
            Kind::File(content) => format!("file of {} bytes", content.len()),
            Kind::Directory(_) => "directory".to_owned(),
            Kind::Symlink(target) => format!("symlink to {}", touchstone_model::script::print::quoted(target)),
        }
    }
}

fn kind_text(entry: &Entry) -> String {
    Entry::new(entry.kind.clone(), touchstone_model::tree::Time::Start).to_string()
}

/// Whether a file that was read back holds what it should.
fn holds(content: &crate::state::Content, seen: &Content) -> bool {
    if content.len() != seen.len {
        return false;
    }
    match &seen.bytes {
        Some(bytes) => content.holds(0, bytes),
        // a hash can be compared where every byte is known and there are not too many
        None if content.is_known() && content.len() <= bounds::FILE_HASHED_BYTES => {
            seen.sha256.is_none() || Content::of(&content.read(0, content.len())) == *seen
        }
        None => true,
    }
}

//! Runtimes in this very process, with a scratch tree of their own.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use touchstone_guest::script::Program;
use touchstone_model::trace::{Keeper, Trace, TraceCall, TraceState};
use touchstone_model::world::World;
use touchstone_model::{End, Observation};
use touchstone_runtimes::{Entry, Given, Guest, HostPreopen, Module, Ran, Run, Runtime, run_guarded};
use touchstone_spec::Function;

use super::ground::Ground;
use crate::HarnessError;
use crate::observe::{Prepared, observation, recorded};
use crate::pool::RunResult;
use crate::profile::{self, Profile};
use crate::sockets::Sockets;
use crate::streams::Streams;

/// Runtimes that take turns at the same worlds.
///
/// Nothing stands between them and this process: a runtime that hangs or aborts takes it along.
#[derive(Debug)]
pub struct Rig {
    ground: Ground,
    streams: Streams,
    seats: Vec<Seat>,
}

struct Seat {
    entry: &'static Entry,
    runtime: Box<dyn Runtime>,
    /// In its last run: if it does so again, it may be for what that left, and it is started anew.
    has_panicked: bool,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry.name)
    }
}

impl Seat {
    fn new(entry: &'static Entry) -> Result<Seat, HarnessError> {
        let runtime =
            (entry.start)().map_err(|error| HarnessError::WorkerStart { runtime: entry.name.to_owned(), message: format!("{error:#}") })?;
        Ok(Seat { entry, runtime, has_panicked: false })
    }

    fn run(&mut self, run: Run) -> Result<Ran, HarnessError> {
        let ran = run_guarded(self.runtime.as_mut(), run)
            .map_err(|error| HarnessError::Worker { runtime: self.entry.name.to_owned(), message: format!("{error:#}") })?;
        let (panicked, before) = (matches!(ran.end, End::Crashed { .. }), self.has_panicked);
        self.has_panicked = panicked;
        if panicked && (before || !self.runtime.outlives_panics()) {
            *self = Seat::new(self.entry)?;
        }
        Ok(ran)
    }
}

impl Rig {
    /// Makes this process one that runtimes can be let loose in, for good: an unprivileged user, with limits. `folder` is sealed and his.
    pub fn enter(folder: &Path, entries: impl IntoIterator<Item = &'static Entry>) -> Result<Rig, HarnessError> {
        let streams = Streams::open()?;
        profile::enter(Profile::Default)?;
        std::env::set_current_dir(folder).map_err(HarnessError::file("go to", folder))?;
        Rig::with(streams, folder, entries)
    }

    /// The same in a process that goes on to be somebody's, such as a fuzzer's: with no limit but those that a guest can meet.
    pub fn join(folder: &Path, entries: impl IntoIterator<Item = &'static Entry>) -> Result<Rig, HarnessError> {
        profile::enter_as_guest_of_another()?;
        Rig::with(Streams::open()?, folder, entries)
    }

    fn with(streams: Streams, folder: &Path, entries: impl IntoIterator<Item = &'static Entry>) -> Result<Rig, HarnessError> {
        let seats = entries.into_iter().map(Seat::new).collect::<Result<Vec<Seat>, _>>()?;
        Ok(Rig { ground: Ground::new(folder)?, streams, seats })
    }

    /// Makes all that a copy of this process needs, and has the runtimes that take long for it compile what they are to run. Leaves no thread.
    pub(super) fn prepare(&mut self) -> Result<(), HarnessError> {
        self.streams.prepare()?;
        let module = Prepared::trampoline();
        let module = Module { hash: module.hash, bytes: Arc::clone(&module.bytes) };
        for Seat { entry, runtime, .. } in self.seats.iter_mut().filter(|seat| seat.entry.keeper == Keeper::Module) {
            let failed = |error: anyhow::Error| HarnessError::WorkerStart { runtime: entry.name.to_owned(), message: format!("{error:#}") };
            runtime.prepare(&module).map_err(failed)?;
        }
        Ok(())
    }

    /// The runtimes, in the order of their seats.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> + '_ {
        self.seats.iter().map(|seat| seat.entry)
    }

    /// Plays a program on the runtime of a seat, in a fresh world.
    pub fn run(&mut self, seat: usize, world: &World, program: &Program) -> Result<Observation, HarnessError> {
        let module = Prepared::played(program, self.seats[seat].entry.keeper);
        self.run_module(seat, world, module)
    }

    /// Runs a module.
    pub fn run_module(&mut self, seat: usize, world: &World, module: Prepared) -> Result<Observation, HarnessError> {
        self.ground.prepare(world)?;
        self.run_prepared(seat, world, module)
    }

    fn run_prepared(&mut self, seat: usize, world: &World, mut module: Prepared) -> Result<Observation, HarnessError> {
        let start = SystemTime::now();
        let [stdin, stdout, stderr] = self.streams.of(world)?;
        let Sockets { theirs: sockets, .. } = Sockets::new(world)?;
        let preopen = |it: &touchstone_model::world::Preopen| HostPreopen {
            guest: it.guest.clone(),
            host: self.ground.sealed().preopen(it),
            access: it.access,
        };
        let given = Given {
            args: world.args.clone(),
            env: world.env.clone(),
            preopens: world.preopens.iter().map(preopen).collect(),
            sockets,
            stdin,
            stdout,
            stderr,
        };
        let guest = Guest {
            module: Module { hash: module.hash, bytes: Arc::clone(&module.bytes) },
            image: module.image.take(),
            memories: module.memories.clone(),
            calls: world.calls.clone(),
        };
        let ran = self.seats[seat].run(Run { guest, given })?;
        let [stdout, stderr] = self.streams.written(world)?;
        let result = RunResult {
            end: ran.end,
            memories: ran.memories,
            leaked_fds: Vec::new(),
            peak_memory_bytes: 0,
            stdout,
            stderr,
            received: Default::default(),
        };
        let trace = recorded(&result, &module)?;
        if may_set_times_of_streams(&trace) {
            self.streams.renew()?;
        }
        let tree = self.ground.read_back(world, start, &trace)?;
        Ok(observation(&result, world, tree, self.ground.changes(world), trace))
    }
}

/// Whether a call of a run may have set times of one of its standard streams: it asked for those of what had its number, or may have had.
fn may_set_times_of_streams(trace: &Trace) -> bool {
    let is_moved = trace.calls.iter().any(|call| call.function == Function::FdRenumber);
    let sets_times =
        |call: &TraceCall| call.function == Function::FdFilestatSetTimes && (is_moved || call.args.first().is_some_and(|fd| *fd <= 2));
    trace.state != TraceState::Complete || trace.calls.iter().any(sets_times)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use touchstone_generate::Sample;
    use touchstone_guest::script::program::program;
    use touchstone_model::tree::TreeSnapshot;
    use touchstone_runtimes::runtimes;

    use super::Rig;
    use crate::fuzz::ground::as_looked_at;
    use crate::fuzz::hunter::script;
    use crate::observe::Prepared;
    use crate::scratch::Scratch;

    const SCRIPTS: u64 = 400;

    #[test]
    fn trees_are_what_a_look_at_everything_says() {
        let scratch = Scratch::new().unwrap();
        let sealed = scratch.sealed("rig").unwrap();
        // they never take this process along; the reference writes its whole tree anew, the others change it in place
        let entries = runtimes().iter().filter(|entry| ["specification", "bytecodealliance"].contains(&entry.family));
        let mut rig = Rig::join(sealed.folder(), entries).unwrap();
        assert!(rig.seats.len() > 1);
        for case in 0..SCRIPTS {
            let Sample { world, script } = script(5, case, None);
            let program = program(&script, &world).unwrap();
            for seat in 0..rig.seats.len() {
                rig.ground.prepare(&world).unwrap();
                let start = SystemTime::now();
                assert_eq!(sealed.snapshot(&world, start).unwrap(), TreeSnapshot::of_world(&world), "before script {case}");
                let module = Prepared::played(&program, rig.seats[seat].entry.keeper);
                let seen = rig.run_prepared(seat, &world, module).unwrap().tree;
                let there = sealed.snapshot(&world, start).unwrap();
                assert_eq!(as_looked_at(seen), as_looked_at(there), "after script {case}");
            }
        }
    }
}

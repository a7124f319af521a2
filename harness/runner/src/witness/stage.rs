//! The process in which scripts are played on the kernel: an unprivileged user in a root of its own, so that a path which
//! leads out of a preopen although the oracle thought otherwise finds nothing there.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags};
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use touchstone_generate::Sample;
use touchstone_guest::script::{PlayedEnd, Player, program};
use touchstone_model::observation::TrapClass;
use touchstone_model::trace::{Trace, TraceState};
use touchstone_model::world::{Access, World};
use touchstone_model::{End, Observation};
use touchstone_oracle::report;
use touchstone_runtimes::linux::Linux;

use super::lockstep::{Lockstep, Scene};
use super::{Difference, Exceptions, Tally};
use crate::HarnessError;
use crate::profile::{self, is_privileged};
use crate::scratch::Sealed;
use crate::streams::Streams;

/// A place to play scripts in. There is one in a process, for good.
#[derive(Debug)]
pub struct Stage {
    sealed: Sealed,
    player: Player,
    exceptions: Exceptions,
    streams: Streams,
}

impl Stage {
    /// Makes a folder this process's root and gives up all privileges.
    pub fn enter(folder: &Path, exceptions: Exceptions) -> Result<Stage, HarnessError> {
        let streams = Streams::open()?;
        if is_privileged() {
            change_root(folder)?;
        } else {
            become_root_of_nothing()?;
            change_root(folder)?;
            give_up_capabilities()?;
        }
        profile::enter_without_engine()?;
        Ok(Stage { sealed: Sealed::standing(PathBuf::from("/")), player: Player::default(), exceptions, streams })
    }

    /// Plays a script and counts what came of it.
    pub fn play(&mut self, case: u64, sample: &Sample, tally: &mut Tally) -> Result<(), HarnessError> {
        let world = playable(&sample.world);
        let program = program::program(&sample.script, &world).map_err(|mistake| HarnessError::Worker {
            runtime: "linux".to_owned(),
            message: format!("script {case} cannot be laid out: {}", mistake.message),
        })?;
        self.sealed.populate(&world)?;
        let start = SystemTime::now();
        let theirs = self.streams.of(&world)?;
        let mut kernel = Linux::new();
        (0..).zip(theirs).for_each(|(number, fd)| kernel.give(number, fd));
        self.give_preopens(&world, &mut kernel)?;
        let scene = Scene { case, world: &world, script: &sample.script };
        tally.cases += 1;
        let mut lockstep = Lockstep::new(scene, kernel, &self.exceptions, tally);
        let end = self.player.play(&program, &mut lockstep);
        let Some((checker, tally)) = lockstep.end() else { return Ok(()) };
        // the kernel's descriptors, the guest's, are closed by now
        let [stdout, stderr] = self.streams.written(&world)?;
        let observation = Observation {
            end: ended(end),
            stdout,
            stderr,
            received: Default::default(),
            tree: self.sealed.snapshot(&world, start)?,
            trace: Trace { calls: self.player.calls().to_vec(), state: TraceState::Complete },
            leaked_fds: Vec::new(),
            escapes: self.sealed.changes(&world),
            peak_memory_bytes: 0,
        };
        for departure in report::outcome(&checker, &observation) {
            let clauses = departure.clauses.iter().map(|clause| clause.id().to_owned()).collect();
            let function = departure.place.split(' ').next().unwrap_or_default().to_owned();
            let kernel = departure.seen.unwrap_or_default();
            let difference = Difference { function, clauses, preferred: departure.expected, kernel, permitted: false };
            tally.differs(difference, &self.exceptions, case, || scene.text());
        }
        for escape in observation.escapes {
            let difference = Difference {
                function: "tree".to_owned(),
                clauses: Vec::new(),
                preferred: "inside".to_owned(),
                kernel: escape,
                permitted: false,
            };
            tally.differs(difference, &self.exceptions, case, || scene.text());
        }
        Ok(())
    }

    fn give_preopens(&self, world: &World, kernel: &mut Linux) -> Result<(), HarnessError> {
        for (number, preopen) in (3..).zip(&world.preopens) {
            let path = self.sealed.preopen(preopen);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = rustix::fs::open(&path, flags, Mode::empty());
            kernel.give(number, fd.map_err(|error| HarnessError::file("open", &path)(error.into()))?);
        }
        Ok(())
    }
}

/// The world without what the kernel does not have, and without what would let a call wait for ever.
fn playable(world: &World) -> World {
    let mut world = world.clone();
    world.stdin.open = false;
    // whether a runtime lets a guest change a preopen is not for the kernel to say
    world.preopens.iter_mut().for_each(|preopen| preopen.access = Access::ReadWrite);
    world
}

fn ended(end: PlayedEnd) -> End {
    match end {
        PlayedEnd::Returned => End::Exit { code: 0 },
        PlayedEnd::Exited(code) => End::Exit { code },
        PlayedEnd::Trapped | PlayedEnd::Waits => End::Trap { class: TrapClass::Other },
    }
}

fn change_root(folder: &Path) -> Result<(), HarnessError> {
    rustix::process::chroot(folder).map_err(|error| HarnessError::file("change the root to", folder)(error.into()))?;
    rustix::process::chdir("/").map_err(HarnessError::system("go to the new root"))
}

/// In a user namespace of its own, any user may change its root. The user stays who he is.
fn become_root_of_nothing() -> Result<(), HarnessError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    // SAFETY: this process has one thread, and a new user namespace shares no descriptor table.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) }
        .map_err(HarnessError::system("make a user namespace (this kernel may not let users have them; run it as root, who needs none)"))?;
    for (path, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{uid} {uid} 1")),
        ("/proc/self/gid_map", format!("{gid} {gid} 1")),
    ] {
        std::fs::write(path, text).map_err(HarnessError::file("write", path))?;
    }
    Ok(())
}

/// What a user may do in his own namespace would let him past permissions.
fn give_up_capabilities() -> Result<(), HarnessError> {
    let none = CapabilitySets { effective: CapabilitySet::empty(), permitted: CapabilitySet::empty(), inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, none).map_err(HarnessError::system("give up capabilities"))
}

//! The process in which scripts are played on the kernel: an unprivileged user in a root of its own, so that a path which
//! leads out of a preopen although the oracle thought otherwise finds nothing there.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use touchstone_generate::Sample;
use touchstone_guest::script::{PlayedEnd, Player, program};
use touchstone_model::observation::TrapClass;
use touchstone_model::trace::{Trace, TraceState};
use touchstone_model::tree::Content;
use touchstone_model::world::{Access, Stdin, StdioKind, Stdout, World};
use touchstone_model::{End, Observation, bounds};
use touchstone_oracle::report;
use touchstone_runtimes::linux::Linux;

use super::lockstep::{Lockstep, Scene};
use super::{Difference, Exceptions, Tally};
use crate::HarnessError;
use crate::profile::{self, Profile, is_privileged};
use crate::scratch::Sealed;

/// A place to play scripts in. There is one in a process, for good.
#[derive(Debug)]
pub struct Stage {
    sealed: Sealed,
    player: Player,
    exceptions: Exceptions,
    devices: Devices,
}

impl Stage {
    /// Makes a folder this process's root and gives up all privileges.
    pub fn enter(folder: &Path, exceptions: Exceptions) -> Result<Stage, HarnessError> {
        let devices = Devices::open()?;
        if is_privileged() {
            change_root(folder)?;
        } else {
            become_root_of_nothing()?;
            change_root(folder)?;
            give_up_capabilities()?;
        }
        profile::enter(Profile::Default)?;
        Ok(Stage { sealed: Sealed::standing(PathBuf::from("/")), player: Player::default(), exceptions, devices })
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
        let streams = Streams::new(&world, &self.devices)?;
        let mut kernel = Linux::new();
        streams.give(&mut kernel)?;
        self.give_preopens(&world, &mut kernel)?;
        let scene = Scene { case, world: &world, script: &sample.script };
        tally.cases += 1;
        let mut lockstep = Lockstep::new(scene, kernel, &self.exceptions, tally);
        let end = self.player.play(&program, &mut lockstep);
        let Some((checker, tally)) = lockstep.end() else { return Ok(()) };
        let [stdout, stderr] = streams.written()?;
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

/// The devices of this host, opened before there is another root.
#[derive(Debug)]
struct Devices {
    full: File,
    null: File,
    /// `/proc/self/fd`, which the new root lacks.
    fds: File,
}

impl Devices {
    fn open() -> Result<Devices, HarnessError> {
        let open = |path: &str| File::options().write(true).open(path).map_err(HarnessError::file("open", path));
        let fds = Path::new("/proc/self/fd");
        let fds = File::open(fds).map_err(HarnessError::file("open", fds))?;
        Ok(Devices { full: open("/dev/full")?, null: open("/dev/null")?, fds })
    }

    /// The same file once more, opened as a shell opens what it redirects from or to.
    fn opened_anew(&self, file: &File, flags: OFlags) -> Result<OwnedFd, HarnessError> {
        let name = file.as_raw_fd().to_string();
        let opened = rustix::fs::openat(&self.fds, name, flags | OFlags::CLOEXEC, Mode::empty());
        opened.map_err(HarnessError::system("open a stream's file"))
    }
}

/// What stands behind the guest's streams.
struct Streams {
    stdin: OwnedFd,
    outputs: [Output; 2],
}

/// What stands behind an output, and where it can be read again, if anywhere.
struct Output {
    theirs: OwnedFd,
    ours: Option<File>,
}

impl Streams {
    fn new(world: &World, devices: &Devices) -> Result<Streams, HarnessError> {
        let outputs = [output(&world.stdout, devices)?, output(&world.stdout.beside(), devices)?];
        Ok(Streams { stdin: input(&world.stdin, devices)?, outputs })
    }

    fn give(&self, kernel: &mut Linux) -> Result<(), HarnessError> {
        for (number, fd) in [(0, &self.stdin), (1, &self.outputs[0].theirs), (2, &self.outputs[1].theirs)] {
            kernel.give(number, rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(HarnessError::system("copy a stream"))?);
        }
        Ok(())
    }

    /// What was written; the guest's descriptors are closed by now.
    fn written(self) -> Result<[Content; 2], HarnessError> {
        let [stdout, stderr] = self.outputs.map(|Output { theirs, ours }| {
            drop(theirs);
            let mut bytes = Vec::new();
            if let Some(mut ours) = ours {
                // a pipe cannot be rewound, and need not be
                let _ = ours.rewind();
                ours.read_to_end(&mut bytes).map_err(HarnessError::system("read what was written"))?;
            }
            Ok::<_, HarnessError>(Content::kept(&bytes, bounds::OUTPUT_KEPT_BYTES))
        });
        Ok([stdout?, stderr?])
    }
}

fn memory_file(bytes: &[u8]) -> Result<File, HarnessError> {
    let what = "make a file in memory";
    let mut file = File::from(rustix::fs::memfd_create("stream", MemfdFlags::CLOEXEC).map_err(HarnessError::system(what))?);
    file.write_all(bytes).and_then(|()| file.rewind()).map_err(HarnessError::system(what))?;
    Ok(file)
}

fn input(stdin: &Stdin, devices: &Devices) -> Result<OwnedFd, HarnessError> {
    match stdin.kind {
        StdioKind::File => devices.opened_anew(&memory_file(&stdin.bytes)?, OFlags::RDONLY),
        StdioKind::Pipe | StdioKind::Device => {
            let what = "fill the guest's stdin";
            let (reader, mut writer) = std::io::pipe().map_err(HarnessError::system(what))?;
            writer.write_all(&stdin.bytes[..stdin.bytes.len().min(bounds::PIPE_BYTES)]).map_err(HarnessError::system(what))?;
            Ok(reader.into())
        }
    }
}

fn output(behind: &Stdout, devices: &Devices) -> Result<Output, HarnessError> {
    let copy = |file: &File| file.try_clone().map_err(HarnessError::system("copy a stream"));
    match behind {
        Stdout::File => {
            let ours = memory_file(&[])?;
            Ok(Output { theirs: devices.opened_anew(&ours, OFlags::WRONLY)?, ours: Some(ours) })
        }
        Stdout::Appended(bytes) => {
            let ours = memory_file(bytes)?;
            Ok(Output { theirs: devices.opened_anew(&ours, OFlags::WRONLY | OFlags::APPEND)?, ours: Some(ours) })
        }
        Stdout::Pipe | Stdout::Stuck | Stdout::Broken => {
            let (reader, writer) = std::io::pipe().map_err(HarnessError::system("make the guest's stdout"))?;
            if *behind == Stdout::Pipe {
                rustix::pipe::fcntl_setpipe_size(&writer, bounds::WITNESS_PIPE_BYTES).map_err(HarnessError::system("widen a pipe"))?;
            }
            let ours = (*behind != Stdout::Broken).then(|| File::from(OwnedFd::from(reader)));
            Ok(Output { theirs: writer.into(), ours })
        }
        Stdout::Full => Ok(Output { theirs: copy(&devices.full)?.into(), ours: None }),
        Stdout::Null => Ok(Output { theirs: copy(&devices.null)?.into(), ours: None }),
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

//! The reference runtime: the executable specification, hosted on the interpreter. Its tree is in memory while the guest runs; it
//! is read from the host's folders before, and written to them afterwards if the guest changed it.

mod host_tree;
mod sockets;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::time::{ClockId, clock_gettime};
use touchstone_model::capture::{GuestMemory, output_addresses};
use touchstone_model::trace::{Capture, TraceCall};
use touchstone_model::world::{Preopen, Socket, Stdin, StdioKind, Stdout, Tree, Within, World};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::state::{Stream, What};
use touchstone_oracle::{Answer, Host, Reference};
use touchstone_spec::consts::fdflags;
use touchstone_spec::{Errno, Function, MODULE};
use wasmi::{Caller, Error, Extern, FuncType, Linker, Val};

use crate::control::value_types;
use crate::interpreter::Interpreter;
use crate::{Ran, Run, Runtime, stdio};

pub use host_tree::{part_of, read as read_tree};

/// How long a poll waits at most for standard input before it looks again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

struct Oracle(Interpreter<Rc<RefCell<Playing>>>);

pub(crate) fn start() -> anyhow::Result<Box<dyn Runtime>> {
    Ok(Box::new(Oracle(Interpreter::new(|linker| Function::ALL.into_iter().try_for_each(|function| define(linker, function)))?)))
}

/// One run: the specification's state, and the host's ends of the standard streams and sockets.
struct Playing {
    reference: Reference,
    stdin: File,
    outputs: [File; 2],
    /// The host's sockets, in the order of the state's.
    sockets: Vec<File>,
}

impl Runtime for Oracle {
    fn run(&mut self, mut run: Run) -> anyhow::Result<Ran> {
        let (given, sockets) = sockets::read(std::mem::take(&mut run.given.sockets))?;
        let world = world(&run, given)?;
        let seed = clocks().realtime;
        let reference = Reference::new(&world, Host::LINUX, seed);
        let guest = Rc::new(RefCell::new(Playing {
            reference,
            stdin: run.given.stdin.into(),
            outputs: [run.given.stdout.into(), run.given.stderr.into()],
            sockets,
        }));
        let ran = self.0.run(&run.guest, Rc::clone(&guest))?;
        let guest = guest.borrow();
        host_tree::write_back(&world, guest.reference.state(), &run.given.preopens)?;
        Ok(ran)
    }
}

/// The world that a run describes.
fn world(run: &Run, sockets: Vec<Socket>) -> anyhow::Result<World> {
    let folders: Vec<&Path> = run.given.preopens.iter().map(|preopen| preopen.host.as_path()).collect();
    let preopens = run.given.preopens.iter().enumerate().map(|(index, preopen)| {
        let within = part_of(&folders, index).map(|(outer, path)| Within { preopen: outer.to_string(), path });
        let tree = if within.is_none() { host_tree::read(&preopen.host)? } else { Tree::default() };
        Ok(Preopen { name: index.to_string(), guest: preopen.guest.clone(), access: preopen.access, tree, within })
    });
    Ok(World {
        args: run.given.args.clone(),
        env: run.given.env.clone(),
        stdin: Stdin { kind: stdio::kind(&run.given.stdin)?, bytes: Vec::new(), open: true },
        stdout: stdout(&run.given.stdout)?,
        preopens: preopens.collect::<anyhow::Result<Vec<Preopen>>>()?,
        calls: run.guest.calls.clone(),
        sockets,
        times_unknown: false,
    })
}

/// What stands behind standard output. Whether it has room shows when it is written.
fn stdout(fd: &OwnedFd) -> anyhow::Result<Stdout> {
    let appends = fcntl_getfl(fd).context("cannot ask for the flags of stdout")?.contains(OFlags::APPEND);
    Ok(match stdio::kind(fd)? {
        StdioKind::Pipe => Stdout::Pipe,
        StdioKind::File if appends => Stdout::Appended(Vec::new()),
        StdioKind::File => Stdout::File,
        StdioKind::Device => Stdout::Null,
    })
}

fn clocks() -> Clocks {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let of = |clock: ClockId| {
        let time = clock_gettime(clock);
        u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
    };
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Clocks { realtime: nanoseconds(realtime), monotonic: of(ClockId::Monotonic), cpu: of(ClockId::ProcessCPUTime) }
}

fn define(linker: &mut Linker<Rc<RefCell<Playing>>>, function: Function) -> anyhow::Result<()> {
    let ty = FuncType::new(value_types(function.core_params()), value_types(function.core_results()));
    linker.func_new(MODULE, function.name(), ty, move |mut caller, params, results| {
        let args: Vec<u64> = params.iter().map(argument).collect();
        let answer = perform(&mut caller, function, args)?;
        if let [result] = results {
            *result = Val::I32(answer.cast_signed());
        }
        Ok(())
    })?;
    Ok(())
}

/// A parameter as a trace has it: zero-extended.
fn argument(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        // no function has a parameter of another type
        _ => 0,
    }
}

/// Answers a call. An error ends the guest.
fn perform(caller: &mut Caller<'_, Rc<RefCell<Playing>>>, function: Function, args: Vec<u64>) -> Result<u32, Error> {
    let guest = Rc::clone(caller.data());
    let mut guest = guest.borrow_mut();
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let bytes = memory.map_or(&[][..], |memory| memory.data(&*caller));
    let inputs = GuestMemory(bytes).inputs(function, &args);
    let call = TraceCall { function, memory_bytes: bytes.len() as u64, args, inputs, outcome: None };
    guest.wait_for_input(&call).map_err(|error| Error::new(error.to_string()))?;
    let answer = guest.reference.call(&call, clocks());
    match answer {
        Answer::Exits(code) => Err(Error::i32_exit(code.cast_signed())),
        Answer::Traps => Err(Error::new(format!("{} was given something that the specification lets trap", function.name()))),
        // nobody need wait to see that
        Answer::Waits => Err(Error::new(format!("{} waits for what never comes", function.name()))),
        Answer::Returns(mut outcome) => {
            match guest.write_through() {
                Ok(None) => {}
                Ok(Some(written)) => outcome.outputs = vec![Capture { len: 4, bytes: Some(written.to_le_bytes().to_vec()) }],
                Err(errno) => return Ok(errno.raw().into()),
            }
            guest.pass_on_flags(&call).map_err(|error| Error::new(error.to_string()))?;
            let addresses = output_addresses(function, &call.args, call.inputs.first());
            if let Some(memory) = memory {
                for (address, output) in addresses.into_iter().zip(&outcome.outputs) {
                    let start = usize::try_from(address).unwrap_or(usize::MAX);
                    // what lies outside was refused before
                    if let Some(place) = memory.data_mut(&mut *caller).get_mut(start..start.saturating_add(output.kept().len())) {
                        place.copy_from_slice(output.kept());
                    }
                }
            }
            Ok(outcome.errno)
        }
    }
}

impl Playing {
    /// Before a call looks at standard input: waits as long as the call would, and takes what is there.
    fn wait_for_input(&mut self, call: &TraceCall) -> anyhow::Result<()> {
        if !self.reference.looks_at_input(call) || self.reference.has_input() {
            return Ok(());
        }
        let wait = self.reference.longest_wait(call, clocks());
        let wait = wait.map_or(LONGEST_WAIT, Duration::from_nanos).min(LONGEST_WAIT);
        let timeout = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        let stdin = self.stdin.as_fd();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        if poll(&mut fds, Some(&timeout)).context("wait for standard input")? == 0 {
            return Ok(());
        }
        let mut bytes = vec![0; 1 << 16];
        let read = self.stdin.read(&mut bytes).context("read standard input")?;
        self.reference.feed(&bytes[..read], read == 0);
        Ok(())
    }

    /// Passes on what the guest has written. What the host says to that is the guest's to know: an error, or how many bytes it
    /// took if those are not all.
    fn write_through(&mut self) -> Result<Option<u32>, Errno> {
        let written = self.reference.take_output();
        for (output, bytes) in self.outputs.iter_mut().zip(written) {
            let taken = write_some(output, &bytes).map_err(errno)?;
            if taken < bytes.len() {
                return Ok(u32::try_from(taken).ok());
            }
        }
        let sent = self.sockets.iter_mut().zip(self.reference.take_sent());
        for (socket, bytes) in sent {
            socket.write_all(&bytes).map_err(errno)?;
        }
        Ok(None)
    }

    /// After a call that set the flags of an output: the host's descriptor is what they mean something for.
    fn pass_on_flags(&self, call: &TraceCall) -> anyhow::Result<()> {
        let number = call.args.first().and_then(|fd| u32::try_from(*fd).ok()).filter(|_| call.function == Function::FdFdstatSetFlags);
        let Some(fd) = number.and_then(|number| self.reference.state().fds.get(number)) else { return Ok(()) };
        let (What::Stream(stream @ (Stream::Output | Stream::Error)), Some(flags)) = (fd.what, fd.flags) else { return Ok(()) };
        let output = &self.outputs[usize::from(stream == Stream::Error)];
        let mut host = fcntl_getfl(output).context("cannot ask for the flags of an output")?;
        host.set(OFlags::NONBLOCK, flags & fdflags::NONBLOCK != 0);
        host.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
        fcntl_setfl(output, host).context("cannot set the flags of an output")
    }
}

/// Writes all, or as much as goes without waiting where the output does not wait.
fn write_some(output: &mut File, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match output.write(&bytes[taken..]) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken > 0 => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

fn errno(error: io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Errno::Pipe,
        io::ErrorKind::StorageFull => Errno::Nospc,
        io::ErrorKind::WouldBlock => Errno::Again,
        io::ErrorKind::FileTooLarge => Errno::Fbig,
        _ => Errno::Io,
    }
}

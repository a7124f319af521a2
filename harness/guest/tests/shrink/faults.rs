//! The runtime under test: the reference, with a fault between it and the guest.

use touchstone_guest::script::Wasi;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::World;
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::state::{Content, What};
use touchstone_oracle::{Answer, Host, Reference};
use touchstone_spec::memory::Output;
use touchstone_spec::{Errno, Function};

/// What a runtime with a fault answers.
pub(crate) type Fault = fn(&mut Faulty, &TraceCall) -> Answer;

/// The reference with a fault planted in it.
pub(crate) struct Faulty {
    reference: Reference,
    fault: Fault,
    clocks: Clocks,
    /// What a fault keeps from one call to the next.
    pub(crate) kept: Option<Outcome>,
    pub(crate) count: u32,
}

impl Wasi for Faulty {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        (self.fault)(self, call)
    }
}

impl Faulty {
    pub(crate) fn new(world: &World, fault: Fault) -> Faulty {
        let clocks = Clocks { realtime: 2_000_000_000_000_000_000, monotonic: 1_000_000, cpu: 1_000 };
        let mut reference = Reference::new(world, Host::LINUX, 1);
        // the world's bytes are there already
        reference.feed(&[], !world.stdin.open);
        Faulty { reference, fault, clocks, kept: None, count: 0 }
    }

    /// What the reference answers.
    pub(crate) fn honest(&mut self, call: &TraceCall) -> Answer {
        for clock in [&mut self.clocks.realtime, &mut self.clocks.monotonic, &mut self.clocks.cpu] {
            *clock += 1_000;
        }
        self.reference.call(call, self.clocks)
    }

    /// What the reference answers to the call with one argument changed.
    pub(crate) fn with_arg(&mut self, call: &TraceCall, index: usize, change: impl FnOnce(u64) -> u64) -> Answer {
        let mut call = call.clone();
        call.args[index] = change(call.args[index]);
        self.honest(&call)
    }

    /// Has a call made that the guest did not make, for its effect.
    pub(crate) fn aside(&mut self, like: &TraceCall, function: Function, args: &[u64]) {
        let call = TraceCall { function, memory_bytes: like.memory_bytes, args: args.to_vec(), inputs: Vec::new(), outcome: None };
        self.honest(&call);
    }

    /// Whether there is something at a path below a descriptor.
    pub(crate) fn exists(&mut self, like: &TraceCall, fd: u64, path: &Capture) -> bool {
        let args = vec![fd, 0, 0, path.len.into(), 0];
        let look = TraceCall { function: Function::PathFilestatGet, args, inputs: vec![path.clone()], ..like.clone() };
        is_ok(&self.honest(&look))
    }

    /// The size of the file behind a descriptor.
    pub(crate) fn size(&self, fd: u64) -> Option<u64> {
        let state = self.reference.state();
        match state.fds.get(u32::try_from(fd).ok()?)?.what {
            What::File(inode) => state.inodes.file(inode).map(Content::len),
            What::Directory(_) | What::Stream(_) | What::Socket(_) | What::Foreign => None,
        }
    }

    /// Whether a descriptor is that of a directory which the guest opened.
    pub(crate) fn is_opened_directory(&self, fd: u64) -> bool {
        let found = u32::try_from(fd).ok().and_then(|fd| self.reference.state().fds.get(fd));
        found.is_some_and(|fd| fd.preopen.is_none() && matches!(fd.what, What::Directory(_)))
    }

    /// Answers success, with zeros, where the reference would answer this error.
    pub(crate) fn forgives(&mut self, call: &TraceCall, errno: Errno) -> Answer {
        match self.honest(call) {
            Answer::Returns(Outcome { errno: found, .. }) if found == u32::from(errno.raw()) => nothing_done(call),
            other => other,
        }
    }

    /// Does what the call asks for, and changes what it filled.
    pub(crate) fn spoils(&mut self, call: &TraceCall, change: impl FnOnce(&mut Vec<Capture>)) -> Answer {
        let mut answer = self.honest(call);
        if let Answer::Returns(outcome) = &mut answer
            && outcome.errno == 0
        {
            change(&mut outcome.outputs);
        }
        answer
    }

    /// Does what the call asks for, and answers an error where it would have answered success.
    pub(crate) fn complains(&mut self, call: &TraceCall, errno: Errno) -> Answer {
        match self.honest(call) {
            Answer::Returns(Outcome { errno: 0, .. }) => error(errno),
            other => other,
        }
    }
}

pub(crate) fn error(errno: Errno) -> Answer {
    Answer::Returns(Outcome { errno: errno.raw().into(), outputs: Vec::new() })
}

/// Whether an answer is success.
pub(crate) fn is_ok(answer: &Answer) -> bool {
    matches!(answer, Answer::Returns(Outcome { errno: 0, .. }))
}

/// Success, with zeros for everything that the call returns and nothing in its buffers.
pub(crate) fn nothing_done(call: &TraceCall) -> Answer {
    let zeros = |len: u32| Capture { len, bytes: Some(vec![0; len as usize]) };
    let empty = |output: &Output| match output {
        Output::Value { ty, .. } => zeros(ty.size),
        Output::Buffer { .. } | Output::ReadBuffers { .. } | Output::Array { .. } | Output::Strings { .. } => zeros(0),
    };
    Answer::Returns(Outcome { errno: 0, outputs: call.function.outputs().iter().map(empty).collect() })
}

/// The little-endian number in an output.
pub(crate) fn number(output: &Capture, at: usize, len: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&output.kept()[at..at + len]);
    u64::from_le_bytes(bytes)
}

/// Puts a little-endian number into an output.
pub(crate) fn put(output: &mut Capture, at: usize, len: usize, value: u64) {
    if let Some(bytes) = &mut output.bytes {
        bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    }
}

/// Drops all but the first bytes of an output.
pub(crate) fn cut(output: &mut Capture, len: usize) {
    output.bytes.iter_mut().for_each(|bytes| bytes.truncate(len));
    output.len = u32::try_from(output.kept().len()).unwrap_or(output.len);
}

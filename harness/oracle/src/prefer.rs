//! What the specification itself would do: the reference.

use std::rc::Rc;

use touchstone_model::trace::{Outcome, TraceCall};
use touchstone_model::world::World;
use touchstone_spec::consts::fdflags;
use touchstone_spec::{Errno, Function};

use crate::functions;
use crate::rules::Preferred;
use crate::state::{Host, Link, Rights, State, Stream, What};
use crate::step::{Findings, Making, Mode, Step, Stop};

/// The state of a guest whose calls are answered as the specification prefers.
#[derive(Debug, Clone)]
pub struct Reference {
    state: State,
    findings: Findings,
    seed: u64,
    /// Nanoseconds that calls have waited: nobody waits for them really.
    waited: u64,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It returns.
    Returns(Outcome),
    /// The program ends with this code.
    Exits(u32),
    /// The program is stopped.
    Traps,
    /// The call waits for what never comes.
    Waits,
}

/// What the host's clocks show, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    pub realtime: u64,
    pub monotonic: u64,
    pub cpu: u64,
}

impl Reference {
    /// The reference for a guest that starts in a world. `seed` decides what is random. Standard input is [fed](Reference::feed).
    pub fn new(world: &World, host: Host, seed: u64) -> Reference {
        let mut state = State::new(world, host);
        state.choices.rights = Some(Rights::Kept);
        state.input.ended = false;
        Reference { state, findings: Findings::default(), seed, waited: 0 }
    }

    /// The state as it is now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What was found about the last call.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Does what a call would do if nothing were wrong with it.
    pub fn force(&mut self, call: &TraceCall) {
        let mut step = Step { state: &mut self.state, call, mode: Mode::Effect, findings: &mut self.findings, loose: false };
        // what it comes to where nothing is known of it, nobody asks
        let _ = functions::run(&mut step);
    }

    /// Whether a call looks at standard input.
    pub fn looks_at_input(&self, call: &TraceCall) -> bool {
        let is_input = |number: u32| self.state.fds.get(number).is_some_and(|fd| fd.what == What::Stream(Stream::Input));
        match call.function {
            Function::FdRead => call.args.first().and_then(|fd| u32::try_from(*fd).ok()).is_some_and(is_input),
            Function::PollOneoff => functions::polled(call).into_iter().any(is_input),
            _ => false,
        }
    }

    /// Whether bytes are there that the guest has not read, or none will come.
    pub fn has_input(&self) -> bool {
        self.state.input.ended || self.state.input.read.is_some_and(|read| read < self.state.input.bytes.len())
    }

    /// How many nanoseconds a call waits for standard input at most; `None` if it waits until something comes.
    pub fn longest_wait(&self, call: &TraceCall, clocks: Clocks) -> Option<u64> {
        if call.function == Function::FdRead {
            let number = call.args.first().and_then(|fd| u32::try_from(*fd).ok());
            let flags = number.and_then(|number| self.state.fds.get(number)).and_then(|fd| fd.flags).unwrap_or(0);
            return (flags & fdflags::NONBLOCK != 0).then_some(0);
        }
        let (realtime, monotonic) = (clocks.realtime.saturating_add(self.waited), clocks.monotonic.saturating_add(self.waited));
        functions::waits(call, realtime, monotonic).into_iter().min()
    }

    /// Adds to standard input; `ended`: nothing comes after it.
    pub fn feed(&mut self, bytes: &[u8], ended: bool) {
        Rc::make_mut(&mut self.state.input.bytes).extend_from_slice(bytes);
        self.state.input.ended = ended;
    }

    /// Takes what was written to standard output and to standard error since it was last taken.
    pub fn take_output(&mut self) -> [Vec<u8>; 2] {
        let [output, error] = &mut self.state.output;
        [std::mem::take(&mut output.written), std::mem::take(&mut error.written)]
    }

    /// Takes what was sent through each socket since it was last taken, in the order of the state's sockets.
    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        let sent = self.state.sockets.iter_mut().map(|socket| match &mut socket.link {
            Link::Connected(connection) => std::mem::take(&mut connection.sent),
            Link::Listening(_) | Link::Unconnected => Vec::new(),
        });
        sent.collect()
    }

    /// Performs a call.
    pub fn call(&mut self, call: &TraceCall, clocks: Clocks) -> Answer {
        let making = Making {
            realtime: clocks.realtime.saturating_add(self.waited),
            monotonic: clocks.monotonic.saturating_add(self.waited),
            cpu: clocks.cpu,
            seed: self.seed,
            ..Making::default()
        };
        let (answer, making) = prefer(&mut self.state, call, making, &mut self.findings);
        self.seed = making.seed;
        self.waited = self.waited.saturating_add(making.waited);
        // what nothing is known of cannot be in a world that the reference made itself
        answer.unwrap_or_else(|| errno(Errno::Notsup))
    }
}

fn errno(errno: Errno) -> Answer {
    Answer::Returns(Outcome { errno: errno.raw().into(), outputs: Vec::new() })
}

/// Does a call as the specification prefers. No answer: nothing is known of what it is about.
pub(crate) fn prefer(state: &mut State, call: &TraceCall, making: Making, findings: &mut Findings) -> (Option<Answer>, Making) {
    findings.clear();
    let mut step = Step { state, call, mode: Mode::Prefer(making), findings, loose: false };
    crate::memory::pointers(&mut step);
    let flow = functions::run(&mut step);
    let Mode::Prefer(mut making) = step.mode else { return (None, Making::default()) };
    if making.for_ever {
        return (Some(Answer::Waits), making);
    }
    let answer = match (making.end, flow) {
        (Some(Preferred::Trap), _) if call.function == Function::ProcExit => {
            Some(Answer::Exits(u32::try_from(call.args.first().copied().unwrap_or_default()).unwrap_or(u32::MAX)))
        }
        (Some(Preferred::Trap), _) => Some(Answer::Traps),
        (Some(Preferred::Errno(code)), _) => Some(errno(code)),
        (None, Err(Stop::Unjudged | Stop::Undecided(_))) => None,
        (None, Ok(()) | Err(Stop::Done)) => Some(Answer::Returns(Outcome { errno: 0, outputs: std::mem::take(&mut making.outputs) })),
    };
    (answer, making)
}

//! The reference with a fault.

use touchstone_guest::script::Wasi;
use touchstone_model::bounds;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{Stdin, World};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Host, Reference, State};
use touchstone_spec::memory::Output;
use touchstone_spec::{Errno, Function};

use crate::fault::{Fault, Kind, changes};
use crate::stray::stray;

/// The time at which every run starts, so that runs can be repeated: 2025-06-15T15:06:40Z.
const START: u64 = 1_750_000_000_000_000_000;

/// What the other clocks show then: an hour.
const MONOTONIC_START: u64 = 3_600_000_000_000;

/// Nanoseconds from one call to the next.
const STEP: u64 = 1000;

/// Nanoseconds by which a time is too early at first.
const SECOND: u64 = 1_000_000_000;

/// The first number behind the enum of error codes.
const NO_ERRNO: u32 = Errno::ALL.len() as u32;

/// Somebody who answers as the reference does, save for one fault, if any.
#[derive(Debug)]
pub struct Faulty {
    reference: Reference,
    fault: Option<Fault>,
    /// At which calls the fault strikes: those that come through its branch without it.
    strikes: Vec<usize>,
    /// How many calls there were.
    calls: usize,
    /// Nanoseconds since the start.
    nanoseconds: u64,
    /// The reference as it was before the last change.
    before_change: Option<Box<Reference>>,
    /// The reference as it was at the start, for the fault that goes back to it.
    at_start: Option<Box<Reference>>,
    /// The first time that the fault spoilt.
    first_time: Option<u64>,
    /// The first random bytes that the fault spoilt.
    first_bytes: Option<Vec<u8>>,
    /// The address of a byte that the last call changes besides its results.
    stray: Option<u64>,
    /// How often the fault had its chance.
    struck: u64,
}

impl Faulty {
    /// The reference without a fault.
    pub fn honest(world: &World) -> Faulty {
        Faulty::new(world, None, &[])
    }

    /// The reference with a fault that strikes at the calls with these numbers.
    pub fn with(world: &World, fault: Fault, strikes: &[usize]) -> Faulty {
        Faulty::new(world, Some(fault), strikes)
    }

    fn new(world: &World, fault: Option<Fault>, strikes: &[usize]) -> Faulty {
        // the reference is given its input as a host would give it: after the start
        let stdin = Stdin { bytes: Vec::new(), open: true, ..world.stdin };
        let mut reference = Reference::new(&World { stdin, ..world.clone() }, Host::LINUX, 1);
        reference.feed(&world.stdin.bytes, !world.stdin.open);
        let at_start = fault.filter(|fault| fault.kind == Kind::Undone).map(|_| Box::new(reference.clone()));
        Faulty {
            reference,
            fault,
            strikes: strikes.to_vec(),
            calls: 0,
            nanoseconds: 0,
            before_change: None,
            at_start,
            first_time: None,
            first_bytes: None,
            stray: None,
            struck: 0,
        }
    }

    /// The state at the end of the run.
    pub fn state(&self) -> &State {
        self.reference.state()
    }

    /// Whether the fault had its chance.
    pub fn struck(&self) -> bool {
        self.struck > 0
    }

    fn clocks(&self) -> Clocks {
        let monotonic = MONOTONIC_START + self.nanoseconds;
        Clocks { realtime: START + self.nanoseconds, monotonic, cpu: monotonic }
    }

    /// What the reference answers from some state, which it changes. A read of what is not there yet waits for it, and nothing comes.
    fn ask(reference: &mut Reference, call: &TraceCall, clocks: Clocks) -> Answer {
        let reads_input = call.function == Function::FdRead && reference.looks_at_input(call);
        if reads_input && !reference.has_input() && reference.longest_wait(call, clocks).is_none() {
            return Answer::Waits;
        }
        reference.call(call, clocks)
    }

    /// The call, with its fault. `before` is the reference as it was, `answer` what it has answered.
    fn spoil(&mut self, kind: Kind, before: Reference, call: &TraceCall, answer: Answer) -> Answer {
        let clocks = self.clocks();
        match kind {
            Kind::Errno(errno) => {
                self.reference = before;
                fails(errno)
            }
            Kind::Succeeds => {
                self.reference = before;
                Answer::Returns(Outcome { errno: 0, outputs: zeros(call) })
            }
            Kind::ErrorThenEffect => {
                self.reference.force(call);
                answer
            }
            Kind::EffectThenError => fails(Errno::Io),
            Kind::NoEffect => {
                self.reference = before;
                answer
            }
            Kind::OneMore { output, at, len } => changed(answer, output, |bytes| add_one(bytes, at, len)),
            Kind::WrongByte { output, at } => changed(answer, output, |bytes| {
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            }),
            Kind::Argument { index, by } => {
                self.reference = before;
                let mut call = call.clone();
                call.args[index] = call.args[index].wrapping_add_signed(by);
                Faulty::ask(&mut self.reference, &call, clocks)
            }
            Kind::Stale => match &self.before_change {
                Some(stale) => Faulty::ask(&mut stale.clone(), call, clocks),
                None => answer,
            },
            Kind::Backwards { output, at } => {
                let by = self.struck * SECOND;
                changed(answer, output, |bytes| change_number(bytes, at, 8, |time| time.saturating_sub(by)))
            }
            Kind::StandsStill { output, at } => {
                changed(answer, output, |bytes| change_number(bytes, at, 8, |time| *self.first_time.get_or_insert(time)))
            }
            Kind::Zeros => changed(answer, 0, |bytes| bytes.fill(0)),
            Kind::Repeats => changed(answer, 0, |bytes| {
                let first = self.first_bytes.get_or_insert_with(|| bytes.to_vec());
                bytes.iter_mut().zip(first).for_each(|(byte, first)| *byte = *first);
            }),
            Kind::Beside { .. } | Kind::Input { .. } | Kind::Data => {
                self.stray = stray(kind, call, &answer);
                answer
            }
            Kind::NoErrno => Answer::Returns(Outcome { errno: NO_ERRNO, outputs: Vec::new() }),
            Kind::AlsoCloses => {
                let args = call.args.iter().take(1).copied().collect();
                let close = TraceCall { function: Function::FdClose, args, inputs: Vec::new(), ..call.clone() };
                let _ = Faulty::ask(&mut self.reference, &close, clocks);
                answer
            }
            Kind::Undone => {
                if let Some(start) = &self.at_start {
                    self.reference = Reference::clone(start);
                }
                answer
            }
            Kind::EndsWell => Answer::Exits(0),
        }
    }
}

impl Wasi for Faulty {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        self.nanoseconds += STEP;
        self.calls += 1;
        let number = self.calls - 1;
        let fault = self.fault.filter(|fault| fault.site.function == call.function && self.strikes.contains(&number));
        let is_stale = self.fault.is_some_and(|fault| fault.kind == Kind::Stale);
        let before = (fault.is_some() || (is_stale && changes(call.function))).then(|| self.reference.clone());
        let clocks = self.clocks();
        let answer = Faulty::ask(&mut self.reference, call, clocks);
        let succeeds = matches!(&answer, Answer::Returns(outcome) if outcome.errno == 0) || matches!(answer, Answer::Exits(_));
        let hit = fault.filter(|fault| fault.site.succeeds == succeeds);
        match (hit, before) {
            (Some(fault), Some(before)) => {
                self.struck += 1;
                self.spoil(fault.kind, before, call, answer)
            }
            (_, before) => {
                if let Some(before) = before.filter(|_| is_stale && succeeds && changes(call.function)) {
                    self.before_change = Some(Box::new(before));
                }
                answer
            }
        }
    }

    fn afterwards(&mut self, memory: &mut [u8]) {
        let address = self.stray.take().and_then(|address| usize::try_from(address).ok());
        if let Some(byte) = address.and_then(|address| memory.get_mut(address)) {
            *byte ^= 1;
        }
    }
}

fn fails(errno: Errno) -> Answer {
    Answer::Returns(Outcome { errno: errno.raw().into(), outputs: Vec::new() })
}

/// The outputs of a call that fills them with zeros.
fn zeros(call: &TraceCall) -> Vec<Capture> {
    let capture = |len: u64| {
        let bytes = vec![0; usize::try_from(len.min(bounds::CAPTURE_BYTES.into())).unwrap_or_default()];
        Capture { len: u32::try_from(len).unwrap_or(u32::MAX), bytes: Some(bytes) }
    };
    let mut out = Vec::new();
    for output in call.function.outputs() {
        match output {
            Output::Value { ty, .. } => out.push(capture(ty.size.into())),
            // nothing was read, listed or reported
            Output::Buffer { used: Some(_), .. } | Output::Array { .. } => out.push(capture(0)),
            Output::Buffer { len, used: None, .. } => out.push(capture(call.args[*len])),
            Output::Strings { .. } => out.extend([capture(0), capture(0)]),
            Output::ReadBuffers { .. } => {
                let count = call.inputs.first().map_or(0, |array| touchstone_model::trace::buffers(array).len());
                out.extend((0..count).map(|_| capture(0)));
            }
        }
    }
    out
}

fn changed(answer: Answer, output: usize, change: impl FnOnce(&mut [u8])) -> Answer {
    let Answer::Returns(mut outcome) = answer else { return answer };
    if let Some(bytes) = outcome.outputs.get_mut(output).and_then(|capture| capture.bytes.as_mut()) {
        change(bytes);
    }
    Answer::Returns(outcome)
}

fn add_one(bytes: &mut [u8], at: usize, len: usize) {
    change_number(bytes, at, len, |number| number.wrapping_add(1));
}

/// Changes the little-endian number of so many bytes that stands there.
fn change_number(bytes: &mut [u8], at: usize, len: usize, change: impl FnOnce(u64) -> u64) {
    let mut number = [0; 8];
    if let Some(place) = bytes.get_mut(at..at + len.min(8)) {
        number[..place.len()].copy_from_slice(place);
        let changed = change(u64::from_le_bytes(number)).to_le_bytes();
        let len = place.len();
        place.copy_from_slice(&changed[..len]);
    }
}

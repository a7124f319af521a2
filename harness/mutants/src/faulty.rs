//! The reference with a fault.

use touchstone_guest::script::Wasi;
use touchstone_model::bounds;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{Stdin, World};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Host, Reference, State};
use touchstone_spec::Errno;
use touchstone_spec::memory::Output;

use crate::fault::{Fault, Kind, changes};

/// The time at which every run starts, so that runs can be repeated: 2025-06-15T15:06:40Z.
const START: u64 = 1_750_000_000_000_000_000;

/// Nanoseconds from one call to the next.
const STEP: u64 = 1000;

/// Somebody who answers as the reference does, save for one fault, if any.
#[derive(Debug)]
pub struct Faulty {
    reference: Reference,
    fault: Option<Fault>,
    /// At which calls the fault strikes: those that come through its branch without it.
    strikes: Vec<usize>,
    /// How many calls there were.
    calls: usize,
    nanoseconds: u64,
    /// The reference as it was before the last change.
    before_change: Option<Box<Reference>>,
    /// Whether the fault had its chance.
    struck: bool,
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
        reference.feed(&world.stdin.bytes, true);
        Faulty { reference, fault, strikes: strikes.to_vec(), calls: 0, nanoseconds: START, before_change: None, struck: false }
    }

    /// The state at the end of the run.
    pub fn state(&self) -> &State {
        self.reference.state()
    }

    /// Whether the fault had its chance.
    pub fn struck(&self) -> bool {
        self.struck
    }

    fn clocks(&self) -> Clocks {
        Clocks { realtime: self.nanoseconds, monotonic: self.nanoseconds, cpu: self.nanoseconds }
    }

    /// What the reference answers from some state, which it changes.
    fn ask(reference: &mut Reference, call: &TraceCall, clocks: Clocks) -> Answer {
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
                self.struck = true;
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
    let mut number = [0; 8];
    if let Some(place) = bytes.get_mut(at..at + len.min(8)) {
        number[..place.len()].copy_from_slice(place);
        let more = u64::from_le_bytes(number).wrapping_add(1).to_le_bytes();
        let len = place.len();
        place.copy_from_slice(&more[..len]);
    }
}

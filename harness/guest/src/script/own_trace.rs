//! The trace of a straight-line module, read from its memory after the run.
//!
//! The module needs no recorder for it: every call has an errno slot and memory of its own, so what the calls were given
//! and what they filled is still there at the end. The one exception are `raw` calls of which one writes over what
//! another used; their authors choose the addresses.

use touchstone_model::bounds;
use touchstone_model::trace::{Capture, Outcome, Trace, TraceCall, TraceState, buffers};
use touchstone_spec::memory::{Input, Output};

use super::program::{NOT_RETURNED, Operand, Program, ProgramCall};

/// Reads the trace. `memory` is the guest's memory after the run.
pub fn own_trace(program: &Program, memory: &[u8]) -> Trace {
    let memory = Memory(memory);
    let mut calls = Vec::new();
    for call in &program.calls {
        let args: Vec<u64> = call.args.iter().map(|operand| memory.operand(operand)).collect();
        let errno = memory.u32(call.errno_slot.into()).unwrap_or(NOT_RETURNED);
        let returned = call.function.returns_errno() && errno != NOT_RETURNED;
        let inputs = memory.inputs(call, &args);
        let outcome =
            returned.then(|| Outcome { errno, outputs: if errno == 0 { memory.outputs(call, &args, inputs.first()) } else { Vec::new() } });
        calls.push(TraceCall { function: call.function, memory_bytes: memory.0.len() as u64, args, inputs, outcome });
        if !returned {
            break;
        }
    }
    Trace { calls, state: TraceState::Complete }
}

struct Memory<'a>(&'a [u8]);

impl Memory<'_> {
    fn bytes(&self, address: u64, len: u64) -> Option<&[u8]> {
        let start = usize::try_from(address).ok()?;
        self.0.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    fn number(&self, address: u64, size: u32) -> Option<u64> {
        let mut out = [0; 8];
        out[..size as usize].copy_from_slice(self.bytes(address, size.into())?);
        Some(u64::from_le_bytes(out))
    }

    fn u32(&self, address: u64) -> Option<u32> {
        self.number(address, 4).and_then(|number| u32::try_from(number).ok())
    }

    fn operand(&self, operand: &Operand) -> u64 {
        match operand {
            Operand::Const(value) => *value,
            Operand::Load { address, size, plus, .. } => {
                let value = self.number((*address).into(), *size).unwrap_or_default().wrapping_add_signed(*plus);
                if *size == 8 { value } else { value & u64::from(u32::MAX) }
            }
            Operand::Next { buffer, index, plus } => {
                let mut address = u64::from(*buffer);
                for _ in 0..*index {
                    address = (address + 24 + u64::from(self.u32(address + 16).unwrap_or_default())) & u64::from(u32::MAX);
                }
                self.number(address, 8).unwrap_or_default().wrapping_add_signed(*plus)
            }
        }
    }

    fn capture(&self, address: u64, len: u64) -> Capture {
        let asked = u32::try_from(len).unwrap_or(u32::MAX);
        let kept = len.min(bounds::CAPTURE_BYTES.into());
        let bytes = self.bytes(address, len).map(|bytes| bytes[..usize::try_from(kept).unwrap_or_default()].to_vec());
        Capture { len: asked, bytes }
    }

    fn inputs(&self, call: &ProgramCall, args: &[u64]) -> Vec<Capture> {
        let mut out = Vec::new();
        for input in call.function.inputs() {
            match *input {
                Input::Bytes { ptr, len } => out.push(self.capture(args[ptr], args[len])),
                Input::Array { ptr, count, ty } => out.push(self.capture(args[ptr], args[count] * u64::from(ty.size))),
                Input::ReadBuffers { ptr, count } => out.push(self.capture(args[ptr], args[count] * 8)),
                Input::WriteBuffers { ptr, count } => {
                    let array = self.capture(args[ptr], args[count] * 8);
                    let contents: Vec<Capture> =
                        buffers(&array).iter().map(|(buf, len)| self.capture((*buf).into(), (*len).into())).collect();
                    out.push(array);
                    out.extend(contents);
                }
            }
        }
        out
    }

    fn outputs(&self, call: &ProgramCall, args: &[u64], array: Option<&Capture>) -> Vec<Capture> {
        let mut out = Vec::new();
        let at = |pointer: usize| u64::from(self.u32(args[pointer]).unwrap_or_default());
        for output in call.function.outputs() {
            match *output {
                Output::Value { ptr, ty } => out.push(self.capture(args[ptr], ty.size.into())),
                Output::Buffer { ptr, len, used } => {
                    out.push(self.capture(args[ptr], used.map_or(args[len], |used| at(used).min(args[len]))));
                }
                Output::Array { ptr, count, capacity, ty } => {
                    out.push(self.capture(args[ptr], at(count).min(args[capacity]) * u64::from(ty.size)));
                }
                Output::Strings { pointers, data, .. } => {
                    out.push(self.capture(args[pointers], u64::from(call.strings.0) * 4));
                    out.push(self.capture(args[data], call.strings.1.into()));
                }
                Output::ReadBuffers { filled, .. } => {
                    let mut left = at(filled);
                    for (buf, len) in array.map(buffers).unwrap_or_default() {
                        let part = left.min(len.into());
                        left -= part;
                        out.push(self.capture(buf.into(), part));
                    }
                }
            }
        }
        out
    }
}

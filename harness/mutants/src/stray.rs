//! Bytes that a call changes although they are not its own: beside its results, or in what it only reads.

use touchstone_model::trace::{Capture, TraceCall, buffers};
use touchstone_oracle::Answer;
use touchstone_spec::memory::{Input, Output};

use crate::fault::{Kind, Side};

/// The address of the byte that a fault changes in the memory of the guest, if the call has such a byte.
pub fn stray(kind: Kind, call: &TraceCall, answer: &Answer) -> Option<u64> {
    match kind {
        Kind::Beside { output, side } => {
            let outputs = if let Answer::Returns(outcome) = answer { outcome.outputs.as_slice() } else { &[] };
            let (from, to) = room(call, call.function.outputs().get(output)?, outputs)?;
            match side {
                Side::Before => from.checked_sub(1),
                Side::Behind => Some(to),
            }
        }
        Kind::Input { input } => read(call, *call.function.inputs().get(input)?),
        Kind::Data => data(call),
        _ => None,
    }
}

/// From where to where an output may be written. `outputs` is what was written to it.
fn room(call: &TraceCall, output: &Output, outputs: &[Capture]) -> Option<(u64, u64)> {
    let args = &call.args;
    let range = |ptr: usize, len: u64| (args[ptr], args[ptr] + len);
    match *output {
        Output::Value { ptr, ty } => Some(range(ptr, ty.size.into())),
        Output::Buffer { ptr, len, .. } => Some(range(ptr, args[len])),
        Output::Array { ptr, capacity, ty, .. } => Some(range(ptr, args[capacity] * u64::from(ty.size))),
        Output::ReadBuffers { .. } => {
            let array = call.inputs.first()?;
            let (first, (last, len)) = (buffers(array).next()?, buffers(array).last()?);
            Some((first.0.into(), u64::from(last) + u64::from(len)))
        }
        Output::Strings { pointers, data, .. } => Some((args[pointers], args[data] + u64::from(outputs.get(1)?.len))),
    }
}

/// The first byte of an input.
fn read(call: &TraceCall, input: Input) -> Option<u64> {
    let (ptr, count) = match input {
        Input::Bytes { ptr, len } => (ptr, len),
        Input::ReadBuffers { ptr, count } | Input::WriteBuffers { ptr, count } | Input::Array { ptr, count, .. } => (ptr, count),
    };
    (call.args[count] > 0).then_some(call.args[ptr])
}

/// The first byte of the first buffer that holds any.
fn data(call: &TraceCall) -> Option<u64> {
    buffers(call.inputs.first()?).find(|(_, len)| *len > 0).map(|(buf, _)| u64::from(buf))
}

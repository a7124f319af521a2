//! The trace of a straight-line module, read from its memory after the run.
//!
//! The module needs no recorder for it: every call has an errno slot and memory of its own, so what the calls were given
//! and what they filled is still there at the end. The one exception are `raw` calls of which one writes over what
//! another used; their authors choose the addresses.

use touchstone_model::capture::GuestMemory;
use touchstone_model::trace::{Outcome, Trace, TraceCall, TraceState};

use super::program::{NOT_RETURNED, Operand, Program};

/// Reads the trace. `memory` is the guest's memory after the run.
pub fn own_trace(program: &Program, memory: &[u8]) -> Trace {
    let memory = GuestMemory(memory);
    let mut calls = Vec::new();
    for call in &program.calls {
        let args: Vec<u64> = call.args.iter().map(|given| operand(memory, given)).collect();
        let errno = memory.u32(call.errno_slot.into()).unwrap_or(NOT_RETURNED);
        let returned = call.function.returns_errno() && errno != NOT_RETURNED;
        let inputs = memory.inputs(call.function, &args);
        let outcome = returned.then(|| Outcome {
            errno,
            outputs: if errno == 0 { memory.outputs(call.function, &args, inputs.first(), call.strings) } else { Vec::new() },
        });
        calls.push(TraceCall { function: call.function, memory_bytes: memory.0.len() as u64, args, inputs, outcome });
        if !returned {
            break;
        }
    }
    Trace { calls, state: TraceState::Complete }
}

/// What a call was given for a parameter.
pub(super) fn operand(memory: GuestMemory<'_>, operand: &Operand) -> u64 {
    match operand {
        Operand::Const(value) => *value,
        Operand::Load { address, size, plus, .. } => {
            let value = memory.number((*address).into(), *size).unwrap_or_default().wrapping_add_signed(*plus);
            if *size == 8 { value } else { value & u64::from(u32::MAX) }
        }
        Operand::Next { buffer, index, plus } => {
            let mut address = u64::from(*buffer);
            for _ in 0..*index {
                address = (address + 24 + u64::from(memory.u32(address + 16).unwrap_or_default())) & u64::from(u32::MAX);
            }
            memory.number(address, 8).unwrap_or_default().wrapping_add_signed(*plus)
        }
    }
}

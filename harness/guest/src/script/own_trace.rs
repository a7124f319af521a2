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
        let Some(args) = operands(memory, &call.args) else { break };
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

/// What a call was given for its parameters. `None` where the guest had to look outside its memory for one, and so came no further.
pub(super) fn operands(memory: GuestMemory<'_>, operands: &[Operand]) -> Option<Vec<u64>> {
    operands.iter().map(|given| operand(memory, given)).collect()
}

fn operand(memory: GuestMemory<'_>, operand: &Operand) -> Option<u64> {
    match operand {
        Operand::Const(value) => Some(*value),
        Operand::Load { address, size, plus, .. } => {
            let value = memory.number((*address).into(), *size)?.wrapping_add_signed(*plus);
            Some(if *size == 8 { value } else { value & u64::from(u32::MAX) })
        }
        Operand::Next { buffer, index, plus } => {
            let mut address = u64::from(*buffer);
            for _ in 0..*index {
                address = (address + 24 + u64::from(memory.u32(address + 16)?)) & u64::from(u32::MAX);
            }
            Some(memory.number(address, 8)?.wrapping_add_signed(*plus))
        }
    }
}

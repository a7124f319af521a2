//! A runtime that follows paths out of its sandbox, made of any runtime: `path_open` opens something else where the path begins in one of
//! the given ways. Who plants it sees to it that the file outside can be reached there.

use touchstone_spec::Function;
use touchstone_spec::memory::Input;
use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};

use super::RecordError;
use super::log::unaligned;
use super::replace::{Replaced, replace};

/// Plants it in a module that [`record`](super::record) has made: a path of which one of `beginnings` is the first part is opened as
/// `to`, a name of one byte. A path that begins with a slash has an empty first part. The trace shows the path as the guest gave it.
pub fn lead_paths(recorded: &[u8], beginnings: &[Vec<u8>], to: u8) -> Result<Vec<u8>, RecordError> {
    replace(recorded, Function::PathOpen, |replaced| body(replaced, beginnings, to))
}

fn body(replaced: Replaced, beginnings: &[Vec<u8>], to: u8) -> wasm_encoder::Function {
    let params = replaced.params();
    let mut body = wasm_encoder::Function::new([(2, ValType::I32)]);
    let mut sink = body.instructions();
    let path = Function::PathOpen.inputs().iter().find_map(|input| match *input {
        Input::Bytes { ptr, len } => Some((u32::try_from(ptr).ok()?, u32::try_from(len).ok()?)),
        Input::ReadBuffers { .. } | Input::WriteBuffers { .. } | Input::Array { .. } => None,
    });
    if let (Some((ptr, len)), Some(memory)) = (path, replaced.memory) {
        let lead = Lead { replaced, ptr, len, memory, saved: params, errno: params + 1 };
        beginnings.iter().for_each(|beginning| lead.where_it_begins(beginning, to, &mut sink));
    }
    replaced.ask_the_same(&mut sink);
    sink.end();
    body
}

struct Lead {
    replaced: Replaced,
    /// The parameters with the path.
    ptr: u32,
    len: u32,
    memory: u32,
    /// Locals: the byte of the path that is borrowed, and what the host answered.
    saved: u32,
    errno: u32,
}

impl Lead {
    fn at(&self, offset: usize) -> MemArg {
        unaligned(self.memory, offset as u64)
    }

    /// Opens `to` and returns if the path begins so; else goes on.
    fn where_it_begins(&self, beginning: &[u8], to: u8, sink: &mut InstructionSink<'_>) {
        let len = i32::try_from(beginning.len()).unwrap_or(i32::MAX);
        sink.block(BlockType::Empty);
        sink.local_get(self.len).i32_eqz().br_if(0);
        sink.local_get(self.len).i32_const(len).i32_lt_u().br_if(0);
        // a path outside of memory is for the host to refuse
        sink.local_get(self.ptr).i64_extend_i32_u().local_get(self.len).i64_extend_i32_u().i64_add();
        sink.memory_size(self.memory).i64_extend_i32_u().i64_const(16).i64_shl().i64_gt_u().br_if(0);
        for (offset, byte) in beginning.iter().enumerate() {
            sink.local_get(self.ptr).i32_load8_u(self.at(offset)).i32_const((*byte).into()).i32_ne().br_if(0);
        }
        sink.local_get(self.len).i32_const(len).i32_ne().if_(BlockType::Empty);
        sink.local_get(self.ptr).i32_load8_u(self.at(beginning.len())).i32_const(b'/'.into()).i32_ne().br_if(1).end();
        self.open(to, sink);
        sink.end();
    }

    /// The name stands where the path begins, as long as the call takes.
    fn open(&self, to: u8, sink: &mut InstructionSink<'_>) {
        sink.local_get(self.ptr).i32_load8_u(self.at(0)).local_set(self.saved);
        sink.local_get(self.ptr).i32_const(to.into()).i32_store8(self.at(0));
        self.replaced.ask(sink, |index, sink| {
            if index == self.len {
                sink.i32_const(1);
            } else {
                sink.local_get(index);
            }
        });
        sink.local_set(self.errno);
        sink.local_get(self.ptr).local_get(self.saved).i32_store8(self.at(0));
        sink.local_get(self.errno).return_();
    }
}

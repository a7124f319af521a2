//! The wrapper around one WASI import: enter record, the call, exit record.

use touchstone_model::trace::{CAPTURE_HEAD_BYTES, ENTER, EXIT};
use touchstone_spec::Function;
use touchstone_spec::memory::{Input, Output};
use wasm_encoder::{BlockType, InstructionSink, ValType};

use super::Plan;
use super::log::Log;

/// The locals of a wrapper, after its parameters.
struct Locals {
    /// What the call returned.
    errno: u32,
    /// Where in the log the iovec array was copied to; 0 if it was not. A call may overwrite the array in guest memory, so
    /// what it filled is found through the copy.
    array: u32,
    /// A number of bytes or elements; or where a record begins.
    len: u32,
    /// The 8 bytes of guest memory that are borrowed while the sizes of strings are asked for.
    saved: u32,
}

/// The body of the wrapper of `function`, which the guest imports as `import`.
pub(super) fn wrapper(function: Function, import: u32, plan: &Plan, log: &Log) -> wasm_encoder::Function {
    let params = u32::try_from(function.core_params().len()).unwrap_or(u32::MAX);
    let locals = Locals { errno: params, array: params + 1, len: params + 2, saved: params + 3 };
    let mut body = wasm_encoder::Function::new([(3, ValType::I32), (1, ValType::I64)]);
    let mut sink = body.instructions();
    enter(function, &locals, log, &mut sink);
    for param in 0..params {
        sink.local_get(param);
    }
    sink.call(import);
    if function.returns_errno() {
        sink.local_set(locals.errno);
        exit(function, &locals, plan, log, &mut sink);
        sink.local_get(locals.errno);
    }
    sink.end();
    body
}

/// The first four bytes of a record as a number.
fn head(kind: u8, function: Function) -> i32 {
    i32::from(u16::from_le_bytes([kind, function.index()]))
}

fn index(param: usize) -> u32 {
    u32::try_from(param).unwrap_or(u32::MAX)
}

fn enter(function: Function, locals: &Locals, log: &Log, sink: &mut InstructionSink<'_>) {
    log.begin(locals.len, head(ENTER, function), |sink| log.memory_pages(sink), function.core_params(), sink);
    for input in function.inputs() {
        match *input {
            Input::Bytes { ptr, len } => {
                sink.local_get(index(ptr)).local_get(index(len)).call(log.capture());
            }
            Input::Array { ptr, count, ty } => {
                sink.local_get(index(ptr)).local_get(index(count)).i32_const(ty.size.cast_signed()).call(log.capture_array());
            }
            Input::WriteBuffers { ptr, count } => {
                sink.local_get(index(ptr)).local_get(index(count)).i32_const(8).call(log.capture_array());
                sink.local_get(index(ptr)).local_get(index(count)).call(log.capture_buffers());
            }
            Input::ReadBuffers { ptr, count } => {
                // the copy starts behind the capture's head, if the capture has any bytes
                sink.global_get(log.cursor()).local_set(locals.array);
                sink.local_get(index(ptr)).local_get(index(count)).i32_const(8).call(log.capture_array());
                sink.local_get(locals.array).i32_const(CAPTURE_HEAD_BYTES.cast_signed()).i32_add();
                sink.i32_const(0);
                sink.global_get(log.cursor()).local_get(locals.array).i32_const(CAPTURE_HEAD_BYTES.cast_signed()).i32_add().i32_gt_u();
                sink.select().local_set(locals.array);
            }
        }
    }
    log.commit(sink);
}

fn exit(function: Function, locals: &Locals, plan: &Plan, log: &Log, sink: &mut InstructionSink<'_>) {
    let errno = |sink: &mut InstructionSink<'_>| {
        sink.local_get(locals.errno);
    };
    log.begin(locals.len, head(EXIT, function), errno, &[], sink);
    sink.local_get(locals.errno).i32_eqz().if_(BlockType::Empty);
    for output in function.outputs() {
        self::output(output, locals, plan, log, sink);
    }
    sink.end();
    log.commit(sink);
}

fn output(output: &Output, locals: &Locals, plan: &Plan, log: &Log, sink: &mut InstructionSink<'_>) {
    match *output {
        Output::Value { ptr, ty } => {
            sink.local_get(index(ptr)).i32_const(ty.size.cast_signed()).call(log.capture());
        }
        Output::Buffer { ptr, len, used: None } => {
            sink.local_get(index(ptr)).local_get(index(len)).call(log.capture());
        }
        Output::Buffer { ptr, len, used: Some(used) } => {
            smaller(index(used), index(len), locals, log, sink);
            sink.local_get(index(ptr)).local_get(locals.len).call(log.capture());
        }
        Output::Array { ptr, count, capacity, ty } => {
            smaller(index(count), index(capacity), locals, log, sink);
            sink.local_get(index(ptr)).local_get(locals.len).i32_const(ty.size.cast_signed()).call(log.capture_array());
        }
        Output::ReadBuffers { count, filled, .. } => {
            sink.local_get(locals.array).local_get(index(count)).local_get(index(filled)).call(log.peek32()).call(log.capture_filled());
        }
        Output::Strings { pointers, data, sizes } => strings(index(pointers), index(data), plan.import_of(sizes), locals, log, sink),
    }
}

/// Leaves in `len` what stands at a pointer, or what there was room for if that is less: the guest's memory may hold anything.
fn smaller(pointer: u32, room: u32, locals: &Locals, log: &Log, sink: &mut InstructionSink<'_>) {
    sink.local_get(pointer).call(log.peek32()).local_tee(locals.len);
    sink.local_get(room).local_get(locals.len).local_get(room).i32_lt_u().select().local_set(locals.len);
}

/// How many strings there are says another function, which needs 8 bytes of guest memory to say it: they are borrowed from
/// address 0 and put back. A module has one thread, and the host looks at memory only during calls.
fn strings(pointers: u32, data: u32, sizes: u32, locals: &Locals, log: &Log, sink: &mut InstructionSink<'_>) {
    if !log.has_memory() {
        sink.i32_const(0).i32_const(0).call(log.capture()).i32_const(0).i32_const(0).call(log.capture());
        return;
    }
    sink.i32_const(0).i64_load(log.in_guest(0)).local_set(locals.saved);
    sink.i32_const(0).i64_const(0).i64_store(log.in_guest(0));
    sink.i32_const(0).i32_const(4).call(sizes).drop();
    sink.i32_const(0).i32_load(log.in_guest(0)).local_set(locals.len);
    sink.i32_const(0).i32_load(log.in_guest(4)).local_set(locals.array);
    // what the call itself wrote may overlap: put the bytes back before anything is captured
    sink.i32_const(0).local_get(locals.saved).i64_store(log.in_guest(0));
    sink.local_get(pointers).local_get(locals.len).i32_const(4).call(log.capture_array());
    sink.local_get(data).local_get(locals.array).call(log.capture());
}

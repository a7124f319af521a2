//! The functions that write the log. They are appended to the guest once; its wrappers call them.
//!
//! A record is written behind the part of the log that counts, and counts only once it is whole (`commit`), so a log that
//! runs full ends at the end of a record.

use touchstone_model::bounds;
use touchstone_model::trace::{CAPTURE_HEAD_BYTES, OUT_OF_BOUNDS, TRUNCATED};
use touchstone_spec::CoreType;
use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, MemArgTarget, ValType};

const I32: ValType = ValType::I32;
const I64: ValType = ValType::I64;

/// The types that the log needs, in the order in which they are appended to the guest's.
pub(super) const TYPES: [(&[ValType], &[ValType]); 6] =
    [(&[I32], &[I32]), (&[I32], &[]), (&[I32, I32], &[]), (&[I32, I32, I32], &[]), (&[I32, I32], &[I32]), (&[I32, I64], &[])];

/// Among [`TYPES`]: that of `args_sizes_get` and `environ_sizes_get`.
pub(super) const SIZES_TYPE: u32 = 4;

/// The type of each function, as an index into [`TYPES`].
pub(super) const FUNCTION_TYPES: [u32; FUNCTIONS as usize] = [0, 1, 2, 3, 2, 3, 0];

/// The type of each of [`KEEPER_FUNCTIONS`](touchstone_model::trace::KEEPER_FUNCTIONS), as an index into [`TYPES`].
pub(super) const KEEPER_TYPES: [u32; 4] = [0, 2, 2, 5];

/// How many functions there are.
pub(super) const FUNCTIONS: u32 = 7;

/// Where the bytes of the log are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In the memory of this index.
    Memory(u32),
    /// With the host: this is the index of the first of its functions, which stand in the order of their names.
    Host(u32),
}

/// Where the log's parts stand in the rewritten module.
pub(super) struct Log {
    /// Mutable `i32`: where the next byte of the log goes. 0: the log is full.
    cursor: u32,
    memory: Option<u32>,
    place: Place,
    first_function: u32,
}

impl Log {
    pub(super) fn new(cursor: u32, memory: Option<u32>, place: Place, first_function: u32) -> Log {
        Log { cursor, memory, place, first_function }
    }

    /// `(len) -> address`: room for this many bytes of log; 0 if the log is full.
    pub(super) fn reserve(&self) -> u32 {
        self.first_function
    }
    /// `(value)`: appends 4 bytes.
    pub(super) fn put32(&self) -> u32 {
        self.first_function + 1
    }
    /// `(address, len)`: appends a capture of guest memory.
    pub(super) fn capture(&self) -> u32 {
        self.first_function + 2
    }
    /// `(address, count, size)`: appends a capture of an array.
    pub(super) fn capture_array(&self) -> u32 {
        self.first_function + 3
    }
    /// `(array, count)`: appends a capture of each buffer of a ciovec array, if the array is within the guest's memory.
    pub(super) fn capture_buffers(&self) -> u32 {
        self.first_function + 4
    }
    /// `(array in the log, count, filled)`: appends a capture of what was filled of each buffer.
    pub(super) fn capture_filled(&self) -> u32 {
        self.first_function + 5
    }
    /// `(address) -> value`: 4 bytes of guest memory; 0 if they lie outside.
    pub(super) fn peek32(&self) -> u32 {
        self.first_function + 6
    }

    /// The global with the position of the next byte.
    pub(super) fn cursor(&self) -> u32 {
        self.cursor
    }

    /// `address` becomes the 4 bytes of log there.
    fn load32(&self, sink: &mut InstructionSink<'_>) {
        match self.place {
            Place::Memory(memory) => sink.i32_load(unaligned(memory, 0)),
            Place::Host(first) => sink.call(first),
        };
    }

    /// Takes `address, value` and writes 4 bytes of log.
    fn store32(&self, sink: &mut InstructionSink<'_>) {
        match self.place {
            Place::Memory(memory) => sink.i32_store(unaligned(memory, 0)),
            Place::Host(first) => sink.call(first + 2),
        };
    }

    /// Writes what `value` leaves on the stack, `offset` bytes behind the address in a local: 8 bytes if it is `wide`, else 4.
    fn put_at(&self, wide: bool, address: u32, offset: u32, sink: &mut InstructionSink<'_>, value: impl FnOnce(&mut InstructionSink<'_>)) {
        sink.local_get(address);
        if let Place::Host(_) = self.place {
            sink.i32_const(offset.cast_signed()).i32_add();
        }
        value(sink);
        match (self.place, wide) {
            (Place::Memory(memory), false) => sink.i32_store(unaligned(memory, offset.into())),
            (Place::Memory(memory), true) => sink.i64_store(unaligned(memory, offset.into())),
            (Place::Host(first), false) => sink.call(first + 2),
            (Place::Host(first), true) => sink.call(first + 3),
        };
    }

    /// Appends what every record begins with: its head, another number, and parameters in 8 bytes each. All at once, since that is what most
    /// calls have to log. `address` is a local that is free.
    pub(super) fn begin(
        &self,
        address: u32,
        head: i32,
        number: impl FnOnce(&mut InstructionSink<'_>),
        params: &[CoreType],
        sink: &mut InstructionSink<'_>,
    ) {
        let param = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        sink.i32_const(8 + 8 * param(params.len()).cast_signed()).call(self.reserve()).local_tee(address).if_(BlockType::Empty);
        self.put_at(false, address, 0, sink, |sink| {
            sink.i32_const(head);
        });
        self.put_at(false, address, 4, sink, number);
        for (index, core) in params.iter().enumerate() {
            self.put_at(true, address, 8 + 8 * param(index), sink, |sink| {
                sink.local_get(param(index));
                if *core == CoreType::I32 {
                    sink.i64_extend_i32_u();
                }
            });
        }
        sink.end();
    }

    /// What was appended counts from now on.
    pub(super) fn commit(&self, sink: &mut InstructionSink<'_>) {
        sink.global_get(self.cursor).if_(BlockType::Empty);
        sink.i32_const(0).global_get(self.cursor);
        self.store32(sink);
        sink.end();
    }

    /// A place in the guest's memory. Only used where there is one.
    pub(super) fn in_guest(&self, offset: u64) -> MemArg {
        unaligned(self.memory.unwrap_or_default(), offset)
    }

    /// Leaves on the stack how many pages the guest's memory has.
    pub(super) fn memory_pages(&self, sink: &mut InstructionSink<'_>) {
        match self.memory {
            Some(memory) => sink.memory_size(memory),
            None => sink.i32_const(0),
        };
    }

    /// Whether the guest exports a memory at all.
    pub(super) fn has_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// The bodies, in the order of the functions above.
    pub(super) fn functions(&self) -> [Function; FUNCTIONS as usize] {
        [
            self.reserve_body(),
            self.put32_body(),
            self.capture_body(),
            self.capture_array_body(),
            self.capture_buffers_body(),
            self.capture_filled_body(),
            self.peek32_body(),
        ]
    }

    fn reserve_body(&self) -> Function {
        let (len, end, missing) = (0, 1, 2);
        let mut body = Function::new([(2, I32)]);
        let mut sink = body.instructions();
        // full already?
        sink.global_get(self.cursor).i32_eqz().if_(BlockType::Empty).i32_const(0).return_().end();
        sink.global_get(self.cursor).local_get(len).i32_add().local_set(end);
        sink.local_get(len).i32_const(bounds::TRACE_BYTES.cast_signed()).i32_gt_u();
        sink.local_get(end).i32_const(bounds::TRACE_BYTES.cast_signed()).i32_gt_u().i32_or();
        sink.if_(BlockType::Empty);
        self.set_full(&mut sink);
        sink.i32_const(0).return_().end();
        if let Place::Memory(memory) = self.place {
            // grow by what is missing and as much again as there is, so that growing stays rare
            sink.local_get(end).i32_const(0xffff).i32_add().i32_const(16).i32_shr_u();
            sink.memory_size(memory).i32_sub().local_tee(missing);
            sink.i32_const(0).i32_gt_s().if_(BlockType::Empty);
            sink.local_get(missing).memory_size(memory).i32_add().memory_grow(memory);
            sink.i32_const(-1).i32_eq().if_(BlockType::Empty);
            self.set_full(&mut sink);
            sink.i32_const(0).return_().end().end();
        }
        sink.global_get(self.cursor).local_get(end).global_set(self.cursor).end();
        body
    }

    fn set_full(&self, sink: &mut InstructionSink<'_>) {
        sink.i32_const(4).i32_const(TRUNCATED.cast_signed());
        self.store32(sink);
        sink.i32_const(0).global_set(self.cursor);
    }

    fn put32_body(&self) -> Function {
        let (value, address) = (0, 1);
        let mut body = Function::new([(1, I32)]);
        let mut sink = body.instructions();
        sink.i32_const(4).call(self.reserve()).local_tee(address);
        sink.if_(BlockType::Empty).local_get(address).local_get(value);
        self.store32(&mut sink);
        sink.end().end();
        body
    }

    /// Leaves on the stack whether `[address, address + len)` lies outside the guest's memory.
    fn is_outside(&self, address: u32, len: u32, sink: &mut InstructionSink<'_>) {
        let Some(memory) = self.memory else {
            sink.i32_const(1);
            return;
        };
        sink.local_get(address).i64_extend_i32_u().local_get(len).i64_extend_i32_u().i64_add();
        sink.memory_size(memory).i64_extend_i32_u().i64_const(16).i64_shl().i64_gt_u();
    }

    fn put_out_of_bounds(&self, sink: &mut InstructionSink<'_>) {
        sink.i32_const(OUT_OF_BOUNDS.cast_signed()).call(self.put32());
    }

    fn capture_body(&self) -> Function {
        let (address, len, kept, to) = (0, 1, 2, 3);
        let (head, bound) = (CAPTURE_HEAD_BYTES.cast_signed(), bounds::CAPTURE_BYTES.cast_signed());
        let mut body = Function::new([(2, I32)]);
        let mut sink = body.instructions();
        self.is_outside(address, len, &mut sink);
        sink.if_(BlockType::Empty).local_get(len).call(self.put32());
        self.put_out_of_bounds(&mut sink);
        sink.return_().end();
        sink.local_get(len).i32_const(bound).local_get(len).i32_const(bound).i32_lt_u().select().local_tee(kept);
        sink.i32_const(head).i32_add().call(self.reserve()).local_tee(to).if_(BlockType::Empty);
        for (offset, value) in [(0, len), (4, kept)] {
            self.put_at(false, to, offset, &mut sink, |sink| {
                sink.local_get(value);
            });
        }
        sink.local_get(to).i32_const(head).i32_add().local_set(to);
        match (self.place, self.memory) {
            (Place::Memory(log), Some(memory)) => {
                sink.local_get(to).local_get(address).local_get(kept).memory_copy(log, memory);
            }
            (Place::Host(first), Some(_)) => {
                // eight bytes at a time, then what is left one by one
                for (step, store) in [(8, first + 3), (1, first + 1)] {
                    sink.block(BlockType::Empty).loop_(BlockType::Empty);
                    sink.local_get(kept).i32_const(step).i32_lt_u().br_if(1);
                    sink.local_get(to).local_get(address);
                    if step == 8 {
                        sink.i64_load(self.in_guest(0));
                    } else {
                        sink.i32_load8_u(self.in_guest(0));
                    }
                    sink.call(store);
                    sink.local_get(to).i32_const(step).i32_add().local_set(to);
                    sink.local_get(address).i32_const(step).i32_add().local_set(address);
                    sink.local_get(kept).i32_const(step).i32_sub().local_set(kept).br(0).end().end();
                }
            }
            (Place::Memory(_) | Place::Host(_), None) => {}
        }
        sink.end().end();
        body
    }

    fn capture_array_body(&self) -> Function {
        let (address, count, size, len) = (0, 1, 2, 3);
        let mut body = Function::new([(1, I64)]);
        let mut sink = body.instructions();
        sink.local_get(count).i64_extend_i32_u().local_get(size).i64_extend_i32_u().i64_mul().local_tee(len);
        sink.i64_const(u32::MAX.into()).i64_gt_u().if_(BlockType::Empty);
        sink.i32_const(-1).call(self.put32());
        self.put_out_of_bounds(&mut sink);
        sink.return_().end();
        sink.local_get(address).local_get(len).i32_wrap_i64().call(self.capture()).end();
        body
    }

    /// Leaves in `count` at most as many elements as a trace looks at.
    fn bound_count(count: u32, sink: &mut InstructionSink<'_>) {
        let bound = bounds::CAPTURE_ELEMENTS.cast_signed();
        sink.local_get(count).i32_const(bound).local_get(count).i32_const(bound).i32_lt_u().select().local_set(count);
    }

    fn capture_buffers_body(&self) -> Function {
        let (array, count, len) = (0, 1, 2);
        let mut body = Function::new([(1, I32)]);
        let mut sink = body.instructions();
        if self.has_memory() {
            // an array whose length overflows is outside any memory
            sink.local_get(count).i32_const(0x1fff_ffff).i32_gt_u().if_(BlockType::Empty).return_().end();
            sink.local_get(count).i32_const(3).i32_shl().local_set(len);
            self.is_outside(array, len, &mut sink);
            sink.if_(BlockType::Empty).return_().end();
            Log::bound_count(count, &mut sink);
            sink.block(BlockType::Empty).loop_(BlockType::Empty);
            sink.local_get(count).i32_eqz().br_if(1);
            sink.local_get(array).i32_load(self.in_guest(0)).local_get(array).i32_load(self.in_guest(4)).call(self.capture());
            sink.local_get(array).i32_const(8).i32_add().local_set(array);
            sink.local_get(count).i32_const(1).i32_sub().local_set(count).br(0).end().end();
        }
        sink.end();
        body
    }

    fn capture_filled_body(&self) -> Function {
        let (array, count, left, part) = (0, 1, 2, 3);
        let mut body = Function::new([(1, I32)]);
        let mut sink = body.instructions();
        Log::bound_count(count, &mut sink);
        sink.block(BlockType::Empty).loop_(BlockType::Empty);
        sink.local_get(array).i32_eqz().local_get(count).i32_eqz().i32_or().br_if(1);
        sink.local_get(array).i32_const(4).i32_add();
        self.load32(&mut sink);
        sink.local_set(part);
        sink.local_get(part).local_get(left).local_get(part).local_get(left).i32_lt_u().select().local_set(part);
        sink.local_get(left).local_get(part).i32_sub().local_set(left);
        sink.local_get(array);
        self.load32(&mut sink);
        sink.local_get(part).call(self.capture());
        sink.local_get(array).i32_const(8).i32_add().local_set(array);
        sink.local_get(count).i32_const(1).i32_sub().local_set(count).br(0).end().end().end();
        body
    }

    fn peek32_body(&self) -> Function {
        let (address, four) = (0, 1);
        let mut body = Function::new([(1, I32)]);
        let mut sink = body.instructions();
        sink.i32_const(4).local_set(four);
        self.is_outside(address, four, &mut sink);
        sink.if_(BlockType::Empty).i32_const(0).return_().end();
        if self.has_memory() {
            sink.local_get(address).i32_load(self.in_guest(0));
        } else {
            sink.i32_const(0);
        }
        sink.end();
        body
    }
}

/// A place in a memory, at any address.
pub(super) fn unaligned(memory: u32, offset: u64) -> MemArg {
    MemArg { offset, align: 0, target: MemArgTarget::Memory(memory), ordering: None }
}

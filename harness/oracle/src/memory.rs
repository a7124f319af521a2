//! The pointers of a call, before anything else is looked at: what the memory clauses say of them.

use touchstone_model::trace::{Capture, buffers};
use touchstone_spec::memory::{Input, Output};
use touchstone_spec::{Function, clause};

use crate::step::{Mode, Seen, Step, number_at};

/// Buffers that `readv()` and `writev()` must accept at once on the hosts that there are, `IOV_MAX`.
pub(crate) const MOST_BUFFERS: u64 = 1024;

/// What an array of buffers holds for each: an address and a length.
const BUFFER_BYTES: u32 = 8;
const BUFFER_ALIGN: u32 = 4;

/// Says which clauses of memory apply to the pointers of a call.
pub(crate) fn pointers(step: &mut Step<'_>) {
    let function = step.call.function;
    step.state.first_memory_bytes.get_or_insert(step.call.memory_bytes);
    if function.inputs().is_empty() && function.outputs().is_empty() {
        return;
    }
    let mut ranges = Ranges { step, filled: [(0, 0); FEW], count: 0 };
    let mut captures = ranges.step.call.inputs.iter();
    for input in function.inputs() {
        let Some(first) = captures.next() else { break };
        match input {
            Input::Bytes { ptr, len } => {
                let (ptr, len) = (ranges.arg(*ptr), ranges.arg(*len));
                ranges.range(ptr, len, 1);
                ranges.huge(len);
                // a host that looks at the length first need not look at the bytes
                if ranges.is_outside(ptr, len) && len >= ranges.step.state.world.host.path_bytes as u64 {
                    ranges.step.applies(clause!("path-resolution.path-too-long"));
                }
            }
            Input::Array { ptr, count, ty } => ranges.array(*ptr, *count, ty.size, ty.align),
            Input::ReadBuffers { ptr, count } => {
                ranges.array_of_buffers(*ptr, *count);
                ranges.buffers(first, *count, true);
            }
            Input::WriteBuffers { ptr, count } => {
                ranges.array_of_buffers(*ptr, *count);
                ranges.buffers(first, *count, false);
                // the contents of the buffers come next
                captures = captures.as_slice().get(buffers(first).len()..).unwrap_or_default().iter();
            }
        }
    }
    for output in function.outputs() {
        match output {
            Output::Value { ptr, ty } => {
                let ptr = ranges.arg(*ptr);
                ranges.fills(ptr, ty.size.into(), ty.align);
            }
            Output::Buffer { ptr, len, .. } => {
                let (ptr, len) = (ranges.arg(*ptr), ranges.arg(*len));
                let filled = ranges.name_length(function).or_else(|| ranges.used(function)).unwrap_or(len).min(len);
                if ranges.is_outside(ptr, len) && !ranges.is_outside(ptr, filled) {
                    ranges.step.applies(clause!("memory.unreached-buffer"));
                }
                ranges.fills(ptr, filled, 1);
            }
            Output::Array { ptr, capacity, ty, .. } => {
                let len = ranges.arg(*capacity).saturating_mul(ty.size.into());
                let ptr = ranges.arg(*ptr);
                ranges.fills(ptr, len, ty.align);
            }
            Output::Strings { pointers, data, sizes } => {
                let (count, bytes) = ranges.strings(*sizes);
                let (pointers, data) = (ranges.arg(*pointers), ranges.arg(*data));
                ranges.fills(pointers, count * 4, 4);
                ranges.fills(data, bytes, 1);
            }
            Output::ReadBuffers { .. } => {}
        }
    }
}

/// The ranges that a call fills, so that overlaps are found. No call has more than a few besides its buffers.
const FEW: usize = 8;

struct Ranges<'s, 'a> {
    step: &'s mut Step<'a>,
    filled: [(u64, u64); FEW],
    count: usize,
}

impl Ranges<'_, '_> {
    fn arg(&self, index: usize) -> u64 {
        self.step.arg(index)
    }

    /// How many strings the world has for a function, and how many bytes they take.
    fn strings(&self, sizes: Function) -> (u64, u64) {
        let world = &self.step.state.world;
        match sizes {
            Function::ArgsSizesGet => (world.args.len() as u64, world.args.iter().map(|arg| arg.len() as u64 + 1).sum()),
            _ => (world.env.len() as u64, world.env.iter().map(|(key, value)| (key.len() + value.len()) as u64 + 2).sum()),
        }
    }

    /// What a call said that succeeded; `None` of one that did not, or that is being made.
    fn outputs(&self) -> Option<&[Capture]> {
        if let Mode::Check(Seen::Success(outputs)) = &self.step.mode { Some(outputs) } else { None }
    }

    /// The length of a name that a call fills in, which may be less than it has room for.
    fn name_length(&self, function: Function) -> Option<u64> {
        let index = self.step.entry(self.step.arg32(0)).and_then(|entry| entry.preopen);
        let name = index.map(|index| self.step.state.world.preopens[index].guest.len() as u64);
        name.filter(|_| function == Function::FdPrestatDirName)
    }

    /// How many bytes of its buffer a call says it used; of one that did not succeed nobody knows.
    fn used(&self, function: Function) -> Option<u64> {
        let says_so = matches!(function, Function::FdReaddir | Function::PathReadlink);
        self.outputs().filter(|_| says_so)?.first().map(|used| number_at(used.kept(), 0, 4))
    }

    /// How many bytes a call moved between its buffers and a file; of one that did not succeed, all there could be.
    fn moved(&self) -> u64 {
        self.outputs().and_then(<[Capture]>::first).map_or(u64::MAX, |count| number_at(count.kept(), 0, 4))
    }

    fn is_outside(&self, ptr: u64, len: u64) -> bool {
        ptr.saturating_add(len) > self.step.call.memory_bytes
    }

    /// More bytes than the memory has.
    fn huge(&mut self, len: u64) {
        if len > self.step.call.memory_bytes {
            self.step.applies(clause!("memory.huge-buffer"));
        }
    }

    /// A range that the call reads or fills.
    fn range(&mut self, ptr: u64, len: u64, align: u32) {
        let memory = self.step.call.memory_bytes;
        if self.is_outside(ptr, len) {
            let clause = if len == 0 { clause!("memory.zero-length-out-of-bounds") } else { clause!("memory.out-of-bounds") };
            self.step.applies(clause);
        }
        if !ptr.is_multiple_of(u64::from(align.max(1))) {
            self.step.applies(clause!("memory.misaligned"));
        } else if align == 1 && !ptr.is_multiple_of(2) {
            self.step.cite(clause!("memory.bytes-need-no-alignment"));
        }
        if len > 0 && ptr == 0 {
            self.step.cite(clause!("memory.address-zero"));
        }
        if len > 0 && ptr + len == memory {
            self.step.cite(clause!("memory.up-to-the-end"));
        }
        if self.step.state.first_memory_bytes.is_some_and(|first| ptr.saturating_add(len) > first && len > 0) {
            self.step.cite(clause!("memory.grown"));
        }
    }

    /// A range that the call fills.
    fn fills(&mut self, ptr: u64, len: u64, align: u32) {
        self.range(ptr, len, align);
        let end = ptr.saturating_add(len);
        if self.filled[..self.count].iter().any(|(from, to)| ptr < *to && *from < end && len > 0) {
            let both_small = len <= 8 && self.filled[..self.count].iter().all(|(from, to)| to - from <= 8);
            let clause = if both_small { clause!("memory.overlapping-results") } else { clause!("memory.overlap-of-result") };
            self.step.applies(clause);
            self.step.loose = true;
        }
        if self.count < FEW && len > 0 {
            self.filled[self.count] = (ptr, end);
            self.count += 1;
        }
    }

    /// An array of structures.
    fn array(&mut self, ptr: usize, count: usize, size: u32, align: u32) {
        let (ptr, len) = (self.arg(ptr), self.arg(count).saturating_mul(size.into()));
        if len > u64::from(u32::MAX) {
            self.step.applies(clause!("memory.count-overflow"));
            self.step.applies(clause!("memory.out-of-bounds"));
        } else {
            self.range(ptr, len, align);
        }
    }

    /// An array of buffers, of which a call may need no more than the first.
    fn array_of_buffers(&mut self, ptr: usize, count: usize) {
        let (from, one) = (self.arg(ptr), u64::from(BUFFER_BYTES));
        let len = self.arg(count).saturating_mul(one);
        if len <= u64::from(u32::MAX) && self.is_outside(from, len) && len > 0 && !self.is_outside(from, one) {
            self.step.applies(clause!("memory.unreached-end-of-array"));
            self.range(from, one, BUFFER_ALIGN);
        } else {
            self.array(ptr, count, BUFFER_BYTES, BUFFER_ALIGN);
        }
    }

    /// The buffers that an array points to.
    fn buffers(&mut self, array: &Capture, count: usize, filled: bool) {
        if self.arg(count) > MOST_BUFFERS {
            self.step.applies(clause!("memory.many-buffers"));
        }
        let mut sum: u64 = 0;
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let moved = self.moved();
        for (address, len) in buffers(array) {
            let used = moved.saturating_sub(sum).min(len.into());
            sum += u64::from(len);
            if used < u64::from(len) && self.is_outside(address.into(), len.into()) && (used == 0 || !self.is_outside(address.into(), used))
            {
                self.step.applies(clause!("memory.unreached-buffer"));
                continue;
            }
            self.range(address.into(), len.into(), 1);
            self.huge(len.into());
            let span = (u64::from(address), u64::from(address) + u64::from(len));
            if filled && len > 0 {
                if spans.iter().any(|(from, to)| span.0 < *to && *from < span.1) && !self.step.loose {
                    self.step.applies(clause!("memory.overlapping-buffers"));
                    self.step.loose = true;
                }
                spans.push(span);
            }
        }
        if sum > u64::from(u32::MAX) {
            self.step.applies(clause!("memory.length-sum-overflow"));
        }
        if filled {
            for (from, to) in spans.into_iter().take(FEW) {
                self.filled[self.count.min(FEW - 1)] = (from, to);
                self.count = (self.count + 1).min(FEW);
            }
        }
    }
}

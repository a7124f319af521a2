//! What a call is given and fills, read from the guest's memory by whoever can look at it as a whole.

use touchstone_spec::Function;
use touchstone_spec::memory::{Input, Output};

use crate::bounds;
use crate::trace::{Capture, buffers};

/// The memory of a guest.
#[derive(Debug, Clone, Copy)]
pub struct GuestMemory<'a>(pub &'a [u8]);

impl GuestMemory<'_> {
    /// A range; `None` where it lies outside.
    pub fn bytes(&self, address: u64, len: u64) -> Option<&[u8]> {
        let start = usize::try_from(address).ok()?;
        self.0.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    /// A little-endian number of up to 8 bytes.
    pub fn number(&self, address: u64, size: u32) -> Option<u64> {
        let mut out = [0; 8];
        out[..size as usize].copy_from_slice(self.bytes(address, size.into())?);
        Some(u64::from_le_bytes(out))
    }

    /// A number of 4 bytes.
    pub fn u32(&self, address: u64) -> Option<u32> {
        self.number(address, 4).and_then(|number| u32::try_from(number).ok())
    }

    /// A range as a trace keeps it.
    pub fn capture(&self, address: u64, len: u64) -> Capture {
        let asked = u32::try_from(len).unwrap_or(u32::MAX);
        let kept = len.min(bounds::CAPTURE_BYTES.into());
        let bytes = self.bytes(address, len).map(|bytes| bytes[..usize::try_from(kept).unwrap_or_default()].to_vec());
        Capture { len: asked, bytes }
    }

    /// The memory that a call is given, in the order of [`Function::inputs`].
    pub fn inputs(&self, function: Function, args: &[u64]) -> Vec<Capture> {
        let mut out = Vec::new();
        for input in function.inputs() {
            match *input {
                Input::Bytes { ptr, len } => out.push(self.capture(args[ptr], args[len])),
                Input::Array { ptr, count, ty } => out.push(self.capture(args[ptr], args[count] * u64::from(ty.size))),
                Input::ReadBuffers { ptr, count } => out.push(self.capture(args[ptr], args[count] * 8)),
                Input::WriteBuffers { ptr, count } => {
                    let array = self.capture(args[ptr], args[count] * 8);
                    let contents: Vec<Capture> = buffers(&array).map(|(buf, len)| self.capture(buf.into(), len.into())).collect();
                    out.push(array);
                    out.extend(contents);
                }
            }
        }
        out
    }

    /// The memory that a successful call has filled, in the order of [`Function::outputs`]. `array` is its array of buffers as it
    /// was before the call, `strings` how many texts there are and how many bytes they take.
    pub fn outputs(&self, function: Function, args: &[u64], array: Option<&Capture>, strings: (u32, u32)) -> Vec<Capture> {
        let mut out = Vec::new();
        let at = |pointer: usize| u64::from(self.u32(args[pointer]).unwrap_or_default());
        for output in function.outputs() {
            match *output {
                Output::Value { ptr, ty } => out.push(self.capture(args[ptr], ty.size.into())),
                Output::Buffer { ptr, len, used } => {
                    out.push(self.capture(args[ptr], used.map_or(args[len], |used| at(used).min(args[len]))));
                }
                Output::Array { ptr, count, capacity, ty } => {
                    out.push(self.capture(args[ptr], at(count).min(args[capacity]) * u64::from(ty.size)));
                }
                Output::Strings { pointers, data, .. } => {
                    out.push(self.capture(args[pointers], u64::from(strings.0) * 4));
                    out.push(self.capture(args[data], strings.1.into()));
                }
                Output::ReadBuffers { filled, .. } => {
                    let mut left = at(filled);
                    for (buf, len) in array.into_iter().flat_map(buffers) {
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

/// Where the outputs of a call go: the address of each capture, in the order of [`Function::outputs`].
pub fn output_addresses(function: Function, args: &[u64], array: Option<&Capture>) -> Vec<u64> {
    let mut out = Vec::new();
    for output in function.outputs() {
        match *output {
            Output::Value { ptr, .. } | Output::Buffer { ptr, .. } | Output::Array { ptr, .. } => out.push(args[ptr]),
            Output::Strings { pointers, data, .. } => out.extend([args[pointers], args[data]]),
            Output::ReadBuffers { .. } => {
                out.extend(array.into_iter().flat_map(buffers).map(|(buf, _)| u64::from(buf)));
            }
        }
    }
    out
}

//! What each WASI call of a run was given and returned, in the one format that scripts and the recorder share.
//!
//! # Format
//!
//! The trace is a memory of its own, little-endian. A header of 8 bytes: the number of bytes in use (`u32`, header
//! included) and flags (`u32`; bit 0: truncated, later calls were not recorded). Then records:
//!
//! - enter: `1u8`, function index `u8`, two zero bytes; the pages of the guest's memory as `u32`; each core parameter as `u64`;
//!   the captures of [`Function::inputs`].
//! - exit: `2u8`, function index `u8`, two zero bytes; what the call returned as `u32`; if that is 0, the captures of
//!   [`Function::outputs`].
//!
//! A capture is: length asked for `u32`, length kept `u32` (`0xffff_ffff`: out of bounds, no bytes follow), the bytes.
//! A call that never came back has an enter record without an exit record.
//!
//! Where an engine has no second memory, the host keeps the bytes of that memory instead ([`Keeper::Host`]); the format is
//! the same.

use serde::{Deserialize, Serialize};
use touchstone_spec::memory::{Input, Output};
use touchstone_spec::{Errno, Function};

use crate::bounds;

/// Bytes before the first record.
pub const HEADER_BYTES: u32 = 8;
/// First byte of an enter record.
pub const ENTER: u8 = 1;
/// First byte of an exit record.
pub const EXIT: u8 = 2;
/// Bytes of a record before its parameters or its return value.
pub const RECORD_HEAD_BYTES: u32 = 4;
/// Bytes of a page of memory.
pub const PAGE_BYTES: u64 = 65_536;
/// Bytes of a capture before its content.
pub const CAPTURE_HEAD_BYTES: u32 = 8;
/// "Length kept" of a capture whose range lies outside the guest's memory.
pub const OUT_OF_BOUNDS: u32 = u32::MAX;
/// Flag in the header: later calls were not recorded.
pub const TRUNCATED: u32 = 1;
/// Name under which a recorded module exports its trace.
pub const TRACE_EXPORT: &str = "touchstone:trace";

/// Who keeps the trace while a recorded module runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeper {
    /// The module, in a second memory that it exports as [`TRACE_EXPORT`].
    Module,
    /// The host, for engines that know one memory only: the module imports from [`TRACE_EXPORT`] the functions
    /// [`KEEPER_FUNCTIONS`], with which it reads and writes [`bounds::TRACE_BYTES`] that the host keeps.
    Host,
}

/// What a host that keeps the trace provides: `load32: [address] -> [value]`, and `store8`, `store32` and `store64`:
/// `[address, value] -> []`, little-endian. The value of `store64` is an `i64`, everything else an `i32`.
pub const KEEPER_FUNCTIONS: [&str; 4] = ["load32", "store8", "store32", "store64"];

/// All calls of a run, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub calls: Vec<TraceCall>,
    pub state: TraceState,
}

/// How much of a run a trace shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceState {
    /// Every call.
    #[default]
    Complete,
    /// The first calls; the trace grew beyond its bound.
    Truncated,
    /// None: the process that held it is gone, or the module never ran.
    Lost,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceCall {
    pub function: Function,
    /// Bytes that the guest's memory had when it called.
    pub memory_bytes: u64,
    /// Core parameters, zero-extended.
    pub args: Vec<u64>,
    /// Memory that the call was given, in the order of [`Function::inputs`].
    pub inputs: Vec<Capture>,
    /// `None`: the call never came back.
    pub outcome: Option<Outcome>,
}

/// What a call returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The errno as the guest saw it; 0 is success.
    pub errno: u32,
    /// Memory that the call filled, in the order of [`Function::outputs`]. Empty unless the call succeeded.
    pub outputs: Vec<Capture>,
}

/// A copied range of the guest's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Bytes that the range has.
    pub len: u32,
    /// Its bytes, or as many as the bound allows; `None` if it lies outside the memory.
    pub bytes: Option<Vec<u8>>,
}

impl Capture {
    /// The bytes that were kept; none where the range is out of bounds.
    pub fn kept(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl Outcome {
    /// The errno, where it is one that the spec names.
    pub fn errno(&self) -> Option<Errno> {
        Errno::from_raw(self.errno)
    }
}

/// A trace memory that is not in the format: a mistake of the harness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the trace at byte {at}: {what}")]
pub struct TraceError {
    pub at: usize,
    pub what: &'static str,
}

/// How many bytes of a trace memory are in use, as its header says.
pub fn used_bytes(memory: &[u8]) -> usize {
    let used = memory.first_chunk().map_or(0, |used| u32::from_le_bytes(*used));
    used.max(HEADER_BYTES) as usize
}

impl Trace {
    /// The trace of a run whose process is gone.
    pub fn lost() -> Trace {
        Trace { calls: Vec::new(), state: TraceState::Lost }
    }

    /// Reads the content of a trace memory.
    pub fn read(memory: &[u8]) -> Result<Trace, TraceError> {
        let mut reader = Reader { bytes: memory, at: 0 };
        let used = reader.u32()?;
        let flags = reader.u32()?;
        reader.bytes =
            memory.get(..used.max(HEADER_BYTES) as usize).ok_or(TraceError { at: 0, what: "it claims more bytes than there are" })?;
        let mut calls: Vec<TraceCall> = Vec::new();
        while reader.at < reader.bytes.len() {
            reader.record(&mut calls)?;
        }
        let state = if flags & TRUNCATED != 0 { TraceState::Truncated } else { TraceState::Complete };
        Ok(Trace { calls, state })
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8], TraceError> {
        let at = self.at;
        let end = at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(TraceError { at, what: "it ends in the middle of a record" })?;
        self.at = end;
        Ok(&self.bytes[at..end])
    }

    fn u32(&mut self) -> Result<u32, TraceError> {
        let mut out = [0; 4];
        out.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(out))
    }

    fn u64(&mut self) -> Result<u64, TraceError> {
        let mut out = [0; 8];
        out.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(out))
    }

    fn record(&mut self, calls: &mut Vec<TraceCall>) -> Result<(), TraceError> {
        let at = self.at;
        let head = self.take(RECORD_HEAD_BYTES as usize)?;
        let kind = head[0];
        let function = Function::from_index(head[1]).ok_or(TraceError { at, what: "there is no function with this index" })?;
        match kind {
            ENTER => {
                let memory_bytes = u64::from(self.u32()?) * PAGE_BYTES;
                let args = function.core_params().iter().map(|_| self.u64()).collect::<Result<Vec<u64>, _>>()?;
                let inputs = self.inputs(function)?;
                calls.push(TraceCall { function, memory_bytes, args, inputs, outcome: None });
                Ok(())
            }
            EXIT => {
                let errno = self.u32()?;
                let call = calls.last().filter(|call| call.outcome.is_none() && call.function == function);
                let call = call.ok_or(TraceError { at, what: "an exit record has no enter record" })?;
                let outputs = if errno == 0 { self.outputs(function, call)? } else { Vec::new() };
                if let Some(last) = calls.last_mut() {
                    last.outcome = Some(Outcome { errno, outputs });
                }
                Ok(())
            }
            _ => Err(TraceError { at, what: "a record is neither enter nor exit" }),
        }
    }

    fn capture(&mut self) -> Result<Capture, TraceError> {
        let len = self.u32()?;
        let kept = self.u32()?;
        let bytes = if kept == OUT_OF_BOUNDS { None } else { Some(self.take(kept as usize)?.to_vec()) };
        Ok(Capture { len, bytes })
    }

    fn captures(&mut self, count: usize, out: &mut Vec<Capture>) -> Result<(), TraceError> {
        for _ in 0..count {
            out.push(self.capture()?);
        }
        Ok(())
    }

    fn inputs(&mut self, function: Function) -> Result<Vec<Capture>, TraceError> {
        let mut out = Vec::new();
        for input in function.inputs() {
            match input {
                Input::Bytes { .. } | Input::ReadBuffers { .. } | Input::Array { .. } => self.captures(1, &mut out)?,
                Input::WriteBuffers { .. } => {
                    let array = self.capture()?;
                    let count = buffers(&array).len();
                    out.push(array);
                    self.captures(count, &mut out)?;
                }
            }
        }
        Ok(out)
    }

    fn outputs(&mut self, function: Function, call: &TraceCall) -> Result<Vec<Capture>, TraceError> {
        let mut out = Vec::new();
        for output in function.outputs() {
            match output {
                Output::Value { .. } | Output::Buffer { .. } | Output::Array { .. } => self.captures(1, &mut out)?,
                Output::Strings { .. } => self.captures(2, &mut out)?,
                Output::ReadBuffers { .. } => {
                    let count = call.inputs.first().map_or(0, |array| buffers(array).len());
                    self.captures(count, &mut out)?;
                }
            }
        }
        Ok(out)
    }
}

/// The `(address, length)` pairs of a captured iovec or ciovec array, as many as a trace looks at.
pub fn buffers(array: &Capture) -> impl ExactSizeIterator<Item = (u32, u32)> {
    let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    array.kept().chunks_exact(8).take(bounds::CAPTURE_ELEMENTS as usize).map(move |pair| (word(&pair[..4]), word(&pair[4..])))
}

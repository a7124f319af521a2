//! What one run showed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::trace::Trace;
use crate::tree::{Content, TreeSnapshot};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The guest returned from `_start` (code 0) or called `proc_exit`.
    Exit { code: u32 },
    /// The engine or a host function stopped the guest.
    Trap { class: TrapClass },
    /// The runtime refused the module before any of it ran.
    Rejected { stage: Stage, message: String },
    /// The host process died, or the engine panicked.
    Crashed { how: Crash },
    /// The host process grew beyond its limit and was stopped.
    MemoryLimit,
    /// The run did not end in time and was stopped.
    TimedOut,
}

/// Why an engine stopped a guest, in the terms that all engines share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrapClass {
    Unreachable,
    MemoryOutOfBounds,
    TableOutOfBounds,
    /// `call_indirect` of a null element or of another signature.
    BadIndirectCall,
    IntegerOverflow,
    DivisionByZero,
    BadConversion,
    StackOverflow,
    /// A host function (a WASI call) ended the guest with an error that is no exit.
    Host,
    /// A trap that has none of the above types in the engine's own interface.
    Other,
}

/// When a runtime refused a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is not valid WebAssembly for this engine.
    Compile,
    /// An import is missing or has another type, or an active segment does not fit.
    Instantiate,
    /// It exports no function `_start: [] -> []`.
    NoStart,
}

/// How a host process died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crash {
    Signal(i32),
    Exit(i32),
    /// A panic inside the engine or its WASI implementation, with its message.
    Panic(String),
}

/// All that a run showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub end: End,
    pub stdout: Content,
    pub stderr: Content,
    /// What the other side of each connection received, as far as there was one.
    pub received: BTreeMap<String, Content>,
    /// What lies below the preopens after the run.
    pub tree: TreeSnapshot,
    pub trace: Trace,
    /// Host fds open in the worker after the run that were not open before it.
    pub leaked_fds: Vec<String>,
    /// What was seen of the world outside all preopens. Anything at all is an escape.
    pub escapes: Vec<String>,
    /// The largest resident memory of the worker so far. It depends on what ran before, so nothing is judged by it.
    pub peak_memory_bytes: u64,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Exit { code } => write!(f, "exit {code}"),
            End::Trap { class } => write!(f, "trap {class}"),
            End::Rejected { stage, .. } => write!(f, "rejected: {stage}"),
            End::Crashed { how: Crash::Signal(signal) } => write!(f, "crashed by signal {signal}"),
            End::Crashed { how: Crash::Exit(code) } => write!(f, "host process exited with {code}"),
            End::Crashed { how: Crash::Panic(message) } => write!(f, "panicked: {}", message.lines().next().unwrap_or_default()),
            End::MemoryLimit => f.write_str("crashed (memory-limit)"),
            End::TimedOut => f.write_str("timed out"),
        }
    }
}

impl std::fmt::Display for TrapClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl TrapClass {
    /// All classes.
    pub const ALL: [TrapClass; 10] = [
        TrapClass::Unreachable,
        TrapClass::MemoryOutOfBounds,
        TrapClass::TableOutOfBounds,
        TrapClass::BadIndirectCall,
        TrapClass::IntegerOverflow,
        TrapClass::DivisionByZero,
        TrapClass::BadConversion,
        TrapClass::StackOverflow,
        TrapClass::Host,
        TrapClass::Other,
    ];

    /// The name by which front matter and reports call it.
    pub fn name(self) -> &'static str {
        match self {
            TrapClass::Unreachable => "unreachable",
            TrapClass::MemoryOutOfBounds => "memory-out-of-bounds",
            TrapClass::TableOutOfBounds => "table-out-of-bounds",
            TrapClass::BadIndirectCall => "bad-indirect-call",
            TrapClass::IntegerOverflow => "integer-overflow",
            TrapClass::DivisionByZero => "division-by-zero",
            TrapClass::BadConversion => "bad-conversion",
            TrapClass::StackOverflow => "stack-overflow",
            TrapClass::Host => "host",
            TrapClass::Other => "other",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Stage::Compile => "compile",
            Stage::Instantiate => "instantiate",
            Stage::NoStart => "no-start",
        })
    }
}

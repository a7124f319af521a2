//! Scripts as straight-line modules.
//!
//! [`program`] gives every string, buffer and result an address and every call its arguments; [`encode`] writes that as a
//! module, [`wat`] as text for a bug report, with [`shell`] for what it is run in, [`trampoline`] as data for a module that plays every script; [`own_trace`] reads the
//! results out of the guest's memory. [`play`] makes the same calls without any wasm.

pub mod encode;
pub mod own_trace;
pub mod play;
pub mod program;
pub mod shell;
pub mod trampoline;
pub mod wat;

pub use encode::encode;
pub use own_trace::own_trace;
pub use play::{PlayedEnd, Player, Wasi};
pub use program::Program;

//! The executable specification of WASI preview 1.
//!
//! It answers two questions over one model. [`Checker`] says whether what a runtime did was permitted, and by which clause;
//! [`Reference`] says what the specification itself would do. Both run the same functions, in `functions`: there is one truth,
//! executed in two ways. No I/O, no clock, no engine.
//!
//! In reading order: [`state`] is what calls work on, `rules` what each clause permits, `step` the context in which the functions
//! are written, `memory`, `resolve` and `path` what many of them share, `functions` the functions themselves; [`check`] and
//! [`prefer`] ask the two questions, [`mod@report`] puts what was found into words, and [`coverage`]
//! counts what calls are about.

pub mod check;
pub mod coverage;
pub mod features;
mod functions;
mod memory;
mod path;
pub mod prefer;
pub mod report;
mod resolve;
mod rules;
pub mod snapshot;
pub mod state;
mod step;

pub use check::Checker;
pub use prefer::{Answer, Reference};
pub use report::report;
pub use rules::ErrnoSet;
pub use snapshot::snapshot;
pub use state::{Host, State};
pub use step::{Findings, Mismatch};

//! The oracle on trial: random scripts on the host kernel, call by call beside what the oracle prefers.
//!
//! The kernel knows POSIX and nothing of WASI. What it is asked is what it can decide: a call that fails for a reason that only
//! WASI has (the sandbox, the ABI) is answered by the oracle and counted apart, and so is what has no system call. Rights are
//! played as on a runtime that keeps none.
//!
//! In reading order: [`tally`] is what comes of it and which exceptions are on file, [`lockstep`] one script, [`stage`] the
//! process with a root of its own in which scripts are played, [`troupe`] several of these at once.

pub mod lockstep;
pub mod stage;
pub mod tally;
pub mod troupe;

pub use tally::{Difference, Exception, Exceptions, Tally};

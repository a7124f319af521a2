//! How much a WASI call costs on a runtime, and how fast Touchstone itself is.
//!
//! In reading order: [`calls`] measures calls on runtimes, and [`checker`] is what of Touchstone's own is measured in-process; [`figures`]
//! makes ratios of times.

pub mod calls;
pub mod checker;
pub mod figures;

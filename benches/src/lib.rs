//! What a WASI call costs on a runtime, and how fast Touchstone itself is.
//!
//! In reading order: [`args`] is the command line and [`run`] the command; [`calls`] measures calls on runtimes, [`own`] Touchstone itself,
//! and [`checker`] the checker, for both its benchmark and the command. [`figures`] makes ratios of times, [`report`] is what is
//! written, and [`show`], [`charts`] and [`readme`] are what people see of it.

pub mod args;
pub mod calls;
pub mod charts;
pub mod checker;
pub mod figures;
pub mod own;
pub mod readme;
pub mod report;
pub mod run;
pub mod show;

//! What a WASI call costs on a runtime, beside the same call made natively.
//!
//! In reading order: [`benchmark`] says what a benchmark is, and [`table`] has all of them, as data; [`layout`] is where things lie in a
//! guest's memory, [`guest`] makes the module of a benchmark, [`native`] does the same by system calls; [`tree`] makes what it works on,
//! [`check`] finds out whether it happened, and [`batch`] puts one measurement together. [`stand`] is a process in which one
//! runtime is measured, and [`rounds`] lets the stands take turns.

pub mod batch;
pub mod benchmark;
pub mod check;
pub mod guest;
pub mod layout;
pub mod native;
pub mod rounds;
pub mod stand;
pub mod table;
pub mod tree;

//! Random scripts on runtimes: each call of each run is judged by the oracle, what it refuses is gathered by signature, and each
//! signature is made as small as it gets.
//!
//! In reading order: [`rig`] is runtimes in one process, where a script costs an instantiation, and [`ground`] their
//! trees; [`departed`] says how a
//! run departs from what is permitted; [`look`] counts what scripts reach; [`order`] says in which order they are played; [`hunter`] is the process that plays batch after batch on a rig, and [`log_book`] what it leaves behind; [`pack`] starts such processes and
//! watches them; [`campaign`] makes findings of what they bring, and [`again`] runs those that are new by themselves. [`court`] does without processes, for fuzzers that have one. [`costs`] says what a script costs.

mod again;
pub mod campaign;
mod copy;
pub mod costs;
pub mod court;
mod departed;
mod ground;
pub mod hunter;
pub mod log_book;
mod look;
mod order;
mod pack;
pub mod rig;

pub use departed::Signature;

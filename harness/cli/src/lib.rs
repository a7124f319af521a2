//! The `touchstone` program: flags, progress, exit codes. A library as well, so that the suite's test target can use it.
//!
//! In reading order: [`args`] is the command line, [`failure`] what can go wrong and the exit codes, [`places`] where things
//! are; [`conformance`], [`check`], [`explain`], [`coverage`], [`register`], [`fuzz`], [`promote`], [`report`], [`trend`],
//! [`witness`], [`list`] and [`prebuilt`] are the commands, of which some share [`suite_run`]; [`human`], [`github`] and [`page`]
//! write for people; the programs' memory comes from [`allocator`].

pub mod allocator;
pub mod args;
pub mod check;
pub mod conformance;
pub mod coverage;
pub mod explain;
pub mod failure;
pub mod fuzz;
pub mod github;
pub mod human;
pub mod list;
pub mod page;
pub mod places;
pub mod prebuilt;
pub mod promote;
pub mod register;
pub mod report;
pub mod select;
pub mod snapshots;
pub mod suite_run;
pub mod trend;
pub mod witness;
pub mod worker;

pub use failure::{Exit, Failure};

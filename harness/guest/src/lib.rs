//! Everything that makes wasm: scripts, WAT and Rust programs to modules, modules to WAT, and the recorder.
//!
//! In reading order: [`script`] lays a script out and writes it as a module and as WAT; [`recorder`] rewrites any module
//! so that it logs its WASI calls; [`rust`] builds Rust fixtures; [`build`] turns a case into its module, whatever it is written in.

pub mod build;
pub mod recorder;
pub mod rust;
pub mod script;

pub use build::{BuildError, Built, assemble, build};
pub use recorder::record;

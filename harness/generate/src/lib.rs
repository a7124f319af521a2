//! Random scripts with the worlds that they run in, and how a script that shows something is made smaller.
//!
//! No engine, no fuzzer, no I/O: a sample is a function of the bytes that it is made from.

mod shrink;

use touchstone_model::script::Script;
use touchstone_model::world::World;

pub use shrink::{Shrunk, shrink};

/// A random script and the world that it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub world: World,
    pub script: Script,
}

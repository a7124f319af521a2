//! Random scripts with the worlds that they run in, and how a script that shows something is made smaller.
//!
//! No engine, no fuzzer, no I/O: a sample is a function of the bytes that it is made from.

use touchstone_model::script::Script;
use touchstone_model::world::World;

/// A random script and the world that it runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    pub world: World,
    pub script: Script,
}

pub struct Mix;
impl Mix {
    pub fn kernel() -> Mix {
        Mix
    }
}
pub fn sample(_seed: u64, _index: u64, _mix: &Mix) -> Sample {
    Sample::default()
}

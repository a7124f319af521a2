//! Random scripts with the worlds that they run in, and how a script that shows something is made smaller.
//!
//! No engine, no fuzzer, no I/O: a sample is a function of the bytes that it is made from.
//!
//! Scripts, in reading order: [`mix`] says what is wanted, [`dice`] how bytes become choices and [`swarm`] what a single
//! sample is about; [`scope`] is what the generator remembers of the tree and the descriptors, [`world`] what it starts from;
//! [`need`] says for each function what a valid call is about, [`valid`] makes that call, [`path`] and [`number`] hold the
//! boundary, [`spoil`] and [`raw`] push a call to it or beyond, and [`writer`] puts the calls one after the other. [`shrink`] is the way back: it makes a sample smaller that shows something.

mod ast;
mod dice;
mod mix;
mod need;
mod number;
mod path;
mod raw;
mod scope;
mod shrink;
mod spoil;
mod swarm;
mod valid;
mod world;
mod writer;

use arbitrary::Unstructured;
use touchstone_model::script::Script;
use touchstone_model::world::World;

pub use mix::{Functions, Mix, Share};
pub use shrink::{Shrunk, shrink};

/// A random script and the world that it runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    pub world: World,
    pub script: Script,
}

/// Makes a sample from bytes. Where they end, the script ends.
///
/// The first [`header_bytes`] decide what the sample is about and its world; after them each [`CALL_BYTES`] decide one call, so
/// that a changed byte changes one call, and bytes that are put in or taken out are calls.
pub fn generate(input: &mut Unstructured<'_>, mix: &Mix) -> Sample {
    writer::write(input, mix)
}

/// The sample with this number in the sequence that a seed starts. It depends on no other.
pub fn sample(seed: u64, index: u64, mix: &Mix) -> Sample {
    let bytes = dice::bytes(seed, index, header_bytes(mix), mix.calls);
    generate(&mut Unstructured::new(&bytes), mix)
}

/// The sample with this number, in the world of its batch instead of one of its own.
pub fn sample_of_batch(seed: u64, index: u64, batch: u64, mix: &Mix) -> Sample {
    let header = header_bytes(mix);
    let mut bytes = dice::bytes(seed, index, header, mix.calls);
    // what a sample is about stays its own
    let world = swarm::BYTES..header;
    bytes[world.clone()].copy_from_slice(&dice::bytes(seed, !batch, header, 0)[world]);
    generate(&mut Unstructured::new(&bytes), mix)
}

/// Bytes of the input that decide one call.
pub const CALL_BYTES: usize = 32;

/// Bytes of the input that decide what a sample is about, and its world.
pub fn header_bytes(mix: &Mix) -> usize {
    swarm::BYTES + world::BYTES + mix.entries * world::ENTRY_BYTES
}

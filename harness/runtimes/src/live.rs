//! Instances that stay, so that what a call costs can be told from what an instantiation costs. Benchmarks use them; nothing is
//! judged by them.

use anyhow::Context;

/// The name under which the guest of a live instance exports its memory.
pub const MEMORY_EXPORT: &str = "memory";

/// An instance whose exports are called again and again. It is closed when it is dropped.
pub trait Live {
    /// Calls an export of the type `(i32, i32) -> i32`.
    fn call(&mut self, export: &str, arguments: [u32; 2]) -> anyhow::Result<u32>;

    /// Fills `bytes` from the memory that the guest exports as [`MEMORY_EXPORT`], from this address on.
    fn read(&mut self, address: u32, bytes: &mut [u8]) -> anyhow::Result<()>;
}

/// The part of a memory that [`Live::read`] asks for.
pub(crate) fn part(memory: &[u8], address: u32, bytes: usize) -> anyhow::Result<&[u8]> {
    let start = address as usize;
    memory.get(start..start + bytes).with_context(|| format!("the guest has no memory at {address}"))
}

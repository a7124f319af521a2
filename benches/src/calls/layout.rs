//! Where things lie in the memory of a benchmark's guest. The native side keeps a memory of the same layout, so that one check
//! reads both.

/// The number of the preopen, found by its name.
pub const ROOT: u32 = 512;
/// The number of what the set-up opened.
pub const FD: u32 = 516;
/// Of the last `run`: what the results of its calls add up to (8 bytes), and how many calls it made (8 bytes).
pub const SUM: u32 = 520;
pub const CALLS: u32 = 528;
/// What calls fill besides buffers, and how many bytes that is.
pub const OUT: u32 = 1024;
pub const OUT_BYTES: u32 = 1024;
/// Where `args_get` and `environ_get` put their pointers.
pub const POINTERS: u32 = OUT + 256;
/// The buffers of a call, and the one buffer of what a short count left.
pub const IOVECS: u32 = 4096;
pub const REST: u32 = 4608;
/// The two paths that a call may name.
pub const PATHS: [u32; 2] = [8192, 8448];
/// The name of the preopen.
pub const NAME: u32 = 8704;
/// What `poll_oneoff` waits for.
pub const SUBSCRIPTION: u32 = 9216;
/// What is written, and where what is read goes.
pub const BUFFER: u32 = 65536;
pub const BUFFER_BYTES: u32 = 1 << 20;
/// Pages of 64 KiB.
pub const PAGES: u32 = (BUFFER + BUFFER_BYTES) / 65536;

/// What memory that calls fill is set to before they do. It is also what is written to files.
pub const FILL: u8 = 0xaa;

/// What stands in a path for the number of the iteration.
pub const NUMBER: &str = "####";

/// The number of an iteration as it stands in a path: four letters.
pub const fn letters(index: u32) -> [u8; 4] {
    let nibbles = index & 15 | (index << 4 & 0xf00) | (index << 8 & 0xf_0000) | (index << 12 & 0xf00_0000);
    (nibbles + 0x6161_6161).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn a_number_is_four_letters_lowest_first() {
        assert_eq!([0, 1, 0x10, 0xfedc].map(|index| letters(index).escape_ascii().to_string()), ["aaaa", "baaa", "abaa", "mnop"]);
    }
}

//! Numbers: those that a valid call is likely to be given, and those at the boundary.

use touchstone_spec::{Function, Shape, Type};

use crate::dice::CallDice;

/// Positions and lengths in files of a few bytes.
const SMALL: [u64; 16] = [0, 1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 64, 100, 512, 4096, 60_000];

/// Sizes and positions at which something overflows: in 32 bits, in what a file can have, in a signed and in an unsigned number.
const LARGE: [u64; 16] = [
    0,
    1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x2_0000_0000,
    0x2_0000_0001,
    0x7fff_ffff_ffff_fff0,
    0x7fff_ffff_ffff_fffe,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0x8000_0000_0000_0001,
    0xffff_ffff_0000_0000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// What may be asked of `fd_allocate`: nothing that a host could grant and then has no room for.
const ALLOCATED: [u64; 4] = [0, 1, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_ffff];

/// Distances to seek.
const FAR: [i64; 10] = [-1, -2, -100, 0x7fff_ffff, -0x8000_0000, 0x1_0000_0000, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1];

/// Times that a valid call sets, in nanoseconds.
const TIMES: [u64; 8] =
    [0, 1, 999_999_999, 1_000_000_000, 5_000_000_000, 1_000_000_000_000_000_000, 1_000_000_000_123_456_789, 1_700_000_000_000_000_000];

/// Times that a file system may have no room for.
const FAR_TIMES: [u64; 8] = [
    2_147_483_647_000_000_000,
    2_147_483_648_000_000_000,
    4_294_967_296_000_000_000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    15_032_385_536_000_000_000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// Exit codes: a few that every host shows, then those that not all have room for.
const CODES: [u64; 10] = [0, 1, 2, 42, 125, 126, 255, 256, 0x8000_0000, 0xffff_ffff];

/// A number of a type as a valid call has it.
pub(crate) fn valid(dice: &mut CallDice, ty: &Type) -> i128 {
    match ty.name {
        Some("timestamp") => dice.choose(&TIMES).into(),
        Some("exitcode") => dice.choose(&CODES[..5]).into(),
        Some("siflags") => 0,
        _ => dice.choose(&SMALL).into(),
    }
}

/// A number of a type at its boundary.
pub(crate) fn boundary(dice: &mut CallDice, function: Function, ty: &Type) -> i128 {
    match (ty.name, &ty.shape) {
        (Some("timestamp"), _) => dice.choose(&FAR_TIMES).into(),
        (Some("exitcode"), _) => dice.choose(&CODES).into(),
        (Some("filedelta"), _) => dice.choose(&FAR).into(),
        _ if function == Function::FdAllocate => dice.choose(&ALLOCATED).into(),
        (_, Shape::Int(_)) if ty.size < 8 => i128::from(dice.choose(&LARGE)) & 0xffff_ffff,
        _ => dice.choose(&LARGE).into(),
    }
}

/// A number that no case of an enum has.
pub(crate) fn no_case(dice: &mut CallDice, ty: &Type) -> i128 {
    let first = ty.cases().len() as i128;
    dice.choose(&[first, first + 1, 0x7f, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, -1])
}

/// A bit that no flag of a type has: the next one, the last one of its number, one beyond it, all.
pub(crate) fn no_flag(dice: &mut CallDice, ty: &Type) -> i128 {
    let next = ty.cases().len();
    let core = if ty.size == 8 { 63 } else { 31 };
    match dice.below(4) {
        0 => 1 << next,
        1 => 1 << (ty.size * 8 - 1),
        2 => 1 << core,
        _ => -1,
    }
}

/// A number that no descriptor has.
pub(crate) fn no_descriptor(dice: &mut CallDice) -> i128 {
    dice.choose(&[99, 1023, 1024, 0x7fff_ffff, 0x8000_0000, -1, -2, 3_000_000_000])
}

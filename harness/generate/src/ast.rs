//! How the parts of a call are written down.

use touchstone_model::script::{Arg, Expr, Int, Literal, Name, Span};
use touchstone_spec::Type;

/// Numbers above this are easier to read in hexadecimal.
const LARGEST_DECIMAL: i128 = 100_000;

/// Flags are named as long as there are not more than these.
const MOST_NAMES: u32 = 5;

pub(crate) fn int(value: impl Into<i128>) -> Expr {
    let value = value.into();
    Expr::Int(Int { value, hex: value > LARGEST_DECIMAL, span: Span::default() })
}

pub(crate) fn name(text: &str) -> Name {
    Name { text: text.to_owned(), span: Span::default() }
}

pub(crate) fn word(text: &str) -> Expr {
    Expr::Name(name(text))
}

/// A name, and a number that is added to what it stands for.
pub(crate) fn beside(text: &str, by: i64) -> Expr {
    if by == 0 { word(text) } else { Expr::Offset(Box::new(word(text)), by) }
}

/// A case of an enum by its name, any other number as it is.
pub(crate) fn case(ty: &'static Type, value: u64) -> Expr {
    ty.case_name(value).map_or_else(|| int(value), word)
}

/// A few flags by their names, more of them or unknown ones as a number.
pub(crate) fn flags(ty: &'static Type, bits: u64) -> Expr {
    if bits == 0 || bits.count_ones() > MOST_NAMES || bits & !ty.all_flags() != 0 {
        return int(bits);
    }
    let set = ty.cases().iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
    Expr::Flags(set.map(|(_, case)| name(case.name)).collect(), Span::default())
}

pub(crate) fn text(bytes: &[u8]) -> Arg {
    Arg::Literal(Literal::new(bytes))
}

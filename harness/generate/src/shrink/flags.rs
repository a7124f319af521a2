//! Sets of flags and enums: their bits, their names, and smaller ones.

use touchstone_model::script::{Expr, Int, Name, Span};
use touchstone_spec::{Shape, Type};

use super::numbers;

/// The bits of a constant set of flags; `None` for anything else.
pub(super) fn bits_of(expr: &Expr, ty: &Type) -> Option<u64> {
    matches!(ty.shape, Shape::Flags { .. }).then(|| value(expr, ty).map(|value| bits(value, ty))).flatten()
}

/// The bits of a number in a set of flags: as many as the type has.
fn bits(value: i128, ty: &Type) -> u64 {
    let mask = if ty.size >= 8 { u64::MAX } else { (1 << (ty.size * 8)) - 1 };
    (value & i128::from(mask)) as u64
}

/// What a set weighs: flags that have a name are easier to read than those that have none.
pub(super) fn weight(bits: u64, ty: &Type) -> u64 {
    let known = bits & ty.all_flags();
    u64::from(known.count_ones()) + 3 * u64::from((bits & !ty.all_flags()).count_ones())
}

/// The value of a constant of a set of flags or of an enum; `None` if it is known only when the guest runs.
fn value(expr: &Expr, ty: &Type) -> Option<i128> {
    match expr {
        Expr::Int(int) => Some(int.value),
        Expr::Name(name) => ty.case_value(&name.text).map(i128::from),
        Expr::Flags(names, _) => names.iter().try_fold(0, |bits, name| ty.case_value(&name.text).map(|bit| bits | bit)).map(i128::from),
        Expr::Field(..) | Expr::Next(..) | Expr::Offset(..) => None,
    }
}

/// A set as one writes it: by its names, or `0`; with a number where bits have no name.
fn set(value: u64, ty: &Type) -> Expr {
    let (names, unknown) = ty.flag_set(value);
    if unknown != 0 || names.is_empty() {
        return Expr::Int(Int { hex: value > 9, ..Int::new(value.into()) });
    }
    let names = names.into_iter().map(|name| Name { text: name.to_owned(), span: Span::default() });
    Expr::Flags(names.collect(), Span::default())
}

/// The flags of both sets; `None` if one of them is known only when the guest runs.
pub(super) fn union(one: &Expr, other: &Expr, ty: &Type) -> Option<Expr> {
    Some(set(bits_of(one, ty)? | bits_of(other, ty)?, ty))
}

/// Simpler flags: none, one half of them, all but one of them, a lower one; and the same in words.
pub(super) fn simpler_set(expr: &Expr, ty: &Type) -> Vec<Expr> {
    let Some(value) = value(expr, ty) else { return vec![Expr::Int(Int::new(0))] };
    let bits = bits(value, ty);
    let single: Vec<u64> = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| bits & bit != 0).collect();
    let mut out = vec![0, bits & ty.all_flags()];
    let mut size = single.len() / 2;
    while size > 1 {
        out.extend(single.chunks(size).map(|chunk| bits & !chunk.iter().sum::<u64>()));
        size /= 2;
    }
    out.extend(single.iter().map(|bit| bits & !bit));
    if let [only] = single.as_slice() {
        out.extend((0..only.trailing_zeros()).map(|bit| 1 << bit));
    }
    out.push(bits);
    out.into_iter().map(|bits| set(bits, ty)).collect()
}

/// Simpler cases of an enum: each that has a name, and smaller numbers that have none.
pub(super) fn simpler_case(expr: &Expr, ty: &Type) -> Vec<Expr> {
    let Shape::Enum { cases, .. } = &ty.shape else { return Vec::new() };
    let named = |name: &str| Expr::Name(Name { text: name.to_owned(), span: Span::default() });
    let mut out: Vec<Expr> = cases.iter().map(|case| named(case.name)).collect();
    match expr {
        Expr::Int(int) => {
            out.extend(u64::try_from(int.value).ok().and_then(|value| ty.case_name(value)).map(named));
            // the first number that stands for nothing is the boundary
            out.push(Expr::Int(Int::new(cases.len() as i128)));
            out.extend(numbers::smaller(int.value).into_iter().map(|value| Expr::Int(Int::new(value))));
        }
        Expr::Name(_) | Expr::Flags(..) | Expr::Field(..) | Expr::Next(..) | Expr::Offset(..) => {}
    }
    out
}

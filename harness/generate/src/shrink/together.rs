//! Numbers and lengths that must stay equal, or stay as far from each other, made smaller together.

use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{Arg, Args, Call, Expr, Int, Literal, Statement};
use touchstone_model::world::NodeKind;
use touchstone_spec::Shape;

use super::numbers;
use crate::Sample;

/// Numbers from this one on stand nowhere twice by chance, and single steps lead far enough below it.
const SMALLEST: i128 = 2;

/// The samples in which every number and length that has some value has the same smaller one, and those in which all numbers
/// and lengths from some value on are smaller by as much.
pub(super) fn steps(sample: &Sample) -> Vec<Sample> {
    let mut values = Vec::new();
    each(&mut sample.clone(), &mut |value| {
        values.push(value);
        value
    });
    values.sort_unstable();
    values.dedup();
    let mut out = Vec::new();
    for value in values.into_iter().rev().filter(|value| *value >= SMALLEST) {
        for smaller in numbers::smaller(value).into_iter().filter(|smaller| (0..value).contains(smaller)) {
            out.push(with(sample, &|other| if other == value { smaller } else { other }));
            let by = value - smaller;
            out.push(with(sample, &|other| if other >= value { other - by } else { other }));
        }
    }
    out
}

fn with(sample: &Sample, change: &dyn Fn(i128) -> i128) -> Sample {
    let mut out = sample.clone();
    each(&mut out, &mut |value| change(value));
    out
}

/// Puts every number and every length through `change`.
fn each(sample: &mut Sample, change: &mut dyn FnMut(i128) -> i128) {
    for statement in &mut sample.script.statements {
        if let Statement::Call(Call { function, args: Args::Typed(args), .. }) = statement {
            let params = params::written(*function);
            args.iter_mut().zip(params).for_each(|(arg, param)| each_of(arg, param.kind, change));
        }
    }
    shorten(&mut sample.world.stdin.bytes, change);
    for node in sample.world.preopens.iter_mut().flat_map(|preopen| preopen.tree.0.values_mut()) {
        match &mut node.kind {
            NodeKind::File(bytes) => shorten(bytes, change),
            NodeKind::Filled(count) => *count = u32::try_from(change((*count).into())).unwrap_or(*count),
            NodeKind::Directory | NodeKind::Symlink(_) | NodeKind::HardLink(_) => {}
        }
    }
}

fn each_of(arg: &mut Arg, kind: Kind, change: &mut dyn FnMut(i128) -> i128) {
    match arg {
        Arg::Expr(expr) if !is_name(kind) => number(expr, change),
        Arg::List(items, _) => items.iter_mut().for_each(|item| number(item, change)),
        Arg::Literal(literal) if matches!(kind, Kind::Gather) => length(literal, change),
        Arg::Literals(literals, _) => literals.iter_mut().for_each(|literal| length(literal, change)),
        Arg::Expr(_) | Arg::Literal(_) | Arg::Subscriptions(..) => {}
    }
}

/// Whether a number of that kind stands for something else than how much or where.
fn is_name(kind: Kind) -> bool {
    matches!(kind, Kind::Scalar(ty) if matches!(ty.shape, Shape::Handle | Shape::Enum { .. } | Shape::Flags { .. }))
}

fn number(expr: &mut Expr, change: &mut dyn FnMut(i128) -> i128) {
    if let Expr::Int(int) = expr {
        let new = change(int.value);
        if new != int.value {
            *int = Int::new(new);
        }
    }
}

fn length(literal: &mut Literal, change: &mut dyn FnMut(i128) -> i128) {
    let mut bytes = literal.bytes();
    let before = bytes.len();
    shorten(&mut bytes, change);
    if bytes.len() != before {
        *literal = Literal::new(&bytes);
    }
}

fn shorten(bytes: &mut Vec<u8>, change: &mut dyn FnMut(i128) -> i128) {
    let new = change(bytes.len() as i128);
    bytes.truncate(usize::try_from(new).unwrap_or(usize::MAX));
}

//! Fewer statements.
//!
//! The delta debugging of A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on
//! Software Engineering 28(2), 2002: `ddmin`, with complements only. Statements hang together, which it knows nothing of: what uses a
//! statement that goes away goes with it, or is given something else to use.

use std::collections::BTreeSet;

use touchstone_model::script::check::core_types;
use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{Arg, Args, BufferInit, Call, Expr, Int, Literal, Name, Script, Span, Statement};
use touchstone_spec::{Function, Shape, Type};

use super::search::Search;
use super::{flags, names};
use crate::Sample;

/// Statements up to which every pair is tried: what one of them does, the other may undo.
const PAIRED_STATEMENTS: usize = 24;

/// Takes statements away until none can be missed.
pub(super) fn reduce(search: &mut Search<'_>) {
    ddmin(search);
    search.run(one_less);
    search.run(two_less);
}

/// Takes away one of 2 parts, of 4, of 8, …, until parts are single statements.
fn ddmin(search: &mut Search<'_>) {
    let mut parts = 2;
    loop {
        let count = search.best().script.statements.len();
        let size = count.div_ceil(parts).max(1);
        let found = (0..count).step_by(size).any(|start| {
            let gone: BTreeSet<usize> = (start..(start + size).min(count)).collect();
            removals(search.best(), &gone, &[]).into_iter().any(|candidate| search.offer(candidate))
        });
        if found {
            parts = (parts - 1).max(2);
        } else if size == 1 {
            return;
        } else {
            parts *= 2;
        }
    }
}

/// Every sample with one statement less, in all ways to do without it.
fn one_less(sample: &Sample) -> Vec<Sample> {
    let mut out = Vec::new();
    for at in 0..sample.script.statements.len() {
        out.extend(removals(sample, &BTreeSet::from([at]), &replacements(sample, at)));
        out.extend(inlined(sample, at));
        out.extend((0..at).filter_map(|first| opened_once(sample, first, at)));
    }
    out
}

/// Every sample with two statements less, and what uses them.
fn two_less(sample: &Sample) -> Vec<Sample> {
    let count = sample.script.statements.len();
    if count > PAIRED_STATEMENTS {
        return Vec::new();
    }
    let pairs = (0..count).flat_map(|first| (first + 1..count).map(move |second| BTreeSet::from([first, second])));
    pairs.flat_map(|gone| removals(sample, &gone, &[])).collect()
}

/// What can stand in for a descriptor that is not opened any more: every other one that there is.
fn replacements(sample: &Sample, at: usize) -> Vec<String> {
    let preopens = sample.world.preopens.iter().map(|preopen| preopen.name.clone());
    let stdio = ["stdin", "stdout", "stderr"].map(str::to_owned);
    preopens.chain(names::descriptors(&sample.script, at)).chain(stdio).collect()
}

/// The samples without some statements: what uses them is gone as well, or uses one of `others`, or a number.
fn removals(sample: &Sample, gone: &BTreeSet<usize>, others: &[String]) -> Vec<Sample> {
    let uses = names::uses(&sample.script);
    let mut all = gone.clone();
    for (at, used) in uses.iter().enumerate() {
        if used.iter().any(|used| all.contains(used)) {
            all.insert(at);
        }
    }
    let mut out = vec![without(sample, &all)];
    if all.len() > gone.len() {
        let first = sample.world.preopens.first().map(|preopen| preopen.name.clone());
        let others = if others.is_empty() { Vec::from_iter(first) } else { others.to_vec() };
        out.extend(others.iter().map(|other| without(&replaced(sample, gone, other), gone)));
    }
    out
}

fn without(sample: &Sample, gone: &BTreeSet<usize>) -> Sample {
    let statements = sample.script.statements.iter().enumerate();
    let statements = statements.filter(|(at, _)| !gone.contains(at)).map(|(_, statement)| statement.clone());
    Sample { world: sample.world.clone(), script: Script { statements: statements.collect() } }
}

/// The sample in which nothing uses some statements: descriptors are another one, everything else is 0.
fn replaced(sample: &Sample, gone: &BTreeSet<usize>, other: &str) -> Sample {
    let mut out = sample.clone();
    let uses = names::uses(&sample.script);
    for (at, statement) in out.script.statements.iter_mut().enumerate() {
        let given = uses[at].iter().filter(|used| gone.contains(used));
        let lost: Vec<&str> = given.filter_map(|used| given_name(&sample.script.statements[*used])).collect();
        if !lost.is_empty() {
            replace(statement, &lost, other);
        }
    }
    out
}

/// The name that a statement gives to what it makes.
fn given_name(statement: &Statement) -> Option<&str> {
    match statement {
        Statement::Buffer(buffer) => Some(&buffer.name.text),
        Statement::Call(call) => call.bind.as_ref().map(|name| name.text.as_str()),
        Statement::Comment(_) => None,
    }
}

fn replace(statement: &mut Statement, lost: &[&str], other: &str) {
    match statement {
        Statement::Comment(_) => {}
        Statement::Buffer(buffer) => {
            if let BufferInit::Words(words) = &mut buffer.init {
                words.iter_mut().for_each(|word| replace_expr(word, None, lost, other));
            }
        }
        Statement::Call(call) => match &mut call.args {
            Args::Raw(args) => {
                args.iter_mut().zip(core_types(call.function)).for_each(|(arg, ty)| replace_expr(arg, ty, lost, other));
            }
            Args::Typed(args) => {
                let params = params::written(call.function);
                for (arg, param) in args.iter_mut().zip(params) {
                    if let (Arg::Expr(expr), Kind::Scalar(ty)) = (arg, param.kind) {
                        replace_expr(expr, Some(ty), lost, other);
                    }
                }
            }
        },
    }
}

fn replace_expr(expr: &mut Expr, ty: Option<&Type>, lost: &[&str], other: &str) {
    let name = match expr {
        Expr::Name(name) | Expr::Field(name, _) | Expr::Next(name, ..) => name,
        Expr::Offset(base, _) => return replace_expr(base, ty, lost, other),
        Expr::Int(_) | Expr::Flags(..) => return,
    };
    if lost.contains(&name.text.as_str()) {
        *expr = match ty.map(|ty| &ty.shape) {
            Some(Shape::Handle) => Expr::Name(Name { text: other.to_owned(), span: Span::default() }),
            _ => Expr::Int(Int::new(0)),
        };
    }
}

/// Without the call that opened a directory: paths that started there start where it was opened, and name it first.
fn inlined(sample: &Sample, at: usize) -> Option<Sample> {
    let Statement::Call(Call { bind: Some(_), function: Function::PathOpen, args: Args::Typed(args), .. }) = &sample.script.statements[at]
    else {
        return None;
    };
    let [Arg::Expr(base), _, Arg::Literal(prefix), ..] = args.as_slice() else { return None };
    let uses = names::uses(&sample.script);
    let mut out = sample.clone();
    for (user, statement) in out.script.statements.iter_mut().enumerate() {
        let (true, Statement::Call(call)) = (uses[user].contains(&at), statement) else { continue };
        prefix_paths(call, given_name(&sample.script.statements[at])?, base, prefix);
    }
    Some(without(&out, &BTreeSet::from([at])))
}

/// With one open descriptor in place of two: the first has all rights and flags of both.
fn opened_once(sample: &Sample, first: usize, second: usize) -> Option<Sample> {
    let mut out = sample.clone();
    let [Statement::Call(one), Statement::Call(other)] = [&sample.script.statements[first], &sample.script.statements[second]] else {
        return None;
    };
    let (Function::PathOpen, Function::PathOpen, Args::Typed(args)) = (one.function, other.function, &other.args) else { return None };
    if let Statement::Call(Call { args: Args::Typed(both), .. }) = &mut out.script.statements[first] {
        let params = params::written(one.function);
        for ((arg, more), param) in both.iter_mut().zip(args).zip(params) {
            if let (Arg::Expr(arg), Arg::Expr(more), Kind::Scalar(ty), false) = (arg, more, param.kind, param.name == "oflags") {
                *arg = flags::union(arg, more, ty).unwrap_or_else(|| arg.clone());
            }
        }
    }
    let gone = BTreeSet::from([second]);
    let name = one.bind.as_ref()?;
    Some(without(&replaced(&out, &gone, &name.text), &gone))
}

fn prefix_paths(call: &mut Call, directory: &str, base: &Expr, prefix: &Literal) {
    let Args::Typed(args) = &mut call.args else { return };
    for (descriptor, path) in names::paths(call.function) {
        let Some(descriptor) = descriptor else { continue };
        if let (Arg::Expr(Expr::Name(name)), Arg::Literal(literal)) = (&args[descriptor], &args[path])
            && name.text == directory
        {
            let joined = [prefix.bytes(), literal.bytes()].join(&b'/');
            args[path] = Arg::Literal(Literal::new(&joined));
            args[descriptor] = Arg::Expr(base.clone());
        }
    }
}

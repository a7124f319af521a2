//! Variables and buffers: which statement a name means, and the names that they have in the end.

use std::collections::BTreeMap;

use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{Arg, Args, BufferInit, Call, Expr, Name, Script, Span, Statement, SubscriptionKind};
use touchstone_spec::{Function, Shape};

use crate::Sample;

/// Calls `visit` with every name that stands where a variable or a buffer may stand.
pub(super) fn visit(statement: &mut Statement, visit: &mut dyn FnMut(&mut Name)) {
    match statement {
        Statement::Comment(_) => {}
        Statement::Buffer(buffer) => {
            if let BufferInit::Words(words) = &mut buffer.init {
                words.iter_mut().for_each(|word| visit_expr(word, visit));
            }
        }
        Statement::Call(Call { args: Args::Raw(args), .. }) => args.iter_mut().for_each(|arg| visit_expr(arg, visit)),
        Statement::Call(Call { args: Args::Typed(args), .. }) => args.iter_mut().for_each(|arg| visit_arg(arg, visit)),
    }
}

fn visit_arg(arg: &mut Arg, visit: &mut dyn FnMut(&mut Name)) {
    match arg {
        Arg::Expr(expr) => visit_expr(expr, visit),
        Arg::List(items, _) => items.iter_mut().for_each(|item| visit_expr(item, visit)),
        Arg::Literal(_) | Arg::Literals(..) => {}
        Arg::Subscriptions(items, _) => {
            for item in items {
                match &mut item.kind {
                    SubscriptionKind::Clock(clock) => {
                        let exprs = [&mut clock.id, &mut clock.timeout, &mut clock.precision, &mut clock.flags];
                        exprs.into_iter().for_each(|expr| visit_expr(expr, visit));
                    }
                    SubscriptionKind::FdRead(fd) | SubscriptionKind::FdWrite(fd) => visit_expr(fd, visit),
                }
                item.userdata.iter_mut().for_each(|userdata| visit_expr(userdata, visit));
            }
        }
    }
}

fn visit_expr(expr: &mut Expr, visit: &mut dyn FnMut(&mut Name)) {
    match expr {
        Expr::Int(_) | Expr::Flags(..) => {}
        Expr::Name(name) | Expr::Field(name, _) | Expr::Next(name, ..) => visit(name),
        Expr::Offset(base, _) => visit_expr(base, visit),
    }
}

/// Which statements give the names that each statement uses.
pub(super) fn uses(script: &Script) -> Vec<Vec<usize>> {
    let mut known = Known::default();
    let mut out = Vec::new();
    for (at, statement) in script.statements.iter().enumerate() {
        let mut used = Vec::new();
        visit(&mut statement.clone(), &mut |name| used.extend(known.get(&name.text).copied()));
        out.push(used);
        known.enter(statement, at);
    }
    out
}

/// What the names of a script mean at some point: a variable hides a buffer.
#[derive(Default)]
struct Known<T> {
    variables: BTreeMap<String, T>,
    buffers: BTreeMap<String, T>,
}

impl<T> Known<T> {
    fn get(&self, name: &str) -> Option<&T> {
        self.variables.get(name).or_else(|| self.buffers.get(name))
    }

    fn enter(&mut self, statement: &Statement, value: T) {
        match statement {
            Statement::Comment(_) | Statement::Call(Call { bind: None, .. }) => {}
            Statement::Buffer(buffer) => drop(self.buffers.insert(buffer.name.text.clone(), value)),
            Statement::Call(Call { bind: Some(name), .. }) => drop(self.variables.insert(name.text.clone(), value)),
        }
    }
}

/// The variables that hold a descriptor before a statement, the earliest first.
pub(super) fn descriptors(script: &Script, before: usize) -> Vec<String> {
    let mut known = Known::default();
    let mut out: Vec<String> = Vec::new();
    for statement in &script.statements[..before] {
        known.enter(statement, holds_descriptor(statement));
        if let Statement::Call(Call { bind: Some(name), .. }) = statement {
            out.retain(|known| *known != name.text);
            out.push(name.text.clone());
        }
    }
    out.retain(|name| known.get(name) == Some(&true));
    out
}

fn holds_descriptor(statement: &Statement) -> bool {
    let Statement::Call(call) = statement else { return false };
    matches!(call.function.results().first().map(|result| &result.ty.shape), Some(Shape::Handle))
}

/// The script with expectations, comments and unused variables gone, and everything called as one would call it.
pub(super) fn steps(sample: &Sample) -> Vec<Sample> {
    let with = |script: Script| Sample { world: sample.world.clone(), script };
    let mut silent = sample.script.clone();
    silent.statements.retain(|statement| !matches!(statement, Statement::Comment(_)));
    for statement in &mut silent.statements {
        if let Statement::Call(call) = statement {
            call.expect.clear();
        }
    }
    let unbound = unbound(&silent);
    let renamed = renamed(&unbound, &sample.world.preopens.iter().map(|preopen| preopen.name.as_str()).collect::<Vec<_>>());
    vec![with(silent), with(unbound), with(renamed)]
}

/// Without the variables that nothing uses.
fn unbound(script: &Script) -> Script {
    let used: Vec<usize> = uses(script).concat();
    let mut out = script.clone();
    for (at, statement) in out.statements.iter_mut().enumerate() {
        if let (Statement::Call(call), false) = (statement, used.contains(&at)) {
            call.bind = None;
        }
    }
    out
}

/// The first letters for what each kind of statement gives, the most usual first.
fn letters(statement: &Statement) -> &'static str {
    match statement {
        Statement::Buffer(_) => "bcxyzw",
        Statement::Call(Call { function: Function::FdReaddir, .. }) => "delt",
        Statement::Call(_) if holds_descriptor(statement) => "fghijk",
        Statement::Call(_) | Statement::Comment(_) => "nmopqrs",
    }
}

/// Everything called by one letter that says what it is: `f`, `g`, … are descriptors.
fn renamed(script: &Script, preopens: &[&str]) -> Script {
    let mut out = script.clone();
    let mut known: Known<String> = Known::default();
    let mut taken: Vec<String> = preopens.iter().map(|name| (*name).to_owned()).collect();
    for (old, statement) in script.statements.iter().zip(&mut out.statements) {
        visit(statement, &mut |name| {
            if let Some(new) = known.get(&name.text) {
                name.text.clone_from(new);
            }
        });
        let new = free(letters(old), &taken);
        let gives = match statement {
            Statement::Buffer(buffer) => Some(&mut buffer.name),
            Statement::Call(call) => call.bind.as_mut(),
            Statement::Comment(_) => None,
        };
        if let Some(name) = gives {
            *name = Name { text: new.clone(), span: Span::default() };
            taken.push(new.clone());
            known.enter(old, new);
        }
    }
    out
}

/// The first letter that is not taken; with a number behind it when all are.
fn free(letters: &str, taken: &[String]) -> String {
    let plain = letters.chars().map(String::from);
    let numbered = (2..).flat_map(|number| letters.chars().map(move |letter| format!("{letter}{number}")));
    plain.chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

/// Where the texts of a call stand that are paths, each with the place of the descriptor that it starts from.
pub(super) fn paths(function: Function) -> Vec<(Option<usize>, usize)> {
    let mut descriptor = None;
    let mut out = Vec::new();
    for (at, param) in params::written(function).enumerate() {
        match param.kind {
            Kind::Scalar(ty) if matches!(ty.shape, Shape::Handle) => descriptor = Some(at),
            Kind::Text => out.push((descriptor, at)),
            Kind::Scalar(_) | Kind::Gather | Kind::Scatter | Kind::Buffer | Kind::Subscriptions | Kind::Strings => {}
        }
    }
    out
}

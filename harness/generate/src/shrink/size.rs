//! Which of two samples is the smaller one.
//!
//! A total order: what a reader has to understand comes first (statements, things in the world), then how long and how large what
//! stands in them is, then the text itself. Every step leads downwards in it, so that no two of them can undo each other for ever.

use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{Arg, Args, BufferInit, Call, Expr, Literal, Script, Statement, Subscription, SubscriptionKind};
use touchstone_model::world::{Access, Node, NodeKind, Preopen, Socket, StdioKind, Stdout, Then, World};
use touchstone_spec::{Shape, Type, type_by_name};

use super::flags;
use crate::Sample;

/// How large a sample is. The fields are compared in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Size {
    statements: usize,
    /// Statements that are no typed call.
    unusual: usize,
    /// Everything in the world that the world of a case that says nothing has not.
    things: usize,
    /// How long what stands in calls and world is: bits of numbers, bytes of texts, elements of lists.
    weight: u64,
    /// The sum of all numbers.
    magnitude: u128,
    characters: usize,
    text: String,
}

/// What a number weighs that is known only when the guest runs: more than any constant.
const UNKNOWN: u64 = 80;

impl Size {
    pub(super) fn of(sample: &Sample) -> Size {
        let Sample { world, script } = sample;
        let mut meter = Meter { world, weight: 0, magnitude: 0 };
        script.statements.iter().for_each(|statement| meter.statement(statement));
        let things = meter.world(world);
        let text = format!("{script}{world:?}");
        Size {
            statements: script.statements.len(),
            unusual: unusual(script),
            things,
            weight: meter.weight,
            magnitude: meter.magnitude,
            characters: text.len(),
            text,
        }
    }
}

fn unusual(script: &Script) -> usize {
    let usual = |statement: &&Statement| matches!(statement, Statement::Call(Call { args: Args::Typed(_), .. }));
    script.statements.len() - script.statements.iter().filter(usual).count()
}

struct Meter<'a> {
    world: &'a World,
    weight: u64,
    magnitude: u128,
}

impl Meter<'_> {
    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Comment(_) => {}
            Statement::Buffer(buffer) => match &buffer.init {
                BufferInit::Zero(len) => self.number(len.value),
                BufferInit::Bytes(literal) => self.literal(literal),
                BufferInit::Words(words) => self.exprs(words, None),
            },
            Statement::Call(call) => {
                self.weight += u64::from(call.bind.is_some()) + call.expect.len() as u64;
                match &call.args {
                    Args::Raw(args) => {
                        let types = touchstone_model::script::check::core_types(call.function);
                        args.iter().zip(types).for_each(|(arg, ty)| self.expr(arg, ty));
                    }
                    Args::Typed(args) => {
                        let params = params::written(call.function);
                        args.iter().zip(params).for_each(|(arg, param)| self.arg(arg, param.kind));
                    }
                }
            }
        }
    }

    fn arg(&mut self, arg: &Arg, kind: Kind) {
        match (arg, kind) {
            (Arg::Expr(expr), Kind::Scalar(ty)) => self.expr(expr, Some(ty)),
            (Arg::Expr(expr), Kind::Scatter) => self.exprs(std::slice::from_ref(expr), None),
            (Arg::Expr(expr), _) => self.expr(expr, None),
            (Arg::Literal(literal), Kind::Gather) => self.literals(std::slice::from_ref(literal)),
            (Arg::Literal(literal), _) => self.literal(literal),
            (Arg::Literals(literals, _), _) => self.literals(literals),
            (Arg::List(items, _), _) => self.exprs(items, None),
            (Arg::Subscriptions(items, _), _) => items.iter().for_each(|item| self.subscription(item)),
        }
    }

    fn subscription(&mut self, item: &Subscription) {
        self.weight += 4;
        match &item.kind {
            SubscriptionKind::Clock(clock) => {
                let fields = [
                    (&clock.id, "clockid"),
                    (&clock.timeout, "timestamp"),
                    (&clock.precision, "timestamp"),
                    (&clock.flags, "subclockflags"),
                ];
                fields.into_iter().for_each(|(expr, ty)| self.expr(expr, type_by_name(ty)));
            }
            SubscriptionKind::FdRead(fd) | SubscriptionKind::FdWrite(fd) => self.expr(fd, type_by_name("fd")),
        }
        if let Some(userdata) = &item.userdata {
            self.weight += 1;
            self.expr(userdata, type_by_name("userdata"));
        }
    }

    fn literals(&mut self, literals: &[Literal]) {
        self.weight += literals.len() as u64;
        literals.iter().for_each(|literal| self.literal(literal));
    }

    fn exprs(&mut self, items: &[Expr], ty: Option<&'static Type>) {
        self.weight += items.len() as u64;
        items.iter().for_each(|item| self.expr(item, ty));
    }

    fn expr(&mut self, expr: &Expr, ty: Option<&'static Type>) {
        let case = |name: &str| ty.and_then(|ty| ty.case_value(name));
        if let Some(bits) = ty.and_then(|ty| flags::bits_of(expr, ty)) {
            self.weight += ty.map_or(0, |ty| flags::weight(bits, ty));
            self.magnitude = self.magnitude.saturating_add(bits.into());
            return;
        }
        match (expr, ty.map(|ty| &ty.shape)) {
            (Expr::Int(int), Some(_)) if ty.and_then(|ty| ty.name) == Some("dircookie") && int.value != 0 => {
                self.weight += UNKNOWN;
                self.number(int.value);
            }
            // what a listing gave is what one goes on with
            (Expr::Next(..), Some(_)) if ty.and_then(|ty| ty.name) == Some("dircookie") => self.weight += 1,
            (Expr::Int(int), Some(Shape::Handle | Shape::Enum { .. })) => {
                self.weight += UNKNOWN;
                self.number(int.value);
            }
            (Expr::Int(int), _) => self.number(int.value),
            (Expr::Flags(names, _), _) => self.weight += names.len() as u64,
            (Expr::Name(name), Some(Shape::Handle)) => self.weight += self.handle(&name.text),
            (Expr::Name(name), Some(Shape::Enum { .. })) => self.weight += case(&name.text).unwrap_or(UNKNOWN),
            (Expr::Name(_), _) => self.weight += UNKNOWN,
            (Expr::Field(..) | Expr::Next(..), _) => self.weight += UNKNOWN + 1,
            (Expr::Offset(base, by), _) => {
                self.expr(base, ty);
                self.weight += 1;
                self.number((*by).into());
            }
        }
    }

    /// The name of a descriptor: preopens are there without a call, others are what a call opened.
    fn handle(&self, name: &str) -> u64 {
        match name {
            _ if self.world.preopens.iter().any(|preopen| preopen.name == name) => 1,
            "stdin" => 3,
            "stdout" => 4,
            "stderr" => 5,
            _ => 2,
        }
    }

    fn number(&mut self, value: i128) {
        let bits = u128::BITS - value.unsigned_abs().leading_zeros();
        self.weight += u64::from(bits) + u64::from(value < 0);
        self.magnitude = self.magnitude.saturating_add(value.unsigned_abs());
    }

    fn literal(&mut self, literal: &Literal) {
        for (bytes, times) in &literal.pieces {
            self.weight += weight_of(bytes).saturating_mul((*times).into());
        }
    }

    /// Adds the weights of what a world holds, and counts it.
    fn world(&mut self, world: &World) -> usize {
        let World { args, env, stdin, stdout, preopens, calls, sockets, times_unknown } = world;
        let default = World::default();
        let mut things = env.len();
        if *args != default.args {
            things += args.len() + 1;
            self.weight += args.iter().map(|arg| weight_of(arg.as_bytes())).sum::<u64>();
        }
        self.weight += env.iter().map(|(key, value)| weight_of(key.as_bytes()) + weight_of(value.as_bytes())).sum::<u64>();
        self.weight += weight_of(&stdin.bytes);
        if let Stdout::Appended(bytes) = stdout {
            self.weight += weight_of(bytes);
        }
        let peers = sockets.iter().flat_map(Socket::connections);
        self.weight += peers.map(|(_, peer)| weight_of(&peer.sends) + u64::from(peer.then != Then::default())).sum::<u64>();
        things += calls.len() + sockets.iter().map(|socket| 1 + socket.connections().len()).sum::<usize>();
        let unusual = [
            !stdin.bytes.is_empty(),
            stdin.open,
            stdin.kind != StdioKind::Pipe,
            *stdout != Stdout::Pipe,
            matches!(stdout, Stdout::Appended(_) | Stdout::Broken | Stdout::Stuck | Stdout::Full | Stdout::Null),
            *times_unknown,
        ];
        things += unusual.into_iter().filter(|unusual| *unusual).count();
        // no preopen at all is the exception
        things += if preopens.is_empty() { 2 } else { preopens.len() };
        things + preopens.iter().map(|preopen| self.preopen(preopen)).sum::<usize>()
    }

    fn preopen(&mut self, preopen: &Preopen) -> usize {
        let Preopen { name, guest, access, tree, within } = preopen;
        let is_default = guest.strip_prefix('/') == Some(name);
        let is_usual = name == "root" || self.world.preopens.len() > 1;
        let unusual = [!is_usual, !is_default, *access == Access::ReadOnly, within.is_some()];
        tree.0.iter().for_each(|(path, node)| self.node(path, node));
        let set: usize = tree.0.values().map(|node| usize::from(node.mode.is_some()) + usize::from(node.mtime.is_some())).sum();
        unusual.into_iter().filter(|unusual| *unusual).count() + tree.0.len() + set
    }

    fn node(&mut self, path: &str, node: &Node) {
        self.weight += weight_of(path.as_bytes());
        match &node.kind {
            NodeKind::File(bytes) => self.weight += weight_of(bytes),
            NodeKind::Directory => self.weight += 1,
            NodeKind::Symlink(target) => self.weight += 2 + weight_of(target.as_bytes()),
            NodeKind::HardLink(target) => self.weight += 3 + weight_of(target.as_bytes()),
            NodeKind::Filled(count) => {
                self.weight += 4;
                self.number((*count).into());
            }
        }
        node.mode.iter().for_each(|mode| self.number((*mode).into()));
        node.mtime.iter().for_each(|mtime| self.number((*mtime).into()));
    }
}

/// What bytes weigh: lower-case letters are what a reader looks at least.
fn weight_of(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| if byte.is_ascii_lowercase() { 2 } else { 3 }).sum()
}

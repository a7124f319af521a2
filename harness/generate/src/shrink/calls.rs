//! Simpler calls and buffers, one argument at a time.

use touchstone_model::script::check::core_types;
use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{
    Arg, Args, Buffer, BufferInit, Call, ClockArgs, Expr, Int, Literal, Name, Span, Statement, Subscription, SubscriptionKind,
};
use touchstone_spec::{Function, Shape, Type, type_by_name};

use super::search::Search;
use super::{flags, names, numbers, text, typed as typed_call};
use crate::Sample;

/// Paths of the tree that are tried in place of another path.
const TREE_PATHS: usize = 16;

/// Makes every statement simpler, the last one first: it is most often the one that shows it.
pub(super) fn reduce(search: &mut Search<'_>) {
    for at in (0..search.best().script.statements.len()).rev() {
        search.run(|sample| steps(sample, at));
    }
}

/// The samples in which one raw call is a typed one.
pub(super) fn typed(sample: &Sample) -> Vec<Sample> {
    let mut out = Vec::new();
    for (at, statement) in sample.script.statements.iter().enumerate() {
        if let Statement::Call(call) = statement
            && let Some(args) = typed_call::typed(call, &sample.script)
        {
            let mut sample = sample.clone();
            sample.script.statements[at] = Statement::Call(Call { args: Args::Typed(args), ..call.clone() });
            out.push(sample);
        }
    }
    out
}

/// The samples in which one statement is simpler.
fn steps(sample: &Sample, at: usize) -> Vec<Sample> {
    let around = Around::new(sample, at);
    let simpler = match &sample.script.statements[at] {
        Statement::Comment(_) => Vec::new(),
        Statement::Buffer(buffer) => simpler_buffer(buffer, &around),
        Statement::Call(call) => simpler_call(call, &around),
    };
    let with = |statement| {
        let mut out = sample.clone();
        out.script.statements[at] = statement;
        out
    };
    simpler.into_iter().map(with).collect()
}

/// What a statement can use.
struct Around {
    descriptors: Vec<String>,
    paths: Vec<String>,
}

impl Around {
    fn new(sample: &Sample, at: usize) -> Around {
        let preopens = sample.world.preopens.iter();
        let paths = preopens.clone().flat_map(|preopen| preopen.tree.0.keys().cloned()).take(TREE_PATHS).collect();
        let stdio = ["stdin", "stdout", "stderr"].map(str::to_owned);
        let opened = names::descriptors(&sample.script, at);
        Around { descriptors: preopens.map(|preopen| preopen.name.clone()).chain(opened).chain(stdio).collect(), paths }
    }
}

fn int(value: i128) -> Expr {
    Expr::Int(Int::new(value))
}

fn named(name: &str) -> Expr {
    Expr::Name(Name { text: name.to_owned(), span: Span::default() })
}

/// Every list with one item gone, then every list with one item simpler.
fn simpler_list<T: Clone>(items: &[T], simpler: impl Fn(&T) -> Vec<T>) -> Vec<Vec<T>> {
    let mut out = vec![Vec::new()];
    if items.len() > 3 {
        let (first, second) = items.split_at(items.len() / 2);
        out.extend([first.to_vec(), second.to_vec()]);
    }
    out.extend((0..items.len()).map(|at| [&items[..at], &items[at + 1..]].concat()));
    for (at, item) in items.iter().enumerate() {
        out.extend(simpler(item).into_iter().map(|item| [&items[..at], &[item], &items[at + 1..]].concat()));
    }
    out
}

fn simpler_buffer(buffer: &Buffer, around: &Around) -> Vec<Statement> {
    let inits: Vec<BufferInit> = match &buffer.init {
        BufferInit::Zero(len) => numbers::smaller(len.value).into_iter().map(|len| BufferInit::Zero(Int::new(len))).collect(),
        BufferInit::Bytes(literal) => text::simpler_literal(literal, false).into_iter().map(BufferInit::Bytes).collect(),
        BufferInit::Words(words) => {
            simpler_list(words, |word| simpler_scalar(word, None, around)).into_iter().map(BufferInit::Words).collect()
        }
    };
    inits.into_iter().map(|init| Statement::Buffer(Buffer { name: buffer.name.clone(), init })).collect()
}

fn simpler_call(call: &Call, around: &Around) -> Vec<Statement> {
    let mut out = Vec::new();
    match &call.args {
        Args::Raw(args) => {
            for (at, ty) in core_types(call.function).into_iter().enumerate() {
                out.extend(simpler_scalar(&args[at], ty, around).into_iter().map(|arg| {
                    let mut args = args.clone();
                    args[at] = arg;
                    Args::Raw(args)
                }));
            }
        }
        Args::Typed(args) => {
            for (at, param) in params::written(call.function).enumerate() {
                out.extend(simpler_arg(&args[at], param.kind, around).into_iter().map(|arg| {
                    let mut args = args.clone();
                    args[at] = arg;
                    Args::Typed(args)
                }));
            }
            out.extend(swapped(call.function, args).into_iter().map(Args::Typed));
        }
    }
    out.into_iter().map(|args| Statement::Call(Call { args, ..call.clone() })).collect()
}

/// Every two descriptors and every two paths with their places changed: of two orders that both do, the one that is first in the
/// alphabet is left.
fn swapped(function: Function, args: &[Arg]) -> Vec<Vec<Arg>> {
    let params: Vec<params::ScriptParam> = params::written(function).collect();
    let is_handle = |at: usize| matches!(params[at].kind, Kind::Scalar(ty) if matches!(ty.shape, Shape::Handle));
    let is_text = |at: usize| matches!(params[at].kind, Kind::Text);
    let pairs = (0..args.len()).flat_map(|first| (first + 1..args.len()).map(move |second| (first, second)));
    let alike = pairs.filter(|(first, second)| is_handle(*first) && is_handle(*second) || is_text(*first) && is_text(*second));
    let swap = |(first, second)| {
        let mut args = args.to_vec();
        args.swap(first, second);
        args
    };
    alike.map(swap).collect()
}

fn simpler_arg(arg: &Arg, kind: Kind, around: &Around) -> Vec<Arg> {
    match (arg, kind) {
        (Arg::Expr(expr), Kind::Scalar(ty)) => simpler_scalar(expr, Some(ty), around).into_iter().map(Arg::Expr).collect(),
        (Arg::Expr(expr), Kind::Scatter) => scatter(std::slice::from_ref(expr), around),
        (Arg::Expr(expr), _) => simpler_scalar(expr, None, around).into_iter().map(Arg::Expr).collect(),
        (Arg::Literal(literal), Kind::Gather) => gather(std::slice::from_ref(literal)),
        (Arg::Literal(literal), _) => {
            let known = around.paths.iter().map(|path| Literal::new(path.as_bytes()));
            text::simpler_literal(literal, true).into_iter().chain(known).map(Arg::Literal).collect()
        }
        (Arg::Literals(literals, _), _) => gather(literals),
        (Arg::List(items, _), _) => scatter(items, around),
        (Arg::Subscriptions(items, _), _) => {
            let lists = simpler_list(items, |item| simpler_subscription(item, around));
            lists.into_iter().map(|items| Arg::Subscriptions(items, Span::default())).collect()
        }
    }
}

/// Fewer and shorter pieces to write; one piece stands without brackets.
fn gather(literals: &[Literal]) -> Vec<Arg> {
    let lists = simpler_list(literals, |literal| text::simpler_literal(literal, false)).into_iter().chain([literals.to_vec()]);
    let arg = |mut items: Vec<Literal>| match items.len() {
        1 => Arg::Literal(items.remove(0)),
        _ => Arg::Literals(items, Span::default()),
    };
    lists.map(arg).collect()
}

/// Fewer and shorter places to read into; one place stands without brackets.
fn scatter(lengths: &[Expr], around: &Around) -> Vec<Arg> {
    let lists = simpler_list(lengths, |length| simpler_scalar(length, None, around)).into_iter().chain([lengths.to_vec()]);
    let arg = |mut items: Vec<Expr>| match items.len() {
        1 => Arg::Expr(items.remove(0)),
        _ => Arg::List(items, Span::default()),
    };
    lists.map(arg).collect()
}

/// A simpler subscription. It is laid out before the first call, so that only the standard streams have names in it.
fn simpler_subscription(item: &Subscription, around: &Around) -> Vec<Subscription> {
    let mut out = Vec::new();
    let simpler = |expr: &Expr, ty: &str| simpler_scalar(expr, type_by_name(ty), around);
    let mut with = |kind: SubscriptionKind, userdata: Option<Expr>| out.push(Subscription { kind, userdata, span: item.span });
    with(item.kind.clone(), None);
    for userdata in item.userdata.iter().flat_map(|userdata| simpler(userdata, "userdata")) {
        with(item.kind.clone(), Some(userdata));
    }
    match &item.kind {
        SubscriptionKind::Clock(clock) => {
            let ClockArgs { id, timeout, precision, flags } = clock.as_ref();
            let mut clock_with = |change: &dyn Fn(&mut ClockArgs)| {
                let mut clock = clock.clone();
                change(&mut clock);
                with(SubscriptionKind::Clock(clock), item.userdata.clone());
            };
            simpler(id, "clockid").into_iter().for_each(|id| clock_with(&|clock| clock.id = id.clone()));
            simpler(timeout, "timestamp").into_iter().for_each(|timeout| clock_with(&|clock| clock.timeout = timeout.clone()));
            simpler(precision, "timestamp").into_iter().for_each(|precision| clock_with(&|clock| clock.precision = precision.clone()));
            simpler(flags, "subclockflags").into_iter().for_each(|flags| clock_with(&|clock| clock.flags = flags.clone()));
        }
        SubscriptionKind::FdRead(fd) => {
            simpler(fd, "fd").into_iter().for_each(|fd| with(SubscriptionKind::FdRead(fd), item.userdata.clone()));
        }
        SubscriptionKind::FdWrite(fd) => {
            simpler(fd, "fd").into_iter().for_each(|fd| with(SubscriptionKind::FdWrite(fd), item.userdata.clone()));
        }
    }
    out
}

/// A simpler value for something of this type (`None`: a pointer or a length).
fn simpler_scalar(expr: &Expr, ty: Option<&'static Type>, around: &Around) -> Vec<Expr> {
    let mut out = match ty.map(|ty| (ty, &ty.shape)) {
        Some((_, Shape::Handle)) => around.descriptors.iter().map(|name| named(name)).collect(),
        Some((ty, Shape::Enum { .. })) => flags::simpler_case(expr, ty),
        Some((ty, Shape::Flags { .. })) => flags::simpler_set(expr, ty),
        _ => vec![int(0), int(1)],
    };
    match expr {
        Expr::Int(value) => out.extend(numbers::smaller(value.value).into_iter().map(int)),
        Expr::Offset(base, by) => {
            out.push(base.as_ref().clone());
            let fewer = numbers::smaller((*by).into()).into_iter().filter_map(|by| i64::try_from(by).ok());
            out.extend(fewer.map(|by| Expr::Offset(base.clone(), by)));
            let bases = simpler_scalar(base, None, around).into_iter().filter(|base| !matches!(base, Expr::Int(_)));
            out.extend(bases.map(|base| Expr::Offset(Box::new(base), *by)));
        }
        Expr::Next(variable, index, span) => {
            let fewer = numbers::smaller((*index).into()).into_iter().filter_map(|index| u32::try_from(index).ok());
            out.extend(fewer.map(|index| Expr::Next(variable.clone(), index, *span)));
        }
        Expr::Name(_) | Expr::Flags(..) | Expr::Field(..) => {}
    }
    out
}

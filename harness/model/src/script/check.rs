//! Resolves every name of a script before anything runs. The compiler works from the same meanings.

use std::collections::BTreeMap;

use touchstone_spec::{Errno, Function, Param, Shape, Type};

use super::lex::Mistake;
use super::params::{self, Kind};
use super::{Arg, Args, BufferInit, Call, ClockArgs, Expr, Name, Pattern, Script, Span, Statement, SubscriptionKind};
use crate::world::World;

/// The names that a script can use at some point.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    preopens: Vec<String>,
    sockets: Vec<String>,
    buffers: Vec<String>,
    /// Variable to the index of the call whose results it holds.
    variables: BTreeMap<String, (usize, Function)>,
    calls: usize,
}

/// What an expression means, ready to be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    Const(i128),
    /// The fd under which the guest finds the preopen with this index in the world.
    Preopen(usize),
    /// The fd under which the guest finds the socket with this index in the world.
    Socket(usize),
    /// The address of the buffer with this index.
    Buffer(usize),
    /// The size of the guest's memory in bytes.
    MemoryEnd,
    /// A number inside the result that the call with this index stored: which result, and where in it.
    Result {
        call: usize,
        result: usize,
        offset: u32,
        ty: &'static Type,
    },
    /// The `d_next` of the directory entry with this index in the buffer that the call filled.
    Next {
        call: usize,
        index: u32,
    },
    Offset(Box<Meaning>, i64),
}

impl Scope {
    /// The scope at the start of a script in a world.
    pub fn new(world: &World) -> Scope {
        let preopens = world.preopens.iter().map(|preopen| preopen.name.clone()).collect();
        let sockets = world.sockets.iter().map(|socket| socket.name.clone()).collect();
        Scope { preopens, sockets, ..Scope::default() }
    }

    /// Takes in a statement that has been checked: its buffer or its variable can be used from here on.
    pub fn enter(&mut self, statement: &Statement) {
        match statement {
            Statement::Comment(_) => {}
            Statement::Buffer(buffer) => self.buffers.push(buffer.name.text.clone()),
            Statement::Call(call) => {
                if let Some(name) = &call.bind {
                    self.variables.insert(name.text.clone(), (self.calls, call.function));
                }
                self.calls += 1;
            }
        }
    }

    /// What an expression means where a value of this type is wanted (`None`: a pointer or a length).
    pub fn meaning(&self, expr: &Expr, ty: Option<&'static Type>) -> Result<Meaning, Mistake> {
        match expr {
            Expr::Int(int) => Ok(Meaning::Const(int.value)),
            Expr::Flags(names, span) => flags(names, *span, ty).map(Meaning::Const),
            Expr::Name(name) => self.name(name, ty),
            Expr::Field(variable, field) => {
                let (call, function) = self.variable(variable)?;
                field_of(call, function, field)
            }
            Expr::Next(variable, index, span) => {
                let (call, function) = self.variable(variable)?;
                match function {
                    Function::FdReaddir => Ok(Meaning::Next { call, index: *index }),
                    other => Err(Mistake::new(
                        *span,
                        format!("`{variable}` holds the result of {}", other.name()),
                        "only fd_readdir fills directory entries",
                    )),
                }
            }
            Expr::Offset(base, by) => Ok(Meaning::Offset(Box::new(self.meaning(base, None)?), *by)),
        }
    }

    fn variable(&self, name: &Name) -> Result<(usize, Function), Mistake> {
        self.variables.get(&name.text).copied().ok_or_else(|| self.unknown(name, None))
    }

    fn name(&self, name: &Name, ty: Option<&'static Type>) -> Result<Meaning, Mistake> {
        if let Some((call, function)) = self.variables.get(&name.text) {
            return first_result(*call, *function, name);
        }
        if let Some(index) = self.buffers.iter().position(|buffer| *buffer == name.text) {
            return Ok(Meaning::Buffer(index));
        }
        if let Some(value) = ty.and_then(|ty| ty.case_value(&name.text)) {
            return Ok(Meaning::Const(i128::from(value)));
        }
        if let Some(index) = self.preopens.iter().position(|preopen| *preopen == name.text) {
            return Ok(Meaning::Preopen(index));
        }
        if let Some(index) = self.sockets.iter().position(|socket| *socket == name.text) {
            return Ok(Meaning::Socket(index));
        }
        match name.text.as_str() {
            "stdin" => Ok(Meaning::Const(0)),
            "stdout" => Ok(Meaning::Const(1)),
            "stderr" => Ok(Meaning::Const(2)),
            "end" => Ok(Meaning::MemoryEnd),
            _ => Err(self.unknown(name, ty)),
        }
    }

    fn unknown(&self, name: &Name, ty: Option<&'static Type>) -> Mistake {
        let known = self.preopens.iter().chain(&self.sockets).chain(&self.buffers).chain(self.variables.keys()).map(String::as_str);
        let known = known.chain(["stdin", "stdout", "stderr", "end"]).chain(ty.map(case_names).unwrap_or_default());
        let help = match closest(&name.text, known) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "bind a variable with `name = call(…)`, declare a buffer with `buffer name = …`, or name a preopen".to_owned(),
        };
        Mistake::new(name.span, format!("nothing is called `{name}` here"), help)
    }
}

/// Checks a whole script in a world.
pub fn check(script: &Script, world: &World) -> Result<(), Mistake> {
    let mut scope = Scope::new(world);
    for statement in &script.statements {
        match statement {
            Statement::Comment(_) => {}
            Statement::Buffer(buffer) => {
                fresh(&scope, &buffer.name)?;
                check_buffer(&scope, &buffer.init)?;
            }
            Statement::Call(call) => check_call(&scope, call)?,
        }
        scope.enter(statement);
    }
    Ok(())
}

fn fresh(scope: &Scope, name: &Name) -> Result<(), Mistake> {
    let reserved = ["stdin", "stdout", "stderr", "end", "raw", "buffer"].contains(&name.text.as_str());
    let taken = [&scope.buffers, &scope.preopens, &scope.sockets].iter().any(|names| names.contains(&name.text));
    if reserved || taken {
        return Err(Mistake::new(name.span, format!("`{name}` already means something"), "choose another name"));
    }
    Ok(())
}

fn check_buffer(scope: &Scope, init: &BufferInit) -> Result<(), Mistake> {
    match init {
        BufferInit::Zero(len) if !(0..=0x10_0000).contains(&len.value) => {
            Err(Mistake::new(len.span, "a buffer has 0 to 1048576 bytes", "use raw numbers to point elsewhere in memory"))
        }
        BufferInit::Zero(_) | BufferInit::Bytes(_) => Ok(()),
        BufferInit::Words(words) => words.iter().try_for_each(|word| match scope.meaning(word, None)? {
            Meaning::Result { .. } | Meaning::Next { .. } | Meaning::Preopen(_) | Meaning::Socket(_) => Err(Mistake::new(
                word.span(),
                "a buffer is filled before the first call",
                "only numbers and addresses of earlier buffers can stand here",
            )),
            meaning => fits(&meaning, 32, word.span()),
        }),
    }
}

fn check_call(scope: &Scope, call: &Call) -> Result<(), Mistake> {
    if let Some(bind) = &call.bind {
        fresh(scope, bind)?;
        if call.function.results().is_empty() {
            let help = "only functions with a result besides the errno can be bound";
            return Err(Mistake::new(bind.span, format!("{} returns nothing to bind", call.function.name()), help));
        }
    }
    match &call.args {
        Args::Typed(args) => {
            let params = params::written(call.function);
            args.iter().zip(params).try_for_each(|(arg, param)| check_arg(scope, arg, param.kind))?;
        }
        Args::Raw(args) => {
            for ((arg, ty), core) in args.iter().zip(core_types(call.function)).zip(call.function.core_params()) {
                let bits = if *core == touchstone_spec::CoreType::I64 { 64 } else { 32 };
                fits(&scope.meaning(arg, ty)?, bits, arg.span())?;
            }
        }
    }
    call.expect.iter().try_for_each(|pattern| check_pattern(pattern, call.function))
}

fn check_arg(scope: &Scope, arg: &Arg, kind: Kind) -> Result<(), Mistake> {
    let length = |expr: &Expr| match scope.meaning(expr, None)? {
        Meaning::Const(value) if (0..=0x10_0000).contains(&value) => Ok(()),
        Meaning::Const(_) => Err(Mistake::new(expr.span(), "a buffer has 0 to 1048576 bytes", "use a `raw` call for lengths that lie")),
        _ => Err(Mistake::new(
            expr.span(),
            "the length of a buffer must be a plain number",
            "use a `raw` call with a `buffer` for anything else",
        )),
    };
    match (arg, kind) {
        (Arg::Expr(expr), Kind::Scalar(ty)) => fits(&scope.meaning(expr, Some(ty))?, core_bits(ty), expr.span()),
        (Arg::Expr(expr), _) => length(expr),
        (Arg::List(items, _), _) => items.iter().try_for_each(length),
        (Arg::Literal(_) | Arg::Literals(..), _) => Ok(()),
        (Arg::Subscriptions(items, _), _) => items.iter().try_for_each(|item| {
            let number = |expr: &Expr, ty: &'static str| {
                let ty = touchstone_spec::type_by_name(ty);
                fits(&scope.meaning(expr, ty)?, ty.map_or(64, |ty| ty.size * 8), expr.span())
            };
            match &item.kind {
                SubscriptionKind::Clock(clock) => {
                    let ClockArgs { id, timeout, precision, flags } = clock.as_ref();
                    number(id, "clockid")?;
                    number(timeout, "timestamp")?;
                    number(precision, "timestamp")?;
                    number(flags, "subclockflags")?;
                }
                SubscriptionKind::FdRead(fd) | SubscriptionKind::FdWrite(fd) => number(fd, "fd")?,
            }
            item.userdata.as_ref().map_or(Ok(()), |userdata| number(userdata, "userdata"))
        }),
    }
}

/// How many bits the core wasm parameter for a scalar has.
fn core_bits(ty: &Type) -> u32 {
    if ty.size == 8 { 64 } else { 32 }
}

fn fits(meaning: &Meaning, bits: u32, span: Span) -> Result<(), Mistake> {
    let Meaning::Const(value) = meaning else { return Ok(()) };
    let low = -(1i128 << (bits - 1));
    let high = (1i128 << bits) - 1;
    if (low..=high).contains(value) {
        return Ok(());
    }
    Err(Mistake::new(span, format!("{value} does not fit {bits} bits"), format!("this parameter takes {low} to {high}")))
}

/// The type of each core parameter that stands for one scalar; `None` for pointers and lengths.
pub fn core_types(function: Function) -> Vec<Option<&'static Type>> {
    let mut out: Vec<Option<&'static Type>> = Vec::new();
    for param in function.params() {
        match param.ty.shape {
            Shape::String | Shape::List(_) => out.extend([None, None]),
            Shape::Pointer(_) | Shape::ConstPointer(_) => out.push(None),
            Shape::Int(_) | Shape::Handle | Shape::Enum { .. } | Shape::Flags { .. } | Shape::Record { .. } | Shape::Union { .. } => {
                out.push(Some(param.ty));
            }
        }
    }
    out.resize(function.core_params().len(), None);
    out
}

fn flags(names: &[Name], span: Span, ty: Option<&'static Type>) -> Result<i128, Mistake> {
    let Some(ty) = ty.filter(|ty| matches!(ty.shape, Shape::Flags { .. })) else {
        return Err(Mistake::new(span, "no flags are wanted here", "write a number"));
    };
    names.iter().try_fold(0, |bits, name| match ty.case_value(&name.text) {
        Some(bit) => Ok(bits | i128::from(bit)),
        None => {
            let help = match closest(&name.text, case_names(ty).into_iter()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("its flags are: {}", case_names(ty).join(", ")),
            };
            Err(Mistake::new(name.span, format!("`{}` has no flag `{name}`", ty.name.unwrap_or("flags")), help))
        }
    })
}

/// The names of an enum's cases or of flags; none for other types.
fn case_names(ty: &'static Type) -> Vec<&'static str> {
    match &ty.shape {
        Shape::Enum { cases, .. } => cases.iter().map(|case| case.name).collect(),
        Shape::Flags { flags, .. } => flags.iter().map(|flag| flag.name).collect(),
        Shape::Int(_)
        | Shape::Handle
        | Shape::Pointer(_)
        | Shape::ConstPointer(_)
        | Shape::Record { .. }
        | Shape::Union { .. }
        | Shape::List(_)
        | Shape::String => Vec::new(),
    }
}

fn first_result(call: usize, function: Function, name: &Name) -> Result<Meaning, Mistake> {
    match function.results().first() {
        Some(result) if result.ty.size <= 8 && !matches!(result.ty.shape, Shape::Record { .. } | Shape::Union { .. }) => {
            Ok(Meaning::Result { call, result: 0, offset: 0, ty: result.ty })
        }
        Some(_) | None => {
            let fields: Vec<&str> = record_fields(function).iter().map(|(_, name, ..)| *name).collect();
            Err(Mistake::new(name.span, format!("`{name}` holds a record"), format!("name a field of it: {}", fields.join(", "))))
        }
    }
}

fn field_of(call: usize, function: Function, field: &Name) -> Result<Meaning, Mistake> {
    let fields = record_fields(function);
    match fields.iter().find(|(_, name, ..)| *name == field.text) {
        Some((result, _, offset, ty)) => Ok(Meaning::Result { call, result: *result, offset: *offset, ty }),
        None => {
            let names: Vec<&str> = fields.iter().map(|(_, name, ..)| *name).collect();
            Err(Mistake::new(field.span, format!("{} returns no `{field}`", function.name()), format!("it returns: {}", names.join(", "))))
        }
    }
}

/// The numbers inside what a function returns: which result, name, offset in it, type.
fn record_fields(function: Function) -> Vec<(usize, &'static str, u32, &'static Type)> {
    let mut out = Vec::new();
    for (index, result) in function.results().iter().enumerate() {
        match &result.ty.shape {
            Shape::Record { fields } => out.extend(fields.iter().map(|field| (index, field.name, field.offset, field.ty))),
            Shape::Union { tag, payload_offset, cases } => {
                out.push((index, "tag", 0, *tag));
                for ty in cases.iter().filter_map(|case| case.ty) {
                    if let Shape::Record { fields } = &ty.shape {
                        out.extend(fields.iter().map(|field| (index, field.name, payload_offset + field.offset, field.ty)));
                    }
                }
            }
            Shape::Int(_)
            | Shape::Handle
            | Shape::Enum { .. }
            | Shape::Flags { .. }
            | Shape::Pointer(_)
            | Shape::ConstPointer(_)
            | Shape::List(_)
            | Shape::String => out.push((index, result.name, 0, result.ty)),
        }
    }
    out
}

fn check_pattern(pattern: &Pattern, function: Function) -> Result<(), Mistake> {
    match pattern {
        Pattern::Ok | Pattern::Any | Pattern::Trap(_) | Pattern::Int(_) | Pattern::Range(..) | Pattern::Literal(_) => Ok(()),
        Pattern::Name(name) if Errno::from_name(&name.text).is_some() => Ok(()),
        Pattern::Name(name) => {
            let known = result_cases(function);
            if known.contains(&name.text.as_str()) {
                return Ok(());
            }
            let all = known.into_iter().chain(Errno::ALL.iter().map(|errno| errno.name())).chain(["ok", "trap"]);
            let help =
                closest(&name.text, all).map_or("write `ok`, `trap` or an errno".to_owned(), |close| format!("did you mean `{close}`?"));
            Err(Mistake::new(name.span, format!("`{name}` is no errno"), help))
        }
        Pattern::List(items, _) => items.iter().try_for_each(|item| check_pattern(item, function)),
        Pattern::Record(fields, _, _) => fields.iter().try_for_each(|(name, pattern)| {
            let known = result_fields(function);
            if !known.contains(&name.text.as_str()) {
                let help = format!("its fields are: {}", known.join(", "));
                return Err(Mistake::new(name.span, format!("{} returns no `{name}`", function.name()), help));
            }
            check_pattern(pattern, function)
        }),
    }
}

/// Every type that appears in what a function returns, directories' entries and events included.
fn result_types(function: Function) -> Vec<&'static Type> {
    let element = match function {
        Function::PollOneoff => Some("event"),
        Function::FdReaddir => Some("dirent"),
        _ => None,
    };
    let mut todo: Vec<&'static Type> = function.results().iter().map(|result: &Param| result.ty).collect();
    todo.extend(element.and_then(touchstone_spec::type_by_name));
    let mut out = Vec::new();
    while let Some(ty) = todo.pop() {
        out.push(ty);
        match &ty.shape {
            Shape::Record { fields } => todo.extend(fields.iter().map(|field| field.ty)),
            Shape::Union { tag, cases, .. } => {
                todo.push(tag);
                todo.extend(cases.iter().filter_map(|case| case.ty));
            }
            Shape::Int(_)
            | Shape::Handle
            | Shape::Enum { .. }
            | Shape::Flags { .. }
            | Shape::Pointer(_)
            | Shape::ConstPointer(_)
            | Shape::List(_)
            | Shape::String => {}
        }
    }
    out
}

fn result_cases(function: Function) -> Vec<&'static str> {
    result_types(function).into_iter().flat_map(case_names).collect()
}

fn result_fields(function: Function) -> Vec<&'static str> {
    let records = result_types(function).into_iter().flat_map(|ty| match &ty.shape {
        Shape::Record { fields } => fields.iter().map(|field| field.name).collect(),
        Shape::Union { .. } => vec!["tag"],
        _ => Vec::new(),
    });
    let own = function.results().iter().map(|result| result.name);
    let entry = if function == Function::FdReaddir { vec!["name"] } else { Vec::new() };
    own.chain(records).chain(entry).collect()
}

/// The known name that looks most like a misspelt one, if any does.
pub fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(d, _)| *d <= 1 + name.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The known names that look like a misspelt one or have it as a part, the most alike first; at most `most` of them.
pub fn alike<'a>(name: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> = known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + name.len() / 4 || candidate.contains(name))
        .collect();
    found.sort_unstable();
    found.truncate(most);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Levenshtein distance over bytes; names are short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

//! A raw call as the typed one that it could have been.

use touchstone_model::bounds;
use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{Arg, Args, BufferInit, Call, Expr, Int, Literal, Script, Span, Statement};
use touchstone_spec::Function;

/// The typed arguments for a raw call: what its pointers point to, as far as buffers of the script say so, else something short.
/// `None` if the call is typed, or polls: nothing shorter than its subscriptions would do there.
pub(super) fn typed(call: &Call, script: &Script) -> Option<Vec<Arg>> {
    let Args::Raw(raw) = &call.args else { return None };
    if call.function == Function::PollOneoff {
        return None;
    }
    let mut raw = raw.iter();
    let mut out = Vec::new();
    for param in params::of(call.function) {
        let mut next = || raw.next();
        out.extend(match param.kind {
            Kind::Scalar(_) => Some(Arg::Expr(next()?.clone())),
            Kind::Text => Some(Arg::Literal(bytes(script, next()?, next()?).unwrap_or_else(|| Literal::new(b"a")))),
            Kind::Buffer => {
                next()?;
                Some(Arg::Expr(length(next()?)))
            }
            Kind::Gather => {
                let pieces = pieces(script, next()?, next()?);
                let known = |(ptr, len): &(Expr, Expr)| bytes(script, ptr, len).unwrap_or_else(|| Literal::new(b"a"));
                Some(Arg::Literals(pieces.iter().map(known).collect(), Span::default()))
            }
            Kind::Scatter => {
                let pieces = pieces(script, next()?, next()?);
                Some(Arg::List(pieces.iter().map(|(_, len)| length(len)).collect(), Span::default()))
            }
            Kind::Subscriptions => return None,
            Kind::Strings => {
                next()?;
                next()?;
                None
            }
        });
    }
    Some(out)
}

/// What a buffer holds that an expression names.
fn buffer<'a>(script: &'a Script, pointer: &Expr) -> Option<&'a BufferInit> {
    let Expr::Name(name) = pointer else { return None };
    script.statements.iter().find_map(|statement| match statement {
        Statement::Buffer(buffer) if buffer.name == *name => Some(&buffer.init),
        Statement::Buffer(_) | Statement::Call(_) | Statement::Comment(_) => None,
    })
}

/// The bytes between a pointer and its length.
fn bytes(script: &Script, pointer: &Expr, len: &Expr) -> Option<Literal> {
    let Expr::Int(len) = len else { return None };
    let len = usize::try_from(len.value).ok()?;
    let bytes = match buffer(script, pointer)? {
        BufferInit::Zero(size) => vec![0; usize::try_from(size.value).ok()?],
        BufferInit::Bytes(literal) => literal.bytes(),
        BufferInit::Words(_) => return None,
    };
    Some(Literal::new(bytes.get(..len)?))
}

/// Pointers and lengths of an array: as a buffer of words says, else as many zeros as it has elements.
fn pieces(script: &Script, pointer: &Expr, count: &Expr) -> Vec<(Expr, Expr)> {
    let Expr::Int(count) = count else { return Vec::new() };
    let count = usize::try_from(count.value).unwrap_or_default().min(bounds::CAPTURE_ELEMENTS as usize);
    if let Some(BufferInit::Words(words)) = buffer(script, pointer) {
        return words.chunks_exact(2).take(count).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    }
    vec![(Expr::Int(Int::new(0)), Expr::Int(Int::new(1))); count]
}

/// A length that is known before the guest runs.
fn length(expr: &Expr) -> Expr {
    match expr {
        Expr::Int(_) => expr.clone(),
        Expr::Name(_) | Expr::Flags(..) | Expr::Field(..) | Expr::Next(..) | Expr::Offset(..) => Expr::Int(Int::new(1)),
    }
}

//! What arguments a typed call takes: the spec's parameters, with each pair of pointer and length seen as one buffer.
//!
//! Derived from the types of the spec, so that no function needs a rule of its own.

use std::sync::LazyLock;

use touchstone_spec::{Function, Param, Shape, Type};

/// One argument of a typed call.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A number, an fd, an enum case or a set of flags of this type.
    Scalar(&'static Type),
    /// A path: passed as pointer and length.
    Text,
    /// `ciovec_array`: the bytes of each buffer.
    Gather,
    /// `iovec_array`: the length of each buffer.
    Scatter,
    /// A pointer and a length: the script gives the length, the compiler the buffer.
    Buffer,
    /// `poll_oneoff`: the subscriptions; the compiler makes room for as many events.
    Subscriptions,
    /// `args_get` and `environ_get`: two buffers whose sizes follow from the world. The script gives nothing.
    Strings,
}

/// An argument with its name in the spec.
#[derive(Debug, Clone, Copy)]
pub struct ScriptParam {
    pub name: &'static str,
    pub kind: Kind,
}

/// The arguments of a typed call to this function, in order.
pub fn of(function: Function) -> &'static [ScriptParam] {
    static ALL: LazyLock<Vec<Vec<ScriptParam>>> = LazyLock::new(|| Function::ALL.into_iter().map(derived).collect());
    &ALL[usize::from(function.index())]
}

/// Those that the script writes anything for.
pub fn written(function: Function) -> impl Iterator<Item = ScriptParam> {
    of(function).iter().copied().filter(|param| !matches!(param.kind, Kind::Strings))
}

fn derived(function: Function) -> Vec<ScriptParam> {
    let params = function.params();
    let mut out = Vec::new();
    let mut at = 0;
    while at < params.len() {
        let (kind, taken) = kind(&params[at..]);
        out.push(ScriptParam { name: params[at].name, kind });
        at += taken;
    }
    out
}

/// The kind of the first of these parameters, and how many it takes up.
fn kind(params: &[Param]) -> (Kind, usize) {
    let first = params[0].ty;
    match &first.shape {
        Shape::String => (Kind::Text, 1),
        Shape::List(element) if element.name == Some("ciovec") => (Kind::Gather, 1),
        Shape::List(_) => (Kind::Scatter, 1),
        Shape::ConstPointer(target) if target.name == Some("subscription") => (Kind::Subscriptions, 3),
        Shape::Pointer(_) | Shape::ConstPointer(_) if params.get(1).is_some_and(|next| is_pointer(next.ty)) => (Kind::Strings, 2),
        Shape::Pointer(_) | Shape::ConstPointer(_) => (Kind::Buffer, 2),
        Shape::Int(_) | Shape::Handle | Shape::Enum { .. } | Shape::Flags { .. } | Shape::Record { .. } | Shape::Union { .. } => {
            (Kind::Scalar(first), 1)
        }
    }
}

fn is_pointer(ty: &Type) -> bool {
    matches!(ty.shape, Shape::Pointer(_) | Shape::ConstPointer(_))
}

/// How a typed call is written, for messages: `fd_seek(fd, offset, whence)`.
pub fn signature(function: Function) -> String {
    let names: Vec<&str> = written(function).map(|param| param.name).collect();
    format!("{}({})", function.name(), names.join(", "))
}

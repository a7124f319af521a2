//! The bytes of a trace as typed values, and their text.

use std::fmt::{self, Display, Formatter};

use touchstone_spec::memory::{Input, Output};
use touchstone_spec::{Errno, Function, OpenValue, Shape, Type};

use crate::script::print::quoted;
use crate::trace::{Capture, TraceCall, buffers};

/// A value of a WASI type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number, fd, enum or set of flags.
    Scalar {
        value: u64,
        ty: &'static Type,
    },
    /// Bytes: the kept ones, and how many there were.
    Bytes {
        bytes: Vec<u8>,
        len: u32,
    },
    Record(Vec<(&'static str, Value)>),
    List(Vec<Value>),
    /// A range outside the guest's memory.
    OutOfBounds,
}

/// A named value of a call: an argument, a result or a filled buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub name: &'static str,
    pub value: Value,
}

/// Reads a value of a type from its bytes in guest memory. `None` where the bytes are too few.
pub fn decode(ty: &'static Type, bytes: &[u8]) -> Option<Value> {
    match &ty.shape {
        Shape::Record { fields } => {
            let fields = fields.iter().map(|field| Some((field.name, decode(field.ty, bytes.get(field.offset as usize..)?)?)));
            fields.collect::<Option<Vec<_>>>().map(Value::Record)
        }
        Shape::Union { tag, payload_offset, cases } => {
            let tag_value = number(bytes, tag.size)?;
            let mut fields = vec![("tag", Value::Scalar { value: tag_value, ty: tag })];
            let payload = usize::try_from(tag_value).ok().and_then(|index| cases.get(index)).and_then(|case| case.ty);
            if let Some(ty) = payload
                && let Value::Record(inner) = decode(ty, bytes.get(*payload_offset as usize..)?)?
            {
                fields.extend(inner);
            }
            Some(Value::Record(fields))
        }
        Shape::Int(_)
        | Shape::Handle
        | Shape::Enum { .. }
        | Shape::Flags { .. }
        | Shape::Pointer(_)
        | Shape::ConstPointer(_)
        | Shape::List(_)
        | Shape::String => Some(Value::Scalar { value: number(bytes, ty.size)?, ty }),
    }
}

fn number(bytes: &[u8], size: u32) -> Option<u64> {
    let mut out = [0; 8];
    let size = size.min(8) as usize;
    out[..size].copy_from_slice(bytes.get(..size)?);
    Some(u64::from_le_bytes(out))
}

fn decoded(ty: &'static Type, capture: &Capture) -> Value {
    capture.bytes.as_deref().and_then(|bytes| decode(ty, bytes)).unwrap_or(Value::OutOfBounds)
}

fn bytes(capture: &Capture) -> Value {
    match &capture.bytes {
        Some(bytes) => Value::Bytes { bytes: bytes.clone(), len: capture.len },
        None => Value::OutOfBounds,
    }
}

fn array(ty: &'static Type, capture: &Capture) -> Value {
    match &capture.bytes {
        Some(bytes) => Value::List(bytes.chunks_exact(ty.size.max(1) as usize).filter_map(|chunk| decode(ty, chunk)).collect()),
        None => Value::OutOfBounds,
    }
}

/// The arguments of a call as the spec names them: scalars, strings and lists with their contents. Bare pointers are left
/// out: where a guest puts its buffers is its own business.
pub fn arguments(call: &TraceCall) -> Vec<Named> {
    let function = call.function;
    let mut out = Vec::new();
    let mut core = 0;
    let captures = input_captures(function, call);
    for param in function.params() {
        let arg = |index: usize| call.args.get(index).copied().unwrap_or_default();
        match &param.ty.shape {
            Shape::String | Shape::List(_) => {
                let found = captures.iter().find(|(index, _)| *index == core).map(|(_, value)| value.clone());
                out.push(Named { name: param.name, value: found.unwrap_or(Value::OutOfBounds) });
                core += 2;
            }
            Shape::Pointer(_) | Shape::ConstPointer(_) => {
                if let Some((_, value)) = captures.iter().find(|(index, _)| *index == core) {
                    out.push(Named { name: param.name, value: value.clone() });
                }
                core += 1;
            }
            Shape::Int(_) | Shape::Handle | Shape::Enum { .. } | Shape::Flags { .. } | Shape::Record { .. } | Shape::Union { .. } => {
                out.push(Named { name: param.name, value: Value::Scalar { value: arg(core), ty: param.ty } });
                core += 1;
            }
        }
    }
    out
}

/// Each input of a call with the index of its pointer among the core parameters.
fn input_captures(function: Function, call: &TraceCall) -> Vec<(usize, Value)> {
    let mut captures = call.inputs.iter();
    let mut out = Vec::new();
    for input in function.inputs() {
        let Some(first) = captures.next() else { break };
        match input {
            Input::Bytes { ptr, .. } => out.push((*ptr, bytes(first))),
            Input::Array { ptr, ty, .. } => out.push((*ptr, array(ty, first))),
            Input::ReadBuffers { ptr, .. } => out.push((*ptr, lengths(first))),
            Input::WriteBuffers { ptr, .. } => {
                let contents = (&mut captures).take(buffers(first).len()).map(bytes).collect();
                let value = if first.bytes.is_some() { Value::List(contents) } else { Value::OutOfBounds };
                out.push((*ptr, value));
            }
        }
    }
    out
}

/// The lengths of the buffers of an iovec array: what a guest asks for.
fn lengths(capture: &Capture) -> Value {
    match (&capture.bytes, touchstone_spec::type_by_name("size")) {
        (Some(_), Some(size)) => Value::List(buffers(capture).map(|(_, len)| Value::Scalar { value: u64::from(len), ty: size }).collect()),
        (_, _) => Value::OutOfBounds,
    }
}

/// What a successful call returned: its results, then the buffers that it filled. Empty after an error.
pub fn results(call: &TraceCall) -> Vec<Named> {
    let (function, Some(outcome)) = (call.function, &call.outcome) else { return Vec::new() };
    let mut captures = outcome.outputs.iter();
    let mut out = Vec::new();
    let mut names = function.results().iter();
    for output in function.outputs() {
        match output {
            Output::Value { ty, .. } => {
                let (Some(capture), Some(result)) = (captures.next(), names.next()) else { break };
                out.push(Named { name: result.name, value: decoded(ty, capture) });
            }
            Output::Buffer { .. } => {
                let Some(capture) = captures.next() else { break };
                let value = if function == Function::FdReaddir { entries(capture) } else { bytes(capture) };
                out.push(Named { name: "data", value });
            }
            Output::Array { ty, .. } => {
                let Some(capture) = captures.next() else { break };
                out.push(Named { name: "events", value: array(ty, capture) });
            }
            Output::Strings { .. } => {
                let (Some(pointers), Some(data)) = (captures.next(), captures.next()) else { break };
                out.push(Named { name: "data", value: strings(call, pointers, data) });
            }
            Output::ReadBuffers { .. } => out.push(Named { name: "data", value: joined(captures.by_ref()) }),
        }
    }
    out
}

/// The bytes of several buffers, one after the other.
fn joined<'a>(captures: impl Iterator<Item = &'a Capture>) -> Value {
    let mut all = Vec::new();
    let mut len: u32 = 0;
    for capture in captures {
        let Some(bytes) = &capture.bytes else { return Value::OutOfBounds };
        all.extend_from_slice(bytes);
        len = len.saturating_add(capture.len);
    }
    Value::Bytes { bytes: all, len }
}

/// The strings of `args_get` or `environ_get`, found through the pointers that the call stored.
fn strings(call: &TraceCall, pointers: &Capture, data: &Capture) -> Value {
    let base = call.args.get(1).copied().unwrap_or_default();
    let find = |pointer: &[u8]| {
        let address = number(pointer, 4)?;
        let start = usize::try_from(address.checked_sub(base)?).ok()?;
        let rest = data.kept().get(start..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(Value::Bytes { bytes: rest[..end].to_vec(), len: u32::try_from(end).ok()? })
    };
    Value::List(pointers.kept().chunks_exact(4).map(|pointer| find(pointer).unwrap_or(Value::OutOfBounds)).collect())
}

/// The entries of a directory. The last one may be cut off: then its name is shorter than it says, or it is missing.
fn entries(capture: &Capture) -> Value {
    let Some(dirent) = touchstone_spec::type_by_name("dirent") else { return Value::OutOfBounds };
    let Some(mut rest) = capture.bytes.as_deref() else { return Value::OutOfBounds };
    let mut out = Vec::new();
    while let (Some(Value::Record(mut fields)), true) = (decode(dirent, rest), rest.len() >= dirent.size as usize) {
        rest = &rest[dirent.size as usize..];
        let len = fields.iter().find(|(name, _)| *name == "d_namlen").and_then(|(_, value)| value.number()).unwrap_or_default();
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let name = &rest[..len.min(rest.len())];
        rest = &rest[name.len()..];
        fields.push(("name", Value::Bytes { bytes: name.to_vec(), len: u32::try_from(len).unwrap_or(u32::MAX) }));
        out.push(Value::Record(fields));
    }
    Value::List(out)
}

impl Value {
    /// The number of a scalar.
    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Scalar { value, .. } => Some(*value),
            Value::Bytes { .. } | Value::Record(_) | Value::List(_) | Value::OutOfBounds => None,
        }
    }

    /// Whether honest runtimes may differ here.
    pub fn open_value(&self) -> Option<OpenValue> {
        match self {
            Value::Scalar { ty, .. } => ty.open_value(),
            Value::Bytes { .. } | Value::Record(_) | Value::List(_) | Value::OutOfBounds => None,
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Scalar { value, ty } => scalar(*value, ty, f),
            Value::Bytes { bytes, len } => f.write_str(&in_short(bytes, *len as usize, 256)),
            Value::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                write!(f, "{{ {} }}", fields.join(", "))
            }
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Value::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Value::OutOfBounds => f.write_str("<out of bounds>"),
        }
    }
}

fn scalar(value: u64, ty: &'static Type, f: &mut Formatter<'_>) -> fmt::Result {
    match &ty.shape {
        Shape::Enum { .. } => match ty.case_name(value) {
            Some(name) => f.write_str(name),
            None => write!(f, "{value}"),
        },
        Shape::Flags { .. } => {
            let (names, unknown) = ty.flag_set(value);
            let mut parts: Vec<String> = names.into_iter().map(str::to_owned).collect();
            if unknown != 0 {
                parts.push(format!("{unknown:#x}"));
            }
            write!(f, "[{}]", parts.join(", "))
        }
        Shape::Int(repr) if repr.is_signed() => write!(f, "{}", value.cast_signed()),
        Shape::Handle if value > u64::from(u32::MAX >> 1) => write!(f, "{value:#x}"),
        Shape::Int(_)
        | Shape::Handle
        | Shape::Pointer(_)
        | Shape::ConstPointer(_)
        | Shape::Record { .. }
        | Shape::Union { .. }
        | Shape::List(_)
        | Shape::String => write!(f, "{value}"),
    }
}

/// Bytes in words, `kept` the first of `len`. More than `whole` of them are told by how many they are, how they begin
/// and how they end, since a path is often about its end: `4082 bytes "./././" … "./g/"`.
pub fn in_short(kept: &[u8], len: usize, whole: usize) -> String {
    /// How much of a beginning and of an end is shown.
    const BEGINNING: usize = 64;
    const END: usize = 16;
    let beginning = quoted(&kept[..kept.len().min(BEGINNING)]);
    if kept.len() < len {
        format!("{len} bytes {beginning} …")
    } else if len > whole {
        format!("{len} bytes {beginning} … {}", quoted(&kept[len.saturating_sub(END)..]))
    } else {
        quoted(kept)
    }
}

/// The name of an errno, or its number where the spec has none.
pub fn errno_text(raw: u32) -> String {
    match Errno::from_raw(raw) {
        Some(errno) => errno.name().to_owned(),
        None => format!("errno {raw}"),
    }
}

#[cfg(test)]
mod tests {
    use super::in_short;

    #[test]
    fn what_is_long_is_told_by_its_beginning_its_end_and_how_long_it_is() {
        let path = [b"./".repeat(2040), b"g/".to_vec()].concat();
        let beginning = format!("4082 bytes \"{}\" …", "./".repeat(32));
        assert_eq!(in_short(&path, 4082, 256), format!("{beginning} \"{}g/\"", "./".repeat(7)));
        assert_eq!(in_short(&path[..256], 4082, 256), beginning, "nobody knows how it ends");
        assert_eq!(in_short(&path[..2], 4082, 256), "4082 bytes \"./\" …");
        assert_eq!(in_short(b"g/", 2, 256), "\"g/\"");
        assert_eq!(in_short(b"", 0, 0), "\"\"");
    }
}

//! A syntax tree to text; the inverse of [`super::parse`].

use std::fmt::{self, Display, Formatter, Write};

use super::{
    Arg, Args, Buffer, BufferInit, Call, Expr, Int, Literal, Name, Pattern, Rest, Script, Statement, Subscription, SubscriptionKind,
};

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.statements.iter().try_for_each(|statement| writeln!(f, "{statement}"))
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statement::Comment(text) if text.is_empty() => f.write_str("#"),
            Statement::Comment(text) => write!(f, "# {text}"),
            Statement::Buffer(buffer) => buffer.fmt(f),
            Statement::Call(call) => call.fmt(f),
        }
    }
}

impl Display for Buffer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "buffer {} = ", self.name)?;
        match &self.init {
            BufferInit::Zero(len) => len.fmt(f),
            BufferInit::Bytes(literal) => literal.fmt(f),
            BufferInit::Words(words) => write!(f, "u32({})", Separated(words, ", ")),
        }
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Display for Call {
    /// The whole line, expectation included.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.bind {
            write!(f, "{name} = ")?;
        }
        write!(f, "{}", Bare(self))?;
        if !self.expect.is_empty() {
            write!(f, " = {}", Separated(&self.expect, " | "))?;
        }
        Ok(())
    }
}

/// A call without its variable and without what is expected of it.
#[derive(Debug)]
pub struct Bare<'a>(pub &'a Call);

impl Display for Bare<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.function.name();
        match &self.0.args {
            Args::Typed(args) => write!(f, "{name}({})", Separated(args, ", ")),
            Args::Raw(args) => write!(f, "raw {name}({})", Separated(args, ", ")),
        }
    }
}

impl Display for Arg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Expr(expr) => expr.fmt(f),
            Arg::Literal(literal) => literal.fmt(f),
            Arg::Literals(items, _) => write!(f, "[{}]", Separated(items, ", ")),
            Arg::List(items, _) => write!(f, "[{}]", Separated(items, ", ")),
            Arg::Subscriptions(items, _) => write!(f, "[{}]", Separated(items, ", ")),
        }
    }
}

impl Display for Subscription {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SubscriptionKind::Clock(clock) => write!(f, "clock({}, {}, {}, {})", clock.id, clock.timeout, clock.precision, clock.flags)?,
            SubscriptionKind::FdRead(fd) => write!(f, "fd_read({fd})")?,
            SubscriptionKind::FdWrite(fd) => write!(f, "fd_write({fd})")?,
        }
        match &self.userdata {
            Some(userdata) => write!(f, " @ {userdata}"),
            None => Ok(()),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Int(int) => int.fmt(f),
            Expr::Name(name) => name.fmt(f),
            Expr::Flags(names, _) => write!(f, "[{}]", Separated(names, ", ")),
            Expr::Field(variable, field) => write!(f, "{variable}.{field}"),
            Expr::Next(variable, index, _) => write!(f, "{variable}.next[{index}]"),
            Expr::Offset(base, by) if *by < 0 => write!(f, "{base} - {}", by.unsigned_abs()),
            Expr::Offset(base, by) => write!(f, "{base} + {by}"),
        }
    }
}

impl Display for Int {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.hex, self.value < 0) {
            (true, false) => write!(f, "{:#x}", self.value),
            (true, true) => write!(f, "-{:#x}", -self.value),
            (false, _) => write!(f, "{}", self.value),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, (bytes, times)) in self.pieces.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " + " })?;
            quote(bytes, f)?;
            if *times != 1 {
                write!(f, " * {times}")?;
            }
        }
        Ok(())
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Ok => f.write_str("ok"),
            Pattern::Any => f.write_str("_"),
            Pattern::Trap(_) => f.write_str("trap"),
            Pattern::Name(name) => name.fmt(f),
            Pattern::Int(int) => int.fmt(f),
            Pattern::Range(low, None) => write!(f, "{low}.."),
            Pattern::Range(low, Some(high)) => write!(f, "{low}..={high}"),
            Pattern::Literal(literal) => literal.fmt(f),
            Pattern::List(items, _) => write!(f, "[{}]", Separated(items, ", ")),
            Pattern::Record(fields, rest, _) => {
                let mut parts: Vec<String> = fields.iter().map(|(name, pattern)| format!("{name}: {pattern}")).collect();
                parts.extend((*rest == Rest::Free).then(|| "..".to_owned()));
                write!(f, "{{ {} }}", parts.join(", "))
            }
        }
    }
}

/// Writes bytes as the language reads them: printable characters as they are, the rest escaped.
pub fn quote(bytes: &[u8], out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                '\n' => out.write_str("\\n")?,
                '\r' => out.write_str("\\r")?,
                '\t' => out.write_str("\\t")?,
                '\0' => out.write_str("\\0")?,
                c if c.is_control() => c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(out, "\\x{byte:02x}"))?,
                c => out.write_char(c)?,
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))?;
    }
    out.write_char('"')
}

/// Bytes as a quoted string.
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::new();
    // writing to a String cannot fail
    quote(bytes, &mut out).unwrap_or_default();
    out
}

struct Separated<'a, T>(&'a [T], &'static str);

impl<T: Display> Display for Separated<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { self.1 })?;
            item.fmt(f)?;
        }
        Ok(())
    }
}

//! The script language: a sequence of WASI calls as readable text.
//!
//! ```text
//! f = path_open(root, 0, "file", 0, [fd_read, fd_seek, fd_tell], 0, 0)
//! fd_read(f, 2) = "he"
//! fd_seek(f, -3, cur) = inval
//! ```
//!
//! `suites/README.md` is its manual. Here: the syntax tree; [`lex`] and [`parse`] read text, [`print`] writes it,
//! [`params`] says what arguments a call takes, [`check`] resolves every name before anything runs.

pub mod check;
pub mod lex;
pub mod params;
pub mod parse;
pub mod print;

use touchstone_spec::Function;

/// A place in a source text: byte offset and length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    pub start: usize,
    pub len: usize,
}

/// Where something stood in the text is no part of what it means: a tree that was printed and read again equals the first.
impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}
impl Eq for Span {}

impl Span {
    /// The span from the start of this one to the end of the other.
    pub fn to(self, end: Span) -> Span {
        Span { start: self.start, len: (end.start + end.len).saturating_sub(self.start) }
    }
}

/// A whole script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    pub statements: Vec<Statement>,
}

impl Script {
    /// The calls of the script, in order. A call's index in this order is its number in every report, counted from 1.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Call(call) => Some(call),
            Statement::Comment(_) | Statement::Buffer(_) => None,
        })
    }
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `# text`
    Comment(String),
    /// `buffer name = 16`
    Buffer(Buffer),
    /// `f = fd_read(…) = …`
    Call(Call),
}

/// A named region of guest memory, placed on a 16-byte boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    pub name: Name,
    pub init: BufferInit,
}

/// What a buffer holds before the first call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BufferInit {
    /// This many zero bytes.
    Zero(Int),
    /// These bytes.
    Bytes(Literal),
    /// `u32(…)`: little-endian words; addresses of other buffers may stand among them.
    Words(Vec<Expr>),
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// One WASI call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The variable that takes the call's results.
    pub bind: Option<Name>,
    pub function: Function,
    pub args: Args,
    /// What the author expects: one of these. Empty where the author leaves it open.
    pub expect: Vec<Pattern>,
    pub span: Span,
}

/// The arguments of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Args {
    /// The spec's own parameters; the compiler lays out strings, iovecs and buffers in memory.
    Typed(Vec<Arg>),
    /// `raw`: the parameters of the core wasm function, pointers included.
    Raw(Vec<Expr>),
}

/// A typed argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    Expr(Expr),
    /// A path, or the bytes of one ciovec.
    Literal(Literal),
    /// `["a", "b"]`: the bytes of several ciovecs.
    Literals(Vec<Literal>, Span),
    /// `[2, 3]`: the lengths of several iovecs; also the names of a set of flags, until it is known which.
    List(Vec<Expr>, Span),
    /// `[clock(…), fd_read(…)]`
    Subscriptions(Vec<Subscription>, Span),
}

/// One element of what `poll_oneoff` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub kind: SubscriptionKind,
    pub userdata: Option<Expr>,
    pub span: Span,
}

/// What a subscription waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionKind {
    /// `clock(id, timeout, precision, flags)`
    Clock(Box<ClockArgs>),
    /// `fd_read(fd)`
    FdRead(Expr),
    /// `fd_write(fd)`
    FdWrite(Expr),
}

/// What a subscription to a clock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockArgs {
    pub id: Expr,
    pub timeout: Expr,
    pub precision: Expr,
    pub flags: Expr,
}

/// A number, as something that may be known only when the guest runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    Int(Int),
    /// A variable, a preopen, a buffer, `stdin`, `stdout`, `stderr`, `end`, or the name of an enum case or flag.
    Name(Name),
    /// `[a, b]` where flags are wanted.
    Flags(Vec<Name>, Span),
    /// `st.size`: a field of a record that a call returned.
    Field(Name, Name),
    /// `entries.next[1]`: the `d_next` of the entry with that index in what a `fd_readdir` returned.
    Next(Name, u32, Span),
    /// `data + 4`, `end - 1`
    Offset(Box<Expr>, i64),
}

impl Expr {
    /// Where the expression stands.
    pub fn span(&self) -> Span {
        match self {
            Expr::Int(int) => int.span,
            Expr::Name(name) => name.span,
            Expr::Flags(_, span) | Expr::Next(_, _, span) => *span,
            Expr::Field(variable, field) => variable.span.to(field.span),
            Expr::Offset(base, _) => base.span(),
        }
    }
}

/// A number as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int {
    pub value: i128,
    /// Written in hexadecimal, and printed so again.
    pub hex: bool,
    pub span: Span,
}

impl Int {
    /// A number in decimal that stands nowhere.
    pub fn new(value: i128) -> Int {
        Int { value, hex: false, span: Span::default() }
    }
}

/// Bytes, as a sum of repeated pieces: `"a" * 255 + "/b"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    pub pieces: Vec<(Vec<u8>, u32)>,
    pub span: Span,
}

impl Literal {
    /// A literal of one piece.
    pub fn new(bytes: &[u8]) -> Literal {
        Literal { pieces: vec![(bytes.to_vec(), 1)], span: Span::default() }
    }

    /// All the bytes. The parser bounds their number.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().map(|(bytes, times)| bytes.repeat(*times as usize)).collect::<Vec<_>>().concat()
    }
}

/// One alternative of what an author expects of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `ok`: success. Its results are the reference's to say.
    Ok,
    /// `_`: any success, or any value; nobody else is asked.
    Any,
    /// The call does not come back: the engine stops the guest.
    Trap(Span),
    /// An errno, an enum case or a flag, by name.
    Name(Name),
    Int(Int),
    /// `1..` or `1..=9`
    Range(Int, Option<Int>),
    Literal(Literal),
    /// `[a, b]`: flags, names in a directory (in any order), arguments, events (in any order).
    List(Vec<Pattern>, Span),
    /// `{ size: 5, filetype: regular_file }`: these fields; what the others hold is the reference's to say, or nobody's if
    /// the record ends in `..`.
    Record(Vec<(Name, Pattern)>, Rest, Span),
}

/// What a record says of the fields that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: they are compared with the reference.
    Compared,
    /// `..`: they may have any value.
    Free,
}

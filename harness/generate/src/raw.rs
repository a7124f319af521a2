//! Calls that give the parameters of the wasm function themselves, with one pointer or length that lies.

use touchstone_model::script::check::core_types;
use touchstone_model::script::{Arg, Args, Buffer, BufferInit, Expr, Int, Literal, Statement};
use touchstone_spec::{Function, Shape};

use crate::ast::{beside, int, name, word};
use crate::valid::{Draft, Maker};

/// Memory that raw calls share. It stands at the start of a script that has such calls, always the same, so that a raw call more or
/// less changes no other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    used: bool,
}

/// Room for results, and for what is read.
const ROOM: &str = "room";
const ROOM_BYTES: i64 = 512;
/// Any piece of it is a path, or data to write.
const TEXT: &str = "text";
const TEXT_BYTES: &[u8] = b"abcdefgh/a/../b/./c//d";
/// Buffers as `iovec` and `ciovec` have them.
const BUFFERS: &str = "buffers";
/// The same, but each of them is wrong in its own way.
const WRONG: &str = "wrong";

/// How many elements the arrays `buffers` and `wrong` have.
const ELEMENTS: usize = 4;
const WRONG_ELEMENTS: u8 = 8;
/// The first elements of `wrong` lead out of the memory, the others into each other.
const OUTSIDE: u8 = 5;

impl Memory {
    /// The buffers, if they are used.
    pub(crate) fn statements(self) -> Vec<Statement> {
        if !self.used {
            return Vec::new();
        }
        let buffers = [(beside(TEXT, 0), 5), (beside(TEXT, 5), 8), (beside(TEXT, 2), 0), (beside(TEXT, 16), 3)];
        let wrong = [
            (beside("end", -4), int(5)),
            (beside("end", 0), int(1)),
            (int(u32::MAX), int(1)),
            (word(TEXT), int(u32::MAX)),
            (word(TEXT), int(0x7fff_ffff)),
            (beside(TEXT, 1), int(4)),
            (beside(TEXT, 3), int(4)),
            (beside("end", -4), int(4)),
        ];
        let buffers = buffers.into_iter().flat_map(|(at, len)| [at, int(len)]).collect();
        let wrong = wrong.into_iter().flat_map(|(at, len)| [at, len]).collect();
        // the room comes last, so that whoever reads beyond the end of an array finds zeros first
        let inits = [
            (TEXT, BufferInit::Bytes(Literal::new(TEXT_BYTES))),
            (WRONG, BufferInit::Words(wrong)),
            (BUFFERS, BufferInit::Words(buffers)),
            (ROOM, BufferInit::Zero(Int::new(ROOM_BYTES.into()))),
        ];
        inits.into_iter().map(|(text, init)| Statement::Buffer(Buffer { name: name(text), init })).collect()
    }
}

/// What stands for a pointer or a length of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The same argument as in the typed call.
    Scalar,
    /// A pointer to bytes that are read, and their number.
    Text,
    /// A pointer to an array of buffers, and their number.
    Array,
    /// A pointer to room for so many bytes.
    Room,
    /// A number of bytes or of elements.
    Len,
}

/// The parts of a function's core parameters.
fn parts(function: Function) -> Vec<Part> {
    let mut out = Vec::with_capacity(10);
    for param in function.params() {
        match param.ty.shape {
            Shape::String => out.extend([Part::Text, Part::Len]),
            Shape::List(_) => out.extend([Part::Array, Part::Len]),
            Shape::Pointer(_) | Shape::ConstPointer(_) => out.push(Part::Room),
            _ if param.ty.name == Some("size") => out.push(Part::Len),
            _ => out.push(Part::Scalar),
        }
    }
    out.resize(function.core_params().len(), Part::Room);
    out
}

/// Whether a function takes pointers. The end of the program is nothing to play with.
pub(crate) fn takes_pointers(function: Function) -> bool {
    core_types(function).iter().any(Option::is_none)
}

impl Maker<'_> {
    /// A raw call in place of a typed one, with one parameter that lies. `may_stop`: the lie may be one that stops the guest.
    pub(crate) fn raw(&mut self, draft: &Draft, memory: &mut Memory, may_stop: bool) -> Args {
        memory.used = true;
        let parts = parts(draft.function);
        let mut scalars = draft.args.iter().filter_map(|arg| match arg {
            Arg::Expr(expr) => Some(expr.clone()),
            _ => None,
        });
        let mut args: Vec<Expr> = Vec::with_capacity(parts.len());
        let mut room = 0;
        for (index, part) in parts.iter().enumerate() {
            let follows_text = index > 0 && parts[index - 1] == Part::Text;
            args.push(match part {
                Part::Scalar => scalars.next().unwrap_or_else(|| int(0)),
                Part::Text => beside(TEXT, self.dice.below(8) as i64),
                Part::Array => beside(BUFFERS, 8 * self.dice.below(ELEMENTS) as i64),
                Part::Room => {
                    room += 64;
                    beside(ROOM, room - 64)
                }
                Part::Len if follows_text && self.dice.percent(25) => int(1 + self.dice.below(9) as u64),
                Part::Len => int(1),
            });
        }
        let pointers: Vec<usize> = parts.iter().enumerate().filter(|(_, part)| **part != Part::Scalar).map(|(index, _)| index).collect();
        if !pointers.is_empty() {
            let index = pointers[self.dice.below(pointers.len())];
            args[index] = if may_stop {
                self.outside(draft.function, parts[index])
            } else {
                let other = &args[pointers[self.dice.below(pointers.len())]];
                self.inside(draft.function, parts[index], &args[index], other)
            };
        }
        Args::Raw(args)
    }

    /// A pointer or a length that leads out of the memory.
    fn outside(&mut self, function: Function, part: Part) -> Expr {
        let byte = self.dice.byte();
        let further = byte / 8;
        match (part, byte % 8) {
            // a poll that finds more than zeros might wait for long
            (Part::Len, _) if function == Function::PollOneoff => int([0x0800_0000, 0x1000_0000, u32::MAX][usize::from(byte) % 3]),
            (Part::Len, kind) => int([u32::MAX, 0x8000_0000, 0x2000_0000, 0x7fff_ffff, 0x2_0000][usize::from(kind) % 5]),
            (Part::Array, 0..4) => beside(WRONG, 8 * i64::from(further % OUTSIDE)),
            (_, 6) => int(u32::MAX),
            (_, 7) => int(0x7fff_fff8),
            (_, _) => beside("end", -i64::from(further % 16)),
        }
    }

    /// A pointer or a length that is odd, but stays in the memory.
    fn inside(&mut self, function: Function, part: Part, given: &Expr, other: &Expr) -> Expr {
        let byte = self.dice.byte();
        let further = byte / 8;
        match (part, byte % 8) {
            (Part::Len, _) if function == Function::PollOneoff => int(0),
            (Part::Len, 0..3) => int(0),
            (Part::Len, 3) => int(1025),
            (Part::Len, _) => int(2 + further % 8),
            (Part::Array, 0..3) => beside(WRONG, 8 * i64::from(OUTSIDE + further % (WRONG_ELEMENTS - OUTSIDE))),
            (_, 0) => int(0),
            // onto another one
            (_, 1..4) => other.clone(),
            (_, _) => off_alignment(given, 1 + i64::from(further % 7)),
        }
    }
}

/// A pointer a few bytes further.
fn off_alignment(pointer: &Expr, by: i64) -> Expr {
    match pointer {
        Expr::Offset(base, offset) => Expr::Offset(base.clone(), offset + by),
        Expr::Name(_) => Expr::Offset(Box::new(pointer.clone()), by),
        other => other.clone(),
    }
}

//! A script with all addresses and arguments settled.

use touchstone_model::bounds;
use touchstone_model::script::check::{Meaning, Scope, core_types};
use touchstone_model::script::lex::Mistake;
use touchstone_model::script::params::{self, Kind};
use touchstone_model::script::{Arg, Args, BufferInit, Call, ClockArgs, Expr, Literal, Script, Statement, Subscription, SubscriptionKind};
use touchstone_model::world::World;
use touchstone_spec::{CoreType, Errno, Function, Type, type_by_name};

/// Bytes of a page of wasm memory.
pub const PAGE_BYTES: u32 = 65536;

/// The errno slot of a call that has not come back.
pub const NOT_RETURNED: u32 = u32::MAX;

/// A script ready to be written down.
#[derive(Debug, Clone)]
pub struct Program {
    /// The functions that it calls, each once, in order of first use.
    pub imports: Vec<Function>,
    /// Memory that is not zero at the start.
    pub data: Vec<Data>,
    pub pages: u32,
    /// The preopens that it looks for.
    pub searches: Vec<Search>,
    /// The sockets that it looks for.
    pub sockets: Vec<SocketSearch>,
    pub calls: Vec<ProgramCall>,
}

/// Initial content of a piece of memory.
#[derive(Debug, Clone)]
pub struct Data {
    pub address: u32,
    pub bytes: Vec<u8>,
}

/// A preopen that is looked for by its name before the first call.
#[derive(Debug, Clone)]
pub struct Search {
    pub guest: String,
    pub name_address: u32,
    /// Where its fd is kept; -1 if there is none.
    pub slot: u32,
}

/// A socket that is looked for by its type before the first call.
#[derive(Debug, Clone, Copy)]
pub struct SocketSearch {
    /// How many other sockets come before it.
    pub index: u32,
    /// Where its fd is kept; -1 if there is none.
    pub slot: u32,
}

/// One call with its arguments.
#[derive(Debug, Clone)]
pub struct ProgramCall {
    pub function: Function,
    pub args: Vec<Operand>,
    /// Where its errno is kept.
    pub errno_slot: u32,
    /// The arrays of `args_get` and `environ_get`: how many strings, and how many bytes.
    pub strings: (u32, u32),
}

/// A core argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// The bits of a number.
    Const(u64),
    /// A number of this many bytes at an address, plus an offset.
    Load { address: u32, size: u32, signed: bool, plus: i64 },
    /// The `d_next` of an entry in a directory buffer: found by stepping over this many entries.
    Next { buffer: u32, index: u32, plus: i64 },
}

/// Lays out a script for a world. The script has been checked against that world.
pub fn program(script: &Script, world: &World) -> Result<Program, Mistake> {
    let mut layout = Layout::new(script, world);
    for statement in &script.statements {
        match statement {
            Statement::Comment(_) => {}
            Statement::Buffer(buffer) => layout.buffer(&buffer.init)?,
            Statement::Call(call) => layout.call(call)?,
        }
        layout.scope.enter(statement);
    }
    Ok(layout.finish())
}

struct Layout<'a> {
    world: &'a World,
    scope: Scope,
    program: Program,
    next: u32,
    /// Slot of each preopen that is used.
    preopen_slots: Vec<Option<u32>>,
    /// Slot of each socket that is used.
    socket_slots: Vec<Option<u32>>,
    buffers: Vec<u32>,
    /// Address of each result of each call, and of the buffer that a `fd_readdir` fills.
    results: Vec<(Vec<u32>, u32)>,
    /// Words that hold the end of memory, which is known last.
    ends: Vec<(usize, usize, i64)>,
    /// The arguments of each call.
    args: Vec<Vec<Settled>>,
}

/// A number as far as it is settled before the size of the memory is known.
enum Settled {
    Operand(Operand),
    End(i64),
}

impl Settled {
    /// An address, a length or a count that the layout chose.
    fn address(address: u32) -> Settled {
        Settled::Operand(Operand::Const(address.into()))
    }

    /// The operand, in a memory that ends at `end`.
    fn at_end(self, end: i64) -> Operand {
        match self {
            Settled::Operand(operand) => operand,
            Settled::End(plus) => Operand::Const(low32((end + plus).cast_unsigned()).into()),
        }
    }
}

impl<'a> Layout<'a> {
    fn new(script: &Script, world: &'a World) -> Self {
        let calls = script.calls().count();
        let count = u32::try_from(calls).unwrap_or(u32::MAX);
        let errnos = bounds::SCRIPT_DATA_START;
        let mut layout = Layout {
            world,
            scope: Scope::new(world),
            program: Program {
                imports: Vec::new(),
                data: Vec::new(),
                pages: 0,
                searches: Vec::new(),
                sockets: Vec::new(),
                calls: Vec::with_capacity(calls),
            },
            next: errnos + 4 * count,
            preopen_slots: vec![None; world.preopens.len()],
            socket_slots: vec![None; world.sockets.len()],
            buffers: Vec::new(),
            results: Vec::with_capacity(calls),
            ends: Vec::new(),
            args: Vec::with_capacity(calls),
        };
        if count > 0 {
            layout.program.data.push(Data { address: errnos, bytes: vec![0xff; 4 * count as usize] });
        }
        layout
    }

    /// Room for this many bytes. Every piece starts on its alignment and none is adjacent to the next, so that a write of one
    /// byte too many shows.
    fn place(&mut self, len: u32, align: u32) -> u32 {
        let align = align.max(4);
        let address = self.next.next_multiple_of(align);
        self.next = address + len + 4;
        address
    }

    fn place_data(&mut self, bytes: Vec<u8>, align: u32) -> u32 {
        let address = self.place(u32::try_from(bytes.len()).unwrap_or(u32::MAX), align);
        if bytes.iter().any(|byte| *byte != 0) {
            self.program.data.push(Data { address, bytes });
        }
        address
    }

    fn buffer(&mut self, init: &BufferInit) -> Result<(), Mistake> {
        let address = match init {
            BufferInit::Zero(len) => self.place(clamp(len.value), 16),
            BufferInit::Bytes(literal) => self.place_data(literal.bytes(), 16),
            BufferInit::Words(words) => self.words(words)?,
        };
        self.buffers.push(address);
        Ok(())
    }

    fn words(&mut self, words: &[Expr]) -> Result<u32, Mistake> {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for word in words {
            let value = match self.settle(self.scope.meaning(word, None)?, 4, 0) {
                Settled::Operand(Operand::Const(value)) => value,
                Settled::End(plus) => {
                    ends.push((bytes.len(), plus));
                    u64::from(u32::MAX)
                }
                Settled::Operand(Operand::Load { .. } | Operand::Next { .. }) => 0,
            };
            bytes.extend(low32(value).to_le_bytes());
        }
        let address = self.place(u32::try_from(bytes.len()).unwrap_or(u32::MAX), 16);
        let index = self.program.data.len();
        self.program.data.push(Data { address, bytes });
        self.ends.extend(ends.into_iter().map(|(at, plus)| (index, at, plus)));
        Ok(address)
    }

    fn preopen(&mut self, index: usize) -> u32 {
        if let Some(slot) = self.preopen_slots[index] {
            return slot;
        }
        let guest = self.world.preopens[index].guest.clone();
        let name_address = self.place_data(guest.clone().into_bytes(), 4);
        let slot = self.place(4, 4);
        self.preopen_slots[index] = Some(slot);
        self.program.searches.push(Search { guest, name_address, slot });
        slot
    }

    fn socket(&mut self, index: usize) -> u32 {
        if let Some(slot) = self.socket_slots[index] {
            return slot;
        }
        let slot = self.place(4, 4);
        self.socket_slots[index] = Some(slot);
        self.program.sockets.push(SocketSearch { index: u32::try_from(index).unwrap_or(u32::MAX), slot });
        slot
    }

    /// Turns a meaning into a number, as far as the size of the memory is not needed.
    fn settle(&mut self, meaning: Meaning, size: u32, plus: i64) -> Settled {
        let operand = match meaning {
            Meaning::Const(value) => constant(value + i128::from(plus), size),
            Meaning::Buffer(index) => constant(i128::from(self.buffers[index]) + i128::from(plus), size),
            Meaning::Preopen(index) => Operand::Load { address: self.preopen(index), size: 4, signed: false, plus },
            Meaning::Socket(index) => Operand::Load { address: self.socket(index), size: 4, signed: false, plus },
            Meaning::Result { call, result, offset, ty } => {
                let signed = matches!(&ty.shape, touchstone_spec::Shape::Int(repr) if repr.is_signed());
                Operand::Load { address: self.results[call].0[result] + offset, size: ty.size, signed, plus }
            }
            Meaning::Next { call, index } => Operand::Next { buffer: self.results[call].1, index, plus },
            Meaning::MemoryEnd => return Settled::End(plus),
            Meaning::Offset(base, by) => return self.settle(*base, size, plus.wrapping_add(by)),
        };
        Settled::Operand(operand)
    }

    fn number(&mut self, expr: &Expr, ty: Option<&'static Type>, size: u32) -> Result<Settled, Mistake> {
        let meaning = self.scope.meaning(expr, ty)?;
        Ok(self.settle(meaning, size, 0))
    }

    fn call(&mut self, call: &Call) -> Result<(), Mistake> {
        let function = call.function;
        if !self.program.imports.contains(&function) {
            self.program.imports.push(function);
        }
        let results: Vec<u32> = match call.args {
            Args::Typed(_) => function.results().iter().map(|result| self.place(result.ty.size, result.ty.align)).collect(),
            Args::Raw(_) => vec![0; function.results().len()],
        };
        let mut filled = 0;
        let mut strings = (0, 0);
        let args = match &call.args {
            Args::Typed(args) => {
                let mut out = Vec::with_capacity(function.core_params().len());
                let mut args = args.iter();
                for param in params::of(function) {
                    if let Kind::Strings = param.kind {
                        strings = self.strings(function);
                        let pointers = self.place(4 * strings.0, 4);
                        let data = self.place(strings.1, 4);
                        out.extend([pointers, data].map(Settled::address));
                    } else if let Some(arg) = args.next() {
                        filled = self.arg(arg, param.kind, &mut out)?.unwrap_or(filled);
                    }
                }
                out.extend(results.iter().copied().map(Settled::address));
                out
            }
            Args::Raw(args) => {
                let kinds = function.core_params().iter().zip(core_types(function));
                let operands = args.iter().zip(kinds).map(|(arg, (core, ty))| self.number(arg, ty, core_size(*core)));
                operands.collect::<Result<Vec<_>, _>>()?
            }
        };
        let results = match call.args {
            Args::Typed(_) => results,
            Args::Raw(_) => raw_results(function, &args),
        };
        let index = u32::try_from(self.program.calls.len()).unwrap_or(u32::MAX);
        let errno_slot = bounds::SCRIPT_DATA_START + 4 * index;
        self.program.calls.push(ProgramCall { function, args: Vec::new(), errno_slot, strings });
        self.args.push(args);
        self.results.push((results, filled));
        Ok(())
    }

    /// Appends the core arguments of a typed argument; gives the address of the buffer that the call will fill, if this is one.
    fn arg(&mut self, arg: &Arg, kind: Kind, out: &mut Vec<Settled>) -> Result<Option<u32>, Mistake> {
        let mut push = |numbers: &[u32]| out.extend(numbers.iter().copied().map(Settled::address));
        match (arg, kind) {
            (Arg::Expr(expr), Kind::Scalar(ty)) => {
                let operand = self.number(expr, Some(ty), if ty.size == 8 { 8 } else { 4 })?;
                out.push(operand);
            }
            (Arg::Expr(Expr::Int(len)), Kind::Buffer) => {
                let len = clamp(len.value);
                let address = self.place(len, 8);
                push(&[address, len]);
                return Ok(Some(address));
            }
            (Arg::Literal(literal), Kind::Text) => {
                let bytes = literal.bytes();
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                push(&[self.place_data(bytes, 4), len]);
            }
            (Arg::Literal(literal), _) => push(&self.gather(std::slice::from_ref(literal))),
            (Arg::Literals(literals, _), _) => push(&self.gather(literals)),
            (Arg::List(lengths, _), _) => push(&self.scatter(lengths)),
            (Arg::Expr(length), _) => push(&self.scatter(std::slice::from_ref(length))),
            (Arg::Subscriptions(items, _), _) => {
                let (subscriptions, count) = self.subscriptions(items)?;
                let event = type_by_name("event").map_or(32, |ty| ty.size);
                let events = self.place(event * count, 8);
                push(&[subscriptions, events, count]);
            }
        }
        Ok(None)
    }

    fn gather(&mut self, literals: &[Literal]) -> [u32; 2] {
        let mut array = Vec::new();
        for literal in literals {
            let bytes = literal.bytes();
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            array.extend(self.place_data(bytes, 4).to_le_bytes());
            array.extend(len.to_le_bytes());
        }
        let count = u32::try_from(literals.len()).unwrap_or(u32::MAX);
        [self.place_data(array, 4), count]
    }

    fn scatter(&mut self, lengths: &[Expr]) -> [u32; 2] {
        let mut array = Vec::new();
        for length in lengths {
            let len = if let Expr::Int(int) = length { clamp(int.value) } else { 0 };
            array.extend(self.place(len, 4).to_le_bytes());
            array.extend(len.to_le_bytes());
        }
        let count = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
        [self.place_data(array, 4), count]
    }

    /// How many strings `args_get` or `environ_get` will give in this world, and in how many bytes.
    fn strings(&self, function: Function) -> (u32, u32) {
        let lens: Vec<usize> = match function {
            Function::ArgsGet => self.world.args.iter().map(|arg| arg.len() + 1).collect(),
            _ => self.world.env.iter().map(|(key, value)| key.len() + value.len() + 2).collect(),
        };
        let total: usize = lens.iter().sum();
        (u32::try_from(lens.len()).unwrap_or(u32::MAX), u32::try_from(total).unwrap_or(u32::MAX))
    }

    /// Subscriptions whose numbers are known beforehand stand in the data; an fd or a time that is not is refused.
    fn subscriptions(&mut self, items: &[Subscription]) -> Result<(u32, u32), Mistake> {
        let mut bytes = Vec::new();
        for item in items {
            let mut record = [0u8; 48];
            let mut put = |layout: &mut Self, at: usize, size: usize, expr: &Expr, ty: &str| -> Result<(), Mistake> {
                let known = layout.number(expr, type_by_name(ty), if size == 8 { 8 } else { 4 })?;
                let Settled::Operand(Operand::Const(value)) = known else {
                    let help = "use a number; to wait for an fd that the script opened, fill a `buffer` and make a `raw` call";
                    return Err(Mistake::new(expr.span(), "a subscription is laid out before the first call", help));
                };
                record[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
                Ok(())
            };
            if let Some(userdata) = &item.userdata {
                put(self, 0, 8, userdata, "userdata")?;
            }
            match &item.kind {
                SubscriptionKind::Clock(clock) => {
                    let ClockArgs { id, timeout, precision, flags } = clock.as_ref();
                    put(self, 16, 4, id, "clockid")?;
                    put(self, 24, 8, timeout, "timestamp")?;
                    put(self, 32, 8, precision, "timestamp")?;
                    put(self, 40, 2, flags, "subclockflags")?;
                }
                SubscriptionKind::FdRead(fd) | SubscriptionKind::FdWrite(fd) => put(self, 16, 4, fd, "fd")?,
            }
            record[8] = match item.kind {
                SubscriptionKind::Clock(_) => 0,
                SubscriptionKind::FdRead(_) => 1,
                SubscriptionKind::FdWrite(_) => 2,
            };
            bytes.extend(record);
        }
        Ok((self.place_data(bytes, 8), u32::try_from(items.len()).unwrap_or(u32::MAX)))
    }

    fn finish(mut self) -> Program {
        let pages = self.next.div_ceil(PAGE_BYTES) + 1;
        let end = i64::from(pages) * i64::from(PAGE_BYTES);
        self.program.pages = pages;
        for (data, at, plus) in &self.ends {
            let word = low32((end + plus).cast_unsigned());
            self.program.data[*data].bytes[*at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        for (call, args) in self.program.calls.iter_mut().zip(self.args) {
            call.args = args.into_iter().map(|arg| arg.at_end(end)).collect();
        }
        self.program
    }
}

fn low32(value: u64) -> u32 {
    (value & u64::from(u32::MAX)) as u32
}

fn clamp(value: i128) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// The bits of a number in a parameter of 4 or 8 bytes.
fn constant(value: i128, size: u32) -> Operand {
    let bits = (value & i128::from(u64::MAX)) as u64;
    Operand::Const(if size == 8 { bits } else { u64::from(low32(bits)) })
}

fn core_size(core: CoreType) -> u32 {
    match core {
        CoreType::I32 => 4,
        CoreType::I64 => 8,
    }
}

/// Where the results of a raw call go, as far as its pointers are plain numbers.
fn raw_results(function: Function, args: &[Settled]) -> Vec<u32> {
    let first = args.len() - function.results().len();
    let address = |arg: &Settled| if let Settled::Operand(Operand::Const(value)) = arg { low32(*value) } else { 0 };
    args[first..].iter().map(address).collect()
}

/// The errno that a function answers when a script's search has come to the end of the fds.
pub const END_OF_FDS: Errno = Errno::Badf;

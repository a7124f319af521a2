//! A program as data, for one module that plays every program: the trampoline.
//!
//! A runtime compiles the trampoline once; after that a script costs an instantiation. The program comes in a second memory,
//! [`PROGRAM_EXPORT`], which the host fills before the first call, so the guest's own memory is as in the straight-line module:
//! same size, same addresses, same content.
//!
//! All numbers are little-endian. The image starts with the pages that the guest's memory is to have, 8 bytes; steps follow:
//!
//! ```text
//! step     0  kind     which function (its place in `Function::ALL`), or one of the kinds below
//!          4  slot     where the errno goes, or the fd that was looked for
//!          8  one operand of 24 bytes for each parameter of the function
//! operand  0  kind     CONST, LOAD_*, NEXT
//!          4  address  in the guest's memory: what is loaded, or the directory buffer
//!          8  index    of the entry, for NEXT
//!         16  number   the constant, or what is added
//! ```
//!
//! Behind the last step lie the bytes that COPY steps bring into the guest's memory.

use touchstone_spec::{CoreType, Function, MODULE};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, FunctionSection, ImportSection, InstructionSink, MemArg, MemArgTarget,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};

use super::encode::{at, index32, search, search_socket, step_over_entry, val_type};
use super::program::{Operand, Program};

/// Under which name the trampoline exports the memory that takes the program.
pub const PROGRAM_EXPORT: &str = "program";

/// Index of that memory.
const PROGRAM: u32 = 1;

/// Pages that every program has at least.
const FEWEST_PAGES: u32 = 2;

const STEPS_START: u32 = 8;
const STEP_BYTES: u32 = 8;
const OPERAND_BYTES: u32 = 24;
/// Where an operand has what.
const OPERAND_ADDRESS: u32 = 4;
const OPERAND_INDEX: u32 = 8;
const OPERAND_NUMBER: u32 = 16;

/// Kinds of steps that are no calls. Their numbers follow those of the functions.
#[derive(Debug, Clone, Copy)]
enum Extra {
    /// The program is over.
    End,
    /// Brings bytes of the image into the guest's memory: to, from, how many.
    Copy,
    /// Looks for a preopen: where its name stands, how long it is.
    Preopen,
    /// Looks for a socket: how many come before it.
    Socket,
}

impl Extra {
    const ALL: [Extra; 4] = [Extra::End, Extra::Copy, Extra::Preopen, Extra::Socket];

    fn kind(self) -> u32 {
        index32(Function::ALL.len()) + self as u32
    }

    fn operands(self) -> u32 {
        match self {
            Extra::End => 0,
            Extra::Copy => 3,
            Extra::Preopen => 2,
            Extra::Socket => 1,
        }
    }
}

// kinds of operands; that of constants is 0
const CONST: u32 = 0;
const LOAD_U8: u32 = 1;
const LOAD_U16: u32 = 2;
const LOAD_U32: u32 = 3;
const LOAD_S32: u32 = 4;
const LOAD_U64: u32 = 5;
const NEXT: u32 = 6;

/// Writes a program for the trampoline.
pub fn image(program: &Program) -> Vec<u8> {
    let copies = index32(program.data.len());
    let searches = index32(program.searches.len()) * step_bytes(Extra::Preopen.operands());
    let sockets = index32(program.sockets.len()) * step_bytes(Extra::Socket.operands());
    let calls: u32 = program.calls.iter().map(|call| step_bytes(index32(call.args.len()))).sum();
    let mut from = STEPS_START + copies * step_bytes(Extra::Copy.operands()) + searches + sockets + calls + step_bytes(0);
    let mut out = Vec::with_capacity(from as usize + program.data.iter().map(|data| data.bytes.len()).sum::<usize>());
    out.extend_from_slice(&u64::from(program.pages).to_le_bytes());
    for data in &program.data {
        let len = index32(data.bytes.len());
        step(&mut out, Extra::Copy.kind(), 0, &[data.address, from, len].map(constant));
        from += len;
    }
    for search in &program.searches {
        let len = index32(search.guest.len());
        step(&mut out, Extra::Preopen.kind(), search.slot, &[search.name_address, len].map(constant));
    }
    for search in &program.sockets {
        step(&mut out, Extra::Socket.kind(), search.slot, &[constant(search.index)]);
    }
    for call in &program.calls {
        let number = Function::ALL.iter().position(|function| *function == call.function).unwrap_or_default();
        step(&mut out, index32(number), call.errno_slot, &call.args);
    }
    step(&mut out, Extra::End.kind(), 0, &[]);
    program.data.iter().for_each(|data| out.extend_from_slice(&data.bytes));
    out
}

fn step_bytes(operands: u32) -> u32 {
    STEP_BYTES + operands * OPERAND_BYTES
}

fn constant(number: u32) -> Operand {
    Operand::Const(number.into())
}

fn step(out: &mut Vec<u8>, kind: u32, slot: u32, operands: &[Operand]) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&slot.to_le_bytes());
    for operand in operands {
        let (kind, address, index, number) = match operand {
            Operand::Const(number) => (CONST, 0, 0, *number),
            Operand::Load { address, size, signed, plus } => (load_kind(*size, *signed), *address, 0, plus.cast_unsigned()),
            Operand::Next { buffer, index, plus } => (NEXT, *buffer, *index, plus.cast_unsigned()),
        };
        let mut bytes = [0; OPERAND_BYTES as usize];
        for (at, number) in [(0, kind), (OPERAND_ADDRESS, address), (OPERAND_INDEX, index)] {
            bytes[at as usize..at as usize + 4].copy_from_slice(&number.to_le_bytes());
        }
        bytes[OPERAND_NUMBER as usize..].copy_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&bytes);
    }
}

fn load_kind(size: u32, signed: bool) -> u32 {
    match (size, signed) {
        (8, _) => LOAD_U64,
        (4, true) => LOAD_S32,
        (4, false) => LOAD_U32,
        (2, _) => LOAD_U16,
        _ => LOAD_U8,
    }
}

/// The module. It imports every function, and exports the guest's memory, the program's, and `_start`.
pub fn module() -> Vec<u8> {
    let imported = index32(Function::ALL.len());
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    for (index, function) in Function::ALL.iter().enumerate() {
        types.ty().function(function.core_params().iter().map(val_type), function.core_results().iter().map(val_type));
        imports.import(MODULE, function.name(), EntityType::Function(index32(index)));
    }
    let own: [(&[ValType], &[ValType], wasm_encoder::Function); 4] = [
        (&[ValType::I32, ValType::I32], &[ValType::I32], search(&Function::ALL)),
        (&[ValType::I32], &[ValType::I32], search_socket(&Function::ALL)),
        (&[ValType::I32], &[ValType::I64], operand()),
        (&[], &[], start(&Own { first: imported })),
    ];
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for (index, (params, results, body)) in own.iter().enumerate() {
        types.ty().function(params.iter().copied(), results.iter().copied());
        functions.function(imported + index32(index));
        code.function(body);
    }
    let mut memories = MemorySection::new();
    for pages in [FEWEST_PAGES, 1] {
        memories.memory(MemoryType { minimum: pages.into(), maximum: None, memory64: false, shared: false, page_size_log2: None });
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export(PROGRAM_EXPORT, ExportKind::Memory, PROGRAM);
    exports.export("_start", ExportKind::Func, Own { first: imported }.start());

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// The functions of the trampoline, behind the imports.
struct Own {
    first: u32,
}

impl Own {
    /// `(name, len) -> fd`
    fn search(&self) -> u32 {
        self.first
    }
    /// `(index) -> fd`
    fn search_socket(&self) -> u32 {
        self.first + 1
    }
    /// `(address) -> number`
    fn operand(&self) -> u32 {
        self.first + 2
    }
    fn start(&self) -> u32 {
        self.first + 3
    }
}

fn in_program(offset: u32, align: u32) -> MemArg {
    MemArg { offset: offset.into(), align, target: MemArgTarget::Memory(PROGRAM), ordering: None }
}

/// Takes one of `count` ways by the number on the stack: each is the end of a block of its own, the first the innermost.
/// What no way belongs to goes to the last.
fn ways(
    sink: &mut InstructionSink<'_>,
    count: u32,
    mut choose: impl FnMut(&mut InstructionSink<'_>),
    mut way: impl FnMut(&mut InstructionSink<'_>, u32),
) {
    for _ in 0..count {
        sink.block(BlockType::Empty);
    }
    choose(sink);
    sink.br_table(0..count, count - 1);
    for index in 0..count {
        sink.end();
        way(sink, index);
    }
}

/// `(address) -> number`: what the operand at this address of the program stands for.
fn operand() -> wasm_encoder::Function {
    const OPERAND: u32 = 0;
    const ADDRESS: u32 = 1;
    const LEFT: u32 = 2;
    let mut body = wasm_encoder::Function::new([(2, ValType::I32)]);
    let mut sink = body.instructions();
    sink.local_get(OPERAND).i32_load(in_program(OPERAND_ADDRESS, 2)).local_set(ADDRESS);
    let kind = |sink: &mut InstructionSink<'_>| {
        sink.local_get(OPERAND).i32_load(in_program(0, 2));
    };
    ways(&mut sink, NEXT + 1, kind, |sink, kind| {
        match kind {
            CONST => sink.i64_const(0),
            LOAD_U8 => sink.local_get(ADDRESS).i64_load8_u(at(0, 0)),
            LOAD_U16 => sink.local_get(ADDRESS).i64_load16_u(at(0, 1)),
            LOAD_U32 => sink.local_get(ADDRESS).i64_load32_u(at(0, 2)),
            LOAD_S32 => sink.local_get(ADDRESS).i64_load32_s(at(0, 2)),
            LOAD_U64 => sink.local_get(ADDRESS).i64_load(at(0, 3)),
            _ => {
                sink.local_get(OPERAND).i32_load(in_program(OPERAND_INDEX, 2)).local_set(LEFT);
                sink.block(BlockType::Empty).loop_(BlockType::Empty);
                sink.local_get(LEFT).i32_eqz().br_if(1);
                step_over_entry(sink, ADDRESS);
                sink.local_get(LEFT).i32_const(1).i32_sub().local_set(LEFT).br(0);
                sink.end().end();
                sink.local_get(ADDRESS).i64_load(at(0, 3))
            }
        };
        sink.local_get(OPERAND).i64_load(in_program(OPERAND_NUMBER, 3)).i64_add().return_();
    });
    sink.unreachable().end();
    body
}

/// `_start`: takes one step after the other.
fn start(own: &Own) -> wasm_encoder::Function {
    const STEP: u32 = 0;
    let mut body = wasm_encoder::Function::new([(1, ValType::I32)]);
    let mut sink = body.instructions();
    sink.i32_const(0).i32_load(in_program(0, 2)).i32_const(FEWEST_PAGES.cast_signed()).i32_sub().memory_grow(0).drop();
    sink.i32_const(STEPS_START.cast_signed()).local_set(STEP);
    sink.loop_(BlockType::Empty);
    let count = index32(Function::ALL.len() + Extra::ALL.len());
    let kind = |sink: &mut InstructionSink<'_>| {
        sink.local_get(STEP).i32_load(in_program(0, 2));
    };
    ways(&mut sink, count, kind, |sink, kind| {
        let operands = take_step(sink, kind, own, STEP);
        sink.local_get(STEP).i32_const(step_bytes(operands).cast_signed()).i32_add().local_set(STEP);
        // out of the blocks of the ways that follow, to the loop
        sink.br(count - 1 - kind);
    });
    sink.end().unreachable().end();
    body
}

/// Does what a step of this kind does; says how many operands it has.
fn take_step(sink: &mut InstructionSink<'_>, kind: u32, own: &Own, step: u32) -> u32 {
    let number = |sink: &mut InstructionSink<'_>, index: u32, core: CoreType| {
        // most are constants, which need no call
        let at = step_bytes(index);
        sink.local_get(step).i32_load(in_program(at, 2)).if_(BlockType::Result(ValType::I64));
        sink.local_get(step).i32_const(at.cast_signed()).i32_add().call(own.operand());
        sink.else_().local_get(step).i64_load(in_program(at + OPERAND_NUMBER, 3)).end();
        if core == CoreType::I32 {
            sink.i32_wrap_i64();
        }
    };
    let slot = |sink: &mut InstructionSink<'_>| {
        sink.local_get(step).i32_load(in_program(4, 2));
    };
    if let Some(function) = Function::ALL.get(kind as usize) {
        if function.returns_errno() {
            slot(sink);
        }
        for (index, core) in function.core_params().iter().enumerate() {
            number(sink, index32(index), *core);
        }
        sink.call(kind);
        if function.returns_errno() {
            sink.i32_store(at(0, 2));
        }
        return index32(function.core_params().len());
    }
    let extra = Extra::ALL[kind as usize - Function::ALL.len()];
    let has_slot = matches!(extra, Extra::Preopen | Extra::Socket);
    if has_slot {
        slot(sink);
    }
    (0..extra.operands()).for_each(|index| number(sink, index, CoreType::I32));
    match extra {
        Extra::End => sink.return_(),
        Extra::Copy => sink.memory_copy(0, PROGRAM),
        Extra::Preopen => sink.call(own.search()).i32_store(at(0, 2)),
        Extra::Socket => sink.call(own.search_socket()).i32_store(at(0, 2)),
    };
    extra.operands()
}

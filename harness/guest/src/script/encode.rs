//! A program as a wasm module.

use touchstone_model::bounds;
use touchstone_spec::consts::{fdstat, filetype};
use touchstone_spec::{CoreType, Function, MODULE};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, FunctionSection, ImportSection, InstructionSink,
    MemArg, MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

use super::program::{END_OF_FDS, NOT_RETURNED, Operand, Program, ProgramCall};

/// Writes the module. It exports its memory and `_start`; the errno of each call and all that the calls filled stay in memory.
pub fn encode(program: &Program) -> Vec<u8> {
    let imports = imports(program);
    let mut types = TypeSection::new();
    let mut import_section = ImportSection::new();
    for (index, function) in imports.iter().enumerate() {
        types.ty().function(function.core_params().iter().map(val_type), function.core_results().iter().map(val_type));
        import_section.import(MODULE, function.name(), EntityType::Function(index32(index)));
    }
    let [search_type, socket_type, start_type] = [0, 1, 2].map(|index| index32(imports.len() + index));
    types.ty().function([ValType::I32, ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([], []);

    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut next = index32(imports.len());
    if !program.searches.is_empty() {
        functions.function(search_type);
        code.function(&search(&imports));
        next += 1;
    }
    if !program.sockets.is_empty() {
        functions.function(socket_type);
        code.function(&search_socket(&imports));
        next += 1;
    }
    functions.function(start_type);
    code.function(&start(program, &imports, next));

    let mut memories = MemorySection::new();
    let minimum = u64::from(program.pages);
    memories.memory(MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("_start", ExportKind::Func, next);
    let mut data = DataSection::new();
    for piece in &program.data {
        data.active(0, &ConstExpr::i32_const(piece.address.cast_signed()), piece.bytes.iter().copied());
    }

    let mut module = Module::new();
    module.section(&types).section(&import_section).section(&functions).section(&memories);
    module.section(&exports).section(&code).section(&data);
    module.finish()
}

/// The functions that the module imports: those of the script, and what the searches need.
fn imports(program: &Program) -> Vec<Function> {
    let mut imports = program.imports.clone();
    if !program.searches.is_empty() {
        let needed = [Function::FdPrestatGet, Function::FdPrestatDirName];
        imports.extend(needed.into_iter().filter(|function| !program.imports.contains(function)));
    }
    if !program.sockets.is_empty() && !program.imports.contains(&Function::FdFdstatGet) {
        imports.push(Function::FdFdstatGet);
    }
    imports
}

pub(crate) fn val_type(core: &CoreType) -> ValType {
    match core {
        CoreType::I32 => ValType::I32,
        CoreType::I64 => ValType::I64,
    }
}

pub(crate) fn index32(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

pub(crate) fn at(offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
}

fn import_index(imports: &[Function], wanted: Function) -> u32 {
    index32(imports.iter().position(|function| *function == wanted).unwrap_or_default())
}

/// `_start`, the function of this index. The searches come before it.
fn start(program: &Program, imports: &[Function], index: u32) -> wasm_encoder::Function {
    let mut body = wasm_encoder::Function::new([(1, ValType::I32)]);
    for search in &program.searches {
        let len = index32(search.guest.len());
        let mut sink = body.instructions();
        sink.i32_const(search.slot.cast_signed()).i32_const(search.name_address.cast_signed()).i32_const(len.cast_signed());
        sink.call(index32(imports.len())).i32_store(at(0, 2));
    }
    for search in &program.sockets {
        let mut sink = body.instructions();
        sink.i32_const(search.slot.cast_signed()).i32_const(search.index.cast_signed());
        sink.call(index - 1).i32_store(at(0, 2));
    }
    for call in &program.calls {
        start_call(call, import_index(imports, call.function), &mut body);
    }
    body.instructions().end();
    body
}

fn start_call(call: &ProgramCall, index: u32, body: &mut wasm_encoder::Function) {
    if call.function.returns_errno() {
        body.instructions().i32_const(call.errno_slot.cast_signed());
    }
    for (operand, core) in call.args.iter().zip(call.function.core_params()) {
        push_operand(operand, *core, body);
    }
    body.instructions().call(index);
    if call.function.returns_errno() {
        body.instructions().i32_store(at(0, 2));
    }
}

fn push_operand(operand: &Operand, core: CoreType, body: &mut wasm_encoder::Function) {
    match (operand, core) {
        (Operand::Const(value), CoreType::I32) => {
            body.instructions().i32_const((*value as u32).cast_signed());
        }
        (Operand::Const(value), CoreType::I64) => {
            body.instructions().i64_const(value.cast_signed());
        }
        (Operand::Load { address, size, signed, plus }, core) => {
            body.instructions().i32_const(address.cast_signed());
            load(*size, *signed, core, body);
            add(*plus, core, body);
        }
        (Operand::Next { buffer, index, plus }, core) => {
            step_over_entries(*buffer, *index, body);
            body.instructions().local_get(0).i64_load(at(0, 3));
            if core == CoreType::I32 {
                body.instructions().i32_wrap_i64();
            }
            add(*plus, core, body);
        }
    }
}

/// Loads a number of 1, 2, 4 or 8 bytes into a parameter of the given type.
fn load(size: u32, signed: bool, core: CoreType, body: &mut wasm_encoder::Function) {
    let mut sink = body.instructions();
    match (size, core) {
        (8, CoreType::I64) => sink.i64_load(at(0, 3)),
        (8, CoreType::I32) => sink.i64_load(at(0, 3)).i32_wrap_i64(),
        (4, CoreType::I64) if signed => sink.i64_load32_s(at(0, 2)),
        (4, CoreType::I64) => sink.i64_load32_u(at(0, 2)),
        (4, CoreType::I32) => sink.i32_load(at(0, 2)),
        (2, CoreType::I64) => sink.i64_load16_u(at(0, 1)),
        (2, CoreType::I32) => sink.i32_load16_u(at(0, 1)),
        (_, CoreType::I64) => sink.i64_load8_u(at(0, 0)),
        (_, CoreType::I32) => sink.i32_load8_u(at(0, 0)),
    };
}

fn add(plus: i64, core: CoreType, body: &mut wasm_encoder::Function) {
    let mut sink = body.instructions();
    match core {
        _ if plus == 0 => &mut sink,
        CoreType::I64 => sink.i64_const(plus).i64_add(),
        CoreType::I32 => sink.i32_const(plus as i32).i32_add(),
    };
}

/// Bytes of a directory entry before its name, and where in them the length of the name stands.
const DIRENT_BYTES: i32 = 24;
const DIRENT_NAMLEN: u64 = 16;

/// Leaves in local 0 the address of the entry with this index.
fn step_over_entries(buffer: u32, index: u32, body: &mut wasm_encoder::Function) {
    let mut sink = body.instructions();
    sink.i32_const(buffer.cast_signed()).local_set(0);
    (0..index).for_each(|_| step_over_entry(&mut sink, 0));
}

/// Moves the address of an entry, in a local, to the next one.
pub(super) fn step_over_entry(sink: &mut InstructionSink<'_>, local: u32) {
    sink.local_get(local).local_get(local).i32_load(at(DIRENT_NAMLEN, 2)).i32_add().i32_const(DIRENT_BYTES).i32_add().local_set(local);
}

/// `(name, len) -> fd`: asks each fd from 3 upwards whether it is the preopen of that name. -1 if none is.
///
/// The scratch memory is at address 0, below everything that a script lays out: the prestat at 0, the name from 16.
pub(super) fn search(imports: &[Function]) -> wasm_encoder::Function {
    const NAME: u32 = 0;
    const LEN: u32 = 1;
    const FD: u32 = 2;
    const I: u32 = 3;
    let prestat_get = import_index(imports, Function::FdPrestatGet);
    let dir_name = import_index(imports, Function::FdPrestatDirName);
    let scratch_name = 16;
    let mut body = wasm_encoder::Function::new([(2, ValType::I32)]);
    let mut sink = body.instructions();
    sink.i32_const(2).local_set(FD);
    sink.loop_(BlockType::Empty);
    // next fd; give up after as many as are allowed
    sink.local_get(FD).i32_const(1).i32_add().local_tee(FD);
    sink.i32_const((3 + bounds::PREOPEN_SEARCH_FDS).cast_signed()).i32_ge_u();
    sink.if_(BlockType::Empty).i32_const(-1).return_().end();
    // an error other than "no such fd" says that this one is no preopen
    sink.local_get(FD).i32_const(0).call(prestat_get).local_tee(I);
    sink.i32_const(END_OF_FDS.raw().into()).i32_eq().if_(BlockType::Empty).i32_const(-1).return_().end();
    sink.local_get(I).br_if(0);
    // another length, another name
    sink.i32_const(0).i32_load(at(4, 2)).local_get(LEN).i32_ne().br_if(0);
    sink.local_get(FD).i32_const(scratch_name).local_get(LEN).call(dir_name).br_if(0);
    sink.i32_const(0).local_set(I);
    sink.loop_(BlockType::Empty);
    sink.local_get(I).local_get(LEN).i32_eq().if_(BlockType::Empty).local_get(FD).return_().end();
    sink.local_get(I).i32_load8_u(at(scratch_name.unsigned_abs().into(), 0));
    sink.local_get(NAME).local_get(I).i32_add().i32_load8_u(at(0, 0));
    sink.i32_ne().br_if(1);
    sink.local_get(I).i32_const(1).i32_add().local_set(I).br(0);
    sink.end().end().unreachable().end();
    body
}

/// `(index) -> fd`: asks each fd from 3 upwards of what type it is, and gives the socket before which `index` others come. -1 if
/// there is none. The fdstat is written to address 0.
pub(super) fn search_socket(imports: &[Function]) -> wasm_encoder::Function {
    const INDEX: u32 = 0;
    const FD: u32 = 1;
    const ERRNO: u32 = 2;
    let fdstat_get = import_index(imports, Function::FdFdstatGet);
    let mut body = wasm_encoder::Function::new([(2, ValType::I32)]);
    let mut sink = body.instructions();
    sink.i32_const(2).local_set(FD);
    sink.loop_(BlockType::Empty);
    sink.local_get(FD).i32_const(1).i32_add().local_tee(FD);
    sink.i32_const((3 + bounds::PREOPEN_SEARCH_FDS).cast_signed()).i32_ge_u();
    sink.if_(BlockType::Empty).i32_const(-1).return_().end();
    sink.local_get(FD).i32_const(0).call(fdstat_get).local_tee(ERRNO);
    sink.i32_const(END_OF_FDS.raw().into()).i32_eq().if_(BlockType::Empty).i32_const(-1).return_().end();
    sink.local_get(ERRNO).br_if(0);
    sink.i32_const(0).i32_load8_u(at(fdstat::FS_FILETYPE as u64, 0));
    sink.i32_const(filetype::SOCKET_STREAM as i32).i32_ne().br_if(0);
    sink.local_get(INDEX).i32_eqz().if_(BlockType::Empty).local_get(FD).return_().end();
    sink.local_get(INDEX).i32_const(1).i32_sub().local_set(INDEX).br(0);
    sink.end().unreachable().end();
    body
}

/// The errno slots start as this, so that a call that did not come back can be told from one that did.
const _: () = assert!(NOT_RETURNED == 0xffff_ffff);

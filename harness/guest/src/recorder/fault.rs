//! Faults under a recorded module: one WASI function does something else than the host would. Since the guest's imports are rewritten,
//! they can be planted on any runtime.
//!
//! Which faults there are follows from the types of the specification: [`ImportFault::all`].

use std::fmt::{self, Display, Formatter};

use touchstone_spec::memory::Output;
use touchstone_spec::{CoreType, Errno, Function, Permitted, Shape, Type, clauses};
use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};

use super::RecordError;
use super::log::unaligned;
use super::replace::{Replaced, replace};

/// What is wrong with one function, in each of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImportFault {
    /// The function.
    pub function: Function,
    /// What it does.
    pub kind: FaultKind,
}

/// What is wrong. Parameters are core parameters, counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The host is not asked. The answer is success, and what should hold the results stays as it is.
    Drop,
    /// The host is not asked. The answer is this error.
    Instead(Errno),
    /// The host does what it should. The answer is this error.
    Afterwards(Errno),
    /// The host is asked with one bit of a parameter changed.
    Flag {
        /// The parameter: flags, or a number of another kind.
        parameter: usize,
        /// Which bit, counted from the lowest.
        bit: u32,
    },
    /// After a successful call a number in a result is one more than it should be.
    Corrupt {
        /// The parameter that points to the result. Of buffers it points to an array, and the result is in the first of them.
        output: usize,
        /// Where in the result the number starts, in bytes.
        at: u32,
        /// How many bytes it has.
        len: u32,
    },
}

impl ImportFault {
    /// All faults of all functions.
    pub fn all() -> Vec<ImportFault> {
        Function::ALL.into_iter().flat_map(ImportFault::of).collect()
    }

    /// All faults of one function: each flag and, of parameters that are numbers otherwise, the lowest bit; each number in a result.
    /// The error is one that nothing permits.
    pub fn of(function: Function) -> Vec<ImportFault> {
        let mut kinds = vec![FaultKind::Drop];
        if function.returns_errno() {
            let errno = forbidden(function);
            kinds.extend(errno.into_iter().flat_map(|errno| [FaultKind::Instead(errno), FaultKind::Afterwards(errno)]));
        }
        kinds.extend(flags(function));
        kinds.extend(function.outputs().iter().flat_map(corruptions));
        kinds.into_iter().map(|kind| ImportFault { function, kind }).collect()
    }

    /// Plants it in a module that [`record`](super::record) has made. A module that does not import the function stays as it is.
    pub fn plant(self, recorded: &[u8]) -> Result<Vec<u8>, RecordError> {
        let exists = match self.kind {
            FaultKind::Drop => true,
            FaultKind::Instead(_) | FaultKind::Afterwards(_) => self.function.returns_errno(),
            FaultKind::Flag { .. } | FaultKind::Corrupt { .. } => ImportFault::of(self.function).contains(&self),
        };
        if !exists {
            return Err(RecordError::Unsupported(format!("plant {self}: {} has nothing of the kind", self.function.name())));
        }
        replace(recorded, self.function, |replaced| self.kind.body(replaced))
    }
}

/// The first error that no clause permits, neither one of this function nor one of a topic.
fn forbidden(function: Function) -> Option<Errno> {
    let may_apply = |clause: &&touchstone_spec::Clause| clause.function().is_none_or(|found| found == function);
    let permits = |errno: Errno| {
        let mut outcomes = clauses().iter().filter(may_apply).flat_map(|clause| &clause.outcomes);
        outcomes.any(|permit| permit.outcome == Permitted::Errno(errno))
    };
    Errno::ALL.into_iter().find(|errno| *errno != Errno::Success && !permits(*errno))
}

/// The bits of the parameters that carry numbers themselves.
fn flags(function: Function) -> impl Iterator<Item = FaultKind> {
    function.params().iter().enumerate().flat_map(move |(param, found)| {
        let bits = match found.ty.shape {
            Shape::Flags { flags, .. } => flags.len(),
            Shape::Int(_) | Shape::Enum { .. } | Shape::Handle => 1,
            // pointers; a record or a union is never given by value
            Shape::Pointer(_) | Shape::ConstPointer(_) | Shape::List(_) | Shape::String | Shape::Record { .. } | Shape::Union { .. } => 0,
        };
        let parameter = function.core_index(param);
        (0..64).take(bits).map(move |bit| FaultKind::Flag { parameter, bit })
    })
}

fn corruptions(output: &Output) -> Vec<FaultKind> {
    let number = |output: usize, at: u32, len: u32| FaultKind::Corrupt { output, at, len };
    match *output {
        Output::Value { ptr, ty } | Output::Array { ptr, ty, .. } => {
            numbers(ty, 0).into_iter().map(|(_, at, len)| number(ptr, at, len)).collect()
        }
        Output::Buffer { ptr, .. } | Output::ReadBuffers { ptr, .. } => vec![number(ptr, 0, 1)],
        Output::Strings { pointers, data, .. } => vec![number(pointers, 0, 4), number(data, 0, 1)],
    }
}

/// The numbers in a value: what each is called, where it starts and how many bytes it has.
fn numbers(ty: &Type, at: u32) -> Vec<(String, u32, u32)> {
    let below = |name: &str, ty: &Type, at: u32| -> Vec<(String, u32, u32)> {
        numbers(ty, at).into_iter().map(|(rest, at, len)| (format!(".{name}{rest}"), at, len)).collect()
    };
    match ty.shape {
        Shape::Record { fields } => fields.iter().flat_map(|field| below(field.name, field.ty, at + field.offset)).collect(),
        Shape::Union { tag, payload_offset, cases } => {
            let payloads = cases.iter().filter_map(|case| Some(below(case.name, case.ty?, at + payload_offset)));
            std::iter::once((".tag".to_owned(), at, tag.size)).chain(payloads.flatten()).collect()
        }
        Shape::Int(_)
        | Shape::Enum { .. }
        | Shape::Flags { .. }
        | Shape::Handle
        | Shape::Pointer(_)
        | Shape::ConstPointer(_)
        | Shape::List(_)
        | Shape::String => vec![(String::new(), at, ty.size)],
    }
}

impl FaultKind {
    /// The body of the function that is called instead.
    fn body(self, replaced: Replaced) -> wasm_encoder::Function {
        let mut body = wasm_encoder::Function::new([(2, ValType::I32)]);
        let mut sink = body.instructions();
        match self {
            FaultKind::Drop => answer(Errno::Success, replaced, &mut sink),
            FaultKind::Instead(errno) => answer(errno, replaced, &mut sink),
            FaultKind::Afterwards(errno) => {
                replaced.ask_the_same(&mut sink);
                sink.drop();
                answer(errno, replaced, &mut sink);
            }
            FaultKind::Flag { parameter, bit } => replaced.ask(&mut sink, |index, sink| {
                sink.local_get(index);
                if index as usize == parameter {
                    flip(replaced.function.core_params()[parameter], bit, sink);
                }
            }),
            FaultKind::Corrupt { output, at, len } => corrupt(replaced, output, at, len, &mut sink),
        }
        sink.end();
        body
    }
}

fn answer(errno: Errno, replaced: Replaced, sink: &mut InstructionSink<'_>) {
    if replaced.function.returns_errno() {
        sink.i32_const(errno.raw().into());
    }
}

/// Changes one bit of what is on the stack.
fn flip(core: CoreType, bit: u32, sink: &mut InstructionSink<'_>) {
    match core {
        CoreType::I32 => sink.i32_const(1 << bit).i32_xor(),
        CoreType::I64 => sink.i64_const(1 << bit).i64_xor(),
    };
}

fn index(param: usize) -> u32 {
    u32::try_from(param).unwrap_or(u32::MAX)
}

/// Asks the host and, where it succeeds and there is such a result, adds one to the number in it.
fn corrupt(replaced: Replaced, output: usize, at: u32, len: u32, sink: &mut InstructionSink<'_>) {
    let (errno, address) = (replaced.params(), replaced.params() + 1);
    replaced.ask_the_same(sink);
    let Some(memory) = replaced.memory else { return };
    sink.local_tee(errno).if_(BlockType::Empty).local_get(errno).return_().end();
    let place = |offset: u64| unaligned(memory, offset);
    let found = replaced.function.outputs().iter().find(|found| pointers(found).contains(&output));
    if let Some(found) = found {
        filled(found, &place, sink);
    }
    sink.local_get(index(output));
    if matches!(found, Some(Output::ReadBuffers { .. })) {
        sink.i32_load(place(0));
    }
    sink.local_tee(address);
    // what was read may lie over the array of buffers, which then leads anywhere
    sink.i64_extend_i32_u().i64_const((at + len).into()).i64_add();
    sink.memory_size(memory).i64_extend_i32_u().i64_const(16).i64_shl().i64_le_u();
    sink.if_(BlockType::Empty).local_get(address);
    add_one(address, len, place(at.into()), sink);
    sink.end().i32_const(Errno::Success.raw().into());
}

/// The parameters by which an output is found.
fn pointers(output: &Output) -> Vec<usize> {
    match *output {
        Output::Value { ptr, .. } | Output::Buffer { ptr, .. } | Output::Array { ptr, .. } | Output::ReadBuffers { ptr, .. } => vec![ptr],
        Output::Strings { pointers, data, .. } => vec![pointers, data],
    }
}

/// Returns with success if nothing of the output was filled. (Where there are no strings, what stands in their place is changed.)
fn filled(output: &Output, place: &impl Fn(u64) -> MemArg, sink: &mut InstructionSink<'_>) {
    let mut unless = |param: usize, offset: Option<u64>| {
        sink.local_get(index(param));
        if let Some(offset) = offset {
            sink.i32_load(place(offset));
        }
        sink.i32_eqz().if_(BlockType::Empty).i32_const(Errno::Success.raw().into()).return_().end();
    };
    match *output {
        Output::Value { .. } | Output::Strings { .. } => {}
        Output::Buffer { len, used, .. } => unless(used.unwrap_or(len), used.map(|_| 0)),
        Output::Array { count, .. } => unless(count, Some(0)),
        Output::ReadBuffers { ptr, filled, .. } => {
            unless(filled, Some(0));
            // the length of the first buffer
            unless(ptr, Some(4));
        }
    }
}

/// Takes the address from the stack and adds one to the number there.
fn add_one(address: u32, len: u32, place: MemArg, sink: &mut InstructionSink<'_>) {
    sink.local_get(address);
    match len {
        1 => sink.i32_load8_u(place).i32_const(1).i32_add().i32_store8(place),
        2 => sink.i32_load16_u(place).i32_const(1).i32_add().i32_store16(place),
        4 => sink.i32_load(place).i32_const(1).i32_add().i32_store(place),
        _ => sink.i64_load(place).i64_const(1).i64_add().i64_store(place),
    };
}

/// `path_open:flag:oflags.creat`, `fd_read:afterwards:toobig`, `fd_filestat_get:corrupt:buf.size`.
impl Display for ImportFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.function.name();
        match self.kind {
            FaultKind::Drop => write!(f, "{name}:drop"),
            FaultKind::Instead(errno) => write!(f, "{name}:instead:{}", errno.name()),
            FaultKind::Afterwards(errno) => write!(f, "{name}:afterwards:{}", errno.name()),
            FaultKind::Flag { parameter, bit } => write!(f, "{name}:flag:{}", flag_name(self.function, parameter, bit)),
            FaultKind::Corrupt { output, at, .. } => write!(f, "{name}:corrupt:{}", number_name(self.function, output, at)),
        }
    }
}

fn flag_name(function: Function, parameter: usize, bit: u32) -> String {
    let ty = (0..function.params().len()).find(|param| function.core_index(*param) == parameter).map(|param| function.params()[param].ty);
    let flag = ty.and_then(|ty| ty.cases().get(bit as usize).filter(|_| matches!(ty.shape, Shape::Flags { .. })));
    let name = parameter_name(function, parameter);
    flag.map_or_else(|| name.to_owned(), |flag| format!("{name}.{}", flag.name))
}

fn number_name(function: Function, output: usize, at: u32) -> String {
    let ty = function.outputs().iter().find_map(|found| match *found {
        Output::Value { ptr, ty } | Output::Array { ptr, ty, .. } => (ptr == output).then_some(ty),
        Output::Buffer { .. } | Output::ReadBuffers { .. } | Output::Strings { .. } => None,
    });
    let number = ty.and_then(|ty| numbers(ty, 0).into_iter().find(|(_, start, _)| *start == at));
    format!("{}{}", parameter_name(function, output), number.map_or_else(String::new, |(name, ..)| name))
}

/// The name of the parameter or the result that a core parameter belongs to.
fn parameter_name(function: Function, core: usize) -> &'static str {
    let params = (0..function.params().len()).map(|param| (function.core_index(param), function.params()[param].name));
    let results = (0..function.results().len()).map(|result| (function.out_pointer(result), function.results()[result].name));
    params.chain(results).take_while(|(start, _)| *start <= core).last().map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use touchstone_model::trace::Keeper;

    use super::super::survey::survey;
    use super::*;
    use crate::{assemble, record};

    const GUEST: &str = r#"(module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $close (i32.const 2))) (drop (call $yield))))"#;

    fn recorded(guest: &str) -> Vec<u8> {
        let wasm = assemble(guest.as_bytes()).expect("assemble");
        record(&wasm, Keeper::Module).expect("record")
    }

    /// A guest that imports every function, with a memory or without one.
    fn imports_all(memory: &str) -> String {
        let core = |core: &CoreType| if *core == CoreType::I32 { "i32" } else { "i64" };
        let list = |what: &str, types: &[CoreType]| format!("({what} {})", types.iter().map(core).collect::<Vec<_>>().join(" "));
        let import = |function: Function| {
            let (name, params, results) = (function.name(), list("param", function.core_params()), list("result", function.core_results()));
            format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func {params} {results}))")
        };
        format!("(module {} {memory} (func (export \"_start\")))", Function::ALL.map(import).join("\n"))
    }

    fn fault(name: &str) -> ImportFault {
        ImportFault::all().into_iter().find(|fault| fault.to_string() == name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    #[test]
    fn every_fault_leaves_a_valid_module_with_its_imports() {
        for memory in ["(memory (export \"memory\") 1)", ""] {
            let recorded = recorded(&imports_all(memory));
            let imports = survey(&recorded).expect("survey").wasi;
            for fault in ImportFault::all() {
                let faulty = fault.plant(&recorded).expect("plant");
                let valid = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&faulty);
                valid.unwrap_or_else(|error| panic!("{fault}: {error}"));
                assert_eq!(survey(&faulty).expect("survey").wasi, imports, "{fault}");
                assert_ne!(faulty, recorded, "{fault}");
            }
        }
    }

    #[test]
    fn faults_have_names_of_their_own_and_follow_from_the_types() {
        let names: Vec<String> = ImportFault::all().iter().map(ImportFault::to_string).collect();
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for function in Function::ALL {
            assert!(names.contains(&format!("{}:drop", function.name())));
        }
        for name in [
            "path_open:flag:oflags.creat",
            "path_open:flag:fs_rights_base.fd_read",
            "path_open:flag:fd",
            "path_open:corrupt:opened_fd",
            "fd_seek:flag:whence",
            "fd_read:corrupt:iovs",
            "fd_readdir:corrupt:buf",
            "fd_filestat_get:corrupt:buf.size",
            "fd_prestat_get:corrupt:buf.dir.pr_name_len",
            "poll_oneoff:corrupt:out.fd_readwrite.nbytes",
            "args_get:corrupt:argv_buf",
        ] {
            fault(name);
        }
        // nothing is given to it and nothing comes back
        assert_eq!(ImportFault::of(Function::SchedYield).len(), 3);
        // it never returns
        let exit: Vec<String> = ImportFault::of(Function::ProcExit).iter().map(ImportFault::to_string).collect();
        assert_eq!(exit, ["proc_exit:drop", "proc_exit:flag:rval"]);
    }

    #[test]
    fn the_error_of_a_fault_is_permitted_by_nothing() {
        for fault in ImportFault::all() {
            let (FaultKind::Instead(errno) | FaultKind::Afterwards(errno)) = fault.kind else { continue };
            let of_function = clauses().iter().filter(|clause| clause.function() == Some(fault.function));
            assert!(of_function.flat_map(|clause| &clause.outcomes).all(|permit| permit.outcome != Permitted::Errno(errno)), "{fault}");
        }
    }

    #[test]
    fn a_function_that_is_not_imported_leaves_the_module_as_it_is() {
        let recorded = recorded(GUEST);
        assert_eq!(fault("fd_sync:drop").plant(&recorded).expect("plant"), recorded);
    }

    #[test]
    fn what_a_function_does_not_have_is_refused() {
        let no_errno = ImportFault { function: Function::ProcExit, kind: FaultKind::Instead(Errno::Notsup) };
        let no_flag = ImportFault { function: Function::FdClose, kind: FaultKind::Flag { parameter: 1, bit: 0 } };
        let no_result = ImportFault { function: Function::FdClose, kind: FaultKind::Corrupt { output: 0, at: 0, len: 1 } };
        for fault in [no_errno, no_flag, no_result] {
            let error = fault.plant(&recorded(GUEST)).expect_err("it has none");
            assert!(error.to_string().contains("has nothing of the kind"), "{error}");
        }
    }
}

//! Puts a function of ours under a recorded module in place of an import: the recorder's wrapper calls it like the import that it stands
//! for, so that the trace shows the call as the guest made it and the answer as the guest got it.

use std::collections::{BTreeMap, BTreeSet};

use touchstone_spec::Function;
use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, InstructionSink, Module};
use wasmparser::{CodeSectionReader, FunctionBody, FunctionSectionReader, Operator, Parser};

use super::RecordError;
use super::survey::survey;

/// An import that is replaced, for the body of the function that takes its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replaced {
    /// What is replaced.
    pub(super) function: Function,
    /// By which index the host is asked after all.
    pub(super) import: u32,
    /// The memory that WASI functions work on, if the guest exports one.
    pub(super) memory: Option<u32>,
}

impl Replaced {
    /// How many parameters there are; locals are counted from there on.
    pub(super) fn params(&self) -> u32 {
        u32::try_from(self.function.core_params().len()).unwrap_or(u32::MAX)
    }

    /// Asks the host, with each parameter as `parameter` leaves it on the stack.
    pub(super) fn ask(&self, sink: &mut InstructionSink<'_>, parameter: impl Fn(u32, &mut InstructionSink<'_>)) {
        (0..self.params()).for_each(|index| parameter(index, sink));
        sink.call(self.import);
    }

    /// Asks the host just what the guest asked.
    pub(super) fn ask_the_same(&self, sink: &mut InstructionSink<'_>) {
        self.ask(sink, |index, sink| {
            sink.local_get(index);
        });
    }
}

/// Replaces a function in a module that [`record`](super::record) has made. A module that does not import it stays as it is.
pub(super) fn replace(
    recorded: &[u8],
    function: Function,
    body: impl Fn(Replaced) -> wasm_encoder::Function,
) -> Result<Vec<u8>, RecordError> {
    let sections = survey(recorded)?;
    let imports: Vec<(u32, u32)> =
        sections.wasi.iter().filter(|(_, (found, _))| *found == function).map(|(index, (_, ty))| (*index, *ty)).collect();
    if imports.is_empty() {
        return Ok(recorded.to_vec());
    }
    let first = sections.imported_functions + sections.defined_functions;
    let mut replacement = Replacement {
        wasi: sections.wasi.keys().copied().collect(),
        own: imports.iter().map(|(import, _)| *import).zip(first..).collect(),
        types: imports.iter().map(|(_, ty)| *ty).collect(),
        bodies: imports.iter().map(|(import, _)| body(Replaced { function, import: *import, memory: sections.memory })).collect(),
        in_its_wrapper: false,
    };
    let mut module = Module::new();
    replacement.parse_core_module(&mut module, Parser::new(0), recorded)?;
    Ok(module.finish())
}

struct Replacement {
    /// All WASI imports. They stay, so that no index shifts.
    wasi: BTreeSet<u32>,
    /// Those that are replaced, to the functions that are called instead, which stand behind all others.
    own: BTreeMap<u32, u32>,
    types: Vec<u32>,
    bodies: Vec<wasm_encoder::Function>,
    /// Whether the body that is being copied is the recorder's wrapper of what is replaced. Other wrappers may ask the same function on
    /// the recorder's own behalf: how many arguments there are, for one. They get the truth.
    in_its_wrapper: bool,
}

impl Replacement {
    /// A wrapper's first call of an import is the one that it stands for.
    fn is_its_wrapper(&self, body: &FunctionBody<'_>) -> Result<bool, wasmparser::BinaryReaderError> {
        for operator in body.get_operators_reader()? {
            if let Operator::Call { function_index } = operator?
                && self.wasi.contains(&function_index)
            {
                return Ok(self.own.contains_key(&function_index));
            }
        }
        Ok(false)
    }
}

impl Reencode for Replacement {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, ReencodeError> {
        let own = self.own.get(&index).filter(|_| self.in_its_wrapper);
        Ok(own.copied().unwrap_or(index))
    }

    fn parse_function_section(&mut self, functions: &mut FunctionSection, section: FunctionSectionReader<'_>) -> Result<(), ReencodeError> {
        utils::parse_function_section(self, functions, section)?;
        self.types.iter().for_each(|ty| {
            functions.function(*ty);
        });
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), ReencodeError> {
        utils::parse_code_section(self, code, section)?;
        self.bodies.iter().for_each(|body| {
            code.function(body);
        });
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), ReencodeError> {
        self.in_its_wrapper = self.is_its_wrapper(&body)?;
        utils::parse_function_body(self, code, body)
    }
}

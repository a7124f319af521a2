//! The recorder: rewrites any module so that every WASI call goes through a wrapper that logs it, on entry and on exit, in
//! the format of [`touchstone_model::trace`].
//!
//! The guest does not notice: the log is a memory of its own, appended after the guest's, or lies with the host
//! ([`Keeper`]); wrappers are appended after the guest's functions; nothing is copied from guest memory before its bounds
//! are checked. Two things shift: functions of the guest get higher indices where an import has to be added, and custom
//! sections (names, producers) are dropped.
//!
//! [`survey`] finds out what is in a module, [`log`] makes the functions that write the log, [`wrapper`] the wrappers;
//! [`replace`](mod@replace) puts a function of ours under one of them, for tests: [`fault`] one that does something wrong, [`lead`] one that
//! follows paths out of the sandbox.

mod fault;
mod lead;
mod log;
mod replace;
mod survey;
mod wrapper;

use std::collections::BTreeMap;

use touchstone_model::trace::{KEEPER_FUNCTIONS, Keeper, TRACE_EXPORT};
use touchstone_spec::{Function, MODULE};
use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, EntityType, ExportKind, ExportSection, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, StartSection, TableSection, TagSection, TypeSection,
    ValType,
};

pub use fault::{FaultKind, ImportFault};
pub use lead::lead_paths;
use log::{Log, Place};
use survey::{Sections, survey};

/// Why a module cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not a core module, or a malformed one. Engines give the verdict on such files; nothing is recorded of them.
    #[error("read the module: {0}")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// Something that the rewriting does not cover.
    #[error("rewrite the module: {0}")]
    Unsupported(String),
}

impl From<ReencodeError<std::convert::Infallible>> for RecordError {
    fn from(error: ReencodeError<std::convert::Infallible>) -> Self {
        match error {
            ReencodeError::ParseError(error) => RecordError::Malformed(error),
            other => RecordError::Unsupported(other.to_string()),
        }
    }
}

/// Rewrites a module. Its behaviour stays the same; besides, it exports one more memory, [`TRACE_EXPORT`], or imports from a
/// module of that name what it needs to log to its host.
pub fn record(wasm: &[u8], keeper: Keeper) -> Result<Vec<u8>, RecordError> {
    // what is appended must not lend an invalid module the memory, global or function that it lacks
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(wasm)?;
    let sections = survey(wasm)?;
    let plan = Plan::new(&sections, keeper)?;
    write(&sections, plan)
}

/// Where everything stands in the rewritten module.
pub(crate) struct Plan {
    /// Function imports of the guest.
    imported: u32,
    /// Functions that the recorder itself calls and the guest does not import.
    added: Vec<Function>,
    /// Functions that the guest defines.
    defined: u32,
    /// WASI imports of the guest: index to function and type.
    wasi: BTreeMap<u32, (Function, u32)>,
    /// Wrapper of each WASI import.
    wrappers: BTreeMap<u32, u32>,
    /// Types that the guest has; those of the log come after.
    types: u32,
    globals: u32,
    /// The memory that WASI functions work on, if the guest exports one.
    memory: Option<u32>,
    /// Where the log's bytes are.
    log: Place,
}

impl Plan {
    fn new(sections: &Sections<'_>, keeper: Keeper) -> Result<Plan, RecordError> {
        let sizes = |function: Function| {
            function.outputs().iter().find_map(|output| match output {
                touchstone_spec::Output::Strings { sizes, .. } => Some(*sizes),
                touchstone_spec::Output::Value { .. }
                | touchstone_spec::Output::Buffer { .. }
                | touchstone_spec::Output::ReadBuffers { .. }
                | touchstone_spec::Output::Array { .. } => None,
            })
        };
        let present: Vec<Function> = sections.wasi.values().map(|(function, _)| *function).collect();
        let mut added: Vec<Function> =
            present.iter().filter_map(|function| sizes(*function)).filter(|sizes| !present.contains(sizes)).collect();
        added.dedup();
        let imported = sections.imported_functions;
        let log = match keeper {
            Keeper::Module => Place::Memory(sections.memories),
            Keeper::Host => Place::Host(imported + count(added.len())),
        };
        if sections.memory64 {
            return Err(RecordError::Unsupported("its memory has 64-bit addresses, which preview 1 has no use for".to_owned()));
        }
        let mut plan = Plan {
            imported,
            added,
            defined: sections.defined_functions,
            wasi: sections.wasi.clone(),
            wrappers: BTreeMap::new(),
            types: sections.types,
            globals: sections.globals,
            memory: sections.memory,
            log,
        };
        let first_wrapper = plan.first_log_function() + log::FUNCTIONS;
        plan.wrappers = sections.wasi.keys().zip(first_wrapper..).map(|(index, wrapper)| (*index, wrapper)).collect();
        Ok(plan)
    }

    /// How many imports the recorder adds.
    fn added_imports(&self) -> u32 {
        let keeper = match self.log {
            Place::Memory(_) => 0,
            Place::Host(_) => KEEPER_FUNCTIONS.len(),
        };
        count(self.added.len() + keeper)
    }

    /// Index in the rewritten module of a function that the recorder calls itself: the guest's import, or an added one.
    pub(crate) fn import_of(&self, function: Function) -> u32 {
        let own = self.wasi.iter().find(|(_, (found, _))| *found == function).map(|(index, _)| *index);
        let added = self.added.iter().position(|found| *found == function).map(|index| self.imported + count(index));
        own.or(added).unwrap_or_default()
    }

    /// Index of the first function of the log.
    pub(crate) fn first_log_function(&self) -> u32 {
        self.imported + self.added_imports() + self.defined
    }
}

/// The shift of indices.
impl Reencode for Plan {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, ReencodeError> {
        Ok(match self.wrappers.get(&index) {
            Some(wrapper) => *wrapper,
            None if index < self.imported => index,
            None => index + self.added_imports(),
        })
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Writes all sections in their order: what the guest has, then what the recorder adds.
fn write(sections: &Sections<'_>, mut plan: Plan) -> Result<Vec<u8>, RecordError> {
    let log = Log::new(plan.globals, plan.memory, plan.log, plan.first_log_function());
    let mut module = Module::new();
    module.section(&types(sections, &mut plan)?);
    module.section(&imports(sections, &mut plan)?);
    module.section(&functions(sections, &mut plan)?);
    if let Some(reader) = &sections.tables {
        let mut section = TableSection::new();
        plan.parse_table_section(&mut section, reader.clone())?;
        module.section(&section);
    }
    module.section(&memories(sections, &mut plan)?);
    if let Some(reader) = &sections.tags {
        let mut section = TagSection::new();
        plan.parse_tag_section(&mut section, reader.clone())?;
        module.section(&section);
    }
    module.section(&globals(sections, &mut plan)?);
    module.section(&exports(sections, &mut plan)?);
    if let Some(function_index) = sections.start {
        let function_index = plan.function_index(function_index)?;
        module.section(&StartSection { function_index });
    }
    if let Some(reader) = &sections.elements {
        let mut section = ElementSection::new();
        plan.parse_element_section(&mut section, reader.clone())?;
        module.section(&section);
    }
    if let Some(count) = sections.data_count {
        module.section(&DataCountSection { count });
    }
    module.section(&code(sections, &mut plan, &log)?);
    if let Some(reader) = &sections.data {
        let mut section = DataSection::new();
        plan.parse_data_section(&mut section, reader.clone())?;
        module.section(&section);
    }
    Ok(module.finish())
}

fn types(sections: &Sections<'_>, plan: &mut Plan) -> Result<TypeSection, RecordError> {
    let mut section = TypeSection::new();
    if let Some(reader) = &sections.type_section {
        plan.parse_type_section(&mut section, reader.clone())?;
    }
    for (params, results) in log::TYPES {
        section.ty().function(params.iter().copied(), results.iter().copied());
    }
    Ok(section)
}

fn imports(sections: &Sections<'_>, plan: &mut Plan) -> Result<ImportSection, RecordError> {
    let mut section = ImportSection::new();
    if let Some(reader) = &sections.imports {
        plan.parse_import_section(&mut section, reader.clone())?;
    }
    for function in plan.added.clone() {
        section.import(MODULE, function.name(), EntityType::Function(plan.types + log::SIZES_TYPE));
    }
    if let Place::Host(_) = plan.log {
        for (name, ty) in KEEPER_FUNCTIONS.iter().zip(log::KEEPER_TYPES) {
            section.import(TRACE_EXPORT, name, EntityType::Function(plan.types + ty));
        }
    }
    Ok(section)
}

fn functions(sections: &Sections<'_>, plan: &mut Plan) -> Result<FunctionSection, RecordError> {
    let mut section = FunctionSection::new();
    if let Some(reader) = &sections.functions {
        plan.parse_function_section(&mut section, reader.clone())?;
    }
    for ty in log::FUNCTION_TYPES {
        section.function(plan.types + ty);
    }
    for (_, ty) in plan.wasi.values() {
        section.function(*ty);
    }
    Ok(section)
}

fn memories(sections: &Sections<'_>, plan: &mut Plan) -> Result<MemorySection, RecordError> {
    let mut section = MemorySection::new();
    if let Some(reader) = &sections.memory_section {
        plan.parse_memory_section(&mut section, reader.clone())?;
    }
    if let Place::Memory(_) = plan.log {
        section.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    }
    Ok(section)
}

fn globals(sections: &Sections<'_>, plan: &mut Plan) -> Result<GlobalSection, RecordError> {
    let mut section = GlobalSection::new();
    if let Some(reader) = &sections.global_section {
        plan.parse_global_section(&mut section, reader.clone())?;
    }
    let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    section.global(ty, &ConstExpr::i32_const(touchstone_model::trace::HEADER_BYTES.cast_signed()));
    Ok(section)
}

/// A guest that exports something under the name of the trace loses that export: nothing but a host could use it.
fn exports(sections: &Sections<'_>, plan: &mut Plan) -> Result<ExportSection, RecordError> {
    let mut section = ExportSection::new();
    for export in sections.exports.clone().into_iter().flatten() {
        let export = export?;
        if export.name != TRACE_EXPORT {
            plan.parse_export(&mut section, export)?;
        }
    }
    if let Place::Memory(memory) = plan.log {
        section.export(TRACE_EXPORT, ExportKind::Memory, memory);
    }
    Ok(section)
}

fn code(sections: &Sections<'_>, plan: &mut Plan, log: &Log) -> Result<CodeSection, RecordError> {
    let mut section = CodeSection::new();
    for body in &sections.bodies {
        plan.parse_function_body(&mut section, body.clone())?;
    }
    for body in log.functions() {
        section.function(&body);
    }
    for (index, (function, _)) in &plan.wasi {
        section.function(&wrapper::wrapper(*function, *index, plan, log));
    }
    Ok(section)
}

//! What is in a module: its sections, and the counts from which indices follow.

use std::collections::BTreeMap;

use touchstone_spec::{CoreType, Function, MODULE};
use wasmparser::{
    DataSectionReader, ElementSectionReader, ExportSectionReader, ExternalKind, FunctionBody, FunctionSectionReader, GlobalSectionReader,
    ImportSectionReader, MemorySectionReader, Parser, Payload, TableSectionReader, TagSectionReader, TypeRef, TypeSectionReader, ValType,
};

use super::RecordError;

/// The sections of a module and what was counted in them.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) type_section: Option<TypeSectionReader<'a>>,
    pub(super) imports: Option<ImportSectionReader<'a>>,
    pub(super) functions: Option<FunctionSectionReader<'a>>,
    pub(super) tables: Option<TableSectionReader<'a>>,
    pub(super) memory_section: Option<MemorySectionReader<'a>>,
    pub(super) tags: Option<TagSectionReader<'a>>,
    pub(super) global_section: Option<GlobalSectionReader<'a>>,
    pub(super) exports: Option<ExportSectionReader<'a>>,
    pub(super) start: Option<u32>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) data_count: Option<u32>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    pub(super) data: Option<DataSectionReader<'a>>,

    pub(super) types: u32,
    pub(super) imported_functions: u32,
    pub(super) defined_functions: u32,
    pub(super) memories: u32,
    pub(super) globals: u32,
    /// WASI imports whose type is the spec's: function index to function and type index.
    pub(super) wasi: BTreeMap<u32, (Function, u32)>,
    /// The memory exported as `memory`.
    pub(super) memory: Option<u32>,
    pub(super) memory64: bool,
}

/// Reads a module.
pub(super) fn survey(wasm: &[u8]) -> Result<Sections<'_>, RecordError> {
    let mut sections = Sections::default();
    let mut signatures = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                return Err(RecordError::Unsupported("it is a component; preview 1 programs are core modules".to_owned()));
            }
            Payload::TypeSection(reader) => {
                signatures = read_types(&reader)?;
                sections.types = u32::try_from(signatures.len()).unwrap_or(u32::MAX);
                sections.type_section = Some(reader);
            }
            Payload::ImportSection(reader) => {
                sections.read_imports(&reader, &signatures)?;
                sections.imports = Some(reader);
            }
            Payload::FunctionSection(reader) => {
                sections.defined_functions = reader.count();
                sections.functions = Some(reader);
            }
            Payload::TableSection(reader) => sections.tables = Some(reader),
            Payload::MemorySection(reader) => {
                sections.memories += reader.count();
                for memory in reader.clone() {
                    sections.memory64 |= memory?.memory64;
                }
                sections.memory_section = Some(reader);
            }
            Payload::TagSection(reader) => sections.tags = Some(reader),
            Payload::GlobalSection(reader) => {
                sections.globals += reader.count();
                sections.global_section = Some(reader);
            }
            Payload::ExportSection(reader) => {
                for export in reader.clone() {
                    let export = export?;
                    if export.kind == ExternalKind::Memory && export.name == "memory" {
                        sections.memory = Some(export.index);
                    }
                }
                sections.exports = Some(reader);
            }
            Payload::StartSection { func, .. } => sections.start = Some(func),
            Payload::ElementSection(reader) => sections.elements = Some(reader),
            Payload::DataCountSection { count, .. } => sections.data_count = Some(count),
            Payload::CodeSectionEntry(body) => sections.bodies.push(body),
            Payload::DataSection(reader) => sections.data = Some(reader),
            // custom sections are dropped; everything else belongs to components or carries no content of its own
            _ => {}
        }
    }
    Ok(sections)
}

type Signature = Option<(Vec<ValType>, Vec<ValType>)>;

/// The signature of each type; `None` for types that are no functions.
fn read_types(reader: &TypeSectionReader<'_>) -> Result<Vec<Signature>, RecordError> {
    let mut out = Vec::new();
    for group in reader.clone() {
        for ty in group?.into_types() {
            out.push(match ty.composite_type.inner {
                wasmparser::CompositeInnerType::Func(ty) => Some((ty.params().to_vec(), ty.results().to_vec())),
                _ => None,
            });
        }
    }
    Ok(out)
}

impl Sections<'_> {
    fn read_imports(&mut self, reader: &ImportSectionReader<'_>, signatures: &[Signature]) -> Result<(), RecordError> {
        for import in reader.clone().into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                    let signature = signatures.get(ty as usize).and_then(Option::as_ref);
                    let function = if import.module == MODULE { Function::from_name(import.name) } else { None };
                    if let Some(function) = function.filter(|function| signature.is_some_and(|signature| has_type(*function, signature))) {
                        self.wasi.insert(self.imported_functions, (function, ty));
                    }
                    self.imported_functions += 1;
                }
                TypeRef::Memory(ty) => {
                    self.memories += 1;
                    self.memory64 |= ty.memory64;
                }
                TypeRef::Global(_) => self.globals += 1,
                TypeRef::Table(_) | TypeRef::Tag(_) => {}
            }
        }
        Ok(())
    }
}

fn has_type(function: Function, (params, results): &(Vec<ValType>, Vec<ValType>)) -> bool {
    let same = |wanted: &[CoreType], found: &[ValType]| {
        let wanted = wanted.iter().map(|core| match core {
            CoreType::I32 => ValType::I32,
            CoreType::I64 => ValType::I64,
        });
        wanted.eq(found.iter().copied())
    };
    same(function.core_params(), params) && same(function.core_results(), results)
}

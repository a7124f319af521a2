//! Turns `witx/preview1.witx` into Rust tables, so that the library itself needs no parser.
//!
//! Types become statics named `TYPE_…`, functions and error codes become closed enums and their
//! tables. What the library means by `Type`, `Shape` and `Signature` stands in `src/types.rs` and
//! `src/function.rs`; the generated text is included by `src/tables.rs`.

use std::error::Error;
use std::path::Path;
use std::rc::Rc;
use std::{env, fs};

/// Where the clauses stand.
const CLAUSES: &str = "preview1/clauses";

use witx::{
    BuiltinType, Document, IntRepr, InterfaceFunc, InterfaceFuncParam, Layout, Module, NamedType, RecordDatatype, RecordKind, Type,
    TypeRef, Variant, WasmType,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const WITX: &str = "witx/preview1.witx";

/// witx gives results no names. These are the names of the out-parameters in C, or what they hold.
const RESULT_NAMES: [(&str, &[&str]); 21] = [
    ("args_sizes_get", &["argc", "argv_buf_size"]),
    ("environ_sizes_get", &["environc", "environ_buf_size"]),
    ("clock_res_get", &["resolution"]),
    ("clock_time_get", &["time"]),
    ("fd_fdstat_get", &["stat"]),
    ("fd_filestat_get", &["buf"]),
    ("fd_pread", &["nread"]),
    ("fd_prestat_get", &["buf"]),
    ("fd_pwrite", &["nwritten"]),
    ("fd_read", &["nread"]),
    ("fd_readdir", &["bufused"]),
    ("fd_seek", &["newoffset"]),
    ("fd_tell", &["offset"]),
    ("fd_write", &["nwritten"]),
    ("path_filestat_get", &["buf"]),
    ("path_open", &["opened_fd"]),
    ("path_readlink", &["bufused"]),
    ("poll_oneoff", &["nevents"]),
    ("sock_accept", &["fd"]),
    ("sock_recv", &["ro_datalen", "ro_flags"]),
    ("sock_send", &["so_datalen"]),
];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed={WITX}");
    println!("cargo::rerun-if-changed={CLAUSES}");
    println!("cargo::rerun-if-changed=build.rs");
    let document = witx::load(&[WITX]).map_err(|error| format!("{WITX}: {}", error.report()))?;
    let module = document.modules().next().ok_or("the witx text has no module")?;
    let text = [
        module_name(&module),
        types(&document)?,
        errno_enum(&document)?,
        function_enum(&module),
        functions(&module, &document)?,
        constants(&document)?,
        clause_ids()?,
    ]
    .concat();
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?;
    fs::write(Path::new(&out).join("preview1.rs"), text)?;
    Ok(())
}

/// The ids of all clauses in alphabetical order. The lines that hold them are found by their beginning, so that no parser is
/// needed; a test holds the list against the parsed index.
fn clause_ids() -> Result<String> {
    let mut ids = Vec::new();
    for file in fs::read_dir(CLAUSES)? {
        let text = fs::read_to_string(file?.path())?;
        ids.extend(text.lines().filter_map(|line| Some(line.strip_prefix("id = \"")?.strip_suffix('"')?.to_owned())));
    }
    ids.sort();
    Ok(format!("/// The ids of all clauses, in alphabetical order.\npub(crate) const CLAUSE_IDS: [&str; {}] = {ids:?};\n", ids.len()))
}

fn module_name(module: &Module) -> String {
    format!(
        "/// The name of the module that a guest imports the functions from.\n\
         pub const MODULE: &str = {:?};\n\n",
        module.name.as_str()
    )
}

// ---- types ----

fn types(document: &Document) -> Result<String> {
    let mut text = String::new();
    let mut names = Vec::new();
    for named in document.typenames() {
        let name = static_name(&named);
        text += &format!("static {name}: Type = {};\n", type_value(&named, document)?);
        names.push(format!("&{name}"));
    }
    text += &format!("pub(crate) static TYPES: [&Type; {}] = [{}];\n\n", names.len(), names.join(", "));
    Ok(text)
}

fn static_name(named: &NamedType) -> String {
    format!("TYPE_{}", named.name.as_str().to_uppercase())
}

fn type_value(named: &NamedType, document: &Document) -> Result<String> {
    let name = format!("Some({:?})", named.name.as_str());
    type_literal(&name, &named.tref, &paragraph(&named.docs), document)
}

fn type_literal(name: &str, tref: &TypeRef, docs: &str, document: &Document) -> Result<String> {
    let layout = tref.mem_size_align();
    Ok(format!(
        "Type {{ name: {name}, size: {}, align: {}, shape: {}, docs: {docs:?} }}",
        layout.size,
        layout.align,
        shape(tref.type_(), document)?
    ))
}

/// A reference to a named type's static, or to an anonymous type written in place.
fn reference(tref: &TypeRef, document: &Document) -> Result<String> {
    Ok(match tref {
        TypeRef::Name(named) => format!("&{}", static_name(named)),
        TypeRef::Value(_) => format!("&{}", type_literal("None", tref, "", document)?),
    })
}

fn shape(ty: &Type, document: &Document) -> Result<String> {
    Ok(match ty {
        Type::Builtin(builtin) => format!("Shape::Int({})", builtin_repr(*builtin)?),
        Type::Pointer(to) => format!("Shape::Pointer({})", reference(to, document)?),
        Type::ConstPointer(to) => format!("Shape::ConstPointer({})", reference(to, document)?),
        Type::Handle(_) => "Shape::Handle".to_owned(),
        Type::List(of) if is_char(of) => "Shape::String".to_owned(),
        Type::List(of) => format!("Shape::List({})", reference(of, document)?),
        Type::Record(record) => record_shape(record, document)?,
        Type::Variant(variant) if variant.is_enum() => enum_shape(variant),
        Type::Variant(variant) => union_shape(variant, document)?,
    })
}

fn is_char(tref: &TypeRef) -> bool {
    matches!(&**tref.type_(), Type::Builtin(BuiltinType::Char))
}

fn record_shape(record: &RecordDatatype, document: &Document) -> Result<String> {
    match record.kind {
        RecordKind::Tuple => Err("a tuple outside of a result has no shape in our tables".into()),
        RecordKind::Bitflags(repr) => Ok(flags_shape(record, repr)),
        RecordKind::Other => fields_shape(record, document),
    }
}

fn flags_shape(record: &RecordDatatype, repr: IntRepr) -> String {
    let flags = record.members.iter().map(|member| case(member.name.as_str(), &member.docs));
    format!("Shape::Flags {{ repr: {}, flags: &[{}] }}", int_repr(repr), list(flags))
}

fn fields_shape(record: &RecordDatatype, document: &Document) -> Result<String> {
    let fields = record
        .member_layout()
        .into_iter()
        .map(|layout| {
            let member = layout.member;
            Ok(format!(
                "Field {{ name: {:?}, ty: {}, offset: {}, docs: {:?} }}",
                member.name.as_str(),
                reference(&member.tref, document)?,
                layout.offset,
                paragraph(&member.docs)
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(format!("Shape::Record {{ fields: &[{}] }}", fields.join(", ")))
}

fn enum_shape(variant: &Variant) -> String {
    let cases = variant.cases.iter().map(|member| case(member.name.as_str(), &member.docs));
    format!("Shape::Enum {{ repr: {}, cases: &[{}] }}", int_repr(variant.tag_repr), list(cases))
}

fn union_shape(variant: &Variant, document: &Document) -> Result<String> {
    let cases = variant
        .cases
        .iter()
        .map(|case| {
            let ty = match &case.tref {
                Some(tref) => format!("Some({})", reference(tref, document)?),
                None => "None".to_owned(),
            };
            Ok(format!("UnionCase {{ name: {:?}, ty: {ty} }}", case.name.as_str()))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(format!(
        "Shape::Union {{ tag: &{}, payload_offset: {}, cases: &[{}] }}",
        static_name(&*union_tag(variant, document)?),
        variant.payload_offset(),
        cases.join(", ")
    ))
}

/// witx drops the name of a union's tag type; it is the one enum that has the same cases.
fn union_tag(variant: &Variant, document: &Document) -> Result<Rc<NamedType>> {
    let mut tags = document.typenames().filter(|named| is_tag_of(named, variant));
    match (tags.next(), tags.next()) {
        (Some(tag), None) => Ok(tag),
        (None, _) => Err("a union has cases that no enum has".into()),
        (Some(_), Some(_)) => Err("a union has cases that several enums have".into()),
    }
}

fn is_tag_of(named: &NamedType, union: &Variant) -> bool {
    let Type::Variant(tag) = &**named.type_() else { return false };
    tag.is_enum() && tag.tag_repr == union.tag_repr && tag.cases.iter().map(|case| &case.name).eq(union.cases.iter().map(|case| &case.name))
}

fn case(name: &str, docs: &str) -> String {
    format!("Case {{ name: {name:?}, docs: {:?} }}", paragraph(docs))
}

fn builtin_repr(builtin: BuiltinType) -> Result<&'static str> {
    match builtin {
        BuiltinType::U8 { .. } => Ok("IntRepr::U8"),
        BuiltinType::U16 => Ok("IntRepr::U16"),
        BuiltinType::U32 { .. } => Ok("IntRepr::U32"),
        BuiltinType::U64 => Ok("IntRepr::U64"),
        BuiltinType::S64 => Ok("IntRepr::S64"),
        other => Err(format!("preview 1 has no {other:?}; add it to IntRepr first").into()),
    }
}

fn int_repr(repr: IntRepr) -> &'static str {
    match repr {
        IntRepr::U8 => "IntRepr::U8",
        IntRepr::U16 => "IntRepr::U16",
        IntRepr::U32 => "IntRepr::U32",
        IntRepr::U64 => "IntRepr::U64",
    }
}

// ---- constants ----

/// For code that works on raw numbers and bytes: a module per enum, set of flags and record, with the number of each case, the
/// bit of each flag, or the offset of each field.
fn constants(document: &Document) -> Result<String> {
    let mut text = "/// Numbers, bits and offsets of the types, a module for each.\npub mod consts {\n".to_owned();
    for named in document.typenames().filter(|named| named.name.as_str() != "errno") {
        let layout = named.tref.mem_size_align();
        let lines: Vec<String> = match &**named.type_() {
            Type::Record(record) if record.kind == RecordKind::Other => {
                let offset = |layout: &witx::RecordMemberLayout<'_>| {
                    constant(layout.member.name.as_str(), "usize", "Offset of the field in bytes.", layout.offset as u64)
                };
                record.member_layout().iter().map(offset).collect()
            }
            Type::Record(record) => {
                let flag = |(index, member): (usize, &witx::RecordMember)| {
                    constant(member.name.as_str(), "u64", &paragraph(&member.docs), 1 << index)
                };
                record.members.iter().enumerate().map(flag).collect()
            }
            Type::Variant(variant) => {
                let number =
                    |(index, case): (usize, &witx::Case)| constant(case.name.as_str(), "u64", &paragraph(&case.docs), index as u64);
                let payload =
                    constant("payload", "usize", "Offset of what the tag tells apart, in bytes.", variant.payload_offset() as u64);
                let payload = (!variant.is_enum()).then_some(payload);
                variant.cases.iter().enumerate().map(number).chain(payload).collect()
            }
            Type::Builtin(_) | Type::Pointer(_) | Type::ConstPointer(_) | Type::Handle(_) | Type::List(_) => continue,
        };
        let size = constant("bytes", "usize", "Bytes that a value takes.", layout.size as u64);
        text += &format!("    /// Of `{}`.\n    pub mod {} {{\n{}{size}    }}\n", named.name.as_str(), named.name.as_str(), lines.concat());
    }
    Ok(text + "}\n\n")
}

fn constant(name: &str, ty: &str, docs: &str, value: u64) -> String {
    // a few cases of the text have no words of their own
    let docs = if docs.is_empty() { format!("`{name}`") } else { docs.to_owned() };
    format!("        #[doc = {docs:?}]\n        pub const {}: {ty} = {value};\n", name.to_uppercase())
}

// ---- error codes ----

fn errno_enum(document: &Document) -> Result<String> {
    let errno = document.typename(&"errno".into()).ok_or("there is no type errno")?;
    let Type::Variant(errno) = &**errno.type_() else {
        return Err("errno is no enum".into());
    };
    let variants = errno.cases.iter().map(|case| (variant_name(case.name.as_str()), paragraph(&case.docs)));
    Ok(closed_enum("Errno", "u16", "How a call ended: the error codes of preview 1.", variants)
        + "pub(crate) static ERRNO: &Type = &TYPE_ERRNO;\n\n")
}

/// `path_open` is `PathOpen`; no variant may begin with a digit, so `2big` is `TooBig`.
fn variant_name(name: &str) -> String {
    name.replace("2big", "too_big").split('_').map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_uppercase() + rest
}

fn closed_enum(name: &str, repr: &str, docs: &str, variants: impl Iterator<Item = (String, String)>) -> String {
    let variants: Vec<_> = variants.collect();
    let lines = variants.iter().map(|(variant, docs)| format!("    #[doc = {docs:?}]\n    {variant},\n"));
    let all = variants.iter().map(|(variant, _)| format!("Self::{variant}"));
    format!(
        "#[doc = {docs:?}]\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]\n\
         #[repr({repr})]\n\
         pub enum {name} {{\n{}}}\n\n\
         impl {name} {{\n    /// All of them, in the order of their numbers.\n    \
         pub const ALL: [Self; {}] = [{}];\n}}\n\n",
        lines.collect::<String>(),
        variants.len(),
        list(all)
    )
}

// ---- functions ----

fn function_enum(module: &Module) -> String {
    let variants = module.funcs().map(|func| (variant_name(func.name.as_str()), paragraph(&func.docs)));
    closed_enum("Function", "u8", "The functions of preview 1, in the order of the witx text.", variants)
}

fn functions(module: &Module, document: &Document) -> Result<String> {
    let signatures = module.funcs().map(|func| signature(&func, document)).collect::<Result<Vec<_>>>()?;
    Ok(format!("pub(crate) static SIGNATURES: [Signature; {}] = [\n{}];\n", signatures.len(), signatures.concat()))
}

fn signature(func: &InterfaceFunc, document: &Document) -> Result<String> {
    let (core_params, core_results) = func.wasm_signature();
    let params =
        func.params.iter().map(|given| param(given.name.as_str(), &given.tref, &given.docs, document)).collect::<Result<Vec<_>>>()?;
    Ok(format!(
        "    Signature {{ name: {:?}, docs: {:?}, params: &[{}], results: &[{}], \
         core_params: &[{}], core_results: &[{}], returns_errno: {} }},\n",
        func.name.as_str(),
        paragraph(&func.docs),
        params.join(", "),
        results(func, document)?,
        core_types(&core_params)?,
        core_types(&core_results)?,
        returns_errno(func)?
    ))
}

fn param(name: &str, tref: &TypeRef, docs: &str, document: &Document) -> Result<String> {
    Ok(format!("Param {{ name: {name:?}, ty: {}, docs: {:?} }}", reference(tref, document)?, paragraph(docs)))
}

/// What a successful call gives back, besides the error code.
fn results(func: &InterfaceFunc, document: &Document) -> Result<String> {
    let Some(result) = func.results.first() else { return Ok(String::new()) };
    let types = ok_types(result)?;
    let names = result_names(func.name.as_str(), types.len())?;
    let params = names.iter().zip(&types).map(|(name, tref)| param(name, tref, &result.docs, document)).collect::<Result<Vec<_>>>()?;
    Ok(params.join(", "))
}

fn ok_types(result: &InterfaceFuncParam) -> Result<Vec<TypeRef>> {
    let (ok, _) = expected(result)?;
    let Some(ok) = ok else { return Ok(Vec::new()) };
    Ok(match &**ok.type_() {
        Type::Record(record) if record.is_tuple() => record.members.iter().map(|member| member.tref.clone()).collect(),
        _ => vec![ok.clone()],
    })
}

fn expected(result: &InterfaceFuncParam) -> Result<(Option<&TypeRef>, Option<&TypeRef>)> {
    match &**result.tref.type_() {
        Type::Variant(variant) => variant.as_expected().ok_or("a result is no `expected`".into()),
        _ => Err("a result is no `expected`".into()),
    }
}

fn result_names(function: &str, count: usize) -> Result<&'static [&'static str]> {
    let names = RESULT_NAMES.iter().find(|(name, _)| *name == function).map_or(&[][..], |(_, names)| *names);
    if names.len() == count {
        return Ok(names);
    }
    Err(format!("{function} has {count} results and {} names in RESULT_NAMES", names.len()).into())
}

fn returns_errno(func: &InterfaceFunc) -> Result<bool> {
    let Some(result) = func.results.first() else { return Ok(false) };
    let (_, error) = expected(result)?;
    Ok(matches!(error, Some(TypeRef::Name(named)) if named.name == "errno"))
}

fn core_types(types: &[WasmType]) -> Result<String> {
    let names = types
        .iter()
        .map(|ty| match ty {
            WasmType::I32 => Ok("CoreType::I32".to_owned()),
            WasmType::I64 => Ok("CoreType::I64".to_owned()),
            WasmType::F32 | WasmType::F64 => Err("preview 1 passes no floating-point number".into()),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(names.join(", "))
}

// ---- text ----

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A doc comment as one line.
fn paragraph(docs: &str) -> String {
    docs.split_whitespace().collect::<Vec<_>>().join(" ")
}

//! Holds our tables against the witx text that the `wasi-common` crate ships.
//!
//! Both sides are written out as facts, a map from what is said of to what is said: `errno, case 1`
//! is `2big`. Two maps are equal only if neither has a fact that the other lacks, so nothing can be
//! extra and nothing can be missing. Facts of theirs come from witx, facts of ours from the generated
//! tables and never from our own witx text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use touchstone_spec as spec;
use witx::Layout;

type Facts = BTreeMap<String, String>;

// ---- our side ----

fn our_facts() -> Facts {
    let mut facts = Facts::from([("module".to_owned(), spec::MODULE.to_owned())]);
    for (index, ty) in spec::types().iter().enumerate() {
        let name = ty.name.expect("a type of the list has a name");
        facts.insert(format!("type {index}"), name.to_owned());
        facts.extend(our_type(name, ty));
    }
    for errno in spec::Errno::ALL {
        facts.insert(format!("error code {}", errno.raw()), errno.name().to_owned());
    }
    for function in spec::Function::ALL {
        facts.insert(format!("function {}", function.index()), function.name().to_owned());
        facts.extend(our_function(function));
    }
    facts
}

fn our_type(name: &str, ty: &spec::Type) -> Facts {
    let mut facts =
        Facts::from([(format!("{name}, layout"), layout(ty.size as usize, ty.align as usize)), (format!("{name}, kind"), our_kind(ty))]);
    for case in ty.cases() {
        let value = ty.case_value(case.name).expect("a case has a value");
        facts.insert(format!("{name}, value {value}"), case.name.to_owned());
    }
    for (index, field) in ty.fields().iter().enumerate() {
        facts.insert(format!("{name}, field {index}"), field_fact(field.name, &our_reference(field.ty), field.offset as usize));
    }
    if let spec::Shape::Union { cases, .. } = ty.shape {
        for (index, case) in cases.iter().enumerate() {
            facts.insert(format!("{name}, case {index}"), union_case_fact(case.name, case.ty.map(our_reference)));
        }
    }
    facts
}

fn our_kind(ty: &spec::Type) -> String {
    match ty.shape {
        spec::Shape::Int(repr) => our_repr(repr).to_owned(),
        spec::Shape::Pointer(to) => format!("pointer to {}", our_reference(to)),
        spec::Shape::ConstPointer(to) => format!("const pointer to {}", our_reference(to)),
        spec::Shape::Handle => "handle".to_owned(),
        spec::Shape::Enum { repr, .. } => format!("enum in {}", our_repr(repr)),
        spec::Shape::Flags { repr, .. } => format!("flags in {}", our_repr(repr)),
        spec::Shape::Record { .. } => "record".to_owned(),
        spec::Shape::Union { tag, payload_offset, .. } => {
            let repr = tag.int_repr().expect("a tag is an enum");
            format!("union with {}, payload at {payload_offset}", our_repr(repr))
        }
        spec::Shape::List(of) => format!("list of {}", our_reference(of)),
        spec::Shape::String => "string".to_owned(),
    }
}

fn our_reference(ty: &spec::Type) -> String {
    ty.name.map_or_else(|| our_kind(ty), str::to_owned)
}

fn our_repr(repr: spec::IntRepr) -> &'static str {
    match repr {
        spec::IntRepr::U8 => "u8",
        spec::IntRepr::U16 => "u16",
        spec::IntRepr::U32 => "u32",
        spec::IntRepr::U64 => "u64",
        spec::IntRepr::S64 => "s64",
    }
}

fn our_function(function: spec::Function) -> Facts {
    let name = function.name();
    let params: Vec<_> = function.core_params().iter().copied().map(our_core_type).collect();
    let results: Vec<_> = function.core_results().iter().copied().map(our_core_type).collect();
    let mut facts = Facts::from([
        (format!("{name}, core"), signature(&params, &results)),
        (format!("{name}, returns errno"), function.returns_errno().to_string()),
    ]);
    for (index, param) in function.params().iter().enumerate() {
        facts.insert(format!("{name}, param {index}"), param_fact(param.name, &our_reference(param.ty)));
    }
    for (index, result) in function.results().iter().enumerate() {
        facts.insert(format!("{name}, result {index}"), our_reference(result.ty));
    }
    facts
}

fn our_core_type(ty: spec::CoreType) -> &'static str {
    match ty {
        spec::CoreType::I32 => "i32",
        spec::CoreType::I64 => "i64",
    }
}

// ---- their side ----

fn their_facts(document: &witx::Document) -> Facts {
    let module = document.modules().next().expect("the text has a module");
    let mut facts = Facts::from([("module".to_owned(), module.name.as_str().to_owned())]);
    for (index, ty) in document.typenames().enumerate() {
        facts.insert(format!("type {index}"), ty.name.as_str().to_owned());
        facts.extend(their_type(ty.name.as_str(), &ty.tref));
    }
    let errno = document.typename(&"errno".into()).expect("there is a type errno");
    for (number, name) in their_cases(errno.type_()) {
        facts.insert(format!("error code {number}"), name);
    }
    for (index, function) in module.funcs().enumerate() {
        facts.insert(format!("function {index}"), function.name.as_str().to_owned());
        facts.extend(their_function(&function));
    }
    facts
}

fn their_type(name: &str, tref: &witx::TypeRef) -> Facts {
    let ty = tref.type_();
    let mut facts =
        Facts::from([(format!("{name}, layout"), layout(tref.mem_size(), tref.mem_align())), (format!("{name}, kind"), their_kind(ty))]);
    facts.extend(their_cases(ty).into_iter().map(|(value, case)| (format!("{name}, value {value}"), case)));
    facts.extend(their_fields(ty).into_iter().enumerate().map(|(index, field)| (format!("{name}, field {index}"), field)));
    facts.extend(their_union_cases(ty).into_iter().enumerate().map(|(index, case)| (format!("{name}, case {index}"), case)));
    facts
}

/// The cases of an enum with their numbers, or the flags of a set with their bits.
fn their_cases(ty: &witx::Type) -> Vec<(u64, String)> {
    match ty {
        witx::Type::Variant(variant) if variant.is_enum() => {
            variant.cases.iter().enumerate().map(|(index, case)| (index as u64, case.name.as_str().to_owned())).collect()
        }
        witx::Type::Record(record) if record.bitflags_repr().is_some() => {
            record.members.iter().enumerate().map(|(index, flag)| (1 << index, flag.name.as_str().to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

fn their_fields(ty: &witx::Type) -> Vec<String> {
    match ty {
        witx::Type::Record(record) if record.kind == witx::RecordKind::Other => {
            let layouts = record.member_layout().into_iter();
            layouts.map(|at| field_fact(at.member.name.as_str(), &their_reference(&at.member.tref), at.offset)).collect()
        }
        _ => Vec::new(),
    }
}

fn their_union_cases(ty: &witx::Type) -> Vec<String> {
    match ty {
        witx::Type::Variant(variant) if !variant.is_enum() => {
            let cases = variant.cases.iter();
            cases.map(|case| union_case_fact(case.name.as_str(), case.tref.as_ref().map(their_reference))).collect()
        }
        _ => Vec::new(),
    }
}

fn their_kind(ty: &witx::Type) -> String {
    match ty {
        witx::Type::Builtin(builtin) => their_builtin(*builtin),
        witx::Type::Pointer(to) => format!("pointer to {}", their_reference(to)),
        witx::Type::ConstPointer(to) => format!("const pointer to {}", their_reference(to)),
        witx::Type::Handle(_) => "handle".to_owned(),
        witx::Type::List(of) if **of.type_() == witx::Type::Builtin(witx::BuiltinType::Char) => "string".to_owned(),
        witx::Type::List(of) => format!("list of {}", their_reference(of)),
        witx::Type::Record(record) => their_record_kind(record),
        witx::Type::Variant(variant) => their_variant_kind(variant),
    }
}

fn their_record_kind(record: &witx::RecordDatatype) -> String {
    match record.kind {
        witx::RecordKind::Tuple => "tuple".to_owned(),
        witx::RecordKind::Bitflags(repr) => format!("flags in {}", their_builtin(repr.to_builtin())),
        witx::RecordKind::Other => "record".to_owned(),
    }
}

fn their_variant_kind(variant: &witx::Variant) -> String {
    let repr = their_builtin(variant.tag_repr.to_builtin());
    if variant.is_enum() {
        return format!("enum in {repr}");
    }
    format!("union with {repr}, payload at {}", variant.payload_offset())
}

fn their_builtin(builtin: witx::BuiltinType) -> String {
    match builtin {
        witx::BuiltinType::U8 { .. } => "u8".to_owned(),
        witx::BuiltinType::U32 { .. } => "u32".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn their_reference(tref: &witx::TypeRef) -> String {
    match tref {
        witx::TypeRef::Name(named) => named.name.as_str().to_owned(),
        witx::TypeRef::Value(ty) => their_kind(ty),
    }
}

fn their_function(function: &witx::InterfaceFunc) -> Facts {
    let name = function.name.as_str();
    let (params, results) = function.wasm_signature();
    let (params, results): (Vec<_>, Vec<_>) = (params.iter().map(their_core_type).collect(), results.iter().map(their_core_type).collect());
    let (ok, error) = their_results(function);
    let mut facts = Facts::from([
        (format!("{name}, core"), signature(&as_strs(&params), &as_strs(&results))),
        (format!("{name}, returns errno"), (error.as_deref() == Some("errno")).to_string()),
    ]);
    for (index, param) in function.params.iter().enumerate() {
        facts.insert(format!("{name}, param {index}"), param_fact(param.name.as_str(), &their_reference(&param.tref)));
    }
    facts.extend(ok.into_iter().enumerate().map(|(index, ty)| (format!("{name}, result {index}"), ty)));
    facts
}

/// The types that a call gives back when it succeeds, and the type of its error.
fn their_results(function: &witx::InterfaceFunc) -> (Vec<String>, Option<String>) {
    let Some(result) = function.results.first() else { return (Vec::new(), None) };
    let witx::Type::Variant(variant) = &**result.tref.type_() else { panic!("{:?} has a result that is not `expected`", function.name) };
    let (ok, error) = variant.as_expected().expect("a result is `expected`");
    (ok.map(their_ok_types).unwrap_or_default(), error.map(their_reference))
}

fn their_ok_types(ok: &witx::TypeRef) -> Vec<String> {
    match &**ok.type_() {
        witx::Type::Record(record) if record.is_tuple() => record.members.iter().map(|member| their_reference(&member.tref)).collect(),
        _ => vec![their_reference(ok)],
    }
}

fn their_core_type(ty: &witx::WasmType) -> String {
    format!("{ty:?}").to_lowercase()
}

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

// ---- how facts are written, the same for both ----

fn layout(size: usize, align: usize) -> String {
    format!("{size} bytes aligned to {align}")
}

fn field_fact(name: &str, ty: &str, offset: usize) -> String {
    format!("{name}: {ty} at {offset}")
}

fn union_case_fact(name: &str, ty: Option<String>) -> String {
    format!("{name}: {}", ty.as_deref().unwrap_or("nothing"))
}

fn param_fact(name: &str, ty: &str) -> String {
    format!("{name}: {ty}")
}

fn signature(params: &[&str], results: &[&str]) -> String {
    format!("({}) -> ({})", params.join(", "), results.join(", "))
}

fn differences(ours: &Facts, theirs: &Facts) -> Vec<String> {
    let subjects: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differs = subjects.into_iter().filter(|subject| ours.get(*subject) != theirs.get(*subject));
    let said = |facts: &Facts, subject: &str| facts.get(subject).cloned().unwrap_or_else(|| "nothing".to_owned());
    differs.map(|subject| format!("{subject}: ours is {}, theirs {}", said(ours, subject), said(theirs, subject))).collect()
}

// ---- where their text is ----

/// The folder of the witx text in the source of `wasi-common`, which the workspace depends on through `wasmi_wasi`.
fn their_folder() -> PathBuf {
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let package = packages.iter().find(|package| package["name"] == "wasi-common").expect(
        "the package `wasi-common` is not in the output of `cargo metadata`, so there is no witx text to compare with; \
         it comes with `wasmi_wasi`: keep that in the workspace, or make this test read the text from elsewhere",
    );
    let manifest = package["manifest_path"].as_str().expect("a package has a manifest path");
    Path::new(manifest).parent().expect("a manifest is in a folder").join("witx/preview1")
}

fn cargo_metadata() -> serde_json::Value {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Their text as one, without the `use` that joins its two files.
fn their_text() -> String {
    let folder = their_folder();
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    };
    let module = read("wasi_snapshot_preview1.witx");
    let using = "(use \"typenames.witx\")";
    assert!(module.contains(using), "their module no longer uses typenames.witx");
    read("typenames.witx") + &module.replace(using, "")
}

// ---- the tests ----

#[test]
fn our_tables_agree_with_the_published_witx() {
    let path = their_folder().join("wasi_snapshot_preview1.witx");
    let document = witx::load(&[&path]).unwrap_or_else(|error| panic!("{}", error.report()));
    let found = differences(&our_facts(), &their_facts(&document));
    assert!(found.is_empty(), "our tables differ from {}:\n{}", path.display(), found.join("\n"));
}

#[test]
fn the_facts_are_as_many_as_the_interface_has() {
    let facts = our_facts();
    let count = |prefix: &str| facts.keys().filter(|subject| subject.starts_with(prefix)).count();
    assert_eq!((count("function "), count("error code "), count("rights, value ")), (46, 77, 30));
}

/// Changes of their text, each with what the comparison must then find, among others.
const MUTATIONS: [(&str, &str, &str); 12] = [
    // an error code under another name
    ("    $2big\n", "    $toobig\n", "error code 1: ours is 2big, theirs toobig"),
    // an error code too few
    ("    $notcapable\n", "", "error code 76: ours is notcapable, theirs nothing"),
    // a flag too many
    ("    $sock_accept\n", "    $sock_accept $sock_open\n", "rights, value 1073741824: ours is nothing, theirs sock_open"),
    // the type of a field
    (
        "(field $d_namlen $dirnamlen)",
        "(field $d_namlen $inode)",
        "dirent, field 2: ours is d_namlen: dirnamlen at 16, theirs d_namlen: inode at 16",
    ),
    // the place of a field
    (
        "(field $fs_flags $fdflags)",
        "(field $pad $inode) (field $fs_flags $fdflags)",
        "fdstat, layout: ours is 24 bytes aligned to 8, theirs 40 bytes aligned to 8",
    ),
    // what an enum is stored in
    ("(enum (@witx tag u32)", "(enum (@witx tag u8)", "clockid, kind: ours is enum in u32, theirs enum in u8"),
    // the payload of a union
    (
        "    $subscription_clock\n    $subscription_fd_readwrite\n",
        "    $subscription_fd_readwrite\n    $subscription_clock\n",
        "subscription_u, case 0: ours is clock: subscription_clock, theirs clock: subscription_fd_readwrite",
    ),
    // a type with another number
    ("(typename $filedelta s64)", "(typename $filedelta u64)", "filedelta, kind: ours is s64, theirs u64"),
    // a type too many
    ("(typename $size u32)", "(typename $size u32) (typename $extra u32)", "extra, kind: ours is nothing, theirs u32"),
    // a parameter under another name
    ("(param $whence $whence)", "(param $base $whence)", "fd_seek, param 2: ours is whence: whence, theirs base: whence"),
    // the type of a result
    (
        "(expected (tuple $size $roflags) (error $errno))",
        "(expected $size (error $errno))",
        "sock_recv, result 1: ours is roflags, theirs nothing",
    ),
    // a function under another name
    ("(export \"sched_yield\")", "(export \"sched_rest\")", "function 40: ours is sched_yield, theirs sched_rest"),
];

#[test]
fn each_mutation_is_found() {
    let text = their_text();
    let ours = our_facts();
    for (from, to, expected) in MUTATIONS {
        assert!(text.contains(from), "their text no longer has {from:?}");
        let found = differences(&ours, &their_facts(&parse(&text.replacen(from, to, 1))));
        assert!(found.iter().any(|difference| difference == expected), "{from:?} to {to:?}: {found:#?}");
    }
}

#[test]
fn two_swapped_fields_are_found() {
    let (next, ino) = ("(field $d_next $dircookie)", "(field $d_ino $inode)");
    let swapped = their_text().replace(next, "(swap)").replace(ino, next).replace("(swap)", ino);
    let found = differences(&our_facts(), &their_facts(&parse(&swapped)));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0], "dirent, field 0: ours is d_next: dircookie at 0, theirs d_ino: inode at 0");
}

#[test]
fn the_joined_text_is_the_text() {
    assert_eq!(differences(&our_facts(), &their_facts(&parse(&their_text()))), Vec::<String>::new());
}

fn parse(text: &str) -> witx::Document {
    witx::parse(text).unwrap_or_else(|error| panic!("{error:?}"))
}

//! From an input to what is run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use touchstone_generate::{Functions, Mix, Sample, Share, generate};
use touchstone_model::case::print::front_matter;
use touchstone_model::case::{Case, Language};
use touchstone_model::world::{Access, NodeKind, Preopen, Tree, World};
use touchstone_spec::{CoreType, Function, MODULE};
use wasm_smith::{Config, Module};

/// What the scripts of a target are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Calls,
    Paths,
    Abi,
}

impl Kind {
    /// What is wanted of a sample. Nothing waits for a clock, and no preopen is read-only, which wasmi cannot have.
    pub fn mix(self) -> Mix {
        let mix = Mix { read_only: false, shortest_wait_nanoseconds: 0, longest_wait_nanoseconds: 0, ..Mix::default() };
        match self {
            Kind::Calls => mix,
            Kind::Paths => Mix { functions: with_paths(), share: Share { boundary: 60, abuse: 0 }, streams: false, ..mix },
            Kind::Abi => Mix { share: Share { boundary: 10, abuse: 70 }, ..mix },
        }
    }
}

/// The functions that take a path, and those that show what came of it.
fn with_paths() -> Functions {
    let shown =
        [Function::FdClose, Function::FdFilestatGet, Function::FdRead, Function::FdReaddir, Function::FdWrite, Function::FdRenumber];
    let takes_path = |function: &Function| function.name().starts_with("path_") || shown.contains(function);
    Functions::of(&Function::ALL.into_iter().filter(takes_path).collect::<Vec<_>>())
}

/// The sample of an input. A case of a suite is one if a process that others share can give it its world.
pub(crate) fn sample(input: &[u8], mix: &Mix) -> Option<Sample> {
    if !input.starts_with(b"#!") {
        return Some(generate(&mut Unstructured::new(input), mix));
    }
    let case = Case::parse("input", "input", Language::Script, std::str::from_utf8(input).ok()?).ok()?;
    let script = case.script()?.clone();
    let has_modes = |tree: &Tree| tree.0.values().any(|node| node.mode.is_some());
    let world = case.world;
    let is_plain = |preopen: &Preopen| preopen.access == Access::ReadWrite && preopen.within.is_none() && !has_modes(&preopen.tree);
    let is_playable = world.sockets.is_empty()
        && world.calls.is_empty()
        && !world.stdin.open
        && !script.calls().any(|call| call.function == Function::PollOneoff)
        && world.preopens.iter().all(is_plain);
    is_playable.then_some(Sample { world, script })
}

/// The world of a sample as text.
pub(crate) fn world(sample: &Sample) -> String {
    front_matter("found by a fuzz target", &[], &sample.world)
}

/// What modules find.
pub(crate) fn world_of_modules() -> World {
    let mut world = World::default();
    let entries = [("a", NodeKind::File(b"hello".to_vec())), ("b/c", NodeKind::File(Vec::new())), ("d", NodeKind::Symlink("a".to_owned()))];
    world.preopens[0].tree = Tree(entries.into_iter().map(|(path, kind)| (path.to_owned(), kind.into())).collect::<BTreeMap<_, _>>());
    world
}

/// Loops and calls that a module makes at most, so that it ends.
const FUEL: u32 = 1000;

/// The module of an input: a command whose imports are WASI's.
pub(crate) fn module(input: &[u8]) -> Option<Vec<u8>> {
    let mut module = Module::new(config(), &mut Unstructured::new(input)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// All that a module may import: what could wait for ever is left out.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let core = |ty: &CoreType| if *ty == CoreType::I64 { "i64" } else { "i32" };
    let functions = Function::ALL.into_iter().filter(|function| *function != Function::PollOneoff);
    let lines = functions.map(|function| {
        let params: Vec<&str> = function.core_params().iter().map(core).collect();
        let result = if function.returns_errno() { " (result i32)" } else { "" };
        format!("(import \"{MODULE}\" \"{}\" (func (param {}){result}))", function.name(), params.join(" "))
    });
    wat::parse_str(format!("(module {})", lines.collect::<String>())).expect("the table of functions makes a module")
});

/// All that a module exports.
static EXPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = r#"(module (func (export "_start")) (memory (export "memory") 1 2))"#;
    wat::parse_str(text).expect("it is a module")
});

fn config() -> Config {
    Config {
        available_imports: Some(IMPORTS.clone()),
        exports: Some(EXPORTS.clone()),
        max_memories: 1,
        max_tables: 1,
        canonicalize_nans: true,
        bulk_memory_enabled: true,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        reference_types_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        compact_imports_enabled: false,
        extended_const_enabled: false,
        allow_start_export: false,
        ..Config::default()
    }
}

//! wasmtime with `wasmtime_wasi`'s preview 1, in its synchronous form.

mod stdin;

use std::fs::File;
use std::os::fd::OwnedFd;

use anyhow::Context;
use touchstone_model::End;
use touchstone_model::observation::{Stage, TrapClass};
use touchstone_model::world::{Access, StdioKind};
use wasmtime::{Config, Engine, Error, Extern, Instance, InstancePre, Linker, Module, PoolingAllocationConfig, Store, Trap, WasmBacktrace};
use wasmtime_wasi::cli::{InputFile, OutputFile};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::cache::Cache;
use crate::{Given, HostPreopen, Live, MEMORY_EXPORT, Ran, Run, Runtime, end, exports, live, missing_pages, stdio, worth_reading};
use stdin::PipeStdin;

struct Wasmtime {
    /// As wasmtime is by default.
    plain: Prepared,
    /// For the trampoline, which is instantiated thousands of times: its memories are used again. Made when first needed.
    pooled: Option<Prepared>,
}

/// An engine with what is ready for the next run.
struct Prepared {
    engine: Engine,
    linker: Linker<WasiP1Ctx>,
    /// Modules with their imports resolved, which leaves little to do per run.
    modules: Cache<InstancePre<WasiP1Ctx>>,
}

pub(crate) fn start() -> anyhow::Result<Box<dyn Runtime>> {
    Ok(Box::new(Wasmtime { plain: Prepared::new(&config())?, pooled: None }))
}

fn config() -> Config {
    let mut config = Config::new();
    // The recorder of traces needs a second memory.
    config.wasm_multi_memory(true);
    // Otherwise every module in the cache keeps a memfd, which a look at the open fds would take for a leak of the guest's.
    config.memory_init_cow(false);
    // All else is as wasmtime has it by default.
    config
}

/// Memories that a pool keeps, of which the trampoline has three, and how many bytes of each are zeroed instead of given back to the host.
const POOLED_MEMORIES: u32 = 4;
const KEPT_BYTES: usize = 1 << 16;

fn pooled() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(1).total_memories(POOLED_MEMORIES).max_memories_per_module(POOLED_MEMORIES);
    // of stacks for asynchronous guests there is none, but a thousand would be made
    pool.total_stacks(1).total_tables(1).linear_memory_keep_resident(KEPT_BYTES).table_keep_resident(KEPT_BYTES);
    let mut config = config();
    config.allocation_strategy(pool);
    config
}

impl Runtime for Wasmtime {
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        let is_trampoline = run.guest.image.is_some() && run.guest.calls.is_empty();
        if is_trampoline { self.pooled()?.run(run) } else { self.plain.run(run) }
    }

    /// What is compiled early is the trampoline.
    fn prepare(&mut self, module: &crate::Module) -> anyhow::Result<()> {
        self.pooled()?.linked(module).map(|_| ()).map_err(|Refused(_, error)| error.into())
    }

    fn keep(&mut self, run: Run) -> anyhow::Result<Box<dyn Live + '_>> {
        let linked = self.plain.linked(&run.guest.module)?;
        let mut store = Store::new(&self.plain.engine, context(run.given)?);
        let instance = linked.instantiate(&mut store)?;
        Ok(Box::new(Kept { store, instance }))
    }
}

impl Wasmtime {
    fn pooled(&mut self) -> anyhow::Result<&mut Prepared> {
        let made = self.pooled.take().map_or_else(|| Prepared::new(&pooled()), Ok)?;
        Ok(self.pooled.insert(made))
    }
}

/// An instance that stays.
struct Kept {
    store: Store<WasiP1Ctx>,
    instance: Instance,
}

impl Live for Kept {
    fn call(&mut self, export: &str, [first, second]: [u32; 2]) -> anyhow::Result<u32> {
        let function = self.instance.get_typed_func::<(u32, u32), u32>(&mut self.store, export)?;
        Ok(function.call(&mut self.store, (first, second))?)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> anyhow::Result<()> {
        let memory = self.instance.get_memory(&mut self.store, MEMORY_EXPORT).context("the guest exports no memory")?;
        bytes.copy_from_slice(live::part(memory.data(&self.store), address, bytes.len())?);
        Ok(())
    }
}

impl Prepared {
    fn new(config: &Config) -> anyhow::Result<Prepared> {
        let engine = Engine::new(config)?;
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_sync(&mut linker, |context| context)?;
        Ok(Prepared { engine, linker, modules: Cache::new() })
    }

    /// A module with its imports resolved. An error says at which stage it was refused, and why.
    fn linked(&mut self, module: &crate::Module) -> Result<InstancePre<WasiP1Ctx>, Refused> {
        self.modules.get_or_compile(module, |bytes| {
            let module = Module::new(&self.engine, bytes).map_err(|error| Refused(Stage::Compile, error))?;
            self.linker.instantiate_pre(&module).map_err(|error| Refused(Stage::Instantiate, error))
        })
    }

    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        let linked = match self.linked(&run.guest.module) {
            Ok(linked) => linked,
            Err(Refused(stage, error)) => return Ok(Ran::without_memories(end::rejected(stage, error))),
        };
        let Run { guest, given } = run;
        let mut store = Store::new(&self.engine, context(given)?);
        let instance = if guest.calls.is_empty() {
            linked.instantiate(&mut store).map(Exports::Command)
        } else {
            self.initialise(&mut store, linked.module()).map(Exports::Reactor)
        };
        let instance = match instance {
            Ok(instance) => instance,
            Err(error) => return Ok(Ran::without_memories(end_of_instantiation(&error))),
        };
        if let Some((name, bytes)) = &guest.image {
            fill(&mut store, &instance, name, bytes)?;
        }
        let end = end::of_calls(exports(&guest.calls), |name| call(&mut store, &instance, name));
        Ok(Ran { end, memories: read_memories(&mut store, &instance, &guest.memories) })
    }

    /// A linker with the exports of a reactor, which wasmtime has initialised.
    fn initialise(&self, store: &mut Store<WasiP1Ctx>, module: &Module) -> wasmtime::Result<Linker<WasiP1Ctx>> {
        let mut linker = self.linker.clone();
        linker.module(store, REACTOR, module)?;
        Ok(linker)
    }
}

/// The stage at which a module was refused, and wasmtime's error.
#[derive(Debug, thiserror::Error)]
#[error("the module is refused: {1:#}")]
struct Refused(Stage, Error);

/// What a linker calls a reactor; the guest imports nothing from there.
const REACTOR: &str = "reactor";

/// Where the exports of a module that was instantiated are found.
enum Exports {
    Command(Instance),
    Reactor(Linker<WasiP1Ctx>),
}

impl Exports {
    fn get(&self, store: &mut Store<WasiP1Ctx>, name: &str) -> Option<Extern> {
        match self {
            Exports::Command(instance) => instance.get_export(store, name),
            Exports::Reactor(linker) => linker.get(store, REACTOR, name).ok(),
        }
    }
}

/// What the guest is given, as wasmtime's CLI would give it.
fn context(given: Given) -> anyhow::Result<WasiP1Ctx> {
    let mut builder = WasiCtxBuilder::new();
    builder.args(&given.args).envs(&given.env);
    // The CLI does so too when it has no timeout to enforce; otherwise each call on a file would go through another thread.
    builder.allow_blocking_current_thread(true);
    give_stdin(&mut builder, given.stdin)?;
    // Written directly and at once, like the CLI's inherited streams.
    builder.stdout(OutputFile::new(File::from(given.stdout)));
    builder.stderr(OutputFile::new(File::from(given.stderr)));
    for HostPreopen { guest, host, access } in &given.preopens {
        let permissions = match access {
            Access::ReadWrite => FsPerms::ReadWrite,
            Access::ReadOnly => FsPerms::ReadOnly,
        };
        builder.preopened_dir(host, guest, permissions)?;
    }
    Ok(builder.build_p1())
}

fn give_stdin(builder: &mut WasiCtxBuilder, stdin: OwnedFd) -> anyhow::Result<()> {
    match stdio::kind(&stdin)? {
        StdioKind::File | StdioKind::Device => builder.stdin(InputFile::new(File::from(stdin))),
        StdioKind::Pipe => builder.stdin(PipeStdin::new(stdin)),
    };
    Ok(())
}

fn fill(store: &mut Store<WasiP1Ctx>, exports: &Exports, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let memory = exports.get(store, name).and_then(Extern::into_memory).with_context(|| format!("the guest has no memory {name}"))?;
    let missing = missing_pages(bytes, memory.data_size(&*store));
    memory.grow(&mut *store, missing)?;
    memory.write(store, 0, bytes)?;
    Ok(())
}

fn call(store: &mut Store<WasiP1Ctx>, exports: &Exports, name: &str) -> Result<(), End> {
    let no_function = || wasmtime::format_err!("failed to find function export `{name}`");
    let function = exports.get(store, name).and_then(Extern::into_func).ok_or_else(no_function);
    let function = function.and_then(|function| function.typed::<(), ()>(&*store)).map_err(|error| end::rejected(Stage::NoStart, error))?;
    function.call(store, ()).map_err(|error| end_of(&error))
}

/// An error of instantiation is a refusal, unless it comes out of guest code: the module's start function. Only then does
/// it carry frames; a segment that does not fit is the same trap without any.
fn end_of_instantiation(error: &Error) -> End {
    let guest_ran = error.downcast_ref::<WasmBacktrace>().is_some_and(|trace| !trace.frames().is_empty());
    if guest_ran { end_of(error) } else { end::rejected(Stage::Instantiate, error) }
}

fn end_of(error: &Error) -> End {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        end::exit(exit.0)
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        end::trap(class_of(*trap))
    } else {
        end::trap(TrapClass::Host)
    }
}

fn class_of(trap: Trap) -> TrapClass {
    match trap {
        Trap::UnreachableCodeReached => TrapClass::Unreachable,
        Trap::MemoryOutOfBounds => TrapClass::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapClass::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::BadSignature => TrapClass::BadIndirectCall,
        Trap::IntegerOverflow => TrapClass::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapClass::DivisionByZero,
        Trap::BadConversionToInteger => TrapClass::BadConversion,
        Trap::StackOverflow => TrapClass::StackOverflow,
        // Traps of proposals and of components, and whatever a newer wasmtime adds.
        _ => TrapClass::Other,
    }
}

fn read_memories(store: &mut Store<WasiP1Ctx>, exports: &Exports, names: &[String]) -> Vec<(String, Vec<u8>)> {
    let mut content = |name: &String| match exports.get(store, name)? {
        Extern::Memory(memory) => Some((name.clone(), worth_reading(name, memory.data(&*store)).to_vec())),
        _ => None,
    };
    names.iter().filter_map(&mut content).collect()
}

//! wasmtime with `wasmtime_wasi`'s preview 1, in its synchronous form.

mod stdin;

use std::fs::File;
use std::os::fd::OwnedFd;

use touchstone_model::End;
use touchstone_model::observation::{Stage, TrapClass};
use touchstone_model::world::{Access, StdioKind};
use wasmtime::{Config, Engine, Error, Extern, Instance, InstancePre, Linker, Module, Store, Trap, WasmBacktrace};
use wasmtime_wasi::cli::{InputFile, OutputFile};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::cache::Cache;
use crate::{HostPreopen, Ran, Run, Runtime, end, stdio};
use stdin::PipeStdin;

struct Wasmtime {
    engine: Engine,
    linker: Linker<WasiP1Ctx>,
    /// Modules with their imports resolved, which leaves little to do per run.
    modules: Cache<InstancePre<WasiP1Ctx>>,
}

pub(crate) fn start() -> anyhow::Result<Box<dyn Runtime>> {
    let mut config = Config::new();
    // The recorder of traces needs a second memory.
    config.wasm_multi_memory(true);
    // Otherwise every module in the cache keeps a memfd, which a look at the open fds would take for a leak of the guest's.
    config.memory_init_cow(false);
    // All else is as wasmtime has it by default.
    let engine = Engine::new(&config)?;
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |context| context)?;
    Ok(Box::new(Wasmtime { engine, linker, modules: Cache::new() }))
}

impl Runtime for Wasmtime {
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        let linked = self.modules.get_or_compile(&run.module, |bytes| {
            let module = Module::new(&self.engine, bytes).map_err(|error| end::rejected(Stage::Compile, error))?;
            self.linker.instantiate_pre(&module).map_err(|error| end::rejected(Stage::Instantiate, error))
        });
        let linked = match linked {
            Ok(linked) => linked,
            Err(end) => return Ok(Ran::without_memories(end)),
        };
        let memories = run.memories.clone();
        let mut store = Store::new(&self.engine, context(run)?);
        let instance = match linked.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Ok(Ran::without_memories(end_of_instantiation(&error))),
        };
        let end = call_start(&mut store, instance);
        Ok(Ran { end, memories: read_memories(&mut store, instance, &memories) })
    }
}

/// What the guest is given, as wasmtime's CLI would give it.
fn context(run: Run) -> anyhow::Result<WasiP1Ctx> {
    let mut builder = WasiCtxBuilder::new();
    builder.args(&run.args).envs(&run.env);
    // The CLI does so too when it has no timeout to enforce; otherwise each call on a file would go through another thread.
    builder.allow_blocking_current_thread(true);
    give_stdin(&mut builder, run.stdin)?;
    // Written directly and at once, like the CLI's inherited streams.
    builder.stdout(OutputFile::new(File::from(run.stdout)));
    builder.stderr(OutputFile::new(File::from(run.stderr)));
    for HostPreopen { guest, host, access } in &run.preopens {
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
        StdioKind::File => builder.stdin(InputFile::new(File::from(stdin))),
        StdioKind::Pipe => builder.stdin(PipeStdin::new(stdin)?),
    };
    Ok(())
}

fn call_start(store: &mut Store<WasiP1Ctx>, instance: Instance) -> End {
    let start = match instance.get_typed_func::<(), ()>(&mut *store, "_start") {
        Ok(start) => start,
        Err(error) => return end::rejected(Stage::NoStart, error),
    };
    match start.call(store, ()) {
        Ok(()) => end::exit(0),
        Err(error) => end_of(&error),
    }
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

fn read_memories(store: &mut Store<WasiP1Ctx>, instance: Instance, names: &[String]) -> Vec<(String, Vec<u8>)> {
    let mut content = |name: &String| match instance.get_export(&mut *store, name)? {
        Extern::Memory(memory) => Some((name.clone(), memory.data(&*store).to_vec())),
        _ => None,
    };
    names.iter().filter_map(&mut content).collect()
}

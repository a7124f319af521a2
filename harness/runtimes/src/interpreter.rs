//! Hosts guests on the interpreter wasmi, with imports of the caller's choice. wasmi with its own WASI is one such host,
//! the negative controls are others.

use anyhow::Context;
use wasmi::errors::ErrorKind;
use wasmi::{Config, Engine, Error, Instance, Linker, Module, Store, TrapCode};

use touchstone_model::End;
use touchstone_model::observation::{Stage, TrapClass};

use crate::cache::Cache;
use crate::{Guest, Live, MEMORY_EXPORT, Ran, end, exports, live, missing_pages, worth_reading};

/// wasmi with imports that work on a `T`, of which each run has its own.
pub(crate) struct Interpreter<T: 'static> {
    engine: Engine,
    linker: Linker<T>,
    modules: Cache<Module>,
}

impl<T> Interpreter<T> {
    /// An interpreter whose imports are those that `define` puts into the linker.
    pub(crate) fn new(define: impl FnOnce(&mut Linker<T>) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let mut config = Config::default();
        // The recorder of traces needs a second memory. All else is as wasmi has it by default.
        config.wasm_multi_memory(true);
        let engine = Engine::new(&config);
        let mut linker = Linker::new(&engine);
        define(&mut linker)?;
        Ok(Interpreter { engine, linker, modules: Cache::new() })
    }

    /// Compiles a module that is to be run later.
    pub(crate) fn prepare(&mut self, module: &crate::Module) -> anyhow::Result<()> {
        self.modules.get_or_compile(module, |bytes| Module::new(&self.engine, bytes))?;
        Ok(())
    }

    /// Runs a guest on imports with this state, which is dropped before this returns.
    pub(crate) fn run(&mut self, guest: &Guest, state: T) -> anyhow::Result<Ran> {
        let compiled = self.modules.get_or_compile(&guest.module, |bytes| Module::new(&self.engine, bytes));
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(error) => return Ok(Ran::without_memories(end::rejected(Stage::Compile, error))),
        };
        let mut store = Store::new(&self.engine, state);
        let instance = match self.linker.instantiate_and_start(&mut store, &compiled) {
            Ok(instance) => instance,
            Err(error) => return Ok(Ran::without_memories(end_of_instantiation(&error))),
        };
        if let Some((name, bytes)) = &guest.image {
            fill(&mut store, instance, name, bytes)?;
        }
        // wasmi knows nothing of reactors: to initialise one is left to whoever embeds it, here us
        let initialize = instance.get_func(&store, "_initialize").filter(|_| !guest.calls.is_empty()).map(|_| "_initialize");
        let end = end::of_calls(initialize.into_iter().chain(exports(&guest.calls)), |name| call(&mut store, instance, name));
        Ok(Ran { end, memories: read_memories(&store, instance, &guest.memories) })
    }

    /// Instantiates a guest on imports with this state and keeps the instance.
    pub(crate) fn keep(&mut self, guest: &Guest, state: T) -> anyhow::Result<Box<dyn Live + '_>> {
        let compiled = self.modules.get_or_compile(&guest.module, |bytes| Module::new(&self.engine, bytes))?;
        let mut store = Store::new(&self.engine, state);
        let instance = self.linker.instantiate_and_start(&mut store, &compiled)?;
        Ok(Box::new(Kept { store, instance }))
    }
}

/// An instance that stays.
struct Kept<T: 'static> {
    store: Store<T>,
    instance: Instance,
}

impl<T> Live for Kept<T> {
    fn call(&mut self, export: &str, [first, second]: [u32; 2]) -> anyhow::Result<u32> {
        let function = self.instance.get_typed_func::<(u32, u32), u32>(&self.store, export)?;
        Ok(function.call(&mut self.store, (first, second))?)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> anyhow::Result<()> {
        let memory = self.instance.get_memory(&self.store, MEMORY_EXPORT).context("the guest exports no memory")?;
        bytes.copy_from_slice(live::part(memory.data(&self.store), address, bytes.len())?);
        Ok(())
    }
}

fn call<T>(store: &mut Store<T>, instance: Instance, name: &str) -> Result<(), End> {
    let function = instance.get_typed_func::<(), ()>(&*store, name).map_err(|error| end::rejected(Stage::NoStart, error))?;
    function.call(store, ()).map_err(|error| end_of(&error))
}

/// An error of instantiation is a refusal, unless it comes out of guest code: the module's start function.
fn end_of_instantiation(error: &Error) -> End {
    match error.kind() {
        ErrorKind::TrapCode(_) | ErrorKind::I32ExitStatus(_) | ErrorKind::Message(_) | ErrorKind::Host(_) => end_of(error),
        _ => end::rejected(Stage::Instantiate, error),
    }
}

fn end_of(error: &Error) -> End {
    if let Some(code) = error.i32_exit_status() {
        end::exit(code)
    } else if let Some(code) = error.as_trap_code() {
        end::trap(class_of(code))
    } else {
        end::trap(TrapClass::Host)
    }
}

fn class_of(code: TrapCode) -> TrapClass {
    match code {
        TrapCode::UnreachableCodeReached => TrapClass::Unreachable,
        TrapCode::MemoryOutOfBounds => TrapClass::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => TrapClass::TableOutOfBounds,
        TrapCode::IndirectCallToNull | TrapCode::BadSignature => TrapClass::BadIndirectCall,
        TrapCode::IntegerDivisionByZero => TrapClass::DivisionByZero,
        TrapCode::IntegerOverflow => TrapClass::IntegerOverflow,
        TrapCode::BadConversionToInteger => TrapClass::BadConversion,
        TrapCode::StackOverflow => TrapClass::StackOverflow,
        // Fuel and growth limits, which are not set, and whatever a newer wasmi adds.
        _ => TrapClass::Other,
    }
}

fn fill<T>(store: &mut Store<T>, instance: Instance, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let memory = instance.get_memory(&*store, name).with_context(|| format!("the guest has no memory {name}"))?;
    let missing = missing_pages(bytes, memory.data_size(&*store));
    memory.grow(&mut *store, missing)?;
    memory.data_mut(store)[..bytes.len()].copy_from_slice(bytes);
    Ok(())
}

fn read_memories<T>(store: &Store<T>, instance: Instance, names: &[String]) -> Vec<(String, Vec<u8>)> {
    let content = |name: &String| Some((name.clone(), worth_reading(name, instance.get_memory(store, name)?.data(store)).to_vec()));
    names.iter().filter_map(content).collect()
}

//! wasmer with its Singlepass compiler, and WASIX as its WASI.

mod stdio;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Handle, Runtime as Tokio};
use touchstone_model::End;
use touchstone_model::observation::{Stage, TrapClass};
use touchstone_model::trace::{HEADER_BYTES, TRACE_EXPORT, used_bytes};
use touchstone_model::world::Access;
use wasmer::sys::vm::TrapCode;
use wasmer::sys::{EngineBuilder, Features, Singlepass};
use wasmer::{Engine, Instance, InstantiationError, Module, Pages, RuntimeError, Store};
use wasmer_wasix::runtime::task_manager::tokio::TokioTaskManager;
use wasmer_wasix::virtual_fs::{MountFileSystem, TmpFileSystem, host_fs};
use wasmer_wasix::wasmer_wasix_types::wasi::ExitCode;
use wasmer_wasix::{PluggableRuntime, WasiEnvBuilder, WasiError, WasiFunctionEnv, WasiRuntimeError, WasiThreadError};

use crate::cache::Cache;
use crate::{Given, Guest, HostPreopen, Live, MEMORY_EXPORT, Ran, Run, Runtime, end, exports, missing_pages};

struct Wasmer {
    engine: Engine,
    modules: Cache<Module>,
    /// Gone after a run that panicked or left something going on, and then made anew: what looks for open fds is to find as many as before.
    host: Option<Host>,
}

pub(crate) fn start() -> anyhow::Result<Box<dyn Runtime>> {
    // The recorder of traces needs a second memory. All else is as wasmer has it by default.
    let mut features = Features::new();
    features.multi_memory(true);
    let engine = EngineBuilder::new(Singlepass::default()).set_features(Some(features)).engine();
    let engine = Engine::from(engine);
    let host = Host::new(&engine)?;
    Ok(Box::new(Wasmer { engine, modules: Cache::new(), host: Some(host) }))
}

impl Runtime for Wasmer {
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        let module = match self.modules.get_or_compile(&run.guest.module, |bytes| Module::new(&self.engine, bytes)) {
            Ok(module) => module,
            Err(error) => return Ok(Ran::without_memories(end::rejected(Stage::Compile, error))),
        };
        let host = self.host()?;
        let entered = host.tokio.enter();
        let ran = environment(run.given, &host).and_then(|given| run_exports(&self.engine, module, given, &run.guest));
        drop(entered);
        let at_rest = host.at_rest();
        self.host = Some(at_rest.map_or_else(|| Host::new(&self.engine), Ok)?);
        ran
    }

    fn prepare(&mut self, module: &crate::Module) -> anyhow::Result<()> {
        self.modules.get_or_compile(module, |bytes| Module::new(&self.engine, bytes))?;
        // it has threads
        self.host = None;
        Ok(())
    }

    /// The host of a run that panics is dropped with it; what stays is compiled code.
    fn outlives_panics(&self) -> bool {
        true
    }

    fn keep(&mut self, run: Run) -> anyhow::Result<Box<dyn Live + '_>> {
        let module = self.modules.get_or_compile(&run.guest.module, |bytes| Module::new(&self.engine, bytes))?;
        let host = self.host()?;
        let entered = host.tokio.enter();
        let mut store = Store::new(self.engine.clone());
        let (instance, wasi) = environment(run.given, &host)?.instantiate(module, &mut store)?;
        drop(entered);
        Ok(Box::new(Kept { store, instance, wasi, host: Some(host), runtime: self }))
    }
}

impl Wasmer {
    /// The host of the next run.
    fn host(&mut self) -> anyhow::Result<Host> {
        self.host.take().map_or_else(|| Host::new(&self.engine), Ok)
    }
}

/// An instance that stays. Its host goes back to the runtime when it is dropped.
struct Kept<'a> {
    store: Store,
    instance: Instance,
    wasi: WasiFunctionEnv,
    host: Option<Host>,
    runtime: &'a mut Wasmer,
}

impl Live for Kept<'_> {
    fn call(&mut self, export: &str, [first, second]: [u32; 2]) -> anyhow::Result<u32> {
        let _entered = self.host.as_ref().map(|host| host.tokio.enter());
        let function = self.instance.exports.get_typed_function::<(u32, u32), u32>(&self.store, export)?;
        Ok(function.call(&mut self.store, first, second)?)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> anyhow::Result<()> {
        let memory = self.instance.exports.get_memory(MEMORY_EXPORT)?;
        Ok(memory.view(&self.store).read(address.into(), bytes)?)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let Some(host) = self.host.take() else { return };
        let entered = host.tokio.enter();
        // closes the guest's files
        self.wasi.on_exit(&mut self.store, Some(ExitCode::from(0)));
        drop(entered);
        self.runtime.host = host.at_rest();
    }
}

/// How long a task of a run may take to end after the run has.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// What runs of guests stand on.
struct Host {
    tokio: Tokio,
    wasix: Arc<PluggableRuntime>,
}

impl Host {
    fn new(engine: &Engine) -> anyhow::Result<Host> {
        // WASIX does its file I/O on tokio's threads and may leave some of it in flight. With one such thread it is done in turn.
        let tokio = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).enable_all().build()?;
        // as `WasiEnvBuilder` would make it for each run
        let mut wasix = PluggableRuntime::new(Arc::new(TokioTaskManager::new(tokio.handle().clone())));
        wasix.set_engine(engine.clone());
        Ok(Host { tokio, wasix: Arc::new(wasix) })
    }

    /// Waits until nothing of a run goes on and no file of it is open. A task that does not end goes with its host.
    fn at_rest(self) -> Option<Host> {
        let is_done = self.tokio.block_on(self.tokio.spawn_blocking(|| ())).is_ok();
        let mut looks = (0..LOOKS).map(|look| {
            // most often there is nothing to wait for
            std::thread::sleep(if look == 0 { Duration::ZERO } else { BETWEEN_LOOKS });
            self.tokio.metrics().num_alive_tasks() == 0
        });
        let is_done = is_done && looks.any(|ended| ended);
        is_done.then_some(self)
    }
}

/// What the guest is given. Only the file systems, stdio and the engine differ from WASIX's defaults.
fn environment(given: Given, host: &Host) -> anyhow::Result<WasiEnvBuilder> {
    let mut builder = WasiEnvBuilder::default();
    builder.set_runtime(Arc::<PluggableRuntime>::clone(&host.wasix));
    builder.add_args(&given.args);
    builder.add_envs(given.env);
    builder.set_stdin(stdio::input(given.stdin)?);
    builder.set_stdout(stdio::output(given.stdout)?);
    builder.set_stderr(stdio::output(given.stderr)?);
    let root = MountFileSystem::new();
    for preopen in &given.preopens {
        let directory = host_fs::FileSystem::new(Handle::current(), &preopen.host)
            .with_context(|| format!("cannot open the preopen {}", preopen.host.display()))?;
        root.mount(&preopen.guest, Arc::new(directory)).with_context(|| format!("cannot mount {}", preopen.guest))?;
        add_preopen(&mut builder, preopen)?;
    }
    // WASIX always gives the guest a root directory. Where no preopen takes its place it is empty and in memory, as in
    // wasmer's own runner.
    if root.filesystem_at("/").is_none() {
        root.mount("/", Arc::new(TmpFileSystem::new()))?;
        // wasmer's own runner always preopens `/`: without it WASIX finds no absolute path, which it follows links by
        builder.add_preopen_build(|directory| directory.directory("/").read(true))?;
    }
    builder.set_mount_fs(root);
    Ok(builder)
}

/// Opens a mounted directory for the guest under the path where it is mounted. That it is read-only is, in WASIX, a matter of
/// the rights of this fd; its file systems have no such mode.
fn add_preopen(builder: &mut WasiEnvBuilder, preopen: &HostPreopen) -> anyhow::Result<()> {
    let writable = match preopen.access {
        Access::ReadWrite => true,
        Access::ReadOnly => false,
    };
    builder.add_preopen_build(|directory| directory.directory(&preopen.guest).read(true).write(writable).create(writable))?;
    Ok(())
}

fn run_exports(engine: &Engine, module: Module, environment: WasiEnvBuilder, guest: &Guest) -> anyhow::Result<Ran> {
    let mut store = Store::new(engine.clone());
    let (instance, wasi) = match &guest.image {
        Some((name, bytes)) => {
            let instantiated = only_preview1(environment, &module, &mut store)?;
            fill(&mut store, &instantiated.0, name, bytes)?;
            instantiated
        }
        // this calls `_initialize` as well, where there is one
        None => match environment.instantiate(module, &mut store) {
            Ok(instantiated) => instantiated,
            Err(error) => return end_of_instantiation(error).map(Ran::without_memories),
        },
    };
    let end = end::of_calls(exports(&guest.calls), |name| call(&mut store, &instance, name));
    let memories = read_memories(&store, &instance, &guest.memories);
    // Closes the guest's files. The code only matters to those who wait for the process, and nobody does.
    wasi.on_exit(&mut store, Some(ExitCode::from(0)));
    Ok(Ran { end, memories })
}

/// Instantiates a trampoline, with nothing imported but what it needs: the hundreds of functions of other versions of WASI and of WASIX
/// take longer than what a script does.
fn only_preview1(environment: WasiEnvBuilder, module: &Module, store: &mut Store) -> anyhow::Result<(Instance, WasiFunctionEnv)> {
    let mut wasi = environment.finalize(store)?;
    let imports = wasi.import_object(store, module)?;
    let instance = Instance::new(store, module, &imports)?;
    wasi.initialize(store, instance.clone())?;
    Ok((instance, wasi))
}

fn fill(store: &mut Store, instance: &Instance, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let memory = instance.exports.get_memory(name).with_context(|| format!("the guest has no memory {name}"))?;
    let missing = missing_pages(bytes, memory.view(store).data_size() as usize);
    memory.grow(store, Pages(u32::try_from(missing)?))?;
    memory.view(store).write(0, bytes)?;
    Ok(())
}

fn call(store: &mut Store, instance: &Instance, name: &str) -> Result<(), End> {
    let function = instance.exports.get_typed_function::<(), ()>(&*store, name).map_err(|error| end::rejected(Stage::NoStart, error))?;
    function.call(store).map_err(|error| end_of(&error))
}

/// An error of instantiation is a refusal, unless it comes out of guest code: the start function or `_initialize`.
fn end_of_instantiation(error: WasiRuntimeError) -> anyhow::Result<End> {
    let thread = match error {
        WasiRuntimeError::Thread(thread) => thread,
        // What we gave it is wrong, or WASIX could not set itself up; the module had no part in it.
        other => return Err(other.into()),
    };
    Ok(match &thread {
        WasiThreadError::InstanceCreateFailed(error) => match error.as_ref() {
            // A segment that does not fit comes as this too, but has no frames of guest code.
            InstantiationError::Start(error) if !error.trace().is_empty() => end_of(error),
            refusal => end::rejected(Stage::Instantiate, refusal),
        },
        WasiThreadError::InitFailed(error) => match error.downcast_ref::<RuntimeError>() {
            Some(error) => end_of(error),
            None => end::trap(TrapClass::Host),
        },
        refusal => end::rejected(Stage::Instantiate, refusal),
    })
}

fn end_of(error: &RuntimeError) -> End {
    if let Some(WasiError::Exit(code)) = error.downcast_ref::<WasiError>() {
        end::exit(code.raw())
    } else if let Some(code) = error.clone().to_trap() {
        end::trap(class_of(code))
    } else {
        end::trap(TrapClass::Host)
    }
}

fn class_of(code: TrapCode) -> TrapClass {
    match code {
        TrapCode::UnreachableCodeReached => TrapClass::Unreachable,
        TrapCode::HeapAccessOutOfBounds => TrapClass::MemoryOutOfBounds,
        TrapCode::TableAccessOutOfBounds => TrapClass::TableOutOfBounds,
        TrapCode::IndirectCallToNull | TrapCode::BadSignature => TrapClass::BadIndirectCall,
        TrapCode::IntegerOverflow => TrapClass::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => TrapClass::DivisionByZero,
        TrapCode::BadConversionToInteger => TrapClass::BadConversion,
        TrapCode::StackOverflow => TrapClass::StackOverflow,
        // Traps of proposals and interruptions, and whatever a newer wasmer adds.
        _ => TrapClass::Other,
    }
}

fn read_memories(store: &Store, instance: &Instance, names: &[String]) -> Vec<(String, Vec<u8>)> {
    let content = |name: &String| {
        let view = instance.exports.get_memory(name).ok()?.view(store);
        let mut head = vec![0; view.data_size().min(u64::from(HEADER_BYTES)) as usize];
        view.read(0, &mut head).ok()?;
        let end = if name == TRACE_EXPORT { view.data_size().min(used_bytes(&head) as u64) } else { view.data_size() };
        Some((name.clone(), view.copy_range_to_vec(0..end).ok()?))
    };
    names.iter().filter_map(content).collect()
}

//! One file per backend. A backend drives one runtime; nothing outside this crate names an engine.
//!
//! In reading order: this file is the interface and the table of runtimes; `cache`, `end`, `stdio` and `pipe` are what
//! backends share, and `live` what some of them have besides runs; `interpreter` hosts guests on wasmi, and `control` and `wasmi` stand on it; `wasmtime` and `wasmer`
//! drive the compilers; `command` runs programs on `PATH`, of which `node` is one.

mod cache;
mod command;
mod control;
mod end;
mod interpreter;
pub mod linux;
mod live;
mod node;
mod oracle;
#[cfg(any(feature = "wasmtime", feature = "wasmer"))]
mod pipe;
#[cfg(any(feature = "wasmtime", feature = "wasmer"))]
mod stdio;
#[cfg(feature = "wasmer")]
mod wasmer;
#[cfg(feature = "wasmi")]
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

use std::any::Any;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use semver::Version;
use touchstone_model::End;
use touchstone_model::observation::Crash;
use touchstone_model::trace::{Keeper, TRACE_EXPORT, used_bytes};
use touchstone_model::world::Access;

pub use command::{Absence, Command, Found, UNPRIVILEGED_ID};
pub use live::{Live, MEMORY_EXPORT};
pub use oracle::{part_of, read_tree};

/// One run of one module: what the guest is, and all that it is given.
#[derive(Debug)]
pub struct Run {
    pub guest: Guest,
    pub given: Given,
}

/// A module, how it is called, and what is read of it afterwards.
#[derive(Debug, Clone)]
pub struct Guest {
    pub module: Module,
    /// What a memory that the guest exports is filled with from its start, growing if need be, before the first call: its name and the
    /// bytes. The program of a trampoline comes so.
    pub image: Option<(String, Vec<u8>)>,
    /// Exported memories of the guest that are read back after the run, however it ended: of a trace, what is in use. Those that do not exist
    /// are left out.
    pub memories: Vec<String>,
    /// What is called of a reactor once it is initialised, in turn. Without any the module is a command.
    pub calls: Vec<String>,
}

/// What a guest is given.
#[derive(Debug)]
pub struct Given {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub preopens: Vec<HostPreopen>,
    /// Connected, listening and unconnected stream sockets, whose numbers follow those of the preopens. A backend whose WASI takes
    /// none closes them, which the probe of that feature finds out.
    pub sockets: Vec<OwnedFd>,
    /// Each is a pipe end, a regular file or a device; the backend takes it over and closes it when the run ends.
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// The exports that are called, given the calls of a reactor.
fn exports(calls: &[String]) -> impl Iterator<Item = &str> {
    let start = calls.is_empty().then_some("_start");
    start.into_iter().chain(calls.iter().map(String::as_str))
}

/// Pages by which a memory of that many bytes must grow to hold an image.
fn missing_pages(image: &[u8], memory_bytes: usize) -> u64 {
    image.len().saturating_sub(memory_bytes).div_ceil(PAGE_BYTES) as u64
}

/// What is read back of a memory: of a trace, as much as is in use.
fn worth_reading<'a>(name: &str, memory: &'a [u8]) -> &'a [u8] {
    if name == TRACE_EXPORT { &memory[..used_bytes(memory).min(memory.len())] } else { memory }
}

/// Bytes of a page of wasm memory.
const PAGE_BYTES: usize = 65536;

/// A module with the hash of its bytes, by which compiled code is cached.
#[derive(Debug, Clone)]
pub struct Module {
    pub hash: [u8; 32],
    pub bytes: Arc<[u8]>,
}

/// A directory of the host and where the guest sees it.
#[derive(Debug, Clone)]
pub struct HostPreopen {
    pub guest: String,
    pub host: PathBuf,
    pub access: Access,
}

/// What a backend saw of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub end: End,
    /// Name and content of each memory that was asked for and exists.
    pub memories: Vec<(String, Vec<u8>)>,
}

impl Ran {
    /// A run that ended before there was a memory to read.
    fn without_memories(end: End) -> Self {
        Ran { end, memories: Vec::new() }
    }
}

/// A prepared engine. It lives in a worker process and runs one guest at a time; compiled modules stay warm.
pub trait Runtime {
    /// Runs a module's `_start` to its end, or the calls to a reactor. An `Err` is a mistake of the harness, never something that the
    /// guest did.
    ///
    /// When it returns, every write of the guest has reached its file or pipe, and nothing of the run is open any more.
    /// Call it through [`run_guarded`]: a panic of the engine comes through as a panic.
    fn run(&mut self, run: Run) -> anyhow::Result<Ran>;

    /// Compiles a module that is to be run later, where that takes long; leaves no thread behind.
    fn prepare(&mut self, _: &Module) -> anyhow::Result<()> {
        Ok(())
    }

    /// Whether it can be used again after a run that panicked, of which nothing is left in it.
    fn outlives_panics(&self) -> bool {
        false
    }

    /// Instantiates a module, linked as for a run, and keeps the instance. Of the run's guest only the module counts.
    fn keep(&mut self, _: Run) -> anyhow::Result<Box<dyn Live + '_>> {
        anyhow::bail!("this runtime keeps no instance: it lives for one run")
    }
}

/// A runtime that this build knows.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// Code with common origins counts once.
    pub family: &'static str,
    pub origin: Origin,
    /// Who keeps the trace of a guest while it runs: the guest, unless the engine knows one memory only.
    pub keeper: Keeper,
    /// Whether it is judged where no runtime is named.
    pub by_default: bool,
    /// A negative control is no runtime: it must pass nothing.
    pub control: bool,
    /// How somebody without Touchstone runs a module by it, as a template that `touchstone_guest::script::shell` explains. None where it has no
    /// command line that gives a guest preopens.
    pub own_command: Option<&'static str>,
    pub start: fn() -> anyhow::Result<Box<dyn Runtime>>,
}

/// What a guest is given by `check`, as a template.
const CHECK_FLAGS: &str = "{DIRS: --dir HOST::GUEST}{ENV: --env PAIR}{STDIN: --stdin FILE} --{ARGS: ARG}";

/// Where a runtime comes from.
#[derive(Debug)]
pub enum Origin {
    /// It is part of this program. The versions are those of `Cargo.lock`.
    BuiltIn { version: &'static str, wasi: &'static str },
    /// It is a program on `PATH`.
    Command(&'static Command),
}

impl Entry {
    /// Why it cannot be used on this machine, if so.
    pub fn absence(&self) -> Option<&Absence> {
        match self.origin {
            Origin::BuiltIn { .. } => None,
            Origin::Command(command) => command.found().err(),
        }
    }

    /// The template of a command that runs a module by it: its own, or Touchstone's.
    pub fn command_line(&self) -> String {
        let by_check = || format!("cargo xtask check {{FILE}} --runtime {}{CHECK_FLAGS}", self.name);
        self.own_command.map_or_else(by_check, str::to_owned)
    }

    /// Whether findings are shown beside what it does: it is judged by default, and here.
    pub fn is_shown(&self) -> bool {
        self.by_default && self.absence().is_none()
    }

    /// Whether its differences are on record for the version that is here.
    pub fn is_on_record(&self) -> bool {
        match self.origin {
            Origin::BuiltIn { .. } => true,
            Origin::Command(command) => self.version().split('.').next() == Some(command.on_record.to_string().as_str()),
        }
    }

    /// The version of the engine; `-` where it is absent.
    pub fn version(&self) -> &str {
        match self.origin {
            Origin::BuiltIn { version, .. } => version,
            Origin::Command(command) => command.found().map_or("-", |found| &found.version),
        }
    }

    /// The release that the version belongs to, by which divergences go: a build before or after it, such as `20.9.0-dev`, counts as it.
    pub fn release(&self) -> Version {
        release(self.version())
    }

    /// The WASI implementation under test and its version; `-` where it is absent.
    pub fn wasi(&self) -> &str {
        match self.origin {
            Origin::BuiltIn { wasi, .. } => wasi,
            Origin::Command(command) => command.found().map_or("-", |found| &found.wasi),
        }
    }
}

fn release(version: &str) -> Version {
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut numbers = version.split(['-', '+']).next().unwrap_or_default().split('.');
    Version::new(number(numbers.next()), number(numbers.next()), number(numbers.next()))
}

/// Every runtime of this build: those under test, then the negative controls.
pub fn runtimes() -> &'static [Entry] {
    RUNTIMES
}

/// The table. Adding a runtime is a line here and a file beside this one.
static RUNTIMES: &[Entry] = &[
    Entry {
        name: "oracle",
        family: "specification",
        origin: Origin::BuiltIn { version: env!("CARGO_PKG_VERSION"), wasi: concat!("touchstone ", env!("CARGO_PKG_VERSION")) },
        keeper: Keeper::Module,
        by_default: true,
        control: false,
        own_command: None,
        start: oracle::start,
    },
    #[cfg(feature = "wasmtime")]
    Entry {
        name: "wasmtime",
        family: "bytecodealliance",
        origin: Origin::BuiltIn { version: env!("VERSION_WASMTIME"), wasi: concat!("wasmtime-wasi ", env!("VERSION_WASMTIME_WASI")) },
        keeper: Keeper::Module,
        by_default: true,
        control: false,
        own_command: Some("wasmtime run{DIRS: --dir HOST::GUEST}{ENV: --env PAIR}{ARGV0: --argv0 ARG} {FILE}{ARGS: ARG}"),
        start: wasmtime::start,
    },
    #[cfg(feature = "wasmi")]
    Entry {
        name: "wasmi",
        family: "bytecodealliance",
        origin: Origin::BuiltIn { version: env!("VERSION_WASMI"), wasi: concat!("wasi-common ", env!("VERSION_WASI_COMMON")) },
        keeper: Keeper::Module,
        by_default: true,
        control: false,
        own_command: Some("wasmi run{DIRS: --dir HOST}{ENV: --env PAIR} {FILE}{ARGS: ARG}"),
        start: wasmi::start,
    },
    #[cfg(feature = "wasmer")]
    Entry {
        name: "wasmer",
        family: "wasix",
        origin: Origin::BuiltIn { version: env!("VERSION_WASMER"), wasi: concat!("wasmer-wasix ", env!("VERSION_WASMER_WASIX")) },
        keeper: Keeper::Module,
        by_default: true,
        control: false,
        // `wasmer run` has a guest find its folders below one preopen, `/`
        own_command: None,
        start: wasmer::start,
    },
    Entry {
        name: "node",
        family: "uvwasi",
        origin: Origin::Command(&node::NODE),
        keeper: Keeper::Host,
        by_default: true,
        control: false,
        own_command: None,
        start: node::start,
    },
    control("null", control::null),
    control("nosys", control::nosys),
    control("notsup", control::notsup),
    control("badf", control::badf),
    control("yes", control::yes),
];

/// The line of a negative control, whose version is ours.
const fn control(name: &'static str, start: fn() -> anyhow::Result<Box<dyn Runtime>>) -> Entry {
    Entry {
        name,
        family: "control",
        origin: Origin::BuiltIn { version: env!("CARGO_PKG_VERSION"), wasi: concat!("touchstone ", env!("CARGO_PKG_VERSION")) },
        keeper: Keeper::Module,
        by_default: false,
        control: true,
        own_command: None,
        start,
    }
}

/// Runs a module and turns a panic of the engine or of its WASI implementation into the end that it is.
///
/// After [`Crash::Panic`] the runtime must not be used again, unless it [outlives panics](Runtime::outlives_panics): the engine stopped in the
/// middle of something.
pub fn run_guarded(runtime: &mut dyn Runtime, run: Run) -> anyhow::Result<Ran> {
    catch_unwind(AssertUnwindSafe(|| runtime.run(run))).unwrap_or_else(|panic| {
        let how = Crash::Panic(panic_message(panic.as_ref()));
        Ok(Ran::without_memories(End::Crashed { how }))
    })
}

/// The text of a panic. `panic!` itself only makes these two types of it.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::release;

    #[test]
    fn a_build_that_is_no_release_counts_as_the_one_that_it_belongs_to() {
        for version in ["20.9.0", "20.9.0-dev", "20.9.0-rc.1+abc", "20.9-dev+abc", "20.9"] {
            assert_eq!(release(version), Version::new(20, 9, 0), "{version}");
        }
        assert_eq!(release("-"), Version::new(0, 0, 0));
    }
}

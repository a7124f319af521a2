//! Rust fixtures: one source file each, built for WASI by whatever toolchain is there.
//!
//! Looked for in this order: the target `wasm32-wasip1` of the user's own toolchain; the same after `rustup target add`;
//! a system rustc that has `wasm32-wasip1` or, as it was called before, `wasm32-wasi`; the modules that the repository carries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use touchstone_model::bounds;
use touchstone_model::tree::hex;

/// The names of the target, new and old.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasi"];

/// How fixtures are compiled: small, since the repository carries them, and without the build machine's paths.
const FLAGS: [&str; 9] = ["--edition", "2021", "-C", "opt-level=s", "-C", "strip=symbols", "-C", "debuginfo=0", "--crate-type=bin"];

/// The folder with the modules that the repository carries, beside the sources.
pub const PREBUILT: &str = "prebuilt";

/// Builds fixtures and keeps what it built.
#[derive(Debug)]
pub struct Fixtures {
    toolchain: Option<Toolchain>,
    /// Where built modules are kept, by the hash of all that went into them.
    cache: PathBuf,
}

/// A compiler that can make WASI modules with std.
#[derive(Debug, Clone)]
pub struct Toolchain {
    pub rustc: PathBuf,
    pub target: &'static str,
    /// What `rustc -vV` says.
    pub version: String,
}

/// Why a fixture has no module.
#[derive(Debug, thiserror::Error)]
pub enum RustError {
    #[error("compile {file} with {rustc}:\n{output}")]
    Compile { file: String, rustc: String, output: String },
    #[error(
        "find a Rust toolchain for WASI, or a prebuilt module of {file} that is as new as its source; run `rustup target add wasm32-wasip1`, or on Debian `apt-get install rustc libstd-rust-dev-wasm32 lld`"
    )]
    NoToolchain { file: String },
    #[error("{what} {path}: {error}")]
    File { what: &'static str, path: PathBuf, error: std::io::Error },
}

impl Fixtures {
    /// Finds a toolchain. `cache` is a folder that may be deleted at any time.
    pub fn new(cache: PathBuf) -> Fixtures {
        Fixtures { toolchain: find(&cache), cache }
    }

    /// A builder that uses the prebuilt modules only.
    pub fn prebuilt_only(cache: PathBuf) -> Fixtures {
        Fixtures { toolchain: None, cache }
    }

    /// The toolchain that was found.
    pub fn toolchain(&self) -> Option<&Toolchain> {
        self.toolchain.as_ref()
    }

    /// The module of a fixture: from the cache, the compiler, or the repository.
    pub fn module(&self, source: &Path) -> Result<Vec<u8>, RustError> {
        let text = read(source)?;
        let Some(toolchain) = &self.toolchain else {
            return prebuilt(source, &text);
        };
        let mut hash = Sha256::new();
        for part in [text.as_slice(), toolchain.version.as_bytes(), toolchain.target.as_bytes(), FLAGS.join(" ").as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let cached = self.cache.join(format!("{}.wasm", &hex(&hash.finalize())[..32]));
        if let Ok(module) = fs::read(&cached) {
            return Ok(module);
        }
        fs::create_dir_all(&self.cache).map_err(|error| RustError::File { what: "create the folder", path: self.cache.clone(), error })?;
        match toolchain.compile(source, &cached) {
            Ok(()) => read(&cached),
            // a source that compiled when its prebuilt module was made, and now does not, is not at fault: the toolchain is
            Err(error) => prebuilt(source, &text).map_err(|_| error),
        }
    }
}

impl Toolchain {
    /// Compiles one fixture. Written beside its place first, since several processes may build at once.
    fn compile(&self, source: &Path, to: &Path) -> Result<(), RustError> {
        // several threads of several processes may build the same fixture
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let part = to.with_extension(format!("{}-{}.part", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let mut command = Command::new(&self.rustc);
        command.args(FLAGS).arg("--target").arg(self.target).arg("--remap-path-prefix").arg(remap(source)).arg("-o").arg(&part).arg(source);
        let file = source.display().to_string();
        let output = command.output().map_err(|error| RustError::File { what: "run", path: self.rustc.clone(), error })?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(RustError::Compile { file, rustc: self.rustc.display().to_string(), output });
        }
        fs::rename(&part, to).map_err(|error| RustError::File { what: "move into place", path: to.to_owned(), error })
    }
}

fn remap(source: &Path) -> String {
    format!("{}=fixture", source.parent().unwrap_or(Path::new("")).display())
}

fn read(path: &Path) -> Result<Vec<u8>, RustError> {
    fs::read(path).map_err(|error| RustError::File { what: "read", path: path.to_owned(), error })
}

/// The hash by which a prebuilt module says which source it was made from. It stands in a file beside the module.
pub fn source_hash(source: &[u8]) -> String {
    hex(&Sha256::digest(source))
}

/// Where the prebuilt module of a source is, and the file with the hash of that source.
pub fn prebuilt_paths(source: &Path) -> (PathBuf, PathBuf) {
    let folder = source.parent().unwrap_or(Path::new("")).join(PREBUILT);
    let name = source.file_stem().unwrap_or_default();
    (folder.join(name).with_extension("wasm"), folder.join(name).with_extension("source.sha256"))
}

fn prebuilt(source: &Path, text: &[u8]) -> Result<Vec<u8>, RustError> {
    let (module, hash) = prebuilt_paths(source);
    match fs::read_to_string(hash) {
        Ok(hash) if hash.trim() == source_hash(text) => read(&module),
        Ok(_) | Err(_) => Err(RustError::NoToolchain { file: source.display().to_string() }),
    }
}

/// Looks for a toolchain.
fn find(cache: &Path) -> Option<Toolchain> {
    let rustc = PathBuf::from(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let system = Path::new("/usr/bin/rustc");
    usable(&rustc).or_else(|| add_target(cache).then(|| usable(&rustc)).flatten()).or_else(|| usable(system))
}

/// The first target for which this compiler has a std.
fn usable(rustc: &Path) -> Option<Toolchain> {
    TARGETS.into_iter().find_map(|target| {
        let output = quiet(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))?;
        let folder = PathBuf::from(String::from_utf8_lossy(&output).trim());
        let has_std = fs::read_dir(folder).ok()?.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"));
        let version = String::from_utf8_lossy(&quiet(Command::new(rustc).arg("-vV"))?).into_owned();
        has_std.then(|| Toolchain { rustc: rustc.to_owned(), target, version })
    })
}

fn quiet(command: &mut Command) -> Option<Vec<u8>> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// Lets rustup add the target, for as long as a download of its size may take. Where that fails (no network, no rustup), it
/// is not tried again for a day: the file in the cache remembers.
fn add_target(cache: &Path) -> bool {
    let memory = cache.join("no-rustup-target");
    let tried = fs::metadata(&memory).and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
    if tried.is_some_and(|age| age < Duration::from_secs(bounds::RUSTUP_RETRY_SECONDS)) {
        return false;
    }
    let added = add_target_now().unwrap_or(false);
    if !added {
        // only a hint for the next run: if it cannot be written, that run tries again
        let _ = fs::create_dir_all(cache).and_then(|()| fs::write(&memory, ""));
    }
    added
}

fn add_target_now() -> std::io::Result<bool> {
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGETS[0]]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(bounds::RUSTUP_SECONDS) {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

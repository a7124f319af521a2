//! `cargo xtask pgo`: profile-guided optimisation of the profile `campaign`. A build that counts plays random scripts; what it counted is kept
//! in the target folder, and `--profile campaign` is optimised for it from then on.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{cargo_with, code, print, root, target};

/// The profile that is optimised.
pub(crate) const PROFILE: &str = "campaign";

const HELP: &str = "Optimises the profile `campaign` for what a campaign does (profile-guided optimisation, PGO)

Usage: cargo xtask pgo [OPTIONS]

Options:
      --forget  Remove what was counted; `--profile campaign` is built without it again
  -h, --help    Print help

It builds Touchstone with counters, in pgo of the target folder (40 minutes on two cores), plays random scripts on wasmtime, wasmi
and wasmer with it (a minute), and keeps what was counted. From then on `cargo xtask --profile campaign` builds with it, in a folder of the target folder that
is named after this machine's target triple, which takes the time of a first build once more. Run it again when much has changed: what was counted of code that is no more is not used.

It needs LLVM's llvm-profdata, as rustup installs it: rustup component add llvm-tools

Exit codes: 0 done, 2 usage, 3 harness error
";

/// How the name of a file ends that tells what was counted.
const COUNTED: &str = ".profdata";

/// What is counted: the runtimes, how many scripts, from which seed.
const PLAYED: [(&[&str], &str, &str); 2] = [(&["wasmtime", "wasmi"], "30000", "1"), (&["wasmtime", "wasmi", "wasmer"], "10000", "2")];

/// Runs the command.
pub(crate) fn run(args: &[String]) -> Result<u8, String> {
    match args {
        [] => count(),
        [flag] if flag == "--help" || flag == "-h" => print(HELP).map(|()| 0),
        [flag] if flag == "--forget" => fs::remove_dir_all(folder()).or_else(gone).map(|()| 0).map_err(failed("remove", &folder())),
        _ => {
            eprintln!("error: `{}` is no flag of it\n  cure: cargo xtask pgo --help tells all flags", args.join(" "));
            Ok(2)
        }
    }
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn failed<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> String + 'a {
    move |error| format!("{what} {}: {error}", path.display())
}

fn folder() -> PathBuf {
    target().join("pgo")
}

/// What this compiler is, of which nothing that another one's code counted is true.
struct Compiler {
    /// Its target triple.
    host: String,
    release: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn here() -> Result<Compiler, String> {
        let ask = |flags: &[&str]| {
            let said = Command::new("rustc").args(flags).current_dir(root()).output().map_err(|error| format!("run rustc: {error}"))?;
            String::from_utf8(said.stdout).map_err(|error| format!("read what rustc says: {error}"))
        };
        let versions = ask(&["-vV"])?;
        let field = |name: &str| {
            let found = versions.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.map(str::to_owned).ok_or_else(|| format!("rustc -vV says nothing of its {name}"))
        };
        Ok(Compiler { host: field("host")?, release: field("release")?, sysroot: ask(&["--print", "sysroot"])?.trim().into() })
    }

    /// What its code counted, all runs together, the latest last. Each has a name of its own, or cargo would not build engines again.
    fn counted(&self, folder: &Path) -> Result<Vec<PathBuf>, String> {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed("list", folder))?;
        let is_ours = |name: &str| name.starts_with(&self.name_of_counted("")) && name.ends_with(COUNTED);
        let names = listed.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
        let mut ours: Vec<PathBuf> = names.filter(|name| is_ours(name)).map(|name| folder.join(name)).collect();
        ours.sort();
        Ok(ours)
    }

    fn name_of_counted(&self, end: &str) -> String {
        format!("{PROFILE}-{}-{end}", self.release)
    }

    fn llvm_profdata(&self) -> Result<PathBuf, String> {
        let tool = self.sysroot.join("lib/rustlib").join(&self.host).join("bin/llvm-profdata");
        let missing = || format!("there is no {}\n  cure: rustup component add llvm-tools", tool.display());
        if tool.exists() { Ok(tool) } else { Err(missing()) }
    }
}

/// How the profile is built so that what was counted is used.
pub(crate) struct Guided {
    /// For rustc.
    pub(crate) flag: OsString,
    /// What to build for. Named as it is where counters are built: cargo gives the crates other names in their symbols if it is not, and by these
    /// rustc finds what was counted.
    pub(crate) host: String,
}

/// How it is built; none where nothing was counted.
pub(crate) fn guided() -> Result<Option<Guided>, String> {
    // who has not asked for it need not wait for rustc
    let folder = folder();
    if !folder.exists() {
        return Ok(None);
    }
    let compiler = Compiler::here()?;
    let flag = compiler.counted(&folder)?.last().map(|counted| told("-Cprofile-use", counted));
    Ok(flag.map(|flag| Guided { flag, host: compiler.host }))
}

fn told(flag: &str, path: &Path) -> OsString {
    let mut out = OsString::from(flag);
    out.push("=");
    out.push(path);
    out
}

fn count() -> Result<u8, String> {
    let compiler = Compiler::here()?;
    let tool = compiler.llvm_profdata()?;
    let counts = folder().join("counts");
    fs::remove_dir_all(&counts).or_else(gone).map_err(failed("remove", &counts))?;
    fs::create_dir_all(&counts).map_err(failed("create", &counts))?;
    // what root starts to run guests in has become another user
    fs::set_permissions(&counts, fs::Permissions::from_mode(0o777)).map_err(failed("open to all", &counts))?;
    eprintln!("building Touchstone with counters; this takes some 40 minutes on two cores");
    let program = built(&compiler, &counts)?;
    for played in PLAYED {
        if !play(&program, played)? {
            return Ok(3);
        }
    }
    if merge(&compiler, &tool, &counts)? { Ok(0) } else { Ok(3) }
}

/// Builds the program that counts.
fn built(compiler: &Compiler, counts: &Path) -> Result<PathBuf, String> {
    let flags = told("-Cprofile-generate", counts);
    let folder = folder();
    // the same profile and target as that which is optimised, or the symbols would have other names
    let build = ["build", "--workspace", "--profile", PROFILE, "--bin", "touchstone", "--target", &compiler.host];
    if cargo_with(&build, Some(&flags), &[("CARGO_TARGET_DIR", &folder)])? != 0 {
        return Err("the build with counters failed".to_owned());
    }
    Ok(folder.join(&compiler.host).join(PROFILE).join("touchstone"))
}

/// Plays random scripts with the program that counts. Gives whether it could.
fn play(program: &Path, (runtimes, cases, seed): (&[&str], &str, &str)) -> Result<bool, String> {
    eprintln!("playing {cases} random scripts on {}", runtimes.join(", "));
    let findings = folder().join("findings");
    let mut command = Command::new(program);
    command.arg("fuzz").args(runtimes.iter().flat_map(|runtime| ["--runtime", runtime]));
    command.args(["--cases", cases, "--seed", seed, "--jobs", "1", "--no-shrink", "--findings"]);
    let ran = command.arg(&findings).output().map_err(failed("run", program))?;
    // What it finds counts for nothing: with counters wasmi makes no tail calls, and guests that loop for long overflow the native stack.
    if code(ran.status) > 1 {
        eprint!("{}", String::from_utf8_lossy(&ran.stderr));
        return Ok(false);
    }
    fs::remove_dir_all(&findings).or_else(gone).map_err(failed("remove", &findings))?;
    Ok(true)
}

/// Keeps what was counted instead of what was before. Gives whether it could.
fn merge(compiler: &Compiler, tool: &Path, counts: &Path) -> Result<bool, String> {
    let before = compiler.counted(&folder())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let counted = folder().join(compiler.name_of_counted(&format!("{now}{COUNTED}")));
    let merged = Command::new(tool).args(["merge", "--sparse", "--output"]).args([&counted, counts]).status();
    if code(merged.map_err(failed("run", tool))?) != 0 {
        return Ok(false);
    }
    before.iter().try_for_each(|old| fs::remove_file(old).map_err(failed("remove", old)))?;
    eprintln!("{} is what `cargo xtask --profile {PROFILE}` is optimised for from now on", counted.display());
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;

    use super::Compiler;

    #[test]
    fn what_another_compiler_counted_is_not_used_and_the_latest_is() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler { host: String::new(), release: "1.95.0".to_owned(), sysroot: folder.path().to_owned() };
        let names = ["campaign-1.94.0-9.profdata", "campaign-1.95.0-1700000002.profdata", "campaign-1.95.0-1700000001.profdata", "counts"];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        let found = compiler.counted(folder.path()).unwrap();
        let names: Vec<&OsStr> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["campaign-1.95.0-1700000001.profdata", "campaign-1.95.0-1700000002.profdata"]);
        assert!(compiler.llvm_profdata().unwrap_err().contains("rustup component add llvm-tools"));
    }
}

//! The front door: `cargo xtask …`. Builds what is needed and hands over; no engine is linked here.

mod fuzz_targets;
mod oracle_mutants;
mod pgo;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

/// What the repository's own commands are, besides those of `touchstone`.
const HELP: &str = "Touchstone: does a WebAssembly runtime implement WASI correctly?

Usage: cargo xtask [--profile NAME] <COMMAND>

Commands:
  conformance     run the suite on every runtime and judge it        (--help tells all flags)
  check           judge a program of your own on every runtime
  explain         what a clause, a case or a divergence is about, and what each runtime does about it
  coverage        what the suite reaches and what it does not: clauses, errors, descriptors, paths, flags
  register        where the specification leaves a choice, and what each runtime chose
  fuzz            random scripts on runtimes, each call judged, what is refused made small
  fuzz-targets    coverage-guided fuzzing with libFuzzer (needs a nightly toolchain and cargo-fuzz)
  report          join reports of parts of a suite, compare two, publish results
  trend           how random scripts fared night after night
  promote         make a case of what fuzz found, and a draft of what explains it
  witness         the oracle on trial: random scripts on the host kernel beside what the oracle prefers
  mutants         faults planted in the reference, and what finds them
  oracle-mutants  changes in the oracle's source, and which no test notices (hours; needs cargo-mutants)
  bench           what a call costs on each runtime beside the native one, and how fast Touchstone is
  runtimes        what is available here, and whether it passes its preflight
  ci              all that CI runs: tests, fmt, clippy, register, conformance
  tidy            the repository's own rules
  prebuilt        rebuild the Rust fixtures that the repository carries
  pgo             optimise the profile `campaign` for what a campaign does (an hour with its build; needs llvm-tools)

Options:
  --profile NAME  build Touchstone by this profile of Cargo.toml instead of `dev`: `campaign` takes half as long again to build
                  and some 10 % off each random script, for hours of fuzz; after `cargo xtask pgo` some 20 %

Exit codes: 0 no unexplained difference, 1 a difference, 2 usage, 3 harness error
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (profile, args) = match profiled(&args) {
        Ok(both) => both,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let result = match args.first().map(String::as_str) {
        None | Some("help" | "--help" | "-h") => {
            // a front door that cannot write its help has nobody to tell
            let _ = print(HELP);
            return ExitCode::SUCCESS;
        }
        Some(
            "conformance" | "check" | "explain" | "coverage" | "register" | "fuzz" | "promote" | "report" | "trend" | "witness"
            | "runtimes" | "prebuilt",
        ) => program("touchstone", profile, args),
        Some("mutants") => program("touchstone-mutants", profile, &args[1..]),
        Some("bench") => program("touchstone-bench", profile, &args[1..]),
        Some("oracle-mutants" | "fuzz-targets" | "pgo" | "tidy" | "ci") if profile != DEV => {
            eprintln!("error: `{}` takes no profile; leave `--profile {profile}` out", args[0]);
            return ExitCode::from(2);
        }
        Some("oracle-mutants") => oracle_mutants::run(&args[1..]),
        Some("fuzz-targets") => fuzz_targets::run(&args[1..]),
        Some("pgo") => pgo::run(&args[1..]),
        Some("tidy") => cargo(&["test", "--workspace", "--test", "tidy"]),
        Some("ci") => ci(),
        Some(other) => {
            eprintln!("error: there is no command `{other}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(3)
        }
    }
}

/// The profile by which tests are built as well.
const DEV: &str = "dev";

/// The profile that is asked for, and the command with its arguments.
fn profiled(args: &[String]) -> Result<(&str, &[String]), String> {
    match args {
        [flag, name, command @ ..] if flag == "--profile" => Ok((name, command)),
        [flag] if flag == "--profile" => Err("--profile needs the name of a profile of Cargo.toml, such as `campaign`".to_owned()),
        command => Ok((DEV, command)),
    }
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("write to standard output: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo builds. A relative folder is meant from the repository, where it is run.
fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds the programs by a profile and runs one with these arguments, in the user's folder.
fn program(name: &str, profile: &str, args: &[String]) -> Result<u8, String> {
    let guided = if profile == pgo::PROFILE { pgo::guided()? } else { None };
    let (flag, host) = guided.as_ref().map(|guided| (guided.flag.as_os_str(), guided.host.as_str())).unzip();
    let program = target().join(host.unwrap_or_default()).join(folder_of(profile)).join(name);
    let mut build = vec!["build", "--workspace"];
    let minutes = if profile == DEV { 20 } else { 30 };
    if profile != DEV {
        // to link one takes minutes: this one, and the one that others start
        build.extend(["--profile", profile, "--bin", "touchstone"]);
        if name != "touchstone" {
            build.extend(["--bin", name]);
        }
    } else if program.exists() {
        build.push("--quiet");
    }
    build.extend(host.iter().flat_map(|host| ["--target", host]));
    if !program.exists() {
        eprintln!("building Touchstone with its engines; the first time takes some {minutes} minutes on two cores");
    }
    if cargo_with(&build, flag, &[])? != 0 {
        return Ok(3);
    }
    let status = Command::new(&program).args(args).status().map_err(|error| format!("run {}: {error}", program.display()))?;
    Ok(code(status))
}

/// Where cargo puts what it builds by a profile.
fn folder_of(profile: &str) -> &str {
    match profile {
        DEV | "test" => "debug",
        "bench" => "release",
        other => other,
    }
}

/// Runs cargo in the repository.
fn cargo(args: &[&str]) -> Result<u8, String> {
    cargo_with(args, None, &[])
}

/// The same, with one more flag for rustc, and with these variables.
fn cargo_with(args: &[&str], flag: Option<&OsStr>, variables: &[(&str, &Path)]) -> Result<u8, String> {
    let mut cargo = Command::new(cargo_program());
    cargo.args(args).current_dir(root()).envs(variables.iter().copied());
    if let Some(flag) = flag {
        let given = env::var_os("CARGO_ENCODED_RUSTFLAGS");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(given, env::var("RUSTFLAGS").ok().as_deref(), flag));
    }
    let status = cargo.status();
    Ok(code(status.map_err(|error| format!("run cargo {}: {error}", args.join(" ")))?))
}

/// A flag behind those that rustc is given anyway, as cargo reads them where a flag may hold a space.
fn rust_flags(encoded: Option<OsString>, plain: Option<&str>, flag: &OsStr) -> OsString {
    const BETWEEN: &str = "\x1f";
    let plain = || plain.map(|flags| flags.split_whitespace().collect::<Vec<_>>().join(BETWEEN).into());
    let mut out = encoded.or_else(plain).unwrap_or_default();
    if !out.is_empty() {
        out.push(BETWEEN);
    }
    out.push(flag);
    out
}

fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let by_signal = status.signal().map(|signal| 128 + signal);
    u8::try_from(status.code().or(by_signal).unwrap_or(3)).unwrap_or(3)
}

/// Everything that CI runs, in the order in which a mistake shows soonest for what it costs.
fn ci() -> Result<u8, String> {
    let steps: [&[&str]; 10] = [
        &["test", "--workspace"],
        &["fmt", "--all", "--check"],
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        &["xtask", "tidy"],
        &["xtask", "register", "--check"],
        &["xtask", "witness", "--cases", "50000", "--seed", "1"],
        &["xtask", "mutants", "--random", "5000", "--at-least", "80"],
        &["xtask", "fuzz", "--runtime", "wasmtime", "--runtime", "wasmi", "--cases", "100000", "--seed", "1"],
        &["xtask", "conformance", "--report", "target/touchstone/report"],
        &["xtask", "report", "--publish", "target/touchstone/report", "--check"],
    ];
    for step in steps {
        eprintln!("── cargo {}", step.join(" "));
        let code = cargo(step)?;
        if code != 0 {
            eprintln!("error: `cargo {}` failed; the steps after it were not run", step.join(" "));
            return Ok(code);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};

    use super::rust_flags;

    #[test]
    fn a_flag_comes_behind_those_that_are_given_and_may_hold_a_space() {
        let flags = |encoded: Option<&str>, plain| rust_flags(encoded.map(OsString::from), plain, OsStr::new("-Cx=a b"));
        assert_eq!(flags(None, None), "-Cx=a b");
        assert_eq!(flags(None, Some(" -A  -B ")), "-A\x1f-B\x1f-Cx=a b");
        // what is encoded is what cargo would take of the two
        assert_eq!(flags(Some("-C\x1f-D"), Some("-A")), "-C\x1f-D\x1f-Cx=a b");
        assert_eq!(flags(Some(""), None), "-Cx=a b");
    }
}

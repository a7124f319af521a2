//! Tells the crate which versions it was built with, read from the workspace's `Cargo.lock`: the engines' own
//! constants, where they exist at all, do not name the version of the WASI implementation.

use std::error::Error;
use std::fs;

/// Packages whose version a report names. `wasi-common` becomes `env!("VERSION_WASI_COMMON")`.
const PACKAGES: [&str; 6] = ["wasmtime", "wasmtime-wasi", "wasmi", "wasi-common", "wasmer", "wasmer-wasix"];

fn main() -> Result<(), Box<dyn Error>> {
    const LOCK: &str = "../../Cargo.lock";
    println!("cargo::rerun-if-changed={LOCK}");
    let lock = fs::read_to_string(LOCK)?;
    for package in PACKAGES {
        let version = version_of(package, &lock)?;
        let variable = package.replace('-', "_").to_uppercase();
        println!("cargo::rustc-env=VERSION_{variable}={version}");
    }
    Ok(())
}

/// The version of the only package of this name. Cargo writes `version` on the line after `name`.
fn version_of<'a>(package: &str, lock: &'a str) -> Result<&'a str, String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    let mut versions = Vec::new();
    while lines.by_ref().any(|line| line == name) {
        let version = lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
        versions.push(version.ok_or(format!("Cargo.lock: no version after {name}"))?);
    }
    match versions.as_slice() {
        [version] => Ok(version),
        [] => Err(format!("Cargo.lock has no package {package}")),
        _ => Err(format!("Cargo.lock has several packages {package}: {versions:?}")),
    }
}

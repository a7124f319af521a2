//! `prebuilt`: rebuilds the modules that the repository carries for machines without a toolchain for WASI.

use std::fs;

use touchstone_guest::rust::{Fixtures, prebuilt_paths, source_hash};
use touchstone_model::case::Fixture;

use crate::{Exit, Failure, human, places, select};

/// Builds every Rust fixture and puts module and source hash beside it.
pub fn run() -> Result<Exit, Failure> {
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let Some(toolchain) = fixtures.toolchain() else {
        return Err(Failure::usage("no Rust toolchain for WASI is here", "run `rustup target add wasm32-wasip1`"));
    };
    human::print(&format!("building with {} for {}\n", toolchain.rustc.display(), toolchain.target));
    for file in select::suite(&[])?.cases.iter().filter(|file| matches!(file.case.fixture, Fixture::Rust)) {
        let module = fixtures.module(&file.path).map_err(|error| Failure::Other(error.to_string()))?;
        let (path, hash_path) = prebuilt_paths(&file.path);
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).map_err(Failure::file("create", folder))?;
        fs::write(&path, &module).map_err(Failure::file("write", &path))?;
        let hash = source_hash(file.case.source.as_bytes()) + "\n";
        fs::write(&hash_path, hash).map_err(Failure::file("write", &hash_path))?;
        human::print(&format!("{} ({} bytes)\n", path.display(), module.len()));
    }
    Ok(Exit::Green)
}

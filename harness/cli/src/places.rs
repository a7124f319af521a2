//! Where things are.

use std::path::{Path, PathBuf};

/// The repository that this program was built from.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}

/// The suite that is run where no other is named.
pub fn suite() -> PathBuf {
    root().join("suites/preview1")
}

/// The reviewed snapshots of the default reference.
pub fn snapshots() -> PathBuf {
    root().join("suites/snapshots")
}

/// The register of ambiguities.
pub fn register() -> PathBuf {
    root().join("suites/ambiguities.md")
}

/// The published results.
pub fn published() -> PathBuf {
    root().join("reports/published")
}

/// What is known to differ between the oracle and the host kernel.
pub fn witness_exceptions() -> PathBuf {
    root().join("suites/witness.toml")
}

/// What may be deleted at any time: built fixtures, local details of escapes.
pub fn cache() -> PathBuf {
    // a relative folder is meant from the repository, where cargo is run
    root().join(std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)).join("touchstone")
}

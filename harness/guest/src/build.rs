//! A case's guest module, whatever the case is written in.

use std::path::Path;

use touchstone_model::Case;
use touchstone_model::case::Fixture;
use touchstone_model::diagnostic::SourceError;

use crate::rust::{Fixtures, RustError};
use crate::script::{self, Program};

/// A guest module, as the author means it: not recorded.
#[derive(Debug, Clone)]
pub struct Built {
    pub wasm: Vec<u8>,
    /// The laid-out script, if the case is one.
    pub program: Option<Program>,
}

/// Why a case has no module.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Boxed, since it carries the source text.
    #[error("{0}")]
    Script(Box<SourceError>),
    #[error("assemble {file}: {message}")]
    Wat { file: String, message: String },
    #[error(transparent)]
    Rust(#[from] RustError),
}

/// Builds the module of a case that was read from `file`.
pub fn build(case: &Case, file: &Path, fixtures: &Fixtures) -> Result<Built, BuildError> {
    match &case.fixture {
        Fixture::Script(script) => {
            let program = script::program::program(script, &case.world)
                .map_err(|mistake| BuildError::Script(Box::new(SourceError::new(&file.display().to_string(), &case.source, mistake))))?;
            Ok(Built { wasm: script::encode(&program), program: Some(program) })
        }
        Fixture::Wat => {
            let wasm = wat::parse_str(&case.source)
                .map_err(|error| BuildError::Wat { file: file.display().to_string(), message: error.to_string() })?;
            Ok(Built { wasm, program: None })
        }
        Fixture::Rust => Ok(Built { wasm: fixtures.module(file)?, program: None }),
    }
}

/// Assembles WAT text (or passes a module through).
pub fn assemble(text: &[u8]) -> Result<Vec<u8>, String> {
    wat::parse_bytes(text).map(std::borrow::Cow::into_owned).map_err(|error| error.to_string())
}

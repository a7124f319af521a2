//! Reports that were written before.

use serde::Deserialize;
use thiserror::Error;

use crate::{Report, SCHEMA};

/// Why a text is no report.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It ends in the middle.
    #[error("it ends too early, at line {line}: it was not written to its end")]
    CutOff {
        /// From 1.
        line: usize,
    },
    /// It is no JSON, or a field is missing or of another type.
    #[error("{0}")]
    Malformed(serde_json::Error),
    /// It is JSON, but nothing says that it is a report.
    #[error("it has no `schema`, so it is no report of Touchstone")]
    NoSchema,
    /// Names become names of files.
    #[error("`{0}` is no name of a runtime")]
    Name(String),
    /// It was written by another version.
    #[error("it is of schema {found}, and this version of Touchstone reads schema {read}")]
    Schema {
        /// What it says.
        found: u64,
        /// What it should say.
        read: u32,
    },
}

/// What every schema has.
#[derive(Deserialize)]
struct Head {
    schema: Option<u64>,
}

impl Report {
    /// Reads a report.
    pub fn parse(text: &str) -> Result<Report, ReadError> {
        match serde_json::from_str::<Head>(text).map_err(malformed)?.schema {
            None => Err(ReadError::NoSchema),
            Some(found) if found != u64::from(SCHEMA) => Err(ReadError::Schema { found, read: SCHEMA }),
            Some(_) => serde_json::from_str(text).map_err(malformed).and_then(with_plain_names),
        }
    }
}

/// Refuses names of runtimes that are no names of files.
fn with_plain_names(report: Report) -> Result<Report, ReadError> {
    let is_plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    match report.runtimes.iter().find(|runtime| !is_plain(&runtime.name)) {
        Some(runtime) => Err(ReadError::Name(runtime.name.clone())),
        None => Ok(report),
    }
}

/// What a JSON error means.
pub(crate) fn malformed(error: serde_json::Error) -> ReadError {
    if error.is_eof() { ReadError::CutOff { line: error.line() } } else { ReadError::Malformed(error) }
}

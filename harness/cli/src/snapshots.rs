//! The reviewed snapshots of the default reference: one file per case.
//!
//! `cargo test` checks and proposes them through insta (`cargo insta review`); `conformance` reads them and with `--update`
//! writes them.

use std::fs;
use std::path::{Path, PathBuf};

use touchstone_model::result::CaseResult;

use crate::Failure;

/// The file with the snapshot of a case.
pub fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{}.snap", name(id)))
}

/// The name of a case's snapshot: its id, with its folders joined by two underscores.
pub fn name(id: &str) -> String {
    id.replace('/', "__")
}

/// The reviewed text, if there is one: what follows the header.
pub fn read(folder: &Path, id: &str) -> Result<Option<String>, Failure> {
    let path = path(folder, id);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let body = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).map(|(_, body)| body.to_owned());
            body.map(Some).ok_or_else(|| Failure::usage(format!("{} is no snapshot", path.display()), "delete it and run with `--update`"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::File { what: "read", path, error }),
    }
}

/// Writes a snapshot in insta's format.
pub fn write(folder: &Path, result: &CaseResult, text: &str) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(Failure::file("create", folder))?;
    let path = path(folder, &result.id);
    // the header that insta itself writes in the suite's test target
    let header = format!("---\nsource: suites/conformance.rs\ndescription: {}\nexpression: text\n---\n", yaml(&result.summary));
    fs::write(&path, header + text).map_err(Failure::file("write", &path))
}

/// A string as YAML: double-quoted, which JSON strings are as well.
fn yaml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// How a snapshot compares with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Same,
    /// There is none yet.
    Missing,
    /// The reviewed text.
    Different(String),
}

/// Compares what was seen with the reviewed text.
pub fn compare(folder: &Path, id: &str, seen: &str) -> Result<State, Failure> {
    Ok(match read(folder, id)? {
        None => State::Missing,
        Some(text) if text.trim_end() == seen.trim_end() => State::Same,
        Some(text) => State::Different(text),
    })
}

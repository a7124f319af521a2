//! Finds cases and divergence files below a suite's folder.

use std::fs;
use std::path::{Path, PathBuf};

use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_model::diagnostic::SourceError;
use touchstone_model::divergence::Divergence;
use walkdir::WalkDir;

use crate::HarnessError;

/// A case and the file it stands in.
#[derive(Debug, Clone)]
pub struct CaseFile {
    pub case: Case,
    pub path: PathBuf,
}

/// What one or several suite folders hold.
#[derive(Debug, Default)]
pub struct Suite {
    /// In the order of their ids.
    pub cases: Vec<CaseFile>,
    pub divergences: Vec<Divergence>,
    /// Files that are no valid cases or divergences.
    pub mistakes: Vec<SuiteMistake>,
}

/// A file of a suite that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuiteMistake {
    #[error("{}: {}", .0.place(), .0)]
    Case(Box<SourceError>),
    #[error("{file}: {message}")]
    Divergence { file: String, message: String },
    #[error("{file}: the case `{id}` exists twice; ids are paths below the suite's folder")]
    Twice { file: String, id: String },
}

/// The folder in a suite that holds divergence files, and those that hold neither cases nor divergences.
const DIVERGENCES: &str = "divergences";
const NO_CASES: [&str; 2] = ["snapshots", "prebuilt"];

/// Reads the suites in these folders.
pub fn load(folders: &[PathBuf]) -> Result<Suite, HarnessError> {
    let mut suite = Suite::default();
    for folder in folders {
        let walk = WalkDir::new(folder).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| !NO_CASES.iter().any(|name| entry.file_name() == *name)) {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(folder).to_owned();
                HarnessError::File { what: "read the suite", path, error: error.into() }
            })?;
            if entry.file_type().is_file() {
                suite.read(folder, entry.path())?;
            }
        }
    }
    suite.cases.sort_by(|a, b| a.case.id.cmp(&b.case.id));
    for pair in suite.cases.windows(2).filter(|pair| pair[0].case.id == pair[1].case.id) {
        let (file, id) = (pair[1].path.display().to_string(), pair[1].case.id.clone());
        suite.mistakes.push(SuiteMistake::Twice { file, id });
    }
    Ok(suite)
}

impl Suite {
    fn read(&mut self, folder: &Path, path: &Path) -> Result<(), HarnessError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let relative = path.strip_prefix(folder).unwrap_or(path).with_extension("");
        let id = relative.to_string_lossy().into_owned();
        let file = path.display().to_string();
        if relative.starts_with(DIVERGENCES) && extension == "toml" {
            let text = fs::read_to_string(path).map_err(HarnessError::file("read", path))?;
            let id = relative.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match Divergence::parse(&id, &text) {
                Ok(divergence) => self.divergences.push(divergence),
                Err(error) => self.mistakes.push(SuiteMistake::Divergence { file, message: error.to_string() }),
            }
        } else if let Some(language) = Language::of_extension(&extension) {
            let text = fs::read_to_string(path).map_err(HarnessError::file("read", path))?;
            match Case::parse_all(&id, &file, language, &text) {
                Ok(cases) => self.cases.extend(cases.into_iter().map(|case| CaseFile { case, path: path.to_owned() })),
                Err(error) => self.mistakes.push(SuiteMistake::Case(error)),
            }
        }
        Ok(())
    }
}

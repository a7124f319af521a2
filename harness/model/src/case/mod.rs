//! A case: a fixture, its world, the clauses it tests and what its author expects.
//!
//! [`header`] reads the front matter, [`tree`] the notation for trees in it, [`matrix`] makes several cases of one file,
//! [`print`] writes front matter.

mod header;
mod matrix;
pub mod print;
mod tree;

use std::collections::BTreeMap;

use crate::bounds;
use crate::diagnostic::SourceError;
use crate::observation::End;
use crate::script::lex::Mistake;
use crate::script::{Script, Span, check, parse};
use crate::world::World;

pub use tree::Expected;

/// A case of a suite.
#[derive(Debug, Clone)]
pub struct Case {
    /// The path of the file below the suite's folder, without its ending: `files/seek-negative`.
    pub id: String,
    /// The source as it stands in the file.
    pub source: String,
    pub summary: String,
    /// Ids of the clauses that it tests.
    pub clauses: Vec<String>,
    pub world: World,
    pub expect: Expectations,
    pub fixture: Fixture,
}

/// What the guest program is made from.
#[derive(Debug, Clone)]
pub enum Fixture {
    Script(Script),
    Wat,
    Rust,
}

/// The languages a case can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Script,
    Wat,
    Rust,
}

impl Language {
    /// The language of a file with this ending.
    pub fn of_extension(extension: &str) -> Option<Language> {
        match extension {
            "script" => Some(Language::Script),
            "wat" => Some(Language::Wat),
            "rs" => Some(Language::Rust),
            _ => None,
        }
    }

    /// How a line of front matter starts.
    pub fn header_prefix(self) -> &'static str {
        match self {
            Language::Script => "#!",
            Language::Wat => ";;!",
            Language::Rust => "//!",
        }
    }
}

/// What the author expects of the run as a whole. What a call should give stands with the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    pub end: End,
    pub stdout: Option<Vec<u8>>,
    /// What the other side of some connections receives.
    pub received: BTreeMap<String, Vec<u8>>,
    /// `preopen:path` to what should be there afterwards.
    pub after: BTreeMap<String, Expected>,
}

impl Case {
    /// Reads a case from the text of its file. `file` is how messages call it.
    pub fn parse(id: &str, file: &str, language: Language, text: &str) -> Result<Case, Box<SourceError>> {
        Case::read(id, language, text).map_err(|mistake| Box::new(SourceError::new(file, text, mistake)))
    }

    /// Reads the cases that a file stands for: one, or as many as its matrix has combinations.
    pub fn parse_all(id: &str, file: &str, language: Language, text: &str) -> Result<Vec<Case>, Box<SourceError>> {
        let expanded = matrix::expand(text, language).map_err(|mistake| Box::new(SourceError::new(file, text, mistake)))?;
        expanded.into_iter().map(|(suffix, text)| Case::parse(&format!("{id}{suffix}"), file, language, &text)).collect()
    }

    fn read(id: &str, language: Language, text: &str) -> Result<Case, Mistake> {
        if text.len() > bounds::SOURCE_BYTES {
            let message = format!("the file has {} bytes", text.len());
            return Err(Mistake::new(Span::default(), message, format!("a case has at most {} bytes", bounds::SOURCE_BYTES)));
        }
        let header = header::Header::read(text, language)?;
        let fixture = match language {
            Language::Script => {
                let script = parse::parse(text)?;
                check::check(&script, &header.world)?;
                Fixture::Script(script)
            }
            Language::Wat => Fixture::Wat,
            Language::Rust => Fixture::Rust,
        };
        let header::Header { summary, clauses, world, expect } = header;
        Ok(Case { id: id.to_owned(), source: text.to_owned(), summary, clauses, world, expect, fixture })
    }

    /// The script, if the case is one.
    pub fn script(&self) -> Option<&Script> {
        match &self.fixture {
            Fixture::Script(script) => Some(script),
            Fixture::Wat | Fixture::Rust => None,
        }
    }
}

//! The clause index: each checkable statement that a runtime is held to, with who says so.
//!
//! The data stands in `preview1/clauses/<topic>.toml`. An id is `<function or topic>.<property>`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::function::Function;

/// One checkable statement of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What others cite it by: `<function or topic>.<property>`.
    pub id: String,
    /// The statement.
    pub title: String,
    /// How much weighs what does not hold to it.
    pub level: Level,
    /// Why it holds.
    pub authority: Authority,
    /// Where that is written: the place in the witx text, in POSIX, or in a public thread.
    pub anchor: String,
    /// What else a reader should know, in our words.
    pub note: String,
}

/// How much weighs what does not hold to a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It is wrong.
    Must,
    /// It is permitted, and discouraged.
    Should,
    /// It is permitted.
    May,
}

/// Why a clause holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// A sentence of the preview 1 text says so.
    Spec,
    /// That text names a POSIX function, whose page says so.
    Posix,
    /// The text is silent, but programs or libraries rely on it, or it was settled in public.
    Convention,
    /// Nobody decides.
    Open,
}

/// What an id may begin with besides the name of a function.
pub const TOPICS: [&str; 6] = ["path-resolution", "memory", "rights", "program", "preopen", "stdio"];

/// All clauses, by id.
#[derive(Debug)]
pub struct ClauseIndex {
    by_id: BTreeMap<String, Clause>,
}

/// What is wrong with the data of the index.
#[derive(Debug, thiserror::Error)]
pub enum ClauseError {
    /// The file is no TOML, or has fields that a clause has not.
    #[error("{file}: {source}")]
    Syntax {
        /// The file, relative to `harness/spec/preview1`.
        file: &'static str,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A clause breaks a rule of the index.
    #[error("{file}: clause `{id}` {problem}")]
    Clause {
        /// The file, relative to `harness/spec/preview1`.
        file: &'static str,
        /// The clause.
        id: String,
        /// The rule that it breaks.
        problem: Problem,
    },
}

/// A rule of the index that a clause breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Another clause has its id.
    Duplicate,
    /// Its id is not `<function or topic>.<kebab-property>`.
    MalformedId,
    /// One of its texts is empty.
    EmptyText,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "stands twice; give one of them another id",
            Self::MalformedId => "needs an id of the form <function or topic>.<kebab-property>",
            Self::EmptyText => "has an empty title, anchor or note; fill it in",
        })
    }
}

impl Clause {
    /// The function that the id names; `None` for a topic.
    #[must_use]
    pub fn function(&self) -> Option<Function> {
        Function::from_name(self.subject())
    }

    /// What the id begins with: a function or one of [`TOPICS`].
    #[must_use]
    pub fn subject(&self) -> &str {
        self.id.split_once('.').map_or(self.id.as_str(), |(subject, _)| subject)
    }

    fn problem(&self) -> Option<Problem> {
        if !is_well_formed(&self.id) {
            return Some(Problem::MalformedId);
        }
        let is_empty = |text: &String| text.trim().is_empty();
        [&self.title, &self.anchor, &self.note].into_iter().any(is_empty).then_some(Problem::EmptyText)
    }
}

fn is_well_formed(id: &str) -> bool {
    let Some((subject, property)) = id.split_once('.') else { return false };
    (Function::from_name(subject).is_some() || TOPICS.contains(&subject)) && is_kebab(property)
}

fn is_kebab(property: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    property.split('-').all(|word| !word.is_empty() && word.chars().all(is_plain))
}

impl ClauseIndex {
    /// The clause of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Clause> {
        self.by_id.get(id)
    }

    /// All clauses, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Clause> {
        self.by_id.values()
    }

    /// How many clauses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no clause at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Reads an index from the text of its files, each with its name.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(files: &[(&'static str, &str)]) -> Result<Self, ClauseError> {
        let mut index = Self { by_id: BTreeMap::new() };
        for (file, text) in files {
            index.add_file(file, text)?;
        }
        Ok(index)
    }

    fn add_file(&mut self, file: &'static str, text: &str) -> Result<(), ClauseError> {
        let syntax = |source| ClauseError::Syntax { file, source: Box::new(source) };
        let parsed: ClauseFile = toml::from_str(text).map_err(syntax)?;
        for clause in parsed.clause {
            let id = clause.id.clone();
            let duplicate = self.by_id.contains_key(&id).then_some(Problem::Duplicate);
            if let Some(problem) = clause.problem().or(duplicate) {
                return Err(ClauseError::Clause { file, id, problem });
            }
            self.by_id.insert(id, clause);
        }
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseFile {
    clause: Vec<Clause>,
}

macro_rules! clause_files {
    ($($name:literal),* $(,)?) => {
        [$((concat!("clauses/", $name, ".toml"), include_str!(concat!("../preview1/clauses/", $name, ".toml")))),*]
    };
}

/// The files of the index. A new topic is one line here.
const FILES: [(&str, &str); 8] =
    clause_files!["program", "clocks-random-poll", "descriptors", "file-io", "directories", "paths", "path-resolution", "sockets-memory",];

/// The clauses of preview 1.
///
/// # Panics
///
/// If the data that this crate was built with is broken, which its tests rule out.
#[must_use]
pub fn clauses() -> &'static ClauseIndex {
    static INDEX: OnceLock<ClauseIndex> = OnceLock::new();
    INDEX.get_or_init(|| ClauseIndex::parse(&FILES).unwrap_or_else(|error| panic!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[clause]]
        id = "fd_seek.negative-result"
        title = "t"
        level = "must"
        authority = "posix"
        anchor = "a"
        note = "n"
    "#;

    fn error(text: &str) -> String {
        ClauseIndex::parse(&[("clauses/test.toml", text)]).expect_err("the text is wrong").to_string()
    }

    #[test]
    fn the_index_is_sound() {
        let index = ClauseIndex::parse(&FILES).unwrap_or_else(|error| panic!("{error}"));
        assert!(!index.is_empty());
    }

    #[test]
    fn every_function_has_a_clause() {
        for function in Function::ALL {
            let own = clauses().iter().filter(|clause| clause.function() == Some(function));
            assert!(own.count() > 0, "{} has no clause", function.name());
        }
    }

    #[test]
    fn every_topic_has_a_clause() {
        for topic in TOPICS {
            assert!(clauses().iter().any(|clause| clause.subject() == topic), "{topic} has no clause");
        }
    }

    #[test]
    fn a_clause_is_found_by_its_id() {
        let clause = clauses().get("fd_seek.negative-result").expect("it is in the index");
        assert_eq!(clause.function(), Some(Function::FdSeek));
        assert_eq!((clause.level, clause.authority), (Level::Must, Authority::Posix));
        assert!(clauses().get("fd_seek.no-such-clause").is_none());
    }

    #[test]
    fn an_unknown_field_is_rejected_with_its_line() {
        let message = error(&GOOD.replace("note =", "nota ="));
        assert!(message.contains("clauses/test.toml") && message.contains("line 8"), "{message}");
    }

    #[test]
    fn a_malformed_id_is_rejected() {
        for id in ["fd_seek", "fd_open.x", "fd_seek.", "fd_seek.Negative", "fd_seek.a--b", "fd_seek.a.b"] {
            assert!(error(&GOOD.replace("fd_seek.negative-result", id)).contains("needs an id"), "{id}");
        }
    }

    #[test]
    fn a_duplicate_is_rejected() {
        assert!(error(&GOOD.repeat(2)).contains("stands twice"));
    }

    #[test]
    fn an_empty_text_is_rejected() {
        assert!(error(&GOOD.replace("\"n\"", "\" \"")).contains("empty"));
    }
}

//! The clause index: each checkable statement that a runtime is held to, with who says so.
//!
//! The data stands in `preview1/clauses/<topic>.toml`. An id is `<function or topic>.<property>`. Code cites a clause with
//! [`clause!`](crate::clause!), which does not compile for an id that is not there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

use serde::Deserialize;

use crate::errno::Errno;
use crate::function::Function;
use crate::tables::CLAUSE_IDS;

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
    /// Why no fault planted in the reference breaks it so that a script which cites it finds that, if so: what shows it instead.
    pub unproven: Option<String>,
    /// All that is permitted where the clause applies, the preferred first. An oracle reads what it accepts from here.
    pub outcomes: Vec<Permit>,
}

/// One permitted outcome of a clause.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PermitTable")]
pub struct Permit {
    /// What a call may show.
    pub outcome: Permitted,
    /// Who says so: a sentence, a page of POSIX, a thread, or the families that were measured.
    pub evidence: String,
    /// Whether it misses a `should`: accepted, and counted apart.
    pub discouraged: bool,
    /// Whether the Linux kernel chooses it, where that is not the preferred one. `cargo xtask witness` holds it against the kernel.
    pub linux: bool,
}

/// What a call may show where a clause applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permitted {
    /// It fails with this code.
    Errno(Errno),
    /// It succeeds, and this holds.
    Success(String),
    /// It does not come back; the text says why.
    Trap(String),
}

/// A permit as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PermitTable {
    errno: Option<String>,
    success: Option<String>,
    trap: Option<String>,
    evidence: String,
    #[serde(default)]
    discouraged: bool,
    #[serde(default)]
    linux: bool,
}

impl TryFrom<PermitTable> for Permit {
    type Error = String;

    fn try_from(table: PermitTable) -> Result<Self, String> {
        let outcome = match (table.errno, table.success, table.trap) {
            (Some(name), None, None) => {
                let errno = Errno::from_name(&name).filter(|errno| *errno != Errno::Success);
                Permitted::Errno(errno.ok_or_else(|| format!("there is no error `{name}`; use a name of the spec such as `inval`"))?)
            }
            (None, Some(text), None) => Permitted::Success(text),
            (None, None, Some(text)) => Permitted::Trap(text),
            _ => return Err("an outcome has exactly one of `errno`, `success` and `trap`".to_owned()),
        };
        Ok(Self { outcome, evidence: table.evidence, discouraged: table.discouraged, linux: table.linux })
    }
}

/// The number of a clause, by which code cites it: its place among the ids in alphabetical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClauseId(u16);

impl ClauseId {
    /// How many there are.
    pub const COUNT: usize = CLAUSE_IDS.len();

    /// The number of the clause of this id. Used through [`clause!`](crate::clause!), which evaluates it when code is compiled.
    ///
    /// # Panics
    ///
    /// If there is no such clause.
    #[must_use]
    pub const fn of(id: &str) -> Self {
        let mut index = 0;
        while index < CLAUSE_IDS.len() {
            if same(CLAUSE_IDS[index].as_bytes(), id.as_bytes()) {
                #[expect(clippy::cast_possible_truncation, reason = "there are some hundred clauses")]
                return Self(index as u16);
            }
            index += 1;
        }
        panic!("there is no clause of this id; see harness/spec/preview1/clauses")
    }

    /// All of them, in the order of their ids.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(Self::COUNT)
    }

    /// The place among all clauses, in the order of their ids.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The text by which everybody else cites it.
    #[must_use]
    pub fn id(self) -> &'static str {
        CLAUSE_IDS[self.index()]
    }

    /// The clause itself.
    ///
    /// # Panics
    ///
    /// If the index and its list of ids differ, which a test rules out.
    #[must_use]
    pub fn clause(self) -> &'static Clause {
        static ALL: LazyLock<Vec<&Clause>> = LazyLock::new(|| clauses().iter().collect());
        ALL[self.index()]
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The [`ClauseId`] of an id, found when the code is compiled: `clause!("fd_seek.pipe")`.
#[macro_export]
macro_rules! clause {
    ($id:literal) => {
        const { $crate::ClauseId::of($id) }
    };
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

impl Level {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
        }
    }
}

impl Authority {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Posix => "posix",
            Self::Convention => "convention",
            Self::Open => "open",
        }
    }
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
    /// It permits nothing.
    NoOutcome,
    /// It calls an outcome discouraged although it is no `should`, or calls all of them so.
    Discouraged,
    /// It says of several outcomes, or of the preferred one, that the Linux kernel chooses it.
    Linux,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "stands twice; give one of them another id",
            Self::MalformedId => "needs an id of the form <function or topic>.<kebab-property>",
            Self::EmptyText => "has an empty title, anchor, note, reason or evidence; fill it in",
            Self::NoOutcome => "lists no outcome; say what is permitted, and on whose word",
            Self::Discouraged => "may call some of its outcomes discouraged, not all, and only at level `should`",
            Self::Linux => "may say `linux` of one outcome, and not of the first: without it, the first is meant",
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
        let evidence = self.outcomes.iter().map(|permit| &permit.evidence);
        let reasons = &self.unproven;
        if [&self.title, &self.anchor, &self.note].into_iter().chain(evidence).chain(reasons).any(is_empty) {
            return Some(Problem::EmptyText);
        }
        let discouraged = self.outcomes.iter().filter(|permit| permit.discouraged).count();
        if self.outcomes.is_empty() {
            Some(Problem::NoOutcome)
        } else if discouraged == self.outcomes.len() || (discouraged > 0 && self.level != Level::Should) {
            Some(Problem::Discouraged)
        } else if self.outcomes.iter().skip(1).filter(|permit| permit.linux).count() > 1 || self.outcomes[0].linux {
            Some(Problem::Linux)
        } else {
            None
        }
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
        outcomes = [{ errno = "inval", evidence = "e" }]
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
    fn the_list_of_ids_is_that_of_the_index() {
        let listed: Vec<&str> = ClauseId::all().map(ClauseId::id).collect();
        let indexed: Vec<&str> = clauses().iter().map(|clause| clause.id.as_str()).collect();
        assert_eq!(listed, indexed);
    }

    #[test]
    fn outcomes_that_say_nothing_are_rejected() {
        let outcomes = r#"[{ errno = "inval", evidence = "e" }]"#;
        let with = |text: &str| error(&GOOD.replace(outcomes, text));
        assert!(with("[]").contains("lists no outcome"));
        assert!(with(r#"[{ errno = "einval", evidence = "e" }]"#).contains("there is no error `einval`"));
        assert!(with(r#"[{ errno = "inval", success = "s", evidence = "e" }]"#).contains("exactly one of"));
        assert!(with(r#"[{ errno = "inval", evidence = "e", discouraged = true }]"#).contains("discouraged"));
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

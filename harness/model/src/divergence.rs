//! What is known to differ: one file per cause, `suites/preview1/divergences/<id>.toml`.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::fmt;

use semver::{Version, VersionReq};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use touchstone_spec::{Function, clauses};

use crate::script::check::closest;

/// A recorded, explained difference.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// The name of its file.
    #[serde(skip)]
    pub id: String,
    /// What is different, in one sentence.
    pub title: String,
    pub cause: Cause,
    /// Clauses that it departs from.
    #[serde(deserialize_with = "clause_ids")]
    pub clauses: Vec<String>,
    /// Where the runtime's maintainers track it, if anywhere.
    pub link: Option<String>,
    /// The published advisory; an escape is known only with one.
    pub advisory: Option<String>,
    /// How the cause was found, and what was ruled out.
    pub note: String,
    /// What is seen.
    pub seen: Vec<Seen>,
    /// How random scripts show it.
    #[serde(default)]
    pub random: Vec<Random>,
}

/// Why a runtime differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    RuntimeBug,
    NotImplemented,
    HostLimit,
}

impl Cause {
    /// The word for it in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Cause::RuntimeBug => "runtime-bug",
            Cause::NotImplemented => "not-implemented",
            Cause::HostLimit => "host-limit",
        }
    }
}

/// What is seen on one runtime.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    pub runtime: String,
    /// Versions of the runtime that show it.
    pub versions: VersionReq,
    /// Host profiles under which it is seen; without it, under all.
    pub profiles: Option<Vec<String>>,
    /// It depends on timing or chance: a run that does not show it is not stale.
    #[serde(default)]
    pub sometimes: bool,
    /// Case to the differences, each spelt as in a report. `["crashed"]`-like ends are spelt the same way.
    pub cases: BTreeMap<String, Vec<String>>,
}

/// What stands for a way out of the sandbox in [`Random::places`].
pub const ESCAPE: &str = "escape";

/// What [`Random::places`] may name besides functions.
const OTHER_PLACES: [&str; 6] = ["tree", "stdout", "stderr", "received", "end", ESCAPE];

fn clause_ids<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let known = || clauses().iter().map(|clause| clause.id.as_str());
    names(source, "clause", known, |id| clauses().get(id).is_some())
}

fn places<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let known = || Function::ALL.iter().map(|function| function.name()).chain(OTHER_PLACES);
    names(source, "place", known, |name| known().any(|place| place == name))
}

/// Names that all mean something: one that does not would make nothing known, in silence.
fn names<'de, 'k, D: Deserializer<'de>, K: Iterator<Item = &'k str>>(
    source: D,
    what: &str,
    known: impl Fn() -> K,
    is_known: impl Fn(&str) -> bool,
) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(source)?;
    let Some(name) = names.iter().find(|name| !is_known(name)) else { return Ok(names) };
    let help = closest(name, known()).map_or(String::new(), |close| format!("; did you mean `{close}`?"));
    Err(D::Error::custom(format!("there is no {what} `{name}`{help}")))
}

/// How a random script shows a divergence: by one of these calls, against one of these clauses, in one of these ways.
///
/// Where clauses would say too little, words narrow it down: those of the call itself, and those of one that came before it, each
/// as a report spells it, with its answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    pub runtime: String,
    /// Functions; or `tree`, `stdout`, `stderr`, `received` (by a socket), `end`; or `escape`, in a divergence with an advisory.
    #[serde(deserialize_with = "places")]
    pub places: Vec<String>,
    /// Clauses that it departs from; without any, whatever it departs from.
    #[serde(default, deserialize_with = "clause_ids")]
    pub clauses: Vec<String>,
    /// An errno, `ok`, `other results`, `no return`, or how the run was stopped, up to what a message quotes. Of an escape what happens, as
    /// the text of its private report says it. Of a tree
    /// `another mtime`, `other content`, `another target`, `other names`, or what is there: `nothing for symlink`. Else `otherwise`.
    /// Without any, all of these.
    #[serde(default)]
    pub seen: Vec<String>,
    /// What random scripts for this runtime leave out, so that they do not show it over and over: each time takes long.
    #[serde(default)]
    pub avoid: Option<Avoid>,
    /// Words that the line of the call has, all of them.
    #[serde(default)]
    pub call: Vec<String>,
    /// Words that the line of some earlier call has, all of them.
    #[serde(default)]
    pub after: Vec<String>,
    /// It depends on timing: another run of the same scripts may show it more often, or less.
    #[serde(default)]
    pub sometimes: bool,
}

/// What random scripts may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Avoid {
    /// Polls for a clock with a timeout of zero.
    ZeroTimeouts,
}

impl Avoid {
    /// The word for it in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Avoid::ZeroTimeouts => "zero-timeouts",
        }
    }

    /// What goes by that name.
    pub fn from_name(name: &str) -> Option<Avoid> {
        [Avoid::ZeroTimeouts].into_iter().find(|avoid| avoid.name() == name)
    }
}

/// How a random script departs from what is permitted, as far as divergences tell it by that.
#[derive(Debug)]
pub struct Shown<'a> {
    pub runtime: &'a str,
    /// As [`Random::places`].
    pub place: &'a str,
    pub clauses: &'a [String],
    /// As [`Random::seen`].
    pub seen: &'a str,
    pub lines: Lines<'a>,
}

/// The calls of a run as lines, up to the one that departs, which comes last; where no call does, all of them and an empty one.
/// They are made when somebody asks for them, which few do.
pub struct Lines<'a>(LazyCell<Vec<String>, Box<dyn FnOnce() -> Vec<String> + 'a>>);

impl<'a> Lines<'a> {
    /// Lines that are made like this.
    pub fn new(make: impl FnOnce() -> Vec<String> + 'a) -> Lines<'a> {
        Lines(LazyCell::new(Box::new(make)))
    }
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lines").field(&*self.0).finish()
    }
}

/// One way in which random scripts show a divergence, by which it is known again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sign {
    /// The divergence's name.
    pub divergence: String,
    pub random: Random,
}

impl Sign {
    /// The name of the divergence that something belongs to, by the first of these signs that fits.
    pub fn of<'s>(signs: &'s [Sign], shown: &Shown<'_>) -> Option<&'s str> {
        signs.iter().find(|sign| sign.random.fits(shown)).map(|sign| sign.divergence.as_str())
    }

    /// Whether what shows this divergence in this place in this way depends on timing.
    pub fn is_sometimes(signs: &[Sign], divergence: &str, [runtime, place, seen]: [&str; 3]) -> bool {
        let is_it = |random: &Random| random.sometimes && random.is_about(runtime, place, seen);
        signs.iter().any(|sign| sign.divergence == divergence && is_it(&sign.random))
    }
}

impl Random {
    fn is_about(&self, runtime: &str, place: &str, seen: &str) -> bool {
        let any = |words: &[String], word: &str| words.iter().any(|known| known == word);
        self.runtime == runtime && any(&self.places, place) && (self.seen.is_empty() || any(&self.seen, seen))
    }

    /// Whether it is about ways out of the sandbox.
    pub fn is_of_escapes(&self) -> bool {
        self.places.iter().any(|place| place == ESCAPE)
    }

    /// What is wrong with it where it is about escapes: a way out is known only if its runtime's maintainers know of it, and exactly.
    fn may_be_of(&self, divergence: &Divergence) -> Result<(), &'static str> {
        if !self.is_of_escapes() {
            Ok(())
        } else if divergence.advisory.is_none() {
            Err("[[random]] with the place `escape` needs an `advisory`: where its runtime's maintainers were told of it")
        } else if self.seen.is_empty() || !self.clauses.is_empty() || !self.call.is_empty() || self.places.len() > 1 {
            Err(
                "[[random]] with the place `escape` needs `seen`, and has no other place, no `clauses` and no `call`; `after` narrows it down",
            )
        } else {
            Ok(())
        }
    }

    fn fits(&self, shown: &Shown<'_>) -> bool {
        self.is_about(shown.runtime, shown.place, shown.seen)
            && (self.clauses.is_empty() || shown.clauses.iter().any(|clause| self.clauses.contains(clause)))
            && (self.call.is_empty() && self.after.is_empty() || self.has_words(&shown.lines.0))
    }

    fn has_words(&self, lines: &[String]) -> bool {
        let has_all = |line: &String, words: &[String]| words.iter().all(|word| line.contains(word.as_str()));
        let Some((call, earlier)) = lines.split_last() else { return false };
        has_all(call, &self.call) && (self.after.is_empty() || earlier.iter().any(|line| has_all(line, &self.after)))
    }
}

impl Divergence {
    /// Whether this version of a runtime shows it.
    pub fn is_of(&self, runtime: &str, version: &Version) -> bool {
        self.seen.iter().any(|seen| seen.runtime == runtime && seen.versions.matches(version))
    }

    /// How random scripts show it.
    pub fn signs(&self) -> impl Iterator<Item = Sign> {
        self.random.iter().map(|random| Sign { divergence: self.id.clone(), random: random.clone() })
    }

    /// What random scripts for a runtime leave out because of this divergence.
    pub fn avoids(&self, runtime: &str) -> Option<Avoid> {
        self.random.iter().filter(|random| random.runtime == runtime).find_map(|random| random.avoid)
    }

    /// Reads a divergence file. The error says what and where; the caller knows the file.
    pub fn parse(id: &str, text: &str) -> Result<Divergence, toml::de::Error> {
        let divergence: Divergence = toml::from_str(text)?;
        divergence.random.iter().try_for_each(|random| random.may_be_of(&divergence)).map_err(toml::de::Error::custom)?;
        Ok(Divergence { id: id.to_owned(), ..divergence })
    }

    /// The differences that this divergence says a runtime shows in a case; none where it says nothing.
    pub fn claims(&self, runtime: &str, version: &Version, profile: &str, case: &str) -> impl Iterator<Item = &String> {
        let is_under = move |seen: &Seen| seen.profiles.as_ref().is_none_or(|profiles| profiles.iter().any(|name| name == profile));
        let is_of = move |seen: &&Seen| seen.runtime == runtime && seen.versions.matches(version) && is_under(seen);
        let seen = self.seen.iter().filter(is_of);
        seen.filter_map(move |seen| seen.cases.get(case)).flatten()
    }

    /// The same, without those that need not show.
    pub fn certain_claims(&self, runtime: &str, version: &Version, profile: &str, case: &str) -> impl Iterator<Item = &String> {
        let is_sometimes = move |text: &&String| {
            let sometimes = self.seen.iter().filter(|seen| seen.sometimes && seen.runtime == runtime);
            sometimes.filter_map(|seen| seen.cases.get(case)).flatten().any(|claim| claim == *text)
        };
        self.claims(runtime, version, profile, case).filter(move |text| !is_sometimes(text))
    }
}

#[cfg(test)]
mod tests {
    use super::{Divergence, ESCAPE, Lines, Shown, Sign};

    const ADVISORY: &str = "advisory = \"GHSA-0000\"";
    const SEEN: &str = "seen = [\"by a link\"]";

    fn leaves(advisory: &str, random: &str) -> Result<Divergence, String> {
        let text = format!(
            "title = \"It leaves\"\ncause = \"runtime-bug\"\nclauses = []\nnote = \"\"\n{advisory}\nseen = []\n\
             [[random]]\nruntime = \"one\"\nplaces = [\"escape\"]\n{random}\n"
        );
        Divergence::parse("leaves", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_escape_is_known_by_what_happens() {
        let signs: Vec<Sign> = leaves(ADVISORY, SEEN).unwrap().signs().collect();
        let known = |runtime, seen| Sign::of(&signs, &Shown { runtime, place: ESCAPE, clauses: &[], seen, lines: Lines::new(Vec::new) });
        assert_eq!(known("one", "by a link"), Some("leaves"));
        assert_eq!([known("one", "by a rename"), known("other", "by a link")], [None, None]);
    }

    #[test]
    fn an_escape_without_an_advisory_is_not_known_nor_is_every_one_of_a_runtime() {
        assert!(leaves("", SEEN).unwrap_err().contains("needs an `advisory`"));
        for random in ["", "seen = []", "seen = [\"x\"]\nclauses = [\"fd_read.bad-fd\"]", "seen = [\"x\"]\ncall = [\"y\"]"] {
            assert!(leaves(ADVISORY, random).unwrap_err().contains("needs `seen`"), "{random}");
        }
    }
}

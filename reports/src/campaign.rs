//! What came of random scripts: a campaign of `cargo xtask fuzz`, or a run of libFuzzer's targets, as JSON.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::ReadError;
use crate::read::malformed;

/// The version of both formats. Fields may be added within a version.
pub const CAMPAIGN_SCHEMA: u32 = 1;

/// A campaign of random scripts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    pub schema: u32,
    pub seed: u64,
    /// Which part of the scripts, counted from 1, of how many.
    pub shard: (u64, u64),
    /// Scripts that were run on all runtimes.
    pub cases: u64,
    pub seconds: f64,
    /// Features that were reached, of those scripts that were looked at.
    pub features: usize,
    pub runtimes: Vec<CampaignRuntime>,
    pub pairs: Vec<Pair>,
    pub findings: Vec<Finding>,
}

/// A runtime and what it has really run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignRuntime {
    pub name: String,
    pub version: String,
    pub wasi: String,
    pub runs: u64,
    pub calls: u64,
    pub succeeded: u64,
    /// Runs that got out of the sandbox. How is told nowhere but in a local folder.
    pub escaped: u64,
}

/// What two runtimes made of the scripts that were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub runtimes: [String; 2],
    pub same: u64,
    pub permitted: u64,
    pub departed: u64,
    /// The clauses that leave open what is permitted, with how often.
    pub clauses: BTreeMap<String, u64>,
}

/// Something that the oracle refuses, or a run that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub runtime: String,
    /// A function; or `tree`, `stdout`, `stderr`, `end`.
    pub place: String,
    /// Of what is new, the kind of the call's descriptor and the classes of its path.
    pub about: String,
    pub permitted: String,
    pub seen: String,
    pub clauses: Vec<String>,
    pub times: u64,
    /// The lowest number of a script that shows it.
    pub case: u64,
    /// The divergence that it belongs to.
    pub known: Option<String>,
    /// Whether that depends on timing, so that the same scripts may not show it again.
    pub sometimes: bool,
    pub unconfirmed: bool,
    /// It is new, and its script may get out of a sandbox: what it is about, what is permitted and by which clauses is left out.
    #[serde(default)]
    pub withheld: bool,
}

impl Finding {
    /// Whether nobody knew of it, and it is certain.
    pub fn is_new(&self) -> bool {
        self.known.is_none() && !self.unconfirmed
    }
}

/// A run of libFuzzer's targets, as `cargo xtask fuzz-targets --json` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRun {
    pub schema: u32,
    pub targets: Vec<Target>,
}

/// How far libFuzzer came with a target, by its last line of progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    pub runs: u64,
    /// Edges of the program that were reached (`cov`).
    pub edges: u64,
    /// All that it tells inputs apart by, ours among it (`ft`).
    pub features: u64,
    /// Inputs that are kept (`corp`).
    pub inputs: u64,
    /// Whether it found something new.
    pub found: bool,
}

/// Either of both.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Scripts(Campaign),
    Targets(TargetRun),
}

/// By what they are told apart.
#[derive(Deserialize)]
struct Head {
    schema: Option<u32>,
    targets: Option<IgnoredAny>,
}

impl Part {
    /// Reads what a command wrote.
    pub fn parse(text: &str) -> Result<Part, ReadError> {
        let head: Head = whole(text)?;
        match head.schema {
            None => Err(ReadError::NoSchema),
            Some(CAMPAIGN_SCHEMA) if head.targets.is_some() => Ok(Part::Targets(whole(text)?)),
            Some(CAMPAIGN_SCHEMA) => Ok(Part::Scripts(whole(text)?)),
            Some(found) => Err(ReadError::Schema { found: found.into(), read: CAMPAIGN_SCHEMA }),
        }
    }
}

fn whole<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::{Part, ReadError};

    #[test]
    fn what_no_command_wrote_is_told_apart() {
        assert!(matches!(Part::parse("{\"schema\": 1, \"targets\": []}"), Ok(Part::Targets(_))));
        assert!(matches!(Part::parse("{}"), Err(ReadError::NoSchema)));
        assert!(matches!(Part::parse("{\"schema\": 2}"), Err(ReadError::Schema { found: 2, read: 1 })));
        assert!(matches!(Part::parse("{\"schema\": 1, \"targets\": ["), Err(ReadError::CutOff { line: 1 })));
        assert!(matches!(Part::parse("{\"schema\": 1}"), Err(ReadError::Malformed(_))));
    }
}

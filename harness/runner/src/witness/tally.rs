//! What came of playing scripts on the kernel, and what is known to differ.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use touchstone_model::bounds;

use crate::HarnessError;

/// A call on which the kernel and the oracle differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    /// A function, or `tree` for what was left behind.
    pub function: String,
    /// The clauses that decided for the oracle.
    pub clauses: Vec<String>,
    /// What the oracle prefers: `ok`, an errno, or a result in words.
    pub preferred: String,
    /// What the kernel did.
    pub kernel: String,
    /// Whether that is permitted all the same.
    pub permitted: bool,
}

/// A difference that is explained.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The functions that it is about.
    pub functions: Vec<String>,
    /// One of the clauses that decided for the oracle.
    pub clause: String,
    pub preferred: String,
    pub kernel: String,
    /// Who departs from what, and where that is said.
    pub reason: String,
}

impl Exception {
    fn covers(&self, difference: &Difference) -> bool {
        self.functions.contains(&difference.function)
            && difference.clauses.contains(&self.clause)
            && self.preferred == difference.preferred
            && self.kernel == difference.kernel
    }

    /// How summaries call it.
    pub fn name(&self) -> String {
        format!("{}: {} here, {} in the kernel", self.clause, self.preferred, self.kernel)
    }
}

/// All that is known to differ.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default, rename = "exception")]
    pub all: Vec<Exception>,
}

impl Exceptions {
    /// Reads the file of exceptions. Each must name a clause that there is.
    pub fn read(path: &Path) -> Result<Exceptions, HarnessError> {
        let text = std::fs::read_to_string(path).map_err(HarnessError::file("read", path))?;
        let invalid = |message: String| HarnessError::file("read", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
        let exceptions: Exceptions = toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        for exception in &exceptions.all {
            if touchstone_spec::clauses().get(&exception.clause).is_none() {
                return Err(invalid(format!("there is no clause `{}`", exception.clause)));
            }
        }
        Ok(exceptions)
    }

    /// The exception that explains a difference.
    pub fn of(&self, difference: &Difference) -> Option<&Exception> {
        self.all.iter().find(|exception| exception.covers(difference))
    }
}

/// Counts over many scripts. Tallies of parts add up to that of the whole, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub cases: u64,
    /// Calls that were made, the search for preopens not counted.
    pub calls: u64,
    /// Of these, the ones that the kernel decided.
    pub decided: u64,
    /// Of the decided ones, those that ended as the oracle prefers, with the same results.
    pub agreed: u64,
    /// Of the decided ones, those that succeeded.
    pub succeeded: u64,
    /// Why calls were not for the kernel to decide, and how many they were.
    pub apart: BTreeMap<String, u64>,
    /// How often each exception was met, by its name.
    pub exceptions: BTreeMap<String, u64>,
    /// Differences that no exception explains, each with its number and the lowest case that shows it.
    pub unlisted: Vec<Unlisted>,
}

/// A difference that nothing explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    pub difference: Difference,
    pub times: u64,
    /// The number of the script.
    pub case: u64,
    /// The script and where it differed.
    pub script: String,
}

impl Tally {
    /// Notes a difference.
    pub fn differs(&mut self, difference: Difference, exceptions: &Exceptions, case: u64, script: impl FnOnce() -> String) {
        if let Some(exception) = exceptions.of(&difference) {
            *self.exceptions.entry(exception.name()).or_default() += 1;
            return;
        }
        match self.unlisted.iter_mut().find(|known| known.difference == difference) {
            Some(known) => known.times += 1,
            None => {
                let script = if self.unlisted.len() < bounds::WITNESS_SCRIPTS { script() } else { String::new() };
                self.unlisted.push(Unlisted { difference, times: 1, case, script });
            }
        }
    }

    /// Adds what another part counted.
    pub fn add(&mut self, other: Tally) {
        self.cases += other.cases;
        self.calls += other.calls;
        self.decided += other.decided;
        self.agreed += other.agreed;
        self.succeeded += other.succeeded;
        for (own, theirs) in [(&mut self.apart, other.apart), (&mut self.exceptions, other.exceptions)] {
            theirs.into_iter().for_each(|(name, times)| *own.entry(name).or_default() += times);
        }
        for theirs in other.unlisted {
            match self.unlisted.iter_mut().find(|own| own.difference == theirs.difference) {
                Some(own) if own.case <= theirs.case => own.times += theirs.times,
                Some(own) => *own = Unlisted { times: own.times + theirs.times, ..theirs },
                None => self.unlisted.push(theirs),
            }
        }
        self.unlisted.sort_by(|one, other| one.difference.cmp(&other.difference));
    }

    /// The share of decided calls on which both agree, from 0 to 1.
    pub fn agreement(&self) -> f64 {
        share(self.agreed, self.decided)
    }

    /// The share of decided calls that succeeded, from 0 to 1.
    pub fn success(&self) -> f64 {
        share(self.succeeded, self.decided)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

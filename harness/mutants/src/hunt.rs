//! Every fault on every script that comes through its branch, until one finds it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use touchstone_generate::{Mix, Sample, sample};
use touchstone_guest::script::Player;
use touchstone_model::Case;
use touchstone_spec::Level;

use crate::fault::{Fault, Site};
use crate::survey;
use crate::trial::{By, Trial};

/// Faults and what has become of them.
#[derive(Debug)]
pub struct Hunt {
    faults: Vec<Fault>,
    /// Branch to its faults, by their numbers.
    by_site: BTreeMap<Site, Vec<usize>>,
    killed: Vec<AtomicBool>,
    kills: Mutex<Vec<Killed>>,
    done: AtomicU64,
}

/// A fault that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    pub fault: usize,
    pub by: By,
    /// The case that found it, where the suite hunts.
    pub case: Option<String>,
}

impl Hunt {
    /// A hunt for these faults.
    pub fn new(faults: Vec<Fault>) -> Hunt {
        let mut by_site: BTreeMap<Site, Vec<usize>> = BTreeMap::new();
        for (number, fault) in faults.iter().enumerate() {
            by_site.entry(fault.site).or_default().push(number);
        }
        let killed = faults.iter().map(|_| AtomicBool::new(false)).collect();
        Hunt { faults, by_site, killed, kills: Mutex::default(), done: AtomicU64::new(0) }
    }

    /// All faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How many scripts were tried so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many faults were found so far.
    pub fn found(&self) -> usize {
        self.killed.iter().filter(|killed| killed.load(Ordering::Relaxed)).count()
    }

    /// The faults that nothing found.
    pub fn survivors(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().zip(&self.killed).filter(|(_, killed)| !killed.load(Ordering::Relaxed)).map(|(fault, _)| fault)
    }

    /// How often each way found a fault first.
    pub fn ways(&self) -> BTreeMap<&'static str, usize> {
        let mut out = BTreeMap::new();
        for killed in self.kills.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            let way = match killed.by {
                By::Call(_) => "a call that the oracle refuses",
                By::Run(_) => "the end, the output or the tree",
                By::Author => "what the case's author expects",
                By::Guest => "a guest that goes on otherwise",
            };
            *out.entry(way).or_default() += 1;
        }
        out
    }

    /// Clauses of level `must` that some fault breaks although no case that cites them finds it, and those that no fault breaks.
    pub fn unproven(&self, cases: &[Case]) -> Vec<&'static str> {
        let kills = self.kills.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cites = |killed: &Killed, id: &str| {
            let case = killed.case.as_ref().and_then(|name| cases.iter().find(|case| case.id == *name));
            case.is_some_and(|case| case.clauses.iter().any(|clause| clause == id))
        };
        let of = |fault: &Fault, id: &str| fault.site.clause.id() == id;
        // where there is nothing else to break, any error has to do
        let has_own = |id: &str| self.faults.iter().any(|fault| of(fault, id) && fault.is_about_its_clause());
        let counts = |fault: &Fault, id: &str| of(fault, id) && (fault.is_about_its_clause() || !has_own(id));
        let proven = |id: &str| kills.iter().any(|killed| counts(&self.faults[killed.fault], id) && cites(killed, id));
        let must = touchstone_spec::clauses().iter().filter(|clause| clause.level == Level::Must);
        must.map(|clause| clause.id.as_str()).filter(|id| !proven(id)).collect()
    }

    /// Lets every case of the suite hunt. A fault is tried on each case that cites its clause even if it was found before, since it is
    /// asked of each clause whether its own cases find what breaks it.
    pub fn suite(&self, cases: &[Case], stop: &AtomicBool) {
        let mut player = Player::default();
        for case in cases {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if let Some(sample) = survey::of_case(case) {
                self.script(&mut player, &sample, Some(case));
            }
        }
    }

    /// Lets random scripts hunt: those with the numbers `first`, `first + step` and so on, below `end`.
    pub fn random(&self, seed: u64, numbers: impl Iterator<Item = u64>, stop: &AtomicBool) {
        let mut player = Player::default();
        let mix = Mix::default();
        for number in numbers {
            if stop.load(Ordering::Relaxed) || self.found() == self.faults.len() {
                return;
            }
            self.script(&mut player, &sample(seed, number, &mix), None);
        }
    }

    fn script(&self, player: &mut Player, sample: &Sample, case: Option<&Case>) {
        self.done.fetch_add(1, Ordering::Relaxed);
        let Some(trial) = Trial::new(sample, case) else { return };
        let (sites, wrong) = trial.survey(player);
        // a script that is judged wrongly without any fault proves nothing
        if wrong.is_some() {
            return;
        }
        for (site, strikes) in sites {
            let cited = case.is_some_and(|case| case.clauses.iter().any(|clause| clause == site.clause.id()));
            for number in self.by_site.get(&site).into_iter().flatten() {
                if self.killed[*number].load(Ordering::Relaxed) && !cited {
                    continue;
                }
                if let Some(by) = trial.attempt(player, self.faults[*number], &strikes) {
                    self.killed[*number].store(true, Ordering::Relaxed);
                    let killed = Killed { fault: *number, by, case: case.map(|case| case.id.clone()) };
                    self.kills.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(killed);
                }
            }
        }
    }
}

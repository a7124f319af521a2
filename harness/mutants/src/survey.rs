//! The branches that there are, and the faults at them that make a difference: those that the suite and some thousand random scripts come through
//! on the reference.

use std::collections::BTreeMap;

use touchstone_generate::{Mix, Sample, sample};
use touchstone_guest::script::Player;
use touchstone_model::Case;

use crate::fault::{Fault, Site, faults};
use crate::trial::Trial;

/// The seed of the random scripts of a survey, which is no other's, so that the faults are the same whatever scripts hunt them.
const SEED: u64 = 0x5157_e500;

/// How many there are. Twice as many find hardly a branch more.
const SCRIPTS: u64 = 5000;

/// How often a fault is tried before it counts as none: what makes no difference to the whole state in so many runs of its branch is
/// the same program in other words.
const CHANCES: u32 = 100;

/// All faults that somebody wants, in the order of their branches.
pub fn all(cases: &[Case], wanted: impl Fn(&Fault) -> bool) -> Vec<Fault> {
    let mut player = Player::default();
    let suite = cases.iter().filter_map(of_case);
    let samples: Vec<Sample> = suite.chain((0..SCRIPTS).map(|index| sample(SEED, index, &Mix::default()))).collect();
    let trials: Vec<Trial<'_>> = samples.iter().filter_map(|sample| Trial::new(sample, None)).collect();
    let mut undecided: BTreeMap<Site, Vec<(Fault, u32)>> = BTreeMap::new();
    let mut out = Vec::new();
    for trial in &trials {
        let (sites, _) = trial.survey(&mut player);
        let honest = trial.honest(&mut player);
        for (site, strikes) in sites {
            let waiting =
                undecided.entry(site).or_insert_with(|| faults(site).into_iter().filter(&wanted).map(|fault| (fault, 0)).collect());
            waiting.retain_mut(|(fault, chances)| match trial.makes_a_difference(&mut player, *fault, &strikes, &honest) {
                Some(true) => {
                    out.push(*fault);
                    false
                }
                Some(false) => {
                    *chances += 1;
                    *chances < CHANCES
                }
                None => true,
            });
        }
    }
    out.sort_by_key(|fault| (fault.site, fault.to_string()));
    out
}

/// The script of a case. What a case says with other means than a script no script can show.
pub fn of_case(case: &Case) -> Option<Sample> {
    let script = case.script()?;
    Some(Sample { world: case.world.clone(), script: script.clone() })
}

//! A sample that shows something is made as small as it gets while it still shows it.
//!
//! [`size`] says which of two samples is the smaller one; everything else proposes smaller ones and asks. In reading order:
//! [`size`] is the order, [`valid`] the preconditions, [`search`] offers candidates to the judge and keeps the best;
//! [`statements`] takes calls away; [`calls`] makes them simpler, with [`numbers`], [`flags`], [`text`] and [`typed`]; [`world`] and
//! [`paths`] do the same to what a script runs in, and [`together`] to what must stay equal; [`names`] gives variables their names.

mod calls;
mod flags;
mod names;
mod numbers;
mod paths;
mod search;
mod size;
mod statements;
mod text;
mod together;
mod typed;
mod valid;
mod world;

use touchstone_model::bounds;

use crate::Sample;
use search::Search;

/// What became of a sample that was made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest sample that was found; the one that was given if nothing smaller shows the same.
    pub sample: Sample,
    /// How many candidates the judge was asked about.
    pub tried: usize,
    /// Whether no single further step leads to a smaller sample that still shows it; `false` if the bound on tries came first.
    pub minimal: bool,
}

/// Makes a sample smaller for as long as `still_shows` says that a candidate shows what the sample shows.
///
/// The judge is asked about valid candidates only, about each once, and only about ones that are smaller than the best so far; so
/// the result does not grow, and the same sample and judge give the same result. `still_shows` must not contradict itself.
pub fn shrink(sample: Sample, still_shows: &mut dyn FnMut(&Sample) -> bool) -> Shrunk {
    let mut search = Search::new(sample, still_shows, bounds::SHRINK_TRIES);
    search.run(names::steps);
    loop {
        let before = search.accepted();
        // while the buffers are still there that raw calls point to
        search.run(calls::typed);
        statements::reduce(&mut search);
        search.run(world::steps);
        search.run(paths::steps);
        calls::reduce(&mut search);
        search.run(together::steps);
        search.run(names::steps);
        if search.accepted() == before || search.is_exhausted() {
            return search.finish();
        }
    }
}

#[cfg(test)]
mod tests;

//! Candidates are offered to the judge; the best that still shows it is kept.

use std::collections::HashSet;
use std::fmt::{self, Debug, Formatter};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::size::Size;
use super::{Shrunk, valid};
use crate::Sample;

/// The best sample so far, and who judges the next.
pub(super) struct Search<'a> {
    best: Sample,
    size: Size,
    still_shows: &'a mut dyn FnMut(&Sample) -> bool,
    /// Hashes of what was refused: in the last round, nearly everything that is proposed was refused before. Two candidates with
    /// the same hash would cost one of them its try, which is not worth the memory to keep them whole.
    refused: HashSet<u64>,
    tried: usize,
    accepted: usize,
    most_tries: usize,
    /// The bound on tries kept a candidate from being judged.
    exhausted: bool,
}

impl Debug for Search<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").field("best", &self.best).field("tried", &self.tried).finish_non_exhaustive()
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(best: Sample, still_shows: &'a mut dyn FnMut(&Sample) -> bool, most_tries: usize) -> Search<'a> {
        let size = Size::of(&best);
        Search { best, size, still_shows, refused: HashSet::new(), tried: 0, accepted: 0, most_tries, exhausted: false }
    }

    pub(super) fn best(&self) -> &Sample {
        &self.best
    }

    /// How many candidates were accepted.
    pub(super) fn accepted(&self) -> usize {
        self.accepted
    }

    /// Whether a candidate could not be judged because of the bound on tries.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    pub(super) fn finish(self) -> Shrunk {
        Shrunk { sample: self.best, tried: self.tried, minimal: !self.exhausted }
    }

    /// Takes a candidate in place of the best if it is smaller, valid, and still shows it.
    pub(super) fn offer(&mut self, candidate: Sample) -> bool {
        let size = Size::of(&candidate);
        if size >= self.size || self.exhausted {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        size.hash(&mut hasher);
        let hash = hasher.finish();
        if self.refused.contains(&hash) || !valid::is_valid(&candidate) {
            return false;
        }
        if self.tried == self.most_tries {
            self.exhausted = true;
            return false;
        }
        self.tried += 1;
        if !(self.still_shows)(&candidate) {
            self.refused.insert(hash);
            return false;
        }
        self.accepted += 1;
        self.best = candidate;
        self.size = size;
        true
    }

    /// Offers one step after the other. After one that was accepted it goes on with those that the new best has at the same
    /// place: what comes before was refused just now, and the next round asks again.
    pub(super) fn run(&mut self, steps: impl Fn(&Sample) -> Vec<Sample>) {
        let mut at = 0;
        let mut waiting = steps(&self.best).into_iter();
        while let Some(candidate) = waiting.next() {
            if self.offer(candidate) {
                waiting = steps(&self.best).into_iter();
                waiting.by_ref().take(at).for_each(drop);
            } else {
                at += 1;
            }
        }
    }
}

//! In which order scripts are played.
//!
//! All scripts of a batch take their turn on one runtime before they do on the next: what a processor has in its caches of one runtime is gone
//! after a run of another, and a script takes some 4 % less time so.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Scripts in a row that have the same world: to make one takes longer than to put right what a script has left.
pub(super) const BATCH: u64 = 16;

/// A script and the seat of a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) case: u64,
    pub(super) seat: u64,
}

/// The way of a job through its part of the scripts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) runtimes: u64,
    /// Of so many batches one is to be played.
    pub(super) step: u64,
    /// No script with this number or a higher one.
    pub(super) end: u64,
}

impl Order {
    /// The scripts of the batch that one belongs to.
    pub(super) fn batch_of(&self, case: u64) -> Range<u64> {
        let first = case / BATCH * BATCH;
        first..(first + BATCH).min(self.end)
    }

    /// What is played after a place, also behind a runtime that did not come back. A script from the end on is none.
    pub(super) fn after(&self, Place { case, seat }: Place) -> Place {
        let batch = self.batch_of(case);
        if case + 1 < batch.end {
            Place { case: case + 1, seat }
        } else if seat + 1 < self.runtimes {
            Place { case: batch.start, seat: seat + 1 }
        } else {
            self.after_batch_of(case)
        }
    }

    /// What is played after the batch that a script belongs to.
    pub(super) fn after_batch_of(&self, case: u64) -> Place {
        Place { case: (case / BATCH + self.step) * BATCH, seat: 0 }
    }

    /// Whether a script is done on all runtimes once this is.
    pub(super) fn is_last(&self, seat: u64) -> bool {
        seat + 1 == self.runtimes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{BATCH, Order, Place};

    #[test]
    fn each_script_has_its_turn_on_each_runtime_once() {
        // the last batch is not a whole one
        for (runtimes, step, end) in [(1, 1, 5), (2, 1, 50), (3, 2, 70), (2, 3, 96)] {
            let order = Order { runtimes, step, end };
            let places = |first: u64| {
                let first = Place { case: first * BATCH, seat: 0 };
                std::iter::successors(Some(first), move |place| Some(order.after(*place))).take_while(move |place| place.case < end)
            };
            let all: Vec<(u64, u64)> = (0..step).flat_map(places).map(|Place { case, seat }| (case, seat)).collect();
            let wanted: BTreeSet<(u64, u64)> = (0..end).flat_map(|case| (0..runtimes).map(move |seat| (case, seat))).collect();
            assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (wanted.len(), wanted));
        }
    }

    #[test]
    fn a_batch_is_done_on_one_runtime_before_the_next() {
        let order = Order { runtimes: 2, step: 3, end: 100 };
        let after = |case, seat| order.after(Place { case, seat });
        assert_eq!([after(0, 0), after(15, 0), after(15, 1)], [(1, 0), (0, 1), (48, 0)].map(|(case, seat)| Place { case, seat }));
        assert!(order.is_last(1) && !order.is_last(0));
    }
}

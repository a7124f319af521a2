//! What a call was about, as a number: by these a fuzzer tells whether a script reaches something new.

use touchstone_model::trace::TraceCall;
use touchstone_spec::Function;

use crate::coverage::{FdKind, PathClass, first_fd_kind, first_path_classes};
use crate::state::State;

/// Answers that are told apart: every error code, success as 0, another number, and none.
const ANSWERS: usize = 80;
const OTHER_ANSWER: usize = ANSWERS - 2;
const NO_ANSWER: usize = ANSWERS - 1;

/// Kinds of descriptor, one that nobody knows of, and none; then classes of path.
const CLASSES: usize = FdKind::ALL.len() + 1 + PathClass::ALL.len();

/// How many features there are.
pub const FEATURES: usize = Function::ALL.len() * ANSWERS * CLASSES;

/// The features of a call in the state before it: its function and answer, with the kind of its first descriptor, and with each class of its
/// first path.
pub fn features(call: &TraceCall, state: &State) -> impl Iterator<Item = usize> {
    let answer = match &call.outcome {
        Some(outcome) => usize::try_from(outcome.errno).unwrap_or(OTHER_ANSWER).min(OTHER_ANSWER),
        None => NO_ANSWER,
    };
    let first = (usize::from(call.function.index()) * ANSWERS + answer) * CLASSES;
    let kind = first_fd_kind(call, state).map_or(FdKind::ALL.len(), |kind| kind as usize);
    let classes = first_path_classes(call, state).into_iter().map(|class| FdKind::ALL.len() + 1 + class as usize);
    std::iter::once(kind).chain(classes).map(move |class| first + class)
}

/// What a call is about in words: the kind of its first descriptor and the classes of its first path. Empty where it has neither.
pub fn about(call: &TraceCall, state: &State) -> String {
    let kind = first_fd_kind(call, state).map(FdKind::name);
    let classes = first_path_classes(call, state).into_iter().map(PathClass::name);
    kind.into_iter().chain(classes).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use touchstone_model::trace::Outcome;
    use touchstone_model::world::World;

    use super::*;
    use crate::state::Host;

    fn call(function: Function, fd: u64, errno: Option<u32>) -> TraceCall {
        let outcome = errno.map(|errno| Outcome { errno, outputs: Vec::new() });
        TraceCall { function, memory_bytes: 65536, args: vec![fd, 0, 0, 0], inputs: Vec::new(), outcome }
    }

    #[test]
    fn calls_that_differ_have_features_of_their_own() {
        let state = State::new(&World::default(), Host::LINUX);
        let mut seen = BTreeSet::new();
        for function in [Function::FdClose, Function::FdTell, Function::SchedYield] {
            for fd in [0, 3, 99] {
                for errno in [Some(0), Some(8), Some(76), Some(500), None] {
                    let found: Vec<usize> = features(&call(function, fd, errno), &state).collect();
                    assert!(found.iter().all(|feature| *feature < FEATURES), "{found:?}");
                    seen.extend(found);
                }
            }
        }
        // `sched_yield` has no descriptor, so it has one feature for each answer
        assert_eq!(seen.len(), 2 * 3 * 5 + 5);
    }
}

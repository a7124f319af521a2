//! What random scripts reach on the reference: every function, kind of descriptor and class of path, and every error that it can answer.

mod support;

use std::collections::BTreeSet;

use touchstone_generate::{Mix, sample};
use touchstone_guest::script::Player;
use touchstone_model::coverage::{Axis, Cells};
use touchstone_model::trace::{Trace, TraceState};
use touchstone_oracle::Host;
use touchstone_oracle::coverage::{FdKind, PathClass, cells, universe};
use touchstone_spec::Function;

use support::Guest;

/// Scripts within which all is reached.
const MOST: u64 = 100_000;

/// So many are played before what has been reached is looked at.
const AT_ONCE: u64 = 2000;

/// Errors that clauses permit and the reference never answers to a random script, each with the reason.
const NEVER: [(&str, &str); 11] = [
    ("acces", "no random world takes away a mode"),
    ("again", "all input is there from the start, and what is written is taken"),
    ("busy", "the reference prefers another error for a directory in use"),
    ("connreset", "a random world has no sockets"),
    ("mfile", "a script has 20 calls, and so few descriptors"),
    ("nfile", "a script has 20 calls, and so few descriptors"),
    ("nobufs", "the reference cuts a link's target to the buffer"),
    ("nomem", "the reference does not run out of memory"),
    ("nosys", "the reference has every function"),
    ("notconn", "a random world has no sockets"),
    ("xdev", "the reference has one device"),
];

fn columns(cells: &Cells, axis: Axis) -> BTreeSet<String> {
    cells.rows(axis).flat_map(|(_, columns)| columns.iter().cloned()).collect()
}

/// What is not reached yet, in words.
fn missing(reached: &Cells) -> Vec<String> {
    let functions = Function::ALL.map(|function| function.name().to_owned());
    // a random world has no sockets
    let kinds = FdKind::ALL.into_iter().filter(|kind| !matches!(kind, FdKind::Socket | FdKind::ListeningSocket));
    let errnos = columns(&universe(), Axis::Errnos).into_iter().filter(|errno| !NEVER.iter().any(|(never, _)| never == errno));
    let wanted: [(Axis, Vec<String>); 4] = [
        (Axis::Functions, functions.to_vec()),
        (Axis::FdKinds, kinds.map(|kind| kind.name().to_owned()).collect()),
        (Axis::Paths, PathClass::ALL.map(|class| class.name().to_owned()).to_vec()),
        (Axis::Errnos, errnos.collect()),
    ];
    let lacks = |(axis, names): (Axis, Vec<String>)| {
        let there = columns(reached, axis);
        names.into_iter().filter(move |name| !there.contains(name)).map(move |name| format!("{}: {name}", axis.name()))
    };
    wanted.into_iter().flat_map(lacks).collect()
}

#[test]
fn random_scripts_reach_everything() {
    let (mix, mut player, mut reached) = (Mix::default(), Player::default(), Cells::default());
    for index in 0..MOST {
        if index.is_multiple_of(AT_ONCE) && missing(&reached).is_empty() {
            eprintln!("all is reached within {index} scripts");
            let there = columns(&reached, Axis::Errnos);
            assert!(NEVER.iter().all(|(errno, _)| !there.contains(*errno)), "an error is reached that never is");
            return;
        }
        let sample = sample(1, index, &mix);
        support::play(&mut player, &sample, &mut Guest::new(&sample.world));
        let trace = Trace { calls: player.calls().to_vec(), state: TraceState::Complete };
        reached.merge(&cells(&sample.world, Host::LINUX, &trace));
    }
    let missing = missing(&reached);
    assert!(missing.is_empty(), "not reached within {MOST} scripts:\n{}", missing.join("\n"));
}

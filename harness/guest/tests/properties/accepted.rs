//! What the checker accepts: all that the reference does, all that is permitted besides, and both again however descriptors are
//! numbered.

use std::cell::Cell;

use touchstone_generate::{Mix, Sample};
use touchstone_guest::script::{Player, Wasi};
use touchstone_model::trace::{Outcome, TraceCall};
use touchstone_model::world::World;
use touchstone_oracle::check::Said;
use touchstone_oracle::{Answer, Checker, ErrnoSet, Host, snapshot};
use touchstone_spec::consts::{eventtype, subscription};
use touchstone_spec::{ClauseId, Errno, Function, OpenValue};

use crate::drawn::{Drawn, holds, samples};
use crate::support::{Guest, play};
use crate::watch::watch;

/// What a checker says of each call of a trace, with its clauses. An error is the first call that it does not accept.
fn accepted(world: &World, calls: &[TraceCall]) -> Result<(Checker, Vec<Vec<ClauseId>>), String> {
    let mut checker = Checker::new(world, Host::LINUX);
    let mut clauses = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        let said = checker.call(call);
        if said != Ok(Said::Accepted) && !(said == Ok(Said::Unjudged) && is_open(call)) {
            let errno = call.outcome.as_ref().map(|outcome| outcome.errno().map_or("?", Errno::name));
            let mismatches = &checker.findings().mismatches;
            return Err(format!("call {index}: {said:?} {}({:x?}) = {errno:?} {mismatches:?}", call.function.name(), call.args));
        }
        clauses.push(checker.findings().clauses.clone());
    }
    Ok((checker, clauses))
}

/// Whether nobody can judge a call: what entries are behind a cookie that the guest made up.
fn is_open(call: &TraceCall) -> bool {
    call.function == Function::FdReaddir && call.args[3] != 0
}

#[test]
fn the_checker_accepts_what_the_reference_does_and_sees_the_same_tree() {
    holds(10_000, &samples(&Mix::default()), |Drawn(sample)| {
        let (calls, reference) = watch(&sample, |_| Ok(()))?;
        let (checker, _) = accepted(&sample.world, &calls)?;
        let tree = snapshot(reference.state());
        let followed: Vec<_> = checker.states().iter().map(snapshot).collect();
        if followed.contains(&tree) { Ok(()) } else { Err(format!("the reference left {tree:?}\nthe checker saw {followed:?}")) }
    });
}

/// A runtime that answers another permitted error code than the reference wherever there is one, be it besides success.
struct Contrary {
    guest: Guest,
    /// Answers that are not the reference's.
    own: u32,
}

impl Wasi for Contrary {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        let before = self.guest.clone();
        let answer = self.guest.answer(call);
        let permitted = self.guest.reference.findings().errnos;
        let Answer::Returns(Outcome { errno, .. }) = answer else { return answer };
        let others: Vec<u32> = codes(permitted).filter(|code| *code != errno).collect();
        // now the first of them, now another
        match others.get(self.own as usize % others.len().max(1)).copied() {
            Some(errno) => {
                self.guest = before;
                self.own += 1;
                Answer::Returns(Outcome { errno, outputs: Vec::new() })
            }
            None => answer,
        }
    }
}

/// The codes of a set.
fn codes(set: ErrnoSet) -> impl Iterator<Item = u32> {
    Errno::ALL.into_iter().map(|errno| u32::from(errno.raw())).filter(move |raw| set.has(*raw))
}

/// What a runtime did that is contrary wherever it may be, and how often it was.
fn contrary(sample: &Sample) -> (Vec<TraceCall>, u32) {
    let mut player = Player::default();
    let mut runtime = Contrary { guest: Guest::new(&sample.world), own: 0 };
    play(&mut player, sample, &mut runtime);
    (player.calls().to_vec(), runtime.own)
}

#[test]
fn what_is_said_to_be_permitted_is_accepted_and_accepted_again() {
    let own = Cell::new(0);
    holds(4000, &samples(&Mix::default()), |Drawn(sample)| {
        let (calls, answers) = contrary(&sample);
        own.set(own.get() + answers);
        let (_, clauses) = accepted(&sample.world, &calls)?;
        let (_, again) = accepted(&sample.world, &calls)?;
        if clauses != again {
            return Err("the second time it is for other reasons".to_owned());
        }
        let renumbered: Vec<TraceCall> = calls.iter().map(renumbered).collect();
        accepted(&sample.world, &renumbered).map(|_| ()).map_err(|text| format!("with other descriptors: {text}"))
    });
    assert!(own.get() > 3000, "only {} answers were not the reference's", own.get());
}

/// Preopens and standard streams stay where they are; descriptors behind them change their numbers with some far above, so that
/// different ones stay different, whoever made them up.
fn other_number(fd: u32) -> u32 {
    const FIRST: u32 = 5;
    const MANY: u32 = 1000;
    const ABOVE: u32 = 1_000_000;
    match fd {
        FIRST..MANY => fd + ABOVE,
        _ if (FIRST + ABOVE..MANY + ABOVE).contains(&fd) => fd - ABOVE,
        _ => fd,
    }
}

/// Which core parameters are descriptors.
fn fd_params(function: Function) -> impl Iterator<Item = usize> {
    let is_fd = move |index: &usize| function.params()[*index].ty.open_value() == Some(OpenValue::Fd);
    (0..function.params().len()).filter(is_fd).map(move |index| function.core_index(index))
}

/// The call with other numbers for descriptors wherever one stands.
fn renumbered(call: &TraceCall) -> TraceCall {
    let mut call = call.clone();
    for index in fd_params(call.function) {
        if let Ok(fd) = u32::try_from(call.args[index]) {
            call.args[index] = other_number(fd).into();
        }
    }
    let gives = matches!(call.function, Function::PathOpen | Function::SockAccept);
    if let Some(bytes) = call.outcome.as_mut().filter(|_| gives).and_then(|outcome| outcome.outputs.first_mut()?.bytes.as_mut()) {
        renumber_at(bytes, 0);
    }
    if let (Function::PollOneoff, Some(bytes)) = (call.function, call.inputs.first_mut().and_then(|input| input.bytes.as_mut())) {
        for subscription in bytes.chunks_exact_mut(subscription::BYTES) {
            if u64::from(subscription[TAG]) != eventtype::CLOCK {
                renumber_at(subscription, TAG + 8);
            }
        }
    }
    call
}

/// Where a subscription says what it is about; the descriptor stands eight bytes further on.
const TAG: usize = subscription::U;

fn renumber_at(bytes: &mut [u8], at: usize) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        let fd = u32::from_le_bytes([place[0], place[1], place[2], place[3]]);
        place.copy_from_slice(&other_number(fd).to_le_bytes());
    }
}

#[test]
fn a_code_that_is_not_permitted_is_rejected_wherever_it_stands() {
    holds(150, &samples(&Mix::default()), |Drawn(sample)| {
        let (calls, _) = watch(&sample, |_| Ok(()))?;
        for (index, call) in calls.iter().enumerate().filter(|(_, call)| call.outcome.is_some()) {
            let mut checker = Checker::new(&sample.world, Host::LINUX);
            if is_open(call) || calls[..index].iter().any(|before| checker.call(before) == Ok(Said::Rejected)) {
                continue;
            }
            // the owner of a robust mutex died: no clause permits that
            let errno = Errno::Ownerdead.raw().into();
            let lie = TraceCall { outcome: Some(Outcome { errno, outputs: Vec::new() }), ..call.clone() };
            if checker.call(&lie) != Ok(Said::Rejected) {
                return Err(format!("call {index}: {} may answer ownerdead", call.function.name()));
            }
        }
        Ok(())
    });
}

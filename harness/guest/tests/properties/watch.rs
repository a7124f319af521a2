//! A run on the reference, looked at call by call.

use touchstone_generate::Sample;
use touchstone_guest::script::{Player, Wasi};
use touchstone_model::trace::TraceCall;
use touchstone_oracle::{Answer, Reference, State};

use crate::support::{Guest, play};

/// A call that has come back, and the state on both sides of it.
pub(crate) struct Seen<'a> {
    pub(crate) call: &'a TraceCall,
    pub(crate) before: &'a State,
    pub(crate) after: &'a Reference,
}

impl Seen<'_> {
    pub(crate) fn succeeded(&self) -> bool {
        self.call.outcome.as_ref().is_some_and(|outcome| outcome.errno == 0)
    }
}

struct Watched<W> {
    guest: Guest,
    watch: W,
    complaint: Result<(), String>,
}

impl<W: FnMut(&Seen<'_>) -> Result<(), String>> Wasi for Watched<W> {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        let before = self.guest.reference.state().clone();
        let answer = self.guest.answer(call);
        if let (Ok(()), Answer::Returns(outcome)) = (&self.complaint, &answer) {
            let call = TraceCall { outcome: Some(outcome.clone()), ..call.clone() };
            let seen = Seen { call: &call, before: &before, after: &self.guest.reference };
            let complaint = (self.watch)(&seen);
            self.complaint = complaint.map_err(|text| format!("{}({:x?}): {text}", call.function.name(), call.args));
        }
        answer
    }
}

/// Plays a sample on the reference and gives what the watch says first, or the calls that were made and the reference after them.
pub(crate) fn watch(sample: &Sample, watch: impl FnMut(&Seen<'_>) -> Result<(), String>) -> Result<(Vec<TraceCall>, Reference), String> {
    let mut player = Player::default();
    let mut watched = Watched { guest: Guest::new(&sample.world), watch, complaint: Ok(()) };
    play(&mut player, sample, &mut watched);
    watched.complaint.map(|()| (player.calls().to_vec(), watched.guest.reference))
}

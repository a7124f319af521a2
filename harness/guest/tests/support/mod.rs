//! The reference as a runtime for scripts that are played.

use touchstone_generate::Sample;
use touchstone_guest::script::program::program;
use touchstone_guest::script::{PlayedEnd, Player, Wasi};
use touchstone_model::trace::TraceCall;
use touchstone_model::world::{Stdin, World};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Host, Reference};

/// The reference, with clocks that go on by a microsecond at each call.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) reference: Reference,
    nanoseconds: u64,
}

impl Guest {
    pub(crate) fn new(world: &World) -> Guest {
        // the reference is given its input as a host would give it: after the start
        let stdin = Stdin { bytes: Vec::new(), open: true, ..world.stdin };
        let mut reference = Reference::new(&World { stdin, ..world.clone() }, Host::LINUX, 1);
        reference.feed(&world.stdin.bytes, true);
        Guest { reference, nanoseconds: 1_750_000_000_000_000_000 }
    }
}

impl Wasi for Guest {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        self.nanoseconds += 1000;
        let clocks = Clocks { realtime: self.nanoseconds, monotonic: self.nanoseconds, cpu: self.nanoseconds };
        self.reference.call(call, clocks)
    }
}

/// Plays a sample on something that answers its calls.
pub(crate) fn play(player: &mut Player, sample: &Sample, wasi: &mut impl Wasi) -> PlayedEnd {
    let program = program(&sample.script, &sample.world).unwrap_or_else(|mistake| panic!("{}\n{}", mistake.message, sample.script));
    player.play(&program, wasi)
}

//! Valid calls to `poll_oneoff`.

use touchstone_model::script::{Arg, ClockArgs, Span, Subscription, SubscriptionKind};
use touchstone_spec::Function;
use touchstone_spec::consts::subclockflags;

use super::{Draft, Effect, Maker};
use crate::ast::{int, word};

/// Clocks that a poll may wait for.
const CLOCKS: [&str; 2] = ["monotonic", "realtime"];

impl Maker<'_> {
    pub(super) fn poll(&mut self) -> Draft {
        let count = 1 + self.dice.below(3);
        let mut items: Vec<Subscription> = (0..count).map(|_| self.subscription()).collect();
        // so that no poll waits for what may never come
        items.push(self.clock());
        let args = vec![Arg::Subscriptions(items, Span::default())];
        Draft { function: Function::PollOneoff, bind: None, args, base: None, effect: Effect::None }
    }

    pub(crate) fn subscription(&mut self) -> Subscription {
        let kind = match self.dice.byte() {
            0..80 if self.mix.streams => SubscriptionKind::FdRead(word("stdin")),
            80..120 if self.mix.streams => SubscriptionKind::FdWrite(word("stdout")),
            120..140 if self.mix.streams => SubscriptionKind::FdWrite(word("stderr")),
            _ => return self.clock(),
        };
        self.with_userdata(kind)
    }

    /// A clock that waits no longer than the mix allows. Times since 1970 that are so short have long passed.
    pub(crate) fn clock(&mut self) -> Subscription {
        let longest = self.mix.longest_wait_nanoseconds;
        let timeout = self.dice.choose(&[0, 1.min(longest), longest / 1000, longest / 10, longest]);
        let timeout = timeout.max(self.mix.shortest_wait_nanoseconds);
        let id = word(self.dice.choose(&CLOCKS));
        let byte = self.dice.byte();
        let precision = int(if byte < 192 { 0 } else { longest });
        let flags = int(if byte.is_multiple_of(4) { subclockflags::SUBSCRIPTION_CLOCK_ABSTIME } else { 0 });
        self.with_userdata(SubscriptionKind::Clock(Box::new(ClockArgs { id, timeout: int(timeout), precision, flags })))
    }

    fn with_userdata(&mut self, kind: SubscriptionKind) -> Subscription {
        let userdata = match self.dice.byte() {
            0..96 => None,
            byte @ 96..240 => Some(int(u64::from(byte % 4))),
            _ => Some(int(u64::MAX)),
        };
        Subscription { kind, userdata, span: Span::default() }
    }
}

//! Times of files, which nobody can foretell: what is known of one, and what an observation makes of it.

use touchstone_model::tree;
use touchstone_model::world::START_TIME_NANOSECONDS;

use super::Clocks;

/// A timestamp of a file in nanoseconds since 1970, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Somebody set it to this.
    Set(u64),
    /// The host set it to the time of an event, not before this time by the host's clock.
    Now { not_before: u64 },
    /// The host set it during the run, and this was seen.
    Seen(u64),
    /// The host may have changed it or not.
    Any,
}

/// A host may stamp a file with the time of its last clock tick: 1/100 s at the slowest kernel setting, and a little more.
const TICK_NANOSECONDS: u64 = 20_000_000;

/// Two times closer than this have to do with each other: a guest that adds a second to "now" did not invent the sum.
const RELATED_NANOSECONDS: u64 = 3_600_000_000_000;

fn related(one: u64, other: u64) -> bool {
    one.abs_diff(other) < RELATED_NANOSECONDS
}

impl Clocks {
    /// Takes note of a time that the host put on a file or a stream.
    pub fn stamp(&mut self, time: u64) {
        if !self.is_stamped_near(time)
            && let Some(free) = self.stamps.iter_mut().find(|stamp| stamp.is_none())
        {
            *free = Some(time);
        }
    }

    /// Whether the guest has seen a time of the host's near this one.
    fn is_stamped_near(&self, time: u64) -> bool {
        self.stamps.iter().flatten().any(|stamp| related(*stamp, time))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Time::Set(time) => write!(f, "{time}"),
            Time::Now { .. } | Time::Seen(_) => f.write_str("now"),
            Time::Any => f.write_str("any"),
        }
    }
}

impl Time {
    /// Whether a runtime may say that this is the time; binds it where it was open.
    pub fn accepts(&mut self, seen: u64) -> bool {
        match *self {
            Time::Set(time) | Time::Seen(time) => time == seen,
            Time::Now { not_before } => {
                let holds = seen.saturating_add(TICK_NANOSECONDS) >= not_before && seen > START_TIME_NANOSECONDS;
                if holds {
                    *self = Time::Seen(seen);
                }
                holds
            }
            Time::Any => {
                *self = if seen == START_TIME_NANOSECONDS { Time::Set(seen) } else { Time::Seen(seen) };
                true
            }
        }
    }

    /// Whether the file may show this time when the run is over. The guest may have set one that it had seen.
    pub fn agrees(self, seen: tree::Time, clocks: &Clocks) -> bool {
        let is_recent = |time: u64| clocks.realtime.is_some_and(|clock| related(clock, time)) || clocks.is_stamped_near(time);
        match (self, seen) {
            (Time::Set(time), tree::Time::Now) => is_recent(time),
            (Time::Set(time), seen) => tree::Time::at(time) == seen,
            (Time::Seen(_), tree::Time::Now) | (Time::Now { .. }, tree::Time::Now) | (Time::Any, _) => true,
            (Time::Seen(time), seen) => tree::Time::at(time) == seen,
            (Time::Now { .. }, tree::Time::Start | tree::Time::At(_)) => false,
        }
    }

    /// The time, made certain: `now` where the host decides.
    pub fn bound(self, now: u64) -> Time {
        match self {
            Time::Set(_) | Time::Seen(_) => self,
            Time::Now { .. } | Time::Any => Time::Seen(now),
        }
    }

    /// The time itself; `now` where the host decides.
    pub fn or(self, now: u64) -> u64 {
        match self {
            Time::Set(time) | Time::Seen(time) => time,
            Time::Now { .. } | Time::Any => now,
        }
    }
}

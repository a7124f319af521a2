//! `clock_res_get` and `clock_time_get`.

use touchstone_spec::clause;
use touchstone_spec::consts::clockid;

use crate::step::{Flow, Mode, Seen, Step, number_at};

/// Which clock a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Realtime,
    Monotonic,
    /// Of the process (0) or of the thread (1).
    Cpu(usize),
    Unknown,
}

impl Clock {
    pub(crate) fn of(id: u64) -> Clock {
        match id {
            clockid::REALTIME => Clock::Realtime,
            clockid::MONOTONIC => Clock::Monotonic,
            clockid::PROCESS_CPUTIME_ID => Clock::Cpu(0),
            clockid::THREAD_CPUTIME_ID => Clock::Cpu(1),
            _ => Clock::Unknown,
        }
    }
}

pub(crate) fn clock_res_get(step: &mut Step<'_>) -> Flow {
    let id = step.arg(0);
    match Clock::of(id) {
        Clock::Unknown => step.applies(clause!("clock_res_get.unknown-clock")),
        Clock::Cpu(_) => {
            step.applies(clause!("clock_res_get.cputime-clocks"));
            agreement(step, id);
        }
        Clock::Realtime | Clock::Monotonic => step.cite(clause!("clock_res_get.required-clocks")),
    }
    if let Mode::Check(Seen::Errno(_)) = step.mode {
        step.cite(clause!("clock_res_get.unsupported-clock"));
    }
    step.succeeds()?;
    supported(step, id);
    step.cite(clause!("clock_res_get.not-zero"));
    step.make(1_u64.to_le_bytes().to_vec());
    if let Some(seen) = step.seen(0)
        && number_at(seen.kept(), 0, 8) == 0
    {
        step.mismatch(clause!("clock_res_get.not-zero"), "a resolution above 0".to_owned(), "resolution 0".to_owned());
    }
    Ok(())
}

/// A clock has both a resolution and a time, or neither.
fn agreement(step: &mut Step<'_>, id: u64) {
    let index = usize::try_from(id).unwrap_or_default();
    let known = step.state.clocks.supported[index.min(3)];
    let seen = match step.mode {
        Mode::Check(Seen::Success(_)) => true,
        Mode::Check(Seen::Errno(_)) => false,
        Mode::Check(Seen::NoReturn) | Mode::Prefer(_) | Mode::Effect => return,
    };
    step.cite(clause!("clock_res_get.agrees-with-time"));
    if known.is_some_and(|known| known != seen) {
        step.miss(clause!("clock_res_get.agrees-with-time"));
    }
    step.state.clocks.supported[index.min(3)] = Some(seen);
}

fn supported(step: &mut Step<'_>, id: u64) {
    let index = usize::try_from(id).unwrap_or(usize::MAX);
    if let Some(known) = step.state.clocks.supported.get_mut(index) {
        *known = Some(true);
    }
}

pub(crate) fn clock_time_get(step: &mut Step<'_>) -> Flow {
    let id = step.arg(0);
    let clock = Clock::of(id);
    match clock {
        Clock::Unknown => step.applies(clause!("clock_time_get.unknown-clock")),
        Clock::Cpu(_) => {
            step.applies(clause!("clock_time_get.cputime-clocks"));
            agreement(step, id);
        }
        Clock::Realtime | Clock::Monotonic => step.cite(clause!("clock_time_get.required-clocks")),
    }
    if let Mode::Check(Seen::Errno(_)) = step.mode {
        step.cite(clause!("clock_time_get.unsupported-clock"));
    }
    step.cite(clause!("clock_time_get.any-precision"));
    step.cite(clause!("clock_time_get.lag"));
    step.succeeds()?;
    supported(step, id);
    let making = match &step.mode {
        Mode::Prefer(making) => Some((making.realtime, making.monotonic, making.cpu)),
        Mode::Check(_) | Mode::Effect => None,
    };
    if let Some((realtime, monotonic, cpu)) = making {
        let value = match clock {
            Clock::Realtime => realtime,
            Clock::Monotonic => monotonic,
            Clock::Cpu(_) | Clock::Unknown => cpu,
        };
        step.make(value.to_le_bytes().to_vec());
    }
    let Some(seen) = step.seen(0).map(|capture| number_at(capture.kept(), 0, 8)) else { return Ok(()) };
    check(step, clock, seen);
    Ok(())
}

fn check(step: &mut Step<'_>, clock: Clock, seen: u64) {
    match clock {
        Clock::Realtime => {
            step.cite(clause!("clock_time_get.realtime-epoch"));
            if seen <= touchstone_model::world::START_TIME_NANOSECONDS {
                let clause = clause!("clock_time_get.realtime-epoch");
                step.mismatch(clause, "nanoseconds since 1970".to_owned(), "a time before 2001-09-09".to_owned());
            }
            step.state.clocks.realtime = Some(seen);
        }
        Clock::Monotonic => {
            step.cite(clause!("clock_time_get.monotonic"));
            step.cite(clause!("clock_time_get.monotonic-measures"));
            step.cite(clause!("clock_time_get.monotonic-epoch"));
            if let Some(earliest) = step.state.clocks.monotonic
                && seen < earliest
            {
                let (expected, seen) = ("a later time".to_owned(), "an earlier time than could be".to_owned());
                step.mismatch(clause!("clock_time_get.monotonic"), expected, seen);
            }
            step.state.clocks.monotonic = Some(seen);
        }
        Clock::Cpu(which) => {
            step.cite(clause!("clock_time_get.cputime-advances"));
            let earliest = step.state.clocks.cpu[which];
            if seen < earliest {
                let (expected, seen) = ("a later time".to_owned(), "an earlier time than before".to_owned());
                step.mismatch(clause!("clock_time_get.cputime-advances"), expected, seen);
            }
            step.state.clocks.cpu[which] = seen;
        }
        Clock::Unknown => {}
    }
}

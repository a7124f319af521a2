//! What is known of the time after a wait.

use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::World;
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::Function;
use touchstone_spec::consts::{clockid, event, eventtype, subclockflags, subscription, subscription_clock, subscription_u};

const MILLISECOND: u64 = 1_000_000;

/// A subscription to a time of the monotonic clock.
fn until(userdata: u8, timeout: u64, flags: u64) -> Vec<u8> {
    let mut record = vec![0; subscription::BYTES];
    record[subscription::USERDATA] = userdata;
    let at = subscription::U + subscription_u::PAYLOAD;
    record[at + subscription_clock::ID] = u8::try_from(clockid::MONOTONIC).expect("a byte");
    record[at + subscription_clock::TIMEOUT..][..8].copy_from_slice(&timeout.to_le_bytes());
    record[at + subscription_clock::FLAGS] = u8::try_from(flags).expect("a byte");
    record
}

fn call(function: Function, args: &[u64], inputs: &[&[u8]], outputs: &[&[u8]]) -> TraceCall {
    let captures = |all: &[&[u8]]| -> Vec<Capture> {
        all.iter().map(|bytes| Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes.to_vec()) }).collect()
    };
    let outcome = Some(Outcome { errno: 0, outputs: captures(outputs) });
    TraceCall { function, memory_bytes: 1 << 16, args: args.to_vec(), inputs: captures(inputs), outcome }
}

fn reads_clock(time: u64) -> TraceCall {
    call(Function::ClockTimeGet, &[clockid::MONOTONIC, 0, 0x800], &[], &[&time.to_le_bytes()])
}

/// What is said of a clock that shows half a millisecond, then the one event with userdata 0, and then this time.
fn after_wait(subscriptions: &[Vec<u8>], time: u64) -> Said {
    let mut seen = vec![0; event::BYTES];
    seen[event::TYPE] = u8::try_from(eventtype::CLOCK).expect("a byte");
    let args = [0x100, 0x400, subscriptions.len() as u64, 0x800];
    let waits = call(Function::PollOneoff, &args, &[&subscriptions.concat()], &[&1_u32.to_le_bytes(), &seen]);
    let mut checker = Checker::new(&World::default(), Host::LINUX);
    let mut said = |call: &TraceCall| checker.call(call).expect("one state");
    assert_eq!([said(&reads_clock(MILLISECOND / 2)), said(&waits)], [Said::Accepted; 2]);
    said(&reads_clock(time))
}

#[test]
fn the_time_of_an_event_has_passed() {
    let subscriptions = [until(0, MILLISECOND, 0), until(1, MILLISECOND, subclockflags::SUBSCRIPTION_CLOCK_ABSTIME)];
    assert_eq!(after_wait(&subscriptions, MILLISECOND + MILLISECOND / 2 - 1), Said::Rejected);
    assert_eq!(after_wait(&subscriptions, MILLISECOND + MILLISECOND / 2), Said::Accepted);
}

#[test]
fn an_event_that_may_be_about_two_says_that_the_earlier_time_has_passed() {
    let subscriptions = [until(0, MILLISECOND, 0), until(0, MILLISECOND, subclockflags::SUBSCRIPTION_CLOCK_ABSTIME)];
    assert_eq!(after_wait(&subscriptions, MILLISECOND - 1), Said::Rejected);
    assert_eq!(after_wait(&subscriptions, MILLISECOND), Said::Accepted);
}

#[test]
fn an_event_that_may_be_about_two_is_not_about_a_time_years_ahead() {
    let years = 31 * 365 * 86_400 * 1_000 * MILLISECOND;
    let reachable = until(0, years + 1, subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
    let mut checker = Checker::new(&World::default(), Host::LINUX);
    let mut seen = vec![0; event::BYTES];
    seen[event::TYPE] = u8::try_from(eventtype::CLOCK).expect("a byte");
    let waits = |subscriptions: &[Vec<u8>]| {
        call(Function::PollOneoff, &[0x100, 0x400, 2, 0x800], &[&subscriptions.concat()], &[&1_u32.to_le_bytes(), &seen])
    };
    assert_eq!(checker.call(&reads_clock(years)).expect("one state"), Said::Accepted);
    assert_eq!(checker.call(&waits(&[until(0, years, 0), reachable])).expect("one state"), Said::Accepted);
    assert_eq!(checker.call(&waits(&[until(0, years, 0), until(1, 1, 0)])).expect("one state"), Said::Rejected);
}

//! Random scripts on the reference: most calls succeed, and every function does.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use touchstone_generate::{Mix, Sample, Share, sample};
use touchstone_guest::script::{PlayedEnd, Player};
use touchstone_model::trace::TraceCall;
use touchstone_spec::{Errno, Function};

use support::Guest;

const SAMPLES: u64 = 5000;

/// How the calls to one function ended.
#[derive(Default)]
struct Tally {
    calls: u64,
    successes: u64,
    errnos: BTreeMap<u32, u64>,
}

impl Tally {
    fn add(&mut self, call: &TraceCall, end: PlayedEnd) {
        self.calls += 1;
        match &call.outcome {
            Some(outcome) if outcome.errno == 0 => self.successes += 1,
            Some(outcome) => *self.errnos.entry(outcome.errno).or_default() += 1,
            None => self.successes += u64::from(matches!(end, PlayedEnd::Exited(_))),
        }
    }

    fn line(&self, function: Function) -> String {
        let errno = |(raw, count): (&u32, &u64)| format!("{} {count}", Errno::from_raw(*raw).map_or("?", Errno::name));
        let errnos: Vec<String> = self.errnos.iter().map(errno).collect();
        format!("{:24} {:6} {:6}  {}", function.name(), self.calls, self.successes, errnos.join(", "))
    }
}

/// The calls of a sample, without those with which it looked for its preopens. (Where it was cut short, calls at its start that
/// look like those count as such.)
fn own_calls<'p>(player: &'p Player, sample: &Sample, end: PlayedEnd) -> &'p [TraceCall] {
    let calls = player.calls();
    let looks = |call: &&TraceCall| matches!(call.function, Function::FdPrestatGet | Function::FdPrestatDirName);
    let looked = match end {
        PlayedEnd::Returned => calls.len() - sample.script.calls().count(),
        PlayedEnd::Exited(_) | PlayedEnd::Trapped | PlayedEnd::Waits => calls.iter().take_while(looks).count(),
    };
    &calls[looked..]
}

fn tallies(mix: &Mix) -> BTreeMap<u8, Tally> {
    let mut player = Player::default();
    let mut out: BTreeMap<u8, Tally> = BTreeMap::new();
    let (mut written, mut made) = (0, 0);
    for index in 0..SAMPLES {
        let sample = sample(1, index, mix);
        let end = support::play(&mut player, &sample, &mut Guest::new(&sample.world));
        written += sample.script.calls().count();
        made += own_calls(&player, &sample, end).len();
        for call in own_calls(&player, &sample, end) {
            out.entry(call.function.index()).or_default().add(call, end);
        }
    }
    eprintln!("{made} of {written} calls are made before the program ends");
    assert!(made * 100 > written * 88, "too many programs end too soon");
    out
}

/// What share of the calls succeeds, in percent.
fn success(tallies: &BTreeMap<u8, Tally>) -> f64 {
    let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum::<u64>() as f64;
    100.0 * sum(|tally| tally.successes) / sum(|tally| tally.calls)
}

fn show(tallies: &BTreeMap<u8, Tally>) {
    for function in Function::ALL {
        if let Some(tally) = tallies.get(&function.index()) {
            eprintln!("{}", tally.line(function));
        }
    }
    eprintln!("{:.1} % succeed", success(tallies));
}

#[test]
fn most_calls_succeed_and_every_function_does() {
    let tallies = tallies(&Mix::default());
    show(&tallies);
    let share = success(&tallies);
    assert!((40.0..80.0).contains(&share), "{share} % succeed");
    // a world has no sockets
    let never = [Function::SockAccept, Function::SockRecv, Function::SockSend, Function::SockShutdown];
    let succeeds = |function: &Function| tallies.get(&function.index()).is_some_and(|tally| tally.successes > 0);
    let failing: Vec<&str> = Function::ALL.iter().filter(|it| !succeeds(it) && !never.contains(it)).map(|it| it.name()).collect();
    assert!(failing.is_empty(), "never succeed: {failing:?}");
    let errnos: BTreeSet<u32> = tallies.values().flat_map(|tally| tally.errnos.keys().copied()).collect();
    assert!(errnos.len() >= 18, "only {} errnos", errnos.len());
}

#[test]
fn calls_that_are_meant_to_be_valid_are() {
    let tallies = tallies(&Mix { share: Share { boundary: 0, abuse: 0 }, ..Mix::default() });
    let share = success(&tallies);
    assert!(share > 93.0, "{share} % succeed");
}

#[test]
fn a_kernel_can_witness_what_is_made_for_it() {
    let tallies = tallies(&Mix::kernel());
    show(&tallies);
    let share = success(&tallies);
    // nothing abuses the interface here: more than of the default mix succeed, and not nearly all
    assert!((40.0..85.0).contains(&share), "{share} % succeed");
    assert_eq!(tallies.len(), 28, "functions are called");
}

//! Random scripts on the reference: most calls succeed, every function does, and the checker accepts all that the reference did.

use std::collections::{BTreeMap, BTreeSet};

use touchstone_generate::{Mix, Sample, Share, sample};
use touchstone_guest::script::program::program;
use touchstone_guest::script::{PlayedEnd, Player, Wasi};
use touchstone_model::trace::TraceCall;
use touchstone_model::world::{Stdin, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Checker, Host, Reference};
use touchstone_spec::{Errno, Function};

const SAMPLES: u64 = 5000;

/// The reference, with clocks that go on by a microsecond at each call.
struct Guest {
    reference: Reference,
    nanoseconds: u64,
}

impl Guest {
    fn new(world: &World) -> Guest {
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

fn play(player: &mut Player, sample: &Sample) -> PlayedEnd {
    let program = program(&sample.script, &sample.world).unwrap_or_else(|mistake| panic!("{}\n{}", mistake.message, sample.script));
    player.play(&program, &mut Guest::new(&sample.world))
}

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
        let end = play(&mut player, &sample);
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
    assert!((40.0..80.0).contains(&share), "{share} % succeed");
    assert_eq!(tallies.len(), 28, "functions are called");
}

#[test]
fn the_checker_accepts_what_the_reference_does() {
    let mut player = Player::default();
    let mut rejected = Vec::new();
    for index in 0..4 * SAMPLES {
        let sample = sample(3, index, &Mix::default());
        play(&mut player, &sample);
        let Some(what) = rejection(&sample.world, player.calls()) else { continue };
        rejected.push(format!("sample {index}: {what}\n{}", sample.script));
    }
    assert!(rejected.is_empty(), "{} traces are rejected\n{}", rejected.len(), rejected.join("\n"));
}

/// The first call of a trace that the checker rejects, and what it says.
fn rejection(world: &World, calls: &[TraceCall]) -> Option<String> {
    let mut checker = Checker::new(world, Host::LINUX);
    for call in calls {
        let said = checker.call(call);
        if !matches!(said, Ok(Said::Accepted | Said::Unjudged)) {
            let answer = call.outcome.as_ref().map(|outcome| outcome.errno);
            let mismatches = &checker.findings().mismatches;
            return Some(format!("{said:?} {}({:x?}) = {answer:?} {mismatches:?}", call.function.name(), call.args));
        }
    }
    None
}

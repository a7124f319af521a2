//! Random scripts as straight-line modules: what is printed and read again does the same on every runtime, and what a script does
//! without wasm is what its module does on the reference.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use touchstone_generate::{Mix, Sample, sample};
use touchstone_guest::script::{PlayedEnd, Player, Wasi, encode, program};
use touchstone_model::judge::Feature;
use touchstone_model::normalise::lines;
use touchstone_model::oracle::OracleReport;
use touchstone_model::script::parse::parse;
use touchstone_model::trace::{Keeper, TraceCall};
use touchstone_model::world::{Access, Stdin, Stdout, World};
use touchstone_model::{End, Observation, bounds};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Host, Reference, report};
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;

use crate::support::{PROGRAM, agree, present};

const SEED: u64 = 12;
const SAMPLES: u64 = 48;

fn spec(runtime: &str) -> WorkerSpec {
    WorkerSpec { program: PathBuf::from(PROGRAM), runtime: runtime.to_owned(), profile: Profile::Default, plant: None }
}

fn bench(scratch: &Scratch) -> Bench<'_> {
    Bench::new(scratch, "straight", Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS))
}

/// The straight-line module of a script.
fn module(sample: &Sample, keeper: Keeper) -> Prepared {
    let program =
        program::program(&sample.script, &sample.world).unwrap_or_else(|mistake| panic!("{}\n{}", mistake.message, sample.script));
    Prepared::recorded(&encode(&program), keeper)
}

/// The sample with its script printed, something written behind it, and read again.
fn read_again(sample: &Sample, behind: &str) -> Sample {
    let text = format!("{}{behind}", sample.script);
    let script = parse(&text).unwrap_or_else(|mistake| panic!("{}\n{text}", mistake.message));
    Sample { world: sample.world.clone(), script }
}

/// The samples, without those whose worlds need a feature that is absent.
fn samples(absent: &[Feature]) -> impl Iterator<Item = (u64, Sample)> + '_ {
    let read_only = absent.contains(&Feature::ReadOnlyPreopens);
    let can_be = move |(_, sample): &(u64, Sample)| !(read_only && sample.world.preopens.iter().any(|it| it.access == Access::ReadOnly));
    (0..SAMPLES).map(|index| (index, sample(SEED, index, &Mix::default()))).filter(can_be)
}

/// All of an observation that can be compared between runs.
fn seen(observation: &Observation) -> Vec<String> {
    let tree = observation.tree.0.iter().map(|(path, entry)| format!("{path} {entry}"));
    let end =
        [("end", observation.end.to_string()), ("stdout", observation.stdout.to_string()), ("stderr", observation.stderr.to_string())];
    let end = end.into_iter().map(|(what, text)| format!("{what} {text}"));
    lines(&observation.trace.calls).into_iter().chain(end).chain(tree).collect()
}

#[test]
fn a_script_that_is_printed_and_read_does_the_same_on_every_runtime() {
    let scratch = Scratch::new().expect("a scratch folder");
    let mut bench = bench(&scratch);
    for (runtime, keeper) in present() {
        let absent = bench.absent_features(&spec(runtime)).expect("probes");
        let (mut compared, mut open) = (0, 0);
        for (index, sample) in samples(&absent) {
            let again = read_again(&sample, "");
            let bench = RefCell::new(&mut bench);
            let run = |sample: &Sample| {
                let observation = bench.borrow_mut().observe(&spec(runtime), &sample.world, &module(sample, keeper));
                seen(&observation.expect("a run"))
            };
            let agreed = agree(|| run(&sample), || run(&again));
            match agreed.unwrap_or_else(|what| panic!("sample {index} on {runtime}: {what}\n{}", sample.script)) {
                Some(()) => compared += 1,
                None => open += 1,
            }
        }
        assert!(compared > 25 && compared > 8 * open, "on {runtime} {compared} samples do the same, {open} never do");
    }
}

/// Scripts that are compared on the trampoline and as modules of their own; fewer on a runtime where some hang.
const ON_BOTH: u64 = 2000;
const ON_BOTH_WITH_HANGS: u64 = 200;

#[test]
fn the_trampoline_does_what_the_module_of_a_script_does_on_every_runtime() {
    let scratch = Scratch::new().expect("a scratch folder");
    let mut bench = Bench::new(&scratch, "trampoline", Duration::from_secs(bounds::RANDOM_TIMEOUT_SECONDS));
    for (runtime, keeper) in present().into_iter().filter(|(_, keeper)| *keeper == Keeper::Module) {
        let count = if runtime == "wasmer" { ON_BOTH_WITH_HANGS } else { ON_BOTH };
        let (mut compared, mut open) = (0, 0);
        for index in 0..count {
            let sample = sample(SEED + 1, index, &Mix { read_only: false, ..Mix::default() });
            let program = program::program(&sample.script, &sample.world).expect("a program");
            let bench = RefCell::new(&mut bench);
            let run = |module: &Prepared| {
                let observation = bench.borrow_mut().observe(&spec(runtime), &sample.world, module);
                seen(&observation.expect("a run"))
            };
            let (own, trampoline) = (module(&sample, keeper), Prepared::played(&program, keeper));
            match agree(|| run(&own), || run(&trampoline))
                .unwrap_or_else(|what| panic!("sample {index} on {runtime}: {what}\n{}", sample.script))
            {
                Some(()) => compared += 1,
                None => open += 1,
            }
        }
        assert!(compared * 10 > count * 8 && compared > 8 * open, "on {runtime} {compared} samples do the same, {open} never do");
    }
}

#[test]
fn programs_agree_by_chance_and_never_where_they_always_differ() {
    let line = |number: u32| vec![number.to_string()];
    let mut late = (0..).map(|run| line(u32::from(run > 20)));
    assert_eq!(agree(|| line(1), || late.next().unwrap_or_default()), Ok(Some(())));
    let mut numbers = 2..;
    assert_eq!(agree(|| line(1), || line(numbers.next().unwrap_or_default())), Ok(None));
    assert!(agree(|| line(1), || line(0)).is_err());
}

#[test]
fn a_script_with_one_call_more_does_something_else() {
    let scratch = Scratch::new().expect("a scratch folder");
    let mut bench = bench(&scratch);
    let mut run = |sample: &Sample| bench.observe(&spec("oracle"), &sample.world, &module(sample, Keeper::Module)).expect("a run");
    let mut compared = 0;
    for (index, sample) in samples(&[]) {
        let whole = run(&sample);
        if whole.trace.calls.iter().any(|call| call.outcome.is_none()) {
            continue;
        }
        let more = run(&read_again(&sample, "path_create_directory(root, \"planted\")\n"));
        assert_ne!(seen(&whole), seen(&more), "sample {index}");
        compared += 1;
    }
    assert!(compared > 20, "only {compared} samples come to their end");
}

/// The reference without wasm, with clocks that go on by a microsecond at each call.
struct Guest {
    reference: Reference,
    nanoseconds: u64,
}

impl Guest {
    /// `number`: guests with different ones find other times and random bytes.
    fn new(world: &World, number: u64) -> Guest {
        // the reference is given its input as a host would give it: after the start
        let stdin = Stdin { bytes: Vec::new(), open: true, ..world.stdin };
        let mut reference = Reference::new(&World { stdin, ..world.clone() }, Host::LINUX, number);
        reference.feed(&world.stdin.bytes, true);
        Guest { reference, nanoseconds: 1_750_000_000_000_000_000 + (number << 40) + number }
    }
}

impl Wasi for Guest {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        self.nanoseconds += 1000;
        let clocks = Clocks { realtime: self.nanoseconds, monotonic: self.nanoseconds, cpu: self.nanoseconds };
        self.reference.call(call, clocks)
    }
}

/// What a script does without wasm: its calls, and its end.
fn played(sample: &Sample, number: u64) -> Vec<String> {
    let program = program::program(&sample.script, &sample.world).expect("a program");
    let mut player = Player::default();
    let end = match player.play(&program, &mut Guest::new(&sample.world, number)) {
        PlayedEnd::Returned => "exit 0".to_owned(),
        PlayedEnd::Exited(code) => format!("exit {code}"),
        PlayedEnd::Trapped | PlayedEnd::Waits => "trap".to_owned(),
    };
    let calls = lines(player.calls());
    calls.into_iter().chain([end]).collect()
}

/// What is wrong with a run, in the oracle's words.
fn rejected(world: &World, observation: &Observation) -> Vec<String> {
    let OracleReport { calls, run, .. } = report(world, Host::LINUX, observation);
    let departures = calls.into_iter().flat_map(|call| call.departures).chain(run);
    departures.map(|it| format!("{} expected {} saw {:?}", it.place, it.expected, it.seen)).collect()
}

#[test]
fn a_script_that_is_played_does_what_its_module_does_on_the_reference() {
    let scratch = Scratch::new().expect("a scratch folder");
    let mut bench = bench(&scratch);
    // what a full device says to a write at an offset the runtime asks the host, and not the world
    let knows = |(_, sample): &(u64, Sample)| sample.world.stdout != Stdout::Full;
    let (mut compared, mut open) = (0, 0);
    for (index, sample) in (0..4 * SAMPLES).map(|index| (index, sample(SEED, index, &Mix::default()))).filter(knows) {
        let mut numbers = 1..;
        let run = || {
            let run = bench.observe(&spec("oracle"), &sample.world, &module(&sample, Keeper::Module)).expect("a run");
            assert_eq!(rejected(&sample.world, &run), Vec::<String>::new(), "sample {index}\n{}", sample.script);
            let end = if let End::Trap { .. } = run.end { "trap".to_owned() } else { run.end.to_string() };
            lines(&run.trace.calls).into_iter().chain([end]).collect()
        };
        match agree(run, || played(&sample, numbers.next().unwrap_or(0)))
            .unwrap_or_else(|what| panic!("sample {index}: {what}\n{}", sample.script))
        {
            Some(()) => compared += 1,
            None => open += 1,
        }
    }
    assert!(compared > 100 && compared > 50 * open, "{compared} samples do the same, {open} never do");
}

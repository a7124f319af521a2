//! The shrinker on planted faults: from a script with much noise around it, it reaches the smallest script that shows the fault.
//!
//! The runtime under test is the reference with a fault planted in it ([`faults`]); the judge is the checker. [`rows`] holds the
//! faults with what shows them: a script with noise in it, and the smallest one, made sure of by hand.

mod faults;
mod rows;

use std::collections::BTreeSet;

use faults::{Fault, Faulty};
use touchstone_generate::{Sample, Shrunk, shrink};
use touchstone_guest::script::{Player, program};
use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_model::trace::TraceCall;
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::Function;

/// How a rejected call is known again: what was called, and what came of it.
type Sign = (Function, Option<u32>);

/// Plays samples on a runtime with a fault and asks the checker about each call.
struct Court {
    fault: Fault,
    player: Player,
}

impl Court {
    /// The first call of the script that the checker rejects, and all of its kind.
    fn signs(&mut self, sample: &Sample) -> Vec<Sign> {
        let Ok(program) = program::program(&sample.script, &sample.world) else { return Vec::new() };
        let mut runtime = Faulty::new(&sample.world, self.fault);
        self.player.play(&program, &mut runtime);
        let mut checker = Checker::new(&sample.world, Host::LINUX);
        let rejected = self.player.calls().iter().filter(|call| checker.call(call) == Ok(Said::Rejected));
        rejected.map(sign).collect()
    }
}

fn sign(call: &TraceCall) -> Sign {
    (call.function, call.outcome.as_ref().map(|outcome| outcome.errno))
}

/// Reads a case without its summary: front matter and script.
fn sample(text: &str) -> Sample {
    let text = format!("#! summary = \"s\"\n#! clauses = [\"fd_seek.negative-result\"]\n{text}");
    let case = Case::parse("a/case", "case.script", Language::Script, &text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Sample { script: case.script().expect("a script").clone(), world: case.world }
}

/// The row's script between noise before and noise after.
fn noisy(row: &rows::Row) -> Sample {
    in_noise(row, &rows::NOISY_SCRIPT.replace("${script}", row.noisy))
}

fn in_noise(row: &rows::Row, script: &str) -> Sample {
    sample(&format!("{}{script}", rows::NOISE.replace("${tree}", row.tree)))
}

/// The row's script with its statements somewhere among the noise, in their order.
fn scattered(row: &rows::Row, seed: u64) -> Sample {
    let mut noise: Vec<&str> = rows::NOISY_SCRIPT.lines().filter(|line| *line != "${script}").collect();
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = 0;
    for line in row.noisy.lines() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        at += usize::try_from((state >> 33) % (noise.len() - at + 1) as u64).expect("a place");
        noise.insert(at, line);
        at += 1;
    }
    in_noise(row, &noise.join("\n"))
}

/// What the row's script shows.
fn shown(row: &rows::Row) -> Sign {
    let mut court = Court { fault: row.fault, player: Player::default() };
    let shown = court.signs(&noisy(row)).first().copied();
    shown.unwrap_or_else(|| {
        let calls: Vec<Sign> = court.player.calls().iter().map(sign).collect();
        panic!("{}: the noisy script does not show it: {calls:?}", row.name)
    })
}

fn shrunk(row: &rows::Row, start: Sample) -> Shrunk {
    let mut court = Court { fault: row.fault, player: Player::default() };
    let shown = shown(row);
    shrink(start, &mut |candidate| court.signs(candidate).contains(&shown))
}

/// What is not as the row wants it, in words.
fn difference(row: &rows::Row, found: &Shrunk) -> Option<String> {
    let wanted = sample(row.smallest);
    let Shrunk { sample: Sample { world, script }, tried, minimal } = found;
    let same = (world, script.to_string()) == (&wanted.world, wanted.script.to_string());
    (!same || !minimal).then(|| {
        let Sample { world: other, script: wanted } = wanted;
        format!("{}, {tried} tried: {world:?}\n{script}but wanted: {other:?}\n{wanted}", row.name)
    })
}

#[test]
fn planted_faults_are_shrunk_to_their_smallest_scripts() {
    let broken: Vec<String> = rows::ROWS.iter().filter_map(|row| difference(row, &shrunk(row, noisy(row)))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn wherever_the_noise_stands_the_same_script_is_left() {
    let starts = rows::ROWS.iter().flat_map(|row| (0..8).map(move |seed| (row, scattered(row, seed))));
    let broken: Vec<String> = starts.filter_map(|(row, start)| difference(row, &shrunk(row, start))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn there_are_enough_rows_each_of_its_own() {
    assert!(rows::ROWS.len() >= 30, "{}", rows::ROWS.len());
    let names: BTreeSet<&str> = rows::ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows::ROWS.len());
    let functions: BTreeSet<&str> = rows::ROWS.iter().map(|row| row.name.split([' ', ':']).next().expect("a word")).collect();
    assert!(functions.len() >= 25, "{functions:?}");
}

#[test]
fn the_smallest_scripts_show_their_faults_and_nothing_else() {
    for row in rows::ROWS {
        let mut court = Court { fault: row.fault, player: Player::default() };
        assert_eq!(court.signs(&sample(row.smallest)).first(), Some(&shown(row)), "{}", row.name);
        court.fault = Faulty::honest;
        assert_eq!(court.signs(&sample(row.smallest)), [], "{}", row.name);
        assert_eq!(court.signs(&noisy(row)), [], "{}", row.name);
    }
}

#[test]
fn the_same_sample_is_shrunk_to_the_same_and_what_is_small_stays() {
    for row in rows::ROWS.iter().step_by(5) {
        let once = shrunk(row, noisy(row));
        assert_eq!(once, shrunk(row, noisy(row)), "{}", row.name);
        assert_eq!(once.sample, shrunk(row, once.sample.clone()).sample, "{}", row.name);
    }
}

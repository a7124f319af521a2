//! How a run departs from what is permitted.

use serde::{Deserialize, Serialize};
use touchstone_model::divergence::{ESCAPE, Lines, Shown, Sign};
use touchstone_model::normalise;
use touchstone_model::oracle::{OracleReport, Said};
use touchstone_model::trace::TraceCall;
use touchstone_model::value::errno_text;
use touchstone_model::world::World;
use touchstone_model::{End, Observation};
use touchstone_oracle::Host;
use touchstone_oracle::features::about;
use touchstone_runtimes::Entry;
use touchstone_spec::ClauseId;

/// By what findings are told apart: who, which call, what it was about, what was permitted, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    pub runtime: String,
    /// A function, or `end`, `stdout`, `stderr` or `tree`; or how the run was stopped.
    pub place: String,
    /// Of what is new, the kind of the call's descriptor and the classes of its path. Of what is known, nothing: its cause is on file.
    pub about: String,
    /// The permitted outcomes of a call; where its results are wrong, the clause that they depart from.
    pub permitted: String,
    /// An errno, `ok`, `other results` or `no return`.
    pub seen: String,
}

/// How a run departs from what is permitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Departed {
    pub signature: Signature,
    /// The clauses that the run departs from.
    pub clauses: Vec<String>,
    /// The call, what was permitted, what was seen.
    pub detail: String,
    /// The one of the run's calls that departs, counted from 0; none where what it left behind does.
    pub call: Option<usize>,
    /// The same, as the script counts its calls: from 1, without those that look for preopens, which have no number.
    pub number: Option<usize>,
}

impl Departed {
    /// The same, with what its call was about.
    pub(super) fn told_apart(mut self, world: &World, observation: &Observation) -> Departed {
        let mut index = 0;
        touchstone_oracle::report::report_watched(world, Host::LINUX, observation, |call, state| {
            if self.call == Some(index) {
                self.signature.about = about(call, state);
            }
            index += 1;
        });
        self
    }

    /// Whether another one departs in the same way, whatever its call was about.
    pub(super) fn is_like(&self, signature: &Signature) -> bool {
        Signature { about: String::new(), ..self.signature.clone() } == Signature { about: String::new(), ..signature.clone() }
    }

    /// The divergence that this belongs to, by its signs and the calls of the run.
    pub(super) fn known<'s>(&self, signs: &'s [Sign], calls: &[TraceCall]) -> Option<&'s str> {
        let Departed { signature: Signature { runtime, place, seen, .. }, clauses, call, .. } = self;
        Sign::of(signs, &Shown { runtime, place, clauses, seen, lines: Lines::new(|| lines(calls, *call)) })
    }
}

/// The first thing that is wrong with a run; what comes after may come of it. `searches` of its calls come before its script's own.
pub(super) fn first(entry: &Entry, searches: usize, observation: &Observation, report: &OracleReport) -> Option<Departed> {
    let departed = |call: Option<usize>, [place, permitted, seen]: [&str; 3], clauses: &[ClauseId], detail: String| {
        let [runtime, place, permitted, seen] = [entry.name, place, permitted, seen].map(str::to_owned);
        let clauses = clauses.iter().map(|clause| clause.id().to_owned()).collect();
        let number = call.and_then(|call| call.checked_sub(searches)).map(|before| before + 1);
        let detail = match (number, call) {
            (Some(number), _) => format!("call {number} {detail}"),
            (None, Some(call)) => format!("search {} {detail}", call + 1),
            (None, None) => detail,
        };
        Some(Departed { signature: Signature { runtime, place, about: String::new(), permitted, seen }, clauses, detail, call, number })
    };
    for (index, (call, said)) in observation.trace.calls.iter().zip(&report.calls).enumerate() {
        let Some(departure) = said.departures.first().filter(|_| said.said == Said::Rejected) else { continue };
        let seen = match (&call.outcome, &departure.seen) {
            (None, _) => "no return".to_owned(),
            (Some(_), Some(_)) => "other results".to_owned(),
            (Some(outcome), None) if outcome.errno == 0 => "ok".to_owned(),
            (Some(outcome), None) => errno_text(outcome.errno),
        };
        let clause = departure.clauses.first().map_or("", |clause| clause.id());
        let permitted = said.permitted.to_string();
        let permitted = if departure.seen.is_some() { clause } else { permitted.as_str() };
        let was = departure.seen.as_ref().unwrap_or(&seen);
        let detail = format!("{}: permitted {}, saw {was}", call.function.name(), departure.expected);
        return departed(Some(index), [call.function.name(), permitted, &seen], &departure.clauses, detail);
    }
    match &observation.end {
        End::Exit { .. } | End::Trap { .. } => {}
        end => return Some(stopped(entry.name, end)),
    }
    let departure = report.run.first()?;
    let place = departure.place.split(' ').next().unwrap_or_default();
    let clause = departure.clauses.first().map_or("", |clause| clause.id());
    let seen = departure.seen.clone().unwrap_or_default();
    let kind = if place == "tree" { tree_kind(&departure.expected, &seen) } else { "otherwise".to_owned() };
    let detail = format!("{}: expected {}, saw {seen}", departure.place, departure.expected);
    departed(None, [place, clause, &kind], &departure.clauses, detail)
}

/// The calls of a run up to this one; without it, all of them and an empty line.
fn lines(calls: &[TraceCall], call: Option<usize>) -> Vec<String> {
    let calls = call.map_or(calls, |call| &calls[..=call]);
    let mut lines = normalise::lines(calls);
    lines.extend(call.is_none().then(String::new));
    lines
}

/// What is at a place of the tree instead of what. Content, time and names are told apart by what was expected.
fn tree_kind(expected: &str, seen: &str) -> String {
    let word = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    match (word(expected).as_str(), word(seen).as_str()) {
        ("mtime", _) => "another mtime".to_owned(),
        ("a" | "another", _) => "other names".to_owned(),
        ("file", "file") => "other content".to_owned(),
        ("symlink", "symlink") => "another target".to_owned(),
        (expected, seen) => format!("{seen} for {expected}"),
    }
}

/// How a run got out of the sandbox: the first sign of it, without the number of the call and the names of what the script made.
pub(super) fn escape(observation: &Observation) -> String {
    let sign = observation.escapes.first().map_or("", String::as_str);
    match sign.strip_prefix("call ").and_then(|rest| rest.split_once(' ')) {
        Some((_, rest)) => rest.to_owned(),
        None if sign.ends_with("or a copy") => "a file outside the preopens was copied".to_owned(),
        None if sign.ends_with("was created outside the preopens") => "something was created outside the preopens".to_owned(),
        None => sign.to_owned(),
    }
}

/// The divergence that all that a run shows of an escape belongs to. None where it shows none, or one that nobody knows of.
pub(super) fn known_escape<'s>(signs: &'s [Sign], runtime: &str, observation: &Observation) -> Option<&'s str> {
    let (seen, calls) = (&escape(observation), &observation.trace.calls);
    Sign::of(signs, &Shown { runtime, place: ESCAPE, clauses: &[], seen, lines: Lines::new(|| lines(calls, None)) })
}

/// A run that did not come to an end by itself.
pub(super) fn stopped(runtime: &str, end: &End) -> Departed {
    let signature = Signature {
        runtime: runtime.to_owned(),
        place: "end".to_owned(),
        about: String::new(),
        permitted: String::new(),
        seen: how(&end.to_string()).to_owned(),
    };
    Departed { signature, clauses: Vec::new(), detail: format!("the run ended with {end}"), call: None, number: None }
}

/// How a run was stopped, without what a panic's message quotes: that is another in each script.
fn how(stopped: &str) -> &str {
    stopped.split('"').next().unwrap_or(stopped)
}

#[cfg(test)]
mod tests {
    use touchstone_generate::Sample;
    use touchstone_guest::script::program::program;
    use touchstone_model::judge::searches;
    use touchstone_model::normalise::{lines, normalise};
    use touchstone_oracle::Host;
    use touchstone_oracle::report::{departures, report};
    use touchstone_oracle::state::State;
    use touchstone_runtimes::runtimes;

    use super::first;
    use crate::fuzz::hunter::script;
    use crate::fuzz::rig::Rig;
    use crate::scratch::Scratch;

    const SCRIPTS: u64 = 200;

    #[test]
    fn what_departs_is_found_without_the_clauses_of_what_does_not() {
        let scratch = Scratch::new().unwrap();
        let sealed = scratch.sealed("departed").unwrap();
        // it says yes to every call
        let control = runtimes().iter().find(|entry| entry.name == "yes").unwrap();
        let mut rig = Rig::join(sealed.folder(), [control]).unwrap();
        let mut departed = 0;
        for case in 0..SCRIPTS {
            let Sample { world, script } = script(3, case, None);
            let seen = rig.run(0, &world, &program(&script, &world).unwrap()).unwrap();
            let searches = searches(&world, &seen.trace);
            let whole = first(control, searches, &seen, &report(&world, Host::LINUX, &seen));
            let start = State::new(&world, Host::LINUX);
            for _ in 0..2 {
                assert_eq!(first(control, searches, &seen, &departures(&start, &seen)), whole, "script {case}");
            }
            let calls = normalise(&seen.trace.calls).into_iter().map(|call| format!("{} = {}", call.question, call.answer));
            assert_eq!(lines(&seen.trace.calls), calls.collect::<Vec<String>>(), "script {case}");
            departed += u64::from(whole.is_some());
        }
        assert!(departed > SCRIPTS / 2, "{departed} scripts depart");
    }
}

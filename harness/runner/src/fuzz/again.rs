//! What is new is run again, in processes that have run nothing before it, and made as small as it gets while it stays new.

use std::sync::atomic::{AtomicBool, Ordering};

use touchstone_generate::{Sample, shrink};
use touchstone_guest::script::program;
use touchstone_model::judge::searches;
use touchstone_model::oracle::OracleReport;
use touchstone_model::{End, Observation, bounds};
use touchstone_oracle::Host;
use touchstone_runtimes::{Entry, runtimes};

use super::campaign::{Escape, Finding, Plan};
use super::departed::{self, Departed, first};
use crate::HarnessError;
use crate::observe::{Bench, Prepared};
use crate::pool::WorkerSpec;
use crate::profile::Profile;
use crate::scratch::Scratch;

/// How often a script is run to show again what it has shown.
const CONFIRMATIONS: usize = 4;

/// Runs again what a campaign has found.
pub(super) struct Again<'a> {
    pub(super) plan: &'a Plan,
    pub(super) scratch: &'a Scratch,
    /// Once it is set, nothing is made smaller any more.
    pub(super) stop: &'a AtomicBool,
}

impl Again<'_> {
    /// Makes the script of an escape as small as it gets while it gets out in the same way.
    pub(super) fn make_smaller(&self, escape: &mut Escape) -> Result<(), HarnessError> {
        let Some(entry) = self.entry(&escape.runtime) else { return Ok(()) };
        let shows = |bench: &mut Bench<'_>, sample: &Sample| {
            let seen = self.observe(bench, entry, sample)?;
            Ok(seen.filter(|(seen, _)| !seen.escapes.is_empty() && departed::escape(seen) == escape.how).map(|_| ()))
        };
        if let Some((smaller, ())) = self.smaller(&escape.sample, usize::MAX, shows)? {
            escape.sample = smaller;
        }
        Ok(())
    }

    /// Runs the script of a new finding again, and makes it smaller. Where the harness fails, it stays what it was: new.
    pub(super) fn confirm(&self, finding: &mut Finding) -> Result<(), HarnessError> {
        let Some(entry) = self.entry(&finding.signature.runtime) else { return Ok(()) };
        let signature = finding.signature.clone();
        let shows = |bench: &mut Bench<'_>, sample: &Sample| {
            let Some((observation, report)) = self.observe(bench, entry, sample)? else { return Ok(None) };
            let departed = first(entry, searches(&sample.world, &observation.trace), &observation, &report).filter(|departed| {
                departed.is_like(&signature)
                    && departed.known(&self.plan.signs, &observation.trace.calls).is_none()
                    && observation.escapes.is_empty()
            });
            Ok(departed.map(|departed| departed.told_apart(&sample.world, &observation)))
        };
        let mut shown: Option<Departed> = None;
        for _ in 0..CONFIRMATIONS {
            shown = shows(&mut self.bench(), &finding.sample)?;
            if shown.is_some() {
                break;
            }
        }
        finding.unconfirmed = shown.is_none();
        if finding.unconfirmed {
            return Ok(());
        }
        let tries = if signature.seen == End::TimedOut.to_string() { bounds::SHRINK_TRIES_OF_HANGS } else { usize::MAX };
        if let Some((smaller, departed)) = self.smaller(&finding.sample, tries, shows)? {
            (finding.sample, shown) = (smaller, Some(departed));
        }
        if let Some(Departed { signature, clauses, detail, number, .. }) = shown {
            (finding.signature, finding.clauses, finding.detail, finding.call) = (signature, clauses, detail, number);
        }
        Ok(())
    }

    /// Whether a script gets out of no sandbox by a way that nobody knows of, on whatever runtime it is shown beside.
    pub(super) fn stays_inside(&self, sample: &Sample) -> Result<bool, HarnessError> {
        let is_asked = |entry: &&Entry| entry.is_shown() || self.entry(entry.name).is_some();
        for (entry, profile) in runtimes().iter().filter(is_asked).flat_map(|entry| Profile::ALL.map(|profile| (entry, profile))) {
            let Some((seen, _)) = self.observe_under(profile, &mut self.bench(), entry, sample)? else { continue };
            if !seen.escapes.is_empty() && departed::known_escape(&self.plan.signs, entry.name, &seen).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A smaller script that still shows it in a process that has run nothing else, and what it shows; in that process, the candidates have
    /// run one after the other. None where there is none, or nobody has the time.
    fn smaller<T>(
        &self,
        sample: &Sample,
        mut tries: usize,
        shows: impl Fn(&mut Bench<'_>, &Sample) -> Result<Option<T>, HarnessError>,
    ) -> Result<Option<(Sample, T)>, HarnessError> {
        if !self.plan.shrink || self.is_stopped() {
            return Ok(None);
        }
        let (mut bench, mut failed) = (self.bench(), None);
        let shrunk = shrink(sample.clone(), &mut |candidate| {
            if tries == 0 || failed.is_some() || self.is_stopped() {
                return false;
            }
            tries -= 1;
            match shows(&mut bench, candidate) {
                Ok(shown) => shown.is_some(),
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        });
        // the next one has the same folder
        drop(bench);
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(shows(&mut self.bench(), &shrunk.sample)?.map(|shown| (shrunk.sample, shown)))
    }

    fn entry(&self, runtime: &str) -> Option<&'static Entry> {
        self.plan.runtimes.iter().copied().find(|entry| entry.name == runtime)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Processes that have run nothing yet.
    fn bench(&self) -> Bench<'_> {
        Bench::new(self.scratch, "again", self.plan.timeout)
    }

    /// Runs a script in a process of a bench. None where it cannot be laid out.
    fn observe(&self, bench: &mut Bench<'_>, entry: &Entry, sample: &Sample) -> Result<Option<(Observation, OracleReport)>, HarnessError> {
        self.observe_under(Profile::Default, bench, entry, sample)
    }

    fn observe_under(
        &self,
        profile: Profile,
        bench: &mut Bench<'_>,
        entry: &Entry,
        sample: &Sample,
    ) -> Result<Option<(Observation, OracleReport)>, HarnessError> {
        let Ok(program) = program::program(&sample.script, &sample.world) else { return Ok(None) };
        let module = Prepared::played(&program, entry.keeper);
        let plant = self.plan.plant.filter(|_| self.entry(entry.name).is_none());
        let spec = WorkerSpec { program: self.plan.program.clone(), runtime: entry.name.to_owned(), profile, plant };
        let observation = bench.observe(&spec, &sample.world, &module)?;
        let report = touchstone_oracle::report(&sample.world, Host::LINUX, &observation);
        Ok(Some((observation, report)))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use touchstone_runtimes::runtimes;

    use super::{Again, Finding, Plan, Scratch};
    use crate::fuzz::departed::Signature;
    use crate::fuzz::hunter::script;

    /// A plan whose processes cannot be started.
    fn plan() -> Plan {
        Plan {
            program: "/nowhere".into(),
            runtimes: runtimes().iter().filter(|entry| entry.name == "badf").collect(),
            seed: 1,
            cases: 1,
            shard: (1, 1),
            jobs: 1,
            avoid: None,
            signs: Vec::new(),
            shrink: true,
            until: None,
            timeout: Duration::from_secs(1),
            plant: None,
        }
    }

    #[test]
    fn what_cannot_be_run_again_stays_new() {
        let (scratch, plan) = (Scratch::new().unwrap(), plan());
        let [runtime, place, about, permitted, seen] = ["badf", "fd_read", "", "ok", "badf"].map(str::to_owned);
        let signature = Signature { runtime, place, about, permitted, seen };
        let (clauses, detail, known) = (Vec::new(), String::new(), None);
        let mut finding = Finding {
            signature,
            times: 1,
            case: 0,
            sample: script(1, 0, None),
            clauses,
            known,
            unconfirmed: false,
            detail,
            call: None,
            is_open: false,
        };
        let again = Again { plan: &plan, scratch: &scratch, stop: &AtomicBool::new(false) };
        assert!(again.confirm(&mut finding).is_err());
        assert!(again.stays_inside(&finding.sample).is_err(), "nobody can say");
        assert!(finding.is_new(), "an error of the harness tells nothing of the finding");
    }

    #[test]
    fn who_stops_it_gets_what_is_smallest_by_then_looked_at_once_more() {
        let (scratch, plan, stop) = (Scratch::new().unwrap(), plan(), AtomicBool::new(false));
        let again = Again { plan: &plan, scratch: &scratch, stop: &stop };
        let sample = script(1, 0, None);
        let calls = Cell::new(0);
        let smaller = || {
            again.smaller(&sample, usize::MAX, |_, _| {
                calls.set(calls.get() + 1);
                stop.store(calls.get() == 3, Ordering::Relaxed);
                Ok(Some(()))
            })
        };
        let (smallest, ()) = smaller().unwrap().expect("something smaller");
        assert!(smallest.script.statements.len() < sample.script.statements.len());
        assert_eq!(calls.get(), 4, "three candidates and a last look");
        stop.store(true, Ordering::Relaxed);
        assert!(smaller().unwrap().is_none());
        assert_eq!(calls.get(), 4, "nothing is begun any more");
    }
}

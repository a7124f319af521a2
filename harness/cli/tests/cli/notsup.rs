//! A runtime that leaves one function out is found: for each function that answers an errno, every case of the suite in which it
//! succeeds on the reference turns red when it says `notsup` instead, except where a clause permits just that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use touchstone_cli::{places, select};
use touchstone_guest::recorder::{FaultKind, ImportFault};
use touchstone_guest::rust::Fixtures;
use touchstone_guest::{assemble, build, record};
use touchstone_model::oracle::{CallReport, Said};
use touchstone_model::trace::{Keeper, TraceCall};
use touchstone_model::world::World;
use touchstone_model::{Case, Observation, bounds};
use touchstone_oracle::Host;
use touchstone_runner::scratch::Scratch;
use touchstone_spec::{ClauseId, Errno, Function, Permitted};

use crate::support::{OneRuntime, verdict_with_fault};

/// What the function that is left out says.
const FAULT: Errno = Errno::Notsup;

fn reference(scratch: &Scratch) -> OneRuntime<'_> {
    OneRuntime::new(scratch, "notsup", select::DEFAULT_REFERENCE, Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS))
}

/// The run with the fault.
fn without(reference: &mut OneRuntime<'_>, function: Function, world: &World, recorded: &[u8]) -> Observation {
    let fault = ImportFault { function, kind: FaultKind::Instead(FAULT) };
    reference.observe(world, &fault.plant(recorded).expect("a module of the recorder"))
}

fn answers(call: &TraceCall, function: Function, errno: u32) -> bool {
    call.function == function && call.outcome.as_ref().is_some_and(|outcome| outcome.errno == errno)
}

/// The clauses that let a call answer with the fault; none where it had to do otherwise.
fn permitting(report: &CallReport) -> Vec<ClauseId> {
    let permits = |clause: &&ClauseId| clause.clause().outcomes.iter().any(|permit| permit.outcome == Permitted::Errno(FAULT));
    report.clauses.iter().filter(permits).copied().collect()
}

/// What came of leaving functions out.
#[derive(Default)]
struct Found {
    red: BTreeMap<Function, usize>,
    /// Cases that stay green, by the clauses that let them.
    excepted: BTreeMap<(Function, Vec<&'static str>), Vec<String>>,
    broken: Vec<String>,
}

impl Found {
    fn judge(&mut self, case: &Case, function: Function, clean: &Observation, faulty: &Observation) {
        let oracle = touchstone_oracle::report(&case.world, Host::LINUX, faulty);
        let faults: Vec<&CallReport> = faulty
            .trace
            .calls
            .iter()
            .zip(&oracle.calls)
            .filter_map(|(call, report)| answers(call, function, FAULT.raw().into()).then_some(report))
            .collect();
        let name = function.name();
        if faults.is_empty() {
            self.broken.push(format!("{}: {name} was left out, and the trace does not show it", case.id));
        }
        let permitted: Vec<Vec<ClauseId>> = faults.iter().map(|report| permitting(report)).collect();
        let may_be_green = permitted.iter().all(|clauses| !clauses.is_empty());
        let rejected = faults.iter().any(|report| report.said == Said::Rejected);
        let green = verdict_with_fault(case, clean, faulty, &oracle).is_green();
        if may_be_green {
            let clauses: BTreeSet<&str> = permitted.iter().flatten().map(|clause| clause.id()).collect();
            self.excepted.entry((function, clauses.into_iter().collect())).or_default().push(case.id.clone());
        } else if green || !rejected {
            self.broken.push(format!("{}: {name} was left out: oracle rejects: {rejected}, verdict green: {green}", case.id));
        } else {
            *self.red.entry(function).or_default() += 1;
        }
        if may_be_green && rejected {
            self.broken.push(format!("{}: {name} was left out as clauses permit, and the oracle rejects it", case.id));
        }
    }
}

#[test]
fn no_function_can_be_left_out_unseen() {
    let suite = select::suite(&[]).expect("the suite");
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let scratch = Scratch::new().expect("a scratch folder");
    let mut host = reference(&scratch);
    let mut found = Found::default();
    let mut succeeded = BTreeSet::new();
    for file in &suite.cases {
        let case = &file.case;
        let built = build(case, &file.path, &fixtures).expect("a module");
        // a module that cannot be recorded makes no calls that anybody sees
        let Ok(recorded) = record(&built.wasm, Keeper::Module) else { continue };
        let clean = host.observe(&case.world, &recorded);
        let called: BTreeSet<Function> =
            clean.trace.calls.iter().filter(|call| answers(call, call.function, 0)).map(|call| call.function).collect();
        for function in called {
            succeeded.insert(function);
            let faulty = without(&mut host, function, &case.world, &recorded);
            found.judge(case, function, &clean, &faulty);
        }
    }
    for ((function, clauses), cases) in &found.excepted {
        eprintln!("{} may be left out in {} by {}", function.name(), cases.join(", "), clauses.join(", "));
    }
    let never: Vec<Function> =
        Function::ALL.into_iter().filter(|function| function.returns_errno() && !succeeded.contains(function)).collect();
    eprintln!("red: {:?}", found.red);
    assert!(found.broken.is_empty(), "{}", found.broken.join("\n"));
    assert!(never.is_empty(), "{never:?} succeed in no case");
    let unseen: Vec<&str> = succeeded.iter().filter(|function| !found.red.contains_key(function)).map(|function| function.name()).collect();
    let excepted: Vec<&str> = found.excepted.keys().map(|(function, _)| function.name()).collect();
    assert!(unseen.iter().all(|name| excepted.contains(name)), "{unseen:?} turn nothing red");
}

const GUEST: &str = r#"(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $sync (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (if (i32.ne (call $yield) (i32.const 58)) (then (return))) (unreachable)))"#;

#[test]
fn a_fault_is_seen_by_the_guest_and_in_the_trace_and_only_where_it_was_planted() {
    let recorded = record(&assemble(GUEST.as_bytes()).expect("assemble"), Keeper::Module).expect("record");
    let scratch = Scratch::new().expect("a scratch folder");
    let mut host = reference(&scratch);
    let world = World::default();
    let clean = host.observe(&world, &recorded);
    assert_eq!(clean.end.to_string(), "exit 0");
    let untouched = without(&mut host, Function::FdSync, &world, &recorded);
    assert_eq!((&untouched.trace, &untouched.end), (&clean.trace, &clean.end));
    assert!(touchstone_oracle::report(&world, Host::LINUX, &untouched).is_accepted());
    let faulty = without(&mut host, Function::SchedYield, &world, &recorded);
    assert_eq!(faulty.end.to_string(), "trap unreachable");
    assert!(answers(&faulty.trace.calls[0], Function::SchedYield, FAULT.raw().into()));
    assert_eq!(touchstone_oracle::report(&world, Host::LINUX, &faulty).calls[0].said, Said::Rejected);
}

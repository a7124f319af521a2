//! The recorder changes nothing, and what it records is what a script's own memory says.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use touchstone_cli::{places, select};
use touchstone_guest::rust::Fixtures;
use touchstone_guest::script::own_trace;
use touchstone_guest::{assemble, build};
use touchstone_model::judge::search_calls;
use touchstone_model::script::Args;
use touchstone_model::trace::{TRACE_EXPORT, Trace, TraceCall, TraceState};
use touchstone_model::world::World;
use touchstone_model::{Case, Observation, bounds};
use touchstone_runner::observe::{Bench, Prepared};
use touchstone_runner::pool::WorkerSpec;
use touchstone_runner::profile::Profile;
use touchstone_runner::scratch::Scratch;

use crate::support::{PROGRAM, agree, present};

fn spec(runtime: &str) -> WorkerSpec {
    WorkerSpec { program: PathBuf::from(PROGRAM), runtime: runtime.to_owned(), profile: Profile::Default, plant: None }
}

/// What both runs of a guest must agree in.
fn visible(observation: &Observation) -> Vec<String> {
    let Observation { end, stdout, stderr, .. } = observation;
    let run = [format!("end {end}"), format!("stdout {stdout}"), format!("stderr {stderr}")];
    let tree = observation.tree.0.iter().map(|(path, entry)| format!("tree {path} {entry}"));
    let received = observation.received.iter().map(|(name, content)| format!("received {name} {content}"));
    run.into_iter().chain(tree).chain(received).collect()
}

#[test]
fn every_case_does_the_same_with_and_without_it_on_every_runtime() {
    let suite = select::suite(&[]).expect("the suite");
    let fixtures = Fixtures::new(places::cache().join("fixtures"));
    let scratch = Scratch::new().expect("a scratch folder");
    let bench = RefCell::new(Bench::new(&scratch, "recorder", Duration::from_secs(3)));
    let scripts = Cell::new(0);
    for file in &suite.cases {
        let case = &file.case;
        let built = build(case, &file.path, &fixtures).expect("a module");
        for (runtime, keeper) in present() {
            let mut recorded = Prepared::recorded(&built.wasm, keeper);
            recorded.memories.push("memory".to_owned());
            assert_ne!(*recorded.bytes, *built.wasm, "{} was not recorded", case.id);
            let plain = Prepared::plain(&built.wasm, &[]);
            let with = || {
                let run = bench.borrow_mut().observe_with(&spec(runtime), &case.world, &recorded, |_| Ok(()));
                let (with, memories) = run.expect("a run");
                let memory = memories.iter().find(|(name, _)| name == "memory").map(|(_, memory)| memory);
                if let (Some(program), Some(memory)) = (&built.program, memory) {
                    scripts.set(scripts.get() + 1);
                    same_trace(case, runtime, &own_trace(program, memory), &with.trace);
                }
                visible(&with)
            };
            let without = || visible(&bench.borrow_mut().observe(&spec(runtime), &case.world, &plain).expect("a run"));
            assert_eq!(agree(with, without), Ok(Some(())), "{} on {runtime}", case.id);
        }
    }
    let scripts = scripts.get();
    assert!(scripts > 300, "only {scripts} own traces were compared");
}

/// Compares a script's own trace with the recorder's of the same run, byte for byte. The search for preopens and sockets before
/// the first call is no part of the script.
fn same_trace(case: &Case, runtime: &str, own: &Trace, recorded: &Trace) {
    let id = &case.id;
    let skipped = recorded.calls.len().saturating_sub(own.calls.len());
    assert!(
        search_calls(case, recorded) >= skipped,
        "{id} on {runtime}: {} calls in the script, {} recorded",
        own.calls.len(),
        recorded.calls.len()
    );
    for (index, (own, recorded)) in own.calls.iter().zip(&recorded.calls[skipped..]).enumerate() {
        assert_eq!((&own.function, errno(own)), (&recorded.function, errno(recorded)), "{id} on {runtime}, call {}", index + 1);
        if !may_overlap(case) {
            assert_eq!(own, recorded, "{id} on {runtime}, call {}", index + 1);
        }
    }
}

fn errno(call: &TraceCall) -> Option<u32> {
    call.outcome.as_ref().map(|outcome| outcome.errno)
}

/// Whether raw calls may write over what another call was given or filled: then the memory at the end is not what each call
/// saw, and only errnos can be compared.
fn may_overlap(case: &Case) -> bool {
    let calls = case.script().into_iter().flat_map(|script| script.calls());
    calls.filter(|call| matches!(call.args, Args::Raw(_))).count() > 1 || case.id.starts_with("memory/")
}

/// Runs a module plainly and recorded on every runtime and gives the recorded observations.
fn recorded(text: &str) -> Vec<(&'static str, Observation)> {
    let wasm = assemble(text.as_bytes()).expect("assemble");
    let scratch = Scratch::new().expect("a scratch folder");
    let mut bench = Bench::new(&scratch, "own", Duration::from_secs(bounds::RUN_TIMEOUT_SECONDS));
    let world = World::default();
    let mut out = Vec::new();
    for (runtime, keeper) in present() {
        let with = bench.observe(&spec(runtime), &world, &Prepared::recorded(&wasm, keeper)).expect("a run");
        let without = bench.observe(&spec(runtime), &world, &Prepared::plain(&wasm, &[TRACE_EXPORT])).expect("a run");
        assert_eq!(visible(&with), visible(&without), "{runtime}");
        out.push((runtime, with));
    }
    out
}

fn functions(observation: &Observation) -> Vec<&str> {
    observation.trace.calls.iter().map(|call| call.function.name()).collect()
}

#[test]
fn a_guest_that_closes_its_stderr_is_recorded_to_its_end() {
    let text = r#"(module
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $close (i32.const 2))) (drop (call $yield))))"#;
    for (runtime, observation) in recorded(text) {
        assert_eq!(functions(&observation), ["fd_close", "sched_yield"], "{runtime}");
        assert!(observation.trace.calls.iter().all(|call| call.outcome.is_some()), "{runtime}");
    }
}

#[test]
fn a_bad_pointer_is_recorded_as_out_of_bounds_and_not_followed() {
    let text = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0xfffffff0) (i32.const 0x40000000) (i32.const 0)))))"#;
    for (runtime, observation) in recorded(text) {
        assert_eq!(functions(&observation), ["fd_write"], "{runtime}");
        assert_eq!(observation.trace.calls[0].inputs[0].bytes, None, "{runtime}");
    }
}

#[test]
fn calls_through_a_table_are_recorded() {
    let text = r#"(module
      (type $t (func (result i32)))
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (type $t)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (table 3 funcref) (elem (i32.const 1) func $yield)
      (memory (export "memory") 1)
      (export "again" (func $yield))
      (func $callback (param $index i32) (result i32) (call_indirect (type $t) (local.get $index)))
      (func (export "_start") (drop (call $callback (i32.const 1))) (drop (call $callback (i32.const 1))) (call $exit (i32.const 4))))"#;
    for (runtime, observation) in recorded(text) {
        assert_eq!(functions(&observation), ["sched_yield", "sched_yield", "proc_exit"], "{runtime}");
        assert_eq!(observation.end.to_string(), "exit 4", "{runtime}");
    }
}

#[test]
fn modules_with_start_functions_globals_data_and_bulk_memory_survive() {
    let text = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (global $g (mut i32) (i32.const 7))
      (data $passive "passive") (data (i32.const 0) "\10\00\00\00\07\00\00\00")
      (func $first (memory.init $passive (i32.const 16) (i32.const 0) (global.get $g)) (data.drop $passive))
      (start $first)
      (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#;
    for (runtime, observation) in recorded(text) {
        assert_eq!(observation.stdout.to_string(), "\"passive\"", "{runtime}");
        let call = &observation.trace.calls[0];
        assert_eq!(call.inputs[1].kept(), b"passive", "{runtime}");
    }
}

#[test]
fn a_trace_that_grows_too_long_says_so_and_ends_with_a_whole_call() {
    // each call leaves a mebibyte in the trace, of which there is room for 64
    let text = r#"(module
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 17)
      (func (export "_start") (local $left i32) (local.set $left (i32.const 100))
        (loop $more (drop (call $random (i32.const 0) (i32.const 0x100000)))
          (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#;
    for (runtime, observation) in recorded(text) {
        assert_eq!(observation.trace.state, TraceState::Truncated, "{runtime}");
        assert_eq!(observation.trace.calls.len(), 64, "{runtime}");
        assert!(observation.trace.calls.iter().rev().skip(1).all(|call| call.outcome.is_some()), "{runtime}");
        assert_eq!(observation.end.to_string(), "exit 0", "{runtime}");
    }
}

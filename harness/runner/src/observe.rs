//! Runs one guest on one runtime and says what was seen.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use touchstone_guest::record;
use touchstone_guest::script::trampoline::{self, PROGRAM_EXPORT};
use touchstone_guest::script::{Program, encode};
use touchstone_model::judge::{Feature, authored};
use touchstone_model::trace::{Keeper, TRACE_EXPORT, Trace};
use touchstone_model::tree::{self, Content, TreeSnapshot};
use touchstone_model::world::{Access, World};
use touchstone_model::{Case, End, Observation};
use touchstone_runtimes::Entry;

use crate::HarnessError;
use crate::pool::{RunResult, Stdio3, Worker, WorkerSpec};
use crate::preflight;
use crate::profile::Profile;
use crate::protocol::Job;
use crate::scratch::{CANARY, CANARY_NUMBER_END, Scratch, Sealed};
use crate::sockets::Sockets;

/// A module as it is run: recorded where that is possible.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub bytes: Arc<[u8]>,
    pub hash: [u8; 32],
    /// What a memory is filled with before the first call: the program, where the module is the trampoline.
    pub image: Option<(String, Vec<u8>)>,
    /// Memories that are read back after the run.
    pub memories: Vec<String>,
}

impl Prepared {
    /// Puts the recorder into a module, for a runtime with this keeper of its trace. A file that is no module stays as it is:
    /// what to say of it is the engine's business.
    pub fn recorded(wasm: &[u8], keeper: Keeper) -> Prepared {
        match record(wasm, keeper) {
            Ok(recorded) => Prepared::plain(&recorded, &[TRACE_EXPORT]),
            Err(_) => Prepared::plain(wasm, &[]),
        }
    }

    /// The trampoline with a program, which a runtime compiles once for all programs; the program's own module for one that knows one
    /// memory only. Both do the same.
    pub fn played(program: &Program, keeper: Keeper) -> Prepared {
        match keeper {
            Keeper::Module => Prepared::on_trampoline(program),
            Keeper::Host => Prepared::recorded(&encode(program), Keeper::Host),
        }
    }

    fn on_trampoline(program: &Program) -> Prepared {
        let image = Some((PROGRAM_EXPORT.to_owned(), trampoline::image(program)));
        Prepared { image, ..Prepared::trampoline().clone() }
    }

    /// The trampoline, without a program.
    pub(crate) fn trampoline() -> &'static Prepared {
        static TRAMPOLINE: OnceLock<Prepared> = OnceLock::new();
        TRAMPOLINE.get_or_init(|| Prepared::recorded(&trampoline::module(), Keeper::Module))
    }

    /// A module without the recorder, and the memories to read back.
    pub fn plain(wasm: &[u8], memories: &[&str]) -> Prepared {
        let memories = memories.iter().map(|name| (*name).to_owned()).collect();
        Prepared { bytes: wasm.into(), hash: Sha256::digest(wasm).into(), image: None, memories }
    }
}

/// Name and content of each memory that was read back.
pub type Memories = Vec<(String, Vec<u8>)>;

/// The workers of one thread of the runner: one per runtime and profile, started when first needed.
#[derive(Debug)]
pub struct Bench<'a> {
    scratch: &'a Scratch,
    /// Tells the folders of several benches apart.
    name: String,
    timeout: Duration,
    /// Ends the run that is going on.
    stop: Arc<AtomicBool>,
    slots: BTreeMap<String, Slot>,
}

#[derive(Debug)]
struct Slot {
    sealed: Sealed,
    worker: Option<Worker>,
}

impl<'a> Bench<'a> {
    /// A bench without workers yet.
    pub fn new(scratch: &'a Scratch, name: &str, timeout: Duration) -> Bench<'a> {
        Bench { scratch, name: name.to_owned(), timeout, stop: Arc::default(), slots: BTreeMap::new() }
    }

    /// The same, with a flag that ends the run that is going on: it then fails as interrupted.
    pub fn stopped_by(self, stop: Arc<AtomicBool>) -> Bench<'a> {
        Bench { stop, ..self }
    }

    /// Runs a guest in a world and observes it.
    pub fn observe(&mut self, spec: &WorkerSpec, world: &World, module: &Prepared) -> Result<Observation, HarnessError> {
        self.observe_with(spec, world, module, |_| Ok(())).map(|(observation, _)| observation)
    }

    /// The same, with more done to the world before the run; gives the memories that were read back as well.
    pub fn observe_with(
        &mut self,
        spec: &WorkerSpec,
        world: &World,
        module: &Prepared,
        furnish: impl Fn(&Sealed) -> Result<(), HarnessError>,
    ) -> Result<(Observation, Memories), HarnessError> {
        self.ready(spec)?;
        let (timeout, stop) = (self.timeout, Arc::clone(&self.stop));
        let scratch = self.scratch;
        let slot = self.slot(spec)?;
        slot.sealed.populate(world)?;
        furnish(&slot.sealed)?;
        let Some(worker) = slot.worker.as_mut() else {
            return Err(HarnessError::WorkerStart { runtime: spec.runtime.clone(), message: "it is gone".to_owned() });
        };
        let start = SystemTime::now();
        let job = job(world, module, &slot.sealed);
        let stdio = Stdio3::new(scratch, world)?;
        let sockets = Sockets::new(world)?;
        let result = worker.run(&job, stdio, sockets, timeout, &stop).inspect_err(|_| slot.worker = None)?;
        let ended_by_itself = matches!(result.end, End::Exit { .. } | End::Trap { .. } | End::Rejected { .. });
        // a leak is one run's: the next one starts in a clean process
        if !ended_by_itself || !result.leaked_fds.is_empty() {
            slot.worker = None;
        }
        let trace = recorded(&result, module)?;
        let observation = observation(&result, world, slot.sealed.snapshot(world, start)?, slot.sealed.changes(world), trace);
        Ok((observation, result.memories))
    }

    fn slot(&mut self, spec: &WorkerSpec) -> Result<&mut Slot, HarnessError> {
        let plant = spec.plant.map_or("", crate::plant::Plant::name);
        let name = format!("{}-{}-{}{plant}", self.name, spec.runtime, spec.profile.name());
        if !self.slots.contains_key(&name) {
            let sealed = self.scratch.sealed(&name)?;
            self.slots.insert(name.clone(), Slot { sealed, worker: None });
        }
        self.slots.get_mut(&name).ok_or(HarnessError::Interrupted)
    }

    /// Sees to it that a worker stands that has passed its preflight.
    pub fn ready(&mut self, spec: &WorkerSpec) -> Result<(), HarnessError> {
        if self.slot(spec)?.worker.as_mut().is_some_and(Worker::is_alive) {
            return Ok(());
        }
        let started = self.start(spec);
        if started.is_err() {
            self.slot(spec)?.worker = None;
        }
        started
    }

    fn start(&mut self, spec: &WorkerSpec) -> Result<(), HarnessError> {
        let log = self.scratch.log(&format!("{}-{}-{}", self.name, spec.runtime, spec.profile.name()));
        let slot = self.slot(spec)?;
        let worker = Worker::start(spec, &slot.sealed, &log)?;
        let openat2 = worker.openat2;
        slot.worker = Some(worker);
        if spec.profile == Profile::NoOpenat2 && openat2 {
            let message = "`openat2` still answers under the profile `no-openat2`".to_owned();
            return Err(HarnessError::Preflight { runtime: spec.runtime.clone(), message });
        }
        if is_control(&spec.runtime) { Ok(()) } else { self.preflight(spec) }
    }

    fn preflight(&mut self, spec: &WorkerSpec) -> Result<(), HarnessError> {
        let failed = |message: String| HarnessError::Preflight { runtime: spec.runtime.clone(), message };
        let probe = preflight::probe().map_err(|error| failed(error.to_string()))?;
        let (_, differences) = self.probe(spec, &probe)?;
        if differences.is_empty() { Ok(()) } else { Err(failed(differences.join("; "))) }
    }

    /// Runs a probe and says how it ended and what is not as it should be.
    fn probe(&mut self, spec: &WorkerSpec, probe: &Case) -> Result<(End, Vec<String>), HarnessError> {
        let failed = |message: String| HarnessError::Preflight { runtime: spec.runtime.clone(), message };
        let script = probe.script().ok_or_else(|| failed("the probe is no script".to_owned()))?;
        let program = touchstone_guest::script::program::program(script, &probe.world).map_err(|mistake| failed(mistake.message))?;
        let keeper = entry(&spec.runtime).map_or(Keeper::Module, |entry| entry.keeper);
        let module = Prepared::recorded(&encode(&program), keeper);
        let observation = self.observe(spec, &probe.world, &module)?;
        let differences = authored(probe, &observation).iter().map(ToString::to_string).collect();
        Ok((observation.end, differences))
    }

    /// The features that a runtime was proven not to have, each by its probe. Negative controls count as having all.
    pub fn absent_features(&mut self, spec: &WorkerSpec) -> Result<Vec<Feature>, HarnessError> {
        if is_control(&spec.runtime) {
            return Ok(Vec::new());
        }
        let mut absent = Vec::new();
        for feature in Feature::ALL {
            let probe = preflight::feature_probe(feature)
                .map_err(|error| HarnessError::Preflight { runtime: spec.runtime.clone(), message: error.to_string() })?;
            let (end, differences) = self.probe(spec, &probe)?;
            // trouble of another kind proves nothing
            if end != (End::Exit { code: 0 }) {
                let message = format!("the probe of {} ended with {end}", feature.name());
                return Err(HarnessError::Preflight { runtime: spec.runtime.clone(), message });
            }
            if !differences.is_empty() {
                absent.push(feature);
            }
        }
        Ok(absent)
    }
}

fn entry(runtime: &str) -> Option<&'static Entry> {
    touchstone_runtimes::runtimes().iter().find(|entry| entry.name == runtime)
}

fn is_control(runtime: &str) -> bool {
    entry(runtime).is_some_and(|entry| entry.control)
}

fn job(world: &World, module: &Prepared, sealed: &Sealed) -> Job {
    Job {
        hash: module.hash,
        module: module.bytes.to_vec(),
        args: world.args.clone(),
        env: world.env.clone(),
        preopens: world.preopens.iter().map(|preopen| (preopen.guest.clone(), sealed.preopen(preopen), preopen.access)).collect(),
        image: module.image.clone(),
        memories: module.memories.clone(),
        calls: world.calls.clone(),
        sockets: world.sockets.len(),
    }
}

/// The calls of a run, where the module was one that records them.
pub(crate) fn recorded(result: &RunResult, module: &Prepared) -> Result<Trace, HarnessError> {
    let records = module.memories.iter().any(|name| name == TRACE_EXPORT);
    if records { result.trace() } else { Ok(Trace::lost()) }
}

/// What was seen of a run: of the process, in the trees, and outside of them.
pub(crate) fn observation(result: &RunResult, world: &World, tree: TreeSnapshot, changes: Vec<String>, trace: Trace) -> Observation {
    let mut observation = Observation {
        end: result.end.clone(),
        stdout: result.stdout.clone(),
        stderr: result.stderr.clone(),
        received: result.received.clone(),
        tree,
        trace,
        leaked_fds: result.leaked_fds.clone(),
        escapes: changes,
        peak_memory_bytes: result.peak_memory_bytes,
    };
    observation.escapes.extend(read_canaries(&observation));
    observation.escapes.extend(changed_read_only(world, &observation.tree));
    observation
}

/// The read-only preopens below which anything is not as it was.
fn changed_read_only(world: &World, after: &TreeSnapshot) -> Vec<String> {
    if world.preopens.iter().all(|preopen| preopen.access == Access::ReadWrite) {
        return Vec::new();
    }
    let changed = tree::differences(&TreeSnapshot::of_world(world), after);
    let read_only = world.preopens.iter().filter(|preopen| preopen.access == Access::ReadOnly);
    let is_below = |path: &str, name: &str| path.split_once(':').is_some_and(|(preopen, _)| preopen == name);
    let broken = read_only.filter(|preopen| changed.iter().any(|(path, ..)| is_below(path, &preopen.name)));
    broken.map(|preopen| format!("the read-only preopen {} was changed", preopen.name)).collect()
}

/// Bytes of the canaries' content that are a sign of it: no guest comes by them by chance, and few reads are shorter.
const SIGN_BYTES: usize = 8;

/// The part of the canaries' content that nobody writes by chance.
const SECRET: &[u8] = CANARY.as_bytes().split_at(CANARY_NUMBER_END).0;

/// Whether a byte stands in that part.
const IN_SECRET: [bool; 256] = {
    let mut in_secret = [false; 256];
    let mut at = 0;
    while at < SECRET.len() {
        in_secret[SECRET[at] as usize] = true;
        at += 1;
    }
    in_secret
};

/// Whether a part of the canaries' content stands in these bytes. A guest may read a few bytes only, from anywhere.
fn shows_canary(bytes: &[u8]) -> bool {
    let is_sign = |window: &[u8]| SECRET.windows(SIGN_BYTES).any(|sign| sign == window);
    // wherever a sign stands, one of its bytes is the last of some eight: few of these are looked at any closer
    let lasts = (SIGN_BYTES - 1..bytes.len()).step_by(SIGN_BYTES).filter(|last| IN_SECRET[usize::from(bytes[*last])]);
    let mut around = lasts.map(|last| &bytes[last + 1 - SIGN_BYTES..bytes.len().min(last + SIGN_BYTES)]);
    around.any(|around| around.windows(SIGN_BYTES).any(is_sign))
}

/// Where the canaries' content shows up in what the guest got or left.
fn read_canaries(observation: &Observation) -> Vec<String> {
    let mut out = Vec::new();
    let holds = shows_canary;
    for (index, call) in observation.trace.calls.iter().enumerate() {
        if call.outcome.iter().flat_map(|outcome| &outcome.outputs).any(|capture| holds(capture.kept())) {
            out.push(format!("call {} {} read a file outside the preopens", index + 1, call.function.name()));
        }
    }
    let content_holds = |content: &Content| content.bytes.as_deref().is_some_and(holds);
    for (name, content) in [("stdout", &observation.stdout), ("stderr", &observation.stderr)] {
        if content_holds(content) {
            out.push(format!("{name} holds a file from outside the preopens"));
        }
    }
    for (path, entry) in &observation.tree.0 {
        if let tree::EntryKind::File(content) = &entry.kind
            && content_holds(content)
        {
            out.push(format!("{path} is a file from outside the preopens, or a copy"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{CANARY, shows_canary};

    #[test]
    fn a_few_bytes_of_a_canary_are_enough() {
        let canary = CANARY.as_bytes();
        assert!(shows_canary(canary) && shows_canary(&canary[..10]) && shows_canary(&canary[5..16]));
        assert!(shows_canary(&[&b"before "[..], &canary[..8], b" behind"].concat()));
        for before in 0..16 {
            for sign in canary[..20].windows(8) {
                assert!(shows_canary(&[&vec![b'.'; before], sign].concat()) && shows_canary(&[&vec![b'0'; before], sign, b"\0"].concat()));
            }
        }
        assert!(!shows_canary(&canary[..7]) && !shows_canary(b"../outside/secret") && !shows_canary(&canary[20..]));
    }
}

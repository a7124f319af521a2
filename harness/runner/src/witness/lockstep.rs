//! One script: each call goes to the kernel if that can decide it, and the oracle follows what came of it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use touchstone_guest::script::Wasi;
use touchstone_model::bounds;
use touchstone_model::script::Script;
use touchstone_model::trace::{Outcome, TraceCall};
use touchstone_model::value::{self, Value};
use touchstone_model::world::World;
use touchstone_oracle::check::{Checker, Preview, Said};
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::state::{Rights, Stream, What};
use touchstone_oracle::{Answer, Host};
use touchstone_runtimes::linux::Linux;
use touchstone_spec::consts::{fdflags, fdstat};
use touchstone_spec::{ClauseId, Errno, Function};

use super::{Difference, Exceptions, Tally};

/// What a clause is about that no kernel knows. Ids that end in `.` stand for all clauses of a subject.
const NOT_THE_KERNELS: [&str; 16] = [
    "memory.",
    "preopen.",
    "program.",
    "path-resolution.absolute-path",
    "path-resolution.dotdot-and-back",
    "path-resolution.dotdot-outside",
    "path-resolution.invalid-utf8",
    "path-resolution.symlink-absolute",
    "path-resolution.symlink-outside",
    "path-resolution.zero-byte",
    "path_readlink.absolute-target",
    "path_symlink.absolute-target",
    "path_symlink.invalid-utf8-target",
    "path_symlink.zero-byte-target",
    "path_filestat_set_times.contradiction",
    "fd_filestat_set_times.contradiction",
];

/// A script that is being played.
#[derive(Debug)]
pub struct Lockstep<'a> {
    checker: Checker,
    kernel: Linux,
    exceptions: &'a Exceptions,
    tally: &'a mut Tally,
    scene: Scene<'a>,
    /// Calls of the script proper, as opposed to those with which it looks for its preopens.
    made: usize,
    /// Nanoseconds that calls have waited without anybody having waited for them.
    waited: u64,
    /// The two went different ways: nothing that comes after says anything.
    lost: bool,
}

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The number of the script.
    pub case: u64,
    pub world: &'a World,
    pub script: &'a Script,
}

impl Scene<'_> {
    /// The script and its trees, for whoever wants to see them.
    pub fn text(&self) -> String {
        let trees: Vec<String> = self.world.preopens.iter().map(|preopen| format!("# {} {:?}\n", preopen.name, preopen.tree.0)).collect();
        format!("{}{}", trees.concat(), self.script)
    }
}

impl<'a> Lockstep<'a> {
    /// A script at its start.
    pub fn new(scene: Scene<'a>, kernel: Linux, exceptions: &'a Exceptions, tally: &'a mut Tally) -> Lockstep<'a> {
        let checker = Checker::with_rights(scene.world, Host::LINUX_KERNEL, Rights::Dropped);
        Lockstep { checker, kernel, exceptions, tally, scene, made: 0, waited: 0, lost: false }
    }

    /// The oracle's state after the last call; `None` if the two went different ways.
    pub fn end(self) -> Option<(Checker, &'a mut Tally)> {
        if self.lost { None } else { Some((self.checker, self.tally)) }
    }

    /// Answers a call as the oracle prefers, without the kernel.
    fn apart(&mut self, call: &TraceCall, preview: Preview, why: &str) -> Answer {
        *self.tally.apart.entry(why.to_owned()).or_default() += 1;
        let Some(answer) = preview.answer else {
            self.lost = true;
            return Answer::Traps;
        };
        let outcome = if let Answer::Returns(outcome) = &answer { Some(outcome.clone()) } else { None };
        let succeeded = outcome.as_ref().is_some_and(|outcome| outcome.errno == 0);
        if call.function == Function::FdRenumber && succeeded {
            let number = |index: usize| u32::try_from(call.args[index]).unwrap_or(u32::MAX);
            self.kernel.renumber(number(0), number(1));
        }
        let said = self.checker.call(&TraceCall { outcome, ..call.clone() });
        if said != Ok(Said::Accepted) && said != Ok(Said::Unjudged) {
            let clauses = ids(&self.checker.findings().clauses);
            let preferred = words(&answer);
            self.differs(
                Difference {
                    function: call.function.name().to_owned(),
                    clauses,
                    preferred,
                    kernel: "the checker refuses it".to_owned(),
                    permitted: false,
                },
                None,
            );
        }
        answer
    }

    /// Lets the kernel answer, and compares.
    fn decided(&mut self, call: &TraceCall, preview: &Preview, mut outcome: Outcome) -> Answer {
        self.tally.decided += 1;
        self.tally.succeeded += u64::from(outcome.errno == 0);
        if let (Function::FdFdstatGet, Some(Answer::Returns(preferred))) = (call.function, &preview.answer) {
            take_from_oracle(&mut outcome, preferred);
        }
        let seen = TraceCall { outcome: Some(outcome), ..call.clone() };
        let what = self.what(call);
        let said = self.checker.call(&seen);
        let outcome = seen.outcome.clone().unwrap_or(Outcome { errno: 0, outputs: Vec::new() });
        let kernel = Answer::Returns(outcome);
        let findings = self.checker.findings();
        let detail = findings.mismatches.first().map(|mismatch| format!("expected {}, saw {}", mismatch.expected, mismatch.seen));
        let [preferred, done] = [preview.answer.as_ref().map_or_else(|| "nothing".to_owned(), words), words(&kernel)];
        let difference = if preferred != done {
            Some((preferred, done))
        } else if let Some(mismatch) = findings.mismatches.first() {
            Some((mismatch.clause.id().to_owned(), "otherwise".to_owned()))
        } else if !matches!(said, Ok(Said::Accepted | Said::Unjudged)) {
            Some((preferred, "the checker refuses it".to_owned()))
        } else if !same_results(&seen, what, preview.answer.as_ref()) {
            Some(("other results".to_owned(), done))
        } else {
            None
        };
        match difference {
            None => self.tally.agreed += 1,
            Some((preferred, kernel)) => {
                let mismatch = findings.mismatches.first().filter(|_| kernel == "otherwise");
                let clauses = if let Some(mismatch) = mismatch {
                    vec![mismatch.clause.id().to_owned()]
                } else if preferred == "ok" {
                    ids(&findings.clauses)
                } else {
                    ids(&preview.deciding)
                };
                let permitted = matches!(said, Ok(Said::Accepted | Said::Unjudged));
                self.lost = !permitted;
                self.differs(Difference { function: call.function.name().to_owned(), clauses, preferred, kernel, permitted }, detail);
            }
        }
        kernel
    }

    fn differs(&mut self, difference: Difference, detail: Option<String>) {
        let (made, scene) = (self.made, self.scene);
        self.tally.differs(difference, self.exceptions, scene.case, || {
            let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
            format!("# call {made}{detail}\n{}", scene.text())
        });
    }

    /// Waits as a call does: really where that is short, since the kernel stamps files meanwhile, and as if where it is long.
    fn wait(&mut self, nanoseconds: u64) {
        let really = nanoseconds.min(bounds::WITNESS_WAIT_NANOSECONDS);
        std::thread::sleep(Duration::from_nanos(really));
        self.waited = self.waited.saturating_add(nanoseconds - really);
    }

    /// What the descriptor of a call stands for.
    fn what(&self, call: &TraceCall) -> What {
        let number = call.args.first().and_then(|number| u32::try_from(*number).ok());
        number.and_then(|number| self.checker.states()[0].fds.get(number)).map_or(What::Foreign, |fd| fd.what)
    }

    /// Whether a write could fill a pipe that nobody empties while the script runs.
    fn could_block(&self, call: &TraceCall) -> bool {
        let is_stream = matches!(self.what(call), What::Stream(Stream::Output | Stream::Error));
        let bytes: u64 = call.inputs.iter().skip(1).map(|capture| u64::from(capture.len)).sum();
        let written: usize = self.checker.states()[0].output.iter().map(|output| output.written.len()).sum();
        call.function == Function::FdWrite && is_stream && written as u64 + bytes > bounds::WITNESS_PIPE_BYTES as u64
    }
}

impl Wasi for Lockstep<'_> {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        if self.lost {
            return Answer::Traps;
        }
        let preview = self.checker.preferred(call, clocks(self.waited));
        self.wait(preview.waited);
        let is_search = self.made == 0 && matches!(call.function, Function::FdPrestatGet | Function::FdPrestatDirName);
        self.made += usize::from(!is_search);
        self.tally.calls += u64::from(!is_search);
        if preview.answer.is_none() {
            return self.apart(call, preview, "nobody knows what it is about");
        }
        let fails = !matches!(&preview.answer, Some(Answer::Returns(outcome)) if outcome.errno == 0);
        if let Some(clause) =
            preview.deciding.iter().chain(&preview.chosen_by).filter(|_| fails).find(|clause| is_not_the_kernels(**clause))
        {
            let subject = clause.clause().subject().to_owned();
            return self.apart(call, preview, &subject);
        }
        if self.could_block(call) {
            return self.apart(call, preview, "a write that could wait for ever");
        }
        match self.kernel.perform(call) {
            Some(outcome) => self.decided(call, &preview, outcome),
            None => self.apart(call, preview, call.function.name()),
        }
    }
}

fn is_not_the_kernels(clause: ClauseId) -> bool {
    let id = clause.id();
    NOT_THE_KERNELS.iter().any(|known| if known.ends_with('.') { id.starts_with(known) } else { id == *known }) || id.contains(".unknown-")
}

fn ids(clauses: &[ClauseId]) -> Vec<String> {
    let mut ids: Vec<String> = clauses.iter().map(|clause| clause.id().to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::Returns(outcome) => Errno::from_raw(outcome.errno).map_or_else(
            || outcome.errno.to_string(),
            |errno| match errno {
                Errno::Success => "ok".to_owned(),
                other => other.name().to_owned(),
            },
        ),
        Answer::Exits(code) => format!("exit {code}"),
        Answer::Traps | Answer::Waits => "no return".to_owned(),
    }
}

/// Whether two outcomes have the same results, apart from what is nobody's to foretell.
fn same_results(seen: &TraceCall, what: What, preferred: Option<&Answer>) -> bool {
    let Some(Answer::Returns(preferred)) = preferred else { return false };
    if seen.outcome.as_ref() == Some(preferred) || is_open(seen.function, what) {
        return true;
    }
    let other = TraceCall { outcome: Some(preferred.clone()), ..seen.clone() };
    let (seen, other) = (value::results(seen), value::results(&other));
    seen.len() == other.len() && seen.iter().zip(&other).all(|(seen, other)| same(&seen.value, &other.value))
}

/// Whether results of a function, for what the descriptor stands for, are the host's: what a directory lists has been checked
/// against the tree, in an order of its own, and offsets mean something in files only.
fn is_open(function: Function, what: What) -> bool {
    let offset = matches!(function, Function::FdSeek | Function::FdTell) && !matches!(what, What::File(_));
    function == Function::FdReaddir || offset
}

fn same(seen: &Value, other: &Value) -> bool {
    match (seen, other) {
        (Value::Record(seen), Value::Record(other)) => {
            let is_directory = seen.iter().any(|(name, value)| *name == "filetype" && value.to_string() == "directory");
            let is_open = |name: &str| is_directory && (name == "size" || name == "nlink");
            seen.iter().zip(other).all(|((name, seen), (_, other))| is_open(name) || same(seen, other))
        }
        _ => seen == other || seen.open_value().is_some(),
    }
}

/// What the kernel cannot say is the oracle's: it keeps no rights, has no `O_RSYNC`, counts `O_DSYNC` into `O_SYNC`, and
/// cannot change either once a file is open (fcntl(2), BUGS).
fn take_from_oracle(outcome: &mut Outcome, preferred: &Outcome) {
    if let (Some(seen), Some(preferred)) = (outcome.outputs.first_mut(), preferred.outputs.first())
        && let Some(bytes) = &mut seen.bytes
    {
        let preferred = preferred.kept();
        bytes[fdstat::FS_RIGHTS_BASE..].copy_from_slice(&preferred[fdstat::FS_RIGHTS_BASE..]);
        let sync = [fdflags::DSYNC, fdflags::RSYNC, fdflags::SYNC].into_iter().fold(0, |all, bit| all | bit) as u8;
        bytes[fdstat::FS_FLAGS] = (bytes[fdstat::FS_FLAGS] & !sync) | (preferred[fdstat::FS_FLAGS] & sync);
    }
}

fn clocks(waited: u64) -> Clocks {
    let of = |clock: ClockId| {
        let time = clock_gettime(clock);
        u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default() + waited
    };
    Clocks { realtime: of(ClockId::Realtime), monotonic: of(ClockId::Monotonic), cpu: of(ClockId::ProcessCPUTime) }
}

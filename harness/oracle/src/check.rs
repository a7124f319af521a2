//! Whether what a runtime did was permitted.

pub use touchstone_model::oracle::Said;
use touchstone_model::trace::TraceCall;
use touchstone_model::world::World;
use touchstone_spec::{ClauseId, Function, clause};

use crate::functions;
use crate::prefer::{Answer, Clocks, prefer};
use crate::rules::Rule;
use crate::state::{Choice, Directory, Fd, Host, Kind, Rights, State, What};
use crate::step::{Decided, Findings, Making, Mode, Seen, Step, Stop, number_at};

/// States that a run may be in at once. Only choices that nothing has shown yet make more than one, and there are few of them.
const MOST_STATES: usize = 64;

/// Follows a run call by call, in every state that it may be in.
#[derive(Debug)]
pub struct Checker {
    states: Vec<State>,
    findings: Findings,
    /// The findings of a state that rejected the call, kept while others are asked.
    rejected: Findings,
}

/// What the specification would do with a call.
#[derive(Debug, Clone)]
pub struct Preview {
    /// `None`: nothing is known of what the call is about.
    pub answer: Option<Answer>,
    /// The clauses that decide it: those that permit no success, or else those that permit an error besides.
    pub deciding: Vec<ClauseId>,
    /// The one among them whose outcome is preferred.
    pub chosen_by: Option<ClauseId>,
    /// Nanoseconds that the call waits.
    pub waited: u64,
}

/// Too many states: a mistake of the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyStates;

/// What one state makes of a call.
enum Outcome {
    Said(Said),
    Undecided(Choice),
}

impl Checker {
    /// A checker for a run that starts in a world.
    pub fn new(world: &World, host: Host) -> Checker {
        Checker::starting(State::new(world, host))
    }

    /// A checker for a run that starts in this state.
    pub fn starting(state: State) -> Checker {
        Checker { states: vec![state], findings: Findings::default(), rejected: Findings::default() }
    }

    /// A checker for a run on something that is known to keep rights, or to know none.
    pub fn with_rights(world: &World, host: Host, rights: Rights) -> Checker {
        let mut checker = Checker::new(world, host);
        checker.states.iter_mut().for_each(|state| state.choices.rights = Some(rights));
        checker
    }

    /// What the specification would do itself with the next call, in the first of the states. What is random follows from the time.
    pub fn preferred(&self, call: &TraceCall, clocks: Clocks) -> Preview {
        let mut findings = Findings::default();
        let making =
            Making { realtime: clocks.realtime, monotonic: clocks.monotonic, cpu: clocks.cpu, seed: clocks.realtime, ..Making::default() };
        let (answer, making) = prefer(&mut self.states[0].clone(), call, making, &mut findings);
        Preview { answer, deciding: deciding(&findings), chosen_by: findings.chosen_by, waited: making.waited }
    }

    /// The states that the run may be in.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// What was found about the last call.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Looks at the next call. After a rejection it goes on with what was seen, as far as it can.
    pub fn call(&mut self, call: &TraceCall) -> Result<Said, TooManyStates> {
        let seen = match &call.outcome {
            Some(outcome) if outcome.errno == 0 => Seen::Success(&outcome.outputs),
            Some(outcome) => Seen::Errno(outcome.errno),
            None => Seen::NoReturn,
        };
        let said = if self.states.len() == 1 { self.alone(call, seen) } else { Outcome::Undecided(Choice::PwriteAppends) };
        let said = match said {
            Outcome::Said(said) => said,
            Outcome::Undecided(_) => self.together(call, seen)?,
        };
        if said == Said::Rejected {
            self.states.truncate(1);
            if let Seen::Success(_) = seen {
                adopt(&mut self.states[0], call);
            }
        }
        if let (Said::Unjudged, Seen::Success(_)) = (said, seen) {
            // it may have changed what nobody knows
            self.states.iter_mut().for_each(|state| adopt(state, call));
        }
        if call.outcome.is_none() && said == Said::Accepted && is_pointer_fault(&self.findings) {
            self.effect_before_trap(call);
        }
        Ok(said)
    }

    /// The common case: one state, and nothing to be decided.
    fn alone(&mut self, call: &TraceCall, seen: Seen<'_>) -> Outcome {
        run(&mut self.states[0], call, Mode::Check(seen), &mut self.findings)
    }

    /// Asks every state, each choice both ways. States that reject what another one accepts are given up.
    fn together(&mut self, call: &TraceCall, seen: Seen<'_>) -> Result<Said, TooManyStates> {
        let mut waiting = std::mem::take(&mut self.states);
        waiting.reverse();
        let mut findings = Findings::default();
        let mut accepted: Vec<State> = Vec::new();
        let mut refused: Option<State> = None;
        let mut said = Said::Rejected;
        while let Some(mut state) = waiting.pop() {
            match run(&mut state, call, Mode::Check(seen), &mut findings) {
                Outcome::Undecided(choice) => {
                    for value in [false, true] {
                        let mut other = state.clone();
                        other.choices = other.choices.with(choice, value);
                        waiting.push(other);
                    }
                }
                Outcome::Said(Said::Rejected) => {
                    if refused.is_none() {
                        refused = Some(state);
                        self.rejected.clone_from(&findings);
                    }
                }
                Outcome::Said(now) => {
                    if accepted.is_empty() {
                        said = now;
                        self.findings.clone_from(&findings);
                    }
                    accepted.push(state);
                }
            }
            if waiting.len() + accepted.len() > MOST_STATES {
                return Err(TooManyStates);
            }
        }
        if accepted.is_empty() {
            self.findings.clone_from(&self.rejected);
            accepted.extend(refused);
        }
        self.states = accepted;
        Ok(said)
    }

    /// A call that never came back because of a pointer may have done what it does before, or not.
    fn effect_before_trap(&mut self, call: &TraceCall) {
        let mut findings = Findings::default();
        let mut done: Vec<State> = self.states.clone();
        for state in &mut done {
            run(state, call, Mode::Effect, &mut findings);
        }
        self.findings.clauses.push(clause!("memory.effect-before-trap"));
        self.states.extend(done);
    }
}

/// The clauses because of which a call has to fail, or else those because of which it may.
pub(crate) fn deciding(findings: &Findings) -> Vec<ClauseId> {
    let fails = |clause: &ClauseId| !Rule::of(*clause).errnos.is_empty() || Rule::of(*clause).trap;
    let must = findings.clauses.iter().copied().filter(|clause| fails(clause) && !Rule::of(*clause).success);
    let mut clauses: Vec<ClauseId> = must.collect();
    if clauses.is_empty() {
        clauses = findings.clauses.iter().copied().filter(fails).collect();
    }
    clauses.sort_unstable();
    clauses.dedup();
    clauses
}

fn is_pointer_fault(findings: &Findings) -> bool {
    findings.clauses.iter().any(|clause| clause.clause().subject() == "memory")
}

/// One call in one state.
fn run(state: &mut State, call: &TraceCall, mode: Mode<'_>, findings: &mut Findings) -> Outcome {
    findings.clear();
    let mut step = Step { state, call, mode, findings, loose: false };
    crate::memory::pointers(&mut step);
    match functions::run(&mut step) {
        Err(Stop::Undecided(choice)) => Outcome::Undecided(choice),
        Err(Stop::Unjudged) if findings.decided != Some(Decided::Rejected) => Outcome::Said(Said::Unjudged),
        Ok(()) | Err(Stop::Done | Stop::Unjudged) => {
            let rejected = findings.decided == Some(Decided::Rejected) || !findings.mismatches.is_empty();
            Outcome::Said(if rejected { Said::Rejected } else { Said::Accepted })
        }
    }
}

/// Takes over what a call did that should not have succeeded: its effect, where that can be told, and a descriptor that it gave.
fn adopt(state: &mut State, call: &TraceCall) {
    let opens = matches!(call.function, Function::PathOpen | Function::SockAccept);
    if opens {
        let fd = call.outcome.as_ref().and_then(|outcome| outcome.outputs.first()).map(|capture| number_at(capture.kept(), 0, 4));
        if let Some(number) = fd.and_then(|fd| u32::try_from(fd).ok())
            && state.fds.get(number).is_none()
        {
            state.fds.insert(Fd::new(number, What::Foreign));
        }
    }
    let changes = matches!(
        call.function,
        Function::PathOpen
            | Function::PathCreateDirectory
            | Function::PathRemoveDirectory
            | Function::PathUnlinkFile
            | Function::PathRename
            | Function::PathLink
            | Function::PathSymlink
    );
    if changes {
        for index in [0, 2, 3, 4] {
            unsure(state, call, index);
        }
    }
}

/// Nobody knows any more what the directory of a descriptor holds.
fn unsure(state: &mut State, call: &TraceCall, index: usize) {
    let names_fd = match (call.function, index) {
        (Function::PathRename, 0 | 3) | (Function::PathLink, 0 | 4) | (Function::PathSymlink, 2) => true,
        (Function::PathRename | Function::PathLink | Function::PathSymlink, _) => false,
        (_, index) => index == 0,
    };
    let number = call.args.get(index).and_then(|fd| u32::try_from(*fd).ok());
    if let (true, Some(What::Directory(inode))) = (names_fd, number.and_then(|number| state.fds.get(number)).map(|fd| fd.what))
        && let Kind::Directory(Directory { unsure, .. }) = &mut state.inodes.get_mut(inode).kind
    {
        *unsure = true;
    }
}

//! What can be wrong at a branch of the specification.

use std::fmt::{self, Display, Formatter};

use touchstone_model::trace::TraceCall;
use touchstone_spec::memory::{Input, Output};
use touchstone_spec::{ClauseId, CoreType, Errno, Function, OpenValue, Permitted, Shape, Type, clause, clauses};

/// A branch: a clause that a function of the oracle cites, in a call that succeeds or in one that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    pub function: Function,
    pub clause: ClauseId,
    pub succeeds: bool,
}

/// One fault at one branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub site: Site,
    pub kind: Kind,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Another error code. Where the call should succeed, nothing else happens.
    Errno(Errno),
    /// Success, with zeros as results, where the call should fail.
    Succeeds,
    /// The error that it should be, but what the call does is done.
    ErrorThenEffect,
    /// What the call does is done, and then it fails.
    EffectThenError,
    /// Success, but nothing is done.
    NoEffect,
    /// A number in a result is one too large: which output, where in it, how many bytes.
    OneMore { output: usize, at: usize, len: usize },
    /// A byte of a filled buffer is another one: which output, and where in it.
    WrongByte { output: usize, at: usize },
    /// The call is done with a parameter one off.
    Argument { index: usize, by: i64 },
    /// The answer is the one from before the last change.
    Stale,
    /// A time in a result is too early, each time by a second more: which output, and where in it.
    Backwards { output: usize, at: usize },
    /// A time in a result is always the first one that there was.
    StandsStill { output: usize, at: usize },
    /// What should be random is zeros.
    Zeros,
    /// What should be random is each time what it was the first time.
    Repeats,
    /// A byte beside the memory that an output may take is another one afterwards.
    Beside { output: usize, side: Side },
    /// The first byte of what the call only reads is another one afterwards: which input.
    Input { input: usize },
    /// The first byte of the first buffer to write from is another one afterwards.
    Data,
    /// A number that is no error code.
    NoErrno,
    /// The descriptor that the call is about is closed afterwards.
    AlsoCloses,
    /// All that the program has done is undone.
    Undone,
    /// The program is stopped as if it had ended well.
    EndsWell,
}

/// A side of a piece of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    Behind,
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Errno(errno) => write!(f, "errno-{}", errno.name()),
            Kind::Succeeds => f.write_str("succeeds"),
            Kind::ErrorThenEffect => f.write_str("error-then-effect"),
            Kind::EffectThenError => f.write_str("effect-then-error"),
            Kind::NoEffect => f.write_str("no-effect"),
            Kind::OneMore { output, at, .. } => write!(f, "one-more-{output}-{at}"),
            Kind::WrongByte { output, at } => write!(f, "wrong-byte-{output}-{at}"),
            Kind::Argument { index, by } => write!(f, "argument-{index}{by:+}"),
            Kind::Stale => f.write_str("stale"),
            Kind::Backwards { output, at } => write!(f, "backwards-{output}-{at}"),
            Kind::StandsStill { output, at } => write!(f, "stands-still-{output}-{at}"),
            Kind::Zeros => f.write_str("zeros"),
            Kind::Repeats => f.write_str("repeats"),
            Kind::Beside { output, side: Side::Before } => write!(f, "writes-before-{output}"),
            Kind::Beside { output, side: Side::Behind } => write!(f, "writes-behind-{output}"),
            Kind::Input { input } => write!(f, "writes-input-{input}"),
            Kind::Data => f.write_str("writes-data"),
            Kind::NoErrno => f.write_str("no-errno"),
            Kind::AlsoCloses => f.write_str("also-closes"),
            Kind::Undone => f.write_str("undone"),
            Kind::EndsWell => f.write_str("ends-well"),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Fault { site: Site { function, clause, succeeds }, kind } = self;
        write!(f, "{}:{}:{}:{kind}", function.name(), clause.id(), if *succeeds { "ok" } else { "error" })
    }
}

impl Kind {
    /// Whether it changes memory that the call has no business with, which no trace of the call shows.
    pub fn is_stray(self) -> bool {
        matches!(self, Kind::Beside { .. } | Kind::Input { .. } | Kind::Data)
    }
}

impl Fault {
    /// Whether it breaks what the clause says, as opposed to the call: that a call fails which should succeed, every case finds that
    /// makes one, whatever it is about.
    pub fn is_about_its_clause(&self) -> bool {
        !self.site.succeeds || !matches!(self.kind, Kind::Errno(_) | Kind::EffectThenError)
    }
}

/// All faults at a branch.
pub fn faults(site: Site) -> Vec<Fault> {
    let kinds = of_every_call(site).unwrap_or_else(|| if site.succeeds { of_success(site.function) } else { of_error(site) });
    // that a close does nothing, or not what it should, does not touch the data
    let undone = (site.succeeds && site.clause == clause!("fd_close.keeps-data")).then_some(Kind::Undone);
    kinds.into_iter().chain(undone).map(|kind| Fault { site, kind }).collect()
}

/// The clauses that every call with such an end comes through, although no function of the oracle cites them: they are about what no
/// answer shows, or about ends that only something wrong comes to.
pub fn every_call(call: &TraceCall) -> Vec<ClauseId> {
    let function = call.function;
    let mut out = Vec::new();
    match &call.outcome {
        Some(outcome) => {
            out.extend((!function.outputs().is_empty()).then_some(clause!("memory.nothing-else-written")));
            out.extend((!function.inputs().is_empty()).then_some(clause!("memory.inputs-unchanged")));
            out.extend((function == Function::RandomGet).then_some(clause!("random_get.no-more-than-asked")));
            out.extend((outcome.errno != 0).then_some(clause!("program.errno-in-enum")));
        }
        None if function != Function::ProcExit => {
            out.extend([clause!("program.trap-keeps-effects"), clause!("program.trap-is-no-exit")]);
        }
        None => {}
    }
    out
}

/// The ways to break a clause of [`every_call`].
fn of_every_call(site: Site) -> Option<Vec<Kind>> {
    const NOTHING_ELSE_WRITTEN: ClauseId = clause!("memory.nothing-else-written");
    const NO_MORE_THAN_ASKED: ClauseId = clause!("random_get.no-more-than-asked");
    const INPUTS_UNCHANGED: ClauseId = clause!("memory.inputs-unchanged");
    const ERRNO_IN_ENUM: ClauseId = clause!("program.errno-in-enum");
    const TRAP_KEEPS_EFFECTS: ClauseId = clause!("program.trap-keeps-effects");
    const TRAP_IS_NO_EXIT: ClauseId = clause!("program.trap-is-no-exit");
    match site.clause {
        NOTHING_ELSE_WRITTEN | NO_MORE_THAN_ASKED => {
            let outputs = 0..site.function.outputs().len();
            Some(outputs.flat_map(|output| [Side::Before, Side::Behind].map(|side| Kind::Beside { output, side })).collect())
        }
        INPUTS_UNCHANGED => {
            let inputs = site.function.inputs();
            let data = inputs.iter().any(|input| matches!(input, Input::WriteBuffers { .. }));
            Some((0..inputs.len()).map(|input| Kind::Input { input }).chain(data.then_some(Kind::Data)).collect())
        }
        ERRNO_IN_ENUM => Some(vec![Kind::NoErrno]),
        TRAP_KEEPS_EFFECTS => Some(vec![Kind::Undone]),
        TRAP_IS_NO_EXIT => Some(vec![Kind::EndsWell]),
        _ => None,
    }
}

fn of_error(site: Site) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = wrong_errnos(site).into_iter().map(Kind::Errno).collect();
    kinds.push(Kind::Succeeds);
    if changes(site.function) {
        kinds.push(Kind::ErrorThenEffect);
    }
    kinds
}

/// `io`, which hardly anything permits, and the next code that another clause of the same function permits and this one does not: the
/// likeliest mistake.
fn wrong_errnos(site: Site) -> Vec<Errno> {
    let permits =
        |clause: &touchstone_spec::Clause, errno: Errno| clause.outcomes.iter().any(|permit| permit.outcome == Permitted::Errno(errno));
    let own = site.clause.clause();
    let others = || clauses().iter().filter(|clause| clause.function() == Some(site.function));
    let first = own.outcomes.iter().find_map(|permit| if let Permitted::Errno(errno) = permit.outcome { Some(errno.raw()) } else { None });
    let candidates = Errno::ALL.into_iter().filter(|errno| *errno != Errno::Success && !permits(own, *errno));
    let likely = candidates.filter(|errno| others().any(|clause| permits(clause, *errno)));
    let next = likely.min_by_key(|errno| (Some(errno.raw()) < first, errno.raw()));
    let io = (!permits(own, Errno::Io)).then_some(Errno::Io);
    io.into_iter().chain(next.filter(|errno| *errno != Errno::Io)).collect()
}

fn of_success(function: Function) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if function.returns_errno() {
        kinds.push(Kind::Errno(Errno::Io));
    }
    if changes(function) {
        kinds.extend([Kind::EffectThenError, Kind::NoEffect]);
    }
    for (output, what) in function.outputs().iter().enumerate() {
        match what {
            Output::Value { ty, .. } => {
                kinds.extend(numbers(ty, 0).into_iter().map(|(at, len)| Kind::OneMore { output, at, len }));
                kinds.extend(times(ty, 0).into_iter().flat_map(|at| [Kind::Backwards { output, at }, Kind::StandsStill { output, at }]));
            }
            // of random bytes, others are as good
            Output::Buffer { .. } if function == Function::RandomGet => kinds.extend([Kind::Zeros, Kind::Repeats]),
            Output::Buffer { .. } | Output::ReadBuffers { .. } => kinds.push(Kind::WrongByte { output, at: 0 }),
            // the pointers come first, and then the texts
            Output::Strings { .. } => {
                kinds.extend([Kind::OneMore { output, at: 0, len: 4 }, Kind::WrongByte { output: output + 1, at: 0 }]);
            }
            Output::Array { ty, .. } => {
                kinds.extend(numbers(ty, 0).into_iter().map(|(at, len)| Kind::OneMore { output, at, len }));
            }
        }
    }
    kinds.extend(arguments(function).into_iter().flat_map(|index| [1, -1].map(|by| Kind::Argument { index, by })));
    if !function.outputs().is_empty() {
        kinds.push(Kind::Stale);
    }
    if keeps_descriptor(function) {
        kinds.push(Kind::AlsoCloses);
    }
    if function == Function::ProcExit {
        kinds.push(Kind::Undone);
    }
    kinds
}

/// Whether a function is about a descriptor that is open afterwards as well.
fn keeps_descriptor(function: Function) -> bool {
    let first = function.params().first().map(|param| &param.ty.shape);
    matches!(first, Some(Shape::Handle)) && !matches!(function, Function::FdClose | Function::FdRenumber)
}

/// Where times stand in a value.
fn times(ty: &Type, at: usize) -> Vec<usize> {
    match &ty.shape {
        Shape::Record { fields } => fields.iter().flat_map(|field| times(field.ty, at + field.offset as usize)).collect(),
        _ => (ty.open_value() == Some(OpenValue::Timestamp)).then_some(at).into_iter().collect(),
    }
}

/// The numbers in a value that are not the host's own affair: where they stand, and their bytes.
fn numbers(ty: &Type, at: usize) -> Vec<(usize, usize)> {
    match &ty.shape {
        Shape::Record { fields } => fields.iter().flat_map(|field| numbers(field.ty, at + field.offset as usize)).collect(),
        _ if ty.open_value().is_some() => Vec::new(),
        Shape::Int(_) | Shape::Enum { .. } | Shape::Flags { .. } => vec![(at, ty.size as usize)],
        Shape::Union { tag, .. } => vec![(at, tag.size as usize)],
        Shape::Handle | Shape::Pointer(_) | Shape::ConstPointer(_) | Shape::List(_) | Shape::String => Vec::new(),
    }
}

/// Parameters that are numbers, flags or cases: neither descriptors nor pointers nor lengths.
fn arguments(function: Function) -> Vec<usize> {
    let mut out = Vec::new();
    let mut core = 0;
    for param in function.params() {
        match &param.ty.shape {
            Shape::Int(_) | Shape::Enum { .. } | Shape::Flags { .. } => {
                let is_length = param.ty.name == Some("size") && function.core_params()[core] == CoreType::I32;
                out.extend((!is_length).then_some(core));
                core += 1;
            }
            Shape::String | Shape::List(_) => core += 2,
            Shape::Handle | Shape::Pointer(_) | Shape::ConstPointer(_) | Shape::Record { .. } | Shape::Union { .. } => core += 1,
        }
    }
    out
}

/// Whether a successful call changes what later ones see.
pub fn changes(function: Function) -> bool {
    matches!(
        function,
        Function::FdAllocate
            | Function::FdClose
            | Function::FdFdstatSetFlags
            | Function::FdFdstatSetRights
            | Function::FdFilestatSetSize
            | Function::FdFilestatSetTimes
            | Function::FdPwrite
            | Function::FdRead
            | Function::FdRenumber
            | Function::FdSeek
            | Function::FdWrite
            | Function::PathCreateDirectory
            | Function::PathFilestatSetTimes
            | Function::PathLink
            | Function::PathOpen
            | Function::PathRemoveDirectory
            | Function::PathRename
            | Function::PathSymlink
            | Function::PathUnlinkFile
            | Function::SockAccept
            | Function::SockRecv
            | Function::SockSend
            | Function::SockShutdown
    )
}

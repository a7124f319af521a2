//! Which kinds of descriptor, path, flags and number the calls of a run are about.
//!
//! A run is followed by the [`Checker`]: of what kind a descriptor is, and where a path leads, only the state before a call tells.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use touchstone_model::coverage::{Axis, Cells, errnos};
use touchstone_model::trace::{Trace, TraceCall};
use touchstone_model::value::{Value, arguments};
use touchstone_model::world::{StdioKind, World};
use touchstone_spec::consts::{fdflags, lookupflags};
use touchstone_spec::{ClauseId, Function, Input, IntRepr, Permitted, Shape, Type, clause};

use crate::check::Checker;
use crate::path::is_usable;
use crate::resolve::{Place, resolve};
use crate::state::{Access, Fd, Host, InodeId, Kind, Link, State, Stream, What};
use crate::step::number_at;

/// What a number stands for that is given as a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FdKind {
    Closed,
    FileReadOnly,
    FileWriteOnly,
    FileReadWrite,
    FileAppend,
    Directory,
    Preopen,
    ReadOnlyPreopen,
    Stdin,
    StdoutFile,
    StdoutPipe,
    StdoutDevice,
    ClosedStdio,
    ThroughSymlink,
    Socket,
    ListeningSocket,
}

impl FdKind {
    /// All kinds.
    pub const ALL: [FdKind; 16] = [
        FdKind::Closed,
        FdKind::FileReadOnly,
        FdKind::FileWriteOnly,
        FdKind::FileReadWrite,
        FdKind::FileAppend,
        FdKind::Directory,
        FdKind::Preopen,
        FdKind::ReadOnlyPreopen,
        FdKind::Stdin,
        FdKind::StdoutFile,
        FdKind::StdoutPipe,
        FdKind::StdoutDevice,
        FdKind::ClosedStdio,
        FdKind::ThroughSymlink,
        FdKind::Socket,
        FdKind::ListeningSocket,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            FdKind::Closed => "closed",
            FdKind::FileReadOnly => "file read-only",
            FdKind::FileWriteOnly => "file write-only",
            FdKind::FileReadWrite => "file read-write",
            FdKind::FileAppend => "file append",
            FdKind::Directory => "directory",
            FdKind::Preopen => "preopen",
            FdKind::ReadOnlyPreopen => "read-only preopen",
            FdKind::Stdin => "stdin",
            FdKind::StdoutFile => "stdout file",
            FdKind::StdoutPipe => "stdout pipe",
            FdKind::StdoutDevice => "stdout device",
            FdKind::ClosedStdio => "stdio closed by the guest",
            FdKind::ThroughSymlink => "opened through a symlink",
            FdKind::Socket => "socket",
            FdKind::ListeningSocket => "listening socket",
        }
    }

    /// The kind of a number in a state; `None` where nothing is known of what it stands for.
    pub fn of(number: u32, state: &State) -> Option<FdKind> {
        let Some(fd) = state.fds.get(number) else {
            return Some(if number < 3 { FdKind::ClosedStdio } else { FdKind::Closed });
        };
        Some(match fd.what {
            What::File(_) => FdKind::of_file(fd),
            What::Directory(_) if fd.preopen.is_none() => FdKind::Directory,
            What::Directory(_) if fd.read_only => FdKind::ReadOnlyPreopen,
            What::Directory(_) => FdKind::Preopen,
            What::Stream(Stream::Input) => FdKind::Stdin,
            What::Stream(stream @ (Stream::Output | Stream::Error)) => match state.stream_kind(stream) {
                StdioKind::File => FdKind::StdoutFile,
                StdioKind::Pipe => FdKind::StdoutPipe,
                StdioKind::Device => FdKind::StdoutDevice,
            },
            What::Socket(socket) => match state.sockets.get(socket).link {
                Link::Listening(_) => FdKind::ListeningSocket,
                Link::Connected(_) | Link::Unconnected => FdKind::Socket,
            },
            What::Foreign => return None,
        })
    }

    fn of_file(fd: &Fd) -> FdKind {
        let appends = fd.flags.is_some_and(|flags| flags & fdflags::APPEND != 0);
        match fd.access {
            Access::Write | Access::ReadWrite if appends => FdKind::FileAppend,
            Access::Read | Access::Neither => FdKind::FileReadOnly,
            Access::Write => FdKind::FileWriteOnly,
            Access::ReadWrite => FdKind::FileReadWrite,
        }
    }
}

/// What is special about a path. One path may be of several classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathClass {
    Plain,
    Dot,
    DotDot,
    TrailingSlash,
    Absolute,
    Empty,
    LeadsOutside,
    ThroughSymlink,
    DanglingSymlink,
    SymlinkLoop,
    NameOf255,
    NameOf256,
    ZeroByte,
    BadUtf8,
    ManySlashes,
}

impl PathClass {
    /// All classes.
    pub const ALL: [PathClass; 15] = [
        PathClass::Plain,
        PathClass::Dot,
        PathClass::DotDot,
        PathClass::TrailingSlash,
        PathClass::Absolute,
        PathClass::Empty,
        PathClass::LeadsOutside,
        PathClass::ThroughSymlink,
        PathClass::DanglingSymlink,
        PathClass::SymlinkLoop,
        PathClass::NameOf255,
        PathClass::NameOf256,
        PathClass::ZeroByte,
        PathClass::BadUtf8,
        PathClass::ManySlashes,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            PathClass::Plain => "plain",
            PathClass::Dot => "`.`",
            PathClass::DotDot => "`..`",
            PathClass::TrailingSlash => "trailing slash",
            PathClass::Absolute => "absolute",
            PathClass::Empty => "empty",
            PathClass::LeadsOutside => "leads outside",
            PathClass::ThroughSymlink => "through a symlink",
            PathClass::DanglingSymlink => "dangling symlink",
            PathClass::SymlinkLoop => "symlink loop",
            PathClass::NameOf255 => "name of 255 bytes",
            PathClass::NameOf256 => "name of 256 bytes",
            PathClass::ZeroByte => "NUL",
            PathClass::BadUtf8 => "bad UTF-8",
            PathClass::ManySlashes => "many slashes",
        }
    }

    /// What the text alone tells.
    fn of_text(path: &[u8]) -> Vec<PathClass> {
        let has_part = |matches: &dyn Fn(&[u8]) -> bool| path.split(|byte| *byte == b'/').any(matches);
        let found = [
            (PathClass::Dot, has_part(&|part| part == b".")),
            (PathClass::DotDot, has_part(&|part| part == b"..")),
            (PathClass::TrailingSlash, path.len() > 1 && path.last() == Some(&b'/')),
            (PathClass::Absolute, path.first() == Some(&b'/')),
            (PathClass::Empty, path.is_empty()),
            (PathClass::NameOf255, has_part(&|part| part.len() == 255)),
            (PathClass::NameOf256, has_part(&|part| part.len() == 256)),
            (PathClass::ZeroByte, path.contains(&0)),
            (PathClass::BadUtf8, std::str::from_utf8(path).is_err()),
            (PathClass::ManySlashes, path.windows(2).any(|pair| pair == b"//")),
        ];
        found.into_iter().filter(|(_, is)| *is).map(|(class, _)| class).collect()
    }

    /// The classes of a path that starts from a directory, if it does.
    pub fn of(path: &[u8], follow: bool, base: Option<InodeId>, state: &State) -> Vec<PathClass> {
        let mut classes = PathClass::of_text(path);
        let Some(base) = base.filter(|_| is_usable(path)) else { return classes };
        let mut leads_to_symlink = false;
        match resolve(state, base, path, follow) {
            Ok(place) => {
                classes.extend(is_through_symlink(&place).then_some(PathClass::ThroughSymlink));
                leads_to_symlink = place.inode.is_some_and(|inode| matches!(state.inodes.get(inode).kind, Kind::Symlink(_)));
            }
            Err(fault) => classes.extend(fault.clauses.iter().any(is_outside).then_some(PathClass::LeadsOutside)),
        }
        // a link that leads nowhere does so whether the call follows it or not
        match resolve(state, base, path, true) {
            Ok(place) => classes.extend((place.inode.is_none() && is_through_symlink(&place)).then_some(PathClass::DanglingSymlink)),
            Err(fault) => {
                let says = |clause: ClauseId| fault.clauses.contains(&clause);
                classes.extend(says(clause!("path-resolution.loop")).then_some(PathClass::SymlinkLoop));
                classes.extend(says(clause!("path-resolution.dangling-in-the-middle")).then_some(PathClass::DanglingSymlink));
            }
        }
        if classes.is_empty() && !leads_to_symlink {
            classes.push(PathClass::Plain);
        }
        classes
    }
}

fn is_through_symlink(place: &Place<'_>) -> bool {
    place.through_link || place.slash_link || place.ways.link_in_the_middle
}

fn is_outside(clause: &ClauseId) -> bool {
    let outside = [
        clause!("path-resolution.dotdot-outside"),
        clause!("path-resolution.dotdot-and-back"),
        clause!("path-resolution.symlink-outside"),
        clause!("path-resolution.symlink-absolute"),
    ];
    outside.contains(clause)
}

/// Ranges of numbers: where each begins, and its name. It ends where the next one begins.
const RANGES: [(u64, &str); 9] = [
    (0, "0"),
    (1, "1"),
    (2, "small"),
    ((1 << 31) - 1, "2^31-1.."),
    ((1 << 32) - 1, "2^32-1"),
    (1 << 32, "2^32.."),
    ((1 << 63) - 1, "2^63-1"),
    (1 << 63, "2^63.."),
    (u64::MAX, "2^64-1"),
];

/// The types whose numbers are looked at.
const NUMBERS: [&str; 6] = ["filesize", "filedelta", "timestamp", "size", "dircookie", "fd"];

fn range(number: u64) -> &'static str {
    RANGES.iter().rev().find(|(start, _)| *start <= number).map_or("", |(_, name)| name)
}

/// A parameter that is a descriptor.
#[derive(Debug, Clone)]
struct FdParam {
    row: String,
    /// Its place among the core parameters; `None` where descriptors stand in an array of subscriptions.
    core: Option<usize>,
}

/// A parameter that is a path below a descriptor.
#[derive(Debug, Clone)]
struct PathParam {
    row: String,
    input: usize,
    /// The descriptor, as a core parameter.
    base: usize,
    /// The `lookupflags`, as a core parameter.
    lookup: Option<usize>,
}

/// The parameters of every function that are descriptors, and those that are paths.
static PARAMS: LazyLock<Vec<(Vec<FdParam>, Vec<PathParam>)>> =
    LazyLock::new(|| Function::ALL.into_iter().map(|function| (fd_params(function), path_params(function))).collect());

/// The first descriptor that a call is given.
pub(crate) fn first_fd_kind(call: &TraceCall, state: &State) -> Option<FdKind> {
    let core = PARAMS[usize::from(call.function.index())].0.first()?.core?;
    FdKind::of(arg32(call, core), state)
}

/// The classes of the first path that a call is given.
pub(crate) fn first_path_classes(call: &TraceCall, state: &State) -> Vec<PathClass> {
    let path = PARAMS[usize::from(call.function.index())].1.first().and_then(|param| path_of(call, param, state));
    path.map(|(path, follow, base)| PathClass::of(path, follow, base, state)).unwrap_or_default()
}

fn row(function: Function, param: &str, alone: bool) -> String {
    if alone { function.name().to_owned() } else { format!("{} {param}", function.name()) }
}

fn fd_params(function: Function) -> Vec<FdParam> {
    let params = function.params();
    let is_fd = |ty: &Type| matches!(ty.shape, Shape::Handle);
    let places: Vec<usize> = (0..params.len()).filter(|index| is_fd(params[*index].ty)).collect();
    let own = places
        .iter()
        .map(|index| FdParam { row: row(function, params[*index].name, places.len() == 1), core: Some(function.core_index(*index)) });
    let nested = params.iter().filter(|param| !is_fd(param.ty) && given(param.ty).into_iter().any(is_fd));
    own.chain(nested.map(|_| FdParam { row: function.name().to_owned(), core: None })).collect()
}

fn path_params(function: Function) -> Vec<PathParam> {
    let params = function.params();
    let is_path = |index: &usize| matches!(params[*index].ty.shape, Shape::String) && base_of(function, *index).is_some();
    let places: Vec<usize> = (0..params.len()).filter(is_path).collect();
    let made = places.iter().filter_map(|index| {
        let ptr = function.core_index(*index);
        let is_here = |input: &Input| matches!(input, Input::Bytes { ptr: found, .. } if *found == ptr);
        let before = index.checked_sub(1).filter(|before| params[*before].ty.name == Some("lookupflags"));
        Some(PathParam {
            row: row(function, params[*index].name, places.len() == 1),
            input: function.inputs().iter().position(is_here)?,
            base: base_of(function, *index)?,
            lookup: before.map(|before| function.core_index(before)),
        })
    });
    made.collect()
}

/// The descriptor before a path. The text of a symbolic link has none: it is no path yet.
fn base_of(function: Function, param: usize) -> Option<usize> {
    let before = function.params()[..param].iter().rposition(|param| matches!(param.ty.shape, Shape::Handle))?;
    Some(function.core_index(before))
}

/// The types of all that a call is given through a parameter.
fn given(ty: &'static Type) -> Vec<&'static Type> {
    match ty.shape {
        Shape::Int(_) | Shape::Handle | Shape::Enum { .. } | Shape::Flags { .. } | Shape::String | Shape::Pointer(_) => vec![ty],
        Shape::ConstPointer(inner) | Shape::List(inner) => given(inner),
        Shape::Record { fields } => fields.iter().flat_map(|field| given(field.ty)).collect(),
        Shape::Union { tag, cases, .. } => std::iter::once(tag).chain(cases.iter().filter_map(|case| case.ty)).flat_map(given).collect(),
    }
}

/// All cells that there are.
pub fn universe() -> Cells {
    let mut cells = Cells::default();
    for clause in touchstone_spec::clauses().iter() {
        cells.add_clause(Axis::ClausesReached, &clause.id);
        cells.add_clause(Axis::ClausesCited, &clause.id);
        for permit in &clause.outcomes {
            if let (Some(function), Permitted::Errno(errno)) = (clause.function(), &permit.outcome) {
                cells.add(Axis::Errnos, function.name(), errno.name());
            }
        }
    }
    for function in Function::ALL {
        cells.add_function(function.name());
        for param in fd_params(function) {
            FdKind::ALL.into_iter().for_each(|kind| cells.add(Axis::FdKinds, &param.row, kind.name()));
        }
        for param in path_params(function) {
            PathClass::ALL.into_iter().for_each(|class| cells.add(Axis::Paths, &param.row, class.name()));
        }
        function.params().iter().flat_map(|param| given(param.ty)).for_each(|ty| values_of(ty, &mut cells));
    }
    cells
}

/// The cells that values of a type may be in.
fn values_of(ty: &'static Type, cells: &mut Cells) {
    let Some(name) = ty.name else { return };
    if let Shape::Flags { flags, .. } = ty.shape {
        flags_cells(ty, 0, cells);
        flags_cells(ty, ty.all_flags(), cells);
        flags.iter().for_each(|flag| cells.add(Axis::Flags, name, flag.name));
    }
    if NUMBERS.contains(&name) {
        let most = if ty.int_repr().map_or(0, IntRepr::size) > 4 { u64::MAX } else { u64::from(u32::MAX) };
        RANGES.iter().filter(|(start, _)| *start <= most).for_each(|(_, range)| cells.add(Axis::Numbers, name, range));
    }
}

/// The cells of a set of flags. One with bits that no flag has is in none.
fn flags_cells(ty: &'static Type, value: u64, cells: &mut Cells) {
    let (set, unknown) = ty.flag_set(value);
    let Some(name) = ty.name.filter(|_| unknown == 0) else { return };
    match set.as_slice() {
        [] => cells.add(Axis::Flags, name, "none"),
        [alone] => cells.add(Axis::Flags, name, alone),
        several => {
            for (index, first) in several.iter().enumerate() {
                several[index + 1..].iter().for_each(|second| cells.add(Axis::FlagPairs, name, &format!("{first} + {second}")));
            }
        }
    }
}

/// The cells that a run is in.
///
/// # Panics
///
/// If a run may be in more states than there is a bound for, which is a mistake of the oracle.
pub fn cells(world: &World, host: Host, trace: &Trace) -> Cells {
    let mut cells = Cells::default();
    cells.extend(Axis::Errnos, &errnos(trace));
    let mut checker = Checker::new(world, host);
    let mut linked = BTreeSet::new();
    for call in &trace.calls {
        if let Some(state) = checker.states().first() {
            look(call, state, &linked, &mut cells);
            follow_links(call, state, &mut linked);
        }
        checker.call(call).expect("a run is in few states at once");
        checker.findings().clauses.iter().for_each(|clause| cells.add_clause(Axis::ClausesReached, clause.id()));
    }
    cells
}

/// The cells of a call, in the state before it.
fn look(call: &TraceCall, state: &State, linked: &BTreeSet<u32>, cells: &mut Cells) {
    cells.add_function(call.function.name());
    let values: Vec<(u64, &'static Type)> = arguments(call).iter().flat_map(|named| scalars(&named.value)).collect();
    for (value, ty) in &values {
        if let Shape::Flags { .. } = ty.shape {
            flags_cells(ty, *value, cells);
        } else if let Some(name) = ty.name.filter(|name| NUMBERS.contains(name)) {
            cells.add(Axis::Numbers, name, range(*value));
        }
    }
    for param in fd_params(call.function) {
        let numbers: Vec<u32> = match param.core {
            Some(core) => vec![arg32(call, core)],
            None => {
                values.iter().filter(|(_, ty)| matches!(ty.shape, Shape::Handle)).filter_map(|(fd, _)| u32::try_from(*fd).ok()).collect()
            }
        };
        for number in numbers {
            let through = linked.contains(&number).then_some(FdKind::ThroughSymlink);
            FdKind::of(number, state).into_iter().chain(through).for_each(|kind| cells.add(Axis::FdKinds, &param.row, kind.name()));
        }
    }
    for param in path_params(call.function) {
        let Some((path, follow, base)) = path_of(call, &param, state) else { continue };
        PathClass::of(path, follow, base, state).into_iter().for_each(|class| cells.add(Axis::Paths, &param.row, class.name()));
    }
}

fn arg32(call: &TraceCall, core: usize) -> u32 {
    call.args.get(core).and_then(|value| u32::try_from(*value).ok()).unwrap_or_default()
}

/// A path that a call was given, whether a link at its end is followed, and where it starts. `None` where it lies outside of the memory.
fn path_of<'a>(call: &'a TraceCall, param: &PathParam, state: &State) -> Option<(&'a [u8], bool, Option<InodeId>)> {
    let path = call.inputs.get(param.input)?.bytes.as_deref()?;
    let follow = param.lookup.is_some_and(|core| u64::from(arg32(call, core)) & lookupflags::SYMLINK_FOLLOW != 0);
    let base = match state.fds.get(arg32(call, param.base))?.what {
        What::Directory(inode) => Some(inode),
        What::File(_) | What::Stream(_) | What::Socket(_) | What::Foreign => None,
    };
    Some((path, follow, base))
}

/// Keeps the numbers of descriptors that were opened through a symbolic link.
fn follow_links(call: &TraceCall, state: &State, linked: &mut BTreeSet<u32>) {
    let Some(outcome) = call.outcome.as_ref().filter(|outcome| outcome.errno == 0) else { return };
    let first = arg32(call, 0);
    match call.function {
        Function::FdClose => {
            linked.remove(&first);
        }
        Function::FdRenumber => {
            let to = arg32(call, 1);
            let was_linked = linked.remove(&first);
            if was_linked {
                linked.insert(to)
            } else {
                linked.remove(&to)
            };
        }
        Function::PathOpen => {
            let number = outcome.outputs.first().and_then(|capture| u32::try_from(number_at(capture.kept(), 0, 4)).ok());
            let mut paths = path_params(call.function).into_iter().filter_map(|param| path_of(call, &param, state));
            let through = paths.any(|(path, follow, base)| PathClass::of(path, follow, base, state).contains(&PathClass::ThroughSymlink));
            if let Some(number) = number {
                if through {
                    linked.insert(number)
                } else {
                    linked.remove(&number)
                };
            }
        }
        _ => {}
    }
}

/// The numbers in a value, with their types.
fn scalars(value: &Value) -> Vec<(u64, &'static Type)> {
    match value {
        Value::Scalar { value, ty } => vec![(*value, *ty)],
        Value::Record(fields) => fields.iter().flat_map(|(_, value)| scalars(value)).collect(),
        Value::List(items) => items.iter().flat_map(scalars).collect(),
        Value::Bytes { .. } | Value::OutOfBounds => Vec::new(),
    }
}

//! What a valid call to each function is about.

use std::sync::LazyLock;

use touchstone_model::script::params::{self, Kind};
use touchstone_spec::Function;
use touchstone_spec::consts::rights;

/// What a valid call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) descriptor: Descriptor,
    /// Rights of the descriptor.
    pub(crate) rights: u64,
}

/// What the first descriptor of a call has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descriptor {
    /// There is none, or it does not matter.
    Any,
    /// Of a regular file.
    File,
    /// A file to read from, or standard input.
    Readable,
    /// A file to write to, or standard output.
    Writable,
    /// Of a file or directory.
    FileOrDirectory,
    Directory,
    Preopen,
    /// In a variable, so that closing it takes away nothing that the script cannot do without.
    Variable,
    /// A directory from which a path leads to an entry.
    BaseOf(Entry),
}

/// What a path has to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Any,
    Free,
    EmptyDirectory,
    Link,
    FileOrLink,
}

impl Entry {
    /// Whether the call changes the directory that the entry is in.
    pub(crate) fn changes(self) -> bool {
        matches!(self, Entry::Free | Entry::EmptyDirectory | Entry::FileOrLink)
    }
}

impl Need {
    pub(crate) fn of(function: Function) -> Need {
        use Descriptor::{Any, BaseOf, Directory, File, FileOrDirectory, Preopen, Readable, Variable, Writable};
        let (descriptor, rights) = match function {
            Function::FdAdvise => (File, rights::FD_ADVISE),
            Function::FdAllocate => (File, rights::FD_ALLOCATE),
            Function::FdClose | Function::FdRenumber => (Variable, 0),
            Function::FdDatasync => (File, rights::FD_DATASYNC),
            Function::FdFdstatSetFlags => (File, rights::FD_FDSTAT_SET_FLAGS),
            Function::FdFdstatSetRights => (Variable, 0),
            Function::FdFilestatGet => (FileOrDirectory, rights::FD_FILESTAT_GET),
            Function::FdFilestatSetSize => (File, rights::FD_FILESTAT_SET_SIZE),
            Function::FdFilestatSetTimes => (FileOrDirectory, rights::FD_FILESTAT_SET_TIMES),
            Function::FdPread => (File, rights::FD_READ | rights::FD_SEEK),
            Function::FdPrestatGet | Function::FdPrestatDirName => (Preopen, 0),
            Function::FdPwrite => (File, rights::FD_WRITE | rights::FD_SEEK),
            Function::FdRead => (Readable, rights::FD_READ),
            Function::FdReaddir => (Directory, rights::FD_READDIR),
            Function::FdSeek => (File, rights::FD_SEEK | rights::FD_TELL),
            Function::FdSync => (File, rights::FD_SYNC),
            Function::FdTell => (File, rights::FD_TELL),
            Function::FdWrite => (Writable, rights::FD_WRITE),
            Function::PathCreateDirectory => (BaseOf(Entry::Free), rights::PATH_CREATE_DIRECTORY),
            Function::PathFilestatGet => (BaseOf(Entry::Any), rights::PATH_FILESTAT_GET),
            Function::PathFilestatSetTimes => (BaseOf(Entry::Any), rights::PATH_FILESTAT_SET_TIMES),
            Function::PathLink => (BaseOf(Entry::FileOrLink), rights::PATH_LINK_SOURCE),
            Function::PathOpen => (BaseOf(Entry::Any), rights::PATH_OPEN),
            Function::PathReadlink => (BaseOf(Entry::Link), rights::PATH_READLINK),
            Function::PathRemoveDirectory => (BaseOf(Entry::EmptyDirectory), rights::PATH_REMOVE_DIRECTORY),
            Function::PathRename => (BaseOf(Entry::Any), rights::PATH_RENAME_SOURCE),
            Function::PathSymlink => (BaseOf(Entry::Free), rights::PATH_SYMLINK),
            Function::PathUnlinkFile => (BaseOf(Entry::FileOrLink), rights::PATH_UNLINK_FILE),
            Function::ArgsGet
            | Function::ArgsSizesGet
            | Function::EnvironGet
            | Function::EnvironSizesGet
            | Function::ClockResGet
            | Function::ClockTimeGet
            | Function::FdFdstatGet
            | Function::PollOneoff
            | Function::ProcExit
            | Function::ProcRaise
            | Function::SchedYield
            | Function::RandomGet
            | Function::SockAccept
            | Function::SockRecv
            | Function::SockSend
            | Function::SockShutdown => (Any, 0),
        };
        Need { descriptor, rights }
    }
}

/// The kinds of the arguments that a typed call is written with.
pub(crate) fn kinds(function: Function) -> &'static [Kind] {
    static ALL: LazyLock<Vec<Vec<Kind>>> = LazyLock::new(|| {
        let written = |function| params::written(function).map(|param| param.kind);
        Function::ALL.into_iter().map(|function| written(function).collect()).collect()
    });
    &ALL[usize::from(function.index())]
}

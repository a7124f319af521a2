//! What is wanted of a sample.

use touchstone_spec::Function;

/// What a sample may be about, and how large it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Calls that a script has at most.
    pub calls: usize,
    /// Entries of all initial trees together, at most.
    pub entries: usize,
    /// Preopens of a world: one, or two.
    pub two_preopens: bool,
    /// Whether the second preopen may be read-only.
    pub read_only: bool,
    /// Functions that may be called.
    pub functions: Functions,
    /// How many calls are of which kind.
    pub share: Share,
    /// Whether calls use the standard streams, and worlds give arguments, variables and input.
    pub streams: bool,
    /// Nanoseconds that a poll waits for a clock, at least and at most. Where it may not ask for none at all, no poll takes its subscriptions
    /// from memory that may hold zeros.
    pub shortest_wait_nanoseconds: u64,
    pub longest_wait_nanoseconds: u64,
}

/// How many calls of a hundred are of which kind; all others are valid as far as the generator can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Calls with one argument at the boundary of what it can be: odd paths, extreme numbers, another descriptor.
    pub boundary: u8,
    /// Calls that abuse the interface: unknown bits and cases, closed descriptors, pointers that lead nowhere.
    pub abuse: u8,
}

impl Default for Mix {
    /// Everything.
    fn default() -> Mix {
        Mix {
            calls: 20,
            entries: 6,
            two_preopens: true,
            read_only: true,
            functions: Functions::ALL,
            share: Share { boundary: 22, abuse: 10 },
            streams: true,
            shortest_wait_nanoseconds: 0,
            longest_wait_nanoseconds: 1_000_000,
        }
    }
}

impl Mix {
    /// What the kernel of a host can witness: files, directories, links, times, sizes and offsets.
    pub fn kernel() -> Mix {
        Mix {
            functions: Functions::of(&WITNESSED),
            read_only: false,
            // a call that is made of whatever stands in memory would depend on the times and numbers that the kernel put there
            share: Share { boundary: 30, abuse: 0 },
            streams: false,
            ..Mix::default()
        }
    }
}

/// Functions that a kernel has a counterpart for.
const WITNESSED: [Function; 28] = [
    Function::FdAdvise,
    Function::FdAllocate,
    Function::FdClose,
    Function::FdDatasync,
    Function::FdFdstatGet,
    Function::FdFdstatSetFlags,
    Function::FdFilestatGet,
    Function::FdFilestatSetSize,
    Function::FdFilestatSetTimes,
    Function::FdPread,
    Function::FdPwrite,
    Function::FdRead,
    Function::FdReaddir,
    Function::FdRenumber,
    Function::FdSeek,
    Function::FdSync,
    Function::FdTell,
    Function::FdWrite,
    Function::PathCreateDirectory,
    Function::PathFilestatGet,
    Function::PathFilestatSetTimes,
    Function::PathLink,
    Function::PathOpen,
    Function::PathReadlink,
    Function::PathRemoveDirectory,
    Function::PathRename,
    Function::PathSymlink,
    Function::PathUnlinkFile,
];

/// A set of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Functions(u64);

impl Functions {
    /// All of them.
    pub const ALL: Functions = Functions((1 << Function::ALL.len()) - 1);

    /// These.
    pub fn of(functions: &[Function]) -> Functions {
        Functions(functions.iter().fold(0, |bits, function| bits | Functions::bit(*function)))
    }

    /// Whether a function is among them.
    pub fn contains(self, function: Function) -> bool {
        self.0 & Functions::bit(function) != 0
    }

    /// Those that are also among the functions whose bits, counted from the lowest, are set.
    pub(crate) fn masked(self, bits: u64) -> Functions {
        Functions(self.0 & bits)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(function: Function) -> u64 {
        1 << function.index()
    }
}

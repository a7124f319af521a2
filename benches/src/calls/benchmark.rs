//! What a benchmark is: data, from which the guest's module is made and by which the outcome is checked.

use rustix::io::Errno;
use touchstone_spec::Function;

use super::native::Native;

/// One line of the table.
#[derive(Debug)]
pub struct Benchmark {
    pub name: &'static str,
    /// The chart and the part of the table that it stands in.
    pub group: Group,
    /// What one iteration is, in words.
    pub what: &'static str,
    pub tree: Tree,
    /// What the set-up opens.
    pub open: Option<Open>,
    /// The paths that calls name; `####` in one of them is the number of the iteration.
    pub paths: [&'static str; 2],
    pub buffers: Buffers,
    pub body: Body,
    /// Calls made once behind the last iteration, not timed: what was opened can be used.
    pub after: &'static [Call],
    /// The same iterations by system calls.
    pub native: NativeRun,
    pub checks: &'static [Check],
    /// Iterations that one batch may have, so that the files of a batch stay small.
    pub most: u32,
    /// Whether runtimes resolve a path, for which they may use `openat2`: then it is measured with and without.
    pub resolves: bool,
    /// Runtimes on which it would never end, each with the divergence file that says why.
    pub hangs_on: &'static [(&'static str, &'static str)],
}

impl Benchmark {
    /// The divergence file by which it would never end on a runtime.
    pub fn hangs(&self, runtime: &str) -> Option<&'static str> {
        self.hangs_on.iter().find(|(name, _)| *name == runtime).map(|(_, divergence)| *divergence)
    }
}

/// Runs iterations natively, from the number of the first: as many as the second says.
pub type NativeRun = fn(&mut Native, u32, u32) -> Result<(), Errno>;

/// Parts of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Write,
    Read,
    Descriptor,
    Path,
    Listing,
    System,
    Instance,
}

impl Group {
    /// All, in the order of the table.
    pub const ALL: [Group; 7] = [Group::Write, Group::Read, Group::Descriptor, Group::Path, Group::Listing, Group::System, Group::Instance];

    /// The heading; without spaces it is the name of the chart's file.
    pub fn name(self) -> &'static str {
        match self {
            Group::Write => "writing",
            Group::Read => "reading",
            Group::Descriptor => "descriptors",
            Group::Path => "paths",
            Group::Listing => "directories",
            Group::System => "system",
            Group::Instance => "instances",
        }
    }
}

/// What lies in the preopen before the first iteration.
#[derive(Debug, Clone, Copy)]
pub enum Tree {
    Empty,
    /// `file`, with so many bytes for each iteration and some besides.
    File {
        per_iteration: u32,
        besides: u32,
    },
    /// `file`, the same in up to fifteen folders `d` in each other, and `link`, which leads to the first of them.
    Deep,
    /// A file for each iteration, named by a prefix and its number.
    Numbered {
        prefix: &'static str,
    },
    /// So many files in a folder.
    Entries(u32),
}

/// What the set-up opens, for all iterations.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    pub path: &'static str,
    pub oflags: u64,
    pub rights: u64,
}

/// Buffers of a call, one behind the other in memory.
#[derive(Debug, Clone, Copy)]
pub struct Buffers {
    pub count: u32,
    /// Bytes of all of them together; one that cannot be divided stands in the first.
    pub bytes: u32,
}

impl Buffers {
    /// Bytes of the first one.
    pub const fn first(self) -> u32 {
        if self.bytes >= self.count { self.bytes / self.count } else { self.bytes }
    }

    /// The length of each.
    pub fn lengths(self) -> impl Iterator<Item = u32> {
        let rest = self.bytes - self.first();
        std::iter::once(self.first()).chain((1..self.count).map(move |_| if rest == 0 { 0 } else { self.first() }))
    }
}

/// What one iteration does.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Calls, one after the other.
    Calls(&'static [Call]),
    /// `fd_read` or `fd_write` of all the buffers, again and again where a runtime takes fewer at once.
    Transfer(Function),
    /// `fd_readdir` of a whole folder, with a buffer of so many bytes.
    Listing { buffer: u32 },
    /// A run: the module is instantiated and called, and its end waited for.
    Run { start: Start, code: u32 },
}

/// What a module does that is made for one call.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    /// Asks for the time, traps if it gets none, and returns.
    AsksForTheTime,
    /// Exits.
    Exits,
}

/// A call of WASI.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub function: Function,
    pub args: &'static [Arg],
    /// Which result is added up.
    pub sum: Sum,
}

/// A result that is added up over all iterations: its address and size.
#[derive(Debug, Clone, Copy)]
pub enum Sum {
    None,
    U32(u32),
    U64(u32),
}

/// An argument, by the core type that the parameter has.
#[derive(Debug, Clone, Copy)]
pub enum Arg {
    Const(u64),
    /// The preopen.
    Root,
    /// What the set-up opened.
    Fd,
    /// The number of 32 bits at an address.
    At(u32),
    /// The number of the iteration, times this.
    Step(u32),
    /// The address of a path of the benchmark, and its length.
    Path(usize),
    PathLen(usize),
}

/// Something that is true if all iterations did what they should. A sum is that of the timed ones; in `all` are those before them as well.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// The results add up to this for each iteration.
    Each(u64),
    /// The result of an iteration is one more than its number.
    Counts,
    /// The buffer has what stands in `file` where the last iteration read, so many bytes.
    Read(u32),
    /// `file` has so many bytes of each of all iterations, and nothing else.
    Written(u32),
    /// Of all iterations there is a file of this prefix.
    Made(&'static str),
    /// There is no file of this prefix.
    Gone(&'static str),
    /// What was opened had a number of its own, is closed again, and what opens behind the last iteration can be read.
    Opened,
    /// The time lies between the beginning and the end of the timed iterations.
    Clock,
    /// So many random bytes, and others each time.
    Random(u32),
    /// The arguments of the guest are in memory, or its environment.
    Arguments,
    Environment,
    /// The event that was waited for.
    Event,
    /// A run ended as it should; that is checked for each.
    Ended,
    /// Nothing can be seen, for this reason.
    Nothing(&'static str),
}

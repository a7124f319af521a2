//! All benchmarks of calls, in the order in which they are shown.

use touchstone_spec::Function;
use touchstone_spec::consts::{filestat, lookupflags, oflags, rights, whence};

use super::benchmark::{Arg, Benchmark, Body, Buffers, Call, Check, Group, Open, Start, Sum, Tree};
use super::layout::{BUFFER, IOVECS, OUT, POINTERS, SUBSCRIPTION};
use super::native;

/// Every benchmark.
pub fn all() -> impl Iterator<Item = &'static Benchmark> {
    [WRITING.as_slice(), &READING, &DESCRIPTORS, &PATHS, &LISTINGS, &SYSTEM, &INSTANCES].into_iter().flatten()
}

/// The benchmark of this name.
pub fn named(name: &str) -> Option<&'static Benchmark> {
    all().find(|benchmark| benchmark.name == name)
}

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// Iterations of a batch that leave nothing behind.
const MANY: u32 = 1 << 20;
/// Iterations of a batch that leave a file each.
const FILES: u32 = 2048;
/// Bytes that the iterations of a batch may write or read together.
const BATCH_BYTES: u32 = 8 * MIB;

/// What most benchmarks are: they need nothing, and leave nothing.
const PLAIN: Benchmark = Benchmark {
    name: "",
    group: Group::System,
    what: "",
    tree: Tree::Empty,
    open: None,
    paths: ["", ""],
    buffers: Buffers { count: 1, bytes: 0 },
    body: Body::Calls(&[]),
    after: &[],
    native: native::nothing,
    checks: &[],
    most: MANY,
    resolves: false,
    hangs_on: &[],
};

static WRITING: [Benchmark; 9] = [
    written("fd_write 0 B", 0, 1, &[Check::Each(0), Check::Written(0)]),
    written("fd_write 0 B, 16 iovecs", 0, 16, &[Check::Each(0), Check::Written(0)]),
    written("fd_write 1 B", 1, 1, &[Check::Each(1), Check::Written(1)]),
    written("fd_write 1 B, 16 iovecs", 1, 16, &[Check::Each(1), Check::Written(1)]),
    written("fd_write 4 KiB", 4 * KIB, 1, &[Check::Each(4096), Check::Written(4 * KIB)]),
    written("fd_write 4 KiB, 16 iovecs", 4 * KIB, 16, &[Check::Each(4096), Check::Written(4 * KIB)]),
    written("fd_write 1 MiB", MIB, 1, &[Check::Each(1 << 20), Check::Written(MIB)]),
    written("fd_write 1 MiB, 16 iovecs", MIB, 16, &[Check::Each(1 << 20), Check::Written(MIB)]),
    Benchmark {
        name: "fd_pwrite 4 KiB",
        group: Group::Write,
        what: "4 KiB at the next offset, which is given",
        tree: Tree::File { per_iteration: 0, besides: 0 },
        open: Some(TO_WRITE),
        buffers: Buffers { count: 1, bytes: 4 * KIB },
        body: Body::Calls(&[Call {
            function: Function::FdPwrite,
            args: &[Arg::Fd, Arg::Const(IOVECS as u64), Arg::Const(1), Arg::Step(4 * KIB), Arg::Const(OUT as u64)],
            sum: Sum::U32(OUT),
        }]),
        native: native::pwrite,
        checks: &[Check::Each(4096), Check::Written(4 * KIB)],
        most: BATCH_BYTES / (4 * KIB),
        ..PLAIN
    },
];

static READING: [Benchmark; 9] = [
    read("fd_read 0 B", 0, 1, &[Check::Each(0)]),
    read("fd_read 0 B, 16 iovecs", 0, 16, &[Check::Each(0)]),
    read("fd_read 1 B", 1, 1, &[Check::Each(1), Check::Read(1)]),
    read("fd_read 1 B, 16 iovecs", 1, 16, &[Check::Each(1), Check::Read(1)]),
    read("fd_read 4 KiB", 4 * KIB, 1, &[Check::Each(4096), Check::Read(4 * KIB)]),
    read("fd_read 4 KiB, 16 iovecs", 4 * KIB, 16, &[Check::Each(4096), Check::Read(4 * KIB)]),
    read("fd_read 1 MiB", MIB, 1, &[Check::Each(1 << 20), Check::Read(MIB)]),
    read("fd_read 1 MiB, 16 iovecs", MIB, 16, &[Check::Each(1 << 20), Check::Read(MIB)]),
    Benchmark {
        name: "fd_pread 4 KiB",
        group: Group::Read,
        what: "4 KiB from the next offset, which is given",
        tree: Tree::File { per_iteration: 4 * KIB, besides: 0 },
        open: Some(TO_READ),
        buffers: Buffers { count: 1, bytes: 4 * KIB },
        body: Body::Calls(&[Call {
            function: Function::FdPread,
            args: &[Arg::Fd, Arg::Const(IOVECS as u64), Arg::Const(1), Arg::Step(4 * KIB), Arg::Const(OUT as u64)],
            sum: Sum::U32(OUT),
        }]),
        native: native::pread,
        checks: &[Check::Each(4096), Check::Read(4 * KIB)],
        most: BATCH_BYTES / (4 * KIB),
        ..PLAIN
    },
];

static DESCRIPTORS: [Benchmark; 3] = [
    Benchmark {
        name: "fd_seek",
        group: Group::Descriptor,
        what: "one byte forward",
        tree: Tree::File { per_iteration: 0, besides: 8 },
        open: Some(TO_READ),
        body: Body::Calls(&[Call {
            function: Function::FdSeek,
            args: &[Arg::Fd, Arg::Const(1), Arg::Const(whence::CUR), Arg::Const(OUT as u64)],
            sum: Sum::U64(OUT),
        }]),
        native: native::seek,
        checks: &[Check::Counts],
        ..PLAIN
    },
    Benchmark {
        name: "fd_tell",
        group: Group::Descriptor,
        what: "the offset, which stays 0",
        tree: Tree::File { per_iteration: 0, besides: 8 },
        open: Some(TO_READ),
        body: Body::Calls(&[Call { function: Function::FdTell, args: &[Arg::Fd, Arg::Const(OUT as u64)], sum: Sum::U64(OUT) }]),
        native: native::tell,
        checks: &[Check::Each(0)],
        ..PLAIN
    },
    Benchmark {
        name: "fd_filestat_get",
        group: Group::Descriptor,
        what: "of a file of 8 bytes",
        tree: Tree::File { per_iteration: 0, besides: 8 },
        open: Some(TO_READ),
        body: Body::Calls(&[Call {
            function: Function::FdFilestatGet,
            args: &[Arg::Fd, Arg::Const(OUT as u64)],
            sum: Sum::U64(OUT + filestat::SIZE as u32),
        }]),
        native: native::fd_filestat,
        checks: &[Check::Each(8)],
        ..PLAIN
    },
];

static PATHS: [Benchmark; 8] = [
    opened("path_open and fd_close, depth 1", "file"),
    opened("path_open and fd_close, depth 4", "d/d/d/file"),
    opened("path_open and fd_close, depth 16", "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/file"),
    opened("path_open and fd_close, symlink", "link/file"),
    Benchmark {
        name: "path_filestat_get",
        group: Group::Path,
        what: "of a file of 8 bytes, at depth 4",
        tree: Tree::Deep,
        paths: ["d/d/d/file", ""],
        body: Body::Calls(&[Call {
            function: Function::PathFilestatGet,
            args: &[Arg::Root, Arg::Const(lookupflags::SYMLINK_FOLLOW), Arg::Path(0), Arg::PathLen(0), Arg::Const(OUT as u64)],
            sum: Sum::U64(OUT + filestat::SIZE as u32),
        }]),
        native: native::path_filestat,
        checks: &[Check::Each(8)],
        resolves: true,
        ..PLAIN
    },
    Benchmark {
        name: "path_open, new file, and fd_close",
        group: Group::Path,
        what: "creat and excl, another file each time",
        paths: ["new-####", ""],
        body: Body::Calls(&[
            Call {
                function: Function::PathOpen,
                args: &[
                    Arg::Root,
                    Arg::Const(0),
                    Arg::Path(0),
                    Arg::PathLen(0),
                    Arg::Const(oflags::CREAT | oflags::EXCL),
                    Arg::Const(rights::FD_WRITE),
                    Arg::Const(0),
                    Arg::Const(0),
                    Arg::Const(OUT as u64),
                ],
                sum: Sum::None,
            },
            Call { function: Function::FdClose, args: &[Arg::At(OUT)], sum: Sum::None },
        ]),
        native: native::create,
        checks: &[Check::Made("new-")],
        most: FILES,
        resolves: true,
        ..PLAIN
    },
    Benchmark {
        name: "path_rename",
        group: Group::Path,
        what: "another file each time",
        tree: Tree::Numbered { prefix: "old-" },
        paths: ["old-####", "new-####"],
        body: Body::Calls(&[Call {
            function: Function::PathRename,
            args: &[Arg::Root, Arg::Path(0), Arg::PathLen(0), Arg::Root, Arg::Path(1), Arg::PathLen(1)],
            sum: Sum::None,
        }]),
        native: native::rename,
        checks: &[Check::Made("new-"), Check::Gone("old-")],
        most: FILES,
        resolves: true,
        ..PLAIN
    },
    Benchmark {
        name: "path_unlink_file",
        group: Group::Path,
        what: "another file each time",
        tree: Tree::Numbered { prefix: "old-" },
        paths: ["old-####", ""],
        body: Body::Calls(&[Call {
            function: Function::PathUnlinkFile,
            args: &[Arg::Root, Arg::Path(0), Arg::PathLen(0)],
            sum: Sum::None,
        }]),
        native: native::unlink,
        checks: &[Check::Gone("old-")],
        most: FILES,
        resolves: true,
        ..PLAIN
    },
];

static LISTINGS: [Benchmark; 4] = [
    listed("fd_readdir, 10 entries", "buffer of 4 KiB", 10, 4 * KIB, &[Check::Each(12)]),
    listed("fd_readdir, 100 entries", "buffer of 4 KiB", 100, 4 * KIB, &[Check::Each(102)]),
    listed("fd_readdir, 1,000 entries", "buffer of 4 KiB", 1_000, 4 * KIB, &[Check::Each(1_002)]),
    // with 4 KiB, runtimes that list the folder anew for each page need seconds for one listing
    listed("fd_readdir, 10,000 entries", "buffer of 64 KiB", 10_000, 64 * KIB, &[Check::Each(10_002)]),
];

static SYSTEM: [Benchmark; 7] = [
    Benchmark {
        name: "clock_time_get",
        what: "the clock `realtime`; natively no system call but the vDSO",
        body: Body::Calls(&[Call {
            function: Function::ClockTimeGet,
            args: &[Arg::Const(0), Arg::Const(1), Arg::Const(OUT as u64)],
            sum: Sum::None,
        }]),
        native: native::clock,
        checks: &[Check::Clock],
        ..PLAIN
    },
    random("random_get 16 B", 16, &[asked_for_random(&[Arg::Const(BUFFER as u64), Arg::Const(16)])], &[Check::Random(16)]),
    random("random_get 64 KiB", 64 * KIB, &[asked_for_random(&[Arg::Const(BUFFER as u64), Arg::Const(65536)])], &[Check::Random(64 * KIB)]),
    Benchmark {
        name: "args_get",
        what: "8 arguments; natively a copy in memory",
        body: Body::Calls(&[Call {
            function: Function::ArgsGet,
            args: &[Arg::Const(POINTERS as u64), Arg::Const(BUFFER as u64)],
            sum: Sum::None,
        }]),
        native: native::args,
        checks: &[Check::Arguments],
        ..PLAIN
    },
    Benchmark {
        name: "environ_get",
        what: "8 variables; natively a copy in memory",
        body: Body::Calls(&[Call {
            function: Function::EnvironGet,
            args: &[Arg::Const(POINTERS as u64), Arg::Const(BUFFER as u64)],
            sum: Sum::None,
        }]),
        native: native::environ,
        checks: &[Check::Environment],
        ..PLAIN
    },
    Benchmark {
        name: "poll_oneoff, zero timeout",
        what: "one clock that has come; natively `ppoll`",
        body: Body::Calls(&[Call {
            function: Function::PollOneoff,
            args: &[Arg::Const(SUBSCRIPTION as u64), Arg::Const(OUT as u64 + 64), Arg::Const(1), Arg::Const(OUT as u64)],
            sum: Sum::U32(OUT),
        }]),
        native: native::poll,
        checks: &[Check::Each(1), Check::Event],
        hangs_on: &[("wasmer", "wasmer-poll-zero-timeout")],
        ..PLAIN
    },
    Benchmark {
        name: "sched_yield",
        what: "on a busy machine others run meanwhile",
        body: Body::Calls(&[Call { function: Function::SchedYield, args: &[], sum: Sum::None }]),
        native: native::sched_yield,
        checks: &[Check::Nothing("whether another thread ran, nobody can see")],
        ..PLAIN
    },
];

static INSTANCES: [Benchmark; 2] = [
    Benchmark {
        name: "instance, first call",
        group: Group::Instance,
        what: "an instance of a compiled module asks for the time and returns; natively a process that starts and exits",
        body: Body::Run { start: Start::AsksForTheTime, code: 0 },
        native: native::process,
        checks: &[Check::Ended],
        most: 256,
        ..PLAIN
    },
    Benchmark {
        name: "instance, proc_exit",
        group: Group::Instance,
        what: "an instance of a compiled module exits; natively a process that starts and exits",
        body: Body::Run { start: Start::Exits, code: 7 },
        native: native::process,
        checks: &[Check::Ended],
        most: 256,
        ..PLAIN
    },
];

const TO_WRITE: Open = Open { path: "file", oflags: 0, rights: rights::FD_WRITE | rights::FD_SEEK | rights::FD_TELL };
const TO_READ: Open =
    Open { path: "file", oflags: 0, rights: rights::FD_READ | rights::FD_SEEK | rights::FD_TELL | rights::FD_FILESTAT_GET };

/// Iterations that move so many bytes each.
const fn as_many_as_fit(bytes: u32) -> u32 {
    if bytes == 0 {
        MANY
    } else if bytes > 1 {
        BATCH_BYTES / bytes
    } else {
        BATCH_BYTES / 128
    }
}

const fn written(name: &'static str, bytes: u32, count: u32, checks: &'static [Check]) -> Benchmark {
    Benchmark {
        name,
        group: Group::Write,
        what: "at the offset, which moves on",
        tree: Tree::File { per_iteration: 0, besides: 0 },
        open: Some(TO_WRITE),
        buffers: Buffers { count, bytes },
        body: Body::Transfer(Function::FdWrite),
        native: native::write,
        checks,
        most: as_many_as_fit(bytes),
        ..PLAIN
    }
}

const fn read(name: &'static str, bytes: u32, count: u32, checks: &'static [Check]) -> Benchmark {
    Benchmark {
        name,
        group: Group::Read,
        what: "at the offset, which moves on",
        tree: Tree::File { per_iteration: bytes, besides: 0 },
        open: Some(TO_READ),
        buffers: Buffers { count, bytes },
        body: Body::Transfer(Function::FdRead),
        native: native::read,
        checks,
        most: as_many_as_fit(bytes),
        ..PLAIN
    }
}

/// The arguments of a `path_open` that follows links.
const fn to_read(into: u32) -> [Arg; 9] {
    [
        Arg::Root,
        Arg::Const(lookupflags::SYMLINK_FOLLOW),
        Arg::Path(0),
        Arg::PathLen(0),
        Arg::Const(0),
        Arg::Const(rights::FD_READ),
        Arg::Const(0),
        Arg::Const(0),
        Arg::Const(into as u64),
    ]
}

const fn opened(name: &'static str, path: &'static str) -> Benchmark {
    Benchmark {
        name,
        group: Group::Path,
        what: "to read",
        tree: Tree::Deep,
        paths: [path, ""],
        buffers: Buffers { count: 1, bytes: 8 },
        body: Body::Calls(&[
            Call { function: Function::PathOpen, args: &const { to_read(OUT) }, sum: Sum::None },
            Call { function: Function::FdClose, args: &[Arg::At(OUT)], sum: Sum::None },
        ]),
        after: &[
            Call { function: Function::PathOpen, args: &const { to_read(OUT + 16) }, sum: Sum::None },
            Call {
                function: Function::FdRead,
                args: &[Arg::At(OUT + 16), Arg::Const(IOVECS as u64), Arg::Const(1), Arg::Const(OUT as u64 + 24)],
                sum: Sum::None,
            },
            Call { function: Function::FdClose, args: &[Arg::At(OUT + 16)], sum: Sum::None },
        ],
        native: native::open,
        checks: &[Check::Opened],
        resolves: true,
        ..PLAIN
    }
}

const fn listed(name: &'static str, what: &'static str, entries: u32, buffer: u32, checks: &'static [Check]) -> Benchmark {
    Benchmark {
        name,
        group: Group::Listing,
        what,
        tree: Tree::Entries(entries),
        open: Some(Open { path: ".", oflags: oflags::DIRECTORY, rights: rights::FD_READDIR }),
        body: Body::Listing { buffer },
        native: native::listing,
        checks,
        ..PLAIN
    }
}

const fn asked_for_random(args: &'static [Arg; 2]) -> Call {
    Call { function: Function::RandomGet, args, sum: Sum::U64(BUFFER) }
}

const fn random(name: &'static str, bytes: u32, calls: &'static [Call; 1], checks: &'static [Check]) -> Benchmark {
    Benchmark {
        name,
        what: "natively `getrandom`",
        buffers: Buffers { count: 1, bytes },
        body: Body::Calls(calls),
        native: native::random,
        checks,
        ..PLAIN
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_used_once_and_each_benchmark_says_and_checks_something() {
        let names: BTreeSet<&str> = all().map(|benchmark| benchmark.name).collect();
        assert_eq!(names.len(), all().count());
        for Benchmark { name, what, checks, .. } in all() {
            assert!(!what.is_empty() && !checks.is_empty(), "{name}");
        }
    }

    #[test]
    fn groups_stand_together_in_their_order() {
        assert!(all().is_sorted_by_key(|benchmark| benchmark.group));
    }
}

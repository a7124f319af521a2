//! Bugs that runtimes had or have, as far as public trackers tell: the oracle rejects what each did and accepts what is right, or
//! a clause refutes that it was a bug, or a reason says why no call can show it.
//!
//! `#N` alone is bytecodealliance/wasmtime; `L` are differences between wasmtime-wasi 48 and wasi-common 36 that were measured.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::{
    ALL, Answer, FIRST, FOLLOW, Guest, NOFOLLOW, NOW, READ, READ_ONLY, READ_WRITE, ROOT, SECOND, Wait, data, dir_entries, done, entry,
    errno, event, events, fdstat, number, stat, stat_changed, wide, with_input, world,
};
use touchstone_model::trace::{Trace, TraceCall, TraceState};
use touchstone_model::tree::{Content, TreeSnapshot};
use touchstone_model::world::{START_TIME_NANOSECONDS, World};
use touchstone_model::{End, Observation};
use touchstone_oracle::Host;
use touchstone_oracle::check::Said;
use touchstone_spec::consts::{clockid, fdflags, filetype, fstflags, oflags, rights, whence};
use touchstone_spec::{Errno, Function, clauses};

/// One row of the table.
struct Row {
    /// The names under which it is known.
    ids: &'static [&'static str],
    /// Who did what.
    what: &'static str,
    world: World,
    kind: Kind,
}

/// Makes the calls before the one that counts, and that call without its answer.
type Trigger = fn(&mut Guest) -> TraceCall;

enum Kind {
    /// The oracle rejects the wrong answer and accepts the right one, by this clause; this case of the suite makes such a call.
    Rejected { trigger: Trigger, wrong: Answer, right: Answer, by: &'static str, case: &'static str },
    /// What was called wrong is permitted: the oracle accepts each of these answers, by this clause.
    Refuted { trigger: Trigger, accepted: Vec<Answer>, by: &'static str, why: &'static str },
    /// The program ends otherwise than its last call says.
    End { wrong: End, right: End, by: &'static str, case: &'static str },
    /// No call shows it here.
    Outside { why: &'static str },
}

/// A bug: who did what, the case that finds it, the clause, the call, and the answers to it.
fn bug(
    ids: &'static [&'static str],
    what: &'static str,
    [case, by]: [&'static str; 2],
    trigger: Trigger,
    [wrong, right]: [Answer; 2],
) -> Row {
    Row { ids, what, world: world(), kind: Kind::Rejected { trigger, wrong, right, by, case } }
}

/// No bug: the clause that permits it, why, the call, and the answers that are permitted.
fn refuted(
    ids: &'static [&'static str],
    what: &'static str,
    [by, why]: [&'static str; 2],
    trigger: Trigger,
    accepted: impl Into<Vec<Answer>>,
) -> Row {
    Row { ids, what, world: world(), kind: Kind::Refuted { trigger, accepted: accepted.into(), by, why } }
}

fn outside(ids: &'static [&'static str], what: &'static str, why: &'static str) -> Row {
    Row { ids, what, world: world(), kind: Kind::Outside { why } }
}

impl Row {
    fn in_world(self, world: World) -> Row {
        Row { world, ..self }
    }
}

const MILLISECOND: u64 = 1_000_000;
const YEAR: u64 = 31_536_000_000_000_000;
const SOON: Wait = Wait::Monotonic { timeout: MILLISECOND, absolute: false };
const AT_ONCE: Wait = Wait::Monotonic { timeout: 0, absolute: false };

/// All rows.
fn table() -> Vec<Row> {
    [
        measured(),
        wasmtime_paths(),
        wasmtime_descriptors(),
        wasmer(),
        wamr_and_wasmedge(),
        wazero(),
        uvwasi_and_others(),
        escapes(),
        elsewhere(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn measured() -> Vec<Row> {
    vec![
        refuted(
            &["L1"],
            "wasmtime: the event of a clock has fd_readwrite.nbytes 1",
            ["poll_oneoff.clock-ignores-readwrite", "The text says that fd_readwrite means something for fd_read and fd_write only."],
            |guest| guest.poll(&[SOON]),
            [events(&[event(1, SOON, 0)]), events(&[event(1, SOON, 1)])],
        ),
        bug(
            &["L3"],
            "wasi-common: poll_oneoff until a realtime is notsup",
            ["poll/passed-realtime", "poll_oneoff.absolute-clock"],
            |guest| guest.poll(&[Wait::Realtime { timeout: 1, absolute: true }]),
            [errno("notsup"), events(&[event(1, Wait::Realtime { timeout: 1, absolute: true }, 0)])],
        ),
        refuted(
            &["L5"],
            "wasmtime, wasi-common: fd_tell of a standard input that is no file is spipe or badf",
            ["fd_tell.pipe", "POSIX says spipe; a runtime that keeps no position for streams may say badf."],
            |guest| guest.get(Function::FdTell, &[0]),
            [errno("spipe"), errno("badf")],
        ),
        refuted(
            &["L7"],
            "wasi-common: fd_fdstat_get of standard output shows append",
            ["stdio.flags", "Nothing says how a host opens the standard streams."],
            |guest| guest.get(Function::FdFdstatGet, &[1]),
            [fdstat(filetype::UNKNOWN, 0, rights::FD_WRITE, 0), fdstat(filetype::UNKNOWN, fdflags::APPEND, rights::FD_WRITE, 0)],
        ),
        refuted(
            &["L9"],
            "wasmtime, wasi-common: fd_write with 0x20000000 buffers is nomem or traps",
            ["memory.count-overflow", "The array is longer than any memory: no errno is laid down for that, nor that there is one."],
            |guest| guest.get(Function::FdWrite, &[1, 64, 0x2000_0000]),
            [errno("nomem"), Answer::NoReturn],
        ),
        refuted(
            &["L11"],
            "wasmtime, wasi-common: a path that is no UTF-8 below a closed descriptor is ilseq or badf",
            ["path-resolution.invalid-utf8", "Two things are wrong, and nobody says which of them is found first."],
            |guest| guest.path_open(99, FOLLOW, b"\xff", 0, READ, 0),
            [errno("ilseq"), errno("badf")],
        ),
        refuted(
            &["L13"],
            "wasmtime, wasi-common: a directory that is opened to be emptied, without the right to write, is isdir or inval",
            ["path_open.trunc-needs-write", "trunc without fd_write may be inval for whatever is there; POSIX leaves it undefined."],
            |guest| guest.path_open(ROOT, FOLLOW, "dir", oflags::TRUNC, READ, 0),
            [errno("isdir"), errno("inval")],
        ),
        bug(
            &["L15"],
            "wasi-common: a file is renamed to a missing name with a slash at the end",
            ["paths/rename-slash-file", "path_rename.file-trailing-slash"],
            |guest| guest.path_rename(ROOT, "file", "zz/"),
            [done(), errno("notdir")],
        ),
        refuted(
            &["L17"],
            "wasmtime, wasi-common: fd_sync of standard output is badf or succeeds",
            ["fd_sync.pipe", "POSIX has inval for a pipe; a runtime that knows a stream only as a stream says badf, or does nothing."],
            |guest| guest.call(Function::FdSync, &[1]),
            [errno("badf"), done()],
        ),
        refuted(
            &["L19"],
            "wasmtime: of a timeout of zero and one of a millisecond only the second is reported",
            ["poll_oneoff.ready-together", "So short a time may have come while the call looked, and that all are reported is a `should`."],
            |guest| guest.poll(&[SOON, AT_ONCE]),
            [events(&[event(1, SOON, 0)]), events(&[event(2, AT_ONCE, 0)]), events(&[event(1, SOON, 0), event(2, AT_ONCE, 0)])],
        ),
        refuted(
            &["L21"],
            "wasmtime: a file that is open for writing is readable, and a time that has passed is not reported beside it",
            ["poll_oneoff.ready-together", "Nobody waits for a file, so the call did not wait, and that all are reported is a `should`."],
            |guest| {
                guest.opens("file", 0, rights::FD_WRITE | rights::POLL_FD_READWRITE, 0);
                guest.poll(&[AT_ONCE, Wait::Read(FIRST)])
            },
            [events(&[event(2, Wait::Read(0), 0)]), events(&[event(1, AT_ONCE, 0)])],
        ),
        refuted(
            &["misaligned"],
            "wasmtime, wasi-common: a result pointer that is not aligned traps",
            ["memory.misaligned", "It was settled in public that it traps; to store the result all the same is discouraged and permitted."],
            |guest| guest.call(Function::ClockTimeGet, &[clockid::MONOTONIC, 0, 0x8001]),
            [Answer::NoReturn, wide(NOW)],
        ),
    ]
}

fn wasmtime_paths() -> Vec<Row> {
    vec![
        bug(
            &["1", "#10577"],
            "wasmtime: path_open of a directory with trunc panics (on Windows)",
            ["paths/trunc-directory", "path_open.trunc-directory"],
            |guest| guest.path_open(ROOT, FOLLOW, "dir", oflags::TRUNC, READ_WRITE, 0),
            [Answer::NoReturn, errno("isdir")],
        ),
        bug(
            &["3", "#6163", "#6283"],
            "wasmtime: a directory cannot be opened without the flag directory",
            ["paths/directory-without-flag", "path_open.directory-without-flag"],
            |guest| guest.path_open(ROOT, FOLLOW, "dir", 0, READ, 0),
            [errno("isdir"), number(FIRST)],
        ),
        bug(
            &["5", "#13429", "GHSA-2r75-cxrj-cmph"],
            "wasmtime: trunc empties a file below a read-only preopen, since it does not count as writing",
            ["sandbox/read-only-trunc", "preopen.read-only-trunc"],
            |guest| guest.path_open(READ_ONLY, FOLLOW, "f", oflags::TRUNC, READ, 0),
            [number(FIRST), errno("perm")],
        ),
        bug(
            &["17", "#6225"],
            "wasmtime: path_readlink into a short buffer is range",
            ["links/readlink-cut-off", "path_readlink.truncates"],
            |guest| guest.path_readlink("link", 2),
            [errno("range"), data(b"fi")],
        ),
        refuted(
            &["25", "#2669", "#8840"],
            "wasmtime: path_link with symlink_follow is inval",
            ["path_link.follow", "The text has the flag, so inval misses a `should`; libraries have learnt to do without it."],
            |guest| guest.paths(Function::PathLink, ["link", "new"], |[a, b, c, d]| vec![ROOT, FOLLOW, a, b, ROOT, c, d]),
            [done(), errno("inval")],
        ),
        bug(
            &["31", "#14359"],
            "wasmtime: path_filestat_get of a file with a slash at the end succeeds (on macOS, Windows, BSD)",
            ["paths/stat-slash-file", "path_filestat_get.trailing-slash-file"],
            |guest| guest.path_filestat_get(NOFOLLOW, "file/"),
            [stat(filetype::REGULAR_FILE, 5), errno("notdir")],
        ),
        bug(
            &["#14380"],
            "wasmtime: path_filestat_get of a link to a directory with a slash at the end shows the link",
            ["paths/stat-slash-link", "path_filestat_get.trailing-slash-symlink"],
            |guest| guest.path_filestat_get(NOFOLLOW, "symdir/"),
            [stat(filetype::SYMBOLIC_LINK, 3), stat(filetype::DIRECTORY, 0)],
        ),
    ]
}

fn wasmtime_descriptors() -> Vec<Row> {
    let far = Wait::Realtime { timeout: u64::MAX, absolute: true };
    vec![
        bug(
            &["7", "#11276", "CVE-2025-53901", "GHSA-fm79-3f68-h2fc"],
            "wasmtime: after fd_renumber to a number that is not open, path_open panics",
            ["descriptors/renumber-free-number", "path_open.fd-is-free"],
            |guest| {
                guest.opens("file", 0, READ, 0);
                let renumber = guest.call(Function::FdRenumber, &[FIRST, 100]);
                guest.does(renumber, &errno("badf"));
                guest.path_open(ROOT, FOLLOW, "file", 0, READ, 0)
            },
            [Answer::NoReturn, number(SECOND)],
        ),
        bug(
            &["7", "CVE-2025-53901", "GHSA-fm79-3f68-h2fc"],
            "wasmtime: fd_renumber of a descriptor to itself panics",
            ["descriptors/renumber-itself", "fd_renumber.onto-itself"],
            |guest| {
                guest.opens("file", 0, READ, 0);
                guest.call(Function::FdRenumber, &[FIRST, FIRST])
            },
            [Answer::NoReturn, done()],
        ),
        bug(
            &["9", "#13566"],
            "wasmtime: a realtime far ahead overflows and happens at once",
            ["poll/far-realtime", "poll_oneoff.far-timeout"],
            |guest| guest.poll(&[Wait::Realtime { timeout: u64::MAX, absolute: true }, SOON]),
            [events(&[event(1, far, 0)]), events(&[event(2, SOON, 0)])],
        ),
        bug(
            &["11", "#13111"],
            "wasmtime: with nonblock, fd_read of an empty pipe reads 0 bytes, which means its end",
            ["stdio/nonblock-empty-pipe", "fd_read.would-block"],
            nonblocking_read,
            [data(b""), errno("again")],
        )
        .in_world(with_input("", true)),
        bug(
            &["15", "#7686"],
            "wasi-common: a read that would block traps",
            ["stdio/nonblock-empty-pipe", "fd_read.would-block"],
            nonblocking_read,
            [Answer::NoReturn, errno("again")],
        )
        .in_world(with_input("", true)),
        refuted(
            &["13", "#8817", "#8823", "53", "WAMR#2828"],
            "wasmtime, WAMR: fd_pwrite on a descriptor with append writes at the offset, or at the end",
            ["fd_pwrite.append", "POSIX says at the offset, Linux writes at the end; the text says neither. One run must keep to one."],
            |guest| {
                guest.opens("file", 0, READ_WRITE, fdflags::APPEND);
                let write = guest.buffers(Function::FdPwrite, FIRST, &[1], Some(0));
                guest.does(write, &number(1));
                guest.get(Function::FdFilestatGet, &[FIRST])
            },
            [stat_changed(filetype::REGULAR_FILE, 5, NOW), stat_changed(filetype::REGULAR_FILE, 6, NOW)],
        ),
        bug(
            &["19", "#3696"],
            "wasmtime: what type and rights of the standard streams make isatty() say is wrong: here, that a pipe is a terminal",
            ["stdio/pipe-is-no-terminal", "fd_fdstat_get.pipe-type"],
            |guest| guest.get(Function::FdFdstatGet, &[1]),
            [fdstat(filetype::CHARACTER_DEVICE, 0, rights::FD_WRITE, 0), fdstat(filetype::UNKNOWN, 0, rights::FD_WRITE, 0)],
        ),
        bug(
            &["21", "#2493"],
            "wasmtime: fd_readdir fills less than the buffer although there are more entries",
            ["directories/list-small-buffer", "fd_readdir.fills-buffer"],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                guest.fd_readdir(FIRST, 30, 0)
            },
            [data(&entry(1, filetype::DIRECTORY, ".")), data(&dir_entries()[..30])],
        ),
        bug(
            &["23", "#2638"],
            "wasi-common: the inheriting rights of a directory lack those for directories, so nothing can be opened below it",
            ["descriptors/fdstat-rights", "path_open.fewer-rights"],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                guest.get(Function::FdFdstatGet, &[FIRST])
            },
            [fdstat(filetype::DIRECTORY, 0, ALL, READ), fdstat(filetype::DIRECTORY, 0, ALL, ALL)],
        ),
        bug(
            &["27", "#7420"],
            "wasmtime: a CPU-time clock is badf",
            ["clocks/cputime-clocks", "clock_time_get.cputime-clocks"],
            |guest| guest.get(Function::ClockTimeGet, &[clockid::PROCESS_CPUTIME_ID, 0]),
            [errno("badf"), errno("inval")],
        ),
        bug(
            &["29", "#6440", "57", "WAMR#2580"],
            "wasmtime, WAMR: fd_prestat_dir_name into a buffer that is longer than the name fails",
            ["descriptors/prestat-buffer-sizes", "fd_prestat_dir_name.long-buffer"],
            |guest| guest.call(Function::FdPrestatDirName, &[ROOT, 0x9000, 8]),
            [errno("nametoolong"), Answer::Ok(vec![b"/root\0\0\0".to_vec()])],
        ),
        refuted(
            &["33", "#14135"],
            "wasmtime: a directory that is read like a file is badf where it should be isdir",
            ["fd_read.directory", "The change was about preview 2; a directory is not open for reading either, so badf is no lie."],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                guest.buffers(Function::FdRead, FIRST, &[8], None)
            },
            [errno("isdir"), errno("badf")],
        ),
    ]
}

fn nonblocking_read(guest: &mut Guest) -> TraceCall {
    let set = guest.call(Function::FdFdstatSetFlags, &[0, fdflags::NONBLOCK]);
    guest.does(set, &done());
    guest.buffers(Function::FdRead, 0, &[8], None)
}

fn wasmer() -> Vec<Row> {
    let mut rows = vec![
        bug(
            &["35", "wasmer#4556"],
            "wasmer: fd_seek to -1 succeeds with 2^64-1",
            ["files/seek-negative", "fd_seek.negative-result"],
            |guest| {
                guest.opens("file", 0, READ_WRITE, 0);
                guest.get(Function::FdSeek, &[FIRST, u64::MAX, whence::SET])
            },
            [wide(u64::MAX), errno("inval")],
        ),
        bug(
            &["37", "wasmer#4554", "wasmer#4586"],
            "wasmer: fd_advise succeeds for a descriptor that is not open",
            ["files/closed-fd-attributes", "fd_advise.bad-fd"],
            |guest| guest.call(Function::FdAdvise, &[99, 0, 1, 0]),
            [done(), errno("badf")],
        ),
        bug(
            &["39", "wasmer#3233"],
            "wasmer: path_symlink to a relative target above the base underflows and panics",
            ["sandbox/link-made-outside", "path_symlink.escaping-target"],
            |guest| guest.path_symlink("../../x", "deep"),
            [Answer::NoReturn, done()],
        ),
        bug(
            &["41", "wasmer#3945"],
            "wasmer: path_rename below an opened directory is noent",
            ["rights/rename-both-directories", "path_rename.moves"],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                guest.path_rename(FIRST, "inner", "moved")
            },
            [errno("noent"), done()],
        ),
        bug(
            &["43", "wasmer#6189"],
            "wasmer: path_open through a link panics",
            ["paths/follow-chain", "path_open.follow-symlink"],
            |guest| guest.path_open(ROOT, FOLLOW, "link", 0, READ, 0),
            [Answer::NoReturn, number(FIRST)],
        ),
        bug(
            &["45", "wasmer#5159"],
            "wasmer: fd_seek on a descriptor with append stays at the end",
            ["files/append-moved-offset", "fd_seek.append"],
            |guest| {
                guest.opens("file", 0, READ_WRITE, fdflags::APPEND);
                guest.get(Function::FdSeek, &[FIRST, 0, whence::SET])
            },
            [wide(5), wide(0)],
        ),
        bug(
            &["47", "wasmer#6972"],
            "wasmer: path_filestat_set_times succeeds and changes the directory, not the file",
            ["times/set-one", "fd_filestat_get.mtim"],
            |guest| {
                let set = guest.path_set_times("file", NOW, fstflags::MTIM);
                guest.does(set, &done());
                guest.path_filestat_get(NOFOLLOW, "file")
            },
            [stat(filetype::REGULAR_FILE, 5), stat_changed(filetype::REGULAR_FILE, 5, NOW)],
        ),
        bug(
            &["51", "wasmer#4850"],
            "wasmer: what fd_allocate adds does not show in the size",
            ["files/allocate-grows", "fd_filestat_get.size"],
            |guest| resized(guest, Function::FdAllocate, &[FIRST, 0, 100]),
            [stat_changed(filetype::REGULAR_FILE, 5, NOW), stat_changed(filetype::REGULAR_FILE, 100, NOW)],
        ),
        bug(
            &["51", "wasmer#4894"],
            "wasmer: fd_filestat_set_size leaves a wrong size",
            ["files/set-size-zeros", "fd_filestat_get.size"],
            |guest| resized(guest, Function::FdFilestatSetSize, &[FIRST, 3]),
            [stat_changed(filetype::REGULAR_FILE, 5, NOW), stat_changed(filetype::REGULAR_FILE, 3, NOW)],
        ),
    ];
    rows.extend(missing_paths());
    rows
}

fn resized(guest: &mut Guest, function: Function, args: &[u64]) -> TraceCall {
    guest.opens("file", 0, READ_WRITE, 0);
    let call = guest.call(function, args);
    guest.does(call, &done());
    guest.get(Function::FdFilestatGet, &[FIRST])
}

/// Seven calls about what is not there.
fn missing_paths() -> Vec<Row> {
    const IDS: &[&str] = &["49", "wasmer#2672"];
    const WHAT: &str = "wasmer: a path that is missing is inval";
    let calls: [([&str; 2], Trigger); 7] = [
        (["rust/missing-file", "path_open.missing"], |guest| guest.path_open(ROOT, FOLLOW, "none", 0, READ, 0)),
        (["paths/stat-follow", "path_filestat_get.missing"], |guest| guest.path_filestat_get(FOLLOW, "none")),
        (["times/no-flags-missing", "path_filestat_set_times.missing"], |guest| guest.path_set_times("none", NOW, fstflags::MTIM)),
        (["paths/unlink-twice", "path_unlink_file.missing"], |guest| {
            guest.path(Function::PathUnlinkFile, "none", |[at, len]| vec![ROOT, at, len])
        }),
        (["directories/remove-empty", "path_remove_directory.missing"], |guest| {
            guest.path(Function::PathRemoveDirectory, "none", |[at, len]| vec![ROOT, at, len])
        }),
        (["links/readlink-no-link", "path_readlink.missing"], |guest| guest.path_readlink("none", 8)),
        (["paths/rename-missing", "path_rename.missing"], |guest| guest.path_rename(ROOT, "none", "new")),
    ];
    calls.map(|(names, trigger)| bug(IDS, WHAT, names, trigger, [errno("inval"), errno("noent")])).into()
}

fn wamr_and_wasmedge() -> Vec<Row> {
    let later = Wait::Monotonic { timeout: 1_000_000_000, absolute: false };
    let far = Wait::Monotonic { timeout: NOW / 2, absolute: true };
    vec![
        bug(
            &["55", "WAMR#2892"],
            "WAMR: a time that is to have a value and to be now is accepted",
            ["files/set-times-contradiction", "fd_filestat_set_times.contradiction"],
            |guest| {
                guest.opens("file", 0, READ_WRITE, 0);
                guest.call(Function::FdFilestatSetTimes, &[FIRST, 1, 1, fstflags::ATIM | fstflags::ATIM_NOW])
            },
            [done(), errno("inval")],
        ),
        bug(
            &["57", "WAMR#2580"],
            "WAMR: fd_prestat_dir_name into a short buffer answers the host's own errno",
            ["descriptors/prestat-buffer-sizes", "fd_prestat_dir_name.short-buffer"],
            |guest| guest.call(Function::FdPrestatDirName, &[ROOT, 0x9000, 2]),
            // ENAMETOOLONG of Linux
            [Answer::Raw(36), errno("nametoolong")],
        ),
        bug(
            &["59", "WAMR#3244"],
            "WAMR: path_filestat_get of a link without following it looks at a descriptor that it could not open",
            ["paths/stat-of-link", "path_filestat_get.nofollow"],
            |guest| guest.path_filestat_get(NOFOLLOW, "link"),
            [errno("badf"), stat(filetype::SYMBOLIC_LINK, 4)],
        ),
        bug(
            &["61", "WAMR#1824"],
            "WAMR: poll_oneoff reports the timeout although there is something to read",
            ["poll/pipe-before-far-timeout", "poll_oneoff.pipe-readable"],
            |guest| guest.poll(&[Wait::Read(0), Wait::Monotonic { timeout: 1_000_000_000, absolute: false }]),
            [events(&[event(2, later, 0)]), events(&[event(1, Wait::Read(0), 4)])],
        )
        .in_world(with_input("text", true)),
        refuted(
            &["63", "WasmEdge#2292"],
            "WasmEdge: fd_renumber onto a preopened directory is allowed",
            ["fd_renumber.preopen", "The text says that the new number may be any that is open; runtimes that forbid it say notsup."],
            |guest| {
                guest.opens("file", 0, READ, 0);
                guest.call(Function::FdRenumber, &[FIRST, ROOT])
            },
            [done(), errno("notsup")],
        ),
        bug(
            &["65", "WasmEdge#1993"],
            "WasmEdge: path_readlink of a link is inval",
            ["links/readlink-no-zero-byte", "path_readlink.target"],
            |guest| guest.path_readlink("link", 64),
            [errno("inval"), data(b"file")],
        ),
        refuted(
            &["67", "WasmEdge#4572"],
            "WasmEdge: fd_sync of a directory succeeds",
            ["fd_sync.directory", "POSIX lets fsync() of a directory succeed, and programs do it to make a rename last."],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                guest.call(Function::FdSync, &[FIRST])
            },
            [done(), errno("badf")],
        ),
        bug(
            &["69", "WasmEdge#4470"],
            "WasmEdge: a time of the monotonic clock is taken for one of the wall clock and has always passed",
            ["poll/monotonic-no-wall-clock", "poll_oneoff.clocks-apart"],
            |guest| {
                let clock = guest.get(Function::ClockTimeGet, &[clockid::MONOTONIC, 0]);
                guest.does(clock, &wide(1_000_000_000_000));
                guest.poll(&[Wait::Monotonic { timeout: NOW / 2, absolute: true }, SOON])
            },
            [events(&[event(1, far, 0)]), events(&[event(2, SOON, 0)])],
        ),
        bug(
            &["71", "WasmEdge#3050"],
            "WasmEdge: times of files count from 1601 (on Windows)",
            ["paths/stat-attributes", "fd_filestat_get.mtim"],
            |guest| guest.path_filestat_get(NOFOLLOW, "file"),
            [stat_changed(filetype::REGULAR_FILE, 5, START_TIME_NANOSECONDS + 369 * YEAR), stat(filetype::REGULAR_FILE, 5)],
        ),
    ]
}

fn wazero() -> Vec<Row> {
    vec![
        refuted(
            &["73", "wazero#2243"],
            "wazero: a directory is opened although the right to write is asked for",
            ["path_open.directory-for-writing", "The right means nothing for a directory, and such rights may be left out."],
            |guest| guest.path_open(ROOT, FOLLOW, ".", oflags::DIRECTORY, READ | rights::FD_WRITE, 0),
            [errno("isdir"), number(FIRST)],
        ),
        bug(
            &["75", "wazero#1865"],
            "wazero: fd_fdstat_set_flags moves the offset to the beginning",
            ["descriptors/set-flags-keeps-offset", "fd_tell.reports-offset"],
            |guest| {
                guest.opens("file", 0, READ_WRITE, 0);
                let seek = guest.get(Function::FdSeek, &[FIRST, 3, whence::SET]);
                guest.does(seek, &wide(3));
                let set = guest.call(Function::FdFdstatSetFlags, &[FIRST, fdflags::APPEND]);
                guest.does(set, &done());
                guest.get(Function::FdTell, &[FIRST])
            },
            [wide(0), wide(3)],
        ),
        bug(
            &["77", "wazero#1402"],
            "wazero: fd_read stops at a buffer without room",
            ["files/read-several-buffers", "fd_read.empty-buffer"],
            |guest| {
                guest.opens("file", 0, READ, 0);
                guest.buffers(Function::FdRead, FIRST, &[0, 5], None)
            },
            [
                Answer::Ok(vec![vec![0; 4], Vec::new(), Vec::new()]),
                Answer::Ok(vec![5_u32.to_le_bytes().to_vec(), Vec::new(), b"hello".to_vec()]),
            ],
        ),
        bug(
            &["79", "wazero#1871"],
            "wazero: a size of 2^63 is set",
            ["files/offset-above-signed", "fd_filestat_set_size.negative-size"],
            |guest| {
                guest.opens("file", 0, READ_WRITE, 0);
                guest.call(Function::FdFilestatSetSize, &[FIRST, 1 << 63])
            },
            [done(), errno("fbig")],
        ),
        bug(
            &["81", "wazero#1084"],
            "wazero: fd_readdir with cookie 0 does not begin again",
            ["directories/list-rewinds", "fd_readdir.cookie-zero"],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                let first = guest.fd_readdir(FIRST, 1024, 0);
                guest.does(first, &data(&dir_entries()));
                guest.fd_readdir(FIRST, 1024, 0)
            },
            [data(b""), data(&dir_entries())],
        ),
        refuted(
            &["81", "wazero#1084"],
            "wazero: fd_seek on a directory succeeds",
            ["fd_seek.directory", "POSIX leaves open what a seek on a directory does; where fd_readdir goes on its cookie says."],
            |guest| {
                guest.opens("dir", oflags::DIRECTORY, ALL, 0);
                guest.get(Function::FdSeek, &[FIRST, 0, whence::SET])
            },
            [wide(0), errno("badf")],
        ),
    ]
}

fn uvwasi_and_others() -> Vec<Row> {
    vec![
        bug(
            &["83", "uvwasi#265"],
            "uvwasi: path_open of a name with a zero byte creates what stands before it",
            ["paths/zero-byte", "path-resolution.zero-byte"],
            |guest| guest.path_open(ROOT, FOLLOW, "a\0b", oflags::CREAT, READ_WRITE, 0),
            [number(FIRST), errno("inval")],
        ),
        bug(
            &["85", "uvwasi#269", "uvwasi#270"],
            "uvwasi: an absolute path is opened",
            ["sandbox/absolute-path", "path-resolution.absolute-path"],
            |guest| guest.path_open(ROOT, FOLLOW, "/root/file", 0, READ, 0),
            [number(FIRST), errno("perm")],
        ),
        bug(
            &["87", "uvwasi#262"],
            "uvwasi: path_readlink adds a zero byte",
            ["links/readlink-no-zero-byte", "path_readlink.no-terminator"],
            |guest| guest.path_readlink("link", 64),
            [data(b"file\0"), data(b"file")],
        ),
        bug(
            &["89", "uvwasi#256"],
            "uvwasi: fd_pwrite at 2^64-1 writes 0 bytes and succeeds",
            ["files/offset-above-signed", "fd_pwrite.negative-offset"],
            |guest| {
                guest.opens("file", 0, READ_WRITE, 0);
                guest.buffers(Function::FdPwrite, FIRST, &[1], Some(u64::MAX))
            },
            [number(0), errno("inval")],
        ),
        bug(
            &["91", "uvwasi 55eff19"],
            "uvwasi: path_filestat_get follows a link that it must not follow",
            ["paths/stat-of-link", "path_filestat_get.nofollow"],
            |guest| guest.path_filestat_get(NOFOLLOW, "link"),
            [stat(filetype::REGULAR_FILE, 5), stat(filetype::SYMBOLIC_LINK, 4)],
        ),
        bug(
            &["93", "node#33250"],
            "Node.js: the records of poll_oneoff have another size, so that the second is read from the wrong place",
            ["abi/clock-subscription-layout", "poll_oneoff.userdata"],
            |guest| guest.poll(&[AT_ONCE, AT_ONCE]),
            [events(&[event(1, AT_ONCE, 0), event(0, AT_ONCE, 0)]), events(&[event(1, AT_ONCE, 0), event(2, AT_ONCE, 0)])],
        ),
        refuted(
            &["95", "bun#34468"],
            "bun: data is taken before a buffer outside of the memory is found",
            ["memory.effect-before-trap", "It misses a `should`: most runtimes find a bad pointer only when they use it."],
            |guest| guest.get(Function::PathOpen, &[ROOT, 0, 64, 0, 0, READ, READ, 0]).with_result_outside(),
            [Answer::NoReturn],
        ),
        Row {
            ids: &["97", "wasm3#58"],
            what: "wasm3: the code of proc_exit is lost",
            world: world(),
            kind: Kind::End {
                wrong: End::Exit { code: 0 },
                right: End::Exit { code: 3 },
                by: "proc_exit.code-reaches-host",
                case: "program/exit-code",
            },
        },
        refuted(
            &["99", "WASI#536", "WASI#505"],
            "all: a pointer outside of the memory traps, or is fault (wazero), or overflow (Node.js)",
            ["memory.out-of-bounds", "It was settled that it traps; the errors that runtimes had chosen before are discouraged."],
            |guest| guest.get(Function::ClockTimeGet, &[clockid::MONOTONIC, 0]).with_result_outside(),
            [Answer::NoReturn, errno("fault"), errno("overflow")],
        ),
    ]
}

/// Calls whose last argument, the pointer to the result, lies outside of the memory.
trait Outside {
    fn with_result_outside(self) -> Self;
}

impl Outside for TraceCall {
    fn with_result_outside(mut self) -> Self {
        if let Some(pointer) = self.args.last_mut() {
            *pointer = self.memory_bytes;
        }
        self
    }
}

fn escapes() -> Vec<Row> {
    vec![
        bug(
            &["GHSA-vqjp-4c8c-hfgg", "GHSA-hp8f-xmx4-4qrg", "RUSTSEC-2026-0269"],
            "cap-std: a slash behind a link makes it be followed out of the base",
            ["sandbox/link-outside-slash", "path-resolution.symlink-outside"],
            |guest| {
                let link = guest.path_symlink("../outdir", "evil");
                guest.does(link, &done());
                guest.path_open(ROOT, NOFOLLOW, "evil/", oflags::DIRECTORY, READ, 0)
            },
            [number(FIRST), errno("perm")],
        ),
        bug(
            &["CVE-2024-38358", "GHSA-55f3-3qvg-8pv5"],
            "wasmer: a link that leads outside is followed where a file is created",
            ["sandbox/link-outside-creat", "path-resolution.symlink-outside"],
            |guest| guest.path_open(ROOT, FOLLOW, "out", oflags::CREAT, READ_WRITE, 0),
            [number(FIRST), errno("perm")],
        ),
        bug(
            &["uvwasi/node", "CVE-2025-43853"],
            "uvwasi, WAMR: a link that leads outside is followed (uvwasi disclaims a sandbox; WAMR on Windows)",
            ["sandbox/link-outside", "path-resolution.symlink-outside"],
            |guest| guest.path_open(ROOT, FOLLOW, "out", 0, READ, 0),
            [number(FIRST), errno("perm")],
        ),
        bug(
            &["wasmer#4267", "CVE-2023-51661"],
            "wasmer: without any preopen, and although none is shown, the host's current folder can be used",
            ["paths/base-closed-look", "path_open.bad-fd"],
            |guest| {
                let search = guest.get(Function::FdPrestatGet, &[3]);
                guest.does(search, &errno("badf"));
                guest.path_open(3, FOLLOW, "abc", oflags::CREAT, READ_WRITE, 0)
            },
            [number(4), errno("badf")],
        )
        .in_world(World { preopens: Vec::new(), ..world() }),
        bug(
            &["wazero#2321"],
            "wazero: a link that the guest makes itself leads outside and is followed",
            ["sandbox/link-made-outside", "path-resolution.symlink-outside"],
            |guest| {
                let link = guest.path_symlink("../../etc/passwd", "made");
                guest.does(link, &done());
                guest.path_open(ROOT, FOLLOW, "made", 0, READ, 0)
            },
            [number(FIRST), errno("perm")],
        ),
        refuted(
            &["WasmEdge#4938"],
            "WasmEdge: a link that leads outside can be made",
            ["path_symlink.escaping-target", "A link is text. Whether it leads outside is looked at when it is used."],
            |guest| guest.path_symlink("../../x", "made"),
            [done()],
        ),
    ]
}

fn elsewhere() -> Vec<Row> {
    vec![
        outside(
            &["GHSA-852m-cvvp-9p4w", "GHSA-243v"],
            "wasmtime: long buffers and many descriptors make the host allocate without bound",
            "No answer shows what memory the host took; the runner bounds it and ends such a run as crashed, and random/huge-length and memory/huge-buffer try it.",
        ),
        outside(
            &["GHSA-x84v-gj2h-g759"],
            "wasmtime: streams of preview 3 fill the host's memory",
            "Another interface: preview 1 has no streams.",
        ),
        outside(
            &["CVE-2024-51745", "CVE-2024-51756", "GHSA-c2f5-jxjv-2hh8", "GHSA-hxf5"],
            "cap-std: names of devices such as COM¹ are opened (on Windows)",
            "Such names mean something to a Windows host only; on the hosts that are supported they are names like others.",
        ),
    ]
}

fn clause_exists(id: &str) -> bool {
    clauses().get(id).is_some()
}

/// What is wrong with a row; nothing, it is hoped.
fn faults(row: &Row) -> Vec<String> {
    let judged = |trigger: Trigger, answer: &Answer| {
        let mut guest = Guest::new(&row.world);
        let call = trigger(&mut guest);
        let (said, findings) = guest.judge(call, answer);
        (said, findings, guest)
    };
    let mut out = Vec::new();
    match &row.kind {
        Kind::Rejected { trigger, wrong, right, by, .. } => {
            let (said, findings, _) = judged(*trigger, wrong);
            if said != Said::Rejected {
                out.push(format!("the wrong {wrong:?} is {said:?}: {findings:?}"));
            }
            let (said, findings, _) = judged(*trigger, right);
            if said != Said::Accepted || !findings.clauses.iter().any(|clause| clause.id() == *by) {
                out.push(format!("the right {right:?} is {said:?}, {by} not found: {findings:?}"));
            }
        }
        Kind::Refuted { trigger, accepted, by, .. } => {
            for answer in accepted {
                let (said, findings, guest) = judged(*trigger, answer);
                if said != Said::Accepted || !guest.applied.iter().any(|clause| clause.id() == *by) {
                    out.push(format!("{answer:?} is {said:?}, {by} not found: {findings:?}"));
                }
            }
            // nothing is refuted by an oracle that lets everything pass
            let (said, findings, _) = judged(*trigger, &Answer::Errno(Errno::Dom));
            if said != Said::Rejected {
                out.push(format!("dom is {said:?}: {findings:?}"));
            }
        }
        Kind::End { wrong, right, by, .. } => {
            let departures = |end: &End| ended(&row.world, end);
            if !departures(wrong).iter().any(|clause| clause == by) {
                out.push(format!("the wrong {wrong} departs from {:?}", departures(wrong)));
            }
            if !departures(right).is_empty() {
                out.push(format!("the right {right} departs from {:?}", departures(right)));
            }
        }
        Kind::Outside { .. } => {}
    }
    out
}

/// The clauses that a program departs from which calls `proc_exit(3)` and then ends so.
fn ended(world: &World, end: &End) -> Vec<String> {
    let guest = Guest::new(world);
    let call = guest.call(Function::ProcExit, &[3]);
    let observation = Observation {
        end: end.clone(),
        stdout: Content::of(b""),
        stderr: Content::of(b""),
        received: BTreeMap::new(),
        tree: TreeSnapshot::of_world(world),
        trace: Trace { calls: vec![call], state: TraceState::Complete },
        leaked_fds: Vec::new(),
        escapes: Vec::new(),
        peak_memory_bytes: 0,
    };
    let report = touchstone_oracle::report(world, Host::LINUX, &observation);
    report.run.iter().flat_map(|departure| &departure.clauses).map(|clause| clause.id().to_owned()).collect()
}

#[test]
fn the_oracle_judges_each_as_the_table_says() {
    let mut broken = Vec::new();
    for row in table() {
        broken.extend(faults(&row).into_iter().map(|fault| format!("{} ({}): {fault}", row.ids[0], row.what)));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_descriptor_that_shows_fewer_rights_than_were_asked_for_can_still_do_what_they_allow() {
    let mut guest = Guest::new(&world());
    guest.opens("file", 0, READ, 0);
    let show = guest.get(Function::FdFdstatGet, &[FIRST]);
    guest.does(show, &fdstat(filetype::REGULAR_FILE, 0, rights::FD_READ, 0));
    let seek = guest.get(Function::FdSeek, &[FIRST, 1, whence::SET]);
    assert_eq!(guest.judge(seek.clone(), &errno("notcapable")).0, Said::Rejected);
    assert_eq!(guest.judge(seek, &wide(1)).0, Said::Accepted);
}

#[test]
fn each_bug_that_a_call_shows_has_a_case_that_makes_the_call() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites/preview1");
    let text_of =
        |case: &str| ["script", "wat", "rs"].iter().find_map(|kind| fs::read_to_string(suite.join(format!("{case}.{kind}"))).ok());
    let mut broken = Vec::new();
    for row in table() {
        let (case, by, function) = match &row.kind {
            Kind::Rejected { case, by, trigger, .. } => (case, by, trigger(&mut Guest::new(&row.world)).function),
            Kind::End { case, by, .. } => (case, by, Function::ProcExit),
            Kind::Refuted { .. } | Kind::Outside { .. } => continue,
        };
        let id = row.ids[0];
        match text_of(case) {
            None => broken.push(format!("{id}: there is no case {case}")),
            // a Rust program calls through its standard library, and a script's search for preopens is not written down
            Some(text) if case.starts_with("rust/") || function.name().starts_with("fd_prestat_") || text.contains(function.name()) => {}
            Some(_) => broken.push(format!("{id}: {case} does not call {}", function.name())),
        }
        broken.extend((!clause_exists(by)).then(|| format!("{id}: there is no clause {by}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_row_that_is_no_bug_says_why_in_one_sentence_or_two() {
    for row in table() {
        let why = match &row.kind {
            Kind::Refuted { why, by, .. } => {
                assert!(clause_exists(by), "{}: there is no clause {by}", row.ids[0]);
                why
            }
            Kind::Outside { why } => why,
            Kind::Rejected { .. } | Kind::End { .. } => continue,
        };
        assert!(why.ends_with('.') && why.len() > 30, "{}: {why}", row.ids[0]);
    }
}

//! A guest that makes calls by hand, and answers for them.

use touchstone_model::capture::GuestMemory;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{Access, NodeKind, Preopen, START_TIME_NANOSECONDS, Stdin, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Findings, Host};
use touchstone_spec::consts::{
    clockid, event, event_fd_readwrite, fdstat, filestat, filetype, lookupflags, rights, subclockflags, subscription, subscription_clock,
    subscription_fd_readwrite, subscription_u,
};
use touchstone_spec::{ClauseId, Errno, Function};

/// The preopens of [`world`].
pub(crate) const ROOT: u64 = 3;
pub(crate) const READ_ONLY: u64 = 4;
/// The first descriptors that a guest in [`world`] opens.
pub(crate) const FIRST: u64 = 5;
pub(crate) const SECOND: u64 = 6;

/// All rights.
pub(crate) const ALL: u64 = (1 << 30) - 1;
/// What is asked for to read and write a file.
pub(crate) const READ_WRITE: u64 = ALL;
/// What is asked for to read one.
pub(crate) const READ: u64 = rights::FD_READ | rights::FD_SEEK | rights::FD_TELL | rights::FD_FILESTAT_GET;

/// Follow links, or do not.
pub(crate) const FOLLOW: u64 = lookupflags::SYMLINK_FOLLOW;
pub(crate) const NOFOLLOW: u64 = 0;

const MEMORY_BYTES: usize = 1 << 16;
/// Where results are asked for; nobody looks at what stands there.
const RESULT: u64 = 0x8000;
const BUFFERS: u64 = 0x9000;

/// The world of all rows that need no other: a writable and a read-only preopen with files, folders and links.
pub(crate) fn world() -> World {
    let mut root = Preopen::new("root");
    let file = |text: &str| NodeKind::File(text.as_bytes().to_vec()).into();
    let link = |target: &str| NodeKind::Symlink(target.to_owned()).into();
    root.tree.0 =
        [("file", file("hello")), ("link", link("file")), ("dir/inner", file("inner")), ("symdir", link("dir")), ("out", link("../out"))]
            .map(|(path, node)| (path.to_owned(), node))
            .into();
    let mut read_only = Preopen { access: Access::ReadOnly, ..Preopen::new("ro") };
    read_only.tree.0.insert("f".to_owned(), file("kept"));
    World { preopens: vec![root, read_only], ..World::default() }
}

/// A world whose standard input is a pipe with this text.
pub(crate) fn with_input(text: &str, open: bool) -> World {
    World { stdin: Stdin { bytes: text.as_bytes().to_vec(), open, ..Stdin::default() }, ..world() }
}

/// What a call answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Success, with what it fills in the order of [`Function::outputs`].
    Ok(Vec<Vec<u8>>),
    Errno(Errno),
    /// A number that no errno of the spec need have.
    Raw(u32),
    /// It does not come back: the host trapped or panicked.
    NoReturn,
}

/// Success without a result.
pub(crate) fn done() -> Answer {
    Answer::Ok(Vec::new())
}

/// Success with one number of 4 bytes: a descriptor, or how many bytes were written.
pub(crate) fn number(value: u64) -> Answer {
    Answer::Ok(vec![bytes(value, 4)])
}

/// Success with one number of 8 bytes.
pub(crate) fn wide(value: u64) -> Answer {
    Answer::Ok(vec![bytes(value, 8)])
}

/// Success with a number of bytes, and the bytes.
pub(crate) fn data(data: &[u8]) -> Answer {
    Answer::Ok(vec![bytes(data.len() as u64, 4), data.to_vec()])
}

pub(crate) fn errno(name: &str) -> Answer {
    Answer::Errno(Errno::from_name(name).unwrap_or_else(|| panic!("there is no errno {name}")))
}

fn bytes(value: u64, len: usize) -> Vec<u8> {
    value.to_le_bytes()[..len].to_vec()
}

/// A record of so many bytes with fields: place, length and value of each.
fn record(len: usize, fields: &[(usize, usize, u64)]) -> Vec<u8> {
    let mut out = vec![0; len];
    for (at, len, value) in fields {
        out[*at..at + len].copy_from_slice(&bytes(*value, *len));
    }
    out
}

/// A `filestat` of one file of the initial tree, with these attributes.
pub(crate) fn stat(kind: u64, size: u64) -> Answer {
    stat_changed(kind, size, START_TIME_NANOSECONDS)
}

/// A `filestat` with another modification time.
pub(crate) fn stat_changed(kind: u64, size: u64, mtim: u64) -> Answer {
    let fields = [
        (filestat::DEV, 8, 1),
        (filestat::INO, 8, 9),
        (filestat::FILETYPE, 1, kind),
        (filestat::NLINK, 8, 1),
        (filestat::SIZE, 8, size),
        (filestat::ATIM, 8, START_TIME_NANOSECONDS),
        (filestat::MTIM, 8, mtim),
        (filestat::CTIM, 8, NOW),
    ];
    Answer::Ok(vec![record(filestat::BYTES, &fields)])
}

/// A time at which a run may take place: in 2023.
pub(crate) const NOW: u64 = 1_700_000_000_000_000_000;

pub(crate) fn fdstat(kind: u64, flags: u64, base: u64, inheriting: u64) -> Answer {
    let fields = [
        (fdstat::FS_FILETYPE, 1, kind),
        (fdstat::FS_FLAGS, 2, flags),
        (fdstat::FS_RIGHTS_BASE, 8, base),
        (fdstat::FS_RIGHTS_INHERITING, 8, inheriting),
    ];
    Answer::Ok(vec![record(fdstat::BYTES, &fields)])
}

/// What a guest waits for. Each has its place among the subscriptions as userdata.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    Monotonic { timeout: u64, absolute: bool },
    Realtime { timeout: u64, absolute: bool },
    Read(u64),
}

impl Wait {
    fn tag(self) -> u64 {
        match self {
            Wait::Monotonic { .. } | Wait::Realtime { .. } => subscription_u::CLOCK,
            Wait::Read(_) => subscription_u::FD_READ,
        }
    }

    fn subscription(self, userdata: u64) -> Vec<u8> {
        let payload = subscription::U + subscription_u::PAYLOAD;
        let clock = |id: u64, timeout: u64, absolute: bool| {
            let flags = if absolute { subclockflags::SUBSCRIPTION_CLOCK_ABSTIME } else { 0 };
            vec![
                (payload + subscription_clock::ID, 4, id),
                (payload + subscription_clock::TIMEOUT, 8, timeout),
                (payload + subscription_clock::FLAGS, 2, flags),
            ]
        };
        let mut fields = match self {
            Wait::Monotonic { timeout, absolute } => clock(clockid::MONOTONIC, timeout, absolute),
            Wait::Realtime { timeout, absolute } => clock(clockid::REALTIME, timeout, absolute),
            Wait::Read(fd) => vec![(payload + subscription_fd_readwrite::FILE_DESCRIPTOR, 4, fd)],
        };
        fields.extend([(subscription::USERDATA, 8, userdata), (subscription::U, 1, self.tag())]);
        record(subscription::BYTES, &fields)
    }
}

/// The event of one subscription: its place, what was waited for, and how many bytes are there.
pub(crate) fn event(userdata: u64, wait: Wait, nbytes: u64) -> Vec<u8> {
    let nbytes = (event::FD_READWRITE + event_fd_readwrite::NBYTES, 8, nbytes);
    record(event::BYTES, &[(event::USERDATA, 8, userdata), (event::TYPE, 1, wait.tag()), nbytes])
}

/// Success with events.
pub(crate) fn events(events: &[Vec<u8>]) -> Answer {
    Answer::Ok(vec![bytes(events.len() as u64, 4), events.concat()])
}

/// One entry of a directory as `fd_readdir` lays it out.
pub(crate) fn entry(next: u64, kind: u64, name: &str) -> Vec<u8> {
    use touchstone_spec::consts::dirent;
    let fields = [(dirent::D_NEXT, 8, next), (dirent::D_INO, 8, next), (dirent::D_NAMLEN, 4, name.len() as u64), (dirent::D_TYPE, 1, kind)];
    [record(dirent::BYTES, &fields), name.as_bytes().to_vec()].concat()
}

/// The directory `dir` of [`world`], from its beginning to its end.
pub(crate) fn dir_entries() -> Vec<u8> {
    let (folder, file) = (filetype::DIRECTORY, filetype::REGULAR_FILE);
    [entry(1, folder, "."), entry(2, folder, ".."), entry(3, file, "inner")].concat()
}

/// A guest whose calls the oracle follows.
pub(crate) struct Guest {
    checker: Checker,
    memory: Vec<u8>,
    /// Where the next text goes.
    next: usize,
    /// The clauses that applied to any call so far.
    pub(crate) applied: Vec<ClauseId>,
}

impl Guest {
    pub(crate) fn new(world: &World) -> Guest {
        Guest { checker: Checker::new(world, Host::LINUX), memory: vec![0; MEMORY_BYTES], next: 64, applied: Vec::new() }
    }

    /// A call as a trace has it, without its answer.
    pub(crate) fn call(&self, function: Function, args: &[u64]) -> TraceCall {
        let inputs = GuestMemory(&self.memory).inputs(function, args);
        TraceCall { function, memory_bytes: MEMORY_BYTES as u64, args: args.to_vec(), inputs, outcome: None }
    }

    /// What the oracle says of a call with an answer.
    pub(crate) fn judge(&mut self, mut call: TraceCall, answer: &Answer) -> (Said, Findings) {
        let capture = |bytes: &Vec<u8>| Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes.clone()) };
        let failed = |errno: u32| Some(Outcome { errno, outputs: Vec::new() });
        call.outcome = match answer {
            Answer::Ok(outputs) => Some(Outcome { errno: 0, outputs: outputs.iter().map(capture).collect() }),
            Answer::Errno(errno) => failed(errno.raw().into()),
            Answer::Raw(raw) => failed(*raw),
            Answer::NoReturn => None,
        };
        let said = self.checker.call(&call).expect("few states");
        self.applied.extend(&self.checker.findings().clauses);
        (said, self.checker.findings().clone())
    }

    /// Makes a call on the way to the one that matters. Its answer is right.
    pub(crate) fn does(&mut self, call: TraceCall, answer: &Answer) {
        let name = call.function.name();
        let (said, findings) = self.judge(call, answer);
        assert_eq!(said, Said::Accepted, "{name} on the way: {findings:?}");
    }

    fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.next;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        self.next = (at + bytes.len()).next_multiple_of(8);
        at as u64
    }

    /// A call about one path: its arguments, in which `[path, len]` stands for the path.
    pub(crate) fn path(&mut self, function: Function, path: impl AsRef<[u8]>, args: impl FnOnce([u64; 2]) -> Vec<u64>) -> TraceCall {
        let path = path.as_ref();
        let at = self.put(path);
        self.call(function, &args([at, path.len() as u64]))
    }

    /// A call about two paths.
    pub(crate) fn paths(&mut self, function: Function, paths: [&str; 2], args: impl FnOnce([u64; 4]) -> Vec<u64>) -> TraceCall {
        let [old, new] = paths.map(|path| [self.put(path.as_bytes()), path.len() as u64]);
        self.call(function, &args([old[0], old[1], new[0], new[1]]))
    }

    pub(crate) fn path_open(&mut self, fd: u64, lookup: u64, path: impl AsRef<[u8]>, oflags: u64, rights: u64, fdflags: u64) -> TraceCall {
        self.path(Function::PathOpen, path, |[at, len]| vec![fd, lookup, at, len, oflags, rights, rights, fdflags, RESULT])
    }

    /// Opens something below the first preopen, as [`FIRST`].
    pub(crate) fn opens(&mut self, path: &str, oflags: u64, rights: u64, fdflags: u64) {
        let call = self.path_open(ROOT, FOLLOW, path, oflags, rights, fdflags);
        self.does(call, &number(FIRST));
    }

    pub(crate) fn path_filestat_get(&mut self, lookup: u64, path: &str) -> TraceCall {
        self.path(Function::PathFilestatGet, path, |[at, len]| vec![ROOT, lookup, at, len, RESULT])
    }

    pub(crate) fn path_readlink(&mut self, path: &str, room: u64) -> TraceCall {
        self.path(Function::PathReadlink, path, |[at, len]| vec![ROOT, at, len, BUFFERS, room, RESULT])
    }

    pub(crate) fn path_rename(&mut self, fd: u64, old: &str, new: &str) -> TraceCall {
        self.paths(Function::PathRename, [old, new], |[a, b, c, d]| vec![fd, a, b, fd, c, d])
    }

    pub(crate) fn path_symlink(&mut self, target: &str, path: &str) -> TraceCall {
        self.paths(Function::PathSymlink, [target, path], |[a, b, c, d]| vec![a, b, ROOT, c, d])
    }

    pub(crate) fn path_set_times(&mut self, path: &str, mtim: u64, flags: u64) -> TraceCall {
        self.path(Function::PathFilestatSetTimes, path, |[at, len]| vec![ROOT, NOFOLLOW, at, len, 0, mtim, flags])
    }

    /// A call that reads into buffers of these lengths, or writes them; `offset` where it has one.
    pub(crate) fn buffers(&mut self, function: Function, fd: u64, lengths: &[u32], offset: Option<u64>) -> TraceCall {
        let mut address = u32::try_from(BUFFERS).expect("small");
        let mut array = Vec::new();
        for len in lengths {
            array.extend(address.to_le_bytes());
            array.extend(len.to_le_bytes());
            address += len;
        }
        let at = self.put(&array);
        let mut args = vec![fd, at, lengths.len() as u64];
        args.extend(offset);
        args.push(RESULT);
        self.call(function, &args)
    }

    pub(crate) fn fd_readdir(&self, fd: u64, room: u64, cookie: u64) -> TraceCall {
        self.call(Function::FdReaddir, &[fd, BUFFERS, room, cookie, RESULT])
    }

    /// A call on a descriptor with a result.
    pub(crate) fn get(&self, function: Function, args: &[u64]) -> TraceCall {
        self.call(function, &[args, &[RESULT]].concat())
    }

    pub(crate) fn poll(&mut self, waits: &[Wait]) -> TraceCall {
        let subscriptions: Vec<u8> = (1..).zip(waits).flat_map(|(userdata, wait)| wait.subscription(userdata)).collect();
        let at = self.put(&subscriptions);
        self.call(Function::PollOneoff, &[at, BUFFERS, waits.len() as u64, RESULT])
    }
}

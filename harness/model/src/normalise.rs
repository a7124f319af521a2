//! A trace as text in which everything that honest runtimes may do differently has one spelling.
//!
//! What may differ follows from the types: fds, inodes, devices, cookies and times get symbolic names in the order in which
//! they turn up, so that *which* are the same stays visible while their numbers do not; random bytes and the order of
//! directory entries and events are dropped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use touchstone_spec::consts::{prestat, prestat_dir};
use touchstone_spec::{Function, OpenValue};

use crate::trace::TraceCall;
use crate::value::{self, Named, Value, errno_text};
use crate::world::START_TIME_NANOSECONDS;

/// One call of a trace, comparable between runtimes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalised {
    pub function: String,
    /// What the guest asked: `fd_seek(fd: #1, offset: -3, whence: cur)`
    pub question: String,
    /// What it was answered: `inval`, `ok newoffset: 2`, `no return`
    pub answer: String,
    /// What the call filled, as it is; fds, whose numbers mean nothing, left out.
    pub bytes: Vec<Option<Vec<u8>>>,
}

/// Normalises the calls of a trace, from its first on.
pub fn normalise(calls: &[TraceCall]) -> Vec<Normalised> {
    normalised(calls).collect()
}

/// The same one by one, for who may stop at the first that matters.
pub fn normalised(calls: &[TraceCall]) -> impl Iterator<Item = Normalised> + '_ {
    let mut names = Names::default();
    calls.iter().map(move |call| names.call(call))
}

/// The calls of a trace as lines, each with its answer: `fd_tell(fd: #1) = ok offset: 2`.
pub fn lines(calls: &[TraceCall]) -> Vec<String> {
    let mut names = Names::default();
    calls.iter().map(|call| names.line(call)).collect()
}

/// The symbolic names given so far.
#[derive(Debug, Default)]
struct Names {
    fds: BTreeMap<u64, String>,
    next_fd: usize,
    /// How long the names of preopens are, as far as anybody asked.
    name_lens: BTreeMap<u64, u32>,
    /// Sockets that were found.
    sockets: usize,
    /// What descriptors were called that are closed by now: a guest that goes on to use one uses the same on every runtime.
    closed: BTreeMap<u64, String>,
    /// Standard streams that the guest closed: their numbers may be given out again.
    closed_stdio: Vec<u64>,
    inodes: BTreeMap<u64, usize>,
    devices: BTreeMap<u64, usize>,
    /// Times that the guest itself passed: they are exact.
    given_times: Vec<u64>,
    /// Times that the host answered.
    host_times: Vec<u64>,
}

/// Where a `prestat` says how long the name of a preopen is.
const NAME_LEN: usize = prestat::PAYLOAD + prestat_dir::PR_NAME_LEN;

/// Two times closer than this have to do with each other: a guest that adds a second to "now" did not invent the sum.
const RELATED_NANOSECONDS: u64 = 3_600_000_000_000;

impl Names {
    fn call(&mut self, call: &TraceCall) -> Normalised {
        let call = &self.without_rest(call);
        let (mut question, mut answer) = (String::new(), String::new());
        self.asked(call, &mut question);
        self.answered(call, &mut answer);
        Normalised { function: call.function.name().to_owned(), question, answer, bytes: bytes(call) }
    }

    fn line(&mut self, call: &TraceCall) -> String {
        let call = &self.without_rest(call);
        let mut line = String::new();
        self.asked(call, &mut line);
        line.push_str(" = ");
        self.answered(call, &mut line);
        line
    }

    /// Writes what the guest asked.
    fn asked(&mut self, call: &TraceCall, out: &mut String) {
        out.push_str(call.function.name());
        out.push('(');
        separated(&value::arguments(call), out, |named, out| {
            field(named.name, out);
            self.question(&named.value, out);
        });
        out.push(')');
    }

    /// Writes what it was answered, and takes the names that this gives.
    fn answered(&mut self, call: &TraceCall, out: &mut String) {
        let results = value::results(call);
        self.learn(call, &results);
        self.answer(call, results, out);
        self.forget(call);
    }

    /// Behind the end of a preopen's name a buffer holds what it held before, which may be anything.
    fn without_rest<'c>(&self, call: &'c TraceCall) -> Cow<'c, TraceCall> {
        let len = call.args.first().and_then(|fd| self.name_lens.get(fd)).copied();
        let Some(len) = len.filter(|_| call.function == Function::FdPrestatDirName) else { return Cow::Borrowed(call) };
        let mut call = call.clone();
        for data in call.outcome.iter_mut().flat_map(|outcome| &mut outcome.outputs).filter(|data| data.len > len) {
            data.len = len;
            data.bytes.iter_mut().for_each(|bytes| bytes.truncate(len as usize));
        }
        Cow::Owned(call)
    }

    /// The fd of a preopen gets the preopen's name, a new fd the next number.
    fn learn(&mut self, call: &TraceCall, results: &[Named]) {
        let name_of = |named: &Named| match &named.value {
            Value::Bytes { bytes, .. } => Some(format!("preopen:{}", String::from_utf8_lossy(bytes))),
            Value::Scalar { .. } | Value::Record(_) | Value::List(_) | Value::OutOfBounds => None,
        };
        if call.function == Function::FdPrestatDirName
            && let (Some(fd), Some(name)) = (call.args.first(), results.iter().find_map(name_of))
        {
            self.fds.insert(*fd, name);
        }
        // a program need not ask for the name: then all preopens are alike, wherever a runtime puts them
        if call.function == Function::FdPrestatGet
            && let (Some(fd), false) = (call.args.first(), results.is_empty())
        {
            self.fds.entry(*fd).or_insert_with(|| "preopen".to_owned());
            let len =
                call.outcome.iter().flat_map(|outcome| &outcome.outputs).find_map(|prestat| prestat.kept().get(NAME_LEN..NAME_LEN + 4));
            self.name_lens.extend(len.map(|len| (*fd, u32::from_le_bytes([len[0], len[1], len[2], len[3]]))));
        }
        // a socket that the guest was given is found by its type
        let is_socket = |named: &Named| named.value.to_string().contains("fs_filetype: socket_stream");
        if call.function == Function::FdFdstatGet
            && let Some(fd) = call.args.first().filter(|fd| **fd > 2 && results.iter().any(is_socket))
            && !self.fds.contains_key(fd)
        {
            self.sockets += 1;
            self.fds.insert(*fd, format!("socket:{}", self.sockets));
        }
        for named in results {
            if named.value.open_value() == Some(OpenValue::Fd)
                && let Some(fd) = named.value.number()
                // an fd that is in use already is no new fd: it keeps its old name, and the difference shows
                && (fd > 2 || self.closed_stdio.contains(&fd))
                && !self.fds.contains_key(&fd)
            {
                self.next_fd += 1;
                self.fds.insert(fd, format!("#{}", self.next_fd));
            }
        }
    }

    /// A closed fd may be given out again.
    fn forget(&mut self, call: &TraceCall) {
        let succeeded = call.outcome.as_ref().is_some_and(|outcome| outcome.errno == 0);
        match (call.function, call.args.as_slice()) {
            (Function::FdClose, [fd]) if succeeded => {
                if let Some(name) = self.fds.remove(fd) {
                    self.closed.insert(*fd, format!("closed {name}"));
                }
                self.closed_stdio.extend((*fd <= 2).then_some(*fd));
            }
            (Function::FdRenumber, [from, to]) if succeeded && from != to => {
                if let Some(name) = self.fds.remove(from) {
                    self.closed.insert(*from, format!("moved {name}"));
                    self.fds.insert(*to, name);
                }
            }
            (_, _) => {}
        }
    }

    fn fd(&self, fd: u64, out: &mut String) {
        match (fd, self.fds.get(&fd).or_else(|| self.closed.get(&fd))) {
            (_, Some(name)) => out.push_str(name),
            (0, None) => out.push_str("stdin"),
            (1, None) => out.push_str("stdout"),
            (2, None) => out.push_str("stderr"),
            (fd, None) => push(out, fd),
        }
    }

    /// Writes a value that the guest passed.
    fn question(&mut self, value: &Value, out: &mut String) {
        let Some(open) = value.open_value() else {
            return self.nested(value, Names::question, out);
        };
        let number = value.number().unwrap_or_default();
        match open {
            OpenValue::Fd => self.fd(number, out),
            OpenValue::Timestamp if self.is_host_time(number) => out.push_str("<time>"),
            OpenValue::Timestamp => {
                self.given_times.push(number);
                push(out, number);
            }
            OpenValue::Dircookie if number != 0 => out.push_str("<cookie>"),
            OpenValue::Dircookie | OpenValue::Inode | OpenValue::Device => push(out, number),
        }
    }

    fn is_host_time(&self, time: u64) -> bool {
        self.host_times.iter().any(|host| host.abs_diff(time) < RELATED_NANOSECONDS) && time > RELATED_NANOSECONDS
    }

    fn answer(&mut self, call: &TraceCall, results: Vec<Named>, out: &mut String) {
        let Some(outcome) = &call.outcome else { return out.push_str("no return") };
        if outcome.errno != 0 {
            return out.push_str(&errno_text(outcome.errno));
        }
        out.push_str("ok");
        for Named { name, value } in results {
            out.push(' ');
            field(name, out);
            match call.function {
                Function::RandomGet => push(out, format_args!("<{} random bytes>", call.args.get(1).copied().unwrap_or_default())),
                Function::FdReaddir => self.directory(call, name, value, out),
                Function::PollOneoff => self.result(&sorted(without_ignored(value), "userdata"), out),
                _ => self.result(&value, out),
            }
        }
    }

    /// Entries come in any order. A buffer that is full to the brim ends wherever its order put the end, so its content says nothing.
    fn directory(&mut self, call: &TraceCall, name: &str, value: Value, out: &mut String) {
        let capacity = call.args.get(2).copied().unwrap_or_default();
        let used = value::results(call).first().and_then(|named| named.value.number());
        if used == Some(capacity) && name == "data" {
            return out.push_str("<entries up to the end of the buffer>");
        }
        self.result(&sorted(value, "name"), out);
        if name == "data" && call.args.get(3).is_some_and(|cookie| *cookie != 0) {
            out.push_str(" after the cookie");
        }
    }

    /// Writes a value that the guest was answered.
    fn result(&mut self, value: &Value, out: &mut String) {
        let Some(open) = value.open_value() else {
            return self.nested(value, Names::result, out);
        };
        let number = value.number().unwrap_or_default();
        match open {
            OpenValue::Fd => self.fd(number, out),
            OpenValue::Timestamp if number == START_TIME_NANOSECONDS => out.push_str("<start>"),
            OpenValue::Timestamp if number == 0 || self.given_times.contains(&number) => push(out, number),
            OpenValue::Timestamp => {
                self.host_times.push(number);
                out.push_str("<time>");
            }
            OpenValue::Dircookie => out.push_str("<cookie>"),
            OpenValue::Inode => numbered(&mut self.inodes, number, "inode", out),
            OpenValue::Device => numbered(&mut self.devices, number, "device", out),
        }
    }

    fn nested(&mut self, value: &Value, inner: fn(&mut Names, &Value, &mut String), out: &mut String) {
        match value {
            Value::Record(fields) => {
                // the text defines the size of files and links only, and file systems count a directory's links as they like
                let is_directory = fields.iter().any(|(name, value)| *name == "filetype" && value.to_string() == "directory");
                let is_open = |name: &str| is_directory && (name == "size" || name == "nlink");
                out.push_str("{ ");
                separated(fields, out, |(name, value), out| {
                    field(name, out);
                    if is_open(name) { out.push_str("<any>") } else { inner(self, value, out) }
                });
                out.push_str(" }");
            }
            Value::List(items) => {
                out.push('[');
                separated(items, out, |item, out| inner(self, item, out));
                out.push(']');
            }
            Value::Scalar { .. } | Value::Bytes { .. } | Value::OutOfBounds => push(out, value),
        }
    }
}

/// Writes things with commas between them.
fn separated<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
}

/// Writes what comes before a value that has a name.
fn field(name: &str, out: &mut String) {
    out.push_str(name);
    out.push_str(": ");
}

fn push(out: &mut String, what: impl Display) {
    write!(out, "{what}").expect("a string takes everything");
}

fn bytes(call: &TraceCall) -> Vec<Option<Vec<u8>>> {
    let is_fd = call.function.results().first().is_some_and(|result| result.ty.open_value() == Some(OpenValue::Fd));
    let outputs = call.outcome.iter().filter(|_| !is_fd).flat_map(|outcome| &outcome.outputs);
    outputs.map(|capture| capture.bytes.clone()).collect()
}

fn numbered(names: &mut BTreeMap<u64, usize>, number: u64, what: &str, out: &mut String) {
    let next = names.len() + 1;
    push(out, format_args!("<{what} {}>", names.entry(number).or_insert(next)));
}

/// Events without what the spec says to ignore: `fd_readwrite` means nothing in the event of a clock.
fn without_ignored(value: Value) -> Value {
    let Value::List(mut events) = value else { return value };
    for event in &mut events {
        if let Value::Record(fields) = event
            && fields.iter().any(|(name, value)| *name == "type" && value.to_string() == "clock")
        {
            fields.retain(|(name, _)| *name != "fd_readwrite");
        }
    }
    Value::List(events)
}

/// A list of records in the order of one of their fields.
fn sorted(value: Value, key: &str) -> Value {
    let Value::List(mut items) = value else { return value };
    items.sort_by_cached_key(|item| match item {
        Value::Record(fields) => fields.iter().find(|(name, _)| *name == key).map(|(_, value)| sort_key(value)),
        Value::Scalar { .. } | Value::Bytes { .. } | Value::List(_) | Value::OutOfBounds => None,
    });
    Value::List(items)
}

fn sort_key(value: &Value) -> (u64, Vec<u8>) {
    match value {
        Value::Scalar { value, .. } => (*value, Vec::new()),
        Value::Bytes { bytes, .. } => (0, bytes.clone()),
        Value::Record(_) | Value::List(_) | Value::OutOfBounds => (0, Vec::new()),
    }
}

//! The host's side of a run: makes its fds, feeds and drains them, and looks at what is left open.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use rustix::pipe::{PipeFlags, pipe_with};
use tempfile::{NamedTempFile, TempPath};
use touchstone_model::world::StdioKind;
use touchstone_runtimes::{HostPreopen, Ran, Run, Runtime, run_guarded};

use crate::guests::Guest;

/// What a guest is given.
pub(crate) struct Given {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) preopens: Vec<HostPreopen>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) stdin_kind: StdioKind,
    /// Stands in for `stdin`: an fd that somebody else holds the other end of.
    pub(crate) held_stdin: Option<OwnedFd>,
    pub(crate) stdout_kind: StdioKind,
    pub(crate) memories: Vec<String>,
    pub(crate) calls: Vec<String>,
}

impl Default for Given {
    fn default() -> Self {
        Given {
            args: vec!["guest".into()],
            env: Vec::new(),
            preopens: Vec::new(),
            stdin: Vec::new(),
            stdin_kind: StdioKind::Pipe,
            held_stdin: None,
            stdout_kind: StdioKind::Pipe,
            memories: Vec::new(),
            calls: Vec::new(),
        }
    }
}

/// What it showed.
pub(crate) struct Seen {
    pub(crate) ran: Ran,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Runs a guest. It returns only when stdin and both outputs are closed, so a backend that kept one open would hang here.
pub(crate) fn run(runtime: &mut dyn Runtime, guest: &Guest, given: Given) -> Seen {
    let (stdin, feeder) = match given.held_stdin {
        Some(stdin) => (stdin, None),
        None => source(given.stdin, given.stdin_kind),
    };
    let (stdout, read_stdout) = sink(given.stdout_kind);
    let (stderr, read_stderr) = sink(StdioKind::Pipe);
    let called = touchstone_runtimes::Guest { memories: given.memories, calls: given.calls, ..guest.called() };
    let given = touchstone_runtimes::Given {
        args: given.args,
        env: given.env,
        preopens: given.preopens,
        sockets: Vec::new(),
        stdin,
        stdout,
        stderr,
    };
    let run = Run { guest: called, given };
    let ran = run_guarded(runtime, run).unwrap();
    if let Some(feeder) = feeder {
        feeder.join().unwrap();
    }
    Seen { ran, stdout: read_stdout.collect(), stderr: read_stderr.collect() }
}

/// A run that nobody feeds or drains.
pub(crate) fn idle_run(guest: &Guest) -> Run {
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let given = touchstone_runtimes::Given {
        args: Vec::new(),
        env: Vec::new(),
        preopens: Vec::new(),
        sockets: Vec::new(),
        stdin: null(),
        stdout: null(),
        stderr: null(),
    };
    Run { guest: guest.called(), given }
}

/// The write end and the read end of a pipe.
pub(crate) fn pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    (write, read)
}

/// An fd from which these bytes can be read, and the thread that writes them, if it takes one.
fn source(bytes: Vec<u8>, kind: StdioKind) -> (OwnedFd, Option<JoinHandle<()>>) {
    match kind {
        StdioKind::File => {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            file.rewind().unwrap();
            (file.into(), None)
        }
        StdioKind::Pipe => {
            let (write, read) = pipe();
            // This fails when the guest ends without reading everything, as it should.
            let feeder = thread::spawn(move || drop(File::from(write).write_all(&bytes)));
            (read, Some(feeder))
        }
        StdioKind::Device => (File::open("/dev/null").unwrap().into(), None),
    }
}

/// Where the output of a guest arrives.
enum Sink {
    Pipe(JoinHandle<Vec<u8>>),
    File(TempPath),
    Nowhere,
}

impl Sink {
    /// All that was written, when nobody can write any more.
    fn collect(self) -> Vec<u8> {
        match self {
            Sink::Pipe(drain) => drain.join().unwrap(),
            Sink::File(path) => fs::read(path).unwrap(),
            Sink::Nowhere => Vec::new(),
        }
    }
}

/// An fd to write to, and what becomes of that.
fn sink(kind: StdioKind) -> (OwnedFd, Sink) {
    match kind {
        StdioKind::File => {
            let (file, path) = NamedTempFile::new().unwrap().into_parts();
            (file.into(), Sink::File(path))
        }
        StdioKind::Pipe => {
            let (write, read) = pipe();
            let drain = move || {
                let mut bytes = Vec::new();
                File::from(read).read_to_end(&mut bytes).unwrap();
                bytes
            };
            (write, Sink::Pipe(thread::spawn(drain)))
        }
        StdioKind::Device => (File::options().write(true).open("/dev/null").unwrap().into(), Sink::Nowhere),
    }
}

/// Every open fd of the process and what it is.
pub(crate) fn open_fds() -> BTreeMap<String, PathBuf> {
    const FDS: &str = "/proc/self/fd";
    let entries = fs::read_dir(FDS).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = entries.collect();
    // The fd through which the directory was read is closed by now, so it has no target any more.
    names.into_iter().filter_map(|fd| Some((fd.clone(), fs::read_link(format!("{FDS}/{fd}")).ok()?))).collect()
}

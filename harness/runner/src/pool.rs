//! The runner's side of a worker: start it, hand it jobs, watch it, replace it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use sha2::{Digest, Sha256};
use touchstone_model::bounds;
use touchstone_model::observation::Crash;
use touchstone_model::tree::{Content, hex};
use touchstone_model::world::{Stdin, StdioKind, Stdout, World};
use touchstone_model::{End, Trace};

use crate::HarnessError;
use crate::plant::Plant;
use crate::profile::Profile;
use crate::protocol::{Done, Job, Reply, receive, send, send_fds};
use crate::scratch::{Scratch, Sealed};
use crate::sockets::Sockets;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// The program that is a worker when told so: `touchstone`.
    pub program: PathBuf,
    pub runtime: String,
    pub profile: Profile,
    pub plant: Option<Plant>,
}

/// What a run showed of the process: how it ended and what it wrote.
#[derive(Debug)]
pub struct RunResult {
    pub end: End,
    pub memories: Vec<(String, Vec<u8>)>,
    pub leaked_fds: Vec<String>,
    pub peak_memory_bytes: u64,
    pub stdout: Content,
    pub stderr: Content,
    /// What the other side of each connection received.
    pub received: BTreeMap<String, Content>,
}

impl RunResult {
    /// The trace that the recorder left in one of the memories.
    pub fn trace(&self) -> Result<Trace, HarnessError> {
        let memory = self.memories.iter().find(|(name, _)| name == touchstone_model::trace::TRACE_EXPORT);
        Ok(memory.map(|(_, memory)| Trace::read(memory)).transpose()?.unwrap_or_else(Trace::lost))
    }
}

/// A worker process, ready for its next job.
#[derive(Debug)]
pub struct Worker {
    spec: WorkerSpec,
    child: Child,
    socket: UnixStream,
    log: PathBuf,
    /// Whether `openat2` answers in it.
    pub openat2: bool,
}

impl Worker {
    /// Starts a worker in a sealed folder and waits until its engine stands.
    pub fn start(spec: &WorkerSpec, sealed: &Sealed, log: &Path) -> Result<Worker, HarnessError> {
        let failed = |message: String| HarnessError::WorkerStart { runtime: spec.runtime.clone(), message };
        let (ours, theirs) = UnixStream::pair().map_err(HarnessError::system("make a socket pair"))?;
        let stderr = File::create(log).map_err(HarnessError::file("create", log))?;
        let mut command = Command::new(&spec.program);
        command.args(["worker", "--runtime", &spec.runtime, "--profile", spec.profile.name()]);
        if let Some(plant) = spec.plant {
            command.args(["--plant", plant.name()]);
        }
        // nothing of the user's environment reaches an engine; where programs are, a worker must know that runs one
        command.env_clear().envs([("TZ", "UTC"), ("LC_ALL", "C"), ("HOME", "/nonexistent")]);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // what a worker leaves behind becomes a child of this process, so that it can be waited for
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(HarnessError::system("become a subreaper"))?;
        // a Ctrl-C at the terminal is for the runner, which then stops its workers itself
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(stderr).current_dir(sealed.folder());
        let child = command.spawn().map_err(HarnessError::file("start", &spec.program))?;
        // the command holds the worker's end of the socket: while it does, the end of the worker does not show
        drop(command);
        let mut worker = Worker { spec: spec.clone(), child, socket: ours, log: log.to_owned(), openat2: false };
        worker
            .socket
            .set_read_timeout(Some(Duration::from_secs(bounds::WORKER_START_TIMEOUT_SECONDS)))
            .map_err(HarnessError::system("set a timeout"))?;
        match receive::<Reply>(&mut worker.socket) {
            Ok(Some(Reply::Ready { openat2 })) => worker.openat2 = openat2,
            Ok(Some(Reply::Failed(message))) => return Err(failed(message)),
            Ok(Some(Reply::Done(_))) => return Err(failed("it answered before it was asked".to_owned())),
            Ok(None) => return Err(failed(worker.last_words())),
            Err(error) => return Err(failed(error.to_string())),
        }
        worker.socket.set_read_timeout(None).map_err(HarnessError::system("set a timeout"))?;
        Ok(worker)
    }

    /// What the engine said on stderr before it died.
    fn last_words(&mut self) -> String {
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("it ended ({status}) {}", tail.join(" / "))
    }

    /// Runs one job. `Ok` also where the worker died or had to be stopped: that is how the run ended. The worker can be
    /// used again only if [`Worker::is_alive`]. When `stop` is set, the worker is stopped and the run is interrupted.
    pub fn run(
        &mut self,
        job: &Job,
        stdio: Stdio3,
        sockets: Sockets,
        timeout: Duration,
        stop: &AtomicBool,
    ) -> Result<RunResult, HarnessError> {
        let Stdio3 { stdin, held, stdout, stderr } = stdio;
        let failed =
            |error: io::Error, spec: &WorkerSpec| HarnessError::Worker { runtime: spec.runtime.clone(), message: error.to_string() };
        // a worker that is gone already shows in `wait`
        let fds: Vec<&OwnedFd> = [&stdin, &stdout.theirs, &stderr.theirs].into_iter().chain(&sockets.theirs).collect();
        let sent = send(&mut self.socket, job).and_then(|()| send_fds(&self.socket, &fds));
        if let Err(error) = sent
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(failed(error, &self.spec));
        }
        drop(stdin);
        let others = sockets.into_others();
        let mut sinks = [stdout.into_sink(), stderr.into_sink()];
        let outcome = self.wait(&mut sinks, timeout, stop)?;
        drop(held);
        let [stdout, stderr] = sinks.map(Sink::finish);
        let (end, done) = match outcome {
            Outcome::Reply(Reply::Done(done)) => (done.end.clone(), Some(done)),
            Outcome::Reply(Reply::Failed(message)) => {
                return Err(HarnessError::Worker { runtime: self.spec.runtime.clone(), message });
            }
            Outcome::Reply(Reply::Ready { .. }) => {
                return Err(HarnessError::Worker { runtime: self.spec.runtime.clone(), message: "it started twice".to_owned() });
            }
            Outcome::Stopped(end) => (end, None),
        };
        let Done { memories, leaked_fds, peak_memory_bytes, .. } =
            done.unwrap_or(Done { end: end.clone(), memories: Vec::new(), leaked_fds: Vec::new(), peak_memory_bytes: 0 });
        let [stdout, stderr] = [stdout, stderr].map(|content| content.map_err(|error| failed(error, &self.spec)));
        let received = others.finish().map_err(|error| failed(error, &self.spec))?;
        Ok(RunResult { end, memories, leaked_fds, peak_memory_bytes, stdout: stdout?, stderr: stderr?, received })
    }

    /// Waits for the reply, drains what the guest writes, and stops the worker at its deadline or memory limit.
    fn wait(&mut self, sinks: &mut [Sink; 2], timeout: Duration, stop: &AtomicBool) -> Result<Outcome, HarnessError> {
        let deadline = Instant::now() + timeout;
        let interval = Duration::from_millis(bounds::WORKER_POLL_MILLISECONDS);
        loop {
            let readable = readable(&self.socket, sinks, interval)?;
            sinks.iter_mut().try_for_each(Sink::drain).map_err(HarnessError::system("read what the guest wrote"))?;
            if readable {
                return match receive::<Reply>(&mut self.socket) {
                    Ok(Some(reply)) => Ok(Outcome::Reply(reply)),
                    Ok(None) => Ok(Outcome::Stopped(self.death()?)),
                    Err(error) => Err(HarnessError::Worker { runtime: self.spec.runtime.clone(), message: error.to_string() }),
                };
            }
            if stop.load(Ordering::Relaxed) {
                self.kill();
                return Err(HarnessError::Interrupted);
            }
            if Instant::now() >= deadline {
                self.kill();
                return Ok(Outcome::Stopped(End::TimedOut));
            }
            if self.resident_bytes() > bounds::WORKER_MEMORY_LIMIT_BYTES {
                self.kill();
                return Ok(Outcome::Stopped(End::MemoryLimit));
            }
        }
    }

    /// How a worker died that hung up by itself.
    fn death(&mut self) -> Result<End, HarnessError> {
        use std::os::unix::process::ExitStatusExt;
        // it hung up; one that then does not end is stopped
        let grace = Instant::now() + Duration::from_secs(1);
        while self.is_alive() && Instant::now() < grace {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.is_alive() {
            self.kill();
        }
        let status = self.child.wait().map_err(HarnessError::system("wait for a worker"))?;
        self.wait_for_orphans();
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => Crash::Signal(signal),
            (None, code) => Crash::Exit(code.unwrap_or(-1)),
        };
        Ok(End::Crashed { how })
    }

    /// Ends the worker and the program that it may be running.
    fn kill(&mut self) {
        // they may be gone already
        if self.is_alive() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.wait();
        self.wait_for_orphans();
    }

    /// A program that the worker was running is killed with it; when this returns it has come to its end.
    fn wait_for_orphans(&self) {
        while let Ok(Some(_)) = waitpgid(Pid::from_child(&self.child), WaitOptions::empty()) {}
    }

    /// Whether the worker can take another job.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Resident memory now, of the worker and of the program that it may be running.
    fn resident_bytes(&self) -> u64 {
        let id = self.child.id().to_string();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        children.split_whitespace().chain([id.as_str()]).map(resident_bytes).sum()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The second number of `/proc/<pid>/statm`, which counts pages.
fn resident_bytes(id: &str) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as u64
}

enum Outcome {
    Reply(Reply),
    Stopped(End),
}

/// Waits until the worker or the guest has something to say; tells whether it is the worker.
fn readable(socket: &UnixStream, sinks: &[Sink; 2], interval: Duration) -> Result<bool, HarnessError> {
    let mut fds = vec![PollFd::new(socket, PollFlags::IN)];
    fds.extend(
        sinks
            .iter()
            .filter(|sink| sink.reading == Reading::Always && !sink.ended)
            .map(|sink| PollFd::from_borrowed_fd(sink.file.as_fd(), PollFlags::IN)),
    );
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(interval.subsec_nanos()) };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!fds[0].revents().is_empty()),
        Err(error) => Err(HarnessError::System { what: "wait for a worker", error: error.into() }),
    }
}

/// The three stdio of a run.
#[derive(Debug)]
pub struct Stdio3 {
    stdin: OwnedFd,
    /// The other end of stdin, where it is to stay open during the run.
    held: Option<io::PipeWriter>,
    stdout: OutputEnds,
    stderr: OutputEnds,
}

#[derive(Debug)]
struct OutputEnds {
    ours: File,
    theirs: OwnedFd,
    reading: Reading,
}

/// When what a guest writes is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All the time: a pipe.
    Always,
    /// When the run is over: a pipe that nobody empties before.
    Afterwards,
    /// When the run is over: a file.
    File,
}

impl Stdio3 {
    /// Makes the stdio of a world.
    pub fn new(scratch: &Scratch, world: &World) -> Result<Stdio3, HarnessError> {
        let (stdin, held) = input(scratch, &world.stdin)?;
        let (stdout, stderr) = (output(scratch, &world.stdout)?, output(scratch, &world.stdout.beside())?);
        Ok(Stdio3 { stdin, held, stdout, stderr })
    }
}

/// A pipe that a thread fills, a file, or the device that is always at its end. The thread ends when the guest has read all or
/// the reading end is closed.
fn input(scratch: &Scratch, stdin: &Stdin) -> Result<(OwnedFd, Option<io::PipeWriter>), HarnessError> {
    use std::io::Write;
    let what = "make the guest's stdin";
    match stdin.kind {
        StdioKind::Device => Ok((opened("/dev/null", File::options().read(true))?, None)),
        StdioKind::File => {
            let mut file = scratch.nameless_file()?;
            file.write_all(&stdin.bytes).map_err(HarnessError::system(what))?;
            Ok((opened_anew(&file, File::options().read(true))?, None))
        }
        StdioKind::Pipe => {
            let (reader, mut writer) = io::pipe().map_err(HarnessError::system(what))?;
            let held = stdin.open.then(|| writer.try_clone()).transpose().map_err(HarnessError::system(what))?;
            let bytes = stdin.bytes.clone();
            if bytes.len() <= bounds::PIPE_BYTES {
                // it is there before the guest is, so that a guest which does not wait finds it
                writer.write_all(&bytes).map_err(HarnessError::system(what))?;
            } else {
                // a guest need not read: then the pipe breaks, and that is as it should be
                std::thread::spawn(move || writer.write_all(&bytes));
            }
            Ok((OwnedFd::from(reader), held))
        }
    }
}

/// Both ends of an output. Out of a pipe without a reader and of a device nothing can come, so an empty file stands in its place.
fn output(scratch: &Scratch, stdout: &Stdout) -> Result<OutputEnds, HarnessError> {
    let what = "make the guest's stdout";
    let nothing = |theirs: OwnedFd| Ok(OutputEnds { ours: scratch.nameless_file()?, theirs, reading: Reading::File });
    match stdout {
        Stdout::File => OutputEnds::file(scratch.nameless_file()?),
        Stdout::Appended(text) => {
            let file = scratch.nameless_file()?;
            // the offset stays at the beginning, as a shell leaves it
            file.write_all_at(text, 0).map_err(HarnessError::system(what))?;
            let ends = OutputEnds::file(file)?;
            rustix::fs::fcntl_setfl(&ends.theirs, OFlags::APPEND).map_err(HarnessError::system(what))?;
            Ok(ends)
        }
        Stdout::Pipe => OutputEnds::pipe(Reading::Always),
        Stdout::Stuck => {
            let ends = OutputEnds::pipe(Reading::Afterwards)?;
            // its size anyway, unless somebody has told the host otherwise
            rustix::pipe::fcntl_setpipe_size(&ends.theirs, bounds::PIPE_BYTES).map_err(HarnessError::system(what))?;
            Ok(ends)
        }
        Stdout::Broken => nothing(OwnedFd::from(io::pipe().map_err(HarnessError::system(what))?.1)),
        Stdout::Full => nothing(opened("/dev/full", File::options().write(true))?),
        Stdout::Null => nothing(opened("/dev/null", File::options().write(true))?),
    }
}

fn opened(path: &str, options: &OpenOptions) -> Result<OwnedFd, HarnessError> {
    let path = Path::new(path);
    Ok(OwnedFd::from(options.open(path).map_err(HarnessError::file("open", path))?))
}

/// The same file once more, opened in one direction only, as a shell opens what it redirects from or to.
fn opened_anew(file: &File, options: &OpenOptions) -> Result<OwnedFd, HarnessError> {
    opened(&format!("/proc/self/fd/{}", file.as_raw_fd()), options)
}

impl OutputEnds {
    fn file(ours: File) -> Result<OutputEnds, HarnessError> {
        let theirs = opened_anew(&ours, File::options().write(true))?;
        Ok(OutputEnds { ours, theirs, reading: Reading::File })
    }

    fn pipe(reading: Reading) -> Result<OutputEnds, HarnessError> {
        let (reader, writer) = io::pipe().map_err(HarnessError::system("make the guest's stdout"))?;
        rustix::io::ioctl_fionbio(&reader, true).map_err(HarnessError::system("make the guest's stdout"))?;
        Ok(OutputEnds { ours: File::from(OwnedFd::from(reader)), theirs: OwnedFd::from(writer), reading })
    }

    /// Closes the guest's end in this process and starts to collect.
    fn into_sink(self) -> Sink {
        let OutputEnds { ours, theirs, reading } = self;
        drop(theirs);
        Sink { reading, ..Sink::of(ours, bounds::OUTPUT_KEPT_BYTES) }
    }
}

/// Collects what a guest writes: the first bytes as they are, all of them as length and hash.
pub(crate) struct Sink {
    file: File,
    reading: Reading,
    ended: bool,
    kept: Vec<u8>,
    len: u64,
    hash: Sha256,
    /// Bytes that are kept as they are.
    most: usize,
}

impl Sink {
    /// Collects from a pipe or a socket that does not block.
    pub(crate) fn of(file: File, most: usize) -> Sink {
        Sink { file, reading: Reading::Always, ended: false, kept: Vec::new(), len: 0, hash: Sha256::new(), most }
    }

    /// Takes what is there without waiting for more.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        // not for ever: a guest that writes without end must not keep the runner from looking at the clock
        for _ in 0..bounds::DRAIN_READS {
            if self.reading != Reading::Always || self.ended {
                return Ok(());
            }
            match self.file.read(&mut buffer) {
                Ok(0) => self.ended = true,
                // a guest that closes a socket before it has read everything
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.ended = true,
                Ok(count) => self.take(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = self.most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.len += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Takes the rest. The guest's end is closed by now: the worker answered, or is gone.
    pub(crate) fn finish(mut self) -> io::Result<Content> {
        use std::io::Seek;
        if self.reading == Reading::Afterwards {
            self.reading = Reading::Always;
        }
        if self.reading == Reading::Always {
            let deadline = Instant::now() + Duration::from_millis(bounds::DRAIN_MILLISECONDS);
            let mut before = None;
            // until it ends, or nothing more comes
            while !self.ended && before != Some(self.len) && Instant::now() < deadline {
                before = Some(self.len);
                self.drain()?;
            }
        } else {
            self.file.rewind()?;
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = self.file.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                self.take(&buffer[..count]);
            }
        }
        if self.len as usize == self.kept.len() {
            return Ok(Content::kept(&self.kept, self.most));
        }
        Ok(Content { len: self.len, bytes: None, sha256: Some(hex(&self.hash.finalize())) })
    }
}

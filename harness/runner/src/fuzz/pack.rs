//! Several hunters at once: starts them, hears them, and replaces those that hang or die.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use touchstone_model::observation::Crash;
use touchstone_model::{End, bounds};

use super::campaign::Plan;
use super::departed::stopped;
use super::hunter::{LogBook, Ran, Word};
use crate::HarnessError;
use crate::scratch::Scratch;

/// What comes of a hunter.
#[derive(Debug)]
pub(super) enum News {
    Word(Word),
    /// So many scripts more than before, and what each runtime has done meanwhile.
    Done {
        cases: u64,
        seats: Vec<Ran>,
    },
}

/// The exit code of a hunter that failed by itself, and said why.
const HARNESS_ERROR: i32 = 3;

/// How often a log book is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Plays the scripts that fall to one job.
pub(super) fn run(plan: &Plan, job: u64, scratch: &Scratch, stop: &AtomicBool, news: &Sender<News>) -> Result<(), HarnessError> {
    let mut next = Some(Place { case: plan.first() + job * plan.shards(), seat: 0 });
    while let Some(place) = next.filter(|place| place.case < plan.cases && !plan.is_over() && !stop.load(Ordering::Relaxed)) {
        let mut hunter = Hunter::start(plan, job, place, scratch)?;
        next = hunter.watch(plan, stop, news)?;
    }
    Ok(())
}

/// Where a hunter begins: with a script, after so many runtimes.
#[derive(Debug, Clone, Copy)]
struct Place {
    case: u64,
    seat: u64,
}

struct Hunter {
    child: Child,
    log: PathBuf,
    book: File,
    words: Receiver<String>,
    /// What the log book said when it was last looked at, and since when.
    at: LogBook,
    since: Instant,
}

impl Hunter {
    fn start(plan: &Plan, job: u64, place: Place, scratch: &Scratch) -> Result<Hunter, HarnessError> {
        let name = format!("hunter-{job}");
        let sealed = scratch.sealed(&name)?;
        let log = scratch.log(&name);
        let stderr = File::create(&log).map_err(HarnessError::file("create", &log))?;
        let book = scratch.nameless_file()?;
        let theirs = book.try_clone().map_err(HarnessError::system("copy the log book"))?;
        let mut command = Command::new(&plan.program);
        command.arg("hunt").arg("--folder").arg(sealed.folder());
        plan.runtimes.iter().for_each(|entry| {
            command.args(["--runtime", entry.name]);
        });
        let step = plan.jobs as u64 * plan.shards();
        // several campaigns at once begin with different cores
        let core = u64::from(std::process::id()) + job;
        for (flag, value) in [
            ("--seed", plan.seed),
            ("--first", place.case),
            ("--seat", place.seat),
            ("--step", step),
            ("--core", core),
            ("--end", plan.cases),
        ] {
            command.arg(flag).arg(value.to_string());
        }
        if let Some(avoid) = plan.avoid {
            command.args(["--avoid", avoid.name()]);
        }
        // nothing of the user's environment reaches an engine; where programs are, one must know that runs one
        command.env_clear().envs([("TZ", "UTC"), ("LC_ALL", "C"), ("HOME", "/nonexistent")]);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // a Ctrl-C at the terminal is for the parent, which then stops its hunters itself
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().map_err(HarnessError::file("start", &plan.program))?;
        let (sender, words) = mpsc::channel();
        let stdout = child.stdout.take();
        std::thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok);
            // the receiver is gone when the hunter is
            lines.map(|line| sender.send(line)).find(Result::is_err)
        });
        Ok(Hunter { child, log, book, words, at: LogBook::default(), since: Instant::now() })
    }

    /// Hears a hunter to its end; gives where the next one goes on, if there is more to do.
    fn watch(&mut self, plan: &Plan, stop: &AtomicBool, news: &Sender<News>) -> Result<Option<Place>, HarnessError> {
        let mut looked = Instant::now();
        loop {
            let ended = match self.words.recv_timeout(LOOK) {
                Ok(line) => {
                    self.tell(&line, news)?;
                    // words may come so fast that there is never a pause to look in
                    if looked.elapsed() < LOOK {
                        continue;
                    }
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            looked = Instant::now();
            self.look(news)?;
            if ended {
                let status = self.child.wait().map_err(HarnessError::system("wait for a hunter"))?;
                return if status.success() { Ok(self.after(plan)) } else { self.died(status, plan, news).map(Some) };
            }
            if plan.is_over() || stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if self.at.run > 0 && self.since.elapsed() >= Duration::from_millis(bounds::RIG_TIMEOUT_MILLISECONDS) {
                return self.stopped(&End::TimedOut, plan, news).map(Some);
            }
            if self.since.elapsed() >= Duration::from_secs(bounds::WORKER_START_TIMEOUT_SECONDS) {
                return Err(self.failed("its engines do not start"));
            }
        }
    }

    /// Where another hunter goes on after this one has had enough.
    fn after(&self, plan: &Plan) -> Option<Place> {
        let next = self.at.case + plan.jobs as u64 * plan.shards();
        (self.at.cases > 0 && next < plan.cases).then_some(Place { case: next, seat: 0 })
    }

    fn tell(&self, line: &str, news: &Sender<News>) -> Result<(), HarnessError> {
        let word = serde_json::from_str(line).map_err(|error| self.failed(&format!("it said `{line}`: {error}")))?;
        // nobody listens any more when the campaign has failed elsewhere
        let _ = news.send(News::Word(word));
        Ok(())
    }

    /// Reads the log book and passes on how far it is.
    fn look(&mut self, news: &Sender<News>) -> Result<(), HarnessError> {
        let now = LogBook::read(&self.book).map_err(HarnessError::system("read a log book"))?;
        if now != self.at {
            let seats = now.seats.iter().zip(self.at.seats).map(|(now, before)| now.since(before)).collect();
            let _ = news.send(News::Done { cases: now.cases - self.at.cases, seats });
            (self.at, self.since) = (now, Instant::now());
        }
        Ok(())
    }

    /// The hunter's process is gone before its time: a runtime took it along, or it failed.
    fn died(&mut self, status: std::process::ExitStatus, plan: &Plan, news: &Sender<News>) -> Result<Place, HarnessError> {
        use std::os::unix::process::ExitStatusExt;
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => Crash::Signal(signal),
            (None, Some(code)) if code != HARNESS_ERROR => Crash::Exit(code),
            (None, _) => return Err(self.failed(&status.to_string())),
        };
        if self.at.run == 0 {
            return Err(self.failed(&status.to_string()));
        }
        self.stopped(&End::Crashed { how }, plan, news)
    }

    /// A runtime did not come back; the next hunter goes on after its turn.
    fn stopped(&mut self, end: &End, plan: &Plan, news: &Sender<News>) -> Result<Place, HarnessError> {
        let LogBook { case, seat, .. } = self.at;
        let runtime = plan.runtimes.get(seat as usize).map_or("", |entry| entry.name);
        let _ = news.send(News::Word(Word::Departed { case, what: stopped(runtime, end) }));
        if seat as usize + 1 < plan.runtimes.len() {
            return Ok(Place { case, seat: seat + 1 });
        }
        let _ = news.send(News::Done { cases: 1, seats: Vec::new() });
        Ok(Place { case: case + plan.jobs as u64 * plan.shards(), seat: 0 })
    }

    fn failed(&self, message: &str) -> HarnessError {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        HarnessError::Worker { runtime: "a hunter".to_owned(), message: format!("{message} {}", said.trim()) }
    }
}

impl Drop for Hunter {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

//! Several hunters at once: starts them, hears them, and replaces those that hang or die.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use touchstone_model::observation::Crash;
use touchstone_model::{End, bounds};

use super::campaign::Plan;
use super::departed::{Departed, Signature, stopped};
use super::hunter::Word;
use super::log_book::{LogBook, Ran};
use super::look::Compared;
use super::order::{BATCH, Place};
use crate::HarnessError;
use crate::scratch::Scratch;

/// What comes of a hunter.
#[derive(Debug)]
pub(super) enum News {
    Departed {
        case: u64,
        what: Departed,
        known: Option<String>,
    },
    /// Something has departed once more.
    Again(Told),
    Escaped {
        runtime: String,
        case: u64,
        how: String,
        known: Option<String>,
    },
    Reached(Vec<usize>),
    Compared {
        seats: (usize, usize),
        how: Compared,
    },
    /// So many scripts more than before, and what each runtime has done meanwhile.
    Done {
        cases: u64,
        seats: Vec<Ran>,
    },
}

/// A signature with the divergence that it belongs to.
pub(super) type Told = (Signature, Option<String>);

/// The exit code of a hunter that failed by itself, and said why.
const HARNESS_ERROR: i32 = 3;

/// How often hunters are looked at. Nobody waits for their words: to be woken up by each takes longer than to play a script.
const LOOK: Duration = Duration::from_millis(25);

/// What a hunter can say between two looks; more than it ever does.
const UNHEARD_BYTES: usize = 1 << 20;

/// Plays the scripts that fall to one job.
/// `signs` is the file with the signs of what is known.
pub(super) fn run(
    plan: &Plan,
    job: u64,
    (scratch, signs): (&Scratch, &Path),
    stop: &AtomicBool,
    news: &Sender<Vec<News>>,
) -> Result<(), HarnessError> {
    let mut next = Some(Place { case: (plan.first() + job * plan.shards()) * BATCH, seat: 0 });
    while let Some(place) = next.filter(|place| place.case < plan.cases && !plan.is_over() && !stop.load(Ordering::Relaxed)) {
        let mut hunter = Hunter::start(plan, job, place, scratch, signs)?;
        let after = hunter.watch(plan, stop, news);
        hunter.pass_on(news);
        next = after?;
    }
    Ok(())
}

struct Hunter {
    child: Child,
    log: PathBuf,
    book: File,
    words: ChildStdout,
    /// The beginning of a line that is not at its end yet.
    line: Vec<u8>,
    /// What it has said that departs, for when it says that it is there again.
    told: Vec<Told>,
    /// What nobody has been told yet.
    heard: Vec<News>,
    /// What the log book said when it was last looked at, and since when.
    at: LogBook,
    since: Instant,
    /// Where it said last that a runtime took it along.
    died_at: Option<Place>,
}

impl Hunter {
    fn start(plan: &Plan, job: u64, place: Place, scratch: &Scratch, signs: &Path) -> Result<Hunter, HarnessError> {
        let name = format!("hunter-{job}");
        let sealed = scratch.sealed(&name)?;
        let log = scratch.log(&name);
        let stderr = File::create(&log).map_err(HarnessError::file("create", &log))?;
        let book = scratch.nameless_file()?;
        let theirs = book.try_clone().map_err(HarnessError::system("copy the log book"))?;
        let mut command = Command::new(&plan.program);
        command.arg("hunt").arg("--folder").arg(sealed.folder()).arg("--signs").arg(signs);
        plan.runtimes.iter().for_each(|entry| {
            command.args(["--runtime", entry.name]);
        });
        // several campaigns at once begin with different cores
        let core = u64::from(std::process::id()) + job;
        for (flag, value) in [
            ("--seed", plan.seed),
            ("--first", place.case),
            ("--seat", place.seat),
            ("--step", plan.step()),
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
        let Some(words) = child.stdout.take() else {
            return Err(HarnessError::system("hear a hunter")(std::io::Error::from(ErrorKind::BrokenPipe)));
        };
        rustix::io::ioctl_fionbio(&words, true).map_err(HarnessError::system("hear a hunter"))?;
        // a host may allow less, and then a hunter that says much waits for the next look
        let _ = rustix::pipe::fcntl_setpipe_size(&words, UNHEARD_BYTES);
        let (line, told, heard, at, since) = (Vec::new(), Vec::new(), Vec::new(), LogBook::default(), Instant::now());
        Ok(Hunter { child, log, book, words, line, told, heard, at, since, died_at: None })
    }

    /// Hears a hunter to its end; gives where the next one goes on, if there is more to do.
    fn watch(&mut self, plan: &Plan, stop: &AtomicBool, news: &Sender<Vec<News>>) -> Result<Option<Place>, HarnessError> {
        loop {
            let ended = self.hear(plan)?;
            self.look()?;
            self.pass_on(news);
            if ended {
                let status = self.child.wait().map_err(HarnessError::system("wait for a hunter"))?;
                return if status.success() { Ok(self.after(plan)) } else { self.died(status, plan).map(Some) };
            }
            if plan.is_over() || stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if self.at.run > 0 && self.since.elapsed() >= plan.patience() {
                return Ok(Some(self.gone(&End::TimedOut, plan)));
            }
            if self.since.elapsed() >= Duration::from_secs(bounds::WORKER_START_TIMEOUT_SECONDS) {
                return Err(self.failed("its engines do not start"));
            }
            self.wait()?;
        }
    }

    /// Tells what was heard, all at once: whoever listens is woken up once.
    fn pass_on(&mut self, news: &Sender<Vec<News>>) {
        if !self.heard.is_empty() {
            // nobody listens any more when the campaign has failed elsewhere
            let _ = news.send(std::mem::take(&mut self.heard));
        }
    }

    /// Waits for the next look, or for the hunter's end.
    fn wait(&self) -> Result<(), HarnessError> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.words, PollFlags::empty())], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(HarnessError::system("wait for a hunter")(error)),
        }
    }

    /// Takes what was said since the last look. Whether it was the last.
    fn hear(&mut self, plan: &Plan) -> Result<bool, HarnessError> {
        let mut piece = [0; 64 << 10];
        loop {
            match self.words.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(count) => self.take(&piece[..count], plan)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(HarnessError::system("hear a hunter")(error)),
            }
        }
    }

    fn take(&mut self, piece: &[u8], plan: &Plan) -> Result<(), HarnessError> {
        self.line.extend_from_slice(piece);
        let heard = std::mem::take(&mut self.line);
        let mut lines = heard.split(|byte| *byte == b'\n');
        // behind the last line's end is the beginning of the next
        self.line = lines.next_back().unwrap_or_default().to_vec();
        lines.try_for_each(|line| self.tell(line, plan))
    }

    /// Where another hunter goes on after this one has had enough.
    fn after(&self, plan: &Plan) -> Option<Place> {
        let next = plan.order().after_batch_of(self.at.case);
        (self.at.run > 0 && next.case < plan.cases).then_some(next)
    }

    fn tell(&mut self, line: &[u8], plan: &Plan) -> Result<(), HarnessError> {
        let not_understood = |error: &str| self.failed(&format!("it said `{}`: {error}", String::from_utf8_lossy(line)));
        let word: Word = match serde_json::from_slice(line) {
            Ok(word) => word,
            // nothing, or what a hunter was about to say when it died
            Err(error) if error.is_eof() => return Ok(()),
            Err(error) => return Err(not_understood(&error.to_string())),
        };
        let told = match word {
            Word::Departed { case, what, known } => {
                self.told.push((what.signature.clone(), known.clone()));
                News::Departed { case, what, known }
            }
            Word::Again(number) => News::Again(self.told.get(number).cloned().ok_or_else(|| not_understood("it never said so"))?),
            Word::Escaped { runtime, case, how, known } => News::Escaped { runtime, case, how, known },
            Word::Reached(features) => News::Reached(features),
            Word::Compared { seats, how } => News::Compared { seats, how },
            Word::Died { at, signal } => {
                self.told.clear();
                (self.died_at, self.since) = (Some(at), Instant::now());
                self.stopped(at, &End::Crashed { how: Crash::Signal(signal) }, plan);
                return Ok(());
            }
        };
        self.heard.push(told);
        Ok(())
    }

    /// Reads the log book and passes on how far it is.
    fn look(&mut self) -> Result<(), HarnessError> {
        let now = LogBook::read(&self.book).map_err(HarnessError::system("read a log book"))?;
        if now != self.at {
            let seats = now.seats.iter().zip(self.at.seats).map(|(now, before)| now.since(before)).collect();
            self.heard.push(News::Done { cases: now.cases - self.at.cases, seats });
            (self.at, self.since) = (now, Instant::now());
        }
        Ok(())
    }

    /// The hunter's process is gone before its time: a runtime took it along, or it failed.
    fn died(&mut self, status: std::process::ExitStatus, plan: &Plan) -> Result<Place, HarnessError> {
        use std::os::unix::process::ExitStatusExt;
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => Crash::Signal(signal),
            (None, Some(code)) if code != HARNESS_ERROR => Crash::Exit(code),
            (None, _) => return Err(self.failed(&status.to_string())),
        };
        if self.at.run == 0 {
            return Err(self.failed(&status.to_string()));
        }
        Ok(self.gone(&End::Crashed { how }, plan))
    }

    /// It is gone, or does not go on. Where it has said that a runtime took it along, no other run has begun, and nobody is to blame.
    fn gone(&mut self, end: &End, plan: &Plan) -> Place {
        let at = Place { case: self.at.case, seat: self.at.seat };
        if self.died_at == Some(at) { plan.order().after(at) } else { self.stopped(at, end, plan) }
    }

    /// A runtime did not come back; the next hunter goes on after its turn.
    fn stopped(&mut self, at: Place, end: &End, plan: &Plan) -> Place {
        let runtime = plan.runtimes.get(at.seat as usize).map_or("", |entry| entry.name);
        let what = stopped(runtime, end);
        let known = what.known(&plan.signs, &[]).map(str::to_owned);
        self.heard.push(News::Departed { case: at.case, what, known });
        if plan.order().is_last(at.seat) {
            self.heard.push(News::Done { cases: 1, seats: Vec::new() });
        }
        plan.order().after(at)
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
        // its copy is no child of ours: while it can say anything, it can touch the next one's tree
        let mut piece = [0; 4096];
        while let Err(Errno::INTR | Errno::AGAIN) | Ok(1..) = rustix::io::read(&self.words, &mut piece) {
            let _ = poll(&mut [PollFd::new(&self.words, PollFlags::IN)], None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Mutex, PoisonError, mpsc};
    use std::time::Duration;

    use touchstone_runtimes::runtimes;

    use super::{News, Plan, run};
    use crate::HarnessError;
    use crate::scratch::Scratch;

    const ESCAPED: &str = r#"{"Escaped":{"runtime":"one","case":1,"how":"by a link","known":null}}"#;
    const DEPARTED: &str = r#"{"Departed":{"case":1,"what":SEEN,"known":null}}"#;

    /// What is heard of a hunter that says these lines and exits so, and how that ends.
    fn heard(lines: &[&str], exit: i32) -> (Vec<News>, Result<(), HarnessError>) {
        // a child that another test starts meanwhile would hold this program open for writing, and nobody could start it
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = Scratch::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (program, said) = (folder.path().join("hunter"), folder.path().join("said"));
        std::fs::write(&said, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        std::fs::write(&program, format!("#!/bin/sh\ncat '{}'\nexit {exit}\n", said.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let plan = Plan {
            program,
            runtimes: runtimes()[..1].iter().collect(),
            seed: 1,
            cases: 16,
            shard: (1, 1),
            jobs: 1,
            avoid: None,
            signs: Vec::new(),
            shrink: false,
            until: None,
            timeout: Duration::from_secs(1),
            plant: None,
        };
        let (news, listener) = mpsc::channel();
        let ended = run(&plan, 0, (&scratch, folder.path()), &AtomicBool::new(false), &news);
        drop(news);
        (listener.into_iter().flatten().collect(), ended)
    }

    #[test]
    fn what_a_hunter_says_before_it_fails_is_passed_on() {
        // it fails, or says what nobody understands
        for (lines, exit) in [(&[ESCAPED][..], 3), (&[ESCAPED, r#"{"Again":0}"#], 0)] {
            let (news, ended) = heard(lines, exit);
            assert!(ended.is_err());
            assert!(matches!(&news[..], [News::Escaped { case: 1, .. }]), "{news:?}");
        }
    }

    #[test]
    fn what_was_said_before_a_death_is_not_referred_to_behind_it() {
        let what = serde_json::to_string(&super::stopped("one", &super::End::TimedOut)).unwrap();
        let departed = DEPARTED.replace("SEEN", &what);
        let died = r#"{"Died":{"at":{"case":1,"seat":0},"signal":6}}"#;
        let (news, ended) = heard(&[&departed, r#"{"Again":0}"#], 0);
        assert!(ended.is_ok() && matches!(&news[..], [News::Departed { .. }, News::Again(_)]), "{ended:?} {news:?}");
        let (_, ended) = heard(&[&departed, died, r#"{"Again":0}"#], 0);
        assert!(ended.is_err_and(|error| error.to_string().contains("it never said so")));
    }
}

//! The worker's side: one engine in a process of its own, running one guest after the other.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use touchstone_model::End;
use touchstone_runtimes::{Entry, Given, Guest, HostPreopen, Module, Run, Runtime, run_guarded};

use crate::HarnessError;
use crate::plant::{self, Plant};
use crate::profile::{self, Profile};
use crate::protocol::{Done, Job, Reply, receive, receive_fds, send};

/// How long fds may take to close after a run: an engine may close them on a thread of its own.
const CLOSE_GRACE: Duration = Duration::from_millis(100);

/// Serves jobs until the runner hangs up. `socket` is the worker's end.
pub fn serve(entry: &Entry, profile: Profile, plant: Option<Plant>, socket: OwnedFd) -> Result<(), HarnessError> {
    profile::enter(profile)?;
    let mut socket = UnixStream::from(socket);
    let failed = |error: io::Error| HarnessError::Worker { runtime: entry.name.to_owned(), message: error.to_string() };
    end_with_the_runner(&socket).map_err(failed)?;
    let mut runtime = match (entry.start)() {
        Ok(runtime) => plant::wrap(runtime, plant),
        Err(error) => {
            let message = format!("{error:#}");
            send(&mut socket, &Reply::Failed(message.clone())).map_err(failed)?;
            return Err(HarnessError::WorkerStart { runtime: entry.name.to_owned(), message });
        }
    };
    send(&mut socket, &Reply::Ready { openat2: profile::has_openat2() }).map_err(failed)?;
    let mut baseline = None;
    while let Some(job) = receive::<Job>(&mut socket).map_err(failed)? {
        let fds = receive_fds(&socket, job.sockets).map_err(failed)?;
        let reply = run(runtime.as_mut(), job, fds, &mut baseline);
        let is_panic = matches!(&reply, Reply::Done(Done { end: End::Crashed { .. }, .. }));
        send(&mut socket, &reply).map_err(failed)?;
        if is_panic {
            // the engine stopped in the middle of something; the runner starts another worker
            return Ok(());
        }
    }
    Ok(())
}

/// A worker does not outlive its runner, however that ends, also while a guest is in a loop. (The kernel's parent death
/// signal would come when the *thread* ends that started the worker.)
fn end_with_the_runner(socket: &UnixStream) -> io::Result<()> {
    let socket = socket.try_clone()?;
    std::thread::spawn(move || {
        loop {
            let mut fds = [PollFd::new(&socket, PollFlags::RDHUP)];
            match poll(&mut fds, None) {
                Ok(_) => std::process::exit(0),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => std::process::exit(1),
            }
        }
    });
    Ok(())
}

/// Runs one job. The first run opens what an engine keeps for good, so fds are compared from the second run on.
fn run(runtime: &mut dyn Runtime, job: Job, fds: ([OwnedFd; 3], Vec<OwnedFd>), baseline: &mut Option<BTreeSet<String>>) -> Reply {
    let ([stdin, stdout, stderr], sockets) = fds;
    let Job { hash, module, args, env, preopens, image, memories, calls, .. } = job;
    let preopens = preopens.into_iter().map(|(guest, host, access)| HostPreopen { guest, host, access }).collect();
    let guest = Guest { module: Module { hash, bytes: module.into() }, image, memories, calls };
    let run = Run { guest, given: Given { args, env, preopens, sockets, stdin, stdout, stderr } };
    let ran = match run_guarded(runtime, run) {
        Ok(ran) => ran,
        Err(error) => return Reply::Failed(format!("{error:#}")),
    };
    let leaked_fds = match baseline {
        Some(before) => leaked(before),
        None => {
            // give what closes by itself the time to do so, once
            std::thread::sleep(Duration::from_millis(5));
            *baseline = Some(open_fds());
            Vec::new()
        }
    };
    Reply::Done(Done { end: ran.end, memories: ran.memories, leaked_fds, peak_memory_bytes: peak_memory_bytes() })
}

/// What is open now and was not before, after a grace period. Each by its kind: numbers and paths are the host's.
fn leaked(before: &BTreeSet<String>) -> Vec<String> {
    let start = Instant::now();
    loop {
        let now = open_fds();
        let more: Vec<&String> = now.difference(before).collect();
        if more.is_empty() || start.elapsed() > CLOSE_GRACE {
            return more.into_iter().map(|fd| kind(fd)).collect();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Number and target of every open fd.
fn open_fds() -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    let list = entries.flatten().filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        let number = entry.file_name();
        // the fd of this very listing
        let is_own = target.starts_with("/proc/") && target.ends_with("fd");
        (!is_own).then(|| format!("{} {}", number.to_string_lossy(), target.display()))
    });
    list.collect()
}

fn kind(fd: &str) -> String {
    let target = fd.split_once(' ').map_or(fd, |(_, target)| target);
    match target.split_once(':') {
        Some((kind, _)) if !kind.starts_with('/') => kind.to_owned(),
        Some(_) | None => "file or directory".to_owned(),
    }
}

/// The largest resident size so far of this process or of a program that it ran.
fn peak_memory_bytes() -> u64 {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(peak_of).into_iter().max().unwrap_or_default()
}

fn peak_of(who: libc::c_int) -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel writes a whole `rusage`, and where it writes nothing, zeros are a valid one.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    u64::try_from(usage.ru_maxrss).unwrap_or_default() * 1024
}

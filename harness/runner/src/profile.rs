//! Host profiles: what the host would otherwise leak into results.
//!
//! [`enter`] runs in a worker after exec and before any thread starts.

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, apply_filter};
use touchstone_model::bounds;
use touchstone_runtimes::UNPRIVILEGED_ID;

use crate::HarnessError;

/// What the host looks like to a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The host as it is.
    Default,
    /// `openat2` answers `ENOSYS`, as on kernels before 5.6 and in some containers: runtimes resolve paths by themselves.
    NoOpenat2,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 2] = [Profile::Default, Profile::NoOpenat2];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Default => "default",
            Profile::NoOpenat2 => "no-openat2",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// Keeps this process and its threads to one core, by a number that may be any. An engine whose threads hand work to each other takes longer
/// where that has to go from one core to another, and where one that is woken pushes aside the one that woke it, and may still hold what it
/// waits for.
pub fn keep_to_core(number: usize) -> Result<(), HarnessError> {
    let allowed = sched_getaffinity(None).map_err(HarnessError::system("ask for the cores"))?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let mut one = CpuSet::new();
    cores.get(number % cores.len().max(1)).into_iter().for_each(|core| one.set(*core));
    sched_setaffinity(None, &one).map_err(HarnessError::system("keep to one core"))?;
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads its argument. A host that does not know it is slower.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const none) };
    Ok(())
}

/// Whether this process may change its user, so that workers run as somebody who owns nothing.
pub fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// Fixes limits, user, umask and system calls of this process for good.
pub fn enter(profile: Profile) -> Result<(), HarnessError> {
    limit(Resource::Data, bounds::WORKER_DATA_LIMIT_BYTES)?;
    enter_without_engine()?;
    match profile {
        Profile::Default => Ok(()),
        Profile::NoOpenat2 => deny_openat2(),
    }
}

/// The same where there is no engine that takes memory. A program that is built with AddressSanitizer has mapped far more than an engine may
/// have, and under such a limit would get nothing any more.
pub fn enter_without_engine() -> Result<(), HarnessError> {
    limit(Resource::Core, 0)?;
    enter_as_guest_of_another()?;
    if is_privileged() { drop_privileges() } else { Ok(()) }
}

/// Fixes what a guest can meet: the size of a file, the number of open ones, and the modes of new ones.
pub fn enter_as_guest_of_another() -> Result<(), HarnessError> {
    limit(Resource::Nofile, bounds::WORKER_OPEN_FILES)?;
    limit(Resource::Fsize, bounds::WORKER_FILE_SIZE_BYTES)?;
    ignore_signals_of_calls()?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(())
}

fn limit(resource: Resource, value: u64) -> Result<(), HarnessError> {
    let hard = rustix::process::getrlimit(resource).maximum.map_or(value, |maximum| maximum.min(value));
    let limit = Rlimit { current: Some(hard), maximum: Some(hard) };
    rustix::process::setrlimit(resource, limit).map_err(HarnessError::system("set a limit of the worker"))
}

/// Beyond `RLIMIT_FSIZE` a call answers `EFBIG`, as it does at a file system's own limit, and on a pipe that nobody reads `EPIPE`, instead of
/// ending the process.
fn ignore_signals_of_calls() -> Result<(), HarnessError> {
    for signal in [libc::SIGXFSZ, libc::SIGPIPE] {
        // SAFETY: no handler of ours is installed; the kernel is only told to ignore the signal.
        let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
        if before == libc::SIG_ERR {
            return Err(HarnessError::System { what: "ignore a signal", error: std::io::Error::last_os_error() });
        }
    }
    Ok(())
}

fn drop_privileges() -> Result<(), HarnessError> {
    let (uid, gid) = (rustix::process::Uid::from_raw(UNPRIVILEGED_ID), rustix::process::Gid::from_raw(UNPRIVILEGED_ID));
    let what = "become an unprivileged user";
    rustix::thread::set_thread_groups(&[]).map_err(HarnessError::system(what))?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(HarnessError::system(what))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(HarnessError::system(what))?;
    // /proc/self belongs to root after a change of user, unless the process says that it has nothing to hide
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).map_err(HarnessError::system(what))
}

/// `openat2` answers `ENOSYS` from here on; every other call stays as it is.
fn deny_openat2() -> Result<(), HarnessError> {
    let failed = |error: String| HarnessError::System { what: "deny openat2", error: std::io::Error::other(error) };
    let openat2: Vec<SeccompRule> = Vec::new();
    let number = rustix_openat2_number();
    let rules = BTreeMap::from([(number, openat2)]);
    let enosys = SeccompAction::Errno(rustix::io::Errno::NOSYS.raw_os_error().cast_unsigned());
    let arch = std::env::consts::ARCH.try_into().map_err(|error| failed(format!("{error:?}")))?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, enosys, arch).map_err(|error| failed(error.to_string()))?;
    let program: BpfProgram = filter.try_into().map_err(|error: seccompiler::BackendError| failed(error.to_string()))?;
    apply_filter(&program).map_err(|error| failed(error.to_string()))
}

/// The number of `openat2`: it came after system calls got the same number on every architecture.
const fn rustix_openat2_number() -> i64 {
    437
}

/// Whether `openat2` answers at all in this process.
pub fn has_openat2() -> bool {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let opened = openat2(CWD, "/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::empty());
    opened.is_ok()
}

//! Runtimes in this process, made once.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use touchstone_runner::HarnessError;
use touchstone_runner::fuzz::court::{Court, Tried};
use touchstone_runner::scratch::Scratch;
use touchstone_runner::suite;
use touchstone_runtimes::Entry;

/// A court and its folder, which goes with it.
struct Standing {
    court: Court,
    names: &'static [&'static str],
    _scratch: Scratch,
}

thread_local! {
    static STANDING: RefCell<Option<Standing>> = const { RefCell::new(None) };
}

/// Lets a court do something. It is made anew for other runtimes.
pub(crate) fn with(names: &'static [&'static str], act: impl FnOnce(&mut Court) -> Result<Tried, HarnessError>) -> Tried {
    STANDING.with_borrow_mut(|standing| act_with(standing, names, act))
}

fn act_with(
    standing: &mut Option<Standing>,
    names: &'static [&'static str],
    act: impl FnOnce(&mut Court) -> Result<Tried, HarnessError>,
) -> Tried {
    if standing.as_ref().is_none_or(|standing| standing.names != names) {
        *standing = None;
        *standing = Some(made(names).unwrap_or_else(|error| panic!("make ready for fuzzing: {error}")));
    }
    let Some(Standing { court, .. }) = standing.as_mut() else { return Tried::default() };
    act(court).unwrap_or_else(|error| panic!("the harness failed: {error}"))
}

/// The folder `suites`: beside this program, where it was taken to another machine, or that of the repository.
pub(crate) fn suites() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("suites")));
    beside.filter(|folder| folder.is_dir()).unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites"))
}

fn made(names: &'static [&'static str]) -> Result<Standing, HarnessError> {
    let scratch = Scratch::new()?;
    let sealed = scratch.sealed("fuzz")?;
    let suite = suite::load(&[suites().join("preview1")])?;
    let entry = |name: &&str| -> Option<&'static Entry> { touchstone_runtimes::runtimes().iter().find(|entry| entry.name == *name) };
    let court = Court::new(sealed.folder(), names.iter().filter_map(entry).collect(), &suite.divergences)?;
    Ok(Standing { court, names, _scratch: scratch })
}

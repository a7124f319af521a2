//! Discover, prepare, isolate, run, observe. Names no engine.
//!
//! In reading order: [`suite`] finds cases and divergence files; [`scratch`] makes the world of a run and reads it
//! back, [`sockets`] its sockets;
//! [`profile`] fixes what the host would leak into results; [`protocol`], [`worker`] and [`pool`] are the two sides of a
//! worker process; [`preflight`] checks a runtime before it is judged; [`observe`] runs one guest and [`schedule`] all. [`fuzz`] runs
//! random scripts instead of a suite, and [`witness`] asks the host kernel instead of a runtime.

pub mod fuzz;
pub mod observe;
pub mod plant;
pub mod pool;
pub mod preflight;
pub mod profile;
pub mod protocol;
pub mod schedule;
pub mod scratch;
pub mod sockets;
mod streams;
pub mod suite;
pub mod witness;
pub mod worker;

/// A mistake of the harness or of what it was given. Never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    #[error("{what} {path}: {error}")]
    File { what: &'static str, path: std::path::PathBuf, error: std::io::Error },
    #[error("{what}: {error}")]
    System { what: &'static str, error: std::io::Error },
    #[error("start the worker for {runtime}: {message}")]
    WorkerStart { runtime: String, message: String },
    #[error("run a guest on {runtime}: {message}")]
    Worker { runtime: String, message: String },
    #[error(
        "{runtime} is misconfigured here, so it is not judged: {message}. The fault lies between Touchstone's backend and this machine; `cargo xtask runtimes` shows every preflight"
    )]
    Preflight { runtime: String, message: String },
    #[error(transparent)]
    Trace(#[from] touchstone_model::trace::TraceError),
    #[error("the run was interrupted")]
    Interrupted,
}

impl HarnessError {
    /// Wraps an I/O error of a path, for `map_err`.
    pub fn file(what: &'static str, path: impl Into<std::path::PathBuf>) -> impl FnOnce(std::io::Error) -> HarnessError {
        let path = path.into();
        move |error| HarnessError::File { what, path, error }
    }

    /// Wraps an I/O error that belongs to no path, for `map_err`.
    pub fn system<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> HarnessError {
        move |error| HarnessError::System { what, error: error.into() }
    }
}

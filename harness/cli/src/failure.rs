//! What can go wrong besides a verdict, and the exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use touchstone_runner::HarnessError;
use touchstone_runner::suite::SuiteMistake;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// No unexplained difference.
    Green,
    /// Failed, stale, crashed, timed out or escaped.
    Difference,
    /// The command line, or a file that it names, cannot be used.
    Usage,
    /// The harness made a mistake, or was stopped.
    Harness,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Green => 0,
            Exit::Difference => 1,
            Exit::Usage => 2,
            Exit::Harness => 3,
        })
    }
}

/// One clear error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A mistake of the user, and its cure.
    #[error("{message}")]
    Usage { message: String, cure: String },
    /// Files of a suite that cannot be used.
    #[error("the suite has mistakes")]
    Suite(Vec<SuiteMistake>),
    #[error(transparent)]
    Harness(#[from] HarnessError),
    #[error("{what} {path}: {error}")]
    File { what: &'static str, path: PathBuf, error: std::io::Error },
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// A mistake of the user, and its cure.
    pub fn usage(message: impl Into<String>, cure: impl Into<String>) -> Failure {
        Failure::Usage { message: message.into(), cure: cure.into() }
    }

    /// Wraps an I/O error of a path, for `map_err`.
    pub fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Failure {
        let path = path.into();
        move |error| Failure::File { what, path, error }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Usage { .. } | Failure::Suite(_) => Exit::Usage,
            Failure::Harness(_) | Failure::File { .. } | Failure::Other(_) => Exit::Harness,
        }
    }

    /// The message for a terminal.
    pub fn text(&self) -> String {
        match self {
            Failure::Usage { message, cure } => format!("error: {message}\n  cure: {cure}"),
            Failure::Suite(mistakes) => mistakes.iter().map(mistake_text).collect::<Vec<_>>().join("\n"),
            Failure::Harness(_) | Failure::File { .. } | Failure::Other(_) => format!("harness error: {self}"),
        }
    }
}

/// A mistake in a suite, with the place underlined where there is one.
fn mistake_text(mistake: &SuiteMistake) -> String {
    match mistake {
        SuiteMistake::Case(error) => {
            let mut out = String::new();
            let handler = miette::GraphicalReportHandler::new_themed(theme());
            match handler.render_report(&mut out, error.as_ref()) {
                Ok(()) => format!("error: {}\n{out}", error.place()),
                Err(_) => format!("error: {mistake}\n  cure: {}", error.cure()),
            }
        }
        SuiteMistake::Divergence { .. } | SuiteMistake::Twice { .. } => format!("error: {mistake}"),
    }
}

/// Colours only on a terminal.
fn theme() -> miette::GraphicalTheme {
    use std::io::IsTerminal;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if colours { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() }
}

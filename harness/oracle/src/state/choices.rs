//! What a runtime decides once: its first answer that shows it binds the whole run.

/// The choices of a runtime, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    /// `rights.missing-right`, `rights.not-enforced`
    pub rights: Option<Rights>,
    /// `fd_pwrite.append`: does a positioned write go to the end of a file that is open with `append`?
    pub pwrite_appends: Option<bool>,
}

/// Whether a runtime keeps rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// A call that needs a right which is missing fails with `notcapable`.
    Kept,
    /// Every descriptor can do what its file can do.
    Dropped,
}

/// A choice that a call depends on and that nothing has shown yet: both ways must be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    PwriteAppends,
}

impl Choices {
    /// The choices with one made.
    pub fn with(self, choice: Choice, value: bool) -> Choices {
        match choice {
            Choice::PwriteAppends => Choices { pwrite_appends: Some(value), ..self },
        }
    }
}

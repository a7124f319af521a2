//! Error codes: how a call ended.

use crate::tables::ERRNO;
use crate::types::Case;

pub use crate::tables::Errno;

impl Errno {
    /// The name in the spec: `inval`, `2big`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.case().name
    }

    /// The code of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|errno| errno.name() == name)
    }

    /// The code that a function returned; `None` for a number that no code has.
    #[must_use]
    pub fn from_raw(raw: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(raw).ok()?).copied()
    }

    /// The number of this code.
    #[must_use]
    pub const fn raw(self) -> u16 {
        self as u16
    }

    /// What the code means, in our words.
    #[must_use]
    pub fn docs(self) -> &'static str {
        self.case().docs
    }

    fn case(self) -> &'static Case {
        &ERRNO.cases()[usize::from(self.raw())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for errno in Errno::ALL {
            assert_eq!(Errno::from_name(errno.name()), Some(errno));
            assert_eq!(Errno::from_raw(u32::from(errno.raw())), Some(errno));
        }
        assert_eq!(Errno::from_raw(77), None);
        assert_eq!(Errno::from_raw(u32::MAX), None);
    }

    #[test]
    fn well_known_codes() {
        assert_eq!(Errno::TooBig.name(), "2big");
        assert_eq!(Errno::TooBig.raw(), 1);
        assert_eq!(Errno::Inval.raw(), 28);
        assert_eq!(Errno::Notcapable.raw(), 76);
    }
}

//! Values that the spec leaves to the runtime: two honest runtimes may differ in them.
//!
//! Comparisons take what to normalise from here, by type, and from no list of functions or fields.

use crate::types::Type;

/// Why a value may differ between honest runtimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpenValue {
    /// A time, which passes.
    Timestamp,
    /// The number of a file, which its file system chooses.
    Inode,
    /// The number of a device, which the host chooses.
    Device,
    /// A place in a directory, which means something to its runtime only.
    Dircookie,
    /// The number of a descriptor, which need not be the lowest one.
    Fd,
}

impl OpenValue {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Timestamp, Self::Inode, Self::Device, Self::Dircookie, Self::Fd];

    /// The type of the spec whose values these are.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Inode => "inode",
            Self::Device => "device",
            Self::Dircookie => "dircookie",
            Self::Fd => "fd",
        }
    }
}

impl Type {
    /// Why values of this type may differ between honest runtimes; `None` where they may not.
    #[must_use]
    pub fn open_value(&self) -> Option<OpenValue> {
        let name = self.name?;
        OpenValue::ALL.into_iter().find(|open| open.type_name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{type_by_name, types};

    #[test]
    fn each_open_value_is_a_type() {
        for open in OpenValue::ALL {
            let ty = type_by_name(open.type_name());
            assert_eq!(ty.and_then(Type::open_value), Some(open), "{open:?}");
        }
    }

    #[test]
    fn all_other_types_are_decided() {
        let open = types().iter().filter(|ty| ty.open_value().is_some()).count();
        assert_eq!(open, OpenValue::ALL.len());
    }
}

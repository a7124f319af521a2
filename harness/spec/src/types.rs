//! Types: how a value looks in the guest's memory, and what its parts are called.

use crate::tables::TYPES;

/// A type of the spec, with its layout in the guest's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    /// The name in the spec; `None` for one that is written in place, such as a pointer.
    pub name: Option<&'static str>,
    /// How many bytes a value takes.
    pub size: u32,
    /// What its address must be a multiple of.
    pub align: u32,
    /// What it is made of.
    pub shape: Shape,
    /// What it means, in our words; empty for a type without a name.
    pub docs: &'static str,
}

/// What a type is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A number.
    Int(IntRepr),
    /// The address of values that the call writes.
    Pointer(&'static Type),
    /// The address of values that the call only reads.
    ConstPointer(&'static Type),
    /// A number that stands for something open.
    Handle,
    /// One of several cases, numbered from zero.
    Enum {
        /// The number that holds the case.
        repr: IntRepr,
        /// The cases, in the order of their numbers.
        cases: &'static [Case],
    },
    /// Any of several flags, one bit each, from the lowest bit on.
    Flags {
        /// The number that holds the bits.
        repr: IntRepr,
        /// The flags, in the order of their bits.
        flags: &'static [Case],
    },
    /// Fields, one after the other.
    Record {
        /// The fields, in the order of their offsets.
        fields: &'static [Field],
    },
    /// A tag, and what belongs to its value.
    Union {
        /// The enum that tells the cases apart.
        tag: &'static Type,
        /// Where the payload starts.
        payload_offset: u32,
        /// The cases, in the order of the tag's numbers.
        cases: &'static [UnionCase],
    },
    /// Values one after the other, passed as pointer and number.
    List(&'static Type),
    /// UTF-8 text, passed as pointer and number of bytes.
    String,
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntRepr {
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, unsigned.
    U32,
    /// 64 bits, unsigned.
    U64,
    /// 64 bits, signed.
    S64,
}

/// A type of core wasm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoreType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A case of an enum, or a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The name in the spec.
    pub name: &'static str,
    /// What it means, in our words.
    pub docs: &'static str,
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name in the spec.
    pub name: &'static str,
    /// What it holds.
    pub ty: &'static Type,
    /// Where it starts, counted in bytes from the start of the record.
    pub offset: u32,
    /// What it means, in our words.
    pub docs: &'static str,
}

/// A case of a union.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnionCase {
    /// The name, which is that of the tag's case.
    pub name: &'static str,
    /// The payload, where there is one.
    pub ty: Option<&'static Type>,
}

/// All named types, in the order of the witx text.
#[must_use]
pub const fn types() -> &'static [&'static Type] {
    &TYPES
}

/// The type of that name.
#[must_use]
pub fn type_by_name(name: &str) -> Option<&'static Type> {
    types().iter().copied().find(|ty| ty.name == Some(name))
}

impl IntRepr {
    /// How many bytes it takes.
    #[must_use]
    pub const fn size(self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 | Self::S64 => 8,
        }
    }

    /// Whether values below zero are among its values.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => false,
            Self::S64 => true,
        }
    }

    /// The core wasm type that carries it.
    #[must_use]
    pub const fn core(self) -> CoreType {
        match self {
            Self::U8 | Self::U16 | Self::U32 => CoreType::I32,
            Self::U64 | Self::S64 => CoreType::I64,
        }
    }
}

impl Type {
    /// How many core wasm parameters carry a value.
    #[must_use]
    pub const fn core_width(&self) -> usize {
        match self.shape {
            Shape::List(_) | Shape::String => 2,
            Shape::Int(_)
            | Shape::Pointer(_)
            | Shape::ConstPointer(_)
            | Shape::Handle
            | Shape::Enum { .. }
            | Shape::Flags { .. }
            | Shape::Record { .. }
            | Shape::Union { .. } => 1,
        }
    }

    /// How a value is stored, if it is a single number.
    #[must_use]
    pub const fn int_repr(&self) -> Option<IntRepr> {
        match self.shape {
            Shape::Int(repr) | Shape::Enum { repr, .. } | Shape::Flags { repr, .. } => Some(repr),
            Shape::Pointer(_) | Shape::ConstPointer(_) | Shape::Handle => Some(IntRepr::U32),
            Shape::Record { .. } | Shape::Union { .. } | Shape::List(_) | Shape::String => None,
        }
    }

    /// The cases of an enum or the flags of a set; empty for anything else.
    #[must_use]
    pub const fn cases(&self) -> &'static [Case] {
        match self.shape {
            Shape::Enum { cases, .. } => cases,
            Shape::Flags { flags, .. } => flags,
            Shape::Int(_)
            | Shape::Pointer(_)
            | Shape::ConstPointer(_)
            | Shape::Handle
            | Shape::Record { .. }
            | Shape::Union { .. }
            | Shape::List(_)
            | Shape::String => &[],
        }
    }

    /// The fields of a record; empty for anything else.
    #[must_use]
    pub const fn fields(&self) -> &'static [Field] {
        match self.shape {
            Shape::Record { fields } => fields,
            Shape::Int(_)
            | Shape::Pointer(_)
            | Shape::ConstPointer(_)
            | Shape::Handle
            | Shape::Enum { .. }
            | Shape::Flags { .. }
            | Shape::Union { .. }
            | Shape::List(_)
            | Shape::String => &[],
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// The number of an enum's case of that name, or the bit of a flag.
    #[must_use]
    pub fn case_value(&self, name: &str) -> Option<u64> {
        let index = self.cases().iter().position(|case| case.name == name)?;
        Some(self.value_at(index))
    }

    /// The name of an enum's case of that number, or of the one flag that is that bit.
    #[must_use]
    pub fn case_name(&self, value: u64) -> Option<&'static str> {
        let index = (0..self.cases().len()).find(|index| self.value_at(*index) == value)?;
        Some(self.cases()[index].name)
    }

    /// The names of the flags that are set, and the bits that no flag has. For anything but flags no
    /// name is found and all bits are left.
    #[must_use]
    pub fn flag_set(&self, value: u64) -> (Vec<&'static str>, u64) {
        let Shape::Flags { flags, .. } = self.shape else {
            return (Vec::new(), value);
        };
        let is_set = |index: usize| value & self.value_at(index) != 0;
        let names = (0..flags.len()).filter(|index| is_set(*index)).map(|index| flags[index].name);
        (names.collect(), value & !self.all_flags())
    }

    /// All flags at once; zero for anything but flags.
    #[must_use]
    pub fn all_flags(&self) -> u64 {
        let Shape::Flags { flags, .. } = self.shape else {
            return 0;
        };
        (0..flags.len()).map(|index| self.value_at(index)).sum()
    }

    fn value_at(&self, index: usize) -> u64 {
        match self.shape {
            Shape::Flags { .. } => 1 << index,
            Shape::Int(_)
            | Shape::Pointer(_)
            | Shape::ConstPointer(_)
            | Shape::Handle
            | Shape::Enum { .. }
            | Shape::Record { .. }
            | Shape::Union { .. }
            | Shape::List(_)
            | Shape::String => index as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Type {
        type_by_name(name).unwrap_or_else(|| panic!("there is no type {name}"))
    }

    #[test]
    fn layouts_are_the_well_known_ones() {
        for (name, size, align) in [
            ("fd", 4, 4),
            ("iovec", 8, 4),
            ("dirent", 24, 8),
            ("fdstat", 24, 8),
            ("filestat", 64, 8),
            ("subscription", 48, 8),
            ("event", 32, 8),
            ("prestat", 8, 4),
        ] {
            let ty = named(name);
            assert_eq!((ty.size, ty.align), (size, align), "{name}");
        }
    }

    #[test]
    fn flags_have_one_bit_each() {
        let rights = named("rights");
        assert_eq!(rights.case_value("sock_accept"), Some(1 << 29));
        assert_eq!(rights.case_name(2), Some("fd_read"));
        assert_eq!(rights.case_name(3), None);
        assert_eq!(rights.all_flags(), (1 << 30) - 1);
        assert_eq!(rights.flag_set(1 << 40 | 6), (vec!["fd_read", "fd_seek"], 1 << 40));
    }

    #[test]
    fn cases_are_counted_from_zero() {
        let whence = named("whence");
        assert_eq!(whence.case_value("end"), Some(2));
        assert_eq!(whence.case_name(0), Some("set"));
        assert_eq!(whence.case_name(3), None);
        assert_eq!(whence.flag_set(1), (vec![], 1));
    }

    #[test]
    fn a_union_has_the_cases_of_its_tag() {
        for ty in types() {
            if let Shape::Union { tag, cases, payload_offset } = ty.shape {
                assert!(tag.cases().iter().map(|case| case.name).eq(cases.iter().map(|case| case.name)));
                assert!(payload_offset >= tag.size);
            }
        }
        assert!(matches!(named("subscription_u").shape, Shape::Union { payload_offset: 8, .. }));
    }

    #[test]
    fn everything_is_documented() {
        for ty in types() {
            assert!(!ty.docs.is_empty(), "{:?}", ty.name);
            assert!(ty.cases().iter().all(|case| !case.docs.is_empty()), "{:?}", ty.name);
            assert!(ty.fields().iter().all(|field| !field.docs.is_empty()), "{:?}", ty.name);
        }
    }
}

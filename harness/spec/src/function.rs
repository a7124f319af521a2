//! Functions: what a guest can call, as logical parameters and as core wasm types.
//!
//! A logical parameter is one of the witx text. In core wasm a string or a list takes two
//! parameters, pointer and length, and each result is one more parameter at the end: the pointer to
//! where it goes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tables::SIGNATURES;
use crate::types::{CoreType, Type};

pub use crate::tables::Function;

/// A parameter or a result of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// The name in the spec; of a result, the name of its out-parameter in C.
    pub name: &'static str,
    /// What it is.
    pub ty: &'static Type,
    /// What it means, in our words.
    pub docs: &'static str,
}

/// All that the tables say about one function.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) docs: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) results: &'static [Param],
    pub(crate) core_params: &'static [CoreType],
    pub(crate) core_results: &'static [CoreType],
    pub(crate) returns_errno: bool,
}

impl Function {
    /// The name by which it is imported.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.signature().name
    }

    /// The function of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// The place in the witx text, counted from zero.
    #[must_use]
    pub const fn index(self) -> u8 {
        self as u8
    }

    /// The function at that place in the witx text.
    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The logical parameters.
    #[must_use]
    pub fn params(self) -> &'static [Param] {
        self.signature().params
    }

    /// What a successful call gives back besides the error code.
    #[must_use]
    pub fn results(self) -> &'static [Param] {
        self.signature().results
    }

    /// The parameters in core wasm, the pointers to results among them.
    #[must_use]
    pub fn core_params(self) -> &'static [CoreType] {
        self.signature().core_params
    }

    /// The results in core wasm: the error code, or nothing where the function never returns.
    #[must_use]
    pub fn core_results(self) -> &'static [CoreType] {
        self.signature().core_results
    }

    /// Whether the core result is an error code.
    #[must_use]
    pub fn returns_errno(self) -> bool {
        self.signature().returns_errno
    }

    /// What the function does, in our words.
    #[must_use]
    pub fn docs(self) -> &'static str {
        self.signature().docs
    }

    /// The index of the first core parameter that carries logical parameter number `param`.
    ///
    /// # Panics
    ///
    /// If the function has no such parameter.
    #[must_use]
    pub fn core_index(self, param: usize) -> usize {
        assert!(param < self.params().len(), "{} has no parameter {param}", self.name());
        self.params()[..param].iter().map(|before| before.ty.core_width()).sum()
    }

    /// The index of the core parameter that points to where result number `result` goes.
    ///
    /// # Panics
    ///
    /// If the function has no such result.
    #[must_use]
    pub fn out_pointer(self, result: usize) -> usize {
        let results = self.results().len();
        assert!(result < results, "{} has no result {result}", self.name());
        self.core_params().len() - results + result
    }

    fn signature(self) -> &'static Signature {
        &SIGNATURES[usize::from(self.index())]
    }
}

/// As its name.
impl Serialize for Function {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Function {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no function `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indices_lead_back() {
        for function in Function::ALL {
            assert_eq!(Function::from_name(function.name()), Some(function));
            assert_eq!(Function::from_index(function.index()), Some(function));
        }
        assert_eq!(Function::from_index(46), None);
        assert_eq!(Function::from_name("fd_open"), None);
    }

    #[test]
    fn core_parameters_follow_from_logical_ones() {
        for function in Function::ALL {
            let params: usize = function.params().iter().map(|param| param.ty.core_width()).sum();
            assert_eq!(function.core_params().len(), params + function.results().len(), "{}", function.name());
            assert_eq!(function.core_results().len(), usize::from(function.returns_errno()), "{}", function.name());
        }
    }

    #[test]
    fn path_open_has_its_well_known_signature() {
        use CoreType::{I32, I64};
        let open = Function::PathOpen;
        assert_eq!(open.core_params(), [I32, I32, I32, I32, I32, I64, I64, I32, I32]);
        assert_eq!(open.core_results(), [I32]);
        assert_eq!(open.core_index(3), 4);
        assert_eq!(open.out_pointer(0), 8);
    }

    #[test]
    fn everything_is_documented() {
        for function in Function::ALL {
            assert!(!function.docs().is_empty(), "{}", function.name());
            for param in function.params().iter().chain(function.results()) {
                assert!(!param.docs.is_empty(), "{}, {}", function.name(), param.name);
            }
        }
    }
}

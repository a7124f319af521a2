//! Which parts of the guest's memory a call reads, and which it fills.
//!
//! A recorder and a marshaller work from this alone. All of it follows from the types, by four rules:
//!
//! - a string or a list is a pointer and the number that comes next;
//! - a pointer that only reads, and one that is written, is as long as the next `size` parameter says;
//! - where the first result is a `size`, it counts what was filled;
//! - a pointer that no `size` follows is as long as another function says, in [`Output::Strings`].
//!
//! Numbers are indices of core parameters, unless a field says otherwise.

use std::sync::LazyLock;

use crate::function::Function;
use crate::types::{Shape, Type, type_by_name};

/// Memory that a call is given, to be captured on entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Bytes.
    Bytes {
        /// Where they start.
        ptr: usize,
        /// How many they are.
        len: usize,
    },
    /// An array of `iovec`: only the array itself. What its buffers hold is output.
    ReadBuffers {
        /// Where the array starts.
        ptr: usize,
        /// How many elements it has.
        count: usize,
    },
    /// An array of `ciovec`, and what its buffers hold.
    WriteBuffers {
        /// Where the array starts.
        ptr: usize,
        /// How many elements it has.
        count: usize,
    },
    /// An array of values.
    Array {
        /// Where it starts.
        ptr: usize,
        /// How many elements it has.
        count: usize,
        /// What an element is.
        ty: &'static Type,
    },
}

/// Memory that a successful call has filled, to be captured on exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A result.
    Value {
        /// Where it stands.
        ptr: usize,
        /// What it is.
        ty: &'static Type,
    },
    /// Bytes.
    Buffer {
        /// Where they start.
        ptr: usize,
        /// For how many there is room.
        len: usize,
        /// The pointer to the number of bytes that were filled; `None` where all are.
        used: Option<usize>,
    },
    /// The buffers of an array of `iovec`, filled one after the other.
    ReadBuffers {
        /// Where the array starts.
        ptr: usize,
        /// How many elements it has.
        count: usize,
        /// The pointer to the number of bytes that were filled.
        filled: usize,
    },
    /// An array of values.
    Array {
        /// Where it starts.
        ptr: usize,
        /// The pointer to the number of elements that were filled.
        count: usize,
        /// For how many elements there is room.
        capacity: usize,
        /// What an element is.
        ty: &'static Type,
    },
    /// Texts, each ended by a zero byte, and an array of pointers to them.
    Strings {
        /// Where the array of pointers starts.
        pointers: usize,
        /// Where the texts start.
        data: usize,
        /// The function that says how many there are, and how many bytes they take.
        sizes: Function,
    },
}

impl Function {
    /// The memory that the call is given, in the order of the parameters.
    #[must_use]
    pub fn inputs(self) -> &'static [Input] {
        &self.memory().inputs
    }

    /// The memory that the call fills when it succeeds: first each result as an [`Output::Value`], then
    /// the rest in the order of the parameters.
    #[must_use]
    pub fn outputs(self) -> &'static [Output] {
        &self.memory().outputs
    }

    fn memory(self) -> &'static Memory {
        static ALL: LazyLock<Vec<Memory>> = LazyLock::new(|| Function::ALL.into_iter().map(Memory::of).collect());
        &ALL[usize::from(self.index())]
    }
}

/// Functions that fill an array of texts, each with the one that says how many there are and how long.
const STRINGS: [(Function, Function); 2] = [(Function::ArgsGet, Function::ArgsSizesGet), (Function::EnvironGet, Function::EnvironSizesGet)];

#[derive(Debug, Default)]
struct Memory {
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl Memory {
    fn of(function: Function) -> Self {
        let mut memory = Self::default();
        for (index, result) in function.results().iter().enumerate() {
            memory.outputs.push(Output::Value { ptr: function.out_pointer(index), ty: result.ty });
        }
        for param in 0..function.params().len() {
            memory.add_param(function, param);
        }
        memory
    }

    fn add_param(&mut self, function: Function, param: usize) {
        let ptr = function.core_index(param);
        match function.params()[param].ty.shape {
            Shape::String => self.inputs.push(Input::Bytes { ptr, len: ptr + 1 }),
            Shape::List(element) => self.add_list(function, ptr, element),
            Shape::ConstPointer(ty) => self.inputs.push(Input::Array { ptr, count: required_size(function, param), ty }),
            Shape::Pointer(ty) => self.outputs.extend(filled(function, param, ty)),
            // Numbers, which the core parameter carries itself. No function is given a record or a union by value.
            Shape::Int(_) | Shape::Handle | Shape::Enum { .. } | Shape::Flags { .. } | Shape::Record { .. } | Shape::Union { .. } => {}
        }
    }

    fn add_list(&mut self, function: Function, ptr: usize, element: &'static Type) {
        let count = ptr + 1;
        if !points_to_bytes_to_fill(element) {
            self.inputs.push(Input::WriteBuffers { ptr, count });
            return;
        }
        let filled = fill_count(function).expect("a function that fills buffers says how much it filled");
        self.inputs.push(Input::ReadBuffers { ptr, count });
        self.outputs.push(Output::ReadBuffers { ptr, count, filled });
    }
}

/// Whether `element` is an `iovec` rather than a `ciovec`.
fn points_to_bytes_to_fill(element: &Type) -> bool {
    element.fields().iter().any(|field| matches!(field.ty.shape, Shape::Pointer(_)))
}

fn filled(function: Function, param: usize, ty: &'static Type) -> Option<Output> {
    let ptr = function.core_index(param);
    let Some(len) = next_size(function, param) else {
        return strings(function, ptr, ty);
    };
    Some(match fill_count(function) {
        Some(count) if ty.name.is_some() => Output::Array { ptr, count, capacity: len, ty },
        used => Output::Buffer { ptr, len, used },
    })
}

/// The array of pointers stands for itself and for the texts, which are the parameter after it.
fn strings(function: Function, pointers: usize, ty: &Type) -> Option<Output> {
    let (_, sizes) = STRINGS.into_iter().find(|(fills, _)| *fills == function).expect("a pointer without a size is an array of texts");
    matches!(ty.shape, Shape::Pointer(_)).then_some(Output::Strings { pointers, data: pointers + 1, sizes })
}

fn required_size(function: Function, param: usize) -> usize {
    next_size(function, param).expect("an array that a call is given has a size")
}

/// The core parameter that is the first `size` after `param`.
fn next_size(function: Function, param: usize) -> Option<usize> {
    let (index, _) = function.params().iter().enumerate().skip(param + 1).find(|(_, later)| is_size(later.ty))?;
    Some(function.core_index(index))
}

/// The pointer to the first result, if that is a `size`.
fn fill_count(function: Function) -> Option<usize> {
    let first = function.results().first()?;
    is_size(first.ty).then(|| function.out_pointer(0))
}

fn is_size(ty: &Type) -> bool {
    type_by_name("size") == Some(ty)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The core parameters that are pointers, told from the types alone.
    fn pointers(function: Function) -> Vec<usize> {
        let is_pointer = |ty: &Type| matches!(ty.shape, Shape::String | Shape::List(_) | Shape::Pointer(_) | Shape::ConstPointer(_));
        let params = (0..function.params().len()).filter(|param| is_pointer(function.params()[*param].ty));
        let results = (0..function.results().len()).map(|result| function.out_pointer(result));
        params.map(|param| function.core_index(param)).chain(results).collect()
    }

    fn input_pointer(input: &Input) -> usize {
        match *input {
            Input::Bytes { ptr, .. } | Input::ReadBuffers { ptr, .. } | Input::WriteBuffers { ptr, .. } | Input::Array { ptr, .. } => ptr,
        }
    }

    /// The pointers that an output covers; the array of `iovec` is covered by its input.
    fn output_pointers(output: &Output) -> Vec<usize> {
        match *output {
            Output::Value { ptr, .. } | Output::Buffer { ptr, .. } | Output::Array { ptr, .. } => vec![ptr],
            Output::Strings { pointers, data, .. } => vec![pointers, data],
            Output::ReadBuffers { .. } => vec![],
        }
    }

    #[test]
    fn each_pointer_is_covered_exactly_once() {
        for function in Function::ALL {
            let inputs = function.inputs().iter().map(input_pointer);
            let mut covered: Vec<_> = inputs.chain(function.outputs().iter().flat_map(output_pointers)).collect();
            covered.sort_unstable();
            assert_eq!(covered, pointers(function), "{}", function.name());
        }
    }

    #[test]
    fn each_array_of_iovec_is_both_given_and_filled() {
        for function in Function::ALL {
            let given = function.inputs().iter().filter(|input| matches!(input, Input::ReadBuffers { .. })).count();
            let filled = function.outputs().iter().filter(|out| matches!(out, Output::ReadBuffers { .. })).count();
            assert_eq!(given, filled, "{}", function.name());
        }
    }

    #[test]
    fn results_come_first() {
        for function in Function::ALL {
            let values = function.outputs().iter().take_while(|output| matches!(output, Output::Value { .. }));
            assert_eq!(values.count(), function.results().len(), "{}", function.name());
        }
    }

    #[test]
    fn reads_and_writes() {
        assert_eq!(Function::FdWrite.inputs(), [Input::WriteBuffers { ptr: 1, count: 2 }]);
        assert_eq!(Function::FdPread.inputs(), [Input::ReadBuffers { ptr: 1, count: 2 }]);
        assert_eq!(Function::FdPread.outputs()[1], Output::ReadBuffers { ptr: 1, count: 2, filled: 4 });
        assert_eq!(Function::SockRecv.outputs()[2], Output::ReadBuffers { ptr: 1, count: 2, filled: 4 });
    }

    #[test]
    fn buffers() {
        assert_eq!(Function::FdReaddir.outputs()[1], Output::Buffer { ptr: 1, len: 2, used: Some(4) });
        assert_eq!(Function::PathReadlink.outputs()[1], Output::Buffer { ptr: 3, len: 4, used: Some(5) });
        assert_eq!(Function::RandomGet.outputs(), [Output::Buffer { ptr: 0, len: 1, used: None }]);
        assert_eq!(Function::FdPrestatDirName.outputs(), [Output::Buffer { ptr: 1, len: 2, used: None }]);
    }

    #[test]
    fn arrays_and_texts() {
        let subscription = type_by_name("subscription").expect("subscription");
        let event = type_by_name("event").expect("event");
        assert_eq!(Function::PollOneoff.inputs(), [Input::Array { ptr: 0, count: 2, ty: subscription }]);
        assert_eq!(Function::PollOneoff.outputs()[1], Output::Array { ptr: 1, count: 3, capacity: 2, ty: event });
        let sizes = Function::EnvironSizesGet;
        assert_eq!(Function::EnvironGet.outputs(), [Output::Strings { pointers: 0, data: 1, sizes }]);
        assert!(Function::ArgsGet.inputs().is_empty());
    }
}

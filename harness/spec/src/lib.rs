//! What WASI preview 1 says, as data. No I/O.
//!
//! In reading order: [`mod@types`] is how values look, [`function`] what can be called, [`errno`] how a
//! call ends; [`memory`] says which parts of the guest's memory a call reads and writes, [`open`]
//! which values honest runtimes may choose freely, and [`clause`] which statements a runtime is held to.
//!
//! The first three are generated from `witx/preview1.witx` when this crate is built; nobody writes
//! the number of an error or a flag a second time.

pub mod clause;
pub mod errno;
pub mod function;
pub mod memory;
pub mod open;
mod tables;
pub mod types;

pub use clause::{Authority, Clause, ClauseId, ClauseIndex, Level, Permit, Permitted, clauses};
pub use errno::Errno;
pub use function::{Function, Param};
pub use memory::{Input, Output};
pub use open::OpenValue;
pub use tables::{MODULE, consts};
pub use types::{Case, CoreType, Field, IntRepr, Shape, Type, UnionCase, type_by_name, types};

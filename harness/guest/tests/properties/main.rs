//! What holds of every script, tried with random ones that proptest makes smaller when it does not.
//!
//! [`drawn`] makes samples from bytes; [`watch`] looks at each call of a run with the state before and after it. The properties:
//! [`text`] printing and parsing are inverse, [`accepted`] the checker accepts what it should and goes on accepting it,
//! [`consistent`] files, names and descriptors fit together after every call, [`inside`] nothing resolves outside ([`lands`] is
//! a second opinion on where paths lead). Each has a test beside it that shows that it can fail.

mod accepted;
mod consistent;
mod drawn;
mod inside;
mod lands;
#[path = "../support/mod.rs"]
mod support;
mod text;
mod watch;

//! Is the tester any good? Faults are planted in the reference, one at a time, and it is seen what finds them.
//!
//! The faults are made around an instance of the reference, by a program of its own: neither the oracle nor the checker that judges
//! knows of them, and no ordinary build contains them.
//!
//! In reading order: [`fault`] says what faults there are at a branch, [`faulty`] is the reference with one of them and [`stray`]
//! knows which bytes it touches that are not its own, [`trial`] plays a script on it and says what found the fault, [`survey`] finds the
//! branches and [`hunt`] tries all faults of them.

pub mod fault;
pub mod faulty;
pub mod hunt;
pub mod stray;
pub mod survey;
pub mod trial;

pub use fault::{Fault, Kind, Site};
pub use hunt::{Hunt, Killed};
pub use trial::Trial;

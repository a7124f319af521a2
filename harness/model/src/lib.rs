//! Cases, what a run of one showed, and the judgement over it. Pure data and judgement: no I/O, no clock, no engine.
//!
//! In reading order: [`world`] is what a case starts from, [`script`] what it does, [`case`] joins them
//! with the author's expectations; [`observation`], [`trace`] and [`tree`] say what a run showed,
//! [`value`] and [`normalise`] make it readable and comparable; [`expect`], [`divergence`] and [`judge`] make the verdict,
//! and [`coverage`] counts what a suite reaches.

pub mod bounds;
pub mod capture;
pub mod case;
pub mod coverage;
pub mod diagnostic;
pub mod divergence;
pub mod expect;
pub mod judge;
pub mod normalise;
pub mod observation;
pub mod oracle;
pub mod result;
pub mod script;
pub mod shown;
pub mod trace;
pub mod tree;
pub mod value;
pub mod world;

pub use case::Case;
pub use judge::{Evidence, Judgement, Verdict, judge};
pub use observation::{End, Observation};
pub use trace::Trace;

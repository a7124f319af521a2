//! The tables that `build.rs` generates from `witx/preview1.witx`.

use crate::function::{Param, Signature};
use crate::types::{Case, CoreType, Field, IntRepr, Shape, Type, UnionCase};

include!(concat!(env!("OUT_DIR"), "/preview1.rs"));

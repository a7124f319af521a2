//! Short names for the ends that every backend reports.

use std::fmt::Display;

use touchstone_model::End;
use touchstone_model::observation::{Stage, TrapClass};

/// The guest returned or called `proc_exit`. Engines carry the code as a signed number; the guest gave an unsigned one.
pub(crate) fn exit(code: i32) -> End {
    End::Exit { code: code.cast_unsigned() }
}

pub(crate) fn trap(class: TrapClass) -> End {
    End::Trap { class }
}

/// Calls exports in turn, as long as they return.
pub(crate) fn of_calls<'a>(names: impl IntoIterator<Item = &'a str>, call: impl FnMut(&str) -> Result<(), End>) -> End {
    names.into_iter().try_for_each(call).err().unwrap_or_else(|| exit(0))
}

/// The runtime refused the module, with what it said about that.
pub(crate) fn rejected(stage: Stage, error: impl Display) -> End {
    End::Rejected { stage, message: format!("{error:#}") }
}

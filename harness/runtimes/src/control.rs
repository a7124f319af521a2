//! The negative controls: runtimes that do nothing, or nothing but answer. A suite that lets one of them pass a case
//! that makes a successful call does not look at what the call did.

use touchstone_model::End;
use touchstone_spec::{CoreType, Errno, Function, MODULE};
use wasmi::{Error, FuncType, Linker, Val, ValType};

use crate::interpreter::Interpreter;
use crate::{Live, Ran, Run, Runtime};

/// Exits 0 without running anything.
struct Null;

/// Runs the guest and gives the same answer to each of its calls.
struct Answering(Interpreter<()>);

pub(crate) fn null() -> anyhow::Result<Box<dyn Runtime>> {
    Ok(Box::new(Null))
}

pub(crate) fn nosys() -> anyhow::Result<Box<dyn Runtime>> {
    answering(Errno::Nosys)
}

pub(crate) fn notsup() -> anyhow::Result<Box<dyn Runtime>> {
    answering(Errno::Notsup)
}

pub(crate) fn badf() -> anyhow::Result<Box<dyn Runtime>> {
    answering(Errno::Badf)
}

/// Every call succeeds, and none has written a result.
pub(crate) fn yes() -> anyhow::Result<Box<dyn Runtime>> {
    answering(Errno::Success)
}

impl Runtime for Null {
    fn run(&mut self, _: Run) -> anyhow::Result<Ran> {
        Ok(Ran::without_memories(End::Exit { code: 0 }))
    }
}

impl Runtime for Answering {
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        self.0.run(&run.guest, ())
    }

    fn keep(&mut self, run: Run) -> anyhow::Result<Box<dyn Live + '_>> {
        self.0.keep(&run.guest, ())
    }
}

fn answering(errno: Errno) -> anyhow::Result<Box<dyn Runtime>> {
    let interpreter = Interpreter::new(|linker| Function::ALL.into_iter().try_for_each(|function| define(linker, function, errno)))?;
    Ok(Box::new(Answering(interpreter)))
}

/// Imports a function that answers `errno`, or ends the run with code 0 where the function returns nothing (`proc_exit`).
fn define(linker: &mut Linker<()>, function: Function, errno: Errno) -> anyhow::Result<()> {
    let ty = FuncType::new(value_types(function.core_params()), value_types(function.core_results()));
    linker.func_new(MODULE, function.name(), ty, move |_, _, results| match results {
        [answer] => {
            *answer = Val::I32(errno.raw().into());
            Ok(())
        }
        _ => Err(Error::i32_exit(0)),
    })?;
    Ok(())
}

pub(crate) fn value_types(types: &[CoreType]) -> impl ExactSizeIterator<Item = ValType> {
    types.iter().map(|ty| match ty {
        CoreType::I32 => ValType::I32,
        CoreType::I64 => ValType::I64,
    })
}

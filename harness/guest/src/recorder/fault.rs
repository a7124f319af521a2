//! A fault under a recorded module: one WASI function answers an errno and does nothing, and the host is never asked. The recorder's
//! wrapper calls it like the import that it stands for, so that the trace shows the call as the guest made it, and the errno.

use std::collections::BTreeSet;

use touchstone_spec::{Errno, Function};
use wasm_encoder::reencode::{Error as ReencodeError, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Parser};

use super::RecordError;
use super::survey::survey;

/// Plants it in a module that [`record`](super::record) has made. A module that does not import the function stays as it is.
pub fn plant_errno(recorded: &[u8], function: Function, errno: Errno) -> Result<Vec<u8>, RecordError> {
    if !function.returns_errno() {
        return Err(RecordError::Unsupported(format!("{} answers no errno; plant a fault in another function", function.name())));
    }
    let sections = survey(recorded)?;
    let imports = sections.wasi.iter().filter(|(_, (found, _))| *found == function);
    let Some((_, (_, ty))) = imports.clone().next() else { return Ok(recorded.to_vec()) };
    let mut fault = Fault {
        imports: imports.map(|(index, _)| *index).collect(),
        ty: *ty,
        own: sections.imported_functions + sections.defined_functions,
        errno: errno.raw().into(),
    };
    let mut module = Module::new();
    fault.parse_core_module(&mut module, Parser::new(0), recorded)?;
    Ok(module.finish())
}

struct Fault {
    /// What is called no more. The imports themselves stay, so that no index shifts.
    imports: BTreeSet<u32>,
    ty: u32,
    /// Index of the function that is called instead, behind all others.
    own: u32,
    errno: i32,
}

impl Reencode for Fault {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, ReencodeError> {
        Ok(if self.imports.contains(&index) { self.own } else { index })
    }

    fn parse_function_section(&mut self, functions: &mut FunctionSection, section: FunctionSectionReader<'_>) -> Result<(), ReencodeError> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.ty);
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), ReencodeError> {
        utils::parse_code_section(self, code, section)?;
        let mut body = wasm_encoder::Function::new([]);
        body.instructions().i32_const(self.errno).end();
        code.function(&body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use touchstone_model::trace::Keeper;

    use super::*;
    use crate::{assemble, record};

    const GUEST: &str = r#"(module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $close (i32.const 2))) (drop (call $yield))))"#;

    fn recorded() -> Vec<u8> {
        let wasm = assemble(GUEST.as_bytes()).expect("assemble");
        record(&wasm, Keeper::Module).expect("record")
    }

    #[test]
    fn the_module_stays_valid_and_keeps_its_imports() {
        let faulty = plant_errno(&recorded(), Function::FdClose, Errno::Notsup).expect("plant");
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&faulty).expect("valid");
        let (before, after) = (survey(&faulty).expect("survey").wasi, survey(&recorded()).expect("survey").wasi);
        assert_eq!(before, after);
        assert_ne!(faulty, recorded());
    }

    #[test]
    fn a_function_that_is_not_imported_leaves_the_module_as_it_is() {
        assert_eq!(plant_errno(&recorded(), Function::FdSync, Errno::Notsup).expect("plant"), recorded());
    }

    #[test]
    fn a_function_without_errno_is_refused() {
        let error = plant_errno(&recorded(), Function::ProcExit, Errno::Notsup).expect_err("it has none");
        assert!(error.to_string().contains("proc_exit answers no errno"), "{error}");
    }
}

//! A program as short, readable WAT: what is pasted into a bug tracker.
//!
//! It differs from the module in two ways that make it shorter: the fds of the preopens and sockets are written as the numbers under
//! which most runtimes have them (from 3, in order, preopens first), and the errno of the last call becomes the exit code, so that
//! `wasmtime run repro.wat; echo $?` shows it.

use std::fmt::Write;

use touchstone_model::script::lex::Mistake;
use touchstone_model::script::print::quoted;
use touchstone_model::script::{Script, Statement};
use touchstone_model::world::{Preopen, World};
use touchstone_spec::{CoreType, Function, MODULE};

use super::program::{Operand, Program, ProgramCall, program};

/// A script as a whole file: what it shows, what it is given, and its module.
pub fn reproducer(summary: &str, script: &Script, world: &World) -> Result<String, Mistake> {
    Ok(header(summary, world) + &wat(script, world)?)
}

/// The module of a script as text.
pub fn wat(script: &Script, world: &World) -> Result<String, Mistake> {
    let program = &program(script, world)?;
    let mut out = String::from("(module\n");
    let mut imports = program.imports.clone();
    if program.calls.last().is_some_and(|call| call.function.returns_errno()) && !imports.contains(&Function::ProcExit) {
        imports.push(Function::ProcExit);
    }
    for function in &imports {
        let params: Vec<&str> = function.core_params().iter().map(core_name).collect();
        let result = if function.returns_errno() { " (result i32)" } else { "" };
        let params = if params.is_empty() { String::new() } else { format!(" (param {})", params.join(" ")) };
        line(&mut out, 1, &format!("(import \"{MODULE}\" \"{0}\" (func ${0}{params}{result}))", function.name()));
    }
    line(&mut out, 1, &format!("(memory (export \"memory\") {})", program.pages));
    for data in program.data.iter().filter(|data| !is_errno_table(program, data.address)) {
        line(&mut out, 1, &format!("(data (i32.const {:#x}) {})", data.address, data_string(&data.bytes)));
    }
    line(&mut out, 1, "(func (export \"_start\")");
    let preopens = Preopens { program, world };
    let sources = script.statements.iter().filter_map(|statement| match statement {
        Statement::Call(call) => Some(call.to_string()),
        Statement::Buffer(_) | Statement::Comment(_) => None,
    });
    for (index, (call, source)) in program.calls.iter().zip(sources).enumerate() {
        let is_last = index + 1 == program.calls.len();
        line(&mut out, 2, &format!("{} ;; {}", call_text(call, is_last, &preopens), source.chars().take(100).collect::<String>()));
    }
    line(&mut out, 1, ")");
    let is_next = |operand: &Operand| matches!(operand, Operand::Next { index: 1.., .. });
    if program.calls.iter().flat_map(|call| &call.args).any(is_next) {
        ENTRY.lines().for_each(|text| line(&mut out, 1, text));
    }
    out.push_str(")\n");
    Ok(out)
}

/// The address of an entry in a directory buffer, so many behind the first. A loop, since written out it would be twice as long for
/// each entry as for the one before.
const ENTRY: &str = "(func $entry (param $at i32) (param $count i32) (result i32)
  (loop $next (if (local.get $count) (then
    (local.set $at (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load offset=16 (local.get $at))))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br $next))))
  (local.get $at))";

fn line(out: &mut String, indent: usize, text: &str) {
    // writing to a String cannot fail
    let _ = writeln!(out, "{}{text}", "  ".repeat(indent));
}

/// The table of errnos is what our harness reads; a reproducer has no use for it.
fn is_errno_table(program: &Program, address: u32) -> bool {
    program.calls.first().is_some_and(|call| call.errno_slot == address) || is_preopen_name(program, address)
}

fn is_preopen_name(program: &Program, address: u32) -> bool {
    program.searches.iter().any(|search| search.name_address == address)
}

fn core_name(core: &CoreType) -> &'static str {
    match core {
        CoreType::I32 => "i32",
        CoreType::I64 => "i64",
    }
}

/// A WAT string: printable ASCII as it is, everything else as `\hh`.
fn data_string(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        let plain = (b' '..=b'~').contains(byte) && !matches!(byte, b'"' | b'\\');
        out.push_str(&if plain { char::from(*byte).to_string() } else { format!("\\{byte:02x}") });
    }
    out + "\""
}

struct Preopens<'a> {
    program: &'a Program,
    world: &'a World,
}

impl Preopens<'_> {
    /// The usual fd of the preopen or socket whose fd is kept in this slot.
    fn fd(&self, slot: u32) -> Option<usize> {
        if let Some(search) = self.program.sockets.iter().find(|search| search.slot == slot) {
            return Some(3 + self.world.preopens.len() + search.index as usize);
        }
        let search = self.program.searches.iter().find(|search| search.slot == slot)?;
        self.world.preopens.iter().position(|preopen| preopen.guest == search.guest).map(|index| index + 3)
    }
}

fn call_text(call: &ProgramCall, is_last: bool, preopens: &Preopens<'_>) -> String {
    let mut text = format!("(call ${}", call.function.name());
    for (operand, core) in call.args.iter().zip(call.function.core_params()) {
        text.push(' ');
        text.push_str(&operand_text(operand, *core, preopens));
    }
    text.push(')');
    match (call.function.returns_errno(), is_last) {
        (true, true) => format!("(call $proc_exit {text})"),
        (true, false) => format!("(drop {text})"),
        (false, _) => text,
    }
}

fn operand_text(operand: &Operand, core: CoreType, preopens: &Preopens<'_>) -> String {
    let name = core_name(&core);
    match operand {
        Operand::Const(value) if core == CoreType::I64 => format!("({name}.const {})", value.cast_signed()),
        Operand::Const(value) => format!("({name}.const {})", (*value as u32).cast_signed()),
        Operand::Load { address, plus, .. } if preopens.fd(*address).is_some() => {
            let fd = preopens.fd(*address).map_or(0, |fd| fd as i64);
            format!("({name}.const {})", fd + plus)
        }
        Operand::Load { address, size, signed, plus } => {
            let load = match (size, core) {
                (8, CoreType::I64) => "i64.load".to_owned(),
                (8, CoreType::I32) => return sum(format!("(i32.wrap_i64 (i64.load (i32.const {address:#x})))"), *plus, name),
                (4, CoreType::I32) => "i32.load".to_owned(),
                (_, _) => format!("{name}.load{}{}", size * 8, if *signed { "_s" } else { "_u" }),
            };
            sum(format!("({load} (i32.const {address:#x}))"), *plus, name)
        }
        Operand::Next { buffer, index, plus } => {
            let first = format!("(i32.const {buffer:#x})");
            let address = if *index == 0 { first } else { format!("(call $entry {first} (i32.const {index}))") };
            sum(format!("(i64.load {address})"), *plus, name)
        }
    }
}

fn sum(text: String, plus: i64, core: &str) -> String {
    if plus == 0 { text } else { format!("({core}.add {text} ({core}.const {plus}))") }
}

/// A one-line header for a reproducer file: what it is and how to run it.
pub fn header(summary: &str, world: &World) -> String {
    let name = |preopen: &Preopen| preopen.within.as_ref().map_or_else(|| preopen.name.clone(), |within| within.key(""));
    let dirs: Vec<String> =
        world.preopens.iter().map(|preopen| format!("{} as {}", name(preopen), quoted(preopen.guest.as_bytes()))).collect();
    let sockets: String = world.sockets.iter().map(|socket| format!(", the socket {}", socket.name)).collect();
    format!(";; {summary}\n;; preopened: {}{sockets}; the exit code is the errno of the last call\n", dirs.join(", "))
}

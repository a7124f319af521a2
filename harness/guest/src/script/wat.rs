//! A program as short, readable WAT: what is pasted into a bug tracker.
//!
//! It differs from the module in three ways that make it shorter: sockets and preopens are taken to stand in a row, in order, from 3
//! or, where 3 is one for `/`, from 4; it may end with the call that is of interest; and the errno of its last call becomes the exit code.

use std::fmt::Write;

use touchstone_model::script::lex::Mistake;
use touchstone_model::script::print::quoted;
use touchstone_model::script::{Script, Statement};
use touchstone_model::world::{Preopen, World};
use touchstone_spec::{CoreType, Function, MODULE};

use super::program::{Operand, Program, ProgramCall, program};
use super::shell;

/// A script as a whole file: what it shows, what makes the folders that it is given, how to run it, and its module.
/// `until` is the last call that it makes, counted from 1; `templates` are for [`shell::command`].
pub fn reproducer(summary: &str, script: &Script, world: &World, until: Option<usize>, templates: &[&str]) -> Result<String, Mistake> {
    let script = &up_to(script, until.unwrap_or(usize::MAX));
    Ok(header(summary, script, world, templates) + &wat(script, world)?)
}

/// A script without what comes after this many calls.
fn up_to(script: &Script, calls: usize) -> Script {
    let mut left = calls;
    let mut is_in = |statement: &&Statement| match statement {
        Statement::Call(_) if left == 0 => false,
        Statement::Call(_) => {
            left -= 1;
            true
        }
        Statement::Buffer(_) | Statement::Comment(_) => left > 0,
    };
    Script { statements: script.statements.iter().take_while(&mut is_in).cloned().collect() }
}

/// The module of a script as text.
pub fn wat(script: &Script, world: &World) -> Result<String, Mistake> {
    let program = &program(script, world)?;
    let mut out = String::from("(module\n");
    let mut imports = program.imports.clone();
    if program.calls.last().is_some_and(|call| call.function.returns_errno()) && !imports.contains(&Function::ProcExit) {
        imports.push(Function::ProcExit);
    }
    let preopens = Preopens { program, world };
    let looks = preopens.are_used() && !world.preopens.iter().any(|preopen| preopen.guest.len() == 1);
    if looks && !imports.contains(&Function::FdPrestatGet) {
        imports.push(Function::FdPrestatGet);
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
    line(&mut out, 1, if preopens.are_used() { "(func (export \"_start\") (local $first i32)" } else { "(func (export \"_start\")" });
    if looks {
        FIRST.lines().for_each(|text| line(&mut out, 2, text));
        line(&mut out, 2, "(i64.store (i32.const 0) (i64.const 0))");
    } else if preopens.are_used() {
        line(&mut out, 2, "(local.set $first (i32.const 3))");
    }
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

/// Some runtimes give every guest a preopen of their own before its own ones.
const FIRST: &str =
    "(drop (call $fd_prestat_get (local.tee $first (i32.const 3)) (i32.const 0))) ;; preopens stand from fd 3, on wasmer behind \"/\"
(if (i32.eq (i32.load (i32.const 4)) (i32.const 1)) (then (drop (call $fd_prestat_get (local.tee $first (i32.const 4)) (i32.const 0)))))";

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
    /// How many stand before the preopen or socket whose fd is kept in this slot.
    fn before(&self, slot: u32) -> Option<usize> {
        if let Some(search) = self.program.sockets.iter().find(|search| search.slot == slot) {
            return Some(self.world.preopens.len() + search.index as usize);
        }
        let search = self.program.searches.iter().find(|search| search.slot == slot)?;
        self.world.preopens.iter().position(|preopen| preopen.guest == search.guest)
    }

    fn are_used(&self) -> bool {
        !self.program.searches.is_empty() || !self.program.sockets.is_empty()
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
        Operand::Load { address, plus, .. } if preopens.before(*address).is_some() => {
            let before = preopens.before(*address).map_or(0, |before| before as i64);
            let first = if core == CoreType::I64 { "(i64.extend_i32_u (local.get $first))" } else { "(local.get $first)" };
            sum(first.to_owned(), before + plus, name)
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

/// The header of a reproducer file: what it is, what it is given, and how to run it.
pub fn header(summary: &str, script: &Script, world: &World, templates: &[&str]) -> String {
    let name = |preopen: &Preopen| preopen.within.as_ref().map_or_else(|| preopen.name.clone(), |within| within.key(""));
    let dirs: Vec<String> =
        world.preopens.iter().map(|preopen| format!("{} as {}", name(preopen), quoted(preopen.guest.as_bytes()))).collect();
    let sockets: String = world.sockets.iter().map(|socket| format!(", the socket {}", socket.name)).collect();
    let mut out = format!(";; {summary}\n;; preopened: {}{sockets}; the exit code is the errno of the last call\n", dirs.join(", "));
    let commands = templates.iter().map(|template| shell::command(template, script, world));
    // a quoted word may have several lines
    let comment = |command: String| format!(";; $ {}", command.replace('\n', "\n;; "));
    shell::setup(world).into_iter().chain(commands).for_each(|command| line(&mut out, 0, &comment(command)));
    out
}

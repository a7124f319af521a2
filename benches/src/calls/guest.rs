//! The module of a benchmark. It is made from the table, and all runtimes run the same.
//!
//! `open` finds the preopen and opens what the set-up wants, `reset` fills what calls fill with [`FILL`], `run(first, count)` makes
//! iterations, and `after` makes the calls behind them. Each gives all errnos it saw, or'ed: 0 says that every call succeeded.

use std::collections::BTreeSet;
use std::fmt::Write;

use touchstone_spec::consts::dirent;
use touchstone_spec::{CoreType, Function, MODULE};

use super::benchmark::{Arg, Benchmark, Body, Call, Open, Start, Sum};
use super::layout::{
    BUFFER, BUFFER_BYTES, CALLS, FD, FILL, IOVECS, NAME, NUMBER, OUT, OUT_BYTES, PAGES, PATHS, REST, ROOT, SUBSCRIPTION, SUM,
};

/// The name of the preopen, of four bytes.
pub const PREOPEN: &str = "root";

/// What `poll_oneoff` gives back with the event.
pub const USERDATA: u64 = 0x1122_3344_5566_7788;

/// Where the path that the set-up opens lies.
const OPEN_PATH: u32 = NAME + 16;

/// The binary module of a benchmark.
///
/// # Errors
///
/// If the text that was made is no module: a mistake of ours.
pub fn module(benchmark: &Benchmark) -> Result<Vec<u8>, String> {
    let text = text(benchmark);
    wat::parse_str(&text).map_err(|error| format!("the module of {}: {error}\n{text}", benchmark.name))
}

/// The module as text.
pub fn text(benchmark: &Benchmark) -> String {
    let mut out = String::from("(module\n");
    for function in imports(benchmark) {
        out += &import(function);
    }
    match benchmark.body {
        Body::Run { start, code } => out += &started(start, code),
        body => {
            let _ = writeln!(out, r#"  (memory (export "memory") {PAGES})"#);
            out += &data(benchmark);
            out += &opening(benchmark.open);
            out += RESET_HEAD;
            let _ = writeln!(out, "    (memory.fill (i32.const {OUT}) (i32.const {FILL}) (i32.const {OUT_BYTES}))");
            let _ = writeln!(out, "    (memory.fill (i32.const {BUFFER}) (i32.const {FILL}) (i32.const {BUFFER_BYTES}))");
            out += "    (i32.const 0))\n";
            out += &run(benchmark, &body);
            let calls: String = benchmark.after.iter().map(|call| made(call, benchmark)).collect();
            let _ = writeln!(out, r#"  (func (export "after") {LOCALS}{calls}    (local.get $errno))"#);
        }
    }
    out + ")\n"
}

const RESET_HEAD: &str = "  (func (export \"reset\") (param i32 i32) (result i32)\n";

/// Parameters and locals that generated calls use. `$i` is the number of the iteration.
const LOCALS: &str = "(param $first i32) (param $count i32) (result i32)
    (local $i i32) (local $errno i32) (local $failed i32) (local $sum i64) (local $calls i64)
    (local $done i32) (local $at i32) (local $end i32) (local $next i32) (local $cookie i64)
";

/// The functions that the module calls.
fn imports(benchmark: &Benchmark) -> BTreeSet<Function> {
    let own: &[Function] = match &benchmark.body {
        Body::Calls(calls) => &calls.iter().map(|call| call.function).collect::<Vec<_>>(),
        Body::Transfer(function) => &[*function],
        Body::Listing { .. } => &[Function::FdReaddir],
        Body::Run { start: Start::AsksForTheTime, .. } => return [Function::ClockTimeGet].into(),
        Body::Run { start: Start::Exits, .. } => return [Function::ProcExit].into(),
    };
    let after = benchmark.after.iter().map(|call| call.function);
    let set_up = [Function::FdPrestatGet, Function::FdPrestatDirName, Function::PathOpen];
    own.iter().copied().chain(after).chain(set_up).collect()
}

fn import(function: Function) -> String {
    let types = |types: &[CoreType]| types.iter().map(|ty| if *ty == CoreType::I32 { " i32" } else { " i64" }).collect::<String>();
    let (name, params) = (function.name(), types(function.core_params()));
    let result = if function.core_results().is_empty() { String::new() } else { format!(" (result{})", types(function.core_results())) };
    format!("  (import \"{MODULE}\" \"{name}\" (func ${name} (param{params}){result}))\n")
}

/// A module that is a command.
fn started(start: Start, code: u32) -> String {
    let body = match start {
        Start::AsksForTheTime => format!(
            "    (if (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const {OUT})) (then unreachable))\n    \
             (if (i64.eqz (i64.load (i32.const {OUT}))) (then unreachable))"
        ),
        Start::Exits => format!("    (call $proc_exit (i32.const {code}))"),
    };
    format!("  (memory (export \"memory\") 1)\n  (func (export \"_start\")\n{body})\n")
}

/// What is in memory from the start: names, paths, buffers, and what to wait for.
fn data(benchmark: &Benchmark) -> String {
    let mut out = String::new();
    let mut put = |address: u32, bytes: &[u8]| {
        let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let _ = writeln!(out, "  (data (i32.const {address}) \"{escaped}\")");
    };
    put(NAME, PREOPEN.as_bytes());
    put(OPEN_PATH, benchmark.open.map_or("", |open| open.path).as_bytes());
    for (path, address) in benchmark.paths.iter().zip(PATHS) {
        put(address, path.as_bytes());
    }
    let mut address = BUFFER;
    let mut iovecs = Vec::new();
    for len in benchmark.buffers.lengths() {
        iovecs.extend([address, len].into_iter().flat_map(u32::to_le_bytes));
        address += len;
    }
    put(IOVECS, &iovecs);
    // a clock (type 0), the monotonic one (1), now: everything else is zero
    put(SUBSCRIPTION, &USERDATA.to_le_bytes());
    put(SUBSCRIPTION + 16, &[1]);
    out
}

/// Asks each number from 3 upwards whether it is the preopen, and then opens what the set-up wants. -1 if no number is.
fn opening(open: Option<Open>) -> String {
    let open = open.map_or_else(
        || "(i32.const 0)".to_owned(),
        |Open { path, oflags, rights }| {
            format!(
                "(call $path_open (local.get $fd) (i32.const 0) (i32.const {OPEN_PATH}) (i32.const {}) (i32.const {oflags})
      (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const {FD}))",
                path.len()
            )
        },
    );
    format!(
        r#"  (func (export "open") (param i32 i32) (result i32) (local $fd i32)
    (local.set $fd (i32.const 3))
    (block $found
      (loop $next
        (if (i32.eqz (call $fd_prestat_get (local.get $fd) (i32.const 0))) (then
          (if (i32.eq (i32.load (i32.const 4)) (i32.const {name_bytes})) (then
            (if (i32.eqz (call $fd_prestat_dir_name (local.get $fd) (i32.const 16) (i32.const {name_bytes}))) (then
              (br_if $found (i32.eq (i32.load (i32.const 16)) (i32.load (i32.const {NAME}))))))))))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $fd) (i32.const 16))))
      (return (i32.const -1)))
    (i32.store (i32.const {ROOT}) (local.get $fd))
    {open})
"#,
        name_bytes = PREOPEN.len(),
    )
}

/// The loop that is timed.
fn run(benchmark: &Benchmark, body: &Body) -> String {
    let numbers: String = benchmark.paths.iter().zip(PATHS).filter_map(|(path, address)| numbered(path, address)).collect();
    let body = match body {
        Body::Calls(calls) => calls.iter().map(|call| made(call, benchmark)).collect(),
        Body::Transfer(function) => transfer(*function, benchmark),
        Body::Listing { buffer } => listing(*buffer),
        Body::Run { .. } => String::new(),
    };
    format!(
        r#"  (func (export "run") {LOCALS}    (local.set $i (local.get $first))
    (loop $again
{numbers}{body}      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (i32.sub (local.get $i) (local.get $first)) (local.get $count))))
    (i64.store (i32.const {SUM}) (local.get $sum))
    (i64.store (i32.const {CALLS}) (local.get $calls))
    (local.get $errno))
"#
    )
}

/// Puts the number of the iteration into a path, as [`super::layout::letters`] writes it.
fn numbered(path: &str, address: u32) -> Option<String> {
    let address = address + path.find(NUMBER)? as u32;
    let nibble = |shift: u32, mask: u32| format!("(i32.and (i32.shl (local.get $i) (i32.const {shift})) (i32.const {mask}))");
    Some(format!(
        "      (i32.store (i32.const {address}) (i32.add (i32.const {}) (i32.or (i32.or {} {}) (i32.or {} {}))))\n",
        0x6161_6161,
        nibble(0, 0xf),
        nibble(4, 0xf00),
        nibble(8, 0xf_0000),
        nibble(12, 0xf00_0000),
    ))
}

/// One call, its errno kept and its result added up.
fn made(call: &Call, benchmark: &Benchmark) -> String {
    let types = call.function.core_params();
    let args: String = call.args.iter().zip(types).map(|(arg, ty)| format!(" {}", argument(*arg, *ty, benchmark))).collect();
    let sum = match call.sum {
        Sum::None => String::new(),
        Sum::U32(address) => format!("      (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const {address}))))\n"),
        Sum::U64(address) => format!("      (local.set $sum (i64.add (local.get $sum) (i64.load (i32.const {address}))))\n"),
    };
    format!("{}{sum}", counted(&format!("(call ${}{args})", call.function.name())))
}

/// A call whose errno is kept.
fn counted(call: &str) -> String {
    format!(
        "      (local.set $errno (i32.or (local.get $errno) (local.tee $failed {call})))\n      \
         (local.set $calls (i64.add (local.get $calls) (i64.const 1)))\n"
    )
}

fn argument(arg: Arg, ty: CoreType, benchmark: &Benchmark) -> String {
    let (plain, wide) = match arg {
        Arg::Const(value) => {
            let ty = if ty == CoreType::I32 { "i32" } else { "i64" };
            return format!("({ty}.const {value})");
        }
        Arg::Root => (format!("(i32.load (i32.const {ROOT}))"), false),
        Arg::Fd => (format!("(i32.load (i32.const {FD}))"), false),
        Arg::At(address) => (format!("(i32.load (i32.const {address}))"), false),
        Arg::Step(step) => (format!("(i64.mul (i64.extend_i32_u (local.get $i)) (i64.const {step}))"), true),
        Arg::Path(index) => (format!("(i32.const {})", PATHS[index]), false),
        Arg::PathLen(index) => (format!("(i32.const {})", benchmark.paths[index].len()), false),
    };
    match (ty, wide) {
        (CoreType::I32, true) => format!("(i32.wrap_i64 {plain})"),
        (CoreType::I64, false) => format!("(i64.extend_i32_u {plain})"),
        (CoreType::I32, false) | (CoreType::I64, true) => plain,
    }
}

/// Moves all the buffers. After a short count that ends with a buffer the call names those behind it; within a buffer, one that is the
/// rest.
fn transfer(function: Function, benchmark: &Benchmark) -> String {
    let (count, bytes, each) = (benchmark.buffers.count, benchmark.buffers.bytes, benchmark.buffers.first().max(1));
    let call = |iovecs: &str, count: &str| {
        counted(&format!("(call ${} (i32.load (i32.const {FD})) {iovecs} {count} (i32.const {OUT}))", function.name()))
    };
    let behind = call(
        &format!("(i32.add (i32.const {IOVECS}) (i32.mul (local.get $at) (i32.const 8)))"),
        &format!("(i32.sub (i32.const {count}) (local.get $at))"),
    );
    let rest = call(&format!("(i32.const {REST})"), "(i32.const 1)");
    format!(
        r#"      (local.set $done (i32.const 0))
      (loop $more
      (local.set $at (i32.div_u (local.get $done) (i32.const {each})))
      (if (i32.eqz (i32.rem_u (local.get $done) (i32.const {each}))) (then
{behind}      ) (else
      (i32.store (i32.const {REST}) (i32.add (i32.const {BUFFER}) (local.get $done)))
      (i32.store (i32.const {rest_len}) (i32.sub (i32.const {bytes}) (local.get $done)))
{rest}      ))
      (local.set $sum (i64.add (local.get $sum) (i64.load32_u (i32.const {OUT}))))
      (local.set $done (i32.add (local.get $done) (i32.load (i32.const {OUT}))))
      ;; on: it succeeded, moved something, and there is more
      (br_if $more (i32.and
        (i32.and (i32.eqz (local.get $failed)) (i32.ne (i32.load (i32.const {OUT})) (i32.const 0)))
        (i32.lt_u (local.get $done) (i32.const {bytes})))))
"#,
        rest_len = REST + 4,
    )
}

/// Lists a folder from its start and counts the entries, by pages of a buffer; an entry that is cut off is the first of the next page.
fn listing(buffer: u32) -> String {
    let call = counted(&format!(
        "(call $fd_readdir (i32.load (i32.const {FD})) (i32.const {BUFFER}) (i32.const {buffer}) (local.get $cookie) (i32.const {OUT}))"
    ));
    format!(
        r#"      (local.set $cookie (i64.const 0))
      (loop $page
{call}      (local.set $at (i32.const {BUFFER}))
      (local.set $end (i32.add (i32.const {BUFFER}) (i32.load (i32.const {OUT}))))
      (block $cut (loop $entry
        (br_if $cut (i32.gt_u (i32.add (local.get $at) (i32.const {head})) (local.get $end)))
        (local.set $next (i32.add (i32.add (local.get $at) (i32.const {head})) (i32.load offset={name_len} (local.get $at))))
        (br_if $cut (i32.gt_u (local.get $next) (local.get $end)))
        (local.set $cookie (i64.load (local.get $at)))
        (local.set $sum (i64.add (local.get $sum) (i64.const 1)))
        (local.set $at (local.get $next))
        (br $entry)))
      ;; a page that is full is not the last
      (br_if $page (i32.and (i32.eqz (local.get $failed)) (i32.eq (i32.load (i32.const {OUT})) (i32.const {buffer})))))
"#,
        head = dirent::BYTES,
        name_len = dirent::D_NAMLEN,
    )
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::{module, text};

    #[test]
    fn every_benchmark_has_a_module() {
        for benchmark in table::all() {
            module(benchmark).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn an_argument_has_the_type_of_its_parameter() {
        let pread = text(table::named("fd_pread 4 KiB").expect("it is there"));
        assert!(pread.contains("(call $fd_pread (i32.load (i32.const 516)) (i32.const 4096) (i32.const 1) (i64.mul "), "{pread}");
    }
}

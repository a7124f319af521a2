//! A world as lines for a shell: what makes its folders, and what starts a runtime in it by the runtime's own command line.

use std::borrow::Cow;

use touchstone_model::script::Script;
use touchstone_model::world::{Node, NodeKind, Preopen, StdioKind, World};

/// How a reproducer file is called where it is run.
pub const FILE: &str = "repro.wat";

/// How a file that is its stdin is called there.
const STDIN: &str = "stdin";

/// Bytes of a file that are written out; of more, only how many there are.
const WRITTEN: usize = 512;

/// Lines that make the folders of a world, each below the folder in which they run, and its stdin where that is a file.
pub fn setup(world: &World) -> Vec<String> {
    let mut out = Vec::new();
    let preopens = || world.preopens.iter().filter(|preopen| preopen.within.is_none());
    let entries = || preopens().flat_map(|preopen| preopen.tree.0.iter().map(move |(path, node)| (below(preopen, path), preopen, node)));
    let is_folder = |node: &Node| matches!(node.kind, NodeKind::Directory | NodeKind::Filled(_));
    let roots = preopens().map(|preopen| word(&preopen.name));
    let folders = entries().filter(|(.., node)| is_folder(node)).map(|(path, ..)| word(&path));
    let parents = entries().filter_map(|(path, ..)| path.rsplit_once('/').map(|(parent, _)| word(parent)));
    let mut all: Vec<String> = roots.chain(folders).chain(parents).collect();
    all.sort();
    all.dedup();
    if !all.is_empty() {
        out.push(format!("mkdir -p {}", all.join(" ")));
    }
    out.extend(entries().filter_map(|(path, _, node)| made(&word(&path), &node.kind)));
    // a further name needs its file, and what is closed or old needs to be whole before
    out.extend(entries().filter_map(|(path, preopen, node)| match &node.kind {
        NodeKind::HardLink(file) => Some(format!("ln {} {}", word(&below(preopen, file)), word(&path))),
        _ => None,
    }));
    out.extend(entries().filter_map(|(path, _, node)| node.mtime.map(|time| format!("touch -h -d @{} {}", seconds(time), word(&path)))));
    // what is below a folder goes first: afterwards nobody may get there
    let modes: Vec<String> =
        entries().filter_map(|(path, _, node)| node.mode.map(|mode| format!("chmod {mode:o} {}", word(&path)))).collect();
    out.extend(modes.into_iter().rev());
    if world.stdin.kind == StdioKind::File {
        out.push(filled(STDIN, &world.stdin.bytes));
    }
    out
}

/// The command that a template makes of a world for a script.
///
/// In the template stand `{DIRS:…}` for each preopen, with `HOST` and `GUEST` in it, `{ENV:…}` for each variable, with `PAIR`, `{ARGV0:…}` for the
/// program's name and `{ARGS:…}` for each other argument, with `ARG`, `{STDIN:…}` for its stdin, with `FILE`, and `{FILE}` for the module. A script
/// that does not ask for arguments or variables is given none. Where Touchstone runs it, which takes its stdin as a flag, the exit code is
/// Touchstone's; otherwise the command shows the program's.
pub fn command(template: &str, script: &Script, world: &World) -> String {
    let asks = |names: [&str; 2]| script.calls().any(|call| names.contains(&call.function.name()));
    let has_args = asks(["args_get", "args_sizes_get"]);
    let has_env = asks(["environ_get", "environ_sizes_get"]);
    let dirs = world.preopens.iter().map(|preopen| vec![("HOST", word(&folder(preopen))), ("GUEST", word(&preopen.guest))]);
    let env = world.env.iter().filter(|_| has_env).map(|(name, value)| vec![("PAIR", word(&format!("{name}={value}")))]);
    let mut args = world.args.iter().filter(|_| has_args).map(|arg| vec![("ARG", word(arg))]);
    let takes_file = template.contains("{STDIN:");
    let is_file = world.stdin.kind == StdioKind::File || !world.stdin.bytes.is_empty();
    let mut text = template.replace("{FILE}", FILE);
    text = group(&text, "DIRS", dirs.collect());
    text = group(&text, "ENV", env.collect());
    text = group(&text, "ARGV0", args.next().into_iter().collect());
    text = group(&text, "ARGS", args.collect());
    text = group(&text, "STDIN", (takes_file && is_file).then(|| vec![("FILE", STDIN.to_owned())]).into_iter().collect());
    if takes_file {
        let is_made = world.stdin.kind == StdioKind::File || !is_file;
        return if is_made { text } else { format!("{} > {STDIN}; {text}", printed(&world.stdin.bytes)) };
    }
    let run = match (&world.stdin.kind, world.stdin.bytes.as_slice()) {
        (StdioKind::File, _) => format!("{text} < {STDIN}"),
        (_, []) if world.stdin.open => format!("sleep 9 | {text}"),
        (_, []) => format!("{text} < /dev/null"),
        (_, bytes) if world.stdin.open => format!("({}; sleep 9) | {text}", printed(bytes)),
        (_, bytes) => format!("{} | {text}", printed(bytes)),
    };
    run + "; echo $?"
}

/// Writes what stands in the template as `{NAME:…}` once for each of these.
fn group(template: &str, name: &str, each: Vec<Vec<(&str, String)>>) -> String {
    let Some((before, rest)) = template.split_once(&format!("{{{name}:")) else { return template.to_owned() };
    let Some((inner, after)) = rest.split_once('}') else { return template.to_owned() };
    let one = |words: &Vec<(&str, String)>| words.iter().fold(inner.to_owned(), |text, (key, value)| text.replace(key, value));
    format!("{before}{}{after}", each.iter().map(one).collect::<String>())
}

/// The folder of a preopen on the host.
fn folder(preopen: &Preopen) -> String {
    match &preopen.within {
        None => preopen.name.clone(),
        Some(within) => format!("{}/{}", within.preopen, within.path).trim_end_matches('/').to_owned(),
    }
}

fn below(preopen: &Preopen, path: &str) -> String {
    format!("{}/{}", preopen.name, path.trim_end_matches('/'))
}

fn made(path: &str, kind: &NodeKind) -> Option<String> {
    match kind {
        NodeKind::File(bytes) => Some(filled(path, bytes)),
        NodeKind::Symlink(target) => Some(format!("ln -s -- {} {path}", word(target))),
        NodeKind::Filled(count @ 1..) => Some(format!("(cd {path} && seq -f %04g 0 {} | xargs touch)", count - 1)),
        NodeKind::Directory | NodeKind::HardLink(_) | NodeKind::Filled(0) => None,
    }
}

fn filled(path: &str, bytes: &[u8]) -> String {
    match bytes {
        [] => format!("touch {path}"),
        [first, rest @ ..] if bytes.len() > WRITTEN && rest.iter().all(|byte| byte == first) => {
            format!("head -c {} /dev/zero | tr '\\0' '\\{first:03o}' > {path}", bytes.len())
        }
        _ if bytes.len() > WRITTEN => {
            format!("head -c {} /dev/zero > {path}  # other bytes, which the script of the case tells", bytes.len())
        }
        _ => format!("{} > {path}", printed(bytes)),
    }
}

fn printed(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) && !matches!(byte, b'%' | b'\\');
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(is_plain) && !text.starts_with('-') => format!("printf {}", word(text)),
        _ => format!("printf '{}'", bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>()),
    }
}

/// Text as one word of a command line. No NUL can stand in one.
fn word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| "?".to_owned(), Cow::into_owned)
}

fn seconds(nanoseconds: u64) -> String {
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}

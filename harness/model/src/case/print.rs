//! A world as front matter: the way back from what was found at random to a case that somebody reads.

use crate::world::{Access, Node, NodeKind, Preopen, Stdin, StdioKind, Stdout, Tree, World};

/// Bytes from which on a file of one byte, repeated, is written as such.
const FILL_BYTES: usize = 64;

/// The front matter of a script with this world. It says what differs from the world of a case that says nothing, a key a line.
/// Worlds with sockets, reactors and nested preopens are not drawn at random and not written.
pub fn front_matter(summary: &str, clauses: &[String], world: &World) -> String {
    let usual = World::default();
    let mut lines = vec![format!("summary = {}", toml_text(summary))];
    lines.push(format!("clauses = [{}]", list(clauses)));
    if world.args != usual.args {
        lines.push(format!("args = [{}]", list(&world.args)));
    }
    if !world.env.is_empty() {
        let entries: Vec<String> = world.env.iter().map(|(key, value)| format!("{} = {}", toml_text(key), toml_text(value))).collect();
        lines.push(format!("env = {{ {} }}", entries.join(", ")));
    }
    if world.stdin != usual.stdin {
        lines.push(format!("stdin = {}", stdin(&world.stdin)));
    }
    if world.stdout != usual.stdout {
        lines.push(format!("stdout = {}", stdout(&world.stdout)));
    }
    match world.preopens.as_slice() {
        [root] if Preopen { tree: Tree::default(), ..root.clone() } == Preopen::new("root") => {
            if !root.tree.0.is_empty() {
                lines.push(format!("tree = {}", tree(&root.tree)));
            }
        }
        preopens => {
            let entries: Vec<String> = preopens.iter().map(preopen).collect();
            lines.push(format!("preopens = {{ {} }}", entries.join(", ")));
        }
    }
    lines.iter().map(|line| format!("#! {line}\n")).collect()
}

fn list(texts: &[String]) -> String {
    texts.iter().map(|it| toml_text(it)).collect::<Vec<_>>().join(", ")
}

/// A basic string of TOML.
pub fn toml_text(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other if other.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn hex(bytes: &[u8]) -> String {
    format!("\"{}\"", crate::tree::hex(bytes))
}

fn stdin(stdin: &Stdin) -> String {
    let key = match (stdin.kind, stdin.open) {
        (StdioKind::File, _) => "file",
        (_, true) => "open",
        (_, false) => "pipe",
    };
    match (str::from_utf8(&stdin.bytes), key) {
        (Ok(plain), "pipe") => toml_text(plain),
        (Ok(plain), key) => format!("{{ {key} = {} }}", toml_text(plain)),
        (Err(_), key) => format!("{{ {key} = {{ hex = {} }} }}", hex(&stdin.bytes)),
    }
}

fn stdout(stdout: &Stdout) -> String {
    let name = match stdout {
        Stdout::Pipe => "pipe",
        Stdout::File => "file",
        Stdout::Broken => "broken",
        Stdout::Stuck => "stuck",
        Stdout::Full => "full",
        Stdout::Null => "null",
        Stdout::Appended(before) => return format!("{{ append = {} }}", toml_text(&String::from_utf8_lossy(before))),
    };
    toml_text(name)
}

fn preopen(preopen: &Preopen) -> String {
    let mut fields = Vec::new();
    if preopen.guest != Preopen::new(&preopen.name).guest {
        fields.push(format!("guest = {}", toml_text(&preopen.guest)));
    }
    if preopen.access == Access::ReadOnly {
        fields.push("access = \"read-only\"".to_owned());
    }
    if !preopen.tree.0.is_empty() {
        fields.push(format!("tree = {}", tree(&preopen.tree)));
    }
    if fields.is_empty() { format!("{} = {{}}", preopen.name) } else { format!("{} = {{ {} }}", preopen.name, fields.join(", ")) }
}

fn tree(tree: &Tree) -> String {
    let entries: Vec<String> = tree.0.iter().map(|(path, node)| entry(path, node)).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn entry(path: &str, node: &Node) -> String {
    let mut fields = Vec::new();
    let mut slash = "";
    match &node.kind {
        NodeKind::Directory => slash = "/",
        NodeKind::Filled(count) => {
            slash = "/";
            fields.push(format!("entries = {count}"));
        }
        NodeKind::Symlink(target) => fields.push(format!("symlink = {}", toml_text(target))),
        NodeKind::HardLink(target) => fields.push(format!("hardlink = {}", toml_text(target))),
        NodeKind::File(bytes) => match (str::from_utf8(bytes), bytes.first()) {
            (Ok(plain), Some(first)) if bytes.len() >= FILL_BYTES && bytes.iter().all(|byte| byte == first) => {
                fields.push(format!("fill = {}, times = {}", toml_text(&plain[..1]), bytes.len()));
            }
            (Ok(plain), _) if node.mode.is_none() && node.mtime.is_none() => return format!("{} = {}", toml_text(path), toml_text(plain)),
            (Ok(plain), _) => fields.push(format!("text = {}", toml_text(plain))),
            (Err(_), _) => fields.push(format!("hex = {}", hex(bytes))),
        },
    }
    fields.extend(node.mode.map(|mode| format!("mode = {mode}")));
    fields.extend(node.mtime.map(|mtime| format!("mtime = {mtime}")));
    let path = toml_text(&format!("{path}{slash}"));
    if fields.is_empty() { format!("{path} = {{}}") } else { format!("{path} = {{ {} }}", fields.join(", ")) }
}

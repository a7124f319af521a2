//! The front matter of a case: TOML in the first comment lines of its file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::tree::{self, AfterNode, TreeNode};
use super::{Expectations, Language};
use crate::bounds;
use crate::observation::{End, Stage, TrapClass};
use crate::script::Span;
use crate::script::lex::Mistake;
use crate::world::{Access, Peer, Preopen, Socket, SocketKind, Stdin, StdioKind, Stdout, Then, World};

/// What the front matter says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) summary: String,
    pub(super) clauses: Vec<String>,
    pub(super) world: World,
    pub(super) expect: Expectations,
}

/// The notation. `suites/README.md` explains each key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notation {
    summary: Spanned<String>,
    clauses: Spanned<Vec<Spanned<String>>>,
    args: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<Spanned<String>, String>,
    stdin: Option<StdinNotation>,
    stdout: Option<StdoutNotation>,
    tree: Option<BTreeMap<Spanned<String>, TreeNode>>,
    preopens: Option<BTreeMap<Spanned<String>, PreopenNotation>>,
    calls: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    sockets: BTreeMap<Spanned<String>, SocketNotation>,
    exit: Option<u32>,
    trap: Option<Spanned<String>>,
    rejected: Option<Stage>,
    expect_stdout: Option<String>,
    #[serde(default)]
    expect_received: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    after: BTreeMap<Spanned<String>, AfterNode>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StdinNotation {
    Text(String),
    Of(StdinOf),
}

/// Text, or bytes as hexadecimal digits.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum BytesNotation {
    Text(String),
    Of { hex: tree::Hex },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StdinOf {
    Pipe(BytesNotation),
    File(BytesNotation),
    /// A pipe that stays open.
    Open(BytesNotation),
}

impl BytesNotation {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            BytesNotation::Text(text) => text.into_bytes(),
            BytesNotation::Of { hex } => hex.0,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StdoutNotation {
    Plain(PlainStdout),
    Of(StdoutOf),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PlainStdout {
    Pipe,
    File,
    /// A pipe that nobody can read any more.
    Broken,
    /// A pipe that nobody empties.
    Stuck,
    /// A device without room.
    Full,
    /// A device that takes everything.
    Null,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StdoutOf {
    /// A file with this text that is appended to.
    Append(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreopenNotation {
    guest: Option<String>,
    access: Option<Access>,
    tree: Option<BTreeMap<Spanned<String>, TreeNode>>,
    /// A directory of another preopen.
    of: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SocketNotation {
    Stream(PeerNotation),
    Listener(Vec<PeerNotation>),
    Unconnected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerNotation {
    #[serde(default)]
    sends: String,
    #[serde(default)]
    then: Then,
}

impl Header {
    pub(super) fn read(text: &str, language: Language) -> Result<Header, Mistake> {
        let prefix = language.header_prefix();
        let toml = blank_out(text, prefix);
        if toml.trim().is_empty() {
            let help = format!("start the file with lines such as `{prefix} summary = \"what it tests\"`; suites/README.md has them all");
            return Err(Mistake::new(Span::default(), "the file has no front matter", help));
        }
        let notation: Notation = toml::from_str(&toml).map_err(|error| toml_mistake(&error))?;
        notation.into_header(language)
    }
}

/// The front matter with everything else replaced by as many spaces, so that places in it are places in the file.
pub(super) fn blank_out(text: &str, prefix: &str) -> String {
    let mut out = String::new();
    let mut inside = true;
    for line in text.split_inclusive('\n') {
        inside &= line.starts_with(prefix);
        if inside {
            out.push_str(&" ".repeat(prefix.len()));
            out.push_str(&line[prefix.len()..]);
        }
    }
    out
}

pub(super) fn toml_mistake(error: &toml::de::Error) -> Mistake {
    let span = error.span().unwrap_or_default();
    let span = Span { start: span.start, len: span.len().max(1) };
    Mistake::new(span, error.message().to_owned(), "front matter is TOML; suites/README.md lists its keys")
}

fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let span = spanned.span();
    Span { start: span.start, len: span.len() }
}

impl Notation {
    fn into_header(self, language: Language) -> Result<Header, Mistake> {
        if self.summary.get_ref().trim().is_empty() {
            return Err(Mistake::new(span_of(&self.summary), "the summary is empty", "say in one sentence what the case tests"));
        }
        let clauses = clauses(&self.clauses)?;
        let expect_end = end(self.exit, self.trap.as_ref(), self.rejected)?;
        let calls = calls(self.calls, language)?;
        let preopens = preopens(self.tree, self.preopens)?;
        let sockets = sockets(self.sockets, &preopens)?;
        let received = received(self.expect_received, &sockets)?;
        let mut after = BTreeMap::new();
        for (path, node) in self.after {
            let key = tree::after_key(&path, span_of(&path), &preopens)?;
            after.insert(key, node.expected(span_of(&path))?);
        }
        let world = World {
            args: self.args.unwrap_or_else(|| vec!["case".to_owned()]),
            env: as_written(self.env).into_iter().map(|(key, value)| (key.into_inner(), value)).collect(),
            stdin: self.stdin.map_or_else(Stdin::default, StdinNotation::into_stdin),
            stdout: self.stdout.map_or(Stdout::Pipe, StdoutNotation::into_stdout),
            preopens,
            calls,
            sockets,
            times_unknown: false,
        };
        let expect = Expectations { end: expect_end, stdout: self.expect_stdout.map(String::into_bytes), received, after };
        Ok(Header { summary: self.summary.into_inner(), clauses, world, expect })
    }
}

fn clauses(clauses: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>, Mistake> {
    if clauses.get_ref().is_empty() {
        return Err(Mistake::new(span_of(clauses), "the case cites no clause", "name at least one id from harness/spec/preview1"));
    }
    let known = touchstone_spec::clause::clauses();
    for id in clauses.get_ref() {
        if known.get(id.get_ref()).is_none() {
            let close = crate::script::check::closest(id.get_ref(), known.iter().map(|clause| clause.id.as_str()));
            let help = close.map_or("clauses stand in harness/spec/preview1".to_owned(), |close| format!("did you mean `{close}`?"));
            return Err(Mistake::new(span_of(id), format!("there is no clause `{}`", id.get_ref()), help));
        }
    }
    Ok(clauses.get_ref().iter().map(|id| id.get_ref().clone()).collect())
}

/// Only a module that is written by hand can be a reactor.
fn calls(calls: Option<Spanned<Vec<String>>>, language: Language) -> Result<Vec<String>, Mistake> {
    let Some(calls) = calls else { return Ok(Vec::new()) };
    if language != Language::Wat || calls.get_ref().is_empty() {
        let help = "in a WAT case, name the exports to call in turn; leave `calls` out for a command";
        return Err(Mistake::new(span_of(&calls), "`calls` is for reactors", help));
    }
    Ok(calls.into_inner())
}

fn end(exit: Option<u32>, trap: Option<&Spanned<String>>, rejected: Option<Stage>) -> Result<End, Mistake> {
    match (exit, trap, rejected) {
        (code, None, None) => Ok(End::Exit { code: code.unwrap_or(0) }),
        (None, Some(name), None) => match TrapClass::ALL.iter().find(|class| class.name() == name.get_ref()) {
            Some(class) => Ok(End::Trap { class: *class }),
            None => {
                let names: Vec<&str> = TrapClass::ALL.iter().map(|class| class.name()).collect();
                Err(Mistake::new(
                    span_of(name),
                    format!("there is no trap class `{}`", name.get_ref()),
                    format!("use one of: {}", names.join(", ")),
                ))
            }
        },
        (None, None, Some(stage)) => Ok(End::Rejected { stage, message: String::new() }),
        (_, trap, _) => {
            let span = trap.map_or(Span::default(), span_of);
            Err(Mistake::new(span, "a run ends in one way", "give one of `exit`, `trap` and `rejected`"))
        }
    }
}

impl StdinNotation {
    fn into_stdin(self) -> Stdin {
        let (kind, open, bytes) = match self {
            StdinNotation::Text(text) => (StdioKind::Pipe, false, BytesNotation::Text(text)),
            StdinNotation::Of(StdinOf::Pipe(bytes)) => (StdioKind::Pipe, false, bytes),
            StdinNotation::Of(StdinOf::Open(bytes)) => (StdioKind::Pipe, true, bytes),
            StdinNotation::Of(StdinOf::File(bytes)) => (StdioKind::File, false, bytes),
        };
        Stdin { kind, bytes: bytes.into_bytes(), open }
    }
}

impl StdoutNotation {
    fn into_stdout(self) -> Stdout {
        match self {
            StdoutNotation::Plain(PlainStdout::Pipe) => Stdout::Pipe,
            StdoutNotation::Plain(PlainStdout::File) => Stdout::File,
            StdoutNotation::Plain(PlainStdout::Broken) => Stdout::Broken,
            StdoutNotation::Plain(PlainStdout::Stuck) => Stdout::Stuck,
            StdoutNotation::Plain(PlainStdout::Full) => Stdout::Full,
            StdoutNotation::Plain(PlainStdout::Null) => Stdout::Null,
            StdoutNotation::Of(StdoutOf::Append(text)) => Stdout::Appended(text.into_bytes()),
        }
    }
}

/// The entries of a table in the order in which they are written: it is that of descriptors, or of variables.
fn as_written<T>(table: BTreeMap<Spanned<String>, T>) -> Vec<(Spanned<String>, T)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A name that scripts can use.
fn plain_name(name: &str, span: Span, what: &str) -> Result<(), Mistake> {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        return Ok(());
    }
    Err(Mistake::new(span, format!("`{name}` is no name for {what}"), "use lower-case letters, digits and `_`, a letter first"))
}

fn sockets(notation: BTreeMap<Spanned<String>, SocketNotation>, preopens: &[Preopen]) -> Result<Vec<Socket>, Mistake> {
    let mut out = Vec::new();
    for (name, notation) in notation {
        let span = span_of(&name);
        let name = name.into_inner();
        plain_name(&name, span, "a socket")?;
        if preopens.iter().any(|preopen| preopen.name == name) {
            return Err(Mistake::new(span, format!("`{name}` is the name of a preopen"), "give the socket another one"));
        }
        let kind = match notation {
            SocketNotation::Stream(peer) => SocketKind::Stream(peer.into_peer(span)?),
            SocketNotation::Listener(peers) => {
                let peers: Vec<Peer> = peers.into_iter().map(|peer| peer.into_peer(span)).collect::<Result<_, _>>()?;
                if peers.iter().any(|peer| peer.then == Then::Resets) {
                    let help = "let it close, or make it a `stream`";
                    return Err(Mistake::new(span, "who waits to be accepted cannot reset the connection", help));
                }
                SocketKind::Listener(peers)
            }
            SocketNotation::Unconnected => SocketKind::Unconnected,
        };
        out.push(Socket { name, kind });
    }
    let many = out.iter().map(|socket| 1 + socket.connections().len()).sum::<usize>();
    if many > bounds::SOCKETS {
        let message = format!("{many} sockets and connections");
        return Err(Mistake::new(Span::default(), message, format!("a case has at most {}", bounds::SOCKETS)));
    }
    Ok(out)
}

impl PeerNotation {
    fn into_peer(self, span: Span) -> Result<Peer, Mistake> {
        let sends = self.sends.into_bytes();
        if sends.len() > bounds::SOCKET_BYTES {
            let message = format!("the other side sends {} bytes", sends.len());
            return Err(Mistake::new(span, message, format!("a socket holds at most {} that nobody has read", bounds::SOCKET_BYTES)));
        }
        Ok(Peer { sends, then: self.then })
    }
}

/// What the author expects the other sides to receive.
fn received(expected: BTreeMap<Spanned<String>, String>, sockets: &[Socket]) -> Result<BTreeMap<String, Vec<u8>>, Mistake> {
    let connections: Vec<(String, &Peer)> = sockets.iter().flat_map(Socket::connections).collect();
    let mut out = BTreeMap::new();
    for (name, text) in expected {
        match connections.iter().find(|(known, _)| known == name.get_ref()) {
            Some((_, peer)) if peer.then.receives() => out.insert(name.into_inner(), text.into_bytes()),
            Some(_) => {
                let message = format!("the other side of `{}` receives nothing", name.get_ref());
                return Err(Mistake::new(span_of(&name), message, "it has closed: let it stay, or end"));
            }
            None => {
                let message = format!("there is no connection `{}`", name.get_ref());
                return Err(Mistake::new(span_of(&name), message, "name a stream of `sockets`, or `listener[0]`"));
            }
        };
    }
    Ok(out)
}

type Trees = BTreeMap<Spanned<String>, TreeNode>;

/// Without `preopens` there is one, `root`; with an empty table there is none; `tree` is what lies below it.
fn preopens(tree: Option<Trees>, notation: Option<BTreeMap<Spanned<String>, PreopenNotation>>) -> Result<Vec<Preopen>, Mistake> {
    let Some(notation) = notation else {
        let tree = tree.map(tree::read).transpose()?.unwrap_or_default();
        return Ok(vec![Preopen { tree, ..Preopen::new("root") }]);
    };
    let mut out = Vec::new();
    let mut nested = Vec::new();
    for (name, notation) in as_written(notation) {
        let span = span_of(&name);
        let name = name.into_inner();
        plain_name(&name, span, "a preopen")?;
        let mut preopen = Preopen::new(&name);
        preopen.guest = notation.guest.unwrap_or(preopen.guest);
        if let Some(of) = notation.of {
            if notation.access.is_some() || notation.tree.is_some() {
                let help = "say `access` and `tree` of the preopen that it is a directory of";
                return Err(Mistake::new(span_of(&of), "a preopen with `of` has neither access nor tree of its own", help));
            }
            nested.push((out.len(), of));
        }
        preopen.access = notation.access.unwrap_or(preopen.access);
        preopen.tree = notation.tree.map(tree::read).transpose()?.unwrap_or_default();
        out.push(preopen);
    }
    if let Some(tree) = tree {
        let first = tree.first_key_value().map_or(Span::default(), |(path, _)| span_of(path));
        let Some(root) = out.iter_mut().find(|preopen| preopen.name == "root") else {
            return Err(Mistake::new(
                first,
                "`tree` is the tree of the preopen `root`, but there is none",
                "write `preopens = { name = { tree = … } }`",
            ));
        };
        root.tree = tree::read(tree)?;
    }
    nest(&mut out, nested)?;
    Ok(out)
}

/// Makes each of these preopens a directory of another one.
fn nest(preopens: &mut [Preopen], nested: Vec<(usize, Spanned<String>)>) -> Result<(), Mistake> {
    let has_no_tree: Vec<usize> = nested.iter().map(|(index, _)| *index).collect();
    for (index, of) in nested {
        let (within, outer) = tree::within(&of, span_of(&of), preopens)?;
        if has_no_tree.contains(&outer) {
            let help = "name a preopen with a tree of its own";
            return Err(Mistake::new(span_of(&of), format!("`{}` is itself a directory of another preopen", within.preopen), help));
        }
        preopens[index].access = preopens[outer].access;
        preopens[index].within = Some(within);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Header, Language};
    use crate::world::{Access, Within};

    fn read(language: Language, lines: &str) -> Result<Header, String> {
        let lines = format!("summary = \"s\"\nclauses = [\"preopen.nested\"]\n{lines}");
        let text: String = lines.lines().map(|line| format!("{} {line}\n", language.header_prefix())).collect();
        Header::read(&text, language).map_err(|mistake| mistake.message)
    }

    fn preopens(table: &str) -> Result<Header, String> {
        read(Language::Script, &format!("preopens = {{ {table} }}\ntree = {{ \"dir/file\" = \"\" }}"))
    }

    #[test]
    fn a_preopen_may_be_a_directory_of_another_one() {
        let header =
            preopens("root = { access = \"read-only\" }, inner = { of = \"dir\" }, same = { of = \"root:\" }").expect("it is right");
        let within = |index: usize| header.world.preopens[index].within.clone();
        let of = |path: &str| Some(Within { preopen: "root".to_owned(), path: path.to_owned() });
        // in the order in which they are written
        assert_eq!((within(0), within(1), within(2)), (None, of("dir"), of("")));
        assert!(header.world.preopens.iter().all(|preopen| preopen.access == Access::ReadOnly));
    }

    #[test]
    fn what_is_expected_below_a_nested_preopen_is_below_the_outer_one() {
        let lines = "preopens = { root = {}, inner = { of = \"dir\" } }\ntree = { \"dir/\" = {} }\nafter = { \"inner:new\" = true }";
        let header = read(Language::Script, lines).expect("it is right");
        assert_eq!(header.expect.after.keys().collect::<Vec<_>>(), ["root:dir/new"]);
    }

    #[test]
    fn a_directory_that_is_not_there_cannot_be_preopened() {
        for (table, message) in [
            ("root = {}, inner = { of = \"other:dir\" }", "there is no preopen `other`"),
            ("root = {}, inner = { of = \"dir/file\" }", "the tree of `root` has no directory `dir/file`"),
            ("root = {}, inner = { of = \"nothing\" }", "the tree of `root` has no directory `nothing`"),
            ("root = {}, a = { of = \"root:\" }, b = { of = \"a:\" }", "`a` is itself a directory of another preopen"),
            ("root = {}, inner = { of = \"dir\", tree = {} }", "a preopen with `of` has neither access nor tree of its own"),
        ] {
            assert_eq!(preopens(table).err().as_deref(), Some(message), "{table}");
        }
    }

    #[test]
    fn only_a_module_by_hand_is_a_reactor() {
        assert_eq!(read(Language::Wat, "calls = [\"step\"]").expect("it is right").world.calls, ["step"]);
        for (language, line) in
            [(Language::Script, "calls = [\"step\"]"), (Language::Rust, "calls = [\"step\"]"), (Language::Wat, "calls = []")]
        {
            assert_eq!(read(language, line).err().as_deref(), Some("`calls` is for reactors"), "{line}");
        }
    }
}

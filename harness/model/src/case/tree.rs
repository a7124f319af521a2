//! The notation for trees in front matter.
//!
//! ```toml
//! tree = { "file" = "text", "dir/" = {}, "link" = { symlink = "file" }, "twin" = { hardlink = "file" } }
//! after = { "file" = "new text", "gone" = false }
//! ```

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::bounds;
use crate::script::Span;
use crate::script::lex::Mistake;
use crate::tree::{Content, Entry, EntryKind};
use crate::world::{Node, NodeKind, Preopen, Tree, Within};

/// One entry of an initial tree: text, or a table of what it is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum TreeNode {
    Text(String),
    Of(NodeNotation),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeNotation {
    text: Option<String>,
    /// The bytes of a file as hexadecimal digits.
    hex: Option<String>,
    fill: Option<String>,
    times: Option<u32>,
    symlink: Option<String>,
    hardlink: Option<String>,
    /// A directory with this many empty files in it.
    entries: Option<u32>,
    mode: Option<u32>,
    mtime: Option<u64>,
}

/// What should be at a path afterwards: text, `false` (nothing), `true` (anything), or a table of what it is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AfterNode {
    Present(bool),
    Entry(TreeNode),
}

/// What should be at a path afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Absent,
    File(Vec<u8>),
    Directory,
    Symlink(String),
    /// Something, whatever it is: the spec leaves it open.
    Present,
}

impl Expected {
    /// Whether an entry, or none, is what is expected.
    pub fn is_met(&self, entry: Option<&Entry>) -> bool {
        match (self, entry.map(|entry| &entry.kind)) {
            (Expected::Absent, None) | (Expected::Directory, Some(EntryKind::Directory)) | (Expected::Present, Some(_)) => true,
            (Expected::File(bytes), Some(EntryKind::File(content))) => *content == Content::of(bytes),
            (Expected::Symlink(target), Some(EntryKind::Symlink(found))) => target == found,
            (_, _) => false,
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expected::Absent => f.write_str("nothing"),
            Expected::Present => f.write_str("something"),
            Expected::File(bytes) => write!(f, "file {}", Content::of(bytes)),
            Expected::Directory => f.write_str("directory"),
            Expected::Symlink(target) => write!(f, "symlink to {}", crate::script::print::quoted(target.as_bytes())),
        }
    }
}

/// Reads the tree of one preopen.
pub(super) fn read(notation: BTreeMap<Spanned<String>, TreeNode>) -> Result<Tree, Mistake> {
    let mut out = BTreeMap::new();
    for (path, node) in &notation {
        let span = path.span();
        let span = Span { start: span.start, len: span.len() };
        let (path, is_directory) = path_of(path.get_ref(), span)?;
        let node = node.read(is_directory, span)?;
        out.insert(path, (node, span));
    }
    let files: Vec<String> =
        out.iter().filter(|(_, (node, _))| matches!(node.kind, NodeKind::File(_))).map(|(path, _)| path.clone()).collect();
    for (node, span) in out.values() {
        if let NodeKind::HardLink(target) = &node.kind
            && !files.contains(target)
        {
            return Err(Mistake::new(
                *span,
                format!("there is no file `{target}` to link to"),
                "a hard link names a file of the same tree",
            ));
        }
    }
    Ok(Tree(out.into_iter().map(|(path, (node, _))| (path, node)).collect()))
}

/// A path as it stands in a tree: relative, without `.` and `..`; a slash at its end says "directory".
fn path_of(path: &str, span: Span) -> Result<(String, bool), Mistake> {
    let (plain, is_directory) = match path.strip_suffix('/') {
        Some(plain) => (plain, true),
        None => (path, false),
    };
    if plain.split('/').any(|name| matches!(name, "" | "." | "..")) || plain.contains('\0') {
        let help = "write a path relative to the preopen, without `.`, `..` or double slashes; `dir/` is a directory";
        return Err(Mistake::new(span, format!("`{path}` is no path in a tree"), help));
    }
    Ok((plain.to_owned(), is_directory))
}

impl TreeNode {
    fn read(&self, is_directory: bool, span: Span) -> Result<Node, Mistake> {
        match self {
            TreeNode::Text(_) if is_directory => {
                Err(Mistake::new(span, "a directory has no text", "write `\"dir/\" = {}`, or take the slash away"))
            }
            TreeNode::Text(text) => Ok(Node::from(NodeKind::File(text.clone().into_bytes()))),
            TreeNode::Of(notation) => Ok(Node { kind: notation.kind(is_directory, span)?, mode: notation.mode, mtime: notation.mtime }),
        }
    }
}

impl NodeNotation {
    fn kind(&self, is_directory: bool, span: Span) -> Result<NodeKind, Mistake> {
        let help = "give one of `text`, `hex`, `fill` with `times`, `symlink`, `hardlink`; a directory (`dir/`) is `{}` or has `entries`";
        let mut kinds = Vec::new();
        kinds.extend(self.text.clone().map(|text| NodeKind::File(text.into_bytes())));
        kinds.extend(self.symlink.clone().map(NodeKind::Symlink));
        kinds.extend(self.hardlink.clone().map(NodeKind::HardLink));
        kinds.extend(self.entries.map(NodeKind::Filled));
        if let Some(digits) = &self.hex {
            kinds.push(NodeKind::File(
                unhex(digits).ok_or_else(|| Mistake::new(span, "`hex` holds no bytes", "write pairs of hexadecimal digits"))?,
            ));
        }
        if let Some(fill) = &self.fill {
            kinds.push(NodeKind::File(filled(fill, self.times.unwrap_or(1), span)?));
        }
        if kinds.is_empty() && is_directory {
            kinds.push(NodeKind::Directory);
        }
        match (kinds.pop(), kinds.is_empty()) {
            (Some(kind), true) if is_directory == matches!(kind, NodeKind::Directory | NodeKind::Filled(_)) => Ok(kind),
            (_, _) => Err(Mistake::new(span, "it is not clear what this entry is", help)),
        }
    }
}

fn filled(fill: &str, times: u32, span: Span) -> Result<Vec<u8>, Mistake> {
    if fill.len().saturating_mul(times as usize) > bounds::LITERAL_BYTES {
        return Err(Mistake::new(span, "the file is too large", format!("at most {} bytes", bounds::LITERAL_BYTES)));
    }
    Ok(fill.repeat(times as usize).into_bytes())
}

/// Bytes that stand as hexadecimal digits.
#[derive(Debug)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
        let digits = String::deserialize(deserializer)?;
        unhex(&digits).map(Hex).ok_or_else(|| D::Error::custom("`hex` holds no bytes: write pairs of hexadecimal digits"))
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok());
    pairs.collect()
}

impl AfterNode {
    /// What this expects.
    pub(super) fn expected(self, span: Span) -> Result<Expected, Mistake> {
        let help = "afterwards a path holds text, `false` (nothing), `true` (anything), `{}` (a directory), `{ symlink = … }`, `{ hex = … }` or `{ fill = …, times = … }`";
        let node = match self {
            AfterNode::Present(false) => return Ok(Expected::Absent),
            AfterNode::Present(true) => return Ok(Expected::Present),
            AfterNode::Entry(TreeNode::Of(notation)) if notation.is_empty() => return Ok(Expected::Directory),
            AfterNode::Entry(node) => node.read(false, span)?,
        };
        match node.kind {
            NodeKind::File(bytes) => Ok(Expected::File(bytes)),
            NodeKind::Symlink(target) => Ok(Expected::Symlink(target)),
            NodeKind::Directory | NodeKind::HardLink(_) | NodeKind::Filled(_) => Err(Mistake::new(span, "this cannot be expected", help)),
        }
    }
}

impl NodeNotation {
    fn is_empty(&self) -> bool {
        let NodeNotation { text, hex, fill, times, symlink, hardlink, entries, mode, mtime } = self;
        let texts = [text, hex, fill, symlink, hardlink];
        texts.iter().all(|text| text.is_none()) && [times, entries, mode].iter().all(|number| number.is_none()) && mtime.is_none()
    }
}

/// `path` belongs to the preopen `root`, `other:path` to `other`.
pub(super) fn after_key(path: &Spanned<String>, span: Span, preopens: &[Preopen]) -> Result<String, Mistake> {
    let (index, path) = in_preopen(path.get_ref(), span, preopens)?;
    let (path, _) = path_of(path, span)?;
    let preopen = &preopens[index];
    Ok(preopen.within.as_ref().map_or_else(|| format!("{}:{path}", preopen.name), |within| within.key(&path)))
}

/// The preopen that a path belongs to, and what stands behind its name.
fn in_preopen<'a>(path: &'a str, span: Span, preopens: &[Preopen]) -> Result<(usize, &'a str), Mistake> {
    let (preopen, path) = path.split_once(':').unwrap_or(("root", path));
    let help = "write `preopen:path`; without a preopen, `root` is meant";
    let index = preopens.iter().position(|known| known.name == preopen);
    Ok((index.ok_or_else(|| Mistake::new(span, format!("there is no preopen `{preopen}`"), help))?, path))
}

/// The directory that a preopen is of another one, and the place of that other one.
pub(super) fn within(of: &Spanned<String>, span: Span, preopens: &[Preopen]) -> Result<(Within, usize), Mistake> {
    let (outer, path) = in_preopen(of.get_ref(), span, preopens)?;
    let path = if path.is_empty() { String::new() } else { path_of(path, span)?.0 };
    if !is_directory(&preopens[outer].tree, &path) {
        let message = format!("the tree of `{}` has no directory `{path}`", preopens[outer].name);
        return Err(Mistake::new(span, message, "name a directory of that tree"));
    }
    Ok((Within { preopen: preopens[outer].name.clone(), path }, outer))
}

/// Whether a tree has a directory at a path: it is there itself, or something below it is.
fn is_directory(tree: &Tree, path: &str) -> bool {
    let below = format!("{path}/");
    let is_itself = |node: &Node| matches!(node.kind, NodeKind::Directory | NodeKind::Filled(_));
    path.is_empty() || tree.0.get(path).is_some_and(is_itself) || tree.0.keys().any(|known| known.starts_with(&below))
}

//! Paths: ways to write a plain one, and classes of odd ones.

use touchstone_model::script::{Literal, Span};

use crate::scope::{Kind, NAMES, NodeId, Spot};
use crate::valid::Maker;

/// A piece of an odd path.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// The path of a valid call.
    Plain,
    /// A path from the same base to a directory, a file or a symbolic link, if there is one.
    Directory,
    File,
    Link,
    /// A link that leads to its own directory, so many times one after the other.
    Circle(u32),
    Bytes(&'static [u8]),
    Repeated(&'static [u8], u32),
}

use Piece::{Bytes, Circle, Directory, File, Link, Plain, Repeated};

/// The classes of odd paths.
const CLASSES: [&[Piece]; 51] = [
    &[Bytes(b"missing")],
    &[Bytes(b"missing/"), Plain],
    &[Bytes(b"missing/../"), Plain],
    &[File],
    &[File, Bytes(b"/a")],
    &[File, Bytes(b"/.")],
    &[File, Bytes(b"/..")],
    &[File, Bytes(b"/")],
    &[Plain, Bytes(b"/")],
    &[Plain, Bytes(b"///")],
    &[Plain, Bytes(b"/.")],
    &[Plain, Bytes(b"/..")],
    &[Bytes(b".")],
    &[Bytes(b"./")],
    &[Directory],
    &[Directory, Bytes(b"/")],
    &[Directory, Bytes(b"/.")],
    &[Directory, Bytes(b"/..")],
    &[Directory, Bytes(b"/../"), Plain],
    &[Directory, Bytes(b"/../../root/"), Plain],
    &[Bytes(b"..")],
    &[Bytes(b"../")],
    &[Bytes(b"../"), Plain],
    &[Bytes(b"../root/"), Plain],
    &[Bytes(b"../outside/secret")],
    &[Bytes(b"/")],
    &[Bytes(b"/"), Plain],
    &[Bytes(b"/root/"), Plain],
    &[Bytes(b"")],
    &[Bytes(b"\0")],
    &[Plain, Bytes(b"\0")],
    &[Plain, Bytes(b"\0b")],
    &[Bytes(b"\xff")],
    &[Plain, Bytes(b"\xed\xa0\x80")],
    &[Bytes("\u{e9}\u{1f980}".as_bytes())],
    &[Repeated(b"n", 255)],
    &[Repeated(b"n", 256)],
    &[Repeated(b"./", 2040), Plain],
    &[Repeated(b"./", 2100), Plain],
    &[Bytes(b".//"), Plain],
    &[Link],
    &[Link, Bytes(b"/")],
    &[Link, Bytes(b"/a")],
    &[Link, Bytes(b"/..")],
    &[Circle(8), Plain],
    &[Circle(9), Plain],
    &[Circle(40), Plain],
    &[Circle(41)],
    &[Bytes(b"A")],
    &[Bytes(b"a\\b")],
    &[Directory, Bytes(b"\\..\\"), Plain],
];

impl Maker<'_> {
    /// A path from a directory to a spot: mostly the plain one, sometimes a detour that leads to the same place.
    pub(crate) fn spelled(&mut self, base: NodeId, spot: Spot) -> Vec<u8> {
        let style = self.dice.byte();
        let way = self.scope.way(base, spot.directory);
        let mut out = Vec::with_capacity(16);
        match style {
            192..204 if self.spells(0) => out.extend_from_slice(b"./"),
            204..216 if self.spells(1) => self.detour(base, &mut out),
            _ => {}
        }
        let separator: &[u8] = if (216..228).contains(&style) && self.spells(2) { b"//" } else { b"/" };
        let through_links = style >= 228 && self.spells(3);
        for directory in way {
            let other = through_links.then(|| self.link_to(directory)).flatten();
            out.extend_from_slice(NAMES[self.scope.node(other.unwrap_or(directory)).name].as_bytes());
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(NAMES[spot.name].as_bytes());
        out
    }

    fn spells(&self, way: u32) -> bool {
        self.swarm.spellings & (1 << way) != 0
    }

    /// Into a directory and out again.
    fn detour(&mut self, base: NodeId, out: &mut Vec<u8>) {
        let child = self.scope.children(base).find(|(_, node)| node.kind == Kind::Directory);
        if let Some((_, node)) = child {
            out.extend_from_slice(NAMES[node.name].as_bytes());
            out.extend_from_slice(b"/../");
        }
    }

    /// A link that lies beside a directory and leads to it.
    fn link_to(&self, directory: NodeId) -> Option<NodeId> {
        let parent = self.scope.node(directory).parent?;
        self.scope.children(parent).find(|(_, node)| node.kind == Kind::Link(Some(directory))).map(|(id, _)| id)
    }

    /// An odd path in place of a plain one.
    pub(crate) fn odd_path(&mut self, base: Option<NodeId>, plain: &[u8]) -> Literal {
        let class = CLASSES[self.swarm.path_class(self.dice.byte(), CLASSES.len())];
        let at = self.dice.byte();
        let mut pieces: Vec<(Vec<u8>, u32)> = Vec::with_capacity(2);
        for piece in class {
            let some: Vec<u8>;
            let (bytes, times): (&[u8], u32) = match piece {
                Plain => (plain, 1),
                Directory | File | Link => {
                    some = self.some_path(base, at, *piece);
                    (&some, 1)
                }
                Circle(times) => {
                    some = [&self.some_path(base, at, *piece)[..], b"/"].concat();
                    (&some, *times)
                }
                Bytes(bytes) => (bytes, 1),
                Repeated(bytes, times) => (bytes, *times),
            };
            match pieces.last_mut() {
                Some((before, 1)) if times == 1 => before.extend_from_slice(bytes),
                _ => pieces.push((bytes.to_vec(), times)),
            }
        }
        Literal { pieces, span: Span::default() }
    }

    /// The path of some entry of a kind; some name if there is none.
    fn some_path(&self, base: Option<NodeId>, at: u8, piece: Piece) -> Vec<u8> {
        let below = |id| base.is_some_and(|base| id != base && self.scope.is_below(id, base));
        let found = self.scope.entry(at, |id, node| {
            let fits = match piece {
                Directory => node.kind == Kind::Directory,
                File => node.kind == Kind::File,
                Link => matches!(node.kind, Kind::Link(_)),
                Circle(_) => node.parent.is_some_and(|parent| node.kind == Kind::Link(Some(parent))),
                Plain | Bytes(_) | Repeated(..) => true,
            };
            fits && below(id)
        });
        found.zip(base).map_or(NAMES[usize::from(at) % NAMES.len()].into(), |(id, base)| self.scope.path(base, id))
    }

    /// The plain path of any entry: it may be of the wrong kind, or there already.
    pub(crate) fn another_path(&mut self, base: Option<NodeId>) -> Literal {
        let at = self.dice.byte();
        Literal::new(&self.some_path(base, at, Plain))
    }
}

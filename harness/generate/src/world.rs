//! The world that a script starts in.

use arbitrary::Unstructured;
use touchstone_model::world::{Access, Node, NodeKind, Preopen, Stdin, StdioKind, Stdout, Tree, World};

use crate::dice::Dice;
use crate::mix::Mix;
use crate::scope::{Kind, NAMES, NodeId, PREOPENS, Scope, Spot};

/// Bytes of the input that decide a world apart from its trees.
pub(crate) const BYTES: usize = 16;

/// Bytes of the input that decide one entry of a tree.
pub(crate) const ENTRY_BYTES: usize = 8;

const ARGS: [&str; 6] = ["", "a", "--flag=x", "two words", "\u{e9}", "0123456789012345678901234567890123456789"];

const ENV: [(&str, &str); 4] = [("A", ""), ("HOME", "/root"), ("PATH", "/bin:/usr/bin"), ("E", "x=y")];

const INPUT: [&[u8]; 6] = [b"", b"typed", b"line\nline\n", b"\x00\xff", b"x", b"0123456789012345678901234567890123456789"];

/// What files hold: bytes, repeated.
const CONTENT: [(&[u8], usize); 8] =
    [(b"hello", 1), (b"", 1), (b"0123456789", 1), (b"x", 1), (b"ab\n", 30), (b"\x00\x01\xfe\xff", 2), (b"z", 4097), (b"text", 1)];

/// Targets of symbolic links that lead out of the tree, to nothing or in a circle.
const TARGETS: [&str; 8] = ["..", "../outside/secret", "/root/a", "missing", ".", "a/b/c", "../root/a", "b/"];

/// Draws a world, and what the generator remembers of it.
pub(crate) fn draw(input: &mut Unstructured<'_>, mix: &Mix) -> (World, Scope) {
    let mut dice = Dice::<BYTES>::take(input);
    let mut world = World::default();
    let mut scope = Scope::default();
    let mut roots = vec![scope.preopen(0, false)];
    if mix.two_preopens && dice.percent(40) {
        let read_only = mix.read_only && dice.percent(60);
        let access = if read_only { Access::ReadOnly } else { Access::ReadWrite };
        world.preopens.push(Preopen { access, ..Preopen::new(PREOPENS[1]) });
        roots.push(scope.preopen(1, read_only));
    }
    if mix.streams {
        scope.streams();
        streams(&mut dice, &mut world);
    }
    // an eighth of the trees is empty, the others are mostly full
    let count = if dice.percent(12) { 0 } else { mix.entries - dice.below(mix.entries + 1) / 2 };
    for index in 0..mix.entries {
        let mut dice = Dice::<ENTRY_BYTES>::take(input);
        if index < count {
            entry(&mut dice, &mut world, &mut scope, &roots);
        }
    }
    (world, scope)
}

/// Arguments, variables, and what stands behind the standard streams.
fn streams(dice: &mut Dice<BYTES>, world: &mut World) {
    if dice.percent(4) {
        world.args.clear();
    }
    for _ in 0..dice.below(4) {
        world.args.push(dice.choose(&ARGS).to_owned());
    }
    let variables = dice.byte();
    let set = ENV.iter().enumerate().filter(|(index, _)| variables & (1 << index) != 0);
    world.env.extend(set.map(|(_, (key, value))| ((*key).to_owned(), (*value).to_owned())));
    let kind = |dice: &mut Dice<BYTES>| if dice.percent(60) { StdioKind::Pipe } else { StdioKind::File };
    world.stdin = Stdin { kind: kind(dice), bytes: dice.choose(&INPUT).to_vec(), open: false };
    world.stdout = match dice.byte() {
        0..140 => Stdout::Pipe,
        140..220 => Stdout::File,
        220..232 => Stdout::Broken,
        232..240 => Stdout::Appended(b"before".to_vec()),
        240..248 => Stdout::Full,
        248.. => Stdout::Null,
    };
}

/// One entry somewhere in a tree.
fn entry(dice: &mut Dice<ENTRY_BYTES>, world: &mut World, scope: &mut Scope, roots: &[NodeId]) {
    let index = dice.below(roots.len() + 2).saturating_sub(2);
    let root = roots[index];
    let at = dice.byte();
    let inside = scope.entry(at, |id, node| node.kind == Kind::Directory && scope.is_below(id, root));
    let directory = inside.filter(|_| at.is_multiple_of(2)).unwrap_or(root);
    let Some(name) = scope.free_name(directory, dice.byte()) else { return };
    let spot = Spot { directory, name };
    let (kind, remembered) = kind(dice, scope, &world.preopens[index].tree, root, spot);
    let id = scope.make(spot, remembered);
    let path = text(scope.path(root, id));
    let tree = &mut world.preopens[index].tree.0;
    // a further name names the file itself, whose times are its own
    let kind = match kind {
        NodeKind::HardLink(name) => match tree.get(&name).map(|node| &node.kind) {
            Some(NodeKind::HardLink(file)) => NodeKind::HardLink(file.clone()),
            _ => NodeKind::HardLink(name),
        },
        other => other,
    };
    let own_time = !matches!(kind, NodeKind::HardLink(_)) && dice.percent(25);
    let mtime = own_time.then(|| 1_000_000_000 * u64::from(dice.byte()) + 7);
    tree.insert(path, Node { mtime, ..Node::from(kind) });
}

fn text(path: Vec<u8>) -> String {
    // names are ASCII
    path.into_iter().map(char::from).collect()
}

/// What an entry is, and what is remembered of it.
fn kind(dice: &mut Dice<ENTRY_BYTES>, scope: &Scope, tree: &Tree, root: NodeId, spot: Spot) -> (NodeKind, Kind) {
    let (what, at) = (dice.byte(), dice.byte());
    let below_root = |id| scope.is_below(id, root);
    match what {
        0..96 => file(at),
        96..158 => (NodeKind::Directory, Kind::Directory),
        // seldom, for a tree that is so much larger takes its time
        158..160 => (NodeKind::Filled(1 + u32::from(at) % 40), Kind::Filled),
        160..208 => {
            // from its own directory downwards
            let entry = scope.entry(at, |id, _| scope.is_below(id, spot.directory) && id != spot.directory);
            let target = entry.map_or_else(|| NAMES[usize::from(at) % NAMES.len()].to_owned(), |id| text(scope.path(spot.directory, id)));
            (NodeKind::Symlink(target), Kind::Link(entry))
        }
        208..228 => {
            let target = TARGETS[usize::from(at) % TARGETS.len()];
            (NodeKind::Symlink(target.to_owned()), Kind::Link((target == ".").then_some(spot.directory)))
        }
        228.. => match scope.entry(at, |id, node| node.kind == Kind::File && below_root(id)) {
            Some(id) => (NodeKind::HardLink(first_name(tree, text(scope.path(root, id)))), Kind::File),
            None => file(at),
        },
    }
}

/// The name under which a tree has a file itself, and not a link to it.
fn first_name(tree: &Tree, path: String) -> String {
    match tree.0.get(&path).map(|node| &node.kind) {
        Some(NodeKind::HardLink(first)) => first.clone(),
        _ => path,
    }
}

fn file(at: u8) -> (NodeKind, Kind) {
    let (bytes, times) = CONTENT[usize::from(at) % CONTENT.len()];
    (NodeKind::File(bytes.repeat(times)), Kind::File)
}

//! Valid calls that are about entries: those with one path, `path_rename`, `path_link`, `path_symlink`.

use touchstone_model::script::Arg;
use touchstone_model::script::params::Kind as ArgKind;
use touchstone_spec::Function;
use touchstone_spec::consts::rights;

use super::{Draft, Effect, Maker};
use crate::ast::{int, text, word};
use crate::need::{Entry, Need, kinds};
use crate::scope::{Handle, Kind, NAMES, Node, NodeId, Spot, What};

/// What a call does to the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Make(Spot, Kind),
    Remove(NodeId),
    Move(NodeId, Spot),
}

/// A descriptor and a path from it.
struct From {
    handle: Handle,
    base: NodeId,
    path: Vec<u8>,
}

impl From {
    fn args(self) -> [Arg; 2] {
        [Arg::Expr(word(self.handle.name())), text(&self.path)]
    }
}

impl Maker<'_> {
    /// A call with one path.
    pub(super) fn at_entry(&mut self, function: Function, right: u64, entry: Entry) -> Draft {
        let Some((spot, node)) = self.find(entry) else { return self.make_up_for(Need::of(function)) };
        let Some(from) = self.from(spot, right) else { return self.open() };
        let base = Some(from.base);
        let [fd, path] = from.args();
        let mut head = [Some(fd), Some(path)];
        let kinds = kinds(function);
        let mut args = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let given = match kind {
                ArgKind::Scalar(ty) if ty.name == Some("fd") => head[0].take(),
                ArgKind::Text => head[1].take(),
                _ => None,
            };
            args.push(given.unwrap_or_else(|| self.arg(function, kind)));
        }
        let effect = match (function, node) {
            (Function::PathCreateDirectory, _) => Effect::Tree(Change::Make(spot, Kind::Directory)),
            (Function::PathRemoveDirectory | Function::PathUnlinkFile, Some(node)) => Effect::Tree(Change::Remove(node)),
            (_, _) => Effect::None,
        };
        Draft { function, bind: None, args, base, effect }
    }

    /// An entry of that kind, or a place for one.
    fn find(&mut self, entry: Entry) -> Option<(Spot, Option<NodeId>)> {
        let at = self.dice.byte();
        if entry == Entry::Free {
            let name_at = self.dice.byte();
            return self.scope.free_spot(at, name_at).map(|spot| (spot, None));
        }
        let node = self.scope.entry(at, |id, node| !(entry.changes() && node.read_only) && self.is(entry, id, node))?;
        self.spot(node).map(|spot| (spot, Some(node)))
    }

    fn is(&self, entry: Entry, id: NodeId, node: &Node) -> bool {
        match entry {
            Entry::Any => true,
            Entry::Free => false,
            Entry::EmptyDirectory => node.kind == Kind::Directory && self.scope.is_empty(id),
            Entry::Link => matches!(node.kind, Kind::Link(_)),
            Entry::FileOrLink => matches!(node.kind, Kind::Link(_) | Kind::File),
        }
    }

    fn spot(&self, node: NodeId) -> Option<Spot> {
        let node = self.scope.node(node);
        Some(Spot { directory: node.parent?, name: node.name })
    }

    /// A descriptor from which a path leads to a spot, and that path.
    fn from(&mut self, spot: Spot, right: u64) -> Option<From> {
        let at = self.dice.byte();
        let open = self.scope.base(at, spot.directory, right).or_else(|| self.scope.base(at, spot.directory, 0))?;
        let What::Directory(base) = open.what else { return None };
        Some(From { handle: open.handle, base, path: self.spelled(base, spot) })
    }

    /// Anything onto anything, mostly so that it can succeed.
    pub(super) fn rename(&mut self) -> Draft {
        let at = self.dice.byte();
        let Some(old) = self.scope.entry(at, |_, node| !node.read_only) else { return self.make_up_for(Need::of(Function::PathRename)) };
        let new = match self.dice.byte() {
            0..144 => self.find(Entry::Free).map(|(spot, _)| spot),
            144..240 => self.replaceable(old),
            _ => self.find(Entry::Any).map(|(spot, _)| spot),
        };
        // now and then from one preopen to another
        let across = self.dice.percent(4);
        let new = new.filter(|new| (across || self.same_preopen(old, *new)) && !self.scope.is_below(new.directory, old));
        let (Some(old_spot), Some(new)) = (self.spot(old), new.or_else(|| self.beside(old))) else { return self.open() };
        let froms = self.from(old_spot, rights::PATH_RENAME_SOURCE).zip(self.from(new, rights::PATH_RENAME_TARGET));
        let Some((old_from, new_from)) = froms else { return self.open() };
        let base = Some(old_from.base);
        let args = [old_from.args(), new_from.args()].into_iter().flatten().collect();
        Draft { function: Function::PathRename, bind: None, args, base, effect: Effect::Tree(Change::Move(old, new)) }
    }

    /// Another name in the directory of an entry.
    fn beside(&mut self, node: NodeId) -> Option<Spot> {
        let directory = self.scope.node(node).parent?;
        let name = self.scope.free_name(directory, self.dice.byte())?;
        Some(Spot { directory, name })
    }

    fn same_preopen(&self, node: NodeId, spot: Spot) -> bool {
        let root = |directory| self.scope.way(NodeId::MAX, directory).first().copied();
        root(node) == root(spot.directory)
    }

    /// An entry that a rename of another one may replace.
    fn replaceable(&mut self, old: NodeId) -> Option<Spot> {
        let is_directory = |kind| matches!(kind, Kind::Directory | Kind::Filled);
        let old_is_directory = is_directory(self.scope.node(old).kind);
        let at = self.dice.byte();
        let node = self.scope.entry(at, |id, node| match (old_is_directory, node.read_only) {
            (_, true) => false,
            (true, _) => node.kind == Kind::Directory && self.scope.is_empty(id),
            (false, _) => !is_directory(node.kind),
        })?;
        self.spot(node)
    }

    pub(super) fn link(&mut self) -> Draft {
        let at = self.dice.byte();
        let found = self.scope.entry(at, |_, node| node.kind == Kind::File && !node.read_only);
        let Some(old) = found else { return self.make_up_for(Need::of(Function::PathLink)) };
        let new = self.find(Entry::Free).map(|(spot, _)| spot).filter(|new| self.same_preopen(old, *new));
        let (Some(old_spot), Some(new)) = (self.spot(old), new.or_else(|| self.beside(old))) else { return self.open() };
        let froms = self.from(old_spot, rights::PATH_LINK_SOURCE).zip(self.from(new, rights::PATH_LINK_TARGET));
        let Some((old_from, new_from)) = froms else { return self.open() };
        let base = Some(old_from.base);
        let ([old_fd, old_path], [new_fd, new_path]) = (old_from.args(), new_from.args());
        let args = vec![old_fd, Arg::Expr(int(0)), old_path, new_fd, new_path];
        Draft { function: Function::PathLink, bind: None, args, base, effect: Effect::Tree(Change::Make(new, Kind::File)) }
    }

    pub(super) fn symlink(&mut self) -> Draft {
        let Some((spot, _)) = self.find(Entry::Free) else { return self.open() };
        let Some(from) = self.from(spot, rights::PATH_SYMLINK) else { return self.open() };
        let base = Some(from.base);
        let (target, leads_to) = self.target(spot);
        let [fd, path] = from.args();
        let args = vec![text(&target), fd, path];
        Draft { function: Function::PathSymlink, bind: None, args, base, effect: Effect::Tree(Change::Make(spot, Kind::Link(leads_to))) }
    }

    /// Where a link at a spot may lead: to an entry of its directory or below, to one of the directory above, to nothing, to itself.
    fn target(&mut self, spot: Spot) -> (Vec<u8>, Option<NodeId>) {
        let (at, byte) = (self.dice.byte(), self.dice.byte());
        let above = self.scope.node(spot.directory).parent;
        let (directory, prefix): (NodeId, &[u8]) = match above {
            Some(above) if byte < 64 => (above, b"../"),
            _ => (spot.directory, b""),
        };
        let entry = self.scope.entry(at, |id, node| self.scope.is_below(id, directory) && node.parent.is_some() && id != directory);
        match (entry, byte) {
            (Some(node), 0..208) => ([prefix, &self.scope.path(directory, node)].concat(), Some(node)),
            (_, 248..) => (b".".to_vec(), Some(spot.directory)),
            _ => (NAMES[usize::from(byte) % NAMES.len()].into(), None),
        }
    }
}

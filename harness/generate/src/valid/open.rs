//! Valid calls to `path_open`.

use touchstone_model::script::Arg;
use touchstone_model::script::params::Kind;
use touchstone_spec::Function;
use touchstone_spec::consts::{fdflags, lookupflags, oflags, rights};

use super::{Draft, Effect, Maker};
use crate::ast::{flags, word};
use crate::need::kinds;
use crate::scope::{ALL_RIGHTS, DIRECTORY_RIGHTS, FILE_RIGHTS, Kind as NodeKind, NodeId, Open, READING_RIGHTS, Spot, What};

/// What is asked for when something is opened.
#[derive(Debug, Clone, Copy)]
struct Asked {
    follow: bool,
    oflags: u64,
    base: u64,
    inheriting: u64,
    fdflags: u64,
}

impl Maker<'_> {
    pub(super) fn open(&mut self) -> Draft {
        match self.dice.byte() {
            0..104 => self.open_file(0),
            104..176 => self.open_new(0),
            _ => self.open_directory(),
        }
    }

    /// Opens a file that is there, perhaps through a link, with at least these rights; if there is none, a new one.
    pub(super) fn open_file(&mut self, needed: u64) -> Draft {
        let at = self.dice.byte();
        let changes = needed & !READING_RIGHTS != 0;
        let found = self.scope.entry(at, |_, node| !(changes && node.read_only) && self.leads_to_file(node.kind));
        let Some(node) = found else { return self.open_new(needed) };
        let (is_link, read_only) = (self.scope.node(node).kind != NodeKind::File, self.scope.node(node).read_only);
        let byte = self.dice.byte();
        // flags that may change something are seldom tried where nothing can be changed
        let mut oflags = if byte < if read_only { 5 } else { 32 } { oflags::CREAT } else { 0 };
        if byte.is_multiple_of(if read_only { 128 } else { 8 }) {
            oflags |= oflags::TRUNC;
        }
        let mut asked = Asked { follow: is_link || byte >= 128, oflags, base: 0, inheriting: 0, fdflags: 0 };
        self.file_rights(&mut asked, needed, read_only);
        let file = match self.scope.node(node).kind {
            NodeKind::Link(Some(target)) => target,
            _ => node,
        };
        self.opening(self.spot_of(node), What::File(file), asked, false)
    }

    fn leads_to_file(&self, kind: NodeKind) -> bool {
        match kind {
            NodeKind::File => true,
            NodeKind::Link(Some(target)) => {
                let target = self.scope.node(target);
                target.kind == NodeKind::File && target.alive
            }
            NodeKind::Link(None) | NodeKind::Directory | NodeKind::Filled => false,
        }
    }

    /// Makes a new file and opens it.
    fn open_new(&mut self, needed: u64) -> Draft {
        let (at, name_at) = (self.dice.byte(), self.dice.byte());
        let Some(spot) = self.scope.free_spot(at, name_at) else { return self.open_directory() };
        let byte = self.dice.byte();
        let oflags = oflags::CREAT | if byte < 64 { oflags::EXCL } else { 0 };
        let mut asked = Asked { follow: byte.is_multiple_of(2), oflags, base: 0, inheriting: 0, fdflags: 0 };
        self.file_rights(&mut asked, needed, false);
        // which entry the file is shows when the call is taken to have succeeded
        self.opening(spot, What::File(NodeId::MAX), asked, true)
    }

    /// Opens a directory.
    pub(super) fn open_directory(&mut self) -> Draft {
        let at = self.dice.byte();
        let found = self.scope.entry(at, |_, node| matches!(node.kind, NodeKind::Directory | NodeKind::Filled));
        let Some(node) = found else { return self.open_preopen_again() };
        let byte = self.dice.byte();
        let kept = if byte < 192 { u64::MAX } else { self.kept_rights() };
        let asked = Asked {
            follow: byte.is_multiple_of(2),
            oflags: if byte < 224 { oflags::DIRECTORY } else { 0 },
            base: DIRECTORY_RIGHTS & kept,
            inheriting: ALL_RIGHTS & kept,
            fdflags: 0,
        };
        self.opening(self.spot_of(node), What::Directory(node), asked, false)
    }

    /// Opens the directory of a descriptor once more, as `.`.
    fn open_preopen_again(&mut self) -> Draft {
        let at = self.dice.byte();
        let open = self.scope.descriptor(at, |open| matches!(open.what, What::Directory(_)) && open.base & rights::PATH_OPEN != 0);
        let (name, what) = open.map_or(("root", What::Stream), |open| (open.handle.name(), open.what));
        let inheriting = open.map_or(0, |open| open.inheriting);
        let asked = Asked { follow: false, oflags: oflags::DIRECTORY, base: DIRECTORY_RIGHTS & inheriting, inheriting, fdflags: 0 };
        let base = if let What::Directory(node) = what { Some(node) } else { None };
        self.written(name, b".", base, what, asked, None)
    }

    /// Which rights and flags a file is opened with.
    fn file_rights(&mut self, asked: &mut Asked, needed: u64, read_only: bool) {
        let most = if read_only { READING_RIGHTS } else { FILE_RIGHTS };
        asked.base = match self.dice.byte() {
            0..128 => most,
            128..160 => rights::FD_READ | rights::FD_SEEK | rights::FD_TELL,
            160..192 => (rights::FD_WRITE | rights::FD_SEEK | rights::FD_TELL) & most,
            _ => most & self.kept_rights(),
        } | needed;
        if asked.oflags & oflags::TRUNC != 0 {
            asked.base |= rights::FD_WRITE;
        }
        let wanted = match self.dice.byte() {
            0..48 => fdflags::APPEND,
            48..60 => fdflags::NONBLOCK,
            60..64 => fdflags::DSYNC,
            64..68 => fdflags::SYNC,
            68..72 => fdflags::RSYNC,
            _ => 0,
        };
        let Kind::Scalar(ty) = kinds(Function::PathOpen)[6] else { return };
        asked.fdflags = wanted & self.swarm.flags(ty);
        if asked.fdflags & (fdflags::DSYNC | fdflags::RSYNC) != 0 {
            asked.base |= rights::FD_SYNC;
        }
    }

    fn spot_of(&self, node: NodeId) -> Spot {
        let node = self.scope.node(node);
        Spot { directory: node.parent.unwrap_or_default(), name: node.name }
    }

    /// The call that opens what is at a spot.
    fn opening(&mut self, spot: Spot, what: What, mut asked: Asked, new: bool) -> Draft {
        let at = self.dice.byte();
        let needed = rights::PATH_OPEN
            | if asked.oflags & oflags::CREAT != 0 { rights::PATH_CREATE_FILE } else { 0 }
            | if asked.oflags & oflags::TRUNC != 0 { rights::PATH_FILESTAT_SET_SIZE } else { 0 };
        let base = self.scope.base(at, spot.directory, needed).or_else(|| self.scope.base(at, spot.directory, 0));
        let Some(open) = base else { return self.open_preopen_again() };
        let What::Directory(base) = open.what else { return self.open_preopen_again() };
        asked.base &= open.inheriting;
        asked.inheriting &= open.inheriting;
        let path = self.spelled(base, spot);
        self.written(open.handle.name(), &path, Some(base), what, asked, new.then_some(spot))
    }

    fn written(&mut self, fd: &str, path: &[u8], base: Option<NodeId>, what: What, asked: Asked, new: Option<Spot>) -> Draft {
        let slot = self.scope.free_slot(self.dice.byte());
        let follow = if asked.follow { lookupflags::SYMLINK_FOLLOW } else { 0 };
        let mut bits = [follow, asked.oflags, asked.base, asked.inheriting, asked.fdflags].into_iter();
        let mut args = Vec::with_capacity(7);
        for kind in kinds(Function::PathOpen) {
            args.push(match kind {
                Kind::Scalar(ty) if ty.name == Some("fd") => Arg::Expr(word(fd)),
                Kind::Scalar(ty) => Arg::Expr(flags(ty, bits.next().unwrap_or_default())),
                _ => crate::ast::text(path),
            });
        }
        let open = Open { handle: slot, what, base: asked.base, inheriting: asked.inheriting, listed: false };
        let effect = if what == What::Stream { Effect::None } else { Effect::Open(open, new) };
        Draft { function: Function::PathOpen, bind: Some(slot.name()), args, base, effect }
    }
}

//! Valid calls: what they are about is there, and what they ask for can be given.

mod open;
mod poll;
mod tree;

pub(crate) use tree::Change;

use touchstone_model::script::params::Kind;
use touchstone_model::script::{Arg, Expr, Literal, Span};
use touchstone_spec::consts::{fdflags, fstflags, lookupflags};
use touchstone_spec::{Function, Shape, Type};

use crate::ast::{beside, case, flags, int, name, text, word};
use crate::dice::CallDice;
use crate::mix::Mix;
use crate::need::{Descriptor, Entry, Need, kinds};
use crate::number;
use crate::scope::{Answer, Handle, NAMES, NodeId, Open, Scope, What};
use crate::swarm::Swarm;

/// A call before it is written down.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) function: Function,
    pub(crate) bind: Option<&'static str>,
    pub(crate) args: Vec<Arg>,
    /// The directory that its paths start from.
    pub(crate) base: Option<NodeId>,
    pub(crate) effect: Effect,
}

/// What a call does to the scope if it succeeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect {
    None,
    Tree(Change),
    /// Opens a descriptor, perhaps of a file that it makes at this place.
    Open(Open, Option<crate::scope::Spot>),
    Close(Handle),
    Renumber(Handle, Handle),
    Rights(Handle, u64, u64),
    List(Handle),
    Keep(Answer),
}

/// Makes one call.
#[derive(Debug)]
pub(crate) struct Maker<'a> {
    pub(crate) dice: &'a mut CallDice,
    pub(crate) scope: &'a Scope,
    pub(crate) swarm: &'a Swarm,
    pub(crate) mix: &'a Mix,
}

/// Lengths of the buffers to read into.
const LENGTHS: [u64; 8] = [1, 2, 3, 5, 8, 16, 100, 1000];

/// Room for directory entries, for a target or for random bytes.
const ROOM: [u64; 8] = [4096, 1024, 256, 128, 64, 4096, 40, 24];

/// What is written.
const DATA: [(&[u8], u32); 8] =
    [(b"x", 1), (b"hello", 1), (b"ab", 1), (b"0123456789", 1), (b"line\n", 1), (b"xyz", 30), (b"\x00\xff", 1), (b"w", 5000)];

/// Flags that say of each time whether and how it is set.
const TIME_FLAGS: [u64; 8] = [
    fstflags::ATIM | fstflags::MTIM,
    fstflags::ATIM,
    fstflags::MTIM,
    fstflags::ATIM_NOW | fstflags::MTIM_NOW,
    fstflags::ATIM_NOW,
    fstflags::MTIM_NOW,
    fstflags::ATIM | fstflags::MTIM_NOW,
    fstflags::ATIM_NOW | fstflags::MTIM,
];

impl Maker<'_> {
    /// A valid call to a function. Where what it is about is not there, the call that makes it, if that may be called.
    pub(crate) fn valid(&mut self, function: Function) -> Draft {
        let mut draft = self.planned(function);
        self.keep_answer(&mut draft);
        if draft.function == function || self.mix.functions.contains(draft.function) {
            return draft;
        }
        let handle = self.any_descriptor();
        self.with_descriptor(function, handle)
    }

    fn planned(&mut self, function: Function) -> Draft {
        match function {
            Function::PathOpen => self.open(),
            Function::PathRename => self.rename(),
            Function::PathLink => self.link(),
            Function::PathSymlink => self.symlink(),
            Function::FdReaddir => self.readdir(),
            Function::FdRenumber => self.renumber(),
            Function::FdFdstatSetRights => self.narrow(),
            Function::PollOneoff => self.poll(),
            _ => self.plain(function),
        }
    }

    /// A call whose arguments follow from their kinds.
    fn plain(&mut self, function: Function) -> Draft {
        let need = Need::of(function);
        if let Descriptor::BaseOf(entry) = need.descriptor {
            return self.at_entry(function, need.rights, entry);
        }
        let Some(open) = self.descriptor(need) else { return self.make_up_for(need) };
        let mut draft = self.with_descriptor(function, open.handle);
        if function == Function::FdClose {
            draft.effect = Effect::Close(open.handle);
        }
        draft
    }

    /// The arguments of a call, with this descriptor for each that it takes.
    fn with_descriptor(&mut self, function: Function, handle: Handle) -> Draft {
        let kinds = kinds(function);
        let mut draft = Draft { function, bind: None, args: Vec::with_capacity(kinds.len()), base: None, effect: Effect::None };
        for kind in kinds {
            let arg = match kind {
                Kind::Scalar(ty) if ty.name == Some("fd") => Arg::Expr(word(handle.name())),
                // the guest finds a preopen at `/` and its name
                Kind::Buffer if function == Function::FdPrestatDirName => Arg::Expr(int(1 + handle.name().len() as u64)),
                kind => self.arg(function, kind),
            };
            draft.args.push(arg);
        }
        draft
    }

    /// An argument of which only the kind matters.
    pub(crate) fn arg(&mut self, function: Function, kind: &Kind) -> Arg {
        match kind {
            Kind::Scalar(ty) => Arg::Expr(self.scalar(function, ty)),
            Kind::Gather => self.gather(),
            Kind::Scatter => self.scatter(),
            Kind::Buffer => Arg::Expr(int(self.dice.choose(&ROOM))),
            Kind::Subscriptions => Arg::Subscriptions(Vec::new(), Span::default()),
            Kind::Text | Kind::Strings => text(self.dice.choose(&NAMES).as_bytes()),
        }
    }

    pub(crate) fn scalar(&mut self, function: Function, ty: &'static Type) -> Expr {
        match ty.shape {
            Shape::Enum { cases, .. } => {
                let most = if ty.name == Some("clockid") { 2 } else { cases.len() };
                case(ty, self.dice.below(most) as u64)
            }
            Shape::Flags { .. } => flags(ty, self.flags(function, ty)),
            Shape::Handle => word(self.any_descriptor().name()),
            _ => self.answer(function, ty).unwrap_or_else(|| int(number::valid(self.dice, ty))),
        }
    }

    /// Now and then a number that an earlier call has answered.
    fn answer(&mut self, function: Function, ty: &Type) -> Option<Expr> {
        let byte = self.dice.byte();
        let field = |field| Expr::Field(name(Answer::Stat.variable()), name(field));
        // a host may have no room to allocate as much as a sparse file seems to have
        if byte >= 32 || function == Function::FdAllocate {
            return None;
        }
        match ty.name {
            Some("filesize" | "filedelta") if byte < 16 && self.scope.has(Answer::Position) => {
                Some(beside(Answer::Position.variable(), [0, 1, -1, 8][usize::from(byte) % 4]))
            }
            Some("filesize") if self.scope.has(Answer::Stat) => Some(field("size")),
            Some("timestamp") if self.scope.has(Answer::Stat) => Some(field(["atim", "mtim", "ctim"][usize::from(byte) % 3])),
            _ => None,
        }
    }

    /// Binds what a call answers, where a later one can be given it.
    fn keep_answer(&mut self, draft: &mut Draft) {
        let answer = match draft.function {
            Function::FdTell | Function::FdSeek => Answer::Position,
            Function::FdFilestatGet | Function::PathFilestatGet => Answer::Stat,
            _ => return,
        };
        if self.dice.percent(40) {
            (draft.bind, draft.effect) = (Some(answer.variable()), Effect::Keep(answer));
        }
    }

    /// Flags that mean something together.
    fn flags(&mut self, function: Function, ty: &'static Type) -> u64 {
        let allowed = self.swarm.flags(ty);
        let byte = self.dice.byte();
        match (function, ty.name) {
            (_, Some("fstflags")) => match allowed & TIME_FLAGS[usize::from(byte) % TIME_FLAGS.len()] {
                0 => fstflags::MTIM,
                set => set,
            },
            (_, Some("lookupflags")) => allowed & if byte < 128 { lookupflags::SYMLINK_FOLLOW } else { 0 },
            (_, Some("fdflags")) => {
                allowed & [fdflags::APPEND, 0, fdflags::NONBLOCK, fdflags::APPEND | fdflags::NONBLOCK][usize::from(byte) % 4]
            }
            (_, Some("sdflags")) => 1 + u64::from(byte) % 3,
            _ => 0,
        }
    }

    fn gather(&mut self) -> Arg {
        let piece = |(bytes, times): (&[u8], u32)| Literal { pieces: vec![(bytes.to_vec(), times)], span: Span::default() };
        let byte = self.dice.byte();
        if byte < 176 {
            return Arg::Literal(piece(DATA[usize::from(byte) % DATA.len()]));
        }
        let count = 2 + usize::from(byte) % 3;
        Arg::Literals((0..count).map(|_| piece(self.dice.choose(&DATA[..6]))).collect(), Span::default())
    }

    fn scatter(&mut self) -> Arg {
        let byte = self.dice.byte();
        if byte < 176 {
            return Arg::Expr(int(LENGTHS[usize::from(byte) % LENGTHS.len()]));
        }
        let count = 2 + usize::from(byte) % 3;
        Arg::List((0..count).map(|_| int(self.dice.choose(&LENGTHS))).collect(), Span::default())
    }

    // ---- descriptors ----

    /// Any descriptor that is open; there are preopens at least until they are closed.
    pub(crate) fn any_descriptor(&mut self) -> Handle {
        let at = self.dice.byte();
        self.scope.descriptor(at, |_| true).map_or(Handle::Preopen(0), |open| open.handle)
    }

    /// A descriptor that fits.
    fn descriptor(&mut self, need: Need) -> Option<Open> {
        let at = self.dice.byte();
        let stream = |handle| at.is_multiple_of(8) && self.mix.streams && handle == need.stream();
        let found = self.scope.descriptor(at, |open| match (need.descriptor, open.what) {
            (Descriptor::Any, _) => true,
            (Descriptor::Preopen, _) => matches!(open.handle, Handle::Preopen(_)),
            (Descriptor::Variable, _) => matches!(open.handle, Handle::Slot(_)),
            (Descriptor::Readable | Descriptor::Writable, What::Stream) => stream(Some(open.handle)),
            (_, What::Stream) => false,
            (Descriptor::File | Descriptor::Readable | Descriptor::Writable, What::Directory(_)) => false,
            (Descriptor::Directory | Descriptor::BaseOf(_), What::File(_)) => false,
            (_, _) => open.base & need.rights == need.rights,
        });
        found.or_else(|| need.stream().filter(|_| self.mix.streams && at % 4 == 1).and_then(|handle| self.scope.get(handle).copied()))
    }

    /// The call that makes what another call would need: a descriptor, or an entry.
    fn make_up_for(&mut self, need: Need) -> Draft {
        match need.descriptor {
            Descriptor::Directory => self.open_directory(),
            Descriptor::BaseOf(Entry::Link) => self.symlink(),
            Descriptor::BaseOf(Entry::EmptyDirectory) => self.at_entry(Function::PathCreateDirectory, 0, Entry::Free),
            Descriptor::File | Descriptor::Readable | Descriptor::Writable => self.open_file(need.rights),
            _ => self.open(),
        }
    }

    // ---- calls about descriptors ----

    fn readdir(&mut self) -> Draft {
        let need = Need::of(Function::FdReaddir);
        let Some(open) = self.descriptor(need) else { return self.make_up_for(need) };
        let cookie = match (open.listed, open.handle.list(), self.dice.byte()) {
            (true, Some(list), byte @ 0..144) => Expr::Next(name(list), u32::from(byte % 3), Span::default()),
            _ => int(0),
        };
        let args = vec![Arg::Expr(word(open.handle.name())), Arg::Expr(int(self.dice.choose(&ROOM))), Arg::Expr(cookie)];
        Draft { function: Function::FdReaddir, bind: open.handle.list(), args, base: None, effect: Effect::List(open.handle) }
    }

    fn renumber(&mut self) -> Draft {
        let need = Need::of(Function::FdRenumber);
        let Some(from) = self.descriptor(need) else { return self.make_up_for(need) };
        let at = self.dice.byte();
        let to = self.scope.descriptor(at, |open| matches!(open.handle, Handle::Slot(_)) && (open.handle != from.handle || at < 16));
        let Some(to) = to else { return self.open() };
        let args = [from.handle, to.handle].map(|handle| Arg::Expr(word(handle.name()))).to_vec();
        let effect = Effect::Renumber(from.handle, to.handle);
        Draft { function: Function::FdRenumber, bind: None, args, base: None, effect }
    }

    /// Takes rights away from a descriptor.
    fn narrow(&mut self) -> Draft {
        let need = Need::of(Function::FdFdstatSetRights);
        let Some(open) = self.descriptor(need) else { return self.make_up_for(need) };
        let (base, inheriting) = (open.base & self.kept_rights(), open.inheriting & self.kept_rights());
        let kinds = kinds(Function::FdFdstatSetRights);
        let mut args = vec![Arg::Expr(word(open.handle.name()))];
        for (kind, bits) in kinds[1..].iter().zip([base, inheriting]) {
            if let Kind::Scalar(ty) = kind {
                args.push(Arg::Expr(flags(ty, bits)));
            }
        }
        let effect = Effect::Rights(open.handle, base, inheriting);
        Draft { function: Function::FdFdstatSetRights, bind: None, args, base: None, effect }
    }

    /// Most rights, or all.
    pub(crate) fn kept_rights(&mut self) -> u64 {
        match self.dice.byte() {
            0..80 => u64::MAX,
            byte => !(1 << (byte % 30)) & !(1 << (self.dice.byte() % 30)),
        }
    }
}

impl Need {
    /// The standard stream that may stand in for a file.
    fn stream(self) -> Option<Handle> {
        match self.descriptor {
            Descriptor::Readable => Some(Handle::Stream(0)),
            Descriptor::Writable => Some(Handle::Stream(1)),
            _ => None,
        }
    }
}

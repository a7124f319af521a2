//! Pushes one argument of a valid call to the boundary of what it can be, or beyond.

use touchstone_model::script::params::Kind;
use touchstone_model::script::{Arg, Expr, Literal, Span, Subscription, SubscriptionKind};
use touchstone_spec::{Shape, Type};

use crate::ast::{case, flags, int, word};
use crate::need::kinds;
use crate::number;
use crate::scope::NAMES;
use crate::valid::{Draft, Effect, Maker};

/// How far a call is from a valid one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    Valid,
    Boundary,
    Abuse,
}

/// Lengths of many or empty buffers.
const BUFFERS: [&[u64]; 6] = [&[], &[0], &[0, 0], &[0, 5, 0], &[1; 16], &[70_000]];

/// Room for results: none, less than one entry or name needs, much.
const ROOM: [u64; 8] = [0, 1, 2, 4, 23, 25, 65_536, 100_000];

impl Maker<'_> {
    /// Changes one argument.
    pub(crate) fn spoil(&mut self, draft: &mut Draft, strength: Strength) {
        let kinds = kinds(draft.function);
        let drawn = self.dice.below(kinds.len());
        // a path has more that can be odd than anything else
        let path = kinds.iter().position(|kind| matches!(kind, Kind::Text)).filter(|_| self.dice.percent(40));
        let index = path.filter(|_| !matches!(kinds[drawn], Kind::Text)).unwrap_or(drawn);
        let Some(kind) = kinds.get(index).copied().filter(|_| index < draft.args.len()) else { return };
        let spoilt = match kind {
            Kind::Scalar(ty) => Arg::Expr(self.odd_scalar(draft, ty, strength)),
            Kind::Text => Arg::Literal(self.odd_text(draft, index)),
            Kind::Gather => self.odd_gather(),
            Kind::Scatter => self.odd_scatter(),
            Kind::Buffer => Arg::Expr(int(self.dice.choose(&ROOM))),
            Kind::Subscriptions => self.odd_subscriptions(strength),
            Kind::Strings => return,
        };
        draft.args[index] = spoilt;
        let still_likely = match kind {
            Kind::Scalar(ty) => strength == Strength::Boundary && !matches!(ty.shape, Shape::Handle),
            Kind::Text => false,
            Kind::Gather | Kind::Scatter | Kind::Buffer | Kind::Subscriptions | Kind::Strings => true,
        };
        if !still_likely {
            draft.effect = Effect::None;
        }
    }

    fn odd_scalar(&mut self, draft: &Draft, ty: &'static Type, strength: Strength) -> Expr {
        match (&ty.shape, strength) {
            (Shape::Handle, Strength::Abuse) => int(number::no_descriptor(self.dice)),
            (Shape::Handle, _) => word(self.any_descriptor().name()),
            (Shape::Enum { .. }, Strength::Abuse) => int(number::no_case(self.dice, ty)),
            (Shape::Enum { cases, .. }, _) => case(ty, self.dice.below(cases.len()) as u64),
            (Shape::Flags { .. }, Strength::Abuse) => int(number::no_flag(self.dice, ty)),
            (Shape::Flags { .. }, _) => {
                let bits = self.dice.word() & ty.all_flags();
                flags(ty, bits)
            }
            (_, _) => int(number::boundary(self.dice, draft.function, ty)),
        }
    }

    fn odd_text(&mut self, draft: &Draft, index: usize) -> Literal {
        let plain = match &draft.args[index] {
            Arg::Literal(literal) => literal.bytes(),
            _ => NAMES[0].into(),
        };
        if self.dice.percent(40) { self.another_path(draft.base) } else { self.odd_path(draft.base, &plain) }
    }

    fn odd_gather(&mut self) -> Arg {
        let literal = |len: &u64| Literal {
            pieces: vec![(b"q".repeat(usize::from(*len > 0)), u32::try_from(*len).unwrap_or(1).max(1))],
            span: Span::default(),
        };
        Arg::Literals(self.dice.choose(&BUFFERS).iter().map(literal).collect(), Span::default())
    }

    fn odd_scatter(&mut self) -> Arg {
        Arg::List(self.dice.choose(&BUFFERS).iter().map(|len| int(*len)).collect(), Span::default())
    }

    /// None, many, or one that is odd beside one that ends the poll.
    fn odd_subscriptions(&mut self, strength: Strength) -> Arg {
        let mut items: Vec<Subscription> = Vec::new();
        let byte = self.dice.byte();
        if strength == Strength::Boundary {
            let count = [0, 1, 8, 20][usize::from(byte) % 4];
            items.extend((0..count).map(|_| self.subscription()));
            if byte.is_multiple_of(3) {
                // a subscription names no variable; these numbers preopens and files mostly have
                let fd = int(3 + u64::from(byte % 6));
                let kind = if byte < 128 { SubscriptionKind::FdRead(fd) } else { SubscriptionKind::FdWrite(fd) };
                items.extend((count > 0).then(|| Subscription { kind, userdata: Some(int(7)), span: Span::default() }));
            }
            items.extend((count > 0).then(|| self.clock()));
            return Arg::Subscriptions(items, Span::default());
        }
        items.push(self.clock());
        let mut odd = self.clock();
        match (&mut odd.kind, byte % 3) {
            (SubscriptionKind::Clock(clock), 0) => clock.id = int(self.dice.choose(&[2, 3, 4, 255, -1])),
            (SubscriptionKind::Clock(clock), 1) => clock.flags = int(self.dice.choose(&[2, 3, 0x8000, 0xffff])),
            _ => odd.kind = SubscriptionKind::FdRead(int(number::no_descriptor(self.dice))),
        }
        items.push(odd);
        Arg::Subscriptions(items, Span::default())
    }
}

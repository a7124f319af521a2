//! Puts the calls of a script one after the other, and remembers what they do.

use arbitrary::Unstructured;
use touchstone_model::script::{Arg, Args, Call, Expr, Script, Span, Statement};
use touchstone_spec::Function;

use crate::ast::name;
use crate::dice::{CallDice, Dice};
use crate::mix::Mix;
use crate::raw::{Memory, takes_pointers};
use crate::scope::{Open, Scope, What};
use crate::spoil::Strength;
use crate::swarm::Swarm;
use crate::valid::{Change, Draft, Effect, Maker};
use crate::{CALL_BYTES, Sample};

/// A script that is being written.
struct Writer<'m> {
    mix: &'m Mix,
    swarm: Swarm,
    scope: Scope,
    memory: Memory,
    calls: Vec<Statement>,
}

/// Makes a sample from bytes.
pub(crate) fn write(input: &mut Unstructured<'_>, mix: &Mix) -> Sample {
    let swarm = Swarm::draw(&mut Dice::take(input), mix);
    let (world, scope) = crate::world::draw(input, mix);
    let mut writer =
        Writer { mix, swarm, scope, memory: Memory::default(), calls: Vec::with_capacity(mix.calls.min(input.len() / CALL_BYTES + 1)) };
    while writer.calls.len() < mix.calls && !input.is_empty() {
        let mut dice = CallDice::take(input);
        let is_last = input.is_empty() || writer.calls.len() + 1 == mix.calls;
        if writer.call(&mut dice, is_last) == Goes::Nowhere {
            break;
        }
    }
    let mut statements = writer.calls;
    statements.splice(0..0, writer.memory.statements());
    Sample { world, script: Script { statements } }
}

/// Where a program goes after a call.
#[derive(Debug, PartialEq, Eq)]
enum Goes {
    On,
    Nowhere,
}

impl Writer<'_> {
    /// Writes one call.
    fn call(&mut self, dice: &mut CallDice, is_last: bool) -> Goes {
        if let Some(end) = self.end(dice, is_last) {
            self.push(end, None);
            return Goes::Nowhere;
        }
        let Some(function) = self.swarm.function(dice.byte()) else { return Goes::Nowhere };
        let strength = self.strength(dice);
        let mut maker = Maker { dice, scope: &self.scope, swarm: &self.swarm, mix: self.mix };
        let mut draft = maker.valid(function);
        let may_find_zeros = draft.function != Function::PollOneoff || maker.mix.shortest_wait_nanoseconds == 0;
        let is_raw = strength == Strength::Abuse && takes_pointers(draft.function) && may_find_zeros && maker.dice.percent(50);
        if is_raw {
            let may_stop = is_last || maker.dice.percent(12);
            let args = maker.raw(&draft, &mut self.memory, may_stop);
            self.push(draft, Some(args));
            return Goes::On;
        }
        if strength != Strength::Valid {
            maker.spoil(&mut draft, strength);
            // what two odd arguments do together is a question of its own
            if maker.dice.percent(35) {
                maker.spoil(&mut draft, Strength::Boundary);
            }
        }
        forget_short_listing(&mut draft);
        self.apply(draft.effect);
        self.push(draft, None);
        Goes::On
    }

    fn strength(&self, dice: &mut CallDice) -> Strength {
        let share = self.mix.share;
        match dice.below(100) {
            draw if draw < usize::from(share.abuse) => Strength::Abuse,
            draw if draw < usize::from(share.abuse) + usize::from(share.boundary) => Strength::Boundary,
            _ => Strength::Valid,
        }
    }

    /// The end of the program: seldom before the last call, so that scripts are not cut short.
    fn end(&self, dice: &mut CallDice, is_last: bool) -> Option<Draft> {
        let draw = dice.byte();
        let ends = draw < if is_last { 32 } else { 1 };
        let function = if dice.byte() < 208 { Function::ProcExit } else { Function::ProcRaise };
        if !ends || !self.swarm.has(function) {
            return None;
        }
        let mut maker = Maker { dice, scope: &self.scope, swarm: &self.swarm, mix: self.mix };
        let mut draft = maker.valid(function);
        match self.strength(maker.dice) {
            Strength::Valid => {}
            strength => maker.spoil(&mut draft, strength),
        }
        Some(draft)
    }

    fn push(&mut self, draft: Draft, raw: Option<Args>) {
        let bind = draft.bind.filter(|_| raw.is_none()).map(name);
        let args = raw.unwrap_or(Args::Typed(draft.args));
        let call = Call { bind, function: draft.function, args, expect: Vec::new(), span: Span::default() };
        self.calls.push(Statement::Call(call));
    }

    /// Takes a call to have succeeded.
    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Tree(Change::Make(spot, kind)) => {
                self.scope.make(spot, kind);
            }
            Effect::Tree(Change::Remove(node)) => self.scope.remove(node),
            Effect::Tree(Change::Move(node, spot)) => self.scope.rename(node, spot),
            Effect::Open(open, None) => self.scope.open(open),
            Effect::Open(open, Some(spot)) => {
                let node = self.scope.make(spot, crate::scope::Kind::File);
                self.scope.open(Open { what: What::File(node), ..open });
            }
            Effect::Close(handle) => self.scope.close(handle),
            Effect::Renumber(from, to) => self.scope.renumber(from, to),
            Effect::Rights(handle, base, inheriting) => {
                if let Some(open) = self.scope.get_mut(handle) {
                    (open.base, open.inheriting) = (base, inheriting);
                }
            }
            Effect::Keep(answer) => self.scope.keep(answer),
            Effect::List(handle) => {
                if let Some(open) = self.scope.get_mut(handle) {
                    open.listed = true;
                }
            }
        }
    }
}

/// Room in which the entries are whole whose cookies later calls use: `.`, `..` and the head of the third.
const LISTED_BYTES: i128 = 128;

/// A listing into less room is bound to no variable: the cookie of an entry that did not fit would be whatever memory holds there,
/// which differs from run to run.
fn forget_short_listing(draft: &mut Draft) {
    let room = if let Some(Arg::Expr(Expr::Int(room))) = draft.args.get(1) { room.value } else { 0 };
    if draft.function == Function::FdReaddir && room < LISTED_BYTES {
        (draft.bind, draft.effect) = (None, Effect::None);
    }
}

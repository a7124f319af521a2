//! What a sample must be before anybody is asked about it.

use std::collections::BTreeSet;

use touchstone_model::script::check::{Meaning, Scope, check};
use touchstone_model::script::{Arg, Args, Expr, Script, Statement, Subscription, SubscriptionKind};
use touchstone_model::world::{NodeKind, Preopen, Tree, World};

use crate::Sample;

/// Bytes of a name that every host's file system takes.
const NAME_BYTES: usize = 255;

/// Bytes of the target of a symbolic link that every host's file system takes.
const TARGET_BYTES: usize = 4095;

/// Whether a sample can be run: every name means something, every number fits, and the world can be built.
pub(super) fn is_valid(sample: &Sample) -> bool {
    let Sample { world, script } = sample;
    is_buildable(world) && check(script, world).is_ok() && is_settled(script, Scope::new(world))
}

/// Whether all that is laid out before the first call is known by then: subscriptions are.
fn is_settled(script: &Script, mut scope: Scope) -> bool {
    script.statements.iter().all(|statement| {
        let settled = match statement {
            Statement::Call(call) => match &call.args {
                Args::Typed(args) => args.iter().all(|arg| match arg {
                    Arg::Subscriptions(items, _) => items.iter().all(|item| is_known(item, &scope)),
                    Arg::Expr(_) | Arg::Literal(_) | Arg::Literals(..) | Arg::List(..) => true,
                }),
                Args::Raw(_) => true,
            },
            Statement::Comment(_) | Statement::Buffer(_) => true,
        };
        scope.enter(statement);
        settled
    })
}

fn is_known(item: &Subscription, scope: &Scope) -> bool {
    let known = |expr: &Expr, ty: &str| match scope.meaning(expr, touchstone_spec::type_by_name(ty)) {
        Ok(mut meaning) => {
            while let Meaning::Offset(base, _) = meaning {
                meaning = *base;
            }
            matches!(meaning, Meaning::Const(_) | Meaning::Buffer(_))
        }
        Err(_) => false,
    };
    let kind = match &item.kind {
        SubscriptionKind::Clock(clock) => {
            known(&clock.id, "clockid")
                && known(&clock.timeout, "timestamp")
                && known(&clock.precision, "timestamp")
                && known(&clock.flags, "subclockflags")
        }
        SubscriptionKind::FdRead(fd) | SubscriptionKind::FdWrite(fd) => known(fd, "fd"),
    };
    kind && item.userdata.as_ref().is_none_or(|userdata| known(userdata, "userdata"))
}

/// Whether a host can make this world.
pub(super) fn is_buildable(world: &World) -> bool {
    let distinct = |names: Vec<&str>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let texts = world.args.iter().chain(world.env.iter().flat_map(|(key, value)| [key, value]));
    let preopens = || world.preopens.iter();
    texts.into_iter().all(|text| !text.contains('\0'))
        && world.env.iter().all(|(key, _)| !key.is_empty() && !key.contains('='))
        && distinct(world.env.iter().map(|(key, _)| key.as_str()).collect())
        && distinct(preopens().map(|preopen| preopen.name.as_str()).collect())
        && distinct(preopens().map(|preopen| preopen.guest.as_str()).collect())
        && preopens().all(is_preopen)
        && preopens()
            .filter_map(|preopen| preopen.within.as_ref())
            .all(|within| preopens().any(|outer| outer.name == within.preopen && outer.within.is_none()))
}

fn is_preopen(preopen: &Preopen) -> bool {
    let Preopen { name, guest, tree, .. } = preopen;
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain
        && !guest.is_empty()
        && !guest.contains('\0')
        && tree.0.iter().all(|(path, node)| is_path(path, tree) && is_node(&node.kind, tree))
}

/// Whether a path of a tree has plain names, and directories above its end.
fn is_path(path: &str, tree: &Tree) -> bool {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && name.len() <= NAME_BYTES && !name.contains('\0');
    let slashes = path.match_indices('/').map(|(at, _)| &path[..at]);
    let is_folder = |path: &str| tree.0.get(path).is_none_or(|node| matches!(node.kind, NodeKind::Directory | NodeKind::Filled(_)));
    path.split('/').all(plain) && slashes.into_iter().all(is_folder)
}

fn is_node(kind: &NodeKind, tree: &Tree) -> bool {
    match kind {
        NodeKind::File(_) | NodeKind::Directory | NodeKind::Filled(_) => true,
        NodeKind::Symlink(target) => !target.is_empty() && target.len() <= TARGET_BYTES && !target.contains('\0'),
        NodeKind::HardLink(target) => tree.0.get(target).is_some_and(|node| matches!(node.kind, NodeKind::File(_))),
    }
}

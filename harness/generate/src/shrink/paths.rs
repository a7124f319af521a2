//! Names of files, changed wherever they stand: in the script's paths, in the trees, and in what symbolic links point to.

use std::collections::BTreeSet;

use touchstone_model::script::{Arg, Args, Call, Literal, Script, Statement};
use touchstone_model::world::{NodeKind, Tree};

use super::names;
use crate::Sample;

/// The samples in which one name is shorter everywhere, or one directory less lies on all ways, or on one.
pub(super) fn steps(sample: &Sample) -> Vec<Sample> {
    let names = file_names(sample);
    let free = ('a'..='z').map(|letter| vec![letter as u8]).find(|letter| !names.contains(letter));
    let mut out = Vec::new();
    for name in &names {
        out.extend(mapped(sample, &|path| without(path, name)));
        out.extend(free.iter().filter_map(|free| mapped(sample, &|path| renamed(path, |part| (part == name).then(|| free.clone())))));
        // where it must be long: as plain as can be, and one byte less
        for other in [vec![b'a'; name.len()], name[..name.len() - 1].to_vec()] {
            if !other.is_empty() && !names.contains(&other) {
                out.extend(mapped(sample, &|path| renamed(path, |part| (part == name).then(|| other.clone()))));
            }
        }
    }
    // what must be long may not need to lie deep
    for path in literals(&sample.script).map(Literal::bytes).filter(|path| path.contains(&b'/')) {
        for name in free.iter().cloned().chain([vec![b'a'; path.len()]]).filter(|name| !names.contains(name)) {
            out.extend(mapped(sample, &|other| if other == path { name.clone() } else { other.to_vec() }));
        }
    }
    out.extend(in_order(sample, &names));
    out
}

/// All names of one letter in the order of the alphabet.
fn in_order(sample: &Sample, names: &[Vec<u8>]) -> Option<Sample> {
    let short: Vec<&[u8]> = names.iter().map(Vec::as_slice).filter(|name| name.len() == 1).collect();
    let letter = |part: &[u8]| (b'a'..=b'z').nth(short.iter().position(|name| *name == part)?).map(|letter| vec![letter]);
    mapped(sample, &|path| renamed(path, letter))
}

/// Every name of a file, in the order in which they are first met.
fn file_names(sample: &Sample) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for literal in literals(&sample.script) {
        found.extend(literal.bytes().split(|byte| *byte == b'/').map(<[u8]>::to_vec));
    }
    for preopen in &sample.world.preopens {
        for (path, node) in &preopen.tree.0 {
            let target = match &node.kind {
                NodeKind::Symlink(target) | NodeKind::HardLink(target) => target,
                NodeKind::File(_) | NodeKind::Directory | NodeKind::Filled(_) => "",
            };
            found.extend([path.as_str(), target].into_iter().flat_map(|path| path.split('/')).map(|part| part.as_bytes().to_vec()));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|name| !matches!(name.as_slice(), b"" | b"." | b"..") && seen.insert(name.clone()));
    found
}

/// The paths of a script.
fn literals(script: &Script) -> impl Iterator<Item = &Literal> {
    script.statements.iter().flat_map(|statement| {
        let Statement::Call(Call { args: Args::Typed(args), function, .. }) = statement else { return Vec::new() };
        let texts = names::paths(*function).into_iter();
        texts.filter_map(|(_, text)| if let Arg::Literal(literal) = &args[text] { Some(literal) } else { None }).collect()
    })
}

/// A path in which names are others.
fn renamed(path: &[u8], other: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').map(|part| other(part).unwrap_or_else(|| part.to_vec())).collect();
    parts.join(&b'/')
}

/// A path that does not go through a directory of that name.
fn without(path: &[u8], name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| *part != name).collect();
    parts.join(&b'/')
}

/// The sample with every path changed. `None` if two entries of a tree would have the same path, or one would have none.
fn mapped(sample: &Sample, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Option<Sample> {
    let mut out = sample.clone();
    for statement in &mut out.script.statements {
        if let Statement::Call(Call { args: Args::Typed(args), function, .. }) = statement {
            for (_, text) in names::paths(*function) {
                if let Arg::Literal(literal) = &mut args[text] {
                    let old = literal.bytes();
                    let new = change(&old);
                    if new != old {
                        *literal = Literal::new(&new);
                    }
                }
            }
        }
    }
    let text = |path: &str| String::from_utf8(change(path.as_bytes())).ok();
    for preopen in &mut out.world.preopens {
        let mut tree = Tree::default();
        for (path, node) in &preopen.tree.0 {
            let mut node = node.clone();
            if let NodeKind::Symlink(target) | NodeKind::HardLink(target) = &mut node.kind {
                *target = text(target)?;
            }
            let path = text(path)?;
            // a directory that is on no way any more
            if path.is_empty() && node.kind == NodeKind::Directory {
                continue;
            }
            if tree.0.insert(path, node).is_some() {
                return None;
            }
        }
        preopen.tree = tree;
    }
    Some(out)
}

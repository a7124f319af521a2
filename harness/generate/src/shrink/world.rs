//! A smaller world: everything that is not as in the world of a case that says nothing goes, or becomes shorter.

use touchstone_model::script::{Name, Script};
use touchstone_model::world::{Access, Node, NodeKind, Preopen, Stdin, StdioKind, Tree, World};

use super::{names, numbers, text};
use crate::Sample;

/// The samples with one thing less in their world, or a shorter one.
pub(super) fn steps(sample: &Sample) -> Vec<Sample> {
    let world = &sample.world;
    let worlds = plain(world).into_iter().chain(texts(world)).chain(input(world));
    let preopens = (0..world.preopens.len()).flat_map(|at| simpler_preopen(&world.preopens[at]).into_iter().map(move |new| (at, new)));
    let trees = preopens.map(|(at, preopen)| {
        let mut out = world.clone();
        out.preopens[at] = preopen;
        out
    });
    let same_script = worlds.chain(trees).map(|world| Sample { world, script: sample.script.clone() });
    fewer_preopens(sample).into_iter().chain(same_script).collect()
}

/// Each setting as it is where nothing is said.
fn plain(world: &World) -> Vec<World> {
    let default = World::default();
    let emptied = world.preopens.iter().map(|preopen| Preopen { tree: Tree::default(), ..preopen.clone() }).collect();
    vec![
        default.clone(),
        World { preopens: world.preopens.clone(), ..default.clone() },
        World { preopens: emptied, ..world.clone() },
        World { args: default.args, ..world.clone() },
        World { env: default.env, ..world.clone() },
        World { stdin: default.stdin, ..world.clone() },
        World { stdout: default.stdout, ..world.clone() },
        World { calls: default.calls, ..world.clone() },
        World { sockets: default.sockets, ..world.clone() },
        World { times_unknown: default.times_unknown, ..world.clone() },
    ]
}

/// Fewer and shorter arguments and variables.
fn texts(world: &World) -> Vec<World> {
    let mut out = Vec::new();
    let mut with_args = |args: Vec<String>| out.push(World { args, ..world.clone() });
    // a program has a name
    if world.args.len() > 1 {
        (0..world.args.len()).for_each(|at| with_args([&world.args[..at], &world.args[at + 1..]].concat()));
    }
    for (at, arg) in world.args.iter().enumerate() {
        let simpler = text::simpler_text(arg, false).into_iter();
        simpler.for_each(|arg| with_args([&world.args[..at], &[arg], &world.args[at + 1..]].concat()));
    }
    let mut with_env = |mut env: Vec<(String, String)>| {
        // as front matter has them
        env.sort_unstable();
        out.push(World { env, ..world.clone() });
    };
    (0..world.env.len()).for_each(|at| with_env([&world.env[..at], &world.env[at + 1..]].concat()));
    for (at, (key, value)) in world.env.iter().enumerate() {
        let free = ('a'..='z').map(String::from).find(|letter| world.env.iter().all(|(key, _)| key != letter));
        let keys = text::simpler_text(key, false).into_iter().chain(free).map(|key| (key, value.clone()));
        let values = text::simpler_text(value, false).into_iter().map(|value| (key.clone(), value));
        keys.chain(values).for_each(|pair| with_env([&world.env[..at], &[pair], &world.env[at + 1..]].concat()));
    }
    out
}

/// A plainer standard input.
fn input(world: &World) -> Vec<World> {
    let stdin = &world.stdin;
    let mut out = vec![Stdin { kind: StdioKind::Pipe, ..stdin.clone() }, Stdin { open: false, ..stdin.clone() }];
    let bytes = text::simpler_bytes(&stdin.bytes, false).into_iter();
    out.extend(bytes.map(|bytes| Stdin { bytes, ..stdin.clone() }));
    out.into_iter().map(|stdin| World { stdin, ..world.clone() }).collect()
}

fn simpler_preopen(preopen: &Preopen) -> Vec<Preopen> {
    let mut out =
        vec![Preopen { guest: format!("/{}", preopen.name), ..preopen.clone() }, Preopen { access: Access::ReadWrite, ..preopen.clone() }];
    let mut with = |tree: Tree| out.push(Preopen { tree, ..preopen.clone() });
    for path in preopen.tree.0.keys() {
        let mut tree = preopen.tree.clone();
        tree.0.retain(|other, _| other != path && !other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')));
        with(tree);
        let mut tree = preopen.tree.clone();
        tree.0.remove(path);
        with(tree);
    }
    preopen.tree.0.keys().filter_map(|path| relinked(&preopen.tree, path)).for_each(&mut with);
    for (path, node) in &preopen.tree.0 {
        for simpler in simpler_node(node) {
            let mut tree = preopen.tree.clone();
            tree.0.insert(path.clone(), simpler);
            with(tree);
        }
        for shorter in text::simpler_text(path, true) {
            let mut tree = preopen.tree.clone();
            tree.0.remove(path);
            // what is there already must not go unseen
            if tree.0.insert(shorter, node.clone()).is_none() {
                with(tree);
            }
        }
    }
    out
}

/// The tree in which a symbolic link points to where it lies, and what it pointed to is gone; or in which a hard link and the file
/// that it names have changed places.
fn relinked(tree: &Tree, path: &str) -> Option<Tree> {
    let mut out = tree.clone();
    match &tree.0.get(path)?.kind {
        NodeKind::Symlink(target) => {
            let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            out.0.remove(&format!("{folder}{target}"))?;
            out.0.get_mut(path)?.kind = NodeKind::Symlink(".".to_owned());
        }
        NodeKind::HardLink(target) => {
            let file = out.0.remove(target)?;
            out.0.insert(target.clone(), Node::from(NodeKind::HardLink(path.to_owned())));
            for node in out.0.values_mut() {
                if let NodeKind::HardLink(other) = &mut node.kind
                    && other == target
                {
                    path.clone_into(other);
                }
            }
            out.0.insert(path.to_owned(), file);
        }
        NodeKind::File(_) | NodeKind::Directory | NodeKind::Filled(_) => return None,
    }
    Some(out)
}

fn simpler_node(node: &Node) -> Vec<Node> {
    let mut out = vec![
        Node::from(NodeKind::File(Vec::new())),
        Node::from(NodeKind::Directory),
        Node::from(node.kind.clone()),
        Node { mode: None, ..node.clone() },
        Node { mtime: None, ..node.clone() },
    ];
    let with = |kind: NodeKind| Node { kind, ..node.clone() };
    match &node.kind {
        NodeKind::File(bytes) => out.extend(text::simpler_bytes(bytes, false).into_iter().map(|bytes| with(NodeKind::File(bytes)))),
        NodeKind::Symlink(target) => {
            out.extend(text::simpler_text(target, true).into_iter().map(|target| with(NodeKind::Symlink(target))));
        }
        NodeKind::Filled(count) => {
            let fewer = numbers::smaller((*count).into()).into_iter().filter_map(|count| u32::try_from(count).ok());
            out.extend(fewer.map(|count| with(NodeKind::Filled(count))));
        }
        NodeKind::Directory | NodeKind::HardLink(_) => {}
    }
    let times = node.mtime.iter().flat_map(|mtime| numbers::smaller((*mtime).into())).filter_map(|mtime| u64::try_from(mtime).ok());
    out.extend(times.map(|mtime| Node { mtime: Some(mtime), ..node.clone() }));
    let modes = node.mode.iter().flat_map(|mode| numbers::smaller((*mode).into())).filter_map(|mode| u32::try_from(mode).ok());
    out.extend(modes.map(|mode| Node { mode: Some(mode), ..node.clone() }));
    out
}

/// One preopen less, alone or with everything in it moved to another; and preopens that are called as one
/// calls them: `root` where there is one.
fn fewer_preopens(sample: &Sample) -> Vec<Sample> {
    let preopens = &sample.world.preopens;
    let mut out = Vec::new();
    if preopens.is_empty() {
        out.push(vec![Preopen::new("root")]);
    }
    for gone in 0..preopens.len() {
        let others = [&preopens[..gone], &preopens[gone + 1..]].concat();
        if !others.is_empty() {
            out.push(others);
        }
    }
    let mut out: Vec<Sample> = out
        .into_iter()
        .map(|preopens| Sample { world: World { preopens, ..sample.world.clone() }, script: sample.script.clone() })
        .collect();
    for at in 0..preopens.len() {
        out.extend((0..preopens.len()).filter(|into| *into != at).map(|into| merged(sample, at, into)));
    }
    // in the order of the alphabet, as front matter has them
    let names: Vec<String> = if preopens.len() == 1 { vec!["root".to_owned()] } else { ('p'..='z').map(String::from).collect() };
    out.extend((preopens.len() <= names.len()).then(|| renamed(sample, &names)));
    out
}

/// The sample whose preopens have other names.
fn renamed(sample: &Sample, names: &[String]) -> Sample {
    let mut out = sample.clone();
    for (preopen, name) in out.world.preopens.iter_mut().zip(names) {
        if preopen.guest.strip_prefix('/') == Some(&preopen.name) {
            preopen.guest = format!("/{name}");
        }
        preopen.name.clone_from(name);
    }
    for statement in &mut out.script.statements {
        names::visit(statement, &mut |used| {
            if let Some(at) = sample.world.preopens.iter().position(|preopen| preopen.name == used.text) {
                used.text.clone_from(&names[at]);
            }
        });
    }
    out
}

/// The sample in which everything below one preopen lies below another.
fn merged(sample: &Sample, gone: usize, into: usize) -> Sample {
    let mut world = sample.world.clone();
    let tree = std::mem::take(&mut world.preopens[gone].tree);
    for (path, node) in tree.0 {
        world.preopens[into].tree.0.entry(path).or_insert(node);
    }
    let script = called(&sample.script, &world.preopens[gone].name, &world.preopens[into].name);
    world.preopens.remove(gone);
    Sample { world, script }
}

/// The script that calls a preopen by another name. Nothing else can have had the old one.
fn called(script: &Script, old: &str, new: &str) -> Script {
    let mut out = script.clone();
    for statement in &mut out.statements {
        names::visit(statement, &mut |name: &mut Name| {
            if name.text == old {
                new.clone_into(&mut name.text);
            }
        });
    }
    out
}

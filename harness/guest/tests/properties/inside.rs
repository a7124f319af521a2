//! Nothing that the oracle accepts resolves outside.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{option, prop_oneof, sample};
use touchstone_generate::{Functions, Mix, Sample, Share};
use touchstone_model::script::parse::parse;
use touchstone_model::script::print::quoted;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::tree::{EntryKind, TreeSnapshot};
use touchstone_model::world::{Node, NodeKind, Preopen, Tree, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::state::{InodeId, Kind, What};
use touchstone_oracle::{Checker, Host, State, snapshot};
use touchstone_spec::Function;
use touchstone_spec::consts::{filestat, filetype, lookupflags, oflags, rights};
use touchstone_spec::memory::Output;

use crate::drawn::{Drawn, holds, samples};
use crate::lands::{Astray, Way, at, lands};
use crate::watch::{Seen, watch};

/// One of a call's paths: which parameter is its descriptor, which of the inputs its text, and whether flags can ask for a link
/// at its end to be followed.
struct Param {
    fd: usize,
    input: usize,
    follows: bool,
}

/// The paths that a function takes.
fn params(function: Function) -> Vec<Param> {
    let one = |fd, input, follows| Param { fd, input, follows };
    match function {
        Function::PathOpen | Function::PathFilestatGet | Function::PathFilestatSetTimes => vec![one(0, 0, true)],
        Function::PathCreateDirectory | Function::PathReadlink | Function::PathRemoveDirectory | Function::PathUnlinkFile => {
            vec![one(0, 0, false)]
        }
        Function::PathSymlink => vec![one(2, 1, false)],
        Function::PathLink => vec![one(0, 0, true), one(4, 1, false)],
        Function::PathRename => vec![one(0, 0, false), one(3, 1, false)],
        _ => Vec::new(),
    }
}

/// Whether a call follows a link at the end of this path.
fn follows(call: &TraceCall, param: &Param) -> bool {
    const NEW: u64 = oflags::CREAT | oflags::EXCL;
    let makes = call.function == Function::PathOpen && call.args[4] & NEW == NEW;
    param.follows && call.args[1] & lookupflags::SYMLINK_FOLLOW != 0 && !makes
}

/// Whether a call has nothing to do, for which nobody need look at its path.
fn sets_no_times(call: &TraceCall) -> bool {
    call.function == Function::PathFilestatSetTimes && call.args[6] == 0
}

/// The directory that a path starts from.
fn base(state: &State, call: &TraceCall, param: &Param) -> Option<InodeId> {
    match state.fds.get(u32::try_from(call.args[param.fd]).ok()?)?.what {
        What::Directory(inode) => Some(inode),
        What::File(_) | What::Stream(_) | What::Socket(_) | What::Foreign => None,
    }
}

/// The preopen that a directory lies below, and the names down to it.
fn names(state: &State, directory: InodeId) -> Option<(String, Way)> {
    let mut preopens = state.world.preopens.iter().zip(&state.world.names);
    preopens.find_map(|(preopen, name)| Some((name.clone(), way_down(state, preopen.root, directory)?)))
}

fn way_down(state: &State, from: InodeId, to: InodeId) -> Option<Way> {
    if from == to {
        return Some(Vec::new());
    }
    let entries = &state.inodes.directory(from)?.entries;
    entries.iter().find_map(|(name, entry)| {
        let mut way = way_down(state, *entry, to)?;
        way.insert(0, String::from_utf8_lossy(name).into_owned());
        Some(way)
    })
}

/// All that names lead to from an inode.
fn below(state: &State, from: InodeId) -> BTreeSet<InodeId> {
    let entries = state.inodes.directory(from).into_iter().flat_map(|directory| directory.entries.values());
    entries.flat_map(|entry| below(state, *entry)).chain([from]).collect()
}

/// Inodes that are not as they were, those that are new, and those that descriptors were opened for.
fn touched(before: &State, after: &State) -> BTreeSet<InodeId> {
    let old: Vec<_> = before.inodes.iter().map(|(_, inode)| inode).collect();
    let same = |id: InodeId| {
        let now = after.inodes.get(id);
        old.get(id.number() as usize).is_some_and(|then| {
            let kind = match (&then.kind, &now.kind) {
                (Kind::File(then), Kind::File(now)) => then == now,
                (Kind::Symlink(then), Kind::Symlink(now)) => then == now,
                (Kind::Directory(then), Kind::Directory(now)) => then.entries == now.entries && then.removed == now.removed,
                (Kind::File(_) | Kind::Symlink(_) | Kind::Directory(_), _) => false,
            };
            let (then, now) = (then, now);
            kind && (then.nlink, then.identity) == (now.nlink, now.identity) && (then.atime, then.mtime) == (now.atime, now.mtime)
        })
    };
    let changed = after.inodes.iter().map(|(id, _)| id).filter(|id| !same(*id));
    let opened = after.fds.iter().filter(|fd| before.fds.get(fd.number).is_none()).filter_map(|fd| match fd.what {
        What::File(inode) | What::Directory(inode) => Some(inode),
        What::Stream(_) | What::Socket(_) | What::Foreign => None,
    });
    changed.chain(opened).collect()
}

/// A call that succeeded touched only what lies below its descriptors, and the second opinion has its paths lead there too.
fn stays_inside(seen: &Seen<'_>) -> Result<(), String> {
    let params = params(seen.call.function);
    if params.is_empty() || !seen.succeeded() {
        return Ok(());
    }
    let tree = snapshot(seen.before);
    let mut inside = BTreeSet::new();
    for param in &params {
        let Some(directory) = base(seen.before, seen.call, param) else { return Err("its base is no directory".to_owned()) };
        inside.extend(below(seen.before, directory).into_iter().chain(below(seen.after.state(), directory)));
        // to a directory that was removed no names lead
        let Some((preopen, way)) = names(seen.before, directory) else { continue };
        let path = String::from_utf8(seen.call.inputs[param.input].kept().to_vec()).map_err(|_| "a path that is no text")?;
        if !sets_no_times(seen.call) {
            let landed = lands(&tree, &preopen, &way, &path, follows(seen.call, param));
            landed.map_err(|astray| format!("{path:?} from {way:?} leads {astray:?}"))?;
        }
    }
    let stray: Vec<InodeId> = touched(seen.before, seen.after.state()).difference(&inside).copied().collect();
    if stray.is_empty() { Ok(()) } else { Err(format!("it touched {stray:?}, which are not below its descriptors")) }
}

/// Calls that take paths, and what they need.
fn about_paths() -> Mix {
    let also = [Function::FdClose, Function::FdRenumber, Function::FdFilestatGet];
    let functions: Vec<Function> = Function::ALL.into_iter().filter(|it| !params(*it).is_empty() || also.contains(it)).collect();
    Mix { functions: Functions::of(&functions), share: Share { boundary: 45, abuse: 3 }, streams: false, ..Mix::default() }
}

#[test]
fn calls_touch_only_what_lies_below_their_descriptors() {
    let successes = Cell::new(0);
    holds(4000, &samples(&about_paths()), |Drawn(sample)| {
        let count = |seen: &Seen<'_>| !params(seen.call.function).is_empty() && seen.succeeded();
        watch(&sample, |seen| {
            successes.set(successes.get() + u32::from(count(seen)));
            stays_inside(seen)
        })
        .map(|_| ())
    });
    assert!(successes.get() > 20_000, "only {} calls succeeded", successes.get());
}

// ---- one path in one tree ----

/// Parts of paths and targets. The names that trees have are among them.
const PARTS: [&str; 15] = ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "..", "..", ".", "", "root"];

/// A path or a target: parts, with a slash before and behind now and then.
fn paths() -> impl Strategy<Value = String> {
    let slash = || prop_oneof![15 => Just(""), 1 => Just("/")];
    let parts = vec(sample::select(&PARTS[..]), 1..5).prop_map(|parts| parts.join("/"));
    (slash(), parts, slash()).prop_map(|(before, parts, behind)| format!("{before}{parts}{behind}"))
}

/// Trees of few names, so that paths meet them: directories, files and many links, up to three names deep.
fn trees() -> impl Strategy<Value = Tree> {
    let names = || vec(sample::select(&PARTS[..3]), 1..4).prop_map(|names| names.join("/"));
    let kinds = prop_oneof![
        3 => Just(NodeKind::Directory),
        1 => Just(NodeKind::File(b"inside".to_vec())),
        3 => paths().prop_filter("a target", |target| !target.is_empty()).prop_map(NodeKind::Symlink),
    ];
    vec((names(), kinds), 0..16).prop_map(|entries| {
        let mut tree = Tree::default();
        for (path, kind) in entries {
            let parents: Vec<&str> = path.match_indices('/').map(|(end, _)| &path[..end]).collect();
            let is_other = |path: &&str| tree.0.get(*path).is_some_and(|node| node.kind != NodeKind::Directory);
            if tree.0.contains_key(&path) || parents.iter().any(is_other) {
                continue;
            }
            parents.iter().for_each(|parent| {
                tree.0.entry((*parent).to_owned()).or_insert_with(|| Node::from(NodeKind::Directory));
            });
            tree.0.insert(path, Node::from(kind));
        }
        tree
    })
}

/// One call about a path, from the preopen or from a directory below it.
#[derive(Debug)]
struct Asked {
    tree: Tree,
    /// Which of the tree's directories the path starts from; the preopen itself without one.
    base: Option<sample::Index>,
    path: String,
    follow: bool,
}

fn asked() -> impl Strategy<Value = Asked> {
    (trees(), option::of(any::<sample::Index>()), paths(), any::<bool>()).prop_map(|(tree, base, path, follow)| Asked {
        tree,
        base,
        path,
        follow,
    })
}

/// What directories are opened with: all rights but those that ask for a file to be written.
const DIRECTORY_RIGHTS: u64 =
    ((1 << 28) - 1) & !(rights::FD_WRITE | rights::FD_DATASYNC | rights::FD_ALLOCATE | rights::FD_FILESTAT_SET_SIZE);

impl Asked {
    fn world(&self) -> World {
        World { preopens: vec![Preopen { tree: self.tree.clone(), ..Preopen::new("root") }], ..World::default() }
    }

    /// The path of the directory that the path starts from.
    fn base(&self) -> Option<&str> {
        let is_directory = |(_, node): &(&String, &Node)| node.kind == NodeKind::Directory;
        let directories: Vec<&str> = self.tree.0.iter().filter(is_directory).map(|(path, _)| path.as_str()).collect();
        self.base.filter(|_| !directories.is_empty()).map(|index| directories[index.index(directories.len())])
    }

    /// Where the path leads.
    fn lands(&self) -> Result<(Way, usize), Astray> {
        let base: Way = self.base().into_iter().flat_map(|path| path.split('/')).map(str::to_owned).collect();
        lands(&TreeSnapshot::of_world(&self.world()), "root", &base, &self.path, self.follow)
    }

    /// A script that makes one call: `${fd}`, `${path}` and `${follow}` in it stand for the descriptor, the path and the flags.
    fn sample(&self, call: &str) -> Sample {
        let open = self.base().map(|base| {
            let path = quoted(base.as_bytes());
            format!("d = path_open(root, 0, {path}, [directory], {DIRECTORY_RIGHTS}, {DIRECTORY_RIGHTS}, 0)\n")
        });
        let fd = if open.is_some() { "d" } else { "root" };
        let follow = if self.follow { "[symlink_follow]" } else { "0" };
        let call = call.replace("${fd}", fd).replace("${follow}", follow).replace("${path}", &quoted(self.path.as_bytes()));
        let text = format!("{}{call}\n", open.unwrap_or_default());
        let script = parse(&text).unwrap_or_else(|mistake| panic!("{}\n{text}", mistake.message));
        Sample { world: self.world(), script }
    }
}

/// The trace of a sample on the reference.
fn trace(sample: &Sample) -> Result<Vec<TraceCall>, String> {
    watch(sample, stays_inside).map(|(calls, _)| calls)
}

#[test]
fn a_path_is_found_where_the_second_opinion_has_it() {
    // found, outside, nowhere
    let tally = Cell::new([0; 3]);
    holds(8000, &asked(), |asked| {
        let trace = trace(&asked.sample("path_filestat_get(${fd}, ${follow}, ${path})"))?;
        let outcome = trace.last().and_then(|call| call.outcome.as_ref()).ok_or("no answer")?;
        let landed = asked.lands();
        let tree = TreeSnapshot::of_world(&asked.world());
        let there = landed.as_ref().map(|(way, _)| at(&tree, "root", way));
        let mut counts = tally.get();
        counts[match there {
            Ok(Some(_)) => 0,
            Err(Astray::Outside) => 1,
            Ok(None) | Err(Astray::Nowhere) => 2,
        }] += 1;
        tally.set(counts);
        let agrees = match there {
            // a slash behind it asks for a directory
            Ok(Some(kind)) if !asked.path.ends_with('/') || *kind == EntryKind::Directory => {
                let is = outcome.outputs.first().map(|stat| u64::from(stat.kept()[filestat::FILETYPE]));
                is == Some(match kind {
                    EntryKind::Directory => filetype::DIRECTORY,
                    EntryKind::File(_) => filetype::REGULAR_FILE,
                    EntryKind::Symlink(_) | EntryKind::Other => filetype::SYMBOLIC_LINK,
                })
            }
            Ok(Some(_) | None) | Err(_) => outcome.errno != 0,
        };
        if agrees { Ok(()) } else { Err(format!("it leads {landed:?}; the reference says {outcome:?}")) }
    });
    let counts = tally.get();
    assert!(counts.iter().all(|count| *count > 1000), "found, outside, nowhere: {counts:?}");
}

/// Calls about a path, with all that they need besides it.
const CALLS: [&str; 13] = [
    "path_open(${fd}, ${follow}, ${path}, 0, [fd_read], 0, 0)",
    "path_open(${fd}, ${follow}, ${path}, [directory], [fd_readdir], 0, 0)",
    "path_open(${fd}, ${follow}, ${path}, [creat], [fd_write], 0, 0)",
    "path_filestat_get(${fd}, ${follow}, ${path})",
    "path_filestat_set_times(${fd}, ${follow}, ${path}, 0, 0, [mtim_now])",
    "path_create_directory(${fd}, ${path})",
    "path_remove_directory(${fd}, ${path})",
    "path_unlink_file(${fd}, ${path})",
    "path_readlink(${fd}, ${path}, 100)",
    "path_symlink(\"target\", ${fd}, ${path})",
    "path_rename(${fd}, ${path}, root, \"moved\")",
    "path_rename(root, \"a\", ${fd}, ${path})",
    "path_link(${fd}, 0, ${path}, root, \"linked\")",
];

/// The call with success for an answer, and with results of the right size.
fn forged(call: &TraceCall) -> TraceCall {
    let zeros = |output: &Output| match output {
        Output::Value { ty, .. } => Capture { len: ty.size, bytes: Some(vec![0; ty.size as usize]) },
        Output::Buffer { .. } | Output::ReadBuffers { .. } | Output::Array { .. } | Output::Strings { .. } => {
            Capture { len: 0, bytes: Some(Vec::new()) }
        }
    };
    let outputs = call.function.outputs().iter().map(zeros).collect();
    TraceCall { outcome: Some(Outcome { errno: 0, outputs }), ..call.clone() }
}

/// Whether the calls of functions in `CALLS` that do not follow a link at the end see this path lead outside.
fn leads_outside(asked: &Asked, call: &str) -> bool {
    let follow = asked.follow && call.contains("${follow}");
    Asked { follow, tree: asked.tree.clone(), path: asked.path.clone(), base: asked.base }.lands() == Err(Astray::Outside)
}

#[test]
fn success_with_a_path_that_leads_outside_is_rejected() {
    let (outside, others) = (Cell::new(0), Cell::new(0));
    holds(3000, &asked(), |asked| {
        for text in CALLS {
            let sample = asked.sample(text);
            let trace = trace(&sample)?;
            let Some((last, before)) = trace.split_last() else { return Err("no calls".to_owned()) };
            let mut checker = Checker::new(&sample.world, Host::LINUX);
            if !before.iter().all(|call| checker.call(call) == Ok(Said::Accepted)) {
                return Err("the way there is not accepted".to_owned());
            }
            if !leads_outside(&asked, text) {
                // the forgery itself is not what is wrong: where the path stays inside, success may be permitted
                others.set(others.get() + u32::from(checker.call(&forged(last)).is_ok() && checker.findings().success));
                continue;
            }
            outside.set(outside.get() + 1);
            if last.outcome.as_ref().is_none_or(|outcome| outcome.errno == 0) {
                return Err(format!("{text}: the reference lets it out"));
            }
            let said = checker.call(&forged(last));
            if said != Ok(Said::Rejected) || checker.findings().success {
                return Err(format!("{text}: success is {said:?}"));
            }
        }
        Ok(())
    });
    assert!(outside.get() > 5000 && others.get() > 2000, "{} outside, {} inside that may succeed", outside.get(), others.get());
}

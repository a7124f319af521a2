use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_model::script::{Statement, parse};
use touchstone_model::world::{Node, NodeKind, World};

use super::search::Search;
use super::{Shrunk, shrink, valid};
use crate::Sample;

const FULL: &str = r##"#! args = ["program", "first argument", "--second"]
#! env = { HOME = "/home/somebody", LANG = "C", PATH = "/bin:/usr/bin" }
#! stdin = { file = "typed by nobody" }
#! stdout = "file"
#! tree = { "dir/file" = { text = "nothing to see", mode = 0o600, mtime = 5000000000 }, "dir/twin" = { hardlink = "dir/file" }, "many/" = { entries = 12 }, "dir/link" = { symlink = "../dir/file" } }
#! preopens = { other = { tree = { "x/y" = "z" } }, root = { guest = "/some/where" }, sealed = { access = "read-only" } }
# a comment
args_get() = ["program"]
buffer data = "bytes" * 20
buffer words = u32(data, 16, end - 4)
buffer count = 8
d = path_open(root, 0, "dir", [directory], [path_open, fd_readdir], [fd_read, fd_seek], 0)
f = path_open(d, [symlink_follow], "./link", [creat], [fd_read, fd_write, fd_seek], 0, [append])
fd_write(f, ["one", "three", ""]) = 8
raw fd_write(f, words, 1, count)
raw path_unlink_file(root, data, 5)
st = fd_filestat_get(f)
fd_seek(f, st.size - 3, set)
fd_read(f, [2, 0, 300])
all = fd_readdir(d, 4096, 0)
fd_readdir(d, 4096, all.next[2])
path_rename(root, "dir/../dir/file", other, "x/moved" + "s" * 300)
path_symlink("dir/file", sealed, "x")
poll_oneoff([clock(monotonic, 1000, 7, [subscription_clock_abstime]) @ 77, fd_write(stdout) @ 1000000])
f = path_open(other, 0, "x/y", 0, 0x1fffffff, -1, 0)
fd_renumber(f, d)
fd_close(f)
random_get(16)
fd_fdstat_set_rights(99, 0x80000000002, [fd_read])
"##;

fn full() -> Sample {
    sample(FULL)
}

fn no_script() -> Sample {
    Sample { world: World::default(), script: parse::parse("").expect("a script") }
}

fn file_bytes(sample: &Sample) -> usize {
    let nodes = sample.world.preopens.iter().flat_map(|preopen| preopen.tree.0.values());
    nodes.map(|node| if let NodeKind::File(bytes) = &node.kind { bytes.len() } else { 0 }).sum()
}

/// Something that a sample is asked, answered with a number.
type Question = (&'static str, fn(&Sample) -> usize);

const QUESTIONS: &[Question] = &[
    ("calls", |sample| sample.script.calls().count()),
    ("buffers", |sample| sample.script.statements.iter().filter(|statement| matches!(statement, Statement::Buffer(_))).count()),
    ("functions", |sample| {
        let mut functions: Vec<&str> = sample.script.calls().map(|call| call.function.name()).collect();
        functions.sort_unstable();
        functions.dedup();
        functions.len()
    }),
    ("names that are used", |sample| super::names::uses(&sample.script).concat().len()),
    ("descriptors", |sample| super::names::descriptors(&sample.script, sample.script.statements.len()).len()),
    ("slashes", |sample| sample.script.to_string().matches('/').count()),
    ("characters", |sample| sample.script.to_string().len()),
    ("raw calls", |sample| sample.script.to_string().matches("raw ").count()),
    ("flags", |sample| sample.script.to_string().matches("fd_read").count()),
    ("entries", |sample| sample.world.preopens.iter().map(|preopen| preopen.tree.0.len()).sum()),
    ("bytes in files", file_bytes),
    ("bytes of input", |sample| sample.world.stdin.bytes.len()),
    ("variables", |sample| sample.world.env.len()),
    ("arguments", |sample| sample.world.args.iter().map(String::len).sum()),
    ("preopens", |sample| sample.world.preopens.len()),
];

fn question(name: &str) -> Question {
    *QUESTIONS.iter().find(|(known, _)| *known == name).expect("a question")
}

/// A generator of numbers, after G. Marsaglia, "Xorshift RNGs", 2003.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("small")
    }
}

/// Shrinks the full sample to what has at least this much of everything asked for. Makes sure on the way that the judge is
/// never asked about what is not valid.
fn at_least(wanted: &[(Question, usize)], start: Sample) -> Shrunk {
    shrink(start, &mut |candidate| {
        assert!(valid::is_valid(candidate), "{candidate:?}");
        wanted.iter().all(|((_, question), least)| question(candidate) >= *least)
    })
}

#[test]
fn what_shows_everything_is_shrunk_to_nothing() {
    let found = at_least(&[], full());
    assert_eq!(found.sample, no_script());
    assert!(found.minimal && found.tried < 20, "{}", found.tried);
}

#[test]
fn what_shows_nothing_stays_as_it_is() {
    let found = shrink(full(), &mut |_| false);
    assert_eq!((found.sample, found.minimal), (full(), true));
}

#[test]
fn random_demands_are_met_and_nothing_beyond_them_can_go() {
    let mut random = Random(1);
    for round in 0..150 {
        let mut wanted = Vec::new();
        for _ in 0..=random.below(3) {
            let question = QUESTIONS[random.below(QUESTIONS.len())];
            wanted.push((question, random.below(question.1(&full()) + 1)));
        }
        let names: Vec<(&str, usize)> = wanted.iter().map(|((name, _), least)| (*name, *least)).collect();
        let found = at_least(&wanted, full());
        assert!(found.minimal, "{round}: {names:?}");
        assert!(wanted.iter().all(|((_, question), least)| question(&found.sample) >= *least), "{round}: {names:?}");
        let text = found.sample.script.to_string();
        assert_eq!(parse::parse(&text).as_ref(), Ok(&found.sample.script), "{round}: {names:?}");
        let again = at_least(&wanted, found.sample.clone());
        assert_eq!(again.sample, found.sample, "{round}: {names:?}");
    }
}

#[test]
fn a_single_demand_leaves_just_what_meets_it() {
    for name in ["calls", "functions", "buffers", "descriptors", "raw calls", "entries", "bytes in files", "bytes of input", "variables"] {
        let question = question(name);
        let most = question.1(&full());
        for least in [1, most / 2, most] {
            let found = at_least(&[(question, least)], full());
            assert_eq!(question.1(&found.sample), least, "{name}");
        }
    }
}

#[test]
fn the_same_demand_leaves_the_same() {
    let wanted = [("slashes", 3), ("descriptors", 2), ("entries", 1)].map(|(name, least)| (question(name), least));
    assert_eq!(at_least(&wanted, full()), at_least(&wanted, full()));
}

#[test]
fn what_is_long_is_cut_to_the_byte_in_reasonable_time() {
    let mut start = full();
    let long = |len: usize| (0..len).map(|at| at.to_le_bytes()[0]).collect::<Vec<u8>>();
    start.world.preopens[1].tree.0.insert("large".to_owned(), NodeKind::File(long(300_000)).into());
    start.world.stdin.bytes = long(100_000);
    let found = at_least(&[(question("bytes in files"), 70_001), (question("bytes of input"), 4_097)], start);
    assert_eq!((file_bytes(&found.sample), found.sample.world.stdin.bytes.len()), (70_001, 4_097));
    assert!(found.minimal && found.tried < 2000, "{}", found.tried);
}

#[test]
fn the_bound_on_tries_is_kept_and_said() {
    let mut asked = 0;
    let mut judge = |candidate: &Sample| {
        asked += 1;
        file_bytes(candidate) == 15
    };
    let mut search = Search::new(full(), &mut judge, 3);
    super::statements::reduce(&mut search);
    search.run(super::world::steps);
    let found = search.finish();
    assert!(!found.minimal);
    assert_eq!((found.tried, asked), (3, 3));
}

fn sample(body: &str) -> Sample {
    let text = format!("#! summary = \"s\"\n#! clauses = [\"fd_seek.negative-result\"]\n{body}");
    let case = Case::parse("a/case", "case.script", Language::Script, &text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Sample { script: case.script().expect("a script").clone(), world: case.world }
}

/// The text of the statement that gives a call its first argument, for each call of a function.
fn givers(sample: &Sample, function: &str) -> Vec<String> {
    let statements = &sample.script.statements;
    let uses = super::names::uses(&sample.script);
    let calls = statements.iter().zip(uses).filter(|(statement, _)| statement.to_string().starts_with(function));
    calls.map(|(_, used)| used.first().map_or(String::new(), |used| statements[*used].to_string())).collect()
}

#[test]
fn what_was_opened_twice_is_opened_once_with_all_rights() {
    let start = sample(
        "f = path_open(root, 0, \"a\", 0, [fd_read], 0, 0)
g = path_open(root, 0, \"a\", 0, [fd_write], 0, [append])
fd_read(f, 1)
fd_write(g, \"a\")
",
    );
    let opened = |sample: &Sample, function: &str, right: &str| {
        givers(sample, function).iter().any(|giver| giver.contains(" = path_open") && giver.contains(right))
    };
    let found = shrink(start, &mut |sample| opened(sample, "fd_read", "fd_read") && opened(sample, "fd_write", "fd_write"));
    let wanted = "f = path_open(root, 0, \"\", 0, [fd_read, fd_write], 0, 0)\nfd_read(f, [])\nfd_write(f, [])\n";
    assert_eq!(found.sample.script.to_string(), wanted);
}

#[test]
fn two_calls_that_undo_each_other_go_together() {
    let start = sample("sched_yield()\nargs_get()\nsched_yield()\nenviron_get()\n");
    let found = shrink(start, &mut |sample| {
        let text = sample.script.to_string();
        text.matches("sched_yield").count() % 2 == 0 && text.contains("args_get") && text.contains("environ_get")
    });
    assert_eq!(found.sample.script.to_string(), "args_get()\nenviron_get()\n");
}

#[test]
fn a_path_may_become_another_that_leads_somewhere() {
    let start = sample(
        "#! tree = { \"one/x\" = \"\", \"two/y\" = \"\" }
path_unlink_file(root, \"one/x\")
path_filestat_get(root, 0, \"two/y\")
",
    );
    let found = shrink(start, &mut |sample| {
        let text = sample.script.to_string();
        let leads =
            |line: &str| sample.world.preopens[0].tree.0.keys().any(|path| path.contains('/') && line.contains(&format!("{path:?}")));
        text.lines().count() == 2 && text.lines().all(leads)
    });
    assert_eq!(found.sample.script.to_string(), "path_unlink_file(root, \"a/b\")\npath_filestat_get(root, 0, \"a/b\")\n");
    assert_eq!(found.sample.world, sample("#! tree = { \"a/b\" = \"\" }\n").world);
}

/// Something that makes a sample invalid.
type Damage = (&'static str, fn(&mut Sample));

#[test]
fn what_cannot_be_built_or_laid_out_is_not_valid() {
    assert!(valid::is_valid(&full()));
    let broken: &[Damage] = &[
        ("a hard link to nothing", |sample| drop(sample.world.preopens[1].tree.0.remove("dir/file"))),
        ("a path below a file", |sample| drop(insert(sample, "dir/file/x", NodeKind::Directory))),
        ("a path with a dot", |sample| drop(insert(sample, "dir/./x", NodeKind::Directory))),
        ("a long name", |sample| drop(insert(sample, &"a".repeat(256), NodeKind::Directory))),
        ("a link without a target", |sample| drop(insert(sample, "empty", NodeKind::Symlink(String::new())))),
        ("two preopens of one name", |sample| sample.world.preopens[0].name = "root".to_owned()),
        ("two preopens in one place", |sample| sample.world.preopens[0].guest = "/some/where".to_owned()),
        ("a variable with an equals sign", |sample| sample.world.env[0].0 = "a=b".to_owned()),
        ("a variable twice", |sample| sample.world.env[1].0 = sample.world.env[0].0.clone()),
        ("an argument with a zero byte", |sample| sample.world.args[0] = "a\0".to_owned()),
        ("a name that means nothing", |sample| *sample = with_line(sample, "fd_close(nobody)")),
        ("a number that does not fit", |sample| *sample = with_line(sample, "fd_close(0x100000000)")),
        ("a subscription to what is opened later", |sample| *sample = with_line(sample, "poll_oneoff([fd_read(root)])")),
    ];
    for (name, damage) in broken {
        let mut sample = full();
        damage(&mut sample);
        assert!(!valid::is_valid(&sample), "{name}");
    }
}

fn insert(sample: &mut Sample, path: &str, kind: NodeKind) -> Option<Node> {
    sample.world.preopens[1].tree.0.insert(path.to_owned(), kind.into())
}

fn with_line(sample: &Sample, line: &str) -> Sample {
    let mut out = sample.clone();
    out.script.statements.extend(parse::parse(line).expect("a line").statements);
    out
}

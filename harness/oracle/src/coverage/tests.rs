//! What paths and descriptors are called.

use std::collections::BTreeMap;

use touchstone_model::trace::{Capture, Outcome};
use touchstone_model::world::{NodeKind, Tree};

use super::*;

fn world() -> World {
    let nodes = [
        ("file", NodeKind::File(b"x".to_vec())),
        ("link", NodeKind::Symlink("file".to_owned())),
        ("nowhere", NodeKind::Symlink("missing".to_owned())),
        ("loop", NodeKind::Symlink("loop".to_owned())),
        ("out", NodeKind::Symlink("../x".to_owned())),
    ];
    let mut world = World::default();
    world.preopens[0].tree = Tree(nodes.into_iter().map(|(name, kind)| (name.to_owned(), kind.into())).collect::<BTreeMap<_, _>>());
    world
}

fn classes(path: &[u8], follow: bool) -> Vec<PathClass> {
    let state = State::new(&world(), Host::LINUX);
    PathClass::of(path, follow, Some(state.world.preopens[0].root), &state)
}

#[test]
fn paths_are_what_they_are_called() {
    use PathClass::{Absolute, BadUtf8, DanglingSymlink, Dot, DotDot, Empty, LeadsOutside, ManySlashes, NameOf255, NameOf256};
    use PathClass::{Plain, SymlinkLoop, ThroughSymlink, TrailingSlash, ZeroByte};
    let (long, longer) = ("n".repeat(255), "n".repeat(256));
    let expected: [(&[u8], bool, &[PathClass]); 17] = [
        (b"file", false, &[Plain]),
        (b"missing", false, &[Plain]),
        (b"./file", false, &[Dot]),
        (b"dir/..", false, &[DotDot]),
        (b"..", false, &[DotDot, LeadsOutside]),
        (b"file/", false, &[TrailingSlash]),
        (b"/file", false, &[Absolute]),
        (b"", false, &[Empty]),
        (b"link", true, &[ThroughSymlink]),
        (b"link", false, &[]),
        (b"nowhere", false, &[DanglingSymlink]),
        (b"nowhere", true, &[ThroughSymlink, DanglingSymlink]),
        (b"loop", false, &[SymlinkLoop]),
        (b"out", true, &[LeadsOutside]),
        (b"a\0b", false, &[ZeroByte]),
        (b"\xff", false, &[BadUtf8]),
        (b".//file", false, &[Dot, ManySlashes]),
    ];
    for (path, follow, expected) in expected {
        assert_eq!(classes(path, follow), expected, "{} {follow}", String::from_utf8_lossy(path));
    }
    assert_eq!(classes(long.as_bytes(), false), [NameOf255]);
    assert_eq!(classes(longer.as_bytes(), false), [NameOf256]);
}

#[test]
fn ranges_begin_where_they_say() {
    for (start, name) in RANGES {
        assert_eq!(range(start), name);
    }
    assert_eq!((range(2_147_483_646), range(4_294_967_294), range(u64::MAX - 1)), ("small", "2^31-1..", "2^63.."));
}

#[test]
fn a_run_has_cells_of_the_universe_only() {
    let open = TraceCall {
        function: Function::PathOpen,
        memory_bytes: 65536,
        args: vec![3, 1, 0, 4, 0, 2, 0, 0, 64],
        inputs: vec![Capture { len: 4, bytes: Some(b"link".to_vec()) }],
        outcome: Some(Outcome { errno: 0, outputs: vec![Capture { len: 4, bytes: Some(vec![4, 0, 0, 0]) }] }),
    };
    let tell = |fd: u64, errno: u32| TraceCall {
        function: Function::FdTell,
        memory_bytes: 65536,
        args: vec![fd, 64],
        inputs: Vec::new(),
        outcome: Some(Outcome { errno, outputs: vec![Capture { len: 8, bytes: Some(vec![0; 8]) }] }),
    };
    let trace = Trace { calls: vec![open, tell(4, 0), tell(99, 8)], ..Trace::default() };
    let (all, seen) = (universe(), cells(&world(), Host::LINUX, &trace));
    for axis in Axis::ALL {
        assert!(all.count(axis) > 0, "{axis:?}");
        assert!(seen.without(&all, axis).is_empty(), "{axis:?}");
    }
    let has = |axis: Axis, row: &str, column: &str| {
        let rows: Vec<_> = seen.rows(axis).filter(|(found, _)| *found == row).collect();
        assert!(rows.iter().any(|(_, columns)| columns.contains(column)), "{row} {column}: {rows:?}");
    };
    has(Axis::FdKinds, "path_open", "preopen");
    has(Axis::FdKinds, "fd_tell", "file read-only");
    has(Axis::FdKinds, "fd_tell", "opened through a symlink");
    has(Axis::FdKinds, "fd_tell", "closed");
    has(Axis::Paths, "path_open", "through a symlink");
    has(Axis::Errnos, "fd_tell", "badf");
    has(Axis::Flags, "rights", "fd_read");
    has(Axis::Flags, "lookupflags", "symlink_follow");
    has(Axis::Numbers, "fd", "small");
    has(Axis::ClausesReached, "fd_tell", "bad-fd");
}

#[test]
fn the_text_of_a_link_is_no_path_and_subscriptions_have_descriptors() {
    let rows: Vec<String> = path_params(Function::PathSymlink).into_iter().map(|param| param.row).collect();
    assert_eq!(rows, ["path_symlink"]);
    let rows: Vec<String> = path_params(Function::PathRename).into_iter().map(|param| param.row).collect();
    assert_eq!(rows, ["path_rename old_path", "path_rename new_path"]);
    assert!(fd_params(Function::PollOneoff).iter().any(|param| param.core.is_none()));
    assert!(fd_params(Function::ClockTimeGet).is_empty());
}

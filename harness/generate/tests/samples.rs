//! What every sample keeps: it is a script that can be read, checked and laid out, and small changes of the input stay small.

use std::collections::BTreeSet;

use arbitrary::Unstructured;
use touchstone_generate::{CALL_BYTES, Functions, Mix, Sample, generate, header_bytes, sample, sample_of_batch};
use touchstone_model::script::check::check;
use touchstone_model::script::parse::parse;
use touchstone_model::script::{Arg, Args, Call, Expr};
use touchstone_model::world::NodeKind;
use touchstone_spec::Function;

const SAMPLES: u64 = 5000;

fn checked(sample: &Sample) -> Result<(), String> {
    check(&sample.script, &sample.world).map_err(|mistake| format!("{}: {}\n{}", mistake.message, mistake.help, sample.script))
}

#[test]
fn every_sample_is_a_script() {
    for mix in [Mix::default(), Mix::kernel()] {
        for index in 0..SAMPLES {
            let sample = sample(1, index, &mix);
            checked(&sample).unwrap_or_else(|error| panic!("sample {index}: {error}"));
            let text = sample.script.to_string();
            let read = parse(&text).unwrap_or_else(|mistake| panic!("sample {index}: {}\n{text}", mistake.message));
            assert!(read == sample.script, "sample {index} reads differently\n{text}{read}");
            assert!(sample.script.calls().count() <= mix.calls, "sample {index}");
        }
    }
}

#[test]
fn every_tree_can_be_built() {
    for index in 0..SAMPLES {
        for preopen in &sample(4, index, &Mix::default()).world.preopens {
            let entries = &preopen.tree.0;
            let kind = |path: &str| entries.get(path).map(|node| &node.kind);
            for (path, node) in entries {
                let parents = path.match_indices('/').map(|(end, _)| kind(&path[..end]));
                assert!(parents.into_iter().all(|kind| kind == Some(&NodeKind::Directory)), "sample {index}: {path}");
                match &node.kind {
                    NodeKind::HardLink(first) => assert!(matches!(kind(first), Some(NodeKind::File(_))), "sample {index}: {path}"),
                    NodeKind::Symlink(target) => assert!(!target.is_empty() && !target.contains('\0'), "sample {index}: {path}"),
                    NodeKind::File(_) | NodeKind::Directory | NodeKind::Filled(_) => {}
                }
            }
        }
    }
}

#[test]
fn any_bytes_make_a_sample() {
    let mix = Mix::default();
    let most = header_bytes(&mix) + 3 * CALL_BYTES;
    for byte in [0, 1, 0x55, 0x80, 0xff] {
        for len in 0..=most {
            let bytes = vec![byte; len];
            checked(&generate(&mut Unstructured::new(&bytes), &mix)).unwrap_or_else(|error| panic!("{len} bytes {byte}: {error}"));
        }
    }
}

#[test]
fn where_the_input_ends_the_script_ends() {
    let mix = Mix { calls: 1000, ..Mix::default() };
    let calls = |len: usize| generate(&mut Unstructured::new(&vec![0x55; len]), &mix).script.calls().count();
    let header = header_bytes(&mix);
    assert_eq!([calls(0), calls(header), calls(header + 1), calls(header + 4 * CALL_BYTES)], [0, 0, 1, 4]);
}

#[test]
fn a_sample_depends_on_its_seed_and_number_alone() {
    let mix = Mix::default();
    let forwards: Vec<Sample> = (0..200).map(|index| sample(7, index, &mix)).collect();
    for (index, expected) in forwards.iter().enumerate().rev() {
        assert_eq!(sample(7, index as u64, &mix), *expected);
    }
    let others = (0..200).filter(|index| sample(8, *index, &mix) == forwards[*index as usize]).count();
    assert_eq!(others, 0, "another seed gives other samples");
}

#[test]
fn the_samples_of_a_batch_share_a_world_and_nothing_else() {
    let mix = Mix::default();
    let of_batch = |index: u64, batch: u64| sample_of_batch(7, index, batch, &mix);
    let (one, other, elsewhere) = (of_batch(0, 3), of_batch(1, 3), of_batch(0, 4));
    assert_eq!(one.world, other.world);
    assert_ne!(one.script, other.script);
    assert_ne!(one.world, elsewhere.world);
    assert_eq!(of_batch(0, 3), one);
}

/// The lines of a script that only one of two has, as a share of all.
fn changed_share(one: &Sample, other: &Sample) -> (usize, usize) {
    let lines = |sample: &Sample| sample.script.calls().map(ToString::to_string).collect::<Vec<String>>();
    let (one, other) = (lines(one), lines(other));
    let mut left = other.clone();
    let kept = one.iter().filter(|line| left.iter().position(|it| it == *line).map(|place| left.remove(place)).is_some()).count();
    (one.len().max(other.len()) - kept, one.len().max(other.len()))
}

fn input(index: u64, mix: &Mix) -> Vec<u8> {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        // xorshift64 (Marsaglia 2003)
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        (word >> 32) as u8
    };
    (0..header_bytes(mix) + mix.calls * CALL_BYTES).map(next).collect()
}

#[test]
fn a_small_change_of_the_input_is_a_small_change_of_the_script() {
    let mix = Mix::default();
    let header = header_bytes(&mix);
    let (mut byte, mut insertion) = ((0, 0), (0, 0));
    let add = |sum: &mut (usize, usize), (changed, all): (usize, usize)| *sum = (sum.0 + changed, sum.1 + all);
    for index in 1..1000 {
        let before = input(index, &mix);
        let at = header + index as usize * 37 % (before.len() - header);
        let made = |bytes: &[u8]| generate(&mut Unstructured::new(bytes), &mix);
        let mut after = before.clone();
        after[at] = after[at].wrapping_add(1 + (index * 41 % 255) as u8);
        add(&mut byte, changed_share(&made(&before), &made(&after)));
        let mut longer = before.clone();
        let place = header + at % mix.calls * CALL_BYTES;
        longer.splice(place..place, input(index + 5000, &mix)[header..header + CALL_BYTES].iter().copied());
        add(&mut insertion, changed_share(&made(&before), &made(&longer)));
    }
    let percent = |(changed, all): (usize, usize)| 100.0 * changed as f64 / all as f64;
    eprintln!("a changed byte changes {:.1} % of the calls, a call put in {:.1} %", percent(byte), percent(insertion));
    assert!(percent(byte) <= 10.0 && percent(insertion) <= 20.0, "{byte:?} {insertion:?}");
}

#[test]
fn everything_turns_up() {
    let mix = Mix::default();
    let mut seen = BTreeSet::new();
    for index in 0..SAMPLES {
        for call in sample(2, index, &mix).script.calls() {
            seen.extend(features(call));
        }
    }
    let functions = Function::ALL.iter().map(|function| function.name().to_owned());
    let paths = PATHS.iter().map(|(name, _)| format!("path: {name}"));
    let missing: Vec<String> = functions.chain(paths).chain(KINDS.map(str::to_owned)).filter(|wanted| !seen.contains(wanted)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Kinds of arguments, as [`features`] calls them.
const KINDS: [&str; 16] = [
    "raw",
    "flags",
    "no flags",
    "unknown number",
    "negative number",
    "number of 64 bits",
    "variable",
    "cookie of an entry",
    "field of an answer",
    "answer and some",
    "several buffers",
    "no buffers",
    "empty buffer",
    "no subscriptions",
    "end of memory",
    "text repeated",
];

/// How a class of paths is known.
type IsPath = fn(&[u8]) -> bool;

const PATHS: [(&str, IsPath); 20] = [
    ("plain", |path| path.len() == 1 && path[0].is_ascii_lowercase()),
    ("nested", |path| path.len() == 3 && path[1] == b'/'),
    ("missing parent", |path| path.starts_with(b"missing/")),
    ("trailing slash", |path| path.len() == 2 && path[1] == b'/'),
    ("trailing slashes", |path| path.ends_with(b"///")),
    ("dot", |path| path == b"."),
    ("dot first", |path| path.starts_with(b"./") && path.len() > 2),
    ("dot last", |path| path.ends_with(b"/.")),
    ("dotdot", |path| path == b".."),
    ("dotdot inside", |path| path.get(1..5) == Some(b"/../")),
    ("dotdot out", |path| path.starts_with(b"../")),
    ("out and back", |path| path.starts_with(b"../root/")),
    ("absolute", |path| path.starts_with(b"/") && path.len() > 1),
    ("empty", <[u8]>::is_empty),
    ("zero byte", |path| path.contains(&0)),
    ("bad text", |path| std::str::from_utf8(path).is_err()),
    ("name of 255", |path| path == [b'n'; 255]),
    ("name of 256", |path| path == [b'n'; 256]),
    ("long", |path| path.len() > 4096),
    ("double slash", |path| path.windows(2).any(|pair| pair == b"//")),
];

fn features(call: &Call) -> Vec<String> {
    let mut out = vec![call.function.name().to_owned()];
    let exprs: Vec<&Expr> = match &call.args {
        Args::Raw(args) => {
            out.push("raw".to_owned());
            args.iter().collect()
        }
        Args::Typed(args) => args.iter().flat_map(|arg| of_arg(call.function, arg, &mut out)).collect(),
    };
    out.extend(exprs.into_iter().filter_map(of_expr).map(str::to_owned));
    out
}

fn of_arg<'a>(function: Function, arg: &'a Arg, out: &mut Vec<String>) -> Vec<&'a Expr> {
    match arg {
        Arg::Expr(expr) => return vec![expr],
        Arg::Literal(literal) => {
            let bytes = literal.bytes();
            if function.name().starts_with("path_") {
                out.extend(PATHS.iter().filter(|(_, is)| is(&bytes)).map(|(name, _)| format!("path: {name}")));
            }
            out.extend((literal.pieces.iter().any(|(_, times)| *times > 1)).then(|| "text repeated".to_owned()));
        }
        Arg::Literals(items, _) => {
            out.push(if items.is_empty() { "no buffers" } else { "several buffers" }.to_owned());
            out.extend(items.iter().any(|item| item.bytes().is_empty()).then(|| "empty buffer".to_owned()));
        }
        Arg::List(items, _) => {
            out.push(if items.is_empty() { "no buffers" } else { "several buffers" }.to_owned());
            return items.iter().collect();
        }
        Arg::Subscriptions(items, _) => out.extend(items.is_empty().then(|| "no subscriptions".to_owned())),
    }
    Vec::new()
}

fn of_expr(expr: &Expr) -> Option<&'static str> {
    Some(match expr {
        Expr::Int(int) if int.value < 0 => "negative number",
        Expr::Int(int) if int.value == 0 => "no flags",
        Expr::Int(int) if int.value > i128::from(u32::MAX) => "number of 64 bits",
        Expr::Int(_) => "unknown number",
        Expr::Name(name) if name.text.starts_with('f') && name.text.len() == 2 => "variable",
        Expr::Flags(..) => "flags",
        Expr::Next(..) => "cookie of an entry",
        Expr::Offset(base, _) if matches!(base.as_ref(), Expr::Name(name) if name.text == "end") => "end of memory",
        Expr::Field(..) => "field of an answer",
        Expr::Offset(base, _) if matches!(base.as_ref(), Expr::Name(name) if name.text == "position") => "answer and some",
        Expr::Name(_) | Expr::Offset(..) => return None,
    })
}

#[test]
fn a_mix_is_kept() {
    for function in Function::ALL {
        let only = [Function::FdSeek, function];
        let mix = Mix { functions: Functions::of(&only), calls: 5, ..Mix::default() };
        for index in 0..100 {
            let sample = sample(3, index, &mix);
            checked(&sample).unwrap_or_else(|error| panic!("sample {index}: {error}"));
            assert!(sample.script.calls().count() <= 5);
            assert!(sample.script.calls().all(|call| only.contains(&call.function)), "sample {index}\n{}", sample.script);
        }
    }
    for index in 0..500 {
        let world = sample(3, index, &Mix::kernel()).world;
        assert!(world.preopens.iter().all(|preopen| preopen.access == touchstone_model::world::Access::ReadWrite));
    }
}

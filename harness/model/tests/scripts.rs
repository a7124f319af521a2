//! The script language: whatever can be written is read back as it was, and whatever cannot be read gets one mistake with a
//! place and a cure.

use proptest::prelude::*;
use touchstone_model::script::check::check;
use touchstone_model::script::lex::Mistake;
use touchstone_model::script::{Int, Literal, Pattern, Rest, Script, parse, print};
use touchstone_model::world::World;

fn mistake(text: &str) -> Mistake {
    match parse::parse(text) {
        Err(mistake) => mistake,
        Ok(script) => check(&script, &World::default()).expect_err("the text has a mistake"),
    }
}

#[test]
fn mistakes_have_place_message_and_cure() {
    for (text, at, message, help) in [
        ("fd_raed(0, 1)", "fd_raed", "there is no function `fd_raed`", "did you mean `fd_read`?"),
        ("fd_read(0)", "0)", "1 arguments, but 2 are needed", "it is written `fd_read(fd, iovs)`"),
        ("fd_read(0, 1, 2)", "2)", "an argument too many", "it is written `fd_read(fd, iovs)`"),
        ("raw fd_read(0, 1)", "0, 1)", "2 arguments, but 4 are needed", "`raw fd_read` takes the 4 parameters"),
        ("fd_close(f)", "f)", "nothing is called `f` here", "bind a variable"),
        ("fd_close(rot)", "rot", "nothing is called `rot` here", "did you mean `root`?"),
        ("fd_seek(0, 1, curr)", "curr", "nothing is called `curr` here", "did you mean `cur`?"),
        ("fd_close(0) = badff", "badff", "`badff` is no errno", "did you mean `badf`?"),
        ("fd_write(1, \"a) = 1", "\"a", "the string has no end", "close it with `\"`"),
        ("fd_write(1, \"\\q\")", "\\q", "unknown escape", "known escapes"),
        ("fd_read(0, 99999999999999999999)", "99999999999999999999", "does not fit 64 bits", "the largest value"),
        ("fd_close(0x1_0000_0000)", "0x1", "4294967296 does not fit 32 bits", "this parameter takes"),
        ("fd_tell(0) = { size: 1 }", "size", "fd_tell returns no `size`", "its fields are: offset"),
        ("stdin = fd_tell(0)", "stdin", "`stdin` already means something", "choose another name"),
        ("fd_close(0) fd_close(1)", "fd_close(1)", "expected the end of the line", "one statement stands on one line"),
        ("st = fd_filestat_get(0)\nfd_close(st)", "st)", "`st` holds a record", "name a field of it: dev, ino"),
        ("fd_filestat_get(0) = { .., size: 1 }", "{ ..", "`..` stands before the end", "write it once, last"),
        ("buffer b = u32(f)", "f)", "nothing is called `f` here", "bind a variable"),
        ("§", "§", "has no meaning here", "strings stand in double quotes"),
    ] {
        let found = mistake(text);
        assert!(found.message.contains(message), "{text}: {found:?}");
        assert!(found.help.contains(help), "{text}: {found:?}");
        assert!(text[found.span.start..].starts_with(at), "{text}: {found:?} is at {:?}", &text[found.span.start..]);
    }
}

#[test]
fn what_is_printed_is_what_was_written() {
    for line in [
        "f = path_open(root, [symlink_follow], \"a\\0\" * 3 + \"b\", [creat, excl], 0, 0x1f, [append]) = ok | inval",
        "fd_read(f, [2, 0, 3]) = \"\\\"\\n\\\\\"",
        "fd_seek(f, -3, cur) = 1..",
        "raw fd_write(1, end - 4, 0xffffffff, data + 8) = fault | trap",
        "buffer data = u32(1, end - 2)",
        "entries = fd_readdir(root, 4096, 0) = [\".\", { name: \"a\", d_type: directory, .. }]",
        "fd_readdir(root, 10, entries.next[3]) = 0..=10",
        "poll_oneoff([clock(monotonic, 1000, 0, [subscription_clock_abstime]) @ 7, fd_read(stdin)]) = _",
        "# a comment",
    ] {
        let script = parse::parse(line).unwrap_or_else(|mistake| panic!("{line}: {mistake:?}"));
        assert_eq!(script.to_string().trim_end(), line);
    }
}

proptest! {
    #[test]
    fn any_bytes_survive_quoting(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let text = format!("fd_write(1, {})", print::quoted(&bytes));
        let script = parse::parse(&text).expect("quoted bytes are a literal");
        prop_assert!(script.to_string().contains(&print::quoted(&bytes)));
        let again = parse::parse(&script.to_string()).expect("printed scripts are scripts");
        prop_assert_eq!(again, script);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        if let Ok(script) = parse::parse(&text) {
            let again = parse::parse(&script.to_string());
            prop_assert_eq!(again, Ok(script));
        }
    }

    #[test]
    fn tokens_in_any_order_are_read_or_refused(words in proptest::collection::vec(
        prop_oneof!["fd_read", "path_open", "=", "\\(", "\\)", "\\[", "\\]", "\\{", "\\}", ",", "\\|", "\\.\\.", "1", "\"a\"", "raw", "f", "#!x", "\n", "@", "-"], 0..24)) {
        let text = words.join(" ").replace('\\', "");
        if let Ok(script) = parse::parse(&text) {
            prop_assert_eq!(parse::parse(&script.to_string()), Ok(script));
        }
    }

    #[test]
    fn patterns_print_and_read_back(value in any::<i64>(), bytes in proptest::collection::vec(any::<u8>(), 0..8), hex in any::<bool>()) {
        let int = Int { value: i128::from(value), hex, span: Default::default() };
        let name = touchstone_model::script::Name { text: "size".to_owned(), span: Default::default() };
        let record = Pattern::Record(vec![(name, Pattern::Int(int))], Rest::Free, Default::default());
        let list = Pattern::List(vec![Pattern::Literal(Literal::new(&bytes)), record, Pattern::Range(int, Some(int))], Default::default());
        let text = format!("fd_readdir(0, 1, 0) = {list} | {}", Pattern::Ok);
        let script: Script = parse::parse(&text).expect("a printed pattern is a pattern");
        prop_assert_eq!(&script.calls().next().expect("a call").expect[0], &list);
    }
}

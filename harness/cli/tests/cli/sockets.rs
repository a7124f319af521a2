//! Sockets from end to end: who is given them, what a wait on them is, and mistakes in front matter.

use crate::support::{OwnSuite, end, touchstone, verdict};

#[test]
fn who_can_be_given_a_socket_is_judged_and_who_cannot_is_found_out() {
    let args = ["conformance", "--filter", "^sockets/(send|accept)$", "--format", "json"];
    let runtimes = ["--runtime", "oracle", "--runtime", "wasmi", "--runtime", "wasmtime"];
    let report = touchstone(&[&args[..], &runtimes[..]].concat()).expect(0).json();
    for case in ["sockets/send", "sockets/accept"] {
        assert_eq!(verdict(&report, case, "oracle"), "pass");
        let judged = verdict(&report, case, "wasmi");
        assert!(judged == "pass" || judged == "permitted", "{case}: {judged}");
        assert_eq!(verdict(&report, case, "wasmtime"), "unsupported");
    }
    assert_eq!(report["cases"][0]["results"]["wasmtime"]["profiles"]["default"]["unsupported"], "sockets", "{report}");
}

#[test]
fn a_call_that_waits_for_what_never_comes_waits() {
    let head = "#! summary = \"waits\"\n#! clauses = [\"sock_recv.receives\"]\n";
    let receives = format!("{head}#! sockets = {{ peer = {{ stream = {{}} }} }}\nsock_recv(peer, 4, 0)\n");
    let accepts = format!("{head}#! sockets = {{ door = {{ listener = [] }} }}\nsock_accept(door, 0)\n");
    let suite = OwnSuite::new(&[("a/receives.script", &receives), ("a/accepts.script", &accepts)]);
    let flags = ["--timeout", "1", "--profile", "default", "--runtime", "oracle", "--runtime", "wasmi"];
    let report = suite.run(&flags).expect(1).json();
    for case in ["a/receives", "a/accepts"] {
        assert_eq!(verdict(&report, case, "wasmi"), "timed-out", "{case}");
        // the reference knows that nothing will come
        assert_eq!(end(&report, case, "oracle"), "trap host", "{case}");
        assert_eq!(verdict(&report, case, "oracle"), "failed", "{case}");
    }
}

#[test]
fn sockets_that_cannot_be_are_refused() {
    let long = format!("s = {{ stream = {{ sends = \"{}\" }} }}", "x".repeat((64 << 10) + 1));
    let resets = "s = { listener = [{ then = \"resets\" }] }";
    for (sockets, more, text) in [
        ("root = \"unconnected\"", "", "`root` is the name of a preopen"),
        ("S = \"unconnected\"", "", "`S` is no name for a socket"),
        ("s = \"connected\"", "", "unknown variant `connected`"),
        ("s = { stream = { then = \"leaves\" } }", "", "unknown variant `leaves`"),
        (resets, "", "who waits to be accepted cannot reset the connection"),
        (&long, "", "the other side sends 65537 bytes"),
        ("s = { listener = [] }", "#! expect_received = { \"s[0]\" = \"x\" }\n", "there is no connection `s[0]`"),
        ("s = { stream = { then = \"closes\" } }", "#! expect_received = { s = \"x\" }\n", "the other side of `s` receives nothing"),
    ] {
        let case =
            format!("#! summary = \"s\"\n#! clauses = [\"sock_recv.receives\"]\n#! sockets = {{ {sockets} }}\n{more}sched_yield()\n");
        let ran = OwnSuite::new(&[("a/bad.script", &case)]).run(&[]).expect(2);
        assert!(ran.err.contains(text), "{text} is not in\n{}", ran.err);
    }
}

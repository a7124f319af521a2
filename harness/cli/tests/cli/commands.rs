//! Runtimes that are programs: absent ones are said to be, and none outlives its run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{OwnSuite, PROGRAM, Ran, end, file, present, verdict};

const HEAD: &str = ";;! summary = \"hostile\"\n;;! clauses = [\"program.start\"]\n";
const GOOD: &str = "#! summary = \"good\"\n#! clauses = [\"program.start\"]\n#! expect_stdout = \"x\"\nfd_write(stdout, \"x\") = 1\n";

fn wat(body: &str) -> String {
    format!("{HEAD}(module (memory (export \"memory\") 1) {body})")
}

fn node_is_here() -> bool {
    present().iter().any(|(name, _)| *name == "node")
}

#[test]
fn ends_are_told_apart_and_the_run_goes_on() {
    if !node_is_here() {
        return;
    }
    let exit = "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))";
    let cases = [
        (
            "a/exit",
            format!("{HEAD}(module {exit} (memory (export \"memory\") 1) (func (export \"_start\") (call $exit (i32.const -1))))"),
            "exit 4294967295",
            "failed",
        ),
        (
            "b/start",
            format!(
                "{HEAD}(module {exit} (memory (export \"memory\") 1) (func $f (call $exit (i32.const 3))) (start $f) (func (export \"_start\")))"
            ),
            "exit 3",
            "failed",
        ),
        ("c/trap", wat("(func (export \"_start\") unreachable)"), "trap unreachable", "failed"),
        ("d/recursion", wat("(func $f (export \"_start\") (call $f))"), "trap stack-overflow", "failed"),
        ("e/main", wat("(func (export \"main\"))"), "rejected: no-start", "failed"),
        ("f/loop", wat("(func (export \"_start\") (loop (br 0)))"), "timed out", "timed-out"),
        ("h/no-memory", format!("{HEAD}(module (func (export \"_start\")))"), "rejected: instantiate", "failed"),
    ];
    let mut files: Vec<(String, &str)> = cases.iter().map(|(id, text, ..)| (format!("{id}.wat"), text.as_str())).collect();
    files.push(("z/good.script".to_owned(), GOOD));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let flags = ["--runtime", "node", "--profile", "default", "--jobs", "1", "--timeout", "3"];
    let report = OwnSuite::new(&files).run(&flags).expect(1).json();
    for (id, _, expected, expected_verdict) in &cases {
        assert_eq!((end(&report, id, "node").as_str(), verdict(&report, id, "node").as_str()), (*expected, *expected_verdict), "{id}");
    }
    assert_eq!(verdict(&report, "z/good", "node"), "pass");
}

#[test]
fn a_guest_that_takes_too_much_memory_ends_at_the_limit() {
    if !node_is_here() {
        return;
    }
    // 2.4 GB, each page of it touched
    let greedy = "(func (export \"_start\") (local $at i32) (drop (memory.grow (i32.const 38000)))
      (loop $more (i32.store8 (local.get $at) (i32.const 1)) (local.set $at (i32.add (local.get $at) (i32.const 4096)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 2480000000))))
      (loop (br 0)))";
    let suite = OwnSuite::new(&[("a/greedy.wat", &wat(greedy))]);
    let report = suite.run(&["--runtime", "node", "--reference", "node", "--profile", "default", "--timeout", "60"]).expect(1).json();
    assert_eq!(end(&report, "a/greedy", "node"), "crashed (memory-limit)");
}

/// A run of a guest that loops for ever, once node is at it.
struct Looping {
    runner: Child,
    node: Pid,
    _suite: OwnSuite,
}

/// The processes whose working folder belongs to a runner.
fn processes_of(runner: u32) -> Vec<(Pid, String)> {
    let folder = format!("/touchstone-{runner}-");
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let found = entries.filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let own = fs::read_link(entry.path().join("cwd")).ok()?.to_string_lossy().contains(&folder);
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some((Pid::from_raw(id)?, name.trim().to_owned())).filter(|_| own)
    });
    found.collect()
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn looping(timeout: &str) -> Looping {
    // it says so when it is at it: node is there earlier, and preflights are runs as well
    let text = format!(
        "{HEAD}(module (import \"wasi_snapshot_preview1\" \"path_create_directory\" (func $mkdir (param i32 i32 i32) (result i32)))
          (memory (export \"memory\") 1) (data (i32.const 0) \"looping\")
          (func (export \"_start\") (drop (call $mkdir (i32.const 3) (i32.const 0) (i32.const 7))) (loop (br 0))))"
    );
    let suite = OwnSuite::new(&[("a/loop.wat", &text)]);
    let mut command = Command::new(PROGRAM);
    command.args([
        "conformance",
        "--format",
        "json",
        "--runtime",
        "node",
        "--reference",
        "node",
        "--profile",
        "default",
        "--timeout",
        timeout,
    ]);
    command.arg("--suite").arg(suite.path());
    let runner = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start touchstone");
    let node = until("a node that runs the guest", || {
        let (node, _) = processes_of(runner.id()).into_iter().find(|(_, name)| name == "node")?;
        let folder = PathBuf::from(format!("/proc/{}/cwd/root/looping", node.as_raw_nonzero()));
        folder.is_dir().then_some(node)
    });
    Looping { runner, node, _suite: suite }
}

#[test]
fn a_timeout_leaves_no_process_behind() {
    if !node_is_here() {
        return;
    }
    let Looping { runner, node, .. } = looping("1");
    let ran = Ran::of(&runner.wait_with_output().expect("wait")).expect(1);
    assert_eq!(end(&ran.json(), "a/loop", "node"), "timed out");
    assert!(!PathBuf::from(format!("/proc/{}", node.as_raw_nonzero())).exists(), "not even a zombie");
}

#[test]
fn a_runner_that_is_killed_takes_node_with_it() {
    if !node_is_here() {
        return;
    }
    let Looping { mut runner, .. } = looping("60");
    runner.kill().expect("kill");
    runner.wait().expect("wait");
    until("the end of the worker and of node", || processes_of(runner.id()).is_empty().then_some(()));
}

#[test]
fn only_what_a_run_needs_is_open_in_node() {
    if !node_is_here() {
        return;
    }
    let Looping { mut runner, node, .. } = looping("60");
    let fds = fs::read_dir(format!("/proc/{}/fd", node.as_raw_nonzero())).expect("its fds").flatten();
    let targets: Vec<String> = fds.filter_map(|fd| Some(fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned())).collect();
    runner.kill().expect("kill");
    runner.wait().expect("wait");
    assert_eq!(targets.iter().filter(|target| target.contains("memfd:touchstone")).count(), 3, "{targets:?}");
    // the other pipes, the eventfds and the epolls are node's own
    assert!(targets.iter().all(|target| !target.starts_with("socket:") && !target.ends_with(".log")), "{targets:?}");
}

#[test]
fn a_signal_that_ends_node_is_a_crash() {
    if !node_is_here() {
        return;
    }
    let Looping { runner, node, .. } = looping("60");
    kill_process(node, Signal::SEGV).expect("kill");
    let ran = Ran::of(&runner.wait_with_output().expect("wait")).expect(1);
    assert_eq!(end(&ran.json(), "a/loop", "node"), "crashed by signal 11");
}

/// Runs a case on node with this folder as all of PATH.
fn with_path(folder: &str) -> Ran {
    let args = ["conformance", "--runtime", "node", "--filter", "^files/seek-negative$"];
    Ran::of(&Command::new(PROGRAM).args(args).env("PATH", folder).output().expect("start touchstone"))
}

/// Seconds that nobody else asks for.
const SLEEPS: [&str; 2] = ["1000.25", "1000.75"];

/// Whether somebody still sleeps for so long.
fn sleeps() -> bool {
    let mut commands =
        fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    commands.any(|command| SLEEPS.iter().any(|seconds| command == format!("sleep\0{seconds}\0")))
}

#[test]
fn a_program_that_will_not_do_is_a_usage_error_with_a_cure() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().display().to_string();
    let says = |text: &str| {
        let ran = with_path(&path).expect(2);
        assert!(ran.err.contains(text) && ran.err.contains("cure: install Node.js 20"), "{text} is not in\n{}", ran.err);
    };
    says("node is not on PATH");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("open the folder");
    let program = file(folder.path(), "node", b"#!/bin/sh\necho 18.20.4 0.0.21\n");
    says("cannot be executed by the user that runtimes run as");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("make it a program");
    says("is version 18.20.4, and 20 is the oldest that will do");
    file(folder.path(), "node", b"#!/bin/sh\nexit 4\n");
    says("does not tell its versions (exit status: 4)");
    file(folder.path(), "node", format!("#!/bin/sh\nsleep {} &\necho 18.1.0 0.0.21\n", SLEEPS[0]).as_bytes());
    says("is version 18.1.0, and 20 is the oldest that will do");
    file(folder.path(), "node", format!("#!/bin/sh\nsleep {}\n", SLEEPS[1]).as_bytes());
    says("does not tell its versions (it was stopped after 10 seconds)");
    until("the end of what they started", || (!sleeps()).then_some(()));
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("close the folder");
        says("cannot be executed by the user that runtimes run as (uid 65534)");
    }
}

#[test]
fn a_program_that_is_passed_over_is_named() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = |name: &str| folder.path().join(name);
    for (name, text) in [("one", "#!/bin/sh\necho 18.20.4 0.0.21\n"), ("two", "#!/bin/sh\necho 20.1.0 0.0.21\n")] {
        fs::create_dir(path(name)).expect("make a folder");
        let program = file(&path(name), "node", text.as_bytes());
        for path in [folder.path(), &path(name), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("open it");
        }
    }
    let [one, two] = ["one", "two"].map(|name| path(name).display().to_string());
    let ran = Command::new(PROGRAM).arg("runtimes").env("PATH", format!("{one}:{two}")).output();
    let said = format!("{one}/node is version 18.20.4, and 20 is the oldest that will do; {two}/node is used instead\n");
    assert_eq!(Ran::of(&ran.expect("start touchstone")).err.matches(&said).count(), 1);
}

#[test]
fn without_node_everything_else_is_judged() {
    let suite = OwnSuite::new(&[("a/good.script", GOOD)]);
    let mut command = Command::new(PROGRAM);
    command.args(["conformance", "--suite"]).arg(suite.path()).env("PATH", "/nonexistent");
    let ran = Ran::of(&command.output().expect("start touchstone")).expect(0);
    assert!(ran.out.contains("wasmtime") && !ran.out.contains("node"), "{}", ran.out);
    let ran = Ran::of(&Command::new(PROGRAM).arg("runtimes").env("PATH", "/nonexistent").output().expect("start touchstone")).expect(0);
    assert!(ran.out.contains("node is not on PATH; install Node.js 20"), "{}", ran.out);
}

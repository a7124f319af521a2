//! The planted faults, what shows them in much noise, and the smallest that shows them.

use touchstone_model::trace::{Capture, TraceCall};
use touchstone_oracle::Answer;
use touchstone_spec::{Errno, Function};

use crate::faults::{Fault, Faulty, cut, error, is_ok, nothing_done, number, put};

pub(crate) struct Row {
    /// The function and what is wrong with it.
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
    /// Entries of the tree for the noisy script.
    pub(crate) tree: &'static str,
    pub(crate) noisy: &'static str,
    /// Front matter and script.
    pub(crate) smallest: &'static str,
}

/// The world of all noisy scripts.
pub(crate) const NOISE: &str = r##"#! args = ["program", "first argument", "--second"]
#! env = { HOME = "/home/somebody", LANG = "C", PATH = "/bin:/usr/bin" }
#! stdin = { file = "typed by nobody" }
#! stdout = "file"
#! tree = { ${tree} "noise/deep/file" = { text = "nothing to see", mode = 0o600, mtime = 5000000000 }, "noise/twin" = { hardlink = "noise/deep/file" }, "noise/many/" = { entries = 12 }, "noise/shortcut" = { symlink = "deep/../deep/file" } }
#! preopens = { root = { guest = "/some/where" }, other = { tree = { "x/y" = "z" } }, sealed = { access = "read-only", tree = { "locked" = "away" } } }
"##;

/// The noise before and after.
pub(crate) const NOISY_SCRIPT: &str = r#"# this script does many things
args_get()
buffer spare = 64
buffer words = u32(spare, 16, end - 4)
n1 = path_open(root, [symlink_follow], "noise/deep/../deep/file", [], [fd_read, fd_write, fd_seek, fd_tell, fd_filestat_get], 0, [append])
fd_write(n1, ["some", " more ", "noise"]) = 15
st = fd_filestat_get(n1)
fd_seek(n1, st.size - 3, set)
path_create_directory(root, "noise/made")
clock_time_get(monotonic, 1000)
environ_get()
path_symlink("deep/file", root, "noise/link")
l = path_open(root, 0, "noise", [directory], [fd_readdir], 0x3fffffff, 0)
all = fd_readdir(l, 4096, 0)
raw fd_write(stdout, words, 1, spare)
${script}
poll_oneoff([clock(monotonic, 1000, 0, 0) @ 77, fd_write(stdout) @ 1000000])
fd_tell(n1)
fd_close(n1)
random_get(16)
path_unlink_file(root, "noise/link") = ok
path_filestat_get(other, [symlink_follow], "x/y")
sched_yield()
fd_close(l)
"#;

/// The row's function, as its name says it.
macro_rules! only {
    ($function:ident, $fault:expr) => {
        |runtime, call| {
            let fault: Fault = $fault;
            if call.function == Function::$function { fault(runtime, call) } else { runtime.honest(call) }
        }
    };
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "fd_seek: a negative result is accepted from where one is",
        fault: only!(FdSeek, |runtime, call| if call.args[2] == 1 && call.args[1] > i64::MAX.cast_unsigned() {
            runtime.forgives(call, Errno::Inval)
        } else {
            runtime.honest(call)
        }),
        tree: r#""dir/sub/data" = "hello world","#,
        noisy: r#"d = path_open(root, 0, "dir", [directory], [path_open, fd_readdir], 0x3fffffff, 0)
f = path_open(d, [symlink_follow], "./sub/data", 0, [fd_read, fd_seek, fd_tell, fd_sync], 0, [nonblock])
fd_seek(f, 5, set)
fd_seek(f, -300, cur)
fd_tell(f)"#,
        smallest: r#"#! stdin = { file = "" }
fd_seek(stdin, -1, cur)"#,
    },
    Row {
        name: "path_open: trunc does not truncate",
        fault: only!(PathOpen, |runtime, call| runtime.with_arg(call, 4, |oflags| oflags & !8)),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", [creat, trunc], [fd_read, fd_write, fd_filestat_get], 0, 0)
path_filestat_get(root, [symlink_follow], "dir/data")
fd_read(f, 100)"#,
        smallest: r#"#! tree = { "a" = "a" }
path_open(root, 0, "a", [trunc], 0, 0, 0)
path_filestat_get(root, 0, "a")"#,
    },
    Row {
        name: "fd_read: only the first of several buffers is filled",
        fault: only!(FdRead, |runtime, call| runtime.spoils(call, |outputs| {
            outputs.iter_mut().skip(2).filter_map(|later| later.bytes.as_mut()).for_each(|bytes| bytes.fill(0));
        })),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_read, fd_seek], 0, 0)
fd_seek(f, 1, set)
fd_read(f, [2, 0, 3, 4])"#,
        smallest: r#"#! stdin = "a"
fd_read(stdin, [0, 1])"#,
    },
    Row {
        name: "path_rename: a file that is there is not replaced",
        fault: only!(PathRename, |runtime, call| {
            let there = |runtime: &mut Faulty, index: usize| {
                call.inputs.get(index).is_some_and(|path| runtime.exists(call, call.args[3 * index], path))
            };
            if there(runtime, 0) && there(runtime, 1) { error(Errno::Exist) } else { runtime.honest(call) }
        }),
        tree: r#""dir/from" = "text", "dir/to" = "other","#,
        noisy: r#"path_rename(root, "dir/from", root, "dir/to")
path_filestat_get(root, 0, "dir/to")"#,
        smallest: r#"#! tree = { "a" = "" }
path_rename(root, "a", root, "a")"#,
    },
    Row {
        name: "fd_readdir: a listing that goes on leaves out an entry",
        fault: only!(FdReaddir, |runtime, call| {
            let later = call.args[3] != 0;
            runtime.spoils(call, |outputs| {
                if later && outputs[1].kept().len() >= 24 {
                    let len = 24 + number(&outputs[1], 16, 4);
                    let rest = outputs[1].kept().get(usize::try_from(len).unwrap_or(usize::MAX)..).unwrap_or_default().to_vec();
                    outputs[1].bytes = Some(rest);
                    let left = outputs[1].kept().len();
                    cut(&mut outputs[1], left);
                    put(&mut outputs[0], 0, 4, left as u64);
                }
            })
        }),
        tree: r#""dir/data" = "hello world", "dir/more/" = {},"#,
        noisy: r#"d = path_open(root, 0, "dir", [directory], [fd_readdir], 0, 0)
all = fd_readdir(d, 4096, 0)
fd_readdir(d, 4096, all.next[1])"#,
        smallest: r#"#! tree = { "a" = "" }
d = fd_readdir(root, 25, 0)
fd_readdir(root, 24, d.next[0])"#,
    },
    Row {
        name: "fd_pwrite: the offset moves",
        fault: only!(FdPwrite, |runtime, call| {
            let answer = runtime.honest(call);
            if is_ok(&answer) {
                runtime.aside(call, Function::FdSeek, &[call.args[0], 1, 1, 0]);
            }
            answer
        }),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_read, fd_seek, fd_tell, fd_write], 0, 0)
fd_pwrite(f, ["one", "two"], 7)
fd_tell(f)"#,
        smallest: r#"#! tree = { "a" = "" }
f = path_open(root, 0, "a", 0, [fd_seek, fd_write], 0, 0)
fd_pwrite(f, [], 0)
fd_tell(f)"#,
    },
    Row {
        name: "path_symlink: a target may be absolute",
        fault: only!(PathSymlink, |runtime, call| {
            let absolute = path_of(call, 0).is_some_and(|target| target.starts_with(b"/"));
            let mut inside = call.clone();
            inside.inputs[0] = Capture { len: 1, bytes: Some(b"a".to_vec()) };
            runtime.honest(if absolute { &inside } else { call })
        }),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"path_symlink("/etc/passwd", root, "dir/link")
path_readlink(root, "dir/link", 100)"#,
        smallest: r#"path_symlink("/", root, "a")"#,
    },
    Row {
        name: "path_unlink_file: nothing happens",
        fault: only!(PathUnlinkFile, |runtime, call| {
            let there = runtime.exists(call, call.args[0], &call.inputs[0]);
            if there { nothing_done(call) } else { runtime.honest(call) }
        }),
        tree: r#""dir/data" = "hello world", "dir/twin" = { hardlink = "dir/data" },"#,
        noisy: r#"path_unlink_file(root, "dir/data")
path_filestat_get(root, 0, "dir/data")"#,
        smallest: r#"#! tree = { "a" = "" }
path_unlink_file(root, "a")
path_filestat_get(root, 0, "a")"#,
    },
    Row {
        name: "path_create_directory: it is made, and then there is an error",
        fault: only!(PathCreateDirectory, |runtime, call| runtime.complains(call, Errno::Io)),
        tree: r#""dir/" = {},"#,
        noisy: r#"path_create_directory(root, "dir/new")
path_create_directory(root, "dir/new/newer")"#,
        smallest: r#"path_create_directory(root, "a")"#,
    },
    Row {
        name: "path_remove_directory: a full one may be removed",
        fault: only!(PathRemoveDirectory, |runtime, call| runtime.forgives(call, Errno::Notempty)),
        tree: r#""dir/sub/data" = "hello world", "dir/more" = "x","#,
        noisy: r#"path_unlink_file(root, "dir/more")
path_remove_directory(root, "dir/sub/")"#,
        smallest: r#"#! tree = { "a/a" = "" }
path_remove_directory(root, "a")"#,
    },
    Row {
        name: "fd_filestat_get: a size of four and more is one too large",
        fault: only!(FdFilestatGet, |runtime, call| runtime.spoils(call, |outputs| {
            let size = number(&outputs[0], 32, 8);
            put(&mut outputs[0], 32, 8, size + u64::from(size >= 4));
        })),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_filestat_get, fd_read], 0, 0)
fd_read(f, 2)
fd_filestat_get(f)"#,
        smallest: r#"#! tree = { "a" = "aaaa" }
f = path_open(root, 0, "a", 0, [fd_filestat_get], 0, 0)
fd_filestat_get(f)"#,
    },
    Row {
        name: "fd_write: says one byte more where three or more were written",
        fault: only!(FdWrite, |runtime, call| runtime.spoils(call, |outputs| {
            let written = number(&outputs[0], 0, 4);
            put(&mut outputs[0], 0, 4, written + u64::from(written >= 3));
        })),
        tree: "",
        noisy: r#"f = path_open(root, 0, "new", [creat, excl], [fd_write], 0, [sync])
fd_write(f, ["one", "two"])"#,
        smallest: r#"fd_write(stdout, "aaa")"#,
    },
    Row {
        name: "fd_tell: after a read it gives the same as before",
        fault: |runtime, call| {
            runtime.count += u32::from(call.function == Function::FdRead);
            match (call.function, runtime.honest(call)) {
                (Function::FdTell, Answer::Returns(outcome)) if outcome.errno == 0 => {
                    let before = runtime.kept.clone().filter(|_| runtime.count > 0);
                    runtime.kept = Some(outcome.clone());
                    Answer::Returns(before.unwrap_or(outcome))
                }
                (_, answer) => answer,
            }
        },
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_seek, fd_tell, fd_read], 0, 0)
fd_tell(f)
fd_read(f, 4)
fd_tell(f)"#,
        smallest: r#"#! tree = { "a" = "a" }
f = path_open(root, 0, "a", 0, [fd_read, fd_tell], 0, 0)
fd_tell(f)
fd_read(f, 1)
fd_tell(f)"#,
    },
    Row {
        name: "fd_fdstat_set_flags: append is not taken over",
        fault: only!(FdFdstatSetFlags, |runtime, call| runtime.with_arg(call, 1, |flags| flags & !1)),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_fdstat_set_flags, fd_write, fd_seek], 0, [nonblock])
fd_fdstat_set_flags(f, [append, nonblock])
fd_fdstat_get(f)"#,
        smallest: "fd_fdstat_set_flags(root, [append, nonblock])
fd_fdstat_get(root)",
    },
    Row {
        name: "path_filestat_get: there is always one link",
        fault: only!(PathFilestatGet, |runtime, call| runtime.spoils(call, |outputs| put(&mut outputs[0], 24, 8, 1))),
        tree: r#""dir/data" = "hello world", "dir/twin" = { hardlink = "dir/data" },"#,
        noisy: r#"path_filestat_get(root, [symlink_follow], "dir/twin")"#,
        smallest: r#"#! tree = { "a" = "", "b" = { hardlink = "a" } }
path_filestat_get(root, 0, "a")"#,
    },
    Row {
        name: "path_readlink: the last byte of five is lost",
        fault: only!(PathReadlink, |runtime, call| runtime.spoils(call, |outputs| {
            if outputs[1].kept().len() >= 5 {
                let len = outputs[1].kept().len() - 1;
                cut(&mut outputs[1], len);
                put(&mut outputs[0], 0, 4, len as u64);
            }
        })),
        tree: r#""dir/link" = { symlink = "../somewhere/else" },"#,
        noisy: r#"path_readlink(root, "dir/../dir/link", 4096)"#,
        smallest: r#"#! tree = { "a" = { symlink = "aaaaa" } }
path_readlink(root, "a", 5)"#,
    },
    Row {
        name: "fd_close: what is closed may be closed again",
        fault: only!(FdClose, |runtime, call| runtime.forgives(call, Errno::Badf)),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_read], 0, 0)
fd_read(f, 5)
fd_close(f)
fd_close(f)"#,
        smallest: "fd_close(root)
fd_close(root)",
    },
    Row {
        name: "fd_renumber: a file or a directory is not put onto a stream",
        fault: only!(FdRenumber, |runtime, call| {
            if call.args[0] < 3 || call.args[1] > 2 { runtime.honest(call) } else { nothing_done(call) }
        }),
        tree: r#""dir/data" = "hello world", "dir/other" = "bye","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_read, fd_seek], 0, 0)
g = path_open(root, 0, "dir/other", 0, [fd_read], 0, 0)
fd_renumber(f, stdin)
fd_read(stdin, 10)
fd_read(g, 10)"#,
        smallest: "fd_renumber(root, stdin)
fd_read(stdin, 1)",
    },
    Row {
        name: "fd_filestat_set_size: from eight on it is one too small",
        fault: only!(FdFilestatSetSize, |runtime, call| runtime.with_arg(call, 1, |size| size - u64::from(size >= 8))),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_filestat_set_size, fd_filestat_get, fd_read], 0, 0)
fd_filestat_set_size(f, 1000)
fd_filestat_get(f)
fd_read(f, 2000)"#,
        smallest: r#"#! tree = { "a" = "" }
f = path_open(root, 0, "a", 0, [fd_filestat_get, fd_filestat_set_size], 0, 0)
fd_filestat_set_size(f, 8)
fd_filestat_get(f)"#,
    },
    Row {
        name: "args_get: the first two are exchanged",
        fault: only!(ArgsGet, |runtime, call| runtime.spoils(call, |outputs| {
            if outputs[0].kept().len() >= 8 {
                let (first, second) = (number(&outputs[0], 0, 4), number(&outputs[0], 4, 4));
                put(&mut outputs[0], 0, 4, second);
                put(&mut outputs[0], 4, 4, first);
            }
        })),
        tree: "",
        noisy: "args_sizes_get()\nargs_get()\nenviron_get()",
        smallest: r#"#! args = ["", "a"]
args_get()"#,
    },
    Row {
        name: "environ_sizes_get: counts one too many where there are two",
        fault: only!(EnvironSizesGet, |runtime, call| runtime.spoils(call, |outputs| {
            let count = number(&outputs[0], 0, 4);
            put(&mut outputs[0], 0, 4, count + u64::from(count >= 2));
        })),
        tree: "",
        noisy: "args_sizes_get()\nenviron_sizes_get()\nenviron_get()",
        smallest: r#"#! env = { a = "", b = "" }
environ_sizes_get()"#,
    },
    Row {
        name: "clock_res_get: the realtime clock has a resolution of nothing",
        fault: only!(ClockResGet, |runtime, call| {
            let realtime = call.args[0] == 0;
            runtime.spoils(call, |outputs| put(&mut outputs[0], 0, 8, if realtime { 0 } else { 1 }))
        }),
        tree: "",
        noisy: "clock_res_get(monotonic)\nclock_res_get(realtime)",
        smallest: "clock_res_get(realtime)",
    },
    Row {
        name: "poll_oneoff: the userdata of the second subscription is lost",
        fault: only!(PollOneoff, |runtime, call| runtime.spoils(call, |outputs| {
            if outputs[1].kept().len() >= 64 {
                put(&mut outputs[1], 32, 8, 0);
            }
        })),
        tree: "",
        noisy: "poll_oneoff([fd_write(stdout) @ 5, fd_write(stderr) @ 0xffffffff, clock(realtime, 1000000, 5, 0)])",
        smallest: "poll_oneoff([fd_write(stdout), fd_write(stdout) @ 1])",
    },
    Row {
        name: "random_get: always the same",
        fault: only!(RandomGet, |runtime, call| runtime.spoils(call, |outputs| {
            outputs.iter_mut().for_each(|output| output.bytes.iter_mut().for_each(|bytes| bytes.fill(7)));
        })),
        tree: "",
        noisy: "random_get(64)\nsched_yield()\nrandom_get(64)",
        smallest: "random_get(16)
random_get(16)",
    },
    Row {
        name: "fd_advise: any advice is taken",
        fault: only!(FdAdvise, |runtime, call| {
            let unknown = call.args[3] > 5;
            if unknown { runtime.forgives(call, Errno::Inval) } else { runtime.honest(call) }
        }),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_advise, fd_read], 0, 0)
fd_advise(f, 100, 200, 77)"#,
        smallest: "fd_advise(root, 0, 0, 6)",
    },
    Row {
        name: "path_open: excl opens what is there",
        fault: only!(PathOpen, |runtime, call| runtime.with_arg(call, 4, |oflags| oflags & !4)),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"f = path_open(root, [symlink_follow], "dir/data", [creat, excl], [fd_read, fd_write], 0, [append, sync])
fd_read(f, 10)"#,
        smallest: r#"#! tree = { "a" = "" }
path_open(root, 0, "a", [creat, excl], 0, 0, 0)"#,
    },
    Row {
        name: "path_open: a file passes for a directory",
        fault: only!(PathOpen, |runtime, call| runtime.with_arg(call, 4, |oflags| oflags & !2)),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"d = path_open(root, 0, "dir", [directory], [path_open], [fd_read, fd_seek], 0)
f = path_open(d, 0, "data", [directory], [fd_read, fd_seek], 0, 0)
fd_read(f, 10)"#,
        smallest: r#"#! tree = { "a" = "" }
path_open(root, 0, "a", [directory], 0, 0, 0)"#,
    },
    Row {
        name: "path_open: links are followed although nobody asked",
        fault: only!(PathOpen, |runtime, call| runtime.with_arg(call, 1, |lookup| lookup | 1)),
        tree: r#""dir/data" = "hello", "dir/link" = { symlink = "data" },"#,
        noisy: r#"f = path_open(root, 0, "dir/link", 0, [fd_read], 0, 0)
fd_read(f, 10)"#,
        smallest: r#"#! tree = { "a" = { symlink = "." } }
path_open(root, 0, "a", 0, 0, 0, 0)"#,
    },
    Row {
        name: "path_filestat_get: leads out of the sandbox",
        fault: only!(PathFilestatGet, |runtime, call| {
            let out = path_of(call, 0).is_some_and(|path| path.starts_with(b".."));
            if out { nothing_done(call) } else { runtime.honest(call) }
        }),
        tree: r#""dir/" = {},"#,
        noisy: r#"path_filestat_get(root, [symlink_follow], "dir/..")
path_filestat_get(root, [symlink_follow], "../../../../etc/passwd")"#,
        smallest: r#"path_filestat_get(root, 0, "..")"#,
    },
    Row {
        name: "path_create_directory: no name is too long",
        fault: only!(PathCreateDirectory, |runtime, call| runtime.forgives(call, Errno::Nametoolong)),
        tree: r#""dir/" = {},"#,
        noisy: r#"path_create_directory(root, "dir/" + "long" * 100)"#,
        smallest: r#"path_create_directory(root, "a" * 256)"#,
    },
    Row {
        name: "fd_pread: reads from the start, wherever it should",
        fault: only!(FdPread, |runtime, call| runtime.with_arg(call, 3, |_| 0)),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_read, fd_seek, fd_tell], 0, 0)
fd_pread(f, [2, 3], 3)"#,
        smallest: r#"#! tree = { "a" = "a" }
f = path_open(root, 0, "a", 0, [fd_read, fd_seek], 0, 0)
fd_pread(f, 1, 1)"#,
    },
    Row {
        name: "fd_fdstat_get: a directory looks like a file",
        fault: only!(FdFdstatGet, |runtime, call| runtime.spoils(call, |outputs| {
            let filetype = number(&outputs[0], 0, 1);
            put(&mut outputs[0], 0, 1, if filetype == 3 { 4 } else { filetype });
        })),
        tree: r#""dir/sub/" = {},"#,
        noisy: r#"fd_fdstat_get(stdin)
d = path_open(root, 0, "dir/sub", [directory], [fd_readdir], [fd_read], 0)
fd_fdstat_get(d)"#,
        smallest: "fd_fdstat_get(root)",
    },
    Row {
        name: "path_filestat_set_times: a given time is not set",
        fault: only!(PathFilestatSetTimes, |runtime, call| runtime.with_arg(call, 6, |flags| flags & !4)),
        tree: r#""dir/data" = { text = "hello", mtime = 7000000000 },"#,
        noisy: r#"path_filestat_set_times(root, [symlink_follow], "dir/data", 123456789, 987654321, [atim, mtim])
path_filestat_get(root, 0, "dir/data")"#,
        smallest: r#"#! tree = { "a" = "" }
path_filestat_set_times(root, 0, "a", 0, 0, [mtim])
path_filestat_get(root, 0, "a")"#,
    },
    Row {
        name: "fd_sync: fails once something was written",
        fault: |runtime, call| match call.function {
            Function::FdSync if runtime.kept.is_some() => runtime.complains(call, Errno::Io),
            Function::FdPwrite => {
                let answer = runtime.honest(call);
                if let Answer::Returns(outcome) = &answer
                    && outcome.errno == 0
                {
                    runtime.kept = Some(outcome.clone());
                }
                answer
            }
            _ => runtime.honest(call),
        },
        tree: r#""dir/data" = "hello","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_sync, fd_write, fd_seek], 0, [sync])
g = path_open(root, 0, "dir/data", 0, [fd_read, fd_sync], 0, 0)
fd_pwrite(f, "text", 100)
fd_sync(f)
fd_sync(g)"#,
        smallest: r#"#! tree = { "a" = "" }
f = path_open(root, 0, "a", 0, [fd_seek, fd_write], 0, 0)
fd_pwrite(f, [], 0)
fd_sync(root)"#,
    },
    Row {
        name: "clock_time_get: the result may go outside of memory",
        fault: only!(ClockTimeGet, |runtime, call| {
            let outside = call.args[2] + 8 > call.memory_bytes;
            if outside { nothing_done(call) } else { runtime.honest(call) }
        }),
        tree: "",
        noisy: "buffer time = 8
raw clock_time_get(monotonic, 1000, time)
raw clock_time_get(monotonic, 1000, end - 4)",
        smallest: "raw clock_time_get(realtime, 0, end)",
    },
    Row {
        name: "fd_prestat_dir_name: the buffer may be too short",
        fault: only!(FdPrestatDirName, |runtime, call| runtime.forgives(call, Errno::Nametoolong)),
        tree: "",
        noisy: "fd_prestat_get(root)\nfd_prestat_dir_name(root, 2)",
        smallest: "fd_prestat_dir_name(root, 0)",
    },
    Row {
        name: "fd_allocate: one byte is enough",
        fault: only!(FdAllocate, |runtime, call| runtime.with_arg(call, 2, |len| len.min(1))),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_allocate, fd_filestat_get], 0, 0)
fd_allocate(f, 100, 200)
fd_filestat_get(f)"#,
        smallest: r#"#! tree = { "a" = "" }
f = path_open(root, 0, "a", 0, [fd_allocate, fd_filestat_get], 0, 0)
fd_allocate(f, 0, 2)
fd_filestat_get(f)"#,
    },
    Row {
        name: "fd_read: the first byte of standard input is lost",
        fault: only!(FdRead, |runtime, call| {
            let stdin = call.args[0] == 0;
            runtime.spoils(call, |outputs| {
                if stdin && outputs.get(1).is_some_and(|first| first.kept().len() > 1) {
                    outputs[1].bytes.iter_mut().for_each(|bytes| bytes[0] = b'?');
                }
            })
        }),
        tree: "",
        noisy: "fd_read(stdin, [3, 4])\nfd_read(stdin, 5)",
        smallest: r#"#! stdin = "aa"
fd_read(stdin, 2)"#,
    },
    Row {
        name: "path_create_directory: a read-only preopen is written to",
        fault: only!(PathCreateDirectory, |runtime, call| {
            let inside = path_of(call, 0).is_some_and(|path| !path.starts_with(b"/") && !path.windows(2).any(|two| two == b".."));
            if inside { runtime.forgives(call, Errno::Perm) } else { runtime.honest(call) }
        }),
        tree: "",
        noisy: r#"path_create_directory(sealed, "locked/new")
path_create_directory(sealed, "new")"#,
        smallest: r#"#! preopens = { root = { access = "read-only" } }
path_create_directory(root, "a")"#,
    },
    Row {
        name: "sock_shutdown: anything is a socket",
        fault: only!(SockShutdown, |runtime, call| runtime.forgives(call, Errno::Notsock)),
        tree: "",
        noisy: "sock_shutdown(stdout, [rd, wr])\nsock_shutdown(stdin, 3)",
        smallest: "sock_shutdown(root, [rd])",
    },
    Row {
        name: "path_link: the two names are two files",
        fault: only!(PathLink, |runtime, call| {
            let answer = runtime.honest(call);
            if is_ok(&answer) {
                let unlink = TraceCall {
                    function: Function::PathUnlinkFile,
                    args: vec![call.args[4], call.args[5], call.args[6]],
                    inputs: call.inputs[1..].to_vec(),
                    ..call.clone()
                };
                runtime.honest(&unlink);
            }
            answer
        }),
        tree: r#""dir/data" = "hello","#,
        noisy: r#"path_link(root, 0, "dir/data", other, "x/twin")
path_link(root, 0, "dir/data", root, "dir/twin")
path_filestat_get(root, 0, "dir/twin")"#,
        smallest: r#"#! tree = { "a" = "" }
path_link(root, 0, "a", root, "b")
path_filestat_get(root, 0, "b")"#,
    },
    Row {
        name: "path_filestat_get: every path starts at the first preopen",
        fault: only!(PathFilestatGet, |runtime, call| {
            let opened = runtime.is_opened_directory(call.args[0]);
            runtime.with_arg(call, 0, |fd| if opened { 3 } else { fd })
        }),
        tree: r#""dir/sub/data" = "hello","#,
        noisy: r#"d = path_open(root, 0, "dir", [directory], [path_open, path_filestat_get], [path_filestat_get], 0)
e = path_open(d, 0, "sub", [directory], [path_filestat_get], 0, 0)
path_filestat_get(e, [symlink_follow], "data")"#,
        smallest: r#"#! tree = { "a/b" = "" }
f = path_open(root, 0, "a", 0, 0, 0, 0)
path_filestat_get(f, 0, "b")"#,
    },
    Row {
        name: "fd_seek: to the end of three bytes and more goes one too far",
        fault: only!(FdSeek, |runtime, call| {
            let at_end = runtime.size(call.args[0]).is_some_and(|size| size >= 3 && size == call.args[1]);
            runtime.with_arg(call, 1, |offset| offset + u64::from(at_end))
        }),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_seek, fd_read], 0, 0)
fd_seek(f, 5, set)
fd_seek(f, 11, set)
fd_read(f, 5)"#,
        smallest: r#"#! tree = { "a" = "aaa" }
f = path_open(root, 0, "a", 0, [fd_seek], 0, 0)
fd_seek(f, 3, set)"#,
    },
    Row {
        name: "fd_prestat_get: the third preopen has a longer name",
        fault: only!(FdPrestatGet, |runtime, call| {
            let third = call.args[0] == 5;
            runtime.spoils(call, |outputs| {
                let len = number(&outputs[0], 4, 4);
                put(&mut outputs[0], 4, 4, len + u64::from(third));
            })
        }),
        tree: "",
        noisy: "fd_prestat_get(other)\nfd_prestat_get(sealed)",
        smallest: "#! preopens = { p = {}, q = {}, r = {} }
fd_prestat_get(r)",
    },
    Row {
        name: "path_create_directory: there is no space for a third one",
        fault: only!(PathCreateDirectory, |runtime, call| {
            if runtime.count == 2 {
                return runtime.complains(call, Errno::Nospc);
            }
            let answer = runtime.honest(call);
            runtime.count += u32::from(is_ok(&answer));
            answer
        }),
        tree: r#""dir/" = {},"#,
        noisy: r#"path_create_directory(root, "dir/one")
path_create_directory(other, "two")
path_create_directory(root, "dir/one/three")
path_create_directory(root, "four")"#,
        smallest: r#"path_create_directory(root, "a")
path_create_directory(root, "b")
path_create_directory(root, "c")"#,
    },
    Row {
        name: "fd_pwrite: says that nothing was written",
        fault: only!(FdPwrite, |runtime, call| runtime.spoils(call, |outputs| put(&mut outputs[0], 0, 4, 0))),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"buffer data = "some\n" + "bytes" * 20
buffer iov = u32(data, 5, data + 5, 7)
buffer written = 4
f = path_open(root, 0, "dir/data", 0, [fd_seek, fd_write, fd_read], 0, 0)
raw fd_pwrite(f, iov, 2, 7, written)"#,
        smallest: r#"#! tree = { "a" = "" }
f = path_open(root, 0, "a", 0, [fd_seek, fd_write], 0, 0)
fd_pwrite(f, "a", 0)"#,
    },
    Row {
        name: "poll_oneoff: a timeout of a microsecond and more is refused",
        fault: only!(PollOneoff, |runtime, call| {
            let given = &call.inputs[0];
            let is_long = |at: usize| number(given, 48 * at + 8, 1) == 0 && number(given, 48 * at + 24, 8) >= 1000;
            let long = (0..given.kept().len() / 48).find(|at| is_long(*at));
            runtime.spoils(call, |outputs| {
                if let Some(at) = long
                    && outputs[1].kept().len() >= 32 * (at + 1)
                {
                    put(&mut outputs[1], 32 * at + 8, 2, 28);
                }
            })
        }),
        tree: "",
        noisy: "poll_oneoff([clock(monotonic, 123456, 1000, 0) @ 9, clock(realtime, 999, 0, [subscription_clock_abstime])])",
        smallest: "poll_oneoff([clock(realtime, 1000, 0, 0)])",
    },
    Row {
        name: "fd_write: what is appended overwrites",
        fault: only!(FdWrite, |runtime, call| {
            // as if each write went to the start of the file
            runtime.aside(call, Function::FdSeek, &[call.args[0], 0, 0, 0]);
            runtime.honest(call)
        }),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_seek, fd_write, fd_read], 0, 0)
fd_write(f, ["HELLO", " "])
fd_write(f, "WORLD")
fd_seek(f, 0, set)
fd_read(f, 20)"#,
        smallest: r#"#! tree = { "a" = "" }
f = path_open(root, 0, "a", 0, [fd_read, fd_seek, fd_write], 0, 0)
fd_write(f, "a")
fd_write(f, [])
fd_read(f, 1)"#,
    },
    Row {
        name: "fd_datasync: never works",
        fault: only!(FdDatasync, |runtime, call| runtime.complains(call, Errno::Nosys)),
        tree: r#""dir/data" = "hello world","#,
        noisy: r#"f = path_open(root, 0, "dir/data", 0, [fd_datasync, fd_read], 0, 0)
fd_datasync(f)"#,
        smallest: "fd_datasync(root)",
    },
    Row {
        name: "path_filestat_get: what has a name of three bytes and more is empty",
        fault: only!(PathFilestatGet, |runtime, call| {
            let is_long = path_of(call, 0).is_some_and(|path| path.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.len() >= 3));
            runtime.spoils(call, |outputs| {
                let size = number(&outputs[0], 32, 8);
                put(&mut outputs[0], 32, 8, if is_long { 0 } else { size });
            })
        }),
        tree: r#""directory/data" = "hello world","#,
        noisy: r#"path_filestat_get(root, [symlink_follow], "directory/./data")"#,
        smallest: r#"#! tree = { "aaa" = "a" }
path_filestat_get(root, 0, "aaa")"#,
    },
    Row {
        name: "path_rename: the old name stays",
        fault: only!(PathRename, |runtime, call| {
            let answer = runtime.honest(call);
            if is_ok(&answer) {
                let (args, inputs) = (&call.args, &call.inputs);
                let link = TraceCall {
                    function: Function::PathLink,
                    args: vec![args[3], 0, args[4], args[5], args[0], args[1], args[2]],
                    inputs: vec![inputs[1].clone(), inputs[0].clone()],
                    ..call.clone()
                };
                runtime.honest(&link);
            }
            answer
        }),
        tree: r#""dir/data" = "hello world", "dir/sub/" = {},"#,
        noisy: r#"path_rename(root, "dir/data", root, "dir/sub/moved")
path_filestat_get(root, 0, "dir/sub/moved")
path_filestat_get(root, 0, "dir/data")"#,
        smallest: r#"#! tree = { "a" = "" }
path_rename(root, "a", root, "b")
path_filestat_get(root, 0, "a")"#,
    },
];

/// The bytes of a path that a call was given.
fn path_of(call: &TraceCall, index: usize) -> Option<Vec<u8>> {
    call.inputs.get(index).map(|path| path.kept().to_vec())
}

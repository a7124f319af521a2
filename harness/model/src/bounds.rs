//! Every bound of Touchstone, with its unit in the name and its reason beside it.

/// Wall-clock time that one run may take unless `--timeout` says otherwise. The slowest honest case
/// (sorting a file of 1 MB on an interpreter) takes a tenth of it on two slow cores.
pub const RUN_TIMEOUT_SECONDS: u64 = 10;

/// Wall-clock seconds for one run of a random script, whose waits are all far shorter. A runtime that hangs does so thousands of times
/// in a campaign.
pub const RANDOM_TIMEOUT_SECONDS: u64 = 2;

/// Resident bytes beyond which a hunter ends, and another goes on: engines may keep something of each of the thousands of scripts a second.
pub const HUNTER_RESIDENT_BYTES: u64 = 1 << 30;

/// Open descriptors beyond which a hunter ends, and another goes on. It holds what its world wants, up to some fifty files and folders.
pub const HUNTER_OPEN_FILES: usize = 256;

/// Wall-clock time for one run among others in the same process, after which it counts as hanging. A run takes less than a hundredth of it;
/// what only a busy machine held up is found out when it is run again by itself, with [`RANDOM_TIMEOUT_SECONDS`].
pub const RIG_TIMEOUT_MILLISECONDS: u64 = 250;

/// How long a worker may take to start and to answer its preflight. Engines compile a module in it, perhaps on a busy machine.
pub const WORKER_START_TIMEOUT_SECONDS: u64 = 60;

/// How long a program on `PATH` may take to tell its versions. Node.js takes a twentieth of a second.
pub const VERSION_TIMEOUT_SECONDS: u64 = 10;

/// How often the runner looks at a worker that is at work (its memory, its deadline).
pub const WORKER_POLL_MILLISECONDS: u64 = 20;

/// Resident memory of a worker above which the run ends as `crashed(memory-limit)`. Engines with warm caches stay below 400 MiB.
pub const WORKER_MEMORY_LIMIT_BYTES: u64 = 2 << 30;

/// `RLIMIT_DATA` of a worker: the hard stop behind the polled limit, for a worker that allocates faster than it is polled. 1 GiB of it is
/// address space that the worker's own allocator has set aside by then.
pub const WORKER_DATA_LIMIT_BYTES: u64 = 5 << 30;

/// `RLIMIT_NOFILE` of a worker: room for a case that opens a thousand files, small enough that a leak shows.
pub const WORKER_OPEN_FILES: u64 = 4096;

/// `RLIMIT_FSIZE` of a worker: a guest may make sparse files, but may not fill the scratch file system.
pub const WORKER_FILE_SIZE_BYTES: u64 = 8 << 30;

/// Bytes of stdout or stderr that an observation keeps as they are; of more it keeps the length and a hash.
pub const OUTPUT_KEPT_BYTES: usize = 64 << 10;

/// Bytes that an observation keeps as they are of what the other side of a connection received; of more it keeps the length and a hash.
pub const RECEIVED_KEPT_BYTES: usize = 4 << 10;

/// Bytes that a pipe takes without a reader: Linux gives a new one 16 pages of 4 KiB.
pub const PIPE_BYTES: usize = 64 << 10;

/// Reads of 64 KiB that the runner takes from a guest's pipe before it looks at deadline and memory again.
pub const DRAIN_READS: usize = 64;

/// How long the runner takes what is left in a guest's pipe after the run: a pipe holds 64 KiB, so this is never reached unless
/// somebody still writes.
pub const DRAIN_MILLISECONDS: u64 = 1000;

/// Bytes of a file that a worker's tree snapshot keeps as they are, and that are shown; of more it is the length and a hash.
pub const FILE_KEPT_BYTES: usize = 4 << 10;

/// Files larger than this are sparse in any honest case; the snapshot keeps their length only, since to hash them costs seconds.
pub const FILE_HASHED_BYTES: u64 = 256 << 20;

/// Age after which a scratch folder without a lock counts as left behind: a run that is just starting has none yet.
pub const STALE_SECONDS: u64 = 2;

/// Entries that a tree snapshot reads before it gives up: a guest in a loop must not fill the parent's memory.
pub const TREE_ENTRIES: usize = 100_000;

/// Bytes of one memory range that a trace copies. Longer ranges are kept as length and a prefix.
pub const CAPTURE_BYTES: u32 = 1 << 20;

/// Bytes of a whole trace. A program that makes more calls than fit has a trace that says `truncated`.
pub const TRACE_BYTES: u32 = 64 << 20;

/// Elements of one array (iovecs, subscriptions) that a trace looks at.
pub const CAPTURE_ELEMENTS: u32 = 1024;

/// Bytes of a message between runner and worker: a module, a trace and some text.
pub const MESSAGE_BYTES: u32 = 256 << 20;

/// Bytes of a folder that `check` copies for each runtime: the copies lie in memory.
pub const CHECK_COPY_BYTES: u64 = 1 << 30;

/// Bytes of a guest module that `check` accepts.
pub const MODULE_BYTES: u64 = 256 << 20;

/// Cases that one file with a matrix may stand for: more than that nobody reads in a report.
pub const MATRIX_CASES: usize = 256;

/// Bytes of a script or of a case's source file.
pub const SOURCE_BYTES: usize = 1 << 20;

/// Bytes that one literal of a script may expand to (`"a" * 4096`), so that a typo does not eat the memory.
pub const LITERAL_BYTES: usize = 4 << 20;

/// Sockets that a world has, and connections that wait at them: each is an fd that comes to the worker in one message with its job.
pub const SOCKETS: usize = 16;

/// Bytes that a socket holds which nobody reads: what the other side has sent before the guest starts, and what a guest can send at
/// least. Linux grants three times as much.
pub const SOCKET_BYTES: usize = 64 << 10;

/// The first address that a compiled script gives to its data: below it stays free for raw pointers of the author.
pub const SCRIPT_DATA_START: u32 = 0x1000;

/// Memory from address 0 in which a compiled script looks for its preopens and sockets: a prestat, then a name; or
/// an fdstat.
pub const SEARCH_MEMORY_BYTES: u32 = 64;

/// fds that a compiled script asks for its preopens, and its sockets, from 3 upwards. A runtime that answers success for ever must not loop for ever.
pub const PREOPEN_SEARCH_FDS: u32 = 64;

/// Compiled modules that a worker keeps per runtime: the fixtures that several cases or profiles share stay
/// in, and with at most some 2 MB of machine code for a program over `std` a full cache stays far below the memory limit.
pub const COMPILED_MODULES: usize = 64;

/// How long `rustup target add` may take: a download of 30 MB on a slow line.
pub const RUSTUP_SECONDS: u64 = 120;

/// How long a failed `rustup target add` is remembered: a machine without network must not wait for it in every run.
pub const RUSTUP_RETRY_SECONDS: u64 = 86_400;

/// How long the witness waits for a clock at most.
pub const WITNESS_WAIT_NANOSECONDS: u64 = 200_000_000;

/// Bytes of the pipes that a guest of the witness writes to, which nobody empties meanwhile: as much as Linux gives anybody.
pub const WITNESS_PIPE_BYTES: usize = 1 << 20;

/// Unexplained differences of a run against the kernel that are kept with their script: more nobody reads before the first are mended.
pub const WITNESS_SCRIPTS: usize = 200;

/// Candidates that the shrinker asks its judge about at most. A script of 25 calls in a full world needs some hundred, one that is
/// hard to make smaller some thousand; a judge that takes 10 ms for each, which a slow engine does, is asked for two minutes.
pub const SHRINK_TRIES: usize = 12_000;

/// The same where a run ends by being stopped: each try that shows it waits for [`RANDOM_TIMEOUT_SECONDS`].
pub const SHRINK_TRIES_OF_HANGS: usize = 60;

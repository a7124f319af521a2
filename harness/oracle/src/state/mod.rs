//! All that decides what a WASI call may do: descriptors, files, streams, clocks, and what the runtime has chosen so far.
//!
//! In reading order: [`inodes`] are the files and their names ([`content`] their bytes, [`time`] their times), [`fds`] the
//! descriptors, [`listing`] what was learnt of a directory's order, [`sockets`] connections; [`choices`] is what a runtime decides once.

pub mod choices;
pub mod content;
pub mod fds;
pub mod inodes;
pub mod listing;
pub mod sockets;
pub mod time;

use std::rc::Rc;

use touchstone_model::bounds;
use touchstone_model::world::{self, StdioKind, Stdout, World};

pub use choices::{Choice, Choices, Rights};
pub use content::Content;
pub use fds::{Access, Fd, Fds, Offset, Stream, What};
pub use inodes::{Directory, Inode, InodeId, Inodes, Kind, Name};
pub use listing::Listing;
pub use sockets::{Connection, Link, Socket, SocketId, Sockets};
pub use time::Time;

/// Every bit that `rights` has.
pub const ALL_RIGHTS: u64 = (1 << 30) - 1;

/// The state of a guest's world.
#[derive(Debug, Clone)]
pub struct State {
    /// What never changes.
    pub world: Rc<Facts>,
    pub fds: Fds,
    pub inodes: Inodes,
    pub input: Input,
    pub output: [Output; 2],
    pub sockets: Sockets,
    pub clocks: Clocks,
    pub choices: Choices,
    /// Random bytes that were given out, as far as they are long enough never to be equal.
    pub random: Vec<Vec<u8>>,
    /// Preopens that a runtime showed at a number that is now certain.
    pub placed: Vec<usize>,
    /// Sockets of the world likewise.
    pub placed_sockets: Vec<usize>,
    /// Numbers of preopens that the guest has closed.
    pub closed_preopens: Vec<u32>,
    /// Bytes that the guest's memory had at its first call.
    pub first_memory_bytes: Option<u64>,
}

/// What a world fixes for the whole run.
#[derive(Debug)]
pub struct Facts {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub preopens: Vec<PreopenFacts>,
    /// By which cases call the preopens.
    pub names: Vec<String>,
    pub host: Host,
}

/// What a world says of a preopen.
#[derive(Debug)]
pub struct PreopenFacts {
    pub guest: String,
    pub root: InodeId,
    pub read_only: bool,
    /// It is a directory of another preopen.
    pub nested: bool,
}

/// The limits that a host adds to what POSIX says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Bytes that a name may have.
    pub name_bytes: usize,
    /// Bytes that a whole path may have, the zero byte at its end included, where the host is asked to resolve it whole.
    pub path_bytes: usize,
    /// Symbolic links in one path after which nobody follows another: what goes on for longer is a loop.
    pub symlinks: usize,
    /// Symbolic links that POSIX promises to follow in one path.
    pub promised_symlinks: usize,
    /// Bytes that a file may have: the limit that the runner sets, far below what `off_t` can express.
    pub largest_file: u64,
    /// Where a clause leaves a choice, the outcome is preferred that the Linux kernel chooses.
    pub is_the_kernel: bool,
}

impl Host {
    /// Linux with tmpfs.
    pub const LINUX: Host = Host {
        name_bytes: 255,
        path_bytes: 4096,
        symlinks: 256,
        promised_symlinks: 8,
        largest_file: bounds::WORKER_FILE_SIZE_BYTES,
        is_the_kernel: false,
    };

    /// The kernel of that host itself, with no runtime in between.
    pub const LINUX_KERNEL: Host = Host { symlinks: 40, is_the_kernel: true, ..Host::LINUX };
}

/// Standard input.
#[derive(Debug, Clone)]
pub struct Input {
    pub kind: StdioKind,
    pub bytes: Rc<Vec<u8>>,
    /// How many bytes have been read; `None` once a runtime moved elsewhere in a file.
    pub read: Option<usize>,
    /// Nothing comes after `bytes`.
    pub ended: bool,
}

/// Standard output or error.
#[derive(Debug, Clone)]
pub struct Output {
    pub behind: Stdout,
    /// What came out, from the beginning: what a file that is appended to held before is part of it.
    pub written: Vec<u8>,
    /// Whether `written` is all that comes out, in order: no write was too long for the trace, and nobody moved elsewhere in a file.
    pub known: bool,
}

impl Output {
    fn new(behind: Stdout) -> Output {
        let written = if let Stdout::Appended(before) = &behind { before.clone() } else { Vec::new() };
        let known = behind != Stdout::Null;
        Output { behind, written, known }
    }

    /// Whether each write goes to the end of the file, wherever its offset is.
    pub fn appends(&self) -> bool {
        matches!(self.behind, Stdout::Appended(_))
    }

    /// Whether the pipe has no room for another byte, and nobody makes any.
    pub fn is_full(&self) -> bool {
        self.behind == Stdout::Stuck && self.known && self.written.len() >= bounds::PIPE_BYTES
    }

    /// Whether the pipe may have no room: how much the host needs besides the bytes themselves is its own affair.
    pub fn may_be_full(&self) -> bool {
        self.behind == Stdout::Stuck && !(self.known && self.written.is_empty())
    }
}

/// What is known of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clocks {
    /// The last reading of the realtime clock, or what it must show at least by now.
    pub realtime: Option<u64>,
    /// Times that the host put on files and streams and the guest saw, none near another.
    pub stamps: [Option<u64>; 4],
    /// The earliest that the monotonic clock can show now.
    pub monotonic: Option<u64>,
    /// The last readings of the two CPU-time clocks.
    pub cpu: [u64; 2],
    /// For each clock whether the runtime supports it, once that was seen.
    pub supported: [Option<bool>; 4],
}

impl State {
    /// The state in which a guest starts.
    pub fn new(world: &World, host: Host) -> State {
        let mut inodes = Inodes::default();
        let roots = plant(&mut inodes, world);
        let preopens = world.preopens.iter().zip(roots).map(|(preopen, root)| PreopenFacts {
            guest: preopen.guest.clone(),
            root,
            read_only: preopen.access == world::Access::ReadOnly,
            nested: preopen.within.is_some(),
        });
        let preopens = preopens.collect();
        let names = world.preopens.iter().map(|preopen| preopen.name.clone()).collect();
        let mut state = State {
            world: Rc::new(Facts { args: world.args.clone(), env: world.env.clone(), preopens, names, host }),
            fds: Fds::default(),
            inodes,
            input: Input { kind: world.stdin.kind, bytes: Rc::new(world.stdin.bytes.clone()), read: Some(0), ended: !world.stdin.open },
            output: [Output::new(world.stdout.clone()), Output::new(world.stdout.beside())],
            sockets: Sockets::of(world),
            clocks: Clocks::default(),
            choices: Choices::default(),
            random: Vec::new(),
            placed: Vec::new(),
            placed_sockets: Vec::new(),
            closed_preopens: Vec::new(),
            first_memory_bytes: None,
        };
        for (number, stream) in [(0, Stream::Input), (1, Stream::Output), (2, Stream::Error)] {
            state.fds.insert(Fd::new(number, What::Stream(stream)));
        }
        if world.times_unknown {
            state.inodes.forget_times();
        }
        state.place_preopens();
        state
    }

    /// Gives the preopens that no runtime has shown yet the numbers after those that are certain, as `preopen.numbered-from-three`
    /// says, and the sockets those behind them.
    pub fn place_preopens(&mut self) {
        let mut number = 2 + u32::try_from(self.placed.len()).unwrap_or(u32::MAX);
        let certain = self.fds.iter().filter(|fd| fd.number > 2 && fd.socket.is_none() && !self.is_waiting(fd));
        number = certain.map(|fd| fd.number).chain([number]).max().unwrap_or(number);
        let waiting: Vec<usize> = (0..self.world.preopens.len()).filter(|index| !self.placed.contains(index)).collect();
        for index in &waiting {
            let tentative = self.fds.iter().find(|fd| fd.preopen == Some(*index)).map(|fd| fd.number);
            if let Some(tentative) = tentative {
                self.fds.close(tentative);
            }
        }
        let waiting_sockets: Vec<usize> = self.waiting_sockets().collect();
        let sockets: Vec<Fd> = waiting_sockets.into_iter().map(|index| self.take_socket(index)).collect();
        for index in waiting {
            number = self.free_above(number);
            self.fds.insert(self.preopened(index, number));
        }
        for fd in sockets {
            number = self.free_above(number);
            self.fds.insert(Fd { number, ..fd });
        }
    }

    /// The lowest number above one that stands for nothing.
    fn free_above(&self, number: u32) -> u32 {
        (number + 1..).find(|number| self.fds.get(*number).is_none()).unwrap_or(u32::MAX)
    }

    /// Whether nobody has seen yet that a preopen or a socket of the world has the number at which it stands.
    pub fn is_waiting(&self, fd: &Fd) -> bool {
        let preopen = fd.preopen.is_some_and(|index| !self.placed.contains(&index));
        preopen || fd.socket.is_some_and(|index| !self.placed_sockets.contains(&index))
    }

    /// The world's sockets that no runtime has shown yet, in their order.
    pub fn waiting_sockets(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.sockets.given()).filter(|index| !self.placed_sockets.contains(index))
    }

    /// A socket of the world was shown at a number.
    pub fn place_socket(&mut self, index: usize, number: u32) {
        let fd = self.take_socket(index);
        self.fds.insert(Fd { number, ..fd });
        self.placed_sockets.push(index);
        self.place_preopens();
    }

    /// Takes a socket of the world from where it stands.
    fn take_socket(&mut self, index: usize) -> Fd {
        let tentative = self.fds.iter().find(|fd| fd.socket == Some(index)).map(|fd| fd.number);
        let taken = tentative.and_then(|number| self.fds.close(number));
        taken.unwrap_or_else(|| Fd { socket: Some(index), ..Fd::new(0, What::Socket(SocketId::of_world(index))) })
    }

    /// The descriptor of a preopen.
    pub fn preopened(&self, index: usize, number: u32) -> Fd {
        let facts = &self.world.preopens[index];
        Fd { preopen: Some(index), read_only: facts.read_only, ..Fd::new(number, What::Directory(facts.root)) }
    }

    /// Whether a number was that of a preopen which the guest has closed.
    pub fn is_closed_preopen(&self, number: u32) -> bool {
        self.closed_preopens.contains(&number)
    }

    /// What stands behind a stream.
    pub fn stream_kind(&self, stream: Stream) -> StdioKind {
        match stream {
            Stream::Input => self.input.kind,
            Stream::Output => self.output[0].behind.kind(),
            Stream::Error => self.output[1].behind.kind(),
        }
    }

    /// Where a stream stands that is a file, as far as its reads and writes tell.
    pub fn stream_offset(&self, stream: Stream) -> Option<u64> {
        match self.output(stream) {
            // a file that is appended to is at its beginning until it is written
            Some(output) => (output.known && !output.appends()).then_some(output.written.len() as u64),
            None => self.input.read.map(|read| read as u64),
        }
    }

    /// How long a stream is that is a file. What moved in it may have changed that as well.
    pub fn stream_len(&self, stream: Stream) -> Option<u64> {
        match self.output(stream) {
            Some(_) => self.stream_offset(stream),
            None => self.input.read.map(|_| self.input.bytes.len() as u64),
        }
    }

    /// The output of a stream that is written.
    pub fn output(&self, stream: Stream) -> Option<&Output> {
        match stream {
            Stream::Input => None,
            Stream::Output => Some(&self.output[0]),
            Stream::Error => Some(&self.output[1]),
        }
    }

    /// The output of a stream that is written, to change it.
    pub fn output_of(&mut self, stream: Stream) -> Option<&mut Output> {
        match stream {
            Stream::Input => None,
            Stream::Output => Some(&mut self.output[0]),
            Stream::Error => Some(&mut self.output[1]),
        }
    }

    /// Whether the trees are other than those that a world starts with.
    pub fn is_changed(&self, world: &World) -> bool {
        let start = State::new(world, self.world.host);
        let roots = self.world.preopens.iter().zip(&start.world.preopens);
        roots.into_iter().any(|(now, then)| self.differs(now.root, &start, then.root))
    }

    fn differs(&self, inode: InodeId, start: &State, then: InodeId) -> bool {
        let (now, before) = (self.inodes.get(inode), start.inodes.get(then));
        let times = now.mtime != before.mtime || (now.atime != before.atime && now.atime != Time::Any && before.atime != Time::Any);
        let content = match (&now.kind, &before.kind) {
            (Kind::File(now), Kind::File(before)) => now != before,
            (Kind::Symlink(now), Kind::Symlink(before)) => now != before,
            (Kind::Directory(now), Kind::Directory(before)) => {
                let names = now.entries.len() != before.entries.len() || !now.changes.is_empty();
                names || now.entries.values().zip(before.entries.values()).any(|(now, before)| self.differs(*now, start, *before))
            }
            (Kind::File(_) | Kind::Symlink(_) | Kind::Directory(_), _) => true,
        };
        times || content
    }

    /// The time that the host puts on what happens now.
    pub fn now(&self) -> Time {
        Time::Now { not_before: self.clocks.realtime.unwrap_or(0) }
    }

    /// Whether no name and no descriptor leads to an inode any more, so that its number may be given to another.
    pub fn is_gone(&self, inode: InodeId) -> bool {
        let is_root = || self.world.preopens.iter().any(|preopen| preopen.root == inode);
        let is_open = || self.fds.iter().any(|fd| fd.what == What::File(inode) || fd.what == What::Directory(inode));
        self.inodes.get(inode).nlink == 0 && !is_root() && !is_open()
    }
}

/// Builds the trees of all preopens and gives their roots: first those that have trees, then directories in these.
fn plant(inodes: &mut Inodes, world: &World) -> Vec<InodeId> {
    let mut own = |preopen: &world::Preopen| preopen.within.is_none().then(|| inodes.plant(preopen));
    let own: Vec<Option<InodeId>> = world.preopens.iter().map(&mut own).collect();
    let root_of = |name: &str| own[world.preopens.iter().position(|preopen| preopen.name == name)?];
    let mut roots = Vec::new();
    for (preopen, own) in world.preopens.iter().zip(&own) {
        let within = preopen.within.as_ref().and_then(|within| inodes.at(root_of(&within.preopen)?, &within.path));
        // somebody may have taken the directory away since the world was described
        roots.push(own.or(within).unwrap_or_else(|| inodes.plant(preopen)));
    }
    roots
}

impl Fd {
    /// A descriptor with every right, at the beginning.
    pub fn new(number: u32, what: What) -> Fd {
        Fd {
            number,
            what,
            offset: Offset::At(0),
            flags: if matches!(what, What::Stream(_)) { None } else { Some(0) },
            base: ALL_RIGHTS,
            inheriting: ALL_RIGHTS,
            listing: None,
            preopen: None,
            socket: None,
            read_only: false,
            access: Access::ReadWrite,
        }
    }
}

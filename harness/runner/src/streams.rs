//! The standard streams of runs whose guests are in this very process, so that nobody can feed or drain them meanwhile: all input is
//! there from the start, and what was written is read afterwards.
//!
//! A file or a pipe behind a stream serves run after run: to make one takes longer than to empty or refill it, or to see that nobody has read it.

use std::fs::{File, FileTimes};
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
use rustix::io::ioctl_fionread;
use touchstone_model::bounds;
use touchstone_model::tree::Content;
use touchstone_model::world::{StdioKind, Stdout, World};

use crate::HarnessError;
use crate::scratch::content_of;

/// The streams of one run after the other.
#[derive(Debug)]
pub(crate) struct Streams {
    devices: Devices,
    /// Behind stdin, where that is a file; made when it is first needed.
    input: Option<MemoryFile>,
    /// What was stdin last, where that was a pipe.
    piped: Option<Filled>,
    /// For stdout and stderr.
    outputs: [Output; 2],
}

/// Our side of an output, made when it is first needed.
#[derive(Debug, Default)]
struct Output {
    pipe: Option<Pipe>,
    /// One that is no wider than the host makes it.
    stuck: Option<Pipe>,
    file: Option<MemoryFile>,
}

#[derive(Debug)]
struct Pipe {
    reader: File,
    writer: OwnedFd,
}

/// A pipe that no more is written to.
#[derive(Debug)]
struct Filled {
    reader: PipeReader,
    /// What was written.
    bytes: Vec<u8>,
}

impl Streams {
    /// Streams by the devices of this host, before there is another root or user.
    pub(crate) fn open() -> Result<Streams, HarnessError> {
        Ok(Streams { devices: Devices::open()?, input: None, piped: None, outputs: Default::default() })
    }

    /// Makes the files, which can be opened anew in the process that made them only.
    pub(crate) fn prepare(&mut self) -> Result<(), HarnessError> {
        self.input = Some(MemoryFile::new(&self.devices, OFlags::RDONLY)?);
        for output in &mut self.outputs {
            output.file = Some(MemoryFile::new(&self.devices, OFlags::WRONLY)?);
        }
        Ok(())
    }

    /// What a guest is given: stdin, stdout, stderr.
    pub(crate) fn of(&mut self, world: &World) -> Result<[OwnedFd; 3], HarnessError> {
        let Streams { devices, input, piped, outputs: [stdout, stderr] } = self;
        let stdin = match world.stdin.kind {
            StdioKind::Device => copy(&devices.nothing, OFlags::empty())?,
            StdioKind::File => MemoryFile::theirs(input, devices, OFlags::RDONLY, &world.stdin.bytes)?,
            StdioKind::Pipe => Filled::theirs(piped, &world.stdin.bytes)?,
        };
        Ok([stdin, stdout.theirs(&world.stdout, devices)?, stderr.theirs(&world.stdout.beside(), devices)?])
    }

    /// Has the next guest find nothing of what a call has set of a stream: its times stay with a pipe or file.
    pub(crate) fn renew(&mut self) -> Result<(), HarnessError> {
        self.piped = None;
        for output in &mut self.outputs {
            (output.pipe, output.stuck) = (None, None);
        }
        let files = self.outputs.iter_mut().map(|output| &mut output.file).chain([&mut self.input]);
        files.flatten().try_for_each(MemoryFile::renew).map_err(HarnessError::system("set the times of a file in memory"))
    }

    /// What the guest has written to its outputs.
    pub(crate) fn written(&mut self, world: &World) -> Result<[Content; 2], HarnessError> {
        let [stdout, stderr] = &mut self.outputs;
        let read = |content: io::Result<Content>| content.map_err(HarnessError::system("read what was written"));
        Ok([read(stdout.written(&world.stdout))?, read(stderr.written(&world.stdout.beside()))?])
    }
}

impl Output {
    /// The guest's end.
    fn theirs(&mut self, behind: &Stdout, devices: &Devices) -> Result<OwnedFd, HarnessError> {
        match behind {
            Stdout::File => MemoryFile::theirs(&mut self.file, devices, OFlags::WRONLY, &[]),
            Stdout::Appended(bytes) => MemoryFile::theirs(&mut self.file, devices, OFlags::WRONLY | OFlags::APPEND, bytes),
            Stdout::Pipe => Pipe::theirs(&mut self.pipe, Some(bounds::WITNESS_PIPE_BYTES)),
            Stdout::Stuck => Pipe::theirs(&mut self.stuck, None),
            Stdout::Broken => Ok(io::pipe().map_err(HarnessError::system("make a pipe"))?.1.into()),
            Stdout::Full => copy(&devices.full, OFlags::empty()),
            Stdout::Null => copy(&devices.null, OFlags::empty()),
        }
    }

    /// What is there by now.
    fn written(&mut self, behind: &Stdout) -> io::Result<Content> {
        match (behind, self) {
            (Stdout::File | Stdout::Appended(_), Output { file: Some(file), .. }) => file.content(),
            (Stdout::Pipe, Output { pipe: Some(pipe), .. }) | (Stdout::Stuck, Output { stuck: Some(pipe), .. }) => pipe.drained(),
            _ => Ok(Content::of(&[])),
        }
    }
}

impl Filled {
    /// The reader of a pipe that holds as many of these bytes as fit. One that the guests before have not read from is as good as a new one.
    fn theirs(pipe: &mut Option<Filled>, bytes: &[u8]) -> Result<OwnedFd, HarnessError> {
        let bytes = &bytes[..bytes.len().min(bounds::PIPE_BYTES)];
        let is_whole = |pipe: &Filled| pipe.bytes == bytes && ioctl_fionread(&pipe.reader).is_ok_and(|left| left == bytes.len() as u64);
        let filled =
            pipe.take().filter(is_whole).map_or_else(|| Filled::new(bytes), Ok).map_err(HarnessError::system("fill the guest's stdin"))?;
        copy(&pipe.insert(filled).reader, OFlags::empty())
    }

    fn new(bytes: &[u8]) -> io::Result<Filled> {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(bytes)?;
        Ok(Filled { reader, bytes: bytes.to_vec() })
    }
}

impl Pipe {
    /// A writer of a pipe, which is made of that many bytes if it is not there.
    fn theirs(pipe: &mut Option<Pipe>, bytes: Option<usize>) -> Result<OwnedFd, HarnessError> {
        let made = pipe.take().map_or_else(|| Pipe::new(bytes), Ok)?;
        copy(&pipe.insert(made).writer, OFlags::empty())
    }

    fn new(bytes: Option<usize>) -> Result<Pipe, HarnessError> {
        let (reader, writer) = io::pipe().map_err(HarnessError::system("make a pipe"))?;
        if let Some(bytes) = bytes {
            rustix::pipe::fcntl_setpipe_size(&writer, bytes).map_err(HarnessError::system("widen a pipe"))?;
        }
        rustix::io::ioctl_fionbio(&reader, true).map_err(HarnessError::system("make a pipe"))?;
        Ok(Pipe { reader: File::from(OwnedFd::from(reader)), writer: writer.into() })
    }

    /// All that is in it.
    fn drained(&mut self) -> io::Result<Content> {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match self.reader.read(&mut piece) {
                Ok(count) => {
                    bytes.extend_from_slice(&piece[..count]);
                    if count < piece.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Content::kept(&bytes, bounds::OUTPUT_KEPT_BYTES))
    }
}

/// A file in memory, which a guest is given as a shell would open it.
#[derive(Debug)]
struct MemoryFile {
    ours: File,
    /// What guests are given copies of.
    theirs: OwnedFd,
    /// What is in it, as far as is known.
    holds: Option<Vec<u8>>,
    /// Its mtime when it was filled last.
    filled: Option<SystemTime>,
    /// Its length and mtime after the last run, if they were looked at.
    left: Option<(u64, SystemTime)>,
}

impl MemoryFile {
    /// The guest's end, at the beginning of this content. The file is made if it is not there.
    fn theirs(file: &mut Option<MemoryFile>, devices: &Devices, flags: OFlags, bytes: &[u8]) -> Result<OwnedFd, HarnessError> {
        let made = file.take().map_or_else(|| MemoryFile::new(devices, flags), Ok)?;
        let MemoryFile { ours, theirs, holds, filled, left } = file.insert(made);
        let left = left.take();
        let is_as_filled =
            || left.or_else(|| state(ours).ok()).is_some_and(|(len, mtime)| len == bytes.len() as u64 && Some(mtime) == *filled);
        if holds.as_deref() != Some(bytes) || !is_as_filled() {
            let state = ours.set_len(0).and_then(|()| ours.write_all_at(bytes, 0)).and_then(|()| state(ours));
            *filled = Some(state.map_err(HarnessError::system("fill a file in memory"))?.1);
        }
        // who can write to it may do so
        *holds = (flags & OFlags::RWMODE == OFlags::RDONLY).then(|| bytes.to_vec());
        rustix::fs::seek(&theirs, SeekFrom::Start(0)).map_err(HarnessError::system("rewind a file in memory"))?;
        copy(theirs, flags)
    }

    fn new(devices: &Devices, flags: OFlags) -> Result<MemoryFile, HarnessError> {
        let what = "make a file in memory";
        let ours = File::from(rustix::fs::memfd_create("stream", MemfdFlags::CLOEXEC).map_err(HarnessError::system(what))?);
        let theirs = rustix::fs::openat(&devices.fds, ours.as_raw_fd().to_string(), flags | OFlags::CLOEXEC, Mode::empty());
        Ok(MemoryFile { ours, theirs: theirs.map_err(HarnessError::system(what))?, holds: None, filled: None, left: None })
    }

    /// Gives it the present as its times, and has it filled again.
    fn renew(&mut self) -> io::Result<()> {
        self.holds = None;
        let now = SystemTime::now();
        self.ours.set_times(FileTimes::new().set_accessed(now).set_modified(now))
    }

    /// What is in it.
    fn content(&mut self) -> io::Result<Content> {
        let (len, mtime) = state(&self.ours)?;
        self.left = Some((len, mtime));
        if len > 0 {
            rustix::fs::seek(&self.ours, SeekFrom::Start(0))?;
        }
        let content = content_of(&self.ours, len, bounds::OUTPUT_KEPT_BYTES)?;
        self.holds.clone_from(&content.bytes);
        Ok(content)
    }
}

/// The length of a file, and its mtime.
fn state(file: &File) -> io::Result<(u64, SystemTime)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified()?))
}

/// A stream for one run, with these flags: all guests are given copies of the same open one, and the one before may have changed its flags.
fn copy(stream: impl AsFd, flags: OFlags) -> Result<OwnedFd, HarnessError> {
    let stream = stream.as_fd();
    rustix::fs::fcntl_setfl(stream, flags).map_err(HarnessError::system("reset the flags of a stream"))?;
    stream.try_clone_to_owned().map_err(HarnessError::system("copy a stream"))
}

/// The devices of this host, opened before there is another root or user.
#[derive(Debug)]
struct Devices {
    full: File,
    nothing: File,
    null: File,
    /// `/proc/self/fd`, which another root lacks.
    fds: File,
}

impl Devices {
    fn open() -> Result<Devices, HarnessError> {
        let open = |path: &str| File::options().write(true).open(path).map_err(HarnessError::file("open", path));
        let nothing = Path::new("/dev/null");
        let nothing = File::open(nothing).map_err(HarnessError::file("open", nothing))?;
        let fds = Path::new("/proc/self/fd");
        let fds = File::open(fds).map_err(HarnessError::file("open", fds))?;
        Ok(Devices { full: open("/dev/full")?, nothing, null: open("/dev/null")?, fds })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::io::{Read, Write};
    use std::time::{Duration, SystemTime};

    use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, fcntl_setfl, seek};
    use touchstone_model::world::{Stdin, StdioKind, Stdout, World};

    use super::Streams;

    #[test]
    fn a_pipe_that_was_read_is_filled_anew() {
        let mut streams = Streams::open().unwrap();
        let world =
            |bytes: &[u8]| World { stdin: Stdin { kind: StdioKind::Pipe, bytes: bytes.to_owned(), open: false }, ..World::default() };
        let pipe_of = |stdin: &File| rustix::fs::fstat(stdin).unwrap().st_ino;
        let mut pipes = Vec::new();
        for (bytes, read) in [(&b"typed"[..], 0), (b"typed", 2), (b"typed", 5), (b"typed", 0), (b"other", 5), (b"", 0), (b"", 0)] {
            let [stdin, ..] = streams.of(&world(bytes)).unwrap();
            assert_eq!(fcntl_getfl(&stdin).unwrap() & OFlags::NONBLOCK, OFlags::empty());
            let mut stdin = File::from(stdin);
            let mut begin = vec![0; read];
            stdin.read_exact(&mut begin).unwrap();
            assert_eq!(begin, bytes[..read]);
            fcntl_setfl(&stdin, OFlags::NONBLOCK).unwrap();
            if read == bytes.len() {
                assert_eq!(stdin.read(&mut [0]).unwrap(), 0, "nobody writes to it any more");
            }
            pipes.push(pipe_of(&stdin));
        }
        let is_new: Vec<bool> = pipes.windows(2).map(|pair| pair[0] != pair[1]).collect();
        assert_eq!(is_new, [false, true, true, true, true, false], "who has read nothing has left it to the next");
    }

    #[test]
    fn times_that_a_guest_set_are_not_left_to_the_next() {
        let set = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let file = Stdin { kind: StdioKind::File, bytes: b"typed".to_vec(), open: false };
        let piped = Stdin { kind: StdioKind::Pipe, ..file.clone() };
        let mut streams = Streams::open().unwrap();
        for (stdin, stdout) in [(piped, Stdout::Pipe), (file, Stdout::File)] {
            let world = World { stdin, stdout, ..World::default() };
            for stream in streams.of(&world).unwrap() {
                // another's device's are its own
                let _ = File::from(stream).set_times(FileTimes::new().set_accessed(set).set_modified(set));
            }
            streams.written(&world).unwrap();
            streams.renew().unwrap();
            for stream in streams.of(&world).unwrap() {
                let metadata = File::from(stream).metadata().unwrap();
                assert!(metadata.accessed().unwrap() != set && metadata.modified().unwrap() != set);
            }
        }
    }

    #[test]
    fn all_that_was_written_to_a_pipe_is_read() {
        let mut streams = Streams::open().unwrap();
        let world = World { stdout: Stdout::Pipe, ..World::default() };
        for pieces in [vec![4095], vec![4096], vec![4097], vec![70_000], vec![1; 100], vec![4096, 1], vec![1, 4096, 4096]] {
            let [_, stdout, _] = streams.of(&world).unwrap();
            let mut stdout = File::from(stdout);
            pieces.iter().for_each(|len| stdout.write_all(&vec![b'x'; *len]).unwrap());
            let len: usize = pieces.iter().sum();
            assert_eq!(streams.written(&world).unwrap()[0].len, len as u64);
            assert_eq!(streams.written(&world).unwrap()[0].len, 0);
        }
    }

    #[test]
    fn nothing_of_a_guest_is_left_to_the_next() {
        let mut streams = Streams::open().unwrap();
        let outputs = [Stdout::Appended(b"before".to_vec()), Stdout::File, Stdout::Pipe, Stdout::File];
        for stdout in outputs {
            let world = World { stdin: Stdin { kind: StdioKind::File, bytes: b"typed".to_vec(), open: false }, stdout, ..World::default() };
            let [stdin, stdout, _] = streams.of(&world).unwrap();
            let appends = matches!(world.stdout, Stdout::Appended(_));
            let kept = OFlags::APPEND | OFlags::NONBLOCK;
            assert_eq!(fcntl_getfl(&stdout).unwrap() & kept, if appends { OFlags::APPEND } else { OFlags::empty() });
            assert_eq!(fcntl_getfl(&stdin).unwrap() & kept, OFlags::empty());
            let mut read = String::new();
            let mut stdin = File::from(stdin);
            stdin.read_to_string(&mut read).unwrap();
            assert_eq!(read, "typed");
            // what a guest may do to its descriptors
            fcntl_setfl(&stdin, OFlags::NONBLOCK).unwrap();
            File::from(stdout.try_clone().unwrap()).write_all(b"said").unwrap();
            let _ = seek(&stdout, SeekFrom::Start(100));
            fcntl_setfl(&stdout, OFlags::NONBLOCK).unwrap();
            let [written, _] = streams.written(&world).unwrap();
            let expected: &[u8] = if appends { b"beforesaid" } else { b"said" };
            assert_eq!(written.bytes.as_deref(), Some(expected));
        }
    }
}

//! The standard streams of runs whose guests are in this very process, so that nobody can feed or drain them meanwhile: all input is
//! there from the start, and what was written is read afterwards.
//!
//! A file behind a stream, or a pipe behind an output, serves run after run: to make one takes longer than to empty it.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
use touchstone_model::bounds;
use touchstone_model::tree::Content;
use touchstone_model::world::{Stdin, StdioKind, Stdout, World};

use crate::HarnessError;
use crate::scratch::content_of;

/// The streams of one run after the other.
#[derive(Debug)]
pub(crate) struct Streams {
    devices: Devices,
    /// Behind stdin, where that is a file; made when it is first needed.
    input: Option<MemoryFile>,
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

impl Streams {
    /// Streams by the devices of this host, before there is another root or user.
    pub(crate) fn open() -> Result<Streams, HarnessError> {
        Ok(Streams { devices: Devices::open()?, input: None, outputs: Default::default() })
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
        let Streams { devices, input, outputs: [stdout, stderr] } = self;
        Ok([stdin(&world.stdin, input, devices)?, stdout.theirs(&world.stdout, devices)?, stderr.theirs(&world.stdout.beside(), devices)?])
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
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Content::kept(&bytes, bounds::OUTPUT_KEPT_BYTES)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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
}

impl MemoryFile {
    /// The guest's end, at the beginning of this content. The file is made if it is not there.
    fn theirs(file: &mut Option<MemoryFile>, devices: &Devices, flags: OFlags, bytes: &[u8]) -> Result<OwnedFd, HarnessError> {
        let made = file.take().map_or_else(|| MemoryFile::new(devices, flags), Ok)?;
        let MemoryFile { ours, theirs, holds, filled } = file.insert(made);
        let state = |file: &File| file.metadata().and_then(|metadata| Ok((metadata.len(), metadata.modified()?)));
        let is_as_filled = || state(ours).is_ok_and(|(len, mtime)| len == bytes.len() as u64 && Some(mtime) == *filled);
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
        Ok(MemoryFile { ours, theirs: theirs.map_err(HarnessError::system(what))?, holds: None, filled: None })
    }

    /// What is in it.
    fn content(&mut self) -> io::Result<Content> {
        let len = self.ours.metadata()?.len();
        if len > 0 {
            rustix::fs::seek(&self.ours, SeekFrom::Start(0))?;
        }
        let content = content_of(&self.ours, len, bounds::OUTPUT_KEPT_BYTES)?;
        self.holds.clone_from(&content.bytes);
        Ok(content)
    }
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

/// The guest's end of its input.
fn stdin(stdin: &Stdin, file: &mut Option<MemoryFile>, devices: &Devices) -> Result<OwnedFd, HarnessError> {
    match stdin.kind {
        StdioKind::Device => copy(&devices.nothing, OFlags::empty()),
        StdioKind::File => MemoryFile::theirs(file, devices, OFlags::RDONLY, &stdin.bytes),
        StdioKind::Pipe => {
            let what = "fill the guest's stdin";
            let (reader, mut writer) = io::pipe().map_err(HarnessError::system(what))?;
            writer.write_all(&stdin.bytes[..stdin.bytes.len().min(bounds::PIPE_BYTES)]).map_err(HarnessError::system(what))?;
            Ok(reader.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, fcntl_setfl, seek};
    use touchstone_model::world::{Stdin, StdioKind, Stdout, World};

    use super::Streams;

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

//! The standard streams of runs whose guests are in this very process, so that nobody can feed or drain them meanwhile: all input is
//! there from the start, and what was written is read afterwards.
//!
//! A pipe or a file behind an output serves run after run: to make one takes longer than to empty it.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use touchstone_model::bounds;
use touchstone_model::tree::Content;
use touchstone_model::world::{Stdin, StdioKind, Stdout, World};

use crate::HarnessError;
use crate::scratch::content_of;

/// The streams of one run after the other.
#[derive(Debug)]
pub(crate) struct Streams {
    devices: Devices,
    /// For stdout and stderr.
    outputs: [Output; 2],
}

/// Our side of an output, made when it is first needed.
#[derive(Debug, Default)]
struct Output {
    pipe: Option<Pipe>,
    /// One that is no wider than the host makes it.
    stuck: Option<Pipe>,
    file: Option<File>,
}

#[derive(Debug)]
struct Pipe {
    reader: File,
    writer: OwnedFd,
}

impl Streams {
    /// Streams by the devices of this host, before there is another root or user.
    pub(crate) fn open() -> Result<Streams, HarnessError> {
        Ok(Streams { devices: Devices::open()?, outputs: Default::default() })
    }

    /// What a guest is given: stdin, stdout, stderr.
    pub(crate) fn of(&mut self, world: &World) -> Result<[OwnedFd; 3], HarnessError> {
        let Streams { devices, outputs: [stdout, stderr] } = self;
        Ok([input(&world.stdin, devices)?, stdout.theirs(&world.stdout, devices)?, stderr.theirs(&world.stdout.beside(), devices)?])
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
            Stdout::File => devices.opened_anew(self.holding(&[])?, OFlags::WRONLY),
            Stdout::Appended(bytes) => devices.opened_anew(self.holding(bytes)?, OFlags::WRONLY | OFlags::APPEND),
            Stdout::Pipe => Pipe::theirs(&mut self.pipe, Some(bounds::WITNESS_PIPE_BYTES)),
            Stdout::Stuck => Pipe::theirs(&mut self.stuck, None),
            Stdout::Broken => Ok(io::pipe().map_err(HarnessError::system("make a pipe"))?.1.into()),
            Stdout::Full => Devices::copy(&devices.full),
            Stdout::Null => Devices::copy(&devices.null),
        }
    }

    /// The file with this content.
    fn holding(&mut self, bytes: &[u8]) -> Result<&File, HarnessError> {
        let file = self.file.take().map_or_else(|| memory_file(bytes), |file| refilled(file, bytes))?;
        Ok(self.file.insert(file))
    }

    /// What is there by now.
    fn written(&mut self, behind: &Stdout) -> io::Result<Content> {
        match (behind, self) {
            (Stdout::File | Stdout::Appended(_), Output { file: Some(file), .. }) => {
                file.rewind()?;
                let len = file.metadata()?.len();
                content_of(file, len, bounds::OUTPUT_KEPT_BYTES)
            }
            (Stdout::Pipe, Output { pipe: Some(pipe), .. }) | (Stdout::Stuck, Output { stuck: Some(pipe), .. }) => pipe.drained(),
            _ => Ok(Content::of(&[])),
        }
    }
}

impl Pipe {
    /// A writer of a pipe, which is made of that many bytes if it is not there.
    fn theirs(pipe: &mut Option<Pipe>, bytes: Option<usize>) -> Result<OwnedFd, HarnessError> {
        let made = pipe.take().map_or_else(|| Pipe::new(bytes), Ok)?;
        let writer = &pipe.insert(made).writer;
        // all guests are given the same open one, and the one before may have changed its flags
        rustix::fs::fcntl_setfl(writer, OFlags::empty()).map_err(HarnessError::system("reset the flags of a pipe"))?;
        writer.try_clone().map_err(HarnessError::system("copy a stream"))
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
    /// A device for one run. All are given the same open one, and the one before may have changed its flags.
    fn copy(device: &File) -> Result<OwnedFd, HarnessError> {
        rustix::fs::fcntl_setfl(device, OFlags::empty()).map_err(HarnessError::system("reset the flags of a device"))?;
        Ok(device.try_clone().map_err(HarnessError::system("copy a stream"))?.into())
    }

    fn open() -> Result<Devices, HarnessError> {
        let open = |path: &str| File::options().write(true).open(path).map_err(HarnessError::file("open", path));
        let nothing = Path::new("/dev/null");
        let nothing = File::open(nothing).map_err(HarnessError::file("open", nothing))?;
        let fds = Path::new("/proc/self/fd");
        let fds = File::open(fds).map_err(HarnessError::file("open", fds))?;
        Ok(Devices { full: open("/dev/full")?, nothing, null: open("/dev/null")?, fds })
    }

    /// The same file once more, opened as a shell opens what it redirects from or to.
    fn opened_anew(&self, file: &File, flags: OFlags) -> Result<OwnedFd, HarnessError> {
        let name = file.as_raw_fd().to_string();
        let opened = rustix::fs::openat(&self.fds, name, flags | OFlags::CLOEXEC, Mode::empty());
        opened.map_err(HarnessError::system("open a stream's file"))
    }
}

fn memory_file(bytes: &[u8]) -> Result<File, HarnessError> {
    let what = "make a file in memory";
    let mut file = File::from(rustix::fs::memfd_create("stream", MemfdFlags::CLOEXEC).map_err(HarnessError::system(what))?);
    file.write_all(bytes).and_then(|()| file.rewind()).map_err(HarnessError::system(what))?;
    Ok(file)
}

/// The same file with other content.
fn refilled(mut file: File, bytes: &[u8]) -> Result<File, HarnessError> {
    let filled = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(bytes));
    filled.map_err(HarnessError::system("empty a file in memory"))?;
    Ok(file)
}

fn input(stdin: &Stdin, devices: &Devices) -> Result<OwnedFd, HarnessError> {
    match stdin.kind {
        StdioKind::Device => Devices::copy(&devices.nothing),
        StdioKind::File => devices.opened_anew(&memory_file(&stdin.bytes)?, OFlags::RDONLY),
        StdioKind::Pipe => {
            let what = "fill the guest's stdin";
            let (reader, mut writer) = io::pipe().map_err(HarnessError::system(what))?;
            writer.write_all(&stdin.bytes[..stdin.bytes.len().min(bounds::PIPE_BYTES)]).map_err(HarnessError::system(what))?;
            Ok(reader.into())
        }
    }
}

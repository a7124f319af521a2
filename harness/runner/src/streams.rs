//! The standard streams of a run whose guest is in this very process, so that nobody can feed or drain them meanwhile: all input is
//! there from the start, and what was written is read afterwards.

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

/// The devices of this host, opened before there is another root or user.
#[derive(Debug)]
pub(crate) struct Devices {
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

    pub(crate) fn open() -> Result<Devices, HarnessError> {
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

/// The streams of a world.
pub(crate) struct Streams {
    /// The guest's: stdin, stdout, stderr.
    pub(crate) theirs: [OwnedFd; 3],
    pub(crate) written: Written,
}

/// Where what a guest writes to its two outputs can be read again.
pub(crate) struct Written([Ours; 2]);

/// Our side of an output.
enum Ours {
    File(File),
    Pipe(File),
    Nothing,
}

impl Streams {
    pub(crate) fn new(world: &World, devices: &Devices) -> Result<Streams, HarnessError> {
        let (stdout, our_stdout) = output(&world.stdout, devices)?;
        let (stderr, our_stderr) = output(&world.stdout.beside(), devices)?;
        Ok(Streams { theirs: [input(&world.stdin, devices)?, stdout, stderr], written: Written([our_stdout, our_stderr]) })
    }
}

impl Written {
    /// What is there by now.
    pub(crate) fn read(self) -> Result<[Content; 2], HarnessError> {
        let [stdout, stderr] = self.0.map(Ours::read);
        let read = |content: io::Result<Content>| content.map_err(HarnessError::system("read what was written"));
        Ok([read(stdout)?, read(stderr)?])
    }
}

impl Ours {
    fn read(self) -> io::Result<Content> {
        match self {
            Ours::Nothing => Ok(Content::of(&[])),
            Ours::File(mut file) => {
                file.rewind()?;
                let len = file.metadata()?.len();
                content_of(file, len, bounds::OUTPUT_KEPT_BYTES)
            }
            Ours::Pipe(mut pipe) => {
                let mut bytes = Vec::new();
                match pipe.read_to_end(&mut bytes) {
                    // somebody has the other end still open
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => read.map(|_| ())?,
                }
                Ok(Content::kept(&bytes, bounds::OUTPUT_KEPT_BYTES))
            }
        }
    }
}

fn memory_file(bytes: &[u8]) -> Result<File, HarnessError> {
    let what = "make a file in memory";
    let mut file = File::from(rustix::fs::memfd_create("stream", MemfdFlags::CLOEXEC).map_err(HarnessError::system(what))?);
    file.write_all(bytes).and_then(|()| file.rewind()).map_err(HarnessError::system(what))?;
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

/// The guest's end of an output, and ours.
fn output(behind: &Stdout, devices: &Devices) -> Result<(OwnedFd, Ours), HarnessError> {
    match behind {
        Stdout::File => {
            let ours = memory_file(&[])?;
            Ok((devices.opened_anew(&ours, OFlags::WRONLY)?, Ours::File(ours)))
        }
        Stdout::Appended(bytes) => {
            let ours = memory_file(bytes)?;
            Ok((devices.opened_anew(&ours, OFlags::WRONLY | OFlags::APPEND)?, Ours::File(ours)))
        }
        Stdout::Pipe | Stdout::Stuck | Stdout::Broken => {
            let (reader, writer) = io::pipe().map_err(HarnessError::system("make the guest's stdout"))?;
            if *behind == Stdout::Pipe {
                rustix::pipe::fcntl_setpipe_size(&writer, bounds::WITNESS_PIPE_BYTES).map_err(HarnessError::system("widen a pipe"))?;
            }
            rustix::io::ioctl_fionbio(&reader, true).map_err(HarnessError::system("make the guest's stdout"))?;
            let ours = if *behind == Stdout::Broken { Ours::Nothing } else { Ours::Pipe(File::from(OwnedFd::from(reader))) };
            Ok((writer.into(), ours))
        }
        Stdout::Full => Ok((Devices::copy(&devices.full)?, Ours::Nothing)),
        Stdout::Null => Ok((Devices::copy(&devices.null)?, Ours::Nothing)),
    }
}

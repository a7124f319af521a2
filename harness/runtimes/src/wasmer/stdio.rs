//! Host fds as the guest's stdin, stdout and stderr.
//!
//! A regular file is WASIX's own [`host_fs::File`]. That type cannot be a pipe: it seeks to find out whether there is something
//! to read. The types that `wasmer run` uses are tied to fds 0, 1 and 2 of the process and read ahead, so
//! [`Pipe`] answers what those answer, over an fd of ours.

use std::fs::File;
use std::io::{self, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use touchstone_model::world::StdioKind;
use wasmer_wasix::virtual_fs::{FsError, VirtualFile, host_fs};

use crate::pipe::PipeReader;
use crate::stdio;

/// What WASIX holds for an fd.
type HostFile = Box<dyn VirtualFile + Send + Sync>;

/// How much WASIX is told that it can write at once, as by its own `Stdout`.
const WRITE_BYTES: usize = 8 << 10;

/// Must be called where a tokio runtime is entered.
pub(super) fn input(fd: OwnedFd) -> anyhow::Result<HostFile> {
    Ok(match stdio::kind(&fd)? {
        StdioKind::File | StdioKind::Device => regular_file(fd, Access::Read),
        StdioKind::Pipe => Box::new(Pipe::Read(PipeReader::new(fd))),
    })
}

/// Must be called where a tokio runtime is entered.
pub(super) fn output(fd: OwnedFd) -> anyhow::Result<HostFile> {
    Ok(match stdio::kind(&fd)? {
        StdioKind::File => regular_file(fd, Access::Write),
        StdioKind::Pipe | StdioKind::Device => Box::new(Pipe::Write(File::from(fd))),
    })
}

enum Access {
    Read,
    Write,
}

fn regular_file(fd: OwnedFd, access: Access) -> HostFile {
    let read = matches!(access, Access::Read);
    // The path is only there for `unlink`, which nothing calls for a stream.
    Box::new(host_fs::File::new(Handle::current(), File::from(fd), PathBuf::new(), read, !read, false))
}

#[derive(Debug)]
enum Pipe {
    Read(PipeReader),
    Write(File),
}

impl VirtualFile for Pipe {
    fn last_accessed(&self) -> u64 {
        0
    }

    fn last_modified(&self) -> u64 {
        0
    }

    fn created_time(&self) -> u64 {
        0
    }

    fn size(&self) -> u64 {
        0
    }

    fn set_len(&mut self, _: u64) -> Result<(), FsError> {
        Ok(())
    }

    fn unlink(&mut self) -> Result<(), FsError> {
        Ok(())
    }

    fn poll_read_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Pipe::Read(pipe) => {
                ready!(pipe.poll_ready(context))?;
                Poll::Ready(pipe.available())
            }
            Pipe::Write(_) => Poll::Ready(Ok(0)),
        }
    }

    fn poll_write_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(match *self {
            Pipe::Read(_) => 0,
            Pipe::Write(_) => WRITE_BYTES,
        }))
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Pipe::Read(pipe) => {
                ready!(pipe.poll_ready(context))?;
                let read = pipe.read(buffer.initialize_unfilled())?;
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
            Pipe::Write(_) => Poll::Ready(Err(io::Error::other("can not read from stdout"))),
        }
    }
}

/// Writes go straight to the pipe and wait while it is full: nothing needs flushing.
impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(match self.get_mut() {
            Pipe::Read(_) => Err(io::Error::other("can not write to stdin")),
            Pipe::Write(pipe) => pipe.write(bytes),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match *self {
            Pipe::Read(_) => Err(io::Error::other("can not flush stdin")),
            Pipe::Write(_) => Ok(()),
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match *self {
            Pipe::Read(_) => Err(io::Error::other("can not shut down stdin")),
            Pipe::Write(_) => Ok(()),
        })
    }
}

impl AsyncSeek for Pipe {
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Err(io::Error::other("can not seek in a pipe"))
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Err(io::Error::other("can not seek in a pipe")))
    }
}

//! What runner and worker say to each other, over a Unix socket: a length, a message, and with a job its fds.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use touchstone_model::End;
use touchstone_model::bounds;
use touchstone_model::world::Access;

/// One run that a worker is asked for. Its stdin, stdout, stderr and sockets come with it as fds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub hash: [u8; 32],
    pub module: Vec<u8>,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Guest path, host path, access.
    pub preopens: Vec<(String, PathBuf, Access)>,
    /// What a memory is filled with before the first call.
    pub image: Option<(String, Vec<u8>)>,
    pub memories: Vec<String>,
    pub calls: Vec<String>,
    /// How many sockets there are.
    pub sockets: usize,
}

/// Fds that come with a job at most: stdio and sockets.
const MOST_FDS: usize = 3 + bounds::SOCKETS;

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The engine stands. Whether `openat2` answers here.
    Ready { openat2: bool },
    /// The job is done.
    Done(Done),
    /// The harness made a mistake.
    Failed(String),
}

/// What a worker saw of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    pub end: End,
    pub memories: Vec<(String, Vec<u8>)>,
    pub leaked_fds: Vec<String>,
    pub peak_memory_bytes: u64,
}

/// Sends a message.
pub fn send(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= bounds::MESSAGE_BYTES);
    let len = len.ok_or_else(|| io::Error::other("the message is too long"))?;
    stream.write_all(&len.to_le_bytes())?;
    stream.write_all(&bytes)
}

/// Receives a message; `None` where the other side is gone.
pub fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    match stream.read_exact(&mut len) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => return Ok(None),
        Err(error) => return Err(error),
    }
    let len = u32::from_le_bytes(len);
    if len > bounds::MESSAGE_BYTES {
        return Err(io::Error::other("the message is too long"));
    }
    let mut bytes = vec![0; len as usize];
    match stream.read_exact(&mut bytes) {
        Ok(()) => postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends the fds of a job, with one byte to carry them.
pub fn send_fds(stream: &UnixStream, fds: &[&OwnedFd]) -> io::Result<()> {
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(|fd| fd.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("the fds do not fit a message"));
    }
    rustix::net::sendmsg(stream, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives the fds of a job: its stdio, and its sockets.
pub fn receive_fds(stream: &UnixStream, sockets: usize) -> io::Result<([OwnedFd; 3], Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    if fds.len() != 3 + sockets {
        return Err(io::Error::other("a job came without its fds"));
    }
    let sockets = fds.split_off(3);
    let stdio = fds.try_into().map_err(|_| io::Error::other("a job came without its stdio"))?;
    Ok((stdio, sockets))
}

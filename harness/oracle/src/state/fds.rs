//! Descriptors: what each stands for, and the state that goes with it.

use touchstone_spec::consts::rights;

use super::listing::Listing;
use super::{InodeId, SocketId};

/// The open descriptors of a guest.
#[derive(Debug, Clone, Default)]
pub struct Fds(Vec<Fd>);

/// An open descriptor. Each has an open file description of its own: preview 1 cannot duplicate one.
#[derive(Debug, Clone)]
pub struct Fd {
    pub number: u32,
    pub what: What,
    /// Where the next read or write of a file begins.
    pub offset: Offset,
    /// Bits of `fdflags`; `None` until a runtime says what a stream starts with.
    pub flags: Option<u64>,
    /// Bits of `rights` that it has.
    pub base: u64,
    /// Bits of `rights` that descriptors opened through it can have.
    pub inheriting: u64,
    /// What is known of the order of a directory's entries.
    pub listing: Option<Box<Listing>>,
    /// Which of the world's preopens it is.
    pub preopen: Option<usize>,
    /// Which of the sockets it is that the world gives the guest.
    pub socket: Option<usize>,
    /// Nothing can be changed through it.
    pub read_only: bool,
    /// How a file was opened, which hosts know of that keep no rights.
    pub access: Access,
}

/// How a file was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
    /// Neither was asked for: for reading or for nothing, as the runtime likes.
    Neither,
}

impl Access {
    /// What rights ask for when a file is opened.
    pub fn of_rights(base: u64) -> Access {
        match (base & rights::FD_READ != 0, base & rights::FD_WRITE != 0) {
            (true, false) => Access::Read,
            (false, false) => Access::Neither,
            (false, true) => Access::Write,
            (true, true) => Access::ReadWrite,
        }
    }

    /// Whether the file can be written.
    pub fn writes(self) -> bool {
        matches!(self, Access::Write | Access::ReadWrite)
    }

    /// Whether the file can be read, at least by the host, which has no file that can do neither.
    pub fn reads(self) -> bool {
        !matches!(self, Access::Write)
    }
}

/// What a descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    File(InodeId),
    Directory(InodeId),
    Stream(Stream),
    Socket(SocketId),
    /// Something of which nothing is known: a directory of the runtime's own making, or the result of a call that should have failed.
    Foreign,
}

/// A standard stream that the host gave the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Input,
    Output,
    Error,
}

/// Where a descriptor stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    At(u64),
    Unknown,
}

impl Fds {
    /// The descriptor of a number.
    pub fn get(&self, number: u32) -> Option<&Fd> {
        self.0.iter().find(|fd| fd.number == number)
    }

    /// The descriptor of a number, to change it.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Fd> {
        self.0.iter_mut().find(|fd| fd.number == number)
    }

    /// Opens a descriptor; what had its number is gone.
    pub fn insert(&mut self, fd: Fd) {
        self.close(fd.number);
        self.0.push(fd);
    }

    /// Closes a descriptor.
    pub fn close(&mut self, number: u32) -> Option<Fd> {
        let place = self.0.iter().position(|fd| fd.number == number)?;
        Some(self.0.swap_remove(place))
    }

    /// The lowest number from 3 on that is free.
    pub fn lowest_free(&self) -> u32 {
        (3..).find(|number| self.get(*number).is_none()).unwrap_or(u32::MAX)
    }

    /// All open descriptors.
    pub fn iter(&self) -> impl Iterator<Item = &Fd> {
        self.0.iter()
    }
}

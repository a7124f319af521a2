//! The kernel's error codes and those of WASI: the names are the same.

use touchstone_spec::Errno;

/// The code of WASI with the kernel's name; `None` for a code that WASI does not have.
pub(super) fn of(error: rustix::io::Errno) -> Option<Errno> {
    TABLE.iter().find(|(kernel, _)| *kernel == error).map(|(_, errno)| *errno)
}

/// What the calls of the witness can answer on the file systems that it runs on.
const TABLE: [(rustix::io::Errno, Errno); 33] = [
    (rustix::io::Errno::ACCESS, Errno::Acces),
    (rustix::io::Errno::AGAIN, Errno::Again),
    (rustix::io::Errno::BADF, Errno::Badf),
    (rustix::io::Errno::BUSY, Errno::Busy),
    (rustix::io::Errno::DQUOT, Errno::Dquot),
    (rustix::io::Errno::EXIST, Errno::Exist),
    (rustix::io::Errno::FAULT, Errno::Fault),
    (rustix::io::Errno::FBIG, Errno::Fbig),
    (rustix::io::Errno::ILSEQ, Errno::Ilseq),
    (rustix::io::Errno::INTR, Errno::Intr),
    (rustix::io::Errno::INVAL, Errno::Inval),
    (rustix::io::Errno::IO, Errno::Io),
    (rustix::io::Errno::ISDIR, Errno::Isdir),
    (rustix::io::Errno::LOOP, Errno::Loop),
    (rustix::io::Errno::MFILE, Errno::Mfile),
    (rustix::io::Errno::MLINK, Errno::Mlink),
    (rustix::io::Errno::NAMETOOLONG, Errno::Nametoolong),
    (rustix::io::Errno::NFILE, Errno::Nfile),
    (rustix::io::Errno::NODEV, Errno::Nodev),
    (rustix::io::Errno::NOENT, Errno::Noent),
    (rustix::io::Errno::NOMEM, Errno::Nomem),
    (rustix::io::Errno::NOSPC, Errno::Nospc),
    (rustix::io::Errno::NOSYS, Errno::Nosys),
    (rustix::io::Errno::NOTDIR, Errno::Notdir),
    (rustix::io::Errno::NOTEMPTY, Errno::Notempty),
    (rustix::io::Errno::NOTSUP, Errno::Notsup),
    (rustix::io::Errno::NXIO, Errno::Nxio),
    (rustix::io::Errno::OVERFLOW, Errno::Overflow),
    (rustix::io::Errno::PERM, Errno::Perm),
    (rustix::io::Errno::PIPE, Errno::Pipe),
    (rustix::io::Errno::ROFS, Errno::Rofs),
    (rustix::io::Errno::SPIPE, Errno::Spipe),
    (rustix::io::Errno::XDEV, Errno::Xdev),
];

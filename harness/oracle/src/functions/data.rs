//! Calls about a file's data that change nothing that a program can see, or reserve room: `fd_advise`, `fd_allocate`,
//! `fd_datasync`, `fd_sync`.

use touchstone_model::world::StdioKind;
use touchstone_spec::clause;
use touchstone_spec::consts::{advice, rights};

use super::buffers::moved;
use crate::state::{Stream, Time, What};
use crate::step::{Flow, Step, Stop};

/// The largest position that POSIX can express.
const LARGEST: u64 = i64::MAX.cast_unsigned();

pub(crate) fn fd_advise(step: &mut Step<'_>) -> Flow {
    if step.arg(3) > advice::NOREUSE {
        step.applies(clause!("fd_advise.unknown-advice"));
    }
    let fd = step.fd(0, clause!("fd_advise.bad-fd"))?;
    step.right(fd, rights::FD_ADVISE);
    let (offset, len) = (step.arg(1), step.arg(2));
    match step.what(fd) {
        What::File(inode) => {
            if step.state.inodes.file(inode).is_some_and(|file| offset > file.len()) {
                step.cite(clause!("fd_advise.beyond-end"));
            }
        }
        What::Directory(_) => {
            step.applies(clause!("fd_advise.directory"));
            step.wrong_type();
        }
        What::Stream(stream) => match step.state.stream_kind(stream) {
            StdioKind::Pipe => {
                step.applies(clause!("fd_advise.pipe"));
                step.wrong_type();
            }
            StdioKind::File => step.applies(clause!("fd_advise.stdio-file")),
            StdioKind::Device => step.applies(clause!("fd_advise.stdio-device")),
        },
        What::Socket(_) => {
            step.applies(clause!("fd_advise.pipe"));
            step.wrong_type();
        }
        What::Foreign => return Err(Stop::Unjudged),
    }
    if len > LARGEST {
        step.applies(clause!("fd_advise.huge-length"));
    } else if offset > LARGEST || offset + len > LARGEST {
        step.applies(clause!("fd_advise.huge-range"));
    } else if len == 0 {
        step.cite(clause!("fd_advise.zero-length"));
    }
    step.always(clause!("fd_advise.no-effect"))
}

pub(crate) fn fd_allocate(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_allocate.bad-fd"))?;
    step.right(fd, rights::FD_ALLOCATE);
    let (offset, len) = (step.arg(1), step.arg(2));
    if offset > LARGEST || len > LARGEST {
        step.applies(clause!("fd_allocate.negative-range"));
    } else if offset + len > step.state.world.host.largest_file {
        step.applies(clause!("fd_allocate.huge-range"));
    }
    if len == 0 {
        step.applies(clause!("fd_allocate.zero-length"));
    }
    step.applies(clause!("fd_allocate.unsupported"));
    let inode = match step.what(fd) {
        What::File(inode) => inode,
        What::Directory(_) => {
            step.applies(clause!("fd_allocate.directory"));
            step.wrong_type();
            return step.succeeds();
        }
        What::Stream(stream) => {
            if stream == Stream::Input {
                step.applies(clause!("fd_allocate.not-writable"));
            }
            step.applies(match step.state.stream_kind(stream) {
                StdioKind::Pipe => clause!("fd_allocate.pipe"),
                StdioKind::File => clause!("fd_allocate.stdio-file"),
                StdioKind::Device => clause!("fd_allocate.stdio-device"),
            });
            step.wrong_type();
            step.succeeds()?;
            moved(step, stream);
            return Ok(());
        }
        What::Socket(_) => {
            step.applies(clause!("fd_allocate.pipe"));
            step.wrong_type();
            return step.succeeds();
        }
        What::Foreign => return Err(Stop::Unjudged),
    };
    if let Some(entry) = step.entry(fd).filter(|entry| !entry.access.writes() || entry.read_only) {
        // as for fd_filestat_set_size: a host may open for writing what is to be allocated
        let asked = entry.base & rights::FD_ALLOCATE != 0 && !entry.read_only;
        step.applies(if asked { clause!("fd_allocate.right-alone") } else { clause!("fd_allocate.not-writable") });
    }
    if offset.saturating_add(len) > MOST_ALLOCATED {
        step.applies(clause!("fd_allocate.no-space"));
    }
    step.succeeds()?;
    let end = offset.saturating_add(len);
    if let Some(file) = step.state.inodes.file_mut(inode) {
        let grows = end > file.len();
        if grows {
            file.set_len(end);
        }
        step.cite(if grows { clause!("fd_allocate.grows") } else { clause!("fd_allocate.never-shrinks") });
        step.cite(if grows { clause!("fd_allocate.added-is-zero") } else { clause!("fd_allocate.keeps-data") });
    }
    let file = step.state.inodes.get_mut(inode);
    (file.mtime, file.ctime) = (Time::Any, Time::Any);
    Ok(())
}

/// Bytes beyond which a host may have no room: a tmpfs is often half of the memory.
const MOST_ALLOCATED: u64 = 1 << 28;

pub(crate) fn fd_datasync(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_datasync.bad-fd"))?;
    step.right(fd, rights::FD_DATASYNC);
    match step.what(fd) {
        What::File(_) => {
            if step.entry(fd).is_some_and(|entry| !entry.access.writes()) {
                step.applies(clause!("fd_datasync.read-only"));
            }
            step.cite(clause!("fd_datasync.file"));
        }
        What::Directory(_) => {
            step.applies(clause!("fd_datasync.directory"));
            step.wrong_type();
        }
        What::Stream(stream) => {
            step.applies(match step.state.stream_kind(stream) {
                StdioKind::Pipe => clause!("fd_datasync.pipe"),
                StdioKind::File | StdioKind::Device => clause!("fd_datasync.stdio"),
            });
            step.wrong_type();
        }
        What::Socket(_) => {
            step.applies(clause!("fd_datasync.pipe"));
            step.wrong_type();
        }
        What::Foreign => return Err(Stop::Unjudged),
    }
    step.always(clause!("fd_datasync.keeps-everything"))
}

pub(crate) fn fd_sync(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_sync.bad-fd"))?;
    step.right(fd, rights::FD_SYNC);
    match step.what(fd) {
        What::File(_) => {
            if step.entry(fd).is_some_and(|entry| !entry.access.writes()) {
                step.cite(clause!("fd_sync.read-only"));
            }
            step.cite(clause!("fd_sync.file"));
        }
        What::Directory(_) => {
            step.applies(clause!("fd_sync.directory"));
            step.wrong_type();
        }
        What::Stream(stream) => {
            step.applies(match step.state.stream_kind(stream) {
                StdioKind::Pipe => clause!("fd_sync.pipe"),
                StdioKind::File | StdioKind::Device => clause!("fd_sync.stdio"),
            });
            step.wrong_type();
        }
        What::Socket(_) => {
            step.applies(clause!("fd_sync.pipe"));
            step.wrong_type();
        }
        What::Foreign => return Err(Stop::Unjudged),
    }
    step.always(clause!("fd_sync.keeps-everything"))
}

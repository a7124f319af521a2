//! Positions: `fd_seek`, `fd_tell`.

use touchstone_model::world::StdioKind;
use touchstone_spec::clause;
use touchstone_spec::consts::{rights, whence};

use super::buffers::{LARGEST, moved, never, offset};
use crate::state::{Offset, Output, Stream, What};
use crate::step::{Flow, Step, Stop};

pub(crate) fn fd_seek(step: &mut Step<'_>) -> Flow {
    let mut base = step.arg32(2);
    if base > u32::from(u8::MAX) {
        step.applies(clause!("memory.argument-too-wide"));
        base &= u32::from(u8::MAX);
    }
    if u64::from(base) > whence::END {
        step.applies(clause!("fd_seek.invalid-whence"));
    }
    let by = step.arg(1).cast_signed();
    let below = by < 0 && u64::from(base) == whence::SET;
    if below {
        // no descriptor makes it right
        step.permits(clause!("fd_seek.negative-result"));
    }
    let fd = step.fd(0, clause!("fd_seek.bad-fd"))?;
    let only_tells = by == 0 && u64::from(base) == whence::CUR;
    if only_tells && step.entry(fd).is_some_and(|entry| entry.base & rights::FD_TELL != 0) {
        step.cite(clause!("rights.tell-without-seek"));
        step.cite(clause!("fd_seek.zero-from-cur"));
    } else {
        step.rights(fd, rights::FD_SEEK, clause!("rights.seek-needs-seek"));
    }
    match step.what(fd) {
        What::File(inode) => {
            let from = match u64::from(base) {
                whence::SET => 0,
                whence::CUR => offset(step, fd)?,
                _ => step.state.inodes.file(inode).map_or(0, |file| file.len()),
            };
            let to = i128::from(from) + i128::from(by);
            goes_far(step, to);
            if !step.findings.success {
                step.cite(clause!("fd_seek.error-keeps-offset"));
            }
            step.succeeds()?;
            let to = u64::try_from(to).unwrap_or_default();
            if step.state.inodes.file(inode).is_some_and(|file| to > file.len()) {
                step.cite(clause!("fd_seek.past-end"));
                step.cite(clause!("fd_seek.never-grows"));
            }
            if step.appends(fd) {
                step.cite(clause!("fd_seek.append"));
            }
            step.cite(clause!("fd_seek.newoffset"));
            let seen = step.number(0, 8, to, clause!("fd_seek.whence"), "newoffset");
            if let Some(entry) = step.state.fds.get_mut(fd) {
                entry.offset = Offset::At(seen);
            }
            Ok(())
        }
        What::Directory(_) => {
            let nowhere = u64::from(base) == whence::END || by < 0;
            step.applies(if nowhere { clause!("fd_seek.directory-end") } else { clause!("fd_seek.directory") });
            step.wrong_type();
            step.succeeds()?;
            step.make(vec![0; 8]);
            Ok(())
        }
        What::Stream(stream) => {
            match step.state.stream_kind(stream) {
                StdioKind::Pipe => {
                    step.applies(clause!("fd_seek.pipe"));
                    step.cite(clause!("stdio.pipe-has-no-offset"));
                }
                StdioKind::File => {
                    stream_goes_far(step, stream, u64::from(base), by);
                    step.applies(clause!("fd_seek.stdio-file"));
                    step.cite(clause!("stdio.file-seek"));
                }
                StdioKind::Device => step.applies(clause!("fd_seek.stdio-device")),
            }
            step.wrong_type();
            step.succeeds()?;
            step.make(vec![0; 8]);
            // what is appended goes to the end from anywhere
            if !step.state.output(stream).is_some_and(Output::appends) {
                moved(step, stream);
            }
            Ok(())
        }
        What::Socket(_) => never(step, clause!("fd_seek.pipe")),
        What::Foreign => Err(Stop::Unjudged),
    }
}

/// A seek in the file behind a stream may lead to where no offset can be. From where, nobody may know but the host.
fn stream_goes_far(step: &mut Step<'_>, stream: Stream, base: u64, by: i64) {
    let from = match base {
        whence::SET => Some(0),
        whence::CUR => step.state.stream_offset(stream),
        _ => step.state.stream_len(stream),
    };
    match from {
        Some(from) => goes_far(step, i128::from(from) + i128::from(by)),
        None if by < 0 => step.permits(clause!("fd_seek.negative-result")),
        None if by > 0 => {
            step.permits(clause!("fd_seek.beyond-largest-file"));
            step.permits(clause!("fd_seek.above-signed"));
        }
        None => {}
    }
}

/// Where a seek leads that no offset can be.
fn goes_far(step: &mut Step<'_>, to: i128) {
    if to < 0 {
        step.applies(clause!("fd_seek.negative-result"));
    } else if to > i128::from(u64::MAX) {
        step.applies(clause!("fd_seek.overflow"));
    } else if to > i128::from(LARGEST) {
        step.applies(clause!("fd_seek.above-signed"));
    } else if to > i128::from(step.state.world.host.largest_file) {
        step.applies(clause!("fd_seek.beyond-largest-file"));
    }
}

pub(crate) fn fd_tell(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_tell.bad-fd"))?;
    if step.entry(fd).is_some_and(|entry| entry.base & (rights::FD_TELL | rights::FD_SEEK) == 0) {
        step.right(fd, rights::FD_TELL);
    } else {
        step.cite(clause!("rights.seek-implies-tell"));
    }
    match step.what(fd) {
        What::File(_) => {
            let at = offset(step, fd)?;
            step.succeeds()?;
            step.cite(clause!("fd_tell.changes-nothing"));
            let seen = step.number(0, 8, at, clause!("fd_tell.reports-offset"), "offset");
            if let Some(entry) = step.state.fds.get_mut(fd) {
                entry.offset = Offset::At(seen);
            }
            Ok(())
        }
        What::Directory(_) => {
            step.applies(clause!("fd_tell.directory"));
            step.wrong_type();
            step.succeeds()?;
            step.make(vec![0; 8]);
            Ok(())
        }
        What::Stream(stream) => {
            match step.state.stream_kind(stream) {
                StdioKind::Pipe => step.applies(clause!("fd_tell.pipe")),
                StdioKind::File => step.applies(clause!("fd_tell.stdio-file")),
                StdioKind::Device => step.applies(clause!("fd_tell.stdio-device")),
            }
            step.wrong_type();
            step.succeeds()?;
            step.make(vec![0; 8]);
            Ok(())
        }
        What::Socket(_) => never(step, clause!("fd_tell.pipe")),
        What::Foreign => Err(Stop::Unjudged),
    }
}

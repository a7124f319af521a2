//! Writing: `fd_write`, `fd_pwrite`.

use touchstone_model::world::{StdioKind, Stdout};
use touchstone_spec::consts::{fdflags, rights};
use touchstone_spec::{ClauseId, clause};

use super::buffers::{LARGEST, buffer_clauses, count, lengths, make_count, never, offset, positioned_pipe, positioned_stream, room, taken};
use super::sockets;
use crate::state::{Choice, InodeId, Offset, Output, Stream, What};
use crate::step::{Flow, Step, Stop};

/// What a successful write promises.
struct WriteClauses {
    data: ClauseId,
    nothing: ClauseId,
    short: ClauseId,
    none: ClauseId,
    many: ClauseId,
    order: ClauseId,
    not_empty: ClauseId,
    gap: ClauseId,
    grows: ClauseId,
    rest: ClauseId,
    visible: ClauseId,
    large: ClauseId,
    /// The file cannot be written; the second, where nothing is given either.
    not_writable: [ClauseId; 2],
}

const WRITE: WriteClauses = WriteClauses {
    data: clause!("fd_write.moves-offset"),
    nothing: clause!("fd_write.nothing-given"),
    short: clause!("fd_write.short"),
    none: clause!("fd_write.no-buffers"),
    many: clause!("fd_write.many-buffers"),
    order: clause!("fd_write.gathers-in-order"),
    not_empty: clause!("fd_write.not-empty"),
    gap: clause!("fd_write.gap-reads-as-zeros"),
    grows: clause!("fd_write.grows"),
    rest: clause!("fd_write.keeps-rest"),
    visible: clause!("fd_write.visible-at-once"),
    large: clause!("fd_write.too-large"),
    not_writable: [clause!("fd_write.not-writable"), clause!("fd_write.not-writable-nothing")],
};

const PWRITE: WriteClauses = WriteClauses {
    data: clause!("fd_pwrite.writes-at-offset"),
    nothing: clause!("fd_pwrite.nothing-given"),
    short: clause!("fd_pwrite.short"),
    none: clause!("fd_pwrite.no-buffers"),
    many: clause!("fd_pwrite.many-buffers"),
    order: clause!("fd_pwrite.gathers-in-order"),
    not_empty: clause!("fd_pwrite.not-empty"),
    gap: clause!("fd_pwrite.gap-reads-as-zeros"),
    grows: clause!("fd_pwrite.grows"),
    rest: clause!("fd_pwrite.keeps-rest"),
    visible: clause!("fd_pwrite.visible-at-once"),
    large: clause!("fd_pwrite.too-large"),
    not_writable: [clause!("fd_pwrite.not-writable"), clause!("fd_pwrite.not-writable-nothing")],
};

pub(crate) fn fd_write(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_write.bad-fd"))?;
    step.right(fd, rights::FD_WRITE);
    match step.what(fd) {
        What::File(inode) => {
            not_writable(step, fd, WRITE.not_writable);
            let at = offset(step, fd)?;
            if at > LARGEST && !step.appends(fd) {
                step.applies(clause!("fd_write.offset-above-signed"));
            }
            let appends = step.appends(fd);
            let start = if appends { step.state.inodes.file(inode).map_or(0, |file| file.len()) } else { at };
            if appends && start != at {
                step.cite(clause!("fd_write.append-others"));
            }
            if step.entry(fd).and_then(|entry| entry.flags).is_some_and(|flags| flags & (fdflags::DSYNC | fdflags::SYNC) != 0) {
                step.cite(clause!("fd_write.sync-flags"));
            }
            if appends {
                step.cite(clause!("fd_write.append"));
            }
            let clauses = if appends { WriteClauses { data: clause!("fd_write.append"), ..WRITE } } else { WRITE };
            let written = file_write(step, inode, start, &clauses)?;
            if let Some(entry) = step.state.fds.get_mut(fd)
                && written > 0
            {
                entry.offset = Offset::At(start.saturating_add(written));
            }
            Ok(())
        }
        What::Directory(_) => never(step, clause!("fd_write.directory")),
        What::Stream(Stream::Input) => {
            buffer_clauses(step, WRITE.none, WRITE.many, WRITE.nothing);
            let nothing = room(step) == 0;
            never(step, WRITE.not_writable[usize::from(nothing)])
        }
        What::Stream(stream) => stream_write(step, stream),
        What::Socket(socket) => {
            step.cite(clause!("fd_write.socket"));
            sockets::send(step, fd, socket)
        }
        What::Foreign => Err(Stop::Unjudged),
    }
}

pub(crate) fn fd_pwrite(step: &mut Step<'_>) -> Flow {
    let (fd, at) = (step.arg32(0), step.arg(3));
    if at > LARGEST && step.appends(fd) && step.choice(Choice::PwriteAppends)? {
        step.applies(clause!("fd_pwrite.negative-offset-append"));
    } else if at > LARGEST {
        let nothing = room(step) == 0;
        step.applies(if nothing { clause!("fd_pwrite.negative-offset-nothing") } else { clause!("fd_pwrite.negative-offset") });
    }
    let fd = step.fd(0, clause!("fd_pwrite.bad-fd"))?;
    step.rights(fd, rights::FD_WRITE | rights::FD_SEEK, clause!("rights.pwrite-needs-both"));
    match step.what(fd) {
        What::File(inode) => {
            not_writable(step, fd, PWRITE.not_writable);
            let appends = step.appends(fd) && step.choice(Choice::PwriteAppends)?;
            // which says nothing about where the bytes would have gone
            if step.appends(fd) && at <= LARGEST && at.saturating_add(room(step)) > LARGEST {
                step.applies(clause!("fd_pwrite.far-offset-append"));
            }
            if step.appends(fd) {
                step.cite(clause!("fd_pwrite.append"));
            }
            let start = if appends { step.state.inodes.file(inode).map_or(0, |file| file.len()) } else { at };
            file_write(step, inode, start, &PWRITE)?;
            step.cite(clause!("fd_pwrite.keeps-offset"));
            Ok(())
        }
        What::Directory(_) => never(step, clause!("fd_pwrite.directory")),
        What::Stream(stream) => {
            if step.state.output(stream).is_some_and(|output| output.behind == Stdout::Full) {
                no_space(step, clause!("fd_pwrite.no-space"));
            }
            if stream == Stream::Input {
                let nothing = room(step) == 0;
                step.permits(PWRITE.not_writable[usize::from(nothing)]);
            }
            let kind = step.state.stream_kind(stream);
            if kind == StdioKind::File {
                beyond_the_file(step, stream, at);
            }
            match kind {
                StdioKind::Pipe => positioned_pipe(step, clause!("fd_pwrite.pipe"), clause!("fd_pwrite.pipe-nothing")),
                StdioKind::File => positioned_stream(step, stream, clause!("fd_pwrite.stdio-file")),
                StdioKind::Device => positioned_stream(step, stream, clause!("fd_pwrite.stdio-device")),
            }
        }
        What::Socket(_) => positioned_pipe(step, clause!("fd_pwrite.pipe"), clause!("fd_pwrite.pipe-nothing")),
        What::Foreign => Err(Stop::Unjudged),
    }
}

/// A file behind a stream has no room far out either. Where a runtime appends to it, the offset means nothing.
fn beyond_the_file(step: &mut Step<'_>, stream: Stream, at: u64) {
    let total = room(step);
    let appends = step.state.output(stream).is_some_and(Output::appends) || step.appends(step.arg32(0));
    if appends && total > 0 && at.saturating_add(total) > LARGEST {
        step.permits(clause!("fd_pwrite.far-offset-append"));
    }
    if total > 0 && at >= step.state.world.host.largest_file {
        if appends { step.permits(PWRITE.large) } else { step.applies(PWRITE.large) }
    }
}

/// A file that was opened for reading only, or below a directory that cannot be changed.
fn not_writable(step: &mut Step<'_>, fd: u32, [clause, nothing_given]: [ClauseId; 2]) {
    let Some(entry) = step.entry(fd) else { return };
    let read_only = entry.read_only;
    if !entry.access.writes() || read_only {
        let nothing = room(step) == 0;
        step.applies(if nothing { nothing_given } else { clause });
        if read_only && !nothing {
            step.read_only(clause!("preopen.read-only-write"));
        }
    }
}

fn file_write(step: &mut Step<'_>, inode: InodeId, at: u64, clauses: &WriteClauses) -> Flow<u64> {
    let total = room(step);
    buffer_clauses(step, clauses.none, clauses.many, clauses.nothing);
    // what fits is written, short of all that was given
    let largest = step.state.world.host.largest_file;
    if total > 0 && at >= largest {
        step.applies(clauses.large);
    }
    step.succeeds()?;
    write_citations(step, inode, at, lengths(step).len(), clauses);
    let written = checked_written(step, total, clauses);
    let call = step.call;
    // a call that had to fail wrote nothing that far out, if it wrote anything
    let far_out = at.checked_add(total).is_none_or(|end| end > LARGEST);
    if let Some(file) = step.state.inodes.file_mut(inode).filter(|_| !far_out) {
        let mut next = at;
        let mut left = written;
        for capture in call.inputs.iter().skip(1) {
            let part = u64::from(capture.len).min(left);
            let kept = (capture.kept().len() as u64).min(part);
            file.write(next, &capture.kept()[..usize::try_from(kept).unwrap_or_default()]);
            file.write_unknown(next + kept, part - kept);
            next = next.saturating_add(part);
            left -= part;
        }
        // more buffers than a trace looks at
        file.write_unknown(next, left);
    }
    if written > 0 {
        step.touch(inode);
    }
    Ok(written)
}

/// What a write to a place in a file promises besides the bytes themselves.
fn write_citations(step: &mut Step<'_>, inode: InodeId, at: u64, buffers: usize, clauses: &WriteClauses) {
    let len = step.state.inodes.file(inode).map_or(0, |file| file.len());
    if buffers > 1 {
        step.cite(clauses.order);
    }
    match at.cmp(&len) {
        std::cmp::Ordering::Greater => step.cite(clauses.gap),
        std::cmp::Ordering::Equal => step.cite(clauses.grows),
        std::cmp::Ordering::Less => step.cite(clauses.rest),
    }
    step.cite(clauses.visible);
}

/// How many bytes a write says it wrote, which must be some of those that it was given.
fn checked_written(step: &mut Step<'_>, total: u64, clauses: &WriteClauses) -> u64 {
    let written = count(step, total);
    make_count(step, total);
    step.cite(clauses.data);
    if written > total || (written == 0 && total > 0) {
        let expected = if total == 0 { "0 bytes written".to_owned() } else { format!("1 to {total} bytes written") };
        step.mismatch(clauses.not_empty, expected, format!("{written} bytes written"));
    } else if written < total {
        step.cite(clauses.short);
    } else if total > 0 {
        step.cite(clauses.not_empty);
    }
    written.min(total)
}

fn stream_write(step: &mut Step<'_>, stream: Stream) -> Flow {
    let total = room(step);
    let clauses = WriteClauses {
        data: clause!("stdio.output-in-order"),
        nothing: clause!("fd_write.nothing-to-pipe"),
        visible: clause!("stdio.no-flush-needed"),
        ..WRITE
    };
    buffer_clauses(step, clauses.none, clauses.many, clauses.nothing);
    no_room(step, stream, total);
    if total > 0 && step.state.stream_kind(stream) == StdioKind::File && step.state.stream_offset(stream).is_none() {
        // it may stand where nothing can be written
        step.permits(clauses.large);
    }
    step.succeeds()?;
    step.cite(clause!("stdio.zero-one-two"));
    step.cite(clauses.visible);
    if step.state.output(stream).is_some_and(Output::appends) {
        step.cite(clause!("stdio.file-appends"));
    }
    let written = checked_written(step, total, &clauses);
    let (bytes, known) = taken(step, written);
    if let Some(output) = step.state.output_of(stream) {
        output.written.extend_from_slice(&bytes);
        output.known &= known;
    }
    Ok(())
}

/// What stands behind a stream may have room for nothing.
fn no_room(step: &mut Step<'_>, stream: Stream, total: u64) {
    let nonblock = step.has_flag(step.arg32(0), fdflags::NONBLOCK);
    let Some(output) = step.state.output(stream) else { return };
    match output.behind {
        Stdout::Broken if total > 0 => {
            step.applies(clause!("fd_write.broken-pipe"));
            step.applies(clause!("stdio.broken-pipe"));
        }
        Stdout::Full => no_space(step, clause!("fd_write.no-space")),
        Stdout::Stuck if total > 0 && nonblock && output.is_full() => step.applies(clause!("fd_write.would-block")),
        Stdout::Stuck if total > 0 && nonblock && output.may_be_full() => step.permits(clause!("fd_write.would-block")),
        Stdout::Broken | Stdout::Stuck | Stdout::Pipe | Stdout::File | Stdout::Appended(_) | Stdout::Null => {}
    }
}

/// A device without room. Whether it says so to a write of nothing as well is unspecified.
fn no_space(step: &mut Step<'_>, clause: ClauseId) {
    if room(step) > 0 { step.applies(clause) } else { step.permits(clause) }
}

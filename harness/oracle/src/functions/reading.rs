//! Reading: `fd_read`, `fd_pread`.

use touchstone_model::world::StdioKind;
use touchstone_spec::consts::{fdflags, rights};
use touchstone_spec::{ClauseId, clause};

use super::buffers::{
    LARGEST, buffer_clauses, count, joined, lengths, make_buffers, make_count, never, offset, positioned_pipe, positioned_stream, room,
    text,
};
use super::sockets::{self, Receiving};
use crate::state::{Access, InodeId, Offset, Stream, What};
use crate::step::{Flow, Step, Stop};

/// What a successful read promises.
struct ReadClauses {
    /// The bytes are the right ones.
    data: ClauseId,
    /// Nothing is read at or behind the end.
    end: ClauseId,
    /// Some bytes come where there are some.
    short: ClauseId,
    /// There is no room for any byte.
    nothing: ClauseId,
    /// There is no buffer at all.
    none: ClauseId,
    /// More buffers than the host takes at once.
    many: ClauseId,
    order: ClauseId,
    empty: ClauseId,
    not_empty: ClauseId,
    /// The file was opened for writing only; the second, where there is no room either.
    not_readable: [ClauseId; 2],
}

const READ: ReadClauses = ReadClauses {
    data: clause!("fd_read.moves-offset"),
    end: clause!("fd_read.at-end"),
    short: clause!("fd_read.short"),
    nothing: clause!("fd_read.nothing-asked"),
    none: clause!("fd_read.no-buffers"),
    many: clause!("fd_read.many-buffers"),
    order: clause!("fd_read.fills-in-order"),
    empty: clause!("fd_read.empty-buffer"),
    not_empty: clause!("fd_read.not-empty"),
    not_readable: [clause!("fd_read.not-readable"), clause!("fd_read.not-readable-no-room")],
};

const PREAD: ReadClauses = ReadClauses {
    data: clause!("fd_pread.reads-at-offset"),
    end: clause!("fd_pread.past-end"),
    short: clause!("fd_pread.short"),
    nothing: clause!("fd_pread.nothing-asked"),
    none: clause!("fd_pread.no-buffers"),
    many: clause!("fd_pread.many-buffers"),
    order: clause!("fd_pread.fills-in-order"),
    empty: clause!("fd_pread.empty-buffer"),
    not_empty: clause!("fd_pread.not-empty"),
    not_readable: [clause!("fd_pread.not-readable"), clause!("fd_pread.not-readable-no-room")],
};

pub(crate) fn fd_read(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_read.bad-fd"))?;
    step.right(fd, rights::FD_READ);
    match step.what(fd) {
        What::File(inode) => {
            not_readable(step, fd, READ.not_readable);
            let at = offset(step, fd)?;
            if at > LARGEST {
                step.applies(clause!("fd_read.offset-above-signed"));
            }
            let read = file_read(step, inode, at, &READ)?;
            if let Some(entry) = step.state.fds.get_mut(fd) {
                entry.offset = Offset::At(at.saturating_add(read));
            }
            Ok(())
        }
        What::Directory(_) => directory(step, [clause!("fd_read.directory"), clause!("fd_read.directory-no-room")]),
        What::Stream(Stream::Input) => input_read(step, &READ),
        What::Stream(Stream::Output | Stream::Error) => {
            buffer_clauses(step, READ.none, READ.many, READ.nothing);
            let nothing = room(step) == 0;
            never(step, READ.not_readable[usize::from(nothing)])
        }
        What::Socket(socket) => {
            step.cite(clause!("fd_read.socket"));
            sockets::receive(step, fd, socket, &Receiving::BY_READ)
        }
        What::Foreign => Err(Stop::Unjudged),
    }
}

pub(crate) fn fd_pread(step: &mut Step<'_>) -> Flow {
    let at = step.arg(3);
    if at > LARGEST {
        let nothing = room(step) == 0;
        step.applies(if nothing { clause!("fd_pread.negative-offset-no-room") } else { clause!("fd_pread.negative-offset") });
    }
    let fd = step.fd(0, clause!("fd_pread.bad-fd"))?;
    step.rights(fd, rights::FD_READ | rights::FD_SEEK, clause!("rights.pread-needs-both"));
    match step.what(fd) {
        What::File(inode) => {
            not_readable(step, fd, PREAD.not_readable);
            file_read(step, inode, at, &PREAD)?;
            step.cite(clause!("fd_pread.keeps-offset"));
            Ok(())
        }
        What::Directory(_) => directory(step, [clause!("fd_pread.directory"), clause!("fd_pread.directory-no-room")]),
        What::Stream(stream) => {
            if stream != Stream::Input {
                let nothing = room(step) == 0;
                step.permits(PREAD.not_readable[usize::from(nothing)]);
            }
            match step.state.stream_kind(stream) {
                StdioKind::Pipe => positioned_pipe(step, clause!("fd_pread.pipe"), clause!("fd_pread.pipe-no-room")),
                StdioKind::File => positioned_stream(step, stream, clause!("fd_pread.stdio-file")),
                StdioKind::Device => {
                    step.permits(clause!("fd_pread.stdio-device"));
                    positioned_pipe(step, clause!("fd_pread.stdio-device"), PREAD.not_readable[1])
                }
            }
        }
        What::Socket(_) => positioned_pipe(step, clause!("fd_pread.pipe"), clause!("fd_pread.pipe-no-room")),
        What::Foreign => Err(Stop::Unjudged),
    }
}

/// A file that was opened for writing only. The second clause is for a call without room, which a host may not look at.
fn not_readable(step: &mut Step<'_>, fd: u32, [clause, no_room]: [ClauseId; 2]) {
    if step.entry(fd).is_some_and(|entry| !entry.access.reads()) {
        let nothing = room(step) == 0;
        step.applies(if nothing { no_room } else { clause });
    } else if step.entry(fd).is_some_and(|entry| entry.access == Access::Neither) {
        step.applies(clause!("fd_read.opened-for-neither"));
    }
}

/// A directory. The second clause is for a call without room, which a host may not look at.
fn directory(step: &mut Step<'_>, [clause, no_room]: [ClauseId; 2]) -> Flow {
    let nothing = room(step) == 0;
    never(step, if nothing { no_room } else { clause })
}

fn file_read(step: &mut Step<'_>, inode: InodeId, at: u64, clauses: &ReadClauses) -> Flow<u64> {
    let room = room(step);
    buffer_clauses(step, clauses.none, clauses.many, clauses.nothing);
    let left = step.state.inodes.file(inode).map_or(0, |file| file.len().saturating_sub(at));
    if left == 0 {
        step.cite(clauses.end);
    }
    step.succeeds()?;
    if lengths(step).len() > 1 {
        step.cite(clauses.order);
        if lengths(step).any(|len| len == 0) {
            step.cite(clauses.empty);
        }
    }
    let most = room.min(left).min(u64::from(u32::MAX));
    let read = count(step, most);
    let bytes = joined(step, 1);
    check_count(step, read, most, clauses);
    let wrong = bytes.as_deref().and_then(|bytes| {
        let file = step.state.inodes.file(inode)?;
        let kept = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        (!file.holds(at, kept)).then(|| (file.read(at, kept.len() as u64), kept.to_vec()))
    });
    if let Some((expected, seen)) = wrong {
        step.mismatch(clauses.data, text(&expected), text(&seen));
    }
    make_count(step, read);
    make_buffers(step, |step| step.state.inodes.file(inode).map_or(Vec::new(), |file| file.read(at, most)));
    if read > 0 {
        step.cite(clauses.data);
    }
    // a host may count an attempt as well
    step.state.inodes.get_mut(inode).atime = crate::state::Time::Any;
    Ok(read)
}

/// Whether a count is between what must come and what can.
fn check_count(step: &mut Step<'_>, read: u64, most: u64, clauses: &ReadClauses) {
    if most == 0 {
        step.cite(clauses.end);
    }
    if read > most {
        step.mismatch(clauses.end, format!("at most {most} bytes"), format!("{read} bytes"));
    } else if read == 0 && most > 0 {
        step.mismatch(clauses.not_empty, format!("1 to {most} bytes"), "0 bytes, which means the end".to_owned());
    } else if read < most {
        step.cite(clauses.short);
    } else if most > 0 {
        step.cite(clauses.not_empty);
    }
}

fn input_read(step: &mut Step<'_>, clauses: &ReadClauses) -> Flow {
    let room = room(step);
    buffer_clauses(step, clauses.none, clauses.many, clauses.nothing);
    let nonblock = step.has_flag(step.arg32(0), fdflags::NONBLOCK);
    if nonblock && room > 0 {
        let waits = !step.state.input.ended && step.state.input.read == Some(step.state.input.bytes.len());
        if waits {
            step.applies(clause!("fd_read.would-block"));
        } else if step.state.input.kind == StdioKind::Pipe {
            // what the host writes may not have arrived yet
            step.permits(clause!("fd_read.would-block"));
        }
    }
    if step.state.input.kind == StdioKind::File && step.state.input.read.is_none() {
        // it may stand where nothing can be read
        return Err(Stop::Unjudged);
    }
    step.succeeds()?;
    step.cite(clause!("stdio.zero-one-two"));
    if !step.state.input.ended {
        step.cite(clause!("fd_read.pipe-waits"));
    }
    let Some(from) = step.state.input.read else { return Err(Stop::Unjudged) };
    let all = step.state.input.bytes.clone();
    let left = (all.len() - from) as u64;
    let most = room.min(left);
    let read = count(step, most);
    if left == 0 && step.state.input.ended {
        step.cite(clause!("stdio.input-ends"));
    }
    check_count(step, read, most, clauses);
    if let Some(bytes) = joined(step, 1) {
        let expected = &all[from..from + bytes.len().min(all.len() - from)];
        if bytes != expected && read <= most {
            step.mismatch(clauses.data, text(expected), text(&bytes));
        }
    }
    make_count(step, read);
    make_buffers(step, |_| all[from..from + usize::try_from(most).unwrap_or_default()].to_vec());
    step.state.input.read = Some((from + usize::try_from(read).unwrap_or_default()).min(all.len()));
    Ok(())
}

//! Reading, writing and positions: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`, `fd_seek`, `fd_tell`.

use touchstone_model::trace::{Capture, buffers};
use touchstone_model::world::{StdioKind, Stdout};
use touchstone_spec::consts::{fdflags, rights, whence};
use touchstone_spec::{ClauseId, clause};

use crate::state::{Choice, InodeId, Offset, Output, Stream, What};
use crate::step::{Flow, Mode, Step, Stop, number_at};

/// The largest position that POSIX can express.
const LARGEST: u64 = i64::MAX.cast_unsigned();

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
}

pub(crate) fn fd_read(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_read.bad-fd"))?;
    step.right(fd, rights::FD_READ);
    let clauses = ReadClauses {
        data: clause!("fd_read.moves-offset"),
        end: clause!("fd_read.at-end"),
        short: clause!("fd_read.short"),
        nothing: clause!("fd_read.nothing-asked"),
        none: clause!("fd_read.no-buffers"),
        many: clause!("fd_read.many-buffers"),
        order: clause!("fd_read.fills-in-order"),
        empty: clause!("fd_read.empty-buffer"),
        not_empty: clause!("fd_read.not-empty"),
    };
    match step.what(fd) {
        What::File(inode) => {
            not_readable(step, fd, [clause!("fd_read.not-readable"), clause!("fd_read.not-readable-no-room")]);
            let at = offset(step, fd)?;
            if at > LARGEST {
                step.applies(clause!("fd_read.offset-above-signed"));
            }
            let read = file_read(step, inode, at, &clauses)?;
            if let Some(entry) = step.state.fds.get_mut(fd) {
                entry.offset = Offset::At(at.saturating_add(read));
            }
            Ok(())
        }
        What::Directory(_) => never(step, clause!("fd_read.directory")),
        What::Stream(Stream::Input) => input_read(step, &clauses),
        What::Stream(Stream::Output | Stream::Error) => never(step, clause!("fd_read.not-readable")),
        What::Foreign => Err(Stop::Unjudged),
    }
}

pub(crate) fn fd_pread(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_pread.bad-fd"))?;
    step.rights(fd, rights::FD_READ | rights::FD_SEEK, clause!("rights.pread-needs-both"));
    let at = step.arg(3);
    if at > LARGEST {
        let nothing = room(step) == 0;
        step.applies(if nothing { clause!("fd_pread.negative-offset-no-room") } else { clause!("fd_pread.negative-offset") });
    }
    let clauses = ReadClauses {
        data: clause!("fd_pread.reads-at-offset"),
        end: clause!("fd_pread.past-end"),
        short: clause!("fd_pread.short"),
        nothing: clause!("fd_pread.nothing-asked"),
        none: clause!("fd_pread.no-buffers"),
        many: clause!("fd_pread.many-buffers"),
        order: clause!("fd_pread.fills-in-order"),
        empty: clause!("fd_pread.empty-buffer"),
        not_empty: clause!("fd_pread.not-empty"),
    };
    match step.what(fd) {
        What::File(inode) => {
            not_readable(step, fd, [clause!("fd_pread.not-readable"), clause!("fd_pread.not-readable-no-room")]);
            file_read(step, inode, at, &clauses)?;
            step.cite(clause!("fd_pread.keeps-offset"));
            Ok(())
        }
        What::Directory(_) => never(step, clause!("fd_pread.directory")),
        What::Stream(stream) => {
            positioned_stream(step, stream, [clause!("fd_pread.pipe"), clause!("fd_pread.stdio-file"), clause!("stdio.device")])
        }
        What::Foreign => Err(Stop::Unjudged),
    }
}

pub(crate) fn fd_write(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_write.bad-fd"))?;
    step.right(fd, rights::FD_WRITE);
    match step.what(fd) {
        What::File(inode) => {
            not_writable(step, fd, [clause!("fd_write.not-writable"), clause!("fd_write.not-writable-nothing")]);
            let at = offset(step, fd)?;
            if at > LARGEST && !step.appends(fd) {
                step.applies(clause!("fd_write.offset-above-signed"));
            }
            let appends = step.appends(fd);
            let start = if appends { step.state.inodes.file(inode).map_or(0, |file| file.len()) } else { at };
            let data = if appends { clause!("fd_write.append") } else { clause!("fd_write.moves-offset") };
            if appends && start != at {
                step.cite(clause!("fd_write.append-others"));
            }
            if step.entry(fd).and_then(|entry| entry.flags).is_some_and(|flags| flags & (fdflags::DSYNC | fdflags::SYNC) != 0) {
                step.cite(clause!("fd_write.sync-flags"));
            }
            let clauses = WriteClauses {
                data,
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
            };
            let written = file_write(step, inode, start, &clauses)?;
            if let Some(entry) = step.state.fds.get_mut(fd)
                && written > 0
            {
                entry.offset = Offset::At(start.saturating_add(written));
            }
            Ok(())
        }
        What::Directory(_) => never(step, clause!("fd_write.directory")),
        What::Stream(Stream::Input) => never(step, clause!("fd_write.not-writable")),
        What::Stream(stream) => stream_write(step, stream),
        What::Foreign => Err(Stop::Unjudged),
    }
}

pub(crate) fn fd_pwrite(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_pwrite.bad-fd"))?;
    step.rights(fd, rights::FD_WRITE | rights::FD_SEEK, clause!("rights.pwrite-needs-both"));
    let at = step.arg(3);
    // where data goes to the end, the offset means nothing
    if at > LARGEST && !(step.appends(fd) && step.choice(Choice::PwriteAppends)?) {
        let nothing = room(step) == 0;
        step.applies(if nothing { clause!("fd_pwrite.negative-offset-nothing") } else { clause!("fd_pwrite.negative-offset") });
    }
    match step.what(fd) {
        What::File(inode) => {
            not_writable(step, fd, [clause!("fd_pwrite.not-writable"), clause!("fd_pwrite.not-writable-nothing")]);
            let appends = step.appends(fd) && step.choice(Choice::PwriteAppends)?;
            if step.appends(fd) {
                step.cite(clause!("fd_pwrite.append"));
            }
            let start = if appends { step.state.inodes.file(inode).map_or(0, |file| file.len()) } else { at };
            let clauses = WriteClauses {
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
            };
            file_write(step, inode, start, &clauses)?;
            step.cite(clause!("fd_pwrite.keeps-offset"));
            Ok(())
        }
        What::Directory(_) => never(step, clause!("fd_pwrite.directory")),
        What::Stream(stream) => {
            if step.state.output(stream).is_some_and(|output| output.behind == Stdout::Full) {
                no_space(step, clause!("fd_pwrite.no-space"));
            }
            let device = clause!("fd_pwrite.stdio-device");
            positioned_stream(step, stream, [clause!("fd_pwrite.pipe"), clause!("fd_pwrite.stdio-file"), device])
        }
        What::Foreign => Err(Stop::Unjudged),
    }
}

pub(crate) fn fd_seek(step: &mut Step<'_>) -> Flow {
    let mut base = step.arg32(2);
    if base > u32::from(u8::MAX) {
        step.applies(clause!("memory.argument-too-wide"));
        base &= u32::from(u8::MAX);
    }
    if u64::from(base) > whence::END {
        step.applies(clause!("fd_seek.invalid-whence"));
    }
    let fd = step.fd(0, clause!("fd_seek.bad-fd"))?;
    let by = step.arg(1).cast_signed();
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
            if to < 0 {
                step.applies(clause!("fd_seek.negative-result"));
            } else if to > i128::from(u64::MAX) {
                step.applies(clause!("fd_seek.overflow"));
            } else if to > i128::from(LARGEST) {
                step.applies(clause!("fd_seek.above-signed"));
            } else if to > i128::from(step.state.world.host.largest_file) {
                step.applies(clause!("fd_seek.beyond-largest-file"));
            }
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
            step.applies(clause!("fd_seek.directory"));
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
                    step.applies(clause!("fd_seek.stdio-file"));
                    step.cite(clause!("stdio.file-seek"));
                }
                StdioKind::Device => step.applies(clause!("stdio.device")),
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
        What::Foreign => Err(Stop::Unjudged),
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
                StdioKind::Device => step.applies(clause!("stdio.device")),
            }
            step.wrong_type();
            step.succeeds()?;
            step.make(vec![0; 8]);
            Ok(())
        }
        What::Foreign => Err(Stop::Unjudged),
    }
}

// ---- what they share ----

/// A call that a clause lets do nothing but fail; where it succeeds all the same, nothing is known of what it did.
fn never(step: &mut Step<'_>, clause: ClauseId) -> Flow {
    step.applies(clause);
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}

/// A positioned call on a stream: a pipe has no positions; a file behind a stream may be known to the runtime as one.
fn positioned_stream(step: &mut Step<'_>, stream: Stream, [pipe, file, device]: [ClauseId; 3]) -> Flow {
    step.applies(match step.state.stream_kind(stream) {
        StdioKind::Pipe => pipe,
        StdioKind::File => file,
        StdioKind::Device => device,
    });
    step.wrong_type();
    step.succeeds()?;
    moved(step, stream);
    Err(Stop::Unjudged)
}

/// A runtime moved in the file behind a stream: what is read next or written where is not known any more.
fn moved(step: &mut Step<'_>, stream: Stream) {
    match step.state.output_of(stream) {
        Some(output) => output.known = false,
        None => step.state.input.read = None,
    }
}

/// Where a descriptor stands.
fn offset(step: &Step<'_>, fd: u32) -> Flow<u64> {
    match step.entry(fd).map(|entry| entry.offset) {
        Some(Offset::At(at)) => Ok(at),
        Some(Offset::Unknown) | None => Err(Stop::Unjudged),
    }
}

/// A file that was opened for writing only. The second clause is for a call without room, which a host may not look at.
fn not_readable(step: &mut Step<'_>, fd: u32, [clause, no_room]: [ClauseId; 2]) {
    if step.entry(fd).is_some_and(|entry| !entry.access.reads()) {
        let nothing = room(step) == 0;
        step.applies(if nothing { no_room } else { clause });
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
            step.applies(clause!("preopen.read-only-write"));
        }
    }
}

/// What the number and lengths of buffers alone say.
fn buffer_clauses(step: &mut Step<'_>, none: ClauseId, many: ClauseId, nothing: ClauseId) {
    let count = step.arg(2);
    if count == 0 {
        step.applies(none);
    } else if count > crate::memory::MOST_BUFFERS {
        step.applies(many);
    }
    if room(step) == 0 {
        step.cite(nothing);
    }
}

/// The lengths of a call's buffers, as many as a trace keeps.
fn lengths<'a>(step: &Step<'a>) -> impl ExactSizeIterator<Item = u32> + use<'a> {
    static NONE: Capture = Capture { len: 0, bytes: None };
    let call = step.call;
    buffers(call.inputs.first().unwrap_or(&NONE)).map(|(_, len)| len)
}

/// How many bytes a call has room for. Of more buffers than a trace keeps nobody knows the sum.
fn room(step: &Step<'_>) -> u64 {
    let kept_all = step.arg(2) <= lengths(step).len() as u64 || matches!(step.mode, Mode::Prefer(_));
    let sum = lengths(step).map(u64::from).sum();
    if kept_all { sum } else { u64::from(u32::MAX).max(sum) }
}

/// How many bytes the call says it read or wrote; where it is being made, all that it can.
fn count(step: &Step<'_>, all: u64) -> u64 {
    step.seen(0).map_or(all, |capture| number_at(capture.kept(), 0, 4))
}

fn file_read(step: &mut Step<'_>, inode: InodeId, at: u64, clauses: &ReadClauses) -> Flow<u64> {
    let room = room(step);
    buffer_clauses(step, clauses.none, clauses.many, clauses.nothing);
    step.succeeds()?;
    if lengths(step).len() > 1 {
        step.cite(clauses.order);
        if lengths(step).any(|len| len == 0) {
            step.cite(clauses.empty);
        }
    }
    let left = step.state.inodes.file(inode).map_or(0, |file| file.len().saturating_sub(at));
    let most = room.min(left).min(u64::from(u32::MAX));
    let read = count(step, most);
    let bytes = joined(step);
    check_count(step, read, most, clauses);
    let wrong = bytes.as_deref().and_then(|bytes| {
        let file = step.state.inodes.file(inode)?;
        let kept = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        (!file.holds(at, kept)).then(|| (file.read(at, kept.len() as u64), kept.to_vec()))
    });
    if let Some((expected, seen)) = wrong {
        step.mismatch(clauses.data, text(&expected), text(&seen));
    }
    make_read(step, read, |step| step.state.inodes.file(inode).map_or(Vec::new(), |file| file.read(at, most)));
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

/// The count and the buffers of a read that is being made.
fn make_read(step: &mut Step<'_>, read: u64, data: impl FnOnce(&Step<'_>) -> Vec<u8>) {
    if !matches!(step.mode, Mode::Prefer(_)) {
        return;
    }
    let data = data(step);
    step.make(u32::try_from(read).unwrap_or(u32::MAX).to_le_bytes().to_vec());
    let mut rest = data.as_slice();
    for len in lengths(step) {
        let (now, later) = rest.split_at(rest.len().min(len as usize));
        step.make(now.to_vec());
        rest = later;
    }
}

/// The bytes of all buffers of a read, one after the other, as far as the trace kept them.
fn joined(step: &Step<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut index = 1;
    while let Some(capture) = step.seen(index) {
        out.extend_from_slice(capture.kept());
        if capture.kept().len() < capture.len as usize {
            break;
        }
        index += 1;
    }
    (index > 1).then_some(out)
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
    if let Some(bytes) = joined(step) {
        let expected = &all[from..from + bytes.len().min(all.len() - from)];
        if bytes != expected && read <= most {
            step.mismatch(clauses.data, text(expected), text(&bytes));
        }
    }
    make_read(step, read, |_| all[from..from + usize::try_from(most).unwrap_or_default()].to_vec());
    step.state.input.read = Some((from + usize::try_from(read).unwrap_or_default()).min(all.len()));
    Ok(())
}

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
    if let Some(file) = step.state.inodes.file_mut(inode) {
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
    step.make(u32::try_from(total).unwrap_or(u32::MAX).to_le_bytes().to_vec());
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
        short: clause!("fd_write.short"),
        none: clause!("fd_write.no-buffers"),
        many: clause!("fd_write.many-buffers"),
        order: clause!("fd_write.gathers-in-order"),
        not_empty: clause!("fd_write.not-empty"),
        gap: clause!("fd_write.gap-reads-as-zeros"),
        grows: clause!("fd_write.grows"),
        rest: clause!("fd_write.keeps-rest"),
        visible: clause!("stdio.no-flush-needed"),
        large: clause!("fd_write.too-large"),
    };
    buffer_clauses(step, clauses.none, clauses.many, clauses.nothing);
    no_room(step, stream, total);
    step.succeeds()?;
    step.cite(clause!("stdio.zero-one-two"));
    step.cite(clauses.visible);
    if step.state.output(stream).is_some_and(Output::appends) {
        step.cite(clause!("stdio.file-appends"));
    }
    let mut left = checked_written(step, total, &clauses);
    let call = step.call;
    if let Some(output) = step.state.output_of(stream) {
        for capture in call.inputs.iter().skip(1) {
            let part = u64::from(capture.len).min(left);
            let kept = (capture.kept().len() as u64).min(part);
            output.written.extend_from_slice(&capture.kept()[..usize::try_from(kept).unwrap_or_default()]);
            output.known &= kept == part;
            left -= part;
        }
        output.known &= left == 0;
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

/// Bytes in words.
pub(crate) fn text(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(64)];
    let quoted = touchstone_model::script::print::quoted(shown);
    if shown.len() < bytes.len() { format!("{quoted} … ({} bytes)", bytes.len()) } else { quoted }
}

//! What a file says of itself: `fd_filestat_get`, `path_filestat_get`, and the setters of times and sizes.

use std::cmp::Ordering;

use touchstone_model::world::{START_TIME_NANOSECONDS, StdioKind};
use touchstone_spec::consts::{filestat, filetype, fstflags, lookupflags, rights};
use touchstone_spec::{ClauseId, clause};

use super::buffers::moved;
use crate::path::Found;
use crate::state::{InodeId, Kind, Stream, Time, What};
use crate::step::{Flow, Mode, Step, Stop, number_at, put_at};

/// All bits of `fstflags`.
const FSTFLAGS: u64 = fstflags::ATIM | fstflags::ATIM_NOW | fstflags::MTIM | fstflags::MTIM_NOW;

pub(crate) fn fd_filestat_get(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_filestat_get.bad-fd"))?;
    step.right(fd, rights::FD_FILESTAT_GET);
    match step.what(fd) {
        What::File(inode) | What::Directory(inode) => {
            step.succeeds()?;
            step.cite(clause!("fd_filestat_get.changes-nothing"));
            if step.is_directory(inode) {
                step.cite(clause!("fd_filestat_get.directory"));
            }
            filestat(step, inode);
            Ok(())
        }
        What::Stream(stream) => {
            step.applies(clause!("fd_filestat_get.stdio"));
            step.succeeds()?;
            let kinds = stream_filetypes(step.state.stream_kind(stream));
            let mut bytes = vec![0; filestat::BYTES];
            put_at(&mut bytes, filestat::FILETYPE, 1, kinds[0]);
            put_at(&mut bytes, filestat::NLINK, 8, 1);
            step.make(bytes);
            let seen = step.seen(0).map(|capture| number_at(capture.kept(), filestat::FILETYPE, 1));
            if let Some(seen) = seen.filter(|seen| !kinds.contains(seen)) {
                step.mismatch(clause!("fd_filestat_get.stdio"), filetype_text(kinds[0]), filetype_text(seen));
            }
            stamps(step);
            Ok(())
        }
        What::Socket(_) => socket_filestat(step),
        What::Foreign => Err(Stop::Unjudged),
    }
}

/// Nothing but its type is said of a socket.
fn socket_filestat(step: &mut Step<'_>) -> Flow {
    step.succeeds()?;
    let mut bytes = vec![0; filestat::BYTES];
    put_at(&mut bytes, filestat::FILETYPE, 1, filetype::SOCKET_STREAM);
    put_at(&mut bytes, filestat::NLINK, 8, 1);
    step.make(bytes);
    let clause = clause!("fd_filestat_get.filetype");
    step.cite(clause);
    let seen = step.seen(0).map(|capture| number_at(capture.kept(), filestat::FILETYPE, 1));
    if let Some(seen) = seen.filter(|seen| *seen != filetype::SOCKET_STREAM) {
        step.mismatch(clause, filetype_text(filetype::SOCKET_STREAM), filetype_text(seen));
    }
    stamps(step);
    Ok(())
}

pub(crate) fn path_filestat_get(step: &mut Step<'_>) -> Flow {
    let text = step.text(0);
    step.unknown_bits(1, lookupflags::SYMLINK_FOLLOW, clause!("path-resolution.unknown-lookupflags"));
    let fd = step.fd(0, clause!("path_filestat_get.bad-fd"))?;
    step.right(fd, rights::PATH_FILESTAT_GET);
    let base = step.base(fd, clause!("path_filestat_get.base-not-directory"))?;
    let follow = step.arg(1) & lookupflags::SYMLINK_FOLLOW != 0;
    let found = step.resolve(base, text, follow)?;
    let Some(inode) = found.inode else {
        step.missing(&found, clause!("path_filestat_get.missing"), clause!("path_filestat_get.follow-dangling"));
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    if found.slash && !step.is_directory(inode) {
        step.applies(clause!("path_filestat_get.trailing-slash-file"));
    }
    if found.slash_link {
        step.cite(clause!("path_filestat_get.trailing-slash-symlink"));
    }
    step.succeeds()?;
    if step.is_symlink(inode) {
        step.cite(clause!("path_filestat_get.nofollow"));
    } else if found.through_link {
        step.cite(clause!("path_filestat_get.follow"));
    }
    step.cite(clause!("path_filestat_get.attributes"));
    step.cite(clause!("path_filestat_get.identity"));
    filestat(step, inode);
    Ok(())
}

/// The record that describes an inode.
fn filestat(step: &mut Step<'_>, inode: InodeId) {
    let (kind, size) = match &step.state.inodes.get(inode).kind {
        Kind::File(content) => (filetype::REGULAR_FILE, Some((content.len(), clause!("fd_filestat_get.size")))),
        Kind::Directory(_) => (filetype::DIRECTORY, None),
        Kind::Symlink(target) => (filetype::SYMBOLIC_LINK, Some((target.len() as u64, clause!("path_filestat_get.symlink-size")))),
    };
    if let Mode::Prefer(_) = step.mode {
        make_filestat(step, inode, kind, size.map_or(0, |(size, _)| size));
    }
    let Some(seen) = step.seen(0) else { return };
    let seen = seen.kept();
    let number = |at, len| number_at(seen, at, len);
    step.cite(clause!("fd_filestat_get.filetype"));
    let seen_kind = number(filestat::FILETYPE, 1);
    if seen_kind != kind {
        step.mismatch(clause!("fd_filestat_get.filetype"), filetype_text(kind), filetype_text(seen_kind));
        return;
    }
    if let Some((size, clause)) = size {
        step.cite(clause);
        step.compare(clause, "size", size, number(filestat::SIZE, 8));
    }
    if kind != filetype::DIRECTORY {
        step.cite(clause!("fd_filestat_get.nlink"));
        let nlink = step.state.inodes.get(inode).nlink;
        step.compare(clause!("fd_filestat_get.nlink"), "nlink", nlink, number(filestat::NLINK, 8));
    }
    identity(step, inode, (number(filestat::DEV, 8), number(filestat::INO, 8)));
    times(step, inode, [number(filestat::ATIM, 8), number(filestat::MTIM, 8), number(filestat::CTIM, 8)]);
}

fn make_filestat(step: &mut Step<'_>, inode: InodeId, kind: u64, size: u64) {
    let now = step.made_now();
    let file = step.state.inodes.get_mut(inode);
    let identity = *file.identity.get_or_insert((1, u64::from(inode.number()) + 1));
    // a time that nobody decided is decided now
    file.atime = file.atime.bound(now);
    file.mtime = file.mtime.bound(now);
    file.ctime = file.ctime.bound(now);
    let mut bytes = vec![0; filestat::BYTES];
    put_at(&mut bytes, filestat::DEV, 8, identity.0);
    put_at(&mut bytes, filestat::INO, 8, identity.1);
    put_at(&mut bytes, filestat::FILETYPE, 1, kind);
    // how many links a directory has is the file system's affair
    put_at(&mut bytes, filestat::NLINK, 8, if kind == filetype::DIRECTORY { file.nlink.max(1) } else { file.nlink });
    put_at(&mut bytes, filestat::SIZE, 8, size);
    put_at(&mut bytes, filestat::ATIM, 8, file.atime.or(now));
    put_at(&mut bytes, filestat::MTIM, 8, file.mtime.or(now));
    put_at(&mut bytes, filestat::CTIM, 8, file.ctime.or(now));
    step.make(bytes);
}

/// Takes note of the times of what is no file: the host put them there, if they are times, and a guest may put them on a file.
fn stamps(step: &mut Step<'_>) {
    let Some(seen) = step.seen(0) else { return };
    let times = [filestat::ATIM, filestat::MTIM, filestat::CTIM].map(|at| number_at(seen.kept(), at, 8));
    // many a runtime has zeros there
    times.into_iter().filter(|time| *time > START_TIME_NANOSECONDS).for_each(|time| step.state.clocks.stamp(time));
}

/// The same file has the same numbers, another one has others.
fn identity(step: &mut Step<'_>, inode: InodeId, seen: (u64, u64)) {
    let clause = clause!("fd_filestat_get.identity");
    step.cite(clause);
    match step.state.inodes.get(inode).identity {
        Some(known) if known != seen => step.mismatch(clause, "the numbers that it had before".to_owned(), "others".to_owned()),
        Some(_) => {}
        None => {
            let holder = step.state.inodes.iter().find(|(_, other)| other.identity == Some(seen)).map(|(id, _)| id);
            match holder {
                Some(holder) if step.state.is_gone(holder) => step.state.inodes.get_mut(holder).identity = None,
                Some(_) => step.mismatch(clause, "numbers that no other file has".to_owned(), "those of another file".to_owned()),
                None => {}
            }
            step.state.inodes.get_mut(inode).identity = Some(seen);
        }
    }
}

fn times(step: &mut Step<'_>, inode: InodeId, [atime, mtime, ctime]: [u64; 3]) {
    let clauses = [clause!("fd_filestat_get.atim"), clause!("fd_filestat_get.mtim"), clause!("fd_filestat_get.ctim")];
    for (index, (name, seen)) in [("atim", atime), ("mtim", mtime), ("ctim", ctime)].into_iter().enumerate() {
        let clause = clauses[index];
        step.cite(clause);
        let file = step.state.inodes.get_mut(inode);
        let time = [&mut file.atime, &mut file.mtime, &mut file.ctime].into_iter().nth(index);
        let Some(time) = time else { return };
        let before = *time;
        if let (Time::Now { .. } | Time::Any, false) = (before, seen == START_TIME_NANOSECONDS) {
            step.state.clocks.stamp(seen);
        }
        if !time.accepts(seen) {
            *time = Time::Seen(seen);
            let expected = match before {
                Time::Set(START_TIME_NANOSECONDS) => format!("{name} <start>"),
                Time::Set(time) => format!("{name} {time}"),
                Time::Seen(_) => format!("{name} as before"),
                Time::Now { .. } => format!("{name} of now"),
                Time::Any => format!("{name} of any time"),
            };
            let seen = format!("{name} {}", step.time_text(seen));
            step.mismatch(clause, expected, seen);
        }
    }
}

pub(crate) fn filetype_text(kind: u64) -> String {
    let name = touchstone_spec::type_by_name("filetype").and_then(|ty| ty.case_name(kind));
    format!("filetype {}", name.map_or_else(|| kind.to_string(), str::to_owned))
}

pub(crate) fn fd_filestat_set_size(step: &mut Step<'_>) -> Flow {
    let size = step.arg(1);
    if i64::try_from(size).is_err() {
        step.applies(clause!("fd_filestat_set_size.negative-size"));
    }
    let fd = step.fd(0, clause!("fd_filestat_set_size.bad-fd"))?;
    step.right(fd, rights::FD_FILESTAT_SET_SIZE);
    let too_large = i64::try_from(size).is_ok() && size > step.state.world.host.largest_file;
    let inode = match step.what(fd) {
        What::File(inode) => inode,
        What::Directory(_) => {
            step.wrong_type();
            return refused(step, clause!("fd_filestat_set_size.directory"));
        }
        What::Stream(stream) => {
            match step.state.stream_kind(stream) {
                StdioKind::Pipe => step.applies(clause!("fd_filestat_set_size.pipe")),
                StdioKind::File if stream == Stream::Input => step.applies(clause!("fd_filestat_set_size.not-writable")),
                StdioKind::File => step.applies(clause!("fd_filestat_set_size.stdio-file")),
                StdioKind::Device => step.applies(clause!("fd_filestat_set_size.stdio-device")),
            }
            if too_large {
                step.applies(clause!("fd_filestat_set_size.too-large"));
            }
            step.wrong_type();
            step.succeeds()?;
            moved(step, stream);
            return Ok(());
        }
        What::Socket(_) => {
            step.wrong_type();
            return refused(step, clause!("fd_filestat_set_size.pipe"));
        }
        What::Foreign => return Err(Stop::Unjudged),
    };
    if step.entry(fd).is_some_and(|entry| entry.read_only) {
        step.read_only(clause!("preopen.read-only-set-size"));
    } else if let Some(entry) = step.entry(fd).filter(|entry| !entry.access.writes()) {
        // who asks for the right alone asks for a file that can be cut, which some hosts open for writing then
        let asked = entry.base & rights::FD_FILESTAT_SET_SIZE != 0;
        step.applies(if asked { clause!("fd_filestat_set_size.right-alone") } else { clause!("fd_filestat_set_size.not-writable") });
    }
    if too_large {
        step.applies(clause!("fd_filestat_set_size.too-large"));
    }
    if !step.findings.success {
        step.cite(clause!("fd_filestat_set_size.failure-keeps-file"));
    }
    step.succeeds()?;
    step.cite(clause!("fd_filestat_set_size.keeps-offset"));
    step.cite(clause!("fd_filestat_set_size.sets"));
    if step.appends(fd) {
        step.cite(clause!("fd_filestat_set_size.append"));
    }
    if let Some(file) = step.state.inodes.file_mut(inode) {
        let before = file.len();
        file.set_len(size);
        step.cite(match size.cmp(&before) {
            Ordering::Less => clause!("fd_filestat_set_size.shrinks"),
            Ordering::Equal => clause!("fd_filestat_set_size.same"),
            Ordering::Greater => clause!("fd_filestat_set_size.grows-with-zeros"),
        });
        if size == before {
            // POSIX lets ftruncate() to the same size leave the time alone
            let file = step.state.inodes.get_mut(inode);
            (file.mtime, file.ctime) = (Time::Any, Time::Any);
        } else {
            step.cite(clause!("fd_filestat_set_size.marks-mtim"));
            step.touch(inode);
        }
    }
    Ok(())
}

/// A call that fails as a clause says; where a runtime lets it succeed all the same, nothing is known of what it did.
fn refused(step: &mut Step<'_>, clause: ClauseId) -> Flow {
    step.applies(clause);
    step.succeeds()?;
    Ok(())
}

pub(crate) fn fd_filestat_set_times(step: &mut Step<'_>) -> Flow {
    let flags = step.arg(3);
    step.unknown_bits(3, FSTFLAGS, clause!("fd_filestat_set_times.unknown-flags"));
    if contradictory(flags) {
        step.applies(clause!("fd_filestat_set_times.contradiction"));
    }
    let times = [step.arg(1), step.arg(2)];
    out_of_range(step, times, flags);
    let fd = step.fd(0, clause!("fd_filestat_set_times.bad-fd"))?;
    step.right(fd, rights::FD_FILESTAT_SET_TIMES);
    step.changes_tree(fd, clause!("preopen.read-only-set-times"));
    match step.what(fd) {
        What::File(inode) | What::Directory(inode) => {
            step.succeeds()?;
            step.cite(clause!("fd_filestat_set_times.keeps-data"));
            step.cite(clause!("fd_filestat_set_times.marks-ctim"));
            if step.is_directory(inode) {
                step.cite(clause!("fd_filestat_set_times.directory"));
            } else if step.entry(fd).is_some_and(|entry| !entry.access.writes()) {
                step.cite(clause!("fd_filestat_set_times.read-only-fd"));
            }
            let clauses = TimeClauses {
                nothing: clause!("fd_filestat_set_times.nothing"),
                sets: clause!("fd_filestat_set_times.sets"),
                now: clause!("fd_filestat_set_times.now"),
                only: clause!("fd_filestat_set_times.only-chosen"),
            };
            set_times(step, inode, times, flags, &clauses);
            Ok(())
        }
        What::Stream(_) | What::Socket(_) => {
            step.applies(clause!("fd_filestat_set_times.stdio"));
            if flags == fstflags::ATIM_NOW | fstflags::MTIM_NOW {
                step.permits(clause!("fd_filestat_set_times.stdio-now"));
            }
            step.wrong_type();
            step.succeeds()
        }
        What::Foreign => Err(Stop::Unjudged),
    }
}

/// What is wrong with a path before any host sees it.
const NO_HOSTS: [ClauseId; 7] = [
    clause!("path-resolution.absolute-path"),
    clause!("path-resolution.dotdot-and-back"),
    clause!("path-resolution.dotdot-outside"),
    clause!("path-resolution.invalid-utf8"),
    clause!("path-resolution.symlink-absolute"),
    clause!("path-resolution.symlink-outside"),
    clause!("path-resolution.zero-byte"),
];

/// What a path leads to whose times are to be set. What is wrong with it is said.
fn there(step: &mut Step<'_>, found: &Found) -> Option<InodeId> {
    match found.inode {
        None => {
            step.missing(found, clause!("path_filestat_set_times.missing"), clause!("path_filestat_set_times.follow-dangling"));
            None
        }
        Some(inode) if found.slash && !step.is_directory(inode) => {
            step.applies(clause!("path-resolution.trailing-slash"));
            None
        }
        Some(inode) => Some(inode),
    }
}

pub(crate) fn path_filestat_set_times(step: &mut Step<'_>) -> Flow {
    let text = step.text(0);
    let flags = step.arg(6);
    step.unknown_bits(1, lookupflags::SYMLINK_FOLLOW, clause!("path-resolution.unknown-lookupflags"));
    step.unknown_bits(6, FSTFLAGS, clause!("path_filestat_set_times.unknown-flags"));
    if contradictory(flags) {
        step.applies(clause!("path_filestat_set_times.contradiction"));
    }
    let times = [step.arg(4), step.arg(5)];
    out_of_range(step, times, flags);
    let fd = step.fd(0, clause!("path_filestat_set_times.bad-fd"))?;
    step.right(fd, rights::PATH_FILESTAT_SET_TIMES);
    let base = step.base(fd, clause!("path_filestat_set_times.base-not-directory"))?;
    step.changes_tree(fd, clause!("preopen.read-only-path-set-times"));
    let found = step.try_resolve(base, text, step.arg(1) & lookupflags::SYMLINK_FOLLOW != 0)?.ok();
    let inode = found.as_ref().and_then(|found| there(step, found));
    let cites = |clauses: &[ClauseId]| step.findings.clauses.iter().any(|clause| clauses.contains(clause));
    let is_wrong = text.is_some() && (inode.is_none() || cites(&[clause!("path-resolution.path-too-long")]));
    if flags == 0 && is_wrong && !cites(&NO_HOSTS) {
        // utimensat() with nothing to set may look at nothing
        step.applies(clause!("path_filestat_set_times.no-flags-unseen"));
        step.need_not_look();
        return step.succeeds();
    }
    step.succeeds()?;
    let (Some(found), Some(inode)) = (found, inode) else { return Err(Stop::Unjudged) };
    if step.is_symlink(inode) {
        step.cite(clause!("path_filestat_set_times.nofollow"));
    }
    if found.through_link {
        step.cite(clause!("path_filestat_set_times.follow"));
    }
    let clauses = TimeClauses {
        nothing: clause!("path_filestat_set_times.no-flags"),
        sets: clause!("path_filestat_set_times.sets"),
        now: clause!("path_filestat_set_times.now"),
        only: clause!("path_filestat_set_times.only-chosen"),
    };
    set_times(step, inode, times, flags, &clauses);
    Ok(())
}

/// Nanoseconds since 1970 that every file system of the hosts can keep: those of a signed number.
const LARGEST_TIME: u64 = i64::MAX.cast_unsigned();

/// Says that a time is asked for that not every file system can keep.
fn out_of_range(step: &mut Step<'_>, [atime, mtime]: [u64; 2], flags: u64) {
    let beyond = |exact: u64, value: u64| flags & exact != 0 && value > LARGEST_TIME;
    if beyond(fstflags::ATIM, atime) || beyond(fstflags::MTIM, mtime) {
        step.applies(clause!("fd_filestat_set_times.out-of-range"));
    }
}

/// A time is to have a value and to be now.
fn contradictory(flags: u64) -> bool {
    let both = |one: u64, other: u64| flags & one != 0 && flags & other != 0;
    both(fstflags::ATIM, fstflags::ATIM_NOW) || both(fstflags::MTIM, fstflags::MTIM_NOW)
}

struct TimeClauses {
    nothing: ClauseId,
    sets: ClauseId,
    now: ClauseId,
    only: ClauseId,
}

fn set_times(step: &mut Step<'_>, inode: InodeId, [atime, mtime]: [u64; 2], flags: u64, clauses: &TimeClauses) {
    let host_now = step.now();
    let chosen = |exact: u64, now: u64, value: u64| {
        if flags & exact != 0 { Some(Time::Set(value)) } else { (flags & now != 0).then_some(host_now) }
    };
    let new_atime = chosen(fstflags::ATIM, fstflags::ATIM_NOW, atime);
    let new_mtime = chosen(fstflags::MTIM, fstflags::MTIM_NOW, mtime);
    if flags & (fstflags::ATIM | fstflags::MTIM) != 0 {
        step.cite(clauses.sets);
    }
    if flags & (fstflags::ATIM_NOW | fstflags::MTIM_NOW) != 0 {
        step.cite(clauses.now);
    }
    match (new_atime, new_mtime) {
        (None, None) => step.cite(clauses.nothing),
        (Some(Time::Set(_)), Some(Time::Now { .. } | Time::Seen(_))) | (Some(Time::Now { .. } | Time::Seen(_)), Some(Time::Set(_))) => {
            step.cite(clause!("fd_filestat_set_times.mixed"));
        }
        (Some(_), Some(_)) => {}
        (None, Some(_)) | (Some(_), None) => step.cite(clauses.only),
    }
    // a file system that cannot keep a time keeps the nearest that it can
    let [new_atime, new_mtime] = [new_atime, new_mtime].map(|time| match time {
        Some(Time::Set(time)) if time > LARGEST_TIME => Some(Time::Any),
        time => time,
    });
    let file = step.state.inodes.get_mut(inode);
    file.atime = new_atime.unwrap_or(file.atime);
    file.mtime = new_mtime.unwrap_or(file.mtime);
    file.ctime = host_now;
}

/// The type that a stream shows: that of what is behind it, or none where the host does not tell.
pub(crate) fn stream_filetypes(kind: StdioKind) -> &'static [u64] {
    match kind {
        // no character device: that would make a library take it for a terminal
        StdioKind::Pipe => &[filetype::UNKNOWN, filetype::SOCKET_STREAM],
        StdioKind::File => &[filetype::REGULAR_FILE, filetype::UNKNOWN, filetype::CHARACTER_DEVICE],
        StdioKind::Device => &[filetype::CHARACTER_DEVICE, filetype::UNKNOWN],
    }
}

//! Descriptors themselves: closing, renumbering, flags, rights, and what was preopened.

use touchstone_model::world::StdioKind;
use touchstone_spec::clause;
use touchstone_spec::consts::{fdflags, fdstat, filetype, preopentype, prestat, rights};

use super::attributes::{filetype_text, stream_filetypes};
use crate::state::{ALL_RIGHTS, Fd, Output, Rights, SocketId, Stream, What};
use crate::step::{Flow, Mode, Seen, Step, Stop, fdstat_bytes, number_at, put_at};

/// All bits of `fdflags`.
pub(crate) const FDFLAGS: u64 = fdflags::APPEND | SYNC_FLAGS | fdflags::NONBLOCK;
const SYNC_FLAGS: u64 = fdflags::DSYNC | fdflags::RSYNC | fdflags::SYNC;

pub(crate) fn fd_close(step: &mut Step<'_>) -> Flow {
    let number = step.arg32(0);
    // whatever it is that nothing is known of, closing it is what closing is
    if step.what(number) == What::Foreign && step.entry(number).is_some() {
        if let Mode::Check(Seen::Success(_)) = step.mode {
            step.state.fds.close(number);
        }
        return Err(Stop::Unjudged);
    }
    let fd = step.fd(0, clause!("fd_close.bad-fd"))?;
    if step.entry(fd).is_some_and(|entry| entry.preopen.is_some()) {
        step.cite(clause!("preopen.can-be-closed"));
    }
    step.always(clause!("fd_close.frees"))?;
    if fd < 3 {
        step.cite(clause!("stdio.close-succeeds"));
    }
    if let Some(entry) = step.entry(fd).cloned() {
        place(step, &entry);
        step.state.closed_preopens.extend(entry.preopen.map(|_| fd));
    }
    if let What::Directory(_) = step.what(fd) {
        step.cite(clause!("fd_close.directory"));
    }
    if let What::File(inode) = step.what(fd) {
        step.cite(clause!("fd_close.keeps-data"));
        let unlinked = step.state.inodes.get(inode).nlink == 0;
        step.cite(if unlinked { clause!("fd_close.unlinked-file") } else { clause!("fd_close.others-stay") });
    }
    step.state.fds.close(fd);
    Ok(())
}

/// It is certain now where a preopen or a socket of the world stood, if it was one.
fn place(step: &mut Step<'_>, fd: &Fd) {
    if step.state.is_waiting(fd) {
        step.state.placed.extend(fd.preopen);
        step.state.placed_sockets.extend(fd.socket);
    }
}

pub(crate) fn fd_renumber(step: &mut Step<'_>) -> Flow {
    let (from, to) = (step.arg32(0), step.arg32(1));
    if step.what(to) == What::Foreign && step.entry(to).is_some() {
        return Err(Stop::Unjudged);
    }
    let target = step.entry(to).cloned();
    if to > i32::MAX.cast_unsigned() {
        step.applies(clause!("fd_renumber.target-out-of-range"));
    } else if target.is_none() && from != to {
        step.applies(clause!("fd_renumber.target-not-open"));
    }
    let bad_source = match (&target, from == to) {
        (_, true) => clause!("fd_renumber.onto-itself-not-open"),
        (None, false) => clause!("fd_renumber.both-not-open"),
        (Some(_), false) => clause!("fd_renumber.bad-source"),
    };
    let from = step.fd(0, bad_source)?;
    let is_preopen = |fd: &Option<Fd>| fd.as_ref().is_some_and(|fd| fd.preopen.is_some());
    let source = step.entry(from).cloned();
    if is_preopen(&target) {
        step.applies(clause!("fd_renumber.preopen"));
    }
    if is_preopen(&source) {
        step.applies(clause!("fd_renumber.preopen-source"));
    }
    if from != to && source.as_ref().is_some_and(|fd| matches!(fd.what, What::Stream(_))) {
        step.applies(clause!("fd_renumber.from-stdio"));
    }
    if from == to {
        step.applies(clause!("fd_renumber.onto-itself"));
        return step.succeeds();
    }
    step.succeeds()?;
    step.cite(clause!("fd_renumber.moves"));
    step.cite(clause!("fd_renumber.keeps-state"));
    if target.is_some() {
        step.cite(clause!("fd_renumber.closes-target"));
    }
    if to < 3 {
        step.cite(clause!("fd_renumber.onto-stdio"));
        step.cite(clause!("stdio.renumbered"));
    }
    for fd in [&source, &target].into_iter().flatten() {
        place(step, fd);
    }
    step.state.fds.close(to);
    if let Some(mut fd) = step.state.fds.close(from) {
        fd.number = to;
        step.state.fds.insert(fd);
    }
    Ok(())
}

pub(crate) fn fd_fdstat_get(step: &mut Step<'_>) -> Flow {
    find_socket(step);
    let fd = step.fd(0, clause!("fd_fdstat_get.bad-fd"))?;
    let Some(entry) = step.entry(fd).cloned() else { return Err(Stop::Unjudged) };
    step.succeeds()?;
    step.cite(clause!("fd_fdstat_get.changes-nothing"));
    step.cite(clause!("rights.none-needed"));
    let kinds = filetypes(step, &entry);
    if entry.preopen.is_some() {
        step.cite(clause!("preopen.is-a-directory"));
    }
    let shown_rights = if matches!(entry.what, What::Stream(_) | What::Socket(_)) { stream_rights(entry.base) } else { entry.base };
    let flags = entry.flags.unwrap_or_else(|| first_flags(step, &entry));
    step.make(fdstat_bytes(kinds[0], flags, shown_rights, entry.inheriting));
    step.cite(clause!("fd_fdstat_get.filetype"));
    let Some(seen) = step.seen(0) else { return Ok(()) };
    let seen = seen.kept();
    let kind = number_at(seen, fdstat::FS_FILETYPE, 1);
    stream_type(step, &entry, kind);
    if !kinds.contains(&kind) {
        step.mismatch(clause!("fd_fdstat_get.filetype"), filetype_text(kinds[0]), filetype_text(kind));
    }
    let shown = number_at(seen, fdstat::FS_FLAGS, 2);
    check_flags(step, &entry, shown);
    let (base, inheriting) = (number_at(seen, fdstat::FS_RIGHTS_BASE, 8), number_at(seen, fdstat::FS_RIGHTS_INHERITING, 8));
    check_rights(step, &entry, base, inheriting);
    Ok(())
}

/// The flags that the host opened a stream with.
fn first_flags(step: &Step<'_>, entry: &Fd) -> u64 {
    let What::Stream(stream) = entry.what else { return 0 };
    if step.state.output(stream).is_some_and(Output::appends) { fdflags::APPEND } else { 0 }
}

/// A socket that the world gives the guest is known by its type: it is at the number at which a runtime first shows one. The text says
/// nothing of where it is; guests look at one number after the other, so that the first one that is shown is the first one of the world.
fn find_socket(step: &mut Step<'_>) {
    let number = step.arg32(0);
    let Some(seen) = step.seen(0).map(|capture| number_at(capture.kept(), fdstat::FS_FILETYPE, 1)) else { return };
    let (index, entry) = (step.state.waiting_sockets().next(), step.entry(number));
    let is_open = entry.is_none_or(|fd| step.state.is_waiting(fd));
    let is_socket_here = entry.is_some_and(|fd| fd.socket.is_some());
    match index {
        Some(index) if number > 2 && is_open && seen == filetype::SOCKET_STREAM => step.state.place_socket(index, number),
        // something of the runtime's own making stands where a socket would have been
        Some(_) if is_open && is_socket_here && seen != filetype::SOCKET_STREAM => {
            step.state.fds.insert(Fd::new(number, What::Foreign));
            step.state.place_preopens();
        }
        Some(_) | None => {}
    }
}

/// The text defines no type for a pipe, so it is unknown; for a file behind a stream a runtime may not look.
fn stream_type(step: &mut Step<'_>, entry: &Fd, kind: u64) {
    let What::Stream(stream) = entry.what else { return };
    match step.state.stream_kind(stream) {
        StdioKind::File => step.cite(clause!("fd_fdstat_get.stdio-file-type")),
        StdioKind::Device => step.cite(clause!("fd_fdstat_get.stdio-device-type")),
        StdioKind::Pipe => {
            step.cite(clause!("fd_fdstat_get.pipe-type"));
            if kind != filetype::UNKNOWN {
                step.miss(clause!("fd_fdstat_get.pipe-type"));
            }
        }
    }
}

fn filetypes(step: &Step<'_>, entry: &Fd) -> &'static [u64] {
    match entry.what {
        What::File(_) => &[filetype::REGULAR_FILE],
        What::Directory(_) => &[filetype::DIRECTORY],
        What::Stream(stream) => stream_filetypes(step.state.stream_kind(stream)),
        What::Socket(_) => &[filetype::SOCKET_STREAM],
        What::Foreign => &[],
    }
}

/// A stream has no right to seek, so that no library takes it for a file with positions.
fn stream_rights(base: u64) -> u64 {
    base & !(rights::FD_SEEK | rights::FD_TELL)
}

/// The rights that a stream surely has.
fn what_it_is_for(what: What) -> u64 {
    match what {
        What::Stream(Stream::Input) => rights::FD_READ,
        What::Stream(Stream::Output | Stream::Error) => rights::FD_WRITE,
        What::File(_) | What::Directory(_) | What::Socket(_) | What::Foreign => rights::FD_READ | rights::FD_WRITE,
    }
}

fn check_flags(step: &mut Step<'_>, entry: &Fd, shown: u64) {
    let clause = clause!("fd_fdstat_get.open-flags");
    if shown & !FDFLAGS != 0 {
        step.mismatch(clause, "bits of fdflags only".to_owned(), format!("fs_flags {shown:#x}"));
        return;
    }
    let Some(flags) = entry.flags else {
        step.cite(clause!("stdio.flags"));
        if let Some(fd) = step.state.fds.get_mut(entry.number) {
            fd.flags = Some(shown);
        }
        return;
    };
    if let What::Socket(socket) = entry.what {
        socket_flags(step, entry.number, socket, flags, shown);
        return;
    }
    if let (What::Directory(_), 0) = (entry.what, shown)
        && flags != 0
    {
        step.cite(clause!("fd_fdstat_get.directory-flags"));
        return;
    }
    step.cite(clause);
    if (flags | shown) & fdflags::NONBLOCK != 0 {
        step.cite(clause!("fd_fdstat_get.open-nonblock"));
    }
    if (flags | shown) & SYNC_FLAGS != 0 {
        step.cite(clause!("fd_fdstat_get.open-sync"));
    }
    // nonblock means nothing for files, and hosts that have only one of the three show what was asked for as another
    let plain = |flags: u64| flags & !(SYNC_FLAGS | fdflags::NONBLOCK);
    let synced = |flags: u64| flags & SYNC_FLAGS != 0;
    if plain(shown) != plain(flags) || (synced(flags) != synced(shown)) {
        step.mismatch(clause, flags_text(flags), flags_text(shown));
        if let Some(fd) = step.state.fds.get_mut(entry.number) {
            fd.flags = Some(shown);
        }
    }
}

/// On a socket nonblock shows as it was given.
fn socket_flags(step: &mut Step<'_>, number: u32, socket: SocketId, flags: u64, shown: u64) {
    let accepted = step.state.sockets.get(socket).accepted;
    let clause = if accepted { clause!("sock_accept.flags") } else { clause!("fd_fdstat_set_flags.socket") };
    step.cite(clause);
    if (flags ^ shown) & fdflags::NONBLOCK != 0 {
        step.mismatch(clause, flags_text(flags), flags_text(shown));
    }
    if let Some(fd) = step.state.fds.get_mut(number) {
        fd.flags = Some(shown);
    }
}

pub(crate) fn flags_text(flags: u64) -> String {
    let names = touchstone_spec::type_by_name("fdflags").map(|ty| ty.flag_set(flags).0).unwrap_or_default();
    format!("fs_flags [{}]", names.join(", "))
}

/// A runtime that keeps rights shows none that was not asked for; one that shows more keeps none.
fn check_rights(step: &mut Step<'_>, entry: &Fd, base: u64, inheriting: u64) {
    let clause = clause!("fd_fdstat_get.rights-not-widened");
    step.cite(clause);
    let widened = base & !entry.base != 0 || inheriting & !entry.inheriting != 0;
    if widened {
        step.miss(clause);
        return;
    }
    directory_rights(step, entry, base, inheriting);
    // rights that mean nothing for what was opened may be left out
    let kept = if matches!(entry.what, What::File(_)) { entry.base & FILE_RIGHTS } else { 0 };
    if let Some(fd) = step.state.fds.get_mut(entry.number) {
        fd.base = base | kept;
        fd.inheriting = inheriting;
    }
}

/// A directory shows what it was opened with, as far as that means something for directories and for what is opened below it: a
/// library asks for no more than it sees there. How much a preopen has is the host's affair.
fn directory_rights(step: &mut Step<'_>, entry: &Fd, base: u64, inheriting: u64) {
    if !matches!(entry.what, What::Directory(_)) || entry.preopen.is_some() {
        return;
    }
    let clause = clause!("path_open.fewer-rights");
    step.cite(clause);
    let missing = entry.base & DIRECTORY_RIGHTS & !base;
    let missing_below = entry.inheriting & (DIRECTORY_RIGHTS | FILE_RIGHTS) & !inheriting;
    if missing | missing_below != 0 {
        let names = |bits: u64| touchstone_spec::type_by_name("rights").map(|ty| ty.flag_set(bits).0.join(", ")).unwrap_or_default();
        let expected = format!("rights [{}] inheriting [{}] too", names(missing), names(missing_below));
        step.mismatch(clause, expected, "they are missing".to_owned());
    }
}

/// Rights that mean something for every regular file: what was opened with them can do these things, whatever it shows.
const FILE_RIGHTS: u64 = rights::FD_READ | rights::FD_WRITE | rights::FD_SEEK | rights::FD_TELL | rights::FD_FILESTAT_GET;

/// Rights that mean something for directories and for nothing else.
const DIRECTORY_RIGHTS: u64 = rights::PATH_CREATE_DIRECTORY
    | rights::PATH_CREATE_FILE
    | rights::PATH_OPEN
    | rights::FD_READDIR
    | rights::PATH_READLINK
    | rights::PATH_RENAME_SOURCE
    | rights::PATH_RENAME_TARGET
    | rights::PATH_FILESTAT_GET
    | rights::PATH_SYMLINK
    | rights::PATH_REMOVE_DIRECTORY
    | rights::PATH_UNLINK_FILE;

pub(crate) fn fd_fdstat_set_flags(step: &mut Step<'_>) -> Flow {
    let flags = step.arg(1);
    step.unknown_bits(1, FDFLAGS, clause!("fd_fdstat_set_flags.unknown-flags"));
    let fd = step.fd(0, clause!("fd_fdstat_set_flags.bad-fd"))?;
    step.right(fd, rights::FD_FDSTAT_SET_FLAGS);
    let now = step.entry(fd).and_then(|entry| entry.flags).unwrap_or(0);
    step.cite(clause!("fd_fdstat_set_flags.failure-keeps-flags"));
    if let What::Socket(_) = step.what(fd) {
        return set_socket_flags(step, fd, flags);
    }
    if (flags ^ now) & SYNC_FLAGS != 0 {
        step.applies(clause!("fd_fdstat_set_flags.sync-flags"));
    }
    match step.what(fd) {
        What::File(_) => {}
        What::Directory(_) => step.applies(clause!("fd_fdstat_set_flags.directory")),
        What::Stream(stream) => step.applies(match step.state.stream_kind(stream) {
            StdioKind::Pipe => clause!("fd_fdstat_set_flags.pipe"),
            StdioKind::File => clause!("fd_fdstat_set_flags.stdio-file"),
            StdioKind::Device => clause!("fd_fdstat_set_flags.stdio-device"),
        }),
        What::Socket(_) | What::Foreign => return Err(Stop::Unjudged),
    }
    step.succeeds()?;
    step.cite(clause!("fd_fdstat_set_flags.sets"));
    step.cite(clause!("fd_fdstat_set_flags.keeps-offset"));
    step.cite(clause!("fd_fdstat_set_flags.this-descriptor-only"));
    if (flags ^ now) & fdflags::APPEND != 0 {
        let set = flags & fdflags::APPEND != 0;
        step.cite(if set { clause!("fd_fdstat_set_flags.append-takes-effect") } else { clause!("fd_fdstat_set_flags.append-cleared") });
    }
    if (flags ^ now) & fdflags::NONBLOCK != 0 {
        step.cite(clause!("fd_fdstat_set_flags.nonblock-file"));
    }
    if let Some(entry) = step.state.fds.get_mut(fd) {
        entry.flags = if flags & !FDFLAGS == 0 { Some(flags) } else { None };
    }
    no_longer_appends(step, fd, flags);
    Ok(())
}

/// Where a stream writes from that has appended so far nobody knows.
fn no_longer_appends(step: &mut Step<'_>, fd: u32, flags: u64) {
    if flags & fdflags::APPEND == 0
        && let What::Stream(stream) = step.what(fd)
        && let Some(output) = step.state.output_of(stream)
    {
        output.known &= !output.appends();
    }
}

fn set_socket_flags(step: &mut Step<'_>, fd: u32, flags: u64) -> Flow {
    if flags & FDFLAGS & !fdflags::NONBLOCK != 0 {
        step.applies(clause!("fd_fdstat_set_flags.socket-other-flags"));
    }
    step.always(clause!("fd_fdstat_set_flags.socket"))?;
    if let Some(entry) = step.state.fds.get_mut(fd) {
        entry.flags = if flags & !FDFLAGS == 0 { Some(flags) } else { None };
    }
    Ok(())
}

pub(crate) fn fd_fdstat_set_rights(step: &mut Step<'_>) -> Flow {
    let (base, inheriting) = (step.arg(1), step.arg(2));
    let (has_unknown, unknown) = ((base | inheriting) & !ALL_RIGHTS != 0, clause!("fd_fdstat_set_rights.unknown-bits"));
    // a binding looks at the bits before anybody looks for the descriptor
    if has_unknown && step.entry(step.arg32(0)).is_none() {
        step.permits(unknown);
    }
    let fd = step.fd(0, clause!("fd_fdstat_set_rights.bad-fd"))?;
    let Some(entry) = step.entry(fd).cloned() else { return Err(Stop::Unjudged) };
    if has_unknown {
        let can_succeed = step.findings.success;
        // and before a runtime that keeps no rights does not
        if step.state.choices.rights == Some(Rights::Dropped) {
            step.permits(unknown)
        } else {
            step.missing_right(unknown)
        }
        // bits that mean nothing may be let pass, which then says nothing of rights
        (step.findings.success, step.findings.rights_open) = (can_succeed, false);
    }
    let is_stream = matches!(entry.what, What::Stream(_) | What::Socket(_));
    let held = if is_stream && matches!(step.mode, Mode::Prefer(_)) { stream_rights(entry.base) } else { entry.base };
    if is_stream && entry.base == ALL_RIGHTS && base & ALL_RIGHTS & !what_it_is_for(entry.what) != 0 {
        // nothing has shown yet which rights a stream has
        step.permits(clause!("fd_fdstat_set_rights.cannot-add"));
    }
    if !is_stream {
        // nobody has said that what is no socket has, or can pass on, the rights of one
        let of_sockets = rights::SOCK_ACCEPT | rights::SOCK_SHUTDOWN;
        let asked =
            [(base, clause!("fd_fdstat_set_rights.cannot-add")), (inheriting, clause!("fd_fdstat_set_rights.cannot-add-inheriting"))];
        asked.into_iter().filter(|(asked, _)| asked & of_sockets != 0).for_each(|(_, clause)| step.permits(clause));
    }
    let adds = [
        (base & ALL_RIGHTS & !held, clause!("fd_fdstat_set_rights.cannot-add")),
        (inheriting & ALL_RIGHTS & !entry.inheriting, clause!("fd_fdstat_set_rights.cannot-add-inheriting")),
    ];
    for (_, clause) in adds.into_iter().filter(|(added, _)| *added != 0) {
        step.missing_right(clause);
        step.cite(clause!("fd_fdstat_set_rights.failure-keeps-rights"));
    }
    if let What::Stream(_) = entry.what {
        step.applies(clause!("fd_fdstat_set_rights.stdio"));
    }
    if step.state.choices.rights != Some(Rights::Kept) {
        step.applies(clause!("fd_fdstat_set_rights.unsupported"));
    }
    step.succeeds()?;
    if (base, inheriting) == (entry.base, entry.inheriting) {
        step.cite(clause!("fd_fdstat_set_rights.same"));
    } else {
        step.cite(clause!("fd_fdstat_set_rights.removes"));
        step.cite(clause!("fd_fdstat_set_rights.removes-inheriting"));
        step.cite(clause!("rights.per-descriptor"));
    }
    if let Some(entry) = step.state.fds.get_mut(fd) {
        entry.base &= base & ALL_RIGHTS;
        entry.inheriting &= inheriting;
    }
    Ok(())
}

pub(crate) fn fd_prestat_get(step: &mut Step<'_>) -> Flow {
    let number = step.arg32(0);
    if let Mode::Check(Seen::Success(_)) = step.mode {
        return seen_prestat(step, number);
    }
    if step.entry(number).is_some_and(|entry| entry.what == What::Foreign) {
        return Err(Stop::Unjudged);
    }
    let fd = step.fd(0, clause!("fd_prestat_get.bad-fd"))?;
    let Some(index) = step.entry(fd).and_then(|entry| entry.preopen) else { return not_preopened(step, fd) };
    step.applies_found();
    step.succeeds()?;
    let mut bytes = vec![0; prestat::BYTES];
    put_at(&mut bytes, 0, 1, preopentype::DIR);
    put_at(&mut bytes, prestat::PAYLOAD, 4, step.state.world.preopens[index].guest.len() as u64);
    step.make(bytes);
    Ok(())
}

fn not_preopened(step: &mut Step<'_>, fd: u32) -> Flow {
    if matches!(step.what(fd), What::Stream(Stream::Input | Stream::Output | Stream::Error)) {
        step.applies(clause!("stdio.no-prestat"));
    } else {
        step.applies(clause!("fd_prestat_get.not-preopened"));
    }
    step.succeeds()
}

/// A runtime says that a number is a preopened directory: which one, the length of its name tells, and then its name.
fn seen_prestat(step: &mut Step<'_>, number: u32) -> Flow {
    let Some(seen) = step.seen(0) else {
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    let (tag, len) = (number_at(seen.kept(), 0, 1), number_at(seen.kept(), prestat::PAYLOAD, 4));
    let entry = step.entry(number).cloned();
    match entry.as_ref().map(|entry| entry.what) {
        Some(What::Foreign) => return Err(Stop::Unjudged),
        Some(What::Stream(_) | What::Socket(_)) if !entry.as_ref().is_some_and(|entry| step.state.is_waiting(entry)) => {
            return not_preopened(step, number);
        }
        Some(What::File(_)) => return not_preopened(step, number),
        Some(What::Directory(_)) if entry.as_ref().is_some_and(|entry| entry.preopen.is_none()) => return not_preopened(step, number),
        // what the program has closed is no further preopen that it had not found yet
        None if step.state.is_closed_preopen(number) => {
            step.fd(0, clause!("fd_prestat_get.bad-fd"))?;
            return step.succeeds();
        }
        Some(What::Directory(_) | What::Stream(_) | What::Socket(_)) | None => {}
    }
    let is_waiting = |index: &usize| !step.state.placed.contains(index);
    let length_of = |index: usize| step.state.world.preopens[index].guest.len() as u64;
    let here = entry.as_ref().and_then(|entry| entry.preopen);
    let is_certain = here.is_some_and(|index| !is_waiting(&index));
    let fits = here.filter(|index| length_of(*index) == len);
    let other = (0..step.state.world.preopens.len()).filter(is_waiting).find(|index| length_of(*index) == len);
    match (fits, other) {
        (Some(index), _) => {
            step.cite_preopen(index, number);
        }
        (None, _) if is_certain => {
            step.succeeds()?;
            let expected = here.map_or(0, |index| step.state.world.preopens[index].guest.len() as u64);
            step.compare(clause!("fd_prestat_get.name-length"), "pr_name_len", expected, len);
            return Ok(());
        }
        (None, Some(index)) => step.cite_preopen(index, number),
        (None, None) if entry.is_some() || number == step.state.fds.lowest_free() => {
            step.cite(clause!("preopen.extra"));
            step.state.fds.insert(Fd::new(number, What::Foreign));
            step.state.place_preopens();
        }
        (None, None) => {
            step.applies(clause!("fd_prestat_get.bad-fd"));
            return step.succeeds();
        }
    }
    step.succeeds()?;
    step.cite(clause!("fd_prestat_get.name-length"));
    step.cite(clause!("fd_prestat_get.is-dir"));
    step.compare(clause!("fd_prestat_get.is-dir"), "tag", preopentype::DIR, tag);
    Ok(())
}

impl Step<'_> {
    fn applies_found(&mut self) {
        self.cite(clause!("preopen.found-by-prestat"));
    }

    /// Puts a preopen at the number under which a runtime shows it.
    fn cite_preopen(&mut self, index: usize, number: u32) {
        self.cite(clause!("preopen.found-by-prestat"));
        self.cite(clause!("preopen.numbered-from-three"));
        let here = self.entry(number).and_then(|entry| entry.preopen);
        if here != Some(index) {
            let fd = self.state.preopened(index, number);
            let tentative = self.state.fds.iter().find(|fd| fd.preopen == Some(index)).map(|fd| fd.number);
            if let Some(tentative) = tentative {
                self.state.fds.close(tentative);
            }
            self.state.fds.insert(fd);
        }
        if !self.state.placed.contains(&index) {
            self.state.placed.push(index);
        }
        if here != Some(index) {
            self.state.place_preopens();
        }
    }
}

pub(crate) fn fd_prestat_dir_name(step: &mut Step<'_>) -> Flow {
    let number = step.arg32(0);
    if step.entry(number).is_some_and(|entry| entry.what == What::Foreign) {
        return Err(Stop::Unjudged);
    }
    let fd = step.fd(0, clause!("fd_prestat_dir_name.bad-fd"))?;
    let Some(index) = step.entry(fd).and_then(|entry| entry.preopen) else {
        step.applies(clause!("fd_prestat_dir_name.not-preopened"));
        return step.succeeds();
    };
    let index = renamed(step, fd, index);
    let name = step.state.world.preopens[index].guest.clone();
    let room = step.arg(2);
    if room < name.len() as u64 {
        step.applies(clause!("fd_prestat_dir_name.short-buffer"));
    } else if room > name.len() as u64 {
        step.cite(clause!("fd_prestat_dir_name.long-buffer"));
    }
    step.succeeds()?;
    let clause = clause!("fd_prestat_dir_name.writes-name");
    step.cite(clause);
    step.make(name.as_bytes()[..name.len().min(usize::try_from(room).unwrap_or(usize::MAX))].to_vec());
    let Some(seen) = step.seen(0) else { return Ok(()) };
    let seen = seen.kept();
    let wanted = &name.as_bytes()[..name.len().min(seen.len())];
    if !seen.starts_with(wanted) {
        step.mismatch(clause, super::buffers::text(wanted), super::buffers::text(&seen[..wanted.len()]));
    }
    Ok(())
}

/// Two preopens whose names are equally long can be told apart by their names only.
fn renamed(step: &mut Step<'_>, fd: u32, index: usize) -> usize {
    let Some(seen) = step.seen(0) else { return index };
    let seen = seen.kept();
    let preopens = &step.state.world.preopens;
    let len = preopens[index].guest.len();
    let is_it = |other: &usize| preopens[*other].guest.len() == len && seen.get(..len) == Some(preopens[*other].guest.as_bytes());
    match (0..preopens.len()).find(is_it) {
        Some(other) if other != index => {
            let theirs = step.state.fds.iter().find(|fd| fd.preopen == Some(other)).map(|fd| fd.number);
            let here = step.state.preopened(other, fd);
            step.state.fds.insert(here);
            if let Some(number) = theirs {
                let there = step.state.preopened(index, number);
                step.state.fds.insert(there);
            }
            other
        }
        Some(_) | None => index,
    }
}

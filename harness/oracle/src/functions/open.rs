//! `path_open`.

use touchstone_spec::consts::{fdflags, lookupflags, oflags, rights};
use touchstone_spec::{Errno, clause};

use super::descriptors::FDFLAGS;
use crate::path::Found;
use crate::state::{ALL_RIGHTS, Access, Content, Fd, Inode, InodeId, Kind, Time, What};
use crate::step::{Flow, Mode, Seen, Step};

/// All bits of `oflags`.
const OFLAGS: u64 = oflags::CREAT | oflags::DIRECTORY | oflags::EXCL | oflags::TRUNC;

/// Rights that change a file's data, besides the one to write: a host may open for writing what is asked for with them.
const CHANGES: u64 = rights::FD_DATASYNC | rights::FD_ALLOCATE | rights::FD_FILESTAT_SET_SIZE;

/// What a call asks for.
#[derive(Clone, Copy)]
struct Asked {
    creat: bool,
    directory: bool,
    excl: bool,
    trunc: bool,
    follow: bool,
    base: u64,
    inheriting: u64,
    flags: u64,
}

impl Asked {
    fn of(step: &Step<'_>) -> Asked {
        let has = |bit: u64| step.arg(4) & bit != 0;
        Asked {
            creat: has(oflags::CREAT),
            directory: has(oflags::DIRECTORY),
            excl: has(oflags::EXCL),
            trunc: has(oflags::TRUNC),
            // POSIX: with O_CREAT and O_EXCL a link at the end is never followed
            follow: step.arg(1) & lookupflags::SYMLINK_FOLLOW != 0 && !(has(oflags::CREAT) && has(oflags::EXCL)),
            base: step.arg(5),
            inheriting: step.arg(6),
            flags: step.arg(7),
        }
    }

    fn writes(&self) -> bool {
        self.base & rights::FD_WRITE != 0
    }
}

pub(crate) fn path_open(step: &mut Step<'_>) -> Flow {
    if step.arg(4) & (oflags::CREAT | oflags::DIRECTORY) == oflags::CREAT | oflags::DIRECTORY {
        step.applies(clause!("path_open.creat-with-directory"));
    }
    let text = step.text(0);
    step.unknown_bits(1, lookupflags::SYMLINK_FOLLOW, clause!("path-resolution.unknown-lookupflags"));
    step.unknown_bits(4, OFLAGS, clause!("path_open.unknown-oflags"));
    step.unknown_bits(7, FDFLAGS, clause!("path_open.unknown-fdflags"));
    let asked = Asked::of(step);
    if (asked.base | asked.inheriting) & !ALL_RIGHTS != 0 {
        step.applies(clause!("path_open.unknown-rights"));
        step.permits(clause!("rights.unknown-bits"));
    }
    refused_by_flags(step, asked);
    let fd = step.fd(0, clause!("path_open.bad-fd"))?;
    needed_rights(step, fd, asked);
    let base = step.base(fd, clause!("path_open.base-not-directory"))?;
    if asked.creat && step.link_with_slash(base, text) {
        step.applies(clause!("path_open.creat-trailing-slash"));
    }
    if asked.creat {
        step.parent_clauses(base, text, clause!("path_open.creat-no-parent"), None);
    }
    let found = match step.try_resolve(base, text, asked.follow)? {
        Ok(found) => found,
        Err(_) => {
            if asked.creat && step.ends_in_slash(base, text, asked.follow) {
                step.applies(clause!("path_open.creat-trailing-slash"));
            }
            return step.succeeds();
        }
    };
    match found.inode {
        None if asked.creat => create(step, fd, asked, &found),
        None => {
            step.missing(&found, clause!("path_open.missing"), clause!("path_open.follow-dangling"));
            if asked.directory && asked.trunc {
                step.applies(clause!("path_open.directory-trunc"));
            }
            step.succeeds()
        }
        Some(inode) => {
            existing(step, fd, asked, &found, inode);
            too_many(step);
            step.succeeds()?;
            opened(step, fd, asked, &found, inode)
        }
    }
}

/// Flags that a host may refuse before it looks at the path.
fn refused_by_flags(step: &mut Step<'_>, asked: Asked) {
    if asked.directory && asked.trunc {
        step.permits(clause!("path_open.directory-trunc"));
    }
    if asked.directory && asked.excl {
        step.permits(clause!("path_open.directory-excl"));
    }
    if asked.trunc && !asked.writes() {
        step.permits(clause!("path_open.trunc-needs-write"));
    }
}

fn needed_rights(step: &mut Step<'_>, fd: u32, asked: Asked) {
    step.right(fd, rights::PATH_OPEN);
    if asked.creat {
        step.rights(fd, rights::PATH_CREATE_FILE, clause!("rights.creat-needs-right"));
    }
    synchronized_rights(step, fd, asked);
    if asked.flags & (fdflags::DSYNC | fdflags::RSYNC | fdflags::SYNC) != 0 {
        step.applies(clause!("path_open.sync-flags"));
    }
    if asked.flags & fdflags::NONBLOCK != 0 {
        step.cite(clause!("path_open.nonblock"));
    }
    let inheriting = step.entry(fd).map_or(0, |entry| entry.inheriting);
    if asked.trunc {
        let has = step.entry(fd).is_some_and(|entry| entry.base & rights::PATH_FILESTAT_SET_SIZE != 0);
        if !has {
            step.missing_right(clause!("rights.trunc-needs-right"));
        }
    }
    if (asked.base | asked.inheriting) & (rights::SOCK_ACCEPT | rights::SOCK_SHUTDOWN) != 0 {
        // nobody has said that a directory can pass on what means nothing for files
        step.permits(clause!("rights.inheriting"));
    }
    if (asked.base | asked.inheriting) & ALL_RIGHTS & !inheriting != 0 {
        // it may also be opened without the right that cannot be passed on
        let (can_succeed, open) = (step.findings.success, step.findings.rights_open);
        step.missing_right(clause!("rights.inheriting"));
        // which says nothing of whether rights are kept
        (step.findings.success, step.findings.rights_open) = (can_succeed, open);
    }
}

/// The right belongs to the directory that the path starts from. Its text does not say whether what the directory may do itself is meant, or
/// what it passes on, which is what runtimes look at.
fn synchronized_rights(step: &mut Step<'_>, fd: u32, asked: Asked) {
    let (base, inheriting) = step.entry(fd).map_or((0, 0), |entry| (entry.base, entry.inheriting));
    for (flag, needed, clause) in [
        (fdflags::DSYNC, rights::FD_DATASYNC | rights::FD_SYNC, clause!("rights.dsync-needs-right")),
        (fdflags::RSYNC, rights::FD_SYNC, clause!("rights.rsync-needs-right")),
    ] {
        if asked.flags & flag == 0 {
            continue;
        }
        step.cite(clause);
        match (base & needed != 0, inheriting & needed != 0) {
            (true, true) => {}
            (false, false) => step.missing_right(clause),
            _ => step.permits(clause),
        }
    }
}

/// Descriptors that every host can give to a program: hosts have 1024 for a process, of which the runtime needs some itself.
const ALWAYS_ENOUGH: usize = 512;

/// With many descriptors open a host may have none left.
fn too_many(step: &mut Step<'_>) {
    let out_of_them = [Errno::Mfile, Errno::Nfile].map(|errno| u32::from(errno.raw()));
    if let Mode::Check(Seen::Errno(raw)) = step.mode
        && out_of_them.contains(&raw)
        && step.state.fds.iter().count() > ALWAYS_ENOUGH
    {
        step.applies(clause!("path_open.too-many"));
    }
}

/// Nothing is there and `creat` is given.
fn create(step: &mut Step<'_>, fd: u32, asked: Asked, found: &Found) -> Flow {
    step.changes_tree(fd, clause!("preopen.read-only-creat"));
    if asked.directory {
        step.applies(clause!("path_open.creat-directory-missing"));
    } else if found.slash {
        step.applies(clause!("path_open.creat-trailing-slash"));
    }
    if found.through_link {
        step.applies(clause!("path_open.creat-through-symlink"));
    }
    if !step.findings.success {
        step.cite(clause!("path_open.failure-opens-nothing"));
    }
    too_many(step);
    step.succeeds()?;
    step.cite(if asked.excl { clause!("path_open.excl-missing") } else { clause!("path_open.creat") });
    let time = step.now();
    let inode = step.state.inodes.add(Inode::new(Kind::File(Content::default()), time));
    step.link(found, inode);
    opened(step, fd, asked, found, inode)
}

/// Something is there: which clauses apply to opening it.
fn existing(step: &mut Step<'_>, fd: u32, asked: Asked, found: &Found, inode: InodeId) {
    // a kernel sees the slash first
    if asked.creat && found.slash && step.is_file(inode) {
        step.applies(clause!("path_open.creat-trailing-slash-file"));
    }
    if asked.creat && found.slash && found.name.is_some() && !asked.directory && step.is_directory(inode) {
        step.applies(clause!("path_open.creat-existing-directory"));
    }
    if asked.excl && asked.directory {
        step.applies(clause!("path_open.directory-excl"));
    }
    if asked.creat && asked.excl {
        step.applies(clause!("path_open.excl"));
    } else if asked.excl {
        step.applies(clause!("path_open.excl-alone"));
    }
    let read_only = step.entry(fd).is_some_and(|entry| entry.read_only);
    if step.is_symlink(inode) && asked.creat && asked.excl {
        // POSIX open(): the link counts as the name that is taken, whatever it points to
    } else if step.is_symlink(inode) {
        if asked.creat && asked.directory {
            step.applies(clause!("path_open.creat-directory"));
        }
        let clause = if asked.directory { clause!("path_open.directory-nofollow-symlink") } else { clause!("path_open.nofollow-symlink") };
        step.applies(clause);
        if found.slash {
            step.applies(clause!("path-resolution.trailing-slash"));
        }
    } else if step.is_directory(inode) {
        existing_directory(step, asked, read_only);
    } else {
        existing_file(step, asked, found, read_only);
    }
}

fn existing_directory(step: &mut Step<'_>, asked: Asked, read_only: bool) {
    if asked.creat && asked.directory {
        step.applies(clause!("path_open.creat-directory"));
    } else if asked.creat {
        step.applies(clause!("path_open.creat-existing-directory"));
    }
    if asked.trunc {
        step.applies(if asked.directory { clause!("path_open.directory-trunc") } else { clause!("path_open.trunc-directory") });
        if !asked.writes() {
            step.applies(clause!("path_open.trunc-needs-write"));
        }
    }
    if asked.base & rights::FD_READ != 0 {
        step.cite(clause!("path_open.directory-read-right"));
    }
    if asked.writes() {
        step.applies(clause!("path_open.directory-for-writing"));
    } else if asked.base & CHANGES != 0 {
        step.permits(clause!("path_open.directory-for-writing"));
    }
    if read_only {
        step.applies(clause!("path_open.directory-read-only"));
    }
    step.cite(if asked.directory { clause!("path_open.directory-opens") } else { clause!("path_open.directory-without-flag") });
}

fn existing_file(step: &mut Step<'_>, asked: Asked, found: &Found, read_only: bool) {
    if asked.directory {
        let clause = if asked.creat { clause!("path_open.creat-directory-file") } else { clause!("path_open.directory") };
        step.applies(clause);
        if asked.trunc {
            step.applies(clause!("path_open.directory-trunc"));
        }
    }
    if found.slash && !asked.creat {
        step.applies(clause!("path-resolution.trailing-slash"));
    }
    if read_only && asked.creat && !asked.trunc && !asked.excl {
        step.applies(clause!("preopen.read-only-creat-existing"));
    }
    if read_only && !asked.writes() {
        step.cite(clause!("preopen.read-only-can-be-read"));
    }
    if read_only && asked.trunc {
        step.read_only(clause!("preopen.read-only-trunc"));
    }
    if asked.trunc && !asked.writes() {
        step.applies(clause!("path_open.trunc-needs-write"));
    }
    if read_only && asked.writes() {
        step.read_only(clause!("preopen.read-only-open-for-writing"));
    }
}

/// The new descriptor.
fn opened(step: &mut Step<'_>, parent: u32, asked: Asked, found: &Found, inode: InodeId) -> Flow {
    if found.through_link {
        step.cite(clause!("path_open.follow-symlink"));
    }
    let what = if step.is_directory(inode) { What::Directory(inode) } else { What::File(inode) };
    if asked.trunc
        && let Some(file) = step.state.inodes.file_mut(inode)
    {
        file.set_len(0);
        step.cite(clause!("path_open.trunc"));
        let file = step.state.inodes.get_mut(inode);
        (file.mtime, file.ctime) = (Time::Any, Time::Any);
    } else {
        step.cite(if asked.creat { clause!("path_open.creat-existing") } else { clause!("path_open.opens") });
    }
    if step.is_symlink(inode) {
        return Err(crate::step::Stop::Unjudged);
    }
    step.cite(clause!("path_open.fd-range"));
    step.cite(clause!("path_open.fewer-rights"));
    if step.state.fds.iter().any(|fd| fd.what == what) {
        step.cite(clause!("path_open.own-offset"));
    }
    if asked.flags & fdflags::APPEND != 0 {
        step.cite(clause!("path_open.append"));
    }
    let number = step.new_fd(0, clause!("path_open.fd-is-free"));
    if number > i32::MAX.cast_unsigned() {
        step.mismatch(clause!("path_open.fd-range"), "a descriptor below 2147483648".to_owned(), format!("descriptor {number}"));
    }
    let (read_only, inheriting) = step.entry(parent).map_or((false, 0), |entry| (entry.read_only, entry.inheriting));
    let flags = asked.flags & FDFLAGS;
    let fd = Fd {
        base: asked.base & inheriting,
        inheriting: asked.inheriting & inheriting,
        flags: Some(flags),
        read_only,
        access: Access::of_rights(asked.base),
        ..Fd::new(number, what)
    };
    step.state.fds.insert(fd);
    Ok(())
}

//! Making and removing names: `path_create_directory`, `path_remove_directory`, `path_unlink_file`, `path_rename`, `path_link`,
//! `path_symlink`, `path_readlink`.

use touchstone_spec::consts::{lookupflags, rights};
use touchstone_spec::{ClauseId, clause};

use crate::path::{Found, Text, is_usable};
use crate::resolve::Dots;
use crate::state::{Directory, Inode, InodeId, Kind, Time, What};
use crate::step::{Flow, Step, Stop};

fn new_inode(step: &mut Step<'_>, kind: Kind) -> InodeId {
    let time = step.now();
    step.state.inodes.add(Inode::new(kind, time))
}

pub(crate) fn path_create_directory(step: &mut Step<'_>) -> Flow {
    let text = step.text(0);
    let fd = step.fd(0, clause!("path_create_directory.bad-fd"))?;
    step.right(fd, rights::PATH_CREATE_DIRECTORY);
    let base = step.base(fd, clause!("path_create_directory.base-not-directory"))?;
    step.changes_tree(fd, clause!("preopen.read-only-create-directory"));
    if step.link_with_slash(base, text) {
        step.applies(clause!("path_create_directory.dangling-symlink-slash"));
    }
    step.parent_clauses(base, text, clause!("path_create_directory.no-parent"), Some(clause!("path_create_directory.parent-is-file")));
    let found = step.resolve_name(base, text)?;
    match found.inode {
        Some(inode) if step.is_symlink(inode) => step.applies(clause!("path_create_directory.dangling-symlink")),
        Some(_) if found.name.is_none() => step.applies(clause!("path_create_directory.dot")),
        Some(inode) if found.slash && !step.is_directory(inode) => step.applies(clause!("path_create_directory.file-slash")),
        Some(_) => step.applies(clause!("path_create_directory.exists")),
        None if found.slash_link => {}
        None if found.slash => step.cite(clause!("path_create_directory.trailing-slash")),
        None => {}
    }
    step.succeeds()?;
    step.cite(clause!("path_create_directory.creates"));
    if found.inode.is_none() {
        let inode = new_inode(step, Kind::Directory(Directory::default()));
        step.link(&found, inode);
    }
    Ok(())
}

pub(crate) fn path_remove_directory(step: &mut Step<'_>) -> Flow {
    let text = step.text(0);
    let fd = step.fd(0, clause!("path_remove_directory.bad-fd"))?;
    step.right(fd, rights::PATH_REMOVE_DIRECTORY);
    let base = step.base(fd, clause!("path_remove_directory.base-not-directory"))?;
    step.changes_tree(fd, clause!("preopen.read-only-remove-directory"));
    let found = step.resolve_name(base, text)?;
    match found.inode {
        None => step.applies(clause!("path_remove_directory.missing")),
        Some(inode) if step.is_symlink(inode) => step.applies(clause!("path_remove_directory.symlink")),
        Some(inode) if step.is_file(inode) => step.applies(clause!("path_remove_directory.file")),
        Some(inode) => {
            if found.slash_link {
                step.applies(clause!("path_remove_directory.symlink-slash"));
            }
            // a directory that the path came down from is not empty, which hosts find first
            if found.dots == Dots::DotDot && !step.is_empty_directory(inode) {
                step.applies(clause!("path_remove_directory.not-empty"));
            }
            match found.dots {
                Dots::Name => {}
                Dots::Dot | Dots::DotDot if found.directory == base => step.applies(clause!("path_remove_directory.base-itself")),
                Dots::Dot => step.applies(clause!("path_remove_directory.dot")),
                Dots::DotDot => step.applies(clause!("path_remove_directory.dotdot")),
            }
            if found.dots != Dots::DotDot && !step.is_empty_directory(inode) {
                step.applies(clause!("path_remove_directory.not-empty"));
            }
            if found.slash {
                step.cite(clause!("path_remove_directory.trailing-slash"));
            }
        }
    }
    let is_open = found.inode.is_some_and(|inode| step.is_open(inode));
    step.succeeds()?;
    if is_open {
        step.cite(clause!("path_remove_directory.open-directory"));
    }
    step.cite(clause!("path_remove_directory.removes"));
    step.unlink(&found);
    Ok(())
}

pub(crate) fn path_unlink_file(step: &mut Step<'_>) -> Flow {
    let text = step.text(0);
    let fd = step.fd(0, clause!("path_unlink_file.bad-fd"))?;
    step.right(fd, rights::PATH_UNLINK_FILE);
    let base = step.base(fd, clause!("path_unlink_file.base-not-directory"))?;
    step.changes_tree(fd, clause!("preopen.read-only-unlink"));
    let found = step.resolve_name(base, text)?;
    match found.inode {
        None => step.applies(clause!("path_unlink_file.missing")),
        Some(inode) if step.is_directory(inode) && found.slash_link => step.applies(clause!("path_unlink_file.symlink-slash")),
        Some(inode) if step.is_directory(inode) => {
            step.applies(clause!("path_unlink_file.directory"));
        }
        Some(_) if found.slash => step.applies(clause!("path_unlink_file.trailing-slash")),
        Some(_) => {}
    }
    step.succeeds()?;
    let is_symlink = found.inode.is_some_and(|inode| step.is_symlink(inode));
    if found.inode.is_some_and(|inode| step.is_open(inode)) {
        step.cite(clause!("path_unlink_file.open-file"));
    }
    step.cite(if is_symlink { clause!("path_unlink_file.symlink") } else { clause!("path_unlink_file.removes") });
    step.unlink(&found);
    Ok(())
}

/// One of the two paths of a call.
struct Way {
    /// Which parameter is its descriptor.
    fd: usize,
    /// Which of the inputs is its text.
    input: usize,
    bad_fd: ClauseId,
    not_directory: ClauseId,
}

pub(crate) fn path_rename(step: &mut Step<'_>) -> Flow {
    let (old_fd, new_fd) = (step.arg32(0), step.arg32(3));
    step.rights(old_fd, rights::PATH_RENAME_SOURCE, clause!("rights.rename-both-directories"));
    step.rights(new_fd, rights::PATH_RENAME_TARGET, clause!("rights.rename-both-directories"));
    let read_only =
        if step.lie_apart(old_fd, new_fd) { clause!("preopen.read-only-rename-across") } else { clause!("preopen.read-only-rename") };
    step.changes_tree(old_fd, read_only);
    step.changes_tree(new_fd, read_only);
    let old = Way { fd: 0, input: 0, bad_fd: clause!("path_rename.bad-fd"), not_directory: clause!("path_rename.base-not-directory") };
    let new =
        Way { fd: 3, bad_fd: clause!("path_rename.bad-new-fd"), not_directory: clause!("path_rename.new-base-not-directory"), input: 1 };
    let at_links = [step.ends_at_link_with_slash(&old), step.ends_at_link_with_slash(&new)];
    let new_parent = step.way_parent(&new);
    let old = step.follow_way(old, false, None)?;
    let new = step.follow_way(new, false, Some(clause!("path_rename.missing-parent")))?;

    if step.lie_apart(old_fd, new_fd) {
        step.applies(clause!("path_rename.across-preopens"));
    }
    // what a link with a slash behind it leads to is not what the path ends in
    for found in [&old, &new].into_iter().flatten().filter(|found| !found.slash_link) {
        match found.dots {
            Dots::Name => {}
            Dots::Dot => step.applies(clause!("path_rename.dot")),
            Dots::DotDot => step.applies(clause!("path_rename.dotdot")),
        }
    }
    if at_links[0] {
        step.applies(clause!("path_rename.symlink-trailing-slash"));
    }
    if old.as_ref().is_some_and(|old| old.inode.is_none()) {
        step.applies(clause!("path_rename.missing"));
    }
    let moved = old.as_ref().and_then(|old| old.inode);
    let (Some(old), Some(new)) = (old, new) else {
        if at_links[1] {
            if moved.zip(new_parent).is_some_and(|(moved, parent)| step.is_below(moved, parent)) {
                step.applies(clause!("path_rename.into-itself"));
            }
            step.applies(clause!("path_rename.onto-symlink-trailing-slash"));
        }
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    let Some(inode) = old.inode else { return step.succeeds() };
    if old.slash && !step.is_directory(inode) {
        step.applies(clause!("path_rename.old-file-trailing-slash"));
    }
    let same = new.inode == Some(inode);
    let into_itself = new_parent.is_some_and(|parent| step.is_directory(inode) && step.is_below(inode, parent));
    if same {
        step.cite(clause!("path_rename.same-file"));
        // the new path may be taken for the link at its end, which lies in the directory that is moved
        if into_itself && at_links[1] {
            step.permits(clause!("path_rename.into-itself"));
        }
        if new.slash && !step.is_directory(inode) {
            step.applies(clause!("path_rename.file-trailing-slash"));
        }
    } else {
        if into_itself || (step.is_directory(inode) && step.is_below(inode, new.directory)) {
            step.applies(clause!("path_rename.into-itself"));
        }
        onto(step, inode, &old, &new);
    }
    if at_links[1] {
        step.applies(clause!("path_rename.onto-symlink-trailing-slash"));
    }
    step.succeeds()?;
    step.cite(clause!("path_rename.moves"));
    if step.is_symlink(inode) {
        step.cite(clause!("path_rename.symlink"));
    }
    if step.is_open(inode) {
        step.cite(clause!("path_rename.open-file"));
    }
    if let Some(target) = new.inode {
        if step.is_symlink(target) {
            step.cite(clause!("path_rename.onto-symlink"));
        }
        if step.is_open(target) {
            step.cite(clause!("path_rename.replaced-open-file"));
        }
    }
    if step.is_directory(inode) && (old.slash || new.slash) {
        step.cite(clause!("path_rename.directory-trailing-slash"));
    }
    if old.directory != new.directory {
        step.cite(clause!("path_rename.between-directories"));
    }
    // a tree has no circles, whatever a call that went wrong may do
    let circle = step.is_directory(inode) && step.is_below(inode, new.directory);
    if same || circle || old.name.is_none() || new.name.is_none() {
        return Ok(());
    }
    step.unlink(&new);
    step.unlink(&old);
    step.link(&Found { inode: None, ..new }, inode);
    Ok(())
}

/// What the new name stands for decides what a rename may do.
fn onto(step: &mut Step<'_>, inode: InodeId, old: &Found, new: &Found) {
    if step.is_directory(inode) {
        match new.inode {
            None => {}
            Some(target) if !step.is_directory(target) => step.applies(clause!("path_rename.directory-onto-file")),
            Some(target) if !step.is_empty_directory(target) => step.applies(clause!("path_rename.onto-filled-directory")),
            Some(_) => step.cite(clause!("path_rename.replaces-empty-directory")),
        }
        return;
    }
    match new.inode {
        None if new.slash => step.applies(clause!("path_rename.file-trailing-slash")),
        None => {}
        Some(target) if step.is_directory(target) => {
            if new.slash {
                step.applies(clause!("path_rename.file-onto-directory-slash"));
            }
            // hosts find a directory that the old name lies below before they look at types
            let holds_the_old = step.is_below(target, old.directory);
            if holds_the_old {
                step.applies(clause!("path_rename.onto-filled-directory"));
            }
            if !new.slash {
                step.applies(clause!("path_rename.file-onto-directory"));
            }
            if !holds_the_old && !step.is_empty_directory(target) {
                step.applies(clause!("path_rename.onto-filled-directory"));
            }
        }
        Some(_) if new.slash => step.applies(clause!("path_rename.file-trailing-slash")),
        Some(_) => step.cite(clause!("path_rename.replaces-file")),
    }
}

pub(crate) fn path_link(step: &mut Step<'_>) -> Flow {
    step.unknown_bits(1, lookupflags::SYMLINK_FOLLOW, clause!("path-resolution.unknown-lookupflags"));
    let (old_fd, new_fd) = (step.arg32(0), step.arg32(4));
    step.rights(old_fd, rights::PATH_LINK_SOURCE, clause!("rights.link-both-directories"));
    step.rights(new_fd, rights::PATH_LINK_TARGET, clause!("rights.link-both-directories"));
    step.changes_tree(new_fd, clause!("preopen.read-only-link"));
    step.changes_tree(old_fd, clause!("preopen.read-only-link-across"));
    let old = Way { fd: 0, bad_fd: clause!("path_link.bad-fd"), input: 0, not_directory: clause!("path_link.base-not-directory") };
    let new = Way { fd: 4, bad_fd: clause!("path_link.bad-new-fd"), input: 1, not_directory: clause!("path_link.new-base-not-directory") };
    let follow = step.arg(1) & lookupflags::SYMLINK_FOLLOW != 0;
    if follow {
        let through_link = step.way_base(&old).is_some_and(|base| step.final_link(base, step.raw_text(old.input)));
        step.applies(if through_link { clause!("path_link.follow") } else { clause!("path_link.follow-no-symlink") });
    }
    let old = step.follow_way(old, follow, None)?;
    if let Some(found) = &old {
        missing_old(step, found);
    }
    if step.ends_at_link_with_slash(&new) {
        step.applies(clause!("path_link.trailing-slash-taken"));
    }
    let new = step.follow_way(new, false, Some(clause!("path_link.missing")))?;
    if let Some(found) = &new {
        taken_new(step, found);
    }
    if step.lie_apart(old_fd, new_fd) {
        step.applies(clause!("path_link.across-preopens"));
    }
    let (Some(old), Some(new)) = (old, new) else {
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    match old.inode {
        Some(inode) if step.is_directory(inode) => step.applies(clause!("path_link.directory")),
        Some(inode) if step.is_symlink(inode) => step.applies(clause!("path_link.nofollow")),
        Some(_) | None => {}
    }
    step.succeeds()?;
    step.cite(clause!("path_link.same-file"));
    if old.directory != new.directory {
        step.cite(clause!("path_link.between-directories"));
    }
    // a tree has no circles, whatever a call that went wrong may do
    if let (Some(inode), None) = (old.inode.filter(|inode| !step.is_directory(*inode)), new.inode) {
        step.link(&new, inode);
    }
    Ok(())
}

/// What is to get a further name is not there, or is no directory although the path asks for one.
fn missing_old(step: &mut Step<'_>, old: &Found) {
    match old.inode {
        None if old.through_link => step.applies(clause!("path_link.follow-dangling")),
        None => step.applies(clause!("path_link.missing")),
        Some(inode) if old.slash && step.is_file(inode) => step.applies(clause!("path_link.old-trailing-slash")),
        Some(_) => {}
    }
}

/// The new name is there already, or cannot be one.
fn taken_new(step: &mut Step<'_>, new: &Found) {
    match new.inode {
        Some(_) if new.dots != Dots::Name => step.applies(clause!("path_link.new-dot")),
        Some(_) if new.slash => step.applies(clause!("path_link.trailing-slash-taken")),
        Some(_) => step.applies(clause!("path_link.exists")),
        None if new.slash => step.applies(clause!("path_link.trailing-slash")),
        None => {}
    }
}

pub(crate) fn path_symlink(step: &mut Step<'_>) -> Flow {
    let target = step.call.inputs.first().and_then(|capture| capture.bytes.as_deref());
    if let Some(target) = target {
        target_clauses(step, target);
    }
    let text = step.text(1);
    let fd = step.fd(2, clause!("path_symlink.bad-fd"))?;
    step.right(fd, rights::PATH_SYMLINK);
    let base = step.base(fd, clause!("path_symlink.base-not-directory"))?;
    step.changes_tree(fd, clause!("preopen.read-only-symlink"));
    if step.link_with_slash(base, text) {
        step.applies(clause!("path_symlink.trailing-slash-dangling"));
    }
    step.parent_clauses(base, text, clause!("path_symlink.missing-parent"), None);
    let found = step.resolve_name(base, text)?;
    if let (Some(target), true) = (target, found.inode.is_none())
        && step.leads_outside(base, found.directory, target)
    {
        step.applies(clause!("path_symlink.escaping-target"));
    }
    match found.inode {
        Some(_) if found.dots != Dots::Name => step.applies(clause!("path_symlink.dot")),
        Some(_) if found.slash => step.applies(clause!("path_symlink.trailing-slash-taken")),
        Some(_) => step.applies(clause!("path_symlink.exists")),
        None if found.slash_link => {}
        None if found.slash => step.applies(clause!("path_symlink.trailing-slash")),
        None => {}
    }
    step.succeeds()?;
    step.cite(clause!("path_symlink.creates"));
    if let (Some(target), None) = (target, found.inode) {
        let inode = new_inode(step, Kind::Symlink(target.into()));
        step.link(&found, inode);
    }
    Ok(())
}

fn target_clauses(step: &mut Step<'_>, target: &[u8]) {
    if target.is_empty() {
        step.applies(clause!("path_symlink.empty-target"));
    }
    if target.first() == Some(&b'/') {
        step.applies(clause!("path_symlink.absolute-target"));
    }
    if target.contains(&0) {
        step.applies(clause!("path_symlink.zero-byte-target"));
    }
    if std::str::from_utf8(target).is_err() {
        step.applies(clause!("path_symlink.invalid-utf8-target"));
    }
    if target.len() >= step.state.world.host.path_bytes {
        step.applies(clause!("path_symlink.long-target"));
    }
}

pub(crate) fn path_readlink(step: &mut Step<'_>) -> Flow {
    let room = step.arg(4);
    if room == 0 {
        step.applies(clause!("path_readlink.empty-buffer"));
    }
    let text = step.text(0);
    let fd = step.fd(0, clause!("path_readlink.bad-fd"))?;
    step.right(fd, rights::PATH_READLINK);
    let base = step.base(fd, clause!("path_readlink.base-not-directory"))?;
    let found = step.resolve_name(base, text)?;
    let target = found.inode.and_then(|inode| match &step.state.inodes.get(inode).kind {
        Kind::Symlink(target) => Some(target.clone()),
        Kind::File(_) | Kind::Directory(_) => None,
    });
    match (found.inode, &target) {
        (None, _) => step.applies(clause!("path_readlink.missing")),
        (Some(inode), None) => {
            if found.slash && !step.is_directory(inode) {
                step.applies(clause!("path-resolution.trailing-slash"));
            }
            step.applies(if found.slash_link {
                clause!("path_readlink.trailing-slash-symlink")
            } else {
                clause!("path_readlink.not-a-symlink")
            });
        }
        (Some(_), Some(target)) if target.first() == Some(&b'/') => step.applies(clause!("path_readlink.absolute-target")),
        (Some(_), Some(_)) => {}
    }
    step.succeeds()?;
    let Some(target) = target else { return Err(Stop::Unjudged) };
    let len = target.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    let clause = if len < target.len() { clause!("path_readlink.truncates") } else { clause!("path_readlink.no-terminator") };
    if len as u64 == room {
        step.cite(clause!("path_readlink.exact-buffer"));
    }
    step.number(0, 4, len as u64, clause, "bufused");
    step.make(target[..len].to_vec());
    step.cite(clause!("path_readlink.target"));
    let seen = step.seen(1).map(|capture| capture.kept().to_vec());
    if let Some(seen) = seen
        && seen.get(..len.min(seen.len())) != target.get(..len.min(seen.len()))
    {
        step.mismatch(clause!("path_readlink.target"), super::buffers::text(&target[..len]), super::buffers::text(&seen));
    }
    if let Some(inode) = found.inode {
        step.state.inodes.get_mut(inode).atime = Time::Any;
    }
    Ok(())
}

impl<'a> Step<'a> {
    /// Resolves a path that names what a call is about itself: a link at its end is not followed.
    pub(crate) fn resolve_name(&mut self, base: InodeId, text: Text<'a>) -> Flow<Found> {
        self.resolve(base, text, false)
    }

    /// Says which clause of a function applies where the directory that is to hold a new name is missing or is a file.
    pub(crate) fn parent_clauses(&mut self, base: InodeId, text: Text<'a>, missing: ClauseId, file: Option<ClauseId>) {
        let Some(path) = text.filter(|path| is_usable(path)) else { return };
        let Err(fault) = crate::resolve::resolve(self.state, base, path, false) else { return };
        if fault.clauses.contains(&clause!("path-resolution.missing-in-the-middle")) {
            self.applies(missing);
        }
        if let Some(file) = file.filter(|_| fault.clauses.contains(&clause!("path-resolution.file-in-the-middle"))) {
            self.applies(file);
        }
    }

    /// Finds what one of two paths names, and says what is wrong with it. The call goes on to look at the other.
    fn follow_way(&mut self, way: Way, follow: bool, missing_parent: Option<ClauseId>) -> Flow<Option<Found>> {
        let text = self.text(way.input);
        let Some(fd) = self.open_fd(way.fd, way.bad_fd)? else { return Ok(None) };
        let Some(base) = self.open_base(fd, way.not_directory)? else { return Ok(None) };
        match self.try_resolve(base, text, follow)? {
            Ok(found) => Ok(Some(found)),
            Err(clauses) => {
                let no_parent = clauses.contains(&clause!("path-resolution.missing-in-the-middle"));
                if let Some(clause) = missing_parent.filter(|_| no_parent) {
                    self.applies(clause);
                }
                Ok(None)
            }
        }
    }

    /// The directory that one of two paths starts from.
    fn way_base(&self, way: &Way) -> Option<InodeId> {
        if let What::Directory(base) = self.what(self.arg32(way.fd)) { Some(base) } else { None }
    }

    /// The directory in which the last part of one of two paths is, slashes behind it or not.
    fn way_parent(&self, way: &Way) -> Option<InodeId> {
        let (base, path) = (self.way_base(way)?, self.raw_text(way.input).filter(|path| is_usable(path))?);
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        crate::resolve::resolve(self.state, base, &path[..end], false).ok().map(|place| place.directory)
    }

    fn ends_at_link_with_slash(&self, way: &Way) -> bool {
        self.way_base(way).is_some_and(|base| self.link_with_slash(base, self.raw_text(way.input)))
    }

    /// Whether a descriptor is open for an inode.
    fn is_open(&self, inode: InodeId) -> bool {
        self.state.fds.iter().any(|fd| fd.what == What::File(inode) || fd.what == What::Directory(inode))
    }

    /// Whether two descriptors' directories lie below different preopens. Of a directory that was removed nobody knows.
    fn lie_apart(&self, one: u32, other: u32) -> bool {
        matches!((self.root_of(one), self.root_of(other)), (Some(one), Some(other)) if one != other)
    }

    /// Whether the last part of a path, without slashes behind it, is a symbolic link.
    pub(crate) fn final_link(&self, base: InodeId, text: Text<'_>) -> bool {
        let Some(path) = text.filter(|path| is_usable(path)) else { return false };
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let found = crate::resolve::resolve(self.state, base, &path[..end], false);
        found.ok().and_then(|place| place.inode).is_some_and(|inode| self.is_symlink(inode))
    }

    /// Whether a path is a symbolic link with a slash behind it: a host may look at the link or at what it leads to.
    pub(crate) fn link_with_slash(&self, base: InodeId, text: Text<'_>) -> bool {
        text.is_some_and(|path| path.len() > 1 && path.last() == Some(&b'/')) && self.final_link(base, text)
    }

    /// The root of the preopen that a descriptor's directory lies below, as far as that is known.
    fn root_of(&self, fd: u32) -> Option<InodeId> {
        let What::Directory(inode) = self.what(fd) else { return None };
        let roots = self.state.world.preopens.iter().map(|preopen| preopen.root);
        roots.into_iter().find(|root| self.is_below(*root, inode))
    }

    /// Whether a directory is another one or lies below it.
    fn is_below(&self, above: InodeId, directory: InodeId) -> bool {
        if above == directory {
            return true;
        }
        let Some(entries) = self.state.inodes.directory(above).map(|found| found.entries.values().copied().collect::<Vec<_>>()) else {
            return false;
        };
        entries.into_iter().any(|entry| self.is_directory(entry) && self.is_below(entry, directory))
    }

    /// Whether a link's target, taken as text, steps out of the base.
    fn leads_outside(&self, base: InodeId, directory: InodeId, target: &[u8]) -> bool {
        let Some(mut depth) = self.depth(base, directory) else { return false };
        for part in target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
            if part != b".." {
                depth += 1;
            } else if depth == 0 {
                return true;
            } else {
                depth -= 1;
            }
        }
        false
    }

    /// How many directories below `base` a directory lies.
    fn depth(&self, base: InodeId, directory: InodeId) -> Option<usize> {
        if base == directory {
            return Some(0);
        }
        let entries: Vec<InodeId> = self.state.inodes.directory(base)?.entries.values().copied().collect();
        entries.into_iter().filter(|entry| self.is_directory(*entry)).find_map(|entry| Some(self.depth(entry, directory)? + 1))
    }
}

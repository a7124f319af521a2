//! `fd_readdir`: the order of entries and the meaning of cookies are the runtime's own, so both are learnt and then held to.

use std::collections::BTreeSet;

use touchstone_spec::clause;
use touchstone_spec::consts::{dirent, filetype, rights};

use crate::state::{Directory, InodeId, Kind, Listing, Name, What};
use crate::step::{Flow, Mode, Step, Stop, number_at, put_at};

pub(crate) fn fd_readdir(step: &mut Step<'_>) -> Flow {
    let fd = step.fd(0, clause!("fd_readdir.bad-fd"))?;
    step.right(fd, rights::FD_READDIR);
    let What::Directory(inode) = step.what(fd) else {
        step.applies(clause!("fd_readdir.not-a-directory"));
        step.wrong_type();
        step.succeeds()?;
        return Err(Stop::Unjudged);
    };
    let (room, cookie) = (step.arg(2), step.arg(3));
    let Some(directory) = step.state.inodes.directory(inode) else { return Err(Stop::Unjudged) };
    if directory.unsure {
        return Err(Stop::Unjudged);
    }
    if directory.removed {
        step.applies(clause!("fd_readdir.removed-directory"));
    }
    if room == 0 {
        step.applies(clause!("fd_readdir.empty-buffer"));
    } else if room < dirent::BYTES as u64 {
        step.cite(clause!("fd_readdir.smaller-than-dirent"));
    }
    step.state.inodes.get_mut(inode).atime = crate::state::Time::Any;
    let listing = listing(step, fd, inode, cookie);
    let Some(place) = listing.place_of(cookie) else {
        let clause =
            if i64::try_from(cookie).is_ok() { clause!("fd_readdir.unknown-cookie") } else { clause!("fd_readdir.negative-cookie") };
        step.applies(clause);
        step.succeeds()?;
        // whatever came is from some place of the directory, which says nothing about the others
        return if let Mode::Prefer(_) = step.mode {
            step.number(0, 4, 0, clause, "bufused");
            step.make(Vec::new());
            Ok(())
        } else {
            Err(Stop::Unjudged)
        };
    };
    step.succeeds()?;
    if let Mode::Prefer(_) = step.mode {
        make(step, fd, inode, listing, place);
        return Ok(());
    }
    let (Some(used), Some(data)) = (step.seen(0), step.seen(1)) else { return Ok(()) };
    let (used, data) = (number_at(used.kept(), 0, 4), data.kept().to_vec());
    if used > room {
        let clause = clause!("fd_readdir.fills-buffer");
        step.mismatch(clause, format!("at most {room} bytes"), format!("bufused {used}"));
        return Ok(());
    }
    let mut reading = Reading { step, inode, listing, place, changed: false };
    reading.changed = reading.listing.began_at_change != reading.changes();
    if reading.changed && cookie != 0 {
        reading.step.cite(clause!("fd_readdir.change-between-calls"));
    }
    reading.entries(&data, used == room);
    let listing = reading.listing;
    if let Some(entry) = step.state.fds.get_mut(fd) {
        entry.listing = Some(Box::new(listing));
    }
    Ok(())
}

/// What was learnt so far. With cookie 0 the directory is read anew, as it is now; the order that it had is still good as long as
/// nothing changed.
fn listing(step: &mut Step<'_>, fd: u32, inode: InodeId, cookie: u64) -> Listing {
    let changes = step.state.inodes.directory(inode).map_or(0, |directory| directory.changes.len());
    let known = step.entry(fd).and_then(|entry| entry.listing.as_deref().cloned());
    match known {
        Some(known) if cookie != 0 || known.began_at_change == changes => {
            step.cite(if cookie == 0 { clause!("fd_readdir.cookie-zero") } else { clause!("fd_readdir.cookie-resumes") });
            if cookie != 0 && known.place_of(cookie).is_some_and(|place| place < known.order.len()) {
                step.cite(clause!("fd_readdir.cookie-again"));
            }
            known
        }
        Some(_) => {
            step.cite(clause!("fd_readdir.cookie-zero"));
            step.cite(clause!("fd_readdir.rewind-sees-changes"));
            Listing::begin(changes)
        }
        None => Listing::begin(changes),
    }
}

/// The entries of one call, one after the other.
struct Reading<'s, 'a> {
    step: &'s mut Step<'a>,
    inode: InodeId,
    listing: Listing,
    /// The place of the next entry in the listing.
    place: usize,
    /// The directory changed since the listing began.
    changed: bool,
}

impl Reading<'_, '_> {
    fn changes(&self) -> usize {
        self.step.state.inodes.directory(self.inode).map_or(0, |directory| directory.changes.len())
    }

    fn entries(&mut self, data: &[u8], full: bool) {
        self.step.cite(clause!("fd_readdir.layout"));
        let mut rest = data;
        while rest.len() >= dirent::BYTES {
            let len = usize::try_from(number_at(rest, dirent::D_NAMLEN, 4)).unwrap_or(usize::MAX);
            let (head, behind) = rest.split_at(dirent::BYTES);
            if behind.len() < len {
                self.cut(behind, len, full);
                return;
            }
            let (name, later) = behind.split_at(len);
            if !self.entry(head, name) {
                return;
            }
            rest = later;
        }
        if !rest.is_empty() && !full {
            self.not_full(format!("{} bytes of an entry", rest.len()));
        } else if !full {
            self.end();
        } else {
            self.step.cite(clause!("fd_readdir.fills-buffer"));
        }
    }

    fn not_full(&mut self, seen: String) {
        let clause = clause!("fd_readdir.fills-buffer");
        self.step.mismatch(clause, "an entry is cut off only where the buffer is full".to_owned(), seen);
    }

    /// The last entry, of which only the beginning had room.
    fn cut(&mut self, beginning: &[u8], len: usize, full: bool) {
        self.step.cite(clause!("fd_readdir.namlen-of-cut-name"));
        if !full {
            self.not_full("an entry that is cut off before that".to_owned());
        }
        let could_be = |name: &Name| name.len() == len && name.starts_with(beginning);
        let fits = self.candidates().any(could_be) || is_dots(beginning, len);
        if !fits {
            let seen = format!("a name of {len} bytes that begins with {}", super::buffers::text(beginning));
            self.step.mismatch(clause!("fd_readdir.namlen-of-cut-name"), "an entry of the directory".to_owned(), seen);
        }
    }

    /// Names that may come now: those that are there, and those that came or went since the listing began.
    fn candidates(&self) -> impl Iterator<Item = &Name> {
        let directory = self.step.state.inodes.directory(self.inode);
        directory.into_iter().flat_map(|directory| directory.entries.keys().chain(self.changed_names(directory)))
    }

    fn changed_names<'d>(&self, directory: &'d Directory) -> &'d [Name] {
        &directory.changes[self.listing.began_at_change.min(directory.changes.len())..]
    }

    /// Whether a name is one of the [candidates](Self::candidates).
    fn may_come(&self, name: &[u8]) -> bool {
        let directory = self.step.state.inodes.directory(self.inode);
        directory.is_some_and(|directory| {
            directory.entries.contains_key(name) || self.changed_names(directory).iter().any(|changed| **changed == *name)
        })
    }

    /// Whether the reading can go on.
    fn entry(&mut self, head: &[u8], name: &[u8]) -> bool {
        let next = number_at(head, dirent::D_NEXT, 8);
        if let Some((known, _)) = self.listing.order.get(self.place) {
            if **known != *name && !self.changed {
                // a listing that begins anew may have another order, as long as it is a whole one
                if self.place == 0 && self.step.arg(3) == 0 {
                    self.listing.order.clear();
                    self.listing.ended = false;
                } else {
                    let clause = clause!("fd_readdir.cookie-resumes");
                    self.step.mismatch(clause, super::buffers::text(known), super::buffers::text(name));
                    return false;
                }
            } else if self.changed && **known != *name {
                self.listing.order.truncate(self.place);
            }
        }
        if self.listing.order.len() == self.place {
            if !self.is_new(name) {
                return false;
            }
            self.listing.order.push((name.into(), next));
        } else {
            self.listing.order[self.place].1 = next;
        }
        self.describes(head, name);
        self.place += 1;
        true
    }

    /// An entry that has not come before: is there one of this name, and did it not come already?
    fn is_new(&mut self, name: &[u8]) -> bool {
        let came = self.listing.order.iter().any(|(known, _)| **known == *name);
        if came && !self.changed {
            self.step.mismatch(
                clause!("fd_readdir.each-once"),
                "every entry once".to_owned(),
                format!("{} again", super::buffers::text(name)),
            );
            return false;
        }
        if is_dots(name, name.len()) {
            self.step.cite(clause!("fd_readdir.dot-entries"));
            return true;
        }
        self.step.cite(clause!("fd_readdir.name-bytes"));
        if !self.may_come(name) {
            self.step.mismatch(clause!("fd_readdir.name-bytes"), "an entry of the directory".to_owned(), super::buffers::text(name));
            return false;
        }
        true
    }

    /// Type and inode number of an entry.
    fn describes(&mut self, head: &[u8], name: &[u8]) {
        let Some(inode) = self.step.state.inodes.directory(self.inode).and_then(|found| found.entries.get(name).copied()) else { return };
        self.step.cite(clause!("fd_readdir.type"));
        let (wanted, seen) = (kind_of(self.step, inode), number_at(head, dirent::D_TYPE, 1));
        if seen != wanted && seen != filetype::UNKNOWN {
            let (wanted, seen) = (super::attributes::filetype_text(wanted), super::attributes::filetype_text(seen));
            self.step.mismatch(clause!("fd_readdir.type"), format!("{wanted} of {}", super::buffers::text(name)), seen);
        }
        self.step.cite(clause!("fd_readdir.inode"));
        let number = number_at(head, dirent::D_INO, 8);
        if let Some((_, known)) = self.step.state.inodes.get(inode).identity
            && known != number
        {
            if number == 0 {
                self.step.miss(clause!("fd_readdir.inode"));
            } else {
                let expected = format!("the number of {} in d_ino", super::buffers::text(name));
                self.step.mismatch(clause!("fd_readdir.inode"), expected, "another".to_owned());
            }
        }
    }

    /// Fewer bytes than there was room for: the directory is at its end, and every entry has come. After a change nobody says
    /// where a cookie leads.
    fn end(&mut self) {
        self.step.cite(clause!("fd_readdir.short-means-end"));
        self.step.cite(clause!("fd_readdir.end"));
        self.step.cite(clause!("fd_readdir.each-once"));
        self.listing.ended = true;
        let directory = self.step.state.inodes.directory(self.inode).filter(|_| !self.changed);
        let came: BTreeSet<&[u8]> = self.listing.order[..self.place].iter().map(|(name, _)| &**name).collect();
        let missing = directory.and_then(|directory| directory.entries.keys().find(|name| !came.contains(&***name)));
        if let Some(missing) = missing {
            let (expected, seen) = (format!("{} among the entries", super::buffers::text(missing)), "the end of the directory".to_owned());
            self.step.mismatch(clause!("fd_readdir.short-means-end"), expected, seen);
        }
    }
}

fn is_dots(name: &[u8], len: usize) -> bool {
    (len == 1 && b".".starts_with(name)) || (len == 2 && b"..".starts_with(name))
}

fn kind_of(step: &Step<'_>, inode: InodeId) -> u64 {
    match step.state.inodes.get(inode).kind {
        Kind::File(_) => filetype::REGULAR_FILE,
        Kind::Directory(_) => filetype::DIRECTORY,
        Kind::Symlink(_) => filetype::SYMBOLIC_LINK,
    }
}

/// What we would list: `.` and `..`, then the entries in the order of their names. A cookie is the place of the next entry.
fn make(step: &mut Step<'_>, fd: u32, inode: InodeId, mut listing: Listing, place: usize) {
    if listing.order.is_empty() {
        let entries = step.state.inodes.directory(inode).map(|directory| directory.entries.keys().cloned().collect::<Vec<_>>());
        let dots = [&b"."[..], b".."].map(Name::from);
        let names = dots.into_iter().chain(entries.unwrap_or_default());
        listing.order = names.zip(1..).collect();
    }
    let room = usize::try_from(step.arg(2)).unwrap_or(usize::MAX);
    let mut data = Vec::new();
    for (name, next) in listing.order.iter().skip(place) {
        if data.len() >= room {
            break;
        }
        let found = step.state.inodes.directory(inode).and_then(|directory| directory.entries.get(name).copied());
        // an entry that was removed since
        if found.is_none() && !is_dots(name, name.len()) {
            continue;
        }
        let here = found.unwrap_or(inode);
        let identity = (1, u64::from(here.number()) + 1);
        let mut head = vec![0; dirent::BYTES];
        put_at(&mut head, dirent::D_NEXT, 8, *next);
        put_at(&mut head, dirent::D_INO, 8, step.state.inodes.get(here).identity.unwrap_or(identity).1);
        put_at(&mut head, dirent::D_NAMLEN, 4, name.len() as u64);
        put_at(&mut head, dirent::D_TYPE, 1, kind_of(step, here));
        data.extend_from_slice(&head);
        data.extend_from_slice(name);
    }
    data.truncate(room);
    step.number(0, 4, data.len() as u64, clause!("fd_readdir.fills-buffer"), "bufused");
    step.make(data);
    if let Some(entry) = step.state.fds.get_mut(fd) {
        entry.listing = Some(Box::new(listing));
    }
}

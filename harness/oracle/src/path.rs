//! What the path functions have in common: base, text, resolution, and the changes of a tree.

use touchstone_spec::{ClauseId, clause};

use crate::resolve::{self, Dots, Place, Ways};
use crate::state::{InodeId, Kind, Time, What};
use crate::step::{Flow, Mode, Seen, Step, Stop};

/// A path as it was given: its text, and whether the text alone makes the call fail.
pub(crate) type Text<'a> = Option<&'a [u8]>;

impl<'a> Step<'a> {
    /// A path that the call was given, by its place among the inputs. What is wrong with the text is said at once.
    pub(crate) fn text(&mut self, input: usize) -> Text<'a> {
        let bytes = self.raw_text(input)?;
        let mut faults = [None; 6];
        for (place, fault) in faults.iter_mut().zip(resolve::text_faults(bytes, self.state)) {
            *place = Some(fault);
        }
        // a kernel finds a long name when it comes to it
        let late = |clause: &ClauseId| self.state.world.host.is_the_kernel && *clause == clause!("path-resolution.name-too-long");
        faults.iter_mut().for_each(|fault| *fault = fault.filter(|clause| !late(clause)));
        faults.into_iter().flatten().for_each(|clause| self.applies(clause));
        Some(bytes)
    }

    /// The same without a word about it.
    pub(crate) fn raw_text(&self, input: usize) -> Text<'a> {
        self.call.inputs.get(input).and_then(|capture| capture.bytes.as_deref())
    }

    /// The directory that paths start from.
    pub(crate) fn base(&mut self, number: u32, not_directory: ClauseId) -> Flow<InodeId> {
        match self.open_base(number, not_directory)? {
            Some(inode) => Ok(inode),
            None => {
                self.succeeds()?;
                Err(Stop::Done)
            }
        }
    }

    /// The same, for a call that has more to look at.
    pub(crate) fn open_base(&mut self, number: u32, not_directory: ClauseId) -> Flow<Option<InodeId>> {
        match self.what(number) {
            What::Directory(inode) => {
                if self.entry(number).is_some_and(|fd| fd.preopen.is_none()) {
                    self.cite(clause!("path-resolution.renamed-base"));
                }
                if let Some(index) = self.entry(number).and_then(|fd| fd.preopen) {
                    self.cite(clause!("preopen.prefix-names"));
                    if self.state.world.preopens[index].nested {
                        self.cite(clause!("preopen.nested"));
                    }
                }
                Ok(Some(inode))
            }
            What::Foreign => Err(Stop::Unjudged),
            What::File(_) | What::Stream(_) | What::Socket(_) => {
                self.applies(not_directory);
                self.wrong_type();
                Ok(None)
            }
        }
    }

    /// Resolves a path.
    pub(crate) fn resolve(&mut self, base: InodeId, text: Text<'a>, follow: bool) -> Flow<Found> {
        match self.try_resolve(base, text, follow)? {
            Ok(found) => Ok(found),
            Err(_) => {
                self.succeeds()?;
                Err(Stop::Done)
            }
        }
    }

    /// The same, for a call that has more to look at. Where nothing is found, it gives the clauses that say why.
    pub(crate) fn try_resolve(&mut self, base: InodeId, text: Text<'a>, follow: bool) -> Flow<Result<Found, Vec<ClauseId>>> {
        let Some(path) = text else { return Ok(Err(Vec::new())) };
        if !is_usable(path) {
            self.other_faults(base, path)?;
            return Ok(Err(Vec::new()));
        }
        let (found, followed) = match resolve::resolve(self.state, base, path, follow) {
            Ok(mut place) => {
                let followed = std::mem::take(&mut place.followed);
                (Ok(Found::of(place)), followed)
            }
            Err(fault) if fault.unknown => return Err(Stop::Unjudged),
            Err(fault) => (Err(fault.clauses), fault.followed),
        };
        // to follow a link is to read it, which a host may count as an access
        for link in followed {
            self.state.inodes.get_mut(link).atime = Time::Any;
        }
        if found.is_err() && self.state.inodes.directory(base).is_some_and(|directory| directory.removed) {
            self.applies(clause!("path-resolution.removed-base"));
        }
        for clause in found.as_ref().err().into_iter().flatten() {
            self.applies(*clause);
        }
        match found {
            Ok(found) => {
                self.cite(clause!("path-resolution.relative-to-base"));
                found.ways.clauses().for_each(|clause| self.cite(clause));
                self.cite_final(&found);
                if found.ways.empty_link {
                    self.applies(clause!("path-resolution.empty-symlink"));
                }
                if found.many_links {
                    self.applies(clause!("path-resolution.more-symlinks"));
                }
                if found.name.is_none() && self.state.inodes.directory(found.directory).is_some_and(|directory| directory.removed) {
                    self.applies(clause!("path-resolution.removed-base-itself"));
                }
                if found.inode.is_none() && self.state.inodes.directory(found.directory).is_some_and(|directory| directory.removed) {
                    self.applies(clause!("path-resolution.removed-base"));
                }
                Ok(Ok(found))
            }
            Err(clauses) => Ok(Err(clauses)),
        }
    }

    /// Whether a path that names nothing asks for a directory: it ends in a slash, or a link at its end does.
    pub(crate) fn ends_in_slash(&self, base: InodeId, text: Text<'_>, follow: bool) -> bool {
        let Some(path) = text else { return false };
        path.last() == Some(&b'/') || (is_usable(path) && resolve::resolve(self.state, base, path, follow).is_err_and(|fault| fault.slash))
    }

    /// What else is wrong with a path that cannot be used: nobody says which of several errors is found first.
    fn other_faults(&mut self, base: InodeId, path: &[u8]) -> Flow {
        if path.is_empty() || path[0] == b'/' {
            return Ok(());
        }
        let fault = match resolve::resolve(self.state, base, path, false) {
            Ok(_) => return Ok(()),
            // what else is wrong nobody knows, but the call cannot succeed
            Err(fault) if fault.unknown && matches!(self.mode, Mode::Check(Seen::Success(_))) => return Ok(()),
            Err(fault) if fault.unknown => return Err(Stop::Unjudged),
            Err(fault) => fault,
        };
        for link in fault.followed {
            self.state.inodes.get_mut(link).atime = Time::Any;
        }
        fault.clauses.into_iter().for_each(|clause| self.permits(clause));
        Ok(())
    }

    /// The clauses about the last part of a path.
    fn cite_final(&mut self, found: &Found) {
        let Some(inode) = found.inode else { return };
        if self.is_symlink(inode) {
            self.cite(clause!("path-resolution.final-symlink"));
        } else if found.slash_link {
            self.cite(clause!("path-resolution.trailing-slash-symlink"));
        } else if found.through_link {
            self.cite(clause!("path-resolution.final-symlink-follow"));
            self.cite(clause!("path-resolution.symlink-relative"));
            self.cite(clause!("path-resolution.checked-on-access"));
        }
        if found.slash && self.is_directory(inode) {
            self.cite(clause!("path-resolution.trailing-slash-directory"));
        }
    }

    /// Whether an inode is a directory.
    pub(crate) fn is_directory(&self, inode: InodeId) -> bool {
        matches!(self.state.inodes.get(inode).kind, Kind::Directory(_))
    }

    /// Says that nothing is there, as the clause of the function does, and why, where the path tells more.
    pub(crate) fn missing(&mut self, found: &Found, missing: ClauseId, dangling: ClauseId) {
        self.applies(if found.through_link && !found.slash_link { dangling } else { missing });
        if found.slash {
            self.applies(clause!("path-resolution.trailing-slash-missing"));
        }
    }

    /// Whether an inode is a regular file.
    pub(crate) fn is_file(&self, inode: InodeId) -> bool {
        matches!(self.state.inodes.get(inode).kind, Kind::File(_))
    }

    /// Whether an inode is a symbolic link.
    pub(crate) fn is_symlink(&self, inode: InodeId) -> bool {
        matches!(self.state.inodes.get(inode).kind, Kind::Symlink(_))
    }

    /// A directory without entries.
    pub(crate) fn is_empty_directory(&self, inode: InodeId) -> bool {
        self.state.inodes.directory(inode).is_some_and(|directory| directory.entries.is_empty())
    }

    /// Says that nothing below a descriptor can be changed, where that is so.
    pub(crate) fn changes_tree(&mut self, number: u32, read_only: ClauseId) {
        if self.entry(number).is_some_and(|fd| fd.read_only) {
            self.read_only(read_only);
        }
    }

    /// Says that a call would change what lies below a directory that was given for reading only.
    pub(crate) fn read_only(&mut self, clause: ClauseId) {
        self.applies(clause);
        self.cite(clause!("preopen.read-only"));
    }

    // ---- effects ----

    /// Gives an inode a name.
    pub(crate) fn link(&mut self, found: &Found, inode: InodeId) {
        let Some(name) = &found.name else { return };
        if let Some(directory) = self.state.inodes.directory_mut(found.directory) {
            directory.insert(name, inode);
        }
        let now = self.now();
        let file = self.state.inodes.get_mut(inode);
        file.nlink += 1;
        file.ctime = now;
        if let Some(directory) = self.state.inodes.directory_mut(inode) {
            directory.removed = false;
        }
        self.touch(found.directory);
    }

    /// Takes a name away.
    pub(crate) fn unlink(&mut self, found: &Found) {
        let (Some(name), Some(inode)) = (&found.name, found.inode) else { return };
        if let Some(directory) = self.state.inodes.directory_mut(found.directory) {
            directory.remove(name);
        }
        let now = self.now();
        let file = self.state.inodes.get_mut(inode);
        file.nlink = file.nlink.saturating_sub(1);
        file.ctime = now;
        if let Some(directory) = self.state.inodes.directory_mut(inode) {
            directory.removed = true;
        }
        self.touch(found.directory);
    }
}

/// Whether a path can be resolved at all. What is wrong with the text of one that cannot, [`Step::text`] has said.
pub(crate) fn is_usable(path: &[u8]) -> bool {
    !path.is_empty() && path[0] != b'/' && resolve::is_name(path)
}

/// A [`Place`] that borrows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) directory: InodeId,
    pub(crate) name: Option<Box<[u8]>>,
    pub(crate) inode: Option<InodeId>,
    pub(crate) slash: bool,
    pub(crate) dots: Dots,
    pub(crate) through_link: bool,
    pub(crate) slash_link: bool,
    pub(crate) many_links: bool,
    pub(crate) ways: Ways,
}

impl Found {
    fn of(place: Place<'_>) -> Found {
        let Place { directory, name, inode, slash, dots, through_link, slash_link, many_links, ways, followed: _ } = place;
        Found { directory, name: name.map(Into::into), inode, slash, dots, through_link, slash_link, many_links, ways }
    }
}

//! From a path to what it names, below the directory of a descriptor and never outside of it.

use touchstone_spec::{ClauseId, clause};

use crate::state::{InodeId, Kind, State};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The directory that the last part is looked up in.
    pub(crate) directory: InodeId,
    /// The last part; `None` where the path ends in `.` or `..` and so names `directory` itself.
    pub(crate) name: Option<&'a [u8]>,
    /// What is there.
    pub(crate) inode: Option<InodeId>,
    /// The path ends in a slash: it asks for a directory.
    pub(crate) slash: bool,
    /// How a path ends that has no name.
    pub(crate) dots: Dots,
    /// The last part was found through a symbolic link at the end of the path.
    pub(crate) through_link: bool,
    /// A link at the end was followed only because of the slash behind it.
    pub(crate) slash_link: bool,
    /// More links were followed than POSIX promises.
    pub(crate) many_links: bool,
    /// What the path led through.
    pub(crate) ways: Ways,
    /// The links that were followed.
    pub(crate) followed: Vec<InodeId>,
}

/// What a path led through, for which there are clauses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    pub(crate) dot: bool,
    pub(crate) dotdot: bool,
    pub(crate) dotdot_behind_link: bool,
    pub(crate) link_in_the_middle: bool,
    pub(crate) many_slashes: bool,
    pub(crate) eight_links: bool,
    pub(crate) long_name: bool,
    /// A link without a target, which a host need not follow.
    pub(crate) empty_link: bool,
}

impl Ways {
    /// The clauses.
    pub(crate) fn clauses(self) -> impl Iterator<Item = ClauseId> {
        [
            self.dot.then_some(clause!("path-resolution.dot")),
            self.dotdot.then_some(clause!("path-resolution.dotdot-inside")),
            self.dotdot_behind_link.then_some(clause!("path-resolution.dotdot-behind-symlink")),
            self.link_in_the_middle.then_some(clause!("path-resolution.symlink-in-the-middle")),
            self.many_slashes.then_some(clause!("path-resolution.many-slashes")),
            self.eight_links.then_some(clause!("path-resolution.eight-symlinks")),
            self.long_name.then_some(clause!("path-resolution.name-of-255")),
        ]
        .into_iter()
        .flatten()
    }
}

/// How a path without a last name ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dots {
    Name,
    Dot,
    DotDot,
}

/// Why a path names nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault {
    /// Clauses that apply.
    pub(crate) clauses: Vec<ClauseId>,
    /// The path leads through a directory of which nobody knows what it holds.
    pub(crate) unknown: bool,
    /// The links that were followed before.
    pub(crate) followed: Vec<InodeId>,
    /// The path ends in a slash, or a link at its end does.
    pub(crate) slash: bool,
}

impl Fault {
    fn of(clause: ClauseId) -> Fault {
        Fault { clauses: vec![clause], ..Fault::default() }
    }

    fn unknown() -> Fault {
        Fault { unknown: true, ..Fault::default() }
    }
}

/// What the text of a path alone says: these apply whatever the path leads to.
pub(crate) fn text_faults(path: &[u8], state: &State) -> impl Iterator<Item = ClauseId> {
    let host = state.world.host;
    let long_part = path.len() > host.name_bytes && path.split(|byte| *byte == b'/').any(|part| part.len() > host.name_bytes);
    [
        path.is_empty().then_some(clause!("path-resolution.empty")),
        path.contains(&0).then_some(clause!("path-resolution.zero-byte")),
        std::str::from_utf8(path).is_err().then_some(clause!("path-resolution.invalid-utf8")),
        (path.first() == Some(&b'/')).then_some(clause!("path-resolution.absolute-path")),
        long_part.then_some(clause!("path-resolution.name-too-long")),
        (path.len() >= host.path_bytes).then_some(clause!("path-resolution.path-too-long")),
    ]
    .into_iter()
    .flatten()
}

/// Whether a path, or a part of one, is one that a file can have.
pub(crate) fn is_name(text: &[u8]) -> bool {
    !text.contains(&0) && std::str::from_utf8(text).is_ok()
}

/// Resolves a path. `follow`: a symbolic link at the end is followed. With a slash behind it, it always is.
pub(crate) fn resolve<'a>(state: &'a State, base: InodeId, path: &'a [u8], follow: bool) -> Result<Place<'a>, Fault> {
    Walk {
        state,
        stack: vec![base],
        rest: Vec::new(),
        links: 0,
        in_link: false,
        slash: false,
        through_link: false,
        slash_link: false,
        ways: Ways::default(),
        followed: Vec::new(),
    }
    .find(path, follow)
}

struct Walk<'a> {
    state: &'a State,
    /// The directories from the base down to where the walk stands.
    stack: Vec<InodeId>,
    /// The parts that are still to come, the next one last; each with whether it comes from a link.
    rest: Vec<(&'a [u8], bool)>,
    links: usize,
    in_link: bool,
    slash: bool,
    through_link: bool,
    slash_link: bool,
    ways: Ways,
    followed: Vec<InodeId>,
}

impl<'a> Walk<'a> {
    fn find(mut self, path: &'a [u8], follow: bool) -> Result<Place<'a>, Fault> {
        let found = self.run(path, follow);
        let followed = std::mem::take(&mut self.followed);
        match found {
            Ok(place) => Ok(Place { followed, ..place }),
            Err(mut fault) => {
                fault.clauses.extend(self.ways.empty_link.then_some(clause!("path-resolution.empty-symlink")));
                fault.clauses.extend(self.many_links().then_some(clause!("path-resolution.more-symlinks")));
                Err(Fault { followed, slash: self.slash, ..fault })
            }
        }
    }

    fn run(&mut self, path: &'a [u8], follow: bool) -> Result<Place<'a>, Fault> {
        self.slash = path.len() > 1 && path.last() == Some(&b'/');
        self.ways.many_slashes = path.windows(2).any(|pair| pair == b"//");
        self.push(path, false);
        let mut dots = Dots::Dot;
        while let Some((part, in_link)) = self.rest.pop() {
            self.in_link = in_link;
            let last = self.rest.is_empty();
            match part {
                b"." => {
                    dots = Dots::Dot;
                    self.ways.dot = true;
                }
                b".." => {
                    dots = Dots::DotDot;
                    self.ways.dotdot = true;
                    self.ways.dotdot_behind_link |= self.links > 0 && !in_link;
                    self.up()?;
                }
                _ => {
                    dots = Dots::Name;
                    if let Some(place) = self.name(part, last, follow)? {
                        return Ok(place);
                    }
                }
            }
        }
        let directory = self.here();
        Ok(Place { inode: Some(directory), dots, ..self.place(None) })
    }

    fn here(&self) -> InodeId {
        self.stack[self.stack.len() - 1]
    }

    fn place(&self, name: Option<&'a [u8]>) -> Place<'a> {
        Place {
            directory: self.here(),
            name,
            inode: None,
            slash: self.slash,
            dots: Dots::Name,
            through_link: self.through_link,
            slash_link: self.slash_link,
            many_links: self.many_links(),
            ways: Ways { eight_links: self.links == self.state.world.host.promised_symlinks, ..self.ways },
            followed: Vec::new(),
        }
    }

    fn many_links(&self) -> bool {
        self.links > self.state.world.host.promised_symlinks
    }

    fn push(&mut self, path: &'a [u8], in_link: bool) {
        let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).rev();
        self.rest.extend(parts.map(|part| (part, in_link)));
    }

    fn up(&mut self) -> Result<(), Fault> {
        if self.stack.len() > 1 {
            self.stack.pop();
            return Ok(());
        }
        Err(Fault::of(match (self.in_link, self.rest.is_empty()) {
            (true, _) => clause!("path-resolution.symlink-outside"),
            (false, true) => clause!("path-resolution.dotdot-outside"),
            (false, false) => clause!("path-resolution.dotdot-and-back"),
        }))
    }

    /// Goes through a name. Gives the place if the path ends here.
    fn name(&mut self, part: &'a [u8], last: bool, follow: bool) -> Result<Option<Place<'a>>, Fault> {
        if !is_name(part) {
            // what is wrong with it, the text of the path says
            return Err(Fault { clauses: self.leads_outside().into_iter().collect(), ..Fault::default() });
        }
        let Some(directory) = self.state.inodes.directory(self.here()) else { return Err(Fault::unknown()) };
        if directory.unsure {
            return Err(Fault::unknown());
        }
        if part.len() > self.state.world.host.name_bytes {
            return Err(self.blocked(clause!("path-resolution.name-too-long")));
        }
        self.ways.long_name |= part.len() == self.state.world.host.name_bytes;
        let Some(inode) = directory.entries.get(part).copied() else {
            if last {
                return Ok(Some(self.place(Some(part))));
            }
            let dangling = self.in_link;
            let missing =
                if dangling { clause!("path-resolution.dangling-in-the-middle") } else { clause!("path-resolution.missing-in-the-middle") };
            return Err(self.blocked(missing));
        };
        match &self.state.inodes.get(inode).kind {
            Kind::Symlink(_) if last && !follow && !self.slash => Ok(Some(Place { inode: Some(inode), ..self.place(Some(part)) })),
            Kind::Symlink(target) => {
                self.slash_link |= last && !follow;
                self.followed.push(inode);
                self.link(target, last)?;
                Ok(None)
            }
            Kind::Directory(_) if last => Ok(Some(Place { inode: Some(inode), ..self.place(Some(part)) })),
            Kind::Directory(_) => {
                self.stack.push(inode);
                Ok(None)
            }
            Kind::File(_) if last => Ok(Some(Place { inode: Some(inode), ..self.place(Some(part)) })),
            Kind::File(_) => Err(self.blocked(clause!("path-resolution.file-in-the-middle"))),
        }
    }

    /// Follows a link: the parts of its target come next.
    fn link(&mut self, target: &'a [u8], last: bool) -> Result<(), Fault> {
        self.links += 1;
        if self.links > self.state.world.host.symlinks {
            return Err(self.blocked(clause!("path-resolution.loop")));
        }
        if target.first() == Some(&b'/') {
            return Err(self.blocked(clause!("path-resolution.symlink-absolute")));
        }
        // the directory that holds it stands for a target of nothing, or nothing does
        self.ways.empty_link |= target.is_empty();
        let target = if target.is_empty() { b".".as_slice() } else { target };
        self.ways.link_in_the_middle |= !last;
        if last {
            self.through_link = true;
            self.slash |= target.last() == Some(&b'/');
        }
        self.push(target, true);
        Ok(())
    }

    /// The walk cannot go on. A host that looks at the text first may find that the rest leads outside, and may say that instead.
    fn blocked(&self, clause: ClauseId) -> Fault {
        let mut fault = Fault::of(clause);
        fault.clauses.extend(self.leads_outside());
        fault
    }

    /// Whether the rest of the path leads outside, as far as its text tells.
    fn leads_outside(&self) -> Option<ClauseId> {
        let mut depth = self.stack.len();
        for (part, _) in self.rest.iter().rev() {
            match *part {
                b"." => {}
                // one part is behind: the one that the walk could not go through
                b".." if depth == 0 => return Some(clause!("path-resolution.dotdot-outside")),
                b".." => depth -= 1,
                _ => depth += 1,
            }
        }
        None
    }
}

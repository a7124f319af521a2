//! After every call files, names and descriptors fit together, and nothing has changed that the call is not about.

use std::cell::Cell;
use std::collections::BTreeMap;

use touchstone_generate::Mix;
use touchstone_guest::script::Wasi;
use touchstone_model::trace::TraceCall;
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::state::{Fd, Inode, InodeId, Kind, Offset, What};
use touchstone_oracle::{Answer, Reference, State, snapshot};
use touchstone_spec::Function;
use touchstone_spec::consts::filestat;

use crate::drawn::{Drawn, holds, samples};
use crate::watch::{Seen, watch};

/// What does not fit together in a state, if anything.
fn consistent(state: &State) -> Result<(), String> {
    let mut names: BTreeMap<InodeId, u64> = BTreeMap::new();
    for (id, inode) in state.inodes.iter() {
        let Kind::Directory(directory) = &inode.kind else { continue };
        if directory.removed && !directory.entries.is_empty() {
            return Err(format!("{id:?} was removed and has entries"));
        }
        directory.entries.values().for_each(|entry| *names.entry(*entry).or_default() += 1);
    }
    let roots: Vec<InodeId> = state.world.preopens.iter().filter(|preopen| !preopen.nested).map(|preopen| preopen.root).collect();
    for (id, inode) in state.inodes.iter() {
        let named = names.get(&id).copied().unwrap_or(0);
        if inode.nlink != named {
            return Err(format!("{id:?} has {named} names and counts {}", inode.nlink));
        }
        if named > 0 && state.is_gone(id) {
            return Err(format!("{id:?} is gone and has a name"));
        }
        match &inode.kind {
            Kind::Directory(directory) if !roots.contains(&id) && directory.removed != (named == 0) => {
                return Err(format!("the directory {id:?} has {named} names, removed {}", directory.removed));
            }
            Kind::Directory(_) if named > 1 => return Err(format!("the directory {id:?} has {named} names")),
            Kind::File(_) => content(id, inode)?,
            Kind::Directory(_) | Kind::Symlink(_) => {}
        }
    }
    // a circle of directories that no root leads to counts its names rightly
    let mut reached = roots.clone();
    let mut next = 0;
    while let Some(directory) = reached.get(next) {
        let entries = state.inodes.directory(*directory).into_iter().flat_map(|found| found.entries.values());
        let inner: Vec<InodeId> = entries.copied().filter(|entry| state.inodes.directory(*entry).is_some()).collect();
        if let Some(twice) = inner.iter().find(|entry| reached.contains(entry)) {
            return Err(format!("two ways lead to the directory {twice:?}"));
        }
        reached.extend(inner);
        next += 1;
    }
    let lost = state.inodes.iter().find(|(id, inode)| matches!(inode.kind, Kind::Directory(_)) && inode.nlink > 0 && !reached.contains(id));
    lost.map_or(Ok(()), |(id, _)| Err(format!("no way leads to the directory {id:?}")))
}

/// A file's bytes are in order, do not overlap and end where the file does.
fn content(id: InodeId, inode: &Inode) -> Result<(), String> {
    let Kind::File(content) = &inode.kind else { return Ok(()) };
    let mut end = 0;
    for (at, bytes) in content.known(0, u64::MAX) {
        if at < end || bytes.is_empty() {
            return Err(format!("{id:?} has bytes at {at} twice"));
        }
        end = at + bytes.len() as u64;
    }
    if end > content.len() { Err(format!("{id:?} has {} bytes, and some before {end}", content.len())) } else { Ok(()) }
}

/// The reference, asked on the quiet.
struct Aside(Reference);

impl Wasi for Aside {
    fn answer(&mut self, call: &TraceCall) -> Answer {
        const CLOCKS: Clocks = Clocks { realtime: 1_800_000_000_000_000_000, monotonic: 1_800_000_000_000_000_000, cpu: 0 };
        self.0.call(call, CLOCKS)
    }
}

/// What the guest would be told of an open file is what its bytes and names say. Gives how many files could be asked.
fn told(reference: &Reference) -> Result<usize, String> {
    let state = reference.state();
    let mut asked = 0;
    for fd in state.fds.iter() {
        let What::File(inode) = fd.what else { continue };
        let args = vec![fd.number.into(), 0];
        let call = TraceCall { function: Function::FdFilestatGet, memory_bytes: 65536, args, inputs: Vec::new(), outcome: None };
        let Answer::Returns(outcome) = Aside(reference.clone()).answer(&call) else { return Err("no answer".to_owned()) };
        let Some(stat) = outcome.outputs.first().map(|capture| capture.kept()) else { continue };
        let field = |at: usize| stat.get(at..at + 8).map(|bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let names = state.inodes.iter().filter_map(|(id, _)| state.inodes.directory(id));
        let names = names.flat_map(|directory| directory.entries.values()).filter(|entry| **entry == inode).count() as u64;
        let bytes = state.inodes.file(inode).map_or(0, |content| content.len());
        let seen = (field(filestat::NLINK), field(filestat::SIZE));
        if seen != (Some(names), Some(bytes)) {
            return Err(format!("{} has {names} names and {bytes} bytes; the guest is told {seen:?}", fd.number));
        }
        asked += 1;
    }
    Ok(asked)
}

/// Functions that move the offset of a descriptor that stays open.
const MOVE: [Function; 3] = [Function::FdRead, Function::FdWrite, Function::FdSeek];

/// Functions that change a descriptor besides its offset.
const CHANGE: [Function; 4] = [Function::FdFdstatSetFlags, Function::FdFdstatSetRights, Function::FdClose, Function::FdRenumber];

/// Descriptors that a call is not about stay as they are, and of its own its function says what may change.
fn kept(seen: &Seen<'_>) -> Result<(), String> {
    let function = seen.call.function;
    let own: Vec<u64> = match function {
        Function::FdRenumber => seen.call.args[..2].to_vec(),
        _ => seen.call.args.first().copied().into_iter().collect(),
    };
    let fds = &seen.after.state().fds;
    for fd in seen.before.fds.iter() {
        let is_own = own.contains(&fd.number.into());
        let after = fds.get(fd.number);
        if !(is_own && CHANGE.contains(&function)) && after.map(nature) != Some(nature(fd)) {
            return Err(format!("descriptor {} became {after:?}", fd.number));
        }
        if !(is_own && (CHANGE.contains(&function) || MOVE.contains(&function))) && after.map(|fd| fd.offset) != Some(fd.offset) {
            return Err(format!("descriptor {} moved from {:?} to {:?}", fd.number, fd.offset, after.map(|fd| fd.offset)));
        }
        if fd.offset == Offset::Unknown {
            return Err(format!("nobody knows where {} stands", fd.number));
        }
    }
    if function == Function::FdRenumber && seen.succeeded() && own[0] != own[1] {
        let [from, to] = [own[0], own[1]].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let moved = seen.before.fds.get(from).map(|fd| (nature(fd), fd.offset));
        if fds.get(from).is_some() || fds.get(to).map(|fd| (nature(fd), fd.offset)) != moved {
            return Err(format!("{from} did not become {to}"));
        }
    }
    Ok(())
}

/// All of a descriptor but its number and offset.
fn nature(fd: &Fd) -> (What, Option<u64>, u64, u64, Option<usize>, bool) {
    (fd.what, fd.flags, fd.base, fd.inheriting, fd.preopen, fd.read_only)
}

/// A call that failed has opened, closed, made and changed nothing.
fn nothing_done(seen: &Seen<'_>) -> Result<(), String> {
    let after = seen.after.state();
    let open = |state: &State| state.fds.iter().map(|fd| (fd.number, nature(fd), fd.offset)).collect::<Vec<_>>();
    if open(after) != open(seen.before) {
        return Err("it failed and changed descriptors".to_owned());
    }
    let (before, after) = (snapshot(seen.before), snapshot(after));
    if before == after { Ok(()) } else { Err(format!("it failed and changed {before:?}\nto {after:?}")) }
}

#[test]
fn files_names_and_descriptors_fit_together_after_every_call() {
    let asked = Cell::new(0);
    for mix in [Mix::default(), Mix::kernel()] {
        holds(2500, &samples(&mix), |Drawn(sample)| {
            watch(&sample, |seen| {
                consistent(seen.after.state())?;
                asked.set(asked.get() + told(seen.after)?);
                kept(seen)?;
                if seen.succeeded() { Ok(()) } else { nothing_done(seen) }
            })
            .map(|_| ())
        });
    }
    assert!(asked.get() > 20_000, "only {} files could be asked", asked.get());
}

/// A fault in a state, planted where the state has what it takes.
type Plant = fn(&mut State) -> Option<()>;

fn find(state: &State, is_it: impl Fn(&Inode) -> bool) -> Option<InodeId> {
    state.inodes.iter().find(|(_, inode)| inode.nlink > 0 && is_it(inode)).map(|(id, _)| id)
}

fn root(state: &State) -> InodeId {
    state.world.preopens[0].root
}

/// Each makes a state inconsistent.
const PLANTS: [(&str, Plant); 7] = [
    ("a link counted too much", |state| {
        let file = find(state, |inode| matches!(inode.kind, Kind::File(_)))?;
        state.inodes.get_mut(file).nlink += 1;
        Some(())
    }),
    ("a link not counted", |state| {
        let file = find(state, |inode| matches!(inode.kind, Kind::File(_)))?;
        state.inodes.get_mut(file).nlink -= 1;
        Some(())
    }),
    ("a name left behind", |state| {
        let root = root(state);
        let file = find(state, |inode| matches!(inode.kind, Kind::File(_)))?;
        state.inodes.get_mut(file).nlink = 0;
        state.inodes.directory_mut(root)?.insert(b"left behind", file);
        Some(())
    }),
    ("a directory with two names", |state| {
        let root = root(state);
        let directory = find(state, |inode| matches!(inode.kind, Kind::Directory(_)))?;
        state.inodes.directory_mut(root)?.insert(b"second", directory);
        state.inodes.get_mut(directory).nlink += 1;
        Some(())
    }),
    ("a directory within itself", |state| {
        let directory = find(state, |inode| matches!(inode.kind, Kind::Directory(_)))?;
        let holders: Vec<InodeId> = state.inodes.iter().map(|(id, _)| id).collect();
        for holder in holders {
            let Some(found) = state.inodes.directory_mut(holder) else { continue };
            found.entries.retain(|_, entry| *entry != directory);
        }
        state.inodes.directory_mut(directory)?.insert(b"self", directory);
        Some(())
    }),
    ("a directory that is there and removed", |state| {
        let directory = find(state, |inode| matches!(inode.kind, Kind::Directory(_)))?;
        state.inodes.directory_mut(directory)?.removed = true;
        Some(())
    }),
    ("a file without a name that counts as named", |state| {
        let root = root(state);
        let name = state.inodes.directory(root)?.entries.iter().find(|(_, entry)| state.inodes.file(**entry).is_some())?.0.clone();
        state.inodes.directory_mut(root)?.remove(&name);
        Some(())
    }),
];

#[test]
fn what_does_not_fit_together_is_found() {
    let planted = Cell::new([0; PLANTS.len()]);
    holds(100, &samples(&Mix::default()), |Drawn(sample)| {
        let (_, reference) = watch(&sample, |_| Ok(()))?;
        for (index, (name, plant)) in PLANTS.iter().enumerate() {
            let mut state = reference.state().clone();
            if plant(&mut state).is_none() {
                continue;
            }
            let mut counts = planted.get();
            counts[index] += 1;
            planted.set(counts);
            if consistent(&state).is_ok() {
                return Err(format!("{name} is not found"));
            }
        }
        Ok(())
    });
    assert!(planted.get().iter().all(|count| *count > 0), "{:?}", planted.get());
}

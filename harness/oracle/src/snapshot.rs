//! What a run has left behind according to a state, in the form in which a runner reads it back.

use std::collections::BTreeMap;

use touchstone_model::tree::{Content, Entry, EntryKind, Time as Seen, TreeSnapshot};

use crate::state::{InodeId, Kind, State, Time};

/// The trees of all preopens.
pub fn snapshot(state: &State) -> TreeSnapshot {
    let mut reader = Reader { state, out: BTreeMap::new(), first_names: BTreeMap::new() };
    for (preopen, name) in state.world.preopens.iter().zip(&state.world.names).filter(|(preopen, _)| !preopen.nested) {
        reader.directory(preopen.root, &format!("{name}:"));
    }
    TreeSnapshot(reader.out)
}

struct Reader<'a> {
    state: &'a State,
    out: BTreeMap<String, Entry>,
    /// Each file to the first of its names.
    first_names: BTreeMap<InodeId, String>,
}

impl Reader<'_> {
    fn directory(&mut self, directory: InodeId, prefix: &str) {
        for (name, inode) in self.state.inodes.directory(directory).into_iter().flat_map(|found| &found.entries) {
            let path = format!("{prefix}{}", String::from_utf8_lossy(name));
            let entry = self.entry(*inode, &path);
            self.out.insert(path.clone(), entry);
            self.directory(*inode, &format!("{path}/"));
        }
    }

    fn entry(&mut self, inode: InodeId, path: &str) -> Entry {
        let file = self.state.inodes.get(inode);
        let kind = match &file.kind {
            Kind::File(content) => EntryKind::File(kept(content)),
            Kind::Directory(_) => EntryKind::Directory,
            Kind::Symlink(target) => EntryKind::Symlink(String::from_utf8_lossy(target).into_owned()),
        };
        let mtime = match file.mtime {
            Time::Set(time) => Seen::at(time),
            Time::Now { .. } | Time::Seen(_) | Time::Any => Seen::Now,
        };
        let mut entry = Entry::new(kind, mtime);
        if let Kind::File(_) = file.kind {
            let first = self.first_names.entry(inode).or_insert_with(|| path.to_owned());
            entry.same_as = (first != path).then(|| first.clone());
        }
        entry
    }
}

/// The bytes of a file; of one that is large, its length.
fn kept(content: &crate::state::Content) -> Content {
    if content.len() <= touchstone_model::bounds::FILE_KEPT_BYTES as u64 {
        Content::of(&content.read(0, content.len()))
    } else {
        Content { len: content.len(), bytes: None, sha256: None }
    }
}

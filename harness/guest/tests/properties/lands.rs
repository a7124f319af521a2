//! Where a path leads: a second opinion, by names alone. It knows a tree as a runner reads it back, and nothing of the oracle.

use touchstone_model::tree::{EntryKind, TreeSnapshot};

/// Links that any runtime follows in one path at most; some follow fewer.
const LINKS: usize = 256;

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Astray {
    /// It steps out of the directory that it starts from, even if it would come back.
    Outside,
    /// Something on the way is missing, no directory, or a circle of links.
    Nowhere,
}

/// The names from the preopen down to a place. There need not be anything at the last one.
pub(crate) type Way = Vec<String>;

/// What is at a place.
pub(crate) fn at<'t>(tree: &'t TreeSnapshot, preopen: &str, way: &[String]) -> Option<&'t EntryKind> {
    const ROOT: EntryKind = EntryKind::Directory;
    if way.is_empty() { Some(&ROOT) } else { tree.0.get(&format!("{preopen}:{}", way.join("/"))).map(|entry| &entry.kind) }
}

/// Where a path leads that starts from a directory of a preopen, and how many links it follows. `follow`: also one at its end.
pub(crate) fn lands(tree: &TreeSnapshot, preopen: &str, base: &[String], path: &str, follow: bool) -> Result<(Way, usize), Astray> {
    let mut walk = Walk { tree, preopen, floor: base.len(), links: 0 };
    // a slash at the end asks for what a link leads to
    let way = walk.walk(base.to_vec(), path, follow || path.ends_with('/'))?;
    Ok((way, walk.links))
}

struct Walk<'t> {
    tree: &'t TreeSnapshot,
    preopen: &'t str,
    /// Names down to the base.
    floor: usize,
    links: usize,
}

impl Walk<'_> {
    fn walk(&mut self, mut way: Way, path: &str, follow: bool) -> Result<Way, Astray> {
        if path.starts_with('/') {
            return Err(Astray::Outside);
        }
        if path.is_empty() || path.contains('\0') {
            return Err(Astray::Nowhere);
        }
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            match part {
                "." => {}
                ".." if way.len() == self.floor => return Err(Astray::Outside),
                ".." => way.truncate(way.len() - 1),
                name => way = self.enter(way, name, !last || follow)?,
            }
            if !last && at(self.tree, self.preopen, &way) != Some(&EntryKind::Directory) {
                return Err(Astray::Nowhere);
            }
        }
        Ok(way)
    }

    fn enter(&mut self, mut way: Way, name: &str, follow: bool) -> Result<Way, Astray> {
        let directory = way.clone();
        way.push(name.to_owned());
        match at(self.tree, self.preopen, &way) {
            Some(EntryKind::Symlink(target)) if follow => {
                self.links += 1;
                if self.links > LINKS {
                    return Err(Astray::Nowhere);
                }
                self.walk(directory, target, true)
            }
            _ => Ok(way),
        }
    }
}

#[cfg(test)]
mod tests {
    use touchstone_model::tree::TreeSnapshot;
    use touchstone_model::world::{Node, NodeKind, Preopen, World};

    use super::{Astray, lands};

    /// A small tree: `d/f`, and links beside and below.
    fn tree() -> TreeSnapshot {
        let mut root = Preopen::new("root");
        let link = |target: &str| NodeKind::Symlink(target.to_owned());
        for (path, kind) in [
            ("d", NodeKind::Directory),
            ("d/f", NodeKind::File(b"x".to_vec())),
            ("d/up", link("..")),
            ("d/out", link("../../secret")),
            ("to-d", link("d")),
            ("absolute", link("/root/d")),
            ("loop", link("loop")),
            ("back", link("../root/d")),
        ] {
            root.tree.0.insert(path.to_owned(), Node::from(kind));
        }
        TreeSnapshot::of_world(&World { preopens: vec![root], ..World::default() })
    }

    #[test]
    fn paths_lead_where_a_person_says() {
        let tree = tree();
        for (base, path, follow, expected) in [
            ("", "d/f", false, Ok("d/f")),
            ("", "to-d/f", false, Ok("d/f")),
            ("", "to-d", false, Ok("to-d")),
            ("", "to-d", true, Ok("d")),
            ("", "to-d/", false, Ok("d")),
            ("", "d/up/d/../new", false, Ok("new")),
            ("", "to-d/..", false, Ok("")),
            ("", "..", false, Err(Astray::Outside)),
            ("", "d/../../root/d", false, Err(Astray::Outside)),
            ("", "/root", false, Err(Astray::Outside)),
            ("", "absolute", true, Err(Astray::Outside)),
            ("", "d/out", false, Ok("d/out")),
            ("", "d/out/x", false, Err(Astray::Outside)),
            ("", "back", true, Err(Astray::Outside)),
            ("", "loop", true, Err(Astray::Nowhere)),
            ("", "d/f/..", false, Err(Astray::Nowhere)),
            ("", "new/..", false, Err(Astray::Nowhere)),
            ("d", "f", false, Ok("d/f")),
            ("d", "../d/f", false, Err(Astray::Outside)),
            ("d", "up", false, Ok("d/up")),
            ("d", "up/", false, Err(Astray::Outside)),
        ] {
            let base: Vec<String> = base.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let found = lands(&tree, "root", &base, path, follow).map(|(way, _)| way.join("/"));
            assert_eq!(found.as_deref(), expected.as_ref().map(|way| *way), "{path} from {base:?}, follow {follow}");
        }
    }
}

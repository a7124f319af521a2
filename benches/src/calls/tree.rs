//! What a benchmark works on, made anew for each batch.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::benchmark::Tree;
use super::layout::{NUMBER, letters};

/// Folders `d` below each other.
const DEPTH: usize = 15;

/// The file that reads and writes are about.
pub const FILE: &str = "file";

/// What stands in files, from an offset on: what is read tells where it was read.
pub fn content(from: u64, bytes: u64) -> Vec<u8> {
    // a prime, so that no page of a file is like the one before it
    (from..from + bytes).map(|offset| (offset % 251) as u8).collect()
}

/// A path with the number of an iteration in it.
pub fn numbered(path: &str, index: u32) -> String {
    path.replace(NUMBER, &letters(index).escape_ascii().to_string())
}

/// Makes the folder empty, and then what the tree says for so many iterations.
pub fn make(tree: Tree, folder: &Path, iterations: u32) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir(folder)?;
    let named = |prefix: &str, count: u32| {
        (0..count).try_for_each(|index| fs::write(folder.join(numbered(&format!("{prefix}{NUMBER}"), index)), ""))
    };
    match tree {
        Tree::Empty => Ok(()),
        Tree::File { per_iteration, besides } => {
            fs::write(folder.join(FILE), content(0, u64::from(per_iteration) * u64::from(iterations) + u64::from(besides)))
        }
        Tree::Deep => deep(folder),
        Tree::Numbered { prefix } => named(prefix, iterations),
        Tree::Entries(count) => named("entry-", count),
    }
}

fn deep(folder: &Path) -> io::Result<()> {
    let mut at = folder.to_owned();
    for depth in 0..=DEPTH {
        if depth > 0 {
            at.push("d");
            fs::create_dir(&at)?;
        }
        fs::write(at.join(FILE), content(0, 8))?;
    }
    symlink("d", folder.join("link"))
}

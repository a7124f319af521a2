//! summary = "a tree with nested directories, links, an empty and a large file is copied and compares equal"
//! clauses = ["path_create_directory.creates", "path_symlink.creates", "path_readlink.target", "path_open.creat", "path_open.trunc", "fd_read.moves-offset", "fd_read.at-end", "fd_write.moves-offset", "fd_readdir.each-once"]
//! tree = { "site/index.html" = "<h1>home</h1>\n", "site/img/logo.svg" = "<svg/>", "site/img/photo" = { fill = "pixel ", times = 9000 }, "site/posts/2001/09/first.md" = "# first\n", "site/drafts/" = {}, "site/empty" = "", "site/home" = { symlink = "index.html" }, "site/posts/logo" = { symlink = "../img/logo.svg" }, "backup/index.html" = "an older and much longer page that the copy replaces\n" }
//! after = { "backup/index.html" = "<h1>home</h1>\n", "backup/img/logo.svg" = "<svg/>", "backup/posts/2001/09/first.md" = "# first\n", "backup/drafts/" = {}, "backup/empty" = "", "backup/home" = { symlink = "index.html" }, "backup/posts/logo" = { symlink = "../img/logo.svg" }, "site/index.html" = "<h1>home</h1>\n" }
//! expect_stdout = "copied 5 directories, 5 files, 2 links, 54028 bytes\ncompared 12 entries: equal\nafter a change: img/photo differs\n"

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Default)]
struct Copied {
    directories: usize,
    files: usize,
    links: usize,
    bytes: u64,
}

fn main() -> io::Result<()> {
    let source = Path::new("/root/site");
    let target = Path::new("/root/backup");

    let mut copied = Copied::default();
    copy(source, target, &mut copied)?;
    println!(
        "copied {} directories, {} files, {} links, {} bytes",
        copied.directories, copied.files, copied.links, copied.bytes
    );

    let mut compared = 0;
    let difference = first_difference(source, target, Path::new(""), &mut compared)?;
    match difference {
        None => println!("compared {compared} entries: equal"),
        Some(path) => println!("compared {compared} entries: {} differs", path.display()),
    }

    // The comparison itself has to be able to fail, and the copy must not share its bytes with the original.
    let photo = target.join("img/photo");
    let mut bytes = fs::read(&photo)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&photo, &bytes)?;
    match first_difference(source, target, Path::new(""), &mut compared)? {
        None => println!("after a change: equal"),
        Some(path) => println!("after a change: {} differs", path.display()),
    }
    Ok(())
}

fn sorted_names(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(PathBuf::from(entry?.file_name()));
    }
    names.sort();
    Ok(names)
}

fn copy(from: &Path, to: &Path, copied: &mut Copied) -> io::Result<()> {
    if !to.is_dir() {
        fs::create_dir(to)?;
    }
    for name in sorted_names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        let file_type = fs::symlink_metadata(&from)?.file_type();
        if file_type.is_dir() {
            copied.directories += 1;
            copy(&from, &to, copied)?;
        } else if file_type.is_symlink() {
            copied.links += 1;
            // The only stable way for std to make a link on WASI.
            #[allow(deprecated)]
            fs::soft_link(fs::read_link(&from)?, &to)?;
        } else {
            copied.files += 1;
            copied.bytes += fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Compares two directories: names, types, link targets and bytes.
fn first_difference(
    a: &Path,
    b: &Path,
    below: &Path,
    compared: &mut usize,
) -> io::Result<Option<PathBuf>> {
    let names = sorted_names(a)?;
    if names != sorted_names(b)? {
        return Ok(Some(below.to_owned()));
    }
    for name in names {
        *compared += 1;
        let (a, b, below) = (a.join(&name), b.join(&name), below.join(&name));
        let file_type = fs::symlink_metadata(&a)?.file_type();
        if file_type != fs::symlink_metadata(&b)?.file_type() {
            return Ok(Some(below));
        }
        let difference = if file_type.is_dir() {
            first_difference(&a, &b, &below, compared)?
        } else if file_type.is_symlink() {
            (fs::read_link(&a)? != fs::read_link(&b)?).then(|| below)
        } else {
            (fs::read(&a)? != fs::read(&b)?).then(|| below)
        };
        if difference.is_some() {
            return Ok(difference);
        }
    }
    Ok(None)
}

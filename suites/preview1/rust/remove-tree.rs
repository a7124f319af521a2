//! summary = "a tree is deleted from its leaves up, links are deleted and not followed, and what they lead to stays"
//! clauses = ["path_remove_directory.removes", "path_remove_directory.not-empty", "path_remove_directory.file", "path_remove_directory.symlink", "path_remove_directory.missing", "path_unlink_file.removes", "path_unlink_file.symlink", "fd_readdir.each-once"]
//! tree = { "build/a.o" = "object", "build/deep/er/b.o" = "object", "build/deep/er/empty/" = {}, "build/deps" = { symlink = "../precious" }, "build/newest" = { symlink = "a.o" }, "build/broken" = { symlink = "nothing" }, "build/many/" = { entries = 120 }, "precious/source.c" = "int main;", "cache/x/y/z" = "cached", "cache/x/link" = { symlink = "../../precious" }, "rest/" = {} }
//! after = { "build" = false, "cache" = false, "rest" = false, "precious/source.c" = "int main;" }
//! expect_stdout = "a full directory stays: Some(55)\na file is no directory: Some(54)\na link is no directory: Some(54)\nremoved 5 directories, 122 files, 3 links\nbuild exists: false\nonce more: Some(NotFound)\ncache exists: false\nleft: precious, \"int main;\"\n"

use std::fs;
use std::io;
use std::path::Path;

#[derive(Default)]
struct Removed {
    directories: usize,
    files: usize,
    links: usize,
}

fn main() -> io::Result<()> {
    let build = Path::new("/root/build");

    // A directory that still holds something is not to be removed.
    println!("a full directory stays: {:?}", remove_dir("build"));
    // Neither is a file a directory, nor a directory that a link leads to.
    println!("a file is no directory: {:?}", remove_dir("build/a.o"));
    println!("a link is no directory: {:?}", remove_dir("build/deps"));

    let mut removed = Removed::default();
    remove(build, &mut removed)?;
    println!(
        "removed {} directories, {} files, {} links",
        removed.directories, removed.files, removed.links
    );
    println!("build exists: {}", build.exists());
    println!("once more: {:?}", fs::remove_dir(build).err().map(|error| error.kind()));

    // What std does for everybody.
    fs::remove_dir_all("/root/cache")?;
    println!("cache exists: {}", Path::new("/root/cache").exists());
    fs::remove_dir("/root/rest")?;

    let mut names = Vec::new();
    for entry in fs::read_dir("/root")? {
        names.push(entry?.file_name().into_string().expect("a name in UTF-8"));
    }
    println!("left: {}, {:?}", names.join(" "), fs::read_to_string("/root/precious/source.c")?);
    Ok(())
}

fn remove_dir(name: &str) -> Option<i32> {
    fs::remove_dir(Path::new("/root").join(name)).err().and_then(|error| error.raw_os_error())
}

fn remove(directory: &Path, removed: &mut Removed) -> io::Result<()> {
    // First all names, then the deletions: what a listing shows of later changes is nobody's promise.
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    for path in paths {
        let file_type = fs::symlink_metadata(&path)?.file_type();
        if file_type.is_dir() {
            remove(&path, removed)?;
            continue;
        }
        fs::remove_file(&path)?;
        if file_type.is_symlink() {
            removed.links += 1;
        } else {
            removed.files += 1;
        }
    }
    fs::remove_dir(directory)?;
    removed.directories += 1;
    Ok(())
}

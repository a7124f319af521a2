//! summary = "a recursive listing meets every entry once, with the type, size and link target it has"
//! clauses = ["fd_readdir.each-once", "fd_readdir.type", "path_filestat_get.attributes", "path_filestat_get.nofollow", "path_filestat_get.symlink-size", "path_readlink.target", "path_readlink.no-terminator"]
//! tree = { "README" = "read me\n", "empty/" = {}, "docs/two words.txt" = "a b", "docs/日本語" = "nihongo", "docs/up" = { symlink = "../src" }, "src/main.rs" = "fn main() {}\n", "src/a/b/c/leaf" = "", "src/big" = { fill = "0123456789", times = 7001 }, "latest" = { symlink = "src/main.rs" }, "dangling" = { symlink = "no/such/file" } }
//! expect_stdout = "-     8 README\nl    12 dangling -> no/such/file\nd       docs\n-     3 docs/two words.txt\nl     6 docs/up -> ../src\n-     7 docs/日本語\nd       empty\nl    11 latest -> src/main.rs\nd       src\nd       src/a\nd       src/a/b\nd       src/a/b/c\n-     0 src/a/b/c/leaf\n- 70010 src/big\n-    13 src/main.rs\n6 directories, 6 files, 3 links, 70041 bytes\n"

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

#[derive(Default)]
struct Totals {
    directories: usize,
    files: usize,
    links: usize,
    bytes: u64,
}

fn main() -> io::Result<()> {
    let mut totals = Totals::default();
    walk(Path::new("/root"), "", &mut totals)?;
    println!(
        "{} directories, {} files, {} links, {} bytes",
        totals.directories, totals.files, totals.links, totals.bytes
    );
    Ok(())
}

fn walk(directory: &Path, prefix: &str, totals: &mut Totals) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<DirEntry>>>()?;
    entries.sort_by_key(|entry| entry.file_name());

    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let shown = format!("{prefix}{name}");

        // A directory may leave the type of an entry unknown; what it does say has to be true.
        let listed = entry.file_type()?;
        let metadata = fs::symlink_metadata(&path)?;
        let known = listed.is_dir() || listed.is_symlink() || listed.is_file();
        if known && listed != metadata.file_type() {
            println!("{shown}: listed as {listed:?}, but is {:?}", metadata.file_type());
        }

        if metadata.is_dir() {
            totals.directories += 1;
            println!("d       {shown}");
            walk(&path, &format!("{shown}/"), totals)?;
        } else if metadata.file_type().is_symlink() {
            totals.links += 1;
            let target = fs::read_link(&path)?;
            println!("l {:5} {shown} -> {}", metadata.len(), target.display());
        } else {
            // A size is only worth as much as the bytes that can be read.
            let bytes = fs::read(&path)?;
            assert_eq!(metadata.len(), bytes.len() as u64, "size of {shown}");
            totals.files += 1;
            totals.bytes += metadata.len();
            println!("- {:5} {shown}", metadata.len());
        }
    }
    Ok(())
}

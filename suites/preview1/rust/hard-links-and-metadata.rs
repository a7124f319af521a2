//! summary = "names that link to one file share its bytes and size, and the file lives as long as one name does"
//! clauses = ["path_link.same-file", "path_link.exists", "path_unlink_file.removes", "path_unlink_file.open-file", "path_filestat_get.attributes", "path_filestat_get.follow", "path_filestat_get.nofollow", "path_filestat_get.missing", "fd_filestat_get.size"]
//! tree = { "original" = "first\n", "twin" = { hardlink = "original" }, "directory/" = {}, "link" = { symlink = "original" } }
//! after = { "original" = false, "twin" = false, "directory/third" = "changed by third\n", "copy" = "first\nsecond\n", "link" = { symlink = "original" } }
//! expect_stdout = "original: file of 6 bytes, untouched\ntwin: file of 6 bytes, untouched\ndirectory: directory, untouched\nlink: link to a file of 6 bytes, untouched\ntwin: file of 13 bytes, changed, \"first\\nsecond\\n\"\nthird: file of 13 bytes, changed\nover what exists: AlreadyExists\noriginal: gone\nthrough the link: Some(NotFound)\ntwin: \"first\\nsecond\\n\"\ntwin: gone, its handle reads \"changed by third\\n\", 17 bytes\ncopy: \"first\\nsecond\\n\"\n"

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

fn main() -> io::Result<()> {
    for name in ["original", "twin", "directory", "link"] {
        println!("{name}: {}", describe(name)?);
    }

    // What is written by one name is read by the other.
    OpenOptions::new().append(true).open("/root/original")?.write_all(b"second\n")?;
    println!("twin: {}, {:?}", describe("twin")?, fs::read_to_string("/root/twin")?);

    // A third name, in another directory; a copy is no link.
    fs::hard_link("/root/twin", "/root/directory/third")?;
    fs::copy("/root/twin", "/root/copy")?;
    println!("third: {}", describe("directory/third")?);
    match fs::hard_link("/root/twin", "/root/copy") {
        Ok(()) => println!("over what exists: success"),
        Err(error) => println!("over what exists: {:?}", error.kind()),
    }

    // The first name goes, the others do not notice.
    fs::remove_file("/root/original")?;
    println!("original: {}", gone("original"));
    let behind = fs::metadata("/root/link").err().map(|error| error.kind());
    println!("through the link: {behind:?}");
    println!("twin: {:?}", fs::read_to_string("/root/twin")?);

    // Not even the last name is needed by who has the file open.
    let mut open = OpenOptions::new().read(true).open("/root/twin")?;
    fs::write("/root/directory/third", "changed by third\n")?;
    fs::remove_file("/root/twin")?;
    let mut text = String::new();
    open.read_to_string(&mut text)?;
    println!("twin: {}, its handle reads {text:?}, {} bytes", gone("twin"), open.metadata()?.len());
    println!("copy: {:?}", fs::read_to_string("/root/copy")?);
    Ok(())
}

fn describe(name: &str) -> io::Result<String> {
    let path = format!("/root/{name}");
    let (metadata, own) = (fs::metadata(&path)?, fs::symlink_metadata(&path)?);
    let kind = match (metadata.is_file(), metadata.is_dir()) {
        (true, false) => format!("file of {} bytes", metadata.len()),
        (false, true) => "directory".to_owned(),
        _ => "neither file nor directory".to_owned(),
    };
    let kind = if own.file_type().is_symlink() { format!("link to a {kind}") } else { kind };

    // Everything was last changed on 2001-09-09, or else by this run.
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let modified = if metadata.modified()? == start { "untouched" } else { "changed" };
    Ok(format!("{kind}, {modified}"))
}

fn gone(name: &str) -> &'static str {
    match fs::symlink_metadata(format!("/root/{name}")) {
        Ok(_) => "still there",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "gone",
        Err(_) => "neither there nor gone",
    }
}

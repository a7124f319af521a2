//! summary = "a missing file is told apart from other failures, its default is created once and then found"
//! clauses = ["path_open.missing", "path_open.creat", "path_open.excl", "path_open.directory", "path_open.failure-opens-nothing", "path-resolution.missing-in-the-middle", "path-resolution.file-in-the-middle", "path_filestat_get.missing", "path_unlink_file.missing", "path_unlink_file.removes", "path_create_directory.creates", "path_create_directory.exists"]
//! tree = { "plain" = "a file, not a directory\n" }
//! after = { "settings/app.ini" = "[window]\nwidth = 80\n", "plain" = "a file, not a directory\n", "plain.lock" = false, "nowhere" = false }
//! expect_stdout = "first start: NotFound, default written\nsecond start: width 80\nmissing file: NotFound, errno 44\nfile in a missing directory: NotFound, errno 44\nmetadata of nothing: NotFound, errno 44\nremove nothing: NotFound, errno 44\nlist nothing: NotFound, errno 44\nbelow a file: errno 54\nlist a file: errno 54\ncreate what exists: AlreadyExists, errno 20\nmake a directory that exists: AlreadyExists, errno 20\nlock taken, then held: AlreadyExists, then free: true\n"

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

const DEFAULT: &str = "[window]\nwidth = 80\n";

fn main() -> io::Result<()> {
    let settings = Path::new("/root/settings/app.ini");
    println!("first start: {}", start(settings)?);
    println!("second start: {}", start(settings)?);

    println!("missing file: {}", with_kind(File::open("/root/nothing")));
    println!("file in a missing directory: {}", with_kind(File::create("/root/nowhere/file")));
    println!("metadata of nothing: {}", with_kind(fs::metadata("/root/nothing")));
    println!("remove nothing: {}", with_kind(fs::remove_file("/root/nothing")));
    println!("list nothing: {}", with_kind(fs::read_dir("/root/nothing")));

    // Which `ErrorKind` this one has depends on the version of std; the errno does not.
    println!("below a file: {}", errno(&File::open("/root/plain/below").err()));
    println!("list a file: {}", errno(&fs::read_dir("/root/plain").err()));

    println!("create what exists: {}", with_kind(create_new("/root/plain")));
    println!("make a directory that exists: {}", with_kind(fs::create_dir("/root/settings")));

    let lock = "/root/plain.lock";
    let taken = create_new(lock)?;
    let held = create_new(lock).err().map(|error| error.kind());
    drop(taken);
    fs::remove_file(lock)?;
    let free = create_new(lock).is_ok();
    fs::remove_file(lock)?;
    println!(
        "lock taken, then held: {}, then free: {free}",
        held.map_or("no".to_owned(), |kind| format!("{kind:?}"))
    );
    Ok(())
}

/// What an application does with its settings when it starts.
fn start(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let width =
                text.lines().find_map(|line| line.strip_prefix("width = ")).unwrap_or("unknown");
            Ok(format!("width {width}"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().expect("a file is in a directory"))?;
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path)?
                .write_all(DEFAULT.as_bytes())?;
            Ok(format!("{:?}, default written", error.kind()))
        }
        Err(error) => Err(error),
    }
}

fn create_new(path: &str) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn with_kind<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "success".to_owned(),
        Err(error) => format!("{:?}, {}", error.kind(), errno(&Some(error))),
    }
}

fn errno(error: &Option<io::Error>) -> String {
    match error.as_ref().map(io::Error::raw_os_error) {
        None => "success".to_owned(),
        Some(None) => "an error of std itself".to_owned(),
        Some(Some(number)) => format!("errno {number}"),
    }
}

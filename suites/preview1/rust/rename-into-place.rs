//! summary = "a file is replaced by writing a new one beside it, syncing it and renaming it over the old one"
//! clauses = ["path_rename.replaces-file", "path_rename.moves", "path_rename.missing", "path_rename.same-file", "path_open.excl", "fd_sync.file"]
//! tree = { "state.json" = "{\"version\": 1, \"note\": \"a longer text than the new one\"}\n", "queue/todo" = "work\n", "done/" = {} }
//! after = { "state.json" = "{\"version\": 3}\n", "state.json.tmp" = false, "queue/" = {}, "queue/todo" = false, "archive/todo" = "work\n", "done" = false }
//! expect_stdout = "version 1\nversion 2\nversion 3\nthe old handle still reads version 1, 57 bytes\nthe temporary file is gone: true\nmoved: work, source NotFound\ndirectory renamed with its content: todo\nrename nothing: NotFound\nonto itself: version 3\n"

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

const STATE: &str = "/root/state.json";
const TEMPORARY: &str = "/root/state.json.tmp";

fn main() -> io::Result<()> {
    println!("version {}", version(&fs::read_to_string(STATE)?));
    let mut old = File::open(STATE)?;
    for number in 2..=3 {
        replace(&format!("{{\"version\": {number}}}\n"))?;
        println!("version {}", version(&fs::read_to_string(STATE)?));
    }

    // Who opened the file before goes on reading what it was.
    let mut text = String::new();
    old.read_to_string(&mut text)?;
    println!("the old handle still reads version {}, {} bytes", version(&text), text.len());
    println!("the temporary file is gone: {}", !Path::new(TEMPORARY).exists());

    // From one directory into another.
    fs::rename("/root/queue/todo", "/root/done/todo")?;
    let source = File::open("/root/queue/todo").err().map(|error| error.kind());
    print!("moved: {}, ", fs::read_to_string("/root/done/todo")?.trim_end());
    println!("source {}", source.map_or("still there".to_owned(), |kind| format!("{kind:?}")));

    // A directory takes its content along.
    fs::rename("/root/done", "/root/archive")?;
    let mut names = Vec::new();
    for entry in fs::read_dir("/root/archive")? {
        names.push(entry?.file_name().into_string().expect("a name in UTF-8"));
    }
    println!("directory renamed with its content: {}", names.join(" "));

    match fs::rename("/root/nothing", STATE) {
        Ok(()) => println!("rename nothing: success"),
        Err(error) => println!("rename nothing: {:?}", error.kind()),
    }
    fs::rename(STATE, STATE)?;
    println!("onto itself: version {}", version(&fs::read_to_string(STATE)?));
    Ok(())
}

/// Readers see the old content or the new one, never a half of it.
fn replace(text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(TEMPORARY)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(TEMPORARY, STATE)
}

fn version(text: &str) -> String {
    let number = text.split("\"version\": ").nth(1).unwrap_or("");
    number.chars().take_while(char::is_ascii_digit).collect()
}

//! summary = "a configuration is read and written through chains of links, and a link is switched by a rename over it"
//! clauses = ["path-resolution.symlink-in-the-middle", "path-resolution.dotdot-inside", "path_open.follow-symlink", "path_open.missing", "path_filestat_get.follow", "path_filestat_get.nofollow", "path_readlink.target", "path_symlink.creates", "path_rename.symlink", "path_unlink_file.symlink"]
//! tree = { "etc/app.conf" = { symlink = "../current/app.conf" }, "current" = { symlink = "releases/v1" }, "releases/v1/app.conf" = "name = one\nport = 8001\ninclude = shared.conf\n", "releases/v2/app.conf" = "name = two\nport = 8002\ninclude = shared.conf\n", "releases/v1/shared.conf" = { symlink = "../shared.conf" }, "releases/v2/shared.conf" = { symlink = "../shared.conf" }, "releases/shared.conf" = "shared = yes\n", "broken" = { symlink = "releases/v3/app.conf" } }
//! after = { "current" = { symlink = "releases/v2" }, "current.new" = false, "etc/app.conf" = { symlink = "../current/app.conf" }, "releases/v1/app.conf" = "name = one\nport = 8001\ninclude = shared.conf\n", "releases/v2/app.conf" = "name = two\nport = 8002\ninclude = shared.conf\ndebug = on\n", "releases/shared.conf" = "shared = yes\n", "broken" = false }
//! expect_stdout = "etc/app.conf -> ../current/app.conf: a link to a file of 45 bytes\ncurrent -> releases/v1: a link to a directory\ninclude = shared.conf, name = one, port = 8001, shared = yes\nin current: app.conf shared.conf\nswitched to releases/v2\ninclude = shared.conf, name = two, port = 8002, shared = yes\ndebug = on, include = shared.conf, name = two, port = 8002, shared = yes\nbroken: a link, open says NotFound\n"

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

fn main() -> io::Result<()> {
    let root = Path::new("/root");
    let config = root.join("etc/app.conf");
    let current = root.join("current");

    for link in ["etc/app.conf", "current"] {
        println!("{link} -> {}", describe(&root.join(link))?);
    }
    println!("{}", load(&config)?);

    let mut names = Vec::new();
    for entry in fs::read_dir(&current)? {
        names.push(entry?.file_name().into_string().expect("a name in UTF-8"));
    }
    names.sort();
    println!("in current: {}", names.join(" "));

    // The way in which a release is switched: nobody ever sees a moment without `current`.
    let new = root.join("current.new");
    #[allow(deprecated)]
    fs::soft_link("releases/v2", &new)?;
    fs::rename(&new, &current)?;
    println!("switched to {}", fs::read_link(&current)?.display());
    println!("{}", load(&config)?);

    // To write through a link changes the file and leaves the link.
    OpenOptions::new().append(true).open(&config)?.write_all(b"debug = on\n")?;
    println!("{}", load(&config)?);

    // A link that leads nowhere is there, and what it names is not.
    let broken = root.join("broken");
    let kind =
        if fs::symlink_metadata(&broken)?.file_type().is_symlink() { "a link" } else { "no link" };
    match fs::File::open(&broken) {
        Ok(_) => println!("broken: {kind}, open succeeds"),
        Err(error) => println!("broken: {kind}, open says {:?}", error.kind()),
    }
    fs::remove_file(&broken)?;
    Ok(())
}

fn describe(path: &Path) -> io::Result<String> {
    let target = fs::read_link(path)?;
    let kind =
        if fs::symlink_metadata(path)?.file_type().is_symlink() { "a link" } else { "no link" };
    let behind = fs::metadata(path)?;
    let behind = if behind.is_dir() {
        "a directory".to_owned()
    } else {
        format!("a file of {} bytes", behind.len())
    };
    Ok(format!("{}: {kind} to {behind}", target.display()))
}

/// Reads `key = value` lines. An included file belongs to the current release.
fn load(path: &Path) -> io::Result<String> {
    let mut settings = BTreeMap::new();
    parse(&fs::read_to_string(path)?, &mut settings);
    if let Some(include) = settings.get("include") {
        let included = Path::new("/root/current").join(include);
        parse(&fs::read_to_string(included)?, &mut settings);
    }
    let settings: Vec<String> =
        settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Ok(settings.join(", "))
}

fn parse(text: &str, settings: &mut BTreeMap<String, String>) {
    for (key, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
        settings.insert(key.to_owned(), value.to_owned());
    }
}

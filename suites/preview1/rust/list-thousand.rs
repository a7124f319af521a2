//! summary = "a directory of 1,000 entries is listed completely, each entry once, again and again"
//! clauses = ["fd_readdir.each-once", "fd_readdir.layout", "fd_readdir.cookie-zero", "fd_readdir.cookie-resumes", "fd_readdir.short-means-end", "path_filestat_get.attributes", "path_unlink_file.removes"]
//! tree = { "many/" = { entries = 1000 } }
//! after = { "many/0000" = "", "many/0500" = false, "many/0501" = "", "many/0999" = "", "many/a name of its own, much longer than all of the others in this directory" = "x" }
//! expect_stdout = "first listing: 1000 entries from 0000 to 0999, 0 twice, 1000 files, 0 bytes\nsecond listing: equal\nnumbers: 499500\nhalf read, then again from the start: equal\nafter removing one and adding one: 1000 entries from 0000 to a name of its own, much longer than all of the others in this directory, 0 twice, 1000 files, 1 bytes\n0500 is listed: false\n"

use std::collections::BTreeSet;
use std::fs;
use std::io;

const DIRECTORY: &str = "/root/many";

fn main() -> io::Result<()> {
    let first = names()?;
    println!("first listing: {}", describe(&first)?);
    println!("second listing: {}", equal(&first, &names()?));
    let numbers = first.iter().filter_map(|name| name.parse::<u32>().ok());
    println!("numbers: {}", numbers.sum::<u32>());

    // Giving up in the middle has no effect on whoever reads next.
    let mut half = fs::read_dir(DIRECTORY)?;
    for _ in 0..500 {
        half.next().expect("500 of 1,000 entries")?;
    }
    let again = names()?;
    drop(half);
    println!("half read, then again from the start: {}", equal(&first, &again));

    fs::remove_file(format!("{DIRECTORY}/0500"))?;
    let long = "a name of its own, much longer than all of the others in this directory";
    fs::write(format!("{DIRECTORY}/{long}"), "x")?;
    let changed = names()?;
    println!("after removing one and adding one: {}", describe(&changed)?);
    println!("0500 is listed: {}", changed.contains(&"0500".to_owned()));
    Ok(())
}

fn names() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(DIRECTORY)? {
        names.push(entry?.file_name().into_string().expect("a name in UTF-8"));
    }
    names.sort();
    Ok(names)
}

fn equal(a: &[String], b: &[String]) -> &'static str {
    if a == b {
        "equal"
    } else {
        "different"
    }
}

fn describe(names: &[String]) -> io::Result<String> {
    let distinct: BTreeSet<&String> = names.iter().collect();
    let (mut files, mut bytes) = (0, 0);
    for name in &distinct {
        let metadata = fs::metadata(format!("{DIRECTORY}/{name}"))?;
        files += usize::from(metadata.is_file());
        bytes += metadata.len();
    }
    Ok(format!(
        "{} entries from {} to {}, {} twice, {files} files, {bytes} bytes",
        names.len(),
        names.first().map_or("nothing", String::as_str),
        names.last().map_or("nothing", String::as_str),
        names.len() - distinct.len()
    ))
}

//! summary = "what is appended lands at the end: over several opens, by two handles in turn, after a seek, after a rename"
//! clauses = ["path_open.append", "fd_write.append", "fd_seek.append", "path_open.creat-existing", "path_open.creat", "path_rename.moves"]
//! tree = { "app.log" = "1 boot\n" }
//! after = { "app.log.1" = "1 boot\n2 open\n3 open\n4 open\n5 left\n6 right\n7 left\n8 right\n9 after a seek\n10 after the rename\n", "app.log" = "11 new file\n" }
//! expect_stdout = "28 bytes, 4 lines\n58 bytes, 8 lines\nsecond line: 2 open\n73 bytes, 9 lines\nrotated: 93 bytes, 10 lines\nfresh: 12 bytes, 1 lines\nnumbers in order: true\n"

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

const LOG: &str = "/root/app.log";
const ROTATED: &str = "/root/app.log.1";

fn main() -> io::Result<()> {
    for number in 2..=4 {
        append(&mut open()?, number, "open")?;
    }
    println!("{}", describe(LOG)?);

    // Neither handle knows how far the other has come.
    let mut left = open()?;
    let mut right = open()?;
    append(&mut left, 5, "left")?;
    append(&mut right, 6, "right")?;
    append(&mut left, 7, "left")?;
    append(&mut right, 8, "right")?;
    drop(right);
    println!("{}", describe(LOG)?);

    // A handle that may also read: where it reads has no say in where it writes.
    let mut both = OpenOptions::new().read(true).append(true).open(LOG)?;
    both.seek(SeekFrom::Start(7))?;
    let mut second = [0; 6];
    both.read_exact(&mut second)?;
    println!("second line: {}", String::from_utf8_lossy(&second));
    append(&mut both, 9, "after a seek")?;
    println!("{}", describe(LOG)?);

    // A log is rotated under a handle that stays open; the handle follows the file, the name does not.
    fs::rename(LOG, ROTATED)?;
    append(&mut left, 10, "after the rename")?;
    append(&mut open()?, 11, "new file")?;
    println!("rotated: {}", describe(ROTATED)?);
    println!("fresh: {}", describe(LOG)?);

    let mut numbers = Vec::new();
    for path in [ROTATED, LOG] {
        for line in BufReader::new(File::open(path)?).lines() {
            let line = line?;
            let number = line.split(' ').next().and_then(|word| word.parse::<u32>().ok());
            numbers.push(number.unwrap_or(0));
        }
    }
    println!("numbers in order: {}", numbers.iter().copied().eq(1..=11));
    Ok(())
}

fn open() -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(LOG)
}

fn append(log: &mut File, number: u32, text: &str) -> io::Result<()> {
    log.write_all(format!("{number} {text}\n").as_bytes())
}

fn describe(path: &str) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let size = fs::metadata(path)?.len();
    assert_eq!(size, text.len() as u64, "size of {path}");
    Ok(format!("{size} bytes, {} lines", text.lines().count()))
}

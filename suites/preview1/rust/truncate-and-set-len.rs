//! summary = "files are emptied, shortened and grown; what was cut stays cut, what was added is zero"
//! clauses = ["path_open.opens", "path_open.trunc", "fd_filestat_set_size.shrinks", "fd_filestat_set_size.grows-with-zeros", "fd_filestat_set_size.keeps-offset", "fd_filestat_set_size.not-writable", "fd_write.gap-reads-as-zeros", "fd_read.at-end", "fd_seek.past-end", "fd_filestat_get.size"]
//! tree = { "notes" = "an old and rather long note\n", "data" = "0123456789", "sparse" = "" }
//! after = { "notes" = "new\n", "data" = "0123\u0000\u0000\u0000\u0000", "sparse" = "" }
//! expect_stdout = "overwritten: \"newold and rather long note\\n\"\ncreated anew: \"new\\n\"\nshortened: 4 bytes [48, 49, 50, 51], position 2\ngrown again: 8 bytes [48, 49, 50, 51, 0, 0, 0, 0], position 2\nleft alone: 8 bytes [48, 49, 50, 51, 0, 0, 0, 0], position 2\nbeyond the end: 0 bytes at 8\nwritten there: [48, 49, 0, 0, 0, 0, 0, 0, 120]\nset_len on a handle for reading: refused true, 8 bytes\nsparse: 1048577 bytes, the last are [0, 0, 0, 0, 0, 33]\nin the gap: all zero true\nemptied: 0 bytes\n"

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

fn main() -> io::Result<()> {
    // Without truncation the rest of the old text stays, with it nothing does.
    OpenOptions::new().write(true).open("/root/notes")?.write_all(b"new")?;
    println!("overwritten: {:?}", fs::read_to_string("/root/notes")?);
    File::create("/root/notes")?.write_all(b"new\n")?;
    println!("created anew: {:?}", fs::read_to_string("/root/notes")?);

    let mut data = OpenOptions::new().read(true).write(true).open("/root/data")?;
    data.seek(SeekFrom::Start(2))?;
    data.set_len(4)?;
    println!("shortened: {}", show(&mut data)?);
    data.set_len(8)?;
    println!("grown again: {}", show(&mut data)?);
    data.set_len(8)?;
    println!("left alone: {}", show(&mut data)?);

    // The handle stands beyond the end now: nothing to read there, and a write fills the gap with zeros.
    data.seek(SeekFrom::Start(8))?;
    data.set_len(2)?;
    let mut byte = [0];
    println!("beyond the end: {} bytes at {}", data.read(&mut byte)?, data.stream_position()?);
    data.write_all(b"x")?;
    println!("written there: {:?}", fs::read("/root/data")?);
    data.seek(SeekFrom::Start(0))?;
    data.write_all(b"0123")?;
    data.set_len(4)?;
    data.set_len(8)?;

    // A handle that may only read may not cut.
    let refused = File::open("/root/data")?.set_len(0).is_err();
    println!(
        "set_len on a handle for reading: refused {refused}, {} bytes",
        fs::metadata("/root/data")?.len()
    );

    // One byte a megabyte away: the size says so, and all that lies between reads as zero.
    let mut sparse = OpenOptions::new().read(true).write(true).open("/root/sparse")?;
    sparse.seek(SeekFrom::Start(1 << 20))?;
    sparse.write_all(b"!")?;
    sparse.seek(SeekFrom::Start((1 << 20) - 5))?;
    let mut tail = Vec::new();
    sparse.read_to_end(&mut tail)?;
    println!("sparse: {} bytes, the last are {tail:?}", sparse.metadata()?.len());
    let mut head = [1; 512];
    sparse.seek(SeekFrom::Start(1 << 19))?;
    sparse.read_exact(&mut head)?;
    println!("in the gap: all zero {}", head.iter().all(|byte| *byte == 0));
    sparse.set_len(0)?;
    println!("emptied: {} bytes", fs::metadata("/root/sparse")?.len());
    Ok(())
}

/// Size and content of the whole file, and where the handle stood before and stands again.
fn show(file: &mut File) -> io::Result<String> {
    let position = file.stream_position()?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(position))?;
    assert_eq!(file.metadata()?.len(), bytes.len() as u64, "size and content");
    Ok(format!("{} bytes {bytes:?}, position {position}", bytes.len()))
}

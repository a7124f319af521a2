//! summary = "bytes in the middle of a binary are replaced in place, and nothing before, behind or beyond them changes"
//! clauses = ["fd_seek.whence", "fd_seek.negative-result", "fd_seek.error-keeps-offset", "fd_seek.past-end", "fd_seek.never-grows", "fd_read.at-end", "fd_write.moves-offset"]
//! tree = { "firmware.bin" = { fill = "0123456789abcdef", times = 16 }, "tiny.bin" = "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007" }
//! after = { "tiny.bin" = "\u0000\u0001\u0002\u0003\u007f\u0005\u0006\u0007" }
//! expect_stdout = "256 bytes, checksum 3020ca81\nwrote 100..105\nwrote 125..129\nwrote 240..247\naround the first: 23PATCH9a\nbefore the start: Some((InvalidInput, Some(28)))\nstill here: NEXT at 129\nat the end, 256: 0 bytes\npast the end: 0 bytes\n256 bytes, checksum 19afafe7\nchanged: 100..105 125..129 240..247\ntiny: [0, 1, 2, 3, 127, 5, 6, 7]\n"

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

const FIRMWARE: &str = "/root/firmware.bin";

fn main() -> io::Result<()> {
    let original = fs::read(FIRMWARE)?;
    println!("{} bytes, checksum {:08x}", original.len(), checksum(&original));

    let mut file = OpenOptions::new().read(true).write(true).open(FIRMWARE)?;
    // At a fixed place, counted from the end, and relative to where the last write ended.
    let places = [
        (file.seek(SeekFrom::Start(100))?, write(&mut file, b"PATCH")?),
        (file.seek(SeekFrom::Current(20))?, write(&mut file, b"NEXT")?),
        (file.seek(SeekFrom::End(-16))?, write(&mut file, b"TRAILER")?),
    ];
    for (start, end) in places {
        println!("wrote {start}..{end}");
    }

    // The same handle sees what it wrote.
    file.seek(SeekFrom::Start(98))?;
    let mut around = [0; 9];
    file.read_exact(&mut around)?;
    println!("around the first: {}", String::from_utf8_lossy(&around));

    // A seek to before the start fails and leaves the handle where it was.
    file.seek(SeekFrom::Start(125))?;
    let refused = file.seek(SeekFrom::Current(-126)).err();
    println!("before the start: {:?}", refused.map(|error| (error.kind(), error.raw_os_error())));
    let mut here = [0; 4];
    file.read_exact(&mut here)?;
    println!("still here: {} at {}", String::from_utf8_lossy(&here), file.stream_position()?);

    // At the end there is nothing to read, and past it neither; to look there makes no file longer.
    let end = file.seek(SeekFrom::End(0))?;
    println!("at the end, {end}: {} bytes", file.read(&mut here)?);
    file.seek(SeekFrom::End(1000))?;
    println!("past the end: {} bytes", file.read(&mut here)?);
    drop(file);

    let patched = fs::read(FIRMWARE)?;
    println!("{} bytes, checksum {:08x}", patched.len(), checksum(&patched));
    println!("changed: {}", changed(&original, &patched));

    let mut tiny = OpenOptions::new().write(true).open("/root/tiny.bin")?;
    tiny.seek(SeekFrom::Start(4))?;
    write(&mut tiny, &[0x7f])?;
    println!("tiny: {:?}", fs::read("/root/tiny.bin")?);
    Ok(())
}

/// Writes, and says where the handle stands afterwards.
fn write(file: &mut File, bytes: &[u8]) -> io::Result<u64> {
    file.write_all(bytes)?;
    file.stream_position()
}

/// The ranges in which two files of one length differ.
fn changed(a: &[u8], b: &[u8]) -> String {
    assert_eq!(a.len(), b.len(), "a patch keeps the length");
    let mut ranges = Vec::new();
    let mut start = None;
    for index in 0..=a.len() {
        match (index < a.len() && a[index] != b[index], start) {
            (true, None) => start = Some(index),
            (false, Some(first)) => {
                ranges.push(format!("{first}..{index}"));
                start = None;
            }
            _ => {}
        }
    }
    ranges.join(" ")
}

/// Fletcher-like: it sees order as well as values.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

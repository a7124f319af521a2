//! summary = "a file of records is written, indexed, skipped through and updated in place with buffered readers and writers"
//! clauses = ["fd_seek.whence", "fd_read.moves-offset", "fd_read.at-end", "fd_write.moves-offset", "path_open.creat"]
//! after = { "people.db" = "people 14      \nADA           :    1000\nalan          :       1\nbarbara       :       2\ndennis        :       3\ndonald        :       4\nEDSGER        :    1005\nfrances       :       6\ngrace         :       7\njohn          :       8\nken           :       9\nleslie        :      10\nMARGARET      :    1011\nniklaus       :      12\ntony          :      13\n", "part" = "MARGARET      :    1011\nniklaus       :      12\n" }
//! expect_stdout = "304 bytes\nheader of 16 bytes: \"people 12      \\n\"\nfirst: ada 0\nthird: barbara 2\ntenth: ken 9\nsecond: alan 1 at 64\nlast: margaret 11\nand then: 0 bytes\nupdated ada 0 at 40\nupdated edsger 5 at 160\nupdated margaret 11 at 304\nthe reader sees ADA 1000\npeople 14\n14 records, sum 3091: ADA alan barbara dennis donald EDSGER frances grace john ken leslie MARGARET niklaus tony\ncopied 48 bytes: \"MARGARET      :    1011\\nniklaus       :      12\\n\"\n"

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

const FILE: &str = "/root/people.db";
const HEADER: u64 = 16;
const RECORD: u64 = 24;
const NAMES: [&str; 12] = [
    "ada", "alan", "barbara", "dennis", "donald", "edsger", "frances", "grace", "john", "ken",
    "leslie", "margaret",
];

fn main() -> io::Result<()> {
    create()?;
    println!("{} bytes", fs::metadata(FILE)?.len());

    let mut reader = BufReader::with_capacity(50, File::open(FILE)?);
    let mut header = String::new();
    println!("header of {} bytes: {:?}", reader.read_line(&mut header)?, header);
    println!("first: {}", read(&mut reader)?);
    // Within the buffer, beyond it and back again.
    reader.seek_relative(RECORD as i64)?;
    println!("third: {}", read(&mut reader)?);
    reader.seek_relative(6 * RECORD as i64)?;
    println!("tenth: {}", read(&mut reader)?);
    reader.seek_relative(-9 * RECORD as i64)?;
    println!("second: {} at {}", read(&mut reader)?, reader.stream_position()?);
    reader.seek(SeekFrom::End(-(RECORD as i64)))?;
    println!("last: {}", read(&mut reader)?);
    println!("and then: {} bytes", reader.read(&mut [0; 8])?);

    // One handle that reads a record, steps back and writes it anew.
    let mut file = OpenOptions::new().read(true).write(true).open(FILE)?;
    for index in [0, 5, 11] {
        file.seek(SeekFrom::Start(HEADER + index * RECORD))?;
        let record = read(&mut file)?;
        let name = record.split(' ').next().unwrap_or_default().to_uppercase();
        file.seek(SeekFrom::Current(-(RECORD as i64)))?;
        file.write_all(encode(&name, 1000 + index as u32).as_bytes())?;
        println!("updated {record} at {}", file.stream_position()?);
    }

    // A buffered writer that jumps: what it holds goes to the place where it was written.
    let mut writer = BufWriter::with_capacity(100, file);
    writer.seek(SeekFrom::End(0))?;
    writer.write_all(encode("niklaus", 12).as_bytes())?;
    writer.write_all(encode("tony", 13).as_bytes())?;
    writer.seek(SeekFrom::Start(0))?;
    writer.write_all(b"people 14")?;
    let mut file = writer.into_inner().expect("a buffer that can be written");

    // The reader had its buffer before all that; a seek that leaves it fetches the new bytes.
    reader.seek(SeekFrom::Start(HEADER))?;
    println!("the reader sees {}", read(&mut reader)?);

    file.seek(SeekFrom::Start(0))?;
    let mut all = BufReader::new(file);
    header.clear();
    all.read_line(&mut header)?;
    println!("{}", header.trim_end());
    let (mut names, mut sum) = (Vec::new(), 0);
    for line in all.lines() {
        let line = line?;
        let (name, number) = line.split_once(':').expect("a name and a number");
        names.push(name.trim_end().to_owned());
        sum += number.trim().parse::<u32>().expect("a number");
    }
    println!("{} records, sum {sum}: {}", names.len(), names.join(" "));

    let mut part = String::new();
    let mut from = File::open(FILE)?;
    from.seek(SeekFrom::Start(HEADER + 11 * RECORD))?;
    let copied = io::copy(&mut from.take(2 * RECORD), &mut File::create("/root/part")?)?;
    File::open("/root/part")?.read_to_string(&mut part)?;
    println!("copied {copied} bytes: {part:?}");
    Ok(())
}

fn create() -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(64, File::create(FILE)?);
    write!(writer, "{:<1$}", format!("people {}", NAMES.len()), HEADER as usize - 1)?;
    writer.write_all(b"\n")?;
    for (number, name) in (0..).zip(NAMES) {
        writer.write_all(encode(name, number).as_bytes())?;
    }
    writer.flush()
}

fn encode(name: &str, number: u32) -> String {
    format!("{name:<14}:{number:>8}\n")
}

fn read(from: &mut impl Read) -> io::Result<String> {
    let mut record = [0; RECORD as usize];
    from.read_exact(&mut record)?;
    let record = String::from_utf8_lossy(&record).into_owned();
    let (name, number) = record.split_once(':').expect("a name and a number");
    Ok(format!("{} {}", name.trim_end(), number.trim()))
}

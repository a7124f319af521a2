//! summary = "20,000 lines are generated, sorted in runs, merged through temporary files and verified"
//! clauses = ["path_open.creat", "fd_write.moves-offset", "fd_read.moves-offset", "fd_read.at-end", "path_filestat_get.attributes", "path_unlink_file.removes"]
//! after = { "run-0" = false, "run-1" = false, "run-2" = false, "run-3" = false, "run-4" = false, "tail" = "fff81bc66c099a63 16200\nfffb74a4f96f4422 10614\nfffba2e117901eb3 6965" }
//! expect_stdout = "unsorted: 20000 lines, 448890 bytes, sum 199990000, not in order, hash d72ea410f3a73b7d\n5 runs\nsorted: 20000 lines, 448890 bytes, sum 199990000, in order, hash dbbfff40b437c179\nsame lines: true\n0: 00053939c7c4d4ff 7052 (0 smaller)\n9999: 7fae82a4422fb58a 5895 (9999 smaller)\n19999: fffba2e117901eb3 6965 (19999 smaller)\n"

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Lines, Write};

const LINES: u32 = 20_000;
const LINES_PER_RUN: usize = 4_096;

fn main() -> io::Result<()> {
    let unsorted = "/root/unsorted";
    let sorted = "/root/sorted";

    generate(unsorted)?;
    let before = examine(unsorted)?;
    println!("unsorted: {before}");

    let runs = split(unsorted)?;
    println!("{} runs", runs.len());
    merge(&runs, sorted)?;
    for run in &runs {
        fs::remove_file(run)?;
    }

    let after = examine(sorted)?;
    println!("sorted: {after}");
    println!(
        "same lines: {}",
        before.lines == after.lines && before.sum == after.sum && before.bytes == after.bytes
    );

    // Where a line ends up is known without sorting: as many lines are smaller as stand before it.
    let lines = fs::read_to_string(sorted)?;
    let lines: Vec<&str> = lines.lines().collect();
    let unsorted_text = fs::read_to_string(unsorted)?;
    for index in [0, 9_999, 19_999] {
        let smaller = unsorted_text.lines().filter(|line| *line < lines[index]).count();
        println!("{index}: {} ({smaller} smaller)", lines[index]);
    }
    fs::write("/root/tail", lines[lines.len() - 3..].join("\n"))
}

fn generate(path: &str) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for number in 0..LINES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        writeln!(file, "{:016x} {number}", state)?;
    }
    file.flush()
}

struct Examined {
    lines: usize,
    bytes: u64,
    /// The sum of all numbers that stand behind the keys: it does not depend on the order.
    sum: u64,
    in_order: bool,
    /// FNV-1a over the whole file: it does.
    hash: u64,
}

impl std::fmt::Display for Examined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let order = if self.in_order { "in order" } else { "not in order" };
        write!(
            f,
            "{} lines, {} bytes, sum {}, {order}, hash {:016x}",
            self.lines, self.bytes, self.sum, self.hash
        )
    }
}

fn examine(path: &str) -> io::Result<Examined> {
    let bytes = fs::metadata(path)?.len();
    let mut examined =
        Examined { lines: 0, bytes, sum: 0, in_order: true, hash: 0xcbf2_9ce4_8422_2325 };
    let mut file = BufReader::new(File::open(path)?);
    let (mut line, mut previous) = (String::new(), String::new());
    while file.read_line(&mut line)? > 0 {
        examined.lines += 1;
        examined.in_order &= previous <= line;
        for byte in line.bytes() {
            examined.hash = (examined.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let number = line.trim_end().split(' ').nth(1).and_then(|word| word.parse::<u64>().ok());
        examined.sum += number.expect("a number in every line");
        std::mem::swap(&mut previous, &mut line);
        line.clear();
    }
    Ok(examined)
}

/// Sorts as many lines as fit "into memory" at a time, each run into a file of its own.
fn split(path: &str) -> io::Result<Vec<String>> {
    let mut runs = Vec::new();
    let mut lines = BufReader::new(File::open(path)?).lines();
    loop {
        let mut run = lines.by_ref().take(LINES_PER_RUN).collect::<io::Result<Vec<String>>>()?;
        if run.is_empty() {
            return Ok(runs);
        }
        run.sort_unstable();
        let path = format!("/root/run-{}", runs.len());
        let mut file = BufWriter::new(File::create(&path)?);
        for line in run {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
        runs.push(path);
    }
}

/// Reads all runs side by side and always takes the smallest line.
fn merge(runs: &[String], path: &str) -> io::Result<()> {
    let mut sources = Vec::new();
    for run in runs {
        sources.push(BufReader::new(File::open(run)?).lines());
    }
    let mut heads = BinaryHeap::new();
    for index in 0..sources.len() {
        next(&mut sources, index, &mut heads)?;
    }
    let mut file = BufWriter::new(File::create(path)?);
    while let Some(Reverse((line, index))) = heads.pop() {
        writeln!(file, "{line}")?;
        next(&mut sources, index, &mut heads)?;
    }
    file.flush()
}

fn next(
    sources: &mut [Lines<BufReader<File>>],
    index: usize,
    heads: &mut BinaryHeap<Reverse<(String, usize)>>,
) -> io::Result<()> {
    if let Some(line) = sources[index].next() {
        heads.push(Reverse((line?, index)));
    }
    Ok(())
}

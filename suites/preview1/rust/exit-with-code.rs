//! summary = "a checker flushes its report, then ends at once with code 42"
//! clauses = ["proc_exit.code-reaches-host", "proc_exit.never-returns", "stdio.output-in-order"]
//! tree = { "input.txt" = "good\nbad line\nalso good\nbad again\n" }
//! stdout = "file"
//! exit = 42
//! after = { "report.txt" = "input.txt:2: bad line\ninput.txt:4: bad again\n2 problems in 4 lines\n", "cleaned-up" = false, "input.txt" = "good\nbad line\nalso good\nbad again\n" }
//! expect_stdout = "input.txt:2: bad line\ninput.txt:4: bad again\n2 problems in 4 lines\nexit 42, no newline behind this"

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::process;

/// What must not happen: `process::exit` runs no destructors.
struct CleanUp;

impl Drop for CleanUp {
    fn drop(&mut self) {
        fs::write("/root/cleaned-up", "").expect("a file that can be written");
    }
}

fn main() -> io::Result<()> {
    let _clean_up = CleanUp;
    let text = fs::read_to_string("/root/input.txt")?;
    let mut report = BufWriter::new(File::create("/root/report.txt")?);

    let (mut problems, mut lines) = (0, 0);
    for line in text.lines() {
        lines += 1;
        if line.starts_with("bad") {
            problems += 1;
            writeln!(report, "input.txt:{lines}: {line}")?;
        }
    }
    writeln!(report, "{problems} problems in {lines} lines")?;
    // Nobody else would: the writer is never dropped.
    report.flush()?;

    let mut out = io::stdout();
    out.write_all(fs::read_to_string("/root/report.txt")?.as_bytes())?;
    if problems > 0 {
        write!(out, "exit 42, no newline behind this")?;
        out.flush()?;
        process::exit(42);
    }
    println!("no problems");
    Ok(())
}

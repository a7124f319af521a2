//! The table in README.md, between two marks. It has ratios only: times would be those of one machine.

use crate::calls::table;
use crate::figures::short;
use crate::own;
use crate::report::Report;

/// What the table stands between.
pub const BEGIN: &str = "<!-- bench:begin -->\n";
pub const END: &str = "<!-- bench:end -->";

/// The runtimes of the table.
pub const RUNTIMES: [&str; 3] = ["wasmtime", "wasmi", "wasmer"];

/// What is shown of the calls; `cargo xtask bench` shows all.
const SHOWN: [&str; 16] = [
    "fd_write 1 B",
    "fd_write 4 KiB, 16 iovecs",
    "fd_write 1 MiB",
    "fd_read 1 B",
    "fd_read 4 KiB",
    "fd_seek",
    "fd_filestat_get",
    "path_open and fd_close, depth 1",
    "path_open and fd_close, depth 16",
    "path_filestat_get",
    "path_rename",
    "fd_readdir, 100 entries",
    "fd_readdir, 10,000 entries",
    "clock_time_get",
    "random_get 64 KiB",
    "instance, first call",
];

/// README.md with the figures of a report.
///
/// # Errors
///
/// If the marks are not there, each once and in order, or the report lacks something that is shown.
pub fn renewed(text: &str, report: &Report) -> Result<String, String> {
    let (before, _, after) = divided(text)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", block(report)?))
}

/// What stands before the marks, between them, and behind.
fn divided(text: &str) -> Result<(&str, &str, &str), String> {
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no line `<!-- bench:begin -->`: put it back where the table was")?;
    let (block, after) = rest.split_once(END).ok_or("README.md has no line `<!-- bench:end -->` behind the table: put it back")?;
    if after.contains(BEGIN) {
        return Err("README.md has two tables: leave one".to_owned());
    }
    Ok((before, block, after))
}

fn block(report: &Report) -> Result<String, String> {
    let mut out = format!("| times `linux` | {} |\n|---|{}\n", RUNTIMES.join(" | "), "---:|".repeat(RUNTIMES.len()));
    for name in SHOWN {
        let line = report.calls.iter().find(|line| line.name == name).ok_or_else(|| format!("{name} was not measured"))?;
        let ratio = |runtime: &&str| Some(short(line.runtimes.get(*runtime)?.ratio?.median));
        let ratios: Option<Vec<String>> = RUNTIMES.iter().map(ratio).collect();
        out += &format!("| `{name}` | {} |\n", ratios.ok_or_else(|| format!("{name} has no ratio for every runtime"))?.join(" | "));
    }
    out += "\n| Touchstone itself | ratio | |\n|---|---:|---|\n";
    for figure in &report.own {
        if let Some(ratio) = figure.ratio {
            out += &format!("| {} | {} | {} |\n", figure.name, short(ratio), figure.than);
        }
    }
    Ok(out)
}

/// What is wrong with the table in README.md: benchmarks that do not exist, cells that are no numbers. The figures are not looked at.
pub fn mistakes(text: &str) -> Vec<String> {
    let block = match divided(text) {
        Ok((_, block, _)) => block,
        Err(wrong) => return vec![wrong],
    };
    let (calls, rest) = block.split_once("\n\n").unwrap_or((block, ""));
    let rows = |part: &str| part.lines().skip(2).map(cells).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for row in rows(calls) {
        let name = row.first().map_or("", String::as_str).trim_matches('`').to_owned();
        let known = table::named(&name).is_some();
        wrong.extend((!known).then(|| format!("there is no benchmark {name}")));
        wrong.extend(
            (row.len() != RUNTIMES.len() + 1 || !row[1..].iter().all(|cell| is_number(cell)))
                .then(|| format!("{name}: the ratios are none")),
        );
    }
    for row in rows(rest) {
        let name = row.first().cloned().unwrap_or_default();
        wrong.extend((!own::names().contains(&name)).then(|| format!("nothing of Touchstone's own is called {name}")));
        wrong.extend((row.len() != 3 || !is_number(&row[1])).then(|| format!("{name}: the ratio is none")));
    }
    wrong.extend((rows(calls).is_empty() || rows(rest).is_empty()).then(|| "a table is empty".to_owned()));
    wrong
}

fn cells(row: &str) -> Vec<String> {
    row.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn is_number(cell: &str) -> bool {
    cell.replace(',', "").parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "text\n<!-- bench:begin -->\n| times `linux` | wasmtime | wasmi | wasmer |\n|---|---:|---:|---:|\n\
        | `fd_seek` | 1.1 | 1,200 | 0.05 |\n\n| Touchstone itself | ratio | |\n|---|---:|---|\n| suite, 2 jobs | 1.7 | times 1 job |\n\
        <!-- bench:end -->\nmore";

    #[test]
    fn a_good_block_has_no_mistakes() {
        assert_eq!(mistakes(GOOD), [""; 0]);
    }

    #[test]
    fn what_does_not_exist_and_what_is_no_number_is_found() {
        assert_eq!(mistakes(&GOOD.replace("fd_seek", "fd_sick")), ["there is no benchmark fd_sick"]);
        assert_eq!(mistakes(&GOOD.replace("1,200", "many")), ["fd_seek: the ratios are none"]);
        assert_eq!(mistakes(&GOOD.replace("suite, 2 jobs", "haste")), ["nothing of Touchstone's own is called haste"]);
        assert!(mistakes(&GOOD.replace(END, ""))[0].contains("bench:end"));
        assert_eq!(mistakes("<!-- bench:begin -->\n<!-- bench:end -->"), ["a table is empty"]);
    }

    #[test]
    fn what_is_shown_exists() {
        let unknown: Vec<&str> = SHOWN.into_iter().filter(|name| table::named(name).is_none()).collect();
        assert_eq!(unknown, [""; 0]);
    }
}

//! What came of a run, for machines: `bench.json`. Ratios are what counts; times are those of one machine at one moment.

use std::collections::BTreeMap;

use serde::Serialize;
use touchstone_runtimes::runtimes;

use crate::calls::batch::Batch;
use crate::calls::rounds::{Cell, Row};
use crate::figures::{Spread, ratios};
use crate::own::Figure;

/// What a reader of the numbers has to know, in the report and behind the table.
pub const NOTES: [&str; 10] = [
    "linux is the same call made natively, without a sandbox; instances are compared with a process that starts and exits",
    "the loop of the guest is part of what is measured: some nanoseconds compiled, some more interpreted",
    "the file system is a tmpfs where there is one: what a disk costs is not measured, nor is what is synced to it",
    "wasmtime: the synchronous preview 1 with blocking calls on the guest's own thread, as its command line has it; \
     of several buffers it takes one at a time",
    "wasmer: its file system does I/O on a thread of tokio's, to which each call is handed over; \
     it has one such thread here, and Singlepass as its compiler",
    "wasmer tells a guest that something is written before it is: the last write of a batch may still go on when the clock stops",
    "wasmi: an interpreter; its WASI is wasi-common, in its synchronous form, whose fd_read fills one of several buffers at a time",
    "no runtime has a cache of its own switched on, and none is given more than one thread of a guest; \
     compilation is no part of a call's ratio",
    "the suite is run on wasmtime, and with --quick a quarter of it; a random script costs what its world costs as well",
    "processes are not kept to one core, and nothing else is done to quieten the machine",
];

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub schema: u32,
    pub quick: bool,
    /// Whether everything that was asked for was measured.
    pub complete: bool,
    pub rounds: u32,
    pub host: Host,
    /// Version and WASI of each runtime.
    pub versions: BTreeMap<String, String>,
    /// In the order of the table.
    pub calls: Vec<Line>,
    pub own: Vec<Figure>,
    /// What did not happen although it was measured, with the name of the benchmark and of the runtime.
    pub wrong: Vec<String>,
    pub notes: [&'static str; NOTES.len()],
    pub seconds: f64,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct Host {
    pub architecture: &'static str,
    pub kernel: String,
    pub cores: usize,
}

impl Host {
    /// This one.
    pub fn here() -> Host {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        Host { architecture: std::env::consts::ARCH, kernel, cores: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// A benchmark under a profile.
#[derive(Debug, Serialize)]
pub struct Line {
    pub name: String,
    pub group: &'static str,
    pub what: &'static str,
    pub profile: &'static str,
    /// Nanoseconds of an iteration, natively.
    pub linux_nanoseconds: Option<Spread>,
    pub runtimes: BTreeMap<String, Of>,
}

/// What a runtime did at it.
#[derive(Debug, Serialize)]
pub struct Of {
    /// To what the native calls took in the same round.
    pub ratio: Option<Spread>,
    /// Of an iteration.
    pub nanoseconds: Option<Spread>,
    /// Calls of WASI that an iteration took. More than the benchmark has: the runtime did less at once.
    pub calls: Option<f64>,
    pub iterations: Option<u32>,
    pub rounds: usize,
    /// The divergence file by which it would never end.
    pub hangs: Option<&'static str>,
    pub wrong: Option<String>,
}

impl Line {
    /// The figures of a row.
    pub fn new(row: &Row) -> Line {
        let (floor, others) = row.cells.split_first().map_or((&[][..], &[][..]), |(floor, others)| (std::slice::from_ref(floor), others));
        let base = floor.first().map(times).unwrap_or_default();
        Line {
            name: row.name(),
            group: row.benchmark.group.name(),
            what: row.benchmark.what,
            profile: row.profile.name(),
            linux_nanoseconds: Spread::of(base.iter().copied()),
            runtimes: others.iter().map(|cell| (cell.runtime.clone(), Of::new(cell, &base))).collect(),
        }
    }
}

impl Of {
    fn new(cell: &Cell, base: &[f64]) -> Of {
        let times = times(cell);
        let last = cell.batches.last();
        Of {
            ratio: ratios(&times, base),
            nanoseconds: Spread::of(times.iter().copied()),
            calls: last.map(|batch| batch.calls as f64 / f64::from(batch.iterations.max(1))),
            iterations: last.map(|batch| batch.iterations),
            rounds: times.len(),
            hangs: cell.hangs,
            wrong: cell.wrong.clone(),
        }
    }
}

fn times(cell: &Cell) -> Vec<f64> {
    cell.batches.iter().map(Batch::each).collect()
}

/// What went wrong, each with its benchmark and its runtime.
pub fn wrong(rows: &[Row]) -> Vec<String> {
    let of_row = |row: &Row| -> Vec<String> {
        let name = row.name();
        row.cells.iter().filter_map(|cell| Some(format!("{name} on {}: {}", cell.runtime, cell.wrong.as_ref()?))).collect()
    };
    rows.iter().flat_map(of_row).collect()
}

/// The versions of these runtimes.
pub fn versions(names: &[String]) -> BTreeMap<String, String> {
    let known = runtimes().iter().filter(|entry| names.iter().any(|name| name == entry.name));
    known.map(|entry| (entry.name.to_owned(), format!("{} ({})", entry.version(), entry.wasi()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::{rounds, table};

    /// A benchmark with these times of an iteration, for linux, one runtime that measured all rounds, and one that failed at the second.
    fn row() -> Row {
        let names = ["linux", "good", "bad"].map(str::to_owned);
        let mut row = rounds::rows(&[table::named("fd_tell").expect("it is there")], &names).remove(0);
        for (cell, times) in row.cells.iter_mut().zip([&[100, 1000, 100][..], &[300, 3000, 200], &[500]]) {
            cell.batches = times.iter().map(|time| Batch { nanoseconds: time * 10, iterations: 10, calls: 20 }).collect();
        }
        row.cells[2].wrong = Some("nothing happened".to_owned());
        row
    }

    #[test]
    fn a_line_has_times_ratios_and_calls() {
        let line = Line::new(&row());
        assert_eq!(line.linux_nanoseconds.map(|spread| spread.median), Some(100.0));
        let of = |name: &str| &line.runtimes[name];
        assert_eq!(of("good").ratio.map(|spread| (spread.lower_quartile, spread.median)), Some((2.5, 3.0)));
        assert_eq!((of("good").calls, of("good").iterations, of("good").rounds), (Some(2.0), Some(10), 3));
        assert_eq!((of("bad").ratio.map(|spread| spread.median), of("bad").rounds), (Some(5.0), 1));
        assert!(!line.runtimes.contains_key("linux"));
    }

    #[test]
    fn what_went_wrong_has_both_names() {
        assert_eq!(wrong(&[row()]), ["fd_tell on bad: nothing happened"]);
    }

    #[test]
    fn a_line_is_json_in_the_order_of_its_fields() {
        let text = serde_json::to_string(&Line::new(&row())).expect("JSON");
        assert!(text.starts_with(r#"{"name":"fd_tell","group":"descriptors","what":"#), "{text}");
        assert!(text.contains(r#""good":{"ratio":{"median":3.0,"#), "{text}");
    }
}

//! Whether what was measured really happened.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use touchstone_runtimes::Live;
use touchstone_spec::consts::event;

use super::batch::{arguments, environment};
use super::benchmark::Check;
use super::guest::USERDATA;
use super::layout::{BUFFER, FILL, NUMBER, OUT, POINTERS, SUM};
use super::tree::{FILE, content, numbered};

/// How long a runtime may take to write what a guest has written, and to close what it has closed: some do so on a thread of their own.
const GRACE: Duration = Duration::from_secs(2);

/// What is left of a batch.
pub(crate) struct Seen<'a> {
    pub live: &'a mut dyn Live,
    /// The preopen on the host.
    pub folder: &'a Path,
    /// The number of the first timed iteration, and how many there were. Those before it were made as well.
    pub first: u32,
    pub count: u32,
    /// Nanoseconds since 1970, before and after the timed iterations.
    pub between: [u64; 2],
    /// Descriptors of this process that were open before the timed iterations.
    pub open_before: usize,
}

impl Seen<'_> {
    /// What is wrong, if something is.
    pub(crate) fn check(&mut self, check: Check) -> Result<(), String> {
        match check {
            Check::Each(each) => self.sum(each.wrapping_mul(self.count.into())),
            Check::Counts => self.sum((self.first..self.first + self.count).map(|index| u64::from(index) + 1).sum()),
            Check::Read(bytes) => self.read_from_file(bytes),
            Check::Written(bytes) => patiently(|| self.written(bytes)),
            Check::Made(prefix) => self.made(prefix),
            Check::Gone(prefix) => self.gone(prefix),
            Check::Opened => self.opened(),
            Check::Clock => self.clock(),
            Check::Random(bytes) => self.random(bytes),
            Check::Arguments => self.strings(&arguments()),
            Check::Environment => self.strings(&environment()),
            Check::Event => self.event(),
            // each run is looked at where it is made
            Check::Ended | Check::Nothing(_) => Ok(()),
        }
    }

    fn memory(&mut self, address: u32, bytes: usize) -> Result<Vec<u8>, String> {
        let mut out = vec![0; bytes];
        self.live.read(address, &mut out).map_err(|error| format!("the guest's memory cannot be read: {error:#}"))?;
        Ok(out)
    }

    fn number(&mut self, address: u32) -> Result<u64, String> {
        Ok(self.memory(address, 8)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn sum(&mut self, wanted: u64) -> Result<(), String> {
        let sum = self.number(SUM)?;
        same(sum, wanted, "the results add up to")
    }

    /// Iterations up to the last timed one.
    fn all(&self) -> u32 {
        self.first + self.count
    }

    fn read_from_file(&mut self, bytes: u32) -> Result<(), String> {
        let from = u64::from(self.all() - 1) * u64::from(bytes);
        let read = self.memory(BUFFER, bytes as usize)?;
        (read == content(from, bytes.into())).then_some(()).ok_or_else(|| format!("the buffer is not what the file has at {from}"))
    }

    fn written(&self, bytes: u32) -> Result<(), String> {
        let file = fs::read(self.folder.join(FILE)).map_err(|error| format!("the file cannot be read: {error}"))?;
        same(file.len() as u64, u64::from(bytes) * u64::from(self.all()), "the length of the file is")?;
        file.iter().all(|byte| *byte == FILL).then_some(()).ok_or_else(|| "the file has other bytes than were written".to_owned())
    }

    /// Files of this prefix.
    fn files(&self, prefix: &str) -> Result<u64, String> {
        let entries = fs::read_dir(self.folder).map_err(|error| format!("the folder cannot be listed: {error}"))?;
        Ok(entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).count() as u64)
    }

    fn made(&self, prefix: &str) -> Result<(), String> {
        same(self.files(prefix)?, self.all().into(), "the number of new files is")?;
        let missing =
            (0..self.all()).map(|index| numbered(&format!("{prefix}{NUMBER}"), index)).find(|name| !self.folder.join(name).exists());
        missing.map_or(Ok(()), |name| Err(format!("there is no file {name}")))
    }

    fn gone(&self, prefix: &str) -> Result<(), String> {
        same(self.files(prefix)?, 0, "the number of old files is")
    }

    fn opened(&mut self) -> Result<(), String> {
        let number = self.memory(OUT, 4)?;
        if number == [FILL; 4] {
            return Err("no descriptor was given".to_owned());
        }
        let token = self.memory(BUFFER, 8)?;
        if token != content(0, 8) {
            return Err("what opens is not the file".to_owned());
        }
        patiently(|| match open_descriptors().saturating_sub(self.open_before) {
            0 => Ok(()),
            more => Err(format!("{more} descriptors are still open")),
        })
    }

    fn clock(&mut self) -> Result<(), String> {
        let time = self.number(OUT)?;
        let [before, after] = self.between;
        (before <= time && time <= after).then_some(()).ok_or_else(|| format!("the time is {time}, and it was {before} to {after}"))
    }

    fn random(&mut self, bytes: u32) -> Result<(), String> {
        let buffer = self.memory(BUFFER, bytes as usize)?;
        let filled = buffer.chunks(16).all(|chunk| chunk.iter().any(|byte| *byte != FILL) && chunk.iter().any(|byte| *byte != 0));
        if !filled {
            return Err("bytes are not random".to_owned());
        }
        let last = buffer.iter().take(8).rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        let sum = self.number(SUM)?;
        // a single iteration has nothing to be compared with
        let repeats = self.count > 1 && sum == last.wrapping_mul(self.count.into());
        if repeats { Err("the same bytes came each time".to_owned()) } else { Ok(()) }
    }

    fn strings(&mut self, strings: &[String]) -> Result<(), String> {
        let wanted: Vec<u8> = strings.iter().flat_map(|text| [text.as_bytes(), &[0]].concat()).collect();
        if self.memory(BUFFER, wanted.len())? != wanted {
            return Err("the strings are others".to_owned());
        }
        let mut address = BUFFER;
        for (index, text) in (0..).zip(strings) {
            let pointer = self.memory(POINTERS + 4 * index, 4)?;
            if pointer != address.to_le_bytes() {
                return Err(format!("pointer {index} is wrong"));
            }
            address += text.len() as u32 + 1;
        }
        Ok(())
    }

    fn event(&mut self) -> Result<(), String> {
        let event = self.memory(OUT + 64, event::BYTES)?;
        let (userdata, error, ty) = (&event[..8], &event[event::ERROR..event::ERROR + 2], event[event::TYPE]);
        let is_clock = userdata == USERDATA.to_le_bytes() && error == [0, 0] && ty == 0;
        is_clock.then_some(()).ok_or_else(|| "the event is not that of the clock".to_owned())
    }
}

/// Looks again and again, for as long as a runtime may take.
fn patiently(look: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match look() {
            Err(_) if start.elapsed() < GRACE => std::thread::sleep(Duration::from_millis(1)),
            seen => return seen,
        }
    }
}

fn same(is: u64, wanted: u64, what: &str) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what} {is} and should be {wanted}")) }
}

/// Descriptors that this process has open.
pub fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

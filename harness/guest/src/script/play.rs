//! A script without wasm: its calls go straight to somebody who answers them.
//!
//! This is what the straight-line module of the same program would do, call by call; a test in `harness/cli/tests/cli`
//! holds the two against each other.

use touchstone_model::bounds;
use touchstone_model::capture::{GuestMemory, output_addresses};
use touchstone_model::trace::TraceCall;
use touchstone_oracle::Answer;
use touchstone_spec::Function;
use touchstone_spec::consts::{fdstat, filetype};

use super::own_trace::operands;
use super::program::{END_OF_FDS, PAGE_BYTES, Program, Search};

/// Somebody who answers WASI calls.
pub trait Wasi {
    /// Answers a call, whose outcome is not filled in.
    fn answer(&mut self, call: &TraceCall) -> Answer;

    /// Does to the guest's memory, once the results of a call are there, what it does besides: nothing, unless it is wrong.
    fn afterwards(&mut self, _memory: &mut [u8]) {}
}

/// How a script that was played came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayedEnd {
    /// After its last call.
    Returned,
    /// In `proc_exit`.
    Exited(u32),
    /// In a call that stopped it, or on the way to one, where it looked outside its memory.
    Trapped,
    /// In a call that waits for what never comes.
    Waits,
}

/// Plays programs one after the other, always in the same memory.
#[derive(Debug, Default)]
pub struct Player {
    memory: Vec<u8>,
    calls: Vec<TraceCall>,
}

/// The guest goes no further.
struct Ended(PlayedEnd);

impl Player {
    /// The calls of the last program, in order, those with which it looked for its preopens included.
    pub fn calls(&self) -> &[TraceCall] {
        &self.calls
    }

    /// Makes the calls of a program.
    pub fn play(&mut self, program: &Program, wasi: &mut impl Wasi) -> PlayedEnd {
        self.start(program);
        match self.run(program, wasi) {
            Ok(()) => PlayedEnd::Returned,
            Err(Ended(end)) => end,
        }
    }

    fn start(&mut self, program: &Program) {
        self.calls.clear();
        self.memory.clear();
        self.memory.resize(program.pages as usize * PAGE_BYTES as usize, 0);
        for data in &program.data {
            self.put(data.address.into(), &data.bytes);
        }
    }

    fn run(&mut self, program: &Program, wasi: &mut impl Wasi) -> Result<(), Ended> {
        for search in &program.searches {
            let found = self.search(search, wasi)?;
            self.put(search.slot.into(), &found.to_le_bytes());
        }
        for search in &program.sockets {
            let found = self.search_socket(search.index, wasi)?;
            self.put(search.slot.into(), &found.to_le_bytes());
        }
        for call in &program.calls {
            let args = operands(GuestMemory(&self.memory), &call.args).ok_or(Ended(PlayedEnd::Trapped))?;
            let errno = self.call(call.function, args, wasi)?;
            self.put(call.errno_slot.into(), &errno.to_le_bytes());
        }
        Ok(())
    }

    /// The fd of the preopen of that name; `u32::MAX` if there is none.
    fn search(&mut self, search: &Search, wasi: &mut impl Wasi) -> Result<u32, Ended> {
        const PRESTAT: u64 = 0;
        const NAME: u64 = 16;
        let len = search.guest.len() as u64;
        for fd in 3..3 + bounds::PREOPEN_SEARCH_FDS {
            let errno = self.call(Function::FdPrestatGet, vec![fd.into(), PRESTAT], wasi)?;
            if errno == u32::from(END_OF_FDS.raw()) {
                break;
            }
            let named = errno == 0
                && GuestMemory(&self.memory).u32(PRESTAT + 4).map(u64::from) == Some(len)
                && self.call(Function::FdPrestatDirName, vec![fd.into(), NAME, len], wasi)? == 0
                && GuestMemory(&self.memory).bytes(NAME, len) == Some(search.guest.as_bytes());
            if named {
                return Ok(fd);
            }
        }
        Ok(u32::MAX)
    }

    /// The fd of the socket before which so many others come; `u32::MAX` if there is none.
    fn search_socket(&mut self, before: u32, wasi: &mut impl Wasi) -> Result<u32, Ended> {
        const FDSTAT: u64 = 0;
        let mut left = before;
        for fd in 3..3 + bounds::PREOPEN_SEARCH_FDS {
            let errno = self.call(Function::FdFdstatGet, vec![fd.into(), FDSTAT], wasi)?;
            if errno == u32::from(END_OF_FDS.raw()) {
                break;
            }
            let is_socket =
                errno == 0 && GuestMemory(&self.memory).number(FDSTAT + fdstat::FS_FILETYPE as u64, 1) == Some(filetype::SOCKET_STREAM);
            match (is_socket, left) {
                (true, 0) => return Ok(fd),
                (true, _) => left -= 1,
                (false, _) => {}
            }
        }
        Ok(u32::MAX)
    }

    /// Makes one call and gives its errno.
    fn call(&mut self, function: Function, args: Vec<u64>, wasi: &mut impl Wasi) -> Result<u32, Ended> {
        let inputs = GuestMemory(&self.memory).inputs(function, &args);
        let mut call = TraceCall { function, memory_bytes: self.memory.len() as u64, args, inputs, outcome: None };
        let mut outcome = match wasi.answer(&call) {
            Answer::Returns(outcome) => outcome,
            stopped => {
                self.calls.push(call);
                return Err(Ended(match stopped {
                    Answer::Exits(code) => PlayedEnd::Exited(code),
                    Answer::Waits => PlayedEnd::Waits,
                    Answer::Traps | Answer::Returns(_) => PlayedEnd::Trapped,
                }));
            }
        };
        let addresses = output_addresses(function, &call.args, call.inputs.first());
        for (address, output) in addresses.into_iter().zip(&outcome.outputs) {
            self.put(address, output.kept());
        }
        if outcome.errno == 0 {
            // a trace has what the guest finds, also behind the end of what was put into a buffer
            let strings = match outcome.outputs.as_slice() {
                [pointers, data] => (pointers.len / 4, data.len),
                _ => (0, 0),
            };
            outcome.outputs = GuestMemory(&self.memory).outputs(function, &call.args, call.inputs.first(), strings);
        }
        wasi.afterwards(&mut self.memory);
        let errno = outcome.errno;
        call.outcome = Some(outcome);
        self.calls.push(call);
        Ok(errno)
    }

    /// Writes into the guest's memory; what lies outside is left out.
    fn put(&mut self, address: u64, bytes: &[u8]) {
        let place = usize::try_from(address).ok().and_then(|start| self.memory.get_mut(start..start.checked_add(bytes.len())?));
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }
}

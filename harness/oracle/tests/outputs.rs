//! What may come of a write to a standard output that is out of the ordinary.

use touchstone_model::bounds::PIPE_BYTES;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{Stdout, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::consts::fdflags;
use touchstone_spec::{Errno, Function};

const STDOUT: u64 = 1;

struct Guest(Checker);

impl Guest {
    fn new(stdout: Stdout) -> Guest {
        Guest(Checker::new(&World { stdout, ..World::default() }, Host::LINUX))
    }

    /// A guest whose standard output has nonblock.
    fn nonblock(stdout: Stdout) -> Guest {
        let mut guest = Guest::new(stdout);
        let args = vec![STDOUT, fdflags::NONBLOCK];
        assert_eq!(guest.says(Function::FdFdstatSetFlags, args, Vec::new(), Ok(Vec::new())), Said::Accepted);
        guest
    }

    fn says(&mut self, function: Function, args: Vec<u64>, inputs: Vec<Capture>, answer: Result<Vec<Capture>, Errno>) -> Said {
        let outcome = match answer {
            Ok(outputs) => Outcome { errno: 0, outputs },
            Err(errno) => Outcome { errno: errno.raw().into(), outputs: Vec::new() },
        };
        let call = TraceCall { function, memory_bytes: 1 << 20, args, inputs, outcome: Some(outcome) };
        self.0.call(&call).expect("few states")
    }

    /// What the oracle says of a write of one buffer of this length, by which so many bytes were written.
    fn write(&mut self, len: u32, answer: Result<u32, Errno>) -> Said {
        let buffer = [0x100_u32.to_le_bytes(), len.to_le_bytes()].concat();
        let inputs = vec![capture(&buffer), capture(&vec![b'.'; len as usize])];
        self.says(Function::FdWrite, vec![STDOUT, 0x10, 1, 0x18], inputs, answer.map(|count| vec![capture(&count.to_le_bytes())]))
    }
}

fn capture(bytes: &[u8]) -> Capture {
    Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes.to_vec()) }
}

#[test]
fn an_empty_pipe_has_room() {
    assert_eq!(Guest::nonblock(Stdout::Stuck).write(1, Err(Errno::Again)), Said::Rejected);
    assert_eq!(Guest::nonblock(Stdout::Stuck).write(1, Ok(1)), Said::Accepted);
}

#[test]
fn a_pipe_that_is_not_empty_may_have_room() {
    for answer in [Ok(1), Err(Errno::Again)] {
        let mut guest = Guest::nonblock(Stdout::Stuck);
        assert_eq!(guest.write(1, Ok(1)), Said::Accepted);
        assert_eq!(guest.write(1, answer), Said::Accepted, "{answer:?}");
    }
}

#[test]
fn a_full_pipe_has_none() {
    for (answer, said) in [(Ok(1), Said::Rejected), (Err(Errno::Again), Said::Accepted), (Err(Errno::Io), Said::Rejected)] {
        let mut guest = Guest::nonblock(Stdout::Stuck);
        let all = u32::try_from(PIPE_BYTES).expect("small");
        assert_eq!(guest.write(all + 1, Ok(all)), Said::Accepted);
        assert_eq!(guest.write(1, answer), said, "{answer:?}");
    }
}

#[test]
fn a_pipe_that_is_read_always_has_room() {
    let mut guest = Guest::nonblock(Stdout::Pipe);
    assert_eq!(guest.write(1, Ok(1)), Said::Accepted);
    assert_eq!(guest.write(1, Err(Errno::Again)), Said::Rejected);
}

#[test]
fn a_full_device_takes_nothing_and_another_one_everything() {
    for (stdout, answer, said) in [
        (Stdout::Full, Err(Errno::Nospc), Said::Accepted),
        (Stdout::Full, Err(Errno::Io), Said::Rejected),
        (Stdout::Full, Ok(1), Said::Rejected),
        (Stdout::Null, Ok(1), Said::Accepted),
        (Stdout::Null, Err(Errno::Nospc), Said::Rejected),
    ] {
        assert_eq!(Guest::new(stdout.clone()).write(1, answer), said, "{stdout:?} {answer:?}");
    }
}

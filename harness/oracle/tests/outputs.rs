//! What may come of a write to a standard output that is out of the ordinary.

use touchstone_model::bounds::PIPE_BYTES;
use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{Stdout, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::consts::{fdflags, whence};
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
        self.says(Function::FdWrite, vec![STDOUT, 0x10, 1, 0x18], one_buffer(len), answer.map(|count| vec![capture(&count.to_le_bytes())]))
    }

    /// The same at an offset, with a byte.
    fn pwrite(&mut self, offset: u64, answer: Result<u32, Errno>) -> Said {
        let answer = answer.map(|count| vec![capture(&count.to_le_bytes())]);
        self.says(Function::FdPwrite, vec![STDOUT, 0x10, 1, offset, 0x18], one_buffer(1), answer)
    }

    fn seek(&mut self, by: i64, whence: u64, answer: Result<u64, Errno>) -> Said {
        let answer = answer.map(|offset| vec![capture(&offset.to_le_bytes())]);
        self.says(Function::FdSeek, vec![STDOUT, by.cast_unsigned(), whence, 0x18], Vec::new(), answer)
    }
}

fn one_buffer(len: u32) -> Vec<Capture> {
    let buffer = [0x100_u32.to_le_bytes(), len.to_le_bytes()].concat();
    vec![capture(&buffer), capture(&vec![b'.'; len as usize])]
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

#[test]
fn a_file_behind_standard_output_has_no_room_far_out() {
    let far = 1 << 62;
    for (stdout, answer, said) in [
        (Stdout::File, Err(Errno::Fbig), Said::Accepted),
        (Stdout::File, Err(Errno::Spipe), Said::Accepted),
        (Stdout::File, Ok(1), Said::Rejected),
        (Stdout::File, Err(Errno::Inval), Said::Rejected),
        // where an offset may mean nothing
        (Stdout::Appended(Vec::new()), Err(Errno::Fbig), Said::Accepted),
        (Stdout::Appended(Vec::new()), Ok(1), Said::Unjudged),
        (Stdout::Pipe, Err(Errno::Fbig), Said::Rejected),
    ] {
        assert_eq!(Guest::new(stdout.clone()).pwrite(far, answer), said, "{stdout:?} {answer:?}");
    }
}

#[test]
fn a_file_behind_standard_output_has_an_end_to_where_a_seek_leads() {
    for (by, whence, answer, said) in [
        (-4, whence::CUR, Err(Errno::Inval), Said::Accepted),
        (-3, whence::CUR, Err(Errno::Inval), Said::Rejected),
        (-3, whence::CUR, Ok(0), Said::Accepted),
        (-4, whence::END, Err(Errno::Inval), Said::Accepted),
        (i64::MAX, whence::END, Err(Errno::Inval), Said::Accepted),
        (i64::MAX, whence::END, Err(Errno::Overflow), Said::Accepted),
        (1 << 40, whence::SET, Err(Errno::Overflow), Said::Rejected),
        (-4, whence::CUR, Ok(0), Said::Rejected),
        (1, whence::CUR, Err(Errno::Inval), Said::Rejected),
        (1, whence::CUR, Err(Errno::Spipe), Said::Accepted),
    ] {
        let mut guest = Guest::new(Stdout::File);
        assert_eq!(guest.write(3, Ok(3)), Said::Accepted);
        assert_eq!(guest.seek(by, whence, answer), said, "{by} {whence} {answer:?}");
    }
}

#[test]
fn a_file_behind_standard_output_may_have_no_room_where_a_seek_led() {
    for (moved, answer, said) in [
        (true, Err(Errno::Fbig), Said::Accepted),
        (true, Ok(1), Said::Accepted),
        (true, Err(Errno::Inval), Said::Rejected),
        (false, Err(Errno::Fbig), Said::Rejected),
    ] {
        let mut guest = Guest::new(Stdout::File);
        let led = if moved { Ok(1 << 62) } else { Err(Errno::Spipe) };
        assert_eq!(guest.seek(1 << 62, whence::SET, led), Said::Accepted);
        assert_eq!(guest.write(1, answer), said, "{moved} {answer:?}");
    }
}

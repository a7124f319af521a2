//! What may come of a seek whose numbers, or rights, are at a boundary.

use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{NodeKind, Preopen, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::consts::{rights, whence};
use touchstone_spec::{Errno, Function};

const ROOT: u64 = 3;
const FILE: u64 = 5;
const NOTHING: u64 = 77;

fn capture(bytes: &[u8]) -> Capture {
    Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes.to_vec()) }
}

fn says(checker: &mut Checker, function: Function, args: &[u64], inputs: Vec<Capture>, answer: Result<Vec<u8>, Errno>) -> Said {
    let outcome = match answer {
        Ok(output) => Outcome { errno: 0, outputs: vec![capture(&output)] },
        Err(errno) => Outcome { errno: errno.raw().into(), outputs: Vec::new() },
    };
    checker.call(&TraceCall { function, memory_bytes: 1 << 16, args: args.to_vec(), inputs, outcome: Some(outcome) }).expect("few states")
}

/// What the oracle says of a seek and the errno or the new offset that it gives, where a file of five bytes was opened with these rights.
fn seek(rights: u64, [fd, by, whence]: [u64; 3], answer: Result<u64, Errno>) -> Said {
    let mut root = Preopen::new("root");
    root.tree.0.insert("file".to_owned(), NodeKind::File(b"hello".to_vec()).into());
    let mut checker = Checker::new(&World { preopens: vec![root], ..World::default() }, Host::LINUX);
    let opened = Ok(u32::try_from(FILE).expect("small").to_le_bytes().to_vec());
    let open = [ROOT, 0, 0x100, 4, 0, rights, 0, 0, 0x200];
    assert_eq!(says(&mut checker, Function::PathOpen, &open, vec![capture(b"file")], opened), Said::Accepted);
    let offset = answer.map(|offset| offset.to_le_bytes().to_vec());
    says(&mut checker, Function::FdSeek, &[fd, by, whence, 0x200], Vec::new(), offset)
}

const SEEK: u64 = rights::FD_READ | rights::FD_SEEK | rights::FD_TELL;
const TELL: u64 = rights::FD_READ | rights::FD_TELL;
const BACK: u64 = u64::MAX;

#[test]
fn what_a_number_has_beyond_its_type_may_have_no_effect() {
    for wide in [0x100, 0x101, 0xff00] {
        let whence = wide & 0xff;
        assert_eq!(seek(SEEK, [FILE, 2, wide], Ok(2)), Said::Accepted, "{wide:#x} for {whence}");
        assert_eq!(seek(SEEK, [FILE, 2, wide], Err(Errno::Inval)), Said::Accepted, "{wide:#x}");
    }
    for none in [3, 0xff, 0x1ff] {
        assert_eq!(seek(SEEK, [FILE, 2, none], Ok(2)), Said::Rejected, "{none:#x}");
        assert_eq!(seek(SEEK, [FILE, 2, none], Err(Errno::Inval)), Said::Accepted, "{none:#x}");
    }
}

#[test]
fn only_before_the_start_is_wrong_whatever_the_descriptor() {
    assert_eq!(seek(SEEK, [NOTHING, BACK, whence::SET], Err(Errno::Inval)), Said::Accepted);
    for (by, whence) in [(0, whence::SET), (1, whence::SET), (BACK, whence::CUR), (BACK, whence::END)] {
        assert_eq!(seek(SEEK, [NOTHING, by, whence], Err(Errno::Inval)), Said::Rejected, "{by:#x} from {whence}");
        assert_eq!(seek(SEEK, [NOTHING, by, whence], Err(Errno::Badf)), Said::Accepted, "{by:#x} from {whence}");
    }
}

#[test]
fn the_right_to_tell_is_for_a_seek_that_moves_nothing() {
    assert_eq!(seek(TELL, [FILE, 0, whence::CUR], Err(Errno::Notcapable)), Said::Rejected);
    assert_eq!(seek(TELL, [FILE, 0, whence::CUR], Ok(0)), Said::Accepted);
    for (by, whence) in [(1, whence::CUR), (0, whence::SET), (0, whence::END)] {
        assert_eq!(seek(TELL, [FILE, by, whence], Err(Errno::Notcapable)), Said::Accepted, "{by} from {whence}");
        assert_eq!(seek(SEEK, [FILE, by, whence], Err(Errno::Notcapable)), Said::Rejected, "{by} from {whence}");
    }
}

//! Which numbers a runtime may show as preopened directories.

use touchstone_model::trace::{Capture, Outcome, TraceCall};
use touchstone_model::world::{Preopen, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::{Checker, Host};
use touchstone_spec::consts::{preopentype, prestat};
use touchstone_spec::{Errno, Function};

const ROOT: u64 = 3;

struct Guest(Checker);

impl Guest {
    fn new() -> Guest {
        Guest(Checker::new(&World { preopens: vec![Preopen::new("root")], ..World::default() }, Host::LINUX))
    }

    fn says(&mut self, function: Function, args: &[u64], errno: u32, output: Option<Vec<u8>>) -> Said {
        let captures = output.map(|bytes| Capture { len: u32::try_from(bytes.len()).expect("short"), bytes: Some(bytes) });
        let outcome = Some(Outcome { errno, outputs: captures.into_iter().collect() });
        let call = TraceCall { function, memory_bytes: 1 << 16, args: args.to_vec(), inputs: Vec::new(), outcome };
        self.0.call(&call).expect("one state")
    }

    /// A runtime shows this number as a preopen whose name has so many bytes.
    fn shown(&mut self, number: u64, name_bytes: u8) -> Said {
        let mut record = vec![0; prestat::BYTES];
        record[0] = u8::try_from(preopentype::DIR).expect("a byte");
        record[prestat::PAYLOAD] = name_bytes;
        self.says(Function::FdPrestatGet, &[number, 0x100], 0, Some(record))
    }
}

#[test]
fn a_runtime_may_have_a_preopen_of_its_own() {
    let mut guest = Guest::new();
    assert_eq!([guest.shown(ROOT, 5), guest.shown(ROOT + 1, 7)], [Said::Accepted; 2]);
}

#[test]
fn what_the_guest_closed_is_none() {
    for name_bytes in [5, 7] {
        let mut guest = Guest::new();
        assert_eq!(guest.says(Function::FdClose, &[ROOT], 0, None), Said::Accepted);
        assert_eq!(guest.shown(ROOT, name_bytes), Said::Rejected);
        let mut guest = Guest::new();
        assert_eq!(guest.says(Function::FdClose, &[ROOT], 0, None), Said::Accepted);
        assert_eq!(guest.says(Function::FdPrestatGet, &[ROOT, 0x100], Errno::Badf.raw().into(), None), Said::Accepted);
    }
}

//! What was found once does not come back: every input below `fuzz/regressions` is replayed by its target, and all scripts of the suite are
//! inputs too.

use std::path::Path;

use touchstone_fuzz::{Kind, Target, abi, calls, module, oracle, paths, replay_path, tried};

fn main() {
    // the target `oracle` starts this program again
    touchstone_fuzz::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets: [(&str, Target); 5] = [("calls", calls), ("paths", paths), ("abi", abi), ("module", module), ("oracle", oracle)];
    for (name, target) in targets {
        let inputs = folder.join("regressions").join(name);
        replay_path(target, &inputs).expect("inputs");
        eprintln!("{name}: replayed");
    }
    let script = std::fs::read(folder.join("../suites/preview1/files/seek-negative.script")).expect("a script");
    assert!(!tried(&["badf"], &script, Kind::Calls).new.is_empty(), "a runtime that is wrong is found out");
    let areas = std::fs::read_dir(folder.join("../suites/preview1")).expect("areas").flatten().map(|entry| entry.path());
    for area in areas.filter(|path| path.is_dir()) {
        let scripts = std::fs::read_dir(&area).expect("cases").flatten().map(|entry| entry.path());
        scripts
            .filter(|path| path.extension().is_some_and(|it| it == "script"))
            .for_each(|script| replay_path(calls, &script).expect("a script"));
    }
}

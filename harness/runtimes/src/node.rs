//! Node.js with `node:wasi`, whose WASI is uvwasi. The guest is hosted by a script, `node.mjs`.

use std::sync::OnceLock;

use crate::Runtime;
use crate::command::Command;

pub(crate) static NODE: Command = Command {
    program: "node",
    versions: &["--print", "process.versions.node + ' ' + process.versions.uvwasi"],
    wasi: "uvwasi",
    oldest: 20,
    on_record: 20,
    cure: "install Node.js 20 or newer where every user may run it, and have its folder on PATH",
    // a warning would come out of the guest's stderr
    run: &["--no-warnings", "--input-type=module", "--eval", include_str!("node.mjs")],
    found: OnceLock::new(),
};

pub(crate) fn start() -> anyhow::Result<Box<dyn Runtime>> {
    NODE.start()
}

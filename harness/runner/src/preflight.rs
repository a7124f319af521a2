//! Before a runtime is judged: do args, env, stdin, exit code, preopen and a file round trip reach the guest at all?
//!
//! A runtime that fails is misconfigured, which is the harness's business and never a result.

use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_model::diagnostic::SourceError;
use touchstone_model::judge::Feature;

/// The name of the probe as its own first argument.
pub const PROGRAM: &str = "touchstone-preflight";

/// The probe, in the language of the suite.
const PROBE: &str = r##"#! summary = "what every runtime must pass before it is judged"
#! clauses = ["program.start"]
#! args = ["touchstone-preflight", "one argument"]
#! env = { TOUCHSTONE = "preflight" }
#! stdin = "from the host"
#! tree = { "in" = "read me" }
#! after = { "in" = "read me", "out" = "written" }
#! expect_stdout = "to the host"
#! exit = 7

args_get() = ["touchstone-preflight", "one argument"]
environ_get() = ["TOUCHSTONE=preflight"]
fd_read(stdin, 64) = "from the host"
fd_write(stdout, "to the host") = 11
f = path_open(root, 0, "in", 0, [fd_read], 0, 0) = ok
fd_read(f, 64) = "read me"
g = path_open(root, 0, "out", [creat], [fd_write], 0, 0) = ok
fd_write(g, "written") = 7
proc_exit(7)
"##;

/// The probe for `read-only-preopens`: nothing can be made in one.
const READ_ONLY: &str = r##"#! summary = "a file cannot be made in a read-only preopen"
#! clauses = ["preopen.read-only"]
#! args = ["touchstone-preflight"]
#! preopens = { root = { access = "read-only", tree = { "in" = "" } } }
#! after = { "new" = false }

path_filestat_get(root, 0, "in") = _
path_open(root, 0, "new", [creat], [fd_write], 0, 0) = perm | rofs | acces | notcapable | badf
"##;

/// The probe for `sockets`: the guest finds one.
const SOCKETS: &str = r##"#! summary = "a guest that is given a socket finds it"
#! clauses = ["fd_fdstat_get.filetype"]
#! args = ["touchstone-preflight"]
#! sockets = { peer = { stream = {} } }

fd_fdstat_get(peer) = { fs_filetype: socket_stream }
"##;

/// The probe of a feature as a case. A runtime that passes it has the feature.
pub fn feature_probe(feature: Feature) -> Result<Case, Box<SourceError>> {
    let text = match feature {
        Feature::ReadOnlyPreopens => READ_ONLY,
        Feature::Sockets => SOCKETS,
    };
    Case::parse(feature.name(), "preflight.script", Language::Script, text)
}

/// The probe as a case.
pub fn probe() -> Result<Case, Box<SourceError>> {
    Case::parse("preflight", "preflight.script", Language::Script, PROBE)
}

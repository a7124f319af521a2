//! Ways out of a sandbox. They are kept in a local folder, with what a private report needs, and are told nowhere else: whoever uses the
//! runtime is to have a mended one first.

use std::fs;

use sha2::{Digest, Sha256};
use touchstone_guest::script::wat;
use touchstone_model::case::print::front_matter;
use touchstone_model::tree::hex;
use touchstone_runner::fuzz::campaign::Escape;

use crate::{Failure, places, select};

/// Characters of the hash that tells the ways out of a runtime apart.
const HASH_DIGITS: usize = 8;

/// A case has to cite a clause: this one says that no path leads out.
const CLAUSE: &str = "path-resolution.dotdot-outside";

/// Writes a folder for each that has no advisory; of errors the first comes last.
pub(super) fn keep(escapes: &[Escape], seed: u64) -> Result<(), Failure> {
    let written = escapes.iter().filter(|escape| escape.known.is_none()).map(|escape| keep_one(escape, seed));
    written.fold(Ok(()), Result::and)
}

fn keep_one(escape: &Escape, seed: u64) -> Result<(), Failure> {
    let name = format!("{}-{}", escape.runtime, &hex(&Sha256::digest(&escape.how))[..HASH_DIGITS]);
    let folder = places::cache().join("escapes").join(&name);
    fs::create_dir_all(folder.join("case")).map_err(Failure::file("create", &folder))?;
    let summary = format!("on {}, {}", escape.runtime, escape.how);
    let case = front_matter(&summary, &[CLAUSE.to_owned()], &escape.sample.world) + "\n" + &escape.sample.script.to_string();
    let command = select::runtime(&escape.runtime)?.command_line();
    let module = wat::reproducer(&summary, &escape.sample.script, &escape.sample.world, None, &[&command]).unwrap_or_default();
    let files = [(format!("case/{name}.script"), &case), ("repro.wat".to_owned(), &module)];
    for (file, text) in files {
        fs::write(folder.join(&file), text).map_err(Failure::file("write", folder.join(file)))?;
    }
    let report = report(escape, seed, &name, &case, &module, &folder.join("case").display().to_string())?;
    fs::write(folder.join("REPORT.md"), report).map_err(Failure::file("write", folder.join("REPORT.md")))?;
    eprintln!("an escape was kept in {}; report it before you show it to anybody else", folder.display());
    Ok(())
}

/// The text of a private report.
fn report(escape: &Escape, seed: u64, name: &str, case: &str, module: &str, cases: &str) -> Result<String, Failure> {
    let entry = select::runtime(&escape.runtime)?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let host = format!("{} {} {}", std::env::consts::OS, release.trim(), std::env::consts::ARCH);
    Ok(format!(
        "# {runtime} {version}: a WASI program gets out of its sandbox\n\n\
         This report is private. It goes to the security contact of {runtime} and is not published before they have answered.\n\n\
         - runtime: {runtime} {version} ({wasi})\n- host: {host}\n- what happens: {how}\n- seen: {times} times; first by script {number} of seed \
         {seed}; below is that script, or a smaller one that shows the same\n\n\
         A program that is given nothing but the preopened directories below reaches a file outside of them. The WASI filesystem proposal \
         (path-resolution.md) has every path stay below the directory that it starts from.\n\n\
         ## The program\n\n```text\n{case}```\n\n```wat\n{module}```\n\n\
         ## See it again\n\n`cargo xtask explain {name} --suite {cases} --disclose`\n",
        runtime = escape.runtime,
        version = entry.version(),
        wasi = entry.wasi(),
        how = escape.how,
        times = escape.times,
        number = escape.case,
    ))
}

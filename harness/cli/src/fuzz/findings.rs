//! A finding as a folder that can be pasted into a tracker:
//!
//! ```text
//! <runtime>-<place>-<seen>-<hash>/
//!     README.md           what each runtime does, what is permitted and by which clause, how to see it again
//!     repro.wat           the smallest script as a module
//!     case/<id>.script    the same as a case of a suite
//!     finding.json        what it is about, for `promote`
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use touchstone_generate::Sample;
use touchstone_guest::script::{shell, wat};
use touchstone_model::bounds;
use touchstone_model::case::print::front_matter;
use touchstone_model::tree::hex;
use touchstone_runner::HarnessError;
use touchstone_runner::fuzz::campaign::Finding;
use touchstone_runner::profile::Profile;
use touchstone_runtimes::Entry;

use crate::args::ExplainArgs;
use crate::{Failure, explain, select};

/// Characters of the hash that tells findings apart which are called alike.
const HASH_DIGITS: usize = 8;

/// Writes the folder of a finding below another one, and gives it.
pub(super) fn write(finding: &Finding, seed: u64, folder: &Path) -> Result<PathBuf, Failure> {
    let id = id(finding);
    let folder = folder.join(&id);
    let cases = folder.join("case");
    fs::create_dir_all(&cases).map_err(HarnessError::file("create", &cases))?;
    save(&cases.join(format!("{id}.script")), &case_text(finding))?;
    let command = select::runtime(&finding.signature.runtime)?.command_line();
    let Sample { script, world } = &finding.sample;
    if let Ok(text) = wat::reproducer(&summary(finding), script, world, finding.call, &[&command]) {
        save(&folder.join("repro.wat"), &text)?;
    }
    let told =
        serde_json::to_string_pretty(&Told::of(finding, seed)?).map_err(|error| HarnessError::file("write", &folder)(error.into()))?;
    save(&folder.join(Told::FILE), &(told + "\n"))?;
    // last: it runs the script on every runtime, and one may fail
    save(&folder.join("README.md"), &readme(finding, seed, &id, &cases)?)?;
    Ok(folder)
}

/// What a finding is about.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) runtime: String,
    pub(crate) version: String,
    pub(crate) wasi: String,
    /// A function; or `tree`, `stdout`, `stderr`, `received` (by a socket), `end`.
    pub(crate) place: String,
    /// The kind of the call's descriptor and the classes of its path.
    pub(crate) about: String,
    pub(crate) permitted: String,
    pub(crate) seen: String,
    pub(crate) clauses: Vec<String>,
    pub(crate) detail: String,
    /// Of its script before it was made smaller.
    seed: u64,
    case: u64,
}

impl Told {
    /// Its name in the folder of a finding.
    pub(crate) const FILE: &str = "finding.json";

    fn of(finding: &Finding, seed: u64) -> Result<Told, Failure> {
        let Finding { signature, clauses, detail, case, .. } = finding;
        let entry = select::runtime(&signature.runtime)?;
        Ok(Told {
            runtime: signature.runtime.clone(),
            version: entry.version().to_owned(),
            wasi: entry.wasi().to_owned(),
            place: signature.place.clone(),
            about: signature.about.clone(),
            permitted: signature.permitted.clone(),
            seen: signature.seen.clone(),
            clauses: clauses.clone(),
            detail: detail.clone(),
            seed,
            case: *case,
        })
    }

    /// Reads that of a finding's folder.
    pub(crate) fn read(folder: &Path) -> Result<Told, Failure> {
        let path = folder.join(Told::FILE);
        let text = fs::read_to_string(&path).map_err(HarnessError::file("read", &path))?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("{} is not what `cargo xtask fuzz` writes: {error}", path.display()), "run it again"))
    }
}

/// The script of a finding as a case.
pub(super) fn case_text(finding: &Finding) -> String {
    let clauses = if finding.clauses.is_empty() { vec![UNSAID.to_owned()] } else { finding.clauses.clone() };
    front_matter(&summary(finding), &clauses, &finding.sample.world) + "\n" + &finding.sample.script.to_string()
}

fn summary(finding: &Finding) -> String {
    format!("found at random: {}", finding.detail)
}

/// What a script departs from that is stopped: it should have come to its end.
const UNSAID: &str = "program.return-is-success";

fn save(path: &Path, text: &str) -> Result<(), HarnessError> {
    fs::write(path, text).map_err(HarnessError::file("write", path))
}

/// The name of a folder: the same for the same signature.
fn id(finding: &Finding) -> String {
    let signature = &finding.signature;
    let words = [&signature.runtime, &signature.place, &signature.seen, &signature.permitted, &signature.about];
    let hash = hex(&Sha256::digest(words.map(String::as_str).join("\n")));
    let name = format!("{}-{}-{}", signature.runtime, signature.place, signature.seen);
    let plain: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' }).take(60).collect();
    format!("{plain}-{}", &hash[..HASH_DIGITS])
}

/// All that are judged by default and are here, and the one that is at issue.
fn runtimes(at_issue: &str) -> Vec<String> {
    let is_shown = |entry: &&Entry| entry.name == at_issue || entry.is_shown();
    touchstone_runtimes::runtimes().iter().filter(is_shown).map(|entry| entry.name.to_owned()).collect()
}

fn readme(finding: &Finding, seed: u64, id: &str, cases: &Path) -> Result<String, Failure> {
    let Finding { signature, case, times, detail, clauses, .. } = finding;
    let args = ExplainArgs {
        id: id.to_owned(),
        runtime: runtimes(&signature.runtime),
        suite: vec![cases.to_owned()],
        timeout: bounds::RUN_TIMEOUT_SECONDS,
        disclose: false,
    };
    let explained = explain::text(&args)?;
    let Sample { script, world } = &finding.sample;
    let setup = shell::setup(world).into_iter();
    let command = shell::command(&select::runtime(&signature.runtime)?.command_line(), script, world);
    let by_hand: String = setup.chain([command]).map(|line| line + "\n").collect();
    let versions =
        args.runtime.iter().map(|name| select::runtime(name).map(|entry| format!("{name} {} ({})", entry.version(), entry.wasi())));
    let versions = versions.collect::<Result<Vec<_>, _>>()?.join(", ");
    Ok(format!(
        "# {runtime}: {place}, {seen}\n\n{detail}{about}\n\nClauses: {clauses}\n\nSeen {times} times with seed {seed}, first in script {case}; below is \
         that script, or a smaller one that shows the same. Host profile `{profile}`; {versions}.\n\nBy hand, in a folder with `repro.wat`; the \
         program's exit code is the errno of its last call:\n\n```sh\n{by_hand}```\n\n```text\n{}```\n\nSee it again: `cargo xtask explain {id} --suite \
         {}`\n",
        anstream::adapter::strip_str(&explained),
        shlex::try_quote(&cases.display().to_string()).unwrap_or_default(),
        runtime = signature.runtime,
        place = signature.place,
        about = if signature.about.is_empty() { String::new() } else { format!("\n\nThe call is about: {}.", signature.about) },
        seen = signature.seen,
        clauses = clauses.join(", "),
        profile = Profile::Default.name(),
    ))
}

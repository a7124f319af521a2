//! The repository's own rules. Each collects everything that breaks it and fails once, with the cure.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use touchstone_model::Case;
use touchstone_model::case::Language;
use touchstone_model::divergence::Divergence;
use touchstone_spec::Level;
use walkdir::WalkDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// All files of the repository, without what is built or stored by tools.
fn files(extension: &str) -> Vec<(PathBuf, String)> {
    let skipped = ["target", ".git"];
    let walk = WalkDir::new(root())
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| !skipped.iter().any(|name| entry.file_name() == *name));
    let found =
        walk.map(|entry| entry.expect("an entry").into_path()).filter(|path| path.extension().is_some_and(|found| found == extension));
    found.map(|path| (path.clone(), fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display())))).collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn none(broken: &[String], cure: &str) {
    assert!(broken.is_empty(), "{}\n  cure: {cure}", broken.join("\n"));
}

fn cases() -> Vec<Case> {
    let suite = root().join("suites/preview1");
    let mut out = Vec::new();
    for (extension, language) in [("script", Language::Script), ("wat", Language::Wat), ("rs", Language::Rust)] {
        for (path, text) in files(extension).into_iter().filter(|(path, _)| path.starts_with(&suite)) {
            let id = path.strip_prefix(&suite).expect("below the suite").with_extension("").display().to_string();
            out.extend(
                Case::parse_all(&id, &relative(&path), language, &text).unwrap_or_else(|error| panic!("{}: {error}", error.place())),
            );
        }
    }
    out
}

#[test]
fn every_script_prints_and_reads_back_the_same() {
    let mut broken = Vec::new();
    for case in cases() {
        if let Some(script) = case.script() {
            let again = touchstone_model::script::parse::parse(&script.to_string());
            if again.as_ref() != Ok(script) {
                broken.push(format!("{}: {again:?}", case.id));
            }
        }
    }
    none(&broken, "mend script/print.rs or script/parse.rs: they must be inverse");
}

#[test]
fn divergence_files_cite_clauses_and_cases_that_exist() {
    let ids: BTreeSet<String> = cases().into_iter().map(|case| case.id).collect();
    let mut broken = Vec::new();
    let folder = root().join("suites/preview1/divergences");
    for (path, text) in files("toml").into_iter().filter(|(path, _)| path.starts_with(&folder)) {
        let name = relative(&path);
        let divergence = match Divergence::parse("", &text) {
            Ok(divergence) => divergence,
            Err(error) => {
                broken.push(format!("{name}: {error}"));
                continue;
            }
        };
        let cited = divergence.seen.iter().flat_map(|seen| seen.cases.keys());
        broken.extend(cited.filter(|id| !ids.contains(*id)).map(|id| format!("{name}: there is no case {id}")));
        let empty = [&divergence.title, &divergence.note].iter().any(|text| text.trim().is_empty());
        broken
            .extend((empty || divergence.clauses.is_empty() || divergence.seen.is_empty()).then(|| format!("{name}: something is empty")));
        for random in &divergence.random {
            let is_seen = divergence.seen.iter().any(|seen| seen.runtime == random.runtime);
            broken.extend((!is_seen).then(|| format!("{name}: at random it shows on {}, and in no case", random.runtime)));
            // how a run was stopped says enough, and so does an error that is answered in place of another
            let says_little = |seen: &String| ["ok", "other results", "no return"].contains(&seen.as_str());
            let is_an_error = !random.seen.is_empty() && !random.seen.iter().any(says_little);
            let wide = !is_an_error && random.clauses.is_empty() && random.call.is_empty() && random.after.is_empty();
            broken.extend(wide.then(|| format!("{name}: any departure of {} would do at random", random.places.join(", "))));
        }
        let link = divergence.link.as_deref().is_some_and(|link| !link.starts_with("https://"));
        broken.extend(link.then(|| format!("{name}: the link is no https address")));
    }
    none(&broken, "mend the divergence file, or delete it where its cause is gone");
}

/// The ids in `clause!("…")` of all sources of the crates that judge.
fn cited_by_code() -> BTreeSet<String> {
    let judges = ["harness/oracle/src", "harness/model/src"].map(|folder| root().join(folder));
    let texts = files("rs").into_iter().filter(|(path, _)| judges.iter().any(|folder| path.starts_with(folder)));
    let ids = |text: &str| text.split("clause!(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect::<Vec<_>>();
    texts.flat_map(|(_, text)| ids(&text)).collect()
}

#[test]
fn every_must_is_judged_by_a_branch_and_tested_by_a_case() {
    let by_code = cited_by_code();
    let by_case: BTreeSet<String> = cases().into_iter().flat_map(|case| case.clauses).collect();
    let mut broken = Vec::new();
    for clause in touchstone_spec::clauses().iter().filter(|clause| clause.level == Level::Must) {
        let tested = by_case.contains(&clause.id);
        let judged = by_code.contains(&clause.id);
        if !judged || !tested {
            broken.push(format!("{}: branch {judged}, case {tested}", clause.id));
        }
    }
    none(&broken, "cite it in harness/oracle/src and in a case");
}

#[test]
fn every_function_is_modelled_by_branches_that_cite_its_clauses() {
    let by_code = cited_by_code();
    let mut broken = Vec::new();
    for function in touchstone_spec::Function::ALL {
        let own = by_code.iter().filter(|id| id.split('.').next() == Some(function.name())).count();
        broken.extend((own == 0).then(|| format!("{} cites no clause of its own", function.name())));
    }
    none(&broken, "model it in harness/oracle/src/functions");
}

#[test]
fn an_outcome_is_permitted_by_citing_a_clause_only() {
    // what the context of a call keeps for itself: functions say `applies`, and the clause's file says what that permits
    let kept = ["findings.errnos", "findings.trap", "findings.decided", "ErrnoSet", "making.end"];
    let mut broken = Vec::new();
    for (path, text) in files("rs").into_iter().filter(|(path, _)| path.starts_with(root().join("harness/oracle/src/functions"))) {
        for (index, line) in text.lines().enumerate() {
            broken
                .extend(kept.iter().any(|name| line.contains(name)).then(|| format!("{}:{}: {}", relative(&path), index + 1, line.trim())));
        }
    }
    none(&broken, "say which clause applies: step.applies(clause!(\"…\"))");
}

#[test]
fn every_snapshot_belongs_to_a_case_and_every_case_has_one() {
    let wanted: BTreeSet<String> = cases().into_iter().map(|case| case.id.replace('/', "__")).collect();
    let folder = root().join("suites/snapshots");
    let of_cases = files("snap").into_iter().filter(|(path, _)| path.starts_with(&folder));
    let found: BTreeSet<String> = of_cases.map(|(path, _)| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let orphans: Vec<String> = found.difference(&wanted).map(|name| format!("suites/snapshots/{name}.snap has no case")).collect();
    none(&orphans, "delete it");
    let missing: Vec<String> = wanted.difference(&found).map(|name| format!("{name} has no snapshot")).collect();
    none(&missing, "cargo xtask conformance --update, then review the new files");
    let pending: Vec<String> = files("new").iter().map(|(path, _)| relative(path)).collect();
    none(&pending, "cargo insta review");
}

#[test]
fn prebuilt_modules_are_as_new_as_their_sources() {
    use sha2::{Digest, Sha256};
    let folder = root().join("suites/preview1/rust");
    let mut broken = Vec::new();
    for (path, text) in files("rs").into_iter().filter(|(path, _)| path.parent() == Some(&folder)) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let hash = touchstone_model::tree::hex(&Sha256::digest(text.as_bytes()));
        let noted = fs::read_to_string(folder.join(format!("prebuilt/{name}.source.sha256"))).unwrap_or_default();
        if noted.trim() != hash || !folder.join(format!("prebuilt/{name}.wasm")).is_file() {
            broken.push(relative(&path));
        }
    }
    none(&broken, "cargo xtask prebuilt");
}

/// Crates may depend on those before them only.
const ORDER: [&str; 12] = [
    "touchstone-spec",
    "touchstone-model",
    "touchstone-oracle",
    "touchstone-generate",
    "touchstone-guest",
    "touchstone-mutants",
    "touchstone-runtimes",
    "touchstone-runner",
    "touchstone-reports",
    "touchstone",
    "touchstone-benches",
    "touchstone-fuzz",
];

/// Crates that are built without all others, so that they need to know few of them.
const SMALL: [(&str, &[&str]); 2] = [("touchstone-reports", &["touchstone-model"]), ("xtask", &[])];

#[test]
fn crates_depend_on_those_above_them_only() {
    let mut broken = Vec::new();
    for (path, text) in files("toml").into_iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str()) else { continue };
        let own = ORDER.iter().position(|known| *known == name);
        let tables = ["dependencies", "dev-dependencies", "build-dependencies"].iter().filter_map(|table| manifest.get(*table)?.as_table());
        for dependency in tables.flat_map(|table| table.keys()).filter(|key| ORDER.contains(&key.as_str())) {
            let theirs = ORDER.iter().position(|known| known == dependency);
            let small = SMALL.iter().find(|(known, _)| *known == name);
            let allowed = small.map_or(own.is_some() && theirs < own, |(_, few)| few.contains(&dependency.as_str()));
            broken.extend((!allowed).then(|| format!("{name} depends on {dependency}")));
        }
        if own.is_none() && name != "xtask" {
            broken.push(format!("{name} has no place in the order of crates"));
        }
    }
    none(&broken, "move the code to the crate that may have it; harness/model/tests/tidy.rs holds the order");
}

#[test]
fn only_the_backends_name_an_engine() {
    let mut broken = Vec::new();
    for (path, text) in files("rs").into_iter().filter(|(path, _)| path.starts_with(root().join("harness/runner/src"))) {
        for (index, line) in text.lines().enumerate() {
            if ["wasmtime", "wasmi", "wasmer"].iter().any(|engine| line.contains(engine)) {
                broken.push(format!("{}:{}: {line}", relative(&path), index + 1));
            }
        }
    }
    none(&broken, "what depends on an engine belongs into harness/runtimes");
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let marks = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
        concat!("#[al", "low("),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
    ];
    let mut broken = Vec::new();
    // guests are programs of their own, for two compilers of which one has deprecated what the other needs
    let guests = root().join("suites/preview1");
    for (path, text) in files("rs").into_iter().filter(|(path, _)| !path.starts_with(&guests)) {
        for (index, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{}:{}: {}", relative(&path), index + 1, line.trim()));
            }
        }
    }
    none(&broken, "finish it, or take it out");
}

#[test]
fn documents_name_paths_commands_and_clauses_that_exist() {
    let mut broken = Vec::new();
    let subcommands = fs::read_to_string(root().join("xtask/src/main.rs")).expect("xtask");
    for (path, text) in files("md") {
        let name = relative(&path);
        for code in inline_code(&text) {
            if let Some(command) = code.strip_prefix("cargo xtask ").and_then(|rest| rest.split_whitespace().next()) {
                let known = subcommands.contains(&format!("\n  {command} ")) || command.starts_with('-') || command == "…";
                broken.extend((!known).then(|| format!("{name}: there is no command `{code}`")));
            }
            if is_path(&code) && !root().join(&code).exists() && !path.parent().unwrap_or(&path).join(&code).exists() {
                broken.push(format!("{name}: there is no path `{code}`"));
            }
        }
    }
    none(&broken, "mend the document");
}

/// Text between backquotes, fenced blocks left out.
fn inline_code(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 0 {
            out.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    out
}

/// Whether code in a document looks like a path of this repository.
fn is_path(code: &str) -> bool {
    let starts = ["harness/", "suites/", "reports/", "xtask/", ".github/", ".ci/"];
    let plain = code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    starts.iter().any(|start| code.starts_with(start)) && plain
}

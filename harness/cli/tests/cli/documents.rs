//! Documentation is tested: its examples run, and its commands can be given.

use std::path::PathBuf;
use std::process::Command;

use clap::Parser;
use touchstone_cli::args::Args;
use touchstone_cli::places;

use crate::support::OwnSuite;

/// The fenced blocks of a language in a Markdown file.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block.to_owned()).collect()
}

#[test]
fn the_examples_of_the_suites_manual_pass_on_the_reference() {
    let text = std::fs::read_to_string(places::root().join("suites/README.md")).expect("the manual");
    let examples = blocks(&text, "script");
    assert!(examples.len() >= 4, "only {} examples were found", examples.len());
    let files: Vec<(String, String)> =
        examples.into_iter().enumerate().map(|(index, text)| (format!("manual/example-{index}.script"), text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    OwnSuite::new(&files).run(&["--runtime", "wasmtime"]).expect(0);
}

/// The Markdown files of the repository.
fn documents() -> Vec<PathBuf> {
    let hidden = |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let skipped = |entry: &walkdir::DirEntry| hidden(entry) || entry.file_name() == "target";
    let files = walkdir::WalkDir::new(places::root()).into_iter().filter_entry(|entry| !skipped(entry)).filter_map(Result::ok);
    files.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// The command lines of ours in a document, in blocks and in the text, without their comments.
fn commands(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 1 {
            let lines = part.lines().filter_map(|line| line.strip_prefix("$ "));
            out.extend(lines.map(|line| line.split("  #").next().unwrap_or(line).trim().to_owned()));
        } else {
            out.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    out.retain(|command| command.starts_with("cargo xtask ") && !command.contains('\u{2026}'));
    out
}

/// The words of a command line, of which some stand in single quotes.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| if index % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() })
        .collect()
}

/// What is wrong with a command, if anything.
fn mistake(command: &str) -> Option<String> {
    let mut words = words(command);
    if words[2] == "--profile" {
        if words.len() < 5 {
            return Some("it has no command".to_owned());
        }
        let profile = words.drain(2..4).next_back()?;
        let manifest = std::fs::read_to_string(places::root().join("Cargo.toml")).expect("Cargo.toml");
        if !manifest.contains(&format!("\n[profile.{profile}]\n")) {
            return Some(format!("there is no profile {profile}"));
        }
    }
    let (name, flags) = (words[2].as_str(), words[3..].iter().filter(|word| word.starts_with("--")));
    let known = match name {
        // these are no commands of `touchstone`: their help, or where xtask reads them, has each flag
        "mutants" => {
            let help = Command::new(env!("CARGO_BIN_EXE_touchstone-mutants")).arg("--help").output().expect("start touchstone-mutants");
            String::from_utf8_lossy(&help.stdout).into_owned()
        }
        "ci" | "tidy" | "pgo" | "fuzz-targets" | "oracle-mutants" => {
            let file = |name: &str| std::fs::read_to_string(places::root().join("xtask/src").join(name)).expect(name);
            ["main.rs", "fuzz_targets.rs", "oracle_mutants.rs", "pgo.rs"].map(file).concat()
        }
        // a crate behind this one: each field of its arguments is a flag
        "bench" => {
            let text = std::fs::read_to_string(places::root().join("benches/src/args.rs")).expect("args.rs");
            let fields = text.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
            fields.map(|(name, _)| format!("--{} ", name.replace('_', "-"))).collect()
        }
        _ => {
            let parsed = Args::try_parse_from(std::iter::once("touchstone".to_owned()).chain(words[2..].iter().cloned()));
            return parsed.err().and_then(|error| refused(&error, words.len() == 3));
        }
    };
    flags.filter(|flag| !known.contains(flag.as_str())).map(|flag| format!("there is no {flag}")).next()
}

/// Help is an answer, not a mistake; and what stands in a text as the mere name of a command need not have what the command needs.
fn refused(error: &clap::Error, is_name: bool) -> Option<String> {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, MissingRequiredArgument};
    let is_fine = match error.kind() {
        DisplayHelp | DisplayVersion => true,
        MissingRequiredArgument | DisplayHelpOnMissingArgumentOrSubcommand => is_name,
        _ => false,
    };
    (!is_fine).then(|| error.to_string())
}

#[test]
fn every_command_in_a_document_can_be_given() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).expect("a document");
        for command in commands(&text) {
            count += 1;
            wrong.extend(mistake(&command).map(|mistake| format!("{}: `{command}`: {mistake}", path.display())));
        }
    }
    assert!(count > 30, "only {count} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mistakes = [
        "cargo xtask fuzz --colour red",
        "cargo xtask mutants --colour",
        "cargo xtask --profile colourful fuzz",
        "cargo xtask --profile campaign",
    ];
    assert!(mistakes.iter().all(|command| mistake(command).is_some()));
}

#[test]
fn what_was_found_is_on_file() {
    let readme = std::fs::read_to_string(places::root().join("README.md")).expect("README.md");
    let part = readme.split("## What it found").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    let rows: Vec<Vec<&str>> = part.lines().filter(|line| line.starts_with("| ")).skip(1).map(|line| line.split(" | ").collect()).collect();
    assert!(rows.len() >= 8, "only {} were found", rows.len());
    for row in rows {
        let id = row[2].split('`').nth(1).unwrap_or_else(|| panic!("no file is named: {row:?}"));
        let path = places::suite().join("divergences").join(id).with_extension("toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for runtime in row[0].trim_start_matches("| ").split(", ") {
            let name = if runtime == "Node.js" { "node" } else { runtime };
            assert!(text.contains(&format!("runtime = \"{name}\"")), "{id} is not about {runtime}");
        }
        if let Some(link) = row[2].split("](").nth(1).and_then(|rest| rest.split(')').next()) {
            assert!(text.contains(link), "{id} has another tracker than {link}");
        }
    }
}

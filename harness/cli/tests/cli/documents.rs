//! Documentation is tested: its examples run.

use crate::support::OwnSuite;
use touchstone_cli::places;

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

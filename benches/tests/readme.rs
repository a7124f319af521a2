//! The table in README.md is one: what it names exists. Its figures are those of one machine and are not looked at.

use touchstone_benches::readme;
use touchstone_cli::places;

#[test]
fn the_table_in_the_readme_names_what_exists() {
    let text = std::fs::read_to_string(places::root().join("README.md")).expect("the file");
    assert_eq!(readme::mistakes(&text), [""; 0], "cure: cargo xtask bench --readme");
}

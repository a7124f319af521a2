//! A script that is printed and read is the same script, and makes the same module.

use touchstone_generate::{Mix, Sample};
use touchstone_guest::script::encode;
use touchstone_guest::script::program::program;
use touchstone_model::case::print::front_matter;
use touchstone_model::case::{Case, Language};
use touchstone_model::script::Script;
use touchstone_model::script::parse::parse;

use crate::drawn::{Drawn, holds, samples};

fn read(text: &str) -> Result<Script, String> {
    parse(text).map_err(|mistake| format!("{}\n{text}", mistake.message))
}

fn module(sample: &Sample) -> Result<Vec<u8>, String> {
    program(&sample.script, &sample.world).map(|program| encode(&program)).map_err(|mistake| mistake.message)
}

/// What differs once a script is read from a text, if anything.
fn difference(sample: &Sample, text: &str) -> Result<(), String> {
    let script = read(text)?;
    if script != sample.script {
        return Err(format!("it reads differently:\n{script}"));
    }
    if script.to_string() != text {
        return Err(format!("it is printed differently:\n{script}"));
    }
    let again = Sample { world: sample.world.clone(), script };
    if module(&again)? == module(sample)? { Ok(()) } else { Err("its module is another".to_owned()) }
}

#[test]
fn printing_and_reading_are_inverse() {
    for mix in [Mix::default(), Mix::kernel()] {
        holds(1500, &samples(&mix), |Drawn(sample)| difference(&sample, &sample.script.to_string()));
    }
}

#[test]
fn a_text_with_a_digit_changed_is_another_script() {
    holds(300, &samples(&Mix::default()), |Drawn(sample)| {
        let text = sample.script.to_string();
        let digit = |line: &str| line.rfind(|found: char| found.is_ascii_digit());
        let Some((before, place)) = text.find('(').zip(digit(&text)).filter(|(before, place)| before < place) else { return Ok(()) };
        let other = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
        let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
        match difference(&sample, &changed) {
            Ok(()) => Err(format!("nobody sees the difference to\n{changed}, which begins at byte {before}")),
            Err(_) => Ok(()),
        }
    });
}

/// A case with this script and world, as a file.
fn case_text(sample: &Sample) -> String {
    front_matter("found at random", &["fd_read.at-end".to_owned()], &sample.world) + &sample.script.to_string()
}

#[test]
fn a_world_that_is_printed_and_read_is_the_same() {
    holds(1500, &samples(&Mix::default()), |Drawn(sample)| {
        let text = case_text(&sample);
        let case = Case::parse("found", "found.script", Language::Script, &text).map_err(|error| format!("{error}\n{text}"))?;
        if case.world != sample.world {
            return Err(format!("the world reads differently:\n{text}\n{:?}\n{:?}", case.world, sample.world));
        }
        if case.script() == Some(&sample.script) { Ok(()) } else { Err(format!("the script reads differently:\n{text}")) }
    });
}

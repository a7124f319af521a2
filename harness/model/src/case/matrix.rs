//! Matrix cases: one file whose front matter states axes, and that stands for a case for each combination of their values.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Language;
use super::header::{blank_out, toml_mistake};
use crate::bounds;
use crate::script::Span;
use crate::script::lex::Mistake;

/// Axis to the names of its values and the text that each stands for.
type Matrix = BTreeMap<String, BTreeMap<String, String>>;

/// The one key that is looked at here.
#[derive(Debug, Deserialize)]
struct Axes {
    #[serde(default)]
    matrix: Matrix,
}

/// The cases that a file stands for: what is added to its id, and its text with `${axis}` replaced by the axis's value and
/// `${axis.name}` by the name of that. A file without a matrix is one case, with nothing added.
pub(super) fn expand(text: &str, language: Language) -> Result<Vec<(String, String)>, Mistake> {
    let header = blank_out(text, language.header_prefix());
    let axes: Axes = toml::from_str(&header).map_err(|error| toml_mistake(&error))?;
    let mut out = vec![(Vec::new(), without_matrix(text, language))];
    for (axis, values) in &axes.matrix {
        let placeholder = format!("${{{axis}}}");
        if !out.iter().all(|(_, text)| text.contains(&placeholder)) {
            let help = format!("write `{placeholder}` where its values go, or take the axis out");
            return Err(Mistake::new(Span::default(), format!("nothing in the file uses the axis `{axis}` of its matrix"), help));
        }
        let combine = |(names, text): &(Vec<String>, String)| {
            let combined = values.iter().map(|(name, value)| {
                let names: Vec<String> = names.iter().chain([name]).cloned().collect();
                (names, text.replace(&placeholder, value).replace(&format!("${{{axis}.name}}"), name))
            });
            combined.collect::<Vec<_>>()
        };
        out = out.iter().flat_map(combine).collect();
        if out.len() > bounds::MATRIX_CASES {
            let message = format!("the matrix stands for more than {} cases", bounds::MATRIX_CASES);
            return Err(Mistake::new(Span::default(), message, "leave out values that test nothing new, or make several files"));
        }
    }
    let suffix = |names: &[String]| if names.is_empty() { String::new() } else { format!("@{}", names.join("@")) };
    Ok(out.into_iter().map(|(names, text)| (suffix(&names), text)).collect())
}

/// The text with the lines of the matrix emptied, so that no value is replaced in them and places stay what they are: a line
/// `matrix = …`, or `[matrix.axis]` and all that follows it in the front matter.
fn without_matrix(text: &str, language: Language) -> String {
    let prefix = language.header_prefix();
    let mut tables = false;
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let content = line.strip_prefix(prefix).map(str::trim_start);
        tables = content.is_some_and(|content| tables || content.starts_with("[matrix."));
        let is_matrix = tables || content.is_some_and(|content| content.starts_with("matrix =") || content.starts_with("matrix."));
        if is_matrix { out.extend([prefix, "\n"]) } else { out.push_str(line) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "#! summary = \"${how} of ${what.name}\"\n#! matrix = { how = { a = \"x\", b = \"y\" }, what = { c = \"1\", d = \"2\" } }\nf(${what})\n";

    #[test]
    fn a_matrix_stands_for_each_combination() {
        let cases = expand(TWO, Language::Script).expect("a matrix");
        let suffixes: Vec<&str> = cases.iter().map(|(suffix, _)| suffix.as_str()).collect();
        assert_eq!(suffixes, ["@a@c", "@a@d", "@b@c", "@b@d"]);
        assert!(cases[3].1.starts_with("#! summary = \"y of d\"") && cases[3].1.ends_with("f(2)\n"), "{}", cases[3].1);
    }

    #[test]
    fn a_file_without_a_matrix_is_one_case() {
        assert_eq!(expand("#! summary = \"s\"\n", Language::Script), Ok(vec![(String::new(), "#! summary = \"s\"\n".to_owned())]));
    }

    #[test]
    fn an_axis_that_nothing_uses_is_a_mistake() {
        let mistake = expand(&TWO.replace("${what}", "3"), Language::Script).expect_err("nothing uses it");
        assert!(mistake.message.contains("`what`"), "{}", mistake.message);
    }
}

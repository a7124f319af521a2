//! A badge per runtime: how much of the suite it passes, as a small SVG.

use touchstone_model::Verdict;

use crate::{Report, Runtime};

/// Pixels that a character takes at the size of the text, roughly; `textLength` makes it exact.
const CHARACTER: usize = 7;
/// Pixels to the left and right of a text.
const MARGIN: usize = 8;

/// The badge of a runtime: of the cases that it can be tried on, those in which it did as specified. A run that was stopped has
/// no figure.
pub fn badge(report: &Report, runtime: &Runtime) -> String {
    let count = |verdict: Verdict| runtime.verdicts.get(verdict.name()).copied().unwrap_or_default();
    let right = count(Verdict::Pass) + count(Verdict::Permitted);
    let tried: usize = Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Unsupported).map(count).sum();
    let unexplained: usize = Verdict::ALL.into_iter().filter(|verdict| !verdict.is_green()).map(count).sum();
    let value = if report.complete { format!("{right} of {tried}") } else { "not finished".to_owned() };
    // white on each of these has a contrast of 4.5 or more
    let colour = match () {
        () if !report.complete => "#595959",
        () if unexplained > 0 => "#b3261e",
        () if right == tried => "#1b6e3c",
        () => "#8a5300",
    };
    svg(&format!("WASI preview 1, {} {}", runtime.name, runtime.version), &value, colour)
}

/// Two texts side by side.
fn svg(label: &str, value: &str, colour: &str) -> String {
    let [left, right] = [label, value].map(|text| text.chars().count() * CHARACTER);
    let (middle, width) = (left + 2 * MARGIN, left + right + 4 * MARGIN);
    let [label, value] = [label, value].map(escaped);
    let text = |x: usize, length: usize, text: &str| format!("<text x=\"{x}\" y=\"14\" textLength=\"{length}\">{text}</text>");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" role=\"img\" aria-label=\"{label}: {value}\">\n\
         <title>{label}: {value}</title>\n\
         <rect width=\"{width}\" height=\"20\" rx=\"3\" fill=\"#333\"/>\n\
         <path d=\"M{middle} 0h{}a3 3 0 0 1 3 3v14a3 3 0 0 1 -3 3h-{}z\" fill=\"{colour}\"/>\n\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">{}{}</g>\n\
         </svg>\n",
        width - middle - 3,
        width - middle - 3,
        text(MARGIN, left, &label),
        text(middle + MARGIN, right, &value),
    )
}

/// A text as XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

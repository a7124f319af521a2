//! Whether the colours of the page can be told apart from what is behind them, as WCAG 2 computes it.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../templates/page.css");
/// WCAG 2.2, 1.4.3, level AA, for text of any size.
const FOR_TEXT: f64 = 4.5;
/// WCAG 2.2, 1.4.11, for what is no text: the mark of the focus.
const FOR_MARKS: f64 = 3.0;

const VERDICTS: [&str; 10] =
    ["pass", "permitted", "discouraged", "known", "unsupported", "stale", "failed", "timed-out", "crashed", "escaped"];

type Palette = BTreeMap<String, [u8; 3]>;

/// The colours of a block of custom properties.
fn palette(block: &str) -> Palette {
    let colour = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let digits = u32::from_str_radix(value.trim_end_matches(';'), 16).ok()?;
        let [_, red, green, blue] = digits.to_be_bytes();
        Some((name.to_owned(), [red, green, blue]))
    };
    block.lines().filter_map(colour).collect()
}

/// The light palette, and the dark one.
fn palettes() -> [Palette; 2] {
    let (light, rest) = STYLE.split_once("@media (prefers-color-scheme: dark)").expect("a dark palette");
    let dark = rest.split_once("/* ---- text").expect("the end of the palettes").0;
    [palette(light), palette(dark)]
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

/// Every text colour with everything that it may stand on, and the contrast that it needs.
fn pairs() -> Vec<(String, String, f64)> {
    let mut out = Vec::new();
    let mut add = |front: &str, back: &str, least| out.push((front.to_owned(), back.to_owned(), least));
    for back in ["page", "surface"] {
        ["text", "quiet", "link", "string", "number", "call"].iter().for_each(|front| add(front, back, FOR_TEXT));
        VERDICTS.iter().for_each(|front| add(front, back, FOR_TEXT));
        add("focus", back, FOR_MARKS);
    }
    for back in VERDICTS.map(|verdict| format!("{verdict}-tint")) {
        // a cell has the tint of its worst verdict, and the numbers of all
        ["text", "quiet", "link"].iter().chain(&VERDICTS).for_each(|front| add(front, &back, FOR_TEXT));
        add("focus", &back, FOR_MARKS);
    }
    out
}

#[test]
fn every_pair_of_colours_can_be_read_in_light_and_dark() {
    let mut broken = Vec::new();
    for (name, palette) in ["light", "dark"].into_iter().zip(palettes()) {
        for (front, back, least) in pairs() {
            let seen = contrast(palette[&front], palette[&back]);
            broken.extend((seen < least).then(|| format!("{name}: {front} on {back} is {seen:.2}, {least} is needed")));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn both_palettes_name_the_same_colours_and_nothing_else_does() {
    let [light, dark] = palettes();
    assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>());
    let rest = STYLE.split_once("/* ---- text").expect("the end of the palettes").1;
    assert!(!rest.lines().any(|line| line.contains(": #")), "a colour stands outside of the palettes");
}

#[test]
fn contrast_is_computed_as_in_wcag() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([0x76; 3], [255; 3]) - 4.54).abs() < 0.01);
}

//! Texts that stand in a block of data once, and are meant by their number.

use std::collections::HashMap;

/// Characters of a text beyond which it is cut. A directory of a thousand entries, listed twice, is no text to be read.
const MOST_CHARACTERS: usize = 4_000;

/// The texts of a block.
#[derive(Debug, Default)]
pub(super) struct Strings {
    numbers: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Strings {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> usize {
        self.whole(cut(text))
    }

    /// The number of a text that is not cut.
    fn whole(&mut self, text: String) -> usize {
        if let Some(number) = self.numbers.get(text.as_str()) {
            return *number;
        }
        let number = self.texts.len();
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// The numbers of the lines of a source: lines recur more often than texts. None is cut, since it is there to be copied.
    pub(super) fn lines(&mut self, text: &str) -> Vec<usize> {
        text.lines().map(|line| self.whole(line.to_owned())).collect()
    }

    /// All texts, each in the place of its number.
    pub(super) fn into_texts(self) -> Vec<String> {
        self.texts
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{} … ({} more bytes are not shown)", &text[..end], text.len() - end),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut strings = Strings::default();
        assert_eq!(strings.lines("a\nb\na"), [0, 1, 0]);
        assert_eq!(strings.into_texts(), ["a", "b"]);
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_say_so() {
        let cut = cut(&"ä".repeat(MOST_CHARACTERS + 1));
        assert!(cut.ends_with("ä … (2 more bytes are not shown)"), "{cut}");
    }
}

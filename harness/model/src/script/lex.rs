//! Text to tokens.

use super::Span;
use crate::bounds;

/// The smallest pieces of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Name(String),
    Int {
        value: i128,
        hex: bool,
    },
    Bytes(Vec<u8>),
    /// One of `( ) [ ] { } , = | : . + - * @ ..= ..`
    Punct(&'static str),
    /// `# text`, without the `#` and one space
    Comment(String),
    Newline,
}

/// A mistake in a script: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub span: Span,
    pub message: String,
    pub help: String,
}

impl Mistake {
    /// A mistake with its cure.
    pub fn new(span: Span, message: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake { span, message: message.into(), help: help.into() }
    }
}

/// Longest first, so that `..=` is not read as `..` and `=`.
const PUNCTUATION: [&str; 17] = ["..=", "..", "(", ")", "[", "]", "{", "}", ",", "=", "|", ":", ".", "+", "-", "*", "@"];

/// Reads a whole text. Lines that start with `#!` are front matter and count as empty here.
pub fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Mistake> {
    let mut lexer = Lexer { text, at: 0, out: Vec::new() };
    while lexer.at < text.len() {
        lexer.step()?;
    }
    let end = Span { start: text.len(), len: 0 };
    lexer.out.push((Token::Newline, end));
    Ok(lexer.out)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<(Token, Span)>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token, len: usize) {
        self.out.push((token, Span { start: self.at, len }));
        self.at += len;
    }

    /// The length of the longest prefix of the rest whose characters all satisfy the test.
    fn run(&self, test: impl Fn(char) -> bool) -> usize {
        self.rest().find(|c| !test(c)).unwrap_or(self.rest().len())
    }

    fn step(&mut self) -> Result<(), Mistake> {
        let first = self.rest().chars().next().unwrap_or('\n');
        match first {
            '\n' => self.push(Token::Newline, 1),
            ' ' | '\t' | '\r' => self.at += 1,
            '#' => self.comment(),
            '"' => self.string()?,
            'a'..='z' | 'A'..='Z' | '_' => self.name(),
            '0'..='9' => self.number()?,
            _ => self.punctuation(first)?,
        }
        Ok(())
    }

    fn comment(&mut self) {
        let len = self.run(|c| c != '\n');
        let line = &self.rest()[1..len];
        if line.starts_with('!') {
            self.at += len;
            return;
        }
        let text = line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned();
        self.push(Token::Comment(text), len);
    }

    fn name(&mut self) {
        let len = self.run(|c| c.is_ascii_alphanumeric() || c == '_');
        self.push(Token::Name(self.rest()[..len].to_owned()), len);
    }

    fn number(&mut self) -> Result<(), Mistake> {
        let len = self.run(|c| c.is_ascii_alphanumeric() || c == '_');
        let span = Span { start: self.at, len };
        let digits: String = self.rest()[..len].chars().filter(|c| *c != '_').collect();
        if digits == "2big" {
            self.push(Token::Name(digits), len);
            return Ok(());
        }
        let (hex, value) = match digits.strip_prefix("0x") {
            Some(hex) => (true, i128::from_str_radix(hex, 16)),
            None => (false, digits.parse()),
        };
        let value = value.map_err(|_| {
            Mistake::new(
                span,
                format!("`{}` is not a number", &self.rest()[..len]),
                "write decimal (`42`, `1_000`) or hexadecimal (`0xff`) digits",
            )
        })?;
        if value > i128::from(u64::MAX) {
            return Err(Mistake::new(
                span,
                "the number does not fit 64 bits",
                "the largest value of any WASI type is 0xffff_ffff_ffff_ffff",
            ));
        }
        self.push(Token::Int { value, hex }, len);
        Ok(())
    }

    fn punctuation(&mut self, first: char) -> Result<(), Mistake> {
        match PUNCTUATION.iter().find(|p| self.rest().starts_with(**p)) {
            Some(found) => {
                self.push(Token::Punct(found), found.len());
                Ok(())
            }
            None => Err(Mistake::new(
                Span { start: self.at, len: first.len_utf8() },
                format!("`{}` has no meaning here", first.escape_default()),
                "strings stand in double quotes, comments start with `#`",
            )),
        }
    }

    fn string(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let mut bytes = Vec::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.push(Token::Bytes(bytes), index + 1);
                    return Ok(());
                }
                '\n' => break,
                '\\' => escape(&mut chars, start + index, &mut bytes)?,
                _ => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
            if bytes.len() > bounds::LITERAL_BYTES {
                return Err(Mistake::new(Span { start, len: 1 }, "the string is too long", "repeat a piece instead: `\"a\" * 4096`"));
            }
        }
        Err(Mistake::new(Span { start, len: 1 }, "the string has no end", "close it with `\"` on the same line; a line break is `\\n`"))
    }
}

/// Reads what follows a backslash.
fn escape(chars: &mut dyn Iterator<Item = (usize, char)>, at: usize, bytes: &mut Vec<u8>) -> Result<(), Mistake> {
    let known = "known escapes: \\n \\r \\t \\0 \\\\ \\\" and \\xNN with two hexadecimal digits";
    let next = chars.next().map(|(_, c)| c);
    let simple = match next {
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('t') => b'\t',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('"') => b'"',
        Some('x') => {
            let digits: String = chars.take(2).map(|(_, c)| c).collect();
            u8::from_str_radix(&digits, 16)
                .map_err(|_| Mistake::new(Span { start: at, len: 4 }, format!("`\\x{digits}` is no byte"), known))?
        }
        Some(_) | None => return Err(Mistake::new(Span { start: at, len: 2 }, "unknown escape", known)),
    };
    bytes.push(simple);
    Ok(())
}

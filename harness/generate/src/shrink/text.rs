//! Shorter and simpler bytes: paths, data, names.

use touchstone_model::script::Literal;

use super::numbers;

/// Bytes up to which every single one is tried.
const SHORT_BYTES: usize = 48;

/// Parts into which longer bytes are cut: each is left out once, and a copy of a large file each time is not for nothing.
const MOST_PARTS: usize = 32;

/// Repetitions up to which a piece is written out.
const FEW_BYTES: usize = 8;

/// Simpler literals: as plain bytes if they are few, else piece by piece.
pub(super) fn simpler_literal(literal: &Literal, is_path: bool) -> Vec<Literal> {
    let mut out = vec![Literal::new(b""), Literal::new(b"a")];
    let length: usize = literal.pieces.iter().map(|(bytes, times)| bytes.len() * *times as usize).sum();
    if length <= FEW_BYTES {
        out.extend(simpler_bytes(&literal.bytes(), is_path).iter().map(|bytes| Literal::new(bytes)));
    } else {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        out.push(Literal { pieces: vec![(b"a".to_vec(), length)], ..literal.clone() });
        out.extend((0..literal.pieces.len()).flat_map(|at| simpler_piece(literal, at, is_path)));
    }
    out
}

/// A literal with one of its pieces left out, repeated less often, or made simpler.
fn simpler_piece(literal: &Literal, at: usize, is_path: bool) -> Vec<Literal> {
    let (bytes, times) = &literal.pieces[at];
    let with = |piece: (Vec<u8>, u32)| {
        let mut out = literal.clone();
        out.pieces[at] = piece;
        out
    };
    let mut out = Vec::new();
    if literal.pieces.len() > 1 {
        let mut without = literal.clone();
        without.pieces.remove(at);
        out.push(without);
    }
    let fewer = numbers::smaller((*times).into()).into_iter().filter_map(|times| u32::try_from(times).ok());
    out.extend(fewer.map(|times| with((bytes.clone(), times))));
    out.extend(simpler_bytes(bytes, is_path).into_iter().filter(|bytes| !bytes.is_empty()).map(|bytes| with((bytes, *times))));
    out
}

/// Simpler bytes: none, `a`, one component of a path less, only the first of them, some in the middle less, and each byte an `a`.
pub(super) fn simpler_bytes(bytes: &[u8], is_path: bool) -> Vec<Vec<u8>> {
    let mut out = vec![Vec::new(), b"a".to_vec()];
    if is_path {
        let parts: Vec<&[u8]> = bytes.split(|byte| *byte == b'/').collect();
        if parts.len() > 1 {
            out.extend((0..parts.len()).map(|at| [&parts[..at], &parts[at + 1..]].concat().join(&b'/')));
        }
    }
    let shorter = numbers::smaller(bytes.len() as i128).into_iter().filter_map(|len| usize::try_from(len).ok());
    out.extend(shorter.filter(|len| *len < bytes.len()).map(|len| bytes[..len].to_vec()));
    let mut size = bytes.len() / 2;
    while size > 1 && bytes.len() / size < MOST_PARTS {
        out.extend((0..bytes.len()).step_by(size).map(|at| [&bytes[..at], &bytes[(at + size).min(bytes.len())..]].concat()));
        size /= 2;
    }
    out.push(vec![b'a'; bytes.len()]);
    if bytes.len() <= SHORT_BYTES {
        out.extend((0..bytes.len()).map(|at| [&bytes[..at], &bytes[at + 1..]].concat()));
        out.extend((0..bytes.len()).map(|at| [&bytes[..at], b"a", &bytes[at + 1..]].concat()));
    }
    out
}

/// Simpler text, where only UTF-8 can stand.
pub(super) fn simpler_text(text: &str, is_path: bool) -> Vec<String> {
    simpler_bytes(text.as_bytes(), is_path).into_iter().filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
}

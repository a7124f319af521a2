//! The bytes of a file: sparse, and perhaps not all known.

/// What a regular file holds. What no part covers reads as zeros.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    len: u64,
    /// Disjoint, in the order of their positions, none empty, none behind the end.
    parts: Vec<Part>,
}

/// Some bytes at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    at: u64,
    bytes: Bytes,
}

/// Bytes that are known, or that somebody wrote without our seeing them all.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bytes {
    Known(Vec<u8>),
    Unknown(u64),
}

impl Bytes {
    fn len(&self) -> u64 {
        match self {
            Bytes::Known(bytes) => bytes.len() as u64,
            Bytes::Unknown(len) => *len,
        }
    }

    fn slice(&self, from: u64, to: u64) -> Bytes {
        match self {
            Bytes::Known(bytes) => Bytes::Known(bytes[index(from)..index(to)].to_vec()),
            Bytes::Unknown(_) => Bytes::Unknown(to - from),
        }
    }
}

fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

impl Content {
    /// A file with these bytes.
    pub fn of(bytes: &[u8]) -> Content {
        let part = || Part { at: 0, bytes: Bytes::Known(bytes.to_vec()) };
        Content { len: bytes.len() as u64, parts: if bytes.is_empty() { Vec::new() } else { vec![part()] } }
    }

    /// How many bytes the file has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts bytes at a position; the file grows where they reach beyond its end.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len = self.len.max(at.saturating_add(bytes.len() as u64));
        // the common case: an append, or an overwrite within one part
        if let Some(part) = self.parts.last_mut()
            && at >= part.at
            && at <= part.at + part.bytes.len()
            && let Bytes::Known(known) = &mut part.bytes
        {
            let start = index(at - part.at);
            let overlap = bytes.len().min(known.len() - start);
            known[start..start + overlap].copy_from_slice(&bytes[..overlap]);
            known.extend_from_slice(&bytes[overlap..]);
            return;
        }
        self.put(at, Bytes::Known(bytes.to_vec()));
    }

    /// Says that this many bytes were written of which nothing is known.
    pub fn write_unknown(&mut self, at: u64, len: u64) {
        if len > 0 {
            self.len = self.len.max(at.saturating_add(len));
            self.put(at, Bytes::Unknown(len));
        }
    }

    fn put(&mut self, at: u64, bytes: Bytes) {
        let end = at.saturating_add(bytes.len());
        self.clear(at, end);
        let place = self.parts.partition_point(|part| part.at < at);
        self.parts.insert(place, Part { at, bytes });
    }

    /// Takes out what is known and unknown of a range, so that it reads as zeros.
    fn clear(&mut self, from: u64, to: u64) {
        let mut kept = Vec::with_capacity(self.parts.len() + 1);
        for part in self.parts.drain(..) {
            let end = part.at + part.bytes.len();
            if end <= from || part.at >= to {
                kept.push(part);
                continue;
            }
            if part.at < from {
                kept.push(Part { at: part.at, bytes: part.bytes.slice(0, from - part.at) });
            }
            if end > to {
                kept.push(Part { at: to, bytes: part.bytes.slice(to - part.at, end - part.at) });
            }
        }
        self.parts = kept;
    }

    /// Cuts the file off, or lets it grow with zeros.
    pub fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.clear(len, self.len);
        }
        self.len = len;
    }

    /// The bytes of a range, which must lie within the file. Unknown ones read as zeros.
    pub fn read(&self, from: u64, len: u64) -> Vec<u8> {
        let mut out = vec![0; index(len)];
        for (at, bytes) in self.known(from, from.saturating_add(len)) {
            let start = index(at - from);
            out[start..start + bytes.len()].copy_from_slice(bytes);
        }
        out
    }

    /// Whether a range of the file holds these bytes, or may: what is unknown may be anything.
    pub fn holds(&self, from: u64, bytes: &[u8]) -> bool {
        let end = from + bytes.len() as u64;
        // one part that covers all is how most files look
        if let [Part { at, bytes: Bytes::Known(known) }] = self.parts.as_slice()
            && *at <= from
            && end <= at + known.len() as u64
        {
            return known[index(from - at)..index(end - at)] == *bytes;
        }
        let mut next = from;
        for part in &self.parts {
            let (start, stop) = (part.at.max(from), (part.at + part.bytes.len()).min(end));
            if start >= stop {
                continue;
            }
            if bytes[index(next - from)..index(start - from)].iter().any(|byte| *byte != 0) {
                return false;
            }
            if let Bytes::Known(known) = &part.bytes
                && known[index(start - part.at)..index(stop - part.at)] != bytes[index(start - from)..index(stop - from)]
            {
                return false;
            }
            next = stop;
        }
        bytes[index(next - from)..].iter().all(|byte| *byte == 0)
    }

    /// Whether every byte is known.
    pub fn is_known(&self) -> bool {
        self.parts.iter().all(|part| matches!(part.bytes, Bytes::Known(_)))
    }

    /// The known parts of a range, each with its position; between them lie zeros, and what is unknown.
    pub fn known(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &[u8])> {
        self.parts.iter().filter_map(move |part| {
            let (start, stop) = (part.at.max(from), (part.at + part.bytes.len()).min(to));
            match &part.bytes {
                Bytes::Known(bytes) if start < stop => Some((start, &bytes[index(start - part.at)..index(stop - part.at)])),
                Bytes::Known(_) | Bytes::Unknown(_) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_reads_as_zeros() {
        let mut file = Content::of(b"ab");
        file.write(4, b"ef");
        assert_eq!((file.len(), file.read(0, 6)), (6, b"ab\0\0ef".to_vec()));
        assert!(file.holds(0, b"ab\0\0ef") && file.holds(1, b"b\0\0e") && !file.holds(1, b"b\0x"));
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut file = Content::of(b"hello");
        file.set_len(2);
        file.set_len(4);
        assert_eq!(file.read(0, 4), b"he\0\0");
        assert!(file.holds(0, b"he\0\0"));
    }

    #[test]
    fn overwriting_keeps_what_lies_around() {
        let mut file = Content::of(b"0123456789");
        file.write(3, b"abc");
        assert_eq!(file.read(0, 10), b"012abc6789");
        file.write(20, b"z");
        file.write(9, b"XY");
        assert_eq!(file.read(8, 13), b"8XY\0\0\0\0\0\0\0\0\0z");
    }

    #[test]
    fn unknown_bytes_may_be_anything_and_known_ones_may_not() {
        let mut file = Content::of(b"aaaa");
        file.write_unknown(1, 2);
        assert!(file.holds(0, b"axya") && !file.holds(0, b"axyb") && !file.is_known());
        file.write(1, b"bb");
        assert!(file.is_known() && file.holds(0, b"abba"));
    }

    #[test]
    fn a_huge_file_costs_nothing() {
        let mut file = Content::default();
        file.set_len(1 << 40);
        file.write(1 << 39, b"x");
        assert!(file.holds((1 << 39) - 1, b"\0x\0"));
    }
}

//! How bytes become choices.

use arbitrary::Unstructured;

use crate::CALL_BYTES;

/// A piece of the input of fixed size, from which choices are drawn. Behind its end it goes round, changed, so that there is
/// always one more.
#[derive(Debug, Clone)]
pub(crate) struct Dice<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

/// What decides one call.
pub(crate) type CallDice = Dice<CALL_BYTES>;

impl<const N: usize> Dice<N> {
    /// Takes the next piece of the input; zeros stand for what is missing.
    pub(crate) fn take(input: &mut Unstructured<'_>) -> Dice<N> {
        let mut bytes = [0; N];
        let len = input.len().min(N);
        if let Ok(given) = input.bytes(len) {
            bytes[..len].copy_from_slice(given);
        }
        Dice { bytes, at: 0 }
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let (place, round) = (self.at % N, self.at / N);
        self.at += 1;
        if round == 0 { self.bytes[place] } else { self.bytes[place].rotate_left(3).wrapping_add(0x6d) }
    }

    /// The next eight bytes as a number.
    pub(crate) fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Below `end`, which is not above 256. All are about equally likely.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) * end / 256
    }

    /// True in so many of a hundred draws.
    pub(crate) fn percent(&mut self, share: u8) -> bool {
        self.below(100) < usize::from(share)
    }

    /// One of several; there is at least one.
    pub(crate) fn choose<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// The candidate whose key comes first from a place on, on a ring of 256 places: what is drawn stays the same when other
/// candidates come and go.
pub(crate) fn nearest<T>(at: u8, candidates: impl Iterator<Item = (u8, T)>) -> Option<T> {
    candidates.min_by_key(|(key, _)| key.wrapping_sub(at)).map(|(_, candidate)| candidate)
}

/// The input of a numbered sample: a header, and bytes for some calls, mostly as many as there can be.
pub(crate) fn bytes(seed: u64, index: u64, header: usize, most_calls: usize) -> Vec<u8> {
    // The index goes through the generator by itself, so that no sample's sequence is a later part of its neighbour's.
    let mut random = SplitMix64(seed ^ SplitMix64(index).next());
    let fewer = random.next();
    let calls = if fewer.is_multiple_of(4) { 1 + (fewer >> 32) as usize % most_calls.max(1) } else { most_calls };
    let len = header + calls * CALL_BYTES;
    let mut out = vec![0; len];
    for word in out.chunks_mut(8) {
        word.copy_from_slice(&random.next().to_le_bytes()[..word.len()]);
    }
    out
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // the first numbers from seed 1234567, as listed with the reference implementation
        let mut random = SplitMix64(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn what_is_nearest_stays_when_others_go() {
        let all = [(10, 'a'), (100, 'b'), (200, 'c')];
        assert_eq!(nearest(90, all.into_iter()), Some('b'));
        assert_eq!(nearest(90, all.into_iter().skip(1)), Some('b'));
        assert_eq!(nearest(201, all.into_iter()), Some('a'));
        assert_eq!(nearest::<char>(0, std::iter::empty()), None);
    }

    #[test]
    fn an_input_that_is_too_short_ends_in_zeros() {
        let mut dice = Dice::<4>::take(&mut Unstructured::new(&[7]));
        assert_eq!((dice.byte(), dice.byte()), (7, 0));
    }
}

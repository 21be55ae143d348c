//! One bit a text, with how many are set before any place: an eighth of what a table of counts would take.

/// Bits that can be counted from the front in constant time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct RankedBits {
    words: Vec<u64>,
    /// Bits set before each word, and in all.
    before: Vec<u32>,
}

impl RankedBits {
    /// The first 2³² of `bits`.
    pub(super) fn new(bits: impl Iterator<Item = bool>) -> Self {
        let mut words: Vec<u64> = Vec::with_capacity(bits.size_hint().0 / 64 + 1);
        for (at, bit) in bits.enumerate() {
            if at % 64 == 0 {
                words.push(0);
            }
            if let Some(word) = words.last_mut() {
                *word |= u64::from(bit) << (at % 64);
            }
        }
        let mut n = 0;
        let mut before = Vec::with_capacity(words.len() + 1);
        before.push(0);
        for word in &words {
            n += word.count_ones();
            before.push(n);
        }
        RankedBits { words, before }
    }

    /// The bit at a place; `false` behind the end.
    pub(super) fn get(&self, place: usize) -> bool {
        self.words
            .get(place / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Bits set among the first `n`.
    pub(super) fn rank(&self, n: usize) -> usize {
        let within = self
            .words
            .get(n / 64)
            .map_or(0, |word| (word & !(u64::MAX << (n % 64))).count_ones());
        let whole = self.before.get(n / 64).or(self.before.last()).copied().unwrap_or(0);
        (whole + within) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_count_what_was_put_in(bits in prop::collection::vec(any::<bool>(), 0..300), n in 0usize..400) {
            let ranked = RankedBits::new(bits.iter().copied());
            prop_assert_eq!(ranked.rank(n), bits.iter().take(n).filter(|bit| **bit).count());
            prop_assert_eq!(ranked.get(n), bits.get(n).copied().unwrap_or(false));
        }
    }
}

//! A pseudo-random order of 0..n that needs no list: number `i` of it is computed.
//!
//! A Feistel network mixes the numbers of the smallest even number of bits that holds n; what falls outside is mixed again until it falls
//! inside (Black & Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002), which takes fewer than four rounds on average.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::core::rng::Stream;

const ROUNDS: usize = 6;

/// One order of the numbers below `n`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Permutation {
    n: u64,
    /// Bits of each half of a number.
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// An order drawn from `rng`. `n` is at most 2⁶².
    pub(super) fn new(n: u64, rng: &mut Stream) -> Self {
        Permutation {
            n,
            half: half(n),
            keys: std::array::from_fn(|_| rng.random()),
        }
    }

    /// Whether this is an order of the numbers below `n`: one that was read may be anything.
    pub(super) fn is_of(&self, n: u64) -> bool {
        self.n == n && self.half == half(n)
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> u64 {
        self.n
    }

    /// Number `i` of the order, for `i` below `n`.
    pub(super) fn at(&self, i: u64) -> u64 {
        let mut number = self.mixed(i);
        while number >= self.n {
            number = self.mixed(number);
        }
        number
    }

    fn mixed(&self, number: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (number >> self.half, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (hash(right ^ key) & mask));
        }
        (left << self.half) | right
    }
}

/// Bits of each half of the numbers below `n`.
fn half(n: u64) -> u32 {
    let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
    bits.div_ceil(2).max(1)
}

/// SplitMix64's finaliser (Steele, Lea & Flood, 2014).
fn hash(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng;

    #[test]
    fn every_number_comes_once_in_an_order_of_its_own() {
        for n in [1, 2, 3, 7, 64, 65, 1000] {
            let mut rng = rng::stream(0, "permutation");
            let mut order = || {
                let permutation = Permutation::new(n, &mut rng);
                (0..n).map(|i| permutation.at(i)).collect::<Vec<u64>>()
            };
            let (one, other) = (order(), order());
            assert!(n < 7 || one != other, "{n}");
            for mut order in [one, other] {
                order.sort_unstable();
                assert_eq!(order, (0..n).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_first_numbers_are_spread_evenly() {
        let n = 125_000_000_000;
        let permutation = Permutation::new(n, &mut rng::stream(1, "permutation"));
        let mut n_in = [0usize; 10];
        for i in 0..10_000 {
            n_in[(permutation.at(i) * 10 / n) as usize] += 1;
        }
        assert!(n_in.iter().all(|n| n.abs_diff(1000) < 130), "{n_in:?}");
    }
}

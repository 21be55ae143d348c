//! Seeded random streams: one seed per run, one independent stream per purpose, the same on every platform.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The generator behind every random choice of a run.
pub type Stream = ChaCha8Rng;

/// The stream called `name` of a run seeded with `seed`.
///
/// Streams with different names are independent, so drawing more numbers for one purpose (`"dropout"`) does not move
/// another (`"pairs"`).
pub fn stream(seed: u64, name: &str) -> Stream {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(name.as_bytes())
        .finalize();
    let mut key = [0u8; 32];
    key.copy_from_slice(&digest);
    Stream::from_seed(key)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn draw(seed: u64, name: &str) -> [u64; 3] {
        let mut rng = stream(seed, name);
        [rng.random(), rng.random(), rng.random()]
    }

    #[test]
    fn same_seed_and_name_repeat_and_others_differ() {
        assert_eq!(draw(7, "pairs"), draw(7, "pairs"));
        assert_ne!(draw(7, "pairs"), draw(8, "pairs"));
        assert_ne!(draw(7, "pairs"), draw(7, "dropout"));
    }

    #[test]
    fn streams_are_pinned_across_versions() {
        // A stored run says "seed 0"; these numbers are what that means.
        assert_eq!(draw(0, "pairs"), PINNED);
    }

    const PINNED: [u64; 3] = [1075364416163383717, 5667059830753823945, 12162743274831056024];
}

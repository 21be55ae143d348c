//! Seeded random streams: one seed per run, one independent stream per purpose, the same on every platform.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
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

/// Where a stream stands: plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    key: [u8; 32],
    number: u64,
    /// Words taken, in decimal: too many for a number of JSON.
    taken: String,
}

/// Where `stream` stands now.
pub fn position(stream: &Stream) -> Position {
    Position {
        key: stream.get_seed(),
        number: stream.get_stream(),
        taken: stream.get_word_pos().to_string(),
    }
}

/// The stream that goes on from `position`; `None` where that makes no sense.
pub fn stream_at(position: &Position) -> Option<Stream> {
    let mut stream = Stream::from_seed(position.key);
    stream.set_stream(position.number);
    stream.set_word_pos(position.taken.parse().ok()?);
    Some(stream)
}

/// A number from the standard normal distribution (Box and Muller, 1958).
pub fn normal(stream: &mut Stream) -> f64 {
    let (radius, angle): (f64, f64) = (stream.random(), stream.random());
    // 1 − u is never 0.
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
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
    fn a_stream_goes_on_from_any_position() {
        for n_taken in 0..70 {
            let mut rng = stream(3, "batches");
            // Of different widths, so that positions fall inside blocks too.
            (0..n_taken).for_each(|n| {
                if n % 3 == 0 {
                    rng.random::<u64>();
                } else {
                    rng.random::<u32>();
                }
            });
            let json = serde_json::to_string(&position(&rng)).unwrap();
            let mut again = stream_at(&serde_json::from_str(&json).unwrap()).unwrap();
            let (a, b): ([u64; 20], [u64; 20]) = (rng.random(), again.random());
            assert_eq!(a, b, "{n_taken}");
        }
        let mut nonsense = position(&stream(3, "batches"));
        nonsense.taken = "-1".to_owned();
        assert!(stream_at(&nonsense).is_none());
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut rng = stream(1, "normal");
        let drawn: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let square = drawn.iter().map(|x| x * x).sum::<f64>() / drawn.len() as f64;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.04, "{mean} {square}");
    }

    #[test]
    fn streams_are_pinned_across_versions() {
        // A stored run says "seed 0"; these numbers are what that means.
        assert_eq!(draw(0, "pairs"), PINNED);
    }

    const PINNED: [u64; 3] = [1075364416163383717, 5667059830753823945, 12162743274831056024];
}

//! Learning rate over the steps: a linear rise, then a fall or none.

use std::f64::consts::PI;

/// The shapes that [`rate`] knows: what follows the rise.
pub const SHAPES: [&str; 3] = ["linear", "cosine", "constant"];

/// The rate of `step` (from 1) out of `n_steps`: rises to `peak` over the first `warmup` share of the steps (rounded up), then follows
/// `shape`, one of [`SHAPES`]; `linear` and `cosine` reach zero one step after the last.
///
/// The shapes of Hugging Face's `get_linear_schedule_with_warmup` and its siblings, one step earlier on the way up: there the first step
/// has rate zero and does nothing.
pub fn rate(shape: &str, peak: f64, step: usize, n_steps: usize, warmup: f64) -> f64 {
    let n_rising = ((n_steps as f64 * warmup).ceil() as usize).min(n_steps);
    if step <= n_rising {
        return peak * step as f64 / n_rising as f64;
    }
    let n_falling = (n_steps - n_rising).max(1);
    let n_left = (n_steps + 1).saturating_sub(step);
    match shape {
        "constant" => peak,
        "cosine" => peak * 0.5 * (1.0 - (PI * n_left as f64 / n_falling as f64).cos()),
        _ => peak * n_left as f64 / n_falling as f64,
    }
}

/// [`rate`] of the shape `linear`.
pub fn linear(peak: f64, step: usize, n_steps: usize, warmup: f64) -> f64 {
    rate("linear", peak, step, n_steps, warmup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let rates: Vec<f64> = (1..=10).map(|step| linear(8.0, step, 10, 0.2)).collect();
        assert_eq!(rates, [4.0, 8.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        assert_eq!(linear(8.0, 11, 10, 0.2), 0.0);
    }

    #[test]
    fn a_cosine_falls_slowly_at_both_ends_and_a_constant_stays() {
        // 4 · (1 + cos(π · k / 4)) for k = 0 … 4
        let expected = [4.0, 8.0, 8.0, 6.828_427_124_746_19, 4.0, 1.171_572_875_253_81, 0.0];
        for (step, expected) in (1..).zip(expected) {
            assert!((rate("cosine", 8.0, step, 6, 0.3) - expected).abs() < 1e-12, "{step}");
        }
        let rates: Vec<f64> = (1..=5).map(|step| rate("constant", 8.0, step, 5, 0.4)).collect();
        assert_eq!(rates, [4.0, 8.0, 8.0, 8.0, 8.0]);
    }

    #[test]
    fn edges_are_finite() {
        for shape in SHAPES {
            assert_eq!(rate(shape, 1.0, 1, 1, 0.0), 1.0);
            assert_eq!(rate(shape, 1.0, 1, 1, 1.0), 1.0);
            assert_eq!(rate(shape, 1.0, 3, 3, 1.0), 1.0);
            assert_eq!(rate(shape, 1.0, 1, 4, 0.0), 1.0);
        }
    }
}

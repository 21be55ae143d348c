//! Learning rate over the steps: a linear rise, then a linear fall to zero.

/// The rate of `step` (from 1) out of `n_steps`: rises to `peak` over the first `warmup` share of the steps (rounded up), then
/// falls linearly, reaching zero one step after the last.
///
/// The shape of Hugging Face's `get_linear_schedule_with_warmup`, one step earlier on the way up: there the first step has
/// rate zero and does nothing.
pub fn linear(peak: f64, step: usize, n_steps: usize, warmup: f64) -> f64 {
    let n_rising = ((n_steps as f64 * warmup).ceil() as usize).min(n_steps);
    if step <= n_rising {
        return peak * step as f64 / n_rising as f64;
    }
    let n_falling = n_steps - n_rising;
    peak * (n_steps + 1).saturating_sub(step) as f64 / n_falling.max(1) as f64
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
    fn edges_are_finite() {
        assert_eq!(linear(1.0, 1, 1, 0.0), 1.0);
        assert_eq!(linear(1.0, 1, 1, 1.0), 1.0);
        assert_eq!(linear(1.0, 3, 3, 1.0), 1.0);
        assert_eq!(linear(1.0, 1, 4, 0.0), 1.0);
    }
}

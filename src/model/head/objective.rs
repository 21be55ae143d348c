//! The penalised log-loss of a linear classifier and its gradient, in f64.
//!
//! Not here: choosing labels, optimising, probabilities of new texts.

use gemm::Parallelism;
use rayon::prelude::*;

use super::tree::NestedLoss;

/// Rows and classes handled per task: fixed, so that sums do not depend on the number of threads.
const ROWS_PER_TASK: usize = 128;
const CLASSES_PER_TASK: usize = 8;
/// The least number of rows whose share of the gradient is summed up by itself, and the most such sums: with as many rows as fill caches,
/// reading them once for all classes is what counts.
const ROWS_PER_SUM: usize = 2048;
const MAX_SUMS: usize = 64;

/// Weighted mean of the log-losses + ‖W‖² / (2·C·Σweights), the objective scikit-learn's `LogisticRegression` minimises.
///
/// With one output the loss is that of a sigmoid and `y` holds 0 or 1; with K ≥ 2 outputs it is a softmax over them
/// and `y` holds the column. Parameters are `[W (outputs, dim) row-major, b (outputs)]`; `b` is not penalised.
pub(super) struct Objective<'a> {
    /// `(n, dim)`, row-major.
    pub x: &'a [f64],
    pub dim: usize,
    /// One target per row.
    pub y: &'a [usize],
    /// What each row counts, above 0.
    pub weights: &'a [f64],
    pub n_outputs: usize,
    /// Inverse strength of the penalty.
    pub c: f64,
    /// In place of the log-loss of a softmax: that of whole paths.
    pub nested: Option<&'a NestedLoss>,
}

impl Objective<'_> {
    pub fn n_parameters(&self) -> usize {
        self.n_outputs * (self.dim + 1)
    }

    pub fn total_weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The value at `parameters`; writes the gradient.
    pub fn evaluate(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let (dim, n_outputs, total) = (self.dim, self.n_outputs, self.total_weight());
        let (weights, intercepts) = parameters.split_at(n_outputs * dim);
        let mut residuals = logits(self.x, dim, weights, intercepts);
        let losses: Vec<f64> = residuals
            .par_chunks_mut(ROWS_PER_TASK * n_outputs)
            .zip(self.y.par_chunks(ROWS_PER_TASK))
            .zip(self.weights.par_chunks(ROWS_PER_TASK))
            .map(|((rows, y), weights)| {
                rows.chunks_mut(n_outputs)
                    .zip(y)
                    .zip(weights)
                    .map(|((row, y), weight)| {
                        let loss = match self.nested {
                            Some(nested) => nested.evaluate(row, *y),
                            None => to_residual(row, *y),
                        };
                        row.iter_mut().for_each(|residual| *residual *= weight);
                        weight * loss
                    })
                    .sum()
            })
            .collect();

        let penalty = 1.0 / (self.c * total);
        let (weight_gradient, intercept_gradient) = gradient.split_at_mut(n_outputs * dim);
        for (gradient, weight) in weight_gradient.iter_mut().zip(weights) {
            *gradient = penalty * weight;
        }
        self.add_weighted_rows(weight_gradient, &residuals, 1.0 / total);
        for (class, g) in intercept_gradient.iter_mut().enumerate() {
            *g = residuals[class..].iter().step_by(n_outputs).sum::<f64>() / total;
        }
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        losses.iter().sum::<f64>() / total + 0.5 * penalty * squares
    }
}

impl Objective<'_> {
    /// `out += scale · Rᵀ·x`, for residuals R `(n, outputs)` and out `(outputs, dim)`, both row-major.
    fn add_weighted_rows(&self, out: &mut [f64], residuals: &[f64], scale: f64) {
        let (dim, n_outputs) = (self.dim, self.n_outputs);
        let n_rows = self.y.len().div_ceil(MAX_SUMS).max(ROWS_PER_SUM);
        if self.y.len() <= n_rows {
            out.par_chunks_mut(CLASSES_PER_TASK * dim)
                .enumerate()
                .for_each(|(task, block)| {
                    let residuals = &residuals[task * CLASSES_PER_TASK..];
                    add_transposed_product(block, residuals, n_outputs, self.x, dim, scale);
                });
            return;
        }
        let sums: Vec<Vec<f64>> = residuals
            .par_chunks(n_rows * n_outputs)
            .zip(self.x.par_chunks(n_rows * dim))
            .map(|(residuals, x)| {
                let mut sum = vec![0.0; n_outputs * dim];
                add_transposed_product(&mut sum, residuals, n_outputs, x, dim, scale);
                sum
            })
            .collect();
        for sum in sums {
            out.iter_mut().zip(sum).for_each(|(out, share)| *out += share);
        }
    }
}

/// `x·Wᵀ + b`: `(n, outputs)` row-major, from x `(n, dim)` and W `(outputs, dim)`.
pub(super) fn logits(x: &[f64], dim: usize, weights: &[f64], intercepts: &[f64]) -> Vec<f64> {
    let n_outputs = intercepts.len();
    let mut out = vec![0.0; x.len() / dim * n_outputs];
    out.par_chunks_mut(ROWS_PER_TASK * n_outputs)
        .zip(x.par_chunks(ROWS_PER_TASK * dim))
        .for_each(|(out, x)| {
            out.chunks_mut(n_outputs)
                .for_each(|row| row.copy_from_slice(intercepts));
            let n_rows = x.len() / dim;
            assert!(out.len() == n_rows * n_outputs && weights.len() == n_outputs * dim);
            let (row, output) = (n_outputs as isize, dim as isize);
            // SAFETY: the three lengths were just checked against the shapes and strides given here, and `out` is ours alone.
            unsafe {
                gemm::gemm(
                    n_rows,
                    n_outputs,
                    dim,
                    out.as_mut_ptr(),
                    1,
                    row,
                    true,
                    x.as_ptr(),
                    1,
                    dim as isize,
                    weights.as_ptr(),
                    output,
                    1,
                    1.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
        });
    out
}

/// `out += scale·Rᵀ·x` for the first classes of R: out `(classes, dim)`, R `(n, ..)` with rows `stride` apart.
fn add_transposed_product(out: &mut [f64], r: &[f64], stride: usize, x: &[f64], dim: usize, scale: f64) {
    let (n_classes, n) = (out.len() / dim, x.len() / dim);
    assert!(n_classes <= stride && out.len() == n_classes * dim && r.len() >= (n - 1) * stride + n_classes);
    // SAFETY: lengths checked above against the shapes and strides given here; `out` is borrowed mutably.
    unsafe {
        gemm::gemm(
            n_classes,
            dim,
            n,
            out.as_mut_ptr(),
            1,
            dim as isize,
            true,
            r.as_ptr(),
            stride as isize,
            1,
            x.as_ptr(),
            1,
            dim as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Turns one row of logits into `probability − target` and returns its log-loss.
fn to_residual(row: &mut [f64], y: usize) -> f64 {
    if let [z] = row {
        let target = y as f64;
        let loss = z.max(0.0) - *z * target + (-z.abs()).exp().ln_1p();
        *z = sigmoid(*z) - target;
        return loss;
    }
    let at_target = row[y];
    let log_sum = softmax(row);
    row[y] -= 1.0;
    log_sum - at_target
}

/// 1 / (1 + e⁻ᶻ), without overflow.
pub(super) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        z.exp() / (1.0 + z.exp())
    }
}

/// The logarithm of [`sigmoid`], finite wherever `z` is.
pub(super) fn log_sigmoid(z: f64) -> f64 {
    z.min(0.0) - (-z.abs()).exp().ln_1p()
}

/// Replaces logits by probabilities; returns the logarithm of the sum of their exponentials.
pub(super) fn softmax(row: &mut [f64]) -> f64 {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for z in row.iter_mut() {
        *z = (*z - most).exp();
        sum += *z;
    }
    row.iter_mut().for_each(|p| *p /= sum);
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        // The last is summed in several blocks of rows.
        for (n_outputs, n_classes, n) in [(1, 2, 150), (3, 3, 150), (19, 19, 150), (3, 3, 2 * ROWS_PER_SUM + 7)] {
            let mut rng = crate::core::rng::stream(1, "objective");
            let dim = 5;
            let x: Vec<f64> = (0..n * dim).map(|_| rng.random_range(-1.0..1.0)).collect();
            let y: Vec<usize> = (0..n).map(|_| rng.random_range(0..n_classes)).collect();
            let weights: Vec<f64> = (0..n).map(|_| rng.random_range(0.1..3.0)).collect();
            let objective = Objective {
                x: &x,
                dim,
                y: &y,
                weights: &weights,
                n_outputs,
                c: 0.7,
                nested: None,
            };
            let at: Vec<f64> = (0..objective.n_parameters())
                .map(|_| rng.random_range(-1.0..1.0))
                .collect();
            let mut gradient = vec![0.0; at.len()];
            objective.evaluate(&at, &mut gradient);
            let mut unused = vec![0.0; at.len()];
            for i in 0..at.len() {
                let h = 1e-5;
                let mut value = |offset: f64| {
                    let mut moved = at.clone();
                    moved[i] += offset;
                    objective.evaluate(&moved, &mut unused)
                };
                let slope = (value(h) - value(-h)) / (2.0 * h);
                assert!(
                    (slope - gradient[i]).abs() < 1e-8,
                    "{n_outputs} outputs, {i}: {slope} {}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let mut row = [900.0, -900.0, 0.0];
        assert!((softmax(&mut row) - 900.0).abs() < 1e-12);
        assert_eq!(row, [1.0, 0.0, 0.0]);
        assert_eq!((sigmoid(-800.0), sigmoid(800.0)), (0.0, 1.0));
        assert_eq!((log_sigmoid(-800.0), log_sigmoid(800.0)), (-800.0, 0.0));
    }
}

//! L-BFGS for smooth convex functions: two-loop recursion with a backtracking line search.
//!
//! Not here: bounds, non-convex safeguards, anything about classification. Nocedal & Wright, *Numerical Optimization*, algorithms 7.4 and 3.1.

use std::collections::VecDeque;

/// Corrections kept; ten is scipy's default too.
const MEMORY: usize = 10;
/// Sufficient decrease (Armijo) constant.
const DECREASE: f64 = 1e-4;
/// Halvings of one step before the point counts as the optimum to working precision.
const MAX_HALVINGS: usize = 40;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// Largest absolute component of the gradient at the solution.
    pub gradient: f64,
    /// Most iterations; each costs one evaluation or a few.
    pub iterations: usize,
}

/// Minimises `f` from `x`, in place. `f` writes the gradient into its second argument and returns the value.
///
/// Ends when the gradient is small enough, when no step lowers the value any more (rounding), or after the given
/// number of iterations; returns the value reached.
pub(super) fn minimise(x: &mut [f64], stop: Stop, mut f: impl FnMut(&[f64], &mut [f64]) -> f64) -> f64 {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let mut value = f(x, &mut gradient);
    let mut corrections: VecDeque<Correction> = VecDeque::with_capacity(MEMORY);
    let (mut next, mut next_gradient) = (vec![0.0; n], vec![0.0; n]);

    for _ in 0..stop.iterations {
        if largest(&gradient) <= stop.gradient {
            break;
        }
        let mut direction = downhill(&gradient, &corrections);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding has spoilt the curvature estimates: start them afresh from steepest descent.
            corrections.clear();
            direction = downhill(&gradient, &corrections);
            slope = dot(&direction, &gradient);
        }
        let mut step = if corrections.is_empty() {
            1.0f64.min(1.0 / norm(&gradient))
        } else {
            1.0
        };
        let mut accepted = None;
        for _ in 0..MAX_HALVINGS {
            for ((to, from), d) in next.iter_mut().zip(x.iter()).zip(&direction) {
                *to = from + step * d;
            }
            let tried = f(&next, &mut next_gradient);
            if tried <= value + DECREASE * step * slope {
                accepted = Some(tried);
                break;
            }
            step *= 0.5;
        }
        let Some(reached) = accepted else { break };
        if let Some(correction) = Correction::between(x, &next, &gradient, &next_gradient) {
            if corrections.len() == MEMORY {
                corrections.pop_front();
            }
            corrections.push_back(correction);
        }
        x.copy_from_slice(&next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = reached;
    }
    value
}

/// A step `s` and the change of gradient `y` along it.
struct Correction {
    s: Vec<f64>,
    y: Vec<f64>,
    /// 1 / (s·y)
    rho: f64,
}

impl Correction {
    /// `None` where the curvature along the step is not safely positive.
    fn between(x: &[f64], next: &[f64], gradient: &[f64], next_gradient: &[f64]) -> Option<Self> {
        let s: Vec<f64> = next.iter().zip(x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = next_gradient.iter().zip(gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&s, &y);
        (curvature > f64::EPSILON * dot(&y, &y)).then(|| Correction {
            rho: 1.0 / curvature,
            s,
            y,
        })
    }
}

/// −H·gradient, with H the inverse Hessian that the corrections imply.
fn downhill(gradient: &[f64], corrections: &VecDeque<Correction>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(corrections.len());
    for c in corrections.iter().rev() {
        let alpha = c.rho * dot(&c.s, &q);
        add_scaled(&mut q, -alpha, &c.y);
        alphas.push(alpha);
    }
    if let Some(last) = corrections.back() {
        let scale = 1.0 / (last.rho * dot(&last.y, &last.y));
        q.iter_mut().for_each(|v| *v *= scale);
    }
    for (c, alpha) in corrections.iter().zip(alphas.into_iter().rev()) {
        let beta = c.rho * dot(&c.y, &q);
        add_scaled(&mut q, alpha - beta, &c.s);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |most, v| f64::max(most, v.abs()))
}

fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_quadratic_reaches_its_minimum() {
        // f = ½ Σ cᵢ (xᵢ − i)², condition number 10,000
        let scales: Vec<f64> = (0..20).map(|i| 10f64.powf(4.0 * i as f64 / 19.0)).collect();
        let mut x = vec![0.0; 20];
        let value = minimise(
            &mut x,
            Stop {
                gradient: 1e-9,
                iterations: 2000,
            },
            |x, g| {
                let mut value = 0.0;
                for i in 0..x.len() {
                    let off = x[i] - i as f64;
                    g[i] = scales[i] * off;
                    value += 0.5 * scales[i] * off * off;
                }
                value
            },
        );
        assert!(value < 1e-16, "{value}");
        for (i, x) in x.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-8, "{i}: {x}");
        }
    }

    #[test]
    fn a_start_at_the_optimum_is_left_alone() {
        let mut x = vec![3.0];
        let mut n_evaluations = 0;
        minimise(
            &mut x,
            Stop {
                gradient: 1e-9,
                iterations: 50,
            },
            |x, g| {
                n_evaluations += 1;
                g[0] = 2.0 * (x[0] - 3.0);
                (x[0] - 3.0).powi(2)
            },
        );
        assert_eq!((x[0], n_evaluations), (3.0, 1));
    }
}

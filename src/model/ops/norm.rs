//! LayerNorm over `residual + dropout(x)`, in one pass over each row, and its gradients (Ba, Kiros and Hinton, 2016).

use super::buffer::{Buffer, Pool};
use super::dropout::Mask;
use super::linear::{BLOCK, add_blocks};
use super::simd::{simd_fn, sum_by};
use rayon::prelude::*;
use std::sync::Arc;

/// What the backward pass needs of a forward pass.
pub(crate) struct Normed {
    /// The rows with mean 0 and variance 1, before weight and bias; as long as the output.
    pub(crate) unit: Buffer,
    /// One over each row's standard deviation.
    pub(crate) inverse: Vec<f32>,
}

simd_fn! {
    /// One row: writes the normalised row into `unit` and the result into `out`; returns one over the standard deviation.
    fn forward_row(x: &[f32], residual: Option<&[f32]>, mask: Option<&Mask>, first: u32, weight: &[f32], bias: Option<&[f32]>, eps: f32, unit: &mut [f32], out: &mut [f32]) -> f32 {
        match mask {
            Some(mask) => for (i, (unit, &x)) in unit.iter_mut().zip(x).enumerate() {
                *unit = x * mask.factor(first.wrapping_add(i as u32));
            },
            None => unit.copy_from_slice(x),
        }
        if let Some(residual) = residual {
            for (unit, &residual) in unit.iter_mut().zip(residual) {
                *unit += residual;
            }
        }
        let n = unit.len() as f32;
        let mean = sum_by(unit, unit, |x, _| x) / n;
        let variance = sum_by(unit, unit, |x, _| (x - mean) * (x - mean)) / n;
        let inverse = 1.0 / (variance + eps).sqrt();
        for ((unit, out), &weight) in unit.iter_mut().zip(out.iter_mut()).zip(weight) {
            *unit = (*unit - mean) * inverse;
            *out = *unit * weight;
        }
        if let Some(bias) = bias {
            for (out, &bias) in out.iter_mut().zip(bias) {
                *out += bias;
            }
        }
        inverse
    }
}

/// `out = LayerNorm(residual + x · mask)` over rows as wide as `weight`.
pub(crate) fn forward(
    pool: &Arc<Pool>,
    x: &[f32],
    residual: Option<&[f32]>,
    mask: Option<&Mask>,
    (weight, bias): (&[f32], Option<&[f32]>),
    eps: f32,
    out: &mut [f32],
) -> Normed {
    let width = weight.len();
    let mut normed = Normed {
        unit: pool.take(x.len()),
        inverse: vec![0f32; x.len() / width],
    };
    let run = width * BLOCK;
    (
        out.par_chunks_mut(run),
        normed.unit.par_chunks_mut(run),
        normed.inverse.par_chunks_mut(BLOCK),
    )
        .into_par_iter()
        .enumerate()
        .for_each(|(block, (out, unit, inverse))| {
            for (row, inverse) in inverse.iter_mut().enumerate() {
                let (here, there) = (
                    row * width..(row + 1) * width,
                    block * run + row * width..block * run + (row + 1) * width,
                );
                let residual = residual.map(|residual| &residual[there.clone()]);
                *inverse = forward_row(
                    &x[there.clone()],
                    residual,
                    mask,
                    there.start as u32,
                    weight,
                    bias,
                    eps,
                    &mut unit[here.clone()],
                    &mut out[here],
                );
            }
        });
    normed
}

simd_fn! {
    /// One row: turns `dy` into the gradient of the normalised sum, and adds to the gradients of weight and bias.
    fn backward_row(dy: &mut [f32], unit: &[f32], inverse: f32, weight: &[f32], d_weight: &mut [f32], d_bias: &mut [f32]) {
        for (((dy, &unit), d_weight), d_bias) in dy.iter().zip(unit).zip(d_weight).zip(d_bias) {
            *d_weight += dy * unit;
            *d_bias += dy;
        }
        for (dy, &weight) in dy.iter_mut().zip(weight) {
            *dy *= weight;
        }
        let n = unit.len() as f32;
        let mean = sum_by(dy, dy, |g, _| g) / n;
        let along = sum_by(dy, unit, |g, u| g * u) / n;
        for (dy, &unit) in dy.iter_mut().zip(unit) {
            *dy = (*dy - mean - unit * along) * inverse;
        }
    }
}

/// Turns `dy`, the gradient of the output, into the gradient of `residual + x · mask`, in place; adds to the gradients of weight and bias.
pub(crate) fn backward(dy: &mut [f32], normed: &Normed, weight: &[f32], d_weight: &mut [f32], d_bias: &mut [f32]) {
    let width = weight.len();
    let run = width * BLOCK;
    let (by_weight, by_bias): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (
        dy.par_chunks_mut(run),
        normed.unit.par_chunks(run),
        normed.inverse.par_chunks(BLOCK),
    )
        .into_par_iter()
        .map(|(dy, unit, inverse)| {
            let (mut d_weight, mut d_bias) = (vec![0f32; width], vec![0f32; width]);
            for ((dy, unit), &inverse) in dy.chunks_exact_mut(width).zip(unit.chunks_exact(width)).zip(inverse) {
                backward_row(dy, unit, inverse, weight, &mut d_weight, &mut d_bias);
            }
            (d_weight, d_bias)
        })
        .unzip();
    add_blocks(&by_weight, d_weight);
    add_blocks(&by_bias, d_bias);
}

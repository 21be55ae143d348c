//! The norm of all gradients together, and how much to shorten them.

use candle_core::{CpuStorage, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use crate::model::gradients::Gradient;
use crate::model::ops::simd::simd_fn;

/// Numbers summed per task: fixed, so that the sum does not depend on the number of threads.
const PER_TASK: usize = 1 << 16;

/// √(Σ g²) over all gradients, in the order given: added up in f64 on the CPU, in f32 on another device, which hands over one number in
/// all, since each one waits for everything before it.
pub fn global_norm(gradients: &[Option<Gradient>]) -> Result<f64> {
    let mut elsewhere = Vec::new();
    let mut sum = 0.0;
    for gradient in gradients.iter().flatten() {
        match gradient {
            Gradient::Rows(rows) => sum += squares(&rows.data),
            Gradient::Flat(gradient) => sum += squares(gradient),
            Gradient::Dense(gradient) if gradient.device().is_cpu() => sum += sum_of_squares(gradient)?,
            Gradient::Dense(gradient) => elsewhere.push(gradient),
        }
    }
    Ok((sum + sum_on_device(&elsewhere)?).sqrt())
}

/// What to multiply gradients of this norm by so that they are no longer than `max_norm`, as `torch.nn.utils.clip_grad_norm_`.
pub fn factor(norm: f64, max_norm: f64) -> f64 {
    (max_norm / (norm + 1e-6)).min(1.0)
}

fn sum_of_squares(gradient: &Tensor) -> Result<f64> {
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(data)), Some((from, to))) = (&*storage, layout.contiguous_offsets()) else {
        bail!("gradients are 32-bit floating point");
    };
    Ok(squares(&data[from..to]))
}

fn squares(data: &[f32]) -> f64 {
    let sums: Vec<f64> = data.par_chunks(PER_TASK).map(squares_run).collect();
    sums.iter().sum()
}

/// Sums run in this many lanes.
const LANES: usize = 16;

simd_fn! {
    fn squares_run(data: &[f32]) -> f64 {
        let mut lanes = [0f64; LANES];
        let chunks = data.chunks_exact(LANES);
        let tail: f64 = chunks.remainder().iter().map(|&g| f64::from(g) * f64::from(g)).sum();
        for chunk in chunks {
            for (lane, &g) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(g) * f64::from(g);
            }
        }
        lanes.iter().sum::<f64>() + tail
    }
}

/// Σ g² over gradients on one device, fetched once.
fn sum_on_device(gradients: &[&Tensor]) -> Result<f64> {
    if gradients.is_empty() {
        return Ok(0.0);
    }
    let sums = gradients.iter().map(|gradient| gradient.sqr()?.sum_all());
    let sums = Tensor::stack(&sums.collect::<Result<Vec<_>>>()?, 0)?;
    Ok(f64::from(sums.sum_all()?.to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_norm_spans_all_gradients_and_skips_missing_ones() {
        let gradient = |data: &[f32]| Some(Gradient::Dense(Tensor::new(data, &Device::Cpu).unwrap()));
        let norm = global_norm(&[gradient(&[3.0, 0.0]), None, gradient(&[4.0, 12.0])]).unwrap();
        assert_eq!(norm, 13.0);
        assert_eq!(global_norm(&[None]).unwrap(), 0.0);
    }

    #[test]
    fn strided_gradients_are_read_in_full() {
        let wide = Tensor::new(&[[1f32, 2.0], [2.0, 4.0]], &Device::Cpu).unwrap();
        let column = wide.narrow(1, 1, 1).unwrap();
        assert_eq!(global_norm(&[Some(Gradient::Dense(column))]).unwrap(), 20f64.sqrt());
        assert_eq!(global_norm(&[Some(Gradient::Dense(wide.t().unwrap()))]).unwrap(), 5.0);
    }

    #[test]
    fn a_device_adds_up_to_the_same() {
        let gradients: Vec<Tensor> = (1..5)
            .map(|n| {
                let data: Vec<f32> = (0..100 * n).map(|i| ((i * 37 % 101) as f32 - 50.0) * 1e-3).collect();
                Tensor::from_vec(data, (n, 100), &Device::Cpu).unwrap()
            })
            .collect();
        let here: f64 = gradients.iter().map(|gradient| sum_of_squares(gradient).unwrap()).sum();
        let there = sum_on_device(&gradients.iter().collect::<Vec<_>>()).unwrap();
        assert!(here > 0.1 && (here - there).abs() < 1e-6 * here, "{here} {there}");
    }

    #[test]
    fn only_long_gradients_are_shortened() {
        assert_eq!(factor(0.5, 1.0), 1.0);
        assert!((factor(4.0, 1.0) - 0.25).abs() < 1e-6);
        assert_eq!(factor(0.0, 1.0), 1.0);
    }
}

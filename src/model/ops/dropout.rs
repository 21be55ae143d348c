//! Dropout whose masks are computed, not drawn: an element is dropped or not by a hash of (seed, step, place, element).
//!
//! Nothing random is stored for the backward pass, and the mask does not depend on the number of threads. A device other than the CPU
//! draws its masks from its own generator instead, started anew with every pass.

use super::simd::simd_fn;
use crate::model::error::Result;
use candle_core::{Device, Shape, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The random stream of one training run. Every forward pass takes the next step of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropout {
    seed: u64,
    step: u64,
}

impl Dropout {
    /// A stream for `seed`, at step 0.
    pub fn new(seed: u64) -> Dropout {
        Dropout::at(seed, 0)
    }

    /// A stream for `seed` whose next forward pass is number `step`: for going on where another run stopped.
    pub fn at(seed: u64, step: u64) -> Dropout {
        Dropout { seed, step }
    }

    /// The masks of the next forward pass.
    pub(crate) fn next_pass(&mut self) -> Masks {
        let masks = Masks {
            seed: mix(self.seed ^ mix(self.step.wrapping_add(0x9E37_79B9_7F4A_7C15))),
            n_places: 0,
            begun: false,
        };
        self.step = self.step.wrapping_add(1);
        masks
    }
}

/// The masks of one forward pass, handed out in the order in which the pass asks for them.
#[derive(Debug, Clone)]
pub(crate) struct Masks {
    seed: u64,
    n_places: u64,
    begun: bool,
}

impl Masks {
    /// The mask of the next place that drops with probability `prob`; `None` where nothing is dropped.
    pub(crate) fn next_place(&mut self, prob: f64) -> Option<Mask> {
        self.n_places += 1;
        if prob <= 0.0 {
            return None;
        }
        let begins = !std::mem::replace(&mut self.begun, true);
        Some(Mask {
            begins: begins.then_some(self.seed),
            ..Mask::new(mix(self.seed.wrapping_add(mix(self.n_places))), prob)
        })
    }
}

/// Which elements of one place are dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask {
    key: u64,
    prob: f64,
    threshold: u32,
    scale: f32,
    /// The seed of the pass, in its first mask: where a device's generator starts anew.
    begins: Option<u64>,
}

impl Mask {
    fn new(key: u64, prob: f64) -> Mask {
        Mask {
            key,
            prob,
            threshold: (prob * 4_294_967_296.0) as u32,
            scale: (1.0 / (1.0 - prob)) as f32,
            begins: None,
        }
    }

    /// An independent mask with the same probability, for block `index` of this place.
    pub(crate) fn block(&self, index: usize) -> Mask {
        Mask {
            key: mix(self.key.wrapping_add(index as u64).wrapping_add(1)),
            ..*self
        }
    }

    /// What element `index` is multiplied by: 0, or `1 / (1 - prob)`.
    #[inline(always)]
    pub(crate) fn factor(&self, index: u32) -> f32 {
        let mut h = index ^ (self.key as u32);
        h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D);
        h = (h ^ (h >> 15))
            .wrapping_add((self.key >> 32) as u32)
            .wrapping_mul(0x846C_A68B);
        h ^= h >> 16;
        if h >= self.threshold { self.scale } else { 0.0 }
    }

    /// The factors of elements `0..n`.
    pub(crate) fn factors(&self, n: usize) -> Vec<f32> {
        (0..n as u32).map(|index| self.factor(index)).collect()
    }

    /// The factors of every element of `shape` as a tensor f32 on `device`: [`Mask::factors`] on the CPU, drawn there on any other, where
    /// copying computed ones would take longer than the pass. Ask for the masks of a pass in their order, each once: then the same seed
    /// draws the same masks.
    pub(crate) fn tensor(&self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        if device.is_cpu() {
            return Ok(Tensor::from_vec(self.factors(shape.elem_count()), shape, device)?);
        }
        if let Some(seed) = self.begins {
            // Metal's seed is memory that queued draws still read. Once a pass: CUDA makes a new generator for it.
            device.synchronize()?;
            device.set_seed(seed)?;
        }
        self.drawn(&shape, device)
    }

    /// Factors from the device's generator.
    fn drawn(&self, shape: &Shape, device: &Device) -> Result<Tensor> {
        let kept = (Tensor::rand(0f32, 1f32, shape, device)? + (1.0 - self.prob))?.floor()?;
        Ok((kept * f64::from(self.scale))?)
    }
}

simd_fn! {
    fn apply_run(mask: &Mask, first: u32, x: &[f32], out: &mut [f32]) {
        for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
            *out = x * mask.factor(first.wrapping_add(i as u32));
        }
    }
}

/// `out = x · mask`. The same function carries a gradient back.
pub(crate) fn apply(mask: &Mask, x: &[f32], out: &mut [f32]) {
    const RUN: usize = 16 * 1024;
    out.par_chunks_mut(RUN)
        .zip(x.par_chunks(RUN))
        .enumerate()
        .for_each(|(i, (out, x))| apply_run(mask, (i * RUN) as u32, x, out));
}

/// The finaliser of SplitMix64.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(mask: &Mask, n: usize) -> f64 {
        mask.factors(n).iter().filter(|&&f| f > 0.0).count() as f64 / n as f64
    }

    #[test]
    fn drops_the_asked_share_and_keeps_the_mean() {
        for prob in [0.1, 0.5, 0.9] {
            let mask = Dropout::new(7).next_pass().next_place(prob).unwrap();
            let n = 200_000;
            assert!((kept(&mask, n) - (1.0 - prob)).abs() < 0.005);
            let mean = mask.factors(n).iter().map(|&f| f as f64).sum::<f64>() / n as f64;
            assert!((mean - 1.0).abs() < 0.03, "{prob} {mean}");
        }
        assert!(Dropout::new(7).next_pass().next_place(0.0).is_none());
    }

    #[test]
    fn seeds_steps_places_and_blocks_are_independent_and_repeatable() {
        let n = 20_000;
        let mask = |seed, step, place: usize| {
            let mut masks = Dropout::at(seed, step).next_pass();
            (0..=place).filter_map(|_| masks.next_place(0.5)).last().unwrap()
        };
        let base = mask(1, 0, 0).factors(n);
        assert_eq!(base, mask(1, 0, 0).factors(n));
        for other in [
            mask(2, 0, 0),
            mask(1, 1, 0),
            mask(1, 0, 1),
            mask(1, 0, 0).block(0),
            mask(1, 0, 0).block(1),
        ] {
            let same = base.iter().zip(other.factors(n)).filter(|(a, b)| **a == *b).count() as f64 / n as f64;
            assert!((same - 0.5).abs() < 0.02, "{same}");
        }
        // neighbours do not predict each other either
        let repeats = base.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / n as f64;
        assert!((repeats - 0.5).abs() < 0.02, "{repeats}");
    }

    #[test]
    fn a_tensor_holds_the_computed_mask_on_the_cpu_and_the_asked_share_where_it_is_drawn() {
        let mask = Dropout::new(3).next_pass().next_place(0.3).unwrap();
        let tensor = mask.tensor((5, 7, 11), &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [5, 7, 11]);
        assert_eq!(
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            mask.factors(5 * 7 * 11)
        );

        let drawn = mask.drawn(&Shape::from((200, 1000)), &Device::Cpu).unwrap();
        let drawn = drawn.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(drawn.iter().all(|&factor| factor == 0.0 || factor == mask.scale));
        let kept = drawn.iter().filter(|&&factor| factor > 0.0).count() as f64 / drawn.len() as f64;
        assert!((kept - 0.7).abs() < 0.01, "{kept}");
    }

    #[test]
    fn the_first_mask_of_a_pass_and_no_other_starts_a_device_anew() {
        let mut dropout = Dropout::new(3);
        let begins = |masks: &mut Masks| masks.next_place(0.1).unwrap().begins;
        let (mut one, mut two) = (dropout.next_pass(), dropout.next_pass());
        assert!(one.next_place(0.0).is_none());
        let (first, second) = (begins(&mut one), begins(&mut two));
        assert!(first.is_some() && second.is_some() && first != second);
        assert_eq!((begins(&mut one), begins(&mut two)), (None, None));
        assert_eq!(begins(&mut Dropout::at(3, 1).next_pass()), second);
    }

    #[test]
    fn runs_join_without_a_seam() {
        let mask = Dropout::new(3).next_pass().next_place(0.3).unwrap();
        let x = vec![1f32; 40_000];
        let mut out = vec![0f32; x.len()];
        apply(&mask, &x, &mut out);
        assert_eq!(out, mask.factors(x.len()));
    }
}

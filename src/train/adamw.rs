//! AdamW, in place: one pass over parameter, gradient and moments per step, on all cores. On other devices, and as the reference in
//! tests, the same from candle's operations, with the moments staying on the device.
//!
//! Loshchilov & Hutter, *Decoupled Weight Decay Regularization* (2019), as `torch.optim.AdamW` computes it. Biases and
//! normalisation weights, which are the parameters with a single dimension, do not decay.

use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Numbers updated per task.
const PER_TASK: usize = 1 << 15;

/// Everything but the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamWSettings {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Share of a weight lost per step, times the learning rate.
    pub weight_decay: f64,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        AdamWSettings {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

/// Running means of one parameter's gradients and of their squares; empty until its first gradient.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// Everything needed to go on where an optimiser was: plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdamWState {
    /// Steps taken.
    pub step: i32,
    /// By parameter, in the order of the variables.
    pub moments: Vec<Moments>,
}

/// The optimiser of a fixed list of variables.
pub struct AdamW {
    settings: AdamWSettings,
    vars: Vec<Var>,
    step: i32,
    kept: Vec<Kept>,
}

/// The moments of one parameter where its updates are computed.
enum Kept {
    /// For the update in place.
    Host(Moments),
    /// For the update from candle's operations, on the variable's device; `None` until the first gradient.
    Tensors(Option<(Tensor, Tensor)>),
}

impl AdamW {
    /// An optimiser that has taken no step.
    pub fn new(vars: Vec<Var>, settings: AdamWSettings) -> Self {
        let kept = vars.iter().map(|var| Kept::nothing(var.device().is_cpu())).collect();
        AdamW {
            settings,
            vars,
            step: 0,
            kept,
        }
    }

    /// The same from candle's operations even on the CPU, as on every other device: slower, for comparing.
    pub fn plain(vars: Vec<Var>, settings: AdamWSettings) -> Self {
        let kept = vars.iter().map(|_| Kept::nothing(false)).collect();
        AdamW {
            kept,
            ..AdamW::new(vars, settings)
        }
    }

    /// Goes on from a saved state of the same variables, on whatever device they are now.
    ///
    /// # Errors
    /// When the state belongs to other variables.
    pub fn resume(vars: Vec<Var>, settings: AdamWSettings, state: AdamWState) -> Result<Self> {
        let fits =
            |var: &Var, m: &Moments| [0, var.elem_count()].contains(&m.mean.len()) && m.mean.len() == m.square.len();
        if state.moments.len() != vars.len() || !vars.iter().zip(&state.moments).all(|(var, m)| fits(var, m)) {
            bail!("the optimiser's state belongs to another encoder; start the training afresh");
        }
        let kept = vars
            .iter()
            .zip(state.moments)
            .map(|(var, moments)| Kept::load(var, moments));
        let kept = kept.collect::<Result<_>>()?;
        Ok(AdamW {
            settings,
            vars,
            step: state.step,
            kept,
        })
    }

    /// The variables, in the order in which gradients are expected.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// What [`AdamW::resume`] takes: a copy of all moments, fetched from the device where they are on one.
    pub fn state(&self) -> Result<AdamWState> {
        Ok(AdamWState {
            step: self.step,
            moments: self.kept.iter().map(Kept::save).collect::<Result<_>>()?,
        })
    }

    /// Moves every variable that has a gradient; gradients are first multiplied by `grad_factor` (see [`super::clip`]).
    ///
    /// `gradients` are in the order of the variables.
    pub fn step(&mut self, gradients: &[Option<Tensor>], learning_rate: f64, grad_factor: f64) -> Result<()> {
        self.step += 1;
        let AdamWSettings {
            beta1,
            beta2,
            eps,
            weight_decay,
        } = self.settings;
        let correction1 = 1.0 - beta1.powi(self.step);
        let correction2 = 1.0 - beta2.powi(self.step);
        for ((var, gradient), kept) in self.vars.iter().zip(gradients).zip(&mut self.kept) {
            let Some(gradient) = gradient else { continue };
            let decay = if var.rank() > 1 { weight_decay } else { 0.0 };
            let update = Update {
                grad_factor: grad_factor as f32,
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                // Not 1 − β in f32: that is off by 5e-5 of itself for β = 0.999.
                rest1: (1.0 - beta1) as f32,
                rest2: (1.0 - beta2) as f32,
                keep: (1.0 - learning_rate * decay) as f32,
                rate: (learning_rate / correction1) as f32,
                root_correction2: correction2.sqrt() as f32,
                eps: eps as f32,
            };
            match kept {
                Kept::Host(moments) => update.in_place(var, gradient, moments)?,
                Kept::Tensors(moments) => *moments = Some(update.composed(var, gradient, moments.take())?),
            }
        }
        Ok(())
    }
}

impl Kept {
    fn nothing(on_host: bool) -> Kept {
        if on_host {
            Kept::Host(Moments::default())
        } else {
            Kept::Tensors(None)
        }
    }

    fn load(var: &Var, moments: Moments) -> Result<Kept> {
        if var.device().is_cpu() {
            return Ok(Kept::Host(moments));
        }
        if moments.mean.is_empty() {
            return Ok(Kept::Tensors(None));
        }
        let to_device = |data: Vec<f32>| Tensor::from_vec(data, var.shape(), var.device());
        Ok(Kept::Tensors(Some((
            to_device(moments.mean)?,
            to_device(moments.square)?,
        ))))
    }

    fn save(&self) -> Result<Moments> {
        match self {
            Kept::Host(moments) => Ok(moments.clone()),
            Kept::Tensors(None) => Ok(Moments::default()),
            Kept::Tensors(Some((mean, square))) => Ok(Moments {
                mean: mean.flatten_all()?.to_vec1()?,
                square: square.flatten_all()?.to_vec1()?,
            }),
        }
    }
}

/// The numbers of one parameter's update.
#[derive(Clone, Copy)]
struct Update {
    grad_factor: f32,
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    keep: f32,
    rate: f32,
    root_correction2: f32,
    eps: f32,
}

impl Update {
    fn apply(self, weights: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(mean).zip(square) {
            let g = g * self.grad_factor;
            *m = self.beta1 * *m + self.rest1 * g;
            *v = self.beta2 * *v + self.rest2 * g * g;
            *w = *w * self.keep - self.rate * *m / (v.sqrt() / self.root_correction2 + self.eps);
        }
    }

    fn in_place(self, var: &Var, gradient: &Tensor, moments: &mut Moments) -> Result<()> {
        moments.mean.resize(var.elem_count(), 0.0);
        moments.square.resize(var.elem_count(), 0.0);
        let update = InPlace {
            update: self,
            moments: Mutex::new(moments),
        };
        var.inplace_op2(&gradient.contiguous()?, &update)
    }

    /// The same from candle's operations; nothing leaves the device. Takes the moments so far and returns the new ones.
    fn composed(self, var: &Var, gradient: &Tensor, moments: Option<(Tensor, Tensor)>) -> Result<(Tensor, Tensor)> {
        let scaled = |tensor: &Tensor, factor: f32| tensor.affine(f64::from(factor), 0.0);
        let gradient = scaled(gradient, self.grad_factor)?;
        let mut mean = scaled(&gradient, self.rest1)?;
        let mut square = scaled(&gradient.sqr()?, self.rest2)?;
        if let Some((old_mean, old_square)) = &moments {
            mean = (mean + scaled(old_mean, self.beta1)?)?;
            square = (square + scaled(old_square, self.beta2)?)?;
        }
        let denominator = square
            .sqrt()?
            .affine(1.0 / f64::from(self.root_correction2), f64::from(self.eps))?;
        let moved = scaled(&mean.div(&denominator)?, self.rate)?;
        var.set(&(scaled(&var.as_detached_tensor(), self.keep)? - moved)?)?;
        Ok((mean, square))
    }
}

struct InPlace<'a> {
    update: Update,
    /// candle hands operations a shared reference; nobody else ever locks this.
    moments: Mutex<&'a mut Moments>,
}

impl InplaceOp2 for InPlace<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, weights: &mut CpuStorage, to: &Layout, gradient: &CpuStorage, from: &Layout) -> Result<()> {
        let (CpuStorage::F32(weights), CpuStorage::F32(gradient)) = (weights, gradient) else {
            bail!("the optimiser moves 32-bit floating point weights only");
        };
        let (Some(to), Some(from)) = (to.contiguous_offsets(), from.contiguous_offsets()) else {
            bail!("the optimiser needs weights and gradients without gaps");
        };
        let (weights, gradient) = (&mut weights[to.0..to.1], &gradient[from.0..from.1]);
        let Ok(mut moments) = self.moments.lock() else {
            bail!("an earlier optimiser step failed")
        };
        let Moments { mean, square } = &mut **moments;
        if [gradient.len(), mean.len(), square.len()] != [weights.len(); 3] {
            bail!(
                "a gradient of {} numbers came for a parameter of {}",
                gradient.len(),
                weights.len()
            );
        }
        weights
            .par_chunks_mut(PER_TASK)
            .zip(gradient.par_chunks(PER_TASK))
            .zip(mean.par_chunks_mut(PER_TASK).zip(square.par_chunks_mut(PER_TASK)))
            .for_each(|((weights, gradient), (mean, square))| self.update.apply(weights, gradient, mean, square));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    // torch 2.x, float32:
    //   w = torch.tensor([[0.5, -1.0], [2.0, 0.1]], requires_grad=True); b = torch.tensor([0.3, -0.7], requires_grad=True)
    //   opt = torch.optim.AdamW([{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}], lr=0.05)
    //   for step in 1..=3: w.grad = [[.1, -.2], [.3, 0.]] * step; b.grad = [1., -2e-4] / step; opt.step()
    const W: [[f32; 4]; 3] = [
        [0.4475, -0.945, 1.94, 0.0995],
        [0.3970034, -0.8920159, 1.882041, 0.0990025],
        [0.3471183, -0.8396558, 1.8247308, 0.0985075],
    ];
    const B: [[f32; 2]; 3] = [[0.25, -0.6500025], [0.203391, -0.6033965], [0.1597331, -0.5597418]];

    const SETTINGS: AdamWSettings = AdamWSettings {
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.1,
    };

    fn start() -> Vec<Var> {
        let w = Var::new(&[[0.5f32, -1.0], [2.0, 0.1]], &Device::Cpu).unwrap();
        let b = Var::new(&[0.3f32, -0.7], &Device::Cpu).unwrap();
        vec![w, b]
    }

    /// The gradients of a step, `scale` times too large.
    fn gradients(step: usize, scale: f64) -> Vec<Option<Tensor>> {
        let w = Tensor::new(&[[0.1f32, -0.2], [0.3, 0.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[1f32, -2e-4], &Device::Cpu).unwrap();
        vec![
            Some((w * (step as f64 * scale)).unwrap()),
            Some((b * (scale / step as f64)).unwrap()),
        ]
    }

    fn assert_close(var: &Var, expected: &[f32]) {
        let found: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-7, "{found} {expected}");
        }
    }

    #[test]
    fn steps_equal_torchs_with_clipping_and_two_groups() {
        let vars = start();
        let mut optimiser = AdamW::new(vars.clone(), SETTINGS);
        for step in 1..=3 {
            optimiser.step(&gradients(step, 4.0), 0.05, 0.25).unwrap();
            assert_close(&vars[0], &W[step - 1]);
            assert_close(&vars[1], &B[step - 1]);
        }
    }

    #[test]
    fn a_saved_state_goes_on_as_if_nothing_had_happened() {
        for new in [AdamW::new, AdamW::plain] {
            let vars = start();
            let mut optimiser = new(vars.clone(), SETTINGS);
            optimiser.step(&gradients(1, 1.0), 0.05, 1.0).unwrap();
            let saved = serde_json::to_string(&optimiser.state().unwrap()).unwrap();
            let mut resumed = AdamW::resume(vars.clone(), SETTINGS, serde_json::from_str(&saved).unwrap()).unwrap();
            resumed.step(&gradients(2, 1.0), 0.05, 1.0).unwrap();
            assert_close(&vars[0], &W[1]);
            assert_close(&vars[1], &B[1]);
            assert!(AdamW::resume(vars[..1].to_vec(), SETTINGS, optimiser.state().unwrap()).is_err());
        }
    }

    #[test]
    fn candles_operations_give_the_same_updates_and_moments() {
        let (fused, composed) = (start(), start());
        let mut in_place = AdamW::new(fused.clone(), SETTINGS);
        let mut plain = AdamW::plain(composed.clone(), SETTINGS);
        for step in 1..=3 {
            in_place.step(&gradients(step, 4.0), 0.05, 0.25).unwrap();
            plain.step(&gradients(step, 4.0), 0.05, 0.25).unwrap();
            for (fused, composed) in fused.iter().zip(&composed) {
                assert_close(composed, &fused.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            }
        }
        let (a, b) = (in_place.state().unwrap(), plain.state().unwrap());
        assert_eq!(a.step, b.step);
        for (a, b) in a.moments.iter().zip(&b.moments) {
            for (a, b) in a.mean.iter().chain(&a.square).zip(b.mean.iter().chain(&b.square)) {
                assert!((a - b).abs() < 1e-7, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_variable_without_gradient_stays() {
        let vars = start();
        let mut optimiser = AdamW::new(vars.clone(), SETTINGS);
        optimiser
            .step(&[None, gradients(1, 1.0)[1].clone()], 0.05, 1.0)
            .unwrap();
        assert_close(&vars[0], &[0.5, -1.0, 2.0, 0.1]);
        assert_close(&vars[1], &B[0]);
        assert!(
            optimiser
                .step(&[gradients(1, 1.0)[1].clone(), None], 0.05, 1.0)
                .is_err()
        );
    }
}

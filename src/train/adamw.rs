//! AdamW, in place: one pass over parameter, gradient and moments per step, on all cores. On other devices, and as the reference in
//! tests, the same from candle's operations, with the moments staying on the device.
//!
//! Loshchilov & Hutter, *Decoupled Weight Decay Regularization* (2019), as `torch.optim.AdamW` computes it. Biases and
//! normalisation weights, which are the parameters with a single dimension, do not decay.

use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::touched_rows::TouchedRows;
use crate::model::gradients::Gradient;
use crate::model::ops::simd::simd_fn;

/// Numbers updated per task.
const PER_TASK: usize = 1 << 15;

/// Everything but the learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    pub(super) mean: Vec<f32>,
    pub(super) square: Vec<f32>,
    /// Which rows of the parameter they are of, where only some have had a gradient; empty where they are of all.
    pub(super) rows: Vec<u32>,
    /// What the other rows have yet to be multiplied by.
    pub(super) pending: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Moments {
            mean: Vec::new(),
            square: Vec::new(),
            rows: Vec::new(),
            pending: 1.0,
        }
    }
}

impl Moments {
    /// Whether they can be of `var`.
    fn fit(&self, var: &Var) -> bool {
        let n_rows = var.dims().first().copied().unwrap_or(1);
        let width = var.elem_count() / n_rows.max(1);
        let expected = match self.rows.len() {
            0 => [0, var.elem_count()],
            n => [n * width; 2],
        };
        let mut rows = self.rows.clone();
        rows.sort_unstable();
        expected.contains(&self.mean.len())
            && self.mean.len() == self.square.len()
            && rows.windows(2).all(|pair| pair[0] < pair[1])
            && rows.last().is_none_or(|&row| (row as usize) < n_rows)
            && (0.0..=1.0).contains(&self.pending)
    }
}

/// Everything needed to go on where an optimiser was: plain data.
#[derive(Debug, Clone, PartialEq)]
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
    /// What the learning rate is multiplied by, by variable.
    rates: Vec<f64>,
    step: i32,
    kept: Vec<Kept>,
}

/// The moments of one parameter where its updates are computed.
enum Kept {
    /// For the update in place.
    Host(Moments),
    /// For the update in place of a table whose gradient comes in rows.
    Rows(TouchedRows),
    /// For the update from candle's operations, on the variable's device; `None` until the first gradient.
    Tensors(Option<(Tensor, Tensor)>),
}

impl AdamW {
    /// An optimiser that has taken no step.
    pub fn new(vars: Vec<Var>, settings: AdamWSettings) -> Self {
        let kept = vars.iter().map(|var| Kept::nothing(var.device().is_cpu())).collect();
        AdamW {
            settings,
            rates: vec![1.0; vars.len()],
            vars,
            step: 0,
            kept,
        }
    }

    /// The same with a learning rate of its own for each variable: `rates` are what that of a step is multiplied by, in their order.
    /// Variables beyond its end keep theirs.
    pub fn with_rates(mut self, rates: &[f64]) -> Self {
        self.rates.iter_mut().zip(rates).for_each(|(old, new)| *old = *new);
        self
    }

    /// The same from candle's operations even on the CPU, as on every other device: slower, for comparing. Only before the first step.
    pub fn with_plain_operations(self) -> Self {
        let kept = self.vars.iter().map(|_| Kept::nothing(false)).collect();
        AdamW { kept, ..self }
    }

    /// Goes on from a saved state of the same variables, on whatever device they are now.
    ///
    /// # Errors
    /// When the state belongs to other variables.
    pub fn load(&mut self, state: AdamWState) -> Result<()> {
        let vars = &self.vars;
        if state.step < 0
            || state.moments.len() != vars.len()
            || !vars.iter().zip(&state.moments).all(|(var, m)| m.fit(var))
        {
            bail!("the optimiser's state belongs to another encoder; start the training afresh");
        }
        let kept = vars
            .iter()
            .zip(state.moments)
            .map(|(var, moments)| Kept::load(var, moments));
        self.kept = kept.collect::<Result<_>>()?;
        self.step = state.step;
        Ok(())
    }

    /// The variables, in the order in which gradients are expected.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Applies what has been put off: weights lag behind by up to a millionth of themselves until then, in rows of tables that were never looked up.
    pub fn settle(&mut self) -> Result<()> {
        for (var, kept) in self.vars.iter().zip(&mut self.kept) {
            if let Kept::Rows(rows) = kept {
                on_weights(var, |weights| rows.settle(weights))?;
            }
        }
        Ok(())
    }

    /// What [`AdamW::load`] takes: a copy of all moments, fetched from the device where they are on one. The weights stay as they are,
    /// and what has been put off is part of the state, so that it makes no difference to a training whether its state is saved.
    pub fn state(&self) -> Result<AdamWState> {
        Ok(AdamWState {
            step: self.step,
            moments: self.kept.iter().map(Kept::save).collect::<Result<_>>()?,
        })
    }

    /// Moves every variable that has a gradient; gradients are first multiplied by `grad_factor` (see [`super::clip`]).
    ///
    /// `gradients` are in the order of the variables.
    pub fn step(&mut self, gradients: &[Option<Gradient>], learning_rate: f64, grad_factor: f64) -> Result<()> {
        self.step += 1;
        let AdamWSettings {
            beta1,
            beta2,
            eps,
            weight_decay,
        } = self.settings;
        let correction1 = 1.0 - beta1.powi(self.step);
        let correction2 = 1.0 - beta2.powi(self.step);
        let vars = self.vars.iter().zip(&self.rates);
        for (((var, rate), gradient), kept) in vars.zip(gradients).zip(&mut self.kept) {
            let Some(gradient) = gradient else { continue };
            let learning_rate = learning_rate * rate;
            let decay = if var.rank() > 1 { weight_decay } else { 0.0 };
            let update = Update {
                grad_factor: grad_factor as f32,
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                // Not 1 − β in f32: that is off by 5e-5 of itself for β = 0.999.
                rest1: (1.0 - beta1) as f32,
                rest2: (1.0 - beta2) as f32,
                keep: 1.0 - learning_rate * decay,
                rate: (learning_rate / correction1) as f32,
                root_correction2: correction2.sqrt() as f32,
                eps: eps as f32,
            };
            kept.step(var, gradient, update)?;
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

    fn step(&mut self, var: &Var, gradient: &Gradient, update: Update) -> Result<()> {
        if let (Kept::Host(moments), Gradient::Rows(rows)) = (&*self, gradient)
            && moments.mean.is_empty()
        {
            *self = Kept::Rows(TouchedRows::none(var.elem_count(), rows.width));
        }
        if let (Kept::Rows(rows), Gradient::Dense(_) | Gradient::Flat(_)) = (&mut *self, gradient) {
            on_weights(var, |weights| rows.settle(weights))?;
            let rows = std::mem::replace(rows, TouchedRows::none(0, 1));
            *self = Kept::Host(rows.into_dense());
        }
        match (self, gradient) {
            (Kept::Rows(touched), Gradient::Rows(rows)) => {
                on_weights(var, |weights| touched.step(weights, rows, update))
            }
            (Kept::Host(moments), Gradient::Flat(gradient)) => update.in_place(var, gradient, moments),
            (Kept::Host(moments), gradient) => {
                let gradient = gradient.to_dense(var)?.flatten_all()?.to_vec1()?;
                update.in_place(var, &gradient, moments)
            }
            (Kept::Tensors(moments), gradient) => {
                *moments = Some(update.composed(var, &gradient.to_dense(var)?, moments.take())?);
                Ok(())
            }
            (Kept::Rows(_), _) => unreachable!("such moments were made dense above"),
        }
    }

    fn load(var: &Var, moments: Moments) -> Result<Kept> {
        if var.device().is_cpu() && !moments.rows.is_empty() {
            return Ok(Kept::Rows(TouchedRows::load(var.elem_count(), moments)));
        }
        let moments = match moments.rows.is_empty() {
            true => moments,
            false => TouchedRows::load(var.elem_count(), moments).into_dense(),
        };
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
            Kept::Rows(rows) => Ok(rows.save()),
            Kept::Tensors(None) => Ok(Moments::default()),
            Kept::Tensors(Some((mean, square))) => Ok(Moments {
                mean: mean.flatten_all()?.to_vec1()?,
                square: square.flatten_all()?.to_vec1()?,
                ..Moments::default()
            }),
        }
    }
}

/// Calls `change` with the numbers of a variable on the CPU.
fn on_weights(var: &Var, change: impl FnOnce(&mut [f32])) -> Result<()> {
    struct Change<F>(Mutex<Option<F>>);

    impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "adamw-rows"
        }

        fn cpu_fwd(&self, weights: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let (CpuStorage::F32(weights), Some((from, to))) = (weights, layout.contiguous_offsets()) else {
                bail!("the optimiser moves 32-bit floating point weights without gaps only");
            };
            let change = self.0.lock().ok().and_then(|mut change| change.take());
            let Some(change) = change else {
                bail!("an earlier optimiser step failed");
            };
            change(&mut weights[from..to]);
            Ok(())
        }
    }

    var.inplace_op1(&Change(Mutex::new(Some(change))))
}

/// The numbers of one parameter's update.
#[derive(Clone, Copy)]
pub(super) struct Update {
    grad_factor: f32,
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    keep: f64,
    rate: f32,
    root_correction2: f32,
    eps: f32,
}

impl Update {
    /// What weight decay leaves of a weight.
    pub(super) fn keep(self) -> f64 {
        self.keep
    }

    /// Moves some weights; all slices are of the same length.
    pub(super) fn apply(self, weights: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        apply_run(self, weights, gradient, mean, square);
    }

    fn in_place(self, var: &Var, gradient: &[f32], moments: &mut Moments) -> Result<()> {
        if gradient.len() != var.elem_count() {
            bail!(
                "a gradient of {} numbers came for a parameter of {}",
                gradient.len(),
                var.elem_count()
            );
        }
        moments.mean.resize(var.elem_count(), 0.0);
        moments.square.resize(var.elem_count(), 0.0);
        let Moments { mean, square, .. } = moments;
        on_weights(var, |weights| {
            weights
                .par_chunks_mut(PER_TASK)
                .zip(gradient.par_chunks(PER_TASK))
                .zip(mean.par_chunks_mut(PER_TASK).zip(square.par_chunks_mut(PER_TASK)))
                .for_each(|((weights, gradient), (mean, square))| self.apply(weights, gradient, mean, square));
        })
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
        var.set(&(var.as_detached_tensor().affine(self.keep, 0.0)? - moved)?)?;
        Ok((mean, square))
    }
}

simd_fn! {
    fn apply_run(update: Update, weights: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        let keep = update.keep as f32;
        let inverse = 1.0 / update.root_correction2;
        for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(mean).zip(square) {
            let g = g * update.grad_factor;
            *m = update.beta1 * *m + update.rest1 * g;
            *v = update.beta2 * *v + update.rest2 * g * g;
            *w = *w * keep - update.rate * *m / (v.sqrt() * inverse + update.eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::gradients::RowGradient;
    use std::sync::Arc;

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

    fn plain(vars: Vec<Var>, settings: AdamWSettings) -> AdamW {
        AdamW::new(vars, settings).with_plain_operations()
    }

    fn start() -> Vec<Var> {
        let w = Var::new(&[[0.5f32, -1.0], [2.0, 0.1]], &Device::Cpu).unwrap();
        let b = Var::new(&[0.3f32, -0.7], &Device::Cpu).unwrap();
        vec![w, b]
    }

    /// The gradients of a step, `scale` times too large.
    fn gradients(step: usize, scale: f64) -> Vec<Option<Gradient>> {
        let w = Tensor::new(&[[0.1f32, -0.2], [0.3, 0.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[1f32, -2e-4], &Device::Cpu).unwrap();
        vec![
            Some(Gradient::Dense((w * (step as f64 * scale)).unwrap())),
            Some(Gradient::Dense((b * (scale / step as f64)).unwrap())),
        ]
    }

    /// A new optimiser of `vars` with the state of `other`.
    fn loaded(vars: &[Var], other: &AdamW) -> Result<AdamW> {
        let mut optimiser = AdamW::new(vars.to_vec(), SETTINGS);
        optimiser.load(other.state()?)?;
        Ok(optimiser)
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
        for new in [AdamW::new, plain] {
            let vars = start();
            let mut optimiser = new(vars.clone(), SETTINGS);
            optimiser.step(&gradients(1, 1.0), 0.05, 1.0).unwrap();
            let mut resumed = loaded(&vars, &optimiser).unwrap();
            resumed.step(&gradients(2, 1.0), 0.05, 1.0).unwrap();
            assert_close(&vars[0], &W[1]);
            assert_close(&vars[1], &B[1]);
            assert!(loaded(&vars[..1], &optimiser).is_err());
        }
    }

    #[test]
    fn candles_operations_give_the_same_updates_and_moments() {
        let (fused, composed) = (start(), start());
        let mut in_place = AdamW::new(fused.clone(), SETTINGS);
        let mut plain = plain(composed.clone(), SETTINGS);
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
    fn a_rate_of_its_own_moves_a_variable_as_that_learning_rate_would() {
        for new in [AdamW::new, plain] {
            let (own, slow, fast) = (start(), start(), start());
            let mut with_rates = new(own.clone(), SETTINGS).with_rates(&[1.0, 4.0]);
            let mut one = new(slow.clone(), SETTINGS);
            let mut other = new(fast.clone(), SETTINGS);
            for step in 1..=3 {
                with_rates.step(&gradients(step, 1.0), 0.05, 1.0).unwrap();
                one.step(&gradients(step, 1.0), 0.05, 1.0).unwrap();
                other.step(&gradients(step, 1.0), 0.2, 1.0).unwrap();
            }
            assert_close(&own[0], &numbers(&slow[0]));
            assert_close(&own[1], &numbers(&fast[1]));
            assert!(largest_difference(&slow[1], &fast[1]) > 0.1);
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

    /// A table, and for each step some of its rows with their gradients, the rest zero.
    fn table(step: usize) -> (Var, RowGradient) {
        let data: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin()).collect();
        let rows: Vec<u32> = [[7, 2], [2, 9], [0, 7], [9, 2]][step % 4].to_vec();
        let data_of_rows = (0..8).map(|i| ((i * 5 + step * 3) % 13) as f32 * 0.1 - 0.6).collect();
        let gradient = RowGradient {
            width: 4,
            rows,
            data: data_of_rows,
        };
        (Var::from_vec(data, (10, 4), &Device::Cpu).unwrap(), gradient)
    }

    fn whole_of(var: &Var, rows: &RowGradient) -> Tensor {
        Gradient::Rows(Arc::new(rows.clone())).to_dense(var).unwrap()
    }

    fn numbers(var: &Var) -> Vec<f32> {
        var.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn largest_difference(a: &Var, b: &Var) -> f32 {
        let differences = numbers(a).into_iter().zip(numbers(b)).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max)
    }

    #[test]
    fn rows_of_a_table_move_as_the_whole_table_would() {
        let (by_rows, whole) = (table(0).0, table(0).0);
        let mut lazy = AdamW::new(vec![by_rows.clone()], SETTINGS);
        let mut full = AdamW::new(vec![whole.clone()], SETTINGS);
        for step in 0..60 {
            let rows = table(step).1;
            let dense = Gradient::Dense(whole_of(&whole, &rows));
            lazy.step(&[Some(Gradient::Rows(Arc::new(rows)))], 0.01, 0.5).unwrap();
            full.step(&[Some(dense)], 0.01, 0.5).unwrap();
            assert!(largest_difference(&by_rows, &whole) < 3e-6, "step {step}");
        }
        lazy.settle().unwrap();
        assert!(largest_difference(&by_rows, &whole) < 2e-6);
        let (before, after) = (numbers(&table(0).0), numbers(&by_rows));
        // Row 5 was never looked up: 60 steps of decay by 0.01 · 0.1.
        assert!((after[20] - before[20] * 0.999f32.powi(60)).abs() < 1e-6);
    }

    #[test]
    fn saving_a_state_and_going_on_from_it_change_no_bit() {
        let (alone, saved) = (table(0).0, table(0).0);
        let of_rows = |step: usize| vec![Some(Gradient::Rows(Arc::new(table(step).1)))];
        let mut whole = AdamW::new(vec![alone.clone()], SETTINGS);
        let mut parts = AdamW::new(vec![saved.clone()], SETTINGS);
        for step in 0..40 {
            whole.step(&of_rows(step), 0.01, 1.0).unwrap();
            parts = loaded(std::slice::from_ref(&saved), &parts).unwrap();
            parts.step(&of_rows(step), 0.01, 1.0).unwrap();
            assert_eq!(numbers(&alone), numbers(&saved), "step {step}");
        }
        whole.settle().unwrap();
        parts.settle().unwrap();
        assert_eq!(numbers(&alone), numbers(&saved));
    }

    #[test]
    fn rows_can_be_saved_resumed_and_followed_by_whole_gradients() {
        let (by_rows, whole) = (table(0).0, table(0).0);
        let mut lazy = AdamW::new(vec![by_rows.clone()], SETTINGS);
        let mut full = AdamW::new(vec![whole.clone()], SETTINGS);
        let of_rows = |step: usize| vec![Some(Gradient::Rows(Arc::new(table(step).1)))];
        let of_whole = |step: usize| vec![Some(Gradient::Dense(whole_of(&whole, &table(step).1)))];
        for step in 0..5 {
            lazy.step(&of_rows(step), 0.05, 1.0).unwrap();
            full.step(&of_whole(step), 0.05, 1.0).unwrap();
        }
        let mut lazy = loaded(std::slice::from_ref(&by_rows), &lazy).unwrap();
        for step in 5..8 {
            lazy.step(&of_rows(step), 0.05, 1.0).unwrap();
            full.step(&of_whole(step), 0.05, 1.0).unwrap();
        }
        for step in 8..10 {
            lazy.step(&of_whole(step), 0.05, 1.0).unwrap();
            full.step(&of_whole(step), 0.05, 1.0).unwrap();
        }
        assert!(largest_difference(&by_rows, &whole) < 2e-6);
        let other = Var::zeros((3, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(loaded(std::slice::from_ref(&other), &lazy).is_err());
    }
}

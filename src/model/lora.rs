//! Low-rank adaptation: chosen weights `W` stay as they are and two narrow factors learn what is added to them, `W + s·B·A` with
//! `s = α / r`. Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models* (2021).
//!
//! A weight always holds the sum, so that every pass, embedding and file knows nothing of factors; what is kept beside it is the
//! weight it started from. Not here: optimisers.

use super::architecture::Role;
use super::encoder::Encoder;
use super::error::{ModelError, Result};
use super::gradients::Gradients;
use super::ops::matmul::{Threads, View, product};
use super::parameters::{Entry, Param, Parameters, Part, Reading};
use crate::core::rng::Stream;
use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor, Var, bail};
use rand::RngExt;
use rayon::prelude::*;

/// Which weights get factors, and how narrow these are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lora {
    /// Columns of `B` and rows of `A`; from 1.
    pub rank: usize,
    /// `B·A` is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Which weights.
    pub targets: LoraTargets,
}

/// Which linear layers of a transformer's layers get factors. A matrix that makes queries, keys and values in one counts as all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoraTargets {
    /// Those that make queries and values.
    QueryValue,
    /// All of the attention's.
    Attention,
    /// All.
    AllLinear,
}

impl LoraTargets {
    /// All of them.
    pub const ALL: [LoraTargets; 3] = [LoraTargets::QueryValue, LoraTargets::Attention, LoraTargets::AllLinear];

    /// What they are called, in the order of [`LoraTargets::ALL`].
    pub const NAMES: [&str; 3] = ["query+value", "attention", "all-linear"];

    fn take(self, role: Role) -> bool {
        match self {
            LoraTargets::QueryValue => matches!(role, Role::Query | Role::Value | Role::QueryKeyValue),
            LoraTargets::Attention => role != Role::FeedForward,
            LoraTargets::AllLinear => true,
        }
    }
}

/// The factors of one weight `(n_out, n_in)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors {
    /// `A`, `(rank, n_in)`.
    pub(crate) down: Param,
    /// `B`, `(n_out, rank)`.
    pub(crate) up: Param,
    /// What their product is multiplied by.
    pub(crate) scale: f32,
}

/// A weight that is trained through factors.
pub(super) struct Adapted {
    pub(super) factors: Factors,
    /// The weight it started from.
    frozen: Tensor,
}

impl Encoder {
    /// The same encoder, trained through factors from now on: `A` uniform in `±1/√n_in`, `B` zero, so that nothing changes at first. All
    /// other parameters are frozen. [`Encoder::trained_vars`] has the factors; after moving them call [`Encoder::apply_factors`].
    ///
    /// # Errors
    /// A rank of 0 or larger than a weight allows; factors that are there already.
    pub fn with_lora(mut self, lora: Lora, rng: &mut Stream) -> Result<Encoder> {
        let targets = self.network.linear_weights().into_iter();
        let targets: Vec<Param> = targets
            .filter(|(role, _)| lora.targets.take(*role))
            .map(|(_, weight)| weight)
            .collect();
        self.network.parameters_mut()?.adapt(&targets, lora, rng)?;
        Ok(self)
    }

    /// The same encoder without factors: its weights hold what they learnt, and all of them can be trained.
    ///
    /// # Errors
    /// While a forward pass waits to be gone back through.
    pub fn without_lora(mut self) -> Result<Encoder> {
        self.network.parameters_mut()?.forget_factors();
        Ok(self)
    }

    /// What training moves, by name, sorted: every parameter, or the factors where there are any.
    pub fn trained_vars(&self) -> Vec<(String, Var)> {
        self.network.parameters().trained()
    }

    /// Brings the weights up to date with their factors: `W + s·B·A` each, the same bits with any number of threads.
    pub fn apply_factors(&self) -> Result<()> {
        self.network.parameters().apply_factors()
    }
}

impl Parameters {
    fn adapt(&mut self, targets: &[Param], lora: Lora, rng: &mut Stream) -> Result<()> {
        let largest = targets.iter().flat_map(|target| self.var(*target).dims()).min();
        let largest = largest.copied().unwrap_or(0);
        if !(1..=largest).contains(&lora.rank) {
            return Err(ModelError::Input(format!(
                "LoRA's rank must be from 1 to {largest} for this encoder, not {}",
                lora.rank
            )));
        }
        if self.entries.iter().any(|entry| !matches!(entry.part, Part::Trained)) {
            return Err(ModelError::Input(
                "this encoder is trained through factors already".into(),
            ));
        }
        for entry in &mut self.entries {
            entry.part = Part::Frozen;
        }
        for &target in targets {
            let var = self.var(target).clone();
            let (n_out, n_in) = var.dims2()?;
            let bound = 1.0 / (n_in as f64).sqrt();
            let drawn: Vec<f32> = (0..lora.rank * n_in)
                .map(|_| rng.random_range(-bound..bound) as f32)
                .collect();
            let down = Var::from_vec(drawn, (lora.rank, n_in), var.device())?;
            let up = Var::zeros((n_out, lora.rank), var.dtype(), var.device())?;
            let name = self.name(target).to_owned();
            let factors = Factors {
                down: self.add_factor(format!("{name}.lora_A"), down),
                up: self.add_factor(format!("{name}.lora_B"), up),
                scale: (lora.alpha / lora.rank as f64) as f32,
            };
            let frozen = var.as_detached_tensor().copy()?;
            self.entries[target.index()].part = Part::Adapted(Adapted { factors, frozen });
        }
        Ok(())
    }

    fn add_factor(&mut self, name: String, var: Var) -> Param {
        self.entries.push(Entry {
            part: Part::Factor,
            ..Entry::new(&name, var)
        });
        Param(self.entries.len() - 1)
    }

    fn forget_factors(&mut self) {
        self.entries.retain(|entry| !matches!(entry.part, Part::Factor));
        for entry in &mut self.entries {
            entry.part = Part::Trained;
        }
    }

    fn apply_factors(&self) -> Result<()> {
        for entry in &self.entries {
            let Part::Adapted(Adapted { factors, frozen }) = &entry.part else {
                continue;
            };
            if !entry.var.device().is_cpu() {
                let (down, up) = (self.var(factors.down), self.var(factors.up));
                let product = up.as_detached_tensor().matmul(&down.as_detached_tensor())?;
                entry.var.set(&(frozen + (product * f64::from(factors.scale))?)?)?;
                continue;
            }
            let sum = Sum {
                frozen: &Reading::of(frozen, &entry.name)?,
                down: &self.read(factors.down)?,
                up: &self.read(factors.up)?,
                n_in: self.width(factors.down),
                rank: self.width(factors.up),
                scale: factors.scale,
            };
            entry.var.inplace_op1(&sum)?;
        }
        Ok(())
    }

    /// An adapted weight as a part of candle's graph, which finds the gradients of its factors.
    pub(super) fn composed(&self, parameter: Param) -> Result<Option<Tensor>> {
        let Some(Adapted { factors, frozen }) = self.adapted(parameter) else {
            return Ok(None);
        };
        let product = self.var(factors.up).matmul(self.var(factors.down))?;
        Ok(Some((frozen + (product * f64::from(factors.scale))?)?))
    }
}

/// `frozen + scale · up · down`, written over a weight.
struct Sum<'a> {
    frozen: &'a [f32],
    down: &'a [f32],
    up: &'a [f32],
    n_in: usize,
    rank: usize,
    scale: f32,
}

impl InplaceOp1 for Sum<'_> {
    fn name(&self) -> &'static str {
        "lora"
    }

    fn cpu_fwd(&self, weight: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(weight), Some((from, to))) = (weight, layout.contiguous_offsets()) else {
            bail!("LoRA changes 32-bit floating point weights without gaps only");
        };
        let weight = &mut weight[from..to];
        weight
            .par_chunks_mut(1 << 14)
            .zip(self.frozen.par_chunks(1 << 14))
            .for_each(|(weight, frozen)| weight.copy_from_slice(frozen));
        let n_out = weight.len() / self.n_in;
        let up = View::new(self.up, n_out, self.rank, self.rank);
        let down = View::new(self.down, self.rank, self.n_in, self.n_in);
        product(weight, self.n_in, up, down, self.scale, true, Threads::Pool);
        Ok(())
    }
}

/// Adds the gradients of a weight's factors for `y = x Wᵀ`: `dB = s·dyᵀ(x Aᵀ)`, `dA = s·(dy B)ᵀx`. The gradient of the weight itself,
/// which is as large as the weight, is never made.
///
/// `x` comes with its width `n_in`; `dy` with the width of its rows and the first column that belongs to the weight.
pub(super) fn backward(
    parameters: &Parameters,
    factors: Factors,
    (x, n_in): (&[f32], usize),
    (dy, stride, first): (&[f32], usize, usize),
    gradients: &mut Gradients,
) -> Result<()> {
    let rank = parameters.width(factors.up);
    let (n_out, n_rows) = (parameters.n_elements(factors.up) / rank, dy.len() / stride);
    let x = View::new(x, n_rows, n_in, n_in);
    let dy = View::new(&dy[first..], n_rows, n_out, stride);
    let mut narrow = vec![0f32; n_rows * rank];
    {
        let down = parameters.read(factors.down)?;
        let down = View::new(&down, rank, n_in, n_in);
        product(&mut narrow, rank, x, down.t(), factors.scale, false, Threads::Pool);
    }
    let (d_up, known) = gradients.slot_to_write(factors.up);
    let states = View::new(&narrow, n_rows, rank, rank);
    product(d_up, rank, dy.t(), states, 1.0, known, Threads::Pool);
    {
        let up = parameters.read(factors.up)?;
        let up = View::new(&up, n_out, rank, rank);
        product(&mut narrow, rank, dy, up, factors.scale, false, Threads::Pool);
    }
    let (d_down, known) = gradients.slot_to_write(factors.down);
    let states = View::new(&narrow, n_rows, rank, rank);
    product(d_down, n_in, states.t(), x, 1.0, known, Threads::Pool);
    Ok(())
}

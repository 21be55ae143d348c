//! The operations encoders are made of, each with a gradient, over packed rows.
//!
//! An architecture is written once against [`Ops`]. Two things implement it: [`tape::Tape`], fused operations on the CPU with their own
//! backward pass, and [`plain::Plain`], compositions of candle operations for every device, which is also what the tests compare with.
//!
//! Not here: which operations make up a model, and where its weights come from.

pub(crate) mod attention;
pub mod dropout;
pub(crate) mod gather;
pub(crate) mod gelu;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod norm;
pub mod plain;
pub(crate) mod pool;
pub(crate) mod simd;
pub mod tape;

#[cfg(test)]
mod gradient_tests;

use super::error::Result;
use super::parameters::Param;

/// A linear layer: weight `(n_out, n_in)` and bias `(n_out)`.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    /// The weight.
    pub weight: Param,
    /// The bias.
    pub bias: Param,
}

/// A LayerNorm over rows.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    /// What the normalised row is multiplied by.
    pub weight: Param,
    /// What is added to it.
    pub bias: Param,
    /// Added to the variance.
    pub eps: f64,
}

/// The operations of one forward pass over packed rows. Probabilities of dropout count only in a pass that was given a
/// [`dropout::Dropout`]; elsewhere nothing is dropped.
pub trait Ops {
    /// Rows of numbers, `(rows, width)`, cheap to clone.
    type Value: Clone;

    /// The sum of one row of each table; `index` has one entry per output row. An index beyond its table is an error.
    fn gather(&mut self, tables: &[(Param, &[u32])]) -> Result<Self::Value>;

    /// `x Wᵀ + b` for each layer, side by side.
    fn linear(&mut self, x: &Self::Value, layers: &[Linear]) -> Result<Self::Value>;

    /// Self-attention within each text over `(rows, 3 · width)` queries, keys and values; dropout with `prob` on the probabilities.
    fn attention(&mut self, qkv: &Self::Value, n_heads: usize, prob: f64) -> Result<Self::Value>;

    /// GELU with the exact error function.
    fn gelu(&mut self, x: &Self::Value) -> Result<Self::Value>;

    /// `LayerNorm(residual + dropout(x))`; without residual, `LayerNorm(dropout(x))`.
    fn add_norm(
        &mut self,
        x: &Self::Value,
        residual: Option<&Self::Value>,
        prob: f64,
        norm: LayerNorm,
    ) -> Result<Self::Value>;

    /// Dropout.
    fn dropout(&mut self, x: &Self::Value, prob: f64) -> Result<Self::Value>;

    /// One row per text: the sum of its rows, each times its entry of `weights`.
    fn pool(&mut self, x: &Self::Value, weights: &[f32]) -> Result<Self::Value>;

    /// Every row divided by its length.
    fn normalize(&mut self, x: &Self::Value) -> Result<Self::Value>;
}

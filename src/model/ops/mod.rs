//! The operations encoders are made of, each with a gradient, over packed rows.
//!
//! An architecture is written once against [`Ops`]. Two things implement it: [`tape::Tape`], fused operations on the CPU with their own
//! backward pass, and [`plain::Plain`], compositions of candle operations for every device, which is also what the tests compare with.
//!
//! Not here: which operations make up a model, and where its weights come from.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod beside;
#[cfg(target_arch = "x86_64")]
pub(crate) mod bf16;
pub(crate) mod buffer;
pub mod dropout;
pub(crate) mod gather;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod norm;
pub mod plain;
pub(crate) mod pool;
pub(crate) mod position;
pub(crate) mod rotary;
#[macro_use]
pub(crate) mod simd;
pub mod tape;

#[cfg(test)]
mod gradient_tests;

pub use activation::Activation;
pub use buffer::Pool;
pub use position::Position;
pub use rotary::Rotation;

use super::error::Result;
use super::parameters::Param;

/// A linear layer: weight `(n_out, n_in)` and, where the layer has one, bias `(n_out)`.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    /// The weight.
    pub weight: Param,
    /// The bias.
    pub bias: Option<Param>,
}

/// A LayerNorm over rows.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    /// What the normalised row is multiplied by.
    pub weight: Param,
    /// What is added to it, where the layer has it.
    pub bias: Option<Param>,
    /// Added to the variance.
    pub eps: f64,
}

/// Which tokens of its text a token sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Text,
    /// Those at most this many places away.
    Window(usize),
    /// Itself and those before it.
    Past,
}

impl Reach {
    /// Whether a query sees a key, by their places in the text.
    pub(crate) fn sees(self, query: usize, key: usize) -> bool {
        match self {
            Reach::Text => true,
            Reach::Window(window) => query.abs_diff(key) <= window,
            Reach::Past => key <= query,
        }
    }
}

/// How the tokens of a text attend to each other.
#[derive(Debug)]
pub struct Attention<'a, V> {
    /// Heads that share the width.
    pub n_heads: usize,
    /// What products of queries and keys are multiplied by: `1/√d` for heads of `d` columns, less where positions add terms.
    pub scale: f64,
    /// Dropout on the probabilities.
    pub prob: f64,
    /// Which tokens of its text a token sees.
    pub reach: Reach,
    /// What the distance between two tokens adds to their score.
    pub position: Position<'a, V>,
}

/// The operations of one forward pass over packed rows. Probabilities of dropout count only in a pass that was given a
/// [`dropout::Dropout`]; elsewhere nothing is dropped.
pub trait Ops {
    /// Rows of numbers, `(rows, width)`, cheap to clone.
    type Value: Clone;

    /// The sum of one row of each table; every index has one entry per output row. An index beyond its table is an error.
    fn gather(&mut self, tables: &[(Param, &[u32])]) -> Result<Self::Value>;

    /// `x Wᵀ + b` for each layer, side by side.
    fn linear(&mut self, x: &Self::Value, layers: &[Linear]) -> Result<Self::Value>;

    /// Attention within each text over `(rows, 3 · width)` queries, keys and values side by side. Queries may come from other states of the
    /// same rows than keys and values do.
    fn attention(&mut self, qkv: &Self::Value, how: &Attention<'_, Self::Value>) -> Result<Self::Value>;

    /// Turns the queries and keys of `(rows, 3 · width)` by an angle that grows with their place in the text.
    fn rotary(&mut self, qkv: &Self::Value, n_heads: usize, rotation: &Rotation) -> Result<Self::Value>;

    /// The function of every element.
    fn activation(&mut self, x: &Self::Value, function: Activation) -> Result<Self::Value>;

    /// The function of the first half of every row times its second half: `(rows, 2 · width)` to `(rows, width)`.
    fn gated(&mut self, x: &Self::Value, function: Activation) -> Result<Self::Value>;

    /// `LayerNorm(residual + dropout(x))`; without residual, `LayerNorm(dropout(x))`.
    fn add_norm(
        &mut self,
        x: &Self::Value,
        residual: Option<&Self::Value>,
        prob: f64,
        norm: LayerNorm,
    ) -> Result<Self::Value>;

    /// `residual + dropout(x)`.
    fn add(&mut self, x: &Self::Value, residual: &Self::Value, prob: f64) -> Result<Self::Value>;

    /// The columns of `left`, then those of `right`; both have the same rows.
    fn beside(&mut self, left: &Self::Value, right: &Self::Value) -> Result<Self::Value>;

    /// Every element times `factor`.
    fn scale(&mut self, x: &Self::Value, factor: f32) -> Result<Self::Value>;

    /// Dropout.
    fn dropout(&mut self, x: &Self::Value, prob: f64) -> Result<Self::Value>;

    /// One row per text: the sum of its rows, each times its entry of `weights`.
    fn pool(&mut self, x: &Self::Value, weights: &[f32]) -> Result<Self::Value>;

    /// Every row divided by its length.
    fn normalize(&mut self, x: &Self::Value) -> Result<Self::Value>;
}

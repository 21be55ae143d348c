//! The layers that BERT and its relatives share: self-attention and a feed-forward block, each with LayerNorm after its residual sum.
//!
//! The relatives differ in what their tensors are called, in their embeddings, and in what positions add to the attention.

use super::super::error::Result;
use super::super::ops::{Activation, Attention, LayerNorm, Linear, Ops, Position, Reach};
use super::super::parameters::{Loader, Param};
use super::Role;
use std::ops::Range;

/// Reads a linear layer with a bias.
pub(super) fn linear(loader: &mut Loader<'_>, name: &str, n_in: usize, n_out: usize) -> Result<Linear> {
    biased_linear(loader, name, n_in, n_out, true)
}

/// Reads a linear layer that may have no bias.
pub(super) fn biased_linear(
    loader: &mut Loader<'_>,
    name: &str,
    n_in: usize,
    n_out: usize,
    bias: bool,
) -> Result<Linear> {
    Ok(Linear {
        weight: loader.take(&format!("{name}.weight"), &[n_out, n_in])?,
        bias: bias
            .then(|| loader.take(&format!("{name}.bias"), &[n_out]))
            .transpose()?,
    })
}

/// Reads a LayerNorm, with or without a bias.
pub(super) fn layer_norm(loader: &mut Loader<'_>, name: &str, width: usize, eps: f64, bias: bool) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: loader.take(&format!("{name}.weight"), &[width])?,
        bias: bias
            .then(|| loader.take(&format!("{name}.bias"), &[width]))
            .transpose()?,
        eps,
    })
}

/// What the parts of layer `{i}` are called in the checkpoint, relative to the layer.
pub(super) struct Names {
    /// The layer, before its number.
    pub(super) layer: &'static str,
    /// Queries, keys, values.
    pub(super) qkv: [&'static str; 3],
    /// The linear layer after the attention.
    pub(super) attention_out: &'static str,
    /// The norm after the first residual sum.
    pub(super) attention_norm: &'static str,
    /// The first linear layer of the feed-forward block.
    pub(super) inner: &'static str,
    /// Its second.
    pub(super) output: &'static str,
    /// The norm after the second residual sum.
    pub(super) output_norm: &'static str,
}

/// Sizes and constants of every layer.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Columns of a token's state.
    pub(super) hidden: usize,
    /// Columns between the two layers of the feed-forward block.
    pub(super) inner: usize,
    /// Attention heads.
    pub(super) n_heads: usize,
    /// Layers.
    pub(super) n_layers: usize,
    /// Of every LayerNorm.
    pub(super) eps: f64,
    /// The function of the feed-forward block.
    pub(super) activation: Activation,
    /// Dropout on attention probabilities.
    pub(super) attention_prob: f64,
    /// Dropout after the attention's last linear layer.
    pub(super) attention_out_prob: f64,
    /// Dropout within the feed-forward block, after the function.
    pub(super) inner_prob: f64,
    /// Dropout after the feed-forward block.
    pub(super) output_prob: f64,
    /// What products of queries and keys are multiplied by.
    pub(super) scale: f64,
}

struct Layer {
    qkv: [Linear; 3],
    attention_out: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    output: Linear,
    output_norm: LayerNorm,
    to_position: Option<Linear>,
    from_position: Option<Linear>,
}

/// How a stack knows the distance between two tokens.
pub(super) enum Distance<V> {
    /// It does not.
    None,
    /// A number for each distance and head, the same in every layer.
    Bias(V),
    /// A row for each distance, projected by every layer; see [`Position::Disentangled`].
    Rows {
        /// `(2 · longest − 1, hidden)`.
        rows: V,
        /// Dropout on them, drawn anew in each layer.
        prob: f64,
    },
}

/// A stack of layers.
pub(super) struct Stack {
    shape: Shape,
    layers: Vec<Layer>,
}

impl Stack {
    /// Reads all layers. `disentangled` is what reads the projections of a layer's distance rows: content to position, position to
    /// content; given the layer's name and its queries, keys and values.
    pub(super) fn load(
        loader: &mut Loader<'_>,
        names: &Names,
        shape: Shape,
        disentangled: impl Fn(&mut Loader<'_>, &str, [Linear; 3]) -> Result<(Option<Linear>, Option<Linear>)>,
    ) -> Result<Stack> {
        let layers = (0..shape.n_layers)
            .map(|i| load_layer(loader, names, &format!("{}.{i}", names.layer), shape, &disentangled))
            .collect::<Result<Vec<_>>>()?;
        Ok(Stack { shape, layers })
    }

    /// See [`Encode::linear_weights`](super::Encode::linear_weights).
    pub(super) fn linear_weights(&self) -> Vec<(Role, Param)> {
        let of_layer = |layer: &Layer| {
            let [query, key, value] = layer.qkv.map(|linear| linear.weight);
            let mut weights = vec![(Role::Query, query), (Role::Key, key), (Role::Value, value)];
            weights.push((Role::Attention, layer.attention_out.weight));
            // Positions may go through the layer's own queries and keys, which are in the list already.
            let of_positions = [layer.to_position, layer.from_position].into_iter().flatten();
            let own = of_positions
                .map(|linear| linear.weight)
                .filter(|weight| *weight != query && *weight != key);
            weights.extend(own.map(|weight| (Role::Attention, weight)));
            weights.extend([layer.inner, layer.output].map(|linear| (Role::FeedForward, linear.weight)));
            weights
        };
        self.layers.iter().flat_map(of_layer).collect()
    }

    /// Runs some of the layers over the states `x`.
    pub(super) fn run<O: Ops>(
        &self,
        ops: &mut O,
        mut x: O::Value,
        layers: Range<usize>,
        distance: &Distance<O::Value>,
    ) -> Result<O::Value> {
        for layer in &self.layers[layers] {
            let qkv = ops.linear(&x, &layer.qkv)?;
            let context = self.attend(ops, layer, &qkv, distance)?;
            let attended = ops.linear(&context, &[layer.attention_out])?;
            x = ops.add_norm(&attended, Some(&x), self.shape.attention_out_prob, layer.attention_norm)?;
            let inner = ops.linear(&x, &[layer.inner])?;
            let inner = ops.activation(&inner, self.shape.activation)?;
            let inner = match self.shape.inner_prob {
                // A place in the stream that no other architecture has.
                prob if prob > 0.0 => ops.dropout(&inner, prob)?,
                _ => inner,
            };
            let outer = ops.linear(&inner, &[layer.output])?;
            x = ops.add_norm(&outer, Some(&x), self.shape.output_prob, layer.output_norm)?;
        }
        Ok(x)
    }

    fn attend<O: Ops>(
        &self,
        ops: &mut O,
        layer: &Layer,
        qkv: &O::Value,
        distance: &Distance<O::Value>,
    ) -> Result<O::Value> {
        let (keys, queries);
        let position = match distance {
            Distance::None => Position::None,
            Distance::Bias(bias) => Position::Bias(bias),
            Distance::Rows { rows, prob } => {
                let rows = ops.dropout(rows, *prob)?;
                let mut project = |layer: Option<Linear>| layer.map(|layer| ops.linear(&rows, &[layer])).transpose();
                keys = project(layer.to_position)?;
                queries = project(layer.from_position)?;
                Position::Disentangled {
                    keys: keys.as_ref(),
                    queries: queries.as_ref(),
                }
            }
        };
        let how = Attention {
            n_heads: self.shape.n_heads,
            scale: self.shape.scale,
            prob: self.shape.attention_prob,
            reach: Reach::Text,
            position,
        };
        ops.attention(qkv, &how)
    }
}

fn load_layer(
    loader: &mut Loader<'_>,
    names: &Names,
    name: &str,
    shape: Shape,
    disentangled: impl Fn(&mut Loader<'_>, &str, [Linear; 3]) -> Result<(Option<Linear>, Option<Linear>)>,
) -> Result<Layer> {
    let (hidden, inner) = (shape.hidden, shape.inner);
    let mut part = |part: &str, n_in: usize, n_out: usize| linear(loader, &format!("{name}.{part}"), n_in, n_out);
    let [query, key, value] = names.qkv;
    let qkv = [
        part(query, hidden, hidden)?,
        part(key, hidden, hidden)?,
        part(value, hidden, hidden)?,
    ];
    let attention_out = part(names.attention_out, hidden, hidden)?;
    let inner_layer = part(names.inner, hidden, inner)?;
    let output = part(names.output, inner, hidden)?;
    let mut norm = |part: &str| layer_norm(loader, &format!("{name}.{part}"), hidden, shape.eps, true);
    let attention_norm = norm(names.attention_norm)?;
    let output_norm = norm(names.output_norm)?;
    let (to_position, from_position) = disentangled(loader, name, qkv)?;
    Ok(Layer {
        qkv,
        attention_out,
        attention_norm,
        inner: inner_layer,
        output,
        output_norm,
        to_position,
        from_position,
    })
}

/// For [`Stack::load`] where distances have no rows of their own.
pub(super) fn no_projections(_: &mut Loader<'_>, _: &str, _: [Linear; 3]) -> Result<(Option<Linear>, Option<Linear>)> {
    Ok((None, None))
}

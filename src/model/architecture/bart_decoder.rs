//! BART's decoder: every layer attends to the tokens before it, then to what the encoder made of the whole text.

use super::Role;
use super::bart::{Beginning, EPS};
use super::layers::{Shape, layer_norm, linear};
use crate::model::batch::Packed;
use crate::model::error::Result;
use crate::model::ops::{Attention, LayerNorm, Linear, Ops, Position, Reach};
use crate::model::parameters::{Loader, Param};

/// What shapes the decoder.
pub(super) struct Sizes {
    /// Of its layers.
    pub(super) shape: Shape,
    /// The token it reads first.
    pub(super) start: u32,
}

/// One attention with what follows it.
struct Attending {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    norm: LayerNorm,
}

impl Attending {
    fn load(loader: &mut Loader<'_>, name: &str, hidden: usize) -> Result<Attending> {
        let mut part = |part: &str| linear(loader, &format!("{name}.{part}"), hidden, hidden);
        Ok(Attending {
            query: part("q_proj")?,
            key: part("k_proj")?,
            value: part("v_proj")?,
            out: part("out_proj")?,
            norm: layer_norm(loader, &format!("{name}_layer_norm"), hidden, EPS, true)?,
        })
    }

    fn linear_weights(&self) -> [(Role, Param); 4] {
        [
            (Role::Query, self.query.weight),
            (Role::Key, self.key.weight),
            (Role::Value, self.value.weight),
            (Role::Attention, self.out.weight),
        ]
    }

    /// What `x` becomes when it has gathered from `others`, or from itself.
    fn run<O: Ops>(&self, ops: &mut O, x: &O::Value, others: Option<&O::Value>, shape: &Shape) -> Result<O::Value> {
        let (qkv, reach) = match others {
            None => (ops.linear(x, &[self.query, self.key, self.value])?, Reach::Past),
            Some(others) => {
                let queries = ops.linear(x, &[self.query])?;
                let keys_and_values = ops.linear(others, &[self.key, self.value])?;
                (ops.beside(&queries, &keys_and_values)?, Reach::Text)
            }
        };
        let how = Attention {
            n_heads: shape.n_heads,
            scale: shape.scale,
            prob: shape.attention_prob,
            reach,
            position: Position::None,
        };
        let gathered = ops.attention(&qkv, &how)?;
        let gathered = ops.linear(&gathered, &[self.out])?;
        ops.add_norm(&gathered, Some(x), shape.attention_out_prob, self.norm)
    }
}

struct Layer {
    to_past: Attending,
    to_encoder: Attending,
    inner: Linear,
    output: Linear,
    norm: LayerNorm,
}

/// The decoder.
pub(super) struct Decoder {
    sizes: Sizes,
    beginning: Beginning,
    layers: Vec<Layer>,
}

impl Decoder {
    /// Reads all layers.
    pub(super) fn load(loader: &mut Loader<'_>, beginning: Beginning, sizes: Sizes) -> Result<Decoder> {
        let layers = (0..sizes.shape.n_layers)
            .map(|i| load_layer(loader, &format!("decoder.layers.{i}"), &sizes.shape))
            .collect::<Result<_>>()?;
        Ok(Decoder {
            sizes,
            beginning,
            layers,
        })
    }

    /// See [`Encode::linear_weights`](super::Encode::linear_weights).
    pub(super) fn linear_weights(&self) -> Vec<(Role, Param)> {
        let of_layer = |layer: &Layer| {
            let mut weights = layer.to_past.linear_weights().to_vec();
            weights.extend(layer.to_encoder.linear_weights());
            weights.extend([layer.inner, layer.output].map(|linear| (Role::FeedForward, linear.weight)));
            weights
        };
        self.layers.iter().flat_map(of_layer).collect()
    }

    /// The states after the lowest `n_layers` layers; `encoded` are the encoder's, row for row of the same texts.
    pub(super) fn run<O: Ops>(
        &self,
        ops: &mut O,
        batch: &Packed,
        encoded: &O::Value,
        n_layers: usize,
    ) -> Result<O::Value> {
        let shape = &self.sizes.shape;
        let mut x = self.beginning.run(ops, &self.shifted(batch), &batch.positions)?;
        for layer in self.layers.iter().take(n_layers) {
            x = layer.to_past.run(ops, &x, None, shape)?;
            x = layer.to_encoder.run(ops, &x, Some(encoded), shape)?;
            let inner = ops.linear(&x, &[layer.inner])?;
            let inner = ops.activation(&inner, shape.activation)?;
            let inner = ops.dropout(&inner, shape.inner_prob)?;
            let outer = ops.linear(&inner, &[layer.output])?;
            x = ops.add_norm(&outer, Some(&x), shape.output_prob, layer.norm)?;
        }
        Ok(x)
    }

    /// Every text moved one place to the right, behind the token the decoder starts with.
    fn shifted(&self, batch: &Packed) -> Vec<u32> {
        let mut shifted = Vec::with_capacity(batch.n_rows());
        for text in batch.starts.windows(2) {
            shifted.push(self.sizes.start);
            shifted.extend_from_slice(&batch.ids[text[0]..text[1] - 1]);
        }
        shifted
    }
}

fn load_layer(loader: &mut Loader<'_>, name: &str, shape: &Shape) -> Result<Layer> {
    let (hidden, inner) = (shape.hidden, shape.inner);
    Ok(Layer {
        to_past: Attending::load(loader, &format!("{name}.self_attn"), hidden)?,
        to_encoder: Attending::load(loader, &format!("{name}.encoder_attn"), hidden)?,
        inner: linear(loader, &format!("{name}.fc1"), hidden, inner)?,
        output: linear(loader, &format!("{name}.fc2"), inner, hidden)?,
        norm: layer_norm(loader, &format!("{name}.final_layer_norm"), hidden, EPS, true)?,
    })
}

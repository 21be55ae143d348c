//! Keys and values of the tokens a decoder has read, so that a prompt which begins as the last one did is read on from there.

use candle_core::{DType, Device, Result, Tensor};

/// Grows in steps of so many tokens.
const STEP: usize = 256;

/// What a decoder remembers of one sequence of tokens. Going back to a prefix costs nothing: the rest is written over.
#[derive(Default)]
pub struct Cache {
    tokens: Vec<u32>,
    layers: Vec<Layer>,
}

/// Keys and values of one layer, each `(key heads, capacity, head dim)`.
struct Layer {
    keys: Tensor,
    values: Tensor,
}

impl Cache {
    /// The tokens that were read.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Keeps what is common with `tokens`, at most `most`, and returns how much that is.
    pub fn go_back_to(&mut self, tokens: &[u32], most: usize) -> usize {
        let same = self.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        self.tokens.truncate(same.min(most));
        self.tokens.len()
    }

    /// Every layer has read these.
    pub fn extend(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Adds keys and values `(key heads, n, head dim)` of the tokens that are being read to a layer, and returns all it has of both. Layers
    /// come in order.
    pub fn append(&mut self, layer: usize, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let (n_heads, n, dim) = keys.dims3()?;
        let at = self.tokens.len();
        let needed = (at + n).next_multiple_of(STEP);
        if self.layers.len() <= layer {
            let empty = || Tensor::zeros((n_heads, needed, dim), DType::F32, keys.device());
            self.layers.push(Layer {
                keys: empty()?,
                values: empty()?,
            });
        }
        let Some(layer) = self.layers.get_mut(layer) else {
            candle_core::bail!("layer {layer} is read before the one below it");
        };
        if layer.keys.dim(1)? < at + n {
            // Twice as much as before, so that a long text is not copied at every step.
            let capacity = needed.max(2 * layer.keys.dim(1)?);
            layer.keys = grown(&layer.keys, at, capacity)?;
            layer.values = grown(&layer.values, at, capacity)?;
        }
        layer.keys.slice_set(&keys.contiguous()?, 1, at)?;
        layer.values.slice_set(&values.contiguous()?, 1, at)?;
        Ok((layer.keys.narrow(1, 0, at + n)?, layer.values.narrow(1, 0, at + n)?))
    }
}

fn grown(tensor: &Tensor, n_used: usize, capacity: usize) -> Result<Tensor> {
    let (n_heads, _, dim) = tensor.dims3()?;
    let device: &Device = tensor.device();
    let grown = Tensor::zeros((n_heads, capacity, dim), DType::F32, device)?;
    if n_used > 0 {
        grown.slice_set(&tensor.narrow(1, 0, n_used)?.contiguous()?, 1, 0)?;
    }
    Ok(grown)
}

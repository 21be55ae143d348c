//! Rotary positions (Su et al., 2021): pairs of numbers of a head are turned by their token's position.

use candle_core::{D, Device, Result, Tensor};

use super::shape::{Pairing, Rotation};

/// The angles of one kind of layer.
pub struct Rotary {
    /// Radians a position, one for each pair.
    frequencies: Vec<f32>,
    scale: f32,
    pairing: Pairing,
}

/// Cosines and sines of some positions, `(n, pairs)`.
pub struct Turns {
    cos: Tensor,
    sin: Tensor,
    pairing: Pairing,
}

impl Rotary {
    /// For `dim` numbers of each head; `factors` divide the frequencies, one for each pair.
    pub fn new(rotation: &Rotation, dim: usize, pairing: Pairing, factors: Option<&[f32]>) -> Rotary {
        let frequency = |pair: usize| {
            let own = factors
                .and_then(|factors| factors.get(pair))
                .map_or(1.0, |factor| f64::from(*factor));
            (rotation.base.powf(-2.0 * pair as f64 / dim as f64) / own / rotation.factor) as f32
        };
        Rotary {
            frequencies: (0..dim / 2).map(frequency).collect(),
            scale: rotation.scale as f32,
            pairing,
        }
    }

    /// For `n` tokens from position `first`.
    pub fn turns(&self, first: usize, n: usize, device: &Device) -> Result<Turns> {
        let angles =
            (first..first + n).flat_map(|at| self.frequencies.iter().map(move |frequency| at as f32 * frequency));
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for angle in angles {
            cos.push(angle.cos() * self.scale);
            sin.push(angle.sin() * self.scale);
        }
        let shape = (n, self.frequencies.len());
        Ok(Turns {
            cos: Tensor::from_vec(cos, shape, device)?,
            sin: Tensor::from_vec(sin, shape, device)?,
            pairing: self.pairing,
        })
    }
}

impl Turns {
    /// Turns `(heads, n, head dim)`; numbers beyond the pairs stay.
    pub fn apply(&self, heads: &Tensor) -> Result<Tensor> {
        let (n_heads, n, dim) = heads.dims3()?;
        let n_pairs = self.cos.dim(1)?;
        let turning = heads.narrow(2, 0, 2 * n_pairs)?;
        let (a, b) = match self.pairing {
            Pairing::Halves => (turning.narrow(2, 0, n_pairs)?, turning.narrow(2, n_pairs, n_pairs)?),
            Pairing::Neighbours => {
                let pairs = turning.contiguous()?.reshape((n_heads, n, n_pairs, 2))?;
                (pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?)
            }
        };
        let (a, b) = (
            (a.broadcast_mul(&self.cos)? - b.broadcast_mul(&self.sin)?)?,
            (b.broadcast_mul(&self.cos)? + a.broadcast_mul(&self.sin)?)?,
        );
        let turned = match self.pairing {
            Pairing::Halves => Tensor::cat(&[&a, &b], D::Minus1)?,
            Pairing::Neighbours => Tensor::stack(&[&a, &b], 3)?.reshape((n_heads, n, 2 * n_pairs))?,
        };
        if 2 * n_pairs == dim {
            return turned.contiguous();
        }
        let rest = heads.narrow(2, 2 * n_pairs, dim - 2 * n_pairs)?;
        Tensor::cat(&[&turned, &rest], D::Minus1)?.contiguous()
    }
}

//! The operations as compositions of candle's own, for every device. Slower than the tape, and the reference its tests compare with.

use super::dropout::{Dropout, Mask, Masks};
use super::pool::SHORTEST;
use super::position::distances;
use super::{Activation, Attention, LayerNorm, Linear, Ops, Position, Reach, Rotation, rotary};
use crate::model::error::Result;
use crate::model::parameters::{Param, Parameters};
use candle_core::{D, Device, Tensor};
use std::sync::Arc;

/// One forward pass in candle's graph.
pub struct Plain {
    parameters: Arc<Parameters>,
    starts: Vec<usize>,
    device: Device,
    masks: Option<Masks>,
    detached: bool,
    padding: Option<Padding>,
}

/// Where packed rows go in a padded batch, and back.
#[derive(Clone)]
struct Padding {
    /// For each place of the padded batch the packed row, 0 where there is none; `(n_texts · longest)`.
    rows: Tensor,
    /// For each packed row its place in the padded batch; `(rows)`.
    places: Tensor,
    /// 0 where a key exists, a large negative number where not; `(n_texts, 1, 1, longest)`.
    bias: Tensor,
    longest: usize,
}

impl Plain {
    /// A pass over texts that start at `starts`; `detached` passes keep no graph.
    pub fn new(
        parameters: Arc<Parameters>,
        starts: &[usize],
        dropout: Option<&mut Dropout>,
        detached: bool,
        device: &Device,
    ) -> Plain {
        Plain {
            parameters,
            starts: starts.to_vec(),
            device: device.clone(),
            masks: dropout.map(Dropout::next_pass),
            detached,
            padding: None,
        }
    }

    fn parameter(&self, parameter: Param) -> Result<Tensor> {
        let var = self.parameters.var(parameter);
        if self.detached {
            return Ok(var.as_detached_tensor());
        }
        match self.parameters.composed(parameter)? {
            Some(from_factors) => Ok(from_factors),
            None if self.parameters.is_trained(parameter) => Ok(var.as_tensor().clone()),
            None => Ok(var.as_detached_tensor()),
        }
    }

    fn mask(&mut self, prob: f64) -> Option<Mask> {
        self.masks.as_mut().and_then(|masks| masks.next_place(prob))
    }

    fn n_texts(&self) -> usize {
        self.starts.len() - 1
    }

    fn padding(&mut self) -> Result<Padding> {
        if let Some(padding) = &self.padding {
            return Ok(padding.clone());
        }
        let longest = self.starts.windows(2).map(|rows| rows[1] - rows[0]).max().unwrap_or(0);
        let (mut rows, mut places, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for (text, range) in self.starts.windows(2).enumerate() {
            for place in 0..longest {
                let row = range[0] + place;
                let exists = row < range[1];
                rows.push(if exists { row as u32 } else { 0 });
                bias.push(if exists { 0f32 } else { -1e30 });
                if exists {
                    places.push((text * longest + place) as u32);
                }
            }
        }
        let padding = Padding {
            rows: Tensor::new(rows, &self.device)?,
            places: Tensor::new(places, &self.device)?,
            bias: Tensor::from_vec(bias, (self.n_texts(), 1, 1, longest), &self.device)?,
            longest,
        };
        self.padding = Some(padding.clone());
        Ok(padding)
    }

    /// What positions add to the scores, broadcastable to `(n_texts, n_heads, longest, longest)`.
    fn position_scores(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        how: &Attention<'_, Tensor>,
        longest: usize,
    ) -> Result<Option<Tensor>> {
        let by_head = |table: &Tensor| -> Result<Tensor> {
            let (n_rows, width) = table.dims2()?;
            let heads = table.reshape((n_rows, how.n_heads, width / how.n_heads))?;
            Ok(heads.permute((1, 2, 0))?.contiguous()?.unsqueeze(0)?)
        };
        // Row of the table for every query and key.
        let first = longest as i64 - 1;
        let row = |query: i64, key: i64| (key - query + first) as u32;
        let n = longest as i64;
        match how.position {
            Position::None => Ok(None),
            Position::Bias(table) => {
                debug_assert_eq!(table.dim(0)?, distances(longest).count());
                let rows: Vec<u32> = (0..n).flat_map(|i| (0..n).map(move |j| row(i, j))).collect();
                let rows = Tensor::new(rows, &self.device)?;
                let bias = table.index_select(&rows, 0)?.reshape((longest, longest, how.n_heads))?;
                Ok(Some(bias.permute((2, 0, 1))?.contiguous()?.unsqueeze(0)?))
            }
            Position::Disentangled {
                keys: to_position,
                queries: from_position,
            } => {
                let shape = queries.dims4()?;
                let gathered = |content: &Tensor, table: &Tensor, of: &dyn Fn(i64, i64) -> u32| -> Result<Tensor> {
                    let by_distance = content.broadcast_matmul(&by_head(table)?)?.contiguous()?;
                    let rows: Vec<u32> = (0..n)
                        .flat_map(|a| (0..n).map(move |b| (a, b)))
                        .map(|(a, b)| of(a, b))
                        .collect();
                    let rows = Tensor::from_vec(rows, (1, 1, longest, longest), &self.device)?
                        .broadcast_as((shape.0, shape.1, longest, longest))?
                        .contiguous()?;
                    Ok(by_distance.gather(&rows, D::Minus1)?)
                };
                let mut sum: Option<Tensor> = None;
                if let Some(table) = to_position {
                    sum = Some(gathered(queries, table, &|query, key| row(query, key))?);
                }
                if let Some(table) = from_position {
                    // Rows are keys here, and turned round afterwards.
                    let added = gathered(keys, table, &|key, query| row(query, key))?.transpose(2, 3)?;
                    sum = Some(match sum {
                        Some(sum) => (sum + added)?,
                        None => added.contiguous()?,
                    });
                }
                Ok(sum.map(|sum| sum * how.scale).transpose()?)
            }
        }
    }

    /// 0 for keys that the query sees, a large negative number for others; `(1, 1, longest, longest)`.
    fn beyond(&self, reach: Reach, longest: usize) -> Result<Tensor> {
        let bias: Vec<f32> = (0..longest)
            .flat_map(|i| (0..longest).map(move |j| if reach.sees(i, j) { 0.0 } else { -1e30 }))
            .collect();
        Ok(Tensor::from_vec(bias, (1, 1, longest, longest), &self.device)?)
    }

    /// The mask of the probabilities; on the CPU laid out as the fused attention numbers them.
    fn attention_mask(&self, mask: &Mask, n_heads: usize, longest: usize) -> Result<Tensor> {
        if !self.device.is_cpu() {
            return mask.tensor((self.n_texts(), n_heads, longest, longest), &self.device);
        }
        let mut factors = vec![0f32; self.n_texts() * n_heads * longest * longest];
        for (block, square) in factors.chunks_exact_mut((longest * longest).max(1)).enumerate() {
            let text = block / n_heads;
            let n = self.starts[text + 1] - self.starts[text];
            let mask = mask.block(block);
            for query in 0..n {
                for key in 0..n {
                    square[query * longest + key] = mask.factor((query * n + key) as u32);
                }
            }
        }
        Ok(Tensor::from_vec(
            factors,
            (self.n_texts(), n_heads, longest, longest),
            &self.device,
        )?)
    }
}

/// Softmax over the last dimension, from differentiable pieces.
fn softmax(x: &Tensor) -> Result<Tensor> {
    let exp = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?.exp()?;
    Ok(exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)?)
}

impl Ops for Plain {
    type Value = Tensor;

    fn gather(&mut self, tables: &[(Param, &[u32])]) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        for (table, index) in tables {
            let rows = self
                .parameter(*table)?
                .index_select(&Tensor::new(*index, &self.device)?, 0)?;
            sum = Some(match sum {
                Some(sum) => (sum + rows)?,
                None => rows,
            });
        }
        sum.ok_or_else(|| crate::model::ModelError::Input("there is no table to look tokens up in".into()))
    }

    fn linear(&mut self, x: &Tensor, layers: &[Linear]) -> Result<Tensor> {
        let outs = layers
            .iter()
            .map(|layer| {
                let y = x.matmul(&self.parameter(layer.weight)?.t()?)?;
                Ok(match layer.bias {
                    Some(bias) => y.broadcast_add(&self.parameter(bias)?)?,
                    None => y,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&outs, 1)?)
    }

    fn attention(&mut self, qkv: &Tensor, how: &Attention<'_, Tensor>) -> Result<Tensor> {
        let mask = self.mask(how.prob);
        let padding = self.padding()?;
        let (n, longest, n_heads, width) = (self.n_texts(), padding.longest, how.n_heads, qkv.dim(1)? / 3);
        let padded = qkv
            .index_select(&padding.rows, 0)?
            .reshape((n, longest, 3, n_heads, width / n_heads))?;
        let part =
            |i: usize| -> Result<Tensor> { Ok(padded.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous()?) };
        let (queries, keys, values) = (part(0)?, part(1)?, part(2)?);
        let mut scores = (queries.matmul(&keys.t()?.contiguous()?)? * how.scale)?;
        if let Some(added) = self.position_scores(&queries, &keys, how, longest)? {
            scores = scores.broadcast_add(&added)?;
        }
        scores = scores.broadcast_add(&padding.bias)?;
        if how.reach != Reach::Text {
            scores = scores.broadcast_add(&self.beyond(how.reach, longest)?)?;
        }
        let mut probs = softmax(&scores)?;
        if let Some(mask) = mask {
            probs = (probs * self.attention_mask(&mask, n_heads, longest)?)?;
        }
        let out = probs
            .matmul(&values)?
            .transpose(1, 2)?
            .contiguous()?
            .reshape((n * longest, width))?;
        Ok(out.index_select(&padding.places, 0)?)
    }

    fn rotary(&mut self, qkv: &Tensor, n_heads: usize, rotation: &Rotation) -> Result<Tensor> {
        let (n_rows, half) = (qkv.dim(0)?, rotation.half);
        let places = Tensor::new(rotary::places(&self.starts), &self.device)?;
        let of_rows = |angles: &[f32]| -> Result<Tensor> {
            Ok(Tensor::from_slice(angles, (angles.len() / half, half), &self.device)?
                .index_select(&places, 0)?
                .reshape((n_rows, 1, 1, half))?)
        };
        let (cos, sin) = (of_rows(&rotation.cos)?, of_rows(&rotation.sin)?);
        let parts = qkv.reshape((n_rows, 3, n_heads, 2 * half))?;
        let turned = parts.narrow(1, 0, 2)?;
        let (low, high) = (turned.narrow(3, 0, half)?, turned.narrow(3, half, half)?);
        let turned = Tensor::cat(
            &[
                (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?,
                (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?,
            ],
            3,
        )?;
        Ok(Tensor::cat(&[turned, parts.narrow(1, 2, 1)?], 1)?.reshape((n_rows, 6 * n_heads * half))?)
    }

    fn activation(&mut self, x: &Tensor, function: Activation) -> Result<Tensor> {
        Ok(function.composed(x)?)
    }

    fn gated(&mut self, x: &Tensor, function: Activation) -> Result<Tensor> {
        let width = x.dim(1)? / 2;
        let inner = x.narrow(1, 0, width)?.contiguous()?;
        Ok((function.composed(&inner)? * x.narrow(1, width, width)?)?)
    }

    fn add_norm(&mut self, x: &Tensor, residual: Option<&Tensor>, prob: f64, norm: LayerNorm) -> Result<Tensor> {
        let x = self.dropout(x, prob)?;
        let sum = match residual {
            Some(residual) => (x + residual)?,
            None => x,
        };
        let centred = sum.broadcast_sub(&sum.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let unit = centred.broadcast_div(&(variance + norm.eps)?.sqrt()?)?;
        let scaled = unit.broadcast_mul(&self.parameter(norm.weight)?)?;
        Ok(match norm.bias {
            Some(bias) => scaled.broadcast_add(&self.parameter(bias)?)?,
            None => scaled,
        })
    }

    fn add(&mut self, x: &Tensor, residual: &Tensor, prob: f64) -> Result<Tensor> {
        Ok((self.dropout(x, prob)? + residual)?)
    }

    fn beside(&mut self, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        Ok(Tensor::cat(&[left, right], 1)?)
    }

    fn scale(&mut self, x: &Tensor, factor: f32) -> Result<Tensor> {
        Ok((x * f64::from(factor))?)
    }

    fn dropout(&mut self, x: &Tensor, prob: f64) -> Result<Tensor> {
        match self.mask(prob) {
            Some(mask) => Ok((x * mask.tensor(x.shape(), &self.device)?)?),
            None => Ok(x.clone()),
        }
    }

    fn pool(&mut self, x: &Tensor, weights: &[f32]) -> Result<Tensor> {
        let n_rows = weights.len();
        let mut matrix = vec![0f32; self.n_texts() * n_rows];
        for (text, range) in self.starts.windows(2).enumerate() {
            matrix[text * n_rows + range[0]..text * n_rows + range[1]].copy_from_slice(&weights[range[0]..range[1]]);
        }
        Ok(Tensor::from_vec(matrix, (self.n_texts(), n_rows), &self.device)?.matmul(x)?)
    }

    fn normalize(&mut self, x: &Tensor) -> Result<Tensor> {
        let length = x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(SHORTEST as f64)?;
        Ok(x.broadcast_div(&length)?)
    }
}

//! One layer of a decoder: attention over the tokens before, then a gated feed-forward part, each normalised before (and in Gemma after).

use candle_core::{D, Result, Tensor};

use super::cache::Cache;
use super::rotary::Turns;
use super::shape::{Gate, Shape};
use super::tensors::{Linear, Tensors};
use crate::model::error::Result as ModelResult;

/// Division by the root of the mean of squares (Zhang and Sennrich, 2019), times a weight. Gemma's files hold 1 plus its weights.
pub struct Norm {
    weight: Tensor,
    epsilon: f64,
}

impl Norm {
    /// Of `n` numbers.
    pub fn load(tensors: &Tensors<'_>, name: &str, n: usize, shape: &Shape) -> ModelResult<Norm> {
        Ok(Norm {
            weight: tensors.vector(&format!("{name}.weight"), n)?,
            epsilon: shape.epsilon,
        })
    }

    fn find(tensors: &Tensors<'_>, name: &str, n: usize, shape: &Shape) -> ModelResult<Option<Norm>> {
        let is_there = tensors.has(&format!("{name}.weight"));
        is_there.then(|| Norm::load(tensors, name, n, shape)).transpose()
    }

    /// Over the last dimension.
    pub fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        let mean = rows.sqr()?.mean_keepdim(D::Minus1)?;
        rows.broadcast_div(&(mean + self.epsilon)?.sqrt()?)?
            .broadcast_mul(&self.weight)
    }
}

fn apply_any(norm: Option<&Norm>, rows: Tensor) -> Result<Tensor> {
    norm.map_or(Ok(rows.clone()), |norm| norm.apply(&rows))
}

/// Queries, keys and values from one matrix or from three.
enum Projection {
    Fused(Linear),
    Separate(Box<[Linear; 3]>),
}

/// What is the same for all layers of a kind while some tokens are read.
pub struct Reading<'a> {
    /// Of the positions.
    pub turns: &'a Turns,
    /// What is added to `(n, keys)` products of queries and keys: 0, or minus infinity for what is not seen. `None` where all is seen.
    pub mask: Option<&'a Tensor>,
}

/// A layer.
pub struct Layer {
    before_attention: Norm,
    projection: Projection,
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    output: Linear,
    after_attention: Option<Norm>,
    before_feed: Norm,
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
    after_feed: Option<Norm>,
}

impl Layer {
    /// Layer `at` of a file.
    pub fn load(tensors: &Tensors<'_>, shape: &Shape, at: usize) -> ModelResult<Layer> {
        let name = |part: &str| format!("blk.{at}.{part}");
        let linear = |part: &str, rows: usize, columns: usize| tensors.linear(&name(part), rows, columns);
        let norm = |part: &str| Norm::load(tensors, &name(part), shape.width, shape);
        let find_norm = |part: &str, n: usize| Norm::find(tensors, &name(part), n, shape);
        let (queries, keys) = (shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim);
        let projection = if tensors.has(&name("attn_qkv.weight")) {
            Projection::Fused(linear("attn_qkv", queries + 2 * keys, shape.width)?)
        } else {
            Projection::Separate(Box::new([
                linear("attn_q", queries, shape.width)?,
                linear("attn_k", keys, shape.width)?,
                linear("attn_v", keys, shape.width)?,
            ]))
        };
        // In phi3 gate and product are the halves of one matrix.
        let has_gate = tensors.has(&name("ffn_gate.weight"));
        let gate = has_gate
            .then(|| linear("ffn_gate", shape.inner, shape.width))
            .transpose()?;
        let n_up = if has_gate { shape.inner } else { 2 * shape.inner };
        Ok(Layer {
            before_attention: norm("attn_norm")?,
            projection,
            query_norm: find_norm("attn_q_norm", shape.head_dim)?,
            key_norm: find_norm("attn_k_norm", shape.head_dim)?,
            output: linear("attn_output", shape.width, queries)?,
            after_attention: find_norm("post_attention_norm", shape.width)?,
            before_feed: norm("ffn_norm")?,
            gate,
            up: linear("ffn_up", n_up, shape.width)?,
            down: linear("ffn_down", shape.width, shape.inner)?,
            after_feed: find_norm("post_ffw_norm", shape.width)?,
        })
    }

    /// `(n, width)` to the same, with what `cache` has of the tokens before.
    pub fn forward(
        &self,
        rows: &Tensor,
        shape: &Shape,
        reading: &Reading<'_>,
        cache: &mut Cache,
        at: usize,
    ) -> Result<Tensor> {
        let attended = self.attend(&self.before_attention.apply(rows)?, shape, reading, cache, at)?;
        let rows = (rows + apply_any(self.after_attention.as_ref(), attended)?)?;
        let fed = self.feed(&self.before_feed.apply(&rows)?, shape)?;
        rows + apply_any(self.after_feed.as_ref(), fed)?
    }

    fn attend(
        &self,
        rows: &Tensor,
        shape: &Shape,
        reading: &Reading<'_>,
        cache: &mut Cache,
        at: usize,
    ) -> Result<Tensor> {
        let (n, n_kv, dim) = (rows.dim(0)?, shape.n_kv_heads, shape.head_dim);
        let group = shape.n_heads / n_kv;
        let [queries, keys, values] = self.project(rows, shape)?;
        let heads = |rows: Tensor, n_heads: usize| rows.reshape((n, n_heads, dim))?.transpose(0, 1)?.contiguous();
        let queries = apply_any(self.query_norm.as_ref(), heads(queries, shape.n_heads)?)?;
        let keys = apply_any(self.key_norm.as_ref(), heads(keys, n_kv)?)?;
        let queries = (reading.turns.apply(&queries)? * shape.attention_scale)?;
        let (keys, values) = cache.append(at, &reading.turns.apply(&keys)?, &heads(values, n_kv)?)?;

        // Heads that share keys are rows of one product.
        let n_keys = keys.dim(1)?;
        let scores = queries
            .reshape((n_kv, group * n, dim))?
            .matmul(&keys.transpose(1, 2)?)?;
        let scores = match reading.mask {
            Some(mask) => scores
                .reshape((n_kv * group, n, n_keys))?
                .broadcast_add(mask)?
                .reshape((n_kv, group * n, n_keys))?,
            None => scores,
        };
        let attended = softmax(&scores)?.matmul(&values)?;
        let attended = attended
            .reshape((shape.n_heads, n, dim))?
            .transpose(0, 1)?
            .contiguous()?;
        self.output.forward(&attended.reshape((n, shape.n_heads * dim))?)
    }

    fn project(&self, rows: &Tensor, shape: &Shape) -> Result<[Tensor; 3]> {
        match &self.projection {
            Projection::Separate(parts) => {
                let [queries, keys, values] = parts.as_ref();
                Ok([queries.forward(rows)?, keys.forward(rows)?, values.forward(rows)?])
            }
            Projection::Fused(all) => {
                let all = all.forward(rows)?;
                let (queries, keys) = (shape.n_heads * shape.head_dim, shape.n_kv_heads * shape.head_dim);
                let part = |from: usize, n: usize| all.narrow(1, from, n)?.contiguous();
                Ok([part(0, queries)?, part(queries, keys)?, part(queries + keys, keys)?])
            }
        }
    }

    fn feed(&self, rows: &Tensor, shape: &Shape) -> Result<Tensor> {
        let up = self.up.forward(rows)?;
        let (gate, up) = match &self.gate {
            Some(gate) => (gate.forward(rows)?, up),
            None => (
                up.narrow(1, 0, shape.inner)?.contiguous()?,
                up.narrow(1, shape.inner, shape.inner)?.contiguous()?,
            ),
        };
        let opened = match shape.gate {
            Gate::Silu => gate.silu()?,
            Gate::Gelu => gate.gelu()?,
        };
        self.down.forward(&(opened * up)?)
    }
}

fn softmax(scores: &Tensor) -> Result<Tensor> {
    let most = scores.max_keepdim(D::Minus1)?;
    let weights = scores.broadcast_sub(&most)?.exp()?;
    let sums = weights.sum_keepdim(D::Minus1)?;
    weights.broadcast_div(&sums)
}

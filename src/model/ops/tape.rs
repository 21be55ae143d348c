//! The fused operations on the CPU, recorded for one backward pass.
//!
//! candle's own graph would do, one custom operation at a time, but its gradient store fills every gradient with zeros and then adds to
//! it on one thread, and a custom operation takes three inputs at most: together a third of a training step. So a whole forward pass
//! is one node of candle's graph, and this tape is what that node knows.

use super::attention::Heads;
use super::dropout::{Dropout, Mask, Masks};
use super::norm::Normed;
use super::{LayerNorm, Linear, Ops, attention, dropout, gather, gelu, linear, norm, pool};
use crate::model::error::{ModelError, Result};
use crate::model::parameters::{Gradients, Param, Parameters};
use std::sync::Arc;

/// Packed rows on the CPU.
#[derive(Clone)]
pub struct Rows {
    id: usize,
    width: usize,
    data: Arc<Vec<f32>>,
}

impl Rows {
    /// The numbers, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }
}

enum Step {
    Gather {
        tables: Vec<(Param, Vec<u32>)>,
        width: usize,
    },
    Linear {
        x: Rows,
        layers: Vec<(Linear, usize)>,
        width: usize,
    },
    Attention {
        qkv: Rows,
        heads: Heads,
        mask: Option<Mask>,
        log_sums: Vec<f32>,
    },
    Gelu {
        x: Rows,
    },
    AddNorm {
        x: usize,
        residual: Option<usize>,
        mask: Option<Mask>,
        norm: LayerNorm,
        normed: Normed,
    },
    Dropout {
        x: usize,
        mask: Mask,
    },
    Pool {
        x: usize,
        n_rows: usize,
        weights: Vec<f32>,
        width: usize,
    },
    Normalize {
        x: Rows,
    },
}

/// One forward pass on the CPU. Values that nothing needs any more are freed as the pass goes on, unless it is recorded.
pub struct Tape {
    parameters: Arc<Parameters>,
    starts: Arc<[usize]>,
    masks: Option<Masks>,
    steps: Option<Vec<(usize, Step)>>,
    n_values: usize,
}

impl Tape {
    /// A pass that can be gone back through, over texts that start at `starts`. Memory grows with the number of operations.
    pub fn recorded(parameters: Arc<Parameters>, starts: &[usize], dropout: Option<&mut Dropout>) -> Tape {
        Tape {
            parameters,
            starts: starts.into(),
            masks: dropout.map(Dropout::next_pass),
            steps: Some(Vec::new()),
            n_values: 0,
        }
    }

    /// A pass for its result only.
    pub fn forgetful(parameters: Arc<Parameters>, starts: &[usize]) -> Tape {
        Tape {
            parameters,
            starts: starts.into(),
            masks: None,
            steps: None,
            n_values: 0,
        }
    }

    fn n_rows(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn mask(&mut self, prob: f64) -> Option<Mask> {
        self.masks.as_mut().and_then(|masks| masks.next_place(prob))
    }

    fn push(&mut self, width: usize, data: Vec<f32>, step: impl FnOnce() -> Step) -> Rows {
        let id = self.n_values;
        self.n_values += 1;
        if let Some(steps) = &mut self.steps {
            steps.push((id, step()));
        }
        Rows {
            id,
            width,
            data: Arc::new(data),
        }
    }

    /// Goes back from the gradient of the value made last, adding the gradients of the parameters to `gradients`.
    pub(crate) fn backward(self, grad: Vec<f32>, gradients: &mut Gradients) -> Result<()> {
        let Some(steps) = self.steps else {
            return Err(ModelError::Input(
                "this forward pass was not recorded, so it has no gradient".into(),
            ));
        };
        let mut values = ValueGradients::new(self.n_values);
        if let Some((last, _)) = steps.last() {
            values.put(*last, grad);
        }
        for (id, step) in steps.into_iter().rev() {
            if let Some(dy) = values.take(id) {
                step.backward(dy, &self.starts, &self.parameters, &mut values, gradients)?;
            }
        }
        Ok(())
    }
}

/// The gradients of the values of a pass, as far as they are known.
struct ValueGradients(Vec<Option<Vec<f32>>>);

impl ValueGradients {
    fn new(n: usize) -> ValueGradients {
        ValueGradients(vec![None; n])
    }

    fn take(&mut self, id: usize) -> Option<Vec<f32>> {
        self.0.get_mut(id).and_then(Option::take)
    }

    /// Adds `grad` to the gradient of value `id`.
    fn put(&mut self, id: usize, grad: Vec<f32>) {
        match self.0.get_mut(id) {
            Some(Some(known)) => linear::add_all(&grad, known),
            Some(empty) => *empty = Some(grad),
            None => {}
        }
    }
}

impl Step {
    fn backward(
        self,
        mut dy: Vec<f32>,
        starts: &[usize],
        parameters: &Parameters,
        values: &mut ValueGradients,
        gradients: &mut Gradients,
    ) -> Result<()> {
        match self {
            Step::Gather { tables, width } => {
                for (table, index) in &tables {
                    gather::backward(&dy, index, width, gradients.slot(*table).0);
                }
            }
            Step::Linear { x, layers, width } => {
                let (mut dx, accumulate) = match values.take(x.id) {
                    Some(dx) => (dx, true),
                    None => (vec![0f32; x.data.len()], false),
                };
                for (i, (layer, first)) in layers.iter().enumerate() {
                    let weight = parameters.read(layer.weight)?;
                    linear::backward_input(&dy, width, *first, &weight, x.width, &mut dx, accumulate || i > 0);
                    let (d_weight, accumulate) = gradients.slot(layer.weight);
                    linear::backward_weight(&dy, width, *first, &x.data, x.width, d_weight, accumulate);
                    linear::backward_bias(&dy, width, *first, gradients.slot(layer.bias).0);
                }
                values.put(x.id, dx);
            }
            Step::Attention {
                qkv,
                heads,
                mask,
                log_sums,
            } => {
                let mut d_qkv = vec![0f32; qkv.data.len()];
                attention::backward(&qkv.data, starts, heads, mask.as_ref(), &log_sums, &dy, &mut d_qkv);
                values.put(qkv.id, d_qkv);
            }
            Step::Gelu { x } => {
                gelu::backward(&x.data, &mut dy);
                values.put(x.id, dy);
            }
            Step::AddNorm {
                x,
                residual,
                mask,
                norm,
                normed,
            } => {
                let weight = parameters.read(norm.weight)?;
                let (mut d_weight, mut d_bias) = (vec![0f32; weight.len()], vec![0f32; weight.len()]);
                norm::backward(&mut dy, &normed, &weight, &mut d_weight, &mut d_bias);
                linear::add(&d_weight, gradients.slot(norm.weight).0);
                linear::add(&d_bias, gradients.slot(norm.bias).0);
                match (mask, residual) {
                    (Some(mask), Some(residual)) => {
                        let mut dx = vec![0f32; dy.len()];
                        dropout::apply(&mask, &dy, &mut dx);
                        values.put(x, dx);
                        values.put(residual, dy);
                    }
                    (Some(mask), None) => {
                        let mut dx = vec![0f32; dy.len()];
                        dropout::apply(&mask, &dy, &mut dx);
                        values.put(x, dx);
                    }
                    (None, Some(residual)) => {
                        values.put(residual, dy.clone());
                        values.put(x, dy);
                    }
                    (None, None) => values.put(x, dy),
                }
            }
            Step::Dropout { x, mask } => {
                let mut dx = vec![0f32; dy.len()];
                dropout::apply(&mask, &dy, &mut dx);
                values.put(x, dx);
            }
            Step::Pool {
                x,
                n_rows,
                weights,
                width,
            } => {
                let mut dx = vec![0f32; n_rows * width];
                pool::backward(&dy, starts, &weights, width, &mut dx);
                values.put(x, dx);
            }
            Step::Normalize { x } => {
                pool::normalize_backward(&x.data, x.width, &mut dy);
                values.put(x.id, dy);
            }
        }
        Ok(())
    }
}

impl Ops for Tape {
    type Value = Rows;

    fn gather(&mut self, tables: &[(Param, &[u32])]) -> Result<Rows> {
        let parameters = self.parameters.clone();
        let width = tables.first().map_or(0, |(table, _)| parameters.width(*table));
        let mut out = vec![0f32; self.n_rows() * width];
        let guards = tables
            .iter()
            .map(|(table, _)| parameters.read(*table))
            .collect::<Result<Vec<_>>>()?;
        let mut slices: Vec<(&[f32], &[u32])> = Vec::with_capacity(tables.len());
        for (guard, (table, index)) in guards.iter().zip(tables) {
            let n = guard.len() / width.max(1);
            if parameters.width(*table) != width
                || index.len() != self.n_rows()
                || index.iter().any(|&at| at as usize >= n)
            {
                return Err(ModelError::Input(format!(
                    "a token does not fit table {} of {n} rows",
                    parameters.name(*table)
                )));
            }
            slices.push((guard, index));
        }
        gather::forward(&slices, width, &mut out);
        Ok(self.push(width, out, || Step::Gather {
            tables: tables.iter().map(|(table, index)| (*table, index.to_vec())).collect(),
            width,
        }))
    }

    fn linear(&mut self, x: &Rows, layers: &[Linear]) -> Result<Rows> {
        let parameters = self.parameters.clone();
        let mut width = 0;
        let mut placed = Vec::with_capacity(layers.len());
        for layer in layers {
            placed.push((*layer, width));
            width += parameters.n_elements(layer.bias);
        }
        let mut out = vec![0f32; x.data.len() / x.width * width];
        for (layer, first) in &placed {
            let (weight, bias) = (parameters.read(layer.weight)?, parameters.read(layer.bias)?);
            linear::forward(&x.data, &weight, &bias, &mut out, width, *first);
        }
        Ok(self.push(width, out, || Step::Linear {
            x: x.clone(),
            layers: placed,
            width,
        }))
    }

    fn attention(&mut self, qkv: &Rows, n_heads: usize, prob: f64) -> Result<Rows> {
        let mask = self.mask(prob);
        let heads = Heads {
            width: qkv.width / 3,
            n_heads,
        };
        let mut out = vec![0f32; qkv.data.len() / 3];
        let log_sums = attention::forward(&qkv.data, &self.starts, heads, mask.as_ref(), &mut out);
        Ok(self.push(heads.width, out, || Step::Attention {
            qkv: qkv.clone(),
            heads,
            mask,
            log_sums,
        }))
    }

    fn gelu(&mut self, x: &Rows) -> Result<Rows> {
        let mut out = vec![0f32; x.data.len()];
        gelu::forward(&x.data, &mut out);
        Ok(self.push(x.width, out, || Step::Gelu { x: x.clone() }))
    }

    fn add_norm(&mut self, x: &Rows, residual: Option<&Rows>, prob: f64, norm: LayerNorm) -> Result<Rows> {
        let mask = self.mask(prob);
        let parameters = self.parameters.clone();
        let (weight, bias) = (parameters.read(norm.weight)?, parameters.read(norm.bias)?);
        let mut out = vec![0f32; x.data.len()];
        let residual_data = residual.map(|residual| residual.data.as_slice());
        let normed = norm::forward(
            &x.data,
            residual_data,
            mask.as_ref(),
            &weight,
            &bias,
            norm.eps as f32,
            &mut out,
        );
        Ok(self.push(x.width, out, || Step::AddNorm {
            x: x.id,
            residual: residual.map(|residual| residual.id),
            mask,
            norm,
            normed,
        }))
    }

    fn dropout(&mut self, x: &Rows, prob: f64) -> Result<Rows> {
        let Some(mask) = self.mask(prob) else {
            return Ok(x.clone());
        };
        let mut out = vec![0f32; x.data.len()];
        dropout::apply(&mask, &x.data, &mut out);
        Ok(self.push(x.width, out, || Step::Dropout { x: x.id, mask }))
    }

    fn pool(&mut self, x: &Rows, weights: &[f32]) -> Result<Rows> {
        let mut out = vec![0f32; (self.starts.len() - 1) * x.width];
        pool::forward(&x.data, &self.starts, weights, x.width, &mut out);
        let n_rows = self.n_rows();
        Ok(self.push(x.width, out, || Step::Pool {
            x: x.id,
            n_rows,
            weights: weights.to_vec(),
            width: x.width,
        }))
    }

    fn normalize(&mut self, x: &Rows) -> Result<Rows> {
        let mut out = vec![0f32; x.data.len()];
        pool::normalize(&x.data, x.width, &mut out);
        Ok(self.push(x.width, out, || Step::Normalize { x: x.clone() }))
    }
}

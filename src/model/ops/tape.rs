//! The fused operations on the CPU, recorded for one backward pass.
//!
//! candle's own graph would do, one custom operation at a time, but its gradient store fills every gradient with zeros and then adds to
//! it on one thread, and a custom operation takes three inputs at most: together a third of a training step. So a whole forward pass
//! is one node of candle's graph, and this tape is what that node knows.

use super::activation::{self, Activation};
use super::attention::{self, Known, Shape};
use super::buffer::{Buffer, Pool};
use super::dropout::{self, Dropout, Mask, Masks};
use super::norm::{self, Normed};
use super::rotary::{self, Rotation};
use super::{Attention, LayerNorm, Linear, Ops, Position, beside, gather, linear, pool};
use crate::model::error::{ModelError, Result};
use crate::model::gradients::Gradients;
use crate::model::lora;
use crate::model::parameters::{Param, Parameters};
use crate::model::precision::Precision;
use std::sync::Arc;

/// Packed rows on the CPU.
#[derive(Clone)]
pub struct Rows {
    id: usize,
    width: usize,
    data: Arc<Buffer>,
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
        shape: Shape,
        position: Place,
        mask: Option<Mask>,
        log_sums: Vec<f32>,
    },
    Rotary {
        qkv: usize,
        n_heads: usize,
        rotation: Rotation,
    },
    Activation {
        x: Rows,
        function: Activation,
    },
    Gated {
        x: Rows,
        function: Activation,
    },
    AddNorm {
        x: usize,
        residual: Option<usize>,
        mask: Option<Mask>,
        norm: LayerNorm,
        normed: Normed,
    },
    Add {
        x: usize,
        residual: usize,
        mask: Option<Mask>,
    },
    Beside {
        left: (usize, usize),
        right: (usize, usize),
    },
    Scale {
        x: usize,
        factor: f32,
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

/// A [`Position`] that owns its tables.
enum Place {
    None,
    Bias(Rows),
    Disentangled { keys: Option<Rows>, queries: Option<Rows> },
}

impl Place {
    fn of(position: Position<'_, Rows>) -> Place {
        match position {
            Position::None => Place::None,
            Position::Bias(table) => Place::Bias(table.clone()),
            Position::Disentangled { keys, queries } => Place::Disentangled {
                keys: keys.cloned(),
                queries: queries.cloned(),
            },
        }
    }

    fn tables(&self) -> attention::Tables<'_> {
        let position = match self {
            Place::None => Position::None,
            Place::Bias(table) => Position::Bias(table),
            Place::Disentangled { keys, queries } => Position::Disentangled {
                keys: keys.as_ref(),
                queries: queries.as_ref(),
            },
        };
        position.map(Rows::data)
    }

    /// Hands the gradients of the tables to the values they are.
    fn put(&self, grads: attention::TableGrads, values: &mut ValueGradients) {
        match self {
            Place::None => {}
            Place::Bias(table) => {
                let grads = values.pool.copy(&grads.bias);
                values.put(table.id, grads);
            }
            Place::Disentangled { keys, queries } => {
                for (table, grads) in [(keys, grads.keys), (queries, grads.queries)] {
                    if let Some(table) = table {
                        let grads = values.pool.copy(&grads);
                        values.put(table.id, grads);
                    }
                }
            }
        }
    }
}

/// One forward pass on the CPU. Values that nothing needs any more are freed as the pass goes on, unless it is recorded.
pub struct Tape {
    parameters: Arc<Parameters>,
    pool: Arc<Pool>,
    precision: Precision,
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
            pool: Arc::default(),
            precision: Precision::F32,
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
            pool: Arc::default(),
            precision: Precision::F32,
            starts: starts.into(),
            masks: None,
            steps: None,
            n_values: 0,
        }
    }

    /// Rows from elsewhere, which have no gradient.
    pub fn input(&mut self, width: usize, rows: impl Iterator<Item = f32>) -> Rows {
        let id = self.n_values;
        self.n_values += 1;
        let data: Vec<f32> = rows.collect();
        Rows {
            id,
            width,
            data: Arc::new(self.pool.copy(&data)),
        }
    }

    /// The same pass with memory of `pool`, which passes share that come one after the other.
    pub fn in_memory_of(self, pool: &Arc<Pool>) -> Tape {
        Tape {
            pool: pool.clone(),
            ..self
        }
    }

    /// The same pass with the factors of its linear layers rounded to `precision`, which [`Precision::check`] has passed.
    pub fn in_precision(self, precision: Precision) -> Tape {
        Tape { precision, ..self }
    }

    fn longest(&self) -> usize {
        self.starts.windows(2).map(|rows| rows[1] - rows[0]).max().unwrap_or(0)
    }

    fn mask(&mut self, prob: f64) -> Option<Mask> {
        self.masks.as_mut().and_then(|masks| masks.next_place(prob))
    }

    fn push(&mut self, width: usize, data: Buffer, step: impl FnOnce() -> Step) -> Rows {
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

    /// Goes back from `grad`, the gradient of the value made last, row-major, adding the gradients of the parameters to `gradients`.
    ///
    /// # Errors
    /// A pass that was not recorded; parameters that are not on the CPU any more.
    pub fn backward(self, grad: &[f32], gradients: &mut Gradients) -> Result<()> {
        let Some(steps) = self.steps else {
            return Err(ModelError::Input(
                "this forward pass was not recorded, so it has no gradient".into(),
            ));
        };
        let pass = Pass {
            starts: &self.starts,
            parameters: &self.parameters,
            precision: self.precision,
        };
        let mut values = ValueGradients::new(self.n_values, self.pool.clone());
        if let Some((last, _)) = steps.last() {
            values.put(*last, self.pool.copy(grad));
        }
        for (id, step) in steps.into_iter().rev() {
            if let Some(dy) = values.take(id) {
                step.backward(dy, pass, &mut values, gradients)?;
            }
        }
        Ok(())
    }
}

/// The gradients of the values of a pass, as far as they are known.
struct ValueGradients {
    known: Vec<Option<Buffer>>,
    pool: Arc<Pool>,
}

impl ValueGradients {
    fn new(n: usize, pool: Arc<Pool>) -> ValueGradients {
        ValueGradients {
            known: (0..n).map(|_| None).collect(),
            pool,
        }
    }

    fn take(&mut self, id: usize) -> Option<Buffer> {
        self.known.get_mut(id).and_then(Option::take)
    }

    /// Hands on the gradient of `residual + x · mask`.
    fn put_sum(&mut self, dy: Buffer, x: usize, residual: Option<usize>, mask: Option<Mask>) {
        match (mask, residual) {
            (Some(mask), _) => {
                let mut dx = self.pool.take(dy.len());
                dropout::apply(&mask, &dy, &mut dx);
                self.put(x, dx);
            }
            (None, Some(_)) => {
                let dx = self.pool.copy(&dy);
                self.put(x, dx);
            }
            (None, None) => return self.put(x, dy),
        }
        if let Some(residual) = residual {
            self.put(residual, dy);
        }
    }

    /// Adds `grad` to the gradient of value `id`.
    fn put(&mut self, id: usize, grad: Buffer) {
        match self.known.get_mut(id) {
            Some(Some(known)) => linear::add_all(&grad, known),
            Some(empty) => *empty = Some(grad),
            None => {}
        }
    }
}

/// What every step of a backward pass sees.
#[derive(Clone, Copy)]
struct Pass<'a> {
    starts: &'a [usize],
    parameters: &'a Parameters,
    precision: Precision,
}

impl Step {
    fn backward(
        self,
        mut dy: Buffer,
        pass: Pass<'_>,
        values: &mut ValueGradients,
        gradients: &mut Gradients,
    ) -> Result<()> {
        match self {
            Step::Gather { tables, width } => {
                for (table, index) in &tables {
                    if pass.parameters.is_trained(*table) {
                        gradients.add_rows(*table, index, width, &dy);
                    }
                }
            }
            Step::Linear { x, layers, width } => {
                let (mut dx, accumulate) = match values.take(x.id) {
                    Some(dx) => (dx, true),
                    None => (values.pool.take(x.data.len()), false),
                };
                for (i, (layer, first)) in layers.iter().enumerate() {
                    let weight = pass.parameters.read(layer.weight)?;
                    linear::backward_input(
                        pass.precision,
                        &dy,
                        width,
                        *first,
                        (&weight, x.width),
                        &mut dx,
                        accumulate || i > 0,
                    );
                    if let Some(factors) = pass.parameters.factors(layer.weight) {
                        let dy = (&dy[..], width, *first);
                        lora::backward(pass.parameters, factors, (&x.data, x.width), dy, gradients)?;
                    } else if pass.parameters.is_trained(layer.weight) {
                        let (d_weight, accumulate) = gradients.slot_to_write(layer.weight);
                        linear::backward_weight(
                            pass.precision,
                            &dy,
                            width,
                            *first,
                            (&x.data, x.width),
                            d_weight,
                            accumulate,
                        );
                    }
                    if let Some(bias) = layer.bias.filter(|bias| pass.parameters.is_trained(*bias)) {
                        linear::backward_bias(&dy, width, *first, gradients.slot(bias));
                    }
                }
                values.put(x.id, dx);
            }
            Step::Attention {
                qkv,
                shape,
                position,
                mask,
                log_sums,
            } => {
                let known = Known {
                    qkv: &qkv.data,
                    starts: pass.starts,
                    shape,
                    tables: position.tables(),
                    mask: mask.as_ref(),
                    log_sums: &log_sums,
                };
                let mut d_qkv = values.pool.take(qkv.data.len());
                let d_tables = attention::backward(known, &dy, &mut d_qkv);
                position.put(d_tables, values);
                values.put(qkv.id, d_qkv);
            }
            Step::Rotary { qkv, n_heads, rotation } => {
                rotary::turn(&mut dy, &rotary::places(pass.starts), n_heads, &rotation, -1.0);
                values.put(qkv, dy);
            }
            Step::Activation { x, function } => {
                activation::backward(function, &x.data, &mut dy);
                values.put(x.id, dy);
            }
            Step::Gated { x, function } => {
                let mut dx = values.pool.take(x.data.len());
                activation::gated_backward(function, &x.data, &dy, &mut dx, x.width / 2);
                values.put(x.id, dx);
            }
            Step::AddNorm {
                x,
                residual,
                mask,
                norm,
                normed,
            } => {
                let weight = pass.parameters.read(norm.weight)?;
                let (mut d_weight, mut d_bias) = (vec![0f32; weight.len()], vec![0f32; weight.len()]);
                norm::backward(&mut dy, &normed, &weight, &mut d_weight, &mut d_bias);
                if pass.parameters.is_trained(norm.weight) {
                    linear::add(&d_weight, gradients.slot(norm.weight));
                }
                if let Some(bias) = norm.bias.filter(|bias| pass.parameters.is_trained(*bias)) {
                    linear::add(&d_bias, gradients.slot(bias));
                }
                values.put_sum(dy, x, residual, mask);
            }
            Step::Add { x, residual, mask } => values.put_sum(dy, x, Some(residual), mask),
            Step::Beside { left, right } => {
                let (widths, n_rows) = ((left.1, right.1), dy.len() / (left.1 + right.1).max(1));
                let mut d_left = values.pool.take(n_rows * left.1);
                let mut d_right = values.pool.take(n_rows * right.1);
                beside::backward(&dy, widths, &mut d_left, &mut d_right);
                values.put(left.0, d_left);
                values.put(right.0, d_right);
            }
            Step::Scale { x, factor } => {
                dy.iter_mut().for_each(|dy| *dy *= factor);
                values.put(x, dy);
            }
            Step::Dropout { x, mask } => {
                let mut dx = values.pool.take(dy.len());
                dropout::apply(&mask, &dy, &mut dx);
                values.put(x, dx);
            }
            Step::Pool {
                x,
                n_rows,
                weights,
                width,
            } => {
                let mut dx = values.pool.zeros(n_rows * width);
                pool::backward(&dy, pass.starts, &weights, width, &mut dx);
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
        let n_rows = tables.first().map_or(0, |(_, index)| index.len());
        let mut out = self.pool.take(n_rows * width);
        let guards = tables
            .iter()
            .map(|(table, _)| parameters.read(*table))
            .collect::<Result<Vec<_>>>()?;
        let mut slices: Vec<(&[f32], &[u32])> = Vec::with_capacity(tables.len());
        for (guard, (table, index)) in guards.iter().zip(tables) {
            let n = guard.len() / width.max(1);
            if parameters.width(*table) != width || index.len() != n_rows || index.iter().any(|&at| at as usize >= n) {
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
            width += parameters.n_elements(layer.weight) / x.width.max(1);
        }
        let mut out = self.pool.take(x.data.len() / x.width.max(1) * width);
        for (layer, first) in &placed {
            let weight = parameters.read(layer.weight)?;
            let bias = layer.bias.map(|bias| parameters.read(bias)).transpose()?;
            linear::forward(
                self.precision,
                &x.data,
                (&weight, x.width),
                bias.as_deref(),
                &mut out,
                width,
                *first,
            );
        }
        Ok(self.push(width, out, || Step::Linear {
            x: x.clone(),
            layers: placed,
            width,
        }))
    }

    fn attention(&mut self, qkv: &Rows, how: &Attention<'_, Rows>) -> Result<Rows> {
        let mask = self.mask(how.prob);
        let shape = Shape {
            width: qkv.width / 3,
            n_heads: how.n_heads,
            scale: how.scale as f32,
            reach: how.reach,
            longest: self.longest(),
        };
        let tables = how.position.map(Rows::data);
        if !tables.fits(shape.longest, shape.width, shape.n_heads) {
            return Err(ModelError::Input("a table of positions does not fit its batch".into()));
        }
        let mut out = self.pool.take(qkv.data.len() / 3);
        let log_sums = attention::forward(&qkv.data, &self.starts, shape, tables, mask.as_ref(), &mut out);
        Ok(self.push(shape.width, out, || Step::Attention {
            qkv: qkv.clone(),
            shape,
            position: Place::of(how.position),
            mask,
            log_sums,
        }))
    }

    fn rotary(&mut self, qkv: &Rows, n_heads: usize, rotation: &Rotation) -> Result<Rows> {
        let mut out = self.pool.copy(&qkv.data);
        rotary::turn(&mut out, &rotary::places(&self.starts), n_heads, rotation, 1.0);
        Ok(self.push(qkv.width, out, || Step::Rotary {
            qkv: qkv.id,
            n_heads,
            rotation: rotation.clone(),
        }))
    }

    fn activation(&mut self, x: &Rows, function: Activation) -> Result<Rows> {
        let mut out = self.pool.take(x.data.len());
        activation::forward(function, &x.data, &mut out);
        Ok(self.push(x.width, out, || Step::Activation { x: x.clone(), function }))
    }

    fn gated(&mut self, x: &Rows, function: Activation) -> Result<Rows> {
        let width = x.width / 2;
        let mut out = self.pool.take(x.data.len() / 2);
        activation::gated(function, &x.data, &mut out, width);
        Ok(self.push(width, out, || Step::Gated { x: x.clone(), function }))
    }

    fn add_norm(&mut self, x: &Rows, residual: Option<&Rows>, prob: f64, norm: LayerNorm) -> Result<Rows> {
        let mask = self.mask(prob);
        let parameters = self.parameters.clone();
        let weight = parameters.read(norm.weight)?;
        let bias = norm.bias.map(|bias| parameters.read(bias)).transpose()?;
        let mut out = self.pool.take(x.data.len());
        let residual_data = residual.map(|residual| residual.data());
        let normed = norm::forward(
            &self.pool,
            &x.data,
            residual_data,
            mask.as_ref(),
            (&weight, bias.as_deref()),
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

    fn add(&mut self, x: &Rows, residual: &Rows, prob: f64) -> Result<Rows> {
        let mask = self.mask(prob);
        let mut out = self.pool.take(x.data.len());
        match &mask {
            Some(mask) => dropout::apply(mask, &x.data, &mut out),
            None => out.copy_from_slice(&x.data),
        }
        linear::add_all(&residual.data, &mut out);
        Ok(self.push(x.width, out, || Step::Add {
            x: x.id,
            residual: residual.id,
            mask,
        }))
    }

    fn beside(&mut self, left: &Rows, right: &Rows) -> Result<Rows> {
        let mut out = self.pool.take(left.data.len() + right.data.len());
        beside::forward(&left.data, &right.data, (left.width, right.width), &mut out);
        Ok(self.push(left.width + right.width, out, || Step::Beside {
            left: (left.id, left.width),
            right: (right.id, right.width),
        }))
    }

    fn scale(&mut self, x: &Rows, factor: f32) -> Result<Rows> {
        let mut out = self.pool.copy(&x.data);
        out.iter_mut().for_each(|x| *x *= factor);
        Ok(self.push(x.width, out, || Step::Scale { x: x.id, factor }))
    }

    fn dropout(&mut self, x: &Rows, prob: f64) -> Result<Rows> {
        let Some(mask) = self.mask(prob) else {
            return Ok(x.clone());
        };
        let mut out = self.pool.take(x.data.len());
        dropout::apply(&mask, &x.data, &mut out);
        Ok(self.push(x.width, out, || Step::Dropout { x: x.id, mask }))
    }

    fn pool(&mut self, x: &Rows, weights: &[f32]) -> Result<Rows> {
        let mut out = self.pool.take((self.starts.len() - 1) * x.width);
        pool::forward(&x.data, &self.starts, weights, x.width, &mut out);
        Ok(self.push(x.width, out, || Step::Pool {
            x: x.id,
            n_rows: x.data.len() / x.width.max(1),
            weights: weights.to_vec(),
            width: x.width,
        }))
    }

    fn normalize(&mut self, x: &Rows) -> Result<Rows> {
        let mut out = self.pool.take(x.data.len());
        pool::normalize(&x.data, x.width, &mut out);
        Ok(self.push(x.width, out, || Step::Normalize { x: x.clone() }))
    }
}

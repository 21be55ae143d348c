//! The gradients of one backward pass: of the parameters of an encoder, and of every other variable in the loss.

use super::error::Result;
use super::ops::{gather, linear};
use super::parameters::{Param, Parameters};
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, TensorId, Var};
use std::collections::HashMap;
use std::sync::Arc;

/// The gradient of one variable.
#[derive(Debug, Clone)]
pub enum Gradient {
    /// As large as the variable.
    Dense(Tensor),
    /// Of a table of which some rows were looked up; that of the others is zero.
    Rows(Arc<RowGradient>),
}

/// Rows of the gradient of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGradient {
    /// Numbers in a row.
    pub width: usize,
    /// Which rows of the table, each once, in the order in which they were first looked up.
    pub rows: Vec<u32>,
    /// `(rows.len(), width)`.
    pub data: Vec<f32>,
}

impl RowGradient {
    /// The gradient of the whole table.
    pub fn to_dense(&self, n_elements: usize) -> Vec<f32> {
        let mut dense = vec![0f32; n_elements];
        for (data, &row) in self.data.chunks_exact(self.width).zip(&self.rows) {
            dense[row as usize * self.width..][..self.width].copy_from_slice(data);
        }
        dense
    }
}

/// What a backward pass found.
pub struct GradientMap {
    store: GradStore,
    rows: HashMap<TensorId, Arc<RowGradient>>,
}

impl GradientMap {
    /// Joins what candle's graph knows with what the parameters of an encoder got.
    pub(super) fn new(mut store: GradStore, own: &mut Gradients, parameters: &Parameters) -> Result<GradientMap> {
        let mut rows = HashMap::new();
        for (slot, var) in own.slots.iter_mut().zip(parameters.in_order()) {
            match std::mem::take(&mut slot.grad) {
                Grad::None => {}
                Grad::Dense(grad) => {
                    let grad = Tensor::from_vec(grad, var.shape(), &Device::Cpu)?;
                    store.insert(var.as_tensor(), grad);
                }
                Grad::Rows(grad) => {
                    rows.insert(var.as_tensor().id(), Arc::new(grad.found));
                }
            }
        }
        Ok(GradientMap { store, rows })
    }

    /// The gradient of `var`; `None` where the loss does not depend on it.
    pub fn get(&self, var: &Var) -> Option<Gradient> {
        match self.rows.get(&var.as_tensor().id()) {
            Some(rows) => Some(Gradient::Rows(rows.clone())),
            None => self.store.get(var.as_tensor()).cloned().map(Gradient::Dense),
        }
    }

    /// The gradient of `var` in the variable's own shape.
    pub fn dense(&self, var: &Var) -> Result<Option<Tensor>> {
        Ok(match self.get(var) {
            None => None,
            Some(Gradient::Dense(grad)) => Some(grad),
            Some(Gradient::Rows(rows)) => Some(Tensor::from_vec(
                rows.to_dense(var.elem_count()),
                var.shape(),
                &Device::Cpu,
            )?),
        })
    }
}

/// Gradients of parameters on the CPU, added up over the forward passes of one step.
#[derive(Default)]
pub(crate) struct Gradients {
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    n_elements: usize,
    grad: Grad,
}

#[derive(Default)]
enum Grad {
    #[default]
    None,
    Dense(Vec<f32>),
    Rows(Lookup),
}

impl Gradients {
    /// No gradients yet for the parameters of a model.
    pub(crate) fn none(parameters: &Parameters) -> Gradients {
        Gradients {
            slots: parameters
                .in_order()
                .map(|var| Slot {
                    n_elements: var.elem_count(),
                    grad: Grad::None,
                })
                .collect(),
        }
    }

    /// The gradient of one parameter, and whether it holds one to add to. A new one is all zeros.
    pub(crate) fn slot(&mut self, parameter: Param) -> (&mut [f32], bool) {
        let Slot { n_elements, grad } = &mut self.slots[parameter.index()];
        let known = !matches!(grad, Grad::None);
        match grad {
            Grad::Dense(_) => {}
            Grad::None => *grad = Grad::Dense(vec![0f32; *n_elements]),
            Grad::Rows(rows) => *grad = Grad::Dense(rows.found.to_dense(*n_elements)),
        }
        match grad {
            Grad::Dense(grad) => (grad, known),
            _ => unreachable!("it was made dense above"),
        }
    }

    /// Adds row `i` of `dy`, `(index.len(), width)`, to row `index[i]` of a table's gradient, in the order of the rows.
    pub(crate) fn add_rows(&mut self, table: Param, index: &[u32], width: usize, dy: &[f32]) {
        let Slot { n_elements, grad } = &mut self.slots[table.index()];
        if let Grad::None = grad {
            *grad = Grad::Rows(Lookup::new(*n_elements / width.max(1), width));
        }
        match grad {
            Grad::Rows(rows) => rows.add(index, dy),
            Grad::Dense(grad) => gather::backward(dy, index, width, grad),
            Grad::None => {}
        }
    }
}

/// A [`RowGradient`] that is being added up.
struct Lookup {
    /// Where a row of the table stands in `found.rows`; `NOWHERE` for one that was not looked up.
    place: Vec<u32>,
    found: RowGradient,
}

const NOWHERE: u32 = u32::MAX;

impl Lookup {
    fn new(n_rows: usize, width: usize) -> Lookup {
        let found = RowGradient {
            width,
            rows: Vec::new(),
            data: Vec::new(),
        };
        Lookup {
            place: vec![NOWHERE; n_rows],
            found,
        }
    }

    fn add(&mut self, index: &[u32], dy: &[f32]) {
        let RowGradient { width, rows, data } = &mut self.found;
        for (dy, &row) in dy.chunks_exact(*width).zip(index) {
            let place = &mut self.place[row as usize];
            if *place == NOWHERE {
                *place = rows.len() as u32;
                rows.push(row);
                data.extend_from_slice(dy);
            } else {
                let at = *place as usize * *width;
                linear::add(dy, &mut data[at..at + *width]);
            }
        }
    }
}

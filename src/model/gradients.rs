//! The gradients of one backward pass: of the parameters of an encoder, and of every other variable in the loss.

use super::error::Result;
use super::ops::buffer::{Buffer, Pool};
use super::ops::{gather, linear};
use super::parameters::{Param, Parameters};
use candle_core::backprop::GradStore;
use candle_core::{Tensor, TensorId, Var};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The gradient of one variable.
#[derive(Debug, Clone)]
pub enum Gradient {
    /// As large as the variable, from candle's graph.
    Dense(Tensor),
    /// As large as the variable, on the CPU, from a fused pass.
    Flat(FlatGradient),
    /// Of a table of which some rows were looked up; that of the others is zero.
    Rows(Arc<RowGradient>),
}

/// The numbers of a gradient, row-major; cheap to clone.
#[derive(Clone)]
pub struct FlatGradient(Arc<Buffer>);

impl Deref for FlatGradient {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl fmt::Debug for FlatGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlatGradient({} numbers)", self.len())
    }
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
    /// Adds the rows of another gradient of the same table.
    fn add(&mut self, other: &RowGradient) {
        let mut place: HashMap<u32, usize> = self.rows.iter().enumerate().map(|(at, row)| (*row, at)).collect();
        for (data, &row) in other.data.chunks_exact(self.width).zip(&other.rows) {
            let at = *place.entry(row).or_insert_with(|| {
                self.rows.push(row);
                self.data.resize(self.data.len() + self.width, 0.0);
                self.rows.len() - 1
            });
            linear::add(data, &mut self.data[at * self.width..][..self.width]);
        }
    }

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
    own: HashMap<TensorId, Gradient>,
}

impl GradientMap {
    /// Joins what candle's graph knows with what the parameters of an encoder got.
    pub(super) fn new(store: GradStore, own: &mut Gradients, parameters: &Parameters) -> GradientMap {
        let found = own.slots.iter_mut().zip(parameters.in_order());
        let own = found.filter_map(|(slot, var)| Some((var.as_tensor().id(), slot.take()?)));
        GradientMap {
            store,
            own: own.collect(),
        }
    }

    /// The gradient of `var`; `None` where the loss does not depend on it.
    pub fn get(&self, var: &Var) -> Option<Gradient> {
        match self.own.get(&var.as_tensor().id()) {
            Some(gradient) => Some(gradient.clone()),
            None => self.store.get(var.as_tensor()).cloned().map(Gradient::Dense),
        }
    }

    /// The gradient of `var` as a tensor of the variable's own shape.
    pub fn dense(&self, var: &Var) -> Result<Option<Tensor>> {
        Ok(self.get(var).map(|gradient| gradient.to_dense(var)).transpose()?)
    }
}

impl Gradient {
    /// The sum of two gradients of `var`: in the memory of the first where nothing else holds it.
    pub fn plus(self, other: &Gradient, var: &Var) -> candle_core::Result<Gradient> {
        match (self, other) {
            (Gradient::Flat(mut sum), Gradient::Flat(more)) => match Arc::get_mut(&mut sum.0) {
                Some(numbers) => {
                    linear::add(more, numbers);
                    Ok(Gradient::Flat(sum))
                }
                None => Gradient::Flat(sum).plus_dense(other, var),
            },
            (Gradient::Rows(mut sum), Gradient::Rows(more)) => {
                Arc::make_mut(&mut sum).add(more);
                Ok(Gradient::Rows(sum))
            }
            (sum, other) => sum.plus_dense(other, var),
        }
    }

    fn plus_dense(&self, other: &Gradient, var: &Var) -> candle_core::Result<Gradient> {
        Ok(Gradient::Dense((self.to_dense(var)? + other.to_dense(var)?)?))
    }

    /// As a tensor of the shape of `var`, on its device.
    pub fn to_dense(&self, var: &Var) -> candle_core::Result<Tensor> {
        match self {
            Gradient::Dense(gradient) => gradient.contiguous(),
            Gradient::Flat(gradient) => Tensor::from_slice(gradient, var.shape(), var.device()),
            Gradient::Rows(rows) => Tensor::from_vec(rows.to_dense(var.elem_count()), var.shape(), var.device()),
        }
    }
}

/// Gradients of parameters on the CPU, added up over the forward passes of one step.
pub struct Gradients {
    slots: Vec<Slot>,
    pool: Arc<Pool>,
}

struct Slot {
    n_elements: usize,
    grad: Grad,
}

#[derive(Default)]
enum Grad {
    #[default]
    None,
    Dense(Buffer),
    Rows(Lookup),
}

impl Slot {
    fn take(&mut self) -> Option<Gradient> {
        match std::mem::take(&mut self.grad) {
            Grad::None => None,
            Grad::Dense(grad) => Some(Gradient::Flat(FlatGradient(Arc::new(grad)))),
            Grad::Rows(grad) => Some(Gradient::Rows(Arc::new(grad.found))),
        }
    }
}

impl Gradients {
    /// No gradients yet for the parameters of a model; they will lie in memory of `pool`.
    pub fn none(parameters: &Parameters, pool: &Arc<Pool>) -> Gradients {
        Gradients {
            slots: parameters
                .in_order()
                .map(|var| Slot {
                    n_elements: var.elem_count(),
                    grad: Grad::None,
                })
                .collect(),
            pool: pool.clone(),
        }
    }

    /// Hands over the gradient of one parameter, which has none from then on; `None` where nothing was added to it.
    pub fn take(&mut self, parameter: Param) -> Option<Gradient> {
        self.slots[parameter.index()].take()
    }

    /// The gradient of one parameter, to add to. A new one is all zeros.
    pub(crate) fn slot(&mut self, parameter: Param) -> &mut [f32] {
        let (grad, known) = self.slot_to_write(parameter);
        if !known {
            grad.fill(0.0);
        }
        grad
    }

    /// The gradient of one parameter, and whether it holds one to add to; else it holds anything and has to be written in full.
    pub(crate) fn slot_to_write(&mut self, parameter: Param) -> (&mut [f32], bool) {
        let Slot { n_elements, grad } = &mut self.slots[parameter.index()];
        let known = !matches!(grad, Grad::None);
        match grad {
            Grad::Dense(_) => {}
            Grad::None => *grad = Grad::Dense(self.pool.take(*n_elements)),
            Grad::Rows(rows) => *grad = Grad::Dense(self.pool.copy(&rows.found.to_dense(*n_elements))),
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

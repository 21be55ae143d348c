//! A transformer with its weights: forward passes and their gradients.
//!
//! Not here: texts, tokenizers, folders.

use super::architecture::{Architecture, Head, Loaded, Role, Sizes};
use super::batch::Packed;
use super::error::{ModelError, Result};
use super::gradients::{GradientMap, Gradients};
use super::ops::Ops;
use super::ops::buffer::Pool;
use super::ops::dropout::Dropout;
use super::ops::plain::Plain;
use super::ops::tape::Tape;
use super::parameters::{Param, Parameters};
use super::pooling::Pooling;
use super::precision::Precision;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Shape, Tensor, Var};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a forward pass ends with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finish {
    /// The state of every token, `(rows, dim)`.
    States,
    /// One row per text, `(n_texts, dim)`.
    Pooled {
        /// How states become a row.
        pooling: Pooling,
        /// How many tokens at the beginning of each text are left out: those of a prompt.
        n_prompt: usize,
        /// Whether rows are scaled to length one.
        normalize: bool,
    },
    /// The classification head's logits, `(n_texts, n_classes)`.
    Logits,
}

/// States after the lowest layers, from which a pass goes on.
#[derive(Clone, Copy)]
pub(super) struct Lower<'a> {
    /// How many layers they have been through.
    pub(super) n_layers: usize,
    /// The states of each text of the batch.
    pub(super) of_texts: &'a [&'a [f32]],
}

impl Lower<'_> {
    fn numbers(&self) -> impl Iterator<Item = f32> + '_ {
        self.of_texts.iter().flat_map(|states| states.iter().copied())
    }
}

/// A transformer, perhaps with a classification head, on one device.
pub(super) struct Network {
    architecture: Arc<dyn Architecture>,
    head: Option<Arc<Head>>,
    parameters: Arc<Parameters>,
    device: Device,
    /// Whether candle's operations compute, and not the fused ones.
    plain: bool,
    precision: Precision,
    anchor: Var,
    gradients: Arc<Mutex<Gradients>>,
    pool: Arc<Pool>,
}

impl Network {
    pub(super) fn new(loaded: Loaded<Box<dyn Architecture>>, device: &Device) -> Result<Network> {
        let pool = Arc::default();
        let gradients = Gradients::none(&loaded.parameters, &pool);
        Ok(Network {
            architecture: Arc::from(loaded.model),
            head: loaded.head.map(Arc::new),
            parameters: Arc::new(loaded.parameters),
            device: device.clone(),
            plain: !device.is_cpu(),
            precision: Precision::F32,
            anchor: Var::zeros(1, DType::F32, device)?,
            gradients: Arc::new(Mutex::new(gradients)),
            pool,
        })
    }

    /// The same transformer with weights of its own.
    pub(super) fn duplicate(&self) -> Result<Network> {
        let parameters = self.parameters.duplicate()?;
        let pool = Arc::default();
        Ok(Network {
            architecture: self.architecture.clone(),
            head: self.head.clone(),
            device: self.device.clone(),
            plain: self.plain,
            precision: self.precision,
            anchor: Var::zeros(1, DType::F32, &self.device)?,
            gradients: Arc::new(Mutex::new(Gradients::none(&parameters, &pool))),
            parameters: Arc::new(parameters),
            pool,
        })
    }

    /// Computes with candle's operations from now on, even on the CPU.
    pub(super) fn use_plain_operations(&mut self) {
        self.plain = true;
    }

    /// Rounds the factors of products from now on; devices other than the CPU stay with 32 bits.
    pub(super) fn use_precision(&mut self, precision: Precision) -> Result<()> {
        self.precision = precision.check()?;
        Ok(())
    }

    pub(super) fn sizes(&self) -> Sizes {
        self.architecture.sizes()
    }

    /// Logits of a pass that ends with them; 0 without a head.
    pub(super) fn n_classes(&self) -> usize {
        self.head.as_ref().map_or(0, |head| head.n_classes())
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn parameters(&self) -> &Arc<Parameters> {
        &self.parameters
    }

    /// The parameters, to be changed between passes.
    ///
    /// # Errors
    /// While a forward pass waits to be gone back through.
    pub(super) fn parameters_mut(&mut self) -> Result<&mut Parameters> {
        Arc::get_mut(&mut self.parameters)
            .ok_or_else(|| ModelError::Input("the encoder's weights are in use by a forward pass".into()))
    }

    pub(super) fn linear_weights(&self) -> Vec<(Role, Param)> {
        self.architecture.linear_weights()
    }

    /// A pass that can be gone back through with [`Network::backward`].
    ///
    /// `lower` are the states after some layers, text after text: the pass starts there, and the layers below get no gradient.
    pub(super) fn forward(
        &self,
        packed: &Packed,
        finish: Finish,
        dropout: Option<&mut Dropout>,
        lower: Option<Lower<'_>>,
    ) -> Result<Tensor> {
        if self.plain {
            return self.forward_plain(packed, finish, dropout, false, lower);
        }
        let mut tape = Tape::recorded(self.parameters.clone(), &packed.starts, dropout)
            .in_precision(self.precision)
            .in_memory_of(&self.pool);
        let dim = self.sizes().dim;
        let from = lower.map(|lower| (lower.n_layers, tape.input(dim, lower.numbers())));
        let states = self
            .architecture
            .encode_fused(&mut tape, packed, from, self.sizes().n_layers)?;
        let rows = self.finish(&mut tape, packed, &states, finish)?;
        let shape = (rows.data().len() / rows.width().max(1), rows.width());
        let pass = Pass {
            rows: Mutex::new(Some(rows.data().to_vec())),
            shape: shape.into(),
            tape: Mutex::new(Some(tape)),
            gradients: self.gradients.clone(),
        };
        Ok(self.anchor.as_tensor().apply_op1(pass)?)
    }

    /// The gradients of a loss made from [`Network::forward`], of every parameter and every other variable it depends on.
    pub(super) fn backward(&self, loss: &Tensor) -> Result<GradientMap> {
        *lock(&self.gradients) = Gradients::none(&self.parameters, &self.pool);
        let store = loss.backward()?;
        Ok(GradientMap::new(store, &mut lock(&self.gradients), &self.parameters))
    }

    /// A pass for its result only, row-major.
    pub(super) fn infer(&self, packed: &Packed, finish: Finish) -> Result<Vec<f32>> {
        if self.plain {
            return Ok(self
                .forward_plain(packed, finish, None, true, None)?
                .flatten_all()?
                .to_vec1()?);
        }
        let mut tape = Tape::forgetful(self.parameters.clone(), &packed.starts)
            .in_precision(self.precision)
            .in_memory_of(&self.pool);
        let states = self
            .architecture
            .encode_fused(&mut tape, packed, None, self.sizes().n_layers)?;
        Ok(self.finish(&mut tape, packed, &states, finish)?.data().to_vec())
    }

    /// The forward pass in candle's own operations, on any device.
    pub(super) fn forward_plain(
        &self,
        packed: &Packed,
        finish: Finish,
        dropout: Option<&mut Dropout>,
        detached: bool,
        lower: Option<Lower<'_>>,
    ) -> Result<Tensor> {
        let mut ops = Plain::new(self.parameters.clone(), &packed.starts, dropout, detached, &self.device);
        let from = lower.map(|lower| -> Result<_> {
            let numbers: Vec<f32> = lower.numbers().collect();
            let shape = (packed.n_rows(), self.sizes().dim);
            Ok((lower.n_layers, Tensor::from_vec(numbers, shape, &self.device)?))
        });
        let states = self
            .architecture
            .encode_plain(&mut ops, packed, from.transpose()?, self.sizes().n_layers)?;
        self.finish(&mut ops, packed, &states, finish)
    }

    /// The states after `n_layers` layers, `(rows, dim)` row-major, without dropout.
    pub(super) fn lower_states(&self, packed: &Packed, n_layers: usize) -> Result<Vec<f32>> {
        if self.plain {
            let mut ops = Plain::new(self.parameters.clone(), &packed.starts, None, true, &self.device);
            let states = self.architecture.encode_plain(&mut ops, packed, None, n_layers)?;
            return Ok(states.flatten_all()?.to_vec1()?);
        }
        let mut tape = Tape::forgetful(self.parameters.clone(), &packed.starts)
            .in_precision(self.precision)
            .in_memory_of(&self.pool);
        let states = self.architecture.encode_fused(&mut tape, packed, None, n_layers)?;
        Ok(states.data().to_vec())
    }

    fn finish<O: Ops>(&self, ops: &mut O, packed: &Packed, states: &O::Value, finish: Finish) -> Result<O::Value> {
        match finish {
            Finish::States => Ok(states.clone()),
            Finish::Pooled {
                pooling,
                n_prompt,
                normalize,
            } => {
                let pooled = ops.pool(states, &pooling.weights(&packed.starts, n_prompt))?;
                if normalize { ops.normalize(&pooled) } else { Ok(pooled) }
            }
            Finish::Logits => match &self.head {
                Some(head) => head.logits(ops, states, &packed.starts),
                None => Err(ModelError::Input(
                    "this model was loaded without its classification head".into(),
                )),
            },
        }
    }
}

/// One forward pass as a node of candle's graph. Its input is a variable that stands for all parameters.
struct Pass {
    rows: Mutex<Option<Vec<f32>>>,
    shape: Shape,
    tape: Mutex<Option<Tape>>,
    gradients: Arc<Mutex<Gradients>>,
}

impl CustomOp1 for Pass {
    fn name(&self) -> &'static str {
        "encoder"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &candle_core::Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let rows = lock(&self.rows)
            .take()
            .ok_or_else(|| candle_core::Error::Msg("an encoder pass is applied once".into()))?;
        Ok((CpuStorage::F32(rows), self.shape.clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let tape = lock(&self.tape).take().ok_or_else(|| {
            candle_core::Error::Msg("this forward pass was gone back through before; run it again".into())
        })?;
        let grad: Vec<f32> = grad.flatten_all()?.to_vec1()?;
        tape.backward(&grad, &mut lock(&self.gradients))
            .map_err(candle_core::Error::wrap)?;
        Ok(None)
    }
}

/// What a lock protects here stays valid when a thread panics: it is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The state of a training between two steps, as plain data, and when it is asked for. A training that goes on from it takes the same
//! steps, to the bit, as one that was never interrupted.
//!
//! Not here: files. Whoever starts a training decides what becomes of its states (see [`Keeper`]), and every method says what its own
//! consist of.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use candle_core::{Tensor, Var};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TrainError;
use super::adamw::{AdamWState, Moments};
use crate::core::rng::{self, Stream};

/// A state. Read back it may hold anything: whoever takes something out checks that it fits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// Optimiser steps taken.
    pub step: usize,
    /// Streams, orders and figures by name.
    pub values: BTreeMap<String, serde_json::Value>,
    /// Weights and moments by name.
    pub arrays: BTreeMap<String, Array>,
}

/// Numbers with a shape, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub numbers: Numbers,
}

/// The numbers of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Weights and moments.
    F32(Vec<f32>),
    /// Rows of tables.
    U32(Vec<u32>),
}

/// What stands beside a training between its steps.
pub trait Keeper {
    /// Whether the state after `step` steps is wanted.
    fn is_due(&mut self, step: usize) -> bool;

    /// Takes a state. What goes wrong is the keeper's affair: the training goes on.
    fn keep(&mut self, state: Checkpoint);

    /// Called after every step, when its state has been kept if it was due. May wait for as long as a person pauses the training; `Break`
    /// stops it.
    fn rest(&mut self) -> ControlFlow<()>;
}

/// Where a training starts from, and who keeps its states on the way.
#[derive(Default)]
pub struct Checkpoints<'a> {
    from: Option<Checkpoint>,
    keeper: Option<&'a mut dyn Keeper>,
    kept: Option<usize>,
    /// Goes into every state.
    carried: Checkpoint,
    /// Whether the training at hand hands over no states.
    aside: bool,
    /// Whether the keeper has asked to stop.
    stop: bool,
}

impl<'a> Checkpoints<'a> {
    /// Starts from the beginning and keeps nothing.
    pub fn none() -> Self {
        Checkpoints::default()
    }

    /// Starts from a state where there is one, and hands states to `keeper` where there is one.
    pub fn new(from: Option<Checkpoint>, keeper: Option<&'a mut dyn Keeper>) -> Self {
        Checkpoints {
            from,
            keeper,
            ..Checkpoints::default()
        }
    }

    /// What [`Checkpoints::carry`] put into the state to start from; `None` where the training starts from the beginning.
    pub(super) fn carried(&mut self) -> Option<&mut Checkpoint> {
        self.from.as_mut()
    }

    /// From now on every state holds what `what` holds, too: what was found out before the training whose steps are counted.
    pub(super) fn carry(&mut self, what: Checkpoint) {
        self.carried = what;
    }

    /// The same keeper for a training that starts from the beginning and hands over no states, but waits while it is paused.
    pub(super) fn without_states(&mut self) -> Checkpoints<'_> {
        Checkpoints {
            keeper: self.keeper.as_mut().map(|keeper| &mut **keeper as &mut dyn Keeper),
            aside: true,
            ..Checkpoints::default()
        }
    }

    /// Waits while the training is paused, between steps of which no state is kept; `Break` asks to stop.
    pub(super) fn rest(&mut self) -> ControlFlow<()> {
        let flow = self
            .keeper
            .as_mut()
            .map_or(ControlFlow::Continue(()), |keeper| keeper.rest());
        self.stop |= flow.is_break();
        flow
    }

    /// Whether the keeper has asked to stop.
    pub(super) fn asks_to_stop(&self) -> bool {
        self.stop
    }

    /// The state to start from; the method's to ask for, once.
    ///
    /// # Errors
    /// A state with more steps than the training has.
    pub(super) fn take_start(&mut self, n_steps: usize) -> Result<Option<Checkpoint>, TrainError> {
        let start = self.from.take();
        self.kept = start.as_ref().map(|start| start.step);
        match start {
            Some(start) if start.step > n_steps => Err(unfit("steps")),
            start => Ok(start),
        }
    }

    /// Hands over the state after a step, where it is due, and waits while the training is paused. To be called when everything about the
    /// step has been done and told; `Break` asks to stop.
    pub(super) fn after_step(
        &mut self,
        step: usize,
        state: impl FnOnce() -> Result<Checkpoint, TrainError>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let Some(keeper) = &mut self.keeper else {
            return Ok(ControlFlow::Continue(()));
        };
        if !self.aside && keeper.is_due(step) {
            keeper.keep(with(&self.carried, state()?));
            self.kept = Some(step);
        }
        Ok(self.rest())
    }

    /// Hands over the state in which a training was stopped, so that it can go on later.
    pub(super) fn at_stop(
        &mut self,
        step: usize,
        state: impl FnOnce() -> Result<Checkpoint, TrainError>,
    ) -> Result<(), TrainError> {
        match &mut self.keeper {
            Some(keeper) if !self.aside && step > 0 && self.kept != Some(step) => {
                keeper.keep(with(&self.carried, state()?));
            }
            _ => {}
        }
        Ok(())
    }
}

fn with(carried: &Checkpoint, mut state: Checkpoint) -> Checkpoint {
    state.values.extend(carried.values.clone());
    state.arrays.extend(carried.arrays.clone());
    state
}

impl Checkpoint {
    /// A state after `step` steps that holds nothing yet.
    pub fn after(step: usize) -> Self {
        Checkpoint {
            step,
            ..Checkpoint::default()
        }
    }

    /// Puts a value in.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn put(&mut self, name: &str, value: &impl Serialize) -> Result<(), TrainError> {
        let value = serde_json::to_value(value).map_err(|_| unfit(name))?;
        self.values.insert(name.to_owned(), value);
        Ok(())
    }

    /// Takes a value out.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, TrainError> {
        let value = self.values.remove(name).ok_or_else(|| unfit(name))?;
        serde_json::from_value(value).map_err(|_| unfit(name))
    }

    /// Puts a sampler in: where its stream stands, and what it has drawn and not handed out.
    pub(super) fn put_sampler(&mut self, stream: &Stream, drawn: &impl Serialize) -> Result<(), TrainError> {
        self.put("sampler", &(rng::position(stream), drawn))
    }

    /// Takes a sampler out; `fits` says whether it can have drawn that.
    pub(super) fn take_sampler<T: DeserializeOwned>(
        &mut self,
        fits: impl FnOnce(&T) -> bool,
    ) -> Result<(Stream, T), TrainError> {
        let (position, drawn) = self.take("sampler")?;
        let stream = rng::stream_at(&position).filter(|_| fits(&drawn));
        Ok((stream.ok_or_else(|| unfit("sampler"))?, drawn))
    }

    /// Puts the numbers of variables in, named after `prefix` and the variable's place.
    pub fn put_vars(&mut self, prefix: &str, vars: &[Var]) -> Result<(), TrainError> {
        self.put_tensors(prefix, vars.iter().map(Var::as_tensor))
    }

    /// Puts tensors in, named after `prefix` and the tensor's place.
    pub fn put_tensors<'t>(
        &mut self,
        prefix: &str,
        tensors: impl IntoIterator<Item = &'t Tensor>,
    ) -> Result<(), TrainError> {
        for (at, tensor) in tensors.into_iter().enumerate() {
            let array = Array {
                shape: tensor.dims().to_vec(),
                numbers: Numbers::F32(tensor.flatten_all()?.to_vec1()?),
            };
            self.arrays.insert(format!("{prefix}.{at}"), array);
        }
        Ok(())
    }

    /// Sets variables to the numbers that [`Checkpoint::put_vars`] put in, and takes these out.
    ///
    /// # Errors
    /// When some are missing or of another shape.
    pub fn take_vars(&mut self, prefix: &str, vars: &[Var]) -> Result<(), TrainError> {
        for (var, tensor) in vars.iter().zip(self.take_tensors(prefix, vars)?) {
            var.set(&tensor)?;
        }
        Ok(())
    }

    /// Takes out what [`Checkpoint::put_tensors`] put in: one for each of `like`, of its shape and on its device.
    ///
    /// # Errors
    /// When some are missing or of another shape.
    pub fn take_tensors(&mut self, prefix: &str, like: &[Var]) -> Result<Vec<Tensor>, TrainError> {
        let take = |(at, var): (usize, &Var)| {
            let name = format!("{prefix}.{at}");
            let numbers = self.take_f32(&name, var.dims())?;
            Ok(Tensor::from_vec(numbers, var.shape(), var.device())?)
        };
        like.iter().enumerate().map(take).collect()
    }

    /// Takes numbers out.
    ///
    /// # Errors
    /// When they are missing or of another shape.
    pub(super) fn take_f32(&mut self, name: &str, wanted: &[usize]) -> Result<Vec<f32>, TrainError> {
        match self.arrays.remove(name) {
            Some(Array {
                shape,
                numbers: Numbers::F32(numbers),
            }) if shape == wanted && numbers.len() == shape.iter().product::<usize>() => Ok(numbers),
            _ => Err(unfit(name)),
        }
    }

    /// Puts the state of an optimiser in.
    pub(super) fn put_optimiser(&mut self, state: AdamWState) -> Result<(), TrainError> {
        let pending: Vec<f64> = state.moments.iter().map(|moments| moments.pending).collect();
        self.put("optimiser", &(state.step, pending))?;
        for (at, moments) in state.moments.into_iter().enumerate() {
            let (n, n_rows) = (moments.mean.len(), moments.rows.len());
            for (part, shape, numbers) in [
                ("mean", n, Numbers::F32(moments.mean)),
                ("square", n, Numbers::F32(moments.square)),
                ("rows", n_rows, Numbers::U32(moments.rows)),
            ] {
                if shape > 0 {
                    let shape = vec![shape];
                    self.arrays
                        .insert(format!("optimiser.{at}.{part}"), Array { shape, numbers });
                }
            }
        }
        Ok(())
    }

    /// Takes the state of an optimiser out; whether it fits its variables is for [`super::adamw::AdamW::load`] to say.
    pub(super) fn take_optimiser(&mut self) -> Result<AdamWState, TrainError> {
        let (step, pending): (i32, Vec<f64>) = self.take("optimiser")?;
        let moments = pending.into_iter().enumerate().map(|(at, pending)| {
            let mut take = |part: &str| self.arrays.remove(&format!("optimiser.{at}.{part}"));
            let mut floats = |part: &str| match take(part) {
                None => Ok(Vec::new()),
                Some(Array {
                    numbers: Numbers::F32(numbers),
                    ..
                }) => Ok(numbers),
                Some(_) => Err(unfit("optimiser")),
            };
            let (mean, square) = (floats("mean")?, floats("square")?);
            let rows = match take("rows") {
                None => Vec::new(),
                Some(Array {
                    numbers: Numbers::U32(rows),
                    ..
                }) => rows,
                Some(_) => return Err(unfit("optimiser")),
            };
            Ok(Moments {
                mean,
                square,
                rows,
                pending,
            })
        });
        let moments = moments.collect::<Result<_, TrainError>>()?;
        Ok(AdamWState { step, moments })
    }
}

/// The error for a state that belongs to another training.
pub(super) fn unfit(what: &str) -> TrainError {
    TrainError::UnfitCheckpoint(what.to_owned())
}

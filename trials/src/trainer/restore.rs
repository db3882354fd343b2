//! From a trainer to a checkpoint and back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::Tensor;
use engine::runner::{Checkpoint, TrialError};
use search_spaces::config::{FrozenNorm, Keep};

use super::{Job, Trainer, fault, progress::State, stored};
use crate::{
    checkpoint::{self, Array, CheckpointError, Contents},
    models::Model,
    parameters::{Parameter, Role},
};

/// Prefixes of tensor names in the file.
const WEIGHTS: &str = "weights/";
const BEST: &str = "best/";
const OPTIMIZER: &str = "optimizer/";

/// Where a checkpoint of `trial` after `step` steps goes.
pub(super) fn file(folder: &Path, trial: u32, step: u64) -> PathBuf {
    folder.join(format!("trial-{trial}-step-{step}.ckpt"))
}

/// Where the weights that count go when `trial` is over. Not the name of a checkpoint to go on from: a lower rung may stand at the same step.
pub(super) fn final_file(folder: &Path, trial: u32, step: u64) -> PathBuf {
    folder.join(format!("trial-{trial}-step-{step}-final.ckpt"))
}

impl<'a> Trainer<'a> {
    pub(super) fn state(&self) -> State {
        State {
            identity: self.identity(),
            finished: false,
            progress: self.progress.clone(),
            blocks: self.model.blocks().to_vec(),
            lowest: self.lowest,
            trained: self.trained_parameters(),
            schedule: self.schedule.state(),
            unfreezing: self.unfreezing.state(),
            updates: self.optimizer.updates(),
        }
    }

    /// Whether the weights as they are are the best: then the file need not hold them twice.
    fn is_at_its_best(&self) -> bool {
        self.progress.best.is_some_and(|best| best.step == self.progress.step)
    }

    /// Writes everything that is needed to go on to `folder`.
    pub fn save(&self, folder: &Path) -> Result<Checkpoint, TrialError> {
        let mut arrays: Vec<(String, Array)> = Vec::new();
        arrays.extend(weights(self.model.as_ref()));
        if !self.is_at_its_best() {
            arrays.extend(self.best.iter().map(|(name, tensor)| (format!("{BEST}{name}"), Array::Tensor(tensor))));
        }
        for saved in self.optimizer.save().map_err(fault)? {
            arrays.push((format!("{OPTIMIZER}{}/{}", saved.buffer, saved.parameter), Array::Flat(saved.values)));
        }
        let path = file(folder, self.job.trial, self.progress.step);
        let state = serde_json::to_string(&self.state()).map_err(fault)?;
        checkpoint::write(&path, self.progress.step, &state, &arrays).map_err(stored)
    }

    /// Goes on from `checkpoint`, which an earlier trainer of the same job saved.
    pub fn resume(job: Job<'a>, checkpoint: &Checkpoint) -> Result<Trainer<'a>, TrialError> {
        let contents = checkpoint::read(checkpoint).map_err(stored)?;
        Trainer::resume_from(job, &contents)
    }

    /// Goes on from a checkpoint in memory.
    pub(crate) fn resume_from(job: Job<'a>, contents: &Contents) -> Result<Trainer<'a>, TrialError> {
        let mut trainer = Trainer::new(job)?;
        trainer.restore(contents).map_err(fault)?;
        Ok(trainer)
    }

    fn restore(&mut self, contents: &Contents) -> Result<(), CheckpointError> {
        let state = state(contents)?;
        if state.identity != self.identity() {
            return Err(contents.unfit("it is of another trial, config or data"));
        }
        state.check(self.plan.total_steps).map_err(|what| contents.unfit(what))?;
        restore_weights(self.model.as_mut(), contents, &state)?;
        self.lowest = state.lowest;
        if state.finished {
            self.finished = Some(state.trained);
        } else {
            self.restore_optimizer(contents, &state)?;
            self.restore_best(contents, &state)?;
        }
        if let Some(schedule) = state.schedule {
            self.schedule.restore(schedule);
        }
        if let Some(unfreezing) = state.unfreezing {
            self.unfreezing.restore(unfreezing);
        }
        self.progress = state.progress;
        Ok(())
    }

    fn restore_optimizer(&mut self, contents: &Contents, state: &State) -> Result<(), CheckpointError> {
        let thawed: BTreeMap<&str, &Tensor> =
            self.model.parameters().thawed().map(|(parameter, var)| (parameter.name.as_str(), var.as_tensor())).collect();
        let find = |parameter: &str, buffer: &str| contents.get(&format!("{OPTIMIZER}{buffer}/{parameter}")).map(|(_, values)| values);
        self.optimizer.restore(&state.updates, find, |name| thawed.get(name).copied()).map_err(|error| contents.unfit(error))
    }

    fn restore_best(&mut self, contents: &Contents, state: &State) -> Result<(), CheckpointError> {
        let Some(best) = state.progress.best.filter(|_| self.job.config.keep == Keep::Best) else { return Ok(()) };
        let prefix = if best.step == state.progress.step { WEIGHTS } else { BEST };
        let frozen_buffers = self.job.config.frozen_norm == FrozenNorm::Batch;
        let own = |parameter: &Parameter| parameter.block >= best.lowest || (frozen_buffers && parameter.role == Role::Buffer);
        let blocks = self.model.parameters().thawed().filter(|(parameter, _)| own(parameter));
        let names: Vec<_> = blocks.map(|(parameter, var)| (parameter.name.clone(), var.as_detached_tensor())).collect();
        self.best = names
            .into_iter()
            .map(|(name, like)| Ok((name.clone(), tensor(contents, &format!("{prefix}{name}"), &like)?)))
            .collect::<Result<_, CheckpointError>>()?;
        Ok(())
    }
}

/// The thawed weights of `model`, as they are written.
pub(super) fn weights(model: &dyn Model) -> impl Iterator<Item = (String, Array<'_>)> {
    model.parameters().thawed().map(|(parameter, var)| (format!("{WEIGHTS}{}", parameter.name), Array::Tensor(var.as_tensor())))
}

pub(super) fn state(contents: &Contents) -> Result<State, CheckpointError> {
    serde_json::from_str(&contents.state)
        .map_err(|error| CheckpointError::Foreign { path: contents.path.clone(), reason: format!("its state cannot be read: {error}") })
}

/// Thaws in `model` what the checkpoint has, and gives it the checkpoint's weights.
pub(super) fn restore_weights(model: &mut dyn Model, contents: &Contents, state: &State) -> Result<(), CheckpointError> {
    if state.blocks != model.blocks() {
        return Err(contents.unfit(format!(
            "its model has the blocks {}, this one {}",
            state.blocks.join(", "),
            model.blocks().join(", ")
        )));
    }
    let Some(lowest) = state.lowest else { return Ok(()) };
    model.parameters_mut().thaw_from(lowest)?;
    for (parameter, var) in model.parameters().thawed() {
        var.set(&tensor(contents, &format!("{WEIGHTS}{}", parameter.name), var.as_tensor())?)?;
    }
    Ok(())
}

/// The tensor called `name`, of the shape, type and device of `like`.
fn tensor(contents: &Contents, name: &str, like: &Tensor) -> Result<Tensor, CheckpointError> {
    let (shape, values) = contents.get(name).ok_or_else(|| contents.unfit(format!("it has no tensor {name}")))?;
    if shape != like.dims() {
        return Err(contents.unfit(format!("{name} has the shape {shape:?} instead of {:?}", like.dims())));
    }
    Ok(Tensor::from_vec(values, shape, like.device())?.to_dtype(like.dtype())?)
}

//! When a trial is over: the weights that count.

use std::path::Path;

use engine::{
    runner::{Checkpoint, TrialError},
    streams::{Purpose, stream},
};
use search_spaces::config::Keep;

use super::{Trainer, fault, progress::Score, restore, step::instantiate, stored};
use crate::{
    checkpoint,
    models::{BaseModel, Model},
};

/// A trial that is over.
pub struct Finished {
    /// With the weights that count.
    pub model: Box<dyn Model>,
    /// Those weights, on disk.
    pub checkpoint: Checkpoint,
    /// The objective's metric with them, on the validation split.
    pub value: f64,
    /// The step that gave them.
    pub step: u64,
    pub stopped_early: bool,
    /// Parameters that have trained.
    pub trained_parameters: u64,
}

impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished").field("checkpoint", &self.checkpoint).field("value", &self.value).finish_non_exhaustive()
    }
}

impl Trainer<'_> {
    /// The evaluation that counts once the trial is over.
    pub(super) fn kept(&self) -> Option<Score> {
        match self.job.config.keep {
            Keep::Best => self.progress.best,
            Keep::Last => self.progress.last,
        }
    }

    /// Ends a trial that is over, and writes its weights to `folder`; one resumed from such a file, `from`, writes nothing.
    pub fn finish(self, folder: &Path, from: Option<&Checkpoint>) -> Result<Finished, TrialError> {
        let kept = self.kept().ok_or_else(|| fault("the trial ended without an evaluation"))?;
        let (stopped_early, trained_parameters) = (self.progress.stopped_early, self.trained_parameters());
        if let (Some(_), Some(from)) = (self.finished, from) {
            let checkpoint = from.clone();
            return Ok(Finished { model: self.model, checkpoint, value: kept.value, step: kept.step, stopped_early, trained_parameters });
        }
        let mut state = self.state();
        state.finished = true;
        state.updates.clear();
        state.lowest = Some(kept.lowest);
        let model = self.into_kept(kept).map_err(fault)?;
        let path = restore::final_file(folder, state.identity.trial, state.progress.step);
        let text = serde_json::to_string(&state).map_err(fault)?;
        let arrays: Vec<_> = restore::weights(model.as_ref()).collect();
        let checkpoint = checkpoint::write(&path, state.progress.step, &text, &arrays).map_err(stored)?;
        drop(arrays);
        Ok(Finished { model, checkpoint, value: kept.value, step: kept.step, stopped_early, trained_parameters })
    }

    /// The model with the weights of `kept`.
    fn into_kept(self, kept: Score) -> candle_core::Result<Box<dyn Model>> {
        if kept.step == self.progress.step {
            return Ok(self.model);
        }
        let mut head = stream(self.job.seed, self.job.trial, Purpose::HeadWeights);
        let mut model = instantiate(self.job.base, self.job.task.labels.len(), self.job.config, &mut head)?;
        model.parameters_mut().thaw_from(kept.lowest)?;
        for (parameter, var) in model.parameters().thawed() {
            let best = self.best.get(&parameter.name);
            var.set(best.ok_or_else(|| candle_core::Error::msg(format!("no best weights of {}", parameter.name)))?)?;
        }
        Ok(model)
    }
}

/// The model of a trial's checkpoint; of one that is over with the weights that count.
pub fn final_model(base: &dyn BaseModel, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, TrialError> {
    let contents = checkpoint::read(checkpoint).map_err(stored)?;
    let state = restore::state(&contents).map_err(fault)?;
    let mut head = stream(state.identity.seed, state.identity.trial, Purpose::HeadWeights);
    let mut model = instantiate(base, state.identity.classes, &state.identity.config, &mut head).map_err(fault)?;
    restore::restore_weights(model.as_mut(), &contents, &state).map_err(fault)?;
    Ok(model)
}

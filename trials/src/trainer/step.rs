//! The step loop's inside: one optimizer step, one evaluation.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use engine::{
    runner::{Evaluation, TrialError},
    streams::{Purpose, stream},
};
use rand::{Rng, rngs::ChaCha8Rng};
use search_spaces::config::{Config, DecayOn, FrozenNorm, Keep};

use super::{
    Job, Plan, clip,
    course::dropout,
    evaluate, fault,
    progress::{Identity, Progress, Score},
};
use crate::{
    data::{batch::Batch, order},
    freezing::{Unfreezing, layer_factor, unfreezing},
    metrics::Logits,
    models::{BaseModel, Model, Pass},
    ops,
    optimizers::{Optimizer, Update, learning_rate},
    parameters::{Parameter, Role},
    schedules::{Schedule, schedule},
};

/// A trial in training.
pub struct Trainer<'a> {
    pub(super) job: Job<'a>,
    pub(super) plan: Plan,
    pub(super) model: Box<dyn Model>,
    pub(super) optimizer: Optimizer,
    pub(super) schedule: Box<dyn Schedule>,
    pub(super) unfreezing: Box<dyn Unfreezing>,
    pub(super) progress: Progress,
    /// The lowest block that has trained; `None` before the first step.
    pub(super) lowest: Option<usize>,
    /// Thawed weights at the best evaluation, by name, when those are to be kept.
    pub(super) best: BTreeMap<String, Tensor>,
    /// Of the latest evaluation, if it was made here.
    pub(super) logits: Option<Logits>,
    /// Resumed from final weights, of a trial that had trained this many parameters.
    pub(super) finished: Option<u64>,
    lengths: Vec<usize>,
    /// The batches of one epoch.
    epoch: Option<(u64, Vec<Vec<usize>>)>,
}

impl std::fmt::Debug for Trainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("job", &self.job).field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl<'a> Trainer<'a> {
    /// At the very start.
    pub fn new(job: Job<'a>) -> Result<Trainer<'a>, TrialError> {
        let config = job.config;
        let plan = Plan::new(job.task.train.len(), config, job.ladder, job.eval_every);
        let mut head = stream(job.seed, job.trial, Purpose::HeadWeights);
        let model = instantiate(job.base, job.task.labels.len(), job.config, &mut head).map_err(fault)?;
        let blocks = model.blocks().len();
        Ok(Trainer {
            schedule: schedule(config, plan.steps_per_epoch, plan.total_steps),
            unfreezing: unfreezing(&config.unfreeze, blocks, plan.steps_per_epoch),
            optimizer: Optimizer::new(&config.optimizer),
            progress: Progress::default(),
            lowest: None,
            best: BTreeMap::new(),
            logits: None,
            finished: None,
            lengths: job.task.train.lengths(),
            epoch: None,
            job,
            plan,
            model,
        })
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            trial: self.job.trial,
            seed: self.job.seed,
            config: self.job.config.clone(),
            examples: self.job.task.train.len() as u64,
            classes: self.job.task.labels.len(),
        }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Optimizer steps done.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// The latest evaluation.
    pub(super) fn last(&self) -> Option<Score> {
        self.progress.last
    }

    pub(super) fn stopped_early(&self) -> bool {
        self.progress.stopped_early
    }

    /// Whether the trial has no step left to train: its horizon is reached, or it stopped itself.
    pub fn is_over(&self) -> bool {
        self.progress.stopped_early || self.progress.step >= self.plan.total_steps
    }

    /// Parameters that have trained so far.
    pub fn trained_parameters(&self) -> u64 {
        self.finished.unwrap_or_else(|| self.model.parameters().trained())
    }

    /// Trains one step.
    pub fn train_step(&mut self) -> Result<(), TrialError> {
        let step = self.progress.step;
        let lowest = self.unfreezing.lowest(step);
        self.model.parameters_mut().thaw_from(lowest).map_err(fault)?;
        self.lowest = Some(lowest);

        let batch = self.batch(step)?;
        let pass = Pass {
            training: true,
            lowest_thawed: lowest,
            dropout: dropout(&self.job.config.dropout, step, self.plan.total_steps),
            key: self.dropout_key(step),
            frozen_norm: self.job.config.frozen_norm,
        };
        let logits = self.model.forward(&batch, &pass).map_err(fault)?;
        let loss = loss(&logits, &batch, self.job.config.label_smoothing).map_err(fault)?;
        let value = f64::from(loss.to_dtype(candle_core::DType::F32).and_then(|loss| loss.to_scalar::<f32>()).map_err(fault)?);
        if !value.is_finite() {
            return Err(TrialError::NonFiniteLoss { step: step + 1, loss: value.to_string() });
        }
        self.update(&loss, step).map_err(fault)?;

        self.progress.step += 1;
        self.progress.loss_sum += value * batch.size() as f64;
        self.progress.loss_examples += batch.size() as u64;
        Ok(())
    }

    /// The batch of the step after `step` others.
    fn batch(&mut self, step: u64) -> Result<Batch, TrialError> {
        let (epoch, index) = (step / self.plan.steps_per_epoch, step % self.plan.steps_per_epoch);
        if self.epoch.as_ref().is_none_or(|(current, _)| *current != epoch) {
            let size = self.job.config.batch_size as usize;
            self.epoch = Some((epoch, order::batches(&self.lengths, size, self.job.seed, self.job.trial, epoch)));
        }
        let batches = self.epoch.as_ref().map_or(&[][..], |(_, batches)| batches);
        let indices = batches.get(index as usize).ok_or_else(|| fault("the training split is empty"))?;
        let (train, augment, device) = (&self.job.task.train, &self.job.config.augment, self.job.base.device());
        if augment.is_none() {
            return train.batch(indices, device).map_err(fault);
        }
        let mut changes = stream(self.job.seed, self.job.trial, Purpose::Augment);
        changes.set_stream(step);
        train.training_batch(indices, augment, changes, device).map_err(fault)
    }

    /// Depends on the step alone, so that nothing but the step need be saved.
    fn dropout_key(&self, step: u64) -> u64 {
        let mut rng = stream(self.job.seed, self.job.trial, Purpose::Dropout);
        rng.set_stream(step);
        rng.next_u64()
    }

    fn update(&mut self, loss: &Tensor, step: u64) -> candle_core::Result<()> {
        let gradients = ops::backward(loss)?;
        // A thawed parameter that the loss does not depend on has no gradient and is left alone, as torch does.
        let thawed: Vec<(&Parameter, &Var, &Tensor)> =
            self.model.parameters().thawed().filter_map(|(parameter, var)| Some((parameter, var, gradients.get(var)?))).collect();
        let gradient_scale = match self.job.config.clip_norm {
            Some(clip_norm) => clip::scale(thawed.iter().map(|(_, _, gradient)| *gradient), clip_norm)?,
            None => 1.0,
        };
        let rates: Vec<f64> = (0..self.model.blocks().len()).map(|block| self.learning_rate(block, step)).collect();
        for (parameter, var, gradient) in thawed {
            let decays = parameter.role == Role::Matrix || self.job.config.decay_on == DecayOn::Everything;
            let update = Update { count: 0, learning_rate: rates[parameter.block], decays, gradient_scale };
            self.optimizer.step(&parameter.name, var, gradient, update)?;
        }
        Ok(())
    }

    /// Of `block` in the step after `step` others.
    fn learning_rate(&self, block: usize, step: u64) -> f64 {
        learning_rate(&self.job.config.optimizer)
            * self.schedule.multiple(step)
            * layer_factor(self.job.config.layer_decay, block, self.model.blocks().len())
            * self.unfreezing.warmth(block, step)
    }

    /// Evaluates if the plan asks for it after the step just done, and tells everything that watches the metric.
    pub fn evaluate_if_due(&mut self) -> Result<Option<Evaluation>, TrialError> {
        let step = self.progress.step;
        if !self.plan.is_evaluation(step) {
            return Ok(None);
        }
        let logits = self.evaluate_validation()?;
        if let Some(loss) = logits.first_non_finite() {
            return Err(TrialError::NonFiniteLoss { step, loss: loss.to_string() });
        }
        let metrics = logits.metrics(&self.job.task.validation.labels());
        let lowest = self.lowest.unwrap_or(self.model.blocks().len());
        let evaluation = Evaluation {
            step,
            examples: self.plan.examples_after(step),
            epoch: self.plan.epochs_after(step),
            train_loss: self.progress.loss_sum / self.progress.loss_examples.max(1) as f64,
            metrics: metrics.by_name(),
            learning_rates: (lowest..self.model.blocks().len())
                .map(|block| (self.model.blocks()[block].clone(), self.learning_rate(block, step - 1)))
                .collect(),
            rung: self.plan.rung_at(step),
        };
        self.progress.loss_sum = 0.0;
        self.progress.loss_examples = 0;
        self.logits = Some(logits);
        self.observe(Score { step, value: metrics.get(self.job.objective.metric), lowest }).map_err(fault)?;
        Ok(Some(evaluation))
    }

    /// What the model says of the validation split now. The latest evaluation is not made again, unless it was made before a pause.
    pub(super) fn validation_logits(&mut self) -> Result<Logits, TrialError> {
        match self.logits.take().filter(|_| self.progress.last.is_some_and(|last| last.step == self.progress.step)) {
            Some(logits) => Ok(logits),
            None => self.evaluate_validation(),
        }
    }

    fn evaluate_validation(&self) -> Result<Logits, TrialError> {
        let task = self.job.task;
        evaluate(self.model.as_ref(), self.job.base, task.validation.as_ref(), task.labels.len()).map_err(fault)
    }

    fn observe(&mut self, score: Score) -> candle_core::Result<()> {
        let objective = self.job.objective;
        let cost = objective.cost(score.value);
        self.progress.last = Some(score);
        if self.progress.best.is_none_or(|best| cost < objective.cost(best.value)) {
            self.progress.best = Some(score);
            if self.job.config.keep == Keep::Best {
                self.best = self.weights()?;
            }
        }
        self.schedule.observe(cost);
        self.unfreezing.observe(cost, score.step);
        if let Some(stopping) = &self.job.config.early_stopping {
            let without = self.progress.patience.observe(cost, stopping.min_delta);
            // At the end of the horizon there is nothing left to stop.
            self.progress.stopped_early = without >= stopping.patience.max(1) && score.step < self.plan.total_steps;
        }
        Ok(())
    }

    /// A copy of the thawed weights and buffers.
    fn weights(&self) -> candle_core::Result<BTreeMap<String, Tensor>> {
        let copies =
            self.model.parameters().thawed().map(|(parameter, var)| Ok((parameter.name.clone(), var.as_detached_tensor().copy()?)));
        copies.collect()
    }
}

/// A model of `config` before its first step.
pub(super) fn instantiate(
    base: &dyn BaseModel,
    classes: usize,
    config: &Config,
    head: &mut ChaCha8Rng,
) -> candle_core::Result<Box<dyn Model>> {
    let mut model = base.instantiate(classes, head)?;
    if config.frozen_norm == FrozenNorm::Batch {
        model.parameters_mut().thaw_buffers()?;
    }
    Ok(model)
}

fn loss(logits: &Tensor, batch: &Batch, smoothing: f64) -> candle_core::Result<Tensor> {
    let own = ops::cross_entropy(logits, &batch.labels, smoothing)?;
    match &batch.mixed {
        None => Ok(own),
        Some((others, share)) => (own * *share)? + (ops::cross_entropy(logits, others, smoothing)? * (1.0 - share))?,
    }
}

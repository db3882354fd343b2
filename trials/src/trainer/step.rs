//! The step loop's inside: one optimizer step, one evaluation.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};
use engine::{
    runner::{Evaluation, TrialError, Weights},
    streams::{Purpose, stream},
};
use rand::{Rng, rngs::ChaCha8Rng};
use search_spaces::{
    config::{Adapter, ClassWeights, Config, DecayOn, FrozenNorm, Keep},
    goals::Measure,
};

use super::{
    Job, Plan, clip,
    cost::EqualCost,
    course::dropout,
    evaluate::evaluate_telling,
    fault,
    progress::{Identity, Progress, Score},
};
use crate::{
    data::{Examples, Task, batch::Batch, order},
    freezing::{Unfreezing, layer_factor, unfreezing},
    metrics::{Logits, Measures, group_gap},
    models::{BaseModel, Lora, Model, Pass},
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
    /// Where rungs are of equal cost.
    equal_cost: Option<EqualCost>,
    /// The lowest of the rungs that the last step has come to.
    crossed: Option<usize>,
    /// The lowest block that has trained; `None` before the first step.
    pub(super) lowest: Option<usize>,
    /// Thawed weights at the best evaluation, by name, when those are to be kept.
    pub(super) best: BTreeMap<String, Tensor>,
    /// Of the latest evaluation, if it was made here.
    pub(super) logits: Option<Logits>,
    /// Resumed from final weights, of a trial that had trained this many parameters.
    pub(super) finished: Option<u64>,
    lengths: Vec<usize>,
    pub(super) class_weights: Option<Vec<f32>>,
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
            equal_cost: EqualCost::new(job.ladder, job.base, job.task, job.config),
            crossed: None,
            lowest: None,
            best: BTreeMap::new(),
            logits: None,
            finished: None,
            lengths: job.task.train.lengths(),
            class_weights: class_weights(config, job.task),
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

    /// How many rungs it has come to. One that is over has come to all, though it may have cost less.
    pub fn rungs_reached(&self) -> usize {
        let Progress { step, cost, .. } = self.progress;
        match &self.equal_cost {
            Some(costs) if step < self.plan.total_steps => costs.reached(cost),
            _ => self.plan.rungs_reached(step),
        }
    }

    /// Parameters that have trained so far.
    pub fn trained_parameters(&self) -> u64 {
        self.finished.unwrap_or_else(|| self.model.parameters().trained())
    }

    /// What training in full trains, as far as the schedule of unfreezing can tell by now.
    pub fn weights_in_full(&self) -> Weights {
        let lowest = self.unfreezing.lowest(self.plan.total_steps.saturating_sub(1));
        self.model.parameters().weights_from(lowest)
    }

    /// Trains one step.
    pub fn train_step(&mut self) -> Result<(), TrialError> {
        let step = self.progress.step;
        let lowest = self.unfreezing.lowest(step);
        self.model.parameters_mut().thaw_from(lowest).map_err(fault)?;
        self.lowest = Some(lowest);

        let indices = self.indices(step)?;
        let smaller = [self.job.config.micro_batch, self.job.micro_batch].into_iter().flatten().min();
        let at_a_time = smaller.map_or(indices.len(), |count| count.max(1) as usize);
        let (all, mut value, mut gradients) = (self.weight_of(&indices), 0.0, Vec::new());
        for (part, indices) in (0..).zip(indices.chunks(at_a_time)) {
            let _recording = ops::record();
            let loss = self.loss(indices, self.weight_of(indices) / all, step, part).map_err(fault)?;
            value += f64::from(loss.to_dtype(DType::F32).and_then(|loss| loss.to_scalar::<f32>()).map_err(fault)?);
            if !value.is_finite() {
                return Err(TrialError::NonFiniteLoss { step: step + 1, loss: value.to_string() });
            }
            self.backward(&loss, &mut gradients).map_err(fault)?;
        }
        self.update(&gradients, step).map_err(fault)?;

        let before = self.rungs_reached();
        self.progress.step += 1;
        if let Some(costs) = &self.equal_cost {
            self.progress.cost = self.progress.cost.saturating_add(costs.step(indices.len() as u64, lowest));
        }
        self.crossed = (self.rungs_reached() > before).then_some(before);
        self.progress.loss_sum += value * indices.len() as f64;
        self.progress.loss_examples += indices.len() as u64;
        Ok(())
    }

    /// The examples of the step after `step` others.
    fn indices(&mut self, step: u64) -> Result<Vec<usize>, TrialError> {
        let (epoch, index) = (step / self.plan.steps_per_epoch, step % self.plan.steps_per_epoch);
        if self.epoch.as_ref().is_none_or(|(current, _)| *current != epoch) {
            let size = self.job.config.batch_size as usize;
            self.epoch = Some((epoch, order::batches(&self.lengths, size, self.job.seed, self.job.trial, epoch)));
        }
        let batches = self.epoch.as_ref().map_or(&[][..], |(_, batches)| batches);
        batches.get(index as usize).cloned().ok_or_else(|| fault("the training split is empty"))
    }

    /// What these examples count in a mean.
    fn weight_of(&self, indices: &[usize]) -> f64 {
        match &self.class_weights {
            None => indices.len() as f64,
            Some(weights) => indices.iter().map(|&index| f64::from(weights[self.job.task.train.label(index) as usize])).sum(),
        }
    }

    /// The mean loss of these examples, part `part` of a batch, times `share`.
    fn loss(&self, indices: &[usize], share: f64, step: u64, part: u64) -> candle_core::Result<Tensor> {
        let config = self.job.config;
        let batch = self.batch(indices, step, part)?;
        let pass = Pass {
            training: true,
            lowest_thawed: self.lowest.unwrap_or_default(),
            dropout: dropout(&config.dropout, step, self.plan.total_steps),
            key: self.stream(Purpose::Dropout, step, part).next_u64(),
            frozen_norm: config.frozen_norm,
        };
        let logits = self.model.forward(&batch, &pass)?;
        let weights = self.class_weights.as_ref().map(|weights| Tensor::new(&weights[..], logits.device())).transpose()?;
        let against = |labels| ops::weighted_cross_entropy(&logits, labels, config.label_smoothing, weights.as_ref());
        let own = against(&batch.labels)?;
        let loss = match &batch.mixed {
            None => own,
            Some((others, share)) => ((own * *share)? + (against(others)? * (1.0 - share))?)?,
        };
        if share == 1.0 { Ok(loss) } else { loss * share }
    }

    fn batch(&self, indices: &[usize], step: u64, part: u64) -> candle_core::Result<Batch> {
        let (train, augment, device) = (&self.job.task.train, &self.job.config.augment, self.job.base.device());
        if augment.is_none() {
            return train.batch(indices, device);
        }
        train.training_batch(indices, augment, self.stream(Purpose::Augment, step, part), device)
    }

    /// Depends on the step (and the part of its batch) alone, so that nothing but the step need be saved.
    fn stream(&self, purpose: Purpose, step: u64, part: u64) -> ChaCha8Rng {
        let mut rng = stream(self.job.seed, self.job.trial, purpose);
        // No trial has so many steps that they meet the next part's.
        rng.set_stream(step | part << 40);
        rng
    }

    /// Adds the gradients of `loss` to `sums`, which are in the order of the thawed parameters.
    fn backward(&self, loss: &Tensor, sums: &mut Vec<Option<Tensor>>) -> candle_core::Result<()> {
        let mut gradients = ops::backward(loss)?;
        let found = self.model.parameters().thawed().map(|(_, var)| gradients.remove(var));
        if sums.is_empty() {
            sums.extend(found);
            return Ok(());
        }
        for (sum, found) in sums.iter_mut().zip(found) {
            *sum = match (sum.take(), found) {
                (Some(sum), Some(found)) => Some((sum + found)?),
                (sum, found) => sum.or(found),
            };
        }
        Ok(())
    }

    fn update(&mut self, gradients: &[Option<Tensor>], step: u64) -> candle_core::Result<()> {
        // A thawed parameter that the loss does not depend on has no gradient and is left alone, as torch does.
        let thawed = self.model.parameters().thawed().zip(gradients);
        let thawed: Vec<(&Parameter, &Var, &Tensor)> =
            thawed.filter_map(|((parameter, var), gradient)| Some((parameter, var, gradient.as_ref()?))).collect();
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
        if !self.plan.is_evaluation(step) && self.crossed.is_none() {
            return Ok(None);
        }
        let logits = self.evaluate_validation()?;
        if let Some(loss) = logits.first_non_finite() {
            return Err(TrialError::NonFiniteLoss { step, loss: loss.to_string() });
        }
        let metrics = measured(self.job.measures, &logits, self.job.task.validation.as_ref());
        let value = metrics.get(self.job.objective.metric.name()).copied().unwrap_or(f64::NAN);
        let lowest = self.lowest.unwrap_or(self.model.blocks().len());
        let evaluation = Evaluation {
            step,
            examples: self.plan.examples_after(step),
            epoch: self.plan.epochs_after(step),
            train_loss: self.progress.loss_sum / self.progress.loss_examples.max(1) as f64,
            metrics,
            learning_rates: (lowest..self.model.blocks().len())
                .map(|block| (self.model.blocks()[block].clone(), self.learning_rate(block, step - 1)))
                .collect(),
            rung: self.crossed,
        };
        self.progress.loss_sum = 0.0;
        self.progress.loss_examples = 0;
        self.logits = Some(logits);
        self.observe(Score { step, value, lowest }).map_err(fault)?;
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
        evaluate_telling(self.model.as_ref(), self.job.base, task.validation.as_ref(), task.labels.len(), self.job.alive).map_err(fault)
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

/// Everything that is measured of the predictions on a split, by name.
pub(crate) fn measured(measures: &Measures, logits: &Logits, examples: &dyn Examples) -> BTreeMap<String, f64> {
    let (labels, groups) = (examples.labels(), examples.groups());
    let mut metrics = measures.of(logits, &labels);
    if !groups.is_empty() {
        metrics.insert(Measure::GroupGap.name().to_owned(), group_gap(logits, &labels, &groups));
    }
    metrics
}

/// A model of `config` before its first step.
pub(crate) fn instantiate(
    base: &dyn BaseModel,
    classes: usize,
    config: &Config,
    head: &mut ChaCha8Rng,
) -> candle_core::Result<Box<dyn Model>> {
    let mut model = base.instantiate(classes, head)?;
    if let Adapter::Lora { rank, alpha, dropout, projections } = config.adapter {
        model.adapt(Lora { rank: rank as usize, alpha, dropout, projections }, head)?;
    }
    if config.frozen_norm == FrozenNorm::Batch {
        model.parameters_mut().thaw_buffers()?;
    }
    Ok(model)
}

/// For `Balanced` the weight of each class; a class without examples has 1.
fn class_weights(config: &Config, task: &Task) -> Option<Vec<f32>> {
    if config.class_weights == ClassWeights::Off {
        return None;
    }
    let mut counts = vec![0u64; task.labels.len()];
    for label in task.train.labels() {
        counts[label as usize] += 1;
    }
    let even = task.train.len() as f64 / counts.len() as f64;
    Some(counts.into_iter().map(|count| if count == 0 { 1.0 } else { (even / count as f64) as f32 }).collect())
}

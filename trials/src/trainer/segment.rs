//! Training from one pause to the next.

use std::path::{Path, PathBuf};

use crossbeam_channel::Sender;
use engine::{
    clock::Stopwatch,
    runner::{Cancel, Checkpoint, Completed, Outcome, TrialError, TrialEvent, Weights},
};

use search_spaces::settings::Rungs;

use super::{Finished, Job, Trainer, evaluate::evaluate_telling, fault};
use crate::{
    metrics::Logits,
    predictions::{self, Names},
};

/// Where a segment writes.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    pub checkpoints: &'a Path,
    /// Predictions.
    pub artefacts: &'a Path,
    /// A checkpoint at least this often.
    pub checkpoint_every_seconds: f64,
}

/// Trains `job` until `rung`, from the start or from an earlier checkpoint, and tells of it. A closed channel cancels.
pub fn run(
    job: Job,
    rung: usize,
    places: Places,
    from: Option<&Checkpoint>,
    events: &Sender<TrialEvent>,
    cancel: &Cancel,
) -> Result<Outcome, TrialError> {
    let watch = Stopwatch::start();
    let mut trainer = match from {
        Some(checkpoint) => Trainer::resume(job, checkpoint)?,
        None => Trainer::new(job)?,
    };
    let first = trainer.step();
    let (mut saved_at, mut since) = (first, Stopwatch::start());
    while !trainer.is_over() && trainer.rungs_reached() <= rung {
        let cancelled = cancel.is_set();
        if (cancelled || since.seconds() >= places.checkpoint_every_seconds) && trainer.step() > saved_at {
            let checkpoint = trainer.save(places.checkpoints)?;
            (saved_at, since) = (trainer.step(), Stopwatch::start());
            if events.send(TrialEvent::Checkpointed(checkpoint)).is_err() {
                return Ok(Outcome::Cancelled);
            }
        }
        if cancelled {
            return Ok(Outcome::Cancelled);
        }
        trainer.train_step()?;
        let progress = TrialEvent::Step { step: trainer.step(), total_steps: trainer.plan().total_steps };
        let evaluated = trainer.evaluate_if_due()?.map(TrialEvent::Evaluated);
        if std::iter::once(progress).chain(evaluated).any(|event| events.send(event).is_err()) {
            return Ok(Outcome::Cancelled);
        }
    }
    let steps_trained = trainer.step() - first;
    let passes = trainer.plan().epochs_after(trainer.step()) - trainer.plan().epochs_after(first);
    // Several rungs of a short horizon may share its last step: only the top one ends there, the value at the others is the evaluation.
    // Where rungs are of equal cost, cheap trials are over before.
    let last = rung == job.ladder.top() || job.ladder.kind == Rungs::EqualCost;
    let ends = trainer.stopped_early() || (trainer.is_over() && last);
    let full_length = ends && !trainer.stopped_early();
    let (value, step, stopped_early, trainable_parameters, weights, checkpoint, logits) = if ends {
        let finished = trainer.finish(places.checkpoints, from)?;
        let logits = evaluate_telling(finished.model.as_ref(), job.base, job.task.validation.as_ref(), job.task.labels.len(), job.alive)
            .map_err(fault)?;
        let weights =
            Weights { parameters: finished.trained_parameters, bytes: finished.model.parameters().weights_from(usize::MAX).bytes };
        let Finished { value, step, stopped_early, trained_parameters, checkpoint, .. } = finished;
        (value, step, stopped_early, trained_parameters, weights, checkpoint, logits)
    } else {
        let last = trainer.last().ok_or_else(|| fault("the rung was reached without an evaluation"))?;
        let checkpoint = if trainer.step() == first { from.cloned() } else { None };
        let checkpoint = checkpoint.map_or_else(|| trainer.save(places.checkpoints), Ok)?;
        let (trained, weights) = (trainer.trained_parameters(), trainer.weights_in_full());
        (last.value, last.step, false, trained, weights, checkpoint, trainer.validation_logits()?)
    };
    let completed = Completed {
        value,
        step,
        stopped_early,
        full_length,
        steps_trained,
        passes,
        trainable_parameters,
        weights,
        predictions: Some(write_predictions(job, &logits, places.artefacts)?),
        seconds: watch.seconds(),
        checkpoint: Some(checkpoint),
    };
    let new = completed.checkpoint.clone().filter(|checkpoint| Some(checkpoint) != from);
    match new.map(|checkpoint| events.send(TrialEvent::Checkpointed(checkpoint))) {
        Some(Err(_)) => Ok(Outcome::Cancelled),
        Some(Ok(())) | None => Ok(Outcome::Completed(completed)),
    }
}

fn write_predictions(job: Job, logits: &Logits, artefacts: &Path) -> Result<PathBuf, TrialError> {
    let path = artefacts.join(format!("trial-{}-predictions.csv", job.trial));
    let names = Names { labels: &job.task.labels, groups: &job.task.groups };
    predictions::write(&path, "validation", job.task.validation.as_ref(), names, logits)
        .map_err(|error| TrialError::Machine(error.to_string()))?;
    Ok(path)
}

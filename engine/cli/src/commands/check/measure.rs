//! A few steps of a config, to tell what all of them would take.

use std::{
    cmp::Reverse,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use engine::{
    clock::Stopwatch,
    devices::DeviceSlots,
    runner::{Cancel, Completed, Outcome, Segment, SlotInfo, TrialEvent, TrialRunner as _},
};
use search_spaces::{config::Config, ladder::Ladder};
use trials::{
    data::{self, Examples},
    prepare::Prepared,
    runner::RunnerSettings,
};

use super::{super::ready::runner_settings, Task};
use crate::exit::Error;

/// Optimizer steps of each probe: enough to leave the first, slow ones out.
const STEPS: u64 = 6;
/// Validation examples that a probe evaluates at most.
const EVALUATED: usize = 256;

/// What one config cost.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) batch_size: u32,
    pub(super) seconds_per_step: f64,
    /// Of the whole validation split.
    pub(super) evaluation_seconds: f64,
    pub(super) checkpoint_bytes: u64,
    pub(super) trainable_parameters: u64,
}

impl Probe {
    pub(super) fn seconds_per_example(&self) -> f64 {
        self.seconds_per_step / f64::from(self.batch_size)
    }

    /// How many evaluations fall into `steps`, which may be of many trainings. However often the space asks for them, there is one a step at most.
    pub(super) fn evaluations(&self, steps: f64, task: Task<'_>) -> f64 {
        let steps_per_epoch = task.spec.examples_per_epoch as f64 / f64::from(self.batch_size);
        steps / (task.spec.space.settings.eval_every * steps_per_epoch).max(1.0)
    }

    /// Bytes of a copy of its best weights, which a few steps do not make: in memory, and in a checkpoint when the best are not the last.
    pub(super) fn weights(&self) -> f64 {
        self.trainable_parameters as f64 * 4.0
    }
}

/// Trains a few steps on the task's data, as a trial of its own in a folder of its own. It evaluates a part of a large validation split; what that takes is
/// scaled to the whole. A panic is an error like others, for a metric may be the user's own.
pub(super) fn probe(name: &'static str, config: &Config, task: Task<'_>, device: &DeviceSlots) -> Result<Probe, Error> {
    let prepared = &task.ready.prepared;
    let validation = &prepared.task.validation;
    let examples = validation.len();
    let few = examples.div_ceil(EVALUATED).max(1);
    let some: Vec<usize> = (0..examples).step_by(few).collect();
    let times = examples as f64 / some.len().max(1) as f64;
    let task_of_some = data::Task { validation: validation.subset(&some), ..(*prepared.task).clone() };
    let probe = train(name, config, &Prepared { task: Arc::new(task_of_some), ..prepared.clone() }, task, device)?;
    Ok(Probe { evaluation_seconds: probe.evaluation_seconds * times, ..probe })
}

/// The same on the longest examples, for the memory it needs: that is a matter of the longest batches, which a few steps seldom meet.
pub(super) fn probe_longest(name: &'static str, config: &Config, task: Task<'_>, device: &DeviceSlots) -> Result<(), Error> {
    train(name, config, &longest(&task.ready.prepared, config.batch_size as usize), task, device).map(|_| ())
}

/// Two batches of the longest examples of each split.
fn longest(prepared: &Prepared, batch_size: usize) -> Prepared {
    let longest = |examples: &dyn Examples| {
        let mut indices: Vec<usize> = (0..examples.len()).collect();
        indices.sort_by_key(|index| Reverse(examples.length(*index)));
        indices.truncate(2 * batch_size);
        examples.subset(&indices)
    };
    let task = &prepared.task;
    let (train, validation) = (longest(task.train.as_ref()), longest(task.validation.as_ref()));
    let task = data::Task { train, validation, test: task.test.subset(&[]), labels: task.labels.clone(), groups: task.groups.clone() };
    Prepared { task: Arc::new(task), ..prepared.clone() }
}

fn train(name: &'static str, config: &Config, prepared: &Prepared, task: Task<'_>, device: &DeviceSlots) -> Result<Probe, Error> {
    let folder = tempfile::tempdir().map_err(|e| Error::environment(format!("cannot make a temporary folder: {e}")))?;
    let total = config.total_steps(prepared.task.train.len() as u64);
    let steps = STEPS.min(total);
    let horizon = task.spec.ladder.horizon();
    // A rung after exactly that many steps.
    let rung = (u128::from(steps) * u128::from(horizon) / u128::from(total.max(1))) as u64;
    let ladder = Ladder {
        eta: task.spec.ladder.eta,
        rungs: if rung < horizon { vec![rung.max(1), horizon] } else { vec![horizon] },
        ..Ladder::default()
    };
    let segment = Segment {
        trial: 0,
        fold: None,
        rung: 0,
        ladder,
        config: config.clone(),
        micro_batch: None,
        assignment: None,
        seed: task.spec.space.settings.seed,
        checkpoints: folder.path().to_owned(),
        artefacts: folder.path().to_owned(),
    };
    let slot = SlotInfo { name: format!("{}/0", device.device), device: device.device, threads: device.threads };
    // Without room: training waits until a step has been seen, so that steps that are seen late are not taken for quick ones.
    let (sender, receiver) = crossbeam_channel::bounded(0);
    let watch = Stopwatch::start();
    // No evaluation but that at the rung, so that the steps before it are nothing but steps.
    let settings = RunnerSettings { eval_every: f64::from(config.epochs.max(1)), ..runner_settings(&task.spec.space) };
    let runner = prepared.runner(settings);
    let (outcome, times) = std::thread::scope(|scope| {
        let times = scope.spawn(move || {
            let mut times = Vec::new();
            for event in receiver {
                match event {
                    TrialEvent::Step { .. } => times.push(watch.seconds()),
                    TrialEvent::Alive | TrialEvent::Evaluated(_) | TrialEvent::Checkpointed(_) => {}
                }
            }
            times
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| runner.run(&segment, &slot, None, &sender, &Cancel::default())));
        drop(sender);
        (outcome, times.join().unwrap_or_default())
    });
    let completed = match outcome {
        Ok(Ok(Outcome::Completed(completed))) => completed,
        Ok(Ok(Outcome::Cancelled)) => return Err(Error::failed(format!("the probe of the {name} config was cancelled"))),
        Ok(Err(error)) => return Err(Error::trial(format!("the probe of the {name} config failed"), &error)),
        Err(_) => return Err(Error::no_trial(format!("the probe of the {name} config panicked"))),
    };
    Ok(measured(name, config, &completed, &times, watch.seconds()))
}

fn measured(name: &'static str, config: &Config, completed: &Completed, times: &[f64], seconds: f64) -> Probe {
    // A step is told once the evaluation that is due after it is over: that of the last one holds the evaluation at the rung. The first
    // one is left out, which pays for what later ones find warm.
    let mut between: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let last = between.pop();
    between.sort_by(f64::total_cmp);
    let per_step = between.get(between.len() / 2).copied().unwrap_or(seconds / completed.steps_trained.max(1) as f64);
    Probe {
        name,
        batch_size: config.batch_size,
        seconds_per_step: per_step,
        evaluation_seconds: last.map_or(0.0, |last| (last - per_step).max(0.0)),
        checkpoint_bytes: completed.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.bytes),
        trainable_parameters: completed.trainable_parameters,
    }
}

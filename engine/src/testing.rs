//! A study without a model: its trials follow curves that can be written down.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Sender;
use rand::RngExt;
use search_spaces::{
    config::{Config, Optimizer},
    ladder::Ladder,
    space::Space,
};

use crate::{
    devices::Device,
    events::WorkerInfo,
    runner::{Cancel, Checkpoint, Completed, Evaluation, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner, Weights},
    spec::StudySpec,
    streams::{Purpose, stream},
};

pub(crate) fn config(learning_rate: f64) -> Config {
    let mut config = spec(1).space.recipes[0].config.clone();
    config.optimizer = match config.optimizer {
        Optimizer::AdamW { beta1, beta2, epsilon, weight_decay, .. } => {
            Optimizer::AdamW { learning_rate, beta1, beta2, epsilon, weight_decay }
        }
        other => other,
    };
    config
}

/// A worker of one slot on the processor, without a clock or a lock.
pub(crate) fn worker(name: &str) -> WorkerInfo {
    WorkerInfo { worker: name.to_owned(), device: Device::Cpu, slots: 1, threads: 1, pid: 1, boot: 1, clock: None, lock: None }
}

/// One learning rate is searched; rungs at 4, 12 and 36 steps; the default recipe is trial 0.
pub(crate) fn spec(trials: u32) -> StudySpec {
    study("LogUniform(1e-5, 1e-1)", trials)
}

pub(crate) fn study(learning_rates: &str, trials: u32) -> StudySpec {
    let text = format!(
        r#"Sweep(
            model: Path("model"),
            data: Text(files: One(Path("texts.csv")), text: "text", label: "label"),
            objective: Maximize(Accuracy),
            settings: (trials: {trials}, eta: 3, r_min: Examples(4), seed: 7, sampler: Tpe, scheduler: SuccessiveHalving, finalists: 0),
            space: (epochs: 1, optimizer: AdamW(learning_rate: {learning_rates})),
        )"#
    );
    let space = Space::parse(Path::new("/spaces/test.ron"), &text).unwrap_or_else(|problems| panic!("{problems}"));
    StudySpec {
        space_hash: space.hash(),
        model: PathBuf::from("/spaces/model"),
        data: space.data.clone(),
        ladder: Ladder::new(4, 3, 36),
        examples_per_epoch: 36,
        data_hash: "d".to_owned(),
        model_hash: "m".to_owned(),
        space,
    }
}

/// The step at which it goes wrong, before the first rung.
pub(crate) const FAULT_AT: u64 = 3;

/// What goes wrong with some trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Panics,
    Fails,
    NotANumber,
    StopsEarly,
    /// Has trained all its steps there, as cheap configs may where rungs are of equal cost.
    IsCheap,
    /// Says it was cancelled when it was not.
    GivesUp,
    /// The machine's fault.
    DiskFull,
    /// Unless it trains with fewer examples at a time.
    OutOfMemory,
    /// However few it trains with.
    NeverFits,
    /// The device's fault.
    DeviceGone,
}

/// Trains nothing: a step counts, and values follow a curve that depends on the learning rate. Its checkpoints are files that hold the step.
#[derive(Debug, Default)]
pub(crate) struct CurveRunner {
    pub faults: BTreeMap<u32, Fault>,
    pub step_takes: Duration,
    /// A simulated clock that every step moves on by a second.
    pub clock: Option<&'static AtomicI64>,
    /// Fails on the fold of this index.
    pub fold_fails: Option<u32>,
    /// A checkpoint every so many steps; 0: at the end only.
    pub checkpoint_every: u64,
    /// What each example at a time takes of memory.
    pub bytes_an_example: u64,
    /// Every step trained, in the order of training.
    pub trained: Mutex<Vec<(u32, u64)>>,
    /// Most segments that ran at a time.
    pub most_at_a_time: AtomicU64,
    pub running: AtomicU64,
}

impl CurveRunner {
    pub(crate) fn with(faults: impl IntoIterator<Item = (u32, Fault)>) -> CurveRunner {
        CurveRunner { faults: faults.into_iter().collect(), ..CurveRunner::default() }
    }

    /// Steps trained more than once.
    pub(crate) fn repeated(&self) -> usize {
        let mut steps = self.trained.lock().unwrap().clone();
        let all = steps.len();
        steps.sort_unstable();
        steps.dedup();
        all - steps.len()
    }

    fn train(
        &self,
        segment: &Segment,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        cancel: &Cancel,
    ) -> Result<Outcome, TrialError> {
        let total = segment.ladder.horizon();
        let target = segment.ladder.step(segment.rung, total);
        let fault = self.faults.get(&segment.trial);
        let start = match from.map(|checkpoint| (checkpoint.step, std::fs::read_to_string(&checkpoint.path))) {
            None => 0,
            Some((step, Ok(text))) if text == step.to_string() => step,
            Some((step, _)) => return Err(TrialError::CheckpointLost(format!("the checkpoint of step {step} is lost"))),
        };
        match fault {
            Some(Fault::OutOfMemory) if segment.micro_batch.is_none() => {
                return Err(TrialError::OutOfMemory("no memory is left".to_owned()));
            }
            Some(Fault::NeverFits) => return Err(TrialError::OutOfMemory("no memory is left".to_owned())),
            _ => {}
        }
        let mut step = start;
        while step < target {
            if cancel.is_set() {
                let _ = events.send(TrialEvent::Checkpointed(save(segment, step)));
                return Ok(Outcome::Cancelled);
            }
            if !self.step_takes.is_zero() {
                std::thread::sleep(self.step_takes);
            }
            if let Some(clock) = self.clock {
                clock.fetch_add(1000, Ordering::SeqCst);
            }
            step += 1;
            self.trained.lock().unwrap().push((segment.trial, step));
            if step == FAULT_AT && segment.fold.is_some_and(|fold| Some(fold.index) == self.fold_fails) {
                return Err(TrialError::NonFiniteLoss { step, loss: "NaN".to_owned() });
            }
            if step == FAULT_AT {
                match fault {
                    Some(Fault::Panics) => panic!("a shape was wrong"),
                    Some(Fault::Fails) => return Err(TrialError::NonFiniteLoss { step, loss: "NaN".to_owned() }),
                    Some(Fault::DiskFull) => return Err(TrialError::Machine("the disk is full".to_owned())),
                    Some(Fault::GivesUp) => return Ok(Outcome::Cancelled),
                    Some(Fault::DeviceGone) => return Err(TrialError::Device("it fell off the bus".to_owned())),
                    Some(Fault::NotANumber | Fault::StopsEarly | Fault::IsCheap | Fault::OutOfMemory | Fault::NeverFits) | None => {}
                }
            }
            let sent = events.send(TrialEvent::Step { step, total_steps: total });
            if sent.is_err() {
                return Ok(Outcome::Cancelled);
            }
            if step.is_multiple_of(4) {
                let _ = events.send(TrialEvent::Evaluated(evaluation(segment, step)));
            }
            if self.checkpoint_every > 0 && step.is_multiple_of(self.checkpoint_every) && step < target {
                let _ = events.send(TrialEvent::Checkpointed(save(segment, step)));
            }
            if fault == Some(&Fault::StopsEarly) && step == FAULT_AT {
                return Ok(completed(segment, start, step, true, self.clock.is_some()));
            }
            if let (Some(Fault::IsCheap), FAULT_AT) = (fault, step) {
                let Outcome::Completed(done) = completed(segment, start, step, false, self.clock.is_some()) else { unreachable!() };
                return Ok(Outcome::Completed(Completed { full_length: true, ..done }));
            }
        }
        let mut outcome = completed(segment, start, step, false, self.clock.is_some());
        if let (Outcome::Completed(completed), Some(Fault::NotANumber)) = (&mut outcome, fault) {
            completed.value = f64::NAN;
        }
        Ok(outcome)
    }
}

impl TrialRunner for CurveRunner {
    fn run(
        &self,
        segment: &Segment,
        _: &SlotInfo,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        cancel: &Cancel,
    ) -> Result<Outcome, TrialError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_a_time.fetch_max(running, Ordering::SeqCst);
        let result = self.train(segment, from, events, cancel);
        self.running.fetch_sub(1, Ordering::SeqCst);
        result
    }

    fn memory(&self, config: &Config) -> Option<u64> {
        Some(self.bytes_an_example * u64::from(config.micro_batch.unwrap_or(config.batch_size)))
    }

    fn examples_per_epoch(&self) -> u64 {
        36
    }
}

fn completed(segment: &Segment, start: u64, step: u64, stopped_early: bool, timed: bool) -> Outcome {
    Outcome::Completed(Completed {
        value: value(segment, step),
        step,
        stopped_early,
        full_length: false,
        steps_trained: step - start,
        seconds: if timed { (step - start) as f64 } else { 0.0 },
        passes: (step - start) as f64 / 36.0,
        trainable_parameters: 10,
        weights: weights(segment),
        checkpoint: Some(save(segment, step)),
        predictions: None,
    })
}

/// The more, the higher the learning rate: about ten thousand for 1e-3.
fn weights(segment: &Segment) -> Weights {
    let parameters = (1e7 * learning_rate(segment)) as u64;
    Weights { parameters, bytes: 4 * parameters }
}

fn learning_rate(segment: &Segment) -> f64 {
    match segment.config.optimizer {
        Optimizer::AdamW { learning_rate, .. } => learning_rate,
        _ => 1e-4,
    }
}

/// Best at 1e-3, with a little noise that belongs to the trial.
fn value(segment: &Segment, step: u64) -> f64 {
    let learning_rate = learning_rate(segment);
    let noise: f64 = stream(segment.seed, segment.trial, Purpose::DataOrder).random();
    let fold = segment.fold.map_or(0.0, |fold| 0.001 * f64::from(fold.index + 1));
    let limit = 1.0 - 0.1 * (learning_rate.log10() + 3.0).abs() + 0.01 * noise - fold;
    limit * (1.0 - (-(step as f64) / 10.0).exp())
}

fn evaluation(segment: &Segment, step: u64) -> Evaluation {
    Evaluation {
        step,
        examples: step,
        epoch: step as f64 / 36.0,
        train_loss: 1.0 / step as f64,
        metrics: BTreeMap::from([("accuracy".to_owned(), value(segment, step))]),
        learning_rates: vec![("head".to_owned(), 1e-3)],
        rung: None,
    }
}

fn save(segment: &Segment, step: u64) -> Checkpoint {
    let path = segment.checkpoints.join(format!("trial-{}-step-{step}.ckpt", segment.trial));
    std::fs::write(&path, step.to_string()).expect("the folder is there");
    Checkpoint { path, step, blake3: "00".to_owned(), bytes: 2 }
}

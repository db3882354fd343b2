//! Trains nothing: a step moves a few numbers, which every checkpoint holds and every value depends on. So a wrong checkpoint gives another
//! leaderboard.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    env,
    fs::{File, OpenOptions},
    io::Write as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::Sender;
use engine::{
    runner::{Cancel, Checkpoint, Completed, Evaluation, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner, Weights},
    streams::{Purpose, stream},
};
use rand::RngExt as _;
use search_spaces::config::Optimizer;
use trials::{
    checkpoint::{self, Array},
    prepare::Prepared,
    runner::RunnerSettings,
    trainer::stored,
};

/// Steps between checkpoints within a segment.
pub(crate) const CHECKPOINT_EVERY: u64 = 5;

/// Set: the program trains curves in place of models, and writes what it trains to this file.
pub(crate) const TRACE: &str = "FAULTS_TRACE";
/// Milliseconds a step takes.
pub(crate) const STEP: &str = "FAULTS_STEP_MILLIS";

/// Numbers a trial consists of: some pages of a disk.
const NUMBERS: usize = 3000;

#[derive(Debug)]
struct Curves {
    examples: u64,
    step_takes: Duration,
    trace: File,
}

/// The runner that the environment asks for.
pub(crate) fn runner(prepared: &Prepared, settings: RunnerSettings) -> Arc<dyn TrialRunner> {
    let Some(trace) = env::var_os(TRACE).map(PathBuf::from) else { return Arc::new(prepared.runner(settings)) };
    let millis = env::var(STEP).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let trace = OpenOptions::new().append(true).create(true).open(trace).expect("the trace can be written");
    Arc::new(Curves { examples: prepared.task.train.len() as u64, step_takes: Duration::from_millis(millis), trace })
}

/// A trial after some steps.
struct Trained {
    step: u64,
    numbers: Vec<f32>,
}

impl Trained {
    fn new(segment: &Segment) -> Trained {
        let mut start = stream(segment.seed, segment.trial, Purpose::HeadWeights);
        Trained { step: 0, numbers: (0..NUMBERS).map(|_| start.random::<f32>()).collect() }
    }

    fn load(from: &Checkpoint) -> Result<Trained, TrialError> {
        let contents = checkpoint::read(from).map_err(stored)?;
        let wrong = || TrialError::Other(format!("{} holds another step than {}", from.path.display(), from.step));
        let (_, numbers) = contents.get("numbers").filter(|_| contents.state == from.step.to_string()).ok_or_else(wrong)?;
        Ok(Trained { step: from.step, numbers })
    }

    fn save(&self, segment: &Segment, ending: &str) -> Result<Checkpoint, TrialError> {
        let path = segment.checkpoints.join(format!("trial-{}-step-{}{ending}.ckpt", segment.trial, self.step));
        let arrays = [("numbers".to_owned(), Array::Flat(Cow::Borrowed(&self.numbers[..])))];
        checkpoint::write(&path, self.step, &self.step.to_string(), &arrays).map_err(stored)
    }

    fn train(&mut self) {
        self.step += 1;
        let moved = (self.step as f32 * 0.37).sin();
        self.numbers.iter_mut().for_each(|number| *number = 0.9 * *number + 0.1 * moved * (1.0 - *number));
    }

    /// Best at a rate of 1e-3.
    fn value(&self, segment: &Segment) -> f64 {
        let rate = match segment.config.optimizer {
            Optimizer::AdamW { learning_rate, .. } => learning_rate,
            _ => 1e-4,
        };
        let mean = f64::from(self.numbers.iter().sum::<f32>()) / NUMBERS as f64;
        let fold = segment.fold.map_or(0.0, |fold| 0.001 * f64::from(fold.index + 1));
        let limit = 0.9 - 0.1 * (rate.log10() + 3.0).abs() + 0.02 * mean - fold;
        limit * (1.0 - (-(self.step as f64) / 20.0).exp())
    }
}

impl Curves {
    fn trace(&self, segment: &Segment, what: &str, step: u64) {
        let fold = segment.fold.map_or_else(String::new, |fold| format!("/{}", fold.index));
        // One write, so that lines of several slots do not mix.
        (&self.trace).write_all(format!("{}{fold} {what} {step}\n", segment.trial).as_bytes()).expect("the trace can be written");
    }

    fn evaluation(&self, trained: &Trained, segment: &Segment, rung: Option<usize>) -> Evaluation {
        Evaluation {
            step: trained.step,
            examples: trained.step * u64::from(segment.config.batch_size),
            epoch: trained.step as f64 * f64::from(segment.config.batch_size) / self.examples as f64,
            train_loss: 1.0 / trained.step as f64,
            metrics: BTreeMap::from([("accuracy".to_owned(), trained.value(segment)), ("loss".to_owned(), 1.0 / trained.step as f64)]),
            learning_rates: vec![("head".to_owned(), 1e-3)],
            rung,
        }
    }
}

impl TrialRunner for Curves {
    fn run(
        &self,
        segment: &Segment,
        _: &SlotInfo,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        cancel: &Cancel,
    ) -> Result<Outcome, TrialError> {
        let total = segment.config.total_steps(self.examples);
        let rungs: Vec<u64> = (0..segment.ladder.rungs.len()).map(|rung| segment.ladder.step(rung, total)).collect();
        let mut trained = match from {
            Some(from) => Trained::load(from)?,
            None => Trained::new(segment),
        };
        let start = trained.step;
        let mut saved = start;
        self.trace(segment, "from", start);
        while trained.step < rungs[segment.rung] {
            let cancelled = cancel.is_set();
            if (cancelled || trained.step - saved >= CHECKPOINT_EVERY) && trained.step > saved {
                let checkpoint = trained.save(segment, "")?;
                saved = trained.step;
                if events.send(TrialEvent::Checkpointed(checkpoint)).is_err() {
                    return Ok(Outcome::Cancelled);
                }
            }
            if cancelled {
                return Ok(Outcome::Cancelled);
            }
            std::thread::sleep(self.step_takes);
            trained.train();
            self.trace(segment, "step", trained.step);
            let rung = rungs.iter().position(|rung| *rung == trained.step);
            let step = TrialEvent::Step { step: trained.step, total_steps: total };
            let evaluated = rung.map(|_| TrialEvent::Evaluated(self.evaluation(&trained, segment, rung)));
            if std::iter::once(step).chain(evaluated).any(|event| events.send(event).is_err()) {
                return Ok(Outcome::Cancelled);
            }
        }
        let ending = if segment.rung == segment.ladder.top() { "-final" } else { "" };
        let steps_trained = trained.step - start;
        Ok(Outcome::Completed(Completed {
            value: trained.value(segment),
            step: trained.step,
            stopped_early: false,
            full_length: false,
            steps_trained,
            seconds: self.step_takes.as_secs_f64() * steps_trained as f64,
            passes: steps_trained as f64 * f64::from(segment.config.batch_size) / self.examples as f64,
            trainable_parameters: NUMBERS as u64,
            weights: Weights { parameters: NUMBERS as u64, bytes: 4 * NUMBERS as u64 },
            checkpoint: Some(trained.save(segment, ending)?),
            predictions: None,
        }))
    }

    fn examples_per_epoch(&self) -> u64 {
        self.examples
    }
}

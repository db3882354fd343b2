//! Studies for tests, made of events.

use std::path::{Path, PathBuf};

use engine::{
    devices::Device,
    events::{Event, TrialAdded, WorkerInfo},
    finalists::{FinalistsChosen, Repeat},
    runner::{Checkpoint, Completed, Evaluation},
    schedulers::Action,
    spec::StudySpec,
    state::TrialKind,
    store::{MemoryStore, Store},
    study::StudyState,
};
use search_spaces::{
    domain::{Assignment, Value},
    ladder::Ladder,
    space::Space,
};

use super::history::{History, KINDS};
use crate::progress::Words;

const WORKER: &str = "cpu#1";

/// A study whose events are told one after the other, a second apart.
pub(in crate::commands) struct Sample {
    pub(in crate::commands) store: MemoryStore,
    pub(in crate::commands) now: i64,
    seq: u64,
}

impl Sample {
    /// 8 trials on two slots, rungs at 4, 12 and 36 steps; nothing has begun.
    pub(in crate::commands) fn new() -> Sample {
        let text = r#"Sweep(
            model: Path("model"),
            data: Text(files: One(Path("texts.csv")), text: "text", label: "label"),
            objective: Maximize(Accuracy),
            settings: (trials: 8, budget: "2h", eta: 3, r_min: Examples(64), seed: 7, finalists: 2, finalist_seeds: 2),
            space: (epochs: 1, batch_size: 16, optimizer: AdamW(learning_rate: LogUniform(1e-5, 1e-1)), warmup: Choice([0.0, 0.1])),
        )"#;
        let space = Space::parse(Path::new("/spaces/test.ron"), text).unwrap();
        let spec = StudySpec {
            space_hash: space.hash(),
            model: PathBuf::from("/spaces/model"),
            data: space.data.clone(),
            ladder: Ladder::new(64, 3, 576),
            examples_per_epoch: 576,
            data_hash: String::new(),
            model_hash: String::new(),
            space,
        };
        let mut store = MemoryStore::default();
        store.create(0, spec).unwrap();
        Sample { store, now: 0, seq: 1 }
    }

    pub(in crate::commands) fn state(&mut self) -> &StudyState {
        self.store.state().unwrap().unwrap()
    }

    pub(in crate::commands) fn tell(&mut self, events: &[Event]) {
        self.now += 1000;
        self.store.commit(self.now, &mut |_| events.to_vec()).unwrap();
        self.seq += events.len() as u64;
    }

    pub(in crate::commands) fn begin(&mut self) {
        self.begin_as(WORKER);
    }

    pub(in crate::commands) fn begin_as(&mut self, worker: &str) {
        let info =
            WorkerInfo { worker: worker.to_owned(), device: Device::Cpu, slots: 2, threads: 1, pid: 1, boot: 1, clock: None, lock: None };
        self.tell(&[Event::WorkerStarted(info)]);
    }

    pub(in crate::commands) fn end(&mut self) {
        self.tell(&[Event::WorkerEnded { worker: WORKER.to_owned() }]);
    }

    /// Adds the next trial, the default recipe first, and lets a slot claim it.
    pub(in crate::commands) fn start(&mut self, slot: usize) -> u32 {
        let upto_seq = self.seq;
        let state = self.state();
        let number = state.search.trials().len() as u32;
        let recipe = state.spec.space.recipes.get(number as usize).cloned();
        let place = [
            ("optimizer.AdamW.learning_rate".to_owned(), Value::Float(1e-5 * f64::from(number + 1).powi(3))),
            ("warmup".to_owned(), Value::Option(number as usize % 2)),
        ];
        let assignment = Assignment(place.into());
        let config = match &recipe {
            Some(recipe) => recipe.config.clone(),
            None => state.spec.space.config(&assignment).unwrap(),
        };
        let trial = TrialAdded {
            number,
            kind: if recipe.is_some() { TrialKind::Recipe } else { TrialKind::Search },
            config: config.into(),
            assignment: recipe.is_none().then_some(assignment),
            recipe: recipe.map(|recipe| recipe.name),
            learn_from: 0,
            snapshot_seq: upto_seq,
        };
        let decided = Event::Decided { upto_seq, action: Action::Start { learn_from: 0 }, worker: WORKER.to_owned() };
        self.tell(&[decided, Event::TrialAdded(Box::new(trial)), claimed(number, 0, 1, slot)]);
        number
    }

    /// Lets one that waits go on to the next rung.
    pub(in crate::commands) fn promote(&mut self, trial: u32, slot: usize) {
        let upto_seq = self.seq;
        let (rung, fence) = (self.state().search.trials()[trial as usize].values.len(), self.state().trials[trial as usize].fence + 1);
        let action = Action::Promote { trial, rung };
        self.tell(&[Event::Decided { upto_seq, action, worker: WORKER.to_owned() }, claimed(trial, rung, fence, slot)]);
    }

    pub(in crate::commands) fn evaluate(&mut self, trial: u32, step: u64, value: f64) {
        let fence = self.state().trials[trial as usize].fence;
        self.tell(&[Event::Evaluated { trial, fence, evaluation: Box::new(evaluation(step, value)) }]);
    }

    pub(in crate::commands) fn complete(&mut self, trial: u32, value: f64) {
        let state = self.state();
        let (rung, fence) = {
            let progress = &state.trials[trial as usize];
            (progress.claim.as_ref().unwrap().rung, progress.fence)
        };
        let ladder = &state.search.ladder;
        let step = ladder.step(rung, 36);
        let steps = step - rung.checked_sub(1).map_or(0, |below| ladder.step(below, 36));
        self.evaluate(trial, step, value);
        let completed = Completed {
            value,
            step,
            steps_trained: steps,
            seconds: 2.0 * steps as f64,
            trainable_parameters: 1234,
            checkpoint: Some(Checkpoint {
                path: format!("checkpoints/trial-{trial}-step-{step}.ckpt").into(),
                step,
                blake3: "00".to_owned(),
                bytes: 1,
            }),
            ..Completed::default()
        };
        self.tell(&[Event::SegmentCompleted { trial, rung, fence, completed: Box::new(completed) }]);
    }

    pub(in crate::commands) fn fail(&mut self, trial: u32, cause: &str) {
        let (rung, fence) = {
            let progress = &self.state().trials[trial as usize];
            (progress.claim.as_ref().unwrap().rung, progress.fence)
        };
        self.tell(&[Event::SegmentFailed { trial, rung, fence, cause: cause.to_owned() }]);
    }

    /// The training of a finalist that waits.
    pub(in crate::commands) fn claim(&mut self, trial: u32, slot: usize) {
        let rung = self.state().search.ladder.top();
        self.tell(&[claimed(trial, rung, 1, slot)]);
    }

    pub(in crate::commands) fn choose_finalists(&mut self, trials: &[u32]) -> Vec<u32> {
        let first = self.state().search.trials().len() as u32;
        let added: Vec<Repeat> = (first..).zip(trials).map(|(number, parent)| Repeat { number, parent: *parent }).collect();
        let chosen =
            FinalistsChosen { trials: trials.to_vec(), seeds: 2, wanted: (trials.len(), 2), seconds_left: None, added: added.clone() };
        self.tell(&[Event::FinalistsChosen(Box::new(chosen))]);
        added.into_iter().map(|repeat| repeat.number).collect()
    }

    /// All that has happened, as a store on the disk would hand it out.
    pub(super) fn history(&mut self) -> History {
        let events = self.store.events(0).unwrap();
        let state = self.store.state().unwrap().unwrap();
        let (words, mut history, mut before) = (Words::of(&state.spec), History::default(), 0);
        for logged in &events {
            if KINDS.contains(&logged.event.kind()) {
                history.take(before, logged, state, &words);
            }
            (before, history.upto) = (logged.at, logged.seq);
        }
        history
    }
}

pub(super) fn evaluation(step: u64, value: f64) -> Evaluation {
    Evaluation {
        step,
        examples: step * 16,
        epoch: step as f64 / 36.0,
        train_loss: 1.0 - value,
        metrics: [("accuracy".to_owned(), value)].into(),
        learning_rates: Vec::new(),
        rung: None,
    }
}

fn claimed(trial: u32, rung: usize, fence: u64, slot: usize) -> Event {
    claimed_by(WORKER, trial, rung, fence, slot)
}

pub(in crate::commands) fn claimed_by(worker: &str, trial: u32, rung: usize, fence: u64, slot: usize) -> Event {
    Event::SegmentClaimed { trial, rung, fence, worker: worker.to_owned(), slot: format!("cpu/{slot}") }
}

/// Two slots at work; three rungs have trials, one trial has failed.
pub(in crate::commands) fn running() -> Sample {
    let mut sample = Sample::new();
    sample.begin();
    let default = sample.start(0);
    let second = sample.start(1);
    sample.complete(second, 0.61);
    sample.complete(default, 0.55);
    let third = sample.start(1);
    sample.promote(default, 0);
    sample.fail(third, "the training loss became NaN at step 3: a lower learning rate, warm-up or clip_norm usually helps");
    let fourth = sample.start(1);
    sample.complete(default, 0.7);
    sample.promote(default, 0);
    sample.complete(fourth, 0.74);
    sample.promote(fourth, 1);
    sample.complete(default, 0.81);
    sample.complete(fourth, 0.8);
    sample.promote(fourth, 1);
    sample.start(0);
    sample.evaluate(fourth, 18, 0.82);
    sample.evaluate(fourth, 27, 0.85);
    sample
}

/// The same to its end, with two finalists.
pub(in crate::commands) fn finished() -> Sample {
    let mut sample = running();
    sample.complete(3, 0.9);
    sample.complete(4, 0.3);
    for _ in 5..8 {
        let trial = sample.start(0);
        sample.complete(trial, 0.4 + 0.01 * f64::from(trial));
    }
    // The best other than the default recipe are taken to the top.
    for value in [0.65, 0.66] {
        sample.promote(1, 0);
        sample.complete(1, value);
    }
    let again = sample.choose_finalists(&[3, 0]);
    for (slot, trial) in again.into_iter().enumerate() {
        sample.claim(trial, slot);
        sample.complete(trial, 0.88 - 0.05 * slot as f64);
    }
    sample.end();
    sample
}

/// Every config fails.
pub(in crate::commands) fn failed() -> Sample {
    let mut sample = Sample::new();
    sample.begin();
    for trial in 0..8 {
        let number = sample.start(0);
        let cause = if trial % 3 == 0 { "a panic: index out of bounds" } else { "the training loss became NaN at step 3" };
        sample.fail(number, cause);
    }
    sample.end();
    sample
}

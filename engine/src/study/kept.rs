//! The state of a study as bytes, so that a large study opens without all of its events being folded again.
//!
//! A row for each trial, which changes with the trial; what belongs to no trial in two parts, by how often they change. All of it follows from the events: what
//! cannot be read is folded from them anew. MessagePack with the names of fields, so that fields may be added that have a default.

use std::{collections::BTreeMap, sync::Arc};

use search_spaces::settings::Settings;
use serde::{Deserialize, Serialize};

use super::{Dropped, PendingStart, StudyState, TrialProgress, trusted};
use crate::{
    clock::Base,
    enqueued::Queue,
    events::{Event, Logged, WorkerInfo},
    finalists::Finalists,
    folds::Folds,
    schedulers::Action,
    state::TrialState,
    tested::Look,
};

/// Raised whenever the same bytes would mean something else, or a field without a default is added: what was kept with another number is of no use.
const SHAPE: u32 = 1;

/// What belongs to no trial and changes with most events.
#[derive(Debug, Serialize, Deserialize)]
struct Now {
    shape: u32,
    seq: u64,
    /// Rows there must be.
    trials: usize,
    planned: u32,
    pending: Option<PendingStart>,
    closed_from: Option<u32>,
    gave_up_at: u32,
    workers: BTreeMap<String, WorkerInfo>,
    workers_started: u32,
    active_millis: i64,
    last_at: i64,
    #[serde(default)]
    clock: Option<Base>,
    #[serde(default)]
    target_reached: Option<u32>,
}

/// What belongs to no trial and seldom changes.
#[derive(Serialize)]
struct SettledRow<'a> {
    settings: &'a Settings,
    enqueued: &'a Queue,
    finalists: &'a Finalists,
    folds: &'a Folds,
    looks: &'a [Look],
    dropped: Dropped,
}

#[derive(Deserialize)]
struct Settled {
    settings: Settings,
    enqueued: Queue,
    finalists: Finalists,
    folds: Folds,
    looks: Vec<Look>,
    #[serde(default)]
    dropped: Dropped,
}

#[derive(Serialize)]
struct Row<'a> {
    search: &'a TrialState,
    progress: &'a TrialProgress,
    queued: bool,
    suspect: bool,
}

#[derive(Deserialize)]
struct OwnedRow {
    search: TrialState,
    progress: TrialProgress,
    queued: bool,
    suspect: bool,
}

/// A state in bytes, all of one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub now: Vec<u8>,
    pub settled: Vec<u8>,
    /// By trial number.
    pub rows: Vec<Vec<u8>>,
}

type Bytes = Result<Vec<u8>, rmp_serde::encode::Error>;

impl StudyState {
    pub(crate) fn kept_now(&self) -> Bytes {
        rmp_serde::to_vec_named(&Now {
            shape: SHAPE,
            seq: self.search.seq,
            trials: self.trials.len(),
            planned: self.search.planned,
            pending: self.pending.clone(),
            closed_from: self.closed_from,
            gave_up_at: self.gave_up_at,
            workers: self.workers.clone(),
            workers_started: self.workers_started,
            active_millis: self.active_millis,
            last_at: self.last_at,
            clock: self.clock.clone(),
            target_reached: self.target_reached,
        })
    }

    pub(crate) fn kept_settled(&self) -> Bytes {
        let StudyState { enqueued, finalists, folds, looks, dropped, .. } = self;
        rmp_serde::to_vec_named(&SettledRow { settings: self.settings(), enqueued, finalists, folds, looks, dropped: *dropped })
    }

    pub(crate) fn kept_row(&self, trial: u32) -> Bytes {
        let (search, progress) = (&self.search.trials()[trial as usize], &self.trials[trial as usize]);
        rmp_serde::to_vec_named(&Row { search, progress, queued: self.queue.contains(&trial), suspect: self.suspects.contains(&trial) })
    }

    /// Trials whose rows `event` has changed; `self` is the state after it.
    pub(crate) fn touched(&self, event: &Event) -> Vec<u32> {
        match event {
            Event::Decided { action: Action::Promote { trial, .. }, .. }
            | Event::SegmentClaimed { trial, .. }
            | Event::Evaluated { trial, .. }
            | Event::Checkpointed { trial, .. }
            | Event::CheckpointLost { trial, .. }
            | Event::OutOfMemory { trial, .. }
            | Event::SegmentCompleted { trial, .. }
            | Event::SegmentFailed { trial, .. }
            | Event::SegmentLost { trial, .. } => vec![*trial],
            Event::TrialAdded(trial) => vec![trial.number],
            Event::CheckpointsDropped { before, newest } => before.iter().chain(newest).copied().collect(),
            // Further trainings are queued, or taken out of the queue.
            Event::SettingsChanged(_) | Event::Enqueued(_) | Event::FinalistsChosen(_) => self.finalists.repeats().collect(),
            Event::Created(_)
            | Event::WorkerStarted(_)
            | Event::WorkerEnded { .. }
            | Event::WorkersLost { .. }
            | Event::Stopped { .. }
            | Event::Decided { action: Action::Start { .. }, .. }
            | Event::SpaceExhausted { .. }
            | Event::StartsClosed { .. }
            | Event::GivenUp { .. }
            | Event::FoldClaimed { .. }
            | Event::FoldCompleted { .. }
            | Event::FoldFailed { .. }
            | Event::FoldLost { .. }
            | Event::Tested(_) => Vec::new(),
        }
    }

    /// The state that was kept, of the study that begins with `first`. `None`: it is of no use, and has to be folded.
    pub(crate) fn from_kept(first: &Logged, kept: &Kept) -> Option<StudyState> {
        let now: Now = rmp_serde::from_slice(&kept.now).ok().filter(|now: &Now| now.shape == SHAPE)?;
        if now.trials != kept.rows.len() {
            return None;
        }
        let settled: Settled = rmp_serde::from_slice(&kept.settled).ok()?;
        let mut state = StudyState::begin(first).ok()?;
        let search = Arc::make_mut(&mut state.search);
        (search.seq, search.planned, search.finalists) = (now.seq, now.planned, settled.settings.finalists);
        for row in decode(&kept.rows)? {
            let trial = row.search.number;
            if trial as usize != search.trials().len() {
                return None;
            }
            search.add(row.search);
            state.trials.push(row.progress);
            if row.queued {
                state.queue.insert(trial);
            }
            if row.suspect {
                state.suspects.insert(trial);
            }
        }
        state.spec.space.settings = settled.settings;
        let Settled { enqueued, finalists, folds, looks, dropped, .. } = settled;
        let state = StudyState {
            pending: now.pending,
            closed_from: now.closed_from,
            gave_up_at: now.gave_up_at,
            workers: now.workers,
            workers_started: now.workers_started,
            active_millis: now.active_millis,
            last_at: now.last_at,
            clock: now.clock,
            target_reached: now.target_reached,
            enqueued,
            finalists,
            folds,
            looks,
            dropped,
            ..state
        };
        trusted::check_kept(&state).ok()?;
        Some(state)
    }
}

/// On all cores: it is most of what opening a large study takes.
fn decode(rows: &[Vec<u8>]) -> Option<Vec<OwnedRow>> {
    let part = |rows: &[Vec<u8>]| rows.iter().map(|row| rmp_serde::from_slice(row).ok()).collect::<Option<Vec<OwnedRow>>>();
    let size = rows.len().div_ceil(crate::devices::cores()).max(1000);
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = rows.chunks(size).map(|rows| scope.spawn(move || part(rows))).collect();
        threads.into_iter().map(|thread| thread.join().ok().flatten()).collect()
    });
    let mut all = Vec::with_capacity(rows.len());
    for part in parts {
        all.extend(part?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        store::{MemoryStore, Store as _},
        testing::{config, spec},
    };

    /// A store may come from a stranger, too: what leads out of the study's folder is not believed.
    #[test]
    fn a_state_that_no_events_lead_to_is_of_no_use() {
        let store = &mut MemoryStore::default();
        let first = with_a_trial(store);
        let state = store.state().unwrap().unwrap();
        let kept = |state: &StudyState| Kept {
            now: state.kept_now().unwrap(),
            settled: state.kept_settled().unwrap(),
            rows: vec![state.kept_row(0).unwrap()],
        };
        assert!(StudyState::from_kept(&first, &kept(state)).is_some());
        assert!(StudyState::from_kept(&first, &Kept { rows: Vec::new(), ..kept(state) }).is_none());
        let changed = |change: &dyn Fn(&mut StudyState)| {
            let mut state = state.clone();
            change(&mut state);
            StudyState::from_kept(&first, &kept(&state)).is_none()
        };
        assert!(changed(&|state| state.trials[0].checkpoint.as_mut().unwrap().path = "../elsewhere".into()));
        assert!(changed(&|state| state.trials[0].completed[0].2.predictions = Some("/etc/passwd".into())));
        assert!(changed(&|state| state.search_mut().change(0, |trial| trial.phase = crate::state::Phase::Active { rung: 9 })));
        assert!(changed(&|state| state.search_mut().change(0, |trial| trial.parent = Some(9))));
    }

    /// The names of all fields, without the values.
    fn shape(value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}{}", shape(value))).collect();
                format!("({})", fields.join(" "))
            }
            Value::Array(items) => {
                let mut shapes: Vec<String> = items.iter().map(shape).filter(|shape| !shape.is_empty()).collect();
                shapes.dedup();
                format!("[{}]", shapes.join(" "))
            }
            _ => String::new(),
        }
    }

    fn shapes(bytes: &[u8]) -> String {
        shape(&rmp_serde::from_slice::<Value>(bytes).unwrap())
    }

    /// Whoever changes this raises [`SHAPE`], unless all that is new has a default: what an older program has kept must not be misread.
    #[test]
    fn the_shape_of_what_is_kept() {
        let store = &mut MemoryStore::default();
        with_a_trial(store);
        let state = store.state().unwrap().unwrap();
        insta::assert_snapshot!(shapes(&state.kept_now().unwrap()), @"(active_millis clock closed_from gave_up_at last_at pending(enqueued learn_from number upto_seq worker) planned seq shape target_reached trials workers(cpu#1(boot device pid slots threads worker)) workers_started)");
        insta::assert_snapshot!(shapes(&state.kept_settled().unwrap()), @"(dropped(checkpoints steps) enqueued(all[] started) finalists(chosen open repeats()) folds() looks[] settings(budget_seconds checkpoint_every_seconds checkpoint_space_bytes devices eta eval_every finalist_seeds finalists folds r_min(Examples) rungs sampler scheduler seed stall_after_seconds target trials))");
        insta::assert_snapshot!(shapes(&state.kept_row(0).unwrap()), @"(progress(before cause checkpoint(blake3 bytes path step) claim(at from_step last_step rung saved slot worker) completed[[(checkpoint(blake3 bytes path step) full_length passes predictions seconds step steps_trained stopped_early trainable_parameters value weights(bytes parameters))]] crashes dropped_step fence furthest_step micro_batch noted() recipe salvaged[] steps_trained) queued search(assignment config(adapter augment(crop erase flip jitter mix) batch_size class_weights clip_norm decay_on dropout(attention(Constant) classifier(Constant) hidden(Constant)) early_stopping epochs frozen_norm keep label_smoothing layer_decay micro_batch optimizer(AdamW(beta1 beta2 epsilon learning_rate weight_decay)) schedule(Linear(end)) unfreeze warmup) inside kind number parent phase(Active(rung)) stopped_at values[]) suspect)");
    }

    /// On its way to the second rung, while the next is about to start. Gives the first event.
    fn with_a_trial(store: &mut MemoryStore) -> Logged {
        store.create(0, spec(3)).unwrap();
        let worker = "cpu#1".to_owned();
        let info = crate::testing::worker(&worker);
        let trial = crate::events::TrialAdded {
            number: 0,
            kind: crate::state::TrialKind::Search,
            config: config(1e-3).into(),
            assignment: None,
            recipe: None,
            learn_from: 0,
            snapshot_seq: 2,
        };
        let claimed = |fence| Event::SegmentClaimed { trial: 0, rung: 0, fence, worker: worker.clone(), slot: "cpu/0".to_owned() };
        let checkpoint = crate::runner::Checkpoint { path: "checkpoints/a".into(), step: 4, blake3: "00".to_owned(), bytes: 1 };
        let completed = crate::runner::Completed { checkpoint: Some(checkpoint), ..crate::runner::Completed::default() };
        let events = [
            Event::WorkerStarted(info),
            Event::Decided { upto_seq: 2, action: Action::Start { learn_from: 0 }, worker: worker.clone() },
            Event::TrialAdded(Box::new(trial)),
            claimed(1),
            Event::SegmentCompleted { trial: 0, rung: 0, fence: 1, completed: Box::new(completed) },
            Event::Decided { upto_seq: 6, action: Action::Promote { trial: 0, rung: 1 }, worker: worker.clone() },
            Event::SegmentClaimed { trial: 0, rung: 1, fence: 2, worker: worker.clone(), slot: "cpu/0".to_owned() },
            Event::Decided { upto_seq: 8, action: Action::Start { learn_from: 0 }, worker: worker.clone() },
        ];
        store.commit(0, &mut |_| events.to_vec()).unwrap();
        store.page(0, 1).unwrap().remove(0)
    }
}

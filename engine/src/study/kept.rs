//! The state of a study as bytes, so that a large study opens without all of its events being folded again.
//!
//! A row for each trial, which changes with the trial; what belongs to no trial in two parts, by how often they change. All of it follows from the events: what
//! cannot be read is folded from them anew. MessagePack; of trials without the names of fields, and their places without those of parameters: with them, opening a
//! study of a hundred thousand trials takes twice as long.

mod row;
mod rows;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use search_spaces::settings::Settings;
use serde::{Deserialize, Serialize};

use row::Trial;
pub(crate) use rows::{NextRows, Rows};

use super::{Dropped, PendingStart, StudyState, trusted};
use crate::{
    clock::Base,
    enqueued::Queue,
    events::{Event, Logged, WorkerInfo},
    finalists::Finalists,
    folds::Folds,
    schedulers::Action,
    tested::Look,
};

/// Raised whenever the same bytes would mean something else, or a field is added, taken away or moved: what was kept with another number is of no use.
const SHAPE: u32 = 3;

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
    clock: Option<Base>,
    target_reached: Option<u32>,
}

/// What belongs to no trial and seldom changes.
#[derive(Serialize, Deserialize)]
struct Settled<'a> {
    settings: Cow<'a, Settings>,
    enqueued: Cow<'a, Queue>,
    finalists: Cow<'a, Finalists>,
    folds: Cow<'a, Folds>,
    looks: Cow<'a, [Look]>,
    dropped: Dropped,
}

/// Whether this program can read what has been kept with it.
pub(crate) fn is_readable(now: &[u8]) -> bool {
    read_now(now).is_some()
}

fn read_now(bytes: &[u8]) -> Option<Now> {
    rmp_serde::from_slice(bytes).ok().filter(|now: &Now| now.shape == SHAPE)
}

type Bytes = Result<Vec<u8>, rmp_serde::encode::Error>;

impl StudyState {
    pub(crate) fn kept_now(&self) -> Bytes {
        rmp_serde::to_vec_named(&self.now())
    }

    pub(crate) fn kept_settled(&self) -> Bytes {
        rmp_serde::to_vec_named(&self.settled())
    }

    pub(crate) fn kept_row(&self, trial: u32) -> Bytes {
        rmp_serde::to_vec(&self.row(trial))
    }

    fn now(&self) -> Now {
        Now {
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
        }
    }

    fn settled(&self) -> Settled<'_> {
        Settled {
            settings: Cow::Borrowed(self.settings()),
            enqueued: Cow::Borrowed(&self.enqueued),
            finalists: Cow::Borrowed(&self.finalists),
            folds: Cow::Borrowed(&self.folds),
            looks: Cow::Borrowed(&self.looks),
            dropped: self.dropped,
        }
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

    /// The state that was kept as `now` and `settled`, with the rows that `next` gives, of the study that begins with `first`. `None`: it is of no use, and has to be
    /// folded.
    pub(crate) fn from_kept<E>(first: &Logged, now: &[u8], settled: &[u8], next: &mut NextRows<'_, E>) -> Result<Option<StudyState>, E> {
        let (Some(now), Ok(settled), Ok(mut state)) = (read_now(now), rmp_serde::from_slice::<Settled>(settled), StudyState::begin(first))
        else {
            return Ok(None);
        };
        let search = Arc::make_mut(&mut state.search);
        (search.seq, search.planned, search.finalists) = (now.seq, now.planned, settled.settings.finalists);
        // They may be fewer, or as many as a stranger says.
        let room = now.trials.min(1 << 17);
        search.reserve(room);
        state.trials.reserve_exact(room);
        let all = rows::decode(&state.spec.space.parameters, next, |Trial { search: trial, progress, queued, suspect }| {
            let number = trial.number;
            if number as usize != search.trials().len() || trusted::check_trial(search.ladder.top(), &trial, &progress).is_err() {
                return false;
            }
            search.add(trial);
            state.trials.push(progress);
            if queued {
                state.queue.insert(number);
            }
            if suspect {
                state.suspects.insert(number);
            }
            true
        })?;
        if !all || state.trials.len() != now.trials {
            return Ok(None);
        }
        state.spec.space.settings = settled.settings.into_owned();
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
            enqueued: settled.enqueued.into_owned(),
            finalists: settled.finalists.into_owned(),
            folds: settled.folds.into_owned(),
            looks: settled.looks.into_owned(),
            dropped: settled.dropped,
            ..state
        };
        Ok(trusted::check_kept(&state).is_ok().then_some(state))
    }
}

/// What reading the rows of `state` gives.
#[cfg(test)]
pub(crate) fn round_trip(first: &Logged, state: &StudyState) -> Option<StudyState> {
    let mut rows = Rows::default();
    (0..state.trials.len() as u32).for_each(|trial| rows.push(&state.kept_row(trial).unwrap()));
    let (now, settled) = (state.kept_now().unwrap(), state.kept_settled().unwrap());
    let mut rows = Some(rows).filter(|rows| rows.len() > 0);
    StudyState::from_kept(first, &now, &settled, &mut || Ok::<_, std::convert::Infallible>(rows.take())).unwrap()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

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
        let back = |state: &StudyState, rows: usize| {
            let mut row = Rows::default();
            row.push(&state.kept_row(0).unwrap());
            let mut all = vec![row; rows];
            let (now, settled) = (state.kept_now().unwrap(), state.kept_settled().unwrap());
            StudyState::from_kept(&first, &now, &settled, &mut || Ok::<_, Infallible>(all.pop())).unwrap()
        };
        assert!(back(state, 1).is_some());
        assert!(back(state, 0).is_none());
        assert!(back(state, 2).is_none());
        let changed = |change: &dyn Fn(&mut StudyState)| {
            let mut state = state.clone();
            change(&mut state);
            round_trip(&first, &state).is_none()
        };
        assert!(changed(&|state| state.trials[0].checkpoint.as_mut().unwrap().path = "../elsewhere".into()));
        assert!(changed(&|state| state.trials[0].completed[0].2.predictions = Some("/etc/passwd".into())));
        assert!(changed(&|state| state.search_mut().change(0, |trial| trial.phase = crate::state::Phase::Active { rung: 9 })));
        assert!(changed(&|state| state.search_mut().change(0, |trial| trial.parent = Some(9))));
        assert!(changed(&|state| state.search_mut().change(0, |trial| trial.values.clear())));
        assert!(changed(&|state| state.trials[0].claim.as_mut().unwrap().from_step = 99));
        assert!(changed(&|state| state.pending.as_mut().unwrap().number = 9));
        assert!(changed(&|state| state.queue.extend([0])), "it runs");
        let waits = |state: &mut StudyState| {
            state.search_mut().change(0, |trial| trial.phase = crate::state::Phase::Paused { rung: 0 });
            state.trials[0].claim = None;
        };
        assert!(!changed(&waits));
        let waits_for_a_slot = |state: &mut StudyState| {
            waits(state);
            state.queue.extend([0]);
        };
        assert!(changed(&waits_for_a_slot));
    }

    /// Fields in order, which is all that tells one from another. Whoever changes this raises [`SHAPE`]: what an older program has kept must not be misread.
    #[test]
    fn the_shape_of_what_is_kept() {
        let store = &mut MemoryStore::default();
        with_a_trial(store);
        let state = store.state().unwrap().unwrap();
        insta::assert_snapshot!(ron::to_string(&state.now()).unwrap(), @r#"(shape:3,seq:9,trials:1,planned:3,pending:Some((number:1,learn_from:0,upto_seq:8,worker:"cpu#1",enqueued:None)),closed_from:None,gave_up_at:0,workers:{"cpu#1":(worker:"cpu#1",device:Cpu,slots:1,threads:1,pid:1,boot:1)},workers_started:1,active_millis:0,last_at:0,clock:None,target_reached:None)"#);
        insta::assert_snapshot!(ron::to_string(&state.settled()).unwrap(), @r#"(settings:(trials:3,budget_seconds:None,eta:3,r_min:Examples(4),rungs:EqualData,seed:7,sampler:Tpe,scheduler:SuccessiveHalving,finalists:0,finalist_seeds:3,folds:None,devices:None,eval_every:0.25,checkpoint_every_seconds:180,checkpoint_space_bytes:None,target:None,stall_after_seconds:1800),enqueued:(all:[],started:0),finalists:(chosen:None,open:false,repeats:{}),folds:({}),looks:[],dropped:(checkpoints:0,steps:0))"#);
        insta::assert_snapshot!(ron::to_string(&state.row(0)).unwrap(), @r#"(number:0,kind:Search,parent:None,config:(epochs:1,batch_size:16,optimizer:AdamW(learning_rate:0.001,beta1:0.9,beta2:0.999,epsilon:1e-8,weight_decay:0.01),decay_on:Matrices,schedule:Linear(end:0.0),warmup:0.1,unfreeze:Everything,adapter:Off,dropout:(hidden:Constant(0.1),attention:Constant(0.1),classifier:Constant(0.1)),label_smoothing:0.0,clip_norm:Some(1.0),layer_decay:1.0,early_stopping:None,keep:Best,class_weights:Off,micro_batch:None,augment:(flip:0.0,crop:0,jitter:0.0,erase:0.0,mix:Off),frozen_norm:Running),place:None,inside:true,values:[0.0],exceeded:[],second:[],phase:Active(rung:1),stopped_at:None,progress:(recipe:None,fence:2,claim:Some((worker:"cpu#1",slot:"cpu/0",rung:1,at:0,from_step:4,last_step:4,saved:None)),crashes:0,checkpoint:Some((path:"checkpoints/a",step:4,blake3:"00",bytes:1)),before:None,dropped_step:0,micro_batch:None,completed:[(0,1,(value:0.0,step:0,stopped_early:false,full_length:false,steps_trained:0,seconds:0.0,passes:0.0,trainable_parameters:0,weights:(parameters:0,bytes:0),checkpoint:Some((path:"checkpoints/a",step:4,blake3:"00",bytes:1)),predictions:None))],noted:{},salvaged:(0.0,0.0),steps_trained:0,furthest_step:0,cause:None),queued:false,suspect:false)"#);
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

//! What fuzz targets run of this crate that has no part in its interface: see `benches/fuzz`.

use std::convert::Infallible;

use crate::{
    events::{Event, Logged, WorkerInfo},
    samplers,
    schedulers::{self, Action},
    store::{MemoryStore, Store as _},
    streams::{Purpose, stream},
    study::{StudyState, kept::Rows},
};

/// The rows that the state of a study with these events is kept in, as [`kept`] takes them: the first event as a line of JSON, then each part behind the number of its
/// bytes.
pub fn kept_of(events: Vec<Logged>) -> Option<Vec<u8>> {
    let mut bytes = serde_json::to_vec(events.first()?).ok()?;
    bytes.push(b'\n');
    let mut store = MemoryStore::from_events(events);
    let state = store.state().ok()??;
    let rows = (0..state.trials.len() as u32).map(|trial| state.kept_row(trial));
    for part in [state.kept_now(), state.kept_settled()].into_iter().chain(rows) {
        let part = part.ok()?;
        bytes.extend_from_slice(&u16::try_from(part.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(&part);
    }
    Some(bytes)
}

/// Reads such rows and goes on from them as a sweep does; whether they were of use.
pub fn kept(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return false };
    let Ok(first) = serde_json::from_slice::<Logged>(&bytes[..end]) else { return false };
    let mut rest = &bytes[end + 1..];
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (part, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = after;
        Some(part)
    };
    let (Some(now), Some(settled)) = (part(), part()) else { return false };
    let mut rows = || {
        let mut rows = Rows::default();
        rows.push(part()?);
        Some(rows)
    };
    let Ok(state) = StudyState::from_kept(&first, now, settled, &mut || Ok::<_, Infallible>(rows()));
    state.map(go_on).is_some()
}

fn go_on(mut state: StudyState) {
    read(&state);
    let dead: Vec<String> = state.workers.keys().cloned().collect();
    for event in state.release(&dead, "its worker ended without a word", true) {
        apply(&mut state, event);
    }
    if let Some(event) = state.making_room() {
        apply(&mut state, event);
    }
    let worker = "cpu#fuzz".to_owned();
    let (device, boot, pid) = (crate::devices::Device::Cpu, 1, 1);
    apply(
        &mut state,
        Event::WorkerStarted(WorkerInfo { worker: worker.clone(), device, slots: 1, threads: 1, pid, boot, clock: None, lock: None }),
    );
    let settings = state.settings().clone();
    if let Some(action) = schedulers::next(&*schedulers::build(settings.scheduler), &state.search) {
        let upto_seq = state.search.seq;
        apply(&mut state, Event::Decided { upto_seq, action, worker: worker.clone() });
        if let Action::Start { learn_from } = action {
            let mut rng = stream(settings.seed, 0, Purpose::Sampler);
            let sampler = samplers::build(settings.sampler, settings.seed);
            drop(sampler.propose(&state.spec.space.parameters, state.search.view(learn_from), &mut rng));
        }
    }
    let waiting: Vec<u32> = state.waiting().collect();
    for trial in waiting {
        let crate::state::Phase::Active { rung } = state.search.trials()[trial as usize].phase else { continue };
        let fence = state.trials[trial as usize].fence + 1;
        apply(&mut state, Event::SegmentClaimed { trial, rung, fence, worker: worker.clone(), slot: "cpu/0".to_owned() });
        apply(&mut state, Event::SegmentFailed { trial, rung, fence, cause: String::new() });
    }
    read(&state);
}

/// As commands do.
fn read(state: &StudyState) {
    drop((
        state.is_over(),
        state.kept_checkpoints(),
        state.best(),
        state.steps_repeated(),
        state.budget_spent(i64::MAX),
        state.folds_open(),
    ));
    drop((state.search.leaderboard(), state.search.incumbent(), state.search.front()));
}

/// An event may be refused. One that fails has left nothing that is to be relied on, as when a store takes it.
fn apply(state: &mut StudyState, event: Event) {
    let before = state.clone();
    if state.apply(&Logged { seq: state.search.seq + 1, at: state.last_at(), event }).is_err() {
        *state = before;
    }
}

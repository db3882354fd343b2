//! Whole studies in simulated time: the dispatcher, samplers and schedulers of a real one, with a runner that knows its curves beforehand.

mod table;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    path::PathBuf,
};

use crossbeam_channel::unbounded;
use search_spaces::{problem::Problem, settings::Objective, space::Space};

pub use table::{SECONDS_A_RUN, Table, TableError};

use crate::{
    clock::Clock,
    devices::{Device, DeviceSlots},
    dispatcher::{Dispatcher, Work},
    ending,
    events::Event,
    runner::{Cancel, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner},
    samplers, schedulers,
    spec::StudySpec,
    store::{MemoryStore, Store, StudyFolder, study},
    worker::{WorkerError, register},
};

/// A runner that trains nothing and so can say at once what a segment gives.
pub trait SimulatedRunner: TrialRunner {
    /// Seconds that training `segment` from step `from` would take, also where it fails. Its evaluations are evenly spread over them.
    fn seconds(&self, segment: &Segment, from: u64) -> f64;
}

/// What a simulated study came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    pub trials: usize,
    /// Every evaluation within the time, in the order of their times: simulated seconds, and the objective's value.
    pub seen: Vec<(f64, f64)>,
    /// Simulated seconds that all slots together have trained, to the end of the time.
    pub spent: f64,
    /// Simulated seconds from the start to the last end of a segment, or to the end of the time.
    pub seconds: f64,
}

/// The study of a space whose trials `runner` trains; nothing of its model or data is looked at. The error is what is wrong with `r_min`.
pub fn spec(space: Space, runner: &dyn SimulatedRunner) -> Result<StudySpec, Box<Problem>> {
    let examples_per_epoch = runner.examples_per_epoch();
    let ladder = space.ladder(examples_per_epoch)?;
    Ok(StudySpec {
        space_hash: space.hash(),
        model: PathBuf::new(),
        data: space.data.clone(),
        ladder,
        examples_per_epoch,
        data_hash: String::new(),
        model_hash: String::new(),
        space,
    })
}

/// A segment in a slot.
struct Running {
    segment: (u32, usize, u64),
    events: Vec<TrialEvent>,
    outcome: Result<Outcome, TrialError>,
}

/// Runs the study of `spec` in `slots` slots for `until` simulated seconds, or to its end.
///
/// Slots that get free at the same time are served in their order, so that the same arguments give the same study.
pub fn simulate(spec: &StudySpec, runner: &dyn SimulatedRunner, slots: usize, until: f64) -> Result<Simulated, WorkerError> {
    simulate_in(&MemoryStore::default(), spec, runner, slots, until)
}

/// The same, with the study in `store`, which is empty before.
pub fn simulate_in(
    store: &MemoryStore,
    spec: &StudySpec,
    runner: &dyn SimulatedRunner,
    slots: usize,
    until: f64,
) -> Result<Simulated, WorkerError> {
    let settings = &spec.space.settings;
    let mut store = store.clone();
    store.create(0, spec.clone())?;
    let worker = register(&mut store, DeviceSlots { device: Device::Cpu, slots, threads: 1 }, Clock::Simulated(|| 0), None)?;
    let folder = StudyFolder::new("simulated");
    let mut dispatcher = Dispatcher {
        store: Box::new(store),
        folder: folder.clone(),
        scheduler: schedulers::build(settings.scheduler),
        sampler: samplers::build(settings.sampler, settings.seed),
        worker,
    };
    let infos: Vec<SlotInfo> =
        (0..slots).map(|number| SlotInfo { name: format!("cpu/{number}"), device: Device::Cpu, threads: 1 }).collect();
    let mut running: Vec<Option<Running>> = infos.iter().map(|_| None).collect();
    // When segments end, in nanoseconds, and in which slots.
    let mut ends: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut free: BTreeSet<usize> = (0..slots).collect();
    let mut found = Simulated { trials: 0, seen: Vec::new(), spent: 0.0, seconds: 0.0 };
    let mut now = 0;
    loop {
        while let Some(slot) = free.first().copied() {
            let busy = !ends.is_empty();
            let Work::Run { segment, from, fence } = dispatcher.next(&infos[slot].name, busy, millis(now))? else { break };
            let (sender, receiver) = unbounded();
            let outcome = runner.run(&segment, &infos[slot], from.as_ref(), &sender, &Cancel::default());
            drop(sender);
            let events: Vec<TrialEvent> = receiver.iter().collect();
            let seconds = runner.seconds(&segment, from.as_ref().map_or(0, |checkpoint| checkpoint.step));
            let end = now.saturating_add((seconds * 1e9).round() as u64);
            found.see(&spec.space.objective, &events, now as f64 / 1e9, seconds, until, outcome.is_err());
            found.spent += seconds.min(until - now as f64 / 1e9);
            free.pop_first();
            running[slot] = Some(Running { segment: (segment.trial, segment.rung, fence), events, outcome });
            ends.push(Reverse((end, slot)));
        }
        let Some(Reverse((end, slot))) = ends.pop() else { break };
        if end as f64 / 1e9 > until {
            found.seconds = until;
            break;
        }
        now = end;
        found.seconds = now as f64 / 1e9;
        free.insert(slot);
        if let Some(Running { segment, events, outcome }) = running[slot].take() {
            let (trial, _, fence) = segment;
            let evaluated = events.into_iter().filter_map(|event| match event {
                TrialEvent::Evaluated(evaluation) => Some(Event::Evaluated { trial, fence, evaluation: Box::new(evaluation) }),
                TrialEvent::Step { .. } | TrialEvent::Alive | TrialEvent::Checkpointed(_) => None,
            });
            let mut all: Vec<Event> = evaluated.collect();
            let ending = ending::of_segment(&folder, segment, study(&mut *dispatcher.store)?, outcome, false);
            all.extend(ending.events);
            dispatcher.store.commit(millis(now), &mut |_| std::mem::take(&mut all))?;
            if let Some(error) = ending.ends_worker {
                return Err(error);
            }
        }
    }
    found.trials = study(&mut *dispatcher.store)?.search.trials().len();
    found.seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(found)
}

fn millis(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX)
}

impl Simulated {
    /// Takes in the evaluations of a segment that starts at `start` and takes `seconds`; one that failed took one evaluation's time more.
    fn see(&mut self, objective: &Objective, events: &[TrialEvent], start: f64, seconds: f64, until: f64, failed: bool) {
        let evaluations = events.iter().filter_map(|event| match event {
            TrialEvent::Evaluated(evaluation) => Some(evaluation),
            TrialEvent::Step { .. } | TrialEvent::Alive | TrialEvent::Checkpointed(_) => None,
        });
        let evaluations: Vec<_> = evaluations.collect();
        let each = seconds / (evaluations.len() + usize::from(failed)).max(1) as f64;
        for (position, evaluation) in evaluations.into_iter().enumerate() {
            let at = start + each * (position + 1) as f64;
            let value = evaluation.metrics.get(objective.metric.name()).copied().unwrap_or(f64::NAN);
            if at <= until * (1.0 + 1e-12) && value.is_finite() {
                self.seen.push((at, value));
            }
        }
    }

    /// The best value seen by each time at which there was a new one, best by `objective`.
    pub fn incumbents(&self, objective: Objective) -> Vec<(f64, f64)> {
        let mut incumbents: Vec<(f64, f64)> = Vec::new();
        for &(at, value) in &self.seen {
            if incumbents.last().is_none_or(|(_, best)| objective.cost(value) < objective.cost(*best)) {
                incumbents.push((at, value));
            }
        }
        incumbents
    }
}

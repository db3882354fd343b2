//! Generated studies for tests and demonstrations: plausible curves under asynchronous successive halving on two slots.

mod changes;
mod predicting;
mod simulation;
mod space;

use std::collections::BTreeMap;

use engine::{
    finalists::Finalists,
    record::{Decision, DecisionRecord, SegmentRecord, StudyRecord, TrialRecord},
    state::{SearchState, TrialKind, TrialState},
    study::Dropped,
};
use search_spaces::ladder::Ladder;

use self::simulation::{Drawn, Simulation};

pub use changes::{with_finalists, with_folds, with_goals, with_gradual_unfreezing, with_test};
pub use predicting::{LABELS, predictions, with_predictions};

const EXAMPLES_PER_EPOCH: u64 = 1780;
const EPOCHS: u32 = 3;
const SLOTS: usize = 2;
/// 2026-11-23 05:19 UTC.
const START: i64 = 1_795_411_140_000;
const BLOCKS: [&str; 8] = ["embeddings", "layer.0", "layer.1", "layer.2", "layer.3", "layer.4", "layer.5", "head"];

/// A finished study of `trials` trials over `rungs` rungs (at least 1). Trial 0 is the default recipe at full length. From five trials on one fails, one stops
/// itself early, and the study was continued once after a break.
pub fn sample_record(trials: u32, rungs: u32, seed: u64) -> StudyRecord {
    record(trials, rungs, seed, true)
}

/// The same before its end: what ran last still runs.
pub fn running_record(trials: u32, rungs: u32, seed: u64) -> StudyRecord {
    record(trials, rungs, seed, false)
}

fn record(trials: u32, rungs: u32, seed: u64, finished: bool) -> StudyRecord {
    let horizon = EXAMPLES_PER_EPOCH * u64::from(EPOCHS);
    let ladder = Ladder::new(horizon.div_ceil(3u64.pow(rungs.max(1) - 1)), 3, horizon);
    let space = space::space(trials, seed);
    let mut simulation = Simulation::new(seed, trials < 5);
    let drawn: Vec<Drawn> = (0..trials).map(|number| Drawn::new(&space, seed, number, trials)).collect();
    simulation.run(&drawn, &ladder, trials, finished);
    let mut state = SearchState::new(space.objective, ladder, trials);
    for (number, (trial, drawn)) in simulation.trials.iter().zip(&drawn).enumerate() {
        state.add(TrialState {
            number: number as u32,
            kind: if number == 0 { TrialKind::Recipe } else { TrialKind::Search },
            parent: None,
            config: drawn.config.clone().into(),
            assignment: drawn.assignment.clone(),
            inside: true,
            values: trial.values.clone(),
            exceeded: Vec::new(),
            second: Vec::new(),
            phase: trial.phase,
            stopped_at: trial.stopped_at,
        });
    }
    let records = simulation.trials.iter().enumerate().map(|(number, trial)| TrialRecord {
        recipe: (number == 0).then(|| space.recipes[0].name.clone()),
        cause: trial.cause.clone(),
        best_step: trial.last_step,
        stopped_early: trial.stopped_at.is_some(),
        ..TrialRecord::default()
    });
    StudyRecord {
        name: "sample".to_owned(),
        created_at: START,
        space_hash: "0".repeat(64),
        trials: records.collect(),
        decisions: decisions(&simulation.segments),
        segments: simulation.segments,
        evaluations: simulation.evaluations,
        examples_per_epoch: EXAMPLES_PER_EPOCH,
        finalists: Finalists::default(),
        looks: Vec::new(),
        folds: Vec::new(),
        dropped: Dropped::default(),
        finished,
        state,
        gave_up: false,
        space,
    }
}

/// Of each segment that is not a lost one run again, the decision that it be trained.
fn decisions(segments: &[SegmentRecord]) -> Vec<DecisionRecord> {
    let mut first: BTreeMap<(u32, usize), i64> = BTreeMap::new();
    for segment in segments {
        let at = first.entry((segment.trial, segment.rung)).or_insert(segment.started_at);
        *at = segment.started_at.min(*at);
    }
    let mut in_time: Vec<(i64, u32, usize)> = first.into_iter().map(|((trial, rung), at)| (at, trial, rung)).collect();
    in_time.sort_unstable();
    let decision = |(index, (at, trial, rung)): (usize, (i64, u32, usize))| {
        let decision = if rung == 0 { Decision::Start { trial } } else { Decision::Promote { trial, rung } };
        let seq = 3 + 4 * index as u64;
        DecisionRecord { seq, at, upto_seq: seq - 1, worker: Some("cpu#1".to_owned()), decision }
    };
    in_time.into_iter().enumerate().map(decision).collect()
}

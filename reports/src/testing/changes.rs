//! What generated studies may have besides.

use std::collections::BTreeMap;

use engine::{
    finalists::{Finalists, FinalistsChosen, Repeat},
    folds::{Fold, Folded},
    record::{FoldRecord, SegmentEnd, SegmentRecord, StudyRecord, TrialRecord},
    state::{Phase, TrialKind, TrialState},
    tested::{Look, Tested},
};
use search_spaces::{
    goals::{Constraint, Measure, Second},
    settings::Direction,
};

use super::{BLOCKS, SLOTS, START};

/// Adds the folds of `trial`; `None`: failed.
pub fn with_folds(record: &mut StudyRecord, trial: u32, values: &[Option<f64>]) {
    let of = values.len() as u32;
    record.space.settings.folds = Some(of);
    record.folds.extend((0..).zip(values).map(|(index, value)| FoldRecord {
        fold: Fold { trial, index, of },
        outcome: value.map(|value| Folded { value, steps: 90, seconds: 12.0 }).ok_or_else(|| "the loss became NaN".to_owned()),
    }));
}

/// Gives the study these constraints and a second objective, fewer trained parameters: a block of about a million for each that is thawed at the end of a trial's
/// curve.
pub fn with_goals(record: &mut StudyRecord, constraints: Vec<Constraint>) {
    let second = Second { measure: Measure::TrainableParameters, direction: Direction::Minimize };
    (record.state.second, record.state.constraints) = (Some(second), constraints);
    let measures = record.state.measures();
    for number in 0..record.state.trials().len() {
        let last = record.evaluations.iter().rev().find(|evaluation| evaluation.trial as usize == number);
        let thawed = last.map_or(1, |last| last.evaluation.learning_rates.len());
        let parameters = 1e6 * thawed as f64;
        let measured = |measure: &Measure| match measure {
            Measure::TrainableParameters => parameters,
            Measure::CheckpointBytes => 4.0 * parameters,
            Measure::GroupGap => 0.01 * (number % 7) as f64,
            _ => 3.0,
        };
        record.trials[number].measured = measures.iter().map(measured).collect();
        let exceeded = record.state.constraints.iter().map(|constraint| constraint.excess(measured(&constraint.measure()))).sum();
        record.state.change(number as u32, |trial| {
            let rungs = trial.values.len();
            (trial.second, trial.exceeded) = (vec![parameters; rungs], vec![exceeded; rungs]);
        });
    }
}

/// Makes `configs` the finalists of the study: trials of the search, best first, each with the values of its further trainings; `None`: it failed.
pub fn with_finalists(record: &mut StudyRecord, configs: &[(u32, &[Option<f64>])]) {
    let rungs = record.state.ladder.rungs.len();
    let most = configs.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let mut added = Vec::new();
    for seed in 0..most {
        for (parent, values) in configs {
            let Some(value) = values.get(seed) else { continue };
            let number = record.state.trials().len() as u32;
            added.push(Repeat { number, parent: *parent });
            let mut trained = vec![f64::NAN; rungs];
            trained[rungs - 1] = value.unwrap_or(f64::NAN);
            record.state.add(TrialState {
                number,
                kind: TrialKind::Finalist,
                parent: Some(*parent),
                config: record.state.trials()[*parent as usize].config.clone(),
                assignment: None,
                inside: false,
                values: trained,
                exceeded: Vec::new(),
                second: Vec::new(),
                phase: if value.is_some() { Phase::Complete } else { Phase::Failed { rung: rungs - 1 } },
                stopped_at: None,
            });
            let cause = value.is_none().then(|| "the training loss became NaN at step 31".to_owned());
            record.trials.push(TrialRecord { cause, ..TrialRecord::default() });
            let last = record.segments.iter().filter_map(|segment| segment.ended_at).max().unwrap_or(START);
            record.segments.push(SegmentRecord {
                trial: number,
                rung: rungs - 1,
                slot: format!("cpu/{}", number as usize % SLOTS),
                started_at: last,
                ended_at: Some(last + 9_000),
                end: Some(value.map_or(SegmentEnd::Failed { cause: "the training loss became NaN".to_owned() }, |value| {
                    SegmentEnd::Completed { value }
                })),
                steps_trained: 90,
                trainable_parameters: None,
            });
        }
    }
    let trials: Vec<u32> = configs.iter().map(|(parent, _)| *parent).collect();
    let wanted = (trials.len(), most as u32 + 1);
    record.finalists = Finalists::of(&FinalistsChosen { trials, seeds: wanted.1, wanted, seconds_left: None, added });
}

/// Makes the best trial's blocks thaw one after another, the head first, each with a lower learning rate than the one above it.
pub fn with_gradual_unfreezing(record: &mut StudyRecord) {
    let Some(best) = record.state.leaderboard().first().copied() else { return };
    for (done, entry) in record.evaluations.iter_mut().filter(|entry| entry.trial == best).enumerate() {
        let head = entry.evaluation.learning_rates.last().map_or(0.0, |(_, rate)| *rate);
        let thawed = (done + 1).min(BLOCKS.len() - 1);
        let rate = |below_head: usize| head * 0.8f64.powi(below_head as i32);
        let blocks = BLOCKS[BLOCKS.len() - thawed..].iter().enumerate();
        entry.evaluation.learning_rates = blocks.map(|(place, block)| ((*block).to_owned(), rate(thawed - 1 - place))).collect();
    }
}

/// Adds a look at the test split by training `trial`: its value, and the ends of its interval.
pub fn with_test(record: &mut StudyRecord, trial: u32, (value, low, high): (f64, f64, f64)) {
    let metrics = BTreeMap::from([(record.state.objective.metric.name().to_owned(), value)]);
    let searched = record.state.searched().len();
    record.looks.push(Look { tested: Tested { trial, examples: 445, metrics, value, low, high, predictions: None }, searched });
}

//! One row a trial and rung it has a value at.

use engine::{
    record::{SegmentEnd, StudyRecord},
    state::Phase,
};
use polars::prelude::{DataFrame, PolarsResult};

use super::{Tables, column, segments};
use crate::active::ActiveTime;

#[derive(Debug, Clone, PartialEq)]
pub struct RungRow {
    pub trial: u32,
    pub rung: usize,
    /// Training examples at the rung (of the longest horizon, where `epochs` is searched).
    pub examples: u64,
    /// Of the objective's metric; NaN for a trial that failed on the way here.
    pub value: f64,
    /// The value of a trial that was over earlier: no training took place between.
    pub carried: bool,
    /// From 1, the best; what exceeds a constraint after all others, failed trials last.
    pub rank: usize,
    /// Trials with a value here.
    pub of: usize,
    /// It exceeds a constraint.
    pub exceeds: bool,
    /// Went on to the next rung.
    pub promoted: bool,
    /// Active seconds until the value was known.
    pub at_seconds: f64,
    /// Training examples of all segments of the study that had ended by then, this one's included.
    pub study_examples: u64,
    /// The best full-length value of the study by then, this one included, of trials that keep the constraints.
    pub best_so_far: Option<f64>,
}

pub(super) fn rows(record: &StudyRecord, time: &ActiveTime) -> Vec<RungRow> {
    let state = &record.state;
    let ends = segment_ends(record);
    let spent = spent(record);
    let mut rows = Vec::new();
    // Further trainings of finalists pass by the rungs, and are compared with nobody there.
    for trial in state.searched() {
        let stopped = record.trials.get(trial.number as usize).is_some_and(|details| details.stopped_early);
        // One that is over has its value at all rungs, whether it was trained to them or not.
        let over = trial.phase == Phase::Complete;
        let trained_to = ends.range((trial.number, 0)..=(trial.number, usize::MAX)).next_back().map(|((_, rung), _)| *rung);
        let values = trial.values.iter().copied().enumerate();
        let failed = match trial.phase {
            // The store may or may not have noted the rung it failed before.
            Phase::Failed { rung } if trial.values.len() <= rung => Some((rung, f64::NAN)),
            _ => None,
        };
        for (rung, value) in values.chain(failed) {
            let Some(&examples) = state.ladder.rungs.get(rung) else { continue };
            let came_from = trained_to.filter(|to| over && rung > *to).unwrap_or(rung);
            let at = ends.get(&(trial.number, came_from)).copied().unwrap_or(time.now());
            rows.push(RungRow {
                trial: trial.number,
                rung,
                examples,
                value,
                carried: over && trained_to.is_some_and(|to| rung > to || (stopped && rung == to)),
                rank: 0,
                of: 0,
                exceeds: trial.exceeded.get(rung).is_some_and(|share| *share > 0.0),
                promoted: went_beyond(rung, trial.phase, trial.values.len()),
                at_seconds: time.seconds(at),
                study_examples: spent.partition_point(|(end, _)| *end <= at).checked_sub(1).map_or(0, |last| spent[last].1),
                best_so_far: None,
            });
        }
    }
    rank(record, &mut rows);
    fill_best_so_far(record, &mut rows);
    rows
}

/// When the last segment of each (trial, rung) ended, by its own doing.
fn segment_ends(record: &StudyRecord) -> std::collections::BTreeMap<(u32, usize), i64> {
    let ended = record.segments.iter().filter(|segment| !matches!(segment.end, None | Some(SegmentEnd::Lost { .. })));
    ended.filter_map(|segment| Some(((segment.trial, segment.rung), segment.ended_at?))).collect()
}

/// When segments ended, and the training examples of all that had by then.
fn spent(record: &StudyRecord) -> Vec<(i64, u64)> {
    let ended = record.segments.iter().filter_map(|segment| Some((segment.ended_at?, segments::examples(record, segment))));
    let mut ended: Vec<(i64, u64)> = ended.collect();
    ended.sort_unstable();
    let mut sum = 0;
    for (_, examples) in &mut ended {
        sum = examples.saturating_add(sum);
        *examples = sum;
    }
    ended
}

fn went_beyond(rung: usize, phase: Phase, reached: usize) -> bool {
    match phase {
        Phase::Active { rung: towards } | Phase::Failed { rung: towards } => towards > rung,
        Phase::Paused { .. } | Phase::Complete => reached > rung + 1,
    }
}

fn rank(record: &StudyRecord, rows: &mut [RungRow]) {
    let cost = |row: &RungRow| record.state.cost(&record.state.trials()[row.trial as usize], row.rung);
    for rung in 0..record.state.ladder.rungs.len() {
        let mut here: Vec<&mut RungRow> = rows.iter_mut().filter(|row| row.rung == rung).collect();
        here.sort_by(|a, b| cost(a).cmp(&cost(b)).then(a.trial.cmp(&b.trial)));
        let of = here.len();
        for (place, row) in here.into_iter().enumerate() {
            (row.rank, row.of) = (place + 1, of);
        }
    }
}

fn fill_best_so_far(record: &StudyRecord, rows: &mut [RungRow]) {
    let objective = record.state.objective;
    let top = record.state.ladder.top();
    let mut in_time: Vec<&mut RungRow> = rows.iter_mut().collect();
    in_time.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds).then(a.rung.cmp(&b.rung)).then(a.trial.cmp(&b.trial)));
    let mut best: Option<f64> = None;
    for row in in_time {
        if row.rung == top
            && row.value.is_finite()
            && !row.exceeds
            && best.is_none_or(|best| objective.cost(row.value) < objective.cost(best))
        {
            best = Some(row.value);
        }
        row.best_so_far = best;
    }
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.rungs;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("rung", rows, |row| row.rung as u32),
        column("examples", rows, |row| row.examples),
        column("value", rows, |row| row.value),
        column("carried", rows, |row| row.carried),
        column("rank", rows, |row| row.rank as u32),
        column("of", rows, |row| row.of as u32),
        column("exceeds", rows, |row| row.exceeds),
        column("promoted", rows, |row| row.promoted),
        column("at_seconds", rows, |row| row.at_seconds),
        column("study_examples", rows, |row| row.study_examples),
        column("best_so_far", rows, |row| row.best_so_far),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn ranks_promotions_and_the_best_so_far() {
        let record = sample_record(12, 3, 1);
        let tables = Tables::new(&record);
        let at = |rung: usize| tables.rungs.iter().filter(move |row| row.rung == rung);
        let best = at(0).find(|row| row.rank == 1).unwrap();
        assert!(at(0).all(|row| row.value.is_nan() || row.value <= best.value));
        assert!(best.promoted);
        // Failed trials come last.
        let last = at(0).max_by_key(|row| row.rank).unwrap();
        assert!(at(0).all(|row| !row.value.is_nan()) || last.value.is_nan());
        assert!(at(2).all(|row| !row.promoted));
        let final_best = tables.rungs.iter().filter_map(|row| row.best_so_far).fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(final_best, at(2).map(|row| row.value).fold(f64::NEG_INFINITY, f64::max));
    }

    #[test]
    fn what_the_study_had_spent_grows_with_time_and_ends_with_all() {
        let tables = Tables::new(&sample_record(12, 3, 1));
        let mut rows: Vec<&RungRow> = tables.rungs.iter().collect();
        rows.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
        assert!(rows.is_sorted_by_key(|row| row.study_examples));
        assert!(rows[0].study_examples > 0);
        let all = tables.segments.iter().map(|segment| segment.examples).sum::<u64>();
        assert_eq!(rows.last().unwrap().study_examples, all);
    }

    #[test]
    fn a_trial_that_stopped_itself_carries_its_value() {
        let record = sample_record(12, 3, 1);
        let stopped = record.trials.iter().position(|trial| trial.stopped_early).unwrap() as u32;
        let tables = Tables::new(&record);
        let carried: Vec<bool> = tables.rungs.iter().filter(|row| row.trial == stopped).map(|row| row.carried).collect();
        assert_eq!(carried, [false, true, true]);
    }
}

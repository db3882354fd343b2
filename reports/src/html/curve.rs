//! The learning curve that a row of the leaderboard unfolds to: over training examples, with the rungs where that trial comes to them.

use engine::record::StudyRecord;
use search_spaces::{config::Config, settings::Rungs};
use serde_json::{Value as Json, json};

use crate::tables::CurveRow;

/// Points of a curve that are drawn at most.
const POINTS: usize = 100;

/// Training examples and values of `metric`. Evenly thinned, the last point always among them. Five digits are more than can be seen.
pub(super) fn points(curve: &[&CurveRow], metric: &str) -> Json {
    let every = curve.len().div_ceil(POINTS).max(1);
    let kept = curve.iter().enumerate().filter(|(place, _)| (curve.len() - 1 - place).is_multiple_of(every));
    kept.map(|(_, row)| json!([row.examples, short(row.metrics.get(metric).copied().unwrap_or(f64::NAN))])).collect()
}

fn short(value: f64) -> Json {
    if value.is_finite() { format!("{value:.4e}").parse::<f64>().map_or(Json::Null, |value| json!(value)) } else { Json::Null }
}

/// The rungs that the trial has come to or will come to, each with its training examples there. Where `epochs` is searched, they are shares of the trial's own
/// length; where they are of equal cost, only those that it has come to are known, and the last.
pub(super) fn rungs(record: &StudyRecord, trial: u32, curve: &[&CurveRow]) -> Vec<(usize, u64)> {
    let ladder = &record.state.ladder;
    let Some(trial) = record.state.trials().get(trial as usize) else { return Vec::new() };
    let total = trial.config.total_steps(record.examples_per_epoch);
    let place = |rung: usize| {
        if ladder.kind == Rungs::EqualCost && rung < ladder.top() {
            // Cheap trials are over before some rungs.
            let there = curve.iter().find(|row| row.rung == Some(rung) && row.step < total)?;
            return Some((rung, there.examples));
        }
        Some((rung, examples(&trial.config, record.examples_per_epoch, ladder.step(rung, total))))
    };
    (0..ladder.rungs.len()).filter_map(place).collect()
}

/// Seen after so many steps. The last batch of a pass may be smaller.
fn examples(config: &Config, in_a_pass: u64, step: u64) -> u64 {
    let batch = u64::from(config.batch_size.max(1));
    let steps_of_a_pass = in_a_pass.div_ceil(batch).max(1);
    let begun = (step % steps_of_a_pass).saturating_mul(batch).min(in_a_pass);
    (step / steps_of_a_pass).saturating_mul(in_a_pass).saturating_add(begun)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{tables::Tables, testing::sample_record};

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_end() {
        let row = Tables::new(&sample_record(1, 1, 1)).curves[0].clone();
        let curve: Vec<CurveRow> = (0..1234)
            .map(|examples| {
                let value = if examples == 3 { f64::NAN } else { 0.123_456_789 };
                CurveRow { examples, metrics: [("accuracy".to_owned(), value)].into(), ..row.clone() }
            })
            .collect();
        let curve: Vec<&CurveRow> = curve.iter().collect();
        let thinned = points(&curve, "accuracy");
        let thinned = thinned.as_array().unwrap();
        assert!(thinned.len() <= POINTS && thinned.len() > POINTS / 2, "{}", thinned.len());
        assert_eq!(thinned.last().unwrap(), &json!([1233, 0.12346]));
        assert_eq!(points(&curve[..1], "accuracy"), json!([[0, 0.12346]]));
        assert_eq!(points(&curve[3..4], "accuracy"), json!([[3, null]]));
        assert_eq!(points(&curve[..1], "loss"), json!([[0, null]]));
        assert_eq!(points(&[], "accuracy"), json!([]));
    }

    #[test]
    fn rungs_are_shares_of_the_trials_own_length() {
        let mut record = sample_record(12, 3, 1);
        record.state.change(3, |trial| {
            let config = Arc::make_mut(&mut trial.config);
            (config.batch_size, config.epochs) = (16, 3);
        });
        assert_eq!(record.state.ladder.rungs, [594, 1782, 5340]);
        assert_eq!(rungs(&record, 3, &[]), [(0, 592), (1, 1780), (2, 5340)]);
        record.state.change(3, |trial| Arc::make_mut(&mut trial.config).epochs = 1);
        assert_eq!(rungs(&record, 3, &[]), [(0, 192), (1, 592), (2, 1780)]);
    }

    #[test]
    fn rungs_of_equal_cost_are_where_the_trial_came_to_them() {
        let mut record = sample_record(12, 3, 1);
        record.state.ladder.kind = Rungs::EqualCost;
        let mut tables = Tables::new(&record);
        tables.curves.retain(|row| row.trial == 0);
        let at = |tables: &Tables| rungs(&record, 0, &tables.curves.iter().collect::<Vec<_>>());
        let reached = |rung: usize| tables.curves.iter().find(|row| row.rung == Some(rung)).unwrap().examples;
        let (first, second) = (reached(0), reached(1));
        assert_eq!(at(&tables), [(0, first), (1, second), (2, 5340)]);
        // Before it has come to the second.
        tables.curves.retain(|row| row.examples < second);
        assert_eq!(at(&tables), [(0, first), (2, 5340)]);
    }
}

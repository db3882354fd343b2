//! One row an evaluation and block of the first of the leaderboard.

use engine::record::StudyRecord;
use polars::prelude::{DataFrame, PolarsResult};

use super::{LeaderboardRow, Tables, column};

#[derive(Debug, Clone, PartialEq)]
pub struct LearningRateRow {
    pub trial: u32,
    /// Optimizer steps done.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
    pub block: String,
    /// At this step; `None`: the block is frozen.
    pub learning_rate: Option<f64>,
}

/// By evaluation, then by block, the lowest first. Blocks that no trial of the study has ever thawed are not known here.
pub(super) fn rows(record: &StudyRecord, leaderboard: &[LeaderboardRow]) -> Vec<LearningRateRow> {
    let Some(trial) = leaderboard.first().filter(|row| row.value.is_some_and(f64::is_finite)).map(|row| row.trial) else {
        return Vec::new();
    };
    let mut own: Vec<_> = record.evaluations.iter().filter(|entry| entry.trial == trial).map(|entry| &entry.evaluation).collect();
    // An evaluation that was repeated after a worker was lost counts once: the last one committed.
    own.reverse();
    own.sort_by_key(|evaluation| evaluation.step);
    own.dedup_by_key(|evaluation| evaluation.step);
    let has = |names: &[(String, f64)], block: &str| names.iter().any(|(name, _)| name == block);
    let thawed = |rates: &[(String, f64)]| own.iter().flat_map(|evaluation| &evaluation.learning_rates).all(|(block, _)| has(rates, block));
    // A list is from the lowest thawed block up to the head: the longest names the most.
    let lists = record.evaluations.iter().map(|entry| &entry.evaluation.learning_rates);
    let mut most: Vec<String> = Vec::new();
    for list in lists {
        if list.len() > most.len() && thawed(list) {
            most = list.iter().map(|(block, _)| block.clone()).collect();
        }
    }
    let of = |(block, evaluation): (&String, &engine::runner::Evaluation)| LearningRateRow {
        trial,
        step: evaluation.step,
        examples: evaluation.examples,
        block: block.clone(),
        learning_rate: evaluation.learning_rates.iter().find(|(name, _)| name == block).map(|(_, rate)| *rate),
    };
    own.into_iter().flat_map(|evaluation| most.iter().map(move |block| (block, evaluation))).map(of).collect()
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.learning_rates;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("step", rows, |row| row.step),
        column("examples", rows, |row| row.examples),
        column("block", rows, |row| row.block.clone()),
        column("learning_rate", rows, |row| row.learning_rate),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn a_block_that_is_not_thawed_has_an_empty_cell() {
        let mut record = sample_record(12, 3, 1);
        let best = Tables::new(&record).leaderboard[0].trial;
        let mut first = true;
        for entry in record.evaluations.iter_mut().filter(|entry| entry.trial == best) {
            if std::mem::take(&mut first) {
                entry.evaluation.learning_rates.remove(0);
            }
        }
        let repeated = record.evaluations.iter().rfind(|entry| entry.trial == best).unwrap().clone();
        record.evaluations.push(repeated);
        let rows = Tables::new(&record).learning_rates;
        let evaluations = Tables::new(&record).curves.iter().filter(|row| row.trial == best).count();
        assert_eq!(rows.len(), 8 * evaluations);
        assert_eq!(rows.iter().take(8).map(|row| row.block.as_str()).collect::<Vec<_>>()[..2], ["embeddings", "layer.0"]);
        assert_eq!(rows[0].learning_rate, None);
        assert!(rows[8].learning_rate.is_some() && rows.is_sorted_by_key(|row| row.step));
    }

    #[test]
    fn nothing_without_a_value() {
        assert_eq!(Tables::new(&sample_record(0, 3, 1)).learning_rates, []);
    }
}

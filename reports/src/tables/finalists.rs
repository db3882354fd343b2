//! The finalists: a row each, and which of them another seed might have put first.

use engine::{finalists::Standing, record::StudyRecord};
use polars::prelude::{DataFrame, PolarsResult};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{
    Tables, column,
    mean_of::{deviation, mean},
};

/// A config that was trained with several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalistRow {
    /// From 1.
    pub rank: usize,
    /// The trial of the search.
    pub trial: u32,
    pub recipe: Option<String>,
    /// In the search.
    pub value: f64,
    /// Numbers and values of the trainings that are compared, the search's own first; NaN where one failed.
    pub trainings: Vec<(u32, f64)>,
    pub failed: usize,
    /// Of those with a value.
    pub mean: f64,
    /// Its trainings exceed a constraint in the mean.
    pub exceeds: bool,
    /// Of one training's value, around the mean (`n - 1`); `None` with fewer than two.
    pub deviation: Option<f64>,
    /// The ends of the 95 % interval of the mean; `None` where too little is known.
    pub interval: Option<(f64, f64)>,
    /// How much worse its mean is than the winner's, and the ends of the 95 % interval of that; `None` for the winner, and where too little is known.
    pub behind: Option<Behind>,
    /// The training that leaves the study, if it is one of these.
    pub exported: Option<u32>,
}

/// Positive is worse than the winner, whatever the direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behind {
    pub difference: f64,
    pub low: f64,
    pub high: f64,
}

impl Behind {
    /// Whether other seeds might well have put it before the winner.
    pub fn is_open(self) -> bool {
        self.low <= 0.0
    }
}

/// Best first; empty unless configs were trained again.
///
/// What the seed alone does to a value is taken to be alike for all of them: its variance is pooled over all trainings, and differences of means have
/// intervals by Student's t (Montgomery 2017, section 3.5: Fisher's least significant difference).
pub(super) fn rows(record: &StudyRecord) -> Vec<FinalistRow> {
    let standings = record.finalists.standings(&record.state);
    if standings.first().is_none_or(|first| first.trainings.len() < 2) {
        return Vec::new();
    }
    let values = |standing: &Standing| -> Vec<f64> {
        standing.trainings.iter().map(|training| training.value).filter(|value| !value.is_nan()).collect()
    };
    let objective = record.state.objective;
    let all: Vec<Vec<f64>> = standings.iter().map(values).collect();
    let noise = noise(&all);
    let behind = |values: &[f64]| {
        let (winner, (deviation, t)) = (&all[0], noise?);
        let difference = objective.cost(mean(values)?) - objective.cost(mean(winner)?);
        let reach = t * deviation * (1.0 / winner.len() as f64 + 1.0 / values.len() as f64).sqrt();
        Some(Behind { difference, low: difference - reach, high: difference + reach })
    };
    let interval = |values: &[f64]| {
        let (mean, (deviation, t)) = (mean(values)?, noise?);
        let reach = t * deviation / (values.len() as f64).sqrt();
        Some((mean - reach, mean + reach))
    };
    let best = record.best();
    let row = |(place, (standing, values)): (usize, (&Standing, &Vec<f64>))| FinalistRow {
        rank: place + 1,
        trial: standing.trial,
        recipe: record.trials[standing.trial as usize].recipe.clone(),
        value: record.state.trials()[standing.trial as usize].values.last().copied().unwrap_or(f64::NAN),
        trainings: standing.trainings.iter().map(|training| (training.trial, training.value)).collect(),
        failed: standing.failed,
        mean: standing.mean,
        exceeds: standing.exceeded > 0.0,
        deviation: deviation(values),
        interval: interval(values),
        behind: if place == 0 || standing.failed > 0 || standing.exceeded > standings[0].exceeded { None } else { behind(values) },
        exported: best.filter(|best| best.of == standing.trial).map(|best| best.trial),
    };
    standings.iter().zip(&all).enumerate().map(row).collect()
}

/// The pooled standard deviation of a training around its config's mean, and how many of its standard errors are 95 % to both sides.
fn noise(values: &[Vec<f64>]) -> Option<(f64, f64)> {
    let (mut squares, mut freedom) = (0.0, 0);
    for values in values {
        if let Some(deviation) = deviation(values) {
            squares += deviation * deviation * (values.len() - 1) as f64;
            freedom += values.len() - 1;
        }
    }
    let t = StudentsT::new(0.0, 1.0, freedom as f64).ok()?.inverse_cdf(0.975);
    Some(((squares / freedom as f64).sqrt(), t))
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.finalists;
    let most = rows.iter().map(|row| row.trainings.len()).max().unwrap_or(0);
    let mut columns = vec![
        column("rank", rows, |row| row.rank as u32),
        column("trial", rows, |row| row.trial),
        column("recipe", rows, |row| row.recipe.clone()),
        column("value", rows, |row| row.value),
        column("seeds", rows, |row| row.trainings.len() as u32),
        column("failed", rows, |row| row.failed as u32),
        column("mean", rows, |row| row.mean),
        column("mean_low", rows, |row| row.interval.map(|(low, _)| low)),
        column("mean_high", rows, |row| row.interval.map(|(_, high)| high)),
        column("exceeds", rows, |row| row.exceeds),
        column("deviation", rows, |row| row.deviation),
        column("behind", rows, |row| row.behind.map(|behind| behind.difference)),
        column("behind_low", rows, |row| row.behind.map(|behind| behind.low)),
        column("behind_high", rows, |row| row.behind.map(|behind| behind.high)),
        column("exported", rows, |row| row.exported),
    ];
    for seed in 0..most {
        columns.push(column(format!("trial_{}", seed + 1), rows, |row| row.trainings.get(seed).map(|(trial, _)| *trial)));
        columns.push(column(format!("value_{}", seed + 1), rows, |row| row.trainings.get(seed).map(|(_, value)| *value)));
    }
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sample_record, with_finalists};

    #[test]
    fn means_and_what_another_seed_might_change() {
        let mut record = sample_record(30, 3, 1);
        let best: Vec<u32> = record.state.leaderboard().into_iter().take(3).collect();
        let [a, b, c] = best[..] else { panic!("{best:?}") };
        let own = |trial: u32| *record.state.trials()[trial as usize].values.last().unwrap();
        let (of_a, of_b) = (own(a), own(b));
        with_finalists(
            &mut record,
            &[(a, &[Some(of_a - 0.04), Some(of_a - 0.02)]), (b, &[Some(of_b), Some(of_b + 0.01)]), (c, &[Some(0.5), None])],
        );
        let tables = Tables::new(&record);
        let [first, second, last] = &tables.finalists[..] else { panic!("{:?}", tables.finalists) };
        assert_eq!((first.trial, second.trial, last.trial), (b, a, c));
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        near(first.mean, of_b + 0.01 / 3.0);
        near(second.mean, of_a - 0.02);
        near(second.deviation.unwrap(), 0.02);
        assert_eq!((first.behind, last.behind, last.failed), (None, None, 1), "a failure cannot be weighed against values");
        // The deviation pooled over 2, 2 and 1 degrees of freedom, with scipy.stats.t.ppf(0.975, 5).
        let squares = 2.0 * 0.02_f64.powi(2) + 2.0 * first.deviation.unwrap().powi(2) + last.deviation.unwrap().powi(2);
        let behind = second.behind.unwrap();
        near(behind.difference, first.mean - second.mean);
        near(behind.high - behind.difference, 2.570_581_835_636_314 * (squares / 5.0).sqrt() * (2.0_f64 / 3.0).sqrt());
        assert!(behind.is_open());
        let (low, high) = second.interval.unwrap();
        near(high - low, 2.0 * 2.570_581_835_636_314 * (squares / 5.0 / 3.0).sqrt());
        near(f64::midpoint(low, high), second.mean);
        // The training in the middle of the winner's three: of the two that are equal the first.
        assert_eq!((first.exported, second.exported), (record.best().map(|best| best.trial), None));
        assert_eq!(tables.leaderboard[0].trial, b, "the leaderboard begins with the winner");
    }

    #[test]
    fn without_another_training_there_is_nothing_to_show() {
        assert_eq!(Tables::new(&sample_record(12, 3, 1)).finalists, []);
    }
}

//! Trials that fail, and where in the space they do.

use engine::state::Phase;

use crate::{
    format,
    parameters::{Cell, Scale},
    summary::Summary,
    tables::Tables,
};

/// Of all trials; fewer cost little.
const MANY: f64 = 0.15;

/// Where a range could end to spare most failures and none of the rest, or that they should be looked into.
pub(super) fn advice(tables: &Tables, summary: &Summary) -> Option<String> {
    let failed = |trial: u32| tables.trials.get(trial as usize).is_some_and(|row| matches!(row.phase, Phase::Failed { .. }));
    let share = summary.counts.failed as f64 / summary.counts.trials as f64;
    if summary.counts.failed < 2 || share < MANY {
        return None;
    }
    let many =
        format!("{} of {} failed", format::count(summary.counts.failed as u64), format::counted(summary.counts.trials as u64, "trial"));
    let mut spared = Vec::new();
    for column in &tables.parameters {
        let (Scale::Log { .. } | Scale::Linear { .. }) = column.scale else { continue };
        let number = |trial: u32| match column.cells.get(trial as usize) {
            Some(Cell::Number(value)) => Some(*value),
            _ => None,
        };
        let of = |wanted: bool| {
            tables.searched().filter(move |row| failed(row.number) == wanted).filter_map(|row| number(row.number)).collect::<Vec<f64>>()
        };
        let (bad, good) = (of(true), of(false));
        let highest = good.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let beyond = bad.iter().filter(|value| **value > highest).count();
        if good.len() >= 3 && beyond * 3 >= summary.counts.failed * 2 {
            spared.push((beyond, column, highest));
        }
    }
    spared.sort_by_key(|(beyond, ..)| std::cmp::Reverse(*beyond));
    Some(match spared.first() {
        Some((beyond, column, highest)) => format!(
            "End the range of `{}` at {}: {many}, {beyond} of them above that, where no other trial succeeded.",
            column.path,
            format::significant(*highest, 2)
        ),
        None => format!("Look into the failures below: {many}."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{parameters::ParameterColumn, testing::sample_record};

    #[test]
    fn failures_at_one_end_say_where_to_end_the_range() {
        let mut record = sample_record(12, 3, 1);
        for trial in [5, 7, 9] {
            record.state.change(trial, |trial| (trial.phase, trial.values) = (Phase::Failed { rung: 0 }, Vec::new()));
        }
        let mut tables = Tables::new(&record);
        let failed = |row: u32| matches!(tables.trials[row as usize].phase, Phase::Failed { .. });
        let cells =
            (0..tables.trials.len() as u32).map(|trial| Cell::Number(if failed(trial) { 0.1 + f64::from(trial) } else { 0.01 })).collect();
        let scale = Scale::Log { low: 1e-3, high: 100.0 };
        tables.parameters = vec![ParameterColumn { path: "lr".to_owned(), scale, integer: false, cells }];
        let summary = Summary::new(&record, &tables);
        insta::assert_snapshot!(advice(&tables, &summary).unwrap(), @"End the range of `lr` at 0.01: 4 of 12 trials failed, 4 of them above that, where no other trial succeeded.");
        tables.parameters.clear();
        insta::assert_snapshot!(advice(&tables, &summary).unwrap(), @"Look into the failures below: 4 of 12 trials failed.");
    }

    #[test]
    fn one_failure_is_nothing_to_look_into() {
        let record = sample_record(12, 3, 1);
        let tables = Tables::new(&record);
        assert_eq!(advice(&tables, &Summary::new(&record, &tables)), None);
    }
}

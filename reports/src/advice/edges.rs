//! Ranges that end where the best trials lie.

use crate::{
    format,
    parameters::{Cell, ParameterColumn, Scale},
    summary::Summary,
    tables::Tables,
};

/// Of the range, at either end.
const NEAR: f64 = 0.06;
/// Most of the best must lie in this share of the range at that end.
const OUTER: f64 = 0.25;
/// The best of the leaderboard that count.
const BEST: usize = 5;

/// A sentence for each parameter that the winner has at the end of its range, with most of the best near it.
pub(super) fn advice(tables: &Tables, summary: &Summary) -> Vec<String> {
    let Some(best) = summary.best.as_ref().filter(|best| !best.provisional && best.trial != 0) else { return Vec::new() };
    let leaders: Vec<u32> =
        tables.leaderboard.iter().filter(|row| row.complete && row.trial != 0).take(BEST).map(|row| row.trial).collect();
    let of = |column: &ParameterColumn| {
        let share = share(column, best.trial)?;
        let upper = share > 0.5;
        let near = |share: f64, width: f64| if upper { share >= 1.0 - width } else { share <= width };
        let shares: Vec<f64> = leaders.iter().filter_map(|trial| self::share(column, *trial)).collect();
        let outer = shares.iter().filter(|share| near(**share, OUTER)).count();
        (near(share, NEAR) && shares.len() >= 3 && outer * 2 > shares.len())
            .then(|| told(column, best.trial, upper, outer, shares.len()))?
    };
    tables.parameters.iter().filter_map(of).collect()
}

/// Where in its range a trial has the parameter: 0 at the lower end, 1 at the upper. Of ranges of many values alone.
fn share(column: &ParameterColumn, trial: u32) -> Option<f64> {
    let Cell::Number(value) = column.cells.get(trial as usize)? else { return None };
    let share = match column.scale {
        Scale::Linear { low, high } => (value - low) / (high - low),
        Scale::Log { low, high } => (value / low).ln() / (high / low).ln(),
        Scale::Categories(_) => return None,
    };
    // Of few integers the ends are as likely as any.
    let few = column.integer && bounds(column).is_some_and(|(low, high)| high - low < 16.0);
    (share.is_finite() && !few).then_some(share)
}

fn bounds(column: &ParameterColumn) -> Option<(f64, f64)> {
    match column.scale {
        Scale::Linear { low, high } | Scale::Log { low, high } => Some((low, high)),
        Scale::Categories(_) => None,
    }
}

/// `None` where the range cannot be wider: below 0, and for shares above 1.
fn told(column: &ParameterColumn, trial: u32, upper: bool, outer: usize, of: usize) -> Option<String> {
    let (low, high) = bounds(column)?;
    let Cell::Number(value) = column.cells.get(trial as usize)? else { return None };
    let further = match (&column.scale, upper) {
        (Scale::Log { .. }, true) => high * (high / low).sqrt().min(10.0),
        (Scale::Log { .. }, false) => low / (high / low).sqrt().min(10.0),
        (_, true) => high + (high - low) / 2.0,
        (_, false) => low - (high - low) / 2.0,
    };
    let further = if upper && high <= 1.0 { further.min(f64::midpoint(high, 1.0)) } else { further };
    let further = if further < 0.0 { 0.0 } else { further };
    if (upper && further <= high) || (!upper && further >= low) {
        return None;
    }
    let (end, bound) = if upper { ("upper", high) } else { ("lower", low) };
    Some(format!(
        "Widen `{}` beyond {}, say to {}: the winner has {}, and {outer} of the best {of} lie near the {end} end of its range.",
        column.path,
        format::number(bound),
        format::significant(further, 2),
        format::number(*value)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    fn with(scale: Scale, values: &[f64]) -> Vec<String> {
        let record = sample_record(40, 3, 1);
        let mut tables = Tables::new(&record);
        let leaders: Vec<u32> = tables.leaderboard.iter().filter(|row| row.complete && row.trial != 0).map(|row| row.trial).collect();
        let mut cells = vec![Cell::Inactive; tables.trials.len()];
        for (trial, value) in leaders.iter().zip(values) {
            cells[*trial as usize] = Cell::Number(*value);
        }
        tables.parameters = vec![ParameterColumn { path: "x".to_owned(), scale, integer: false, cells }];
        let mut summary = Summary::new(&record, &tables);
        summary.best.as_mut().unwrap().trial = leaders[0];
        advice(&tables, &summary)
    }

    #[test]
    fn a_winner_at_the_end_of_its_range_asks_for_a_wider_one() {
        let log = || Scale::Log { low: 1e-5, high: 1e-3 };
        insta::assert_snapshot!(with(log(), &[9.9e-4, 9e-4, 8e-4]).join("\n"), @"Widen `x` beyond 0.001, say to 0.01: the winner has 9.9e-4, and 3 of the best 3 lie near the upper end of its range.");
        insta::assert_snapshot!(with(log(), &[1e-5, 1.1e-5, 8e-4, 1.2e-5]).join("\n"), @"Widen `x` beyond 1e-5, say to 1e-6: the winner has 1e-5, and 3 of the best 4 lie near the lower end of its range.");
        // The others are elsewhere, or the winner is.
        assert!(with(log(), &[9.9e-4, 1e-4, 1e-4]).is_empty());
        assert!(with(log(), &[2e-4, 9.9e-4, 9.9e-4]).is_empty());
        // Too few to tell.
        assert!(with(log(), &[9.9e-4, 9.9e-4]).is_empty());
    }

    #[test]
    fn no_range_is_widened_beyond_what_is_possible() {
        let rates = [0.0, 0.01, 0.02];
        assert!(with(Scale::Linear { low: 0.0, high: 0.5 }, &rates).is_empty());
        let high = [1.0, 1.0, 0.99];
        assert!(with(Scale::Linear { low: 0.5, high: 1.0 }, &high).is_empty());
        let momentum = [0.94, 0.95, 0.93];
        insta::assert_snapshot!(with(Scale::Linear { low: 0.5, high: 0.95 }, &momentum).join("\n"), @"Widen `x` beyond 0.95, say to 0.97: the winner has 0.94, and 3 of the best 3 lie near the upper end of its range.");
    }
}

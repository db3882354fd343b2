//! Ranges that end where the best trials lie.

use search_spaces::limits::Limits;

use crate::{
    format,
    parameters::{self, Cell, ParameterColumn, Scale},
    summary::Summary,
    tables::Tables,
};

/// Of the range, at either end.
const NEAR: f64 = 0.06;
/// Most of the best must lie in this share of the range at that end.
const OUTER: f64 = 0.25;
/// The best of the leaderboard that count.
const BEST: usize = 5;
/// Numbers that the model sets the highest of, which is not known here.
const BY_THE_MODEL: [&str; 3] = ["k", "start", "rank"];

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

/// `None` where the range cannot be wider.
fn told(column: &ParameterColumn, trial: u32, upper: bool, outer: usize, of: usize) -> Option<String> {
    let (low, high) = bounds(column)?;
    let Cell::Number(value) = column.cells.get(trial as usize)? else { return None };
    let (end, bound) = if upper { ("upper", high) } else { ("lower", low) };
    Some(format!(
        "Widen `{}` beyond {}, say to {}: the winner has {}, and {outer} of the best {of} lie near the {end} end of its range.",
        column.path,
        format::number(bound),
        further(column, upper)?,
        format::number(*value)
    ))
}

/// A bound further out that a space may have; `None` where there is none.
fn further(column: &ParameterColumn, upper: bool) -> Option<String> {
    let (low, high) = bounds(column)?;
    let limits = Limits::of(&column.path)?;
    if upper && BY_THE_MODEL.contains(&parameters::short_name(&column.path)) {
        return None;
    }
    let log = matches!(column.scale, Scale::Log { .. });
    let wanted = match (log, upper) {
        (true, true) => high * (high / low).sqrt().min(10.0),
        (true, false) => low / (high / low).sqrt().min(10.0),
        (false, true) => high + (high - low) / 2.0,
        (false, false) => low - (high - low) / 2.0,
    };
    // Half of the way, where a limit is nearer: whether it may be reached itself can depend on other settings.
    let (bound, limit) = if upper { (high, limits.high) } else { (low, limits.low) };
    let too_far = if upper { wanted >= limit } else { wanted <= limit };
    let wanted = if too_far { f64::midpoint(bound, limit) } else { wanted };
    let fits = |value: f64| limits.allow(value) && (value > 0.0 || !log) && if upper { value > bound } else { value < bound };
    if column.integer {
        // Two digits, as of fractions.
        let unit = 10f64.powi(wanted.max(10.0).log10().floor() as i32 - 1);
        let whole = if upper { (wanted / unit).ceil() } else { (wanted / unit).floor() } * unit;
        return fits(whole).then(|| whole.to_string());
    }
    // More digits than two only where these would lead out of the limits or back.
    (2..=6).map(|digits| format::significant(wanted, digits)).find(|text| text.parse::<f64>().is_ok_and(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    fn with(path: &str, integer: bool, scale: Scale, values: &[f64]) -> String {
        let record = sample_record(40, 3, 1);
        let mut tables = Tables::new(&record);
        let leaders: Vec<u32> = tables.leaderboard.iter().filter(|row| row.complete && row.trial != 0).map(|row| row.trial).collect();
        let mut cells = vec![Cell::Inactive; tables.trials.len()];
        for (trial, value) in leaders.iter().zip(values) {
            cells[*trial as usize] = Cell::Number(*value);
        }
        tables.parameters = vec![ParameterColumn { path: path.to_owned(), scale, integer, cells }];
        let mut summary = Summary::new(&record, &tables);
        summary.best.as_mut().unwrap().trial = leaders[0];
        advice(&tables, &summary).join("\n")
    }

    /// The bound that is proposed, if one is.
    fn proposed(path: &str, integer: bool, scale: Scale, values: &[f64]) -> Option<String> {
        let advice = with(path, integer, scale, values);
        advice.split_once("say to ").map(|(_, rest)| rest.split_once(':').unwrap().0.to_owned())
    }

    #[test]
    fn a_winner_at_the_end_of_its_range_asks_for_a_wider_one() {
        let rate = |values: &[f64]| with("optimizer.AdamW.learning_rate", false, Scale::Log { low: 1e-5, high: 1e-3 }, values);
        insta::assert_snapshot!(rate(&[9.9e-4, 9e-4, 8e-4]), @"Widen `optimizer.AdamW.learning_rate` beyond 0.001, say to 0.01: the winner has 9.9e-4, and 3 of the best 3 lie near the upper end of its range.");
        insta::assert_snapshot!(rate(&[1e-5, 1.1e-5, 8e-4, 1.2e-5]), @"Widen `optimizer.AdamW.learning_rate` beyond 1e-5, say to 1e-6: the winner has 1e-5, and 3 of the best 4 lie near the lower end of its range.");
        // The others are elsewhere, or the winner is.
        assert_eq!(rate(&[9.9e-4, 1e-4, 1e-4]), "");
        assert_eq!(rate(&[2e-4, 9.9e-4, 9.9e-4]), "");
        // Too few to tell.
        assert_eq!(rate(&[9.9e-4, 9.9e-4]), "");
    }

    #[test]
    fn no_range_is_widened_beyond_what_is_possible() {
        let linear = |path: &str, low, high, values: &[f64]| proposed(path, false, Scale::Linear { low, high }, values);
        // At the limit already.
        assert_eq!(linear("dropout.hidden", 0.0, 0.5, &[0.0, 0.01, 0.02]), None);
        assert_eq!(linear("layer_decay", 0.5, 1.0, &[1.0, 1.0, 0.99]), None);
        // Near it.
        assert_eq!(linear("optimizer.Sgd.momentum", 0.5, 0.95, &[0.94, 0.95, 0.93]).as_deref(), Some("0.97"));
        assert_eq!(linear("optimizer.AdamW.weight_decay", 0.01, 0.1, &[0.01, 0.011, 0.012]).as_deref(), Some("0.005"));
        assert_eq!(linear("optimizer.Sgd.learning_rate", 0.1, 0.9, &[0.1, 0.11, 0.12]).as_deref(), Some("0.05"));
        // Rounded to fewer digits it would be 1, which is no decay rate.
        let (low, high) = (0.9, 0.999);
        let proposed = linear("optimizer.AdamW.beta2", low, high, &[0.999, 0.998, 0.998]).unwrap().parse::<f64>().unwrap();
        assert!(proposed > high && proposed < 1.0, "{proposed}");
        // What is no number of a config.
        assert_eq!(linear("unknown", 0.0, 1.0, &[1.0, 1.0, 1.0]), None);
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let linear = |path: &str, low, high, values: &[f64]| proposed(path, true, Scale::Linear { low, high }, values);
        assert_eq!(linear("early_stopping.Some.patience", 1.0, 41.0, &[1.0, 1.0, 2.0]), None);
        assert_eq!(linear("early_stopping.Some.patience", 4.0, 41.0, &[4.0, 4.0, 5.0]).as_deref(), Some("2"));
        assert_eq!(linear("augment.crop", 0.0, 17.0, &[17.0, 17.0, 17.0]).as_deref(), Some("26"));
        let batches = |values: &[f64]| proposed("batch_size", true, Scale::Log { low: 8.0, high: 256.0 }, values);
        assert_eq!(batches(&[256.0, 240.0, 250.0]).as_deref(), Some("1500"));
        assert_eq!(batches(&[8.0, 8.0, 9.0]).as_deref(), Some("1"));
        assert_eq!(proposed("augment.crop", true, Scale::Log { low: 1.0, high: 64.0 }, &[1.0, 1.0, 1.0]), None, "no logarithm of 0");
        // The model may have no more blocks.
        assert_eq!(linear("unfreeze.LastBlocks.k", 1.0, 23.0, &[23.0, 23.0, 23.0]), None);
        assert_eq!(linear("unfreeze.LastBlocks.k", 4.0, 23.0, &[4.0, 4.0, 4.0]).as_deref(), Some("2"));
    }
}

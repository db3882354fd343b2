//! What to try next, from what the study has shown. Each piece of advice says why.

mod edges;
mod failing;
mod progress;

use engine::record::StudyRecord;
use search_spaces::{goals::Measure, settings::Direction};

use crate::{
    format,
    summary::{Summary, standard_error},
    tables::{CurveRow, Tables},
};

/// More than this nobody reads.
const MOST: usize = 6;

/// What to do, and why, as sentences; the most useful first. Empty before a trial has ended. `validation` is the number of validation examples, if known.
pub(crate) fn advice(record: &StudyRecord, tables: &Tables, summary: &Summary, validation: Option<u64>) -> Vec<String> {
    if summary.counts.trials == 0 {
        return Vec::new();
    }
    let mut advice = Vec::new();
    advice.extend(failing::advice(tables, summary));
    advice.extend(binding(summary));
    advice.extend(edges::advice(tables, summary));
    advice.extend(progress::advice(record, tables, summary));
    advice.extend(length(tables, summary));
    advice.extend(groups(tables));
    advice.extend(doubt(record, summary, validation));
    advice.truncate(MOST);
    if advice.is_empty() && summary.finished && summary.best.is_some() {
        advice.push(
            "Take the winner to production (`thawline train best.ron --to MODEL_DIR`): nothing in this study asks for a change.".to_owned(),
        );
    }
    advice
}

/// Limits that nothing keeps.
fn binding(summary: &Summary) -> Option<String> {
    let constrained = summary.constrained.as_ref()?;
    (constrained.kept == 0 && constrained.of > 0).then(|| {
        "Loosen a constraint, or give the search what it needs to keep it (a smaller model, fewer blocks that train): no trial has kept them all."
            .to_owned()
    })
}

/// Whether the winner was trained for too long or too short a time.
fn length(tables: &Tables, summary: &Summary) -> Option<String> {
    let best = summary.best.as_ref().filter(|best| !best.provisional)?;
    let curve: Vec<&CurveRow> = tables.curves.iter().filter(|row| row.trial == best.trial).collect();
    let metric = summary.objective.metric.name();
    let cost = |row: &CurveRow| row.metrics.get(metric).map(|value| summary.objective.cost(*value)).filter(|cost| cost.is_finite());
    // Fewer evaluations say nothing about a course.
    let last = curve.last().filter(|_| curve.len() >= 6)?;
    let (place, _) = curve.iter().enumerate().filter_map(|(place, row)| Some((place, cost(row)?))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    let halfway = cost(curve[curve.len() / 2])?;
    let better = cost(last)? < halfway;
    if place + 1 == curve.len() && better {
        let way = if summary.objective.direction == Direction::Minimize { "fell" } else { "rose" };
        return Some(format!(
            "Let it train longer (`epochs`): the winner's {metric} still {way} at its end, after {}.",
            passes(last.epoch)
        ));
    }
    (place < curve.len() / 2).then(|| {
        format!(
            "Try fewer `epochs`, or more weight decay and dropout: the winner was at its best after {} of {}.",
            format::number(curve[place].epoch),
            passes(last.epoch)
        )
    })
}

fn passes(epochs: f64) -> String {
    if epochs == 1.0 { "1 pass".to_owned() } else { format!("{} passes", format::number(epochs)) }
}

/// Groups of examples that fare differently, unless the search has been told how differently they may.
fn groups(tables: &Tables) -> Option<String> {
    if tables.measures.contains(&Measure::GroupGap) {
        return None;
    }
    tables.predicted.significant_gaps().first()?;
    Some(
        "Look into the groups below before you rely on it, and search with the constraint `GroupGap` if it matters: some fare worse than others by more than chance."
            .to_owned(),
    )
}

/// How sure the result is, and what would make it surer.
fn doubt(record: &StudyRecord, summary: &Summary, validation: Option<u64>) -> Vec<String> {
    let Some(best) = summary.best.as_ref().filter(|best| !best.provisional && summary.finished) else { return Vec::new() };
    let mut advice = Vec::new();
    let rivals = best.again.as_ref().map_or(&[][..], |again| &again.rivals[..]);
    if !rivals.is_empty() {
        advice.push(format!(
            "Choose between trial {} and {} by what they cost, or train them with more seeds (`finalist_seeds`): by their values they cannot be told apart.",
            best.trial,
            format::list(rivals, "trial")
        ));
    }
    let error = validation.and_then(|examples| standard_error(summary.objective.metric, best.value, examples));
    if let (Some(error), Some(gain)) = (error, summary.gain().filter(|_| best.trial != 0))
        && (0.0..2.0 * error).contains(&gain)
        && record.space.settings.folds.is_none()
    {
        advice.push(
                "Judge by more validation examples, or with `folds: 5`: the gain over the default recipe is not larger than two standard errors."
                    .to_owned(),
            );
    }
    if best.again.is_none() && summary.counts.full_length > 1 && record.space.settings.finalists == 0 {
        advice.push(
            "Set `finalists: 3` before you rely on it: the best of many values is partly luck, and other seeds tell how much.".to_owned(),
        );
    }
    if summary.test.as_ref().is_some_and(|test| test.reused) {
        advice.push("Take another test split for a final judgement: the search went on after this one had been looked at.".to_owned());
    }
    advice
}

#[cfg(test)]
mod tests {
    use search_spaces::goals::Constraint;

    use super::*;
    use crate::testing::{running_record, sample_record, with_finalists, with_predictions, with_test};

    fn of(record: &StudyRecord, validation: Option<u64>) -> String {
        let tables = Tables::new(record);
        advice(record, &tables, &Summary::new(record, &tables), validation).join("\n")
    }

    #[test]
    fn nothing_is_advised_before_there_is_anything_to_go_by() {
        assert_eq!(of(&sample_record(0, 3, 1), None), "");
        assert_eq!(of(&running_record(0, 3, 1), Some(445)), "");
    }

    #[test]
    fn rivals_are_named() {
        let mut record = sample_record(12, 3, 1);
        let best: Vec<u32> = record.state.leaderboard().into_iter().take(2).collect();
        with_finalists(&mut record, &[(best[0], &[Some(0.95), Some(0.90)]), (best[1], &[Some(0.94), Some(0.91)])]);
        let advice = of(&record, None);
        assert!(advice.contains("they cannot be told apart"), "{advice}");
        assert!(!advice.contains("finalists: 3"), "{advice}");
    }

    #[test]
    fn a_small_gain_asks_for_more_examples() {
        let mut record = sample_record(12, 3, 1);
        assert!(!of(&record, Some(1_000_000)).contains("folds: 5"));
        assert!(of(&record, Some(100)).contains("folds: 5"));
        record.space.settings.folds = Some(5);
        assert!(!of(&record, Some(100)).contains("folds: 5"));
    }

    #[test]
    fn groups_that_fare_differently_are_told_unless_the_search_knows() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = sample_record(40, 3, 1);
        let best = record.best().unwrap().trial;
        with_test(&mut record, best, (0.9, 0.88, 0.92));
        with_predictions(&mut record, folder.path(), &["mail", "web"]);
        assert!(groups(&Tables::read(&record)).unwrap().contains("`GroupGap`"));
        record.state.constraints = vec![Constraint::GroupGap(0.5)];
        assert_eq!(groups(&Tables::read(&record)), None);
    }
}

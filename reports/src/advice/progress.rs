//! Whether more trials are worth it.

use engine::{
    record::{Decision, StudyRecord},
    state::Phase,
};

use crate::{format, summary::Summary, tables::Tables};

/// Fewer trials say nothing about when the best comes.
const FEWEST: usize = 8;

/// Nothing where a target ended the search, which was to find no better.
pub(super) fn advice(record: &StudyRecord, tables: &Tables, summary: &Summary) -> Option<String> {
    let best = summary.best.as_ref().filter(|best| !best.provisional)?;
    let trials = summary.counts.trials;
    if !summary.finished || has_reached_target(record) {
        return None;
    }
    match cut_short(record, trials) {
        Some(Decision::StartsClosed { .. }) => {
            return Some(format!(
                "Give it more budget (`--budget`): it ended after {} of {}.",
                format::count(trials as u64),
                format::counted(u64::from(record.space.settings.trials), "planned trial")
            ));
        }
        Some(Decision::SpaceExhausted { .. }) => {
            return Some(format!(
                "Widen the space before you search on: it has no config beside those of the {}.",
                format::counted(trials as u64, "trial")
            ));
        }
        // Given up: that almost all have failed is advice of its own.
        Some(_) => return None,
        None => {}
    }
    if trials < FEWEST {
        return Some(format!("Search on (`--trials`): {} say little about a space.", format::counted(trials as u64, "trial")));
    }
    if best.trial == 0 {
        return Some(format!(
            "Keep the default recipe, or change the space: {} have found nothing better.",
            format::counted(trials as u64 - 1, "other trial")
        ));
    }
    // Trials of the search that had begun before the winner.
    let before = tables.searched().position(|row| row.number == best.trial)?;
    let place = before + 1;
    if place * 4 > trials * 3 {
        return Some(format!(
            "Search on (`--trials {}`): the best came late, {before} of {trials} trials had begun before it.",
            trials * 2
        ));
    }
    (place * 2 <= trials).then(|| {
        format!(
            "Rather than search on, change the space or the data: the last {} of {trials} trials have found nothing better.",
            format::count((trials - place) as u64)
        )
    })
}

/// Whether a trial is as good as the value that was to end the search.
fn has_reached_target(record: &StudyRecord) -> bool {
    let state = &record.state;
    let Some(target) = record.space.settings.target else { return false };
    let mut complete = state.searched().filter(|trial| trial.phase == Phase::Complete);
    complete.any(|trial| {
        let cost = state.cost(trial, trial.values.len().saturating_sub(1));
        cost.is_feasible() && cost.value <= state.objective.cost(target)
    })
}

/// What ended the search before it had all its `trials`, if anything did: the last that says so, unless the search has gone on to all of them since. A space that
/// is exhausted stays so.
fn cut_short(record: &StudyRecord, trials: usize) -> Option<Decision> {
    let ends = |decision: &Decision| {
        matches!(decision, Decision::StartsClosed { .. } | Decision::SpaceExhausted { .. } | Decision::GivenUp { .. })
    };
    let last = record.decisions.iter().rev().map(|one| one.decision).find(ends)?;
    let stands = matches!(last, Decision::SpaceExhausted { .. }) || record.space.settings.trials as usize > trials;
    stands.then_some(last)
}

#[cfg(test)]
mod tests {
    use engine::record::DecisionRecord;

    use super::*;
    use crate::testing::{running_record, sample_record};

    const CLOSED: Decision = Decision::StartsClosed { trials: 12, seconds_left: 95.0, seconds_needed: 130.0 };
    const EXHAUSTED: Decision = Decision::SpaceExhausted { trials: 12 };
    const GIVEN_UP: Decision = Decision::GivenUp { trials: 12 };

    fn of(record: &StudyRecord) -> Option<String> {
        let tables = Tables::new(record);
        advice(record, &tables, &Summary::new(record, &tables))
    }

    /// Of a study of 40 trials with this best one.
    fn with(record: &StudyRecord, best: u32) -> Option<String> {
        let tables = Tables::new(record);
        let mut summary = Summary::new(record, &tables);
        summary.best.as_mut().unwrap().trial = best;
        advice(record, &tables, &summary)
    }

    /// A search of 12 trials, of which `wanted` were to be, that these decisions ended one after the other.
    fn ended_by(decisions: &[Decision], wanted: u32) -> Option<String> {
        let mut record = sample_record(12, 3, 1);
        record.space.settings.trials = wanted;
        for decision in decisions {
            let last = record.decisions.last().unwrap().clone();
            record.decisions.push(DecisionRecord { seq: last.seq + 1, upto_seq: last.seq, worker: None, decision: *decision, ..last });
        }
        of(&record)
    }

    #[test]
    fn when_the_best_came_says_whether_to_search_on() {
        let record = sample_record(40, 3, 1);
        insta::assert_snapshot!(with(&record, 38).unwrap(), @"Search on (`--trials 80`): the best came late, 38 of 40 trials had begun before it.");
        assert_eq!(with(&record, 25), None);
        insta::assert_snapshot!(with(&record, 5).unwrap(), @"Rather than search on, change the space or the data: the last 34 of 40 trials have found nothing better.");
        insta::assert_snapshot!(with(&record, 0).unwrap(), @"Keep the default recipe, or change the space: 39 other trials have found nothing better.");
    }

    #[test]
    fn a_search_that_goes_on_is_left_alone() {
        assert_eq!(of(&running_record(40, 3, 1)), None);
    }

    #[test]
    fn a_search_that_has_reached_its_target_is_left_alone() {
        let mut record = sample_record(40, 3, 1);
        record.space.settings.target = Some(0.5);
        assert_eq!(with(&record, 38), None);
        record.space.settings.target = Some(1.0);
        assert!(with(&record, 38).is_some(), "no trial is as good");
    }

    #[test]
    fn what_ended_the_search_is_told() {
        insta::assert_snapshot!(ended_by(&[CLOSED], 30).unwrap(), @"Give it more budget (`--budget`): it ended after 12 of 30 planned trials.");
        insta::assert_snapshot!(ended_by(&[EXHAUSTED], 30).unwrap(), @"Widen the space before you search on: it has no config beside those of the 12 trials.");
        assert_eq!(ended_by(&[GIVEN_UP], 30), None);
        // The last counts.
        assert!(ended_by(&[GIVEN_UP, EXHAUSTED, CLOSED], 30).unwrap().contains("--budget"));
        assert!(ended_by(&[CLOSED, EXHAUSTED], 30).unwrap().contains("Widen the space"));
        assert_eq!(ended_by(&[CLOSED, GIVEN_UP], 30), None);
    }

    #[test]
    fn a_search_that_went_on_to_all_its_trials_was_not_cut_short() {
        let undisturbed = ended_by(&[], 12);
        assert_eq!(ended_by(&[CLOSED], 12), undisturbed);
        assert_eq!(ended_by(&[GIVEN_UP], 12), undisturbed);
        assert_ne!(ended_by(&[EXHAUSTED], 12), undisturbed, "more are not to be had");
    }

    #[test]
    fn a_budget_that_was_enough_is_not_told() {
        let mut record = sample_record(12, 3, 1);
        let undisturbed = of(&record);
        (record.state.planned, record.space.settings.budget_seconds) = (12, Some(3600));
        assert_eq!(of(&record), undisturbed);
    }
}

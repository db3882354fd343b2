//! Whether more trials are worth it.

use engine::record::StudyRecord;

use crate::{format, summary::Summary, tables::Tables};

/// Fewer trials say nothing about when the best comes.
const FEWEST: usize = 8;

pub(super) fn advice(record: &StudyRecord, tables: &Tables, summary: &Summary) -> Option<String> {
    let best = summary.best.as_ref().filter(|best| !best.provisional)?;
    let trials = summary.counts.trials;
    if !summary.finished {
        return None;
    }
    if summary.planned as usize > trials && record.space.settings.budget_seconds.is_some() {
        return Some(format!(
            "Give it more budget (`--budget`): it ended after {} of {}.",
            format::count(trials as u64),
            format::counted(u64::from(summary.planned), "planned trial")
        ));
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
    // The place of the winner among the trials of the search.
    let place = tables.searched().position(|row| row.number == best.trial)? + 1;
    if place * 4 > trials * 3 {
        return Some(format!("Search on (`--trials {}`): the best came late, as trial {} of {trials}.", trials * 2, place));
    }
    (place * 2 <= trials).then(|| {
        format!(
            "Rather than search on, change the space or the data: the last {} of {trials} trials have found nothing better.",
            format::count((trials - place) as u64)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{running_record, sample_record};

    fn with(best: u32) -> Option<String> {
        let record = sample_record(40, 3, 1);
        let tables = Tables::new(&record);
        let mut summary = Summary::new(&record, &tables);
        summary.best.as_mut().unwrap().trial = best;
        advice(&record, &tables, &summary)
    }

    #[test]
    fn when_the_best_came_says_whether_to_search_on() {
        insta::assert_snapshot!(with(38).unwrap(), @"Search on (`--trials 80`): the best came late, as trial 39 of 40.");
        assert_eq!(with(25), None);
        insta::assert_snapshot!(with(5).unwrap(), @"Rather than search on, change the space or the data: the last 34 of 40 trials have found nothing better.");
        insta::assert_snapshot!(with(0).unwrap(), @"Keep the default recipe, or change the space: 39 other trials have found nothing better.");
    }

    #[test]
    fn a_search_that_goes_on_is_left_alone() {
        let record = running_record(40, 3, 1);
        let tables = Tables::new(&record);
        assert_eq!(advice(&record, &tables, &Summary::new(&record, &tables)), None);
    }

    #[test]
    fn a_budget_that_ended_it_is_told() {
        let mut record = sample_record(12, 3, 1);
        (record.state.planned, record.space.settings.budget_seconds) = (30, Some(3600));
        let tables = Tables::new(&record);
        insta::assert_snapshot!(advice(&record, &tables, &Summary::new(&record, &tables)).unwrap(), @"Give it more budget (`--budget`): it ended after 12 of 30 planned trials.");
    }
}

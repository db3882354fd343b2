//! One row a decision about the search.

use engine::{
    record::{Decision, StudyRecord},
    state::TrialKind,
};
use polars::prelude::{DataFrame, PolarsResult};

use super::{Tables, TrialRow, column};
use crate::{active::ActiveTime, format};

#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRow {
    /// The number of its event.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Active seconds since the study started.
    pub at_seconds: f64,
    /// The event number that it was taken from.
    pub upto_seq: u64,
    pub decision: Decision,
    pub worker: Option<String>,
    /// In words.
    pub words: String,
}

impl DecisionRow {
    pub(crate) fn kind(&self) -> &'static str {
        match self.decision {
            Decision::Start { .. } => "start",
            Decision::Promote { .. } => "promote",
            Decision::StartsClosed { .. } => "starts_closed",
            Decision::SpaceExhausted { .. } => "space_exhausted",
            Decision::GivenUp { .. } => "given_up",
            Decision::FinalistsChosen { .. } => "finalists_chosen",
            Decision::CheckpointsDropped { .. } => "checkpoints_dropped",
        }
    }

    /// The trial that it is about, and the rung it trains to.
    pub fn trial(&self) -> Option<(u32, usize)> {
        match self.decision {
            Decision::Start { trial } => Some((trial, 0)),
            Decision::Promote { trial, rung } => Some((trial, rung)),
            _ => None,
        }
    }
}

pub(super) fn rows(record: &StudyRecord, time: &ActiveTime, trials: &[TrialRow]) -> Vec<DecisionRow> {
    let row = |one: &engine::record::DecisionRecord| DecisionRow {
        seq: one.seq,
        at: one.at,
        at_seconds: time.seconds(one.at),
        upto_seq: one.upto_seq,
        decision: one.decision,
        worker: one.worker.clone(),
        words: words(record, trials, one.decision),
    };
    record.decisions.iter().map(row).collect()
}

fn words(record: &StudyRecord, trials: &[TrialRow], decision: Decision) -> String {
    let trials_in_all = |count: u32| format::counted(u64::from(count), "trial");
    match decision {
        Decision::Start { trial } => {
            let about = trials.get(trial as usize);
            let from = match about.map(|about| (about.kind, about.recipe.as_deref())) {
                Some((TrialKind::Recipe, Some(name))) => format!(", the recipe \"{name}\""),
                Some((TrialKind::Search, _)) => ", drawn by the sampler".to_owned(),
                _ => String::new(),
            };
            format!("start trial {trial}{from}")
        }
        Decision::Promote { trial, rung } => {
            let below = rung.checked_sub(1);
            let value = below.and_then(|below| trials.get(trial as usize)?.values.get(below).copied().flatten());
            let metric = record.state.objective.metric;
            let with = value.map_or_else(String::new, |value| format!(", with {} {}", metric.name(), format::metric(metric, value)));
            format!("take trial {trial} on to rung {rung} of {}{with}", record.state.ladder.top())
        }
        Decision::StartsClosed { trials, seconds_left, seconds_needed } => format!(
            "no more than {}: of the budget {} is left, and about {} is needed to train one more and the best to the end",
            trials_in_all(trials),
            format::duration(seconds_left),
            format::duration(seconds_needed)
        ),
        Decision::SpaceExhausted { trials } => format!("no more than {}: the space has no other config", trials_in_all(trials)),
        Decision::GivenUp { trials } => format!("no more than {}: every config drawn has failed", trials_in_all(trials)),
        Decision::FinalistsChosen { finalists, seeds, added } => format!(
            "{} with {} each, {} of these still to be done",
            format::counted(finalists as u64, "finalist"),
            format::counted(u64::from(seeds), "training"),
            format::count(added as u64)
        ),
        Decision::CheckpointsDropped { checkpoints, restart: 0 } => {
            format!("give up {} to keep to the disk's limit", format::counted(checkpoints as u64, "checkpoint"))
        }
        Decision::CheckpointsDropped { checkpoints, restart } => format!(
            "give up {} to keep to the disk's limit: {} would start anew",
            format::counted(checkpoints as u64, "checkpoint"),
            format::counted(restart as u64, "trial")
        ),
    }
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.decisions;
    let columns = vec![
        column("seq", rows, |row| row.seq),
        column("at", rows, |row| row.at),
        column("at_seconds", rows, |row| row.at_seconds),
        column("upto_seq", rows, |row| row.upto_seq),
        column("kind", rows, DecisionRow::kind),
        column("trial", rows, |row| row.trial().map(|(trial, _)| trial)),
        column("rung", rows, |row| row.trial().map(|(_, rung)| rung as u32)),
        column("worker", rows, |row| row.worker.clone()),
        column("words", rows, |row| row.words.clone()),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use engine::record::DecisionRecord;

    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn every_decision_has_words() {
        let mut record = sample_record(12, 3, 1);
        record.decisions.truncate(2);
        let promoted = record.state.trials().iter().find(|trial| trial.values.len() > 1 && trial.number > 0).unwrap().number;
        for decision in [
            Decision::Promote { trial: promoted, rung: 1 },
            Decision::StartsClosed { trials: 12, seconds_left: 95.0, seconds_needed: 130.0 },
            Decision::SpaceExhausted { trials: 12 },
            Decision::GivenUp { trials: 1 },
            Decision::FinalistsChosen { finalists: 3, seeds: 3, added: 6 },
            Decision::CheckpointsDropped { checkpoints: 1, restart: 0 },
            Decision::CheckpointsDropped { checkpoints: 3, restart: 1 },
        ] {
            let last = record.decisions.last().unwrap().clone();
            record.decisions.push(DecisionRecord { seq: last.seq + 1, upto_seq: last.seq, worker: None, decision, ..last });
        }
        let tables = Tables::new(&record);
        let said: Vec<String> = tables.decisions.iter().map(|row| format!("{}: {}", row.kind(), row.words)).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        start: start trial 0, the recipe "literature default"
        start: start trial 1, drawn by the sampler
        promote: take trial 2 on to rung 1 of 2, with accuracy 0.497
        starts_closed: no more than 12 trials: of the budget 1 min 35 s is left, and about 2 min 10 s is needed to train one more and the best to the end
        space_exhausted: no more than 12 trials: the space has no other config
        given_up: no more than 1 trial: every config drawn has failed
        finalists_chosen: 3 finalists with 3 trainings each, 6 of these still to be done
        checkpoints_dropped: give up 1 checkpoint to keep to the disk's limit
        checkpoints_dropped: give up 3 checkpoints to keep to the disk's limit: 1 trial would start anew
        "#);
        assert_eq!(tables.decisions[2].trial(), Some((promoted, 1)));
    }
}

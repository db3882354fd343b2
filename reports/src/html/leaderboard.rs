//! The leaderboard: its rows, and what they unfold to.

use std::collections::BTreeMap;

use engine::{record::StudyRecord, state::Phase};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{curve, goals};
use crate::{
    error::ReportError,
    format,
    parameters::{self, Cell},
    tables::{CurveRow, End, LeaderboardRow, Tables},
};

#[derive(Debug, Serialize)]
pub(super) struct Leaderboard {
    columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// Short names of what became of trials, of those that are there.
    outcomes: Vec<&'static str>,
    /// What may be typed as a filter.
    example: String,
    /// JSON: what each cell is sorted by, row by row.
    keys: String,
    /// JSON: what each row unfolds to.
    details: String,
}

#[derive(Debug, Serialize)]
struct Column {
    name: String,
    /// Aligned to the right.
    number: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    trial: u32,
    outcome: &'static str,
    cells: Vec<Shown>,
    /// For the row's looks.
    kind: &'static str,
    #[serde(skip)]
    keys: Vec<Json>,
}

#[derive(Debug, Serialize)]
struct Shown {
    text: String,
    note: Option<String>,
}

/// Cells with what they are sorted by.
#[derive(Default)]
struct Cells(Vec<Shown>, Vec<Json>);

impl Cells {
    fn push(&mut self, text: impl Into<String>, key: impl Into<Json>) {
        self.0.push(Shown { text: text.into(), note: None });
        self.1.push(key.into());
    }
}

impl Leaderboard {
    pub(super) fn new(record: &StudyRecord, tables: &Tables) -> Result<Leaderboard, ReportError> {
        let finalists = !tables.finalists.is_empty();
        let rows: Vec<Row> = tables.leaderboard.iter().map(|row| self::row(record, tables, row, finalists)).collect();
        let mut outcomes: Vec<&'static str> = rows.iter().map(|row| row.outcome).collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        let keys = rows.iter().map(|row| Json::Array(row.keys.clone())).collect();
        Ok(Leaderboard {
            columns: columns(record, tables, finalists),
            outcomes,
            example: example(record, tables),
            keys: embedded(&keys),
            details: embedded(&details(record, tables)?),
            rows,
        })
    }
}

fn columns(record: &StudyRecord, tables: &Tables, finalists: bool) -> Vec<Column> {
    let column = |name: &str, number: bool| Column { name: name.to_owned(), number };
    let mut columns = vec![column("rank", true), column("trial", false), column(record.state.objective.metric.name(), true)];
    if finalists {
        columns.push(column("mean", true));
    }
    columns.extend(tables.measures.iter().map(|measure| column(&measure.name().replace('_', " "), true)));
    columns.extend([column("outcome", false), column("steps", true), column("time", true)]);
    columns.extend(tables.parameters.iter().map(|parameter| column(&short_path(&parameter.path), false)));
    columns
}

fn row(record: &StudyRecord, tables: &Tables, row: &LeaderboardRow, finalists: bool) -> Row {
    let metric = record.state.objective.metric;
    let trial = tables.trials.get(row.trial as usize);
    let failed = trial.is_some_and(|trial| matches!(trial.phase, Phase::Failed { .. }));
    let value = row.value.filter(|_| !failed);
    let mut cells = Cells::default();
    cells.push(row.rank.to_string(), row.rank);
    cells.push(row.trial.to_string(), row.trial);
    if let Some(shown) = cells.0.last_mut() {
        shown.note.clone_from(&row.recipe);
    }
    cells.push(value.map_or_else(|| "–".to_owned(), |value| format::metric(metric, value)), value);
    if finalists {
        let mean = row.mean.map(|(mean, _)| mean);
        cells.push(mean.map(|mean| format::metric(metric, mean)).unwrap_or_default(), mean);
    }
    for (text, value) in goals::measured(tables, row).into_iter().zip(&row.measured) {
        cells.push(text, *value);
    }
    cells.push(row.outcome.clone(), row.outcome.clone());
    cells.push(format::count(row.steps), row.steps);
    cells.push(format::duration(row.seconds), row.seconds);
    for parameter in &tables.parameters {
        match parameter.cells.get(row.trial as usize) {
            Some(Cell::Number(value)) => cells.push(format::number(*value), *value),
            Some(Cell::Category(label)) => {
                cells.push(label.clone(), label.parse::<f64>().map_or_else(|_| json!(label), |number| json!(number)));
            }
            Some(Cell::Inactive) | None => cells.push("", Json::Null),
        }
    }
    let Cells(cells, keys) = cells;
    Row {
        trial: row.trial,
        outcome: match trial.map(|trial| trial.phase) {
            Some(Phase::Complete) if trial.is_some_and(|trial| trial.stopped_early) => "stopped itself",
            Some(Phase::Complete) => "full length",
            Some(Phase::Failed { .. }) => "failed",
            Some(Phase::Paused { .. }) if record.finished => "ended early",
            Some(Phase::Paused { .. }) => "waiting",
            Some(Phase::Active { .. }) | None => "running",
        },
        cells,
        kind: match (row.rank, row.trial) {
            (1, _) if !failed => "first",
            (_, 0) => "default",
            _ => "",
        },
        keys,
    }
}

/// With a parameter of this study, if it has one of numbers.
fn example(record: &StudyRecord, tables: &Tables) -> String {
    let number = tables.parameters.iter().find_map(|parameter| match parameter.scale {
        parameters::Scale::Log { low, high } => Some((short_path(&parameter.path), (low * high).sqrt())),
        parameters::Scale::Linear { low, high } => Some((short_path(&parameter.path), f64::midpoint(low, high))),
        parameters::Scale::Categories(_) => None,
    });
    match number {
        Some((name, value)) => format!("full length, {name} > {}", format::significant(value, 1)),
        None => format!("full length, {} > 0.5", record.state.objective.metric.name()),
    }
}

fn details(record: &StudyRecord, tables: &Tables) -> Result<Json, ReportError> {
    let metric = record.state.objective.metric.name();
    let mut curves: BTreeMap<u32, Vec<&CurveRow>> = BTreeMap::new();
    for row in &tables.curves {
        curves.entry(row.trial).or_default().push(row);
    }
    let mut ran: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for segment in &tables.segments {
        let took = format::duration(segment.to_seconds - segment.from_seconds);
        let value = segment.value.map_or_else(String::new, |value| format!(", {}", format::metric(record.state.objective.metric, value)));
        let end = match (segment.end, &segment.cause) {
            (End::Lost, Some(cause)) => format!("lost, ran again: {cause}"),
            (end, _) => end.name().to_owned(),
        };
        let text =
            format!("to rung {} on {}: {end} after {took}, {}{value}", segment.rung, segment.slot, format::counted(segment.steps, "step"));
        ran.entry(segment.trial).or_default().push(text);
    }
    let (mut trials, mut drawn) = (Vec::new(), Vec::new());
    for row in &tables.leaderboard {
        let config = record.state.trials().get(row.trial as usize).map(|trial| super::ron(&trial.config)).transpose()?;
        let cause = tables.trials.get(row.trial as usize).and_then(|trial| trial.cause.clone());
        let own = curves.remove(&row.trial).unwrap_or_default();
        let rungs = curve::rungs(record, row.trial, &own);
        trials.push(json!({ "config": config, "cause": cause, "ran": ran.remove(&row.trial).unwrap_or_default(), "rungs": rungs }));
        drawn.push(curve::points(&own, metric));
    }
    let best = record.best().and_then(|best| tables.leaderboard.iter().position(|row| row.trial == best.of));
    Ok(json!({ "metric": metric.replace('_', " "), "best": best, "trials": trials, "curves": drawn }))
}

/// JSON that may stand in a page: nothing in it can end the element or begin another.
fn embedded(value: &Json) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// `AdamW lr` for `optimizer.AdamW.learning_rate`: a table of many columns needs short headings.
pub(super) fn short_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    let name = parameters::short_name(path);
    match parts.len() {
        0 | 1 => name.to_owned(),
        n => format!("{} {name}", parts[n - 2]),
    }
}

pub(super) fn cells(tables: &Tables, trial: usize) -> Vec<String> {
    let shown = tables.parameters.iter().map(|parameter| match parameter.cells.get(trial) {
        Some(Cell::Number(value)) => format::number(*value),
        Some(Cell::Category(label)) => label.clone(),
        Some(Cell::Inactive) | None => String::new(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn every_cell_has_a_key_and_every_row_something_to_unfold_to() {
        for trials in [1, 12, 200] {
            let record = sample_record(trials, 3, 1);
            let tables = Tables::new(&record);
            let board = Leaderboard::new(&record, &tables).unwrap();
            let keys: Vec<Vec<Json>> = serde_json::from_str(&board.keys).unwrap();
            let details: Json = serde_json::from_str(&board.details).unwrap();
            assert_eq!(keys.len(), trials as usize);
            for (row, keys) in board.rows.iter().zip(&keys) {
                assert_eq!((row.cells.len(), keys.len()), (board.columns.len(), board.columns.len()));
            }
            for (row, about) in board.rows.iter().zip(details["trials"].as_array().unwrap()) {
                assert!(about["config"].as_str().unwrap().contains("batch_size"));
                assert_eq!(about["cause"].is_string(), row.outcome == "failed", "{about}");
                assert_eq!(about["rungs"].as_array().unwrap().len(), 3);
            }
            assert_eq!(details["curves"].as_array().unwrap().len(), trials as usize);
            assert_eq!(details["best"].as_u64(), Some(0));
            // Sorted as it stands.
            assert!(keys.windows(2).all(|pair| pair[0][0].as_u64() < pair[1][0].as_u64()));
        }
    }

    #[test]
    fn nothing_in_the_data_ends_its_element() {
        assert_eq!(embedded(&json!(["</script><!--"])), r#"["\u003c/script>\u003c!--"]"#);
    }
}

//! One row a searched parameter.

use polars::prelude::{DataFrame, PolarsResult};

use super::{Tables, column};
use crate::importance::Importance;

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.importance;
    let condition = |row: &Importance| row.condition.as_ref().map(|(path, option)| format!("{path} = {option}"));
    let columns = vec![
        column("parameter", rows, |row| row.path.clone()),
        column("condition", rows, condition),
        column("importance", rows, |row| row.share),
        column("chance", rows, |row| row.chance),
        column("beyond_chance", rows, |row| row.share.map(|_| row.is_beyond_chance())),
        column("trials", rows, |row| row.trials as u32),
        column("best", rows, |row| row.best as u32),
    ];
    DataFrame::new(rows.len(), columns)
}

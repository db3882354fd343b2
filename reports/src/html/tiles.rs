//! The numbers at the top of the page.

use serde::Serialize;

use crate::{format, saving::share_saved, summary::Summary};

/// A number at the top of the page.
#[derive(Debug, Serialize)]
pub(super) struct Tile {
    value: String,
    label: String,
}

pub(super) fn tiles(summary: &Summary) -> Vec<Tile> {
    let metric = summary.objective.metric;
    let mut tiles = Vec::new();
    if let Some(best) = &summary.best {
        let label = match (&best.again, best.provisional) {
            (Some(again), _) => format!("best, mean of {} seeds", again.seeds),
            (None, true) => "best so far".to_owned(),
            (None, false) => "best".to_owned(),
        };
        tiles.push(Tile { value: format::metric(metric, best.value), label });
        if let Some((value, default, _)) = summary.against_default().filter(|_| best.trial != 0) {
            tiles.push(Tile { value: format::difference(metric, value, default), label: "against the default recipe".to_owned() });
        }
    }
    if let Some(test) = summary.test.as_ref().filter(|test| !test.outdated) {
        tiles.push(Tile { value: format::metric(metric, test.row.value), label: "on the test split".to_owned() });
    }
    tiles.push(Tile { value: format::count(summary.counts.trials as u64), label: "trials".to_owned() });
    if let Some(value) = share_saved(summary.saved) {
        tiles.push(Tile { value, label: "of full-length training saved".to_owned() });
    }
    tiles.push(Tile { value: format::duration(summary.active_seconds), label: "active time".to_owned() });
    tiles
}

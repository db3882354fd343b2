//! Writes the tables and the report of a generated study, and what TensorBoard and Optuna read:
//! `cargo run --release -p reports --example sample -- DIR TRIALS RUNGS SEED [goals] [finalists] [running]`; `goals` gives it constraints and a second
//! objective, `finalists` trains the best three again, `running` leaves it unfinished.

use std::{error::Error, path::Path};

use reports::{
    foreign::{optuna, tensorboard},
    tables::Tables,
    testing,
};
use search_spaces::goals::Constraint;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("which folder?")?;
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (trials, rungs, seed) = (number(12)?, number(3)?, number(0)?);
    let (trials, rungs, wanted) = (u32::try_from(trials)?, u32::try_from(rungs)?, arguments.collect::<Vec<_>>());
    let wants = |word: &str| wanted.iter().any(|wanted| wanted == word);
    let mut record =
        if wants("running") { testing::running_record(trials, rungs, seed) } else { testing::sample_record(trials, rungs, seed) };
    if wants("finalists") {
        let values: [&[Option<f64>]; 3] = [&[Some(0.944), Some(0.951)], &[Some(0.951), Some(0.957)], &[Some(0.916), None]];
        let best: Vec<u32> = record.state.leaderboard().into_iter().take(3).collect();
        testing::with_finalists(&mut record, &best.into_iter().zip(values).collect::<Vec<_>>());
    }
    if wants("goals") {
        testing::with_goals(&mut record, vec![Constraint::GroupGap(0.055)]);
    }
    let split = |name: &str, examples: u64| {
        serde_json::json!({
            "name": name, "examples": examples, "left_out": 0, "tokens": {"truncated": examples / 3, "mean": 104.2, "longest": 128},
            "by_label": [examples * 23 / 100, examples * 17 / 100, examples * 19 / 100, examples * 23 / 100, examples * 18 / 100], "conflicts": 0
        })
    };
    let data = serde_json::json!({
        "files": [{"file": "bbc-news.csv", "rows": 2225, "converted": 1, "encoding": "windows-1252"}],
        "labels": ["business", "entertainment", "politics", "sport", "tech"],
        "splits": [split("train", 1780), split("validation", 445)],
        "shared": [{"first": "train", "second": "validation", "examples": 14}]
    });
    let dir = Path::new(&dir);
    reports::write_report(&record, Some(&data), dir)?;
    let tables = Tables::new(&record);
    tensorboard::write(&record, &tables, &dir.join("tensorboard"))?;
    optuna::write(&record, &tables, &dir.join("optuna"))?;
    Ok(())
}

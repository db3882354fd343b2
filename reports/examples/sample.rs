//! Writes the tables and the report of a generated study: `cargo run --release -p reports --example sample -- DIR TRIALS RUNGS SEED [goals] [gradual]`: with
//! constraints and a second objective; with a best trial that thaws its blocks one after another.

use std::{error::Error, path::Path};

use search_spaces::goals::Constraint;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("which folder?")?;
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (trials, rungs, seed) = (number(12)?, number(3)?, number(0)?);
    let mut record = reports::testing::sample_record(u32::try_from(trials)?, u32::try_from(rungs)?, seed);
    let more: Vec<String> = arguments.collect();
    let has = |word: &str| more.iter().any(|given| given == word);
    if has("gradual") {
        reports::testing::with_gradual_unfreezing(&mut record);
    }
    if has("goals") {
        reports::testing::with_goals(&mut record, vec![Constraint::GroupGap(0.055)]);
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
    reports::write_report(&record, Some(&data), Path::new(&dir))?;
    Ok(())
}

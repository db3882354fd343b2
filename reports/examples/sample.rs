//! Writes the tables and the report of a generated study, and what TensorBoard and Optuna read of it:
//! `cargo run --release -p reports --example sample -- DIR TRIALS RUNGS SEED [goals] [gradual] [again] [running]`: with constraints and a second objective; with
//! a best trial that thaws its blocks one after another; with finalists, a cross-validation and a look at the test split; before its end. What its trials predict
//! lies in `artefacts/`, the card that its best would be exported with in `README.md`.

use std::{error::Error, path::Path};

use engine::record::StudyRecord;
use reports::{
    ReportError,
    foreign::{optuna, tensorboard},
    model_card::{self, Base, Card, Evaluated, Made, Study},
    tables::Tables,
    testing,
};
use search_spaces::{claim::ConfigFile, goals::Constraint};

/// Trains the best three again, looks at the test split, and cross-validates the best.
fn again(record: &mut StudyRecord) {
    let best: Vec<u32> = record.state.leaderboard().into_iter().take(3).collect();
    let values = |trial: u32| record.state.trials()[trial as usize].values.last().copied().unwrap_or(f64::NAN);
    let repeats: Vec<[Option<f64>; 2]> =
        best.iter().map(|trial| [-0.006, 0.002].map(|off| Some(((values(*trial) + off) * 445.0).round() / 445.0))).collect();
    let configs: Vec<(u32, &[Option<f64>])> = best.iter().copied().zip(repeats.iter().map(|values| &values[..])).collect();
    testing::with_finalists(record, &configs);
    if let Some(best) = record.best() {
        testing::with_folds(record, best.of, &[Some(0.94), Some(0.95), Some(0.93)]);
        testing::with_test(record, best.trial, (418.0 / 445.0, 0.9146, 0.9595));
    }
}

/// The model card of training `trial`.
fn card(record: &StudyRecord, tables: &Tables, trial: u32, data: &serde_json::Value) -> Result<String, ReportError> {
    let state = &record.state.trials()[trial as usize];
    let file = ConfigFile {
        model: record.space.model.clone(),
        data: record.space.data.clone(),
        objective: record.state.objective,
        config: (*state.config).clone(),
        ladder: record.state.ladder.clone(),
        eval_every: record.space.settings.eval_every,
        seed: record.space.settings.seed,
        trial,
        threads: Some(1),
        claim: None,
    };
    let evaluated = |value: f64, examples, interval| Evaluated { examples, metrics: [("accuracy".to_owned(), value)].into(), interval };
    let test = record.looks.last().map(|look| &look.tested).filter(|tested| tested.trial == trial);
    model_card::render(&Card {
        name: "sample",
        base: Base { name: "all-MiniLM-L6-v2", repository: Some("sentence-transformers/all-MiniLM-L6-v2"), licence: Some("apache-2.0") },
        file: &file,
        labels: &["business", "entertainment", "politics", "sport", "tech"].map(str::to_owned),
        data_report: Some(data),
        trained_on_validation: false,
        validation: state.values.last().map(|value| evaluated(*value, 445, None)),
        test: test.map(|tested| evaluated(tested.value, tested.examples, Some([tested.low, tested.high]))),
        study: Some(Study { record, tables, trial }),
        made: Made { program: "Thawline 0.1.0", device: "cpu", cpu: "a CPU", threads: Some(1) },
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("which folder?")?;
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (trials, rungs, seed) = (number(12)?, number(3)?, number(0)?);
    let more: Vec<String> = arguments.collect();
    let has = |word: &str| more.iter().any(|given| given == word);
    let (trials, rungs) = (u32::try_from(trials)?, u32::try_from(rungs)?);
    let mut record =
        if has("running") { testing::running_record(trials, rungs, seed) } else { testing::sample_record(trials, rungs, seed) };
    if has("gradual") {
        testing::with_gradual_unfreezing(&mut record);
    }
    if has("goals") {
        testing::with_goals(&mut record, vec![Constraint::GroupGap(0.055)]);
    }
    if has("again") && trials > 0 {
        again(&mut record);
    }
    let artefacts = Path::new(&dir).join("artefacts");
    std::fs::create_dir_all(&artefacts)?;
    testing::with_predictions(&mut record, &artefacts, &["agency", "blog", "radio", "press"]);
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
    let tables = Tables::read(&record);
    tensorboard::write(&record, &tables, &dir.join("tensorboard"))?;
    optuna::write(&record, &tables, &dir.join("optuna"))?;
    if let Some(best) = record.best() {
        std::fs::write(dir.join("README.md"), card(&record, &tables, best.trial, &data)?)?;
    }
    Ok(())
}

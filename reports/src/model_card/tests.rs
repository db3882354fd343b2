use engine::record::StudyRecord;
use search_spaces::{
    claim::{Claim, ConfigFile},
    data::{Files, Location},
};

use super::*;
use crate::testing::{sample_record, with_finalists, with_predictions, with_test};

const LABELS: [&str; 5] = ["business", "entertainment", "politics", "sport", "tech"];

fn config_file(record: &StudyRecord, trial: u32) -> ConfigFile {
    ConfigFile {
        model: record.space.model.clone(),
        data: record.space.data.clone(),
        objective: record.state.objective,
        config: (*record.state.trials()[trial as usize].config).clone(),
        ladder: record.state.ladder.clone(),
        eval_every: 0.25,
        seed: 1,
        trial,
        threads: Some(1),
        claim: None,
    }
}

fn evaluated(accuracy: f64, interval: Option<[f64; 2]>) -> Evaluated {
    Evaluated { examples: 445, metrics: BTreeMap::from([("accuracy".to_owned(), accuracy), ("loss".to_owned(), 0.211)]), interval }
}

fn report() -> serde_json::Value {
    serde_json::json!({
        "kind": "texts",
        "files": [{"file": "/home/somebody/bbc-news.csv", "rows": 2225, "converted": 1, "encoding": "windows-1252"}],
        "labels": LABELS,
        "splits": [
            {"name": "train", "examples": 1335, "tokens": {"truncated": 400, "mean": 104.2, "longest": 128}, "by_label": [306, 232, 250, 306, 241]},
            {"name": "validation", "examples": 445, "tokens": {"truncated": 140, "mean": 103.0, "longest": 128}, "by_label": [102, 77, 84, 102, 80]},
        ],
        "shared": [{"first": "train", "second": "validation", "examples": 14}]
    })
}

/// A card of `trial` of `record`.
fn of_study(record: &StudyRecord, trial: u32, test: Option<Evaluated>) -> String {
    let tables = Tables::new(record);
    let labels = LABELS.map(str::to_owned);
    let (file, report) = (config_file(record, trial), report());
    let made = Made { program: "Thawline 0.1.0", device: "cpu", cpu: "Some CPU", threads: Some(1) };
    render(&Card {
        name: "news",
        base: Base { name: "all-MiniLM-L6-v2", repository: Some("sentence-transformers/all-MiniLM-L6-v2"), licence: Some("apache-2.0") },
        file: &file,
        labels: &labels,
        data_report: Some(&report),
        trained_on_validation: false,
        validation: Some(evaluated(0.951, None)),
        test,
        study: Some(Study { record, tables: &tables, trial }),
        made,
    })
    .unwrap()
}

/// A card of a config that was trained by itself.
fn of_training(change: impl FnOnce(&mut Card<'_>, &mut ConfigFile)) -> String {
    let record = sample_record(5, 2, 0);
    let mut file = config_file(&record, 0);
    let placeholder = file.clone();
    let labels = LABELS.map(str::to_owned);
    let made = Made { program: "Thawline 0.1.0", device: "cpu", cpu: "", threads: None };
    let mut card = Card {
        name: "news",
        base: Base { name: "mine", repository: None, licence: None },
        file: &placeholder,
        labels: &labels,
        data_report: None,
        trained_on_validation: false,
        validation: Some(evaluated(0.951, None)),
        test: None,
        study: None,
        made,
    };
    change(&mut card, &mut file);
    render(&Card { file: &file, ..card }).unwrap()
}

/// The section under a heading, and what is below it.
fn section<'a>(card: &'a str, heading: &str) -> &'a str {
    let rest = &card[card.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading} in\n{card}"))..];
    let level = format!("\n{} ", heading.split(' ').next().unwrap());
    let end = rest[1..].find(&level).map_or(rest.len(), |end| end + 1);
    rest[..end].trim()
}

/// A study whose winner was trained again and has been tested, with groups.
fn finished(folder: &std::path::Path) -> (StudyRecord, u32) {
    let mut record = sample_record(40, 3, 1);
    let best: Vec<u32> = record.state.leaderboard().into_iter().take(2).collect();
    let values: [&[Option<f64>]; 2] = [&[Some(0.944), Some(0.951)], &[Some(0.951), Some(0.957)]];
    with_finalists(&mut record, &best.into_iter().zip(values).collect::<Vec<_>>());
    let exported = record.best().unwrap().trial;
    with_test(&mut record, exported, (0.9371, 0.9124, 0.9573));
    with_predictions(&mut record, folder, &["agency", "blog", "radio", "press"]);
    (record, exported)
}

#[test]
fn what_a_finished_study_knows() {
    let folder = tempfile::tempdir().unwrap();
    let (record, trial) = finished(folder.path());
    let card = of_study(&record, trial, Some(evaluated(0.9371, Some([0.9124, 0.9573]))));
    let head = &card[..card.find("\n## Labels").unwrap()];
    insta::assert_snapshot!(head, @"");
    insta::assert_snapshot!(section(&card, "## Data"), @"");
    insta::assert_snapshot!(section(&card, "## How the config was found"), @"");
    insta::assert_snapshot!(section(&card, "## Results"), @"");
    insta::assert_snapshot!(section(&card, "## Groups"), @"");
    insta::assert_snapshot!(section(&card, "## Limits"), @"");
    assert!(!card.contains("/home/somebody"), "{card}");
}

#[test]
fn another_trial_than_the_best_is_said_to_be_one() {
    let record = sample_record(12, 3, 1);
    let other = record.state.leaderboard()[1];
    let card = of_study(&record, other, None);
    assert!(
        section(&card, "## How the config was found").contains("These weights are **not** the study's choice, which is trial"),
        "{card}"
    );
    insta::assert_snapshot!(section(&card, "## Results"), @"");
    insta::assert_snapshot!(section(&card, "## Limits"), @"");
}

#[test]
fn less_is_known_of_what_was_trained_by_itself() {
    let card = of_training(|_, _| {});
    let head = &card[..card.find("\n## How to use it").unwrap()];
    insta::assert_snapshot!(head, @"");
    assert!(!card.contains("## How the config was found") && !card.contains("## Groups"), "{card}");
    assert!(section(&card, "## Data").contains("What was found in the data is not known any more."), "{card}");
    let card = of_training(|card, file| {
        (card.validation, card.trained_on_validation) = (None, true);
        file.claim = Some(Claim { study: "news*".to_owned(), value: 0.95, step: 80, rule: None });
    });
    let head = &card[card.find("\n# news").unwrap()..card.find("\n## How to use it").unwrap()];
    insta::assert_snapshot!(head, @"");
    insta::assert_snapshot!(section(&card, "## Limits"), @"");
    insta::assert_snapshot!(section(&card, "## Environment"), @"");
}

#[test]
fn names_that_users_chose_break_nothing() {
    let labels = ["a | b".to_owned(), "<script>".to_owned(), "---\nlicense: mit".to_owned()];
    let card = of_training(|card, file| {
        card.name = "my: [model] \"x\"";
        card.base.licence = Some("mit\nx: y");
        let Data::Text(data) = &mut file.data else { panic!("texts") };
        data.files = Files::One(Location::Path("/secret/folder/da|ta.csv".into()));
        data.label = "la|bel".to_owned();
        // The labels live as long as the test.
        let _ = card;
    });
    let card_with_labels = {
        let record = sample_record(5, 2, 0);
        let file = config_file(&record, 0);
        let made = Made { program: "Thawline", device: "cpu", cpu: "", threads: None };
        let base = Base { name: "mine", repository: None, licence: None };
        render(&Card {
            name: "x",
            base,
            file: &file,
            labels: &labels,
            data_report: None,
            trained_on_validation: false,
            validation: None,
            test: None,
            study: None,
            made,
        })
        .unwrap()
    };
    let front = card.split("\n---\n").next().unwrap();
    insta::assert_snapshot!(front, @"");
    insta::assert_snapshot!(section(&card, "## Data"), @"");
    insta::assert_snapshot!(section(&card_with_labels, "## Labels"), @"");
    assert!(!card.contains("secret"), "{card}");
}

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
    let tables = Tables::read(record);
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
    insta::assert_snapshot!(head, @r#"
    ---
    license: "apache-2.0"
    library_name: transformers
    pipeline_tag: text-classification
    base_model: "sentence-transformers/all-MiniLM-L6-v2"
    tags:
    - thawline
    - text-classification
    metrics:
    - accuracy
    model-index:
    - name: "news"
      results:
      - task:
          type: text-classification
        dataset:
          name: "bbc-news"
          type: "bbc-news"
          split: test
        metrics:
        - type: accuracy
          value: 0.937100
          name: "accuracy (test)"
    ---

    # news

    [sentence-transformers/all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2), fine-tuned to tell 5 classes of texts apart with Thawline 0.1.0. How to fine-tune it was found by a search of 40 trials; this is trial 43.

    **Accuracy 0.937 on the test split** (95 % interval 0.912 to 0.957): 445 examples that were not used for training or for choosing.

    ## How to use it

    ```python
    from transformers import pipeline

    classifier = pipeline("text-classification", model="PATH OR REPOSITORY")
    print(classifier("a text", truncation=True, max_length=128))
    ```

    With Thawline, labels and probabilities of a whole file, and a check of weights, data and figures (those in thawline.json, from which this text was written):

    ```
    thawline predict FOLDER --input FILE
    thawline verify FOLDER
    ```
    "#);
    insta::assert_snapshot!(section(&card, "## Data"), @"
    ## Data

    The data are one set, which was split here: 20 % of the rows were drawn for validation (seed 0), each class in proportion. The text is the column text, the label label. Texts are cut to 128 tokens, the special ones included.

    - bbc-news.csv: 2,225 rows, 1 converted from windows-1252 to UTF-8

    | split | examples | left out | tokens (mean) | tokens (most) | truncated | business | entertainment | politics | sport | tech |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | train | 1,335 | 0 | 104.2 | 128 | 400 | 306 | 232 | 250 | 306 | 241 |
    | validation | 445 | 0 | 103.0 | 128 | 140 | 102 | 77 | 84 | 102 | 80 |

    > **Note:** Examples of validation whose text also stands in train: 14. The value there may be too good.
    ");
    insta::assert_snapshot!(section(&card, "## How the config was found"), @"
    ## How the config was found

    Configs were proposed by a tree-structured Parzen estimator (TPE), after the literature's default recipe and what the user listed. Trials were ended early by asynchronous successive halving (ASHA).

    The search's seed is 1. Its best 2 configs were trained with 3 seeds each.

    These weights are the study's choice: the best mean of 2 finalists, its median training of 3.

    Trial 23 won with an accuracy of 0.955 on the validation split in the mean of 3 trainings, against 0.924 of the default recipe: +3.1 points.

    The best 2 configs of the search were trained with 2 other seeds each; the best mean won. In the search trial 23 had 0.957, which is part of its mean; its trainings differ by the seed alone, with a standard deviation of 0.004. Another seed might as well have put trial 28 first (95 % intervals). What leaves the study is the training in the middle, trial 43.

    This was measured on 445 validation examples, so one standard error of that accuracy is 1.0 points; differences smaller than about twice that may be chance.

    40 trials: 11 reached the full length, 1 stopped by early stopping, 24 ended early at a rung, 4 failed.

    Early termination saved 49 % of full-length training: 6,131 optimizer steps instead of 12,072. It took 4 min 49 s of active time on 2 slots, with seed 1.

    | parameter | values | here |
    | --- | --- | --- |
    | `batch_size` | `Choice([8, 16, 32])` | `16` |
    | `optimizer` | `Choice([AdamW, Sgd])` | `AdamW` |
    | `optimizer.AdamW.learning_rate` | `LogUniform(1e-5, 0.001)` | 1.66e-4 |
    | `optimizer.AdamW.weight_decay` | `Uniform(0.0, 0.1)` | 0.05292 |
    | `optimizer.Sgd.learning_rate` | `LogUniform(0.001, 0.3)` |  |
    | `optimizer.Sgd.momentum` | `Uniform(0.0, 0.99)` |  |
    | `warmup` | `Uniform(0.0, 0.2)` | 0.04788 |
    | `unfreeze` | `Choice([Everything, HeadOnly, LastBlocks])` | `Everything` |
    | `unfreeze.LastBlocks.k` | `Int(1, 5)` |  |
    | `dropout.hidden` | `Uniform(0.0, 0.3)` | 0.1524 |
    ");
    let results = section(&card, "## Results");
    for said in
        ["had overestimated this config by 2.0 points", "| accuracy | 0.951 | 0.937 |", "| class | examples | precision | recall | F1 |"]
    {
        assert!(results.contains(said), "{said}\n{results}");
    }
    assert!(
        section(&card, "### Confusion").contains("| label \\ predicted | business | entertainment | politics | sport | tech |"),
        "{results}"
    );
    assert!(section(&card, "### Calibration").contains("On the test split: Expected calibration error"), "{results}");
    let groups = section(&card, "## Groups");
    // The generated predictions for the last group are worse.
    assert!(groups.contains("> **Warning:** accuracy: ") && groups.contains("in the group press, a gap of"), "{groups}");
    let limits = section(&card, "## Limits");
    assert!(
        limits.contains("differences below about 2.2 points in accuracy cannot be seen") && !limits.contains("not compared"),
        "{limits}"
    );
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
    insta::assert_snapshot!(section(&card, "## Results"), @"
    ## Results

    Figures by class are not known of this training.

    | metric | validation |
    | --- | --- |
    | accuracy | 0.951 |
    | loss | 0.2110 |
    ");
    insta::assert_snapshot!(section(&card, "## Limits"), @"
    ## Limits

    - Nobody but its makers can say what the model is meant for, and what it must not be used for: write it here before you publish it.
    - All figures are from data of the same source as the training data. Other languages, domains, times and sources were not looked at.
    - There is no figure from a test split, so what to expect of new data is known from the validation split only.
    - Groups of examples were not compared: whether the model does equally well for all of them is not known.
    - What comes after the first 128 tokens of a text is not read.
    ");
}

#[test]
fn splits_that_were_given_may_be_of_other_sources() {
    let path = |name: &str| Location::Path(name.into());
    let card = of_training(|_, file| {
        let Data::Text(data) = &mut file.data else { panic!("texts") };
        data.files = Files::Splits { train: path("tweets.csv"), validation: None, test: Some(path("checklist.csv")) };
    });
    let limits = section(&card, "## Limits");
    assert!(!limits.contains("of the same source") && limits.contains("whether their sources are the same is not known here"), "{limits}");
}

#[test]
fn less_is_known_of_what_was_trained_by_itself() {
    let card = of_training(|_, _| {});
    let head = &card[..card.find("\n## How to use it").unwrap()];
    insta::assert_snapshot!(head, @r#"
    ---
    library_name: transformers
    pipeline_tag: text-classification
    tags:
    - thawline
    - text-classification
    metrics:
    - accuracy
    model-index:
    - name: "news"
      results:
      - task:
          type: text-classification
        dataset:
          name: "bbc-news"
          type: "bbc-news"
          split: validation
        metrics:
        - type: accuracy
          value: 0.951000
          name: "accuracy (validation)"
    ---

    # news

    mine, fine-tuned to tell 5 classes of texts apart with Thawline 0.1.0. Its config was given by hand: no search has compared it with others.

    **Accuracy 0.951 on the validation split**: 445 examples. When training ended or which weights were kept may have been chosen by them; no test split has been looked at.
    "#);
    assert!(!card.contains("## How the config was found") && !card.contains("## Groups"), "{card}");
    assert!(section(&card, "## Data").contains("What was found in the data is not known any more."), "{card}");
    let card = of_training(|card, file| {
        (card.validation, card.trained_on_validation) = (None, true);
        file.claim = Some(Claim { study: "news*".to_owned(), value: 0.95, step: 80, rule: None });
    });
    let head = card[card.find("\n# news").unwrap()..card.find("\n## How to use it").unwrap()].trim();
    insta::assert_snapshot!(head, @r#"
    # news

    mine, fine-tuned to tell 5 classes of texts apart with Thawline 0.1.0. Its config is that of trial 0 of the study news\*, trained again.

    **How well it does is not known**: there is no split that it was not trained on.
    "#);
    insta::assert_snapshot!(section(&card, "## Limits"), @"
    ## Limits

    - Nobody but its makers can say what the model is meant for, and what it must not be used for: write it here before you publish it.
    - All figures are from data of the same source as the training data. Other languages, domains, times and sources were not looked at.
    - There is no figure from a test split, so what to expect of new data is not known.
    - The validation examples were trained on, so they say nothing of these weights.
    - Groups of examples were not compared: whether the model does equally well for all of them is not known.
    - What comes after the first 128 tokens of a text is not read.
    ");
    insta::assert_snapshot!(section(&card, "## Environment"), @"
    ## Environment

    |  |  |
    | --- | --- |
    | program | Thawline 0.1.0 |
    | device | cpu |
    | CPU | (empty) |
    | seed, trial | 1, 0 |
    ");
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
    insta::assert_snapshot!(front, @r#"
    ---
    license: "mit\nx: y"
    library_name: transformers
    pipeline_tag: text-classification
    tags:
    - thawline
    - text-classification
    metrics:
    - accuracy
    model-index:
    - name: "my: [model] \"x\""
      results:
      - task:
          type: text-classification
        dataset:
          name: "da|ta.csv"
          type: "da|ta.csv"
          split: validation
        metrics:
        - type: accuracy
          value: 0.951000
          name: "accuracy (validation)"
    "#);
    insta::assert_snapshot!(section(&card, "## Data"), @r#"
    ## Data

    The data are one set, which was split here: 20 % of the rows were drawn for validation (seed 0), each class in proportion. The text is the column text, the label la\|bel. Texts are cut to 128 tokens, the special ones included. What was found in the data is not known any more.

    - da\|ta.csv
    "#);
    insta::assert_snapshot!(section(&card_with_labels, "## Labels"), @r#"
    ## Labels

    | index | label |
    | --- | --- |
    | 0 | a \| b |
    | 1 | \<script\> |
    | 2 | --- license: mit |
    "#);
    assert!(!card.contains("secret"), "{card}");
}

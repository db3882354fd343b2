//! One page that holds everything and needs nothing: no network, no other file.

mod data;
mod goals;
pub(crate) mod words;

use std::collections::BTreeMap;

use engine::{record::StudyRecord, state::Phase};
use minijinja::{Environment, value::Serde};
use serde::Serialize;
use serde_json::Value as Json;

use self::{data::DataSection, goals::Choice};
use crate::{
    charts::{Pictures, Theme},
    error::ReportError,
    format,
    parameters::{self, Cell},
    summary::Summary,
    tables::{Behind, CrossRow, FinalistRow, Tables},
};

/// The page. All texts in it are escaped: causes, labels and file names come from users' files. `charts` are embedded.
pub fn page(record: &StudyRecord, tables: &Tables, charts: &[Pictures], data_report: Option<&Json>) -> Result<String, ReportError> {
    let summary = Summary::new(record, tables);
    let validation = data_report.and_then(data::validation_examples);
    let config = match summary.best.as_ref().and_then(|best| record.state.trials().get(best.trial as usize)) {
        Some(trial) => Some(ron::ser::to_string_pretty(&trial.config, ron::ser::PrettyConfig::new().depth_limit(2))?),
        None => None,
    };
    let mut environment = Environment::new();
    // The name's ending switches escaping on.
    environment.add_template("report.html", include_str!("report.html"))?;
    let page = Page {
        name: &record.name,
        created: format::date(record.created_at),
        metric: record.state.objective.metric.name(),
        paragraphs: words::paragraphs(&summary, validation),
        tiles: tiles(&summary),
        best: summary.best.as_ref().map(|best| best.trial),
        exported: summary.best.as_ref().and_then(|best| best.again.as_ref()).map(|again| again.exported),
        rule: summary.best.as_ref().map_or_else(String::new, |best| best.rule.clone()),
        config,
        charts: charts.iter().map(Figure::new).collect(),
        leaderboard: Leaderboard::new(record, tables),
        constrained: !tables.constraints.is_empty(),
        second: tables.second.map_or_else(String::new, |second| second.measure.name().replace('_', " ")),
        choices: goals::choices(tables, record.state.objective.metric, |trial| cells(tables, trial)),
        finalists: tables.finalists.iter().map(|row| Finalist::new(record, row)).collect(),
        failures: failures(tables),
        cross_validation: tables.cross_validation.iter().map(|row| Crossed::new(record, row)).collect(),
        data: data_report.map(data::section),
        space: record.space.path.display().to_string(),
        space_hash: &record.space_hash,
    };
    Ok(environment.get_template("report.html")?.render(Serde(&page))?)
}

/// What the template knows.
#[derive(Debug, Serialize)]
struct Page<'a> {
    name: &'a str,
    created: String,
    metric: &'a str,
    paragraphs: Vec<String>,
    tiles: Vec<Tile>,
    best: Option<u32>,
    /// The training of the best config that leaves the study, where there are several.
    exported: Option<u32>,
    /// What made it the best.
    rule: String,
    /// The best config as RON.
    config: Option<String>,
    charts: Vec<Figure<'a>>,
    leaderboard: Leaderboard,
    /// There are constraints.
    constrained: bool,
    /// The second objective, if there is one.
    second: String,
    /// The Pareto front.
    choices: Vec<Choice>,
    finalists: Vec<Finalist>,
    failures: Vec<Failure>,
    cross_validation: Vec<Crossed>,
    data: Option<DataSection>,
    space: String,
    space_hash: &'a str,
}

/// A number at the top of the page.
#[derive(Debug, Serialize)]
struct Tile {
    value: String,
    label: String,
}

fn tiles(summary: &Summary) -> Vec<Tile> {
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
    if let Some(share) = summary.saved.share().filter(|share| *share >= 0.005) {
        tiles.push(Tile { value: format::percent(share), label: "of full-length training saved".to_owned() });
    }
    tiles.push(Tile { value: format::duration(summary.active_seconds), label: "active time".to_owned() });
    tiles
}

#[derive(Debug, Serialize)]
struct Figure<'a> {
    name: &'a str,
    title: &'a str,
    alt: &'a str,
    caption: &'a str,
    light: String,
    dark: String,
}

impl Figure<'_> {
    fn new(pictures: &Pictures) -> Figure<'_> {
        let source = |theme| format!("data:image/png;base64,{}", base64(pictures.png(theme)));
        let chart = &pictures.chart;
        Figure {
            name: chart.name,
            title: chart.title,
            alt: &chart.alt,
            caption: &chart.caption,
            light: source(Theme::Light),
            dark: source(Theme::Dark),
        }
    }
}

#[derive(Debug, Serialize)]
struct Leaderboard {
    /// What goals measure.
    measures: Vec<String>,
    parameters: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    rank: usize,
    trial: u32,
    recipe: Option<String>,
    value: String,
    /// Of a finalist, over its trainings.
    mean: String,
    measured: Vec<String>,
    outcome: String,
    steps: String,
    time: String,
    /// Empty where the trial does not have the parameter.
    cells: Vec<String>,
    /// For the row's looks.
    kind: &'static str,
}

/// A finalist, in words.
#[derive(Debug, Serialize)]
struct Finalist {
    rank: usize,
    trial: u32,
    recipe: Option<String>,
    mean: String,
    deviation: String,
    /// The value of each training, and its trial.
    trainings: Vec<(String, u32)>,
    behind: String,
    exported: Option<u32>,
}

impl Finalist {
    fn new(record: &StudyRecord, row: &FinalistRow) -> Finalist {
        let metric = record.state.objective.metric;
        let show = |value| format::metric(metric, value);
        let behind = |behind: Behind| {
            let open = if behind.is_open() { ": may be chance" } else { "" };
            let difference = format::difference(metric, behind.difference, 0.0);
            format!("{difference} ({}){open}", format::differences(metric, behind.low, behind.high))
        };
        let exceeds = || if row.exceeds { "exceeds a constraint".to_owned() } else { String::new() };
        let value = |value: f64| if value.is_nan() { "failed".to_owned() } else { show(value) };
        Finalist {
            rank: row.rank,
            trial: row.trial,
            recipe: row.recipe.clone(),
            mean: show(row.mean),
            deviation: row.deviation.map(show).unwrap_or_default(),
            trainings: row.trainings.iter().map(|(trial, of)| (value(*of), *trial)).collect(),
            behind: row.behind.map_or_else(exceeds, behind),
            exported: row.exported,
        }
    }
}

/// A row of the cross-validation, in words.
#[derive(Debug, Serialize)]
struct Crossed {
    trial: u32,
    recipe: Option<String>,
    value: String,
    folds: String,
    mean: String,
    deviation: String,
    above_default: String,
}

impl Crossed {
    fn new(record: &StudyRecord, row: &CrossRow) -> Crossed {
        let metric = record.state.objective.metric;
        let show = |value| format::metric(metric, value);
        let above = row.above_default.map(|above| format::difference(metric, above, 0.0));
        let error = row
            .above_default_error
            .map(|error| format!(" (standard error {})", format::difference(metric, error, 0.0).trim_start_matches('+')));
        Crossed {
            trial: row.trial,
            recipe: row.recipe.clone(),
            value: show(row.value),
            folds: if row.folds < row.of { format!("{} of {}", row.folds, row.of) } else { row.of.to_string() },
            mean: show(row.mean),
            deviation: row.deviation.map(show).unwrap_or_default(),
            above_default: above.map(|above| above + &error.unwrap_or_default()).unwrap_or_default(),
        }
    }
}

impl Leaderboard {
    fn new(record: &StudyRecord, tables: &Tables) -> Leaderboard {
        let metric = record.state.objective.metric;
        let rows = tables.leaderboard.iter().map(|row| {
            let failed = tables.trials.get(row.trial as usize).is_some_and(|trial| matches!(trial.phase, Phase::Failed { .. }));
            Row {
                rank: row.rank,
                trial: row.trial,
                recipe: row.recipe.clone(),
                value: row.value.filter(|_| !failed).map_or_else(|| "–".to_owned(), |value| format::metric(metric, value)),
                mean: row.mean.map(|(mean, _)| format::metric(metric, mean)).unwrap_or_default(),
                measured: goals::measured(tables, row),
                outcome: row.outcome.clone(),
                steps: format::count(row.steps),
                time: format::duration(row.seconds),
                cells: cells(tables, row.trial as usize),
                kind: match (row.rank, row.trial) {
                    (1, _) if !failed => "first",
                    (_, 0) => "default",
                    _ => "",
                },
            }
        });
        Leaderboard {
            measures: tables.measures.iter().map(|measure| measure.name().replace('_', " ")).collect(),
            parameters: tables.parameters.iter().map(|parameter| short_path(&parameter.path)).collect(),
            rows: rows.collect(),
        }
    }
}

/// `AdamW lr` for `optimizer.AdamW.learning_rate`: a table of many columns needs short headings.
fn short_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    let name = parameters::short_name(path);
    match parts.len() {
        0 | 1 => name.to_owned(),
        n => format!("{} {name}", parts[n - 2]),
    }
}

fn cells(tables: &Tables, trial: usize) -> Vec<String> {
    let shown = tables.parameters.iter().map(|parameter| match parameter.cells.get(trial) {
        Some(Cell::Number(value)) => format::number(*value),
        Some(Cell::Category(label)) => label.clone(),
        Some(Cell::Inactive) | None => String::new(),
    });
    shown.collect()
}

#[derive(Debug, Serialize)]
struct Failure {
    cause: String,
    count: u64,
    trials: String,
}

/// By cause, the most frequent first.
fn failures(tables: &Tables) -> Vec<Failure> {
    const NAMED: usize = 12;
    let mut by_cause: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for trial in tables.trials.iter().filter(|trial| matches!(trial.phase, Phase::Failed { .. })) {
        by_cause.entry(trial.cause.clone().unwrap_or_else(|| "no cause was recorded".to_owned())).or_default().push(trial.number);
    }
    let failure = |(cause, trials): (String, Vec<u32>)| {
        let mut named: Vec<String> = trials.iter().take(NAMED).map(u32::to_string).collect();
        if trials.len() > NAMED {
            named.push(format!("and {} more", trials.len() - NAMED));
        }
        Failure { cause, count: trials.len() as u64, trials: named.join(", ") }
    };
    let mut failures: Vec<Failure> = by_cause.into_iter().map(failure).collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{charts, testing::sample_record};

    /// Without charts, which take longer than all else.
    fn rendered(record: &StudyRecord, data: Option<&Json>) -> String {
        page(record, &Tables::new(record), &[], data).unwrap()
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")];
        for (text, encoded) in pairs {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn what_users_files_say_is_escaped() {
        let mut record = sample_record(12, 3, 1);
        let nasty = "<script>alert('&\"1\"')</script>";
        record.name = nasty.to_owned();
        record.trials[0].recipe = Some(nasty.to_owned());
        record.trials[3].cause = Some(nasty.to_owned());
        record.space.parameters[0].path = nasty.to_owned();
        let data = json!({"files": [{"file": nasty, "rows": 3}], "labels": [nasty], "splits": [{"name": "validation", "examples": 3, "by_label": [3]}]});
        let page = rendered(&record, Some(&data));
        assert!(!page.contains("<script>alert"));
        assert!(page.matches("&lt;script&gt;alert").count() >= 5);
        let raw = rendered(&record, Some(&json!({"unknown": nasty})));
        assert!(!raw.contains("<script>alert") && raw.contains("unknown"));
    }

    #[test]
    fn the_share_saved_is_a_tile_once_it_is_known() {
        let mut record = sample_record(12, 3, 1);
        assert!(rendered(&record, None).contains("of full-length training saved"));
        record.finished = false;
        assert!(!rendered(&record, None).contains("of full-length training saved"));
    }

    #[test]
    fn the_page_loads_nothing() {
        let record = sample_record(12, 3, 1);
        let tables = Tables::new(&record);
        let drawn = charts::pictures(charts::all(&tables, record.state.objective)).unwrap();
        let page = page(&record, &tables, &drawn, None).unwrap();
        for attribute in ["src=\"", "href=\"", "url(", "@import", "srcset=\""] {
            for (at, _) in page.match_indices(attribute) {
                let value = &page[at + attribute.len()..];
                assert!(value.starts_with("data:") || value.starts_with('#'), "{attribute}{}", &value[..40.min(value.len())]);
            }
        }
        assert_eq!(page.matches("<img ").count(), 10);
        assert_eq!(page.matches(" alt=\"").count(), 10);
        assert_eq!(page.matches("(prefers-color-scheme: dark)\" srcset=\"").count(), 10);
    }

    #[test]
    fn the_data_section_says_what_to_look_into() {
        let data = json!({
            "files": [{"file": "news.csv", "rows": 2225, "dropped": 2, "converted": 1, "encoding": "windows-1252"}],
            "labels": ["business", "sport"],
            "splits": [{"name": "validation", "examples": 445, "by_label": [200, 245], "tokens": {"mean": 61.5, "longest": 64, "truncated": 0}, "conflicts": 1}],
            "shared": [{"first": "train", "second": "validation", "examples": 7}]
        });
        let section = data::section(&data);
        insta::assert_snapshot!(section.files.join("\n"), @"news.csv: 2,225 rows, 2 dropped for missing values, 1 converted from windows-1252 to UTF-8");
        insta::assert_snapshot!(section.warnings.join("\n"), @r##"
Examples of validation whose text also stands in train: 7. The value there may be too good.
Texts that stand in validation more than once with different labels: 1. No model can have all of them right.
"##);
        assert_eq!(section.rows, [["validation", "445", "0", "61.5", "64", "0", "200", "245"]]);
        assert_eq!(data::validation_examples(&data), Some(445));
    }

    #[test]
    fn failures_are_grouped_by_cause() {
        let page = rendered(&sample_record(1000, 3, 1), None);
        assert_eq!(page.matches("the training loss became NaN at step 31").count(), 1);
        assert_eq!(page.matches("<tr class=\"entry").count(), 1000);
    }
}

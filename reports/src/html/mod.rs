//! One page that holds everything and needs nothing: no network, no other file.

mod curve;
pub(crate) mod data;
mod failures;
mod finalists;
mod goals;
mod leaderboard;
mod mistakes;
mod tiles;
pub(crate) mod words;

use engine::record::StudyRecord;
use minijinja::{Environment, value::Serde};
use search_spaces::config::Config;
use serde::Serialize;
use serde_json::Value as Json;

use self::{
    data::DataSection,
    failures::Failure,
    finalists::{Crossed, Finalist},
    goals::Choice,
    leaderboard::Leaderboard,
    mistakes::Mistakes,
    tiles::Tile,
};
use crate::{
    advice::advice,
    charts::{Pictures, Theme},
    error::ReportError,
    format,
    summary::Summary,
    tables::Tables,
};

/// Rows of the leaderboard that are printed on paper.
const PRINTED: usize = 50;

/// The page. All texts in it are escaped: causes, labels and file names come from users' files. `charts` are embedded.
pub fn page(record: &StudyRecord, tables: &Tables, charts: &[Pictures], data_report: Option<&Json>) -> Result<String, ReportError> {
    let summary = Summary::new(record, tables);
    let validation = data_report.and_then(data::validation_examples);
    let config = match summary.best.as_ref().and_then(|best| record.state.trials().get(best.trial as usize)) {
        Some(trial) => Some(ron(&trial.config)?),
        None => None,
    };
    let mut environment = Environment::new();
    // The name's ending switches escaping on.
    environment.add_template("report.html", include_str!("page/report.html"))?;
    environment.add_template("leaderboard.html", include_str!("page/leaderboard.html"))?;
    environment.add_template("mistakes.html", include_str!("page/mistakes.html"))?;
    let page = Page {
        name: &record.name,
        created: format::date(record.created_at),
        metric: record.state.objective.metric.name(),
        paragraphs: words::paragraphs(&summary, validation),
        advice: advice(record, tables, &summary, validation).iter().map(|one| pieces(one)).collect(),
        tiles: tiles::tiles(&summary),
        best: summary.best.as_ref().map(|best| best.trial),
        exported: summary.best.as_ref().and_then(|best| best.again.as_ref()).map(|again| again.exported),
        rule: summary.best.as_ref().map_or_else(String::new, |best| best.rule.clone()),
        config,
        charts: charts.iter().map(Figure::new).collect(),
        leaderboard: Leaderboard::new(record, tables)?,
        printed: PRINTED,
        mistakes: mistakes::mistakes(tables),
        constrained: !tables.constraints.is_empty(),
        second: tables.second.map_or_else(String::new, |second| second.measure.name().replace('_', " ")),
        parameters: tables.parameters.iter().map(|parameter| leaderboard::short_path(&parameter.path)).collect(),
        choices: goals::choices(tables, record.state.objective.metric, |trial| leaderboard::cells(tables, trial)),
        finalists: tables.finalists.iter().map(|row| Finalist::new(record, row)).collect(),
        failures: failures::failures(tables),
        cross_validation: tables.cross_validation.iter().map(|row| Crossed::new(record, row)).collect(),
        data: data_report.map(data::section),
        space: record.space.path.display().to_string(),
        space_hash: &record.space_hash,
        style: include_str!("page/style.css"),
        script: include_str!("page/script.js"),
    };
    Ok(environment.get_template("report.html")?.render(Serde(&page))?)
}

/// As it may be copied into a file.
fn ron(config: &Config) -> Result<String, ron::Error> {
    ron::ser::to_string_pretty(config, ron::ser::PrettyConfig::new().depth_limit(2))
}

/// A part of a sentence.
#[derive(Debug, Serialize, PartialEq)]
struct Piece {
    text: String,
    /// It stood between backticks.
    code: bool,
}

fn pieces(text: &str) -> Vec<Piece> {
    let piece = |(place, text): (usize, &str)| Piece { text: text.to_owned(), code: place % 2 == 1 };
    text.split('`').enumerate().map(piece).filter(|piece| !piece.text.is_empty()).collect()
}

/// What the template knows.
#[derive(Debug, Serialize)]
struct Page<'a> {
    name: &'a str,
    created: String,
    metric: &'a str,
    paragraphs: Vec<String>,
    /// What to try next.
    advice: Vec<Vec<Piece>>,
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
    printed: usize,
    mistakes: Option<Mistakes>,
    /// There are constraints.
    constrained: bool,
    /// The second objective, if there is one.
    second: String,
    /// Short names of the parameters searched.
    parameters: Vec<String>,
    /// The Pareto front.
    choices: Vec<Choice>,
    finalists: Vec<Finalist>,
    failures: Vec<Failure>,
    cross_validation: Vec<Crossed>,
    data: Option<DataSection>,
    space: String,
    space_hash: &'a str,
    style: &'static str,
    script: &'static str,
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
    fn what_stands_between_backticks_is_code() {
        let code = |text: &str| pieces(text).into_iter().map(|piece| (piece.text, piece.code)).collect::<Vec<_>>();
        assert_eq!(code("Set `epochs` higher."), [("Set ".to_owned(), false), ("epochs".to_owned(), true), (" higher.".to_owned(), false)]);
        assert_eq!(code("`a`"), [("a".to_owned(), true)]);
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
        let section = page.split_once("<section id=\"failures\">").unwrap().1.split_once("</section>").unwrap().0;
        assert_eq!(section.matches("the training loss became NaN at step 31").count(), 1);
        assert_eq!(page.matches("<tr class=\"entry").count(), 1000);
    }
}

//! A Hugging Face model card: what a fine-tuned model is, how it came about, and what is known of how well it does.
//!
//! Everything in it is from the config, from what was measured of the folder, from the report on the data, and, where a study found the config, from its
//! record and tables. What is not known is said not to be known.

mod data;
mod front;
mod groups;
mod limits;
mod results;
mod search;
mod text;

use std::collections::BTreeMap;

use engine::record::StudyRecord;
use minijinja::{Environment, value::Serde};
use search_spaces::{
    claim::ConfigFile,
    data::{Data, TextColumns},
    settings::Metric,
};
use serde::Serialize;

use self::text::plain;
use crate::{error::ReportError, format, tables::Tables};

const TEMPLATE: &str = include_str!("card.md");

/// What a card is made from.
#[derive(Debug, Clone)]
pub struct Card<'a> {
    /// The folder's name.
    pub name: &'a str,
    pub base: Base<'a>,
    /// Model, data, objective and config, and the numbers that its random streams are named by.
    pub file: &'a ConfigFile,
    /// By class index.
    pub labels: &'a [String],
    /// What was found in the data: see the report page's data section for what it may hold.
    pub data_report: Option<&'a serde_json::Value>,
    /// The validation examples were trained on, too.
    pub trained_on_validation: bool,
    /// What the weights in the folder give.
    pub validation: Option<Evaluated>,
    pub test: Option<Evaluated>,
    /// `None`: the config was trained without a search, or by its `best.ron` alone.
    pub study: Option<Study<'a>>,
    pub made: Made<'a>,
}

/// The pre-trained model.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// As people call it.
    pub name: &'a str,
    /// Its repository on the Hugging Face hub, if known.
    pub repository: Option<&'a str>,
    /// As the hub calls licences (`apache-2.0`), if known.
    pub licence: Option<&'a str>,
}

/// A split that the model was evaluated on.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    pub examples: u64,
    pub metrics: BTreeMap<String, f64>,
    /// The ends of the 95 % interval of the objective's metric.
    pub interval: Option<[f64; 2]>,
}

/// Where a training comes from.
#[derive(Debug, Clone, Copy)]
pub struct Study<'a> {
    pub record: &'a StudyRecord,
    pub tables: &'a Tables,
    /// The training whose weights these are.
    pub trial: u32,
}

/// What made the folder.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// `thawline 0.1.0`
    pub program: &'a str,
    pub device: &'a str,
    pub cpu: &'a str,
    /// Of training.
    pub threads: Option<usize>,
}

/// A table whose cells are Markdown already.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(header: &[&str]) -> Table {
        Table { header: header.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    fn filled(self) -> Option<Table> {
        (!self.rows.is_empty()).then_some(self)
    }
}

/// What the template is filled with; texts are Markdown already.
#[derive(Debug, Serialize)]
struct Filled {
    front: String,
    name: String,
    what: String,
    headline: Vec<String>,
    images: bool,
    /// Of transformers' pipeline, and the arguments of a call.
    pipeline: &'static str,
    call: String,
    labels: Table,
    data: data::Section,
    search: Option<search::Section>,
    config: String,
    training: String,
    results: results::Section,
    groups: Option<groups::Section>,
    limits: Vec<String>,
    environment: Table,
}

/// The whole card: `README.md` of a model folder.
pub fn render(card: &Card<'_>) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.add_template("card.md", TEMPLATE)?;
    let config = ron::ser::to_string_pretty(&card.file.config, ron::ser::PrettyConfig::new().depth_limit(2))?;
    let results = results::section(card);
    let groups = groups::section(card);
    let filled = Filled {
        front: front::matter(card),
        name: plain(card.name),
        what: what(card),
        headline: results::headline(card),
        images: card.is_images(),
        pipeline: card.pipeline(),
        call: call(card),
        labels: labels(card),
        data: data::section(card),
        search: card.study.map(|study| search::section(card, study)),
        config,
        training: training(card),
        limits: limits::limits(card, &results, groups.as_ref()),
        results,
        groups,
        environment: made(card),
    };
    Ok(environment.get_template("card.md")?.render(Serde(&filled))?)
}

impl Card<'_> {
    fn is_images(&self) -> bool {
        matches!(self.file.data, Data::Images(_))
    }

    fn pipeline(&self) -> &'static str {
        if self.is_images() { "image-classification" } else { "text-classification" }
    }

    fn metric(&self) -> Metric {
        self.file.objective.metric
    }
}

fn what(card: &Card<'_>) -> String {
    let kind = if card.is_images() { "images" } else { "texts" };
    let base = match card.base.repository {
        Some(repository) => format!("[{}](https://huggingface.co/{repository})", plain(repository)),
        None => plain(card.base.name),
    };
    let found = match card.study {
        Some(study) => format!(
            "How to fine-tune it was found by a search of {}; this is trial {}.",
            format::counted(study.record.state.searched().len() as u64, "trial"),
            study.trial
        ),
        None => match &card.file.claim {
            Some(claim) => format!("Its config is that of trial {} of the study {}, trained again.", card.file.trial, plain(&claim.study)),
            None => "Its config was given by hand: no search has compared it with others.".to_owned(),
        },
    };
    format!("{base}, fine-tuned to tell {} classes of {kind} apart with {}. {found}", card.labels.len(), plain(card.made.program))
}

/// The arguments of a call of the pipeline.
fn call(card: &Card<'_>) -> String {
    match &card.file.data {
        Data::Images(_) => "\"picture.png\"".to_owned(),
        Data::Text(data) => {
            let input = match data.text {
                TextColumns::One(_) => "\"a text\"".to_owned(),
                TextColumns::Pair(..) => "{\"text\": \"the first text\", \"text_pair\": \"the second\"}".to_owned(),
            };
            format!("{input}, truncation=True, max_length={}", data.max_tokens)
        }
    }
}

fn labels(card: &Card<'_>) -> Table {
    let mut table = Table::new(&["index", "label"]);
    for (index, label) in card.labels.iter().enumerate() {
        table.row([index.to_string(), plain(label)]);
    }
    table
}

fn training(card: &Card<'_>) -> String {
    let examples = card.study.map(|study| study.record.examples_per_epoch);
    let steps = examples.map_or_else(String::new, |examples| {
        format!(", {} at most", format::counted(card.file.config.total_steps(examples), "optimizer step"))
    });
    let also = if card.trained_on_validation { " The validation examples were trained on, too." } else { "" };
    format!(
        "{} over the training examples{steps}. Random streams are those of seed {} and trial {}.{also}",
        format::counted(u64::from(card.file.config.epochs), "pass").replace("passs", "passes"),
        card.file.seed,
        card.file.trial
    )
}

fn made(card: &Card<'_>) -> Table {
    let mut table = Table::new(&["", ""]);
    table.row(["program".to_owned(), plain(card.made.program)]);
    table.row(["device".to_owned(), plain(card.made.device)]);
    table.row(["CPU".to_owned(), plain(card.made.cpu)]);
    if let Some(threads) = card.made.threads {
        table.row(["threads".to_owned(), threads.to_string()]);
    }
    table.row(["seed, trial".to_owned(), format!("{}, {}", card.file.seed, card.file.trial)]);
    table
}

#[cfg(test)]
mod tests;

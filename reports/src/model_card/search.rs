//! The card's section on the search that found the config.

use search_spaces::{
    domain::Parameter,
    settings::{SamplerKind, SchedulerKind, Settings},
};
use serde::Serialize;

use super::{
    Card, Study, Table,
    text::{code, plain},
};
use crate::{format, html::words, summary::Summary};

/// Parameters beyond so many are only counted.
const PARAMETERS: usize = 40;

#[derive(Debug, Serialize)]
pub(super) struct Section {
    /// Paragraphs.
    said: Vec<String>,
    parameters: Option<Table>,
}

pub(super) fn section(card: &Card<'_>, study: Study<'_>) -> Section {
    let Study { record, tables, trial } = study;
    let settings = &record.space.settings;
    let mut said = vec![how(settings), seeds(record, settings)];
    match record.best() {
        Some(best) if best.trial == trial => said.push(format!("These weights are the study's choice: {}.", best.rule)),
        Some(best) => said.push(format!(
            "These weights are **not** the study's choice, which is trial {}: somebody took trial {trial} instead. What follows is about the study.",
            best.trial
        )),
        None => {}
    }
    let validation = card.data_report.and_then(crate::html::data::validation_examples);
    said.extend(words::of_search(&Summary::new(record, tables), validation).iter().map(|paragraph| plain(paragraph)));
    let mut parameters = Table::new(&["parameter", "values", "here"]);
    // A finalist's further trainings have the config of a trial of the search.
    let of = record.state.trials()[trial as usize].parent.unwrap_or(trial) as usize;
    for (parameter, column) in record.space.parameters.iter().zip(&tables.parameters).take(PARAMETERS) {
        parameters.row([code(&parameter.path), searched(parameter), here(column.cells.get(of))]);
    }
    if record.space.parameters.len() > PARAMETERS {
        said.push(format!("{} parameters were searched; the first {PARAMETERS} are in the table.", record.space.parameters.len()));
    }
    Section { said, parameters: parameters.filled() }
}

fn searched(parameter: &Parameter) -> String {
    code(&parameter.domain.to_string())
}

fn here(cell: Option<&crate::parameters::Cell>) -> String {
    use crate::parameters::Cell;
    match cell {
        Some(Cell::Number(value)) => format::number(*value),
        Some(Cell::Category(label)) => code(label),
        Some(Cell::Inactive) | None => String::new(),
    }
}

fn how(settings: &Settings) -> String {
    let sampler = match settings.sampler {
        SamplerKind::Random => "drawn at random",
        SamplerKind::Grid => "those of a grid",
        SamplerKind::Sobol => "those of a Sobol sequence",
        SamplerKind::Forest => "proposed by a random forest that learns from the trials so far",
        SamplerKind::Tpe => "proposed by a tree-structured Parzen estimator (TPE)",
    };
    let scheduler = match settings.scheduler {
        SchedulerKind::FreezeThaw => "by freeze-thaw: whoever was worth most for its cost went on",
        SchedulerKind::Asha => "by asynchronous successive halving (ASHA)",
        SchedulerKind::SuccessiveHalving => "by successive halving",
        SchedulerKind::Hyperband => "by Hyperband",
        SchedulerKind::Pasha => "by PASHA",
        SchedulerKind::MedianRule => "by the median rule",
        SchedulerKind::None => "",
    };
    let ended =
        if scheduler.is_empty() { "Every trial was trained in full.".to_owned() } else { format!("Trials were ended early {scheduler}.") };
    let budget =
        settings.budget_seconds.map_or_else(String::new, |seconds| format!(" The budget was {}.", format::duration(seconds as f64)));
    format!("Configs were {sampler}, after the literature's default recipe and what the user listed. {ended}{budget}")
}

fn seeds(record: &engine::record::StudyRecord, settings: &Settings) -> String {
    let chosen = record.finalists.chosen();
    let finalists = match chosen {
        Some(chosen) if chosen.seeds > 1 => {
            format!(" Its best {} were trained with {} seeds each.", format::counted(chosen.trials.len() as u64, "config"), chosen.seeds)
        }
        _ => " No config was trained with other seeds: how much the seed alone moves the result is not known.".to_owned(),
    };
    format!("The search's seed is {}.{finalists}", settings.seed)
}

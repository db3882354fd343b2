//! One trial, whole.

use engine::{
    runner::Evaluation,
    state::{Phase, TrialKind},
    study::StudyState,
};

use super::{super::status::config_of, board::outcome};
use crate::{
    context::harmless,
    progress::{config, text},
};

#[derive(Debug, PartialEq)]
pub(super) struct Details {
    pub(super) trial: u32,
    pub(super) lines: Vec<String>,
    pub(super) curve: Curve,
}

/// The objective's metric at each evaluation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Curve {
    pub(super) values: Vec<f64>,
    /// Of what is finite; `None` where nothing is.
    pub(super) range: Option<(f64, f64)>,
    /// The step of the last.
    pub(super) step: u64,
}

impl Details {
    pub(super) fn new(state: &StudyState, number: u32, evaluations: &[Evaluation]) -> Details {
        let (trial, progress) = (&state.search.trials()[number as usize], &state.trials[number as usize]);
        let of = trial.parent.unwrap_or(number);
        let mut lines = vec![phase(state, number)];
        if trial.kind == TrialKind::Finalist {
            lines.push(format!("the config of trial {of}, with another seed"));
        } else if trial.kind == TrialKind::Recipe {
            lines.push(format!("recipe {}", config_of(state, number)));
        }
        if let Some(cause) = &progress.cause {
            lines.push(format!("failed: {}", text::line(cause)));
        }
        let values = trial.values.iter().enumerate().filter(|(_, value)| !value.is_nan());
        let values: Vec<String> = values.map(|(rung, value)| format!("rung {rung}: {value:.4}")).collect();
        if !values.is_empty() {
            lines.push(values.join("  "));
        }
        let seconds: f64 = progress.completed.iter().map(|(_, _, completed)| completed.seconds).sum();
        if !progress.completed.is_empty() {
            let (steps, parameters) =
                (progress.steps_trained, progress.completed.last().map_or(0, |(_, _, last)| last.trainable_parameters));
            lines.push(format!("{steps} steps in {}; {parameters} parameters train", text::seconds(seconds)));
        }
        if let Some(micro_batch) = state.micro_batch(number) {
            lines.push(format!("{micro_batch} examples at a time, since memory ran out"));
        }
        if let Some(assignment) = &state.search.trials()[of as usize].assignment
            && trial.kind != TrialKind::Recipe
        {
            lines.extend(
                config::values(&state.spec.space.parameters, assignment).into_iter().map(|(path, value)| format!("{path} = {value}")),
            );
        }
        lines.push(String::new());
        lines.push("The whole config:".to_owned());
        let whole = ron::ser::to_string_pretty(&*trial.config, ron::ser::PrettyConfig::default().struct_names(false));
        lines.extend(whole.unwrap_or_default().lines().map(str::to_owned));
        Details { trial: number, lines: lines.into_iter().map(harmless).collect(), curve: curve(state, evaluations) }
    }
}

fn phase(state: &StudyState, number: u32) -> String {
    let trial = &state.search.trials()[number as usize];
    let top = state.search.ladder.top();
    match trial.phase {
        Phase::Active { rung } => format!("{} to rung {rung} of {top}", outcome(state, trial)),
        Phase::Paused { rung } => format!("paused at rung {rung} of {top}"),
        Phase::Complete => trial
            .stopped_at
            .map_or_else(|| "trained in full".to_owned(), |rung| format!("stopped itself on the way to rung {rung} of {top}")),
        Phase::Failed { rung } => format!("failed on the way to rung {rung} of {top}"),
    }
}

fn curve(state: &StudyState, evaluations: &[Evaluation]) -> Curve {
    let metric = state.search.objective.metric.name();
    let values: Vec<f64> = evaluations.iter().map(|evaluation| evaluation.metrics.get(metric).copied().unwrap_or(f64::NAN)).collect();
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let range = finite().next().map(|first| finite().fold((first, first), |(low, high), value| (low.min(value), high.max(value))));
    Curve { range, step: evaluations.last().map_or(0, |last| last.step), values }
}

//! A trial as one entry of the journal.

use engine::state::{Phase, TrialKind, TrialState};

use super::{
    Study,
    json::{Json, object},
    moment,
};
use crate::{
    foreign::moments::Moments,
    parameters::Cell,
    tables::{CurveRow, TrialRow},
};

/// Optuna's `TrialState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not ended: it trains, or waits at a rung of a search that goes on.
    Running = 0,
    Complete = 1,
    /// Ended at a rung.
    Pruned = 2,
    Fail = 3,
}

/// The entry that makes the trial, with all that is known of it.
pub(super) fn entry(study: &Study<'_>, row: &TrialRow, trial: &TrialState, moments: Moments, curve: &[&CurveRow]) -> Json {
    let state = state(study, row);
    let intermediate: Vec<(u64, f64)> = curve.iter().filter_map(|row| Some((row.examples, *row.metrics.get(study.metric())?))).collect();
    let (value, values) = match (state, study.second(row.number)) {
        (State::Complete, None) => (row.final_value.into(), Json::None),
        (State::Complete, Some(second)) => (Json::None, vec![row.final_value.unwrap_or(f64::NAN), second].into()),
        // Optuna has the last value before the pruning there.
        (State::Pruned, None) => (intermediate.last().map(|(_, value)| *value).filter(|value| !value.is_nan()).into(), Json::None),
        _ => (Json::None, Json::None),
    };
    let ended = (state != State::Running).then(|| moment(moments.end.unwrap_or(moments.start)));
    let mut pairs = vec![
        ("op_code".to_owned(), Json::Integer(super::CREATE_TRIAL)),
        ("worker_id".to_owned(), super::WORKER.into()),
        ("study_id".to_owned(), Json::Integer(0)),
        ("datetime_start".to_owned(), moment(moments.start).into()),
        ("state".to_owned(), Json::Integer(state as i64)),
        ("value".to_owned(), value),
        ("values".to_owned(), values),
    ];
    // It must not be there at all in a trial that has not ended.
    pairs.extend(ended.map(|ended| ("datetime_complete".to_owned(), ended.into())));
    // A finalist's further trainings have no parameters of their own in the tables.
    let (distributions, params, outside) = parameters(study, row.parent.unwrap_or(row.number));
    let steps = |(examples, value): &(u64, f64)| (examples.to_string(), Json::Real(*value));
    // Optuna knows no intermediate values where there are two objectives.
    let steps = if study.second.is_none() { intermediate.iter().map(steps).collect() } else { Vec::new() };
    pairs.extend([
        ("distributions".to_owned(), Json::Object(distributions)),
        ("params".to_owned(), Json::Object(params)),
        ("user_attrs".to_owned(), Json::Object(user_attributes(study, row, trial, curve, &outside, &intermediate))),
        ("system_attrs".to_owned(), constraints(study, row.number)),
        ("intermediate_values".to_owned(), Json::Object(steps)),
    ]);
    Json::Object(pairs)
}

fn state(study: &Study<'_>, row: &TrialRow) -> State {
    match row.phase {
        // No sampler of Optuna's can do with what is not finite, and ours ranks it last.
        Phase::Complete if row.final_value.is_none_or(|value| !value.is_finite()) => State::Fail,
        Phase::Complete => State::Complete,
        Phase::Failed { .. } => State::Fail,
        Phase::Paused { .. } if study.tables.finished => State::Pruned,
        Phase::Paused { .. } | Phase::Active { .. } => State::Running,
    }
}

type Pairs = Vec<(String, Json)>;

/// Distributions and values of the parameters that the trial has, and values that no distribution holds.
fn parameters(study: &Study<'_>, number: u32) -> (Pairs, Pairs, Pairs) {
    let (mut distributions, mut params, mut outside) = (Vec::new(), Vec::new(), Vec::new());
    for (searched, column) in study.searched.iter().zip(&study.tables.parameters) {
        let cell = column.cells.get(number as usize).unwrap_or(&Cell::Inactive);
        match (searched.internal(cell), cell) {
            (Some(value), _) => {
                distributions.push((searched.path.clone(), searched.json()));
                params.push((searched.path.clone(), value));
            }
            (None, Cell::Number(value)) => outside.push((searched.path.clone(), Json::Real(*value))),
            (None, Cell::Category(label)) => outside.push((searched.path.clone(), label.as_str().into())),
            (None, Cell::Inactive) => {}
        }
    }
    (distributions, params, outside)
}

/// By how much of its limit each constraint is exceeded; Optuna takes what is at most 0 for kept.
fn constraints(study: &Study<'_>, number: u32) -> Json {
    let constraints = &study.record.state.constraints;
    let measured = study.record.trials.get(number as usize).map_or(&[][..], |trial| &trial.measured);
    if constraints.is_empty() || measured.is_empty() {
        return object([]);
    }
    let exceeded: Vec<f64> = constraints.iter().zip(measured).map(|(constraint, value)| constraint.excess(*value)).collect();
    object([("constraints", exceeded.into())])
}

fn user_attributes(
    study: &Study<'_>,
    row: &TrialRow,
    trial: &TrialState,
    curve: &[&CurveRow],
    outside: &[(String, Json)],
    intermediate: &[(u64, f64)],
) -> Pairs {
    let mut pairs: Pairs = Vec::new();
    let mut put = |key: &str, value: Json| {
        let finite = !matches!(value, Json::Real(value) if !value.is_finite());
        if value != Json::None && finite {
            pairs.push((key.to_owned(), value));
        }
    };
    put("kind", row.kind_name().into());
    put("recipe", row.recipe.clone().into());
    put("parent", row.parent.into());
    put("phase", row.phase_name().into());
    put("stopped_early", Some(true).filter(|_| row.stopped_early).into());
    let not_finite = (row.phase == Phase::Complete && state(study, row) == State::Fail).then(|| "its final value is not finite".to_owned());
    put("cause", row.cause.clone().or(not_finite).into());
    // A finalist's further trainings know no rung but the last.
    let reached: Vec<Option<f64>> = row.values.iter().take(row.rungs_reached).map(|value| value.filter(|value| !value.is_nan())).collect();
    put("rung_values", reached.into());
    put("steps", row.steps.into());
    put("seconds", row.seconds.into());
    put("trainable_parameters", row.trainable_parameters.into());
    let best = curve.iter().rev().find(|point| row.best_step.is_none_or(|step| point.step == step));
    put("best_step", row.best_step.into());
    for (name, value) in best.iter().flat_map(|point| &point.metrics) {
        if name != study.metric() {
            put(&format!("validation_{name}"), (*value).into());
        }
    }
    let measured = study.record.trials.get(row.number as usize).map_or(&[][..], |trial| &trial.measured);
    for (measure, value) in study.tables.measures.iter().zip(measured).filter(|(measure, _)| measure.metric().is_none()) {
        put(measure.name(), (*value).into());
    }
    if study.second.is_some() && !intermediate.is_empty() {
        let points = intermediate.iter().map(|(examples, value)| Json::List(vec![(*examples).into(), (*value).into()]));
        put("curve", Json::List(points.collect()));
    }
    if !outside.is_empty() {
        put("outside_the_space", Json::Object(outside.to_vec()));
    }
    // Other configs are what the space fixes, and the parameters.
    if trial.kind == TrialKind::Recipe {
        put("config", serde_json::to_value(&*trial.config).as_ref().map_or(Json::None, Json::from));
    }
    pairs
}

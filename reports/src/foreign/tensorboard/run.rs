//! A trial as the events of a run.

use std::collections::BTreeMap;

use engine::{
    record::{EvaluationRecord, SegmentEnd, SegmentRecord},
    state::Phase,
};

use super::{
    Study, hparams, measure_tag,
    proto::{Event, HParamsData, SessionEnd, Status, SummaryValue},
    run_name,
    summaries::{described, event, hparams as hparams_summary, scalar, seconds, text, version},
};
use crate::{foreign::moments::Moments, tables::TrialRow};

/// The value that trials are compared by, at each rung.
pub(super) const VALUE: &str = "trial/value";

/// What the record holds of a trial.
pub(super) struct Run<'a> {
    pub(super) row: &'a TrialRow,
    pub(super) moments: Moments,
    /// By step; what was evaluated twice counts once.
    pub(super) evaluations: BTreeMap<u64, &'a EvaluationRecord>,
    pub(super) segments: Vec<&'a SegmentRecord>,
    /// What the study's constraints and second objective measure.
    pub(super) measured: &'a [f64],
}

pub(super) fn events(study: &Study<'_>, run: &Run<'_>) -> Vec<Event> {
    let Moments { start, end } = run.moments;
    // Trainings of the same config are sessions of one group.
    let of = run.row.parent.unwrap_or(run.row.number);
    let session = HParamsData::Start(hparams::start(&study.searched, of, run_name(of), seconds(start)));
    let mut events = vec![version(start), event(start, 0, vec![hparams_summary(session)])];
    let mut points: Vec<(i64, u64, Vec<SummaryValue>)> = Vec::new();
    for (place, entry) in run.evaluations.values().enumerate() {
        points.push((entry.at, entry.evaluation.examples, evaluation(entry, place == 0)));
    }
    points.extend(ranked(study, run));
    // In the order of time; at the same time what was measured before what it is ranked by.
    points.sort_by_key(|(at, examples, _)| (*at, *examples));
    let last = points.last().map_or((start, 0), |(at, examples, _)| (*at, *examples));
    events.extend(points.into_iter().map(|(at, examples, values)| event(at, examples, values)));
    let (at, examples) = (end.unwrap_or(last.0), last.1);
    if !run.measured.is_empty() {
        let measured = study.measures.iter().zip(run.measured);
        events.push(event(at, examples, measured.map(|(measure, value)| scalar(measure_tag(*measure), *value)).collect()));
    }
    if let Some(cause) = &run.row.cause {
        events.push(event(at, examples, vec![text("cause", &indented(cause))]));
    }
    let status = match run.row.phase {
        Phase::Failed { .. } => Status::Failure,
        Phase::Complete => Status::Success,
        Phase::Paused { .. } if study.finished => Status::Success,
        Phase::Paused { .. } | Phase::Active { .. } => Status::Running,
    };
    let end = if status == Status::Running { 0.0 } else { seconds(at) };
    events.push(event(at, examples, vec![hparams_summary(HParamsData::End(SessionEnd { status: status.into(), end }))]));
    events
}

fn evaluation(entry: &EvaluationRecord, first: bool) -> Vec<SummaryValue> {
    let evaluation = &entry.evaluation;
    let say = |point, words: &str| if first { described(point, words) } else { point };
    let mut values = vec![say(scalar("train/loss", evaluation.train_loss), "Mean training loss since the evaluation before.")];
    for (name, value) in &evaluation.metrics {
        values.push(say(scalar(format!("validation/{name}"), *value), "On the validation split."));
    }
    for (block, rate) in &evaluation.learning_rates {
        values.push(scalar(format!("learning_rate/{block}"), *rate));
    }
    values
}

/// The value at each rung that it was trained to. At the top this is of the weights that count, which may not be the last evaluation's.
fn ranked(study: &Study<'_>, run: &Run<'_>) -> Vec<(i64, u64, Vec<SummaryValue>)> {
    let words = format!(
        "The {} that trials are ranked by, at each rung; at the end that of the weights that are kept: the best ones' or the last ones'.",
        study.metric
    );
    let mut points = Vec::new();
    for segment in &run.segments {
        let (Some(at), Some(SegmentEnd::Completed { value })) = (segment.ended_at, &segment.end) else { continue };
        let before = run.evaluations.values().filter(|entry| entry.at <= at);
        let examples = before.map(|entry| entry.evaluation.examples).max().unwrap_or(0);
        let point = scalar(VALUE, *value);
        points.push((at, examples, vec![if points.is_empty() { described(point, &words) } else { point }]));
    }
    points
}

/// Markdown that shows `text` as it is.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

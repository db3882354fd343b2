//! Recorded learning curves of real training runs.

use std::{collections::BTreeMap, io::BufRead, path::Path};

use crossbeam_channel::Sender;
use search_spaces::{
    domain::{Assignment, Domain, Parameter, Value},
    metric_name::MetricName,
    settings::{Direction, Metric, Objective, Settings},
    space::Space,
};
use serde::Deserialize;

use super::SimulatedRunner;
use crate::runner::{Cancel, Checkpoint, Completed, Evaluation, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner};

/// Learning curves of configs drawn from one space. A config that was not recorded is answered by the nearest that was.
///
/// As a [`TrialRunner`] a step and a training example are one point of the curve. Samplers and schedulers see what it reports and nothing else
/// of it.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub objective: Objective,
    /// Length of every curve.
    pub points: u64,
    parameters: Vec<Parameter>,
    rows: Vec<Row>,
    /// Of all rows.
    pub best: f64,
    /// Of the best values of the rows.
    pub median: f64,
    /// Of all finite values.
    pub worst: f64,
}

#[derive(Debug, Clone)]
struct Row {
    /// In the order of the parameters, each in `[0, 1]` between its bounds, on a log axis where it is one.
    at: Vec<f64>,
    /// Of the full run, relative to the table's median run.
    cost: f64,
    /// Not finite where the run had diverged.
    curve: Vec<f64>,
}

/// A simulated second is a thousandth of the table's median run.
pub const SECONDS_A_RUN: f64 = 1000.0;

/// A run that costs next to nothing would fill a simulation with more trials than it could ever end.
const LEAST_COST: f64 = 1e-6;

/// Of a table's text, which may come out of a small file that is packed: a hundred times as much as the largest tables that are published.
const MAX_BYTES: u64 = 1 << 30;

/// Beyond these an integer is no number that a curve's config could be written with.
const MAX_INT: f64 = (1_u64 << 53) as f64;

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("line {line}: {why}")]
    Line { line: usize, why: String },
    #[error("{0}")]
    Whole(String),
}

#[derive(Deserialize)]
struct Header {
    name: String,
    metric: String,
    direction: Sense,
    points: u64,
    hyperparameters: BTreeMap<String, Axis>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sense {
    Maximize,
    Minimize,
}

#[derive(Deserialize)]
struct Axis {
    #[serde(rename = "type")]
    kind: Kind,
    low: f64,
    high: f64,
    #[serde(default)]
    log: bool,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Int,
    Float,
}

#[derive(Deserialize)]
struct Line {
    config: BTreeMap<String, f64>,
    cost: f64,
    curve: Vec<Option<f64>>,
}

impl Axis {
    fn domain(&self) -> Result<Domain, String> {
        let Axis { kind, low, high, log } = *self;
        if !(low.is_finite() && high.is_finite() && low < high) || (log && low <= 0.0) {
            return Err(format!("from {low} to {high} is no range{}", if log { " on a log axis" } else { "" }));
        }
        if matches!(kind, Kind::Int) && !(low.fract() == 0.0 && high.fract() == 0.0) {
            return Err(format!("an int from {low} to {high} has bounds that are no whole numbers"));
        }
        let domain = match (kind, log) {
            (Kind::Float, false) => Domain::Uniform { low, high },
            (Kind::Float, true) => Domain::LogUniform { low, high },
            (Kind::Int, false) => Domain::Int { low: low as i64, high: high as i64 },
            (Kind::Int, true) => Domain::LogInt { low: low as i64, high: high as i64 },
        };
        if !domain.is_sound() || (matches!(kind, Kind::Int) && low.abs().max(high.abs()) > MAX_INT) {
            return Err(format!("from {low} to {high} is further than can be counted"));
        }
        Ok(domain)
    }
}

/// Place of `x` between the bounds of `domain`.
fn unit(domain: &Domain, x: f64) -> f64 {
    let (low, high, log) = match *domain {
        Domain::Uniform { low, high } => (low, high, false),
        Domain::LogUniform { low, high } => (low, high, true),
        Domain::Int { low, high } => (low as f64, high as f64, false),
        Domain::LogInt { low, high } => (low as f64, high as f64, true),
        Domain::Stepped { .. } | Domain::Choice { .. } => return 0.0,
    };
    if log { (x.max(1e-300) / low).ln() / (high / low).ln() } else { (x - low) / (high - low) }
}

impl Table {
    /// Reads JSON lines: a header (`name`, `metric`, `direction`, `points`, and of each of the `hyperparameters` `type`, `low`, `high`, `log`), then
    /// for each run `config`, `cost` and `curve` (`null`: diverged).
    pub fn read(text: impl BufRead) -> Result<Table, TableError> {
        Table::read_within(text, MAX_BYTES)
    }

    pub(super) fn read_within(text: impl BufRead, most: u64) -> Result<Table, TableError> {
        let mut text = text.take(most);
        let table = Table::read_lines(&mut text);
        if text.limit() == 0 {
            return Err(TableError::Whole(format!("its text has {most} bytes or more, which is more than is read: take some of its runs")));
        }
        table
    }

    fn read_lines(text: impl BufRead) -> Result<Table, TableError> {
        let mut lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
        let wrong = |line: usize, why: String| TableError::Line { line, why };
        let (_, first) = lines.next().ok_or_else(|| TableError::Whole("it is empty".to_owned()))?;
        let header: Header = serde_json::from_str(&first?).map_err(|error| wrong(1, format!("no header: {error}")))?;
        if header.points == 0 || header.hyperparameters.is_empty() {
            return Err(wrong(1, "a table has points and hyperparameters".to_owned()));
        }
        let parameters = header.hyperparameters.iter().map(|(name, axis)| {
            let domain = axis.domain().map_err(|why| wrong(1, format!("hyperparameter {name}: {why}")))?;
            Ok(Parameter { path: name.clone(), domain, condition: None })
        });
        let parameters = parameters.collect::<Result<Vec<_>, TableError>>()?;
        let mut rows = Vec::new();
        for (number, line) in lines {
            let line: Line = serde_json::from_str(&line?).map_err(|error| wrong(number, error.to_string()))?;
            if line.curve.len() as u64 != header.points {
                return Err(wrong(number, format!("a curve of {} points where the header says {}", line.curve.len(), header.points)));
            }
            if !(LEAST_COST..=1.0 / LEAST_COST).contains(&line.cost) {
                return Err(wrong(number, format!("a cost of {} median runs", line.cost)));
            }
            let at = parameters.iter().map(|Parameter { path, domain, .. }| {
                let value = line.config.get(path).ok_or_else(|| wrong(number, format!("no value of {path}")))?;
                Ok(unit(domain, *value))
            });
            let curve = line.curve.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            rows.push(Row { at: at.collect::<Result<_, TableError>>()?, cost: line.cost, curve });
        }
        let direction = match header.direction {
            Sense::Maximize => Direction::Maximize,
            Sense::Minimize => Direction::Minimize,
        };
        let name = MetricName::new(&header.metric).map_err(|error| wrong(1, error.to_string()))?;
        let objective = Objective { metric: Metric::Custom(name), direction };
        Table::new(header.name, objective, header.points, parameters, rows)
    }

    fn new(name: String, objective: Objective, points: u64, parameters: Vec<Parameter>, rows: Vec<Row>) -> Result<Table, TableError> {
        let costs = |row: &Row| row.curve.iter().map(|value| objective.cost(*value)).filter(|cost| cost.is_finite()).collect::<Vec<_>>();
        let mut bests: Vec<f64> = rows.iter().filter_map(|row| costs(row).into_iter().min_by(f64::total_cmp)).collect();
        bests.sort_by(f64::total_cmp);
        let worst = rows.iter().flat_map(costs).max_by(f64::total_cmp);
        let (Some(best), Some(worst)) = (bests.first().copied(), worst) else {
            return Err(TableError::Whole("no run in it has a finite value".to_owned()));
        };
        let middle = bests.len() / 2;
        let median = if bests.len() % 2 == 1 { bests[middle] } else { f64::midpoint(bests[middle - 1], bests[middle]) };
        if median <= best {
            return Err(TableError::Whole("half of its runs are as good as the best: there is nothing to search for".to_owned()));
        }
        let value = |cost: f64| if objective.direction == Direction::Maximize { -cost } else { cost };
        Ok(Table { name, objective, points, parameters, rows, best: value(best), median: value(median), worst: value(worst) })
    }

    /// The space that the runs were drawn from, with the settings that a space has by default but for an evaluation at
    /// every point, and no finalists: a table has no other seeds.
    pub fn space(&self) -> Space {
        // Of a config only its place in the space counts here.
        let text = r#"Sweep(model: Path("-"), data: Text(files: One(Path("-")), text: "text", label: "label"), space: (epochs: 1, optimizer: Sgd(learning_rate: 0.1)))"#;
        let space = Space::parse(Path::new("/table.ron"), text).unwrap_or_else(|problems| unreachable!("{problems}"));
        let settings = Settings { finalists: 0, eval_every: 1.0 / self.points as f64, ..space.settings.clone() };
        Space { parameters: self.parameters.clone(), objective: self.objective, recipes: Vec::new(), settings, ..space }
    }

    /// Normalised regret of having found `value`: 0 is the table's best, 1 the median of its runs. `None`: nothing finite was found, which is as
    /// bad as the worst.
    pub fn regret(&self, value: Option<f64>) -> f64 {
        let cost = |value| self.objective.cost(value);
        (cost(value.unwrap_or(self.worst)) - cost(self.best)) / (cost(self.median) - cost(self.best))
    }

    /// The recorded run nearest to `assignment`, the first of equals.
    fn nearest(&self, assignment: &Assignment) -> &Row {
        let place = |Parameter { path, domain, .. }: &Parameter| match assignment.0.get(path) {
            Some(Value::Float(x)) => unit(domain, *x),
            Some(Value::Int(x)) => unit(domain, *x as f64),
            Some(Value::Option(_)) | None => 0.0,
        };
        let places: Vec<f64> = self.parameters.iter().map(place).collect();
        let distance = |row: &Row| row.at.iter().zip(&places).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let mut nearest = (&self.rows[0], f64::INFINITY);
        for row in &self.rows {
            let distance = distance(row);
            if distance < nearest.1 {
                nearest = (row, distance);
            }
        }
        nearest.0
    }

    /// Simulated seconds of the points after `from` up to `to`.
    fn cost(&self, row: &Row, from: u64, to: u64) -> f64 {
        row.cost * SECONDS_A_RUN * (to - from) as f64 / self.points as f64
    }

    fn row(&self, segment: &Segment) -> Result<&Row, TrialError> {
        let outside = || TrialError::Other("a table knows no config outside its space".to_owned());
        segment.assignment.as_ref().map(|assignment| self.nearest(assignment)).ok_or_else(outside)
    }

    /// The points of its curve that a segment goes over, from 0: it ends with the first that is not finite.
    fn span(&self, row: &Row, segment: &Segment, from: u64) -> (u64, bool) {
        let to = segment.ladder.step(segment.rung, self.points);
        let diverged = (from..to).find(|point| !row.curve[*point as usize].is_finite());
        diverged.map_or((to, false), |point| (point + 1, true))
    }
}

impl TrialRunner for Table {
    fn run(
        &self,
        segment: &Segment,
        _: &SlotInfo,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        _: &Cancel,
    ) -> Result<Outcome, TrialError> {
        let row = self.row(segment)?;
        let from = from.map_or(0, |checkpoint| checkpoint.step);
        let (to, diverged) = self.span(row, segment, from);
        let last = to - u64::from(diverged);
        for step in from + 1..=last {
            let evaluation = Evaluation {
                step,
                examples: step,
                epoch: step as f64 / self.points as f64,
                train_loss: f64::NAN,
                metrics: BTreeMap::from([(self.objective.metric.name().to_owned(), row.curve[step as usize - 1])]),
                learning_rates: Vec::new(),
                rung: (step == to).then_some(segment.rung),
            };
            if events.send(TrialEvent::Evaluated(evaluation)).is_err() {
                return Ok(Outcome::Cancelled);
            }
        }
        if diverged {
            return Err(TrialError::NonFiniteLoss { step: to, loss: "NaN".to_owned() });
        }
        let path = segment.checkpoints.join(format!("trial-{}-step-{to}.ckpt", segment.trial));
        Ok(Outcome::Completed(Completed {
            value: row.curve[to as usize - 1],
            step: to,
            steps_trained: to - from,
            seconds: self.cost(row, from, to),
            passes: (to - from) as f64 / self.points as f64,
            checkpoint: Some(Checkpoint { path, step: to, blake3: String::new(), bytes: 0 }),
            ..Completed::default()
        }))
    }

    fn examples_per_epoch(&self) -> u64 {
        self.points
    }
}

impl SimulatedRunner for Table {
    fn seconds(&self, segment: &Segment, from: u64) -> f64 {
        let Ok(row) = self.row(segment) else { return 0.0 };
        let (to, _) = self.span(row, segment, from);
        self.cost(row, from, to)
    }
}

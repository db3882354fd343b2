//! Generated studies for tests and demonstrations: plausible curves under asynchronous successive halving on two slots.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use engine::{
    finalists::{Finalists, FinalistsChosen, Repeat},
    folds::{Fold, Folded},
    record::{Decision, DecisionRecord, EvaluationRecord, FoldRecord, SegmentEnd, SegmentRecord, StudyRecord, TrialRecord},
    runner::Evaluation,
    state::{Phase, SearchState, TrialKind, TrialState},
    streams::{Purpose, stream},
    study::Dropped,
    tested::{Look, Tested},
};
use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    config::{Config, Optimizer, Unfreeze},
    domain::Assignment,
    goals::{Constraint, Measure, Second},
    ladder::Ladder,
    settings::Direction,
    space::Space,
};

use crate::predictions::{Predictions, Split};

const EXAMPLES_PER_EPOCH: u64 = 1780;
const EPOCHS: u32 = 3;
const SLOTS: usize = 2;
/// 2026-11-23 05:19 UTC.
const START: i64 = 1_795_411_140_000;
const BLOCKS: [&str; 8] = ["embeddings", "layer.0", "layer.1", "layer.2", "layer.3", "layer.4", "layer.5", "head"];

/// A finished study of `trials` trials over `rungs` rungs (at least 1). Trial 0 is the default recipe at full length. From five trials on one fails, one stops
/// itself early, and the study was continued once after a break.
pub fn sample_record(trials: u32, rungs: u32, seed: u64) -> StudyRecord {
    record(trials, rungs, seed, true)
}

/// The same before its end: what ran last still runs.
pub fn running_record(trials: u32, rungs: u32, seed: u64) -> StudyRecord {
    record(trials, rungs, seed, false)
}

fn record(trials: u32, rungs: u32, seed: u64, finished: bool) -> StudyRecord {
    let horizon = EXAMPLES_PER_EPOCH * u64::from(EPOCHS);
    let ladder = Ladder::new(horizon.div_ceil(3u64.pow(rungs.max(1) - 1)), 3, horizon);
    let space = space(trials, seed);
    let mut simulation = Simulation { seed, stopped: trials < 5, ..Simulation::default() };
    let drawn: Vec<Drawn> = (0..trials).map(|number| Drawn::new(&space, seed, number, trials)).collect();
    simulation.run(&drawn, &ladder, trials, finished);
    let mut state = SearchState::new(space.objective, ladder, trials);
    for (number, (trial, drawn)) in simulation.trials.iter().zip(&drawn).enumerate() {
        state.add(TrialState {
            number: number as u32,
            kind: if number == 0 { TrialKind::Recipe } else { TrialKind::Search },
            parent: None,
            config: drawn.config.clone().into(),
            assignment: drawn.assignment.clone(),
            inside: true,
            values: trial.values.clone(),
            exceeded: Vec::new(),
            second: Vec::new(),
            phase: trial.phase,
            stopped_at: trial.stopped_at,
        });
    }
    let records = simulation.trials.iter().enumerate().map(|(number, trial)| TrialRecord {
        recipe: (number == 0).then(|| space.recipes[0].name.clone()),
        cause: trial.cause.clone(),
        best_step: trial.last_step,
        stopped_early: trial.stopped_at.is_some(),
        ..TrialRecord::default()
    });
    StudyRecord {
        name: "sample".to_owned(),
        created_at: START,
        space_hash: "0".repeat(64),
        trials: records.collect(),
        decisions: decisions(&simulation.segments),
        segments: simulation.segments,
        evaluations: simulation.evaluations,
        examples_per_epoch: EXAMPLES_PER_EPOCH,
        finalists: Finalists::default(),
        looks: Vec::new(),
        folds: Vec::new(),
        dropped: Dropped::default(),
        finished,
        state,
        gave_up: false,
        space,
    }
}

/// Of each segment that is not a lost one run again, the decision that it be trained.
fn decisions(segments: &[SegmentRecord]) -> Vec<DecisionRecord> {
    let mut first: BTreeMap<(u32, usize), i64> = BTreeMap::new();
    for segment in segments {
        let at = first.entry((segment.trial, segment.rung)).or_insert(segment.started_at);
        *at = segment.started_at.min(*at);
    }
    let mut in_time: Vec<(i64, u32, usize)> = first.into_iter().map(|((trial, rung), at)| (at, trial, rung)).collect();
    in_time.sort_unstable();
    let decision = |(index, (at, trial, rung)): (usize, (i64, u32, usize))| {
        let decision = if rung == 0 { Decision::Start { trial } } else { Decision::Promote { trial, rung } };
        let seq = 3 + 4 * index as u64;
        DecisionRecord { seq, at, upto_seq: seq - 1, worker: Some("cpu#1".to_owned()), decision }
    };
    in_time.into_iter().enumerate().map(decision).collect()
}

/// Adds the folds of `trial`; `None`: failed.
pub fn with_folds(record: &mut StudyRecord, trial: u32, values: &[Option<f64>]) {
    let of = values.len() as u32;
    record.space.settings.folds = Some(of);
    record.folds.extend((0..).zip(values).map(|(index, value)| FoldRecord {
        fold: Fold { trial, index, of },
        outcome: value.map(|value| Folded { value, steps: 90, seconds: 12.0 }).ok_or_else(|| "the loss became NaN".to_owned()),
    }));
}

/// Gives the study these constraints and a second objective, fewer trained parameters: a block of about a million for each that is thawed at the end of a trial's
/// curve.
pub fn with_goals(record: &mut StudyRecord, constraints: Vec<Constraint>) {
    let second = Second { measure: Measure::TrainableParameters, direction: Direction::Minimize };
    (record.state.second, record.state.constraints) = (Some(second), constraints);
    let measures = record.state.measures();
    for number in 0..record.state.trials().len() {
        let last = record.evaluations.iter().rev().find(|evaluation| evaluation.trial as usize == number);
        let thawed = last.map_or(1, |last| last.evaluation.learning_rates.len());
        let parameters = 1e6 * thawed as f64;
        let measured = |measure: &Measure| match measure {
            Measure::TrainableParameters => parameters,
            Measure::CheckpointBytes => 4.0 * parameters,
            Measure::GroupGap => 0.01 * (number % 7) as f64,
            _ => 3.0,
        };
        record.trials[number].measured = measures.iter().map(measured).collect();
        let exceeded = record.state.constraints.iter().map(|constraint| constraint.excess(measured(&constraint.measure()))).sum();
        record.state.change(number as u32, |trial| {
            let rungs = trial.values.len();
            (trial.second, trial.exceeded) = (vec![parameters; rungs], vec![exceeded; rungs]);
        });
    }
}

/// Makes `configs` the finalists of the study: trials of the search, best first, each with the values of its further trainings; `None`: it failed.
pub fn with_finalists(record: &mut StudyRecord, configs: &[(u32, &[Option<f64>])]) {
    let rungs = record.state.ladder.rungs.len();
    let most = configs.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let mut added = Vec::new();
    for seed in 0..most {
        for (parent, values) in configs {
            let Some(value) = values.get(seed) else { continue };
            let number = record.state.trials().len() as u32;
            added.push(Repeat { number, parent: *parent });
            let mut trained = vec![f64::NAN; rungs];
            trained[rungs - 1] = value.unwrap_or(f64::NAN);
            record.state.add(TrialState {
                number,
                kind: TrialKind::Finalist,
                parent: Some(*parent),
                config: record.state.trials()[*parent as usize].config.clone(),
                assignment: None,
                inside: false,
                values: trained,
                exceeded: Vec::new(),
                second: Vec::new(),
                phase: if value.is_some() { Phase::Complete } else { Phase::Failed { rung: rungs - 1 } },
                stopped_at: None,
            });
            let cause = value.is_none().then(|| "the training loss became NaN at step 31".to_owned());
            record.trials.push(TrialRecord { cause, ..TrialRecord::default() });
            let last = record.segments.iter().filter_map(|segment| segment.ended_at).max().unwrap_or(START);
            record.segments.push(SegmentRecord {
                trial: number,
                rung: rungs - 1,
                slot: format!("cpu/{}", number as usize % SLOTS),
                started_at: last,
                ended_at: Some(last + 9_000),
                end: Some(value.map_or(SegmentEnd::Failed { cause: "the training loss became NaN".to_owned() }, |value| {
                    SegmentEnd::Completed { value }
                })),
                steps_trained: 90,
                trainable_parameters: None,
            });
        }
    }
    let trials: Vec<u32> = configs.iter().map(|(parent, _)| *parent).collect();
    let wanted = (trials.len(), most as u32 + 1);
    record.finalists = Finalists::of(&FinalistsChosen { trials, seeds: wanted.1, wanted, seconds_left: None, added });
}

/// Adds a look at the test split by training `trial`: its value, and the ends of its interval.
pub fn with_test(record: &mut StudyRecord, trial: u32, (value, low, high): (f64, f64, f64)) {
    let metrics = BTreeMap::from([(record.state.objective.metric.name().to_owned(), value)]);
    let searched = record.state.searched().len();
    record.looks.push(Look { tested: Tested { trial, examples: 445, metrics, value, low, high, predictions: None }, searched });
}

/// The classes of the generated studies.
pub const LABELS: [&str; 5] = ["business", "entertainment", "politics", "sport", "tech"];
/// Examples in their validation and their test split.
const PREDICTED: usize = 445;
/// Files that are written for the best of the leaderboard.
const FILES: usize = 25;

/// Predictions for examples: the label, weights of the classes, and the group.
pub fn predictions<'a>(labels: &[&str], examples: impl Iterator<Item = (u32, Vec<f64>, Option<&'a str>)>) -> Predictions {
    let mut csv = Vec::new();
    write_predictions(&mut csv, "test", labels, examples.collect());
    Predictions::parse(&csv, Split::Test).expect("generated predictions can be read")
}

/// As trials write them. The class with the highest weight is predicted, the first of equals.
fn write_predictions(to: impl std::io::Write, split: &str, labels: &[&str], examples: Vec<(u32, Vec<f64>, Option<&str>)>) {
    let grouped = examples.iter().any(|(_, _, group)| group.is_some());
    let mut writer = csv::Writer::from_writer(to);
    let names = ["split", "row", "label", "predicted"].map(str::to_owned).into_iter();
    let probabilities = labels.iter().map(|label| format!("probability of {label}"));
    let mut write = |row: Vec<String>| writer.write_record(row).expect("generated predictions can be written");
    write(names.chain(probabilities).chain(grouped.then(|| "group".to_owned())).collect());
    for (row, (label, weights, group)) in examples.into_iter().enumerate() {
        let sum: f64 = weights.iter().sum();
        let highest = weights.iter().copied().fold(0.0, f64::max);
        let predicted = weights.iter().position(|weight| *weight == highest).unwrap_or(0);
        let first = [split.to_owned(), row.to_string(), labels[label as usize].to_owned(), labels[predicted].to_owned()];
        let probabilities = weights.iter().map(|weight| (weight / sum).to_string());
        write(first.into_iter().chain(probabilities).chain(grouped.then(|| group.unwrap_or_default().to_owned())).collect());
    }
    writer.flush().expect("generated predictions can be written");
}

/// Leaves in `artefacts`, an existing folder, what the best, the default recipe and the finalists predict, with accuracies as in the record: on the validation split, and on
/// the test split of the last look. Of several groups the last does worse.
pub fn with_predictions(record: &mut StudyRecord, artefacts: &Path, groups: &[&str]) {
    let best = record.state.leaderboard().into_iter().take(FILES);
    let finalists = record.finalists.repeats();
    let trials: BTreeSet<u32> = best.chain(finalists).chain((!record.trials.is_empty()).then_some(0)).collect();
    let write = |path: &Path, split, trial, accuracy| {
        let file = std::fs::File::create(path).expect("the folder of the artefacts may be written to");
        write_predictions(file, split, &LABELS, predicted(record.space.settings.seed, trial, accuracy, groups));
    };
    let mut written = Vec::new();
    for trial in trials {
        let accuracy = record.state.trials()[trial as usize].values.iter().copied().rfind(|value| value.is_finite());
        if let Some(accuracy) = accuracy {
            let path = artefacts.join(format!("trial-{trial}-predictions.csv"));
            write(&path, "validation", trial, accuracy);
            written.push((trial, path));
        }
    }
    if let Some(look) = record.looks.last() {
        let path = artefacts.join(format!("trial-{}-predictions-test.csv", look.tested.trial));
        write(&path, "test", look.tested.trial, look.tested.value);
        let accuracy = (look.tested.value * PREDICTED as f64).round() / PREDICTED as f64;
        if let Some(look) = record.looks.last_mut() {
            look.tested.predictions = Some(path);
            look.tested.metrics.insert("accuracy".to_owned(), accuracy);
        }
    }
    for (trial, path) in written {
        record.trials[trial as usize].predictions = Some(path);
    }
}

/// What a training predicts that has this accuracy. Some examples are harder than others, for whatever training.
fn predicted<'a>(seed: u64, trial: u32, accuracy: f64, groups: &[&'a str]) -> Vec<(u32, Vec<f64>, Option<&'a str>)> {
    let (mut of_data, mut of_trial) = (stream(seed, 0, Purpose::DataSplit), stream(seed, trial, Purpose::DataOrder));
    let mut examples: Vec<(u32, f64, Option<&str>)> = (0..PREDICTED)
        .map(|index| {
            let group = groups.get(index % groups.len().max(1)).copied();
            let harder = if groups.len() > 1 && group == groups.last().copied() { 0.25 } else { 0.0 };
            let hard: f64 = of_data.random_range(0.0..1.0) + of_trial.random_range(0.0..0.5) + harder;
            (index as u32 % LABELS.len() as u32, hard, group)
        })
        .collect();
    let mut order: Vec<usize> = (0..PREDICTED).collect();
    order.sort_by(|a, b| examples[*b].1.total_cmp(&examples[*a].1));
    let wrong = PREDICTED - (accuracy * PREDICTED as f64).round() as usize;
    let mut found = Vec::new();
    let is_wrong: BTreeSet<usize> = order.into_iter().take(wrong).collect();
    for (index, (label, hard, group)) in examples.drain(..).enumerate() {
        let predicted = if is_wrong.contains(&index) { (label + 1 + (hard * 97.0) as u32 % 4) % LABELS.len() as u32 } else { label };
        let sure = (1.05 - 0.35 * hard).clamp(0.4, 0.995);
        let weight = |class| if class == predicted { sure } else { (1.0 - sure) / (LABELS.len() - 1) as f64 };
        found.push((label, (0..LABELS.len() as u32).map(weight).collect(), group));
    }
    found
}

/// One trial's config and how well it does.
struct Drawn {
    config: Config,
    assignment: Option<Assignment>,
    /// What its accuracy tends to.
    quality: f64,
    /// Passes until most of that is reached.
    pace: f64,
    diverges: bool,
}

impl Drawn {
    fn new(space: &Space, seed: u64, number: u32, trials: u32) -> Drawn {
        let mut rng = stream(seed, number, Purpose::Sampler);
        let recipe = (number == 0).then(|| space.recipes[0].clone());
        let assignment = if let Some(recipe) = &recipe { recipe.assignment.clone() } else { Some(space.draw(&mut rng)) };
        let drawn = || assignment.as_ref().map(|assignment| space.config(assignment).expect("a drawn point of the space"));
        let config = recipe.map(|recipe| recipe.config).or_else(drawn).expect("a recipe or a drawn point");
        let (rate, best_rate) = match config.optimizer {
            Optimizer::AdamW { learning_rate, .. } => (learning_rate, 2.5e-4),
            Optimizer::Sgd { learning_rate, .. } => (learning_rate, 3e-2),
            _ => (1e-4, 1e-4),
        };
        let off = (rate / best_rate).log10();
        let depth = match config.unfreeze {
            Unfreeze::HeadOnly => 0.06,
            Unfreeze::LastBlocks { k } => 0.006 * f64::from(6 - k.min(6)),
            _ => 0.0,
        };
        let noise: f64 = rng.random_range(-0.006..0.006);
        let diverges = number != 0 && (off > 0.35 || (number == 3 && trials >= 5));
        Drawn {
            quality: (0.957 - 0.05 * off * off - depth + noise).max(0.25),
            pace: 0.25 + 0.25 * (-off).max(0.0) + f64::from(config.batch_size) / 100.0,
            diverges,
            config,
            assignment,
        }
    }
}

#[derive(Default)]
struct Simulation {
    seed: u64,
    /// Whether no trial is to stop itself (any more).
    stopped: bool,
    /// When each slot is free.
    slots: [i64; SLOTS],
    trials: Vec<Running>,
    segments: Vec<SegmentRecord>,
    evaluations: Vec<EvaluationRecord>,
}

struct Running {
    values: Vec<f64>,
    phase: Phase,
    busy_until: i64,
    cause: Option<String>,
    last_step: Option<u64>,
    stopped_at: Option<usize>,
    rng: ChaCha8Rng,
}

impl Simulation {
    fn run(&mut self, drawn: &[Drawn], ladder: &Ladder, trials: u32, finished: bool) {
        loop {
            let (slot, now) = self.slots.iter().copied().enumerate().min_by_key(|(slot, free)| (*free, *slot)).unwrap_or((0, 0));
            let done = |trial: &Running| trial.busy_until <= now;
            let promote = (0..ladder.top()).rev().find_map(|rung| self.promotable(rung, ladder, done));
            let (number, rung) = match promote {
                Some((number, rung)) => (number, rung),
                None if self.trials.len() < drawn.len() => {
                    let rng = stream(self.seed, self.trials.len() as u32, Purpose::DataOrder);
                    let phase = Phase::Active { rung: 0 };
                    self.trials.push(Running {
                        values: vec![],
                        phase,
                        busy_until: now,
                        cause: None,
                        last_step: None,
                        stopped_at: None,
                        rng,
                    });
                    (self.trials.len() - 1, 0)
                }
                None => match self.slots.iter().copied().filter(|free| *free > now).min() {
                    Some(next) => {
                        self.slots[slot] = next;
                        continue;
                    }
                    None => break,
                },
            };
            self.train(slot, now, number, rung, &drawn[number], ladder);
        }
        if !finished {
            self.leave_one_running();
        }
        if trials >= 5 {
            self.take_a_break();
        }
        self.evaluations.sort_by_key(|entry| entry.at);
    }

    /// A paused trial of the best third at `rung` (the default recipe always).
    fn promotable(&self, rung: usize, ladder: &Ladder, done: impl Fn(&Running) -> bool) -> Option<(usize, usize)> {
        let mut here: Vec<usize> =
            (0..self.trials.len()).filter(|&n| done(&self.trials[n]) && self.trials[n].values.len() > rung).collect();
        here.sort_by(|&a, &b| {
            let worst_first = |n: usize| if self.trials[n].values[rung].is_nan() { f64::NEG_INFINITY } else { self.trials[n].values[rung] };
            worst_first(b).total_cmp(&worst_first(a)).then(a.cmp(&b))
        });
        let quota = here.len() / ladder.eta as usize;
        let waits = |n: &usize| self.trials[*n].phase == Phase::Paused { rung };
        here.iter().copied().enumerate().find(|(place, n)| waits(n) && (*place < quota || *n == 0)).map(|(_, n)| (n, rung + 1))
    }

    fn train(&mut self, slot: usize, now: i64, number: usize, rung: usize, drawn: &Drawn, ladder: &Ladder) {
        let batch = u64::from(drawn.config.batch_size);
        let per_epoch = EXAMPLES_PER_EPOCH.div_ceil(batch);
        let total = per_epoch * u64::from(EPOCHS);
        let from = if rung == 0 { 0 } else { ladder.step(rung - 1, total) };
        let mut to = ladder.step(rung, total);
        let depth = match drawn.config.unfreeze {
            Unfreeze::HeadOnly => 1,
            Unfreeze::LastBlocks { k } => 1 + k as usize,
            _ => BLOCKS.len(),
        };
        let step_millis = (batch * (20 + 12 * depth as u64) / 16) as i64;
        let trial = &mut self.trials[number];
        let fails = drawn.diverges && (rung == ladder.top() || number % 2 == 1);
        if fails {
            to = from + (to - from).div_ceil(3);
        }
        let stops = !self.stopped && !fails && number > 0 && rung == ladder.top().min(1);
        if stops {
            self.stopped = true;
            to = from + (to - from).div_ceil(2);
        }
        let eval_every = (per_epoch / 4).max(1);
        let mut due: Vec<u64> = (from / eval_every + 1..to.div_ceil(eval_every)).map(|k| k * eval_every).chain([to]).collect();
        if rung > 0 && fails {
            due.pop();
        }
        let mut value = f64::NAN;
        for step in due {
            let epoch = step as f64 / per_epoch as f64;
            let noise: f64 = trial.rng.random_range(-0.004..0.004);
            let accuracy = 0.2 + (drawn.quality - 0.2) * (1.0 - (-epoch / drawn.pace).exp()) + noise;
            value = if fails { f64::NAN } else { (accuracy * 445.0).round() / 445.0 };
            let loss = if fails { f64::INFINITY } else { 1.7 * (1.0 - value) + 0.05 };
            let shape = 1.0 - step as f64 / total as f64;
            let rate = match drawn.config.optimizer {
                Optimizer::AdamW { learning_rate, .. } | Optimizer::Sgd { learning_rate, .. } => learning_rate * shape,
                _ => 0.0,
            };
            self.evaluations.push(EvaluationRecord {
                trial: number as u32,
                at: START + now + step_millis * (step - from) as i64,
                evaluation: Evaluation {
                    step,
                    examples: step * batch,
                    epoch,
                    train_loss: loss * 0.8,
                    metrics: BTreeMap::from([("accuracy".to_owned(), value), ("loss".to_owned(), loss)]),
                    learning_rates: BLOCKS[BLOCKS.len() - depth..].iter().map(|block| ((*block).to_owned(), rate)).collect(),
                    rung: (step == to && !stops && !fails).then_some(rung),
                },
            });
        }
        let ended = now + step_millis * (to - from) as i64 + 400;
        let cause = "the training loss became NaN at step 31: a lower learning rate, warm-up or clip_norm usually helps";
        let end = if fails {
            trial.phase = Phase::Failed { rung };
            trial.values.push(f64::NAN);
            trial.cause = Some(cause.to_owned());
            SegmentEnd::Failed { cause: cause.to_owned() }
        } else {
            trial.last_step = Some(to);
            trial.values.push(value);
            trial.phase = if rung == ladder.top() { Phase::Complete } else { Phase::Paused { rung } };
            if stops {
                trial.stopped_at = Some(rung);
                trial.phase = Phase::Complete;
                trial.values.resize(ladder.rungs.len(), value);
            }
            SegmentEnd::Completed { value }
        };
        trial.busy_until = ended;
        self.segments.push(SegmentRecord {
            trial: number as u32,
            rung,
            slot: format!("cpu/{slot}"),
            started_at: START + now,
            ended_at: Some(START + ended),
            end: Some(end),
            steps_trained: to - from,
            trainable_parameters: Some(if depth == BLOCKS.len() { 22_715_141 } else { 1925 + (depth as u64 - 1) * 1_774_464 }),
        });
        self.slots[slot] = ended;
    }

    /// What ran last has not ended, unless it is one of the first trials, whose fates are set.
    fn leave_one_running(&mut self) {
        let Some(last) = self.segments.iter_mut().max_by_key(|segment| segment.ended_at).filter(|segment| segment.trial > 3) else {
            return;
        };
        let trial = &mut self.trials[last.trial as usize];
        if matches!(trial.phase, Phase::Failed { .. }) || trial.stopped_at.is_some() {
            return;
        }
        (last.ended_at, last.end) = (None, None);
        trial.values.truncate(last.rung);
        trial.phase = Phase::Active { rung: last.rung };
        let (number, rung) = (last.trial, last.rung);
        self.evaluations.retain(|entry| entry.trial != number || entry.evaluation.rung != Some(rung));
    }

    /// Everything after the middle happened a night later; the segments that ran across the break were lost and ran again.
    fn take_a_break(&mut self) {
        const NIGHT: i64 = 9 * 3600 * 1000;
        let Some(middle) = self.segments.iter().map(|s| s.started_at).nth(self.segments.len() / 2) else { return };
        let mut lost = Vec::new();
        for segment in &mut self.segments {
            if segment.started_at < middle && segment.ended_at.is_none_or(|end| end > middle) {
                let mut first = segment.clone();
                first.ended_at = Some(middle);
                first.end = Some(SegmentEnd::Lost { cause: "interrupted".to_owned() });
                first.steps_trained /= 3;
                lost.push(first);
                segment.started_at = middle;
            }
            if segment.started_at >= middle {
                segment.started_at += NIGHT;
                segment.ended_at = segment.ended_at.map(|end| end + NIGHT);
            }
        }
        self.segments.extend(lost);
        for entry in &mut self.evaluations {
            if entry.at > middle {
                entry.at += NIGHT;
            }
        }
    }
}

/// The space of the generated studies, as a user would write it.
const SPACE: &str = r#"
Sweep(
    model: Asset("all-MiniLM-L6-v2"),
    data: Text(files: One(Asset("bbc-news")), text: "text", label: "label", split: (validation: 0.2, test: 0.0, seed: 0), max_tokens: 128),
    objective: Maximize(Accuracy),
    settings: (trials: 12, eta: 3, r_min: Share(0.1111), seed: 0, sampler: Tpe, scheduler: Asha, devices: "cpu:2"),
    space: (
        epochs: 3,
        batch_size: Choice([8, 16, 32]),
        optimizer: Choice([
            AdamW(learning_rate: LogUniform(1e-5, 1e-3), weight_decay: Uniform(0.0, 0.1)),
            Sgd(learning_rate: LogUniform(1e-3, 0.3), momentum: Uniform(0.0, 0.99)),
        ]),
        warmup: Uniform(0.0, 0.2),
        unfreeze: Choice([Everything, HeadOnly, LastBlocks(k: Int(1, 5))]),
        dropout: (hidden: Uniform(0.0, 0.3), attention: 0.1, classifier: 0.1),
    ),
)
"#;

fn space(trials: u32, seed: u64) -> Space {
    let mut space = Space::parse(Path::new("/data/sample.ron"), SPACE).expect("the space of the generated studies is right");
    space.settings.trials = trials;
    space.settings.seed = seed;
    space
}

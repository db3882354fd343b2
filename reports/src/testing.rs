//! Generated studies for tests and demonstrations: plausible curves under asynchronous successive halving on two slots.

use std::{collections::BTreeMap, path::PathBuf};

use engine::{
    record::{EvaluationRecord, SegmentEnd, SegmentRecord, StudyRecord, TrialRecord},
    runner::Evaluation,
    state::{Phase, SearchState, TrialKind, TrialState},
    streams::{Purpose, stream},
};
use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    config::{Config, DecayOn, Dropout, EarlyStopping, Keep, Optimizer, Rate, Schedule, Unfreeze},
    data::{Location, Missing, Split, TextColumns, TextData, TextFiles},
    domain::{Assignment, Condition, Domain, Parameter, Value},
    ladder::Ladder,
    settings::{Direction, Metric, Objective, Resource, SamplerKind, SchedulerKind, Settings},
    space::{Recipe, Space},
};

const EXAMPLES_PER_EPOCH: u64 = 1780;
const EPOCHS: u32 = 3;
const SLOTS: usize = 2;
/// 2026-11-23 05:19 UTC.
const START: i64 = 1_795_411_140_000;
const BATCHES: [u32; 3] = [8, 16, 32];
const BLOCKS: [&str; 8] = ["embeddings", "layer.0", "layer.1", "layer.2", "layer.3", "layer.4", "layer.5", "head"];

/// A study of `trials` trials over `rungs` rungs (at least 1). Trial 0 is the default recipe at full length. From five trials on one fails, one stops
/// itself early, one still runs, and the study was continued once after a break.
pub fn sample_record(trials: u32, rungs: u32, seed: u64) -> StudyRecord {
    let horizon = EXAMPLES_PER_EPOCH * u64::from(EPOCHS);
    let ladder = Ladder::new(horizon.div_ceil(3u64.pow(rungs.max(1) - 1)), 3, horizon);
    let space = space(trials, seed);
    let mut simulation = Simulation { seed, stopped: trials < 5, ..Simulation::default() };
    let drawn: Vec<Drawn> = (0..trials).map(|number| Drawn::new(&space, seed, number, trials)).collect();
    simulation.run(&drawn, &ladder, trials);
    let state_trials: Vec<TrialState> = simulation
        .trials
        .iter()
        .zip(&drawn)
        .enumerate()
        .map(|(number, (trial, drawn))| TrialState {
            number: number as u32,
            kind: if number == 0 { TrialKind::Recipe } else { TrialKind::Search },
            config: drawn.config.clone(),
            assignment: drawn.assignment.clone(),
            values: trial.values.clone(),
            phase: trial.phase,
        })
        .collect();
    let records = simulation.trials.iter().enumerate().map(|(number, trial)| TrialRecord {
        recipe: (number == 0).then(|| "AdamW, linear decay".to_owned()),
        cause: trial.cause.clone(),
        best_step: trial.last_step,
        predictions: None,
        stopped_early: trial.stopped_early,
        threads: Some(1),
    });
    StudyRecord {
        name: "sample".to_owned(),
        created_at: START,
        space_hash: "0".repeat(64),
        trials: records.collect(),
        segments: simulation.segments,
        evaluations: simulation.evaluations,
        examples_per_epoch: EXAMPLES_PER_EPOCH,
        state: SearchState { objective: space.objective, ladder, planned: trials, trials: state_trials, seq: 0 },
        space,
    }
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
        let assignment = if number == 0 { None } else { Some(draw(&space.parameters, &mut rng)) };
        let config = assignment.as_ref().map_or_else(|| space.recipes[0].config.clone(), config_of);
        let (rate, best_rate) = match config.optimizer {
            Optimizer::AdamW { learning_rate, .. } => (learning_rate, 3.5e-4),
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
            quality: (0.957 - 0.035 * off * off - depth + noise).max(0.25),
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
    stopped_early: bool,
    rng: ChaCha8Rng,
}

impl Simulation {
    fn run(&mut self, drawn: &[Drawn], ladder: &Ladder, trials: u32) {
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
                        stopped_early: false,
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
        if trials >= 5 {
            self.leave_one_running();
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
                trial.stopped_early = true;
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

    /// The segment that ended last has not ended.
    fn leave_one_running(&mut self) {
        let Some(last) = self.segments.iter_mut().filter(|s| s.rung == 0 && s.trial > 3).max_by_key(|s| s.ended_at) else { return };
        let trial = &mut self.trials[last.trial as usize];
        if trial.values.len() > 1 || matches!(trial.phase, Phase::Failed { .. }) {
            return;
        }
        (last.ended_at, last.end) = (None, None);
        trial.values.clear();
        trial.phase = Phase::Active { rung: 0 };
        let number = last.trial;
        self.evaluations.retain(|entry| entry.trial != number || entry.evaluation.rung.is_none());
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

fn draw(parameters: &[Parameter], rng: &mut ChaCha8Rng) -> Assignment {
    let mut assignment = Assignment::default();
    for parameter in parameters {
        let active = parameter
            .condition
            .is_none_or(|condition| assignment.0.get(&parameters[condition.parent].path) == Some(&Value::Option(condition.option)));
        if !active {
            continue;
        }
        let value = match &parameter.domain {
            Domain::Uniform { low, high } | Domain::Stepped { low, high, .. } => Value::Float(rng.random_range(*low..*high)),
            Domain::LogUniform { low, high } => Value::Float(rng.random_range(low.ln()..high.ln()).exp()),
            Domain::Int { low, high } | Domain::LogInt { low, high } => Value::Int(rng.random_range(*low..=*high)),
            Domain::Choice { weights, .. } => {
                let point: f64 = rng.random_range(0.0..1.0);
                let sums = weights.iter().scan(0.0, |sum, weight| {
                    Some({
                        *sum += weight;
                        *sum
                    })
                });
                Value::Option(sums.into_iter().take_while(|sum| *sum < point).count().min(weights.len() - 1))
            }
        };
        assignment.0.insert(parameter.path.clone(), value);
    }
    assignment
}

fn config_of(assignment: &Assignment) -> Config {
    let float = |path: &str| match assignment.0.get(path) {
        Some(Value::Float(value)) => *value,
        _ => 0.0,
    };
    let option = |path: &str| match assignment.0.get(path) {
        Some(Value::Option(index)) => *index,
        _ => 0,
    };
    let k = match assignment.0.get("unfreeze.LastBlocks.k") {
        Some(Value::Int(k)) => *k as u32,
        _ => 0,
    };
    let optimizer = if option("optimizer") == 0 {
        Optimizer::AdamW {
            learning_rate: float("optimizer.AdamW.learning_rate"),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: float("optimizer.AdamW.weight_decay"),
        }
    } else {
        let (learning_rate, momentum) = (float("optimizer.Sgd.learning_rate"), float("optimizer.Sgd.momentum"));
        Optimizer::Sgd { learning_rate, momentum, nesterov: false, l2: 0.0 }
    };
    let unfreeze = [Unfreeze::Everything, Unfreeze::HeadOnly, Unfreeze::LastBlocks { k }].into_iter().nth(option("unfreeze"));
    let unfreeze = unfreeze.unwrap_or(Unfreeze::Everything);
    config(optimizer, BATCHES[option("batch_size")], float("warmup"), unfreeze, float("dropout.hidden"))
}

fn config(optimizer: Optimizer, batch_size: u32, warmup: f64, unfreeze: Unfreeze, dropout: f64) -> Config {
    Config {
        epochs: EPOCHS,
        batch_size,
        optimizer,
        decay_on: DecayOn::Matrices,
        schedule: Schedule::Linear { end: 0.0 },
        warmup,
        unfreeze,
        dropout: Dropout { hidden: Rate::Constant(dropout), attention: Rate::Constant(0.1), classifier: Rate::Constant(0.1) },
        label_smoothing: 0.0,
        clip_norm: Some(1.0),
        layer_decay: 1.0,
        early_stopping: Some(EarlyStopping { patience: 4, min_delta: 0.0 }),
        keep: Keep::Best,
    }
}

fn space(trials: u32, seed: u64) -> Space {
    let choice = |labels: &[&str]| Domain::Choice {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        weights: vec![1.0 / labels.len() as f64; labels.len()],
    };
    let parameter = |path: &str, domain: Domain, condition: Option<(usize, usize)>| Parameter {
        path: path.to_owned(),
        domain,
        condition: condition.map(|(parent, option)| Condition { parent, option }),
    };
    let adamw = Optimizer::AdamW { learning_rate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
    Space {
        path: PathBuf::from("/data/sample.ron"),
        model: Location::Asset("all-MiniLM-L6-v2".to_owned()),
        data: TextData {
            files: TextFiles::One(Location::Asset("bbc-news".to_owned())),
            columns: None,
            text: TextColumns::One("text".to_owned()),
            label: "category".to_owned(),
            split: Split { validation: 0.2, test: 0.0, seed: 0 },
            missing: Missing::Reject,
            max_tokens: 128,
            max_train: None,
            max_validation: None,
        },
        objective: Objective { metric: Metric::Accuracy, direction: Direction::Maximize },
        settings: Settings {
            trials,
            budget_seconds: None,
            eta: 3,
            r_min: Resource::Share(1.0 / 9.0),
            seed,
            sampler: SamplerKind::Tpe,
            scheduler: SchedulerKind::Asha,
            devices: Some(format!("cpu:{SLOTS}")),
            eval_every: 0.25,
            checkpoint_every_seconds: 120,
        },
        parameters: vec![
            parameter("optimizer", choice(&["AdamW", "Sgd"]), None),
            parameter("optimizer.AdamW.learning_rate", Domain::LogUniform { low: 1e-5, high: 1e-3 }, Some((0, 0))),
            parameter("optimizer.AdamW.weight_decay", Domain::Uniform { low: 0.0, high: 0.1 }, Some((0, 0))),
            parameter("optimizer.Sgd.learning_rate", Domain::LogUniform { low: 1e-3, high: 3e-1 }, Some((0, 1))),
            parameter("optimizer.Sgd.momentum", Domain::Uniform { low: 0.0, high: 0.99 }, Some((0, 1))),
            parameter("batch_size", choice(&["8", "16", "32"]), None),
            parameter("unfreeze", choice(&["Everything", "HeadOnly", "LastBlocks"]), None),
            parameter("unfreeze.LastBlocks.k", Domain::Int { low: 1, high: 5 }, Some((6, 2))),
            parameter("warmup", Domain::Uniform { low: 0.0, high: 0.2 }, None),
            parameter("dropout.hidden", Domain::Uniform { low: 0.0, high: 0.3 }, None),
        ],
        recipes: vec![Recipe {
            name: "AdamW, linear decay".to_owned(),
            config: config(adamw, 16, 0.1, Unfreeze::Everything, 0.1),
            assignment: None,
        }],
    }
}

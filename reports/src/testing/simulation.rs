//! The search itself: what each trial would come to, and which of them go on.

use std::collections::BTreeMap;

use engine::{
    record::{EvaluationRecord, SegmentEnd, SegmentRecord},
    runner::Evaluation,
    state::Phase,
    streams::{Purpose, stream},
};
use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    config::{Config, Optimizer, Unfreeze},
    domain::Assignment,
    ladder::Ladder,
    space::Space,
};

use super::{BLOCKS, EPOCHS, EXAMPLES_PER_EPOCH, SLOTS, START};

/// One trial's config and how well it does.
pub(super) struct Drawn {
    pub(super) config: Config,
    pub(super) assignment: Option<Assignment>,
    /// What its accuracy tends to.
    quality: f64,
    /// Passes until most of that is reached.
    pace: f64,
    diverges: bool,
}

impl Drawn {
    pub(super) fn new(space: &Space, seed: u64, number: u32, trials: u32) -> Drawn {
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
pub(super) struct Simulation {
    seed: u64,
    /// Whether no trial is to stop itself (any more).
    stopped: bool,
    /// When each slot is free.
    slots: [i64; SLOTS],
    pub(super) trials: Vec<Running>,
    pub(super) segments: Vec<SegmentRecord>,
    pub(super) evaluations: Vec<EvaluationRecord>,
}

pub(super) struct Running {
    pub(super) values: Vec<f64>,
    pub(super) phase: Phase,
    busy_until: i64,
    pub(super) cause: Option<String>,
    pub(super) last_step: Option<u64>,
    pub(super) stopped_at: Option<usize>,
    rng: ChaCha8Rng,
}

impl Simulation {
    /// Nothing has happened yet.
    pub(super) fn new(seed: u64, stopped: bool) -> Simulation {
        Simulation { seed, stopped, ..Simulation::default() }
    }

    pub(super) fn run(&mut self, drawn: &[Drawn], ladder: &Ladder, trials: u32, finished: bool) {
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

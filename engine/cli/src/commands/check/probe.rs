//! What a study would cost, from a few steps of its cheapest and its dearest config.

use std::{cmp::Reverse, sync::Arc};

use engine::{
    clock::Stopwatch,
    devices::DeviceSlots,
    estimate, folds,
    runner::{Cancel, Completed, Outcome, Segment, SlotInfo, TrialEvent, TrialRunner as _},
};
use search_spaces::{
    config::{Config, Optimizer, Unfreeze},
    ladder::Ladder,
};
use trials::{
    data::{self, Examples},
    prepare::Prepared,
};

use super::{
    super::ready::{runner_settings, slots},
    Task, draws,
};
use crate::{context::Context, exit::Error, progress::text};

/// Optimizer steps of each probe: enough to leave the first, slow ones out.
const STEPS: u64 = 6;
const CANDIDATES: u32 = 300;

/// What one config cost.
struct Probe {
    name: &'static str,
    seconds_per_example: f64,
    evaluation_seconds: f64,
    checkpoint_bytes: u64,
    trainable_parameters: u64,
}

impl Probe {
    /// Bytes of a copy of its best weights, which a few steps do not make: in memory, and in a checkpoint when the best are not the last.
    fn weights(&self) -> f64 {
        self.trainable_parameters as f64 * 4.0
    }
}

pub(super) fn run(task: Task<'_>, devices: &[DeviceSlots], context: &mut Context) -> Result<(), Error> {
    let slots = slots(devices);
    let mut configs: Vec<Config> = draws(task, CANDIDATES)?.into_iter().map(|(_, config)| config).collect();
    configs.extend(task.spec.space.recipes.iter().map(|recipe| recipe.config.clone()));
    let blocks = task.ready.prepared.base.blocks().len();
    configs.sort_by(|a, b| work(a, blocks).total_cmp(&work(b, blocks)).then((a.batch_size, moments(a)).cmp(&(b.batch_size, moments(b)))));
    let (Some(cheapest), Some(dearest)) = (configs.first(), configs.last()) else { return Ok(()) };
    context.note("probing: a few steps of the cheapest and of the dearest config, on one slot");
    let shared = peak_memory();
    let cheap = probe("cheapest", cheapest, &task.ready.prepared, task, &devices[0])?;
    let dear = probe("dearest", dearest, &task.ready.prepared, task, &devices[0])?;
    // Memory is a matter of the longest batches, which a few steps seldom meet.
    probe("dearest", dearest, &longest(&task.ready.prepared, dearest.batch_size as usize), task, &devices[0])?;
    let mut rows = vec![["config", "trainable parameters", "a pass", "an evaluation", "a checkpoint"].map(str::to_owned).to_vec()];
    let per_epoch = task.spec.examples_per_epoch as f64;
    for probe in [&cheap, &dear] {
        rows.push(vec![
            probe.name.to_owned(),
            probe.trainable_parameters.to_string(),
            text::seconds(probe.seconds_per_example * per_epoch),
            text::seconds(probe.evaluation_seconds),
            text::bytes(probe.checkpoint_bytes as f64),
        ]);
    }
    context.say(format!("\nProbe (one slot)\n{}", text::table(&rows)))?;
    context.say(format!("\nTo expect\n{}", expectation(task, &cheap, &dear, shared, slots)))
}

/// Seconds that the default recipe takes to the first rung, by a few of its steps; `None` where those fail.
pub(super) fn first_rung_seconds(task: Task<'_>, device: &DeviceSlots) -> Option<f64> {
    let default = task.spec.space.recipes.first()?;
    let probe = probe("default", &default.config, &task.ready.prepared, task, device).ok()?;
    let examples = task.spec.ladder.rungs[0] as f64;
    let evaluations = (examples / (task.spec.examples_per_epoch as f64 * task.spec.space.settings.eval_every)).floor().max(1.0);
    Some(examples * probe.seconds_per_example + evaluations * probe.evaluation_seconds)
}

/// How much a training example costs relative to a forward pass, and how many there are: an order, not seconds.
fn work(config: &Config, blocks: usize) -> f64 {
    let below = blocks.saturating_sub(1).max(1) as f64;
    let share = |thawed: f64| (thawed / below).clamp(0.0, 1.0);
    let thawed = match &config.unfreeze {
        Unfreeze::HeadOnly => 0.0,
        Unfreeze::Everything => 1.0,
        Unfreeze::LastBlocks { k } => share(f64::from(*k)),
        // Over the course of training, halfway between its start and what it reaches.
        Unfreeze::Progressive { start, blocks, every } => {
            let reached = f64::from(*start) + f64::from(*blocks) * (f64::from(config.epochs) / every).floor();
            f64::midpoint(share(f64::from(*start)), share(reached))
        }
        Unfreeze::Gradual { start, .. } => f64::midpoint(share(f64::from(*start)), 1.0),
    };
    f64::from(config.epochs) * (1.0 + 2.0 * thawed)
}

/// Values that the optimizer keeps for each parameter.
fn moments(config: &Config) -> u32 {
    match &config.optimizer {
        Optimizer::Sgd { momentum, .. } => u32::from(*momentum > 0.0),
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 2,
        Optimizer::RmsProp { momentum, centered, .. } => 1 + u32::from(*momentum > 0.0) + u32::from(*centered),
    }
}

/// Two batches of the longest examples of each split.
fn longest(prepared: &Prepared, batch_size: usize) -> Prepared {
    let longest = |examples: &dyn Examples| {
        let mut indices: Vec<usize> = (0..examples.len()).collect();
        indices.sort_by_key(|index| Reverse(examples.length(*index)));
        indices.truncate(2 * batch_size);
        examples.subset(&indices)
    };
    let task = &prepared.task;
    let (train, validation) = (longest(task.train.as_ref()), longest(task.validation.as_ref()));
    let task = data::Task { train, validation, test: task.test.subset(&[]), labels: task.labels.clone(), groups: task.groups.clone() };
    Prepared { task: Arc::new(task), ..prepared.clone() }
}

/// Trains a few steps, as a trial of its own in a folder of its own.
fn probe(name: &'static str, config: &Config, prepared: &Prepared, task: Task<'_>, device: &DeviceSlots) -> Result<Probe, Error> {
    let folder = tempfile::tempdir().map_err(|e| Error::environment(format!("cannot make a temporary folder: {e}")))?;
    let total = config.total_steps(prepared.task.train.len() as u64);
    let steps = STEPS.min(total);
    let horizon = task.spec.ladder.horizon();
    // A rung after exactly that many steps.
    let rung = (u128::from(steps) * u128::from(horizon) / u128::from(total.max(1))) as u64;
    let ladder = Ladder {
        eta: task.spec.ladder.eta,
        rungs: if rung < horizon { vec![rung.max(1), horizon] } else { vec![horizon] },
        ..Ladder::default()
    };
    let segment = Segment {
        trial: 0,
        fold: None,
        rung: 0,
        ladder,
        config: config.clone(),
        assignment: None,
        seed: task.spec.space.settings.seed,
        checkpoints: folder.path().to_owned(),
        artefacts: folder.path().to_owned(),
    };
    let slot = SlotInfo { name: format!("{}/0", device.device), device: device.device, threads: device.threads };
    let (sender, receiver) = crossbeam_channel::unbounded();
    let watch = Stopwatch::start();
    let runner = prepared.runner(runner_settings(&task.spec.space));
    let (outcome, times) = std::thread::scope(|scope| {
        let times = scope.spawn(move || {
            let mut times = Vec::new();
            for event in receiver {
                match event {
                    TrialEvent::Step { .. } => times.push(watch.seconds()),
                    TrialEvent::Evaluated(_) | TrialEvent::Checkpointed(_) => {}
                }
            }
            times
        });
        let outcome = runner.run(&segment, &slot, None, &sender, &Cancel::default());
        drop(sender);
        (outcome, times.join().unwrap_or_default())
    });
    let completed = match outcome {
        Ok(Outcome::Completed(completed)) => completed,
        Ok(Outcome::Cancelled) => return Err(Error::failed(format!("the probe of the {name} config was cancelled"))),
        Err(error) => return Err(Error::trial(format!("the probe of the {name} config failed"), &error)),
    };
    Ok(measured(name, config, &completed, &times, watch.seconds()))
}

fn measured(name: &'static str, config: &Config, completed: &Completed, times: &[f64], seconds: f64) -> Probe {
    // A step is told once the evaluation that is due after it is over: that of the last one holds the evaluation at the rung. The first
    // one is left out, which pays for what later ones find warm.
    let mut between: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let last = between.pop();
    between.sort_by(f64::total_cmp);
    let per_step = between.get(between.len() / 2).copied().unwrap_or(seconds / completed.steps_trained.max(1) as f64);
    Probe {
        name,
        seconds_per_example: per_step / f64::from(config.batch_size),
        evaluation_seconds: last.map_or(0.0, |last| (last - per_step).max(0.0)),
        checkpoint_bytes: completed.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.bytes),
        trainable_parameters: completed.trainable_parameters,
    }
}

fn expectation(task: Task<'_>, cheap: &Probe, dear: &Probe, shared: Option<u64>, slots: usize) -> String {
    let spec = task.spec;
    let settings = &spec.space.settings;
    let at_rungs = estimate::trials_at_rungs(&spec.ladder, settings);
    let search = estimate::examples(&at_rungs, &spec.ladder) as f64;
    let after = folds::most_trainings(settings) as usize + estimate::repeats(settings);
    let examples = search + after as f64 * spec.ladder.horizon() as f64;
    let evaluations =
        examples / (spec.examples_per_epoch as f64 * settings.eval_every).max(1.0) + (at_rungs.iter().sum::<usize>() + after) as f64;
    let seconds = |probe: &Probe| (examples * probe.seconds_per_example + evaluations * probe.evaluation_seconds) / slots as f64;
    // Few parameters to train are not always less work: small batches and more steps cost more than a pass backward.
    let (least, most) = (seconds(cheap).min(seconds(dear)), seconds(cheap).max(seconds(dear)));
    let full = f64::from(settings.trials) * spec.ladder.horizon() as f64;
    let within = settings
        .budget_seconds
        .map_or_else(String::new, |budget| format!(", and no longer than {} by its budget", text::seconds(budget as f64)));
    let rows = vec![
        vec!["trials".to_owned(), format!("{}, {} of full-length training in all", settings.trials, share(search / full))],
        vec![
            "time".to_owned(),
            format!(
                "{} to {} on {}{within}",
                text::seconds(least),
                text::seconds(most),
                if slots == 1 { "1 slot".to_owned() } else { format!("{slots} slots") }
            ),
        ],
        vec!["memory".to_owned(), memory(dear, shared, slots)],
        vec![
            "disk".to_owned(),
            format!("up to {}", text::bytes((dear.checkpoint_bytes as f64 + dear.weights()) * f64::from(settings.trials))),
        ],
    ];
    text::table(&rows)
}

fn share(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// What this process had needed before the probes, `shared` by all slots, and for each slot what a probe needed beyond that, with its best
/// weights.
fn memory(dear: &Probe, shared: Option<u64>, slots: usize) -> String {
    let weights = dear.weights();
    match (shared, peak_memory()) {
        (Some(shared), Some(peak)) => {
            let own = peak.saturating_sub(shared) as f64 + weights;
            format!("about {}", text::bytes(shared as f64 + own * slots as f64))
        }
        // Weights, gradients, two moments and the best weights, in f32.
        _ => format!("at least {} for what trains", text::bytes(weights * 5.0 * slots as f64)),
    }
}

/// The most memory this process has had, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

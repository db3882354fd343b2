//! What a study would cost, from a few steps of its cheapest and its dearest config.

use engine::{
    devices::{DeviceSlots, peak_memory},
    estimate, folds,
};
use search_spaces::{config::Config, ladder::Ladder, settings::Settings};

use super::{
    super::ready::slots,
    Task,
    candidates::{by_work, stretch},
    measure::{Probe, probe, probe_longest},
};
use crate::{context::Context, exit::Error, progress::text};

pub(super) fn run(task: Task<'_>, devices: &[DeviceSlots], context: &mut Context) -> Result<(), Error> {
    let slots = slots(devices);
    let configs = by_work(task)?;
    let (Some(cheapest), Some(dearest)) = (configs.first(), configs.last()) else { return Ok(()) };
    context.note("probing: a few steps of the cheapest and of the dearest config, on one slot");
    let shared = peak_memory();
    let cheap = probe("cheapest", cheapest, task, &devices[0])?;
    let dear = probe("dearest", dearest, task, &devices[0])?;
    probe_longest("dearest", dearest, task, &devices[0])?;
    let mut rows =
        vec![["config", "trainable parameters", "a pass", "an evaluation", "a checkpoint", "memory, at least"].map(str::to_owned).to_vec()];
    let per_epoch = task.spec.examples_per_epoch as f64;
    for (probe, config) in [(&cheap, cheapest), (&dear, dearest)] {
        let needs = task.ready.prepared.needs(config).map_err(Error::failed)?;
        rows.push(vec![
            probe.name.to_owned(),
            probe.trainable_parameters.to_string(),
            text::seconds(probe.seconds_per_example() * per_epoch),
            text::seconds(probe.evaluation_seconds),
            text::bytes(probe.checkpoint_bytes as f64),
            text::bytes(needs.memory_bytes() as f64),
        ]);
    }
    context.say(format!("\nProbe (one slot)\n{}", text::table(&rows)))?;
    context.say(format!("\nTo expect\n{}", expectation(task, [(&cheap, cheapest), (&dear, dearest)], shared, slots)))
}

fn expectation(task: Task<'_>, [cheap, dear]: [(&Probe, &Config); 2], shared: Option<u64>, slots: usize) -> String {
    let spec = task.spec;
    let settings = &spec.space.settings;
    let at_rungs = estimate::trials_at_rungs(&spec.ladder, settings);
    let after = folds::most_trainings(settings) as usize + estimate::repeats(settings);
    let search = estimate::examples(&at_rungs, &spec.ladder) as f64;
    let blocks = task.ready.prepared.base.blocks().len();
    let seconds = |(probe, config): (&Probe, &Config)| {
        let search = estimate::examples(&at_rungs, &seen(&spec.ladder, stretch(config, spec, blocks))) as f64;
        let examples = search + after as f64 * spec.ladder.horizon() as f64;
        let evaluations = probe.evaluations(examples / f64::from(probe.batch_size), task) + (at_rungs.iter().sum::<usize>() + after) as f64;
        (examples * probe.seconds_per_example() + evaluations * probe.evaluation_seconds) / slots as f64
    };
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
        vec!["memory".to_owned(), memory(dear.0, shared, slots)],
        vec!["disk".to_owned(), disk(dear.0, settings)],
    ];
    text::table(&rows)
}

/// `ladder` as a config sees it that has seen so many times the examples at each rung, its full length at most.
fn seen(ladder: &Ladder, times: f64) -> Ladder {
    let seen = |rung: &u64| ((*rung as f64 * times) as u64).min(ladder.horizon());
    Ladder { rungs: ladder.rungs.iter().map(seen).collect(), ..ladder.clone() }
}

/// Of every trial that may go on two checkpoints are kept.
fn disk(dear: &Probe, settings: &Settings) -> String {
    let all = 2.0 * (dear.checkpoint_bytes as f64 + dear.weights()) * f64::from(settings.trials);
    match settings.checkpoint_space_bytes.map(|limit| limit as f64).filter(|limit| *limit < all) {
        Some(limit) => format!("about {}, the limit for checkpoints; without it up to {}", text::bytes(limit), text::bytes(all)),
        None => format!("up to {}", text::bytes(all)),
    }
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

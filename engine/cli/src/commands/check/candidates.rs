//! Configs of a space, by what training them costs: an order, not seconds.

use engine::spec::StudySpec;
use search_spaces::{
    config::{Adapter, Config, Optimizer, Unfreeze},
    settings::Rungs,
};

use super::{Task, draws};
use crate::exit::Error;

/// So many configs are drawn to find cheap and dear ones.
const DRAWN: u32 = 300;

/// Drawn configs and the recipes, from the cheapest to the dearest.
pub(super) fn by_work(task: Task<'_>) -> Result<Vec<Config>, Error> {
    let mut configs: Vec<Config> = draws(task, DRAWN)?.into_iter().map(|(_, config)| config).collect();
    configs.extend(task.spec.space.recipes.iter().map(|recipe| recipe.config.clone()));
    let blocks = task.ready.prepared.base.blocks().len();
    let rest = |config: &Config| (config.batch_size, moments(config));
    configs.sort_by(|a, b| work(a, blocks).total_cmp(&work(b, blocks)).then(rest(a).cmp(&rest(b))));
    Ok(configs)
}

/// Up to `most` of `configs` that are likely to train quickest: of those with little to do those with large batches, no two alike in both.
pub(super) fn quickest(mut configs: Vec<Config>, blocks: usize, most: usize) -> Vec<Config> {
    let rest = |config: &Config| (std::cmp::Reverse(config.batch_size), moments(config));
    configs.sort_by(|a, b| work(a, blocks).total_cmp(&work(b, blocks)).then(rest(a).cmp(&rest(b))));
    configs.dedup_by(|a, b| work(a, blocks) == work(b, blocks) && a.batch_size == b.batch_size);
    configs.truncate(most);
    configs
}

/// How many examples a config has seen at a rung for each that the rung has: more than one where rungs are of equal cost and it freezes much.
pub(super) fn stretch(config: &Config, spec: &StudySpec, blocks: usize) -> f64 {
    match spec.ladder.kind {
        Rungs::EqualData => 1.0,
        Rungs::EqualCost => 3.0 / per_example(config, blocks),
    }
}

/// How much a training example costs relative to a forward pass, and how many there are.
fn work(config: &Config, blocks: usize) -> f64 {
    f64::from(config.epochs) * per_example(config, blocks)
}

/// Of a forward pass: 3 where every block trains.
fn per_example(config: &Config, blocks: usize) -> f64 {
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
    // Low-rank additions have next to no gradients of weights.
    let backward = if config.adapter == Adapter::Off { 2.0 } else { 1.0 };
    1.0 + backward * thawed
}

/// Values that the optimizer keeps for each parameter.
fn moments(config: &Config) -> u32 {
    match &config.optimizer {
        Optimizer::Sgd { momentum, .. } => u32::from(*momentum > 0.0),
        Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 2,
        Optimizer::RmsProp { momentum, centered, .. } => 1 + u32::from(*momentum > 0.0) + u32::from(*centered),
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::config::Projections;
    use trials::testing::trial_config;

    use super::*;

    #[test]
    fn the_quickest_do_little_in_large_batches() {
        let with = |batch_size, unfreeze| Config { batch_size, unfreeze, ..trial_config() };
        let (small, large) = (with(8, Unfreeze::HeadOnly), with(32, Unfreeze::HeadOnly));
        let all =
            vec![with(64, Unfreeze::Everything), small.clone(), large.clone(), large.clone(), with(64, Unfreeze::LastBlocks { k: 1 })];
        assert_eq!(quickest(all, 4, 2), [large, small]);
    }

    #[test]
    fn an_example_costs_its_way_forward_and_back_through_what_trains() {
        let lora = Adapter::Lora { rank: 2, alpha: 4.0, dropout: 0.0, projections: Projections::QueryValue };
        let cost = |unfreeze, adapter| per_example(&Config { unfreeze, adapter, ..trial_config() }, 5);
        assert_eq!(cost(Unfreeze::Everything, Adapter::Off), 3.0);
        assert_eq!(cost(Unfreeze::LastBlocks { k: 2 }, Adapter::Off), 2.0);
        assert_eq!(cost(Unfreeze::HeadOnly, Adapter::Off), 1.0);
        assert_eq!(cost(Unfreeze::Everything, lora), 2.0);
    }
}

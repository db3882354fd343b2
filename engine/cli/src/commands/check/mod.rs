//! `thawline check`

mod budget;
mod candidates;
mod describe;
mod disk;
mod measure;
mod probe;

use engine::{
    devices::DeviceSlots,
    schedulers::freeze_thaw::SETTLED,
    spec::StudySpec,
    streams::{Purpose, stream},
};
use search_spaces::{
    config::Config,
    data::Location,
    domain::Assignment,
    grid,
    settings::{Direction, SchedulerKind},
    space::Space,
};

use super::{
    ready::{self, Ready},
    setup,
};
use crate::{
    args::{Check, Overrides},
    context::Context,
    exit::Error,
    progress::{config, text},
};

/// So many configs are drawn to say how many of them a rung would cut inside warm-up.
const DRAWS: u32 = 1000;

/// What is checked.
#[derive(Clone, Copy)]
struct Task<'a> {
    ready: &'a Ready,
    spec: &'a StudySpec,
}

/// See [`budget::check`].
pub(super) fn budget(
    (ready, spec): (&Ready, &StudySpec),
    overrides: &Overrides,
    devices: &[DeviceSlots],
    context: &mut Context,
) -> Result<(), Error> {
    budget::check(Task { ready, spec }, overrides, devices, context)
}

/// See [`disk::check`].
pub(super) fn disk((ready, spec): (&Ready, &StudySpec), devices: &[DeviceSlots], context: &mut Context) -> Result<(), Error> {
    disk::check(Task { ready, spec }, devices, context)
}

pub(super) fn run(arguments: &Check, context: &mut Context) -> Result<(), Error> {
    let space = setup::read_space(&arguments.space, &arguments.overrides, context)?;
    let (ready, devices) = ready::check(&space, setup::devices(&space), context)?;
    let spec = ready.spec(&space)?;
    let task = Task { ready: &ready, spec: &spec };
    disk::check(task, &devices, context)?;
    context.say(format!("{}: no mistakes", arguments.space.display()))?;
    let blocks = ready.prepared.base.blocks();
    context.say(format!("\nModel {}: {} blocks, lowest first", named(&space.model), blocks.len()))?;
    context.say(format!("  {}", blocks.join(", ")))?;
    context.say(format!("\nData\n{}", indented(&ready.prepared.report.to_string())))?;
    context.say(format!("\nSearch\n  {}", search(&space)))?;
    context.say(format!("\nSearched values\n{}", describe::parameters(&space.parameters)))?;
    context.say(format!("\nRungs\n{}", describe::rungs(&spec.ladder, &space.settings, spec.examples_per_epoch)))?;
    samples(arguments.samples, task, context)?;
    context.say(format!("\nWarm-up\n{}", warmup(task)?))?;
    if arguments.probe {
        probe::run(task, &devices, context)?;
        budget::check(task, &arguments.overrides, &devices, context)?;
    }
    Ok(())
}

fn named(location: &Location) -> String {
    match location {
        Location::Path(path) => path.display().to_string(),
        Location::Asset(name) => name.clone(),
    }
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn search(space: &Space) -> String {
    let settings = &space.settings;
    let direction = match space.objective.direction {
        Direction::Maximize => "maximize",
        Direction::Minimize => "minimize",
    };
    let budget = settings.budget_seconds.map_or_else(String::new, |budget| format!(", at most {}", text::seconds(budget as f64)));
    let scheduler = match settings.scheduler {
        SchedulerKind::FreezeThaw => format!(
            "one in {} goes on at each rung until {SETTLED} trials are at the first, then who is worth most for what it costs (freeze-thaw)",
            settings.eta + 1
        ),
        SchedulerKind::Asha => format!("one in {} goes on at each rung, as soon as it is known (ASHA)", settings.eta + 1),
        SchedulerKind::SuccessiveHalving => {
            format!("one in {} goes on at each rung, once all are there (successive halving)", settings.eta)
        }
        SchedulerKind::Hyperband => {
            format!("one in {} goes on at each rung, in brackets with different first rungs (Hyperband)", settings.eta)
        }
        SchedulerKind::Pasha => {
            format!("one in {} goes on at each rung, the highest only while the ranking changes (PASHA)", settings.eta + 1)
        }
        SchedulerKind::MedianRule => "a trial goes on unless it is worse than the median of the others (median rule)".to_owned(),
        SchedulerKind::None => "every trial runs its full length".to_owned(),
    };
    let drawn = (settings.trials as usize).saturating_sub(space.recipes.len()) as u64;
    let few = grid::size(&space.parameters).filter(|points| *points < drawn);
    let few = few.map_or_else(String::new, |points| format!("\n  the space has {points} points, so there will be fewer trials"));
    let second = space.second.map_or_else(String::new, |second| {
        let direction = if second.direction == Direction::Maximize { "maximize" } else { "minimize" };
        format!(", then {direction} {} (Pareto front)", second.measure.name())
    });
    let constraints = space.constraints.iter().map(|constraint| format!("\n  only with {constraint}")).collect::<Vec<_>>().concat();
    format!(
        "{direction} {}{second}; {} trials{budget}; sampler {:?}; {scheduler}; seed {}{few}{constraints}",
        space.objective.metric.name(),
        settings.trials,
        settings.sampler,
        settings.seed
    )
}

fn samples(count: usize, task: Task<'_>, context: &mut Context) -> Result<(), Error> {
    let space = &task.spec.space;
    context.say(format!(
        "\nTried first\n{}",
        space.recipes.iter().take(space.settings.trials as usize).map(|r| format!("  {}", r.name)).collect::<Vec<_>>().join("\n")
    ))?;
    if count == 0 || space.parameters.is_empty() {
        return Ok(());
    }
    context.say(format!("\nDrawn at random ({count}; the sampler learns as it goes)"))?;
    for (assignment, config) in draws(task, u32::try_from(count).unwrap_or(u32::MAX))? {
        let cut = match Space::cut_in_warmup(&config, &task.spec.ladder).last() {
            Some(rung) => format!("  (inside its warm-up at rung {rung})"),
            None => String::new(),
        };
        context.say(format!("  {}{cut}", config::assignment(&space.parameters, &assignment)))?;
    }
    Ok(())
}

/// Points of the space and their configs, the same at every call.
fn draws(task: Task<'_>, count: u32) -> Result<Vec<(Assignment, Config)>, Error> {
    let space = &task.spec.space;
    let mut rng = stream(space.settings.seed, 0, Purpose::Sampler);
    (0..count)
        .map(|_| {
            let assignment = space.draw(&mut rng);
            let config = space.config(&assignment).map_err(Error::failed)?;
            Ok((assignment, config))
        })
        .collect()
}

/// Which configs would be judged at a rung before their learning rate has reached its height.
fn warmup(task: Task<'_>) -> Result<String, Error> {
    let (space, ladder) = (&task.spec.space, &task.spec.ladder);
    let mut lines = Vec::new();
    for recipe in &space.recipes {
        if let Some(rung) = Space::cut_in_warmup(&recipe.config, ladder).last() {
            lines.push(format!("  the recipe {:?} is judged inside its warm-up up to rung {rung}", recipe.name));
        }
    }
    let drawn = draws(task, if space.parameters.is_empty() { 1 } else { DRAWS })?;
    let cut: Vec<Vec<usize>> = drawn.iter().map(|(_, config)| Space::cut_in_warmup(config, ladder)).collect();
    for rung in 0..ladder.top() {
        let inside = cut.iter().filter(|rungs| rungs.contains(&rung)).count();
        if inside > 0 {
            let share = inside as f64 / drawn.len() as f64 * 100.0;
            lines.push(format!("  {share:.0} % of {} drawn configs are judged inside their warm-up at rung {rung}", drawn.len()));
        }
    }
    if cut.iter().any(|rungs| !rungs.is_empty()) {
        lines.push("    they may be stopped for a slow start; a larger r_min or a shorter rise of the learning rate avoids it".to_owned());
    }
    if lines.is_empty() {
        lines.push("  no config is judged at a rung before its learning rate has reached its height".to_owned());
    }
    Ok(lines.join("\n"))
}

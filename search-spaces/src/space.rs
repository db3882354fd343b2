//! A whole RON file, read and checked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Adapter, Config, Schedule, Unfreeze},
    data::{Data, Location},
    domain::{Assignment, Parameter},
    draw::{self, AssignmentError},
    goals::{Constraint, Second},
    ladder::Ladder,
    places::Places,
    problem::Problem,
    recipes::project,
    settings::{Objective, Rungs, Settings},
    template::Template,
};

/// A search space with everything a sweep needs beside it.
///
/// Every value in it is within its type's bounds: what only the model or the data can tell (`k` deeper than the model, a missing
/// column) is checked later, against `places`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Space {
    /// The RON file, absolute.
    pub path: PathBuf,
    /// A pre-trained Hugging Face folder.
    pub model: Location,
    pub data: Data,
    pub objective: Objective,
    #[serde(default)]
    pub second: Option<Second>,
    /// At most one of a kind.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    pub settings: Settings,
    /// Every free value, parents before their children, in the order of the config's fields (whatever their order in the file) and of
    /// the options of choices.
    pub parameters: Vec<Parameter>,
    /// The config that the parameters are the free values of.
    pub template: Template,
    /// Known good configs to try first. The first is always the literature's default recipe.
    pub recipes: Vec<Recipe>,
    /// Empty in a space that does not come from a file.
    #[serde(skip)]
    pub places: Places,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub name: String,
    pub config: Config,
    /// Where the recipe lies in the space, each value moved to the nearest allowed one; `None` when it takes an option the space
    /// does not have. For samplers that learn from it.
    pub assignment: Option<Assignment>,
}

/// Why an assignment gives no config.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    #[error("the space's values do not make a config: {0}")]
    Malformed(String),
}

impl Space {
    /// The config at `assignment`, which must be a point of this space.
    pub fn config(&self, assignment: &Assignment) -> Result<Config, ConfigError> {
        draw::validate(&self.parameters, assignment)?;
        let json = self.template.resolve(&self.parameters, assignment)?;
        serde_json::from_value(json).map_err(|error| ConfigError::Malformed(error.to_string()))
    }

    /// Draws a point of the space.
    pub fn draw(&self, rng: &mut impl rand::Rng) -> Assignment {
        draw::draw(&self.parameters, rng)
    }

    /// The point of this space nearest to `config`; `None` where the config takes an option that the space does not have.
    pub fn nearest(&self, config: &Config) -> Option<Assignment> {
        project(&self.template, &self.parameters, &serde_json::to_value(config).ok()?)
    }

    /// The largest number of epochs that a config of this space may have.
    pub fn max_epochs(&self) -> u32 {
        self.template.max_epochs(&self.parameters)
    }

    /// The rungs for a training split of `examples_per_epoch` examples: [`Ladder::of`] for the longest horizon of the space, of which others
    /// have equal shares.
    pub fn ladder(&self, examples_per_epoch: u64) -> Result<Ladder, Box<Problem>> {
        let rise = self.recipes.first().map_or(0.0, |recipe| rise(&recipe.config));
        let ladder = Ladder::of(&self.settings, self.max_epochs(), examples_per_epoch, rise);
        ladder.map_err(|(message, hint)| Box::new(self.places.problem_at("settings.r_min", message, Some(hint))))
    }

    /// A sweep has something to compare: a parameter, or recipes beside the default.
    pub fn check_search(&self) -> Result<(), Box<Problem>> {
        if !self.parameters.is_empty() || self.recipes.len() > 1 {
            return Ok(());
        }
        let hint = "give a field a range, such as `learning_rate: LogUniform(1e-5, 1e-3)`, or list more than one recipe; \
                    `thawline train` trains a single config";
        let message = "there is nothing to search for: every value is fixed";
        Err(Box::new(self.places.problem_at("space", message, Some(hint.to_string()))))
    }

    /// The rungs of `ladder` that lie before the learning rate of `config` has first reached its full height: a trial is judged there by
    /// its start. With rungs of equal cost only what trains every block is looked at: others come to them later.
    pub fn cut_in_warmup(config: &Config, ladder: &Ladder) -> Vec<usize> {
        if ladder.kind == Rungs::EqualCost && (config.unfreeze != Unfreeze::Everything || config.adapter != Adapter::Off) {
            return Vec::new();
        }
        let rise = rise(config);
        let horizon = ladder.horizon() as f64;
        (0..ladder.top()).filter(|rung| (ladder.rungs[*rung] as f64) < rise * horizon).collect()
    }
}

/// The share of the training before the learning rate of `config` has first reached its full height.
fn rise(config: &Config) -> f64 {
    match config.schedule {
        // Their own rise comes after the warm-up, in what is left.
        Schedule::OneCycle { peak_at: rise, .. } | Schedule::SlantedTriangular { cut: rise, .. } => {
            config.warmup + (1.0 - config.warmup) * rise
        }
        _ => config.warmup,
    }
}

//! A whole RON file, read and checked.

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Schedule},
    data::{Location, TextData},
    domain::{Assignment, Parameter},
    draw::{self, AssignmentError},
    ladder::Ladder,
    problem::{Place, Problem, Source},
    settings::{Objective, Resource, SchedulerKind, Settings},
    template::Template,
};

/// A search space with everything a sweep needs beside it.
///
/// Every value in it is within its type's bounds: what only the model or the data can tell (`k` deeper than the model, a missing
/// column) is checked later, against [`Space::place`] and [`Space::mentions`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Space {
    /// The RON file, absolute.
    pub path: PathBuf,
    /// A pre-trained Hugging Face folder.
    pub model: Location,
    pub data: TextData,
    pub objective: Objective,
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
    pub(crate) places: Places,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub name: String,
    pub config: Config,
    /// Where the recipe lies in the space, each value moved to the nearest allowed one; `None` when it takes an option the space
    /// does not have. For samplers that learn from it.
    pub assignment: Option<Assignment>,
}

/// A number that the file names for a field of the config: a fixed value, an option, or a bound of a range; in the space or in a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// By the names of fields and variants: `unfreeze.LastBlocks.k`.
    pub field: String,
    pub place: Place,
    pub value: f64,
}

/// Where everything stands in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) source: Source,
    pub(crate) spans: BTreeMap<String, Range<usize>>,
    /// In the order of the file.
    pub(crate) mentions: Vec<Mention>,
}

impl Places {
    /// `mentions`: field, place and value. Places are found in one pass, because there may be many.
    pub(crate) fn new(source: Source, spans: BTreeMap<String, Range<usize>>, mut mentions: Vec<(String, Range<usize>, f64)>) -> Places {
        mentions.sort_by_key(|(_, span, _)| span.start);
        let (mut offset, mut line, mut column) = (0, 1, 1);
        let place = |(field, span, value): (String, Range<usize>, f64)| {
            for c in source.text[offset..span.start].chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            offset = span.start;
            Mention { field, place: Place { line, column, span }, value }
        };
        let mentions = mentions.into_iter().map(place).collect();
        Places { source, spans, mentions }
    }
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

    /// Where the value at `path` stands in the file: `data.label`, `settings.eta`, `recipes[0].config.optimizer`, or a path of the config
    /// such as `optimizer.AdamW.learning_rate`. What is left out has the place of what it belongs to. `None` for a space that was not
    /// read from a file.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.span(path).map(|span| self.places.source.place(span))
    }

    fn span(&self, path: &str) -> Option<&Range<usize>> {
        let mut path = path.strip_prefix("space.").unwrap_or(path);
        loop {
            match (self.places.spans.get(path), path.rfind('.')) {
                (Some(span), _) => return Some(span),
                (None, Some(end)) => path = &path[..end],
                (None, None) => return self.places.spans.get("space"),
            }
        }
    }

    /// A mistake at `path`, of which [`Space::place`] knows the place.
    pub fn problem_at(&self, path: &str, message: impl Into<String>, hint: Option<String>) -> Problem {
        match self.span(path) {
            Some(span) => self.places.source.problem(span, message, hint),
            None => Problem::without_place(&self.path, message, hint),
        }
    }

    /// A mistake in what is mentioned.
    pub fn problem_in(&self, mention: &Mention, message: impl Into<String>, hint: Option<String>) -> Problem {
        self.places.source.problem(&mention.place.span, message, hint)
    }

    /// Every number that the file gives for `field` of the config, in the space and in recipes, in the order of the file.
    pub fn mentions(&self, field: &str) -> Vec<&Mention> {
        self.places.mentions.iter().filter(|mention| mention.field == field).collect()
    }

    /// The largest number of epochs that a config of this space may have.
    pub fn max_epochs(&self) -> u32 {
        let epochs = self.template.field("epochs").map(|epochs| epochs.extremes(&self.parameters)).unwrap_or_default();
        let epochs = epochs.iter().map(|epochs| match epochs {
            Template::Integer(value) => u32::try_from(*value).unwrap_or(1),
            Template::Real(value) => *value as u32,
            _ => 1,
        });
        epochs.max().unwrap_or(1)
    }

    /// The rungs for a training split of `examples_per_epoch` examples: those of the longest horizon of the space, of which others have equal
    /// shares. One rung when the scheduler stops nothing.
    pub fn ladder(&self, examples_per_epoch: u64) -> Result<Ladder, Box<Problem>> {
        let epochs = self.max_epochs();
        let horizon = u64::from(epochs) * examples_per_epoch;
        let r_min = match self.settings.r_min {
            Resource::Epochs(epochs) => (epochs * examples_per_epoch as f64).ceil() as u64,
            Resource::Examples(examples) => examples,
            Resource::Share(share) => (share * horizon as f64).ceil() as u64,
        };
        if self.settings.scheduler == SchedulerKind::None {
            return Ok(Ladder::new(horizon, self.settings.eta, horizon));
        }
        if r_min > horizon {
            let message = format!(
                "the first rung, {r_min} examples, lies beyond the horizon: {epochs} epochs of {examples_per_epoch} examples are {horizon}"
            );
            let hint = "give a smaller r_min, such as Share(0.11), or more epochs".to_string();
            return Err(Box::new(self.problem_at("settings.r_min", message, Some(hint))));
        }
        Ok(Ladder::new(r_min, self.settings.eta, horizon))
    }

    /// The rungs of `ladder` that lie before the learning rate of `config` has first reached its full height: a trial is judged there by
    /// its start.
    pub fn cut_in_warmup(config: &Config, ladder: &Ladder) -> Vec<usize> {
        let rise = match config.schedule {
            Schedule::OneCycle { peak_at, .. } => peak_at.max(config.warmup),
            Schedule::SlantedTriangular { cut, .. } => cut.max(config.warmup),
            _ => config.warmup,
        };
        let horizon = ladder.horizon() as f64;
        (0..ladder.top()).filter(|rung| (ladder.rungs[*rung] as f64) < rise * horizon).collect()
    }
}

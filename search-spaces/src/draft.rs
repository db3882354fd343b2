//! A sweep's file as far as it can be read.

use std::path::{Path, PathBuf};

use crate::{
    data::{Data, Location},
    domain::Parameter,
    goals::{Constraint, Second},
    ladder::Ladder,
    places::Places,
    problem::{Problem, Problems, ReadError, Source},
    read::{self, read_source},
    settings::{Objective, Settings},
    space::{Recipe, Space},
    template::Template,
};

/// A sweep's file as far as it can be read. What is right in a file with mistakes can still be held against the model and the data, so that all
/// mistakes are told in one go.
///
/// Where [`Places::is_known`] says no, a default stands in place of a mistake.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The RON file, absolute.
    pub(crate) path: PathBuf,
    pub model: Option<Location>,
    pub data: Option<Data>,
    pub objective: Option<Objective>,
    pub second: Option<Second>,
    pub constraints: Vec<Constraint>,
    pub settings: Option<Settings>,
    pub parameters: Vec<Parameter>,
    pub(crate) template: Option<Template>,
    pub(crate) recipes: Vec<Recipe>,
    pub places: Places,
    /// Empty: the file is right as far as it alone can tell.
    pub problems: Vec<Problem>,
}

impl Draft {
    /// Reads a sweep's file. The error is that it cannot be read, or is not RON: then there is nothing to look further into.
    pub fn read(path: &Path) -> Result<Draft, ReadError> {
        let source = read_source(path)?;
        let absolute = std::path::absolute(path).map_err(|source| ReadError::Unreadable { path: path.to_path_buf(), source })?;
        read::draft(&source, &absolute).map_err(ReadError::Problems)
    }

    /// Reads `text` as if it stood in the file `path`, to whose folder relative paths refer.
    pub fn parse(path: &Path, text: &str) -> Result<Draft, Problems> {
        read::draft(&Source { file: path.to_path_buf(), text: text.to_string() }, path)
    }

    /// The space, if the file has no mistakes; else the draft back.
    pub fn space(self) -> Result<Space, Box<Draft>> {
        match self {
            Draft {
                path,
                model: Some(model),
                data: Some(data),
                objective: Some(objective),
                second,
                constraints,
                settings: Some(settings),
                parameters,
                template: Some(template),
                recipes,
                places,
                problems,
            } if problems.is_empty() => {
                Ok(Space { path, model, data, objective, second, constraints, settings, parameters, template, recipes, places })
            }
            draft => Err(Box::new(draft)),
        }
    }

    /// A first rung that lies beyond the horizon of `examples_per_epoch` training examples, as far as the file can be read.
    pub fn check_ladder(&self, examples_per_epoch: u64) -> Option<Problem> {
        let (settings, template) = (self.settings.as_ref()?, self.template.as_ref()?);
        if !["data", "settings.r_min", "settings.scheduler", "epochs"].iter().all(|path| self.places.is_known(path)) {
            return None;
        }
        let epochs = template.max_epochs(&self.parameters);
        let (message, hint) = Ladder::of(settings, epochs, examples_per_epoch, 0.0).err()?;
        Some(self.places.problem_at("settings.r_min", message, Some(hint)))
    }
}

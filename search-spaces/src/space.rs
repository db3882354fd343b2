//! A whole RON file, read and checked.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    data::{Location, TextData},
    domain::{Assignment, Parameter},
    settings::{Objective, Settings},
};

/// A search space with everything a sweep needs beside it.
///
/// Every value in it is within its type's bounds: what only the model or the data can tell (`k` deeper than the model, a missing
/// column) is checked later, against [`Space::place`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Space {
    /// The RON file, absolute.
    pub path: PathBuf,
    /// A pre-trained Hugging Face folder.
    pub model: Location,
    pub data: TextData,
    pub objective: Objective,
    pub settings: Settings,
    /// Every free value, parents before their children, in the order of the file.
    pub parameters: Vec<Parameter>,
    /// Known good configs to try first. The first is always the literature's default recipe.
    pub recipes: Vec<Recipe>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recipe {
    pub name: String,
    pub config: Config,
    /// Where the recipe lies in the space, each value moved to the nearest allowed one; `None` when it takes an option the space
    /// does not have. For samplers that learn from it.
    pub assignment: Option<Assignment>,
}

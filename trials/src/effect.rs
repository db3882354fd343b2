//! Values of a config that change nothing for what a model takes.

use search_spaces::{
    config::{Augment, Config, FrozenNorm, Rate},
    domain::Parameter,
    places::Places,
    problem::Problem,
};

use crate::models::Takes;

/// Fields that matter for the other kind of model only.
fn idle(takes: &Takes) -> [&'static str; 2] {
    match takes {
        Takes::Tokens { .. } => ["augment", "frozen_norm"],
        Takes::Pixels(_) => ["dropout.hidden", "dropout.attention"],
    }
}

fn kind(takes: &Takes) -> &'static str {
    match takes {
        Takes::Tokens { .. } => "models of texts",
        Takes::Pixels(_) => "models of images",
    }
}

/// Searched values that change nothing: trials would differ in name only.
pub fn searched_in_vain(parameters: &[Parameter], places: &Places, takes: &Takes) -> Vec<Problem> {
    let lies_in = |path: &str, field: &str| path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let vain = parameters.iter().filter(|parameter| idle(takes).iter().any(|field| lies_in(&parameter.path, field)));
    // What exists only with an option of another one that is in vain is told with it.
    let outermost = vain.filter(|parameter| {
        parameter.condition.is_none_or(|condition| !idle(takes).iter().any(|field| lies_in(&parameters[condition.parent].path, field)))
    });
    outermost
        .map(|parameter| {
            let message = format!("`{}` is searched, but changes nothing in {}", parameter.path, kind(takes));
            places.problem_at(&parameter.path, message, Some("leave it out: trials would differ in name only".to_owned()))
        })
        .collect()
}

/// What is said of fixed values of `config` that change nothing, a line for each.
pub fn fixed_in_vain(config: &Config, takes: &Takes) -> Vec<String> {
    let idle_rate = |rate: &Rate| [Rate::Constant(0.0), Rate::Constant(0.1)].contains(rate);
    let given = match takes {
        Takes::Tokens { .. } => [config.augment != Augment::NONE, config.frozen_norm != FrozenNorm::Running],
        // None, or the default.
        Takes::Pixels(_) => [!idle_rate(&config.dropout.hidden), !idle_rate(&config.dropout.attention)],
    };
    let fields = idle(takes).into_iter().zip(given).filter(|(_, given)| *given);
    fields.map(|(field, _)| format!("note: `{field}` changes nothing in {}", kind(takes))).collect()
}

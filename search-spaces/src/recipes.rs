//! Known good configs: the literature's, and those that the file lists.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{
    data::Data,
    domain::{Assignment, Parameter, Value},
    lower::{At, Lowerer, default},
    problem::Problem,
    read::typed,
    schema::{Kind, config::CONFIG, sweep::SWEEP},
    space::Recipe,
    template::Template,
    tree::{Node, Shape},
};

/// The name of trial 0's recipe.
pub const DEFAULT_RECIPE: &str = "literature default";

/// Fine-tuning of BERT: what a config has where it says nothing. (Devlin et al. 2019.)
const FOR_TEXTS: &str = "()";

/// Fine-tuning of convolutional networks: SGD with Nesterov momentum and cosine decay, without dropout; the learning rate is the middle
/// of the grid that is searched there. (Kornblith et al. 2019.)
const FOR_IMAGES: &str = "(
    batch_size: 32,
    optimizer: Sgd(learning_rate: 0.01, momentum: 0.9, nesterov: true, l2: 1e-4),
    schedule: Cosine,
    warmup: 0.0,
    clip_norm: None,
    dropout: (hidden: 0.0, attention: 0.0, classifier: 0.0),
)";

/// The literature's default recipe and those of the file. What a recipe leaves out has its default; `epochs` the largest of the space, and
/// `keep` what the space fixes, so that recipes are compared on equal terms.
pub(crate) fn read(
    lowerer: &mut Lowerer<'_>,
    data: Option<&Data>,
    space: Option<&Template>,
    parameters: &[Parameter],
    given: Option<&Node>,
) -> Vec<Recipe> {
    let shared = shared_fields(space, parameters);
    let mut recipes: Vec<Recipe> = Vec::new();
    let mut add = |lowerer: &mut Lowerer<'_>, node: Option<&Node>, name: String, template: &Template| {
        let Ok(json) = template.resolve(&[], &Assignment::default()) else { return };
        let assignment = space.and_then(|space| project(space, parameters, &json));
        match typed(json) {
            Ok(config) => recipes.push(Recipe { name, config, assignment }),
            Err(message) => {
                let problem = match node {
                    Some(node) => lowerer.source.problem(&node.span, message, None),
                    None => Problem::without_place(&lowerer.source.file, message, None),
                };
                lowerer.problems.push(problem);
            }
        }
    };

    let of_images = matches!(data, Some(Data::Images(_)));
    let mut literature = default(if of_images { FOR_IMAGES } else { FOR_TEXTS }, &CONFIG);
    if let Template::Record(fields) = &mut literature {
        for (name, value) in fields {
            if let Some(shared) = shared.get(name) {
                *value = shared.clone();
            }
        }
    }
    add(lowerer, None, DEFAULT_RECIPE.to_string(), &literature);

    lowerer.free = Err("a recipe");
    let Some(node) = given else { return recipes };
    let Shape::List(items) = &node.shape else {
        lowerer.report(&node.span, format!("`recipes` must be a list in brackets, not {node}"), None);
        return recipes;
    };
    let Some(Kind::Struct(kind)) = SWEEP.fields.iter().find(|field| field.name == "recipes").and_then(|field| match field.kind {
        Kind::List(item) => Some(*item),
        _ => None,
    }) else {
        return recipes;
    };
    let mut names = vec![DEFAULT_RECIPE.to_string()];
    for (index, item) in items.iter().enumerate() {
        let path = format!("recipes[{index}]");
        lowerer.places.insert(path.clone(), item.span.clone());
        if item.name().is_some_and(|name| name != kind.name) || !matches!(item.shape, Shape::Struct(..)) {
            let hint = "write `Recipe(name: \"...\", config: (...))`".to_string();
            lowerer.report(&item.span, format!("expected a recipe, not {item}"), hint);
            continue;
        }
        let given = lowerer.match_fields(item, kind.name, kind.fields, &At::new(&path));
        let name = given[0].and_then(|node| lowerer.lower(node, kind.fields[0].kind, &At::new(&format!("{path}.name"))));
        if let (Some(Template::Text(name)), Some(node)) = (&name, given[0]) {
            if names.contains(name) {
                lowerer.report(&node.span, format!("there are two recipes called {name:?}"), "give it another name".to_string());
            }
            names.push(name.clone());
        }
        let config_path = format!("{path}.config");
        lowerer.left_out = shared.iter().map(|(name, value)| (format!("{config_path}.{name}"), value.clone())).collect();
        let template = given[1].and_then(|node| lowerer.lower(node, kind.fields[1].kind, &At::config(&config_path)));
        lowerer.left_out.clear();
        if let (Some(Template::Text(name)), Some(template)) = (name, template) {
            add(lowerer, Some(item), name, &template);
        }
    }
    recipes
}

/// Fields of a recipe that follow the space when the recipe does not give them.
fn shared_fields(space: Option<&Template>, parameters: &[Parameter]) -> BTreeMap<String, Template> {
    let mut shared = BTreeMap::new();
    let Some(space) = space else { return shared };
    if space.field("epochs").is_some() {
        shared.insert("epochs".to_string(), Template::Integer(i64::from(space.max_epochs(parameters))));
    }
    if let Some(keep) = space.field("keep").filter(|keep| keep.is_fixed()) {
        shared.insert("keep".to_string(), keep.clone());
    }
    shared
}

/// The point of the space nearest to `config`. What the space fixes is not compared, but for which variants it takes. `None`: the config takes
/// an option that the space does not have.
pub(crate) fn project(template: &Template, parameters: &[Parameter], config: &Json) -> Option<Assignment> {
    let Template::Record(fields) = template else { return None };
    let mut assignment = Assignment::default();
    for (name, value) in fields {
        let side = matches!(name.as_str(), "decay_on" | "keep") && value.is_fixed();
        if !side {
            Projection { parameters, optional: false }.distance(value, config.get(name)?, &mut assignment)?;
        }
    }
    Some(assignment)
}

#[derive(Clone, Copy)]
struct Projection<'a> {
    parameters: &'a [Parameter],
    /// Inside an option: what it fixes is compared, because another option may fit better.
    optional: bool,
}

impl Projection<'_> {
    /// How far `config` has to be moved; sets what it is moved to in `assignment`.
    fn distance(self, template: &Template, config: &Json, assignment: &mut Assignment) -> Option<f64> {
        let fixed = |same: bool| (same || !self.optional).then_some(0.0);
        match template {
            Template::Real(value) => config.as_f64().map_or(fixed(false), |x| Some(relative(x, *value))),
            Template::Integer(value) => config.as_f64().map_or(fixed(false), |x| Some(relative(x, *value as f64))),
            Template::Natural(value) => fixed(config.as_u64() == Some(*value)),
            Template::Bool(value) => fixed(config.as_bool() == Some(*value)),
            Template::None => fixed(config.is_null()),
            Template::Text(text) | Template::Name(text) => (config.as_str() == Some(text)).then_some(0.0),
            Template::List(items) => {
                let others = config.as_array().filter(|others| others.len() == items.len())?;
                items.iter().zip(others).map(|(item, other)| self.distance(item, other, assignment)).sum()
            }
            Template::Record(_) if config.is_null() && template.is_fixed() => fixed(false),
            Template::Record(fields) => {
                let others = config.as_object()?;
                fields.iter().map(|(name, value)| self.distance(value, others.get(name)?, assignment)).sum()
            }
            Template::Variant(name, payload) => self.distance(payload, config.as_object()?.get(name)?, assignment),
            Template::Free { parameter, .. } => {
                let Parameter { path, domain, .. } = &self.parameters[*parameter];
                let x = config.as_f64()?;
                let value = domain.nearest(x)?;
                assignment.0.insert(path.clone(), value);
                match value {
                    Value::Float(moved) => Some(relative(x, moved)),
                    Value::Int(moved) => Some(relative(x, moved as f64)),
                    Value::Option(_) => None,
                }
            }
            Template::Choice { parameter, options } => {
                let inner = Projection { optional: true, ..self };
                let nearest = options
                    .iter()
                    .enumerate()
                    .filter_map(|(index, option)| {
                        let mut inside = Assignment::default();
                        Some((inner.distance(option, config, &mut inside)?, index, inside))
                    })
                    .min_by(|a, b| a.0.total_cmp(&b.0));
                let (moved, option, inside) = nearest?;
                assignment.0.insert(self.parameters[*parameter].path.clone(), Value::Option(option));
                assignment.0.extend(inside.0);
                Some(moved)
            }
        }
    }
}

/// The distance of two numbers, between 0 (equal) and 2.
fn relative(a: f64, b: f64) -> f64 {
    let scale = a.abs().max(b.abs());
    if scale == 0.0 { 0.0 } else { (a - b).abs() / scale }
}

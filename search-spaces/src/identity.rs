//! Which spaces are the same, and what two of them differ in.

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    config::Config,
    data::{Data, Location},
    domain::Parameter,
    goals::{Constraint, Second},
    settings::{Objective, Resource, Rungs, SchedulerKind, Settings},
    space::Space,
    template::Template,
};

/// What makes a study this study. Trials, budget, devices, sampler, target, checkpoint interval and space, and the patience with a slot may change when it is continued.
#[derive(Serialize)]
struct Identity<'a> {
    model: &'a Location,
    data: &'a Data,
    objective: Objective,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<Second>,
    #[serde(skip_serializing_if = "<[Constraint]>::is_empty")]
    constraints: &'a [Constraint],
    settings: Decisive,
    parameters: &'a [Parameter],
    space: &'a Template,
    recipes: Vec<(&'a str, &'a Config)>,
}

/// The settings that decide what is trained how far.
#[derive(Serialize)]
struct Decisive {
    eta: u32,
    r_min: Resource,
    #[serde(skip_serializing_if = "Rungs::is_usual")]
    rungs: Rungs,
    seed: u64,
    scheduler: SchedulerKind,
    eval_every: f64,
}

impl From<&Settings> for Decisive {
    fn from(settings: &Settings) -> Decisive {
        let Settings { eta, r_min, rungs, seed, scheduler, eval_every, .. } = *settings;
        Decisive { eta, r_min, rungs, seed, scheduler, eval_every }
    }
}

impl Space {
    /// blake3, in hex, of all that must stay the same when a study is continued. It does not depend on the file's layout, comments or
    /// order of fields, nor on trials, budget, devices, sampler, target, checkpoint interval and space, and the patience with a slot.
    pub fn hash(&self) -> String {
        let identity = Identity {
            model: &self.model,
            data: &self.data,
            objective: self.objective,
            second: self.second,
            constraints: &self.constraints,
            settings: Decisive::from(&self.settings),
            parameters: &self.parameters,
            space: &self.template,
            recipes: self.recipes.iter().map(|recipe| (recipe.name.as_str(), &recipe.config)).collect(),
        };
        let mut hasher = blake3::Hasher::new_derive_key("thawline 2026-11 search space");
        hasher.update(json(&identity).to_string().as_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// What `self` has otherwise than `other`, of which a study was made: a line each, with both values. Empty when the hashes are equal.
    pub fn difference(&self, other: &Space) -> Vec<String> {
        let mut lines = Vec::new();
        compare_json("model", &json(&other.model), &json(&self.model), &mut lines);
        compare_json("data", &json(&other.data), &json(&self.data), &mut lines);
        compare_json("objective", &json(&other.objective), &json(&self.objective), &mut lines);
        compare_json("second", &json(&other.second), &json(&self.second), &mut lines);
        compare_json("constraints", &json(&other.constraints), &json(&self.constraints), &mut lines);
        let (was, now) = (Decisive::from(&other.settings), Decisive::from(&self.settings));
        compare_json("settings", &json(&was), &json(&now), &mut lines);
        compare("space", (&other.template, &other.parameters), (&self.template, &self.parameters), &mut lines);
        for index in 0..self.recipes.len().max(other.recipes.len()) {
            match (other.recipes.get(index), self.recipes.get(index)) {
                (Some(was), Some(now)) if was.name == now.name => {
                    compare_json(&format!("recipe {:?}", now.name), &json(&was.config), &json(&now.config), &mut lines);
                }
                (was, now) => {
                    let name =
                        |recipe: Option<&crate::space::Recipe>| recipe.map_or("none".to_string(), |recipe| format!("{:?}", recipe.name));
                    lines.push(format!("recipes[{index}]: was {}, now {}", name(was), name(now)));
                }
            }
        }
        lines
    }
}

/// Types of this crate always have a JSON form: paths in spaces come from text.
fn json<T: Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

fn compare_json(path: &str, was: &Json, now: &Json, lines: &mut Vec<String>) {
    match (was, now) {
        (Json::Object(a), Json::Object(b)) if a.keys().eq(b.keys()) => {
            for (name, was) in a {
                compare_json(&format!("{path}.{name}"), was, &b[name], lines);
            }
        }
        _ if was == now => {}
        _ => lines.push(format!("{path}: was {was}, now {now}")),
    }
}

/// Goes down as long as both sides have the same form, so that a line names the smallest thing that differs.
fn compare(path: &str, was: (&Template, &[Parameter]), now: (&Template, &[Parameter]), lines: &mut Vec<String>) {
    match (was.0, now.0) {
        (Template::Record(a), Template::Record(b)) => {
            for ((name, a), (_, b)) in a.iter().zip(b) {
                compare(&format!("{path}.{name}"), (a, was.1), (b, now.1), lines);
            }
        }
        (Template::Variant(a, inner_a), Template::Variant(b, inner_b)) if a == b => {
            compare(&format!("{path}.{a}"), (inner_a, was.1), (inner_b, now.1), lines);
        }
        (Template::Choice { parameter: a, options: options_a }, Template::Choice { parameter: b, options: options_b })
            if was.1[*a].domain == now.1[*b].domain =>
        {
            for (a, b) in options_a.iter().zip(options_b) {
                compare(path, (a, was.1), (b, now.1), lines);
            }
        }
        (a, b) => {
            let (was, now) = (a.describe(was.1), b.describe(now.1));
            if was != now {
                lines.push(format!("{path}: was {was}, now {now}"));
            }
        }
    }
}

//! Reading a sweep's file.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{
    checks::{at, check_data, check_goals, check_grid, check_ladder, check_objective},
    data::Data,
    domain::Assignment,
    draft::Draft,
    goals::{Constraint, Second},
    lower::{At, Lowerer, default},
    places::Places,
    problem::{Problems, ReadError, Source},
    recipes,
    schema::{
        Field, Kind,
        sweep::{CONFIG_FILE, SWEEP},
    },
    settings::Objective,
    space::Space,
    tree::{self, MAX_BYTES, Node, Shape},
};

impl Space {
    /// Reads a sweep's file. Every mistake in it is reported at once.
    pub fn read(path: &Path) -> Result<Space, ReadError> {
        Draft::read(path)?.space().map_err(|draft| ReadError::Problems(Problems::new(draft.problems)))
    }

    /// Reads `text` as if it stood in the file `path`, to whose folder relative paths refer.
    pub fn parse(path: &Path, text: &str) -> Result<Space, Problems> {
        Draft::parse(path, text)?.space().map_err(|draft| Problems::new(draft.problems))
    }
}

impl Space {
    /// Puts `text` in place of a setting: RON as it could stand in the file at `path`, which is `objective`, or `settings.` and a name. `from`
    /// stands for the file in messages.
    pub fn set(&mut self, path: &'static str, text: &str, from: &str) -> Result<(), Problems> {
        let source = Source { file: PathBuf::from(from), text: text.to_string() };
        let node = tree::parse(text).map_err(|error| Problems(vec![source.problem(&(error.at..error.at), error.message, None)]))?;
        let (section, name) = path.split_once('.').unwrap_or((path, ""));
        let kind = SWEEP.fields.iter().find(|field| field.name == section).and_then(|field| match field.kind {
            Kind::Struct(settings) => settings.fields.iter().find(|field| field.name == name).map(|field| field.kind),
            kind => Some(kind),
        });
        let mut lowerer = Lowerer::new(&source);
        lowerer.free = Err("a setting");
        lowerer.places.insert(section.to_string(), node.span.clone());
        let template = kind.and_then(|kind| lowerer.lower(&node, kind, &At::new(path)));
        let json = template.and_then(|template| template.resolve(&[], &Assignment::default()).ok());
        if section == "objective" {
            let given = usable(&mut lowerer, section, json.map(objective));
            if let Some(objective) = given.and_then(|objective| check_objective(&mut lowerer, objective)) {
                check_goals(&mut lowerer, Some(objective), self.second, &[], None);
                self.objective = objective;
            }
        } else if let (Some(json), Ok(mut all)) = (json, serde_json::to_value(&self.settings)) {
            all[name] = json;
            if let Some(settings) = usable(&mut lowerer, section, Some(typed(all))) {
                self.settings = settings;
            }
        }
        if lowerer.problems.is_empty() {
            // What the model or the data say against it is not said against the file.
            self.places.put(path, source, node.span);
            Ok(())
        } else {
            Err(Problems::new(lowerer.problems))
        }
    }
}

/// The text of a file that is text and not too long.
pub(crate) fn read_source(path: &Path) -> Result<Source, ReadError> {
    let unreadable = |source| ReadError::Unreadable { path: path.to_path_buf(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One byte more tells that there is more.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let problem = |source: &Source, at: usize, message: &str| ReadError::Problems(Problems(vec![source.problem(&(at..at), message, None)]));
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = Source { file: path.to_path_buf(), text };
            return Err(problem(&source, at, "this is not text in UTF-8"));
        }
    };
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_string);
    Ok(Source { file: path.to_path_buf(), text })
}

/// The tree of a file whose outermost value may be named `name`.
pub(crate) fn read_tree(source: &Source, name: &str) -> Result<Node, Problems> {
    let problem = |at: usize, message: String, hint| Problems(vec![source.problem(&(at..at), message, hint)]);
    if source.text.len() > MAX_BYTES {
        return Err(problem(0, format!("the file is longer than {} KiB", MAX_BYTES / 1024), None));
    }
    let example = format!("a file is `{name}(model: ..., data: ..., ...)`");
    if source.text.trim().is_empty() {
        return Err(problem(0, "the file is empty".to_string(), Some(example)));
    }
    let node = tree::parse(&source.text).map_err(|error| problem(error.at, error.message, None))?;
    if name == SWEEP.name && is_config_file(&node) {
        let message = format!("this is one config (`{}(...)`), not a space to search", CONFIG_FILE.name);
        return Err(problem(node.span.start, message, Some("train it with `thawline train FILE --to MODEL_DIR`".to_string())));
    }
    let named_right = node.name().is_none_or(|given| given == name);
    if !named_right || !matches!(node.shape, Shape::Struct(..) | Shape::Tuple(..)) {
        return Err(problem(node.span.start, format!("expected `{name}(...)`, not {node}"), Some(example)));
    }
    Ok(node)
}

/// Whether a file is one for `thawline train`, by its name or, without one, by its fields.
fn is_config_file(node: &Node) -> bool {
    let Shape::Struct(name, fields) = &node.shape else { return node.name() == Some(CONFIG_FILE.name) };
    let has = |wanted: &str| fields.iter().any(|field| field.name == wanted);
    name.as_deref().map_or_else(|| has("config") && !has("space"), |name| name == CONFIG_FILE.name)
}

/// Reads a sweep's file as far as it goes. The error is that it is no RON of a sweep.
pub(crate) fn draft(source: &Source, path: &Path) -> Result<Draft, Problems> {
    let node = read_tree(source, SWEEP.name)?;
    let mut lowerer = Lowerer::new(source);
    lowerer.places.insert(String::new(), node.span.clone());
    let given = lowerer.match_fields(&node, SWEEP.name, SWEEP.fields, &At::new(""));
    let given = |name: &str| SWEEP.fields.iter().zip(&given).find(|(field, _)| field.name == name).and_then(|(_, node)| *node);
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();

    let model = section(&mut lowerer, SWEEP.fields, "model", given("model")).map(|json| typed(located(json, &base)));
    let model = usable(&mut lowerer, "model", model);
    let data = section(&mut lowerer, SWEEP.fields, "data", given("data")).map(|json| task_data(json, &base));
    let data = usable(&mut lowerer, "data", data);
    if let Some(data) = &data {
        check_data(&mut lowerer, data);
    }
    let objective = section(&mut lowerer, SWEEP.fields, "objective", given("objective")).map(objective);
    let objective = usable(&mut lowerer, "objective", objective).and_then(|objective| check_objective(&mut lowerer, objective));
    let second = section(&mut lowerer, SWEEP.fields, "second", given("second")).map(second);
    let second = usable(&mut lowerer, "second", second).flatten();
    let constraints = section(&mut lowerer, SWEEP.fields, "constraints", given("constraints")).map(typed::<Vec<Constraint>>);
    let constraints = usable(&mut lowerer, "constraints", constraints).unwrap_or_default();
    check_goals(&mut lowerer, objective, second, &constraints, data.as_ref());
    let settings = section(&mut lowerer, SWEEP.fields, "settings", given("settings")).map(settings).map(typed);
    let settings = usable(&mut lowerer, "settings", settings);

    let template = given("space").and_then(|node| {
        lowerer.places.insert("space".to_string(), node.span.clone());
        lowerer.free = Ok(());
        let field = SWEEP.fields.iter().find(|field| field.name == "space")?;
        lowerer.lower(node, field.kind, &At::config(""))
    });
    let parameters = std::mem::take(&mut lowerer.parameters);
    let recipes = recipes::read(&mut lowerer, data.as_ref(), template.as_ref(), &parameters, given("recipes"));
    if let (Some(settings), Some(template)) = (&settings, &template) {
        check_ladder(&mut lowerer, settings, template.max_epochs(&parameters));
        check_grid(&mut lowerer, settings, &parameters);
    }

    let Lowerer { problems, places, mentions, guessed, .. } = lowerer;
    let places = Places::new(source.clone(), places, mentions, guessed);
    let path = path.to_path_buf();
    Ok(Draft { path, model, data, objective, second, constraints, settings, parameters, template, recipes, places, problems })
}

/// What serde made of a section; what it says against it is a mistake like any other.
pub(crate) fn usable<T>(lowerer: &mut Lowerer<'_>, section: &str, value: Option<Result<T, String>>) -> Option<T> {
    match value? {
        Ok(value) => Some(value),
        Err(message) => {
            at(lowerer, section, message, None);
            None
        }
    }
}

/// A section in which every value is fixed.
pub(crate) fn section(lowerer: &mut Lowerer<'_>, fields: &'static [Field], name: &'static str, given: Option<&Node>) -> Option<Json> {
    let field = fields.iter().find(|field| field.name == name)?;
    lowerer.free = Err(match name {
        "settings" => "a setting",
        "data" => "`data`",
        "model" => "`model`",
        _ => "this",
    });
    let template = match given {
        Some(node) => lowerer.lower(node, field.kind, &At::new(name))?,
        None => default(field.default?, field.kind),
    };
    template.resolve(&[], &Assignment::default()).ok()
}

/// What serde makes of a value that the schema has checked.
pub(crate) fn typed<T: DeserializeOwned>(json: Json) -> Result<T, String> {
    serde_json::from_value(json).map_err(|error| format!("this passed all checks and cannot be used all the same: {error}"))
}

/// Makes every `Path` in `json` absolute.
pub(crate) fn located(mut json: Json, base: &Path) -> Json {
    match &mut json {
        Json::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                *value = match value.take() {
                    Json::String(path) if name == "Path" => Json::String(base.join(&path).to_string_lossy().into_owned()),
                    value => located(value, base),
                };
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = located(item.take(), base)),
        _ => {}
    }
    json
}

pub(crate) fn task_data(json: Json, base: &Path) -> Result<Data, String> {
    typed(located(json, base))
}

pub(crate) fn objective(json: Json) -> Result<Objective, String> {
    match json.as_object().and_then(|object| object.iter().next()) {
        Some((name, record)) if name == "Exactly" => typed(record.clone()),
        Some((direction, metric)) => Ok(Objective { metric: typed(metric.clone())?, direction: typed(Json::from(direction.as_str()))? }),
        None => typed(json),
    }
}

fn second(json: Json) -> Result<Option<Second>, String> {
    match json.as_object().and_then(|object| object.iter().next()) {
        Some((direction, measure)) => {
            Ok(Some(Second { measure: typed(measure.clone())?, direction: typed(Json::from(direction.as_str()))? }))
        }
        None => typed(json),
    }
}

/// The file gives durations and amounts, the settings hold seconds and bytes.
fn settings(mut json: Json) -> Json {
    if let Some(fields) = json.as_object_mut() {
        let named = [
            ("budget", "budget_seconds"),
            ("checkpoint_every", "checkpoint_every_seconds"),
            ("checkpoint_space", "checkpoint_space_bytes"),
            ("stall_after", "stall_after_seconds"),
        ];
        for (name, field) in named {
            if let Some(value) = fields.remove(name) {
                fields.insert(field.to_string(), value);
            }
        }
    }
    json
}

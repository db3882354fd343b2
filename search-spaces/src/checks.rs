//! Rules that tie fields of different places together. None is applied to a field that is guessed, because the one mistake would be told as two.

use crate::{
    data::{Data, Files, TextColumns, TextData},
    domain::Parameter,
    goals::{Constraint, Measure, Second},
    grid,
    lower::Lowerer,
    places::is_known,
    problem::nearest,
    settings::{Direction, Metric, Objective, Resource, SamplerKind, SchedulerKind, Settings},
};

/// Notes a mistake at `path`.
pub(crate) fn at(lowerer: &mut Lowerer<'_>, path: &str, message: String, hint: impl Into<Option<String>>) {
    let (field, mut path) = (path, path);
    let span = loop {
        match (lowerer.places.get(path), path.rfind('.')) {
            (Some(span), _) => break span.clone(),
            (None, Some(end)) => path = &path[..end],
            (None, None) => break 0..0,
        }
    };
    lowerer.report(&span, message, hint.into());
    // The model or the data would tell the same again.
    lowerer.guessed.insert(field.to_string());
}

/// Rules of the data section that tie fields together.
pub(crate) fn check_data(lowerer: &mut Lowerer<'_>, data: &Data) {
    // What this finds wrong is looked at by all rules.
    let guessed = lowerer.guessed.clone();
    let knows = |paths: &[&str]| paths.iter().all(|path| is_known(&guessed, path));
    let split = data.split();
    if knows(&["data.split"]) && split.validation + split.test >= 1.0 {
        let message = format!("nothing is left for training: {} for validation and {} for test", split.validation, split.test);
        at(lowerer, "data.split", message, "let the shares add up to less than 1".to_string());
    }
    let validation_given = matches!(data.files(), Files::Splits { validation: Some(_), .. });
    if knows(&["data.split.validation", "data.files"]) && split.validation == 0.0 && !validation_given {
        let hint = "give `validation` a share above 0, or a file: Splits(train: ..., validation: ...)".to_string();
        at(lowerer, "data.split.validation", "without a validation split there is nothing to compare configs by".to_string(), hint);
    }
    if let Data::Text(data) = data {
        check_columns(lowerer, data, &knows);
    }
}

fn check_columns(lowerer: &mut Lowerer<'_>, data: &TextData, knows: &dyn Fn(&[&str]) -> bool) {
    let texts = match &data.text {
        TextColumns::One(text) => vec![text],
        TextColumns::Pair(first, second) => vec![first, second],
    };
    if let [first, second] = texts[..]
        && first == second
        && knows(&["data.text"])
    {
        at(lowerer, "data.text", format!("both texts of the pair are the column {first:?}"), None);
    }
    if knows(&["data.text", "data.label"]) && texts.contains(&&data.label) {
        at(lowerer, "data.label", format!("the label is the column {:?}, which is also the text", data.label), None);
    }
    if let Some(group) = data.group.as_ref().filter(|group| texts.contains(group) || **group == data.label)
        && knows(&["data.text", "data.label", "data.group"])
    {
        let what = if *group == data.label { "label" } else { "text" };
        at(lowerer, "data.group", format!("the group is the column {group:?}, which is also the {what}"), None);
    }
    if let Some(columns) = data.columns.as_ref().filter(|_| knows(&["data.columns"])) {
        let wanted = texts.iter().map(|text| ("data.text", *text)).chain([("data.label", &data.label)]);
        let wanted = wanted.chain(data.group.as_ref().map(|group| ("data.group", group)));
        for (path, name) in wanted.filter(|(_, name)| !columns.contains(name)) {
            if knows(&[path]) {
                let hint = nearest(name, columns.iter().map(String::as_str)).map(|similar| format!("did you mean {similar:?}?"));
                at(lowerer, path, format!("`columns` has no column {name:?}"), hint);
            }
        }
        if let Some(double) = columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name)) {
            at(lowerer, "data.columns", format!("two columns are called {:?}", double.1), None);
        }
    }
}

/// `None` for a direction that is not the metric's.
pub(crate) fn check_objective(lowerer: &mut Lowerer<'_>, objective: Objective) -> Option<Objective> {
    let (message, hint) = match (objective.direction, objective.metric) {
        (Direction::Maximize, Metric::Loss) => ("a loss is better when it is lower", "write `Minimize(Loss)`".to_string()),
        (Direction::Minimize, metric @ (Metric::Accuracy | Metric::MacroF1 | Metric::Matthews)) => {
            ("this metric is better when it is higher", format!("write `Maximize({metric:?})`"))
        }
        _ => return Some(objective),
    };
    at(lowerer, "objective", message.to_string(), hint);
    None
}

/// What is wanted beside the objective: each thing once, in the direction in which it is better, and groups only where there are some.
pub(crate) fn check_goals(
    lowerer: &mut Lowerer<'_>,
    objective: Option<Objective>,
    second: Option<Second>,
    constraints: &[Constraint],
    data: Option<&Data>,
) {
    if let Some(Second { measure, direction }) = second {
        if let Some(better) = measure.better().filter(|better| *better != direction) {
            let message = format!("{measure:?} is better when it is {}", if better == Direction::Minimize { "lower" } else { "higher" });
            at(lowerer, "second", message, format!("write `{better:?}({measure:?})`"));
        } else if objective.is_some_and(|objective| measure.metric() == Some(objective.metric)) {
            at(lowerer, "second", "this is the objective already".to_string(), "a second objective is another measure".to_string());
        }
    }
    for (index, constraint) in constraints.iter().enumerate() {
        if constraints[..index].iter().any(|other| other.measure() == constraint.measure()) {
            let message = format!("{:?} is constrained twice", constraint.measure());
            at(lowerer, &format!("constraints[{index}]"), message, "give each limit once".to_string());
        }
    }
    let gap = constraints.iter().position(|constraint| constraint.measure() == Measure::GroupGap);
    let place = match (gap, second) {
        (Some(index), _) => format!("constraints[{index}]"),
        (None, Some(Second { measure: Measure::GroupGap, .. })) => "second".to_string(),
        _ => return,
    };
    let message = || "GroupGap compares groups, and the data have none".to_string();
    match data.filter(|data| data.group().is_none()) {
        Some(Data::Images(_)) => {
            at(lowerer, &place, message(), "images have no groups: only texts can name a column of them".to_string());
        }
        Some(Data::Text(_)) if lowerer.knows(&["data.group"]) => {
            at(lowerer, &place, message(), "name their column in `data`, such as `group: \"source\"`".to_string());
        }
        Some(Data::Text(_)) | None => {}
    }
}

/// A first rung that no config reaches, as far as the file alone can tell.
pub(crate) fn check_ladder(lowerer: &mut Lowerer<'_>, settings: &Settings, max_epochs: u32) {
    let Resource::Epochs(epochs) = settings.r_min else { return };
    let reached = settings.scheduler == SchedulerKind::None || epochs <= f64::from(max_epochs);
    if !reached && lowerer.knows(&["settings.r_min", "settings.scheduler", "epochs"]) {
        let message = format!("the first rung, {epochs} epochs, lies beyond the horizon of {max_epochs} epochs");
        at(lowerer, "settings.r_min", message, "give a smaller r_min, such as Epochs(0.5), or more epochs".to_string());
    }
}

/// Points a grid may have: each is a trial, and none is tried twice.
pub(crate) const MOST_POINTS: u64 = 1_000_000;

/// A grid over what has none.
pub(crate) fn check_grid(lowerer: &mut Lowerer<'_>, settings: &Settings, parameters: &[Parameter]) {
    if settings.sampler != SamplerKind::Grid || !lowerer.knows(&["settings.sampler"]) {
        return;
    }
    for parameter in parameters.iter().filter(|parameter| parameter.domain.size().is_none()) {
        let message = format!("a grid has no points on a continuum such as {}", parameter.domain);
        let hint = "write `Stepped(low, high, step)` or `Choice([...])`, or take another sampler".to_string();
        at(lowerer, &parameter.path, message, hint);
    }
    if let Some(size) = grid::size(parameters).filter(|size| *size > MOST_POINTS) {
        let size = if size == u64::MAX { "more points than can be counted".to_string() } else { format!("{size} points") };
        let hint = format!("take fewer or coarser ranges, for at most {MOST_POINTS} points, or another sampler");
        at(lowerer, "settings.sampler", format!("the grid of this space has {size}"), hint);
    }
}

//! Rules that tie fields of different places together.

use crate::{
    data::{TextColumns, TextData, TextFiles},
    lower::Lowerer,
    problem::{Problem, nearest},
    settings::{Direction, Metric, Objective, Resource, SchedulerKind, Settings},
    space::Space,
};

fn at(lowerer: &mut Lowerer<'_>, path: &str, message: String, hint: impl Into<Option<String>>) {
    let mut path = path;
    let span = loop {
        match (lowerer.places.get(path), path.rfind('.')) {
            (Some(span), _) => break span.clone(),
            (None, Some(end)) => path = &path[..end],
            (None, None) => break 0..0,
        }
    };
    lowerer.report(&span, message, hint.into());
}

/// Rules of the data section that tie fields together.
pub(crate) fn check_data(lowerer: &mut Lowerer<'_>, data: Option<Result<TextData, String>>) -> Option<TextData> {
    let data = match data? {
        Ok(data) => data,
        Err(message) => {
            at(lowerer, "data", message, None);
            return None;
        }
    };
    let split = &data.split;
    if split.validation + split.test >= 1.0 {
        let message = format!("nothing is left for training: {} for validation and {} for test", split.validation, split.test);
        at(lowerer, "data.split", message, "let the shares add up to less than 1".to_string());
    }
    let validation_given = matches!(&data.files, TextFiles::Splits { validation: Some(_), .. });
    if split.validation == 0.0 && !validation_given {
        let hint = "give `validation` a share above 0, or a file: Splits(train: ..., validation: ...)".to_string();
        at(lowerer, "data.split.validation", "without a validation split there is nothing to compare configs by".to_string(), hint);
    }
    let texts = match &data.text {
        TextColumns::One(text) => vec![text],
        TextColumns::Pair(first, second) => vec![first, second],
    };
    if let [first, second] = texts[..]
        && first == second
    {
        at(lowerer, "data.text", format!("both texts of the pair are the column {first:?}"), None);
    }
    if texts.contains(&&data.label) {
        at(lowerer, "data.label", format!("the label is the column {:?}, which is also the text", data.label), None);
    }
    if let Some(columns) = &data.columns {
        let wanted = texts.iter().map(|text| ("data.text", *text)).chain([("data.label", &data.label)]);
        for (path, name) in wanted.filter(|(_, name)| !columns.contains(name)) {
            let hint = nearest(name, columns.iter().map(String::as_str)).map(|similar| format!("did you mean {similar:?}?"));
            at(lowerer, path, format!("`columns` has no column {name:?}"), hint);
        }
        if let Some(double) = columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name)) {
            at(lowerer, "data.columns", format!("two columns are called {:?}", double.1), None);
        }
    }
    Some(data)
}

pub(crate) fn check_objective(lowerer: &mut Lowerer<'_>, objective: Option<Result<Objective, String>>) -> Option<Objective> {
    let objective = match objective? {
        Ok(objective) => objective,
        Err(message) => {
            at(lowerer, "objective", message, None);
            return None;
        }
    };
    let (message, hint) = match (objective.direction, objective.metric) {
        (Direction::Maximize, Metric::Loss) => ("a loss is better when it is lower", "write `Minimize(Loss)`".to_string()),
        (Direction::Minimize, metric) if metric != Metric::Loss => {
            ("this metric is better when it is higher", format!("write `Maximize({metric:?})`"))
        }
        _ => return Some(objective),
    };
    at(lowerer, "objective", message.to_string(), hint);
    None
}

/// A first rung that no config reaches, as far as the file alone can tell.
pub(crate) fn check_ladder(space: &Space) -> Option<Problem> {
    match space.settings {
        Settings { scheduler: SchedulerKind::None, .. } => None,
        Settings { r_min: Resource::Epochs(epochs), .. } if epochs > f64::from(space.max_epochs()) => {
            let message = format!("the first rung, {epochs} epochs, lies beyond the horizon of {} epochs", space.max_epochs());
            let hint = "give a smaller r_min, such as Epochs(0.5), or more epochs".to_string();
            Some(space.problem_at("settings.r_min", message, Some(hint)))
        }
        _ => None,
    }
}

//! Configs on a line.

use search_spaces::domain::{Assignment, Domain, Parameter, Value};

/// A recipe's name, or where the config lies in the space.
pub(crate) fn trial(parameters: &[Parameter], recipe: Option<&str>, at: Option<&Assignment>) -> String {
    match (recipe, at) {
        (Some(name), _) => format!("\"{name}\""),
        (None, Some(at)) => assignment(parameters, at),
        (None, None) => String::new(),
    }
}

/// One drawn point on a line.
pub(crate) fn assignment(parameters: &[Parameter], assignment: &Assignment) -> String {
    let values: Vec<String> = values(parameters, assignment).into_iter().map(|(path, value)| format!("{path}={value}")).collect();
    if values.is_empty() { "every value as fixed in the file".to_owned() } else { values.join(" ") }
}

/// The last part of each path, and the value.
pub(crate) fn values<'a>(parameters: &'a [Parameter], assignment: &Assignment) -> Vec<(&'a str, String)> {
    let active = parameters.iter().filter_map(|parameter| Some((parameter, assignment.0.get(&parameter.path)?)));
    active.map(|(parameter, value)| (short(&parameter.path), shown(&parameter.domain, *value))).collect()
}

/// `optimizer.AdamW.learning_rate` as `learning_rate`; with the option's name where the last part says little alone.
fn short(path: &str) -> &str {
    const TELLING: [&str; 7] = ["learning_rate", "weight_decay", "momentum", "nesterov", "centered", "l2", "alpha"];
    match path.rsplit_once('.') {
        Some((_, last)) if TELLING.contains(&last) => last,
        _ => path,
    }
}

fn shown(domain: &Domain, value: Value) -> String {
    match (domain, value) {
        (Domain::Choice { labels, .. }, Value::Option(option)) => labels.get(option).cloned().unwrap_or_default(),
        (_, Value::Float(x)) if x != 0.0 && x.abs() < 0.001 => format!("{x:.2e}"),
        (_, Value::Float(x)) => format!("{x:.4}"),
        (_, Value::Int(x)) => x.to_string(),
        (_, Value::Option(option)) => option.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use search_spaces::domain::Condition;

    use super::*;

    /// A choice, and a parameter that one of its options has.
    pub(crate) fn two() -> Vec<Parameter> {
        vec![
            Parameter {
                path: "optimizer".to_owned(),
                domain: Domain::Choice { labels: vec!["Sgd".to_owned(), "AdamW".to_owned()], weights: vec![0.5, 0.5] },
                condition: None,
            },
            Parameter {
                path: "optimizer.Sgd.momentum".to_owned(),
                domain: Domain::Uniform { low: 0.5, high: 0.9 },
                condition: Some(Condition { parent: 0, option: 0 }),
            },
        ]
    }

    #[test]
    fn a_draw_reads_on_one_line() {
        let drawn = Assignment(
            [("optimizer".to_owned(), Value::Option(0)), ("optimizer.Sgd.momentum".to_owned(), Value::Float(0.6))].into_iter().collect(),
        );
        assert_eq!(assignment(&two(), &drawn), "optimizer=Sgd momentum=0.6000");
    }
}

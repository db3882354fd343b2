//! Options of a choice as other tools want them: numbers as numbers.

/// One option.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Label {
    None,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

/// What the options' labels stand for. Where one of them is neither a number nor `true`, `false` or `None`, all are text, so that a reader meets one type.
pub(super) fn labels(texts: &[String]) -> Vec<Label> {
    let plain: Option<Vec<Label>> = texts.iter().map(|text| plain(text)).collect();
    plain.unwrap_or_else(|| texts.iter().cloned().map(Label::Text).collect())
}

fn plain(text: &str) -> Option<Label> {
    match text {
        "None" => Some(Label::None),
        "true" => Some(Label::Bool(true)),
        "false" => Some(Label::Bool(false)),
        _ => {
            let real = || text.parse().ok().filter(|value: &f64| value.is_finite()).map(Label::Real);
            text.parse().ok().map(Label::Integer).or_else(real)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_unless_some_option_is_none() {
        let of = |texts: &[&str]| labels(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["16", "32"]), [Label::Integer(16), Label::Integer(32)]);
        assert_eq!(of(&["None", "0.5", "1e-3"]), [Label::None, Label::Real(0.5), Label::Real(1e-3)]);
        assert_eq!(of(&["0.1", "Early(rate: 0.1, until: 0.3)"])[0], Label::Text("0.1".to_owned()));
        assert_eq!(of(&["inf", "true"]), [Label::Text("inf".to_owned()), Label::Text("true".to_owned())]);
    }
}

//! Where a parameter's values lie along an axis.

use super::axis::Axis;
use crate::parameters::{Cell, ParameterColumn, Scale, short_name};

/// The domain, widened to recipes that lie outside it. A few integers are names, so that their marks can be spread.
pub(super) fn axis(parameter: &ParameterColumn) -> Axis {
    const FEW: f64 = 9.0;
    let numbers = || parameter.cells.iter().filter_map(|cell| if let Cell::Number(value) = cell { Some(*value) } else { None });
    let lowest = |low: f64| numbers().fold(low, f64::min);
    let highest = |high: f64| numbers().fold(high, f64::max);
    match &parameter.scale {
        Scale::Linear { low, high } | Scale::Log { low, high } if parameter.integer && highest(*high) - lowest(*low) < FEW => {
            Axis::Names((lowest(*low) as i64..=highest(*high) as i64).map(|value| value.to_string()).collect())
        }
        Scale::Linear { low, high } => {
            let (low, high) = (lowest(*low), highest(*high));
            let air = (high - low) * 0.04;
            Axis::linear(low - air, high + air)
        }
        Scale::Log { low, high } => {
            let (low, high) = (lowest(*low), highest(*high));
            let air = if low > 0.0 { (high / low).powf(0.04) } else { 1.0 };
            Axis::log(low / air, high * air)
        }
        Scale::Categories(labels) => {
            let mut names = labels.clone();
            for cell in &parameter.cells {
                if let Cell::Category(label) = cell
                    && !names.contains(label)
                {
                    names.push(label.clone());
                }
            }
            Axis::Names(names)
        }
    }
}

/// Where `cell` lies on `axis`, and how far it may be moved to both sides to spread what lies there; `None` where the trial does not have the parameter.
pub(super) fn share(axis: &Axis, cell: &Cell) -> Option<(f64, f64)> {
    let of_name = |names: &[String], label: &str| {
        let index = names.iter().position(|name| name == label).unwrap_or(0);
        (axis.share(index as f64), 0.3 / names.len().max(1) as f64)
    };
    match (cell, axis) {
        (Cell::Number(value), Axis::Names(names)) => Some(of_name(names, &value.to_string())),
        (Cell::Category(label), Axis::Names(names)) => Some(of_name(names, label)),
        (Cell::Number(value), _) => Some((axis.share(*value), 0.0)),
        (Cell::Category(_) | Cell::Inactive, _) => None,
    }
}

/// `learning_rate` and `optimizer.AdamW` of `optimizer.AdamW.learning_rate`.
pub(super) fn name_and_owner(path: &str) -> (&str, &str) {
    path.rsplit_once('.').map_or((path, ""), |(owner, name)| (name, owner))
}

/// `AdamW lr`: as short as it is still told from others.
pub(super) fn brief(path: &str) -> String {
    let (_, owner) = name_and_owner(path);
    let short = short_name(path);
    match owner.rsplit('.').next().filter(|owner| !owner.is_empty()) {
        Some(owner) => format!("{owner} {short}"),
        None => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(scale: Scale, cells: Vec<Cell>) -> ParameterColumn {
        ParameterColumn { path: "x".to_owned(), scale, integer: false, cells }
    }

    #[test]
    fn a_recipe_outside_the_domain_is_still_on_the_axis() {
        let outside = axis(&column(Scale::Log { low: 1e-5, high: 1e-3 }, vec![Cell::Number(1e-2)]));
        assert!(outside.share(1e-2) < 1.0 && outside.share(1e-3) < 0.8, "{outside:?}");
        let Axis::Names(names) = axis(&column(Scale::Categories(vec!["a".to_owned()]), vec![Cell::Category("b".to_owned())])) else {
            panic!("not an axis of names")
        };
        assert_eq!(names, ["a", "b"]);
        let few = ParameterColumn { integer: true, ..column(Scale::Linear { low: 1.0, high: 3.0 }, vec![Cell::Number(4.0)]) };
        assert_eq!(axis(&few), Axis::Names(["1", "2", "3", "4"].map(str::to_owned).into()));
        assert_eq!(share(&axis(&few), &Cell::Number(4.0)), Some((0.875, 0.075)));
        assert_eq!(share(&axis(&few), &Cell::Inactive), None);
    }

    #[test]
    fn paths_are_shortened() {
        assert_eq!(name_and_owner("optimizer.AdamW.learning_rate"), ("learning_rate", "optimizer.AdamW"));
        assert_eq!([brief("optimizer.AdamW.learning_rate"), brief("epochs")], ["AdamW lr", "epochs"]);
    }
}

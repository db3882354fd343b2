//! Which numbers may stand where in a config.

use crate::schema::{Field, Kind, Payload, config::CONFIG};

/// The numbers that a field of a config may have, however a space is drawn up. What the model or the data have against one of them is not known here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub low: f64,
    /// Infinite where there is no highest.
    pub high: f64,
    /// Whether the limits themselves are excluded.
    pub above: bool,
    pub below: bool,
}

impl Limits {
    /// Of the parameter at `path`; `None` where that is no number of a config.
    pub fn of(path: &str) -> Option<Limits> {
        let mut place = Place::Value(&CONFIG);
        for part in path.split('.') {
            // Two options of one variant are told apart by a number: `AdamW#2`.
            place = place.inside(part.split('#').next().unwrap_or(part));
        }
        place.limits()
    }

    pub fn allow(self, value: f64) -> bool {
        let Limits { low, high, above, below } = self;
        value.is_finite() && (value > low || (value == low && !above)) && (value < high || (value == high && !below))
    }
}

/// Where in the schema.
#[derive(Clone, Copy)]
enum Place {
    Value(&'static Kind),
    /// Of a variant or a struct.
    Fields(&'static [Field]),
}

impl Place {
    /// Where a part of a path leads. One that names nothing here is the name of a choice's option, which leads no further.
    fn inside(self, part: &str) -> Place {
        match self {
            Place::Value(Kind::Option(inner)) => Place::Value(inner).inside(part),
            Place::Value(Kind::Struct(kind)) => Place::Fields(kind.fields).inside(part),
            Place::Value(Kind::Enum(kind)) => kind.variant(part).map_or(self, |variant| match variant.payload {
                Payload::Struct(fields) => Place::Fields(fields),
                Payload::Newtype(inner) => Place::Value(inner),
                Payload::Unit | Payload::Tuple(_) => self,
            }),
            Place::Value(_) => self,
            Place::Fields(fields) => fields.iter().find(|field| field.name == part).map_or(self, |field| Place::Value(field.kind)),
        }
    }

    fn limits(self) -> Option<Limits> {
        match self {
            Place::Value(Kind::Real(bounds)) => Some(bounds.limits()),
            Place::Value(Kind::Integer { low, high }) => Some(Limits { low: *low as f64, high: *high as f64, above: false, below: false }),
            Place::Value(Kind::Option(inner)) => Place::Value(inner).limits(),
            Place::Value(Kind::Enum(kind)) => kind.bare.and_then(|(_, inner)| Place::Value(inner).limits()),
            Place::Value(_) | Place::Fields(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{domain::Domain, space::Space};

    fn range(path: &str) -> Option<(f64, f64)> {
        Limits::of(path).map(|limits| (limits.low, limits.high))
    }

    #[test]
    fn every_number_of_a_config_has_its_limits() {
        assert_eq!(range("epochs"), Some((1.0, 1e6)));
        assert_eq!(range("optimizer.AdamW#2.learning_rate"), Some((0.0, f64::INFINITY)));
        assert_eq!(range("optimizer.Sgd.momentum"), Some((0.0, 1.0)));
        assert_eq!(range("clip_norm"), Some((0.0, f64::INFINITY)), "of what may be none");
        assert_eq!(range("early_stopping.Some.patience"), Some((1.0, 1e9)));
        assert_eq!(range("dropout.hidden"), Some((0.0, 1.0)), "a bare number");
        assert_eq!(range("dropout.hidden.Ramp.to"), Some((0.0, 1.0)));
        for path in ["", "optimizer", "optimizer.AdamW", "unfreeze", "decay_on", "unknown", "schedule.Linear.unknown"] {
            assert_eq!(range(path), None, "{path}");
        }
    }

    #[test]
    fn a_limit_may_be_excluded() {
        let rate = Limits::of("optimizer.AdamW.learning_rate").unwrap();
        assert_eq!([0.0, 1e-9, 1e9, f64::INFINITY].map(|value| rate.allow(value)), [false, true, true, false]);
        let dropout = Limits::of("dropout.hidden").unwrap();
        assert_eq!([-0.1, 0.0, 0.99, 1.0].map(|value| dropout.allow(value)), [false, true, true, false]);
    }

    #[test]
    fn every_parameter_of_a_space_that_is_a_range_has_limits() {
        let text = r#"Sweep(model: Path("m"), data: Text(files: One(Path("d"))), space: (
            epochs: Choice([1, Int(2, 4)]), dropout: (hidden: Choice([0.0, Uniform(0.1, 0.2), Ramp(from: Uniform(0.1, 0.2), to: 0.3)]), attention: Uniform(0.1, 0.2)),
            clip_norm: Choice([None, Some(Uniform(0.5, 2.0))]), early_stopping: Choice([None, Some((patience: Int(1, 3)))]),
            schedule: Choice([Linear(end: Uniform(0.0, 0.1)), OneCycle(start_divisor: LogUniform(10.0, 30.0))]), unfreeze: LastBlocks(k: Int(1, 3)),
            augment: (flip: Uniform(0.0, 0.5), mix: Choice([Off, MixUp(alpha: Uniform(0.1, 0.4))]))))"#;
        let space = Space::parse(Path::new("/s.ron"), text).unwrap_or_else(|problems| panic!("{problems}"));
        let ranges: Vec<&str> = space
            .parameters
            .iter()
            .filter(|parameter| !matches!(parameter.domain, Domain::Choice { .. }))
            .map(|parameter| parameter.path.as_str())
            .collect();
        assert_eq!(ranges.len(), 11, "{ranges:?}");
        for path in ranges {
            assert!(Limits::of(path).is_some(), "{path}");
        }
    }
}

//! What may stand where in a file, as data.
//!
//! One description serves reading, defaults and messages. It names fields and variants as the types of [`crate::config`],
//! [`crate::data`] and [`crate::settings`] do: what has been read by it is handed to their `Deserialize`.

pub(crate) mod config;
pub(crate) mod sweep;

use crate::limits::Limits;

/// The kind of a value.
#[derive(Debug)]
pub(crate) enum Kind {
    Real(Real),
    /// Inclusive bounds.
    Integer {
        low: i64,
        high: i64,
    },
    /// From 0 to 2^64 - 1.
    Seed,
    Bool,
    /// A text that is not empty.
    Text,
    /// A text that [`crate::metric_name::MetricName`] takes.
    MetricName,
    /// `8h`, `90m`, `1h30m`, in seconds.
    Duration,
    /// `20GB`, `500MB`, in bytes.
    Bytes,
    List(&'static Kind),
    /// `None`, `Some(x)` or plain `x`.
    Option(&'static Kind),
    Struct(&'static Struct),
    Enum(&'static Enum),
}

/// Bounds of a number, which is finite in any case.
#[derive(Debug)]
pub(crate) struct Real {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Whether the bounds themselves are excluded.
    pub(crate) above: bool,
    pub(crate) below: bool,
    /// `at least 0 and below 1`
    pub(crate) words: &'static str,
}

#[derive(Debug)]
pub(crate) struct Struct {
    /// It may be written before the parentheses.
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static Kind,
    /// What it is when left out, in RON; `None`: it must not be left out.
    pub(crate) default: Option<&'static str>,
}

#[derive(Debug)]
pub(crate) struct Enum {
    /// What its variants are, for messages: `an optimizer`.
    pub(crate) what: &'static str,
    pub(crate) variants: &'static [Variant],
    /// A value that stands for a variant around it: `0.1` for `Constant(0.1)`.
    pub(crate) bare: Option<(&'static str, &'static Kind)>,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) payload: Payload,
}

#[derive(Debug)]
pub(crate) enum Payload {
    Unit,
    Newtype(&'static Kind),
    Tuple(&'static [&'static Kind]),
    Struct(&'static [Field]),
}

const fn required(name: &'static str, kind: &'static Kind) -> Field {
    Field { name, kind, default: None }
}

const fn field(name: &'static str, kind: &'static Kind, default: &'static str) -> Field {
    Field { name, kind, default: Some(default) }
}

const fn unit(name: &'static str) -> Variant {
    Variant { name, payload: Payload::Unit }
}

const fn newtype(name: &'static str, kind: &'static Kind) -> Variant {
    Variant { name, payload: Payload::Newtype(kind) }
}

const fn record(name: &'static str, fields: &'static [Field]) -> Variant {
    Variant { name, payload: Payload::Struct(fields) }
}

const fn real(low: f64, above: bool, high: f64, below: bool, words: &'static str) -> Kind {
    Kind::Real(Real { low, high, above, below, words })
}

const fn integer(low: i64, high: i64) -> Kind {
    Kind::Integer { low, high }
}

impl Real {
    pub(crate) fn limits(&self) -> Limits {
        Limits { low: self.low, high: self.high, above: self.above, below: self.below }
    }

    pub(crate) fn allows(&self, x: f64) -> bool {
        self.limits().allow(x)
    }
}

impl Enum {
    pub(crate) fn variant(&self, name: &str) -> Option<&'static Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

pub(crate) static POSITIVE: Kind = real(0.0, true, f64::INFINITY, true, "above 0");
pub(crate) static NOT_NEGATIVE: Kind = real(0.0, false, f64::INFINITY, true, "at least 0");
/// A probability that is not certainty, or a decay rate.
pub(crate) static BELOW_ONE: Kind = real(0.0, false, 1.0, true, "at least 0 and below 1");
pub(crate) static INSIDE_UNIT: Kind = real(0.0, true, 1.0, true, "above 0 and below 1");
pub(crate) static UNIT: Kind = real(0.0, false, 1.0, false, "at least 0 and at most 1");
pub(crate) static SHARE: Kind = real(0.0, true, 1.0, false, "above 0 and at most 1");
pub(crate) static AT_LEAST_ONE: Kind = real(1.0, false, f64::INFINITY, true, "at least 1");
pub(crate) static COUNT: Kind = integer(1, 1_000_000_000);
pub(crate) static COUNT_OR_ZERO: Kind = integer(0, 1_000_000_000);
pub(crate) static SMALL_COUNT: Kind = integer(1, 1_000_000);
pub(crate) static SEED: Kind = Kind::Seed;
pub(crate) static BOOL: Kind = Kind::Bool;
pub(crate) static TEXT: Kind = Kind::Text;

#[cfg(test)]
mod tests {
    use super::{Field, Kind, Payload, sweep};
    use crate::lower::default;

    fn visit(kind: &'static Kind, seen: &mut usize) {
        match kind {
            Kind::List(inner) | Kind::Option(inner) => visit(inner, seen),
            Kind::Struct(kind) => visit_fields(kind.fields, seen),
            Kind::Enum(kind) => {
                if let Some((_, inner)) = kind.bare {
                    visit(inner, seen);
                }
                for variant in kind.variants {
                    match variant.payload {
                        Payload::Unit => {}
                        Payload::Newtype(inner) => visit(inner, seen),
                        Payload::Tuple(kinds) => kinds.iter().for_each(|kind| visit(kind, seen)),
                        Payload::Struct(fields) => visit_fields(fields, seen),
                    }
                }
            }
            Kind::Real(_)
            | Kind::Integer { .. }
            | Kind::Seed
            | Kind::Bool
            | Kind::Text
            | Kind::MetricName
            | Kind::Duration
            | Kind::Bytes => {}
        }
    }

    fn visit_fields(fields: &'static [Field], seen: &mut usize) {
        for field in fields {
            if let Some(text) = field.default {
                default(text, field.kind);
                *seen += 1;
            }
            visit(field.kind, seen);
        }
    }

    #[test]
    fn every_default_fits_its_kind() {
        let mut seen = 0;
        visit_fields(sweep::SWEEP.fields, &mut seen);
        visit_fields(sweep::CONFIG_FILE.fields, &mut seen);
        assert!(seen > 80, "{seen}");
    }
}

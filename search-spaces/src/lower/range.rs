//! Numeric domains.

use super::{At, Lowerer, expected, here};
use crate::{
    domain::{Domain, Parameter},
    schema::Kind,
    template::Template,
    tree::{Node, Shape},
};

/// More values than this are as good as a continuum.
const MAX_STEPS: f64 = 1e6;

/// A bound as the file has it.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Integer(i64),
    Real(f64),
}

impl Bound {
    fn real(self) -> f64 {
        match self {
            Bound::Integer(value) => value as f64,
            Bound::Real(value) => value,
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Bound::Integer(value) => Some(value),
            Bound::Real(_) => None,
        }
    }
}

impl Lowerer<'_> {
    /// Reads `node`, a numeric domain named `name`, as the domain of a value of `kind`.
    pub(super) fn range(&mut self, node: &Node, name: &str, kind: &'static Kind, at: &At) -> Option<Template> {
        let whole = match kind {
            Kind::Real(_) => false,
            Kind::Integer { .. } => true,
            Kind::Option(inner) => return self.range(node, name, inner, at),
            Kind::Enum(kind) if matches!(kind.bare, Some((_, Kind::Real(_) | Kind::Integer { .. }))) => {
                let (variant, inner) = kind.bare?;
                let payload = self.range(node, name, inner, at)?;
                return Some(Template::Variant(variant.to_string(), Box::new(payload)));
            }
            _ => {
                let message = format!("`{name}` is a range of numbers, but {} is {}", here(at), expected(kind));
                self.report(&node.span, message, "list the options with `Choice([...])`".to_string());
                return None;
            }
        };
        let names: &[&str] = if name == "Stepped" { &["low", "high", "step"] } else { &["low", "high"] };
        let arguments = self.arguments(node, name, names)?;
        let bounds = self.bounds(&arguments, name, whole || matches!(name, "Int" | "LogInt"), kind, at)?;
        let domain = self.domain(node, name, &bounds)?;
        if whole && matches!(name, "Uniform" | "LogUniform") {
            let instead = if name == "Uniform" { "Int" } else { "LogInt" };
            let message = format!("{} is a whole number, but `{name}` draws fractions", here(at));
            self.report(&node.span, message, format!("write {instead}({}, {})", bounds[0].real(), bounds[1].real()));
            return None;
        }
        for (argument, bound) in arguments.iter().zip(&bounds).take(2) {
            self.mention(argument, bound.real(), at);
        }
        let path = at.nameless().path;
        self.parameters.push(Parameter { path, domain, condition: self.condition });
        Some(Template::Free { parameter: self.parameters.len() - 1, whole })
    }

    /// The arguments of a domain, by position or by name.
    fn arguments<'n>(&mut self, node: &'n Node, name: &str, names: &[&str]) -> Option<Vec<&'n Node>> {
        let arguments: Option<Vec<&Node>> = match &node.shape {
            Shape::Tuple(_, items) if items.len() == names.len() => Some(items.iter().collect()),
            Shape::Struct(_, fields) if fields.len() == names.len() => {
                names.iter().map(|name| fields.iter().find(|field| field.name == *name).map(|field| &field.value)).collect()
            }
            _ => None,
        };
        if arguments.is_none() {
            let message = format!("`{name}` takes {} numbers", names.len());
            self.report(&node.span, message, format!("write `{name}({})`", names.join(", ")));
        }
        arguments
    }

    /// The numbers of a domain, each allowed where the domain stands.
    fn bounds(&mut self, arguments: &[&Node], name: &str, whole: bool, kind: &Kind, at: &At) -> Option<Vec<Bound>> {
        let mut bounds = Vec::with_capacity(arguments.len());
        for (position, argument) in arguments.iter().enumerate() {
            let bound = match &argument.shape {
                Shape::Integer(value) => match i64::try_from(*value) {
                    Ok(value) => Some(Bound::Integer(value)),
                    Err(_) if whole => None,
                    Err(_) => Some(Bound::Real(*value as f64)),
                },
                Shape::Real(value) if !whole && value.is_finite() => Some(Bound::Real(*value)),
                Shape::Real(value) if name.ends_with("niform") && value.is_finite() => Some(Bound::Real(*value)),
                _ => None,
            };
            let allowed = bound.is_none_or(|bound| match kind {
                // A step is no value.
                _ if position == 2 => true,
                Kind::Real(bounds) => bounds.allows(bound.real()),
                Kind::Integer { low, high } => (*low as f64..=*high as f64).contains(&bound.real()),
                _ => true,
            });
            if bound.is_none() {
                let what = if whole { "a whole number" } else { "a finite number" };
                self.report(&argument.span, format!("`{name}` takes {what} here, not {argument}"), None);
            } else if !allowed {
                let value = match bound {
                    Some(Bound::Integer(value)) => value.to_string(),
                    Some(Bound::Real(value)) => format!("{value:?}"),
                    None => String::new(),
                };
                self.out_of_bounds(&argument.span, &value, kind, at);
            }
            bounds.push(bound.filter(|_| allowed));
        }
        bounds.into_iter().collect()
    }

    /// The domain, if its numbers go together.
    fn domain(&mut self, node: &Node, name: &str, bounds: &[Bound]) -> Option<Domain> {
        let (low, high) = (bounds[0].real(), bounds[1].real());
        let step = bounds.get(2).map(|step| step.real());
        let show = |value: f64| format!("{value:?}").trim_end_matches(".0").to_string();
        if low > high {
            let message = format!("the range is reversed: {} is above {}", show(low), show(high));
            let rest = step.map(|step| format!(", {}", show(step))).unwrap_or_default();
            self.report(&node.span, message, format!("write {name}({}, {}{rest})", show(high), show(low)));
            return None;
        }
        if low == high {
            let message = "the range is empty: its bounds are equal".to_string();
            self.report(&node.span, message, format!("a fixed value is written plainly: {}", show(low)));
            return None;
        }
        if name.starts_with("Log") && low <= 0.0 {
            let message = format!("`{name}` takes the logarithm of {}, which must be above 0", show(low));
            self.report(&node.span, message, "start above 0, or use a range that is not logarithmic".to_string());
            return None;
        }
        if let Some(step) = step
            && !(step > 0.0 && step <= high - low && (high - low) / step <= MAX_STEPS)
        {
            let message = format!("a step of {} does not fit into the range from {} to {}", show(step), show(low), show(high));
            let hint = "give a step above 0, at most the range's width and at least a millionth of it".to_string();
            self.report(&node.span, message, hint);
            return None;
        }
        Some(match (name, bounds) {
            ("LogUniform", _) => Domain::LogUniform { low, high },
            ("Stepped", _) => Domain::Stepped { low, high, step: step? },
            ("Int", [low, high]) => Domain::Int { low: low.integer()?, high: high.integer()? },
            ("LogInt", [low, high]) => Domain::LogInt { low: low.integer()?, high: high.integer()? },
            _ => Domain::Uniform { low, high },
        })
    }
}

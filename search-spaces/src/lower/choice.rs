//! `Choice` and `Weighted`.

use super::{At, Lowerer};
use crate::{
    domain::{Condition, Domain, Parameter},
    schema::Kind,
    template::Template,
    tree::{Node, Shape},
};

/// Nobody weighs more options than this.
const MAX_OPTIONS: usize = 500;

impl Lowerer<'_> {
    /// Reads `node`, a choice, as the options of a value of `kind`. A choice of one option is that option.
    pub(super) fn choice(&mut self, node: &Node, kind: &'static Kind, at: &At) -> Option<Template> {
        let (options, weights) = self.options(node)?;
        if let [option] = options[..] {
            return self.lower(option, kind, at);
        }
        // Of several options the paths go on by the option's name.
        let names = option_names(&options);
        let parameter = self.parameters.len();
        let path = at.nameless().path;
        let domain = Domain::Choice { labels: names.clone(), weights };
        self.parameters.push(Parameter { path, domain, condition: self.condition });

        let outer = self.condition;
        let mut templates = Vec::with_capacity(options.len());
        for (option, (node, name)) in options.iter().zip(&names).enumerate() {
            self.condition = Some(Condition { parent: parameter, option });
            templates.push(self.lower(node, kind, &at.option(name)));
        }
        self.condition = outer;
        let templates = templates.into_iter().collect::<Option<Vec<Template>>>()?;

        let before = self.problems.len();
        for (index, (template, node)) in templates.iter().zip(&options).enumerate() {
            if template.is_fixed() && templates[..index].contains(template) {
                let hint = "leave it out, or give weights: `Weighted([(2, ...), (1, ...)])`".to_string();
                self.report(&node.span, "this option is listed twice", hint);
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let labels = self.labels(&options, &templates, names);
        if let Domain::Choice { labels: list, .. } = &mut self.parameters[parameter].domain {
            *list = labels;
        }
        Some(Template::Choice { parameter, options: templates })
    }

    /// The options and their weights, which sum to 1.
    fn options<'n>(&mut self, node: &'n Node) -> Option<(Vec<&'n Node>, Vec<f64>)> {
        let weighted = node.name() == Some("Weighted");
        let list = match &node.shape {
            Shape::Tuple(_, items) => match items.as_slice() {
                [Node { shape: Shape::List(list), .. }] => Some(list),
                _ => None,
            },
            _ => None,
        };
        let Some(list) = list else {
            let (message, hint) = if weighted {
                ("`Weighted` takes a list of weights and options", "write `Weighted([(2, ...), (1, ...)])`")
            } else {
                ("`Choice` takes a list of options", "write `Choice([..., ...])`")
            };
            self.report(&node.span, message, hint.to_string());
            return None;
        };
        if list.is_empty() {
            self.report(&node.span, "there is nothing to choose from", "list the options between the brackets".to_string());
            return None;
        }
        if list.len() > MAX_OPTIONS {
            let message = format!("{} options are more than the {MAX_OPTIONS} that a choice may have", list.len());
            self.report(&node.span, message, "give a range, such as `Stepped(low, high, step)`".to_string());
            return None;
        }
        let mut options = Vec::with_capacity(list.len());
        for item in list {
            options.push(if weighted { self.weighted_option(item) } else { Some((1.0, item)) });
        }
        let options = options.into_iter().collect::<Option<Vec<(f64, &Node)>>>()?;
        let sum: f64 = options.iter().map(|(weight, _)| weight).sum();
        if !sum.is_finite() {
            self.report(&node.span, "the weights are too large: their sum is not finite", None);
            return None;
        }
        Some(options.into_iter().map(|(weight, option)| (option, weight / sum)).unzip())
    }

    fn weighted_option<'n>(&mut self, item: &'n Node) -> Option<(f64, &'n Node)> {
        let Shape::Tuple(None, pair) = &item.shape else {
            self.report(&item.span, format!("expected a weight and an option, not {item}"), "write `(2, ...)`".to_string());
            return None;
        };
        let [weight, option] = pair.as_slice() else {
            let message = format!("expected a weight and an option, not {} values", pair.len());
            self.report(&item.span, message, "write `(2, ...)`".to_string());
            return None;
        };
        let value = match &weight.shape {
            Shape::Integer(value) => *value as f64,
            Shape::Real(value) => *value,
            _ => f64::NAN,
        };
        if value > 0.0 && value.is_finite() {
            return Some((value, option));
        }
        self.report(&weight.span, format!("a weight is a number above 0, not {weight}"), "leave out what is never to be taken".to_string());
        None
    }

    /// How options read in tables: by value or variant, in full where several would read the same.
    fn labels(&self, nodes: &[&Node], templates: &[Template], names: Vec<String>) -> Vec<String> {
        let short: Vec<String> = nodes
            .iter()
            .zip(templates)
            .zip(names)
            .map(|((node, template), name)| match template {
                // Paths of its parameters have this name.
                template if !template.is_fixed() => name,
                Template::Variant(variant, payload) if node.name().is_some() => match payload.as_ref() {
                    Template::Record(_) => variant.clone(),
                    _ => template.describe(&self.parameters),
                },
                // A bare value reads as it is written.
                Template::Variant(_, payload) => payload.describe(&self.parameters),
                template => template.describe(&self.parameters),
            })
            .collect();
        let is_shared = |label: &String| short.iter().filter(|other| *other == label).count() > 1;
        short
            .iter()
            .zip(templates)
            .map(
                |(label, template)| {
                    if template.is_fixed() && is_shared(label) { template.describe(&self.parameters) } else { label.clone() }
                },
            )
            .collect()
    }
}

/// A distinct name for each option: its variant, and a number from the second of one variant on.
fn option_names(options: &[&Node]) -> Vec<String> {
    let base = |node: &Node| match &node.shape {
        Shape::Some(inner) => inner.name().unwrap_or("Some").to_string(),
        _ => node.name().unwrap_or("option").to_string(),
    };
    let bases: Vec<String> = options.iter().map(|option| base(option)).collect();
    bases
        .iter()
        .enumerate()
        .map(|(index, name)| match bases[..index].iter().filter(|other| *other == name).count() {
            0 => name.clone(),
            earlier => format!("{name}#{}", earlier + 1),
        })
        .collect()
}

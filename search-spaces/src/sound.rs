//! Whether a space that was not read from its file could have been: those in studies come from strangers.
//!
//! The file's own rules are the schema's and tell what to do. Here is what everything else relies on: indices that lead somewhere, ranges that have two ends, and
//! numbers that can be counted up to.

use std::collections::BTreeSet;

use crate::{
    checks::MOST_POINTS,
    domain::{Domain, Parameter},
    draw, grid,
    ladder::Ladder,
    settings::{SamplerKind, Settings},
    space::Space,
    template::Template,
};

/// A file of the longest that is read holds no more.
const MOST_PARAMETERS: usize = 20_000;
/// Choices within choices; files are not nested deeper.
const MOST_CHOICES_DEEP: usize = 40;
/// From one example to as many as can be counted, each rung twice as far as the one before.
const MOST_RUNGS: usize = 64;
/// There are four kinds, and each may be there once.
const MOST_CONSTRAINTS: usize = 4;

impl Space {
    /// What keeps this from being a space that a file can hold, in words that go on "it has".
    pub fn check(&self) -> Result<(), String> {
        self.settings.check()?;
        check_parameters(&self.parameters)?;
        check_template(&self.template, &self.parameters)?;
        if self.constraints.len() > MOST_CONSTRAINTS {
            return Err(format!("{} constraints", self.constraints.len()));
        }
        for recipe in &self.recipes {
            if let Some(assignment) = &recipe.assignment {
                draw::validate(&self.parameters, assignment)
                    .map_err(|why| format!("a recipe {:?} whose place is none: {why}", recipe.name))?;
            }
        }
        if self.settings.sampler == SamplerKind::Grid && grid::size(&self.parameters).is_none_or(|size| size > MOST_POINTS) {
            return Err("a grid of more points than can be counted".to_string());
        }
        Ok(())
    }
}

impl Settings {
    /// What keeps these from being settings that a file can hold, in words that go on "it has". Trials and budget may be any: those of the command line are.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(format!("{name} {value}, which is not from {low} to {high}")) }
        };
        within("eta", self.eta, 2, 1000)?;
        within("finalists", self.finalists, 0, 100)?;
        within("finalist_seeds", self.finalist_seeds, 1, 100)?;
        within("folds", self.folds.unwrap_or(2), 2, 100)?;
        // An evaluation at every point of a long recorded curve is closer than a file may ask for.
        if self.eval_every > 0.0 && self.eval_every <= 1e6 { Ok(()) } else { Err(format!("eval_every {}", self.eval_every)) }
    }
}

impl Ladder {
    /// What keeps this from being a ladder, in words that go on "it has".
    pub fn check(&self) -> Result<(), String> {
        let growing = self.rungs.is_sorted_by(|a, b| a < b) && self.rungs.first().is_some_and(|first| *first >= 1);
        if !growing || self.rungs.len() > MOST_RUNGS {
            return Err(format!("{} rungs that are not growing, or not from 1 to {MOST_RUNGS}", self.rungs.len()));
        }
        if (2..=1000).contains(&self.eta) { Ok(()) } else { Err(format!("a ladder of eta {}", self.eta)) }
    }
}

fn check_parameters(parameters: &[Parameter]) -> Result<(), String> {
    if parameters.len() > MOST_PARAMETERS {
        return Err(format!("{} parameters", parameters.len()));
    }
    let (mut paths, mut depths) = (BTreeSet::new(), Vec::with_capacity(parameters.len()));
    for (index, Parameter { path, domain, condition }) in parameters.iter().enumerate() {
        if !paths.insert(path) {
            return Err(format!("the parameter {path:?} twice"));
        }
        let depth = match condition {
            None => 0,
            Some(condition) => {
                let options = parameters[..index].get(condition.parent).and_then(|parent| parent.domain.options());
                if options.is_none_or(|options| condition.option >= options) {
                    return Err(format!("the parameter {path:?} under a choice that there is not"));
                }
                depths[condition.parent] + 1
            }
        };
        if depth > MOST_CHOICES_DEEP {
            return Err(format!("choices nested more than {MOST_CHOICES_DEEP} deep"));
        }
        depths.push(depth);
        if !domain.is_sound() {
            return Err(format!("the parameter {path:?} in {domain}, which has nothing in it"));
        }
    }
    Ok(())
}

impl Domain {
    /// How many options a choice has; `None` for what is no choice.
    fn options(&self) -> Option<usize> {
        if let Domain::Choice { labels, .. } = self { Some(labels.len()) } else { None }
    }

    /// Whether it is as its type says, and numbers within it can be counted and subtracted.
    pub fn is_sound(&self) -> bool {
        match self {
            Domain::Uniform { low, high } => low <= high && (high - low).is_finite(),
            Domain::LogUniform { low, high } => *low > 0.0 && low <= high && (high / low).is_finite(),
            Domain::Stepped { low, high, step } => *step > 0.0 && low <= high && (high - low) / step < 2f64.powi(53),
            Domain::Int { low, high } => low <= high,
            Domain::LogInt { low, high } => *low >= 1 && low <= high,
            Domain::Choice { labels, weights } => {
                !labels.is_empty() && labels.len() == weights.len() && weights.iter().all(|weight| weight.is_finite() && *weight > 0.0)
            }
        }
    }
}

/// Whether every free value in it is that of a parameter of its kind.
fn check_template(template: &Template, parameters: &[Parameter]) -> Result<(), String> {
    let options = |parameter: &usize| parameters.get(*parameter).map(|parameter| parameter.domain.options());
    let all = |items: &[Template]| items.iter().try_for_each(|item| check_template(item, parameters));
    match template {
        Template::List(items) => all(items),
        Template::Record(fields) => fields.iter().try_for_each(|(_, value)| check_template(value, parameters)),
        Template::Variant(_, payload) => check_template(payload, parameters),
        Template::Free { parameter, .. } if options(parameter) == Some(None) => Ok(()),
        Template::Choice { parameter, options: given } if options(parameter) == Some(Some(given.len())) => all(given),
        Template::Free { parameter, .. } | Template::Choice { parameter, .. } => Err(format!("a value that parameter {parameter} is not")),
        Template::Real(_)
        | Template::Integer(_)
        | Template::Natural(_)
        | Template::Bool(_)
        | Template::Text(_)
        | Template::None
        | Template::Name(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::Condition;

    fn space() -> Space {
        let text = r#"Sweep(model: Path("m"), data: Text(files: One(Path("d"))), settings: (sampler: Random), space: (
            epochs: Int(1, 4), warmup: Stepped(0.0, 0.4, 0.1), batch_size: Choice([8, 16]),
            optimizer: Choice([AdamW(learning_rate: LogUniform(1e-5, 1e-3)), Sgd(learning_rate: Uniform(0.1, 0.2))])))"#;
        Space::parse(Path::new("/s.ron"), text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// Of the space after `change`.
    fn wrong(change: impl FnOnce(&mut Space)) -> String {
        let mut space = space();
        change(&mut space);
        space.check().expect_err("the space is wrong now")
    }

    /// The first parameter of that kind gets another domain.
    fn with(path: &str, domain: Domain) -> String {
        wrong(|space| space.parameters.iter_mut().find(|parameter| parameter.path == path).unwrap().domain = domain)
    }

    #[test]
    fn what_comes_from_a_file_is_sound() {
        space().check().unwrap();
        for rungs in [vec![1], vec![1, 2, u64::MAX]] {
            Ladder { rungs, ..Ladder::default() }.check().unwrap();
        }
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let choice = |weights: &[f64]| Domain::Choice { labels: vec!["a".into(); 2], weights: weights.to_vec() };
        insta::assert_snapshot!(with("epochs", Domain::Int { low: 4, high: 1 }), @r#"the parameter "epochs" in Int(4, 1), which has nothing in it"#);
        insta::assert_snapshot!(with("warmup", Domain::Stepped { low: 0.0, high: 1.0, step: 0.0 }), @r#"the parameter "warmup" in Stepped(0.0, 1.0, 0.0), which has nothing in it"#);
        insta::assert_snapshot!(with("warmup", Domain::Uniform { low: -f64::MAX, high: f64::MAX }), @r#"the parameter "warmup" in Uniform(-1.7976931348623157e308, 1.7976931348623157e308), which has nothing in it"#);
        insta::assert_snapshot!(with("warmup", Domain::LogUniform { low: 0.0, high: 1.0 }), @r#"the parameter "warmup" in LogUniform(0.0, 1.0), which has nothing in it"#);
        insta::assert_snapshot!(with("batch_size", choice(&[1.0])), @r#"the parameter "batch_size" in Choice([a, a]), which has nothing in it"#);
        insta::assert_snapshot!(with("batch_size", choice(&[1.0, -1.0])), @r#"the parameter "batch_size" in Weighted([(1.000, a), (-1.000, a)]), which has nothing in it"#);
        insta::assert_snapshot!(with("batch_size", Domain::LogInt { low: 1, high: 2 }), @"a value that parameter 1 is not");
        insta::assert_snapshot!(wrong(|space| space.parameters[0].condition = Some(Condition { parent: 0, option: 0 })), @r#"the parameter "epochs" under a choice that there is not"#);
        insta::assert_snapshot!(wrong(|space| space.parameters[1].path = "epochs".into()), @r#"the parameter "epochs" twice"#);
        insta::assert_snapshot!(wrong(|space| drop(space.parameters.pop())), @"a value that parameter 5 is not");
        insta::assert_snapshot!(wrong(|space| space.recipes[0].assignment = Some(crate::domain::Assignment::default())), @r#"a recipe "literature default" whose place is none: `epochs` has no value, although it is active"#);
        insta::assert_snapshot!(wrong(|space| space.settings.sampler = SamplerKind::Grid), @"a grid of more points than can be counted");
        insta::assert_snapshot!(wrong(|space| space.settings.finalist_seeds = 0), @"finalist_seeds 0, which is not from 1 to 100");
        insta::assert_snapshot!(wrong(|space| space.settings.eval_every = f64::NAN), @"eval_every NaN");
    }

    #[test]
    fn choices_are_not_nested_without_end() {
        let choice = Domain::Choice { labels: vec!["a".into()], weights: vec![1.0] };
        let deep = |depth: usize| {
            let condition = |index: usize| index.checked_sub(1).map(|parent| Condition { parent, option: 0 });
            let parameter = |index: usize| Parameter { path: index.to_string(), domain: choice.clone(), condition: condition(index) };
            check_parameters(&(0..=depth).map(parameter).collect::<Vec<_>>())
        };
        deep(MOST_CHOICES_DEEP).unwrap();
        insta::assert_snapshot!(deep(MOST_CHOICES_DEEP + 1).unwrap_err(), @"choices nested more than 40 deep");
    }

    #[test]
    fn ladders_grow() {
        for rungs in [vec![], vec![0], vec![2, 2], vec![3, 2], (1..=65).collect()] {
            Ladder { rungs, ..Ladder::default() }.check().unwrap_err();
        }
        Ladder { eta: 1, ..Ladder::default() }.check().unwrap_err();
    }
}

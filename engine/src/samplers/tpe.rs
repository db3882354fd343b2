//! Tree-structured Parzen estimator.

use rand::{Rng, RngExt, rngs::ChaCha8Rng};
use search_spaces::domain::{Assignment, Condition, Domain, Parameter, Value};

use crate::{
    samplers::{
        Sampler, fresh,
        mixture::Mixture,
        observations::{Observations, observations},
    },
    state::{Seen, View},
};

/// Multivariate TPE: Bergstra et al. 2011, with the joint kernels and groups of Falkner et al. 2018 and Optuna.
///
/// The best trials known give a density *l* of good places, all others (failed and running ones too, so that parallel proposals keep apart) a
/// density *g*; of some candidates drawn from *l* the one with the highest *l / g* is proposed. Parameters under the same condition always
/// come together and are drawn jointly, from those trials that have them, parents before children.
///
/// It learns from every rung (`observations.rs` says how), and draws at random at first, now and then for ever, and whenever
/// its candidates repeat a trial: a model of the first lucky rung alone would lock up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tpe {
    pub settings: TpeSettings,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TpeSettings {
    /// Random draws until this many trials have a finite value.
    pub startup: usize,
    /// Parameters that come together are drawn at random until this many trials that have them have a finite value; at least 2.
    pub group_startup: usize,
    /// Candidates a proposal; at least 1.
    pub candidates: usize,
    /// The share of the trials that count as good, rounded up ...
    pub good_share: f64,
    /// ... to at most this many.
    pub good_most: usize,
    /// The share of proposals that are random draws after the start too.
    pub random_share: f64,
}

impl Default for TpeSettings {
    fn default() -> Self {
        TpeSettings { startup: 8, group_startup: 4, candidates: 24, good_share: 0.1, good_most: 25, random_share: 0.2 }
    }
}

/// Proposals tried before a random draw, when they repeat a trial.
const TRIES: usize = 5;

/// Parameters that exist under the same condition, and what the trials say of them.
struct Group<'a> {
    condition: Option<Condition>,
    /// Indices into the space's parameters.
    members: Vec<usize>,
    /// Good and other places; `None` while too little is known.
    densities: Option<[Mixture<'a>; 2]>,
}

impl Sampler for Tpe {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
        let observations = observations(view);
        if observations.ranked.len() < self.settings.startup || rng.random_bool(self.settings.random_share.clamp(0.0, 1.0)) {
            return fresh::draw(parameters, view, rng);
        }
        let groups = self.groups(parameters, &observations);
        (0..TRIES)
            .map(|_| self.draw(parameters, &groups, rng))
            .find(|proposal| !view.is_taken(proposal))
            .or_else(|| fresh::draw(parameters, view, rng))
    }
}

impl Tpe {
    /// In the order in which they first appear, hence parents before their children.
    fn groups<'a>(&self, parameters: &'a [Parameter], observations: &Observations<'_>) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for (index, parameter) in parameters.iter().enumerate() {
            match groups.iter_mut().find(|group| group.condition == parameter.condition) {
                Some(group) => group.members.push(index),
                None => groups.push(Group { condition: parameter.condition, members: vec![index], densities: None }),
            }
        }
        for group in &mut groups {
            let members: Vec<&Parameter> = group.members.iter().map(|index| &parameters[*index]).collect();
            group.densities = self.densities(&members, observations);
        }
        groups
    }

    fn densities<'a>(&self, members: &[&'a Parameter], observations: &Observations<'_>) -> Option<[Mixture<'a>; 2]> {
        let mut by_path: Vec<usize> = (0..members.len()).collect();
        by_path.sort_by_key(|position| &members[*position].path);
        let points = |trials: &[Seen<'_>]| trials.iter().filter_map(|trial| point(members, &by_path, trial)).collect::<Vec<_>>();
        let mut good = points(&observations.ranked);
        if good.len() < self.settings.group_startup.max(2) {
            return None;
        }
        let places = (self.settings.good_share * good.len() as f64).ceil() as usize;
        let mut others = good.split_off(places.clamp(1, self.settings.good_most.max(1)).min(good.len()));
        others.extend(points(&observations.rest));
        let domains: Vec<&Domain> = members.iter().map(|parameter| &parameter.domain).collect();
        Some([Mixture::new(&domains, &good), Mixture::new(&domains, &others)])
    }

    fn draw(&self, parameters: &[Parameter], groups: &[Group<'_>], rng: &mut impl Rng) -> Assignment {
        let mut assignment = Assignment::default();
        for group in groups {
            if !fresh::is_active(parameters, group.members[0], &assignment) {
                continue;
            }
            let values = match &group.densities {
                Some([good, others]) => self.best_candidate(good, others, rng),
                None => group.members.iter().map(|index| parameters[*index].domain.sample(rng)).collect(),
            };
            assignment.0.extend(group.members.iter().map(|index| parameters[*index].path.clone()).zip(values));
        }
        assignment
    }

    /// The first of those with the highest score.
    fn best_candidate(&self, good: &Mixture<'_>, others: &Mixture<'_>, rng: &mut impl Rng) -> Vec<Value> {
        let mut best = good.sample(rng);
        let mut best_score = good.log_density(&best) - others.log_density(&best);
        for _ in 1..self.settings.candidates {
            let candidate = good.sample(rng);
            let score = good.log_density(&candidate) - others.log_density(&candidate);
            if score > best_score {
                (best, best_score) = (candidate, score);
            }
        }
        best
    }
}

/// The trial's values of `members`, if it has them all and they are in their domains. `by_path` are the positions in `members` in the
/// order of their paths, which is that of an assignment: so both are walked through once.
fn point(members: &[&Parameter], by_path: &[usize], trial: &Seen<'_>) -> Option<Vec<Value>> {
    let mut values = vec![Value::Option(0); members.len()];
    let mut given = trial.assignment.0.iter();
    for &position in by_path {
        let member = members[position];
        let value = *given.find(|(path, _)| **path >= member.path).filter(|(path, _)| **path == member.path)?.1;
        if !member.domain.contains(value) {
            return None;
        }
        values[position] = value;
    }
    Some(values)
}

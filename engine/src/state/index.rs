//! What schedulers and samplers ask of many trials at once, kept up to date with each change of one.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use search_spaces::{
    domain::{Assignment, Value},
    ladder::Ladder,
};

use crate::state::{Cost, Phase, Standing, TrialKind, TrialState};

/// Follows from the trials alone. It makes a decision cost about the same at the tenth trial and at the hundred thousandth.
///
/// The baseline (trial 0 when it is a recipe) has no place at the rungs, where the others compete; finalists have none anywhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Index {
    eta: usize,
    rungs: Vec<Rung>,
    /// Whose segment is queued or runs.
    active: BTreeSet<u32>,
    /// Who waits below the top with a finite value, the baseline too.
    waiting: BTreeSet<u32>,
    /// Enqueued configs and the file's recipes, trial 0 too when it is one.
    recipes: BTreeSet<u32>,
    /// Trials inside the space, after the hash of their assignment.
    places: BTreeSet<(u64, u32)>,
}

/// Those that have reached a rung, best first.
#[derive(Debug, Clone, PartialEq, Default)]
struct Rung {
    /// As many as have places above: [`places`].
    best: BTreeSet<Standing>,
    others: BTreeSet<Standing>,
    /// Those of both that wait here with a finite value.
    waiting: BTreeSet<Standing>,
    /// Those of both that are on their way to the next rung.
    climbing: BTreeSet<Standing>,
    /// The numbers of both.
    numbers: BTreeSet<u32>,
}

impl Index {
    pub(super) fn new(ladder: &Ladder) -> Index {
        Index {
            eta: eta(ladder),
            rungs: vec![Rung::default(); ladder.rungs.len()],
            active: BTreeSet::new(),
            waiting: BTreeSet::new(),
            recipes: BTreeSet::new(),
            places: BTreeSet::new(),
        }
    }

    /// Every trial whose segment is queued or runs, by number.
    pub(crate) fn active(&self) -> impl Iterator<Item = u32> + '_ {
        self.active.iter().copied()
    }

    /// Every trial that waits below the top with a finite value, by number.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = u32> + '_ {
        self.waiting.iter().copied()
    }

    /// Every recipe, by number.
    pub(super) fn recipes(&self) -> impl Iterator<Item = u32> + '_ {
        self.recipes.iter().copied()
    }

    /// Of the best of the competitors that have reached `rung`, as many as have [`places`] above, those that wait there with a finite
    /// value, best first.
    pub(super) fn promotable(&self, rung: usize) -> impl Iterator<Item = u32> + '_ {
        let Rung { best, waiting, .. } = &self.rungs[rung];
        let last = best.last();
        waiting.iter().take_while(move |standing| Some(*standing) <= last).map(|standing| standing.number)
    }

    /// All that wait at `rung`, below the top, with a finite value, best first.
    pub(crate) fn waiting_at(&self, rung: usize) -> impl Iterator<Item = &Standing> + '_ {
        self.rungs[rung].waiting.iter()
    }

    /// All competitors that have reached `rung`, those that started last first.
    pub(crate) fn latest(&self, rung: usize) -> impl Iterator<Item = u32> + '_ {
        self.rungs[rung].numbers.iter().rev().copied()
    }

    /// All competitors that are on their way from `rung` to the next, by what they had there, best first.
    pub(crate) fn climbing_from(&self, rung: usize) -> impl Iterator<Item = &Standing> + '_ {
        self.rungs[rung].climbing.iter()
    }

    /// All competitors that have reached `rung`, best first.
    pub(super) fn reached(&self, rung: usize) -> impl Iterator<Item = &Standing> + '_ {
        self.rungs[rung].best.iter().chain(&self.rungs[rung].others)
    }

    /// Trials that may lie at this place: whose assignments have the same hash.
    pub(super) fn at_place(&self, assignment: &Assignment) -> impl Iterator<Item = u32> + '_ {
        let here = place(assignment);
        self.places.range((here, 0)..=(here, u32::MAX)).map(|(_, trial)| *trial)
    }

    /// `costs` are those at the rungs it has reached.
    pub(super) fn insert(&mut self, costs: &[Cost], trial: &TrialState) {
        self.update(costs, trial, true);
        if let Some(assignment) = trial.assignment.as_ref().filter(|_| trial.inside) {
            self.places.insert((place(assignment), trial.number));
        }
    }

    /// Its place stays.
    pub(super) fn remove(&mut self, costs: &[Cost], trial: &TrialState) {
        self.update(costs, trial, false);
    }

    fn update(&mut self, costs: &[Cost], trial: &TrialState, present: bool) {
        if trial.kind == TrialKind::Finalist {
            return;
        }
        let waits_at = match trial.phase {
            Phase::Paused { rung } => Some(rung).filter(|rung| *rung + 1 < self.rungs.len() && costs[*rung].is_finite()),
            Phase::Active { .. } | Phase::Complete | Phase::Failed { .. } => None,
        };
        if trial.kind == TrialKind::Recipe {
            put(&mut self.recipes, trial.number, present);
        }
        if matches!(trial.phase, Phase::Active { .. }) {
            put(&mut self.active, trial.number, present);
        }
        if waits_at.is_some() {
            put(&mut self.waiting, trial.number, present);
        }
        if trial.number == 0 && trial.kind == TrialKind::Recipe {
            return;
        }
        for ((rung, index), cost) in self.rungs.iter_mut().enumerate().zip(costs) {
            let here = Standing { cost: *cost, number: trial.number };
            let among_best = index.best.last().is_some_and(|last| here <= *last);
            put(if among_best { &mut index.best } else { &mut index.others }, here, present);
            index.share(self.eta);
            put(&mut index.numbers, trial.number, present);
            if waits_at == Some(rung) {
                put(&mut index.waiting, here, present);
            }
            if trial.phase == (Phase::Active { rung: rung + 1 }) {
                put(&mut index.climbing, here, present);
            }
        }
    }
}

fn put<T: Ord>(set: &mut BTreeSet<T>, item: T, present: bool) {
    if present {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}

impl Rung {
    /// Moves the boundary to where it belongs.
    fn share(&mut self, eta: usize) {
        let places = places(self.best.len() + self.others.len(), eta);
        while self.best.len() > places {
            self.others.extend(self.best.pop_last());
        }
        while self.best.len() < places {
            self.best.extend(self.others.pop_first());
        }
    }
}

/// The `eta` of a ladder, at least 2.
pub(crate) fn eta(ladder: &Ladder) -> usize {
    ladder.eta.max(2) as usize
}

/// How many of the `count` at a rung go on: one in `eta + 1`, and the best alone as soon as there are `eta`.
pub(crate) fn places(count: usize, eta: usize) -> usize {
    (count / (eta + 1)).max(usize::from(count >= eta))
}

/// The same for equal assignments, on any machine.
fn place(assignment: &Assignment) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, value) in &assignment.0 {
        path.hash(&mut hasher);
        match value {
            // Both zeros are equal.
            Value::Float(x) => (x + 0.0).to_bits().hash(&mut hasher),
            Value::Int(x) => x.hash(&mut hasher),
            Value::Option(option) => option.hash(&mut hasher),
        }
    }
    hasher.finish()
}

//! Which of two trials is better, and the order of many.

use std::cmp::Ordering;

use crate::state::{Phase, SearchState, TrialState};

/// How good a trial is at a rung: smaller is better.
///
/// What exceeds no constraint is better than anything that does, and of those that do the one that exceeds them least is the best (Deb 2000, "An
/// efficient constraint handling method for genetic algorithms"). A trial without a finite value is worst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// By how much all constraints together are exceeded, in shares of their limits; 0 when all are kept.
    pub exceeded: f64,
    /// Of the objective, lower is better; infinite when the trial failed there or its value is not finite.
    pub value: f64,
    /// Of the second objective; 0 when there is none.
    pub second: f64,
}

/// A trial and how good it is; ties by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    pub cost: Cost,
    pub number: u32,
}

impl Cost {
    const WORST: Cost = Cost { exceeded: f64::INFINITY, value: f64::INFINITY, second: f64::INFINITY };

    /// Whether the trial has a value there.
    pub fn is_finite(self) -> bool {
        self.value.is_finite()
    }

    /// Whether it has a value and keeps all constraints.
    pub fn is_feasible(self) -> bool {
        self.is_finite() && self.exceeded == 0.0
    }
}

impl Eq for Cost {}

impl Ord for Cost {
    /// The second objective only breaks ties here: see [`in_order`].
    fn cmp(&self, other: &Cost) -> Ordering {
        let seconds = || self.second.total_cmp(&other.second);
        self.exceeded.total_cmp(&other.exceeded).then_with(|| self.value.total_cmp(&other.value).then_with(seconds))
    }
}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Cost) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Standing {}

impl Ord for Standing {
    fn cmp(&self, other: &Standing) -> Ordering {
        self.cost.cmp(&other.cost).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Standing {
    fn partial_cmp(&self, other: &Standing) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl SearchState {
    /// Of `trial` at `rung`; the worst where it has not reached that.
    pub fn cost(&self, trial: &TrialState, rung: usize) -> Cost {
        let value = trial.values.get(rung).map_or(f64::INFINITY, |value| self.objective.cost(*value));
        if !value.is_finite() {
            return Cost::WORST;
        }
        let at = |costs: &[f64]| costs.get(rung).copied().unwrap_or(0.0);
        Cost { exceeded: at(&trial.exceeded), value, second: at(&trial.second) }
    }

    /// The Pareto front of the search: trials with a final value that keep all constraints and that no other of them beats in both objectives, from the best
    /// by the first to the best by the second. Empty without a second objective.
    pub fn front(&self) -> Vec<u32> {
        let complete = self.searched().filter(|trial| self.second.is_some() && trial.phase == Phase::Complete);
        let standing =
            |trial: &TrialState| Some(Standing { cost: self.cost(trial, trial.values.len().checked_sub(1)?), number: trial.number });
        let mut standings: Vec<Standing> =
            complete.filter_map(standing).filter(|one| one.cost.is_feasible() && one.cost.second.is_finite()).collect();
        standings.sort();
        fronts(&standings).first().map(|front| front.iter().map(|index| standings[*index].number).collect()).unwrap_or_default()
    }
}

/// Best first, for choosing who goes on and what to learn from: `two` says that there are two objectives.
///
/// With one by cost. With two in fronts: first those that no other beats in both objectives, then those that only the former beat, and so on;
/// within a front its two ends come first, that of the first objective before the other, then those with the most room around them (non-dominated
/// sorting and crowding distance: Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II"). What has no finite second value comes
/// after all fronts, and what exceeds a constraint after that.
pub(crate) fn in_order<T>(two: bool, mut trials: Vec<(Standing, T)>) -> impl Iterator<Item = T> {
    trials.sort_by_key(|trial| trial.0);
    if two {
        // Infinite second values have no room between them: their differences are no numbers.
        let in_a_front = |cost: Cost| cost.is_feasible() && cost.second.is_finite();
        trials.sort_by_key(|(standing, _)| !in_a_front(standing.cost));
        let fronted = trials.partition_point(|(standing, _)| in_a_front(standing.cost));
        let standings: Vec<Standing> = trials[..fronted].iter().map(|(standing, _)| *standing).collect();
        let mut places = vec![0; trials.len()];
        for (place, index) in fronts(&standings).iter().flat_map(|front| by_room(&standings, front)).enumerate() {
            places[index] = place;
        }
        (fronted..trials.len()).for_each(|index| places[index] = index);
        let mut placed: Vec<(usize, (Standing, T))> = places.into_iter().zip(trials).collect();
        placed.sort_by_key(|(place, _)| *place);
        trials = placed.into_iter().map(|(_, trial)| trial).collect();
    }
    trials.into_iter().map(|(_, trial)| trial)
}

/// Indices into `sorted`, which is by cost: those that no other beats in both objectives, those that only the former beat, and so on. Equal ones share a
/// front.
fn fronts(sorted: &[Standing]) -> Vec<Vec<usize>> {
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    for (index, standing) in sorted.iter().enumerate() {
        // The newest of a front has its lowest second cost, and no higher first cost than this one.
        let beats = |front: &Vec<usize>| {
            let newest = front.last().map_or(standing.cost, |newest| sorted[*newest].cost);
            let equal = (newest.value, newest.second) == (standing.cost.value, standing.cost.second);
            newest.second <= standing.cost.second && !equal
        };
        let place = fronts.partition_point(beats);
        match fronts.get_mut(place) {
            Some(front) => front.push(index),
            None => fronts.push(vec![index]),
        }
    }
    fronts
}

/// A front's indices, its ends first, then those whose neighbours are far apart.
fn by_room(sorted: &[Standing], front: &[usize]) -> Vec<usize> {
    let ends = [front.first(), front.last()].map(|index| index.map(|index| sorted[*index].cost));
    let [Some(first), Some(last)] = ends else { return Vec::new() };
    let share = |apart: f64, range: f64| if range > 0.0 { apart / range } else { 0.0 };
    let room = |place: usize| {
        if place == 0 || place + 1 == front.len() {
            return f64::INFINITY;
        }
        let (before, after) = (sorted[front[place - 1]].cost, sorted[front[place + 1]].cost);
        share(after.value - before.value, last.value - first.value) + share(before.second - after.second, first.second - last.second)
    };
    let mut places: Vec<usize> = (0..front.len()).collect();
    // Stable: of two with the same room, hence of the two ends, the one that is better by the first objective.
    places.sort_by(|a, b| room(*b).total_cmp(&room(*a)));
    places.into_iter().map(|place| front[place]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing(number: u32, exceeded: f64, value: f64, second: f64) -> Standing {
        Standing { cost: Cost { exceeded, value, second }, number }
    }

    fn order(two: bool, costs: &[(f64, f64, f64)]) -> Vec<u32> {
        let standings = (0..).zip(costs).map(|(number, (exceeded, value, second))| (standing(number, *exceeded, *value, *second), number));
        in_order(two, standings.collect()).collect()
    }

    #[test]
    fn what_keeps_the_constraints_comes_first() {
        let costs = [(0.5, 1.0, 0.0), (0.0, 3.0, 9.0), (0.1, 2.0, 0.0), (0.0, 2.0, 8.0), (f64::INFINITY, f64::INFINITY, f64::INFINITY)];
        assert_eq!(order(false, &costs), [3, 1, 2, 0, 4]);
        assert_eq!(order(true, &costs), [3, 1, 2, 0, 4], "3 beats 1 in both");
    }

    #[test]
    fn fronts_come_one_after_the_other_and_their_ends_first() {
        // The front: 0 (1, 9), 1 (2, 5), 2 (3, 4), 3 (9, 1); behind it 4 (2, 6), and 5 behind that.
        let costs = [(0.0, 1.0, 9.0), (0.0, 2.0, 5.0), (0.0, 3.0, 4.0), (0.0, 9.0, 1.0), (0.0, 2.0, 6.0), (0.0, 4.0, 7.0)];
        // Room: of 1 (3 - 1) / 8 + (9 - 4) / 8, of 2 (9 - 2) / 8 + (5 - 1) / 8.
        assert_eq!(order(true, &costs), [0, 3, 2, 1, 4, 5]);
        assert_eq!(order(false, &costs), [0, 1, 4, 2, 5, 3], "the second breaks ties");
        assert_eq!(order(true, &[(0.0, 1.0, 1.0), (0.0, 1.0, 1.0), (0.0, 1.0, 2.0)]), [0, 1, 2], "equal ones share a front");
    }

    #[test]
    fn what_has_no_second_value_comes_after_all_fronts() {
        let none = f64::INFINITY;
        // Before what exceeds a constraint all the same, and by the first objective.
        let costs = [(0.0, 1.0, none), (0.0, 2.0, 5.0), (0.0, 3.0, 4.0), (0.0, 0.5, none), (0.0, 4.0, 4.5), (0.1, 0.0, 0.0)];
        assert_eq!(order(true, &costs), [1, 2, 4, 3, 0, 5]);
        // However many there are: their distances are no numbers.
        assert_eq!(order(true, &[(0.0, 3.0, none), (0.0, 1.0, none), (0.0, 1.0, none), (0.0, 2.0, none)]), [1, 2, 3, 0]);
    }

    proptest! {
        #[test]
        fn each_front_is_what_is_not_beaten_once_the_former_are_gone(costs in proptest::collection::vec((0..6_u8, 0..6_u8), 0..30)) {
            let mut sorted: Vec<Standing> = (0..).zip(&costs).map(|(n, (a, b))| standing(n, 0.0, f64::from(*a), f64::from(*b))).collect();
            sorted.sort();
            let found = fronts(&sorted);
            let mut left: Vec<usize> = (0..sorted.len()).collect();
            for front in &found {
                let beaten = |index: &usize| left.iter().any(|other| {
                    let (a, b) = (sorted[*other].cost, sorted[*index].cost);
                    a.value <= b.value && a.second <= b.second && (a.value < b.value || a.second < b.second)
                });
                let expected: Vec<usize> = left.iter().copied().filter(|index| !beaten(index)).collect();
                prop_assert_eq!(front, &expected);
                left.retain(|index| !expected.contains(index));
            }
            prop_assert!(left.is_empty());
        }
    }
}

//! Which trials did well, when some have been trained for longer than others.

use std::collections::BTreeSet;

use crate::state::{Seen, Standing, View, in_order};

/// Trials that are learned from at least, the latest of all.
const LATEST: usize = 300;
/// Of older ones so many of the best at each rung.
const BEST: usize = 100;

/// The trials that lie in the space, by what is known of them.
#[derive(Debug)]
pub(super) struct Observations<'a> {
    /// With a finite value, best first.
    pub ranked: Vec<Seen<'a>>,
    /// Failed, or without a value yet, by number.
    pub rest: Vec<Seen<'a>>,
}

/// Ranks the trials by their values at all rungs, those that exceed a constraint last, and with two objectives in fronts ([`in_order`]); values of different rungs are never compared with each other.
///
/// All are ranked by rung 0 first. Those that have reached rung 1 are then ranked anew among the places that they hold, and so on upwards. So
/// the best trained ones decide among themselves, and yet a recipe that runs its full length whatever it is worth, or a trial that stopped itself
/// early, is not taken for good because it went far. Ties by number.
///
/// | trial | rung 0 | rung 1 | place by rung 0 | in the end |
/// | --- | --- | --- | --- | --- |
/// | 0 | 0.9 | 0.7 | 4 | 4: the worst of those at rung 1 takes the last of their places 1, 2, 4 |
/// | 1 | 0.3 | 0.2 | 1 | 2 |
/// | 2 | 0.4 | 0.1 | 2 | 1 |
/// | 3 | 0.5 | | 3 | 3 |
pub(super) fn observations(view: View<'_>) -> Observations<'_> {
    ranked(view, view.trials())
}

/// The same of the latest and the best trials only, so that it takes the same time at any number of them. Up to [`LATEST`] it is all of them.
pub(super) fn latest_and_best(view: View<'_>) -> Observations<'_> {
    let mut numbers: BTreeSet<u32> = view.trials().rev().take(LATEST).map(|trial| trial.number).collect();
    for rung in 0..view.ladder().rungs.len() {
        numbers.extend(view.best_at(rung).take(BEST));
    }
    ranked(view, numbers.into_iter().filter_map(|number| view.trial(number)))
}

fn ranked<'a>(view: View<'a>, trials: impl Iterator<Item = Seen<'a>>) -> Observations<'a> {
    let known = |trial: &Seen<'_>| !trial.values.is_empty() && trial.values.iter().all(|value| value.is_finite());
    let (mut ranked, rest): (Vec<_>, Vec<_>) = trials.partition(known);
    for rung in 0..view.ladder().rungs.len() {
        let places: Vec<usize> = (0..ranked.len()).filter(|place| ranked[*place].values.len() > rung).collect();
        let standing = |trial: &Seen<'_>| Standing { cost: view.cost(trial, rung), number: trial.number };
        let reached: Vec<_> = places.iter().map(|place| (standing(&ranked[*place]), ranked[*place])).collect();
        for (place, trial) in places.into_iter().zip(in_order(view.has_second(), reached)) {
            ranked[place] = trial;
        }
    }
    Observations { ranked, rest }
}

#[cfg(test)]
mod tests {
    use search_spaces::domain::Assignment;

    use super::*;
    use crate::{
        samplers::fixtures::{activate, all, fail, reach, start, study},
        state::TrialKind,
    };

    #[test]
    fn higher_rungs_decide_among_the_places_of_those_that_reached_them() {
        let mut state = study(9, 3, 2);
        let values: [&[f64]; 7] = [&[0.9, 0.7], &[0.3, 0.2], &[0.4, 0.1], &[0.5], &[], &[f64::NAN], &[0.2, f64::NAN]];
        for (trial, values) in values.into_iter().enumerate() {
            start(&mut state, TrialKind::Search, Some(Assignment::default()));
            for (rung, value) in values.iter().enumerate() {
                activate(&mut state, trial, rung);
                if value.is_nan() { fail(&mut state, trial) } else { reach(&mut state, trial, *value) }
            }
        }
        start(&mut state, TrialKind::Recipe, None);
        reach(&mut state, 7, 0.0);
        let numbers = |trials: &[Seen<'_>]| trials.iter().map(|trial| trial.number).collect::<Vec<_>>();
        let few = latest_and_best(all(&state));
        assert_eq!((numbers(&few.ranked), numbers(&few.rest)), (vec![2, 1, 3, 0], vec![4, 5, 6]), "all are the latest");
        let Observations { ranked, rest } = observations(all(&state));
        assert_eq!(ranked.iter().map(|trial| trial.number).collect::<Vec<_>>(), [2, 1, 3, 0]);
        assert_eq!(rest.iter().map(|trial| trial.number).collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn of_many_trials_the_latest_and_the_best_are_learned_from() {
        let mut state = study(9999, 3, 2);
        for trial in 0..2000 {
            start(&mut state, TrialKind::Search, Some(Assignment::default()));
            // The first are the best; ten of the others went on.
            reach(&mut state, trial, trial as f64);
            if (1000..1010).contains(&trial) {
                activate(&mut state, trial, 1);
                reach(&mut state, trial, 0.5);
            }
        }
        let numbers = |view| latest_and_best(view).ranked.iter().map(|trial| trial.number).collect::<Vec<_>>();
        let expected = |end: u32| (0..BEST as u32).chain(1000..1010).chain(end - LATEST as u32..end);
        assert!(numbers(all(&state)).into_iter().eq(expected(2000)));
        assert_eq!(numbers(state.view(1990)).len(), BEST + 10 + LATEST - 10, "of the latest the values of ten are hidden");
    }
}

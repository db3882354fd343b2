//! Which trials did well, when some have been trained for longer than others.

use crate::state::{Seen, Standing, View, in_order};

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
    let known = |trial: &Seen<'_>| !trial.values.is_empty() && trial.values.iter().all(|value| value.is_finite());
    let (mut ranked, rest): (Vec<_>, Vec<_>) = view.trials().partition(known);
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
        let Observations { ranked, rest } = observations(all(&state));
        assert_eq!(ranked.iter().map(|trial| trial.number).collect::<Vec<_>>(), [2, 1, 3, 0]);
        assert_eq!(rest.iter().map(|trial| trial.number).collect::<Vec<_>>(), [4, 5, 6]);
    }
}
